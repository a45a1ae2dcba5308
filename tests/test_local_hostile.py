"""A run on a machine that is full, behind a reader that left, of jobs that hide what they start."""

from __future__ import annotations

import errno
import io
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from compiler.cli import main
from targets.local import history, snapshot
from targets.local.live import Terminal
from targets.local.outcome import FAILED, Outcome
from targets.local.plan import JOB
from targets.local.process import marked
from targets.local.results import Result, Results
from targets.local.snapshot import SnapshotError
from targets.local.state import State
from targets.local.summary import lines
from tests.local_runs import Place

HEAD = "version: 1\nname: demo\n"
FILE_LIMIT = 200_000  # bytes


def call_with_small_files(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """A run that can't write more than so much into one file: what a full disk answers, for everybody to try."""
    return subprocess.run(
        place.command(*words),
        cwd=place.folder,
        env=place.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT)),
    )


# ------------------------------------------------------------------------------------------------------- no room is left


def test_a_log_that_takes_no_more_ends_no_job(tmp_path: Path) -> None:
    script = "import sys\nfor _ in range(400): print('x' * 1000)\nprint('through', file=sys.stderr)"
    place = Place(tmp_path, f"{HEAD}jobs: {{a: {{run: python3 talk.py}}}}\n", talk_DOT_py=script)
    done = call_with_small_files(place, "run", "--engine", "none")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "a | headrace: the log is not kept from here on: file too large" in done.stdout
    assert "a | through" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_outputs_that_find_no_room_fail_their_job_and_leave_nothing(tmp_path: Path) -> None:
    jobs = "a: {run: 'for i in 1 2 3; do head -c 150000 /dev/urandom > out/$i; done', outputs: [out]}"
    place = Place(tmp_path, f"{HEAD}jobs: {{{jobs}}}\n", out__keep="")
    done = call_with_small_files(place, "run", "--engine", "none")
    assert done.returncode == 1
    assert "a failed: " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((place.cache / "results").iterdir())
    assert place.run().statuses() == {"a": "ran"}


def test_a_record_that_cant_be_written_ends_the_run_and_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, f"{HEAD}jobs: {{quick: {{run: sleep 0.3}}, long: {{run: sleep 300}}}}\n")
    written = history.write_json

    def full(path: str, data: Any, durable: bool = True) -> None:
        if f"{os.sep}jobs{os.sep}" in path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        written(path, data, durable)

    monkeypatch.setattr(history, "write_json", full)
    monkeypatch.chdir(place.folder)
    began = time.monotonic()
    status = main(["run", "--engine", "none", "--jobs", "2", "--cache", str(place.cache)])
    said = capsys.readouterr().out
    assert status == 1
    assert "error[HR5003 unwritable]: " in said
    assert "can't be written: no space left on device" in said
    assert time.monotonic() - began < 30
    assert marked(str(place.cache)) == []
    monkeypatch.undo()
    (record,) = history.runs(place.state())
    assert record["status"] == "cancelled"


def test_a_checkout_that_finds_no_room_is_said_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(root: str, folder: str, index: str, **env: str) -> None:
        raise SnapshotError("unable to write file")

    place = Place(tmp_path, f"{HEAD}jobs: {{a: {{run: 'true'}}}}\n")
    monkeypatch.setattr(snapshot, "_write", full)
    done = place.run()
    assert done.status == "refused"
    (found,) = done.sink.diagnostics
    assert found.code.name == "local-no-commit"
    assert "can't be laid out in" in found.message
    assert not found.help  # the work tree would find no room either


# ------------------------------------------------------------------------------------------------------ nobody reads on


def test_a_reader_that_leaves_ends_the_run(tmp_path: Path) -> None:
    place = Place(tmp_path, f"{HEAD}jobs: {{a: {{run: 'while :; do echo again; sleep 0.1; done'}}}}\n")
    process = subprocess.Popen(
        place.command("run", "--engine", "none"),
        cwd=place.folder,
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    while b"again" not in process.stdout.readline():
        pass
    process.stdout.close()
    process.wait(timeout=30)
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    assert marked(str(place.cache)) == []
    (record,) = history.runs(place.state())
    assert record["status"] == "cancelled"


def test_how_long_a_job_runs_is_seen_on_a_narrow_terminal() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=40, height=10, force_terminal=True, color_system=None)
    view = Terminal(console, {}, None)
    one: Any = SimpleNamespace(id="train[fold=0,solver=stochastic-gradient-descent]")
    view.started(one, "")
    view.line(one, "epoch 12 of 300, loss 0.3312")
    console.print(view)
    (row,) = [line for line in stream.getvalue().splitlines() if "train" in line]
    assert "0.0s" in row
    assert len(row) <= 40


def test_a_failure_is_said_once() -> None:
    one: Any = SimpleNamespace(id="a", name="a", kind=JOB, leg=(), job=None)
    plan: Any = SimpleNamespace(instances={"a": one})
    with_log = Outcome(FAILED, "it ended with status 3", log=str(Path(__file__).with_name("no-such-log")))
    said = lines(plan, {"a": with_log}, 1.0, "headrace run", "folder")
    assert [line for line in said if "it ended with status 3" in line] == ["a failed: it ended with status 3"]


def test_the_last_lines_are_the_jobs_own(tmp_path: Path) -> None:
    place = Place(tmp_path, f"{HEAD}jobs: {{a: {{run: 'for i in $(seq 20); do echo line $i; done; exit 3'}}}}\n")
    done = place.run()
    assert done.run is not None
    said = lines(done.run.plan, done.outcomes, 1.0, "headrace run", "folder")
    assert [line.strip() for line in said if line.startswith("    ")] == [f"line {number}" for number in range(9, 21)]
    assert done.log("a").splitlines()[-1] == "headrace: it ended with status 3"


# -------------------------------------------------------------------------------------------------- what hides from us


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose child a process was")
@pytest.mark.parametrize(("folder", "seconds"), [(".", "4173.25"), ("/", "4173.75")])
def test_a_job_leaves_nothing_running_however_it_hides(tmp_path: Path, folder: str, seconds: str) -> None:
    """In a session of its own, without a variable of ours, and with the log closed."""
    hidden = f"cd {folder}; setsid env -i sleep {seconds} >/dev/null 2>&1 </dev/null &"
    place = Place(tmp_path, f"{HEAD}jobs: {{a: {{run: '({hidden}) ; exec >&- 2>&-; sleep 0.3'}}}}\n")
    done = place.call("run", "--engine", "none")
    assert done.returncode == 0, done.stdout + done.stderr
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"sleep {seconds}" not in listed.splitlines()


def test_a_shell_that_looks_into_a_jobs_folder_is_left_alone(tmp_path: Path) -> None:
    """What is ended by where it works is what the job started, and not who came to look."""
    place = Place(tmp_path, f"{HEAD}jobs: {{a: {{run: 'pwd > {tmp_path}/where; sleep 2'}}}}\n")
    process = subprocess.Popen(
        place.command("run", "--engine", "none"), cwd=place.folder, env=place.environment(), stdout=subprocess.DEVNULL
    )
    where = tmp_path / "where"
    end = time.monotonic() + 30
    while not (where.exists() and where.read_text().strip()) and time.monotonic() < end:
        time.sleep(0.02)
    looking = subprocess.Popen(["sleep", "600"], cwd=where.read_text().strip())
    try:
        assert process.wait(timeout=30) == 0
        assert looking.poll() is None
    finally:
        looking.kill()
        looking.wait()


# --------------------------------------------------------------------------------------------------------- two runs at once


def test_a_run_builds_on_the_same_bytes_to_its_end(tmp_path: Path) -> None:
    """Another run that makes the same result anew doesn't change what this one goes on with."""
    goes_on = tmp_path / "goes-on"
    jobs = f"""
  a: {{run: 'date +%s%N > a.txt', outputs: [a.txt]}}
  b: {{needs: [a], run: 'cp a.txt b.txt; echo began; while [ ! -e {goes_on} ]; do sleep 0.05; done', outputs: [b.txt]}}
  c: {{needs: [a, b], run: cmp a.txt b.txt}}
"""
    place = Place(tmp_path, f"{HEAD}jobs:\n{jobs}")
    process = subprocess.Popen(
        place.command("run", "--engine", "none"), cwd=place.folder, env=place.environment(), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    while b"| began" not in process.stdout.readline():
        pass
    assert place.run(jobs=["a"], force=True).statuses() == {"a": "ran"}
    goes_on.touch()
    said = process.communicate(timeout=30)[0].decode()
    assert process.returncode == 0, said
    assert not list(place.cache.glob("repositories/*/runs/*/work"))


def test_runs_that_end_with_the_same_result_keep_one(tmp_path: Path) -> None:
    held = Results(State(str(tmp_path), str(tmp_path / "cache")))
    key = "ab" + "0" * 62

    def keep() -> None:
        for _ in range(20):
            folder = held.new()
            Path(folder, "log").write_text("said\n")
            held.keep(folder, Result(key, "a", "run", 1.0, 1.0))

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(keep) for _ in range(4)]:
            one.result()
    assert held.find(key) is not None
    assert [path.name for path in Path(held.root).iterdir()] == ["ab"]


def test_what_a_killed_run_left_half_written_is_swept_a_day_later(tmp_path: Path) -> None:
    place = Place(tmp_path, f"{HEAD}jobs: {{a: {{run: 'echo 1 > o', outputs: [o]}}}}\n")
    assert place.run().statuses() == {"a": "ran"}
    held = Results(State(str(place.folder), str(place.cache)))
    old, new = Path(held.new()), Path(held.new())
    Path(old, "outputs.tar").touch()
    yesterday = time.time() - 2 * 86400
    os.utime(old, (yesterday, yesterday))
    assert place.run().statuses() == {"a": "unchanged"}
    assert (old.exists(), new.exists()) == (False, True)


def test_a_result_of_another_user_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its owner can say that it is in use; it may be gone as well by then."""
    held = Results(State(str(tmp_path), str(tmp_path / "cache")))
    key = "ab" + "0" * 62
    held.keep(held.new(), Result(key, "a", "run", time.time(), 1.0))

    def utime(path: str) -> None:
        raise PermissionError(1, "Operation not permitted", path)

    monkeypatch.setattr("targets.local.results.os.utime", utime)
    assert held.find(key, max_age=60) is not None


# ------------------------------------------------------------------------------------------------------ odd repositories


def test_a_submodule_is_said_to_be_empty(tmp_path: Path) -> None:
    other = Place(tmp_path / "other", f"{HEAD}jobs: {{a: {{run: 'true'}}}}\n", lib_DOT_py="x = 1")
    place = Place(tmp_path, f"{HEAD}jobs: {{a: {{run: 'test -d vendor; test ! -e vendor/lib.py'}}}}\n")
    words = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.folder), "vendor"]
    subprocess.run(["git", *words], cwd=place.folder, check=True, capture_output=True)
    place.commit()
    for dirty in (False, True):
        done = place.run(dirty=dirty, force=True)
        assert done.statuses() == {"a": "ran"}
        assert done.display.notes == ["vendor is a submodule: its folder is empty, as a plain checkout leaves it"]


def test_names_that_are_no_text_reach_jobs_and_come_back(tmp_path: Path) -> None:
    """A committed file, a new one and an output whose names are Latin-1, with a line break and a blank."""
    names = [b"caf\xe9.txt", b"two\nlines", b" blank "]
    run = 'set -- $(ls -1 | wc -l); mkdir out; for f in *; do case $f in headrace.yaml|out) ;; *) cp "$f" out/ ;; esac; done'
    jobs = {
        "a": {"run": run, "outputs": ["out"]},
        "b": {"needs": ["a"], "run": "python3 -c \"import os; print(sorted(os.listdir(b'out')))\""},
    }
    place = Place(tmp_path, json.dumps({"version": 1, "name": "demo", "jobs": jobs}))
    for name in names[:2]:
        Path(os.fsdecode(os.path.join(os.fsencode(place.folder), name))).write_text("1")
    place.commit()
    Path(os.fsdecode(os.path.join(os.fsencode(place.folder), names[2]))).write_text("1")
    done = place.run(dirty=True)
    assert done.statuses() == {"a": "ran", "b": "ran"}, done.log("a")
    assert done.lines("b") == [str(sorted(names))]
    assert set(place.run(dirty=True).statuses().values()) == {"unchanged"}
