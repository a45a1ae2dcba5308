"""`env`: `[{key, val}]`, and how older dialects and the documentation write it."""

from __future__ import annotations

from compiler import codes
from compiler.credentials import check_variable as check_credential
from compiler.frontends.ame import serde
from compiler.frontends.ame.serde import Key
from compiler.frontends.tables import check_variable
from compiler.ir import EnvVar
from compiler.yamltree import Mapping, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.ame.serde import Context, Table


def _kept(slot: Slot, context: Context) -> Slot:
    """The slot itself: a value that is looked at beside others."""
    del context
    return slot


ENV: Table = {
    "key": Key("key", _kept),
    "val": Key("val", _kept),
    "name": Key("key", _kept, "key"),
    "envkey": Key("key", _kept, "key"),
    "value": Key("val", _kept, "val"),
}


def read_env(slot: Slot, context: Context) -> tuple[EnvVar, ...] | None:
    """Variables in order. Of two of one name Kubernetes takes the later one."""
    if isinstance(slot.value, Sequence):
        found = [_variable(item, context) for item in items(slot.value)]
    elif isinstance(slot.value, Mapping):  # the README of the Go version
        serde.other_spelling(slot, context, f'AME takes "{slot.key}" as a list')
        by_name = slot.value.entries and ENV.keys().isdisjoint(slot.value.entries)
        found = [_named(entry, context) for entry in slots(slot.value)] if by_name else [_variable(slot, context)]
    else:
        if not serde.is_empty(slot.value):
            serde.wrong_type(slot, context, "a list")
        return ()
    return tuple([one for one in found if one is not None])


def _variable(slot: Slot, context: Context) -> EnvVar | None:
    found = serde.section(slot, context, ENV, "a variable of `env`")
    if found is None:
        if serde.is_empty(slot.value):
            context.sink.report(codes.MISSING_KEY, 'a variable of `env` needs "key"', slot.span_here)
        return None
    written = ("key", "val") if context.current else ("name", "value")
    lacking = [
        serde.lacks(found, field, key, "a variable of `env`", slot, context)
        for field, key in zip(("key", "val"), written, strict=True)
    ]
    if any(lacking):
        return None
    key, value = found["key"], found["val"]
    name = serde.required_text(key, context)
    return _made(name, key, value, context) if name is not None else None


def _named(entry: Slot, context: Context) -> EnvVar | None:
    """`NAME: value`."""
    return _made(str(entry.key), entry, entry, context)


def _made(name: str, key: Slot, value: Slot, context: Context) -> EnvVar | None:
    text = serde.required_text(value, context)
    if text is None or not check_variable(name, key, context, key.key_span if key is value else key.span_here):
        return None
    made = EnvVar(name=name, value=(text,) if text else (), origin=value)
    check_credential(made, context.sink)
    return made
