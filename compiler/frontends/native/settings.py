"""`targets` and `manifests`: where compiled work goes and runs, and what else is compiled with this manifest."""

from __future__ import annotations

from compiler import codes, reader
from compiler.diagnostics import suggest
from compiler.frontends import FRONT_ENDS
from compiler.frontends.native.fields import (
    boolean,
    choice,
    data,
    exclusive,
    filled,
    integer,
    list_of,
    plain,
    platform,
    quantity,
)
from compiler.frontends.native.paths import folder_inside, glob, path
from compiler.frontends.native.resources import ACCELERATOR, read_accelerator
from compiler.frontends.tables import check_name, name, section
from compiler.ir import Accelerator, Include, Runner, Settings
from compiler.yamltree import Mapping, Slot, origin, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.native.fields import Context, Table

_VENDORS_OWN: Table = {**ACCELERATOR, "resource": ("resource", filled)}


def _runner_gpu(slot: Slot, context: Context) -> dict[str, Any] | None:
    """`true` for any, a count, or what it is; `resource` is the cluster's own name for it."""
    if type(slot.value) is str and slot.value in reader.TRUE | reader.FALSE:
        return {"gpu": slot.value in reader.TRUE}
    if not isinstance(slot.value, Mapping):
        accelerator = read_accelerator(slot, context)
        return None if accelerator is None else {"accelerator": accelerator}
    found = section(slot, context, _VENDORS_OWN, "a runner's GPU")
    if found is None:
        return None
    resource = found.pop("resource", None)
    return {"accelerator": Accelerator(**{"count": 1, **found}), "resource": resource}


def _texts(slot: Slot, context: Context) -> list[str] | None:
    found = list_of(filled, least=1)(slot, context)
    return None if found is None else list(found)


def _selector(slot: Slot, context: Context) -> dict[str, str] | None:
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found = {str(entry.key): reader.text(entry, context.sink) for entry in slots(node)}
    return {key: value for key, value in found.items() if value is not None}


# https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
TOLERATION: Table = {
    "key": ("key", filled),
    "operator": ("operator", choice("Exists", "Equal")),
    "value": ("value", plain),
    "effect": ("effect", choice("NoSchedule", "PreferNoSchedule", "NoExecute")),
    "tolerationSeconds": ("tolerationSeconds", integer()),
}


def _toleration(slot: Slot, context: Context) -> dict[str, Any] | None:
    found = section(slot, context, TOLERATION, "a toleration")
    return None if found is None else {key: value for key, value in found.items() if key != "origin"}


def _tolerations(slot: Slot, context: Context) -> list[Any] | None:
    found = list_of(_toleration, least=1)(slot, context)
    return None if found is None else list(found)


_SELECT = ("tags", "labels", "node_selector", "tolerations")
RUNNER: Table = {
    "name": ("name", name),
    "tags": ("tags", _texts),
    "labels": ("labels", _texts),
    "node_selector": ("node_selector", _selector),
    "tolerations": ("tolerations", _tolerations),
    "executor": ("executor", choice("kubernetes", "docker", "shell", "hosted")),
    "platform": ("platform", platform),
    "cpu": ("cpu", quantity),
    "memory": ("memory", quantity),
    "gpu": ("gpu", _runner_gpu),
    "spot": ("spot", boolean),
    "overwrite": ("overwrite", boolean),
}


def _runner(slot: Slot, context: Context) -> Runner | None:
    found = section(slot, context, RUNNER, "a runner")
    exclusive(slot, context, "a runner", "tags", "labels", "node_selector")
    if found is None:
        return None
    gpu = found.pop("gpu", None) or {}
    select = tuple((key, found.pop(key)) for key in list(found) if key in _SELECT)
    return Runner(**found, **gpu, select=select) if select else Runner(**found, **gpu)


def _part(slot: Slot, context: Context) -> Any:
    """What is laid over the pipeline or its jobs."""
    if reader.is_null(slot.value):
        reader.wrong_type(slot, context.sink, "a mapping")
        return None
    return data(slot, context)


OVERLAY: Table = {"pipeline": ("pipeline", _part), "jobs": ("jobs", _part)}


def _overlay(slot: Slot, context: Context) -> dict[str, Any] | None:
    """The target's own keys as plain data; the target checks them."""
    found = section(slot, context, OVERLAY, "an overlay")
    if found is None:
        return None
    del found["origin"]
    for key, value in found.items():
        inner = value.values() if key == "jobs" and isinstance(value, dict) else ()
        if not isinstance(value, dict) or not all(isinstance(body, dict) for body in inner):
            takes = "a mapping" if key == "pipeline" else "a mapping of jobs to their keys"
            context.sink.report(codes.WRONG_TYPE, f'"{key}" takes {takes}', slot, field=key)
            return None
    return found


_KEYS: Table = {
    "output": ("output", folder_inside),
    "registry": ("registry", filled),
    "store": ("store", filled),
    "runners": ("runners", list_of(_runner)),
    "overlay": ("overlay", _overlay),
    "include": ("include", list_of(path)),
}


def read_settings(slot: Slot, context: Context) -> tuple[Settings, ...] | None:
    """Every target's settings. Keys beyond those of all targets are its own: the target says which mean something."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found = (_settings(entry, context) for entry in slots(node))
    return tuple(settings for settings in found if settings is not None)


def _settings(slot: Slot, context: Context) -> Settings | None:
    target = str(slot.key)
    node = slot.value
    if not check_name(target, slot, context) or not isinstance(node, Mapping):
        reader.mapping(slot, context.sink)
        return None
    found: dict[str, Any] = {"origin": origin(slot)}
    options: list[tuple[str, Any]] = []
    for entry in slots(node):
        key = str(entry.key)
        if key in _KEYS:
            value = _KEYS[key][1](entry, context)
            if value is not None:
                found[_KEYS[key][0]] = value
        elif not _near_key(key, entry, context) and not reader.is_null(entry.value):
            options.append((key, data(entry, context)))
        elif reader.is_null(entry.value):
            reader.wrong_type(entry, context.sink, "a value")
    if options:
        found["options"] = tuple(options)
    return Settings(target=target, **found)


def _near_key(key: str, slot: Slot, context: Context) -> bool:
    """Report a key that is a slip of one that all targets know."""
    near = suggest(key, _KEYS)
    if near is None or not isinstance(slot.container, Mapping) or near in slot.container.entries:
        return False
    reader.unknown_key(key, slot.container, _KEYS, context.sink, "a target")
    return True


INCLUDE: Table = {"path": ("path", glob), "dialect": ("dialect", choice(*FRONT_ENDS))}


def read_include(slot: Slot, context: Context) -> Include | None:
    if isinstance(slot.value, str):
        found = glob(slot, context)
        return None if found is None else Include(path=found, origin=slot)
    fields = section(slot, context, INCLUDE, "a manifest", ("path",))
    return None if fields is None else Include(**fields)
