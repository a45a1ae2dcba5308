"""What modules there are, as data: for a table, for programs, and as JSON Schemas that a form can be built from."""

from __future__ import annotations

import json
import os

from compiler.diagnostics import NOTE, Sink
from compiler.frontends.mlreef import codes, scripts
from compiler.frontends.mlreef.fields import Context
from compiler.frontends.mlreef.modules import Module, gather
from compiler.frontends.mlreef.parameters import ModuleParameter, parameters_of
from compiler.frontends.mlreef.publishing import software_of
from compiler.frontends.mlreef.reading import of_manifest, of_script
from compiler.pyargs import Metric, selector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.mlreef.scripts import Script
    from compiler.pyargs import Interface, Subcommand
    from compiler.repository import Repository

FILES = ("mlreef.yaml", "mlreef.yml")
_TYPES = {
    "STRING": "string",
    "INTEGER": "integer",
    "FLOAT": "number",
    "BOOLEAN": "boolean",
    "LIST": "array",
    "TUPLE": "array",
    "OBJECT": "object",
    "DICTIONARY": "object",
}


def find(repository: Repository, path: str, sink: Sink) -> list[Module]:
    """The modules of a folder (by its manifest, where it has one), of a manifest, or of a script."""
    if not os.path.isdir(repository.path(path)):
        if path.endswith(".py"):
            found = of_script(path, repository, sink)
        else:
            source = repository.source(path, sink)
            found = None if source is None else of_manifest(source, path, repository, sink)
        if found is None:
            return []
        modules = list(found.modules.values())
        if not path.endswith(".py"):
            _report_left_out(modules, found.context, found.fields.get("search") or (found.context.folder,))
        return modules
    for name in FILES:
        manifest = f"{path}/{name}".removeprefix("/")
        if repository.is_file(manifest):
            return find(repository, manifest, sink)
    context = Context(repository, sink, path)
    modules = list(gather((), context, (path,)).values())
    _report_left_out(modules, context, (path,))
    return modules


def _report_left_out(modules: list[Module], context: Context, search: tuple[str, ...]) -> None:
    """Scripts that read a command line in a way that is not read here: each is named, with why."""
    from compiler.pyargs.frameworks import USES

    hints = {*(name.partition(".")[0] for name in USES), "argparse", "argv"}
    known = {module.script.path for module in modules}
    for path in dict.fromkeys(path for folder in search for path in scripts.candidates(context.files, folder)):
        unread = Sink()
        source = context.files.source(path, unread) if path not in known else None
        if source is None or not any(hint in source.text for hint in hints):
            continue
        script = scripts.read_script(path, context.files, unread)
        why = None if script is None else scripts.why_no_entry(script)
        if script is not None and why is not None and why != scripts.READS_NOTHING:
            context.sink.report(codes.NO_ENTRY, f'"{path}" is no module: {why}', script.place(1, 1), severity=NOTE)


def as_data(module: Module) -> dict[str, Any]:
    """A module as JSON data."""
    software = software_of(module)
    image = software.image
    return {
        "name": module.name,
        "title": module.title,
        "kind": module.kind,
        "description": module.description,
        "script": module.script.path,
        "interface": module.script.interface.style,
        "complete": module.script.interface.complete,
        "requirements": module.requirements,
        "environment": "".join(str(piece) for piece in image) if image else f"python {software.python}",
        "input_types": list(module.input_types),
        "output_types": list(module.output_types),
        **command_data(module.script, module.script.interface),
        "metrics": [
            {"type": one.type, "ground_truth": one.ground_truth, "prediction": one.prediction}
            for one in module.script.interface.decorators
            if isinstance(one, Metric)
        ],
    }


def command_data(script: Script, command: Interface | Subcommand) -> dict[str, Any]:
    """The parameters of a script or of a subcommand, and its subcommands with the name that chooses one."""
    found: dict[str, Any] = {"parameters": [parameter_data(one) for one in parameters_of(script, command)]}
    if command.subcommands:
        found["subcommand"] = selector(command)
        found["subcommands"] = [
            {"name": one.name, "aliases": list(one.aliases), "help": one.help, **command_data(script, one)}
            for one in command.subcommands
        ]
    return found


def parameter_data(parameter: ModuleParameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "flag": parameter.flag or None,
        "type": parameter.type,
        "default": parameter.default,
        "required": parameter.required,
        "help": parameter.help,
        "choices": None if parameter.choices is None else [_plain(choice) for choice in parameter.choices],
        "nargs": parameter.nargs if isinstance(parameter.nargs, (int, str)) else None,
        "line": parameter.line,
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def json_schema(module: Module) -> dict[str, Any]:
    """A module's parameters as a JSON Schema of the object of their values."""
    interface = module.script.interface
    # With subcommands what is allowed is worked out from all that apply, which `additionalProperties` does not see.
    closed = "unevaluatedProperties" if interface.subcommands else "additionalProperties"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": module.title or module.name,
        "description": module.description or "",
        "type": "object",
        **_command_schema(module.script, interface),
        closed: not interface.complete,
    }


def _command_schema(script: Script, command: Interface | Subcommand) -> dict[str, Any]:
    """The properties of a script or of a subcommand; where a subcommand is chosen, its own in addition."""
    parameters = parameters_of(script, command)
    properties = {one.name: _property(one) for one in parameters}
    required = [one.name for one in parameters if one.required]
    found: dict[str, Any] = {"properties": properties, "required": required}
    if command.subcommands:
        key = selector(command)
        names = [name for one in command.subcommands for name in (one.name, *one.aliases)]
        properties[key] = {"type": "string", "description": "the subcommand", "enum": names}
        required += [key] if command.subcommand_required else []
        found["allOf"] = [
            {
                "if": {"properties": {key: {"enum": [one.name, *one.aliases]}}, "required": [key]},
                "then": _command_schema(script, one),
            }
            for one in command.subcommands
        ]
    return found


def _property(parameter: ModuleParameter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind = _TYPES.get(parameter.type)
    if kind is not None:
        found["type"] = kind
    if parameter.help:
        found["description"] = parameter.help
    if kind == "array" and isinstance(parameter.nargs, int):
        found["minItems"] = found["maxItems"] = parameter.nargs
    item = _TYPES.get(parameter.item)
    if kind == "array" and item is not None and parameter.choices is None:
        found["items"] = {"type": item}
    if parameter.choices is not None:
        values = [_plain(choice) for choice in parameter.choices]
        if kind == "array":
            found["items"] = {"enum": values}
        else:
            found["enum"] = values
        if parameter.default is not None and kind is None:
            return {**found, "default": next((one for one in values if str(one) == parameter.default), None)}
    default = _default(parameter, kind)
    if default is not None:
        found["default"] = default
    return found


def _default(parameter: ModuleParameter, kind: str | None) -> Any:
    """A default as a value of the property's type; None where it is none of it."""
    text = parameter.default
    if parameter.switch and kind == "boolean":
        return parameter.is_on
    if text is None:
        return None
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower())
    try:
        if kind == "integer":
            return int(text)
        if kind == "number":
            value = float(text)
            return value if value - value == 0 else None
        if kind in ("array", "object"):
            value = json.loads(text.replace("'", '"'))
            return value if isinstance(value, list if kind == "array" else dict) else None
    except ValueError:
        return None
    return text
