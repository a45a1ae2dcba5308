"""What a job does: `run`, `entry`, `build`, `deploy`, `call` or `tool`."""

from __future__ import annotations

from compiler import codes, reader
from compiler.frontends.native.environments import BUILD, read_publish
from compiler.frontends.native.fields import (
    boolean,
    choice,
    exclusive,
    filled,
    holed,
    list_of,
    missing_one,
    pairs,
    plain,
    shaped,
    shell,
)
from compiler.frontends.native.paths import path
from compiler.frontends.tables import name, section
from compiler.ir import Argument, Build, BuildImage, Call, Deploy, Entry, EnvVar, Exec, Ingress, Rollout, Script, Tool
from compiler.tools import TOOLS
from compiler.yamltree import Mapping, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.native.fields import Context, Table

ACTIONS = ("run", "entry", "build", "deploy", "call", "tool")
PLATFORMS = ("kubernetes", "knative", "kserve", "seldon", "apply", "gitops")
_BOOLEANS = reader.TRUE | reader.FALSE


def read_run(slot: Slot, context: Context) -> Script | Exec | None:
    """Shell text, or a list of exact arguments."""
    if isinstance(slot.value, Sequence):
        argv = list_of(holed, least=1)(slot, context)
        return Exec(argv=argv, origin=slot) if argv else None
    lines = shell(slot, context)
    return Script(lines=lines, origin=slot) if lines else None


def _arguments(slot: Slot, context: Context) -> tuple[Argument, ...] | None:
    """`{name: value}`, or a list of names that take the axis or parameter of that name."""
    if isinstance(slot.value, Mapping):
        found = (_argument(entry, context) for entry in slots(slot.value))
        return tuple(argument for argument in found if argument is not None)
    node = reader.sequence(slot, context.sink)
    if node is None:
        return None
    names = ((name(item, context), item) for item in items(node))
    return tuple(Argument(name=given, listed=True, origin=item) for given, item in names if given)


def _argument(slot: Slot, context: Context) -> Argument | None:
    given = str(slot.key)
    if not given or given != given.strip() or not given.isprintable() or " " in given or "=" in given:
        message = f"{reader.shown(slot.key)} is not the name of an argument"
        context.sink.report(codes.BAD_NAME, message, slot.key_span)
        return None
    if isinstance(slot.value, Sequence):
        values = list_of(holed, least=1)(slot, context)
        return Argument(name=given, values=values, listed=True, origin=slot) if values else None
    if type(slot.value) is str and slot.value in _BOOLEANS and slot.tag is None:
        return Argument(name=given, flag=slot.value in reader.TRUE, origin=slot)
    value = holed(slot, context)
    return None if value is None else Argument(name=given, values=(value,), origin=slot)


ENTRY: Table = {
    "script": ("script", path),
    "module": ("module", shaped(r"[^\W\d]\w*(\.[^\W\d]\w*)*", "package.train")),
    "launch": ("launch", choice("python", "torchrun", "accelerate")),
    "with": ("arguments", _arguments),
}


def read_entry(slot: Slot, context: Context) -> Entry | None:
    given = exclusive(slot, context, "an entry", "script", "module")
    found = section(slot, context, ENTRY, "an entry")
    if found is None:
        return None
    if not given:
        missing_one(slot, context, "an entry", "script", "module")
    return Entry(**found) if "script" in found or "module" in found else None


_BUILD_JOB: Table = {**BUILD, "publish": ("publish", read_publish), "environment": ("environment", name)}
_OWN_BUILD = tuple(BUILD)


def read_build_job(slot: Slot, context: Context) -> BuildImage | None:
    """An environment's image by its name, or an image in place."""
    if isinstance(slot.value, str):
        environment = name(slot, context)
        return BuildImage(build=Build(), environment=environment, origin=slot) if environment else None
    found = section(slot, context, _BUILD_JOB, "a build")
    if found is None:
        return None
    publish, environment = found.pop("publish", None), found.pop("environment", None)
    if environment is not None:
        exclusive(slot, context, "a build", "environment", next((key for key in _OWN_BUILD if key in found), "context"))
    return BuildImage(build=Build(**found), publish=publish, environment=environment, origin=found["origin"])


DEPLOY: Table = {
    "platform": ("platform", choice(*PLATFORMS)),
    "to": ("to", filled),
    "cluster": ("cluster", filled),
    "namespace": ("namespace", filled),
    "documents": ("documents", list_of(path)),
    "image": ("image", filled),
    "replaces": ("replaces", pairs(plain)),
    "branch": ("branch", filled),
    "repository": ("repository", filled),
    "message": ("message", filled),
    "health": ("health", filled),
    "url": ("url", filled),
    "service": ("service", filled),
    "restart": ("restart", boolean),
}


def read_deploy(slot: Slot, context: Context) -> Deploy | None:
    found = section(slot, context, DEPLOY, "a deployment", ("platform",))
    return None if found is None else Deploy(**found)


INGRESS: Table = {
    "host": ("host", filled),
    "path": ("path", filled),
    "tls": ("tls", boolean),
    "secret": ("secret", filled),
    "annotations": ("annotations", pairs(plain)),
    "class": ("class_name", filled),
}


def _ingress(slot: Slot, context: Context) -> Ingress | None:
    found = section(slot, context, INGRESS, "an ingress")
    return None if found is None else Ingress(**found)


ROLLOUT: Table = {
    "platform": ("platform", choice(*PLATFORMS)),
    "to": ("to", filled),
    "cluster": ("cluster", filled),
    "namespace": ("namespace", filled),
    "documents": ("documents", list_of(path)),
    "ingress": ("ingress", _ingress),
    "branch": ("branch", filled),
    "repository": ("repository", filled),
    "approve": ("approve", boolean),
    "restart": ("restart", boolean),
}


def read_rollout(slot: Slot, context: Context) -> Rollout | None:
    """How a service or a model is deployed."""
    found = section(slot, context, ROLLOUT, "a deployment", ("platform",))
    return None if found is None else Rollout(**found)


def _call_parameters(slot: Slot, context: Context) -> tuple[EnvVar, ...] | None:
    """Values by the called pipeline's parameters' names."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found = ((str(entry.key), holed(entry, context), entry) for entry in slots(node))
    return tuple(EnvVar(name=key, value=value, origin=entry) for key, value, entry in found if value is not None)


CALL: Table = {"pipeline": ("pipeline", name), "parameters": ("parameters", _call_parameters)}


def read_call(slot: Slot, context: Context) -> Call | None:
    """Another pipeline by its name, or with parameters."""
    if isinstance(slot.value, str):
        pipeline = name(slot, context)
        return Call(pipeline=pipeline, origin=slot) if pipeline else None
    found = section(slot, context, CALL, "a call", ("pipeline",))
    return None if found is None else Call(**found)


TOOL: Table = {"name": ("name", choice(*TOOLS)), "arguments": ("arguments", list_of(holed))}


def read_tool(slot: Slot, context: Context) -> Tool | None:
    """One of headrace's own tools, with exact arguments."""
    found = section(slot, context, TOOL, "a tool", ("name",))
    return None if found is None else Tool(**found)
