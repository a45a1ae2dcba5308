"""`models`, `services` and `lifecycle`: what passes lower to jobs."""

from __future__ import annotations

from compiler import codes, reader
from compiler.frontends.native.access import read_secret_uses
from compiler.frontends.native.actions import ACTIONS, read_rollout
from compiler.frontends.native.environments import environment_or_name
from compiler.frontends.native.fields import (
    choice,
    env,
    filled,
    holed,
    integer,
    list_of,
    objective,
    port,
    shaped,
    shell,
)
from compiler.frontends.native.jobs import read_job, read_need
from compiler.frontends.native.paths import path
from compiler.frontends.native.resources import read_resources
from compiler.frontends.tables import name, section
from compiler.ir import LIFECYCLE_STEPS, Lifecycle, Model, Probe, Script, Service
from compiler.paths import PathError, from_root
from compiler.reader import report_parse
from compiler.yamltree import Mapping, Slot, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.native.fields import Context, Read, Table
    from compiler.ir import Job, Objective, Rollout

_OF_JOBS = frozenset((*ACTIONS, "extends"))
_url_path = shaped(r"/[^\s]*", "/health")
_address = shaped(r"(/|https?://)[^\s]*", "/health")


def _step(model: str) -> Read[Job | str]:
    """A job by its name, or in place: then it is called MODEL-STEP."""

    def read_step(slot: Slot, context: Context) -> Job | str | None:
        if isinstance(slot.value, str):
            return filled(slot, context)
        return read_job(slot, context, f"{model}-{slot.key}")

    return read_step


def _deploy(model: str) -> Read[Rollout | Job | str]:
    """A job, or with `platform` how the model is rolled out."""

    def read_deploy(slot: Slot, context: Context) -> Rollout | Job | str | None:
        node = slot.value
        if isinstance(node, Mapping) and "platform" in node.entries and not node.entries.keys() & _OF_JOBS:
            return read_rollout(slot, context)
        return _step(model)(slot, context)

    return read_deploy


def read_model(slot: Slot, context: Context, model: str) -> Model | None:
    step = _step(model)
    table: Table = {
        "train": ("train", step),
        "validate": ("validate", step),
        "test": ("test", step),
        "objectives": ("objectives", list_of(objective)),
        "package": ("package", step),
        "deploy": ("deploy", _deploy(model)),
    }
    found = section(slot, context, table, "a model")
    return None if found is None else Model(name=model, **found)


PROBE: Table = {
    "path": ("path", _url_path),
    "method": ("method", choice("GET", "POST", "PUT", "HEAD")),
    "body": ("body", filled),
    "status": ("status", integer(100, 599)),
    "contains": ("contains", filled),
}


def _smoke(slot: Slot, context: Context) -> Probe | Script | None:
    """A command, or a request that the running service must answer."""
    if isinstance(slot.value, str):
        lines = shell(slot, context)
        return Script(lines=lines, origin=slot) if lines else None
    found = section(slot, context, PROBE, "a smoke test", ("path",))
    return None if found is None else Probe(**found)


_module_function = shaped(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*", "serve:predict")


def _function(slot: Slot, context: Context) -> str | None:
    """A function of a module, or of a file: `serve:predict`, `serving/serve.py:predict`."""
    value = slot.value
    if not isinstance(value, str) or ".py:" not in value:
        return _module_function(slot, context)
    file, _, function = value.rpartition(":")
    if not function.isidentifier():
        return _module_function(slot, context)
    try:
        return f"{from_root(file, context.folder)}:{function}"
    except PathError as error:
        report_parse(error, slot, context.sink, codes.BAD_PATH)
        return None


SERVICE: Table = {
    "environment": ("environment", environment_or_name),
    "function": ("function", _function),
    "model": ("model", path),
    "command": ("command", list_of(holed, least=1)),
    "port": ("port", port),
    "user": ("user", integer(1, 65534)),
    "replicas": ("replicas", integer(0, 10000)),
    "resources": ("resources", read_resources),
    "env": ("env", env),
    "secrets": ("secrets", read_secret_uses),
    "health": ("health", _address),
    "smoke": ("smoke", _smoke),
    "deploy": ("deploy", read_rollout),
    "needs": ("needs", list_of(read_need)),
    "stored_model": ("stored_model", filled),
    "framework": ("framework", name),
}


def read_service(slot: Slot, context: Context, service: str) -> Service | None:
    found = section(slot, context, SERVICE, "a service")
    return None if found is None else Service(name=service, **found)


def read_lifecycle(slot: Slot, context: Context) -> Lifecycle | None:
    """Step -> job, and the objectives that judge evaluation and testing."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found: list[tuple[str, str]] = []
    objectives: tuple[Objective, ...] | None = None
    for entry in slots(node):
        if entry.key == "objectives":
            objectives = list_of(objective)(entry, context)
            continue
        if entry.key not in LIFECYCLE_STEPS:
            reader.unknown_key(str(entry.key), node, (*LIFECYCLE_STEPS, "objectives"), context.sink, "a lifecycle")
            continue
        job = filled(entry, context)
        if job is not None:
            found.append((str(entry.key), job))
    made = Lifecycle(steps=tuple(found), origin=node)
    return made if objectives is None else made.replace(objectives=objectives)
