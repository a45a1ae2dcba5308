"""The script that hands outputs from one part of a split pipeline to another, against a registry of its own."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.gitlab.files import support_text

TOKEN = "secret-token"


class Registry(http.server.BaseHTTPRequestHandler):
    held: dict[str, bytes]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        allowed = self.headers["JOB-TOKEN"] == TOKEN
        if allowed:
            self.held[self.path] = body
        self.send_response(201 if allowed else 401)
        self.end_headers()

    def do_GET(self) -> None:
        found = self.held.get(self.path)
        allowed = self.headers["JOB-TOKEN"] == TOKEN
        self.send_response(401 if not allowed else 404 if found is None else 200)
        self.end_headers()
        self.wfile.write(found or b"")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[tuple[str, dict[str, bytes]]]:
    handler = type("Handler", (Registry,), {"held": {}})
    server = http.server.HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v4", handler.held
    server.shutdown()
    thread.join()
    server.server_close()


def relay(folder: Path, url: str, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "CI_API_V4_URL": url, "CI_PROJECT_ID": "7", "CI_JOB_TOKEN": token}
    env |= {"HEADRACE_RUN": "42", "FOLD": "1", "no_proxy": "*"}
    argv = [sys.executable, "-I", "-c", support_text("relay"), *arguments]
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def test_outputs_arrive_as_they_were(tmp_path: Path, registry: tuple[str, dict[str, bytes]]) -> None:
    url, held = registry
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "models/1").mkdir(parents=True)
    there.mkdir()
    (here / "models/1/w.bin").write_bytes(b"\0weights")
    (here / "a b.txt").write_text("x")
    (here / "left.txt").write_text("not an output")
    done = relay(here, url, "put", "train.fold_3d1", "models/$FOLD", "a b.txt", "missing")
    assert done.returncode == 0, done.stderr
    assert list(held) == ["/api/v4/projects/7/packages/generic/headrace-relay/42/train.fold_3d1.tar"]
    done = relay(there, url, "get", "train.fold_3d1")
    assert done.returncode == 0, done.stderr
    assert (there / "models/1/w.bin").read_bytes() == b"\0weights"
    assert (there / "a b.txt").read_text() == "x"
    assert not (there / "left.txt").exists()


def test_a_refusal_is_said(tmp_path: Path, registry: tuple[str, dict[str, bytes]]) -> None:
    url, _ = registry
    for verb in ("put", "get", "fail", "seek", "tell"):
        done = relay(tmp_path, url, verb, "x", token="wrong")
        assert done.returncode == 1
        assert done.stderr.startswith("headrace: the package registry refuses x: ")


def test_what_was_not_put_is_missing_to_those_who_need_it(
    tmp_path: Path, registry: tuple[str, dict[str, bytes]]
) -> None:
    url, _ = registry
    done = relay(tmp_path, url, "get", "x")
    assert done.returncode == 1
    assert done.stderr.startswith("headrace: x did not end well in another part of the pipeline")
    assert relay(tmp_path, url, "seek", "x").returncode == relay(tmp_path, url, "tell", "x").returncode == 0


def test_a_failure_is_told_until_what_failed_ends_well(tmp_path: Path, registry: tuple[str, dict[str, bytes]]) -> None:
    url, held = registry
    (tmp_path / "y").write_text("y")
    assert relay(tmp_path, url, "fail", "x").returncode == 0
    assert relay(tmp_path, url, "put", "y", "y").returncode == 0
    assert [path.rpartition("/")[2] for path in held] == ["x.failed", "y.tar"]
    (tmp_path / "y").unlink()
    done = relay(tmp_path, url, "tell", "x", "y")
    assert (done.returncode, done.stderr) == (1, "headrace: failed in another part of the pipeline: x\n")
    assert (tmp_path / "y").read_text() == "y"
    assert relay(tmp_path, url, "seek", "x").returncode == 0
    assert relay(tmp_path, url, "put", "x").returncode == 0
    assert relay(tmp_path, url, "tell", "x", "y").returncode == 0


def test_text_that_travels_has_no_docstring() -> None:
    assert support_text("relay").startswith("from __future__ import annotations\n")
