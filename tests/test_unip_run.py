"""A module of the platform, run here without it: a pipeline to its outputs, a component that answers a predict call."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.test_unip import MODULE

START_SECONDS = 30


@pytest.fixture
def module(tmp_path: Path) -> Path:
    folder = tmp_path / "module"
    shutil.copytree(MODULE, folder)
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    return folder


def command(folder: Path, *words: str) -> list[str]:
    cache = os.fspath(folder.parent / "cache")
    return [sys.executable, "-m", "compiler", "run", os.fspath(folder), *words, "--engine", "host", "--cache", cache]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(folder, *words), capture_output=True, encoding="utf-8", timeout=120, check=False)


def kept(folder: Path, path: str) -> Any:
    """A file that the last run left, by way of `headrace runs outputs`."""
    target = folder.parent / "outputs"
    words = [sys.executable, "-m", "compiler", "runs", "outputs", "last", "--folder", os.fspath(folder)]
    words += ["--cache", os.fspath(folder.parent / "cache"), "--output", os.fspath(target)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return json.loads((target / path).read_text(encoding="utf-8"))


def test_a_chain_runs_to_its_outputs(module: Path) -> None:
    done = run(module, "--pipeline", "training", "--set", "settings=samples/settings.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 ok" in done.stdout
    assert kept(module, ".unip/report/report.json") == {"weights": 2, "sum": 3.5}


def test_the_second_of_a_chain_runs_alone(module: Path) -> None:
    done = run(module, "--pipeline", "evaluation", "--set", "model=box:data/weights")
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept(module, ".unip/report/report.json") == {"weights": 2, "sum": 0.75}


def test_an_input_that_is_required_is_asked_for(module: Path) -> None:
    done = run(module, "--pipeline", "training")
    assert done.returncode == 1
    assert "settings" in done.stdout


def test_an_input_that_is_not_there_is_named(module: Path) -> None:
    done = run(module, "--pipeline", "evaluation", "--set", "model=samples/nothing")
    assert done.returncode == 1
    assert 'model: "samples/nothing" is not there' in done.stdout


def test_the_module_is_built_tested_and_rolled_out(module: Path) -> None:
    done = run(module, "--pipeline", "module")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "POST /score/predict answered 200" in done.stdout
    assert "data holds 23 of 2000000000 bytes" in done.stdout


def test_a_box_that_holds_more_than_its_capacity_fails(module: Path) -> None:
    (module / "boxes.yaml").write_text((module / "boxes.yaml").read_text().replace("2G", "10"))
    done = run(module, "--pipeline", "module", "--dirty", "--job", "provision-data")
    assert done.returncode == 1
    assert "data holds more than its capacity" in done.stdout


def test_a_component_is_served_until_it_is_stopped(module: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = command(module, "--serve", "churn-score", "--port", str(port))
    running = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        features = {"name": "features", "datatype": "FP32", "shape": [1, 2], "data": [2.0, 1.0]}
        outputs = ask(f"http://127.0.0.1:{port}/score/predict", {"parameters": [], "inputs": [features]})["outputs"]
        assert {one["name"]: one["data"] for one in outputs} == {"score": [1.0], "leaves": [1]}
    finally:
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2)


def ask(url: str, request: dict[str, Any]) -> Any:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, json.dumps(request).encode()), timeout=10
            ) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def test_a_service_that_is_not_there_is_named(module: Path) -> None:
    done = run(module, "--serve", "churn-scor")
    assert done.returncode == 1
    assert 'did you mean "churn-score"?' in done.stdout
