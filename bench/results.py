"""What was measured: runs, their medians, and headrace's ratios beside the budgets."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple


class Run(NamedTuple):
    """One run of one row; seconds and bytes. `failure` says why there is no output, empty where there is."""

    row: str
    size: int
    cpu: float
    wall: float
    rss: int
    written: int
    failure: str = ""


class Cell(NamedTuple):
    """The medians of a row at one size, and its CPU beside yamloom's of the same rounds (None without yamloom's)."""

    cpu: float
    wall: float
    rss: float
    written: float
    rounds: int
    failure: str
    ratio: float | None


class Budget(NamedTuple):
    """CPU in seconds, times yamloom's CPU, peak in MB (10^6 bytes)."""

    cpu: float
    ratio: float
    megabytes: float


HEADRACE = "headrace (github)"
LARGEST = "headrace (gitlab)"
"""The row that goes on to 100,000 jobs, more than a run on GitHub holds."""
PEER = "yamloom"

HOLD = {10: Budget(0.060, 1.0, 25), 1_000: Budget(0.15, 1.0, 40), 10_000: Budget(1.0, 2.0, 170)}
STRETCH = {10: Budget(0.030, 0.65, 15), 1_000: Budget(0.080, 0.95, 20), 10_000: Budget(0.55, 1.15, 80)}
LINEAR = (10_000, 100_000, 12.0)
"""Ten times the jobs may cost at most twelve times the CPU."""
HOOK = 1.1  # a check writes nothing; beyond a tenth it does something that a compile does not

Cells = dict[tuple[str, int], Cell]


def medians(runs: list[Run]) -> Cells:
    """Groups runs by row and size. Ratios are medians of the ratios of a round, which noise moves less than either."""
    grouped: dict[tuple[str, int], list[Run]] = {}
    for run in runs:
        grouped.setdefault((run.row, run.size), []).append(run)
    return {key: _cell(group, grouped.get((PEER, key[1]), [])) for key, group in grouped.items()}


def _cell(group: list[Run], peer: list[Run]) -> Cell:
    failure = next((run.failure for run in group if run.failure), "")
    comparable = not failure and peer and not any(run.failure for run in peer)
    pairs = [run.cpu / other.cpu for run, other in zip(group, peer, strict=False)] if comparable else []
    return Cell(
        cpu=median(run.cpu for run in group),
        wall=median(run.wall for run in group),
        rss=median(run.rss for run in group),
        written=median(run.written for run in group),
        rounds=len(group),
        failure=failure,
        ratio=median(pairs) if pairs else None,
    )


def check_budgets(cells: Cells, sizes: list[int]) -> list[str]:
    """What breaks the budgets to hold, or keeps them from being judged, at the sizes that were asked for.

    Seconds are not judged, since they belong to the machine: `over_seconds` tells them.
    """
    found: list[str] = []
    for size, budget in _judged(sizes):
        cell = cells.get((HEADRACE, size))
        if cell is None or cell.failure:
            found.append(f"{size:,} jobs: headrace gave no figure: {cell.failure if cell else 'it was not run'}")
            continue
        if cell.ratio is None:
            found.append(f"{size:,} jobs: no ratio, since {PEER} gave no figure")
        elif cell.ratio > budget.ratio:
            found.append(f"{size:,} jobs: {cell.ratio:.2f} times the CPU of {PEER}, at most {budget.ratio:.2f} times")
        if cell.rss / 1e6 > budget.megabytes:
            found.append(f"{size:,} jobs: {cell.rss / 1e6:.0f} MB, at most {budget.megabytes:.0f} MB")
    if not _judged(sizes):
        found.append(f"no size with a budget was asked for; those are {', '.join(map(str, HOLD))}")
    return found + _not_linear(cells)


def check_hook(cells: Cells, hook: str, compilation: str) -> list[str]:
    """What keeps the check of a warm pre-commit hook from costing no more than a cold compile of the same manifest."""
    first, second = cells.get((hook, 10)), cells.get((compilation, 10))
    if first is None or second is None or first.failure or second.failure:
        return []  # the parts of the start were not measured; a failure stands in the table
    most = HOOK * second.cpu
    return [] if first.cpu <= most else [f"{hook}: {first.cpu:.3f} s of CPU, a cold compile takes {second.cpu:.3f} s"]


def over_seconds(cells: Cells, sizes: list[int]) -> list[str]:
    """The sizes at which headrace takes more seconds than the budget, which a slow machine explains as well."""
    return [
        f"{size:,} jobs: {cells[HEADRACE, size].cpu:.3f} s of CPU, the budget is {budget.cpu:.3f} s"
        for size, budget in _judged(sizes)
        if (HEADRACE, size) in cells and cells[HEADRACE, size].cpu > budget.cpu
    ]


def _judged(sizes: list[int]) -> list[tuple[int, Budget]]:
    return [(size, budget) for size, budget in HOLD.items() if size in sizes]


def _not_linear(cells: Cells) -> list[str]:
    small, large, most = LINEAR
    first, second = cells.get((LARGEST, small)), cells.get((LARGEST, large))
    if second is None:
        return []
    if second.failure:
        return [f"{large:,} jobs: headrace failed: {second.failure}"]
    if first is None or first.failure or second.cpu <= most * first.cpu:
        return []
    return [f"{large:,} jobs: {second.cpu / first.cpu:.1f} times the CPU of {small:,} jobs, at most {most:.0f} times"]
