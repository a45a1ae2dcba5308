"""Values against a JSON Schema, as far as samples and predictions ask for: types, properties, items, bounds, choices."""

from __future__ import annotations

import re
from typing import Any

SHAPES: dict[str, Any] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def fits(value: Any, kind: str) -> bool:
    if kind in ("number", "integer") and isinstance(value, bool):
        return False
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, SHAPES.get(kind, object))


def problems(value: Any, schema: Any, place: str = "") -> list[str]:
    """What is wrong with a value; a keyword that is not known says nothing."""
    if schema is False:
        return [f"{place or 'the value'} must not be there"]
    if not isinstance(schema, dict):
        return []
    where = place or "the value"
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(fits(value, kind) for kind in kinds):
        return [f"{where} is no {' or '.join(kinds)}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{where} is not {schema['const']!r}")
    if "anyOf" in schema and all(problems(value, one, place) for one in schema["anyOf"]):
        found.append(f"{where} fits none of the alternatives")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found += bounds(value, schema, ("minimum", "maximum"), where)
    if isinstance(value, str):
        found += bounds(len(value), schema, ("minLength", "maxLength"), f"the length of {where}")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            found.append(f"{where} does not match {schema['pattern']!r}")
    if isinstance(value, list):
        found += bounds(len(value), schema, ("minItems", "maxItems"), f"the length of {where}")
        for number, item in enumerate(value):
            found += problems(item, schema.get("items"), f"{place}[{number}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        found += [f"{where} lacks {name!r}" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            rest = schema.get("additionalProperties")
            found += problems(item, properties.get(name, rest), f"{place}.{name}".lstrip("."))
    return found


def bounds(value: float, schema: dict[str, Any], names: tuple[str, str], where: str) -> list[str]:
    least, most = names
    found = []
    if least in schema and value < schema[least]:
        found.append(f"{where} is below {schema[least]}")
    if most in schema and value > schema[most]:
        found.append(f"{where} is above {schema[most]}")
    return found
