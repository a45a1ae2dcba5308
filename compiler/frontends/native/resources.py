"""`resources`: what machine a job asks for. A quantity by itself is what it requests; `{request, limit}` says both."""

from __future__ import annotations

from compiler import codes
from compiler.frontends.native.fields import boolean, choice, filled, integer, name, quantity, section
from compiler.ir import Accelerator, Amounts, Resources
from compiler.reader import integer_of
from compiler.yamltree import Mapping, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.native.fields import Context, Table
    from compiler.source import Origin

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
    request, limit = found.pop("request", None), found.pop("limit", None)
    for key in AMOUNTS:
        single = found.pop(key, (None, None))
        request = _with(request, key, single[0], slot, context, found["origin"])
        limit = _with(limit, key, single[1], slot, context, found["origin"])
    _check_order(request, limit, slot, context)
    return Resources(request=request, limit=limit, **found)


def _with(
    amounts: Amounts | None, key: str, amount: int | None, slot: Slot, context: Context, origin: Origin
) -> Amounts | None:
    """Amounts with one more of them; said twice is an error."""
    if amount is None:
        return amounts
    if amounts is None:
        given: dict[str, Any] = {key: amount}
        return Amounts(origin=origin, **given)
    if getattr(amounts, key) is not None and isinstance(slot.value, Mapping):
        message = f'"{key}" is said here and under "request" or "limit"'
        context.sink.report(codes.KEYS_EXCLUDE, message, slot.value.key_span(key))
    return amounts.replace(**{key: amount})


def _check_order(request: Amounts | None, limit: Amounts | None, slot: Slot, context: Context) -> None:
    for key in AMOUNTS if request is not None and limit is not None else ():
        asked, most = getattr(request, key), getattr(limit, key)
        if asked is not None and most is not None and asked > most:
            message = f'the request of "{key}" is above its limit'
            context.sink.report(codes.OUT_OF_RANGE, message, slot, field=key)
