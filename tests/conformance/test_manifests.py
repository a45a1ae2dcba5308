"""Whatever a valid manifest says: each target takes it or says why not, and what comes out is legal and in order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings

from compiler.diagnostics import Sink
from compiler.frontends import native
from compiler.frontends.native.writing import write
from compiler.repository import Repository
from targets import TARGETS
from tests.conformance.cases import Lowered, Output, emit, lower
from tests.conformance.manifests import FILES, Data, manifests, text_of
from tests.conformance.test_order import compared, is_split
from tests.conformance.test_schema import EVENTS, OTHERS, Loader, problems

COUNT = 60  # manifests; a few hundred more take a minute: HEADRACE_MANIFESTS=600


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_what_is_made_of_any_manifest(tree: Path) -> None:
    taken: Counter[str] = Counter()

    @seed(int(os.environ.get("HEADRACE_SEED", "0")))  # the same in every run: what is found later is found by hand
    @settings(
        max_examples=int(os.environ.get("HEADRACE_MANIFESTS", COUNT)),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(manifests())
    def check(manifest: Data) -> None:
        taken["all"] += 1
        (tree / "headrace.yaml").write_text(text_of(manifest), encoding="utf-8")
        found = lower(tree, "headrace.yaml")
        if any(one.severity == "error" for one in found.found):
            return
        for name in TARGETS:
            output = emit(found.project, name)
            if output.failed:
                assert all(one.code.number.startswith("HR4") for one in output.found if one.severity == "error")
                continue
            taken[name] += 1
            assert list(faults(name, output)) == []
            check_order(found, output, name)
        check_writing(found, tree)

    check()
    for name in TARGETS:
        assert taken[name] > taken["all"] / 3, f"too few are taken by {name} to say much"


def faults(name: str, output: Output) -> Iterator[str]:
    for path, text in output.yaml.items():
        for kind, document in documents(name, text):
            yield from (f"{path}: {problem}" for problem in problems(kind, document))


def documents(name: str, text: str) -> Iterator[tuple[str, Any]]:
    """Each document with the schema that judges it."""
    if name == "github":
        yield name, yaml.load(text, Loader=Loader)
        return
    loaded = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    if name == "gitlab":
        yield name, loaded[-1]
        return
    for document in loaded:
        if document["kind"] not in OTHERS:
            yield "events" if document["kind"] in EVENTS else "argo", document


def check_order(found: Lowered, output: Output, name: str) -> None:
    for root, compare in compared(found, output, name).items():
        assert compare.missing == set(), f"{root}: order that is lost"
        assert compare.added == set() or is_split(output), f"{root}: order that nobody asked for"
        assert compare.not_received == set(), f"{root}: outputs that do not arrive"
        assert compare.received == set(), f"{root}: outputs that nobody asked for"


def check_writing(found: Lowered, tree: Path) -> None:
    """`convert` loses nothing."""
    sink = Sink()
    (tree / "headrace.yaml").write_text(write(found.read), encoding="utf-8")
    again = native.read("headrace.yaml", Repository(os.fspath(tree)), sink)
    assert [one for one in sink.diagnostics if one.severity == "error"] == []
    assert again == found.read
