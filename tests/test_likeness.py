"""Jobs that are alike: what is worked out for one of them is what each would get by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import compiler.likeness as module
from compiler.ir import (
    Accelerator,
    Amounts,
    Artifact,
    Cache,
    Environment,
    EnvVar,
    Exec,
    Job,
    Need,
    Node,
    Resources,
    Retry,
    Script,
    Support,
)
from compiler.likeness import likeness
from tests.conformance.cases import Case, by_pair, emit, emitted, lowered

PLAIN = Job(
    name="a",
    action=Exec(argv=(("true",),)),
    environment=Environment(image=("python:3.12",)),
    resources=Resources(request=Amounts(cpu=1), accelerator=Accelerator(count=1)),
    timeout=60,
)


@by_pair
def test_jobs_that_are_alike_get_what_each_would_get_alone(
    case: Case, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = emitted(case, name)
    monkeypatch.setattr(module, "likeness", lambda _job: None)
    monkeypatch.setattr(module, "_last", None)
    alone = emit(lowered(case).project, name)
    assert alone.files == together.files
    assert list(map(repr, alone.found)) == list(map(repr, together.found))


def test_name_needs_variables_and_command_make_no_difference() -> None:
    other = PLAIN.replace(
        name="b",
        action=Exec(argv=(("false",),)),
        needs=(Need(job="a"),),
        env=(EnvVar(name="X", value=("1",)),),
        environment=Environment(image=("python:3.12",)),
        resources=Resources(request=Amounts(cpu=1), accelerator=Accelerator(count=1)),
    )
    assert likeness(other) == likeness(PLAIN) is not None


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace(timeout=61),
        PLAIN.replace(environment=Environment(image=("python:3.13",))),
        PLAIN.replace(environment=None),
        PLAIN.replace(resources=Resources(request=Amounts(cpu=2), accelerator=Accelerator(count=1))),
        PLAIN.replace(resources=Resources(limit=Amounts(cpu=1), accelerator=Accelerator(count=1))),
        PLAIN.replace(resources=Resources(request=Amounts(cpu=1), accelerator=Accelerator(count=1, kind="t4"))),
        PLAIN.replace(resources=None),
        PLAIN.replace(platform="linux/arm64"),
        PLAIN.replace(action=Script(lines=("true",))),
    ],
)
def test_what_makes_a_difference(other: Job) -> None:
    assert likeness(other) != likeness(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace(outputs=(Artifact(path=("a",)),)),
        PLAIN.replace(retry=Retry(max=1)),
        PLAIN.replace(cache=Cache()),
        PLAIN.replace(nodes=2),
        PLAIN.replace(action=Support(script="gate")),
    ],
)
def test_what_is_treated_by_itself(other: Job) -> None:
    assert likeness(other) is None


def test_a_shell_is_part_of_it() -> None:
    line = PLAIN.replace(action=Script(lines=("true",)))
    assert likeness(line) != likeness(PLAIN.replace(action=Script(lines=("true",), shell="bash")))


class Asked:
    """A node that remembers which of its fields were asked for."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.fields: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.fields.add(name)
        return getattr(self.node, name)


@pytest.mark.parametrize(
    ("node", "ask"),
    [
        (PLAIN, likeness),
        (PLAIN.environment, module._content_of_environment),
        (PLAIN.resources, module._resources),
        (Amounts(cpu=1), module._content_of_amounts),
        (Accelerator(count=1), module._content_of_accelerator),
    ],
    ids=["Job", "Environment", "Resources", "Amounts", "Accelerator"],
)
def test_every_field_is_compared(node: Node, ask: Callable[[Any], object]) -> None:
    """Jobs that differ in a field that is not asked for would be taken for alike."""
    asked = Asked(node)
    ask(asked)
    in_which_they_may_differ = {"name", "needs", "env"} if isinstance(node, Job) else set()
    assert asked.fields == {*type(node).field_names} - in_which_they_may_differ
