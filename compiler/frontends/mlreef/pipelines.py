"""`pipelines`: data pipelines, experiments and visualizations, as they are written."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader
from compiler.frontends.mlreef.fields import Context, choice, duration, integer, list_of, path, quantity, text
from compiler.frontends.mlreef.modules import TYPES_BY_WORD
from compiler.frontends.mlreef.triggers import read_triggers
from compiler.frontends.tables import check_name, name, section
from compiler.ir import Argument
from compiler.yamltree import Mapping, Sequence, Slot, items, origin, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.mlreef.fields import Table
    from compiler.ir import Objective, Text
    from compiler.source import Origin

DATA, EXPERIMENT, VISUAL = "data", "experiment", "visualization"
# https://gitlab.com/mlreef/mlreef calls the third kind VISUALIZATION in its database and VISUAL in its interface.
PIPELINES = {
    "data": DATA,
    "data_pipeline": DATA,
    "experiment": EXPERIMENT,
    "visualization": VISUAL,
    "visualisation": VISUAL,
    "visual": VISUAL,
}
_STEPS = {DATA: "operations", EXPERIMENT: "models", VISUAL: "visualizations"}
_BOOLEANS = reader.TRUE | reader.FALSE


class Step:
    """One module in a pipeline, as it is written."""

    __slots__ = (
        "arguments",
        "gpu",
        "grid",
        "input",
        "memory",
        "metrics",
        "module",
        "name",
        "objectives",
        "origin",
        "output",
        "parallel",
        "slot",
        "timeout",
    )

    def __init__(self, slot: Slot, said: dict[str, Any]) -> None:
        self.slot = slot
        self.origin: Origin = said["origin"]
        self.module: str = said["module"]
        self.name: str | None = said.get("name")
        self.arguments: tuple[Argument, ...] = said.get("arguments", ())
        self.grid: tuple[tuple[str, tuple[str, ...]], ...] = said.get("grid", ())
        self.parallel: int | None = said.get("parallel")
        self.input: str | None = said.get("input")
        self.output: str | None = said.get("output")
        self.metrics: str | None = said.get("metrics")
        self.objectives: tuple[Objective, ...] = said.get("objectives", ())
        self.gpu: int | None = said.get("gpu")
        self.memory: int | None = said.get("memory")
        self.timeout: int | None = said.get("timeout")


class PipelineSaid:
    """A pipeline as it is written."""

    __slots__ = ("fields", "kind", "name", "origin", "post", "slot", "steps")

    def __init__(self, name: str, kind: str, slot: Slot, fields: dict[str, Any]) -> None:
        self.name = name
        self.kind = kind
        self.slot = slot
        self.origin: Origin = fields["origin"]
        self.steps: tuple[Step, ...] = fields.pop("steps", ())
        self.post: tuple[Step, ...] = fields.pop("post", ())
        self.fields = fields


def _arguments(slot: Slot, context: Context) -> tuple[Argument, ...] | None:
    """`{name: value}`, or MLReef's own `[{name, value}]`. A value is what stands there, and nothing else."""
    if isinstance(slot.value, Sequence):
        found = [_pair(item, context) for item in items(slot.value)]
    else:
        node = reader.mapping(slot, context.sink)
        if node is None:
            return None
        found = [_argument(str(entry.key), entry, context, entry.key_span) for entry in slots(node)]
    given: dict[str, Argument] = {}
    for argument in found:
        if argument is not None and given.setdefault(argument.name, argument) is not argument:
            context.sink.report(core.DUPLICATE_NAME, f'"{argument.name}" is given twice', argument.origin)
    return tuple(given.values())


def _pair(slot: Slot, context: Context) -> Argument | None:
    fields = section(slot, context, {"name": ("name", text), "value": ("value", _slot)}, "a parameter", ("name",))
    if fields is None:
        return None
    if "value" not in fields:
        context.sink.report(core.MISSING_KEY, 'a parameter needs "value"', fields["origin"])
        return None
    return _argument(fields["name"], fields["value"], context, slot.span_here)


def _slot(slot: Slot, context: Context) -> Slot:
    del context
    return slot


def _argument(given: str, slot: Slot, context: Context, at: Any) -> Argument | None:
    given = given.lstrip("-")
    if not given or given != given.strip() or not given.isprintable() or " " in given or "=" in given:
        context.sink.report(core.BAD_NAME, f"{reader.shown(given)} is not the name of a parameter", at)
        return None
    if isinstance(slot.value, Sequence):
        values = [reader.text(item, context.sink) for item in items(slot.value)]
        if not values:
            context.sink.report(core.EMPTY_VALUE, f'"{given}" is an empty list', slot.span_here)
        known = tuple(_text(value) for value in values if value is not None)
        return Argument(name=given, values=known, listed=True, origin=slot) if known else None
    if type(slot.value) is str and slot.value in _BOOLEANS and slot.tag is None:
        return Argument(name=given, flag=slot.value in reader.TRUE, origin=slot)
    value = reader.text(slot, context.sink)
    return None if value is None else Argument(name=given, values=(_text(value),), origin=slot)


def _text(value: str) -> Text:
    return (value,) if value else ()


def _grid(slot: Slot, context: Context) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
    """Values by parameter: the model runs once for each combination."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found = []
    for entry in slots(node):
        axis = str(entry.key).lstrip("-")
        if not check_name(axis, entry, context):
            continue
        values = list_of(text, least=1)(entry, context) or ()
        twice = next((value for at, value in enumerate(values) if value in values[:at]), None)
        if twice is not None:
            message = f'{reader.shown(twice)} stands twice in the grid of "{axis}"'
            context.sink.report(core.DUPLICATE_NAME, message, entry.span_here)
        elif values:
            found.append((axis, values))
    return tuple(found)


def _objective(slot: Slot, context: Context) -> Objective | None:
    from compiler.objective import parse

    found = reader.parsed(slot, context.sink, parse, core.BAD_OBJECTIVE)
    return None if found is None else found.replace(origin=slot)


def _metrics(slot: Slot, context: Context) -> str | None:
    """The name of the metrics file below the output; `false` for a model that leaves none."""
    if type(slot.value) is str and slot.value in reader.FALSE:
        return ""
    value = text(slot, context)
    if value is not None and ("/" in value or value in (".", "..") or value.startswith("-")):
        context.sink.report(core.BAD_PATH, f'"{slot.key}" takes the name of a file, not a path', slot.span_here)
        return None
    return value


STEP: Table = {
    "module": ("module", text),
    "name": ("name", name),
    "with": ("arguments", _arguments),
    "parameters": ("arguments", _arguments),
    "grid": ("grid", _grid),
    "parallel": ("parallel", integer(1, 1000)),
    "input": ("input", path),
    "output": ("output", path),
    "metrics": ("metrics", _metrics),
    "objectives": ("objectives", list_of(_objective)),
    "gpu": ("gpu", integer(0, 64)),
    "memory": ("memory", quantity),
    "timeout": ("timeout", duration),
}


def _step(slot: Slot, context: Context) -> Step | None:
    if isinstance(slot.value, str):
        module = text(slot, context)
        return None if module is None else Step(slot, {"module": module, "origin": slot})
    fields = section(slot, context, STEP, "a step", ("module",))
    if fields is None:
        return None
    if isinstance(slot.value, Mapping) and "with" in slot.value.entries and "parameters" in slot.value.entries:
        message = "a step takes one of with and parameters"
        context.sink.report(core.KEYS_EXCLUDE, message, slot.value.key_span("parameters"))
    return Step(slot, fields)


_steps = list_of(_step, least=1)


def _results(slot: Slot, context: Context) -> str | None:
    fields = section(slot, context, {"branch": ("branch", text)}, '"results"', ("branch",))
    if fields is None:
        return None
    branch = str(fields["branch"])
    legal = not any(c in " ~^:?*[\\" or not c.isprintable() for c in branch) and ".." not in branch
    if not legal or branch.startswith(("-", "/")) or branch.endswith(("/", ".lock", ".")):
        context.sink.report(
            core.WRONG_VALUE, f"{reader.shown(branch)} is not the name of a branch", slot, field="branch"
        )
        return None
    return branch


_COMMON: Table = {
    "kind": ("kind", choice(PIPELINES)),
    "description": ("description", text),
    "input": ("input", text),
    "input_types": ("input_types", list_of(choice(TYPES_BY_WORD), least=1)),
    "on": ("triggers", read_triggers),
    "keep": ("keep", duration),
    "results": ("results", _results),
    "objectives": ("objectives", list_of(_objective)),
}
TABLES: dict[str, Table] = {
    DATA: {**_COMMON, "operations": ("steps", _steps), "output": ("output", path)},
    EXPERIMENT: {**_COMMON, "models": ("steps", _steps), "post_processing": ("post", _steps)},
    VISUAL: {**_COMMON, "visualizations": ("steps", _steps)},
}


def read_pipelines(slot: Slot, context: Context) -> tuple[PipelineSaid, ...] | None:
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found = []
    for entry in slots(node):
        good = check_name(str(entry.key), entry, context)
        said = _pipeline(entry, context)
        if said is not None and good:
            found.append(said)
    return tuple(found)


def _pipeline(slot: Slot, context: Context) -> PipelineSaid | None:
    kind = _kind(slot, context)
    if kind is None:
        return None
    fields = section(slot, context, TABLES[kind], f"a pipeline of kind {kind}", (_STEPS[kind],))
    return None if fields is None else PipelineSaid(str(slot.key), kind, slot, fields)


def _kind(slot: Slot, context: Context) -> str | None:
    """What a pipeline says that it is, else what its steps are called."""
    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    if "kind" in node.entries:
        entry = next(entry for entry in slots(node) if entry.key == "kind")
        return choice(PIPELINES)(entry, context)
    for kind, key in _STEPS.items():
        if key in node.entries:
            return kind
    if not node.broken:
        advice = "data with operations, experiment with models, or visualization with visualizations"
        message = f'the pipeline "{slot.key}" says no kind'
        context.sink.report(core.MISSING_KEY, message, origin(slot), help=advice)
    return None
