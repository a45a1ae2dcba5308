"""`headrace mml plan`: the schedule that MML would make of a command line, without MML."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from compiler.diagnostics import Sink
    from compiler.frontends.mml.planner import Knowledge, Model

DESCRIPTION = """
Work with MML's experiments. `plan` prints the schedule that mml-core 1.0.4 and its plug-ins make of a command line, one
step a line: INDEX METHOD [PARAMETERS]. Neither MML nor its data is needed: what a plan depends on is given by options.
"""
EXAMPLES = """
headrace mml plan --folds 5 -- mml train pivot.name=mml_fake_task
headrace mml plan --installed mml_fake_task -- mml create 'task_list=[mml_fake_task]'
headrace mml plan --model 'exp:skin+nested?0' -- mml post pivot.name=skin reuse.models=exp
"""
VERBS = ("plan",)
USAGE = 2
ADVICE = {
    "folds": "say --folds N",
    "dataset": "say --dataset TASK=DATASET: MML keeps it in code",
    "models": "say --model PROJECT:TASK for each that reuse.models finds",
}


def configure(parser: ArgumentParser) -> None:
    import argparse

    parser.add_argument("verb", choices=VERBS, help="plan: print a command line's schedule")
    parser.add_argument(
        "words",
        metavar="...",
        nargs=argparse.REMAINDER,
        help="options (see `headrace mml plan --help`), then `-- mml ...`",
    )


def run(arguments: Namespace) -> int:
    options, command = _divided(arguments.words)
    given = _parser().parse_args(options)
    if not command:
        print("headrace mml plan: no command line is given: write -- mml MODE OVERRIDE...", file=sys.stderr)
        return USAGE
    try:
        knowledge = _knowledge(given)
    except ValueError as error:
        print(f"headrace mml plan: {error}", file=sys.stderr)
        return USAGE
    return _plan(command, knowledge)


def _divided(words: list[str]) -> tuple[list[str], list[str]]:
    """The options, and the command line behind `--` (or from `mml` on, where there is no `--`)."""
    if words and not words[0].startswith("-"):  # argparse has taken a first `--` away
        return [], words
    if "--" in words:
        at = words.index("--")
        return words[:at], words[at + 1 :]
    if "mml" in words:
        at = words.index("mml")
        return words[:at], words[at:]
    return words, []


def _parser() -> ArgumentParser:
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    made = ArgumentParser(
        prog="headrace mml plan",
        usage="headrace mml plan [OPTION ...] -- mml MODE OVERRIDE ...",
        description="Print the schedule that MML makes of a command line.",
        epilog=f"examples:\n{EXAMPLES}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = made.add_argument
    add(
        "--folds", metavar="N", help="the folds of a task: N, or TASK=N for one of several", action="append", default=[]
    )
    there = "tasks that are there (else: all, and `create` creates all)"
    add("--installed", metavar="TASK", help=there, action="extend", nargs="*")
    add("--missing", metavar="TASK", help="tasks that are not there", action="extend", nargs="*")
    add("--dataset", metavar="TASK=DATASET", help="the dataset that a task is made of", action="append", default=[])
    add(
        "--model",
        metavar="PROJECT:TASK[=TASK,...]",
        help="a model that a project holds, the oldest first, and the tasks that it has predicted (else: every one)",
        action="append",
        default=[],
    )
    add("--study", metavar="NAME", help="a study that hpo.storage holds", action="append", default=[])
    return made


def _knowledge(given: Namespace) -> Knowledge:
    """What the options say. Raises ValueError for one that can't be read."""
    from compiler.frontends.mml.planner import Knowledge

    folds: dict[str, int] = {}
    for text in given.folds:
        task, _, number = text.rpartition("=")
        if not number.isdecimal() or int(number) < 1:
            raise ValueError(f'--folds takes N or TASK=N with an integer of 1 or more, not "{text}"')
        folds[task] = int(number)
    installed = None if given.installed is None else list(_names(given.installed))
    return Knowledge(
        installed=installed,
        missing=_names(given.missing or ()),
        folds=folds,
        datasets=dict(_pairs(given.dataset)),
        models=[_model(text) for text in given.model],
        studies=given.study,
    )


def _names(texts: Iterable[str]) -> Iterable[str]:
    return (name for text in texts for name in text.split(",") if name)


def _pairs(texts: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in texts:
        task, _, dataset = text.partition("=")
        if not task or not dataset:
            raise ValueError(f'--dataset takes TASK=DATASET, not "{text}"')
        yield task, dataset


def _model(text: str) -> Model:
    from compiler.frontends.mml.planner import Model

    project, _, rest = text.partition(":")
    task, says, predicted = rest.partition("=")
    if not project or not task:
        raise ValueError(f'--model takes PROJECT:TASK or PROJECT:TASK=TASK,..., not "{text}"')
    return Model(project, task, tuple(_names([predicted])) if says else None)


def _plan(command: list[str], knowledge: Knowledge) -> int:
    from compiler.diagnostics import Sink
    from compiler.frontends.mml import codes, commandlines, composing, planner
    from compiler.frontends.mml.defaults import ComposeError
    from compiler.frontends.mml.runs import KINDS

    sink = Sink()
    try:
        words = commandlines.split(command[0]) if len(command) == 1 else command
    except commandlines.CommandError as error:
        sink.report(codes.BAD_COMMAND, str(error), help=error.help)
        return _shown(sink)
    arguments = commandlines.arguments_of(words)
    line, errors = commandlines.read(words if arguments is None else arguments)
    for failed in errors:
        code = codes.BAD_COMMAND if failed.word[:1] in ("", "-") else codes.BAD_OVERRIDE
        sink.report(code, str(failed), help=failed.help)
    if errors:
        return _shown(sink)
    try:
        config, choices = composing.compose(composing.built_in(composing.plugins()), line.overrides)
    except ComposeError as error:
        sink.report(codes.UNKNOWN_OPTION, str(error), help=error.help)
        return _shown(sink)
    found = planner.plan(config, choices, knowledge)
    for index, step in enumerate(found.steps):
        print(index, step)
    for refusal in found.refusals:
        advice = ADVICE.get(refusal.kind) or refusal.help
        sink.report(KINDS.get(refusal.kind, codes.REFUSED), refusal.message, help=advice)
    return _shown(sink)


def _shown(sink: Sink) -> int:
    """Write what was found behind the schedule; the exit status."""
    if not sink.diagnostics:
        return 0
    from compiler.render.text import render

    sys.stdout.flush()
    sys.stderr.write(render(sink.diagnostics, False))
    return 1
