"""What readers of emitted files have in common: a graph of what would run, without a word of the IR.

A reader parses the YAML with a plain library and names nothing of the compiler. Which job of the manifest a thing is says
the comment on its line, `# headrace.yaml: jobs.train` (`# .: …` where a folder is the manifest).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import yaml

_COMMENT = re.compile(r"  # (?:\S+\.\w+|\.): (\S+)$")

Leg = frozenset[tuple[str, str]]  # (variable, value): HEADRACE_MATRIX_FOLD, 0


class Key(NamedTuple):
    """One thing that runs: the file (or object) that it stands in, its name there, and the leg."""

    scope: str
    name: str
    leg: Leg = frozenset()
    side: str = ""  # start or end, of something that holds others


class Emitted:
    """What one thing waits for, and whose outputs arrive at it."""

    def __init__(self, path: str | None) -> None:
        self.path = path  # of the manifest; None for helpers
        self.needs: set[Key] = set()
        self.receives: set[Key] = set()
        self.sends = False
        self.inside: str | None = None  # the scope that this is the end of, when it starts others
        self.whole: str | None = None  # and the path that it is said to be, `pipelines.nightly`


class Readback:
    """Everything that a set of files would run."""

    def __init__(self) -> None:
        self.things: dict[Key, Emitted] = {}

    def add(self, key: Key, path: str | None) -> Emitted:
        assert key not in self.things, f"{key} is emitted twice"
        return self.things.setdefault(key, Emitted(path))

    def named(self, scope: str, name: str) -> list[Key]:
        """All legs of one name."""
        return [key for key in self.things if key.scope == scope and key.name == name and key.side != "start"]

    def contain(self, key: Key, scope: str) -> None:
        """Turn a thing that starts a whole scope and waits for it into its start and its end."""
        thing = self.things.pop(key)
        start, end = key._replace(side="start"), key._replace(side="end")
        self.things[start] = thing
        last = self.things[end] = Emitted(None)
        last.needs = {start, *(other for other in self.things if other.scope == scope)}
        last.inside, last.whole = scope, thing.path
        for other, held in self.things.items():
            if key in held.needs:
                held.needs = (held.needs - {key}) | {end}
            if other.scope == scope and other.side != "end":
                held.needs.add(start)


def documents(text: str) -> list[tuple[Any, dict[int, str]]]:
    """Each document as plain data, every scalar a text, and the manifest's paths by line."""
    lines = text.split("\n")
    paths = {at: found[1] for at, line in enumerate(lines) if (found := _COMMENT.search(line))}
    return [(_plain(node, paths), paths) for node in yaml.compose_all(text, Loader=yaml.CSafeLoader)]


PATH = "\0path"  # where a mapping keeps the path that its line says


def _plain(node: yaml.Node | None, paths: dict[int, str]) -> Any:
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            assert key.value not in found, f"{key.value} stands twice"
            below = _plain(value, paths)
            if isinstance(below, dict) and key.start_mark.line in paths:
                below.setdefault(PATH, paths[key.start_mark.line])
            elif isinstance(below, str) and key.start_mark.line in paths and key.value == "name":
                found[PATH] = paths[key.start_mark.line]
            found[key.value] = below
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value, paths) for value in node.value]
    return None if node is None else node.value


def listed(value: Any) -> list[Any]:
    """One or several, as a list."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def product(axes: dict[str, list[str]]) -> Iterator[dict[str, str]]:
    """Every combination of the axes' values."""
    for values in itertools.product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def closure(edges: dict[Key, set[Key]], wanted: Iterable[Key]) -> dict[Key, set[Key]]:
    """For each wanted key, the wanted keys that come before it. Iterative; the edges have no cycle."""
    wanted = set(wanted)
    done: dict[Key, set[Key]] = {}
    for first in edges:
        stack = [first]
        while stack:
            key = stack[-1]
            if key in done:
                stack.pop()
                continue
            open_ = [need for need in edges[key] if need not in done]
            if open_:
                assert len(stack) <= len(edges), f"{key} waits for itself"
                stack += open_
                continue
            before: set[Key] = set()
            for need in edges[key]:
                before |= done[need]
                if need in wanted:
                    before.add(need)
            done[key] = before
            stack.pop()
    return {key: done[key] for key in wanted}
