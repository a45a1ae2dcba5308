"""What a run ends with: how long everything took, what failed and why, and how to run it again."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from targets.local.display import elapsed
from targets.local.log import tail
from targets.local.outcome import CANCELLED, FAILED, SKIPPED, SUCCEEDED, Outcome
from targets.local.plan import CALLED, JOB, Instance, Plan

TAIL_LINES = 12


def status_of(outcomes: Mapping[str, Outcome], cancelled: bool) -> str:
    """How the run as a whole ended."""
    if any(one.status == FAILED and not one.allowed for one in outcomes.values()):
        return FAILED
    return CANCELLED if cancelled or any(one.status == CANCELLED for one in outcomes.values()) else SUCCEEDED


def lines(plan: Plan, outcomes: Mapping[str, Outcome], seconds: float, command: str, folder: str) -> list[str]:
    """The summary. `command` is the beginning of the command line that runs a part of it again."""
    shown = [
        (one, outcomes[one.id]) for one in plan.instances.values() if one.kind in (JOB, CALLED) and one.id in outcomes
    ]
    shown = [(one, outcome) for one, outcome in shown if one.kind == JOB or outcome.status == FAILED]
    failed = [(one, outcome) for one, outcome in shown if outcome.status == FAILED]
    found = []
    for one, outcome in failed:
        found += ["", *_failure(one, outcome, command)]
    ran = [(one, outcome) for one, outcome in shown if outcome.status == SUCCEEDED and not outcome.cached]
    if len(ran) > 1:
        slowest = sorted(ran, key=lambda pair: -pair[1].seconds)[:5]
        found += ["", "slowest: " + ", ".join(f"{one.id} {elapsed(outcome.seconds)}" for one, outcome in slowest)]
    found += ["", _counts(shown, seconds), f"run: {folder}"]
    return found


def _counts(shown: list[tuple[Instance, Outcome]], seconds: float) -> str:
    outcomes = [outcome for _, outcome in shown]
    counts = [
        (sum(1 for one in outcomes if one.status == SUCCEEDED and not one.cached), "ok"),
        (sum(1 for one in outcomes if one.status == FAILED and not one.allowed), "failed"),
        (sum(1 for one in outcomes if one.status == FAILED and one.allowed), "failed and may"),
        (sum(1 for one in outcomes if one.cached), "unchanged"),
        (sum(1 for one in outcomes if one.status == SKIPPED), "skipped"),
        (sum(1 for one in outcomes if one.status == CANCELLED), "cancelled"),
    ]
    told = ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing to do"
    return f"{told} in {elapsed(seconds)}"


def _failure(one: Instance, outcome: Outcome, command: str) -> list[str]:
    found = [f"{one.id} failed{' (it may)' if outcome.allowed else ''}: {outcome.reason}"]
    last = tail(outcome.log, TAIL_LINES + 1) if outcome.log else []
    last = [line for line in last if line != f"headrace: {outcome.reason}"][-TAIL_LINES:]  # it stands above
    found += [f"    {line}" for line in last]
    if outcome.log:
        found.append(f"  log: {outcome.log}")
    if outcome.folder:
        found.append(f"  its folder: {outcome.folder}")
    leg = "".join(f" --leg {quote(f'{axis}={value}')}" for axis, value in one.leg)
    found.append(f"  again: {command} --job {quote(one.name)}{leg}")
    return found
