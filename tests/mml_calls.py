"""What the calls of a compiled experiment come to, by the planner: the steps that each of its jobs makes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from compiler.frontends.mml import commandlines, composing
from compiler.frontends.mml.planner import Knowledge, plan
from compiler.ir import Exec, Job, Project
from compiler.text import spelled

_ITSELF = re.compile(r"(predict_fold \['(.*?)', \d+, )'\2'\]")


def steps(project: Project, knowledge: Knowledge) -> Counter[str]:
    """Every step that a call of the jobs makes, with how often; not those that make tagged tasks for others."""
    found: Counter[str] = Counter()
    for job in project.jobs:
        for words in _calls(job):
            at = words.index("--")
            line, errors = commandlines.read(words[at + 2 :])
            assert not errors, words
            config, choices = composing.compose(composing.built_in(composing.plugins()), line.overrides)
            made = plan(config, choices, knowledge)
            assert not made.refusals, (words, made.refusals)
            only = words[words.index("--only") + 1].split(";") if "--only" in words[:at] else None
            for step in made.steps[1:-1]:
                if only is None or ":".join([step.method, *map(str, step.params)]) in only:
                    found[plain(str(step))] += 1
    return found


def plain(step: str) -> str:
    """A task that is evaluated on itself may be named, or not."""
    return _ITSELF.sub(r"\1None]", step)


def _calls(job: Job) -> Iterator[list[str]]:
    """The words of each leg of a job that calls MML."""
    words = [spelled(word) for word in job.action.argv] if isinstance(job.action, Exec) else []
    if "--" not in words or job.name.endswith("-tags"):
        return
    legs: list[dict[str, str]] = [{}]
    if job.matrix is not None:
        legs = [dict(pairs) for pairs in job.matrix.include]
        legs += [{name: value} for name, values in job.matrix.axes for value in values]
    for leg in legs:
        yield [re.sub(r"\{\{ matrix\.(\w+) \}\}", lambda hole, leg=leg: leg[hole[1]], word) for word in words]
