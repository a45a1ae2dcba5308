"""Manifests that are large and wrong: every fault is found, in the time that a person waits."""

from __future__ import annotations

import time
from pathlib import Path

from compiler.diagnostics import Sink
from tests.test_passes import Bench


def test_ten_thousand_unknown_needs(tmp_path: Path) -> None:
    jobs = "".join(f"  job-{at}: {{run: x, needs: [jab-{at}]}}\n" for at in range(10_000))
    started = time.process_time()
    lowered = Bench(tmp_path)("jobs:\n" + jobs)
    assert time.process_time() - started < 30
    assert lowered.codes() == ["unknown-job"] * 10_000
    assert lowered.found[0].suggestion == "job-0"


def test_a_matrix_beyond_reason(tmp_path: Path) -> None:
    values = ", ".join(map(str, range(1000)))
    started = time.process_time()
    axes = f"{{a: [{values}], b: [{values}], c: [{values}]}}"
    lowered = Bench(tmp_path)(f"jobs:\n  a:\n    run: echo {{{{ matrix.c }}}}\n    matrix: {axes}\n")
    assert time.process_time() - started < 5
    assert [(one.code.name, one.message) for one in lowered.found] == [
        ("out-of-range", 'the matrix of "a" has 1,000,000,000 legs: a job has at most 10,000')
    ]


def test_suggestions_end_where_there_are_too_many_to_read() -> None:
    """20,000 misspelt keys took ten seconds, nearly all of it for suggestions."""
    sink = Sink()
    known = [f"key_{number}" for number in range(1000)]
    found = [sink.nearest(f"kez_{number}", known) for number in range(200)]
    assert found[0] == "key_0"
    assert found[-1] is None
    assert found.count(None) >= 100
