"""A repository's own tree of configurations, as `mml-copy-conf` makes one: YAML files by group."""

from __future__ import annotations

import re

from compiler import reader, yamltree
from compiler.yamltree import Mapping, Quoted, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files

DEEPEST = 100
BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
STARTS_OF_NUMBERS = frozenset("-+.0123456789")
FLOAT = re.compile(
    r"[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*[eE][-+]?[0-9]+"
    r"|\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?|[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
INTEGER = re.compile(
    r"[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+"
)


def read_tree(folder: str, files: Files, sink: Sink) -> dict[str, Any]:
    """Every option below a folder. What is Hydra's own (`hydra/...`) is left to Hydra."""
    found: dict[str, Any] = {}
    for path in files.glob(f"{folder}/**/*.yaml"):
        name = path[len(folder) + 1 : -len(".yaml")]
        source = files.source(path, sink)
        if source is None or name.startswith("hydra/"):
            continue
        documents = yamltree.parse(source, sink)
        node: dict[str, Any] = {}
        package = _package(source.text)
        if package is not None:
            node["package"] = package
        values = data(yamltree.root_slot(documents[0])) if documents and documents[0].root is not None else {}
        if isinstance(values, dict):
            defaults = values.pop("defaults", None)
            if isinstance(defaults, list):
                node["defaults"] = [item for item in defaults if isinstance(item, (str, dict))]
        if values:
            node["values"] = values
        found[name] = node
    return found


def _package(text: str) -> str | None:
    """What `# @package NAME` says at a file's head, which ends with the first line that is none of these comments."""
    for line in text.splitlines():
        words = line.strip().lstrip("#").split()
        if not words and not line.strip():
            continue
        if not line.strip().startswith("#") or not words or not words[0].startswith("@"):
            break
        if words[0] == "@package" and len(words) > 1:
            return words[1]
    return None


def data(slot: Slot, depth: int = 0) -> Any:
    """A tree as plain data, numbers as OmegaConf reads them; deeper than any configuration it ends."""
    value = slot.value
    if isinstance(value, Mapping):
        if depth > DEEPEST:
            return {}
        return {str(entry.key): data(entry, depth + 1) for entry in slots(value)}
    if isinstance(value, Sequence):
        return [] if depth > DEEPEST else [data(item, depth + 1) for item in items(value)]
    return _scalar(value)


def _scalar(value: str) -> Any:
    """A scalar as OmegaConf reads it: by YAML 1.1's rules, with its own for floats."""
    if isinstance(value, Quoted):
        return str(value)
    if value in reader.NULLS:
        return None
    if value.lower() in BOOLEANS and value in (value.lower(), value.capitalize(), value.upper()):
        return BOOLEANS[value.lower()]
    if value[:1] not in STARTS_OF_NUMBERS:
        return value
    if FLOAT.fullmatch(value):
        return _float(value.replace("_", "").lower())
    return _integer(value.replace("_", "")) if INTEGER.fullmatch(value) else value


def _float(text: str) -> float:
    if ":" in text:
        return float(_sexagesimal(text))
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


def _integer(text: str) -> int:
    sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text.removeprefix("+"))
    if ":" in digits:
        return sign * int(_sexagesimal(digits))
    for start, base in (("0b", 2), ("0x", 16), ("0", 8)):
        if digits.startswith(start) and len(digits) > len(start):
            return sign * int(digits[len(start) :], base)
    return sign * int(digits)


def _sexagesimal(text: str) -> float:
    sign = -1 if text.startswith("-") else 1
    found = 0.0
    for part in text.lstrip("+-").split(":"):
        found = found * 60 + float(part)
    return sign * found
