"""What a run would do: each leg of each job as an instance, with edges between instances, and a selection of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from compiler import graph
from compiler.condition import Facts, evaluate
from compiler.ir import Call, Job, Pipeline, Project
from compiler.matrix import label, legs, matching
from targets.local.values import Values, facts, parameter_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.matrix import Leg

CALLED = "called"  # the instance with which a called pipeline begins
JOB = "job"
JOINED = "joined"  # the instance with which it ends: what a dependent of the call waits for


@dataclass(frozen=True)
class Edge:
    """One instance that another waits for."""

    to: str
    optional: bool = False
    artifacts: bool = True


@dataclass
class Instance:
    """One leg of one job. `id` is what people see: `train[fold=0]`, in a called pipeline `release/smoke`."""

    id: str
    name: str  # of the job, without its leg: what the command line takes
    job: Job
    leg: Leg
    pipeline: Pipeline
    parameters: dict[str, str]
    facts: Facts
    kind: str = JOB
    needs: tuple[Edge, ...] = ()
    inner: tuple[str, ...] = ()  # of a join: the called pipeline's instances
    forced: bool = False
    ruled_out: bool = False  # by its own condition

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass
class Plan:
    """Instances by id, in the order in which they are looked at."""

    project: Project
    pipeline: Pipeline
    instances: dict[str, Instance] = field(default_factory=dict)

    def graph(self) -> dict[str, list[str]]:
        return {name: [edge.to for edge in one.needs] for name, one in self.instances.items()}


def instance_id(name: str, leg: Leg) -> str:
    return f"{name}[{label(leg)}]" if leg else name


@dataclass
class _Level:
    """A pipeline that is being expanded: the project's own, or one that a job calls."""

    pipeline: Pipeline
    prefix: str  # of ids
    names: str  # of names: the same without legs
    parameters: dict[str, str]
    event: str
    start: str | None  # the instance that jobs without needs wait for


def expand(
    project: Project,
    pipeline: Pipeline,
    values: Values,
    parameters: Mapping[str, str],
    changed: tuple[str, ...] | None = None,
) -> Plan:
    """Every instance of a pipeline, those of the pipelines that it calls too."""
    plan = Plan(project, pipeline)
    known = {one.name: one for one in project.pipelines}
    todo = [_Level(pipeline, "", "", dict(parameters), values.git["event"], None)]
    joins: dict[str, list[str]] = {}
    while todo:
        level = todo.pop()
        here = facts(values, level.parameters, changed, level.event)
        jobs = {job.name: job for job in level.pipeline.jobs}
        for job in level.pipeline.jobs:
            for leg in legs(job.matrix):
                made = _instance(job, leg, level, jobs, here)
                joins.setdefault(level.prefix, []).append(made.id)
                plan.instances[made.id] = made
                if isinstance(job.action, Call):
                    todo.append(_called(plan, made, known[job.action.pipeline], values))
    for made in plan.instances.values():
        if made.kind == JOINED:
            made.inner = tuple(joins.get(made.id + "/", ()))
            made.needs += tuple(Edge(one, artifacts=False) for one in made.inner)
    plan.instances = {name: plan.instances[name] for name in graph.order(plan.graph())}
    return plan


def _instance(job: Job, leg: Leg, level: _Level, jobs: Mapping[str, Job], here: Facts) -> Instance:
    edges: dict[str, Edge] = {}
    for need in job.needs:
        for other in matching(need, leg, jobs[need.job].matrix):
            to = level.prefix + instance_id(need.job, other)
            before = edges.get(to)
            edges[to] = Edge(
                to,
                bool(need.optional) and (before is None or before.optional),
                need.artifacts is not False or (before is not None and before.artifacts),
            )
    if not edges and level.start is not None:
        edges[level.start] = Edge(level.start, artifacts=False)
    return Instance(
        level.prefix + instance_id(job.name, leg), level.names + job.name, job, leg, level.pipeline, level.parameters,
        here, needs=tuple(edges.values()), ruled_out=not evaluate(job.condition, here),
    )  # fmt: skip


def _called(plan: Plan, made: Instance, called: Pipeline, values: Values) -> _Level:
    """Turn the instance of a call into the call's beginning and its end; the called pipeline goes between."""
    assert isinstance(made.job.action, Call)
    here = values.at(made.facts.event)
    given = {one.name: here.text(one.value, made.parameters, made.leg) for one in made.job.action.parameters}
    start = Instance(
        f"{made.id}:start", made.name, made.job, made.leg, made.pipeline, made.parameters, made.facts, CALLED, made.needs,
        ruled_out=made.ruled_out,
    )  # fmt: skip
    plan.instances[start.id] = start
    made.kind = JOINED
    made.needs = (Edge(start.id, artifacts=False),)
    event = "change_request" if made.facts.event == "change_request" else "call"
    return _Level(called, made.id + "/", made.name + "/", parameter_values(called, given), event, start.id)


# ----------------------------------------------------------------------------------------------------------- selection


class SelectionError(Exception):
    """A job or leg that is not there: its name, and the names that are."""

    def __init__(self, message: str, name: str, known: Iterable[str]) -> None:
        super().__init__(message)
        self.name, self.known = name, sorted(known)


def select(
    plan: Plan, jobs: Iterable[str] = (), since: Iterable[str] = (), leg: Mapping[str, str] | None = None
) -> Plan:
    """The plan with only what is asked for: some jobs (or what follows from some) and all that those need.

    What is named by `since`, and what follows from it, runs even where nothing changed. `leg` picks legs of the named
    jobs, without names the legs of every job that has these axes. Raises SelectionError.
    """
    leg = dict(leg or {})
    jobs, since = list(jobs), list(since)
    for name in (*jobs, *since):
        _check_name(plan, name)
    roots = [one for one in plan.instances.values() if _is_root(one, jobs, since, leg)]
    if not roots:
        shown = ",".join(f"{axis}={value}" for axis, value in leg.items())
        axes = [f"{axis}={value}" for one in plan.instances.values() for axis, value in one.leg]
        raise SelectionError(f'no job has a leg "{shown}"', shown, set(axes))
    wanted = {one.id for one in roots}
    after = graph.reachable(graph.dependents(plan.graph()), [one.id for one in roots if one.name in since])
    for name in after:
        plan.instances[name].forced = True
    wanted |= after
    kept = graph.reachable(plan.graph(), wanted)
    chosen = Plan(plan.project, plan.pipeline, {name: one for name, one in plan.instances.items() if name in kept})
    for one in chosen.instances.values():
        if one.kind == JOINED:
            one.inner = tuple(name for name in one.inner if name in kept)
    return chosen


def _is_root(one: Instance, jobs: list[str], since: list[str], leg: Mapping[str, str]) -> bool:
    if (jobs or since) and one.name not in jobs and one.name not in since:
        return False
    own = dict(one.leg)
    return all(own.get(axis) == value for axis, value in leg.items())


def _check_name(plan: Plan, name: str) -> None:
    known = {one.name for one in plan.instances.values()}
    if name not in known:
        raise SelectionError(f'"{name}" is not a job of the pipeline "{plan.pipeline.name}"', name, known)
