"""The server of functions, run as jobs run it: its smoke test, and what it answers to requests over HTTP."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.runtime_scripts import Job, environment

INTERFACE = json.dumps(
    {
        "inputs": [{"name": "x", "types": ["FP32"]}, {"name": "note", "types": ["str"], "optional": True}],
        "outputs": [{"name": "sum", "types": ["FP64"]}],
    }
)
MODULE = """
def load_model(path):
    with open(path) as file:
        return float(file.read())


def predict(inputs, model=1.0):
    values = {one["name"]: one for one in inputs}["x"]["data"]
    if values == [13]:
        raise ValueError("unlucky")
    if values == [14]:
        return [{"name": "other", "datatype": "FP64", "data": []}]
    return {"outputs": [{"name": "sum", "datatype": "FP64", "shape": [1], "data": [model * sum(values)]}]}
"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    made = Job(tmp_path)
    made.write("pkg/score.py", MODULE)
    made.write("pkg/__init__.py")
    made.write("model.txt", "2.0")
    return made


def request(*values: float, shape: Any = None, datatype: str = "FP32") -> str:
    given = {"name": "x", "datatype": datatype, "data": list(values)}
    return json.dumps({"inputs": [given if shape is None else {**given, "shape": shape}]})


@pytest.mark.parametrize("function", ["pkg.score:predict", "pkg/score.py:predict"])
def test_the_smoke_test_starts_it_and_asks(job: Job, function: str) -> None:
    done = job.run("serve", function, "--model=model.txt", f"--interface={INTERFACE}", f"--request={request(1, 2)}")
    assert done.returncode == 0, done.stderr
    assert "[6.0]" in done.stdout.replace("\\", "")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (request(1, 2, 3, shape=[2, 2]), "wants 4 values, and has 3"),
        (request(1, datatype="FP64"), "is FP32, not"),
        ('{"inputs": []}', "has no input"),
    ],
)
def test_a_request_that_does_not_fit_fails_it(job: Job, asked: str, message: str) -> None:
    done = job.run("serve", "pkg.score:predict", f"--interface={INTERFACE}", f"--request={asked}")
    assert done.returncode == 1
    assert "answered 400" in done.stderr
    assert message in done.stderr


def test_an_answer_that_does_not_fit_fails_it(job: Job) -> None:
    argv = job.argv("serve", "pkg.score:predict", f"--interface={INTERFACE}", f"--request={request(14)}")
    done = subprocess.run(argv, cwd=job.folder, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "answered 500" in done.stderr
    assert "does not fit its interface" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["pkg.score"], 2, "is not MODULE:FUNCTION"),
        (["pkg.score:nothing"], 1, "has no function"),
        (["pkg/other.py:predict"], 1, "is not there"),
        (["pkg.score:predict", "--model=nothing.txt"], 1, "is not there"),
        (["pkg.score:predict", "--path=predict"], 2, "--path starts with /"),
        (["pkg.score:predict", "--interface={"], 2, "is not JSON"),
    ],
)
def test_what_it_can_not_serve_it_says(job: Job, arguments: list[str], status: int, message: str) -> None:
    done = job.run("serve", *arguments, f"--request={request(1)}")
    assert done.returncode == status
    assert message in done.stderr


@pytest.fixture
def url(job: Job) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = job.argv("serve", "pkg.score:predict", f"--interface={INTERFACE}", "--host=127.0.0.1", f"--port={port}")
    running = subprocess.Popen(argv, cwd=job.folder, env=environment(), stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    running.send_signal(signal.SIGINT)
    assert running.wait(10) == 0


def ask(url: str, body: str | None = None) -> tuple[int, Any]:
    data = None if body is None else body.encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_it_answers_over_http(url: str) -> None:
    assert ask(f"{url}/health") == (200, {"status": "ready"})
    outputs = [{"name": "sum", "datatype": "FP64", "shape": [1], "data": [3.0]}]
    assert ask(f"{url}/predict", request(1, 2)) == (200, {"outputs": outputs})
    assert ask(f"{url}/predict", "{")[0] == 400
    assert ask(f"{url}/predict", "[1]")[0] == 400
    assert ask(f"{url}/predict", request(1, shape=[2])) == (
        400,
        {"error": 'the shape [2] of "x" wants 2 values, and has 1'},
    )
    assert ask(f"{url}/predict", request(13)) == (500, {"error": "ValueError: unlucky"})
    assert ask(f"{url}/other", request(1))[0] == 404
    assert ask(f"{url}/other")[0] == 404
