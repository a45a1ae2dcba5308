"""A pipeline as a WorkflowTemplate, or, where one object would be too large, as several."""

from __future__ import annotations

from json import dumps

from compiler import codes as core
from compiler import graph
from compiler.condition import conjoin, disjoin
from compiler.diagnostics import clipped
from compiler.ir import (
    Changed,
    Compare,
    Environment,
    Exec,
    OnChangeRequest,
    OnPush,
    Pipeline,
    Script,
)
from compiler.matrix import legs
from targets import legs as expansion
from targets import partition, runtime
from targets.argo import artifacts, children, codes, helpers, jobs, nodes, order, outcomes, pods, spelling
from targets.argo.images import Images
from targets.argo.options import LIMITS
from targets.argo.scope import FACTS, TRIGGERED, Names, Scope, uses_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Condition, Job, Project, Settings
    from compiler.yamlwriter import Block
    from targets.argo.options import Options

FIXED = 8  # tasks and templates that a workflow has beside those of its jobs
ASKED_BYTES = 200  # for a question how a job of another part ended: its name in tests, scripts and parameters
LATE = "what runs on failure, or always, comes in parts that start however those before them ended"
KEPT_SECONDS = 7 * 24 * 3600


class Made:
    """What a pipeline became: its own template, its parts, what comes along, and the templates of each job."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.workflow: dict[str, Any] = {}
        self.parts: list[dict[str, Any]] = []
        self.others: list[dict[str, Any]] = []
        self.templates: dict[str, list[dict[str, Any]]] = {}
        self.weighed: dict[str, list[dict[str, Any]]] = {}  # templates that are the same in any part


def make(
    project: Project, pipeline: Pipeline, settings: Settings, options: Options, images: Images, sink: Sink
) -> Made:
    pipeline, wide = nodes.spread(_with_path_filters(pipeline), sink)
    forced = {job.name for job in pipeline.jobs if _must_expand(job)}
    open_ended = {need for needs in artifacts.unsure(pipeline.jobs).values() for need in needs}
    forced.update(job.name for job in pipeline.jobs if job.name in open_ended and artifacts.is_loop(job))
    made, expanded, members = _laid_out(project, pipeline, settings, options, images, sink, forced)
    made.scope.nodes = wide
    if len(expanded) <= LIMITS["tasks"]:
        _whole(made, expanded)
        if _fits(made.workflow, expanded):
            _say_renamed(made.scope, pipeline)
            _collect(made, members)
            return made
        made.templates = {}
    told = _told_across(pipeline) - forced
    if told:
        made, expanded, members = _laid_out(project, pipeline, settings, options, images, sink, forced | told)
    scope = made.scope
    _say_renamed(scope, pipeline)
    if wide:
        message = f'"{next(iter(wide))}" runs on several machines, which can\'t be in a pipeline that is split'
        sink.report(core.LIMIT, message, scope.by_name[next(iter(wide))].origin)
    _split(made, expanded)
    _collect(made, members)
    return made


def _laid_out(
    project: Project,
    pipeline: Pipeline,
    settings: Settings,
    options: Options,
    images: Images,
    sink: Sink,
    forced: set[str],
) -> tuple[Made, tuple[Job, ...], dict[str, tuple[str, ...]]]:
    """What a pipeline is made in, its jobs with the legs of some as jobs, and those by the job that they are of."""
    expanded, members = expansion.expand(pipeline.jobs, frozenset(forced))
    expansion.say_whole(sink, members)
    expanded = _with_ruled_out(expanded)
    named = Names(project, pipeline, expanded)
    scope = Scope(project, pipeline, settings, options, images, named, uses_of(pipeline, project), sink)
    turns = expansion.turns(pipeline.jobs, members)
    scope.turns = {
        part: f"{spelling.short(name, 40)}-{turns[part]}"
        for name, parts in members.items()
        for part in parts
        if part in turns
    }
    scope.shared = jobs.support_uses(list(expanded))
    scope.unsure = artifacts.unsure(expanded)
    return Made(scope), expanded, members


def _told_across(pipeline: Pipeline) -> set[str]:
    """The looping jobs that may have to tell another part how they ended: a task with items has no state to tell."""
    known = {job.name: job for job in pipeline.jobs}
    return {
        need.job for name in outcomes.late(known) for need in known[name].needs if artifacts.is_loop(known[need.job])
    }


def _must_expand(job: Job) -> bool:
    """Legs that each have a key of their own, or a place of their own in a store."""
    cached = job.cache is not None and job.cache.enabled
    stored = any(getattr(output, "store", None) is not None for output in job.outputs)
    return artifacts.is_loop(job) and (cached or stored)


def _collect(made: Made, members: dict[str, tuple[str, ...]]) -> None:
    """Templates by the names that jobs have in the manifest."""
    made.templates = {
        name: [template for part in parts for template in made.templates.get(part, ())]
        for name, parts in members.items()
    }


def _say_renamed(scope: Scope, pipeline: Pipeline) -> None:
    for job in pipeline.jobs:
        legal = scope.names.jobs.get(job.name)
        if legal is not None and legal != job.name:
            message = f'"{clipped(job.name)}" is called "{clipped(legal)}" in Argo Workflows, which takes small letters, digits and "-"'
            scope.sink.report(core.RENAMED, message, job.origin)


def _with_path_filters(pipeline: Pipeline) -> Pipeline:
    """Filters on paths become conditions of the first jobs: no webhook says everything that changed."""
    others = [event for event in ("push", "change_request") if _filter(pipeline, event) is None]
    wanted = [
        conjoin(Compare(subject="event", operator="==", values=(event,)), Changed(globs=globs))
        for event in ("push", "change_request")
        if (globs := _filter(pipeline, event)) is not None
    ]
    if not wanted:
        return pipeline
    rest = Compare(subject="event", operator="in", values=(*others, "schedule", "manual", "call", "pipeline"))
    condition = disjoin(*wanted, rest)
    return pipeline.replace(
        jobs=tuple(
            job.replace(condition=conjoin(condition, job.condition)) if _is_first(job) else job for job in pipeline.jobs
        )
    )


def _filter(pipeline: Pipeline, event: str) -> tuple[str, ...] | None:
    kind = OnPush if event == "push" else OnChangeRequest
    found = [trigger.paths for trigger in pipeline.triggers if isinstance(trigger, kind)]
    return tuple(found[0]) if found and found[0] else None


def _is_first(job: Job) -> bool:
    """Whether nothing else would skip it."""
    return not job.needs or (job.run_on or "success") != "success" or any(need.optional for need in job.needs)


# --------------------------------------------------------------------------------------------------------------- whole


def _whole(made: Made, all_jobs: tuple[Job, ...]) -> None:
    """One template for everything."""
    scope = made.scope
    known = {job.name: job for job in all_jobs}
    tasks, templates = _graph(made, scope, all_jobs, known)
    first, source, helping = _before(scope)
    made.workflow = _workflow(scope, scope.names.workflow, [*first, *tasks], [source, *templates, *helping])


def _graph(
    made: Made, scope: Scope, members: tuple[Job, ...], known: dict[str, Job], is_told: bool = False
) -> tuple[list[Block], list[dict[str, Any]]]:
    """The tasks and templates of some jobs. Needs that are not among them are somebody else's affair."""
    from compiler.yamlwriter import Block

    here = {job.name: job for job in members}
    tasks: list[Block] = []
    templates: list[dict[str, Any]] = []
    keys: list[dict[str, Any]] = []
    for job in members:
        tasks += order.tasks(scope, job, here, _place(scope, job))
        own = made.weighed.get(job.name) or _templates(scope, job, known)
        made.templates.setdefault(job.name, []).append(own[-1])
        templates += own
        if artifacts.is_cached(scope, job):
            keys.append(helpers.content_key(scope, job, known))
    templates += keys
    for group in dict.fromkeys(scope.nodes[job.name].group for job in members if job.name in scope.nodes):
        tasks.append(Block({"name": nodes.service_name(scope, group), "template": nodes.service_name(scope, group)}))
        templates.append(nodes.service(scope, group))
    if scope.decisions:
        templates.append(helpers.decide(scope))
    if any(job.approval is not None for job in members):
        templates.append(helpers.approval(scope.names.add("approve")))
    if is_told or order.needs_end(members):
        tasks.append(order.end(scope, members))
        templates.append(helpers.end(scope.names.add("end")))
    return tasks, templates


def _place(scope: Scope, job: Job) -> str:
    """`headrace.yaml: jobs.train`: where the job stands in its manifest."""
    path = getattr(job.origin, "path", None)
    return f"{scope.project.manifest}: {path}" if path else ""


def _templates(scope: Scope, job: Job, known: dict[str, Job]) -> list[dict[str, Any]]:
    """A job's templates, its own last."""
    name = scope.names.jobs[job.name]
    if not order.is_wrapped(job):
        return [jobs.template(scope, job, name, known)]
    inner = scope.names.add(f"{name}-leg")
    return [order.wrapper(scope, job, name, inner), jobs.template(scope, job, inner, known)]


def _before(scope: Scope) -> tuple[list[Block], dict[str, Any], list[dict[str, Any]]]:
    """The tasks before all jobs, the source's template, and those of the others."""
    from compiler.yamlwriter import Block

    source = scope.names.add("source")
    tasks = [Block({"name": source, "template": source})]
    templates: list[dict[str, Any]] = []
    alike = superseded_by(scope)
    if alike is not None:
        task: dict[str, Any] = {"name": scope.names.add("supersede"), "template": scope.names.add("supersede")}
        if alike == ["change-request"]:
            task["when"] = "{{= workflow.parameters.event == 'change_request' }}"
        tasks.append(Block(task))
        templates.append(helpers.supersede(scope, alike))
    if scope.decisions:
        decide = scope.names.add("decide")
        tasks.append(Block({"name": decide, "template": decide, "depends": f"{source}.Succeeded"}))
    return tasks, helpers.source(scope), templates


def superseded_by(scope: Scope) -> list[str] | None:
    """The parameters that a newer run must share with an older one to end it; None: no run is ended."""
    given = scope.pipeline.concurrency
    if given is not None and given.cancel is False:
        return None
    changes = any(isinstance(trigger, OnChangeRequest) for trigger in scope.pipeline.triggers)
    if given is None or given.cancel is None:
        return ["change-request"] if changes else None
    names = []
    for piece in given.group or ():
        if not isinstance(piece, str) and piece.kind == "parameters":
            names.append(scope.parameters[piece.name])
        elif not isinstance(piece, str) and piece.kind == "git":
            names += (
                ["branch", "tag"] if piece.name == "ref" else [piece.name if piece.name in TRIGGERED else "revision"]
            )
    return list(dict.fromkeys(names))


def _workflow(
    scope: Scope, name: str, tasks: list[Block], templates: list[dict[str, Any]], part: bool = False
) -> dict[str, Any]:
    options = scope.options
    entry = scope.names.add(name if name not in scope.names.taken else "main")
    metadata: dict[str, Any] = {"name": name}
    if options.namespace is not None:
        metadata["namespace"] = options.namespace
    spec: dict[str, Any] = {"entrypoint": entry}
    if options.service_account is not None:
        spec["serviceAccountName"] = options.service_account
    arguments = parameters(scope)
    if arguments:
        spec["arguments"] = {"parameters": arguments}
    spec["workflowMetadata"] = {"labels": {"headrace/pipeline": name}}
    concurrency = scope.pipeline.concurrency
    if concurrency is not None and not concurrency.cancel and not part:
        spec["synchronization"] = {"mutexes": [{"name": _group(scope)}]}
    if scope.pull_secrets is None:
        scope.pull_secrets = pull_secrets(scope)
    if scope.pull_secrets:
        spec["imagePullSecrets"] = [{"name": one} for one in scope.pull_secrets]
    spec["podGC"] = {"strategy": "OnWorkflowSuccess"}
    spec["ttlStrategy"] = {"secondsAfterCompletion": KEPT_SECONDS}
    spec["templates"] = [{"name": entry, "dag": {"failFast": False, "tasks": tasks}}, *templates]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": metadata,
        "spec": spec,
    }


def _group(scope: Scope) -> str:
    """The mutex of a concurrency group that waits: at the start only parameters are known."""
    concurrency = scope.pipeline.concurrency
    assert concurrency is not None
    parts = [spelling.short(scope.project.name, 50)]
    for piece in concurrency.group or (scope.names.workflow,):
        if isinstance(piece, str):
            parts.append(spelling.legal(piece))
        elif piece.kind == "parameters":
            parts.append("{{workflow.parameters." + scope.parameters[piece.name] + "}}")
        elif piece.kind == "git":
            names = ["branch", "tag"] if piece.name == "ref" else [piece.name]
            known = [one if one in ("branch", "tag", "event", "repository") else "revision" for one in names]
            parts.append("".join("{{workflow.parameters." + one + "}}" for one in known))
        else:
            parts.append(spelling.legal(scope.simple(piece)))
    return "-".join(parts)


def pull_secrets(scope: Scope) -> list[str]:
    """The Kubernetes secrets with the logins of private images, and of those that the pipeline built."""
    found: dict[str, None] = {}
    for job in scope.pipeline.jobs:
        environment = job.environment
        if not isinstance(environment, Environment):
            continue
        if environment.credentials is not None:
            known = scope.secrets.get(environment.credentials)
            kept = known.path if known is not None and known.store == "kubernetes" else None
            found[kept or spelling.short(environment.credentials)] = None
        built = (piece for piece in environment.image or () if not isinstance(piece, str) and piece.kind == "images")
        if not all(scope.images.by_identity(piece.name) for piece in built):
            found[scope.images.secret] = None
    return list(found)


def parameters(scope: Scope) -> list[dict[str, Any]]:
    """A workflow's parameters: the pipeline's own, where the commit is, what started the run, and shared scripts."""
    found: list[dict[str, Any]] = []
    for parameter in scope.pipeline.parameters:
        made: dict[str, Any] = {"name": scope.parameters[parameter.name]}
        if parameter.default is not None:
            made["value"] = parameter.default
        elif not parameter.required:
            made["value"] = ""
        if parameter.choices:
            made["enum"] = list(parameter.choices)
        elif parameter.type == "bool":
            made["enum"] = ["true", "false"]
        if parameter.help:
            made["description"] = parameter.help
        if any(spelling.has_braces(str(value)) for value in made.values()):
            message = f'the parameter "{parameter.name}" has "{{{{" in its text, which Argo Workflows replaces there'
            scope.sink.report(codes.BRACES, message, parameter.origin)
        found.append(made)
    repository: dict[str, Any] = {"name": "repository"}
    if scope.options.repository is not None:
        repository["value"] = scope.options.repository
    if scope.part:
        found += [repository, *({"name": name} for name in FACTS if name in scope.uses.facts), {"name": "run"}]
    else:
        revision = {"name": "revision", "value": "HEAD", "description": "branch, tag or commit"}
        found += [repository, revision]
    defaults = {"event": "manual"}
    told = [
        name for name in TRIGGERED if name in scope.uses.triggered and not (scope.part and name == "change-request")
    ]
    known = {one["name"] for one in found}
    found += [{"name": name, "value": defaults.get(name, "")} for name in told if name not in known]
    found += [
        {"name": jobs.shared(name), "value": spelling.plain(runtime.compact(name))} for name in sorted(scope.shared)
    ]
    return found


# --------------------------------------------------------------------------------------------------------------- parts


class Weight:
    """What a job takes of an object, and what one object holds, as one number."""

    unit = 1_000_000

    def __init__(self, fixed_bytes: int) -> None:
        self.bytes = LIMITS["spec_bytes"] - fixed_bytes
        self.items = min(LIMITS["tasks"], LIMITS["templates"]) - FIXED

    def of(self, held_bytes: int, items: int) -> int:
        """A share of the fuller of both; the sum over a part is never less than the part's own."""
        return max(-(-held_bytes * self.unit // self.bytes), -(-items * self.unit // self.items))


def _size(data: object, all_jobs: tuple[Job, ...]) -> int:
    """What data takes of its object: as JSON, and a node for each leg."""
    nodes = sum(len(legs(job.matrix)) for job in all_jobs)
    return len(dumps(data, ensure_ascii=False).encode()) + LIMITS["node_bytes"] * nodes


def _fits(workflow: dict[str, Any], all_jobs: tuple[Job, ...]) -> bool:
    templates = workflow["spec"]["templates"]
    return (
        len(templates) <= LIMITS["templates"]
        and len(templates[0]["dag"]["tasks"]) <= LIMITS["tasks"]
        and _size(workflow, all_jobs) <= LIMITS["spec_bytes"]
    )


def _split(made: Made, all_jobs: tuple[Job, ...]) -> None:
    """Parts as child workflows, started by one that holds only their order."""
    scope = made.scope
    scope.decisions = {}
    known = {job.name: job for job in all_jobs}
    needs = {job.name: [need.job for need in job.needs] for job in all_jobs}
    weight = _weights(made, all_jobs, known)
    if weight is None:
        return
    late_jobs = outcomes.late(known)
    ordered = graph.order(needs)
    groups = partition.split(
        [*(name for name in ordered if name not in late_jobs), *late_jobs], needs, weight, Weight.unit, late_jobs
    )
    part_of = {name: number for number, group in enumerate(groups) for name in group}
    late = {part_of[name] for name in late_jobs}
    held = _held(all_jobs, part_of)
    _say_uncached(scope, all_jobs, held)
    inherited = _inherited(ordered, known)
    asked = []
    told: dict[int, dict[str, None]] = {}
    for number, group in enumerate(groups):
        asked.append(outcomes.asked([known[name] for name in group], known, number in late, scope.unsure))
        for name in asked[-1]:
            told.setdefault(part_of[name], {})[name] = None
    parts = []
    for number, group in enumerate(groups):
        members = tuple(_with_conditions(known[name], part_of, inherited) for name in group)
        inner = _part_scope(scope, held)
        inner.outcomes = asked[number]
        sources = sorted({part_of[name] for name in asked[number]})
        parts.append(_part(made, inner, number, members, known, list(told.get(number, ())), sources))
    between = partition.parts_needed(groups, needs)
    _start(made, parts, between, late)
    scope.sink.report(
        core.SPLIT,
        f'"{scope.pipeline.name}" is too large for one object: it becomes {len(groups)} workflows and one that starts '
        "them; a part starts when the parts that it needs ended well",
        scope.pipeline.origin,
        notes=(LATE,) if late else (),
    )


def _is_plain(job: Job, known: dict[str, Job]) -> bool:
    """Whether a job's templates are the same whatever else lies in its part."""
    alone = job.cache is None and job.resume is None and not job.objectives and isinstance(job.action, (Exec, Script))
    return alone and all(known[need.job].cache is None for need in job.needs)


def _weights(made: Made, all_jobs: tuple[Job, ...], known: dict[str, Job]) -> dict[str, int] | None:
    """Each job's weight; None where one alone is too heavy, which is reported."""
    scope = made.scope
    inner = _part_scope(scope, frozenset(known))
    trial = Made(inner)
    measure = Weight(40_000 + sum(len(runtime.compact(name)) for name in runtime.NAMES))
    weight: dict[str, int] = {}
    late_jobs = outcomes.late(known)
    for job in all_jobs:
        tasks, templates = _graph(trial, inner, (job,), known)
        inner.decisions = {}
        if _is_plain(job, known) and not order.is_wrapped(job) and job.approval is None and not order.needs_end((job,)):
            made.weighed[job.name] = templates[:1]
        size = _size([tasks, templates], (job,))
        if job.name in late_jobs:
            size += ASKED_BYTES * len(job.needs)
        weight[job.name] = measure.of(size, max(len(tasks), len(templates)))
        if weight[job.name] > Weight.unit:
            message = f'"{job.name}" alone takes {size} bytes, an object of Argo Workflows has {measure.bytes} for it'
            scope.sink.report(core.LIMIT, message, job.origin)
    return None if max(weight.values()) > Weight.unit else weight


def _held(all_jobs: tuple[Job, ...], part_of: dict[str, int]) -> frozenset[str]:
    """The jobs that can be cached: their readers lie in the same part, where the key is known."""
    lost = {
        need.job
        for job in all_jobs
        for need in job.needs
        if need.artifacts is not False and part_of[need.job] != part_of[job.name]
    }
    return frozenset(job.name for job in all_jobs if job.name not in lost)


def _part_scope(scope: Scope, held: frozenset[str]) -> Scope:
    inner = Scope(
        scope.project,
        scope.pipeline,
        scope.settings,
        scope.options,
        scope.images,
        scope.names,
        scope.uses,
        scope.sink,
        part=True,
    )
    if scope.pull_secrets is None:
        scope.pull_secrets = pull_secrets(scope)
    inner.pull_secrets = scope.pull_secrets
    inner.notes = scope.notes
    inner.unsure = scope.unsure
    inner.turns = scope.turns
    inner.held = held
    return inner


def _part(
    made: Made,
    inner: Scope,
    number: int,
    members: tuple[Job, ...],
    known: dict[str, Job],
    told: list[str],
    sources: list[int],
) -> dict[str, Any]:
    """One part. It tells others how the jobs `told` ended, and asks that of the parts `sources`."""
    from compiler.yamlwriter import Block

    inner.shared = jobs.support_uses(list(members))
    inner.members = frozenset(job.name for job in members)
    tasks, templates = _graph(made, inner, members, known, bool(told))
    if sources:
        name = inner.names.add("outcomes")
        tasks.insert(0, Block({"name": name, "template": name}))
        templates.append(outcomes.asking(inner, sources))
    if told:
        ended = order.all_of([order.any_of(inner.names.jobs[one], *order.ENDED) for one in told])
        task, template = outcomes.telling(inner, told, number, ended)
        tasks.append(Block(task))
        templates.append(template)
    if inner.decisions:
        decide = inner.names.add("decide")
        tasks.insert(0, Block({"name": decide, "template": decide}))
    name = made.scope.names.of_workflow(f"part-{number + 1}")
    return _workflow(inner, name, tasks, templates, part=True)


def _start(made: Made, parts: list[dict[str, Any]], between: list[list[int]], late: set[int]) -> None:
    """The workflow that starts the parts; where there are too many of them, groups of parts in between."""
    scope = made.scope
    made.parts += parts
    inner = _part_scope(scope, frozenset())
    level = 0
    while len(parts) > Weight(0).items:
        level += 1
        order_of = [str(number) for number in range(len(parts))]
        needs = {str(number): [str(one) for one in found] for number, found in enumerate(between)}
        groups = partition.split(order_of, needs, dict.fromkeys(order_of, 1), Weight(0).items)
        grouped = []
        for number, group in enumerate(groups):
            numbers = [int(one) for one in group]
            tasks, templates = _starters(inner, parts, numbers, between, late)
            name = scope.names.of_workflow(f"group-{level}-{number + 1}")
            grouped.append(_workflow(inner, name, tasks, templates, part=True))
        between = partition.parts_needed(groups, needs)
        late = {number for number, group in enumerate(groups) if {int(one) for one in group} & late}
        parts = grouped
        made.parts += parts
    tasks, templates = _starters(scope, parts, list(range(len(parts))), between, late)
    first, source, helping = _before(scope)
    whole = [source, *templates, *helping]
    made.workflow = _workflow(scope, scope.names.workflow, [*first, *tasks], whole)


def _starters(
    scope: Scope, parts: list[dict[str, Any]], numbers: list[int], between: list[list[int]], late: set[int]
) -> tuple[list[Block], list[dict[str, Any]]]:
    """Tasks and templates that start some parts in their order."""
    from compiler.yamlwriter import Block

    names = [part["metadata"]["name"] for part in parts]
    tasks = []
    templates = []
    for number in numbers:
        here = [earlier for earlier in between[number] if earlier in numbers]
        results: tuple[str, ...] = order.ENDED if number in late else ("Succeeded",)
        terms = [order.any_of(names[earlier], *results) for earlier in here]
        if not terms and not scope.part:
            terms = [f"{scope.names.add('source')}.Succeeded"]
        task: dict[str, Any] = {"name": names[number], "template": names[number]}
        if terms:
            task["depends"] = order.all_of(terms)
        tasks.append(Block(task))
        told = [one["name"] for one in parts[number]["spec"]["arguments"]["parameters"]]
        arguments = {name: _handed(scope, name) for name in told if not name.startswith("headrace-")}
        templates.append({"name": names[number], **children.start(names[number], arguments)})
    if late:
        end = scope.names.add("end")
        ended = order.all_of([order.any_of(names[number], "Succeeded", "Skipped", "Omitted") for number in numbers])
        tasks.append(Block({"name": end, "template": end, "depends": ended}))
        templates.append(helpers.end(end))
    return tasks, templates


def _handed(scope: Scope, name: str) -> str:
    """What a part is told: everything that the workflow which starts it knows."""
    if name == "run" and not scope.part:
        return "workflow.namespace + '/' + workflow.name"
    if name in FACTS and name in scope.uses.facts:
        return scope.fact(name)
    return spelling.member("workflow.parameters", name)


def _inherited(ordered: list[str], known: dict[str, Job]) -> dict[str, dict[Condition, None]]:
    """The conditions of everything that a job needs: what is skipped there skips it too."""
    found: dict[str, dict[Condition, None]] = {}
    for name in ordered:
        held: dict[Condition, None] = {}
        for need in known[name].needs:
            if not need.optional:
                held.update(found[need.job])
                condition = known[need.job].condition
                if condition is not None:
                    held[condition] = None
        found[name] = held
    return found


def _with_ruled_out(all_jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """Jobs that run whatever came of their needs, with the conditions of those: what was ruled out takes them along.

    A task that was left out since something before it failed can't be told from one that a condition left out.
    """
    if all((job.run_on or "success") == "success" for job in all_jobs):
        return all_jobs
    known = {job.name: job for job in all_jobs}
    inherited = _inherited(graph.order({job.name: [need.job for need in job.needs] for job in all_jobs}), known)
    return tuple(
        job
        if (job.run_on or "success") == "success" or not inherited[job.name]
        else job.replace(condition=conjoin(job.condition, *inherited[job.name]))
        for job in all_jobs
    )


def _with_conditions(job: Job, part_of: dict[str, int], inherited: dict[str, dict[Condition, None]]) -> Job:
    """A job with the conditions of what it needs, where part of that lies in other parts."""
    if not inherited[job.name] or all(part_of[need.job] == part_of[job.name] for need in job.needs):
        return job
    return job.replace(condition=conjoin(job.condition, *inherited[job.name]))


def _say_uncached(scope: Scope, all_jobs: tuple[Job, ...], held: frozenset[str]) -> None:
    for job in all_jobs:
        if job.cache is not None and job.cache.enabled and job.name not in held:
            message = f'"{job.name}" is not cached: its readers lie in another part of the split pipeline'
            scope.sink.report(codes.SPLIT_CACHE, message, job.origin)


def locks(scope: Scope, all_jobs: tuple[Job, ...]) -> dict[str, Any] | None:
    """The config map with the limits of locks that let in more than one."""
    keys = pods.lock_keys(scope.project)
    data = {
        keys[job.lock.name]: str(job.lock.limit)
        for job in all_jobs
        if job.lock is not None and (job.lock.limit or 1) > 1
    }
    if not data:
        return None
    metadata: dict[str, Any] = {"name": pods.locks_name(scope)}
    if scope.options.namespace is not None:
        metadata["namespace"] = scope.options.namespace
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
