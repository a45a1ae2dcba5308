"""A run that is killed, at whatever moment, loses nothing that was finished and takes nothing half-done for a result."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from targets.local.process import marked
from tests.local_runs import Place

# Each job writes when it began and when it was through, outside of its own folder, then its output in several pieces.
STEP = "echo begin {name} >> {marks}; for i in 1 2 3 4 5; do echo $i >> {name}.out; sleep 0.02; done; echo end {name} >> {marks}"


def chain(folder: Path) -> tuple[Place, Path]:
    marks = folder / "marks"
    names = ["a", "b", "c", "d", "e", "f"]
    needs = {"b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"], "f": ["d"]}
    jobs = {
        name: {
            "run": STEP.format(name=name, marks=marks)
            + "".join(f"; test $(wc -l < {one}.out) = 5" for one in needs.get(name, [])),
            "outputs": [f"{name}.out"],
            "needs": needs.get(name, []),
        }
        for name in names
    }
    return Place(folder, json.dumps({"version": 1, "name": "demo", "jobs": jobs})), marks


def finished(place: Place) -> set[str]:
    """The instances whose results are kept, whole."""
    found = set()
    for file in (place.cache / "results").glob("??/*/result.json"):
        found.add(json.loads(file.read_text())["instance"])
    return found


@pytest.mark.parametrize("seed", range(12))
def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, seed: int) -> None:
    place, marks = chain(tmp_path)
    random.seed(seed)
    rounds = 0
    killed = 0
    status: int | None = None
    while status != 0:
        rounds += 1
        assert rounds < 40
        process = subprocess.Popen(
            place.command("run", "--engine", "none", "--jobs", "2"),
            cwd=place.folder,
            env=place.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
        )
        try:
            status = process.wait(timeout=0.3 + random.random() * 0.5 if killed < 4 else 60)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            held = finished(place)
            before = marks.read_text().split("\n") if marks.exists() else []
            assert all(f"end {name}" in before for name in held)
            _HELD.append((held, len(before)))
    assert finished(place) == set("abcdef")
    lines = marks.read_text().split("\n")
    for held, length in _HELD:
        repeated = {line.split()[1] for line in lines[length:] if line.startswith("begin")}
        assert not repeated & held, "a job that was finished ran again"
    _HELD.clear()
    assert not list((place.cache / "results").glob("??/*/.partial*"))
    last = place.run()
    assert set(last.statuses().values()) == {"unchanged"}
    for name in "abcdef":
        result = last.outcomes[name].result
        assert result is not None
        assert result.tar is not None
        listed = subprocess.run(["tar", "-xOf", result.tar], capture_output=True, text=True, check=True).stdout
        assert listed == "1\n2\n3\n4\n5\n"


_HELD: list[tuple[set[str], int]] = []


def test_the_next_run_sweeps_up_what_a_killed_one_left(tmp_path: Path) -> None:
    place = Place(tmp_path, "version: 1\nname: demo\njobs: {a: {run: 'echo up > up; sleep 300'}}\n")
    process = subprocess.Popen(
        place.command("run"), cwd=place.folder, env=place.environment(), stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + 30
    while not marked(str(place.cache)) and time.monotonic() < end:
        time.sleep(0.05)
    assert marked(str(place.cache))
    process.kill()
    process.wait()
    assert place.call("runs").stdout.split()[1] == "interrupted"
    place.call("run", "--explain", "a")
    assert marked(str(place.cache)) == []
    assert not list(place.cache.glob("repositories/*/runs/*/work/*/*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_ends_its_jobs_and_says_so(tmp_path: Path, number: int) -> None:
    place = Place(tmp_path, "version: 1\nname: demo\njobs: {a: {run: 'sleep 300'}, b: {run: 'true', needs: [a]}}\n")
    process = subprocess.Popen(
        place.command("run"), cwd=place.folder, env=place.environment(), stdout=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 30
    while not marked(str(place.cache)) and time.monotonic() < end:
        time.sleep(0.05)
    os.kill(process.pid, number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "2 cancelled" in out
    assert marked(str(place.cache)) == []
    assert place.call("runs").stdout.split()[1] == "cancelled"
