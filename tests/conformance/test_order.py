"""Order and artifacts, read back from the emitted text: what the IR says, and no more."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.conformance import order
from tests.conformance.cases import CASES as ALL
from tests.conformance.cases import Case, Lowered, Output, by_pair, compiled, emitted, lowered
from tests.conformance.readback import Readback


def read(output: Output, name: str) -> Readback:
    found: Readback = import_module(f"tests.conformance.readback_{name}").read(output.yaml)
    return found


def compared(case: Lowered, output: Output, name: str) -> dict[str, order.Comparison]:
    """Each pipeline's comparison; every pipeline that has jobs must be there."""
    found = read(output, name)
    wanted = [order.Wanted(pipeline) for pipeline in case.project.pipelines]
    assigned = order.assigned(wanted, found)
    told = [frozenset(one.told) for one, _ in assigned.values()]
    assert {frozenset(one.told) for one in wanted} == set(told), "a pipeline is missing"
    return {root: order.compare(one, units, found) for root, (one, units) in assigned.items()}


def is_split(output: Output) -> bool:
    return any(one.code.name == "split" for one in output.found)


@by_pair
def test_order_and_artifacts_are_the_irs(case: Case, name: str) -> None:
    output = emitted(case, name)
    for root, found in compared(lowered(case), output, name).items():
        assert found.missing == set(), f"{root}: order that is lost"
        assert found.added == set() or is_split(output), f"{root}: order that nobody asked for"
        assert found.not_received == set(), f"{root}: outputs that do not arrive"
        assert found.received == set(), f"{root}: outputs that nobody asked for"


# The reader must see what is wrong: each change is one line of text.
BROKEN = {
    "github": (
        ("    needs: [left, right]\n", "    needs: [left]\n", "missing"),
        ("    needs: [top]\n", "    needs: [top, far]\n", "added"),
        ("          name: left\n          path: .headrace/in", "          name: top\n          path: .headrace/in", "received"),
    ),
    "gitlab": (
        ("    - job: right\n      artifacts: false\n", "", "missing"),
        ("  needs: [top]\n", "  needs: [top, far]\n", "added"),
        ("    - job: right\n      artifacts: false\n", "    - job: right\n", "received"),
    ),
    "argo": (
        ("left.Succeeded && right.Succeeded", "left.Succeeded", "missing"),
        ("depends: top.Succeeded\n", "depends: top.Succeeded && far.Succeeded\n", "added"),
        ("{{workflow.name}}/left/left.tgz", "{{workflow.name}}/left/none.tgz", "not_received"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "at"), [(name, at) for name, broken in BROKEN.items() for at in range(len(broken))])
def test_the_readers_see_what_is_wrong(name: str, at: int) -> None:
    case = next(one for one in ALL if one.name == "diamond")
    output = compiled(case, name)
    old, new, what = BROKEN[name][at]
    texts = {path: _last(text, old, new) for path, text in output.files.items()}
    assert texts != output.files, f"the output has no {old!r}"
    (found,) = compared(lowered(case), Output(texts, output.found), name).values()
    assert getattr(found, what) != set()


def _last(text: str, old: str, new: str) -> str:
    """The last place replaced: what stands nearer to the end is the reader of what stands before."""
    head, found, tail = text.rpartition(old)
    return head + new + tail if found else text
