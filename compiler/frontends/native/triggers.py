"""`pipelines`: graphs of jobs with what starts them."""

from __future__ import annotations

from compiler import codes, reader
from compiler.diagnostics import listed, suggest
from compiler.frontends import tables
from compiler.frontends.native.fields import boolean, choice, env, filled, list_of, pairs, plain, said
from compiler.frontends.native.jobs import read_pool
from compiler.frontends.native.parameters import read_parameters
from compiler.frontends.native.paths import glob
from compiler.frontends.tables import name, section
from compiler.ir import (
    Concurrency,
    OnCall,
    OnChangeRequest,
    OnManual,
    OnPipeline,
    OnPush,
    OnSchedule,
    Pipeline,
)
from compiler.yamltree import Mapping, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from compiler.frontends.native.fields import Context, Table
    from compiler.ir import Trigger


def _cron(slot: Slot, context: Context) -> str | None:
    value = plain(slot, context)
    return None if value is None else tables.cron(slot, context, value)


def _zone(slot: Slot, context: Context) -> str | None:
    value = plain(slot, context)
    return None if value is None else tables.timezone(slot, context, value)


PUSH: Table = {
    "branches": ("branches", list_of(filled)),
    "tags": ("tags", list_of(filled)),
    "paths": ("paths", list_of(glob, least=1)),
}
CHANGE_REQUEST: Table = {"branches": ("branches", list_of(filled)), "paths": ("paths", list_of(glob, least=1))}
SCHEDULE: Table = {
    "cron": ("cron", _cron),
    "timezone": ("timezone", _zone),
    "parameters": ("parameters", pairs(plain)),
}


def _push(slot: Slot, context: Context) -> tuple[Trigger, ...]:
    found = section(slot, context, PUSH, "a push trigger")
    return () if found is None else (OnPush(**found),)


def _change_request(slot: Slot, context: Context) -> tuple[Trigger, ...]:
    found = section(slot, context, CHANGE_REQUEST, "a change request trigger")
    return () if found is None else (OnChangeRequest(**found),)


def _schedule(slot: Slot, context: Context) -> tuple[Trigger, ...]:
    """One schedule, or a list of them."""
    if isinstance(slot.value, Sequence):
        return list_of(_one_schedule, least=1)(slot, context) or ()
    found = _one_schedule(slot, context)
    return () if found is None else (found,)


def _one_schedule(slot: Slot, context: Context) -> OnSchedule | None:
    found = section(slot, context, SCHEDULE, "a schedule", ("cron",))
    return None if found is None else OnSchedule(**found)


def _pipeline(slot: Slot, context: Context) -> tuple[Trigger, ...]:
    """The name of the pipeline that ends, or a list of names."""
    if isinstance(slot.value, Sequence):
        return list_of(_one_pipeline, least=1)(slot, context) or ()
    found = _one_pipeline(slot, context)
    return () if found is None else (found,)


def _one_pipeline(slot: Slot, context: Context) -> OnPipeline | None:
    pipeline = name(slot, context)
    return OnPipeline(pipeline=pipeline, origin=slot) if pipeline else None


def _without_options(trigger: type[OnManual] | type[OnCall]) -> Callable[[Slot, Context], tuple[Trigger, ...]]:
    def read(slot: Slot, context: Context) -> tuple[Trigger, ...]:
        found = section(slot, context, {}, f'"{slot.key}"')
        return () if found is None else (trigger(**found),)

    return read


TRIGGERS: dict[str, Callable[[Slot, Context], tuple[Trigger, ...]]] = {
    "push": _push,
    "change_request": _change_request,
    "schedule": _schedule,
    "manual": _without_options(OnManual),
    "call": _without_options(OnCall),
    "pipeline": _pipeline,
}
_BARE: dict[str, type[OnPush] | type[OnChangeRequest] | type[OnManual] | type[OnCall]] = {
    "push": OnPush,
    "change_request": OnChangeRequest,
    "manual": OnManual,
    "call": OnCall,
}
_SLIPS = {
    "pull_request": "change_request",
    "merge_request": "change_request",
    "workflow_dispatch": "manual",
    "workflow_call": "call",
    "workflow_run": "pipeline",
    "cron": "schedule",
    "tag": "push",
    "tags": "push",
}


def read_triggers(slot: Slot, context: Context) -> tuple[Trigger, ...] | None:
    """One trigger by name, a list of names and mappings, or a mapping of all."""
    if isinstance(slot.value, Sequence):
        return tuple(trigger for item in items(slot.value) for trigger in _item(item, context))
    return _item(slot, context)


def _item(slot: Slot, context: Context) -> tuple[Trigger, ...]:
    if isinstance(slot.value, str):
        return _bare(slot, context)
    node = reader.mapping(slot, context.sink)
    found: list[Trigger] = []
    for entry in slots(node) if node is not None else ():
        key = str(entry.key)
        if key not in TRIGGERS:
            _unknown(key, entry, context)
        elif reader.is_null(entry.value) and key in _BARE and entry.tag is None:
            found.append(_BARE[key](origin=entry))
        else:
            found.extend(TRIGGERS[key](entry, context))
    return tuple(found)


def _bare(slot: Slot, context: Context) -> tuple[Trigger, ...]:
    word = filled(slot, context)
    if word is None:
        return ()
    if word in _BARE:
        return (_BARE[word](origin=slot),)
    if word in TRIGGERS:
        takes = "{cron: …}" if word == "schedule" else "the name of a pipeline"
        context.sink.report(codes.MISSING_KEY, f'"{word}" takes {takes}', slot.span_here)
        return ()
    near = _SLIPS.get(word) or suggest(word, TRIGGERS)
    message = f"{reader.shown(word)} starts nothing, a pipeline starts on {listed(TRIGGERS)}"
    context.sink.report(codes.WRONG_VALUE, message, slot.span_here, suggestion=near)
    return ()


def _unknown(key: str, entry: Slot, context: Context) -> None:
    node = entry.container
    if key in _SLIPS and isinstance(node, Mapping):
        message = f'"on" has no key "{key}"'
        context.sink.report(codes.UNKNOWN_KEY, message, entry.key_span, suggestion=_SLIPS[key])
    elif isinstance(node, Mapping):
        reader.unknown_key(key, node, TRIGGERS, context.sink, '"on"')


CONCURRENCY: Table = {"group": ("group", said), "cancel": ("cancel", boolean)}


def _concurrency(slot: Slot, context: Context) -> Concurrency | None:
    found = section(slot, context, CONCURRENCY, "the concurrency of a pipeline")
    return None if found is None else Concurrency(**found)


PIPELINE: Table = {
    "on": ("triggers", read_triggers),
    "jobs": ("pool", read_pool),
    "parameters": ("parameters", read_parameters),
    "env": ("env", env),
    "concurrency": ("concurrency", _concurrency),
    "attest": ("attest", choice("unsigned", "signed")),
}


def read_pipeline(slot: Slot, context: Context, pipeline: str) -> Pipeline | None:
    found = section(slot, context, PIPELINE, "a pipeline")
    if found is None:
        return None
    members, jobs = found.pop("pool", (None, None))
    if members or (members is not None and not jobs):
        found["members"] = members
    if jobs:
        found["jobs"] = jobs
    return Pipeline(name=pipeline, **found)
