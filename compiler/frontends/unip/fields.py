"""What the platform's documents may hold: a table a mapping, each key with what is known of it.

`VERIFIED` was seen in a source of the platform's own; of `PARTLY` the name is real and its place or form is not known;
`ASSUMED` is reconstructed from what the platform's introduction demands. A key that no table has is passed through with a
warning, since the CRDs are known in part only.
"""

from __future__ import annotations

from compiler import codes as core
from compiler import quantity, reader
from compiler.diagnostics import Edit, Fix, suggest
from compiler.frontends.unip import codes
from compiler.yamltree import Mapping, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from compiler.diagnostics import Sink
    from compiler.source import Span

    Read: TypeAlias = "Callable[[Slot, Reading], Any]"
    Table: TypeAlias = "dict[str, Key]"

VERIFIED, PARTLY, ASSUMED = "verified", "partly known", "assumed"
GROUP = "unified-platform.cs.hse.ru"
VERSION = f"{GROUP}/v1"
SCALING_GROUP = f"autoscaler.{GROUP}"
SCALING_VERSION = f"{SCALING_GROUP}/v1alpha1"
KINDS = ("DataBox", "MLComponent", "ExperimentPipeline", "APIComponent")
SCALING_KIND = "ScalingConfig"
SAMPLE_REQUEST = "headrace/sample-request"  # an annotation: the file of a request that the smoke test makes


class Key:
    """How a key is read, and how much of it is known."""

    __slots__ = ("read", "status")

    def __init__(self, read: Read, status: str = VERIFIED) -> None:
        self.read = read
        self.status = status


class Reading:
    """The findings, and the fields in use that are not verified, each with where it was met first."""

    __slots__ = ("sink", "unverified")

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.unverified: dict[str, tuple[str, Slot]] = {}


class Part:
    """A mapping that was read: values by key, and where each stands."""

    __slots__ = ("places", "slot", "values")

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.values: dict[str, Any] = {}
        self.places: dict[str, Slot] = {}

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def at(self, key: str | None = None) -> Slot:
        """Where a key's value stands, else the whole."""
        return self.slot if key is None else self.places.get(key, self.slot)

    def has(self, key: str) -> bool:
        """Whether the key was written, however badly."""
        return key in self.places


class Place:
    """Where a node of the IR was written: the file, the component in it, and the place in that."""

    __slots__ = ("name", "slot")

    def __init__(self, slot: Slot, name: str | None = None) -> None:
        self.slot = slot
        self.name = name

    @property
    def path(self) -> str:
        """The name that was given, else `pipelines.yaml#training.stages[0].name`: a module has several files, a file several
        documents."""
        if self.name is not None:
            return self.name
        root = self.slot.document.root
        metadata = root.entries.get("metadata") if isinstance(root, Mapping) else None
        name = metadata.entries.get("name") if isinstance(metadata, Mapping) else None
        return f"{self.slot.document.source.name}#{name}.{self.slot.path.removeprefix('spec.')}"

    def span(self, field: str | None = None) -> Span:
        return self.slot.span(field)


def section(slot: Slot, reading: Reading, table: Table, what: str, required: tuple[str, ...] = ()) -> Part | None:
    """A mapping by its table. What no table has is a warning; what is missing an error."""
    node = reader.mapping(slot, reading.sink)
    if node is None:
        return None
    part = Part(slot)
    for entry in slots(node):
        name = str(entry.key)
        key = table.get(name)
        if key is None:
            _unknown(name, node, table, what, reading)
            continue
        part.places[name] = entry
        if key.status != VERIFIED:
            reading.unverified.setdefault(f"{what}.{name}", (key.status, entry))
        value = key.read(entry, reading)
        if value is not None:
            part.values[name] = value
    for name in required:
        if name not in node.entries and not node.broken:
            reading.sink.report(core.MISSING_KEY, f"{what} has no `{name}`", slot)
    return part


def _unknown(name: str, node: Mapping, table: Table, what: str, reading: Reading) -> None:
    near = suggest(name, [key for key in table if key not in node.entries])
    at = node.key_span(name)
    fix = Fix(f'write "{near}"', Edit(at, near)) if near else None
    message = f'"{name}" is not known of {what}: it is passed through as it is'
    reading.sink.report(codes.UNKNOWN_FIELD, message, at, suggestion=near, fix=fix)


# ---------------------------------------------------------------------------------------------------------------- values


def text(slot: Slot, reading: Reading) -> str | None:
    found = reader.text(slot, reading.sink)
    if found is not None and not found.strip():
        reading.sink.report(core.EMPTY_VALUE, f'"{slot.key}" is empty', slot)
        return None
    return found


def scalar(slot: Slot, reading: Reading) -> str | None:
    """Text that may be empty."""
    return reader.text(slot, reading.sink)


def boolean(slot: Slot, reading: Reading) -> bool | None:
    return reader.boolean(slot, reading.sink)


def anything(slot: Slot, reading: Reading) -> object:
    """What headrace passes on and does not look into."""
    del reading
    return slot.value


def integer(minimum: int, maximum: int) -> Read:
    def read_integer(slot: Slot, reading: Reading) -> int | None:
        return reader.integer(slot, reading.sink, minimum, maximum)

    return read_integer


def number(slot: Slot, reading: Reading) -> float | None:
    found = reader.number_of(slot.value) if type(slot.value) is str else None
    if found is None:
        reader.wrong_type(slot, reading.sink, "a number")
    return found


def choice(*values: str) -> Read:
    def read_choice(slot: Slot, reading: Reading) -> str | None:
        return reader.choice(slot, reading.sink, values)

    return read_choice


def port(slot: Slot, reading: Reading) -> int | None:
    """F05."""
    found = reader.integer_of(slot.value) if type(slot.value) is str else None
    if found is None or not 1 <= found <= 65535:
        message = f'"{slot.key}" takes a port from 1 to 65535, not {reader.shown(slot.value)}'
        reading.sink.report(codes.PORT, message, slot)
        return None
    return found


def capacity(slot: Slot, reading: Reading) -> int | None:
    """F22: nano-bytes, as every quantity."""
    value = reader.text(slot, reading.sink)
    if value is None:
        return None
    try:
        found = quantity.parse(value)
    except ValueError as error:
        reader.report_parse(error, slot, reading.sink, codes.CAPACITY)
        return None
    if found <= 0:
        reading.sink.report(codes.CAPACITY, f'"{slot.key}" is more than nothing, not {reader.shown(value)}', slot)
        return None
    return found


def amount(slot: Slot, reading: Reading) -> int | None:
    return reader.parsed(slot, reading.sink, quantity.parse, core.BAD_QUANTITY)


def inner(table: Callable[[], Table] | Table, what: str, *required: str) -> Read:
    def read_inner(slot: Slot, reading: Reading) -> Part | None:
        return section(slot, reading, table if isinstance(table, dict) else table(), what, required)

    return read_inner


def listed(read: Read) -> Read:
    def read_list(slot: Slot, reading: Reading) -> list[Any] | None:
        node = reader.sequence(slot, reading.sink)
        if node is None:
            return None
        found = [read(item, reading) for item in items(node)]
        return [one for one in found if one is not None]

    return read_list


def reference(key: str = "name", *inside: str) -> Read:
    """A name, `{name: NAME}`, or either below one of some keys: (name, where it stands)."""

    def read_reference(slot: Slot, reading: Reading) -> tuple[str, Slot] | None:
        if isinstance(slot.value, Mapping):
            for name in inside:
                if name in slot.value.entries:
                    below = Slot(slot.value, name, slot.value.entries[name], slot.document)
                    return read_reference(below, reading)
            part = section(slot, reading, {key: Key(text)}, f"`{slot.key}`", (key,))
            return None if part is None or part.get(key) is None else (part.get(key), part.at(key))
        found = text(slot, reading)
        return None if found is None else (found, slot)

    return read_reference


def one_or_more(read: Read) -> Read:
    def read_some(slot: Slot, reading: Reading) -> list[Any] | None:
        if isinstance(slot.value, Sequence):
            found: list[Any] | None = listed(read)(slot, reading)
            return found
        one = read(slot, reading)
        return None if one is None else [one]

    return read_some


def words(slot: Slot, reading: Reading) -> str | list[str] | None:
    """A shell's line, or exact words."""
    if isinstance(slot.value, Sequence):
        found: list[str] | None = listed(scalar)(slot, reading)
        return found or None
    return text(slot, reading)


def entry_point(slot: Slot, reading: Reading) -> str | list[str] | None:
    """`{cmd: …}`; the words alone are taken, too."""
    if not isinstance(slot.value, Mapping):
        return words(slot, reading)
    part = section(slot, reading, ENTRY_POINT, "entryPoint", ("cmd",))
    return None if part is None else part.get("cmd")


# ---------------------------------------------------------------------------------------------------------------- tables

ENTRY_POINT: Table = {"cmd": Key(words, PARTLY)}
METADATA: Table = {
    "name": Key(text),
    "namespace": Key(text),
    "labels": Key(anything),
    "annotations": Key(anything),
}
IMAGE: Table = {"existingImageName": Key(text), "newImage": Key(anything, PARTLY)}
ENV_VALUE: Table = {"name": Key(text, ASSUMED), "value": Key(scalar, ASSUMED), "valueFrom": Key(anything, ASSUMED)}
RESOURCES: Table = {"limits": Key(anything, ASSUMED), "requests": Key(anything, ASSUMED)}
BOXES = listed(reference())

STORAGE: Table = {"capacity": Key(capacity)}
DATA_BOX: Table = {"s3DefaultStorage": Key(inner(STORAGE, "s3DefaultStorage"))}

ML_SERVICE: Table = {"packageRegistryName": Key(text), "inferenceFunction": Key(text, ASSUMED)}
ML_COMPONENT: Table = {
    "image": Key(inner(IMAGE, "image")),
    "servicePort": Key(port),
    "envFrom": Key(anything),
    "env": Key(listed(inner(ENV_VALUE, "env", "name")), PARTLY),
    "mlService": Key(inner(ML_SERVICE, "mlService")),
    "modelBox": Key(reference(), PARTLY),
    "modelPath": Key(text, PARTLY),
    "connectedBoxes": Key(BOXES, PARTLY),
    "replicas": Key(integer(0, 10000), ASSUMED),
    "resources": Key(inner(RESOURCES, "resources"), ASSUMED),
}

MOUNT: Table = {"box": Key(reference(), ASSUMED), "path": Key(text, ASSUMED)}
VARIABLE: Table = {"name": Key(text), "mountFrom": Key(inner(MOUNT, "mountFrom"), PARTLY)}
USE = listed(inner({"name": Key(text)}, "a variable of a stage", "name"))
STAGE: Table = {
    "name": Key(text),
    "image": Key(inner(IMAGE, "image")),
    "inputs": Key(USE),
    "outputs": Key(USE),
    "entryPoint": Key(entry_point, PARTLY),
    "env": Key(listed(inner(ENV_VALUE, "env", "name")), ASSUMED),
    "resources": Key(inner(RESOURCES, "resources"), ASSUMED),
}
PIPELINE: Table = {
    "vars": Key(listed(inner(VARIABLE, "a variable", "name"))),
    "stages": Key(listed(inner(STAGE, "a stage", "name"))),
    "connectedBoxes": Key(BOXES, PARTLY),
    "continueWith": Key(one_or_more(reference("name", "experimentPipeline")), PARTLY),
}

API_TYPE: Table = {"datatypes": Key(listed(text))}
API_INPUT: Table = {
    "name": Key(text),
    "description": Key(scalar),
    "required": Key(boolean),
    "type": Key(inner(API_TYPE, "type")),
}
API_OUTPUT: Table = {name: Key(key.read, PARTLY) for name, key in API_INPUT.items()}
API_SPEC: Table = {
    "inputs": Key(listed(inner(API_INPUT, "an input", "name"))),
    "outputs": Key(listed(inner(API_OUTPUT, "an output", "name")), PARTLY),
}
BASIC: Table = {"credentials": Key(text)}
AUTH: Table = {
    "basic": Key(inner(BASIC, "basic", "credentials")),
    "openIdConnect": Key(anything, PARTLY),
    "identityPassThrough": Key(boolean),
}
RESTFUL: Table = {"path": Key(text), "auth": Key(inner(AUTH, "auth"))}
API: Table = {
    "published": Key(boolean),
    "mlComponent": Key(reference()),
    "experimentPipeline": Key(reference()),
    "files": Key(anything, ASSUMED),
    "pipelines": Key(anything, ASSUMED),
    "apiSpec": Key(inner(API_SPEC, "apiSpec")),
    "restfulApi": Key(inner(RESTFUL, "restfulApi")),
}
API_KINDS = ("files", "pipelines", "mlComponent", "experimentPipeline")

CONDITION: Table = {"metric": Key(text), "operator": Key(choice("lt", "gt")), "value": Key(number)}
CONDITIONS: Table = {
    "allConditions": Key(listed(inner(CONDITION, "a condition", "metric", "operator", "value"))),
    "anyCondition": Key(listed(inner(CONDITION, "a condition", "metric", "operator", "value"))),
}
TRANSITION: Table = {"nextState": Key(integer(0, 10**6)), "conditions": Key(inner(CONDITIONS, "conditions"))}
STATE: Table = {
    "replicas": Key(integer(0, 10000)),
    "transitions": Key(listed(inner(TRANSITION, "a transition", "nextState", "conditions"))),
}
TARGET: Table = {"kind": Key(choice("deployment", "service")), "name": Key(text), "namespace": Key(text)}
OPTIONS: Table = {
    "cooldown": Key(integer(0, 10**9)),
    "hibernationEnabled": Key(boolean),
    "cpuTimeWindow": Key(integer(0, 10**9)),
    "memoryTimeWindow": Key(integer(0, 10**9)),
}
METRIC: Table = {"name": Key(text), "query": Key(text)}
SCALING: Table = {
    "target": Key(inner(TARGET, "target", "kind", "name", "namespace")),
    "states": Key(listed(inner(STATE, "a state", "replicas", "transitions"))),
    "scalingOptions": Key(inner(OPTIONS, "scalingOptions", "cooldown", "hibernationEnabled")),
    "prometheusMetrics": Key(listed(inner(METRIC, "a metric", "name", "query"))),
}
SPECS: dict[str, tuple[Table, tuple[str, ...]]] = {
    "DataBox": (DATA_BOX, ("s3DefaultStorage",)),
    "MLComponent": (ML_COMPONENT, ()),
    "ExperimentPipeline": (PIPELINE, ("stages",)),
    "APIComponent": (API, ("published",)),
    SCALING_KIND: (SCALING, ("target", "states", "scalingOptions")),
}
