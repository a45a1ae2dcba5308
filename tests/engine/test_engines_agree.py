"""Every engine that can be had runs every pipeline of fixtures/engines, and all report what the semantics say.

Each pair runs under a time limit, in a clone of its own, two at a time, and all in one process: with several (`-n`) each
would run them all, so `--dist loadgroup` keeps them together. What an engine is known to do otherwise is in
tests/engines/known.py, each entry with its source; docs/engines.md has the matrix.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.cases import Case, cases
from tests.engines.known import KNOWN
from tests.engines.matrix import ENGINES, Engine, Pool

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engines-agree")]

PAIRS = {f"{case.name}-{engine.name}": (case, engine) for case in cases() for engine in ENGINES.values()}


def selected(request: pytest.FixtureRequest) -> list[tuple[Case, Engine]]:
    """The pairs of this session."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = (item.callspec.id for item in items if item.originalname == test_an_engine_agrees.__name__)
    return [PAIRS[name] for name in names]


@pytest.fixture(scope="module")
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    """Works out the pairs that were selected, ahead of the tests that ask for them."""
    made = Pool(selected(request))
    yield made
    made.close()


@pytest.mark.parametrize(("case", "engine"), PAIRS.values(), ids=PAIRS)
def test_an_engine_agrees(case: Case, engine: Engine, pool: Pool) -> None:
    verdict = pool.verdict(case, engine)
    assert not verdict.differences, "\n".join([*verdict.differences, *verdict.logs])
    if verdict.word == "skipped":
        pytest.skip(f"{engine.name}: {verdict.skipped[0].reason}")


def test_what_is_known_is_still_so(pool: Pool, request: pytest.FixtureRequest) -> None:
    """An entry that covers nothing would hide the next fault in its place. Asked only where everything runs."""
    if len(selected(request)) < len(PAIRS):
        pytest.skip("not all cases were selected")
    used = [known for case in cases() for engine in ENGINES.values() for known, _ in pool.verdict(case, engine).known]
    unused = [known for known in KNOWN if known not in used]
    assert not unused
