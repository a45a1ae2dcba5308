"""Adds an include to a hand-written `.gitlab-ci.yml`: every other byte of the file stays as it is.

ruamel.yaml says where the include stands, and afterwards that the file means what it did, with the include and nothing
else besides. https://docs.gitlab.com/ci/yaml/#include
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class IncludeError(ValueError):
    """The file can't be read, or no way was found to add to it. The text says why."""


def included(text: str, kind: str, value: str) -> str:
    """The text with `kind: value` (`local: .gitlab/headrace.yml`) among its includes; the same where it is there.

    Raises IncludeError.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    before = _data(text)
    if any(_means(entry, kind, value) for entry in _entries(before)):
        return text
    made = _edited(text, f"{kind}: {_scalar(value)}", end)
    after = _data(made)
    if _entries(after) != [*_entries(before), {kind: value}] or _rest(made) != _rest(text):
        raise IncludeError("its `include` is written in a way that can't be added to")
    return made


def _scalar(value: str) -> str:
    return value if re.fullmatch(r"[A-Za-z0-9_./$][A-Za-z0-9_./$@~-]*", value) else "'" + value.replace("'", "''") + "'"


def _means(entry: Any, kind: str, value: str) -> bool:
    if isinstance(entry, str):  # GitLab takes a bare path for a local file, and a URL for a remote one
        return kind == "local" and entry.lstrip("/") == value.lstrip("/")
    return isinstance(entry, dict) and str(entry.get(kind, "")).lstrip("/") == value.lstrip("/")


def _entries(documents: list[Any]) -> list[Any]:
    found = documents[-1].get("include", []) if isinstance(documents[-1], dict) else []
    return list(found) if isinstance(found, list) else [found]


def _rest(text: str) -> list[tuple[str, str, Any]]:
    """All nodes but those of `include`, flat: what is tagged has no equality of its own as data."""
    nodes = list(_yaml().compose_all(text))
    found: list[tuple[str, str, Any]] = []
    root = nodes[-1] if nodes else None
    own = [] if root is None else [part for pair in root.value or () if pair[0].value != "include" for part in pair]
    waiting = [*nodes[:-1], *own]
    while waiting:
        node = waiting.pop()
        parts = [part for pair in node.value for part in pair] if node.id == "mapping" else node.value
        found.append((node.id, str(node.tag), parts if node.id == "scalar" else len(parts)))
        if node.id != "scalar":
            waiting.extend(parts)
    return found


def _yaml() -> Any:
    from ruamel.yaml import YAML

    found = YAML()
    found.preserve_quotes = True
    return found


def _data(text: str) -> list[Any]:
    """The documents as plain data: `spec:` may stand in one of its own before the configuration."""
    from ruamel.yaml.error import YAMLError

    try:
        documents = list(_yaml().load_all(text)) or [None]
    except YAMLError as error:
        problem = getattr(error, "problem", None) or str(error).split("\n")[0]
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise IncludeError(f"it is not YAML: {problem}{where}") from None
    if documents[-1] is not None and not isinstance(documents[-1], dict):
        raise IncludeError("it is not a mapping of jobs")
    return documents


def _edited(text: str, entry: str, end: str) -> str:
    nodes = list(_yaml().compose_all(text))
    root = nodes[-1] if nodes else None
    if root is None or not getattr(root, "value", None):
        return text + ("" if not text or text.endswith("\n") else end) + f"include:{end}  - {entry}{end}"
    pairs = root.value
    for at, (key, node) in enumerate(pairs):
        if key.value == "include":
            following = pairs[at + 1][0].start_mark.index if at + 1 < len(pairs) else len(text)
            return _added(text, node, following, entry, end)
    if root.flow_style:
        raise IncludeError("it is written in braces")
    at = _above_comments(text, pairs[0][0].start_mark.index)
    return f"{text[:at]}include:{end}  - {entry}{end}{end}{text[at:]}"


def _above_comments(text: str, at: int) -> int:
    """The place above a key and the comments that stand on it."""
    lines = text[:at].splitlines(keepends=True)
    while lines and lines[-1].lstrip().startswith("#"):
        at -= len(lines.pop())
    return at


def _added(text: str, node: Any, following: int, entry: str, end: str) -> str:
    start, stop = node.start_mark.index, node.end_mark.index
    if node.id == "sequence" and node.flow_style:
        inner = text[start + 1 : stop - 1].rstrip()
        comma = ", " if node.value and not inner.endswith(",") else " " if node.value else ""
        return f"{text[: start + 1]}{inner}{comma}{{{entry}}}]{text[stop:]}"
    if node.id == "sequence":
        indent = " " * node.start_mark.column
        at = _line_after(text, node, following)
        lead = "" if text[:at].endswith("\n") else end
        return f"{text[:at]}{lead}{indent}- {entry}{end}{text[at:]}"
    if node.id == "mapping" and node.flow_style:
        return f"{text[:start]}[{text[start:stop]}, {{{entry}}}]{text[stop:]}"
    if node.id == "mapping":
        at = _line_after(text, node, following)
        line = text.rfind("\n", 0, start) + 1
        column = node.start_mark.column
        body = text[line:at].splitlines(keepends=True)
        moved = [
            body[0][:column] + "- " + body[0][column:],
            *("  " + each if each.strip() else each for each in body[1:]),
        ]
        lead = "" if moved[-1].endswith("\n") else end
        return f"{text[:line]}{''.join(moved)}{lead}{' ' * column}- {entry}{end}{text[at:]}"
    if text[start] in "*&|>":
        raise IncludeError("its `include` is an alias or a block of text")
    at = _line_after(text, node, following)
    lead = "" if text[:at].endswith("\n") else end
    return f"{text[:start].rstrip()}{end}  - {text[start:at]}{lead}  - {entry}{end}{text[at:]}"


def _line_after(text: str, node: Any, following: int) -> int:
    """The start of the line after a node. Its mark may lie beyond blank lines and comments, which are the next key's."""
    while node.id != "scalar" and not node.flow_style and node.value:
        node = node.value[-1][1] if node.id == "mapping" else node.value[-1]
    content = text[: node.end_mark.index].rstrip()
    at = text.find("\n", len(content))
    return min(following, len(text)) if at < 0 else at + 1
