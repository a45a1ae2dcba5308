"""`env`: `[{key, val}]`, and how older dialects and the documentation write it."""

from __future__ import annotations

from compiler import codes
from compiler.credentials import check_variable
from compiler.frontends.ame import serde
from compiler.frontends.ame.serde import Key
from compiler.ir import EnvVar
from compiler.naming import is_variable, near_variable
from compiler.reader import shown
from compiler.yamltree import Mapping, Quoted, Sequence, Slot, items

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
        found = [_variable(slot, context)]
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
    lacking = [serde.lacks(found, key, key, "a variable of `env`", slot, context) for key in ("key", "val")]
    if any(lacking):
        return None
    key, value = found["key"], found["val"]
    name, text = serde.required_text(key, context), serde.required_text(value, context)
    if name is None or text is None or not variable_name(name, key, context):
        return None
    made = EnvVar(name=name, value=(text,) if text else (), origin=value)
    check_variable(made, context.sink)
    return made


def variable_name(name: str, slot: Slot, context: Context) -> bool:
    """Report what a shell does not take for a variable."""
    if is_variable(name):
        return True
    near = near_variable(name)
    message = f"{shown(Quoted(name))} is not a variable's name: letters, digits and _, no digit first"
    context.sink.report(codes.BAD_NAME, message, slot.span_here, suggestion=near if near != name else None)
    return False
