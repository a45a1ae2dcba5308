"""The table of passes says which projects each one concerns: the others are as they were, and nothing is found."""

from __future__ import annotations

import os

import pytest

from compiler.diagnostics import Sink
from compiler.frontends import front_end
from compiler.passes import PASSES, Context, load
from compiler.repository import Repository
from tests.conformance.cases import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_pass_leaves_a_project_alone_that_does_not_concern_it(case: Case) -> None:
    sink = Sink()
    repository = Repository(os.fspath(case.root))
    project = front_end(case.dialect).read(case.manifest, repository, sink)
    assert project is not None
    context = Context(repository, sink)
    for name, concerned in PASSES:
        reports = sink.reports
        changed = load(name)(project, context)
        if not concerned(project):
            assert changed == project, name
            assert sink.reports == reports, name
        project = changed


def test_every_pass_concerns_some_case() -> None:
    waiting = {name for name, _ in PASSES}
    for case in CASES:
        sink = Sink()
        repository = Repository(os.fspath(case.root))
        project = front_end(case.dialect).read(case.manifest, repository, sink)
        assert project is not None
        for name, concerned in PASSES:
            if concerned(project):
                waiting.discard(name)
                project = load(name)(project, Context(repository, sink))
    assert not waiting
