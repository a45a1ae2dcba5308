"""Runs in MLflow, against a small server that speaks its REST API and refuses what MLflow refuses."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from compiler.diagnostics import Sink
from targets.local.tracking import track
from tests.local_runs import Place

JOBS = """version: 1
name: demo
parameters: {lr: {default: "0.1"}}
jobs:
  train: {run: "echo '{\\"auc\\": 0.9, \\"name\\": \\"x\\"}' > m.json", outputs: [{path: m.json, kind: metrics}]}
  never: {run: "true", when: event == 'schedule'}
"""


class Server(ThreadingHTTPServer):
    """What was logged, by run."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.experiments: dict[str, str] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.authorization: set[str | None] = set()
        self.fail = False


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        url = urlparse(self.path)
        assert url.path == "/api/2.0/mlflow/experiments/get-by-name"
        name = parse_qs(url.query)["experiment_name"][0]
        if name not in self.server.experiments:
            self.answer({"error_code": "RESOURCE_DOES_NOT_EXIST"}, 404)
        else:
            self.answer({"experiment": {"experiment_id": self.server.experiments[name]}})

    def do_POST(self) -> None:
        self.server.authorization.add(self.headers.get("Authorization"))
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.fail:
            return self.answer({}, 500)
        what = self.path.removeprefix("/api/2.0/mlflow/")
        if what == "experiments/create":
            self.server.experiments[body["name"]] = str(len(self.server.experiments) + 1)
            return self.answer({"experiment_id": self.server.experiments[body["name"]]})
        if what == "runs/create":
            assert body["experiment_id"] in self.server.experiments.values()
            run_id = f"r{len(self.server.runs)}"
            self.server.runs[run_id] = {"body": body, "params": {}, "metrics": {}, "tags": {}}
            return self.answer({"run": {"info": {"run_id": run_id}}})
        run = self.server.runs[body.pop("run_id")]
        if what == "runs/log-batch":
            assert len(body.get("params", [])) <= 100
            for kind, items in body.items():
                for one in items:
                    assert re.fullmatch(r"[\w\-. /]{1,250}", one["key"], re.ASCII), one["key"]  # as MLflow 3.17 answers
                    assert isinstance(one["value"], (int, float)) == (kind == "metrics")
                    run[kind][one["key"]] = one["value"]
            return self.answer({})
        assert what == "runs/update"
        run["end"] = body
        return self.answer({})

    def answer(self, body: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()


def test_a_run_and_its_jobs_are_logged(tmp_path: Path, server: Server) -> None:
    place = Place(tmp_path, JOBS)
    uri = f"http://127.0.0.1:{server.server_port}"
    done = place.call("run", MLFLOW_TRACKING_URI=uri, MLFLOW_TRACKING_USERNAME="me", MLFLOW_TRACKING_PASSWORD="p")
    assert done.returncode == 0, done.stdout
    assert server.experiments == {"demo": "1"}
    assert server.authorization == {"Basic bWU6cA=="}
    parent, child = server.runs["r0"], server.runs["r1"]
    assert len(server.runs) == 2, "what was skipped is not logged"
    assert parent["params"] == {"lr": "0.1"}
    assert child["tags"]["mlflow.parentRunId"] == "r0"
    assert child["tags"]["mlflow.runName"] == "train"
    assert child["metrics"] == {"auc": 0.9}
    assert child["tags"]["headrace.artifact.m.json"].startswith("sha256:")
    assert parent["end"]["status"] == "FINISHED"
    assert parent["end"]["end_time"] >= parent["body"]["start_time"] > 1_600_000_000_000


def test_names_are_what_mlflow_takes(tmp_path: Path, server: Server) -> None:
    jobs = {"a": {"run": "echo x > 'naïve 日本 (1).txt'", "outputs": ["naïve 日本 (1).txt"]}}
    place = Place(tmp_path, json.dumps({"version": 1, "name": "demo", "jobs": jobs}))
    done = place.call("run", "--tag-run", "müll=ü", MLFLOW_TRACKING_URI=f"http://127.0.0.1:{server.server_port}")
    assert done.returncode == 0, done.stdout
    assert "local-not-tracked" not in done.stdout
    assert server.runs["r0"]["tags"]["headrace.m_ll"] == "ü"
    assert server.runs["r1"]["tags"]["headrace.artifact.na_ve __ _1_.txt"].startswith("sha256:")


def test_a_tracker_that_fails_fails_no_run(tmp_path: Path, server: Server) -> None:
    place = Place(tmp_path, JOBS)
    server.fail = True
    done = place.call("run", MLFLOW_TRACKING_URI=f"http://127.0.0.1:{server.server_port}")
    assert done.returncode == 0
    assert "local-not-tracked]: the run was not logged to MLflow: experiments/create answered 500" in done.stdout
    done = place.call("run", MLFLOW_TRACKING_URI="http://127.0.0.1:1")
    assert done.returncode == 0
    assert "refused" in done.stdout


def test_only_a_server_is_logged_to(tmp_path: Path) -> None:
    place = Place(tmp_path, JOBS)
    done = place.run()
    assert done.run is not None
    for uri, count in (("", 0), ("file:///tmp/x", 1), ("databricks", 1)):
        sink = Sink()
        assert track(place.state(), done.run.record, sink, {"MLFLOW_TRACKING_URI": uri}) is None
        assert len(sink.diagnostics) == count
        served = any("mlflow server --backend-store-uri file:///tmp/x" in (one.help or "") for one in sink.diagnostics)
        assert served == uri.startswith("file:")
