"""Schedules: those that MML's own schedulers made, step by step, and what `headrace mml plan` prints."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from compiler import cli
from compiler.frontends.mml import commandlines, composing, grammar
from compiler.frontends.mml.planner import Knowledge, Model, plan
from tests.tools.corpus import corpus

RECORDED = Path(__file__).parent / "mml_schedules" / "recorded.txt"
FAKE = "mml_fake_task"
INSTALLED = [FAKE, "task_a", "task_b", "task_a+nested?1", "task_b+subset?0_05"]
NP = [Model("np", FAKE, (FAKE,)), Model("np", FAKE, (FAKE,)), Model("np", "task_a", ("task_b",))]


def blocks(text: str) -> list[tuple[str, list[str]]]:
    """The command lines of a record, each with the lines of its schedule."""
    found = []
    for block in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        line, *rest = block.splitlines()
        found.append((line, [one for one in rest if one and one != "```"]))
    return found


def planned(line: str, knowledge: Knowledge) -> list[str]:
    """What the planner makes of a line, as the record has it."""
    words = commandlines.arguments_of(shlex.split(line))
    assert words is not None
    command, errors = commandlines.read(words)
    if errors:
        return ["refused before"]
    try:
        config, choices = composing.compose(composing.built_in(composing.plugins()), command.overrides)
    except composing.ComposeError:
        return ["refused before"]
    made = plan(config, choices, knowledge)
    refusals = ["refused after" if refusal.after else "refused before" for refusal in made.refusals]
    return [*(f"{index} {step}" for index, step in enumerate(made.steps)), *dict.fromkeys(refusals)]


def test_every_schedule_that_mml_recorded_comes_out_the_same() -> None:
    recorded = blocks(RECORDED.read_text(encoding="utf-8"))
    assert len(recorded) > 400
    for line, expected in recorded:
        knowledge = Knowledge(INSTALLED, folds={"task_a": 3, "task_b": 7}, models=NP)
        assert planned(line, knowledge) == expected, line


def test_every_schedule_of_the_corpus_comes_out_the_same() -> None:
    recorded = blocks((corpus("mml") / "schedules.md").read_text(encoding="utf-8"))
    assert len(recorded) > 10
    for line, expected in recorded:
        command = line.split("`")[1]
        installed = [] if "nothing installed" in line else [FAKE, f"{FAKE}+nested?1"]
        knowledge = Knowledge(installed, folds={FAKE: 5})
        assert planned(command, knowledge) == expected, line


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], str]:
    status = cli.main(["mml", "plan", *words])
    shown = capsys.readouterr()
    return status, shown.out.splitlines(), shown.err


def test_a_plan_is_printed_as_mml_would_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines, _ = run(
        capsys, "--folds", "2", "--", "mml", "train", "pivot.name=skin", "mode.subroutines=[train,predict]"
    )
    assert status == 0
    assert lines == [
        "0 prepare_exp []",
        "1 train_fold ['skin+nested?0', 0]",
        "2 train_fold ['skin+nested?1', 0]",
        "3 predict_fold ['skin+nested?0', 0, None]",
        "4 predict_fold ['skin+nested?0', 0, 'skin']",
        "5 predict_fold ['skin+nested?1', 0, None]",
        "6 predict_fold ['skin+nested?1', 0, 'skin']",
        "7 finish_exp []",
    ]


def test_what_is_installed_decides_about_create(capsys: pytest.CaptureFixture[str]) -> None:
    create = ["--", "mml", "create", f"task_list=[{FAKE}]"]
    full = ["prepare_dataset ['mml_fake_dataset']", f"create_task ['{FAKE}']"]
    assert [line[2:] for line in run(capsys, *create)[1]][1:-1] == full
    assert [line[2:] for line in run(capsys, "--missing", FAKE, *create)[1]][1:-1] == full
    assert [line[2:] for line in run(capsys, "--installed", *create)[1]][1:-1] == full
    assert len(run(capsys, "--installed", FAKE, *create)[1]) == 2
    status, _, err = run(capsys, "--", "mml", "create", "task_list=[other]")
    assert status == 1
    assert 'the dataset of "other" is not known' in err
    assert run(capsys, "--dataset", "other=dogs", "--", "mml", "create", "task_list=[other]")[0] == 0


def test_models_are_named_or_follow_from_their_projects(capsys: pytest.CaptureFixture[str]) -> None:
    post = ["--", "mml", "post", "pivot.name=skin", "reuse.models=[exp__f3,other]"]
    assert run(capsys, *post)[0] == 1
    status, lines, _ = run(
        capsys, "--model", "other:skin", "--model", "other:skin", "--model", "other:dogs=cats", *post
    )
    assert status == 0
    assert lines[1:-1] == [
        "1 calibrate_predictions ['skin+nested?3', 0]",
        "2 calibrate_predictions ['skin', 0]",
        "3 calibrate_predictions ['skin', 1]",
        "4 select_ensemble []",
    ]


@pytest.mark.parametrize(
    ("words", "message", "advice"),
    [
        (["mml", "trian"], '"trian" is no mode', 'did you mean "train"?'),
        (["mml", "train", "optimiser=sgd"], 'no key "optimiser"', 'did you mean "optimizer"?'),
        (["mml", "train", "pivot.nam=a"], '"pivot" has no key "nam"', 'did you mean "pivot.name"?'),
        (["mml", "train", "pivot.name=a#b"], 'is no override', ""),
        (["mml", "train", "optimizer=lbfgs"], '"lbfgs" is no option of "optimizer"', 'there is "adam" and "sgd"'),
        (["mml", "train"], "needs a pivot task", "pivot.name=TASK"),
        (["mml", "train", "pivot.name=a"], 'folds of "a" is not known', ""),
        (["mml", "train", "pivot.name=a", "mode.subroutines=[tain]"], '"tain" is no subroutine', '"train"'),
        (["mml", "pp", "--cfg", "job"], '"--cfg" is a flag', ""),
        (["mml", "pp", "task_list=[a b]"], "holds a blank", ""),
        (["mml", "pp", "hpo/sampler=grid"], "not in the defaults list", ""),
        (["mml", "info", "+proj=a"], 'there is a "proj" already', "write proj=a"),
        (["mml", "info", "~nothing"], 'no "nothing" to delete', ""),
        (["mml 'x"], "can't be split into words", ""),
    ],
)  # fmt: skip
def test_what_mml_does_not_take_is_said(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str, advice: str
) -> None:
    status, _, err = run(capsys, "--", *words)
    assert status == 1
    assert message in err
    assert advice in err


def test_wrong_options_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--folds", "x", "--", "mml", "info"], ["--model", "x", "--", "mml", "info"], []):
        assert run(capsys, *words)[0] == 2


OVERRIDES = r"""
a=1|a=-1|a=1.5|a=.5|a=5.|a=1e-3|a=00|a=0.12.0|a=1-2|a=true|a=False|a=null|a=|a= x|a=x y|a='x y'|a=[1,2,x]|a=[]|a=[[1],[2]]
a={a:1,b:[2]}|a={}|a=${x.y}|a=${oc.env:USER,me}|a=x?0+y|task_list=[a+nested?0,b+subset?0_05]|a=a,b|a=choice(a,b)
a=choice([1,2])|a=range(3)|a=range(0,1,0.25)|a=range(start=1,stop=10,step=3)|a=interval(0,1)|a=int(3.2)|a=str(3)|a=bool(true)
a=glob(*)|a=sort(3,2,1)|a=sort([3,2,1])|a=shuffle(a,b)|~a|~a=1|++a=b|+a.b.c=d|+hydra/launcher=joblib|a/b@_global_=c|$a=1
a=b=c|a=b#c|a=b\,c|a=\[x\]|a=b:c|a=b&c|a|=x|a=[1,|a=(1)|a={a:1|a='x_Aug&CGAN'|a=inf|a=nan|a='it\'s'|a="\\"|a=''|a=nope(1)
a=[a b,c d]|a=1a|a=tag(t,choice(a,b))|a={1:2,true:x}|a=null,1|a=5,|a="it's"|a=x'y|a='a\\\'b'|a/b.c=3|a@b|a=int(choice(1.5,2))
hydra.run.dir=${proj_path}/runs/ci/ID
""".replace("\n", "|").strip("|").split("|")  # fmt: skip


def test_overrides_are_read_as_hydra_reads_them() -> None:
    hydra_parser = pytest.importorskip("compiler.frontends.mml.hydra_parser", reason="hydra-core is not installed")

    def shown(read: object, text: str) -> object:
        try:
            found = read(text)  # type: ignore[operator]
        except grammar.GrammarError:
            return None
        return found.sign, found.key, found.package, repr(found.value)

    for text in OVERRIDES:
        assert shown(grammar.read, text) == shown(hydra_parser.read, text), text
