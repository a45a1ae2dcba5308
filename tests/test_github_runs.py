"""What the steps' shell text does: each is run as GitHub would, in a folder for a checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from compiler.ir import Artifact, ChangedFiles, Job, Matrix, Ref, Retry, Script, SecretUse, Support
from tests.github_pipelines import PLAIN, UV, compiled, job, jobs_of, need, project, step

FOLD = Ref(kind="matrix", name="fold")


def run(one: dict[str, Any], folder: Path, env: dict[str, str] | None = None, shell: str = "sh") -> int:
    """Run a step's text under `sh -eu`, as the workflow's default shell says."""
    given = {**os.environ, "GITHUB_WORKSPACE": str(folder), "RUNNER_TEMP": str(folder / "temp"), **(env or {})}
    (folder / "temp").mkdir(exist_ok=True)
    for name, value in one.get("env", {}).items():
        given.setdefault(name, value)
    return subprocess.run([shell, "-eu", "-c", one["run"]], cwd=folder, env=given, check=False).returncode


def command(made: dict[str, Any]) -> dict[str, Any]:
    """The step that runs the job's own command."""
    found = [one for one in made["steps"] if "run" in one and one.get("name") not in ("outputs", "objectives")]
    last: dict[str, Any] = found[-1]
    return last


def leave(made: dict[str, Any], folder: Path, env: dict[str, str] | None = None) -> Path:
    """Pack a job's outputs; the tar that would be uploaded."""
    assert run(step(made, "outputs"), folder, env) == 0
    return folder / step(made, "actions/upload-artifact")["with"]["path"]


def arrive(made: dict[str, Any], folder: Path, tars: dict[str, Path]) -> None:
    """Download by name or pattern, and unpack."""
    options = step(made, "actions/download-artifact")["with"]
    for name, tar in tars.items():
        if "name" in options:
            place = folder / options["path"] if name == options["name"] else None
        else:
            patterns = options["pattern"].strip("{}").split(",")
            fits = any(re.fullmatch(re.escape(p).replace(r"\*", ".*"), name) for p in patterns)
            place = folder / options["path"] / name if fits else None
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(tar, place / "outputs.tar")
    assert run(step(made, "inputs"), folder) == 0


def checkout(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def test_names_links_and_hidden_files_survive(tmp_path: Path) -> None:
    given = project(
        job("a", "true", outputs=(Artifact(path=("out dir",)), Artifact(path=("x.txt",)))),
        job("b", "true", needs=("a",)),
    )
    made = jobs_of(given)
    here, there = checkout(tmp_path, "here"), checkout(tmp_path, "there")
    (here / "out dir" / ".hidden").mkdir(parents=True)
    (here / "out dir" / ".hidden" / 'odd:"name*').write_text("1")
    (here / "out dir" / "link").symlink_to(".hidden")
    (here / "x.txt").write_text("2")
    (here / "x.txt").chmod(0o755)
    (here / "undeclared").write_text("3")
    arrive(made["b"], there, {"a": leave(made["a"], here)})
    assert (there / "out dir" / "link" / 'odd:"name*').read_text() == "1"
    assert os.readlink(there / "out dir" / "link") == ".hidden"
    assert (there / "x.txt").stat().st_mode & 0o111
    assert not (there / "undeclared").exists()


def test_an_output_that_was_not_written_fails_the_job(tmp_path: Path) -> None:
    made = jobs_of(project(job("a", "true", outputs=(Artifact(path=("x",)),))))["a"]
    assert run(step(made, "outputs"), tmp_path) != 0


def test_legs_join_and_what_they_share_is_kept_apart(tmp_path: Path) -> None:
    outputs = (
        Artifact(path=("models/", FOLD)),
        Artifact(path=("metrics.json",), per_leg=True),
        Artifact(path=("plots",), per_leg=True),
    )
    given = project(
        job("train", "true", matrix=Matrix(axes=(("fold", ("0", "1")),)), outputs=outputs),
        job("train2", "true", outputs=(Artifact(path=("other",)),)),
        job("best", "true", needs=("train",)),
    )
    made = jobs_of(given)
    tars = {}
    for leg in made["train"]["strategy"]["matrix"]["include"]:
        here = checkout(tmp_path, f"leg{leg['fold']}")
        (here / "models").mkdir()
        (here / "models" / leg["fold"]).write_text(leg["fold"])
        (here / "metrics.json").write_text("{}")
        (here / "plots").mkdir()
        (here / "plots" / "a.png").write_text(leg["fold"])
        env = {"HEADRACE_MATRIX_FOLD": leg["fold"], "HEADRACE_LEG": leg["folder"]}
        tars[f"train.{leg['leg']}"] = leave(made["train"], here, env)
    other = checkout(tmp_path, "other")
    (other / "other").write_text("")
    tars["train2"] = leave(made["train2"], other)
    there = checkout(tmp_path, "there")
    arrive(made["best"], there, tars)
    found = sorted(str(path.relative_to(there)) for path in there.rglob("*") if path.is_file())
    assert [name for name in found if not name.startswith(".headrace")] == [
        "metrics.json/fold=0",
        "metrics.json/fold=1",
        "models/0",
        "models/1",
        "plots/fold=0/a.png",
        "plots/fold=1/a.png",
    ]


def test_an_optional_needs_outputs_may_be_missing(tmp_path: Path) -> None:
    given = project(
        job("a", "true", outputs=(Artifact(path=("x",)),)),
        job("b", "true", needs=(need("a", optional=True),)),
    )
    arrive(jobs_of(given)["b"], tmp_path, {})


def test_changed_files_are_those_of_the_command(tmp_path: Path) -> None:
    given = project(job("a", "sleep 0.02; echo 2 > old; echo 3 > 'new file'", outputs=(ChangedFiles(),)))
    made = jobs_of(given)["a"]
    (tmp_path / "old").write_text("1")
    (tmp_path / "same").write_text("1")
    os.utime(tmp_path / "same", (1, 1))
    work = command(made)
    assert run(work, tmp_path) == 0
    tar = leave(made, tmp_path)
    listed = subprocess.run(["tar", "-tf", tar], capture_output=True, text=True, check=True).stdout.splitlines()
    assert sorted(listed) == ["./new file", "./old"]


def test_secret_files_are_their_owners_alone(tmp_path: Path) -> None:
    made = jobs_of(project(job("a", "true", secrets=(SecretUse(secret="KEY", file="keys/id"),))))["a"]
    assert run(step(made, "secret files"), tmp_path, {"HEADRACE_SECRET_1": "s3cret\nline"}) == 0
    link = tmp_path / "keys" / "id"
    assert link.read_text() == "s3cret\nline"
    assert link.is_symlink()
    assert link.resolve().stat().st_mode & 0o777 == 0o600
    assert str(link.resolve()).startswith(str(tmp_path / "temp"))


@pytest.mark.parametrize(
    ("retry", "status", "attempts"),
    [
        (Retry(max=2, on=("failure",)), 3, 3),
        (Retry(max=2, on=("failure",), exit_codes=(3,)), 3, 3),
        (Retry(max=2, on=("failure",), exit_codes=(4,)), 3, 1),
        (Retry(max=2, on=("timeout",)), 3, 1),
        (Retry(max=2), 3, 3),
        (Retry(max=2, on=("failure",)), 124, 1),
        (Retry(max=1, on=("failure", "timeout")), 124, 2),
    ],
)
def test_attempts_without_python(retry: Retry, status: int, attempts: int, tmp_path: Path) -> None:
    given = project(job("a", f"echo x >> log; exit {status}", environment=PLAIN, retry=retry))
    work = command(jobs_of(given)["a"])
    assert "python" not in work["run"]
    assert run(work, tmp_path) == status
    assert (tmp_path / "log").read_text().count("x") == attempts


def test_attempts_with_python(tmp_path: Path) -> None:
    twice = "echo x >> log; [ $(wc -l < log) -ge 2 ]"
    given = project(job("a", twice, environment=UV, retry=Retry(max=3, on=("failure",))))
    made = compiled(given)
    work = command(made["jobs"]["a"])
    assert run(work, tmp_path, made["env"]) == 0
    assert (tmp_path / "log").read_text() == "x\nx\n"


def test_seconds_end_a_command_in_time(tmp_path: Path) -> None:
    given = project(job("a", "sleep 30", environment=PLAIN, timeout=1))
    work = command(jobs_of(given)["a"])
    assert run(work, tmp_path) == 124


def test_text_of_expressions_reaches_the_shell(tmp_path: Path) -> None:
    made = jobs_of(project(job("a", "printf %s '${{ x }}' > out", environment=PLAIN)))["a"]
    work = command(made)
    text = work["env"]["HEADRACE_RUN"].replace("${{ '${{' }}", "${{")
    assert run(work, tmp_path, {"HEADRACE_RUN": text}) == 0
    assert (tmp_path / "out").read_text() == "${{ x }}"


def test_parameters_without_a_value_are_not_there(tmp_path: Path) -> None:
    from compiler.ir import Parameter

    check = job(
        "check",
        action=Support(
            script="check_parameters",
            arguments=(('[{"name":"n","env":"HEADRACE_PARAM_N","type":"int"}]',),),
            refs=(Ref(kind="parameters", name="n"),),
        ),
    )
    made = compiled(project(check, parameters=(Parameter(name="n", type="int"),)))
    work = made["jobs"]["check"]["steps"][-1]
    assert run(work, tmp_path, {**made["env"], "HEADRACE_PARAM_N": ""}) == 0
    assert run(work, tmp_path, {**made["env"], "HEADRACE_PARAM_N": "7"}) == 0
    assert run(work, tmp_path, {**made["env"], "HEADRACE_PARAM_N": "x"}) == 1


def test_the_short_commit(tmp_path: Path) -> None:
    short = Ref(kind="git", name="short")
    made = jobs_of(project(job("a", action=Script(lines=("echo ", short)))))["a"]
    output = tmp_path / "output"
    env = {"GITHUB_SHA": "0123456789abcdef", "GITHUB_OUTPUT": str(output)}
    assert run(step(made, "commit"), tmp_path, env) == 0
    assert output.read_text() == "short=01234567\n"


def test_sidecars_are_waited_for(tmp_path: Path) -> None:
    import socket

    from compiler.ir import Sidecar

    made: dict[str, Any] = jobs_of(
        project(job("a", "true", environment=PLAIN, sidecars=(Sidecar(name="db", image=("x:1",), port=5432),)))
    )["a"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        assert run(step(made, "sidecars"), tmp_path, {"HEADRACE_SIDECARS": place}) == 0


def test_a_key_is_computed_from_the_specification(tmp_path: Path) -> None:
    from compiler.ir import Cache

    one: Job = job("a", "make", environment=UV, cache=Cache(max_age=60), outputs=(Artifact(path=("x",)),))
    made = compiled(project(one))
    work = step(made["jobs"]["a"], "content key")
    (tmp_path / "uv.lock").write_text("1")
    (tmp_path / "pyproject.toml").write_text("1")
    output = tmp_path / "temp" / "output"
    env = {**made["env"], "GITHUB_OUTPUT": str(output)}
    keys = []
    for content in ("1", "2"):
        (tmp_path / "uv.lock").write_text(content)
        assert run(work, tmp_path, env) == 0
        keys.append(re.search(r"key=([0-9a-f]{64})\nage=[0-9]+\n\Z", output.read_text()))
    assert keys[0] is not None
    assert keys[1] is not None
    assert keys[0][1] != keys[1][1]
