"""How an instance ended, and what it leaves to those that need it."""

from __future__ import annotations

from dataclasses import dataclass, field

from compiler.diagnostics import Code
from targets.local.plan import Edge, Instance
from targets.local.results import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from compiler.source import Origin

SUCCEEDED = "succeeded"
FAILED = "failed"
SKIPPED = "skipped"
CANCELLED = "cancelled"


@dataclass(frozen=True)
class Problem:
    """A finding about an instance: where in the manifest, and what to do."""

    code: Code
    message: str
    origin: Origin | None = None
    field: str | None = None
    help: str | None = None


@dataclass
class Outcome:
    """`reason` says in a few words why it is what it is. `result` is what arrives at dependents."""

    status: str
    reason: str = ""
    cached: bool = False
    ruled_out: bool = False  # skipped whatever happens: by its condition, or with a need that is
    allowed: bool = False  # failed, and may
    attempts: int = 0
    started: float = 0.0  # seconds since 1970
    seconds: float = 0.0
    result: Result | None = None
    log: str = ""
    folder: str = ""  # a failed job's checkout, which is kept
    problems: list[Problem] = field(default_factory=list)
    exit_status: int | None = None

    @property
    def fine(self) -> bool:
        """Whether dependents go on."""
        return self.status == SUCCEEDED or (self.status == FAILED and self.allowed)


def verdict(one: Instance, outcomes: Mapping[str, Outcome]) -> Outcome | None:
    """Whether an instance runs (None), or how it ends without, all its needs being done.

    `run_on` decides over the outcome of the needs. A need that was ruled out takes its dependents with it unless it is
    optional, whatever came of the others.
    """
    if one.ruled_out:
        return Outcome(SKIPPED, "its condition does not hold", ruled_out=True)
    ruled_out = [edge for edge in one.needs if outcomes[edge.to].ruled_out and not edge.optional]
    if ruled_out:
        return Outcome(SKIPPED, f"{ruled_out[0].to} does not run", ruled_out=True)
    cancelled = [edge for edge in one.needs if outcomes[edge.to].status == CANCELLED]
    if cancelled:
        return Outcome(CANCELLED, f"{cancelled[0].to} was cancelled")
    failed = [edge for edge in one.needs if outcomes[edge.to].status == FAILED and not outcomes[edge.to].allowed]
    run_on = one.job.run_on or "success"
    if run_on == "always":
        return None
    if run_on == "failure":
        return None if failed else Outcome(SKIPPED, "nothing failed before it")
    if failed:
        return Outcome(SKIPPED, f"{failed[0].to} failed")
    waiting = [edge for edge in one.needs if _is_missing(edge, outcomes)]
    return Outcome(SKIPPED, f"{waiting[0].to} was skipped") if waiting else None


def _is_missing(edge: Edge, outcomes: Mapping[str, Outcome]) -> bool:
    outcome = outcomes[edge.to]
    return not outcome.fine and not (edge.optional and outcome.status == SKIPPED)


def joined(one: Instance, outcomes: Mapping[str, Outcome]) -> Outcome:
    """How a called pipeline ended."""
    start = outcomes[one.needs[0].to]
    if start.status != SUCCEEDED:
        return Outcome(start.status, start.reason, ruled_out=start.ruled_out)
    inner = [(name, outcomes[name]) for name in one.inner]
    for status, word in ((CANCELLED, "was cancelled"), (FAILED, "failed")):
        bad = [name for name, outcome in inner if outcome.status == status and not outcome.allowed]
        if bad:
            return Outcome(status, f"{bad[0]} {word}", allowed=status == FAILED and bool(one.job.allow_failure))
    began = min((outcome.started for _, outcome in inner if outcome.started), default=0.0)
    ended = max((outcome.started + outcome.seconds for _, outcome in inner if outcome.started), default=0.0)
    cached = bool(inner) and all(outcome.cached or outcome.status == SKIPPED for _, outcome in inner)
    return Outcome(SUCCEEDED, started=began, seconds=ended - began, cached=cached)
