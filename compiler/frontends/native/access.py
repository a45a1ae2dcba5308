"""`secrets` and `identities`: references to what a job may use, never values."""

from __future__ import annotations

from compiler import codes, reader
from compiler.frontends.native.fields import boolean, choice, exclusive, filled, missing_one
from compiler.frontends.tables import check_variable, name, section, variable
from compiler.ir import Identity, Permission, Secret, SecretUse
from compiler.yamltree import Mapping, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from compiler.frontends.native.fields import Context, Read, Table

    Provider: TypeAlias = Literal["aws", "gcp", "azure", "kubernetes"]

SECRET: Table = {
    "store": ("store", choice("ci", "vault", "kubernetes", "env")),
    "path": ("path", filled),
    "key": ("key", filled),
}


def read_secret(slot: Slot, context: Context, secret: str) -> Secret | None:
    found = section(slot, context, SECRET, "a secret")
    return None if found is None else Secret(name=secret, **found)


IDENTITIES: dict[Provider, Table] = {
    "aws": {key: (key, filled) for key in ("role", "region", "audience")},
    "gcp": {key: (key, filled) for key in ("provider", "service_account", "project", "audience")},
    "azure": {key: (key, filled) for key in ("client", "tenant", "subscription", "audience")},
    "kubernetes": {key: (key, filled) for key in ("service_account", "namespace")},
}
_REQUIRED: dict[Provider, tuple[str, ...]] = {
    "aws": ("role",),
    "gcp": ("provider",),
    "azure": ("client", "tenant"),
    "kubernetes": ("service_account",),
}


def read_identity(slot: Slot, context: Context, identity: str) -> Identity | None:
    """`{aws: {role}}`: one provider with its own words."""
    table: Table = {provider: (provider, _settings(provider)) for provider in IDENTITIES}
    given = exclusive(slot, context, "an identity", *IDENTITIES)
    found = section(slot, context, table, "an identity")
    if found is not None and not given:
        missing_one(slot, context, "an identity", *IDENTITIES)
    if found is None or len(given) != 1:
        return None
    for provider in IDENTITIES:
        if provider in found:
            return Identity(name=identity, provider=provider, settings=found[provider], origin=found["origin"])
    return None


def _settings(provider: Provider) -> Read[tuple[tuple[str, str], ...]]:
    def read_settings(slot: Slot, context: Context) -> tuple[tuple[str, str], ...] | None:
        found = section(slot, context, IDENTITIES[provider], f'an identity of "{provider}"', _REQUIRED[provider])
        return None if found is None else tuple((key, value) for key, value in found.items() if key != "origin")

    return read_settings


def _file(slot: Slot, context: Context) -> str | None:
    """Where a secret's file stands in a job: an absolute path there, or one below the manifest's folder."""
    value = filled(slot, context)
    if value is None:
        return None
    if "\\" in value or ".." in value.split("/") or not value.isprintable() or value.endswith("/"):
        message = f'"{slot.key}" takes the path of a file, not {reader.shown(value)}'
        context.sink.report(codes.BAD_PATH, message, slot.span_here)
        return None
    return value if value.startswith("/") or not context.folder else f"{context.folder}/{value.removeprefix('./')}"


USE: Table = {
    "name": ("secret", name),
    "env": ("env", variable),
    "file": ("file", _file),
    "optional": ("optional", boolean),
}


def read_secret_uses(slot: Slot, context: Context) -> tuple[SecretUse, ...] | None:
    """`[NAME, {name, env}, {name, file}]`, or `{VARIABLE: NAME}`."""
    if isinstance(slot.value, Mapping):
        return _by_variable(slot.value, context)
    node = reader.sequence(slot, context.sink)
    if node is None:
        return None
    uses = (_use(item, context) for item in items(node))
    return tuple(use for use in uses if use is not None)


def _by_variable(node: Mapping, context: Context) -> tuple[SecretUse, ...]:
    uses: list[SecretUse] = []
    for entry in slots(node):
        good = check_variable(str(entry.key), entry, context)
        secret = name(entry, context)
        if secret is not None and good:
            uses.append(SecretUse(secret=secret, env=str(entry.key), origin=entry))
    return tuple(uses)


def _use(slot: Slot, context: Context) -> SecretUse | None:
    if isinstance(slot.value, Mapping):
        given = exclusive(slot, context, "the use of a secret", "env", "file")
        exclusive(slot, context, "the use of a secret", "file", "optional")
        found = section(slot, context, USE, "the use of a secret", ("name",))
        if found is None:
            return None
        if not given and check_variable(found["secret"], slot, context, slot.value.value_span("name")):
            found["env"] = found["secret"]
        return SecretUse(**found)
    secret = name(slot, context)
    if secret is None or not check_variable(secret, slot, context, slot.span_here):
        return None
    return SecretUse(secret=secret, env=secret, origin=slot)


_access = choice("read", "write", "none")


def read_permissions(slot: Slot, context: Context) -> tuple[Permission, ...] | None:
    """Scope -> access, of the CI's own token."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found = ((str(entry.key), _access(entry, context), entry) for entry in slots(node))
    return tuple(Permission(scope=scope, access=access, origin=entry) for scope, access, entry in found if access)
