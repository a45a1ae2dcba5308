"""A repository's own tree of configurations, as `mml-copy-conf` makes one: YAML files by group."""

from __future__ import annotations

from compiler import reader, yamltree
from compiler.yamltree import Mapping, Quoted, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files

DEEPEST = 100


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
    """What the comment `# @package NAME` at a file's head says."""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            if "@package" in stripped:
                return stripped.partition("@package")[2].strip()
        elif stripped:
            break
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
    if isinstance(value, Quoted):
        return str(value)
    if value in reader.NULLS:
        return None
    if value.lower() in ("true", "false", "yes", "no", "on", "off") and value in (
        value.lower(),
        value.capitalize(),
        value.upper(),
    ):
        return value.lower() in ("true", "yes", "on")  # YAML 1.1, which OmegaConf reads
    whole = reader.integer_of(value)
    if whole is not None:
        return whole
    number = reader.number_of(value)
    return value if number is None else number
