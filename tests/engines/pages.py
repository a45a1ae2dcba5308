"""docs/engines.md: the part that is written by `python -m tests.engines --write`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.engines.cases import Case
from tests.engines.known import KNOWN, SKIPS
from tests.engines.matrix import Engine, Verdict

PAGE = Path(__file__).resolve().parents[2] / "docs" / "engines.md"
BEGIN, END = "<!-- written by python -m tests.engines --write -->", "<!-- end -->"


def write(cases: Sequence[Case], engines: Sequence[Engine], verdicts: Mapping[tuple[str, str], Verdict]) -> None:
    """Replaces what stands between the two marks. ValueError where the page doesn't have them."""
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise ValueError(f"{PAGE.name} has no marks")
    made = "\n".join([*table(cases, engines, verdicts), "", *left_out()])
    PAGE.write_text(f"{head}{BEGIN}\n\n{made}\n\n{END}{tail}", encoding="utf-8")


def table(
    cases: Sequence[Case], engines: Sequence[Engine], verdicts: Mapping[tuple[str, str], Verdict]
) -> Iterable[str]:
    yield "| pipeline | what it stands for | runs | " + " | ".join(engine.name for engine in engines) + " |"
    yield "|---|---|---|" + "---|" * len(engines)
    for case in cases:
        words = (verdicts[case.name, engine.name].word for engine in engines)
        says = "; ".join(case.says).replace("|", "\\|")
        yield f"| [{case.name}](../fixtures/engines/{case.name}) | {says} | {len(case.runs)} | " + (
            " | ".join(words) + " |"
        )


def left_out() -> Iterable[str]:
    yield "| engine | what it does otherwise, and does not count | where | written |"
    yield "|---|---|---|---|"
    for known in KNOWN:
        yield f"| {known.engine} | {known.reason} | {', '.join(known.where) or 'everywhere'} | {known.source} |"
    for one in SKIPS:
        where = one.case if one.run is None else f"{one.case}, run {one.run}"
        yield f"| {one.engine} | {one.reason} | {where} | {one.source} |"
