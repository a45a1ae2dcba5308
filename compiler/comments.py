"""A manifest's comments, carried over to what it is converted to.

Each node of a project knows where it was written. Read back from its new text, the same node stands elsewhere: a comment
goes along with the node on whose line it stands, or above which, else with the one before it.
"""

from __future__ import annotations

from bisect import bisect_right

from compiler.ir import walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Node, Project
    from compiler.source import Source

WIDTH = 120  # columns that a line with a comment behind it may have


class _Comment:
    """One comment of a text: `line` is that of what it is about, `own` tells that it stands on lines of its own."""

    __slots__ = ("line", "own", "text")

    def __init__(self, text: str, line: int, own: bool) -> None:
        self.text = text
        self.line = line
        self.own = own


def carried(text: str, sources: list[Source], before: Project, after: Project) -> str:
    """A manifest's new text with the comments of its sources, the manifest itself first. `before` was read from them,
    `after` from the text."""
    lines = text.split("\n")
    above: dict[int, list[str]] = {}
    behind: dict[int, str] = {}
    tails: list[str] = []
    for source in sources:
        found, tail = _comments(source.text)
        tails += tail
        places = _Places(_places(source.name, before, after), source.text)
        first = _first_line(source.text) if source.name == before.manifest else 0
        for comment in found:
            at = places.of(comment.line)
            if at is None or (comment.own and comment.line <= first):
                above.setdefault(1, []).append(comment.text)
            elif (
                comment.own
                or comment.line not in places.places
                or at in behind
                or not _fits(lines[at - 1], comment.text)
            ):
                above.setdefault(at, []).append(comment.text)
            else:
                behind[at] = comment.text
    if not above and not behind and not tails:
        return text
    return "\n".join(_written(lines, above, behind, tails))


def sources_of(project: Project) -> list[Source]:
    """The YAML files that a project was read from, in the order in which its nodes name them."""
    found: dict[str, Source] = {}
    for node in walk(project):
        if node.origin is not None:
            source = node.origin.span().source
            if source.name.endswith((".yaml", ".yml")):
                found.setdefault(source.name, source)
    return list(found.values())


def _written(lines: list[str], above: dict[int, list[str]], behind: dict[int, str], tail: list[str]) -> list[str]:
    out = []
    for number, line in enumerate(lines, 1):
        indent = line[: len(line) - len(line.lstrip())]
        out += [indent + comment for comment in above.get(number, ())]
        out.append(f"{line}  {behind[number]}" if number in behind else line)
    if tail:
        end = out.pop() if out and not out[-1] else None
        out += tail
        out += [] if end is None else [end]
    return out


def _fits(line: str, comment: str) -> bool:
    return len(line) + 2 + len(comment) <= WIDTH


def _first_line(text: str) -> int:
    """The first line that holds more than a comment."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            return number
    return 0


class _Places:
    """Where the things of a text stand now, by the lines on which they stood."""

    def __init__(self, places: dict[int, int], text: str) -> None:
        self.places = places
        self.known = sorted(places)
        self.lines = text.split("\n")

    def of(self, line: int) -> int | None:
        """The new line of the thing on a line, else of the first thing within it, else of the last one before it."""
        if line in self.places:
            return self.places[line]
        within = self._first_within(line)
        if within is not None:
            return self.places[within]
        at = bisect_right(self.known, line)
        if at < len(self.known) and self._begins_document(line):
            return self.places[self.known[at]]
        return self.places[self.known[at - 1]] if at else None

    def _begins_document(self, line: int) -> bool:
        """Whether a line is the first of a document that holds more than a comment."""
        above = (one for one in reversed(self.lines[: line - 1]) if one.strip() and not one.lstrip().startswith("#"))
        return next(above, "---").startswith("---")

    def _first_within(self, line: int) -> int | None:
        at = bisect_right(self.known, line)
        if at == len(self.known):
            return None
        following = self.known[at]
        indent = _indent(self.lines[line - 1])
        between = (one for one in self.lines[line:following] if one.strip() and not one.lstrip().startswith("#"))
        return following if all(_indent(one) > indent for one in between) else None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _places(name: str, before: Project, after: Project) -> dict[int, int]:
    """Lines of the source with the lines on which the same things stand now. Of several nodes of a line the first counts."""
    places: dict[int, int] = {}
    for old, new in zip(walk(before), walk(after), strict=True):
        here, there = _line(old, name), _line(new, None)
        if here is not None and there is not None:
            places.setdefault(here, there)
    return places


def _line(node: Node, name: str | None) -> int | None:
    """The line of a node; None where it is unknown, or another file's."""
    span = None if node.origin is None else node.origin.span()
    if span is None or (name is not None and span.source.name != name):
        return None
    return span.begin.line


def _comments(text: str) -> tuple[list[_Comment], list[str]]:
    """The comments of a YAML text, in order, and those behind everything else."""
    from compiler.libyaml import CParser, ScalarEvent, StreamEndEvent

    parser = CParser(text)
    inside = bytearray(len(text) + 1)  # what belongs to scalars, in which a # means nothing
    while not isinstance(event := parser.get_event(), StreamEndEvent):
        if not isinstance(event, ScalarEvent):
            continue
        start, end = event.start_mark, event.end_mark
        if start is not None and end is not None:
            inside[start.index : end.index] = b"\1" * (end.index - start.index)
    found: list[_Comment] = []
    waiting: list[str] = []
    offset = 0
    for number, line in enumerate(text.split("\n"), 1):
        at = _hash(line, offset, inside)
        comment = None if at is None else line[at:].rstrip()
        if comment is not None and not line[:at].strip():
            waiting.append(comment)
        elif line.strip():
            found += [_Comment(one, number, True) for one in waiting]
            waiting = []
            if comment is not None:
                found.append(_Comment(comment, number, False))
        offset += len(line) + 1
    return found, waiting


def _hash(line: str, offset: int, inside: bytearray) -> int | None:
    """Where a comment begins in a line: a # that no scalar holds, at the start or behind a blank."""
    at = line.find("#")
    while at >= 0:
        if not inside[offset + at] and (at == 0 or line[at - 1] in " \t"):
            return at
        at = line.find("#", at + 1)
    return None
