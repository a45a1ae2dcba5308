"""`jobs`, `templates` and `defaults`: a job's body, key by key."""

from __future__ import annotations

from compiler import codes, reader
from compiler.diagnostics import suggest
from compiler.frontends.native.access import read_permissions, read_secret_uses
from compiler.frontends.native.actions import (
    ACTIONS,
    read_build_job,
    read_call,
    read_deploy,
    read_entry,
    read_run,
    read_tool,
)
from compiler.frontends.native.environments import SHELLS, environment_or_name
from compiler.frontends.native.fields import (
    boolean,
    choice,
    condition,
    duration,
    env,
    exclusive,
    filled,
    holed,
    integer,
    list_of,
    missing_one,
    objective,
    pairs,
    plain,
    platform,
    port,
    quantity,
    said,
    variables,
)
from compiler.frontends.native.paths import absolute, folder_inside, holed_path, output_path, path
from compiler.frontends.native.resources import read_resources
from compiler.frontends.tables import check_name, name, section
from compiler.ir import (
    Approval,
    Artifact,
    Cache,
    ChangedFiles,
    Input,
    Job,
    Lock,
    Matrix,
    Need,
    Resume,
    Retry,
    Sidecar,
    Volume,
)
from compiler.reader import FALSE, TRUE
from compiler.yamltree import Mapping, Sequence, Slot, items, origin, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    from compiler.frontends.native.fields import Context, Table

    Legs: TypeAlias = "Literal['all', 'same'] | tuple[tuple[str, str], ...]"

# ---------------------------------------------------------------------------------------------------------------- needs


def _legs(slot: Slot, context: Context) -> Legs | None:
    """`all`, `same`, or values by axis."""
    if isinstance(slot.value, Mapping):
        return pairs(plain)(slot, context)
    found: Literal["all", "same"] | None = choice("all", "same")(slot, context)
    return found


NEED: Table = {
    "job": ("job", filled),
    "artifacts": ("artifacts", boolean),
    "optional": ("optional", boolean),
    "legs": ("legs", _legs),
}


def read_need(slot: Slot, context: Context) -> Need | None:
    if isinstance(slot.value, str):
        job = filled(slot, context)
        return Need(job=job, origin=slot) if job else None
    found = section(slot, context, NEED, "a need", ("job",))
    return None if found is None else Need(**found)


# ----------------------------------------------------------------------------------------------------- inputs and outputs


def _input(slot: Slot, context: Context) -> Input | None:
    found = holed_path(slot, context)
    return None if found is None else Input(path=found, origin=slot)


def _per(slot: Slot, context: Context) -> bool | None:
    return True if choice("leg")(slot, context) else None


OUTPUT: Table = {
    "path": ("path", output_path),
    "kind": ("kind", choice("file", "directory", "dataset", "model", "metrics")),
    "keep": ("keep", duration),
    "store": ("store", filled),
    "size": ("size", quantity),
    "per": ("per_leg", _per),
    "name": ("name", name),
}
CHANGED: Table = {"changed": ("paths", list_of(path, least=1)), "keep": ("keep", duration)}


def _output(slot: Slot, context: Context) -> Artifact | ChangedFiles | None:
    """A path, a path with more about it, or `{changed: [paths]}`: every file below them that the job changes."""
    if isinstance(slot.value, str):
        found = output_path(slot, context)
        return None if found is None else Artifact(path=found, origin=slot)
    if isinstance(slot.value, Mapping) and "changed" in slot.value.entries:
        fields = section(slot, context, CHANGED, "an output of changed files", ("changed",))
        return None if fields is None else ChangedFiles(**fields)
    fields = section(slot, context, OUTPUT, "an output", ("path",))
    return None if fields is None else Artifact(**fields)


VOLUME: Table = {
    "name": ("name", name),
    "path": ("path", absolute),
    "size": ("size", quantity),
    "read_only": ("read_only", boolean),
}


def _volume(slot: Slot, context: Context) -> Volume | None:
    found = section(slot, context, VOLUME, "a volume", ("name", "path"))
    return None if found is None else Volume(**found)


# --------------------------------------------------------------------------------------------------------------- matrix

_MATRIX: Table = {
    "include": ("include", list_of(pairs(plain))),
    "exclude": ("exclude", list_of(pairs(plain))),
    "max_parallel": ("max_parallel", integer(1)),
}


def read_matrix(slot: Slot, context: Context) -> Matrix | None:
    """Axes, each a list of values, beside `include`, `exclude` and `max_parallel`."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found: dict[str, Any] = {"origin": origin(slot)}
    axes: list[tuple[str, tuple[str, ...]]] = []
    for entry in slots(node):
        key = str(entry.key)
        if key in _MATRIX:
            field, read = _MATRIX[key]
            value = read(entry, context)
            if value is not None:
                found[field] = value
        elif check_name(key, entry, context):
            values = list_of(plain)(entry, context)
            axes.append((key, values or ()))
    return Matrix(axes=tuple(axes), **found) if axes else Matrix(**found)


# ------------------------------------------------------------------------------------------------------ attempts, limits


def _retry_on(slot: Slot, context: Context) -> str | None:
    found: str | None = choice("runner", "timeout", "failure")(slot, context)
    return found


RETRY: Table = {
    "max": ("max", integer(0, 100)),
    "on": ("on", list_of(_retry_on)),
    "exit_codes": ("exit_codes", list_of(integer(1, 255), least=1)),
}
CACHE: Table = {"max_age": ("max_age", duration), "store": ("store", filled), "share": ("share", boolean)}
RESUME: Table = {
    "paths": ("paths", list_of(folder_inside, least=1)),
    "every": ("every", duration),
    "store": ("store", filled),
}
APPROVE: Table = {"for": ("to", filled)}
LOCK: Table = {"name": ("name", name), "limit": ("limit", integer(1))}


def _retry(slot: Slot, context: Context) -> Retry | None:
    found = section(slot, context, RETRY, "a retry", ("max",))
    return None if found is None else Retry(**found)


def _is_boolean(slot: Slot) -> bool:
    return type(slot.value) is str and (slot.value in TRUE or slot.value in FALSE)


def _cache(slot: Slot, context: Context) -> Cache | None:
    if _is_boolean(slot):
        return Cache(enabled=slot.value in TRUE, origin=slot)
    found = section(slot, context, CACHE, "a cache")
    return None if found is None else Cache(**found)


def _resume(slot: Slot, context: Context) -> Resume | None:
    found = section(slot, context, RESUME, "what a job resumes from", ("paths",))
    return None if found is None else Resume(**found)


def _approve(slot: Slot, context: Context) -> Approval | None:
    if type(slot.value) is str and slot.value in TRUE:
        return Approval(origin=slot)
    if type(slot.value) is str and slot.value in FALSE:
        message = '"approve" takes true or {for: NAME}: leave it out for no approval'
        context.sink.report(codes.WRONG_VALUE, message, slot.span_here)
        return None
    found = section(slot, context, APPROVE, "an approval")
    return None if found is None else Approval(**found)


def _lock(slot: Slot, context: Context) -> Lock | None:
    if isinstance(slot.value, str):
        given = name(slot, context)
        return Lock(name=given, origin=slot) if given else None
    found = section(slot, context, LOCK, "a lock", ("name",))
    return None if found is None else Lock(**found)


SIDECAR: Table = {
    "name": ("name", name),
    "image": ("image", said),
    "port": ("port", port),
    "env": ("env", variables),
    "command": ("command", list_of(holed, least=1)),
}


def _sidecar(slot: Slot, context: Context) -> Sidecar | None:
    found = section(slot, context, SIDECAR, "a sidecar", ("name", "image"))
    return None if found is None else Sidecar(**found)


# ------------------------------------------------------------------------------------------------------------- the body

DEFAULTS: Table = {
    "environment": ("environment", environment_or_name),
    "working_directory": ("working_directory", path),
    "shell": ("shell", choice(*SHELLS)),
    "platform": ("platform", platform),
    "needs": ("needs", list_of(read_need)),
    "inputs": ("inputs", list_of(_input)),
    "outputs": ("outputs", list_of(_output)),
    "datasets": ("datasets", list_of(filled)),
    "env": ("env", env),
    "secrets": ("secrets", read_secret_uses),
    "identity": ("identity", filled),
    "permissions": ("permissions", read_permissions),
    "volumes": ("volumes", list_of(_volume)),
    "resources": ("resources", read_resources),
    "matrix": ("matrix", read_matrix),
    "when": ("condition", condition),
    "run_on": ("run_on", choice("success", "failure", "always")),
    "retry": ("retry", _retry),
    "timeout": ("timeout", duration),
    "allow_failure": ("allow_failure", boolean),
    "cache": ("cache", _cache),
    "resume": ("resume", _resume),
    "objectives": ("objectives", list_of(objective)),
    "sidecars": ("sidecars", list_of(_sidecar)),
    "approve": ("approval", _approve),
    "lock": ("lock", _lock),
    "nodes": ("nodes", integer(1)),
}
JOB: Table = {
    "run": ("action", read_run),
    "entry": ("action", read_entry),
    "build": ("action", read_build_job),
    "deploy": ("action", read_deploy),
    "call": ("action", read_call),
    "tool": ("action", read_tool),
    "extends": ("extends", filled),
    **DEFAULTS,
}


_DOING = frozenset((*ACTIONS, "extends"))


def read_job(slot: Slot, context: Context, job: str) -> Job | None:
    """A job that does something: it names an action, or a template that may."""
    found = read_template(slot, context, job)
    node = slot.value
    if isinstance(node, Mapping) and _DOING.isdisjoint(node.entries):
        misspelt = any(suggest(key, ACTIONS) for key in node.entries if key not in JOB)  # which is said already
        if not misspelt:
            missing_one(slot, context, "a job", *ACTIONS)
    return found


def read_template(slot: Slot, context: Context, template: str) -> Job | None:
    exclusive(slot, context, "a job", *ACTIONS)
    found = section(slot, context, JOB, "a job")
    return None if found is None else Job(name=template, **found)


def read_defaults(slot: Slot, context: Context) -> Job | None:
    found = section(slot, context, DEFAULTS, "the defaults of jobs")
    return None if found is None else Job(name="defaults", **found)


def read_pool(slot: Slot, context: Context) -> tuple[tuple[str, ...], tuple[Job, ...]] | None:
    """The jobs of a pipeline: names from the pool, and jobs in place as `{NAME: body}`."""
    if isinstance(slot.value, Mapping):
        return (), _in_place(slot.value, context)
    if not isinstance(slot.value, Sequence):
        list_of(filled)(slot, context)
        return None
    names: list[str] = []
    jobs: list[Job] = []
    for item in items(slot.value):
        if isinstance(item.value, Mapping):
            jobs.extend(_in_place(item.value, context))
        else:
            given = filled(item, context)
            if given is not None:
                names.append(given)
    return tuple(names), tuple(jobs)


def _in_place(node: Mapping, context: Context) -> tuple[Job, ...]:
    jobs: list[Job] = []
    for entry in slots(node):
        good = check_name(str(entry.key), entry, context)
        job = read_job(entry, context, str(entry.key))
        if job is not None and good:
            jobs.append(job)
    return tuple(jobs)
