"""`extends` and `defaults`: what a job does not say, its template says; what neither says, the defaults say.

The merge is deep and the job wins: mappings (env, axes, arguments, resources) merge by key, lists are replaced whole.
"""

from __future__ import annotations

from compiler import codes, graph
from compiler.ir import NOTHING, Entry, Environment, Job, Node, Project, Script, fields
from compiler.passes.actions import fitted
from compiler.passes.context import Context, over_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Tuples that are mappings in a manifest: their entries merge by this field, or by their first part.
_BY_NAME = {"env": "name", "arguments": "name", "permissions": "scope", "args": "name", "volumes": "name"}
_BY_FIRST = frozenset(("axes", "settings"))
_OWN = frozenset(("name", "extends", "origin"))
# Fields of which a thing has one: who says one of them has not left the other one open.
_RIVALS: dict[type[Node], dict[str, str]] = {
    Entry: {"script": "module", "module": "script"},
    Environment: {"image": "build", "build": "image"},
}


def resolve_templates(project: Project, context: Context) -> Project:
    templates = _resolved(project.templates, context)

    def apply(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        merged_jobs = ((_with_defaults(_acting(job, templates, context), project.defaults), job) for job in jobs)
        return tuple([_with_shell(fitted(whole, own, context)) for whole, own in merged_jobs])

    project = over_groups(project, apply)
    return project.replace(templates=NOTHING, defaults=None)


def _resolved(templates: tuple[Job, ...], context: Context) -> dict[str, Job | None]:
    """Templates may extend templates: resolve the ones that others stand on first."""
    by_name = {template.name: template for template in templates}
    waits = {name: [template.extends] if template.extends else [] for name, template in by_name.items()}
    for cycle in graph.cycles(waits):
        circle = " -> ".join([*cycle, cycle[0]])
        context.sink.report(codes.TEMPLATE_CYCLE, f"templates extend one another: {circle}", by_name[cycle[0]].origin)
    done: dict[str, Job] = {}
    for name in graph.order(waits):
        done[name] = _extended(by_name[name], {**dict.fromkeys(by_name), **done}, context)
    return {**dict.fromkeys(by_name), **done}  # None: on a circle, which is reported


def _extended(job: Job, templates: dict[str, Any], context: Context) -> Job:
    if job.extends is None:
        return job
    template = templates.get(job.extends)
    if template is None:
        if job.extends not in templates:
            context.unknown(codes.UNKNOWN_TEMPLATE, "a template", job.extends, templates, job.origin, "extends")
        return job.replace(extends=None)
    done: Job = merged(job, template)
    return done.replace(extends=None)


def _acting(job: Job, templates: dict[str, Any], context: Context) -> Job:
    """A job with its template; one of the two says what is done."""
    done = _extended(job, templates, context)
    if done.action is None and templates.get(job.extends or "") is not None:
        message = (
            f'"{job.name}" does nothing: neither it nor "{job.extends}" has run, entry, build, deploy, call or tool'
        )
        context.sink.report(codes.MISSING_KEY, message, job.origin, field="extends")
    return done


def _with_defaults(job: Job, defaults: Job | None) -> Job:
    if defaults is None:
        return job
    done: Job = merged(job, defaults)
    return done


def _with_shell(job: Job) -> Job:
    """The shell that the job, its template or the defaults name is that of its script."""
    if job.shell is None or not isinstance(job.action, Script):
        return job
    return job.replace(action=job.action.replace(shell=job.shell))


def merged(over: Any, under: Any) -> Any:
    """One node over another of the same class: what `over` does not say, `under` says."""
    changes = {}
    rivals = _RIVALS.get(type(over), {})
    for name in fields(type(over)):
        if name in _OWN:
            continue
        mine, theirs = getattr(over, name), getattr(under, name)
        rival = rivals.get(name)
        if rival is not None and getattr(over, rival) is not None:
            continue
        value = _field(name, mine, theirs)
        if value is not mine:
            changes[name] = value
    return over.replace(**changes) if changes else over


def _field(name: str, mine: Any, theirs: Any) -> Any:
    if mine is None or mine is NOTHING:
        return theirs
    if theirs is None or theirs is NOTHING:
        return mine
    if isinstance(mine, Node) and type(mine) is type(theirs) and name != "condition":
        return merged(mine, theirs)
    if name in _BY_NAME:
        key = _BY_NAME[name]
        return _united(mine, theirs, lambda item: getattr(item, key))
    if name in _BY_FIRST:
        return _united(mine, theirs, lambda item: item[0])
    if name == "secrets":
        return _united(mine, theirs, lambda use: (use.env, use.file) if use.env or use.file else use.secret)
    return mine


def _united(mine: tuple[Any, ...], theirs: tuple[Any, ...], key: Any) -> tuple[Any, ...]:
    """The template's entries in their order, replaced by the job's where both have one, then the job's others."""
    given = {key(item): item for item in mine}
    kept = [given.pop(key(item), item) for item in theirs]
    return (*kept, *given.values())
