"""`on`: what starts a pipeline. MLReef's pipelines are started by hand, and so are these unless they say more."""

from __future__ import annotations

from compiler import codes, reader
from compiler.diagnostics import listed, suggest
from compiler.frontends import tables
from compiler.frontends.mlreef.fields import Context, list_of, text
from compiler.frontends.tables import section
from compiler.ir import OnCall, OnChangeRequest, OnManual, OnPipeline, OnPush, OnSchedule
from compiler.yamltree import Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.mlreef.fields import Table
    from compiler.ir import Trigger

DEFAULT: tuple[Trigger, ...] = (OnManual(),)


def _cron(slot: Slot, context: Context) -> str | None:
    value = text(slot, context)
    return None if value is None else tables.cron(slot, context, value)


def _zone(slot: Slot, context: Context) -> str | None:
    value = text(slot, context)
    return None if value is None else tables.timezone(slot, context, value)


_GLOBS = list_of(text, least=1)
_TABLES: dict[str, tuple[Any, Table]] = {
    "push": (OnPush, {"branches": ("branches", _GLOBS), "tags": ("tags", _GLOBS), "paths": ("paths", _GLOBS)}),
    "change_request": (OnChangeRequest, {"branches": ("branches", _GLOBS), "paths": ("paths", _GLOBS)}),
    "schedule": (OnSchedule, {"cron": ("cron", _cron), "timezone": ("timezone", _zone)}),
    "manual": (OnManual, {}),
    "call": (OnCall, {}),
}
WORDS = (*_TABLES, "pipeline")


def read_triggers(slot: Slot, context: Context) -> tuple[Trigger, ...] | None:
    """One word, a list of words and mappings, or a mapping of all."""
    if isinstance(slot.value, Sequence):
        return tuple(trigger for item in items(slot.value) for trigger in _item(item, context))
    return _item(slot, context)


def _item(slot: Slot, context: Context) -> tuple[Trigger, ...]:
    if isinstance(slot.value, str):
        word = text(slot, context)
        return () if word is None else _bare(word, slot, context)
    node = reader.mapping(slot, context.sink)
    found: list[Trigger] = []
    for entry in slots(node) if node is not None else ():
        found.extend(_entry(str(entry.key), entry, context))
    return tuple(found)


def _entry(word: str, entry: Slot, context: Context) -> tuple[Trigger, ...]:
    if word == "pipeline":
        name = text(entry, context)
        return () if name is None else (OnPipeline(pipeline=name, origin=entry),)
    if word not in _TABLES or reader.is_null(entry.value):
        return _bare(word, entry, context)
    made, table = _TABLES[word]
    required = ("cron",) if word == "schedule" else ()
    found = section(entry, context, table, f'"{word}"', required)
    return () if found is None else (made(**found),)


def _bare(word: str, slot: Slot, context: Context) -> tuple[Trigger, ...]:
    if word in _TABLES and word != "schedule":
        return (_TABLES[word][0](origin=slot),)
    if word in WORDS:
        takes = "{cron: …}" if word == "schedule" else "the name of a pipeline"
        context.sink.report(codes.MISSING_KEY, f'"{word}" takes {takes}', slot.span_here)
        return ()
    message = f"{reader.shown(word)} starts nothing, a pipeline starts on {listed(WORDS)}"
    context.sink.report(codes.WRONG_VALUE, message, slot.span_here, suggestion=suggest(word, WORDS))
    return ()
