"""`secrets`: references to AME's own secrets and to a Vault's.

AME's current reader takes one form, the key `ame:`. Tags, which its documentation shows and its older version wrote, make
an empty secret of the item without a word.
"""

from __future__ import annotations

from compiler import codes
from compiler.frontends.ame import codes as ame
from compiler.frontends.ame import config, serde
from compiler.frontends.ame.serde import Key
from compiler.frontends.tables import check_variable
from compiler.reader import integer_of, is_null, number_of
from compiler.yamltree import Mapping, Quoted, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.ame.serde import Context, Table


def _kept(slot: Slot, context: Context) -> Slot:
    del context
    return slot


_OWN: Table = {"key": Key("key", _kept), "injectAs": Key("variable", _kept)}
_VAULT: Table = {"vault": Key("mount", _kept), "key": Key("key", _kept), "injectAs": Key("variable", _kept)}
_OLD_OWN: Table = {"name": Key("key", _kept), "envkey": Key("variable", _kept)}
_OLD_VAULT: Table = {
    "vaultName": Key("vault", serde.skipped),  # the role that logs in: the target's to say
    "secretPath": Key("path", _kept),
    "secretKey": Key("key", _kept),
    "envkey": Key("variable", _kept),
}
# What an item is called by its tag or its one key: the keys of its body, and which of them it needs.
SECRETS: dict[str, tuple[Table, tuple[str, ...]]] = {
    "ame": (_OWN, ("key", "variable")),
    "vault": (_VAULT, ("mount", "key", "variable")),
    "AmeSecret": (_OLD_OWN, ("key", "variable")),
    "VaultSecret": (_OLD_VAULT, ("path", "key", "variable")),
}
ADVICE = "write {ame: {key: …, injectAs: …}} for a secret of AME's own"


def read_secrets(slot: Slot, context: Context) -> tuple[config.SecretGrant, ...] | None:
    if isinstance(slot.value, Sequence):
        found = [_secret(item, context) for item in items(slot.value)]
    elif isinstance(slot.value, Mapping):  # the README of the Go version
        serde.other_spelling(slot, context, f'AME takes "{slot.key}" as a list')
        found = [_secret(slot, context)]
    else:
        if not serde.is_empty(slot.value):
            serde.wrong_type(slot, context, "a list")
        return ()
    return tuple([one for one in found if one is not None])


def _secret(slot: Slot, context: Context) -> config.SecretGrant | None:
    """One item, by its tag, by its one key, or with the keys of older dialects in it."""
    if slot.tag is not None:
        kind = slot.tag.removeprefix("!")
        if kind in SECRETS:
            _dropped(
                slot,
                context,
                f'AME drops the secret "{slot.tag}"' + (": it takes a key, not a tag" if kind == "ame" else ""),
            )
            return _grant(kind, slot, context)
        _nothing(slot, context, f'AME drops the secret "{slot.tag}", which it does not know')
        return None
    node = slot.value
    if isinstance(node, Mapping):
        for entry in slots(node):
            if str(entry.key) in SECRETS:
                if entry.key != "ame":
                    _dropped(entry, context, f'AME drops the secret "{entry.key}"')
                for other in slots(node):
                    if other.key != entry.key:
                        serde.ignored_key(other, {"ame": Key("", _kept)}, context, "a secret")
                return _grant(str(entry.key), entry, context)
        if "envkey" in node.entries:
            _dropped(slot, context, 'AME drops the secret: "name" and "envkey" are keys of older versions')
            return _grant("AmeSecret", slot, context)
        if {"key", "injectAs"} <= node.entries.keys():
            _dropped(slot, context, 'AME drops the secret: its keys stand below "ame:"')
            return _grant("vault" if "vault" in node.entries else "ame", slot, context)
    _nothing(slot, context, "AME drops the secret: it says nothing that AME knows")
    return None


def _nothing(slot: Slot, context: Context, message: str) -> None:
    """A secret that nobody could give to the task."""
    code = ame.DROPPED_SECRET if context.current else codes.WRONG_VALUE
    context.sink.report(code, message, slot, help=f"headrace can't take it either: {ADVICE}")


def _dropped(slot: Slot, context: Context, message: str) -> None:
    if context.current:
        note = "headrace gives it to the task"
        context.sink.report(ame.DROPPED_SECRET, message, slot, help=ADVICE, notes=(note,))


def _grant(kind: str, slot: Slot, context: Context) -> config.SecretGrant | None:
    table, required = SECRETS[kind]
    bare = Slot(slot.container, slot.key, slot.value, slot.document)
    found: dict[str, Any] = {}
    if isinstance(slot.value, Mapping):
        found = serde.section(bare, context, table, "a secret") or {}
    values: dict[str, str] = {}
    for field in required:
        value = _text(found.get(field), kind, context)
        if value:
            values[field] = value
    lacking = [field for field in required if field not in values]
    if lacking:
        keys = [key for key in table if table[key].field in lacking]
        message = f"AME drops the secret: it lacks {' and '.join(chr(34) + key + chr(34) for key in keys)}"
        _nothing(slot, context, message)
        return None
    if not check_variable(values["variable"], found["variable"], context, found["variable"].span_here):
        return None
    where = slot if slot.tag is not None else found.get("origin")
    if kind == "vault":  # the documentation: `vault` is the Vault's name, `key` the path in it
        return config.SecretGrant(variable=values["variable"], path=f"{values['mount']}/{values['key']}", origin=where)
    path = _place(values["path"]) if "path" in values else None
    return config.SecretGrant(variable=values["variable"], key=values["key"], path=path, origin=where)


def _place(path: str) -> str:
    """The agent that AME asks reads Vault's API, where MOUNT/PATH of a versioned engine is MOUNT/data/PATH.

    https://developer.hashicorp.com/vault/docs/secrets/kv/kv-v2/cookbook/read-data
    """
    mount, data, rest = [*path.strip("/").split("/", 2), "", ""][:3]
    return f"{mount}/{rest}" if data == "data" and rest else path.strip("/")


def _text(slot: Slot | None, kind: str, context: Context) -> str | None:
    """A value of a secret. AME's reader keeps the type of a plain scalar here, and drops what is no text."""
    if slot is None or not isinstance(slot.value, str) or is_null(slot.value):
        return None
    value = slot.value
    typed = not isinstance(value, Quoted) and (number_of(value) is not None or integer_of(value) is not None)
    if typed and kind == "ame":
        _dropped(slot, context, f'AME drops the secret: {value} is a number, "{value}" in quotes is text')
    return str(value)
