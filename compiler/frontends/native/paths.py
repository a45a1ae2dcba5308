"""Paths: in a manifest relative to its folder or, with a leading `/`, to the repository's root; in the IR from the root."""

from __future__ import annotations

from compiler import codes, reader
from compiler.frontends.native.fields import holed, plain
from compiler.ir import Ref
from compiler.paths import CONTROL, ROOT, PathError, check_characters, from_root, joined
from compiler.pattern import Pattern
from compiler.reader import report_parse
from compiler.yamltree import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.native.fields import Context
    from compiler.ir import Text

_GLOBS = frozenset("*?")
_OUTPUT_GLOBS = frozenset("*?[")
_HOLE = Pattern("\x00([0-9]+)\x00")


def _from_root_text(pieces: Text, folder: str) -> Text:
    """The same for text with holes, whose values can't be known here and stand for a part of a name."""
    if len(pieces) == 1 and isinstance(pieces[0], str):
        return (from_root(pieces[0], folder),)
    holes = [piece for piece in pieces if isinstance(piece, Ref)]
    literal = "".join(piece if isinstance(piece, str) else "x" for piece in pieces)
    check_characters(literal)
    marked = ""
    for piece in pieces:
        marked += piece if isinstance(piece, str) else f"\x00{holes.index(piece)}\x00"
    parts = _HOLE.split(joined(marked, folder))
    found = (holes[int(part)] if index % 2 else part for index, part in enumerate(parts))
    return tuple(piece for piece in found if piece != "")


def path(slot: Slot, context: Context) -> str | None:
    """A path without globs."""
    return _read(slot, context, _GLOBS)


def glob(slot: Slot, context: Context) -> str | None:
    """A path that may hold `*`, `**` and `?`."""
    return _read(slot, context, frozenset("[{!"))


def folder_inside(slot: Slot, context: Context) -> str | None:
    """A path that is written: no globs of any kind, and not the whole repository."""
    found = _read(slot, context, _OUTPUT_GLOBS)
    return None if found is None or _is_root(found, slot, context) else found


def _read(slot: Slot, context: Context, refused: frozenset[str]) -> str | None:
    value = plain(slot, context)
    if value is None or _has_globs(value, refused, slot, context):
        return None
    try:
        return from_root(value, context.folder)
    except PathError as error:
        _report(error, slot, context)
        return None


def holed_path(slot: Slot, context: Context) -> Text | None:
    """A path with holes, without globs."""
    return _read_text(slot, context, _GLOBS)


def output_path(slot: Slot, context: Context) -> Text | None:
    """A path with holes that is written: no globs of any kind, and not the whole repository."""
    found = _read_text(slot, context, _OUTPUT_GLOBS)
    return None if found is None or (found == (ROOT,) and _is_root(ROOT, slot, context)) else found


def _read_text(slot: Slot, context: Context, refused: frozenset[str]) -> Text | None:
    pieces = holed(slot, context)
    if pieces is None:
        return None
    literal = "".join(piece for piece in pieces if isinstance(piece, str))
    if _has_globs(literal, refused, slot, context):
        return None
    try:
        return _from_root_text(pieces, context.folder)
    except PathError as error:
        _report(error, slot, context)
        return None


def _has_globs(literal: str, refused: frozenset[str], slot: Slot, context: Context) -> bool:
    found = next((character for character in literal if character in refused), None)
    if found is None:
        return False
    advice = "name the folder, or each file" if found in "*?" else "a glob has *, ** and ? only"
    if found == "[" and refused is _OUTPUT_GLOBS:
        advice = "some systems take brackets in a path for a glob"
    context.sink.report(codes.BAD_PATH, f'"{found}" can\'t stand in this path', slot.span_here, help=advice)
    return True


def _is_root(found: str, slot: Slot, context: Context) -> bool:
    if found != ROOT:
        return False
    advice = "name the folder or file in it"
    context.sink.report(codes.BAD_PATH, "the repository as a whole can't stand here", slot.span_here, help=advice)
    return True


def _report(error: PathError, slot: Slot, context: Context) -> None:
    report_parse(error, slot, context.sink, codes.BAD_PATH)


def absolute(slot: Slot, context: Context) -> str | None:
    """A path on the machine that a job runs on."""
    value = plain(slot, context)
    if value is None:
        return None
    bad = not value.startswith("/") or CONTROL.search(value) or "\\" in value or ".." in value.split("/")
    if bad or value != value.strip():
        message = f'"{slot.key}" takes an absolute path, not {reader.shown(value)}'
        context.sink.report(codes.BAD_PATH, message, slot.span_here, help="it begins with / and has no .. in it")
        return None
    return value
