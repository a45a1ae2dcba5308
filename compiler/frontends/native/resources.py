"""`resources`: what machine a job asks for. A quantity by itself is what it requests; `{request, limit}` says both."""

from __future__ import annotations

from compiler import codes
from compiler.frontends.native.fields import boolean, choice, filled, integer, quantity
from compiler.frontends.tables import name, section
from compiler.ir import Accelerator, Amounts, Resources
from compiler.reader import integer_of
from compiler.yamltree import Mapping, Slot, origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.native.fields import Context, Table

AMOUNTS: Table = {key: (key, quantity) for key in ("cpu", "memory", "storage")}
BOTH: Table = {"request": ("request", quantity), "limit": ("limit", quantity)}


def _both(slot: Slot, context: Context) -> tuple[int | None, int | None] | None:
    """Request and limit of one quantity."""
    if not isinstance(slot.value, Mapping):
        amount = quantity(slot, context)
        return None if amount is None else (amount, None)
    found = section(slot, context, BOTH, "a quantity")
    return None if found is None else (found.get("request"), found.get("limit"))


def _amounts(slot: Slot, context: Context) -> Amounts | None:
    found = section(slot, context, AMOUNTS, "an amount of resources")
    return None if found is None else Amounts(**found)


ACCELERATOR: Table = {
    "count": ("count", integer(1, 1024)),
    "vendor": ("vendor", choice("nvidia", "amd", "intel", "google")),
    "kind": ("kind", filled),
    "memory": ("memory", quantity),
}


def read_accelerator(slot: Slot, context: Context) -> Accelerator | None:
    """A count, or `{count, kind, memory}` with one as its count unless said."""
    if type(slot.value) is str and integer_of(slot.value) is not None:
        count = integer(1, 1024)(slot, context)
        return None if count is None else Accelerator(count=count, origin=slot)
    found = section(slot, context, ACCELERATOR, "a GPU")
    return None if found is None else Accelerator(**{"count": 1, **found})


RESOURCES: Table = {
    "cpu": ("cpu", _both),
    "memory": ("memory", _both),
    "storage": ("storage", _both),
    "request": ("request", _amounts),
    "limit": ("limit", _amounts),
    "shm": ("shm", quantity),
    "gpu": ("accelerator", read_accelerator),
    "spot": ("spot", boolean),
    "runner": ("runner", name),
}


def read_resources(slot: Slot, context: Context) -> Resources | None:
    found = section(slot, context, RESOURCES, "the resources of a job")
    if found is None:
        return None
    _check_twice(slot, context)
    asked: dict[str, int] = {}
    most: dict[str, int] = {}
    for key in AMOUNTS:
        if key in found:
            request, limit = found.pop(key)
            if request is not None:
                asked[key] = request
            if limit is not None:
                most[key] = limit
    if asked:
        found["request"] = _with(found.get("request"), asked, slot)
    if most:
        found["limit"] = _with(found.get("limit"), most, slot)
    _check_order(found.get("request"), found.get("limit"), slot, context)
    return Resources(**found)


def _check_twice(slot: Slot, context: Context) -> None:
    """A quantity stands by itself, or under `request` and `limit`."""
    node = slot.value
    if not isinstance(node, Mapping) or not ("request" in node.entries or "limit" in node.entries):
        return
    for whole in ("request", "limit"):
        part = Slot(node, whole, node.entries.get(whole, ""), node.document).value
        said = part.entries if isinstance(part, Mapping) else ()
        for key in AMOUNTS:
            if key in node.entries and key in said:
                message = f'"{key}" stands here and under "{whole}"'
                context.sink.report(codes.KEYS_EXCLUDE, message, node.key_span(key))


def _with(amounts: Amounts | None, more: dict[str, Any], slot: Slot) -> Amounts:
    """Amounts with those that stand by themselves."""
    return Amounts(origin=origin(slot), **more) if amounts is None else amounts.replace(**more)


def _check_order(request: Amounts | None, limit: Amounts | None, slot: Slot, context: Context) -> None:
    if request is None or limit is None:
        return
    for key in AMOUNTS:
        asked, most = getattr(request, key), getattr(limit, key)
        if asked is not None and most is not None and asked > most:
            message = f'the request of "{key}" is above its limit'
            context.sink.report(codes.OUT_OF_RANGE, message, slot, field=key)
