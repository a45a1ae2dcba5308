"""How a job learns what came of its needs where GitLab would not tell it.

GitLab skips a job at once where one of its needs was skipped, whatever came of the others: what runs on failure would not
run, what always runs would not wait for the rest, and an optional need would skip who needs it. Needs that are skipped
together or not at all (they wait for the same jobs) do no harm. Where a job has others, jobs stand between that are never
skipped: `X-failed` runs where one of such a group failed and leaves a mark, and `X-ended`, which always runs after the
group, fails where the mark is there.
https://gitlab.com/gitlab-org/gitlab/-/blob/v16.1.0-ee/doc/architecture/blueprints/ci_pipeline_processing/index.md, problem 3
"""

from __future__ import annotations

from compiler import codes
from compiler.condition import conjoin
from compiler.ir import Job, Script
from targets.commands import literal
from targets.gitlab.limits import LIMITS
from targets.gitlab.plan import JOIN_SECONDS, Edge, Unit, fresh, handed_on, merged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Literal, TypeAlias

    from compiler.diagnostics import Sink
    from compiler.ir import Condition

    RunOn: TypeAlias = Literal["failure", "always"]

MARKS = ".headrace/failed"


class Outcomes:
    """The jobs that tell how groups of needs ended. Who asks the same of the same group shares them."""

    def __init__(self, taken: set[str], sink: Sink) -> None:
        self.taken = taken
        self.sink = sink
        self.made: dict[object, Unit] = {}
        self.said = False

    def settle(self, unit: Unit, decided: Container[str]) -> list[Unit]:
        """Let a unit need only what is never skipped where a skip must not skip it; gives the new ones, in order.

        `decided` are the jobs without whose success the unit does not run in any case.
        """
        new: list[Unit] = []
        if (unit.job.run_on or "success") == "success":
            self._tolerate(unit, decided, new)
        else:
            self._learn(unit, new)
        if new and not self.said:
            self.said = True
            self.sink.report(
                codes.EMULATED,
                f'GitLab skips a job where one of its needs was skipped: jobs between tell "{unit.job.name}" how those '
                "ended",
                unit.job.origin,
                field="needs" if (unit.job.run_on or "success") == "success" else "run_on",
            )
        return new

    def _tolerate(self, unit: Unit, decided: Container[str], new: list[Unit]) -> None:
        """What runs on success needs, instead of an optional need that may be skipped, a job that fails where that does."""
        waited = [edge for edge in unit.edges if edge.waits]
        risky = [edge for edge in unit.edges if not edge.waits and edge.optional and _is_risky(edge.unit, decided)]
        if not waited and not risky:
            return
        edges = [edge for edge in unit.edges if edge not in waited and edge not in risky]
        edges += [told for group in _grouped(risky)[1] for told in self._told(unit, group, new, "failure")]
        unit.edges = edges + self._waited(unit, waited, new)

    def _waited(self, unit: Unit, edges: list[Edge], new: list[Unit]) -> list[Edge]:
        """Needs whose end does not count, as needs of jobs that only wait for them."""
        direct, groups = _grouped(edges)
        return [told for group in (direct, *groups) for told in self._told(unit, group, new, "always")]

    def _learn(self, unit: Unit, new: list[Unit]) -> None:
        """What runs on failure, or always, needs what is never skipped."""
        run_on: RunOn = "always" if unit.job.run_on == "always" else "failure"
        waited = [edge for edge in unit.edges if edge.waits and run_on == "failure"]
        direct, groups = _grouped([edge for edge in unit.edges if edge not in waited])
        lone = len(groups) + bool(direct) + len(waited) <= 1
        if lone and sum(edge.count for edge in unit.edges) <= LIMITS["needs"]:
            return
        edges = direct + [told for group in groups for told in self._told(unit, group, new, run_on)]
        edges += self._waited(unit, waited, new)
        while sum(edge.count for edge in edges) > LIMITS["needs"]:
            edges = self._told(unit, edges, new, run_on)
        unit.edges = edges

    def _told(self, unit: Unit, group: list[Edge], new: list[Unit], run_on: RunOn) -> list[Edge]:
        """A group's needs as needs of jobs that end after them, and for `failure` fail where one of them failed."""
        atoms = [Edge(edge.unit, (leg,), edge.artifacts, edge.optional) for edge in group for leg in edge.covered]
        most = LIMITS["needs"] - 1  # beside the mark's
        found = []
        for at in range(0, len(atoms), most):
            edges = merged(atoms[at : at + most])
            ended = self._ended(unit, edges, new, run_on)
            found.append(Edge(ended, None, any(edge.artifacts for edge in edges), all(edge.optional for edge in edges)))
        return found

    def _ended(self, unit: Unit, edges: list[Edge], new: list[Unit], run_on: RunOn) -> Unit:
        asked = tuple((edge.unit.name, edge.covered, edge.artifacts, edge.optional) for edge in edges)
        key = (run_on, asked)
        found = self.made.get(key)
        if found is None and unit.job.run_on == "always":
            found = self.made.get(("failure", asked))  # which waits just as well
        if found is not None:
            return found
        name = edges[0].unit.name
        waited = list(edges)
        line = "true"
        if run_on == "failure":
            failed = self._unit(f"{name}-failed", "failure", unit, "")
            mark = f"{MARKS}/{failed.job.name}"
            failed.job = failed.job.replace(action=Script(lines=(f"mkdir -p {MARKS} && touch {literal(mark)}",)))
            failed.edges = [Edge(edge.unit, edge.legs, False, edge.optional) for edge in edges]
            failed.condition = _condition(edges)
            failed.paths = [mark]
            new.append(failed)
            waited.append(Edge(failed, None, True, False))
            line = f"test ! -e {literal(mark)}"
        found = self.made[key] = self._unit(f"{name}-ended", "always", unit, line)
        found.edges = waited
        found.condition = _condition(edges)
        found.paths = list(dict.fromkeys(path for edge in edges if edge.artifacts for path in handed_on(edge)))
        new.append(found)
        return found

    def _unit(self, wanted: str, run_on: RunOn, unit: Unit, line: str) -> Unit:
        name = fresh(wanted, self.taken)
        action = Script(lines=(line,))
        return Unit(
            name, Job(name=name, action=action, run_on=run_on, timeout=JOIN_SECONDS, origin=unit.job.origin), ((),)
        )


def _is_risky(unit: Unit, decided: Container[str]) -> bool:
    """Whether a unit that is there may not run, where all of `decided` ended well."""
    run_on = unit.job.run_on or "success"
    if run_on != "success":
        return run_on == "failure"
    return any(edge.unit.job.name not in decided for edge in unit.edges)


def _grouped(edges: list[Edge]) -> tuple[list[Edge], list[list[Edge]]]:
    """The needs that are never skipped, and the others by what skips them: those of a group are skipped together."""
    direct = []
    groups: dict[object, list[Edge]] = {}
    for edge in edges:
        needed = edge.unit
        run_on = needed.job.run_on or "success"
        if run_on == "always" or (run_on == "success" and not needed.edges):
            direct.append(edge)
            continue
        before = frozenset((one.unit.name, one.covered, one.optional) for one in needed.edges)
        groups.setdefault((run_on, before, needed.condition, edge.optional), []).append(edge)
    return direct, list(groups.values())


def _condition(edges: list[Edge]) -> Condition | None:
    """Where a job exists that needs these."""
    found = list(dict.fromkeys(edge.unit.condition for edge in edges if not edge.optional))
    if not found:
        alike = {edge.unit.condition for edge in edges}
        return alike.pop() if len(alike) == 1 else None
    return conjoin(*found)
