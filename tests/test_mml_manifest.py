"""MML's manifests: what they say, in both forms, what is wrong with them, and the schema that says the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from compiler import cli
from compiler.diagnostics import Sink
from compiler.frontends import mml
from compiler.frontends.mml import composing
from compiler.frontends.mml.grammar import parse
from compiler.frontends.mml.planner import Knowledge
from compiler.frontends.mml.runs import written
from compiler.ir import Exec, OnManual, OnPush, OnSchedule, Project
from compiler.repository import Repository
from compiler.text import spelled
from tests import mml_calls
from tests.test_mml_planner import FAKE, NP, RECORDED, blocks

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures" / "mml"
SCHEMA = json.loads((ROOT / "schemas" / "mml.json").read_text(encoding="utf-8"))
TASKS = "mml:\n  tasks: {lesions: {folds: 3}, moles: {folds: 2}}\n  runs:\n"


def read(folder: Path, text: str, name: str = "mml.yaml", **files: str) -> tuple[Project | None, Sink]:
    (folder / name).write_text(text, encoding="utf-8")
    for path, content in files.items():
        (folder / path.replace("__", ".")).write_text(content, encoding="utf-8")
    sink = Sink()
    return mml.read(name, Repository(str(folder)), sink), sink


def project(folder: Path, *runs: str, head: str = TASKS) -> Project:
    made, sink = read(folder, head + "".join(f"    - {json.dumps(run)}\n" for run in runs))
    assert made is not None
    assert not sink.failed, sink.diagnostics
    return made


def codes(folder: Path, text: str, name: str = "mml.yaml") -> list[str]:
    _, sink = read(folder, text, name)
    return [found.code.name for found in sink.diagnostics if found.severity != "note"]


def call(made: Project, name: str) -> list[str]:
    """The words of MML's call in a job."""
    (job,) = (job for job in made.jobs if job.name == name)
    assert isinstance(job.action, Exec)
    words = [spelled(word) for word in job.action.argv]
    return words[words.index("--") + 1 :]


def needs(made: Project, name: str) -> list[str]:
    (job,) = (job for job in made.jobs if job.name == name)
    return [need.job for need in job.needs if need.job != "mml-step"]


# ----------------------------------------------------------------------------------------------------------------- schema


@pytest.mark.parametrize("case", [case.name for case in sorted(FIXTURES.iterdir()) if (case / "mml.yaml").exists()])
def test_the_schema_takes_every_case(case: str) -> None:
    data = yaml.safe_load((FIXTURES / case / "mml.yaml").read_text(encoding="utf-8").replace("\non:", '\n"on":'))
    assert [one.message for one in Draft202012Validator(SCHEMA).iter_errors(data)] == []


WRONG = (
    "runs: []\n",
    "mml: {}\n",
    "mml: {runs: [{overrides: []}]}\n",
    "mml: {runs: [mml info], run: []}\n",
    "mml: {runs: [mml info]}\nretry: -1\n",
    "mml: {runs: [mml info]}\nstore: ftp://x\n",
    "mml: {runs: [mml info]}\ndata: {path: relative}\n",
    "mml: {runs: [mml info]}\ndata: {volume: x}\n",
    "mml: {runs: [mml info]}\nresources: {gpu: 0}\n",
    'mml: {runs: [mml info]}\n"on": [nightly]\n',
    "mml: {runs: [mml info], tasks: {a: {folds: 0}}}\n",
    "mml: {runs: [{mode: info, jobs: none}]}\n",
    "mml: {runs: [mml info]}\nname: no name\n",
    "mml: {runs: [mml info]}\ntimeout: soon\n",
    "mml: {runs: [mml info]}\nenv: {1A: x}\n",
)


@pytest.mark.parametrize("text", WRONG)
def test_what_the_schema_refuses_the_reader_refuses(tmp_path: Path, text: str) -> None:
    assert list(Draft202012Validator(SCHEMA).iter_errors(yaml.safe_load(text)))
    _, sink = read(tmp_path, text)
    assert sink.failed


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "mml"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA
    Draft202012Validator.check_schema(SCHEMA)


# --------------------------------------------------------------------------------------------------------------- reading


def test_a_file_of_command_lines_is_a_manifest(tmp_path: Path) -> None:
    text = "# lines\nmml create task_list=[mml_fake_task]\n\npython -m mml train \\\n  tasks=fake mode.cv=false # end\n"
    made, sink = read(tmp_path, text, "skin.mml")
    assert not sink.failed
    assert made is not None
    assert made.name == "skin"
    assert call(made, "train-mml-fake-task-model")[:2] == ["mml", "train"]
    at = made.jobs[-1].origin
    assert at is not None
    assert at.span().begin.line == 4
    assert mml.sniff("a/runs.txt", "# x\nmml train a=b\n")
    assert mml.sniff("a/b.yaml", "name: x\nmml:\n")
    assert not mml.sniff("a/b.yaml", "jobs:\n")
    assert not mml.sniff("README.txt", "about mml train\n")


def test_folds_are_read_from_a_task_json_in_the_repository(tmp_path: Path) -> None:
    (tmp_path / "TASK_skin.json").write_text(json.dumps({"name": "skin", "train_folds": [["a"], ["b"]]}))
    made = project(tmp_path, "mml train pivot.name=skin", head="data: {path: /data}\nmml:\n  runs:\n")
    (job,) = (job for job in made.jobs if job.name == "train-skin-fold")
    assert job.matrix is not None
    assert job.matrix.axes == (("fold", ("0", "1")),)


def test_every_fault_is_told_at_its_place(tmp_path: Path) -> None:
    text = (
        "mml:\n  runs:\n    - mml info optimiser=sgd\n    - mml train\n    - mlm info\n    - mml info continue=latest\n"
        "    - mml info a=b#c\n    - mml info hpo=grid optimizer.lr=interval(0,1) --multirun\n    - mml info seed=1,2\n"
        "    - mml train pivot.name=x\n"
    )
    _, sink = read(tmp_path, text)
    found = [(one.span.begin.line, one.code.name) for one in sink.diagnostics if one.span and one.severity == "error"]
    assert found == [
        (3, "mml-unknown-option"), (4, "mml-refused"), (5, "mml-bad-command"), (6, "mml-own-key"),
        (7, "mml-bad-override"), (8, "mml-bad-override"), (9, "mml-bad-override"), (10, "mml-missing-task"),
    ]  # fmt: skip


def test_a_fault_of_a_shared_override_is_told_once_where_it_stands(tmp_path: Path) -> None:
    text = (
        "mml:\n  tasks: {a: {folds: 2}}\n  overrides: [seed=1,\n    {}]\n  runs: [mml info, mml train pivot.name=a]\n"
    )
    for wrong, code in (("optimiser=sgd", "mml-unknown-option"), ("'a=b#c'", "mml-bad-override")):
        _, sink = read(tmp_path, text.replace("    {}", f"    {wrong}"))
        found = [
            (one.span.begin.line, one.code.name) for one in sink.diagnostics if one.span and one.severity == "error"
        ]
        assert found == [(4, code)]


def test_a_prediction_without_a_model_is_refused(tmp_path: Path) -> None:
    """MML plans it, and fails at the first step."""
    line = "    - mml predict pivot.name=lesions\n"
    assert codes(tmp_path, TASKS + line) == ["mml-unknown-models"]
    assert codes(tmp_path, TASKS + line.replace("predict", "test")) == ["mml-unknown-models"]
    assert codes(tmp_path, TASKS + line.replace("mml predict", "mml train mode.subroutines=[train,predict]")) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty-file"),
        ("mml: [", "yaml-syntax"),
        ("[]", "wrong-type"),
        ("mml: {runs: []}", "empty-file"),
        ("mml: {runs: [[x]]}", "wrong-type"),
        ("mml: {runs: [1]}", "mml-bad-command"),
        ("mml: {runs: [mml]}", "mml-bad-command"),
        ("mml: {runs: ['mml \"info']}", "mml-bad-command"),
        ("mml: {commands: nothing.txt}", "missing-file"),
        ("mml: {commands: ../x}", "bad-path"),
        ("mml: {runs: [mml info], version: 2.0}", "wrong-value"),
        ("mml: {runs: [mml info], plugins: [torch]}", "wrong-value"),
        ("mml: {runs: [{mode: info, name: a}, {mode: info, name: a}]}", "duplicate-name"),
        ("mml: {runs: [{mode: info, objectives: [x]}]}", "bad-objective"),
        ("mml: {runs: [mml dim]}", "mml-unknown-option"),
        ("mml: {runs: [mml info proj=../x]}", "mml-refused"),
        ("mml: {runs: [mml info proj=]}", "mml-refused"),
        ("env: {MODEL_TOKEN: abcdefghijklmnop}\nmml: {runs: [mml info]}", "secret-in-clear"),
    ],
)  # fmt: skip
def test_bad_input_is_a_finding(tmp_path: Path, text: str, code: str) -> None:
    assert code in codes(tmp_path, text)


def test_a_file_that_ends_in_a_line_that_goes_on(tmp_path: Path) -> None:
    assert codes(tmp_path, "mml info\nmml train \\", "a.mml") == ["mml-bad-command"]


@pytest.mark.parametrize("value", ["a", "a b", "it's", "x#y", "null", "1", "", "a\\", "a'b\\", "true", "+t?1_0", "${x}", ",", "1e3"])  # fmt: skip
def test_values_are_written_so_that_hydra_reads_them(value: str) -> None:
    assert parse(f"a={written(value)}").value == value
    assert parse(f"a={written([value, 1, None, {'k': True}])}").value == [value, 1, None, {"k": True}]


def test_configurations_of_a_repositorys_own(tmp_path: Path) -> None:
    """A tree without a root goes with MML's own, a whole one stands in its place, as MML has it."""
    for name, text in {"arch/tiny": "name: tiny\n", "mode/mine": "# @package _global_\nmode: {x: 1}\n"}.items():
        (tmp_path / "configs" / name).parent.mkdir(parents=True)
        (tmp_path / "configs" / f"{name}.yaml").write_text(text)
    lines = "mml:\n  configs: configs\n  runs: [mml info arch=tiny optimizer=sgd]\n"
    assert codes(tmp_path, lines) == []
    assert codes(tmp_path, lines.replace("tiny", "tyni")) == ["mml-unknown-option"]
    root = "proj: x\ntask_list: []\ndefaults: [arch: tiny, mode: info]\n"
    (tmp_path / "configs" / "config_mml.yaml").write_text(root)
    assert codes(tmp_path, lines) == ["mml-unknown-option"], "there is no optimizer now, and no info"
    (tmp_path / "configs" / "config_mml.yaml").write_text("defaults: [arch: tiny]\nproj: x\nproj: y\n")
    assert codes(tmp_path, lines)[0] == "duplicate-key"
    (tmp_path / "configs" / "config_mml.yaml").write_text(
        root.replace("info", "mine") + "hydra: {searchpath: [file:///x]}\n"
    )
    assert codes(tmp_path, lines.replace("info arch=tiny optimizer=sgd", "mine")) == ["mml-own-key"]
    assert codes(tmp_path, lines.replace("configs: configs", "configs: nowhere")) == [
        "missing-file",
        "mml-unknown-option",
    ]


# -------------------------------------------------------------------------------------------------------------- the graph


def test_every_step_of_a_schedule_is_made_by_one_call(tmp_path: Path) -> None:
    """Of lines that MML itself has planned: what the jobs call comes to the same steps, none of them twice."""
    names = {FAKE: 5, "task_a": 3, "task_b": 7, "task_a+nested?1": 5, "task_b+subset?0_05": 7}
    tasks = json.dumps({name: {"folds": folds} for name, folds in names.items()})
    head = f"data: {{path: /d}}\nresults: {{path: /r}}\nmml:\n  plugins: {composing.plugins()}\n  tasks: {tasks}\n  runs:\n"
    compared = 0
    for line, expected in blocks(RECORDED.read_text(encoding="utf-8"))[::2]:
        if any(step.startswith("refused") for step in expected) or line.startswith(("mml create", "mml clean")):
            continue  # of tasks that are there already, or that no manifest names
        made, sink = read(tmp_path, head + f"    - {json.dumps(line)}\n")
        if sink.failed:
            assert {found.code.name for found in sink.diagnostics if found.severity == "error"} <= {
                "mml-unknown-models",
                "mml-refused",
            }, line  # predictions without a model, ensembles of one
            continue
        assert made is not None
        found = mml_calls.steps(made, Knowledge(None, folds=names, models=NP))
        wanted = [mml_calls.plain(step.partition(" ")[2]) for step in expected[1:-1]]
        assert found == Counter(wanted), line
        compared += 1
    assert compared > 60


def test_nested_folds_are_single_steps_behind_their_tags(tmp_path: Path) -> None:
    made = project(tmp_path, "mml train proj=p pivot.name=lesions mode.subroutines=[train,predict,test] tune.lr=false")
    assert call(made, "train-lesions-fold") == [
        "mml", "train", "tune.lr=false", "allow_gpu=false", "proj=p__f{{ matrix.fold }}", "pivot.name=lesions+nested?{{ matrix.fold }}",
        "mode.nested=false", "mode.cv=false", "mode.subroutines=[train]",
    ]  # fmt: skip
    assert "task_list=[lesions+nested?0,lesions+nested?1,lesions+nested?2]" in call(made, "train-lesions-tags")
    assert needs(made, "train-lesions-fold") == ["train-lesions-tags"]
    assert needs(made, "train-lesions-predict") == ["train-lesions-tags", "train-lesions-fold"]
    (predict,) = (job for job in made.jobs if job.name == "train-lesions-predict")
    assert [need.legs for need in predict.needs if need.job == "train-lesions-fold"] == ["same"]
    assert "train-lesions-predict" in needs(made, "train-lesions-test"), "both write into the model's file"


def test_an_ensemble_of_one_is_refused(tmp_path: Path) -> None:
    lines = "    - mml train proj=p pivot.name=lesions mode.cv=false mode.subroutines=[train,predict]\n"
    post = "    - mml post proj=q pivot.name=lesions reuse.models=p"
    assert codes(tmp_path, TASKS + lines + post + "\n") == ["mml-refused"]
    assert codes(tmp_path, TASKS + lines + post + " mode.subroutines=[calibrate]\n") == []


def test_what_starts_an_experiment(tmp_path: Path) -> None:
    by_hand = project(tmp_path, "mml info").pipelines[0]
    assert by_hand.triggers == (OnManual(),)
    head = 'on: [push, {schedule: "0 3 * * 1"}]\n' + TASKS
    assert project(tmp_path, "mml info", head=head).pipelines[0].triggers == (OnPush(), OnSchedule(cron="0 3 * * 1"))


def test_projects_of_one_name_do_not_meet(tmp_path: Path) -> None:
    made = project(
        tmp_path,
        "mml train proj=p pivot.name=lesions mode.cv=false",
        "mml train proj=p pivot.name=moles mode.cv=false mode.subroutines=[train,predict]",
        "mml predict proj=q pivot.name=lesions mode.cv=false reuse.models=p",
    )
    assert "proj=p__train-lesions__f0" in call(made, "train-lesions-model")
    assert "proj=p__train-moles__f0" in call(made, "train-moles-model")
    assert "reuse.models=p__train-lesions__f0" in call(made, "predict-lesions-predict")
    assert "train-lesions-model" in needs(made, "predict-lesions-predict")
    assert "train-moles-model" not in needs(made, "predict-lesions-predict")


def test_co_tasks_are_drawn_once(tmp_path: Path) -> None:
    line = "mml train proj=p pivot.name=lesions mode.multitask=2 task_list=[moles] mode.cv=false"
    assert "mode.co_tasks=[moles]" in call(project(tmp_path, line), "train-lesions-model")


def test_a_step_without_a_gpu_is_told_so(tmp_path: Path) -> None:
    head = "resources: {gpu: 1, cpu: 4}\n" + TASKS
    made = project(
        tmp_path, "mml pp task_list=[lesions]", "mml train proj=p pivot.name=lesions mode.cv=false", head=head
    )
    asked = {job.name: job.resources.accelerator for job in made.jobs if job.resources is not None}
    assert asked["pp"] is None
    assert asked["train-lesions-model"] is not None
    assert "allow_gpu=false" in call(made, "pp")
    assert "allow_gpu=false" not in call(made, "train-lesions-model")
    (job,) = (job for job in made.jobs if job.name == "pp")
    assert ("MML_LOCAL_WORKERS", ("4",)) in [(one.name, one.value) for one in job.env]


def test_a_thousand_runs_keep_within_every_target(tmp_path: Path) -> None:
    """They are chunked: more jobs than one file of any target takes."""
    lines = "".join(f"    - mml train proj=p{at} pivot.name=lesions mode.cv=false seed={at}\n" for at in range(350))
    (tmp_path / "mml.yaml").write_text("checkpoints: false\n" + TASKS + lines, encoding="utf-8")
    words = ["compile", str(tmp_path / "mml.yaml"), "--output", str(tmp_path / "out")]
    for target in ("gitlab", "github", "argo"):
        assert cli.main([*words, "--target", target]) == 0, target
    assert len(list((tmp_path / "out" / ".github" / "workflows").iterdir())) > 1
