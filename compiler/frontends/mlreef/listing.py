"""What modules there are, as data: for a table, for programs, and as JSON Schemas that a form can be built from."""

from __future__ import annotations

import json
import os

from compiler.diagnostics import Sink
from compiler.frontends.mlreef.fields import Context
from compiler.frontends.mlreef.modules import Module, gather
from compiler.frontends.mlreef.parameters import ModuleParameter, parameters_of
from compiler.frontends.mlreef.publishing import software_of
from compiler.frontends.mlreef.reading import of_manifest, of_script
from compiler.pyargs import Metric

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
        return [] if found is None else list(found.modules.values())
    for name in FILES:
        manifest = f"{path}/{name}".removeprefix("/")
        if repository.is_file(manifest):
            return find(repository, manifest, sink)
    return list(gather((), Context(repository, sink, path), (path,)).values())


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
        "parameters": [parameter_data(one) for one in parameters_of(module.script)],
        "metrics": [
            {"type": one.type, "ground_truth": one.ground_truth, "prediction": one.prediction}
            for one in module.script.interface.decorators
            if isinstance(one, Metric)
        ],
    }


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
    parameters = parameters_of(module.script)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": module.title or module.name,
        "description": module.description or "",
        "type": "object",
        "properties": {one.name: _property(one) for one in parameters},
        "required": [one.name for one in parameters if one.required],
        "additionalProperties": not module.script.interface.complete,
    }


def _property(parameter: ModuleParameter) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind = _TYPES.get(parameter.type)
    if kind is not None:
        found["type"] = kind
    if parameter.help:
        found["description"] = parameter.help
    if kind == "array" and isinstance(parameter.nargs, int):
        found["minItems"] = found["maxItems"] = parameter.nargs
    if parameter.choices is not None:
        values = [_plain(choice) for choice in parameter.choices]
        if kind == "array":
            found["items"] = {"enum": values}
        else:
            found["enum"] = values
    default = _default(parameter, kind)
    if default is not None:
        found["default"] = default
    return found


def _default(parameter: ModuleParameter, kind: str | None) -> Any:
    """A default as a value of the property's type; None where it is none of it."""
    text = parameter.default
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
