"""Compiled pipelines, run by gitlab-ci-local: each job in a folder of its own, so that only what is declared arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.ir import (
    Artifact,
    Cache,
    Call,
    ChangedFiles,
    Environment,
    EnvVar,
    Exec,
    Job,
    Matrix,
    Metric,
    Number,
    Objective,
    OnCall,
    Parameter,
    Pipeline,
    Ref,
    Retry,
    Support,
)
from tests.gitlab_project import Emitted, at, job, need, project
from tests.tools.gitlab import checkout, gitlab_ci_local
from tests.tools.process import Completed

pytestmark = pytest.mark.engine

HERE = Environment(name="here", python="3")  # no image: the shell executor has none
FOLD = Ref(kind="matrix", name="fold")
RATE = Ref(kind="parameters", name="rate")
FOLDS = Matrix(axes=(("fold", ("0", "1", "2")),))
METRICS = Artifact(path=("metrics.json",), kind="metrics")


def objective(limit: str) -> Objective:
    return Objective(left=Metric(name="accuracy"), operator=">=", right=Number(value=limit))


def run(made: Emitted, folder: Path, *arguments: str) -> Completed:
    made.write(folder)
    (folder / "input.txt").write_text("given\n", encoding="utf-8")
    variables = ["--variable", "CI_PIPELINE_SOURCE=push", "--ignore-predefined-vars", "CI_PIPELINE_SOURCE"]
    with checkout(folder) as clone:
        return gitlab_ci_local(clone, "--force-shell-executor", "--shell-isolation", *variables, *arguments, limit=120)


def compiled(*jobs: Job, **fields: object) -> Emitted:
    here = [one.replace(environment=HERE) if one.environment is not None else one for one in jobs]
    return Emitted(project(*here, **fields))


def test_values_and_outputs_arrive_as_they_were_written(tmp_path: Path) -> None:
    hostile = 'it\'s "$HOME" `x` %PATH% $[[ inputs.rate ]] ${CI_COMMIT_SHA}'
    made = compiled(
        job("fetch", "echo data > data.txt", outputs=(Artifact(path=("data.txt",)),)),
        job(
            "train",
            needs=("fetch",),
            matrix=FOLDS,
            action=Exec(
                argv=(("sh",), ("-c",), ('mkdir -p m && echo "$0 $1" > "m/$0" && cp "m/$0" log.txt',), (FOLD,), (RATE,))
            ),
            outputs=(Artifact(path=("m/", FOLD)), Artifact(path=("log.txt",), per_leg=True)),
        ),
        job(
            "pick", "test -e m/1 && ! test -e m/0 && ! test -e data.txt", needs=(need("train", legs=(("fold", "1"),)),)
        ),
        job("pair", 'test "$(ls m)" = "$HEADRACE_MATRIX_FOLD"', needs=(need("train", legs="same"),), matrix=FOLDS),
        job(
            "join",
            "cat m/0 m/1 m/2; cat log.txt/fold=2; test ! -e data.txt; printf '%s\\n' \"$HOSTILE\" > seen.txt",
            needs=("train",),
            env=(EnvVar(name="HOSTILE", value=(hostile,)),),
            outputs=(Artifact(path=("seen.txt",)),),
        ),
        job("see", action=Exec(argv=(("cat",), ("seen.txt",))), needs=("join",)),
        job("literal", "echo '$[[ inputs.rate ]]' '%HOME%'"),
        pipeline={"parameters": (Parameter(name="rate", type="float", default="1e-3"),)},
    )
    done = run(made, tmp_path)
    assert done.status == 0, done.stdout + done.stderr
    assert "2 1e-3" in done.stdout
    assert hostile in done.stdout
    assert "$[[ inputs.rate ]] %HOME%" in done.stdout


def test_a_gate_fails_its_job_and_what_needs_it(tmp_path: Path) -> None:
    writes = "echo '{\"accuracy\": 0.93}' > metrics.json"
    good = compiled(
        job("a", writes, outputs=(METRICS,), objectives=(objective("0.9"),)), job("after", "echo reached", needs=("a",))
    )
    done = run(good, tmp_path / "good" if (tmp_path / "good").mkdir() is None else tmp_path)
    assert done.status == 0, done.stdout + done.stderr
    assert "passed  accuracy >= 0.9" in done.stdout
    (tmp_path / "bad").mkdir()
    bad = compiled(
        job("a", writes, outputs=(METRICS,), objectives=(objective("0.95"),)),
        job("after", "echo reached", needs=("a",)),
        job("tell", "echo told", needs=("a",), run_on="failure"),
    )
    done = run(bad, tmp_path / "bad")
    assert done.status != 0
    assert "is not met" in done.stdout + done.stderr
    assert "reached" not in done.stdout
    assert "told" in done.stdout


def test_more_retries_than_two(tmp_path: Path) -> None:
    line = 'echo "attempt $HEADRACE_ATTEMPT"; test "$HEADRACE_ATTEMPT" = 4'
    done = run(compiled(job("a", line, retry=Retry(max=4))), tmp_path)
    assert done.status == 0, done.stdout + done.stderr
    assert "attempt 4" in done.stdout
    assert "attempt 5" not in done.stdout


def test_changed_files_arrive(tmp_path: Path) -> None:
    made = compiled(
        job("a", "mkdir -p out && echo new > out/new.txt && echo more >> input.txt", outputs=(ChangedFiles(),)),
        job("b", "cat input.txt; cat out/new.txt; grep -q more input.txt", needs=("a",)),
    )
    done = run(made, tmp_path)
    assert done.status == 0, done.stdout + done.stderr
    assert "new" in done.stdout


def test_wrong_parameters_stop_the_run(tmp_path: Path) -> None:
    spec = '[{"name": "rate", "env": "HEADRACE_PARAM_RATE", "type": "float", "maximum": "1"}]'
    check = Support(script="check_parameters", arguments=((spec,),), refs=(RATE,))
    parameters = (Parameter(name="rate", type="float", default="7"),)
    made = Emitted(
        project(
            job("check", action=check, environment=HERE),
            job("a", "echo reached", needs=("check",), environment=HERE),
            pipeline={"parameters": parameters},
        )
    )
    done = run(made, tmp_path)
    assert done.status != 0
    assert "is more than the maximum 1" in done.stdout + done.stderr
    assert "reached" not in done.stdout


def test_a_cached_job_is_skipped_where_nothing_changed(tmp_path: Path) -> None:
    made = compiled(
        job("a", "echo worked; cat input.txt > out.txt", cache=Cache(), outputs=(Artifact(path=("out.txt",)),)),
        job("b", "cat out.txt", needs=("a",)),
    )
    made.write(tmp_path)
    (tmp_path / "input.txt").write_text("given\n", encoding="utf-8")
    variables = ["--variable", "CI_PIPELINE_SOURCE=push", "--ignore-predefined-vars", "CI_PIPELINE_SOURCE"]
    seen = []
    with checkout(tmp_path) as clone:
        for text in (None, None, "other\n"):
            if text is not None:
                (clone / "input.txt").write_text(text, encoding="utf-8")
            done = gitlab_ci_local(clone, "--force-shell-executor", "--shell-isolation", *variables, limit=120)
            assert done.status == 0, done.stdout + done.stderr
            seen.append(
                ("> worked" in done.stdout, "its outputs are back" in done.stdout.replace("echo 'headrace", ""))
            )
    assert [worked for worked, _ in seen] == [True, False, True]


def test_a_called_pipeline_gets_its_parameters(tmp_path: Path) -> None:
    call = Call(pipeline="notes", parameters=(EnvVar(name="version", value=("0",)), EnvVar(name="empty", value=("",))))
    made = project(job("a", environment=HERE), job("tell", needs=("a",), action=call, environment=None))
    write = job("write", 'echo "version=$HEADRACE_PARAM_VERSION empty=[$HEADRACE_PARAM_EMPTY]"', environment=HERE)
    parameters = (Parameter(name="version", default="9"), Parameter(name="empty", default="full"))
    notes = Pipeline(
        name="notes", jobs=(write,), triggers=(OnCall(),), parameters=parameters, origin=at("pipelines.notes")
    )
    done = run(Emitted(made.replace(pipelines=(*made.pipelines, notes))), tmp_path)
    assert done.status == 0, done.stdout + done.stderr
    assert "version=0 empty=[]" in done.stdout
