"""Which GitLab jobs a pipeline's jobs become: legs, needs, joins, names and the conditions under which they exist.

GitLab refuses a pipeline in which a needed job was ruled out, so a job's condition holds those of its needs. Each leg
of a matrix counts as a need, of which a job takes 50, and there are no needs between the legs of two jobs.
https://docs.gitlab.com/ci/yaml/needs/ and https://docs.gitlab.com/ci/yaml/#parallelmatrix
"""

from __future__ import annotations

import re

from compiler import codes, graph
from compiler.condition import conjoin
from compiler.diagnostics import clipped
from compiler.ir import Artifact, ChangedFiles, Job, Pipeline, Ref, Script
from compiler.matrix import label, legs, matching
from targets import names
from targets.commands import variable
from targets.gitlab.limits import LIMITS
from targets.gitlab.values import expanded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from compiler.diagnostics import Sink
    from compiler.ir import Cache, Condition, Need, Text
    from compiler.matrix import Leg
    from targets.gitlab.outcomes import Outcomes

JOIN_SECONDS = 600
RESERVED = frozenset(
    [
        *("after_script", "before_script", "cache", "default", "false", "image", "include", "nil", "pages"),
        *("services", "spec", "stages", "true", "types", "variables", "workflow"),
    ]
)
# Values that stand for themselves in a variable, a path and the name that GitLab gives to a leg's job.
_SAFE_VALUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")


class Edge:
    """A need: of a whole unit, or of some of its legs."""

    __slots__ = ("artifacts", "legs", "optional", "unit", "waits")

    def __init__(self, unit: Unit, picked: tuple[Leg, ...] | None, artifacts: bool, optional: bool) -> None:
        self.unit = unit
        self.legs = picked
        self.artifacts = artifacts
        self.optional = optional
        self.waits = False  # whether it only waits: how the needed one ends does not count

    @property
    def count(self) -> int:
        """How many needs GitLab takes it for."""
        return len(self.unit.legs if self.legs is None else self.legs)

    @property
    def covered(self) -> tuple[Leg, ...]:
        return self.unit.legs if self.legs is None else self.legs


class Unit:
    """One job of the output: a job of the pipeline, some legs of one, or a join that the limits ask for."""

    __slots__ = ("condition", "edges", "job", "legs", "name", "paths", "slot")

    def __init__(self, name: str, job: Job, unit_legs: tuple[Leg, ...], slot: int | None = None) -> None:
        self.name = name
        self.job = job
        self.legs = unit_legs
        self.slot = slot
        self.edges: list[Edge] = []
        self.condition: Condition | None = None
        self.paths: list[str] | None = None  # a join's: what it hands on

    @property
    def is_parallel(self) -> bool:
        return len(self.legs) > 1

    @property
    def values(self) -> Leg:
        """The values of a leg that is a job of its own."""
        return () if self.is_parallel else self.legs[0]


def conditions(jobs: Sequence[Job]) -> dict[str, Condition | None]:
    """What must hold for each job to exist: its own condition and those of all that it needs."""
    by_name = {job.name: job for job in jobs}
    if all(job.condition is None for job in jobs):
        return dict.fromkeys(by_name)
    found: dict[str, Condition | None] = {}
    for name in graph.order({job.name: [need.job for need in job.needs] for job in jobs}):
        job = by_name[name]
        terms = {id(job.condition): job.condition}
        for need in job.needs:
            if not need.optional:
                terms[id(found[need.job])] = found[need.job]
        terms.pop(id(None), None)
        found[name] = terms.popitem()[1] if len(terms) == 1 else conjoin(*dict.fromkeys(terms.values()))
    return found


def plan(pipeline: Pipeline, sink: Sink) -> list[Unit]:
    """The units of a pipeline in its order, with joins before the units that need them."""
    jobs = pipeline.jobs
    by_name = {job.name: job for job in jobs}
    holds = conditions(jobs)
    members = {job.name: _units(job, by_name) for job in jobs}
    _rename(members, sink)
    decided = _decided(by_name)
    for job in jobs:
        before = decided.get(job.name)
        needs = job.needs if before is None else _with_optional_ancestors(job, by_name, holds, before)
        own = len(job.needs)
        for unit in members[job.name]:
            unit.condition = holds[job.name]
            unit.edges = _edges(unit, needs[:own], by_name, members)
            for edge in _edges(unit, needs[own:], by_name, members) if len(needs) > own else ():
                edge.waits = True
                unit.edges.append(edge)
    made: list[Unit] = []
    taken = {unit.name for units in members.values() for unit in units}
    joins = _Joins(taken)
    outcomes = _outcomes(pipeline, taken, sink)
    for job in jobs:
        for unit in members[job.name]:
            if outcomes is not None:
                made.extend(outcomes.settle(unit, decided.get(job.name, ())))
            if sum(edge.count for edge in unit.edges) > LIMITS["needs"]:
                made.extend(joins.reduce(unit))
            made.append(unit)
    return made


def _outcomes(pipeline: Pipeline, taken: set[str], sink: Sink) -> Outcomes | None:
    if all((job.run_on or "success") == "success" for job in pipeline.jobs) and not any(
        need.optional for job in pipeline.jobs for need in job.needs
    ):
        return None
    from targets.gitlab.outcomes import Outcomes

    return Outcomes(taken, sink)


# ------------------------------------------------------------------------------------------------------------------ legs


def _units(job: Job, by_name: dict[str, Job]) -> list[Unit]:
    if job.matrix is None:
        return [Unit(job.name, job, ((),))]
    all_legs = legs(job.matrix)
    groups = _groups(job, all_legs, by_name)
    if len(groups) == 1:
        return [Unit(job.name, job, groups[0][1], groups[0][2])]
    units = []
    for number, (shared, group, slot) in enumerate(groups, 1):
        own = label(group[0]) if len(group) == 1 else label(shared) if shared else str(number)
        units.append(Unit(f"{job.name}.{own}", job, group, slot))
    return units


def _groups(
    job: Job, all_legs: tuple[Leg, ...], by_name: dict[str, Job]
) -> list[tuple[Leg, tuple[Leg, ...], int | None]]:
    """Legs that can be one parallel job: the values that they share, the legs, and their slot where slots are few."""
    shared = _shared_axes(job, by_name)
    alone = _must_be_alone(job, all_legs)
    assert job.matrix is not None
    parallel = job.matrix.max_parallel
    slots = parallel if parallel is not None and parallel < len(all_legs) else None
    grouped: dict[tuple[Leg, int | None], list[Leg]] = {}
    for at, leg in enumerate(all_legs):
        key = leg if alone else tuple((axis, value) for axis, value in leg if axis in shared)
        slot = None if slots is None else at % slots
        grouped.setdefault((key, slot), []).append(leg)
    found: list[tuple[Leg, tuple[Leg, ...], int | None]] = []
    for (key, slot), group in grouped.items():
        pieces = [group[at : at + LIMITS["matrix"]] for at in range(0, len(group), LIMITS["matrix"])]
        named = key if slots is None and len(pieces) == 1 else ()
        found.extend((named, tuple(piece), slot) for piece in pieces)
    return found


def _shared_axes(job: Job, by_name: dict[str, Job]) -> set[str]:
    """The axes by which legs of this job wait for the same legs of others."""
    from compiler.matrix import axes

    own = set(axes(job.matrix))
    found: set[str] = set()
    for need in job.needs:
        if need.legs == "same" and by_name[need.job].matrix is not None:
            found |= own & set(axes(by_name[need.job].matrix))
    return found


def _must_be_alone(job: Job, all_legs: tuple[Leg, ...]) -> bool:
    """Whether each leg is a job of its own: for values that GitLab would expand, or that a cache's key must know."""
    if any(_SAFE_VALUE.fullmatch(value) is None for leg in all_legs for _, value in leg):
        return True
    if any(len(job.name) + sum(len(value) + 2 for _, value in leg) + 4 > LIMITS["name"] for leg in all_legs):
        return True
    return job.cache is not None and job.cache.enabled


def _rename(members: dict[str, list[Unit]], sink: Sink) -> None:
    units = [unit for group in members.values() for unit in group]
    made = names.unique((unit.name for unit in units), _legal, LIMITS["name"])
    for unit in units:
        if made[unit.name] != unit.name:
            message = f'"{clipped(unit.name)}" is called "{clipped(made[unit.name])}" on GitLab'
            sink.report(codes.RENAMED, message, unit.job.origin)
            unit.name = made[unit.name]


def fresh(wanted: str, taken: set[str]) -> str:
    """A name for a job that the compiler adds; it is taken from then on."""
    wanted = _legal(wanted)
    name, number = wanted[: LIMITS["name"] - 8], 1
    while name in taken:
        number += 1
        name = f"{wanted[: LIMITS['name'] - 8]}-{number}"
    taken.add(name)
    return name


def _legal(name: str) -> str:
    if name in RESERVED or name.startswith("."):
        return f"job-{name.lstrip('.')}"
    return name


# ----------------------------------------------------------------------------------------------------------------- needs


def _with_optional_ancestors(
    job: Job, by_name: dict[str, Job], holds: dict[str, Condition | None], decided: Decided
) -> tuple[Need, ...]:
    """An optional need that is left out no longer makes the job wait for what it would have waited for: the job waits
    for those as well, where they are there. They come after the job's own needs."""
    found = {need.job: need for need in job.needs}
    pending = [need.job for need in job.needs if need.optional and holds[need.job] is not None]
    seen = set(pending)
    while pending:
        for need in by_name[pending.pop(0)].needs:
            if need.job in seen or need.job in decided:  # what decides waits for all that it needs itself
                continue
            seen.add(need.job)
            if need.job not in found:
                found[need.job] = need.replace(artifacts=False, optional=True, legs="all")
            if holds[need.job] is not None:
                pending.append(need.job)
    return tuple(found.values())


def _decided(by_name: dict[str, Job]) -> dict[str, Decided]:
    """For each job with an optional need, the jobs that decide whether it runs."""
    wanted = [job for job in by_name.values() if any(need.optional for need in job.needs)]
    if not wanted:
        return {}
    order = graph.order({name: [need.job for need in job.needs] for name, job in by_name.items()})
    places = {name: at for at, name in enumerate(order)}
    return {job.name: Decided(job, by_name, places) for job in wanted}


class Decided:
    """The jobs without whose success a job does not run in any case: it need not be told how they ended.

    They are looked for backwards, no further than to what is asked for: in a long chain that is near.
    """

    __slots__ = ("_by_name", "_found", "_order", "_waiting")

    def __init__(self, job: Job, by_name: dict[str, Job], order: dict[str, int]) -> None:
        self._by_name = by_name
        self._order = order  # each job's place behind all that it needs
        self._found: set[str] = set()
        self._waiting = [(-order[job.name], job.name)]

    def __contains__(self, name: object) -> bool:
        from heapq import heappop, heappush

        at = self._order.get(str(name))
        while at is not None and self._waiting and -self._waiting[0][0] > at:
            job = self._by_name[heappop(self._waiting)[1]]
            for need in job.needs if (job.run_on or "success") == "success" else ():
                if not need.optional and need.legs in (None, "all") and need.job not in self._found:
                    self._found.add(need.job)
                    heappush(self._waiting, (-self._order[need.job], need.job))
        return name in self._found


def _edges(unit: Unit, needs: Iterable[Need], by_name: dict[str, Job], members: dict[str, list[Unit]]) -> list[Edge]:
    found: dict[str, Edge] = {}
    for need in needs:
        units = members[need.job]
        waited: set[Leg] | None = None
        if need.legs not in (None, "all"):
            waited = {leg for own in unit.legs for leg in matching(need, own, by_name[need.job].matrix)}
        for other in units:
            picked = other.legs if waited is None else tuple(leg for leg in other.legs if leg in waited)
            if not picked:
                continue
            edge = Edge(
                other,
                None if len(picked) == len(other.legs) else picked,
                need.artifacts is not False,
                bool(need.optional),
            )
            before = found.get(other.name)
            found[other.name] = edge if before is None else _united(before, edge)
    return list(found.values())


def _united(first: Edge, second: Edge) -> Edge:
    both = first.legs is not None and second.legs is not None
    picked = tuple(dict.fromkeys((*first.covered, *second.covered))) if both else None
    return Edge(first.unit, picked, first.artifacts or second.artifacts, first.optional and second.optional)


class _Joins:
    """Jobs that only wait, for those that need more than GitLab takes. Who needs the same shares a join."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.made: dict[object, Unit] = {}

    def reduce(self, unit: Unit) -> list[Unit]:
        """Put joins between a unit and its needs; gives the new ones, each after what it needs."""
        new: list[Unit] = []
        edges = unit.edges
        while sum(edge.count for edge in edges) > LIMITS["needs"]:
            edges = self._shorter(unit, edges, new)
        unit.edges = edges
        return new

    def _shorter(self, unit: Unit, edges: list[Edge], new: list[Unit]) -> list[Edge]:
        """One level of joins less: the largest needs first, so that as much as can stays direct."""
        atoms = [Edge(edge.unit, (leg,), edge.artifacts, edge.optional) for edge in edges for leg in edge.covered]
        spare = LIMITS["needs"]
        while True:
            # `spare` needs stay direct, the others are joined in groups of 50.
            joined = len(atoms) - spare
            if joined <= 0 or spare + -(-joined // LIMITS["needs"]) <= LIMITS["needs"] or spare == 0:
                break
            spare -= 1
        ordered = sorted(range(len(edges)), key=lambda at: (-edges[at].count, at))
        queue = [atom for at in ordered for atom in atoms if atom.unit is edges[at].unit]
        grouped, direct = queue[: len(queue) - spare], queue[len(queue) - spare :]
        shorter = []
        for at in range(0, len(grouped), LIMITS["needs"]):
            group = grouped[at : at + LIMITS["needs"]]
            join = self._join(unit, merged(group), new)
            shorter.append(
                Edge(join, None, any(edge.artifacts for edge in group), all(edge.optional for edge in group))
            )
        return [*shorter, *merged(direct)]

    def _join(self, unit: Unit, edges: list[Edge], new: list[Unit]) -> Unit:
        key = tuple((edge.unit.name, edge.covered, edge.artifacts, edge.optional) for edge in edges)
        found = self.made.get(key)
        if found is None:
            found = self.made[key] = self._made(unit, edges)
            new.append(found)
        return found

    def _made(self, unit: Unit, edges: list[Edge]) -> Unit:
        needed = edges[0].unit.job.name if len({edge.unit.job.name for edge in edges}) == 1 else unit.job.name
        name = fresh(f"{needed}-join", self.taken)
        job = Job(name=name, action=Script(lines=("true",)), timeout=JOIN_SECONDS, origin=unit.job.origin)
        join = Unit(name, job, ((),))
        join.edges = edges
        join.condition = conjoin(*(edge.unit.condition for edge in edges if not edge.optional))
        join.paths = list(dict.fromkeys(path for edge in edges if edge.artifacts for path in handed_on(edge)))
        return join


def merged(atoms: list[Edge]) -> list[Edge]:
    """Needs of single legs, put together by unit."""
    by_unit: dict[str, list[Edge]] = {}
    for atom in atoms:
        by_unit.setdefault(atom.unit.name, []).append(atom)
    found = []
    for group in by_unit.values():
        unit = group[0].unit
        picked = tuple(leg for edge in group for leg in edge.covered)
        whole = len(picked) == len(unit.legs)
        found.append(Edge(unit, None if whole else picked, group[0].artifacts, group[0].optional))
    return found


# ----------------------------------------------------------------------------------------------------------------- paths


def handed_on(edge: Edge) -> list[str]:
    """The paths of the artifacts that arrive over a need, as GitLab's patterns."""
    if edge.unit.paths is not None:
        return edge.unit.paths
    found: list[str] = []
    for leg in edge.covered:
        found.extend(artifact_paths(edge.unit.job, leg))
    return found


def artifact_paths(job: Job, leg: Leg, here: bool = False) -> list[str]:
    """The paths that a job leaves as GitLab artifacts, for one leg (or, `here`, with the leg's variables)."""
    found = []
    for number, output in enumerate(job.outputs):
        if isinstance(output, ChangedFiles):
            found.append(changed_archive(job, number, leg, here))
        elif stored(output):
            found.append(reference_file(job, number, leg, here))
        else:
            path = output.path if here else _filled(output, leg)
            found.append(glob_escaped(expanded(path)) + (f"/{leg_part(leg, here)}" if output.per_leg and leg else ""))
    return list(dict.fromkeys(found))


def stored(output: Artifact) -> bool:
    return output.store is not None and output.store != "ci"


def in_store(cache: Cache | None) -> bool:
    """Whether a store of the project holds a cache, and not GitLab."""
    return cache is not None and cache.enabled and cache.store not in (None, "ci")


def reference_file(job: Job, number: int, leg: Leg, here: bool = False) -> str:
    """The small file that stands for an output which lies in a store."""
    return f".headrace/references/{_file_name(job, number, leg, here)}.json"


def changed_archive(job: Job, number: int, leg: Leg, here: bool = False) -> str:
    return f".headrace/changed/{_file_name(job, number, leg, here)}.tar"


def _file_name(job: Job, number: int, leg: Leg, here: bool) -> str:
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else f"_{ord(c):x}" for c in job.name)
    return f"{safe}.{number}" + (f".{leg_part(leg, here)}" if leg else "")


def leg_part(leg: Leg, here: bool) -> str:
    """A leg's label; where legs share a job, with its variables (their values are safe ones then)."""
    if not here:
        return label(leg)
    return ",".join(f"{axis}=${{{variable(Ref(kind='matrix', name=axis))}}}" for axis, _ in leg)


def _filled(output: Artifact, leg: Leg) -> Text:
    values = dict(leg)
    return tuple(
        values[piece.name] if isinstance(piece, Ref) and piece.kind == "matrix" and piece.name in values else piece
        for piece in output.path
    )


def glob_escaped(path: str) -> str:
    """A path in which the runner's patterns mean nothing. https://docs.gitlab.com/ci/yaml/#artifactspaths"""
    return re.sub(r"[*?\[\\]", r"\\\g<0>", path) if set(path) & set("*?[\\") else path
