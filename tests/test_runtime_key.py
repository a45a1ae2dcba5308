"""The cache key, computed as a job computes it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.runtime_scripts import HOSTILE, Job, environment

SPEC: dict[str, Any] = {
    "command": ["python", "train.py"],
    "env": {"A": "1", "B": "2"},
    "parameters": {"lr": "0.1"},
    "matrix": {"fold": "0"},
    "environment": {"image": "python:3.12", "installer": "uv", "python": "3.12", "files": ["uv.lock"]},
    "inputs": ["src", "data/x.csv"],
    "needs": ["out"],
}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    made = Job(tmp_path)
    for path in ("uv.lock", "src/a.py", "src/b/c.py", "data/x.csv", "data/other.csv", "out/model.bin", ".gitignore"):
        made.write(path, path)
    return made


def key(job: Job, *options: str, spec: dict[str, Any] = SPEC, **env: str) -> str:
    done = job.run("content_key", *options, HEADRACE_KEY_SPEC=json.dumps(spec), **env)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch("[0-9a-f]{64}\n", done.stdout)
    return done.stdout.strip()


def refused(job: Job, spec: Any) -> tuple[int, str]:
    done = job.run("content_key", HEADRACE_KEY_SPEC=json.dumps(spec))
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_is_the_same_for_the_same_work(job: Job, tmp_path: Path) -> None:
    first = key(job)
    reordered = {name: SPEC[name] for name in reversed(SPEC)} | {"env": {"B": "2", "A": "1"}}
    assert key(job, spec=reordered | {"inputs": ["data/x.csv", "./src/", "src/a.py"]}) == first
    assert key(job, LC_ALL="C", TZ="Asia/Tokyo", PYTHONHASHSEED="7") == first
    for file in job.folder.rglob("*"):
        os.utime(file, (1, 1))
    job.write("data/other.csv", "changed, but no input")
    (job.folder / "src/a.py").chmod(0o600)
    assert key(job) == first
    file = job.write("../spec.json", json.dumps(SPEC))
    assert job.run("content_key", str(file)).stdout.strip() == first
    assert job.run("content_key", str(file), "--root", "../work").stdout.strip() == first


@pytest.mark.parametrize(
    "change",
    [
        {"command": "python train.py"},
        {"command": ["python", "train.py", ""]},
        {"env": {"A": "1"}},
        {"env": {"A": "1", "B": "2", "C": ""}},
        {"parameters": {"lr": "0.10"}},
        {"parameters": {}},
        {"matrix": {"fold": "1"}},
        {"environment": {**SPEC["environment"], "image": "python:3.13"}},
        {"environment": {**SPEC["environment"], "python": "3.13"}},
        {"environment": {**SPEC["environment"], "files": []}},
        {"inputs": ["src"]},
        {"inputs": []},
        {"needs": []},
    ],
)
def test_every_part_counts(job: Job, change: dict[str, Any]) -> None:
    assert key(job, spec={**SPEC, **change}) != key(job)


def test_files_count_by_name_mode_and_bytes(job: Job) -> None:
    keys = [key(job)]

    def next_key() -> None:
        keys.append(key(job))

    job.write("src/a.py", "other")
    next_key()
    (job.folder / "src/a.py").chmod(0o755)
    next_key()
    (job.folder / "src/a.py").rename(job.folder / "src/z.py")
    next_key()
    job.write("src/.hidden", "")
    next_key()
    job.write("uv.lock", "other")
    next_key()
    job.write("out/model.bin", "other")
    next_key()
    (job.folder / "src/link").symlink_to("z.py")
    next_key()
    (job.folder / "src/link").unlink()
    (job.folder / "src/link").symlink_to("b/c.py")
    next_key()
    assert len(set(keys)) == len(keys)


def test_bytes_cannot_move_from_one_part_to_another(job: Job) -> None:
    job.write("src/a\nfile 100644 x", "")
    with_newline = key(job)
    (job.folder / "src/a\nfile 100644 x").rename(job.folder / "src/a")
    assert key(job) != with_newline


def test_links_count_by_their_target_and_what_is_behind_inside(job: Job, tmp_path: Path) -> None:
    (job.folder / "src/data").symlink_to("../data")
    first = key(job)
    job.write("data/other.csv", "now an input, by the link")
    assert key(job) != first
    outside = tmp_path / "outside"
    outside.mkdir()
    (job.folder / "src/out").symlink_to(outside)
    (job.folder / "src/broken").symlink_to("nowhere")
    (job.folder / "src/loop").symlink_to("../src")
    second = key(job)
    (outside / "file").write_text("not followed")
    assert key(job) == second


def test_declared_paths_stay_in_the_root(job: Job, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (job.folder / "leak").symlink_to(tmp_path)
    for path in ("../secret", str(tmp_path / "secret"), "leak", "leak/secret"):
        status, said = refused(job, {"inputs": [path]})
        assert (status, said) == (1, f'headrace: input "{path}" leads out of the root\n')


def test_missing_and_special_inputs_are_errors(job: Job) -> None:
    assert refused(job, {"inputs": ["no"]}) == (1, 'headrace: input "no" is missing\n')
    assert refused(job, {"inputs": [], "environment": {"files": ["no.lock"]}})[0] == 1
    assert refused(job, {"inputs": [], "needs": ["no"]})[0] == 1
    os.mkfifo(job.folder / "src/pipe")
    assert refused(job, {"inputs": ["src"]}) == (
        1,
        'headrace: input "src/pipe" is neither a file, a folder nor a link\n',
    )


@pytest.mark.parametrize("spec", ["", [], {"comand": "x"}, {"inputs": [3]}, {"inputs": [""]}, {"environment": []}])
def test_what_no_compiler_wrote_is_misuse(job: Job, spec: Any) -> None:
    assert refused(job, spec)[0] == 2


def git(job: Job, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=job.folder, env=environment(), check=True, capture_output=True)


def test_without_inputs_the_tracked_files_count(job: Job, tmp_path: Path) -> None:
    git(job, "init", "-q")
    git(job, "add", "src", "data")
    spec = {"command": "x", "inputs": None}
    first = key(job, spec=spec)
    job.write("untracked", "x")
    assert key(job, spec=spec) == first
    assert key(job, spec={"command": "x"}) == first
    job.write("data/other.csv", "changed")
    second = key(job, spec=spec)
    assert second != first
    sources = key(job, spec={**spec, "folder": "src"})
    job.write("data/other.csv", "changed again")
    assert key(job, spec={**spec, "folder": "src"}) == sources
    (job.folder / "data/other.csv").unlink()
    assert key(job, spec=spec) != second


def test_without_git_all_files_count_and_it_says_so(job: Job, tmp_path: Path) -> None:
    env = {"HEADRACE_KEY_SPEC": '{"inputs": null}', "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    first = job.run("content_key", **env)
    assert "so all files count" in first.stderr
    job.write(".git/x", "not counted")
    again = job.run("content_key", **{**env, "PATH": str(tmp_path)})
    assert "so all files count" in again.stderr
    assert again.stdout == first.stdout
    job.write("new", "counted")
    assert job.run("content_key", **env).stdout != first.stdout


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_and_names(job: Job, text: str) -> None:
    plain = key(job, spec={"command": "x", "inputs": ["src"]})
    assert key(job, spec={"command": text, "inputs": ["src"]}) != plain
    assert key(job, spec={"command": "x", "env": {"A": text}, "inputs": ["src"]}) != plain
    if len(text) < 200:
        job.write(f"src/{text}", "x")
        assert key(job, spec={"command": "x", "inputs": [f"src/{text}"]}) != plain
    assert not (job.folder / "pwned").exists()


def test_names_that_are_not_utf8(job: Job) -> None:
    first = key(job, spec={"inputs": ["src"]})
    Path(os.fsdecode(os.fsencode(job.folder / "src") + b"/\xff\xfe")).write_text("x")
    second = key(job, spec={"inputs": ["src"]})
    assert first != second
    assert key(job, "--explain", spec={"inputs": ["src"]}, LC_ALL="C") == second


def test_explains_on_stderr_and_writes_an_output(job: Job) -> None:
    output = job.write("../output", "a=b\n")
    done = job.run("content_key", "--explain", "--output", str(output), HEADRACE_KEY_SPEC=json.dumps(SPEC))
    assert output.read_text() == f"a=b\nkey={done.stdout}"
    lines = done.stderr.splitlines()
    assert lines[:2] == ['headrace: command ["python", "train.py"]', 'headrace: env {"A": "1", "B": "2"}']
    assert [line.rsplit(" ", 1)[-1] for line in lines if line.startswith(("headrace: lock", "headrace: file"))] == [
        'uv.lock"',
        'data/x.csv"',
        'out/model.bin"',
        'src/a.py"',
        'src/b/c.py"',
    ]


def test_the_key_is_pinned(job: Job) -> None:
    """A key that changes between releases by accident would throw everyone's caches away."""
    sha256 = hashlib.sha256(b"data/x.csv").hexdigest().encode()
    parts = [b'command 3 "x"', b'env 15 {"A": "\\u00fc"}', b"environment 2 {}", b"matrix 2 {}"]
    parts += [b"parameters 2 {}", b"file 82 100644 " + sha256 + b" data/x.csv"]
    expected = hashlib.sha256(b"headrace key 1\n" + b"".join(part + b"\n" for part in parts)).hexdigest()
    assert key(job, spec={"command": "x", "env": {"A": "ü"}, "inputs": ["data/x.csv"]}) == expected
