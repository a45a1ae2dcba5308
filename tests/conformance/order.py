"""Order and artifacts: what the IR says, what was emitted, and the comparison of both by jobs and legs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from compiler import graph
from compiler.ir import Call, Pipeline, Ref
from compiler.matrix import legs, matching
from targets import commands
from tests.conformance.readback import Emitted, Key, Leg, Readback, closure

# Where a manifest says a whole pipeline: natively under its name, in MLSpec as what watches a model.
_PIPELINE = re.compile(r"pipelines\.[^.]+|lifecycle\.monitoring")


class Unit(NamedTuple):
    """One leg of one job of the IR."""

    job: str
    leg: Leg


class Wanted:
    """What a pipeline of the IR says of order and artifacts."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.name = pipeline.name
        self.path: dict[Unit, str] = {}
        self.needs: dict[Unit, set[Unit]] = {}
        self.receives: dict[Unit, set[Unit]] = {}
        by_name = {job.name: job for job in pipeline.jobs}
        place = {
            name: at for at, name in enumerate(graph.order({j.name: [n.job for n in j.needs] for j in pipeline.jobs}))
        }
        self.place: dict[Unit, int] = {}
        for job in pipeline.jobs:
            for leg in legs(job.matrix):
                unit = Unit(job.name, spelled(leg))
                assert job.origin is not None
                self.path[unit] = job.origin.path
                self.place[unit] = place[job.name]
                self.needs[unit] = set()
                self.receives[unit] = set()
                for need in job.needs:
                    other = by_name[need.job]
                    units = {Unit(other.name, spelled(found)) for found in matching(need, leg, other.matrix)}
                    self.needs[unit] |= units
                    if need.artifacts and other.outputs and not isinstance(job.action, Call):
                        self.receives[unit] |= units

    @property
    def told(self) -> set[tuple[str | None, Leg]]:
        """The jobs as output names them."""
        return _without_preparation({(path, unit.leg) for unit, path in self.path.items()})


def spelled(leg: tuple[tuple[str, str], ...]) -> Leg:
    return frozenset((commands.variable(Ref(kind="matrix", name=axis)), value) for axis, value in leg)


def assigned(wanted: list[Wanted], found: Readback) -> dict[str, tuple[Wanted, dict[Key, Unit]]]:
    """For each root of the emitted files (a file, or an object that nothing else starts) its pipeline and its jobs.

    The pipeline is the one with the same jobs; every job of the IR has to be there, once.
    """
    roots = _roots(wanted, found)
    by_root: dict[str, list[Key]] = defaultdict(list)
    for key in found.things:
        by_root[roots[key.scope]].append(key)
    _unite(wanted[0], by_root, found)
    result = {}
    for root, keys in by_root.items():
        told = _told(found, keys)
        fitting = [one for one in wanted if one.told == told]
        if not told and not fitting:
            continue
        assert fitting, _misfit(root, told, wanted)
        result[root] = (fitting[0], _units(fitting[0], keys, found))
    return result


def _unite(first: Wanted, by_root: dict[str, list[Key]], found: Readback) -> None:
    """The first pipeline's jobs may stand in the main file beside its parts, which say whose they are."""
    parts = by_root.get(f"pipelines.{first.name}")
    for root in list(by_root):
        if (
            parts is not None
            and not root.startswith("pipelines.")
            and any(_is_job(found.things[key]) for key in by_root[root])
        ):
            parts += by_root.pop(root)


def _roots(wanted: list[Wanted], found: Readback) -> dict[str, str]:
    """Which root each scope belongs to: what starts it, up to the top or to what says that it is a pipeline's."""
    ends = {thing.inside: (key.scope, thing.whole) for key, thing in found.things.items() if thing.inside is not None}
    everything = [one.told for one in wanted]
    for scope in [scope for scope, (_, whole) in ends.items() if whole is None]:
        # A pipeline that runs after another one is started by it as its parts are.
        if scope is not None and _told(found, (key for key in found.things if key.scope == scope)) in everything:
            del ends[scope]
    roots: dict[str, str] = {}
    for scope in {key.scope for key in found.things}:
        root, whole = scope, None
        while whole is None and root in ends:
            root, whole = ends[root]
        roots[scope] = whole or root
    return roots


def _told(found: Readback, keys: Iterable[Key]) -> set[tuple[str | None, Leg]]:
    return _without_preparation({(found.things[key].path, key.leg) for key in keys if _is_job(found.things[key])})


def _without_preparation(told: set[tuple[str | None, Leg]]) -> set[tuple[str | None, Leg]]:
    """What stands before or behind all legs of a job (a person's word, a gate) has the job's path, and no leg."""
    with_legs = {path for path, leg in told if leg}
    return {(path, leg) for path, leg in told if leg or path not in with_legs}


def _is_job(thing: Emitted) -> bool:
    return thing.path is not None and _PIPELINE.fullmatch(thing.path) is None


def _misfit(root: str, told: set[tuple[str | None, Leg]], wanted: list[Wanted]) -> str:
    nearest = min(wanted, key=lambda one: len(one.told ^ told))
    less, more = sorted(map(str, nearest.told - told)), sorted(map(str, told - nearest.told))
    return f"{root} is not {nearest.name}: without {less}, with {more}"


def _units(wanted: Wanted, keys: list[Key], found: Readback) -> dict[Key, Unit]:
    """Which job each emitted thing is. Of several for one job the last one is the job, the others prepare it."""
    groups: dict[tuple[str | None, Leg], list[Key]] = defaultdict(list)
    for key in keys:
        if _is_job(found.things[key]):
            groups[found.things[key].path, key.leg].append(key)
    units: dict[tuple[str | None, Leg], list[Unit]] = defaultdict(list)
    for unit, path in sorted(wanted.path.items(), key=lambda item: wanted.place[item[0]]):
        units[path, unit.leg].append(unit)
    before = closure({key: thing.needs for key, thing in found.things.items()}, keys)
    result = {}
    for said, group in groups.items():
        if said not in units:
            continue  # it prepares the legs of a job
        group.sort(key=lambda key: len(before[key] & set(group)))
        jobs = units[said]
        assert len(group) >= len(jobs), f"{said}: {len(jobs)} jobs, but {len(group)} emitted"
        for key, unit in zip(reversed(group), reversed(jobs), strict=False):
            result[key] = unit
    return result


class Comparison(NamedTuple):
    missing: set[tuple[Unit, Unit]]  # order that the IR says and the output does not
    added: set[tuple[Unit, Unit]]
    not_received: set[tuple[Unit, Unit]]
    received: set[tuple[Unit, Unit]]  # outputs that arrive and should not


def compare(wanted: Wanted, units: dict[Key, Unit], found: Readback) -> Comparison:
    says = closure_of(wanted)
    before = closure({key: thing.needs for key, thing in found.things.items()}, units)
    does = {(units[key], units[other]) for key, others in before.items() for other in others}
    arrive = {(unit, units[other]) for key, unit in units.items() for other in _arriving(key, units, found)}
    should = {(unit, other) for unit, others in wanted.receives.items() for other in others}
    sending = {unit for key, unit in units.items() if found.things[key].sends}
    should = {(unit, other) for unit, other in should if other in sending}
    return Comparison(says - does, does - says, should - arrive, arrive - should)


def _arriving(key: Key, units: dict[Key, Unit], found: Readback) -> set[Key]:
    """The jobs whose outputs arrive: what comes from a helper that leaves something is what arrived there."""
    done: set[Key] = set()
    stack = list(found.things[key].receives)
    while stack:
        other = stack.pop()
        if other not in done:
            done.add(other)
            if other not in units and found.things[other].sends:
                stack += found.things[other].receives
    return done & set(units)


def closure_of(wanted: Wanted) -> set[tuple[Unit, Unit]]:
    keys = {unit: Key("", unit.job, unit.leg) for unit in wanted.path}
    edges = {keys[unit]: {keys[other] for other in needs} for unit, needs in wanted.needs.items()}
    back = {key: unit for unit, key in keys.items()}
    return {(back[key], back[other]) for key, others in closure(edges, edges).items() for other in others}
