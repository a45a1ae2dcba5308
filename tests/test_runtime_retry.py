"""Retried commands, with their timeouts and signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runtime_scripts import HOSTILE, Job, environment


@pytest.fixture
def job(tmp_path: Path) -> Job:
    made = Job(tmp_path)
    made.write("../scripts/fail.sh", 'echo "attempt $HEADRACE_ATTEMPT"; [ "$HEADRACE_ATTEMPT" -ge "$1" ] || exit "$2"')
    return made


def attempts(job: Job, *options: str, succeed_at: int = 99, status: int = 7) -> tuple[int, list[str]]:
    done = job.run("retry", *options, "--", "sh", "../scripts/fail.sh", str(succeed_at), str(status))
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("options", "succeed_at", "expected", "runs"),
    [
        (["--max", "0"], 99, 7, 1),
        (["--max", "2"], 99, 7, 3),
        (["--max", "2"], 1, 0, 1),
        (["--max", "2"], 3, 0, 3),
        (["--max", "2", "--on", "timeout"], 99, 7, 1),
        (["--max", "2", "--on", "timeout,failure"], 99, 7, 3),
        (["--max", "2", "--exit-codes", "1,137"], 99, 7, 1),
        (["--max", "2", "--exit-codes", "7"], 99, 7, 3),
        (["--max", "1", "--on", "timeout", "--exit-codes", "7"], 99, 7, 2),
    ],
)
def test_runs_again(job: Job, options: list[str], succeed_at: int, expected: int, runs: int) -> None:
    assert attempts(job, *options, succeed_at=succeed_at) == (expected, [f"attempt {n + 1}" for n in range(runs)])


def test_a_signal_is_128_and_more(job: Job) -> None:
    done = job.run("retry", "--max", "1", "--exit-codes", "137", "--", "sh", "-c", "echo x; kill -9 $$")
    assert (done.returncode, done.stdout) == (137, "x\nx\n")


def test_says_what_it_does(job: Job) -> None:
    done = job.run("retry", "--max", "1", "--", "false")
    assert done.stderr == "headrace: attempt 1 of 2 ended with status 1; trying again\n"


def test_waits_between_attempts(job: Job) -> None:
    start = time.monotonic()
    assert job.run("retry", "--max", "1", "--wait", "0.6", "--", "false").returncode == 1
    assert time.monotonic() - start > 0.6


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
STUBBORN = "trap '' TERM; sh -c \"trap '' TERM; sleep 60\" & echo $! >> pids; echo $$ >> pids; sleep 60; sleep 60"


@linux
def test_a_timeout_ends_the_whole_group_of_each_attempt(job: Job) -> None:
    options = ["--max", "1", "--on", "timeout", "--timeout", "0.5", "--grace", "0.3"]
    done = job.run("retry", *options, "--", "sh", "-c", STUBBORN)
    assert done.returncode == 124
    assert done.stderr.count("took longer than 0.5 s") == 2
    pids = [int(pid) for pid in (job.folder / "pids").read_text().split()]
    assert len(pids) == 4
    assert eventually(lambda: not any(alive(pid) for pid in pids))


@linux
def test_what_a_failed_attempt_left_behind_is_ended(job: Job) -> None:
    assert (
        job.run("retry", "--max", "1", "--", "sh", "-c", "sleep 60 >&- 2>&- & echo $! >> pids; exit 1").returncode == 1
    )
    pids = [int(pid) for pid in (job.folder / "pids").read_text().split()]
    assert len(pids) == 2
    assert eventually(lambda: not any(alive(pid) for pid in pids))


def test_a_timeout_is_not_retried_unless_asked(job: Job) -> None:
    done = job.run("retry", "--max", "3", "--timeout", "0.3", "--", "sh", "-c", "echo x; sleep 60")
    assert (done.returncode, done.stdout) == (124, "x\n")


@linux
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_is_passed_on_and_ends_the_attempts(job: Job, number: int, status: int) -> None:
    command = "trap 'echo saved > state; exit 0' TERM INT; touch ready; while :; do sleep 0.05; done"
    process = subprocess.Popen(
        job.argv("retry", "--max", "5", "--", "sh", "-c", command), cwd=job.folder, env=environment()
    )
    assert eventually((job.folder / "ready").exists)
    process.send_signal(number)
    assert process.wait(timeout=20) == status
    assert (job.folder / "state").read_text() == "saved\n"


@linux
def test_a_helper_has_the_grace_time_though_its_shell_is_gone(job: Job) -> None:
    """A shell dies of SIGTERM at once, while the program that it runs may still be saving."""
    save = "import signal,sys,time; signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), open('saved','w'), sys.exit(0)))"
    program = f"{save}; open('ready','w'); time.sleep(60)"
    argv = job.argv("retry", "--max", "0", "--grace", "10", "--", "sh", "-c", f'{sys.executable} -c "{program}"; true')
    process = subprocess.Popen(argv, cwd=job.folder, env=environment())
    assert eventually((job.folder / "ready").exists)
    process.terminate()
    assert process.wait(timeout=20) == 143
    assert (job.folder / "saved").exists()


@pytest.mark.parametrize("text", HOSTILE)
def test_arguments_arrive_as_they_are(job: Job, text: str) -> None:
    echo = "import os, sys; sys.stdout.buffer.write(os.fsencode(sys.argv[1]))"
    done = job.run("retry", "--max", "0", "--", sys.executable, "-c", echo, text)
    assert (done.returncode, done.stdout) == (0, text)
    assert list(job.folder.iterdir()) == []


def test_options_of_the_command_are_its_own(job: Job) -> None:
    done = job.run("retry", "--max", "0", "--", "echo", "--max", "9", "--", "-x")
    assert done.stdout == "--max 9 -- -x\n"


def test_commands_that_cannot_start(job: Job) -> None:
    assert job.run("retry", "--max", "0", "--", "no-such-command").returncode == 127
    job.write("file", "x")
    done = job.run("retry", "--max", "0", "--", "./file")
    assert (done.returncode, done.stderr.count("\n")) == (126, 1)


@pytest.mark.parametrize(
    "options",
    [["--max", "-1"], ["--max", "x"], ["--max", "1", "--on", "runner"], ["--max", "1", "--exit-codes", "a"], []],
)
def test_misuse(job: Job, options: list[str]) -> None:
    done = job.run("retry", *options, "--", "touch", "ran")
    assert done.returncode == 2
    assert not os.path.exists(job.folder / "ran")
