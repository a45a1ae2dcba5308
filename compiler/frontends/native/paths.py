"""Paths: in a manifest relative to its folder or, with a leading `/`, to the repository's root; in the IR from the root."""

from __future__ import annotations

from compiler import codes, reader
from compiler.frontends.native.fields import holed, plain, report_parse
from compiler.ir import Ref
from compiler.pattern import Pattern
from compiler.repository import OutsideError, join
from compiler.yamltree import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.native.fields import Context
    from compiler.ir import Text

ROOT = "."  # the repository's root as a path
_GLOBS = frozenset("*?")
_OUTPUT_GLOBS = frozenset("*?[")
_CONTROL = Pattern("[\x00-\x1f\x7f\x85\u2028\u2029]")
_DRIVE = Pattern(r"[A-Za-z]:[/\\]")
_HOLE = Pattern("\x00([0-9]+)\x00")
_PLAIN = Pattern(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")  # means itself: most do


class PathError(ValueError):
    """Text that is no path inside of the repository."""

    def __init__(self, message: str, help: str | None = None, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.help = help
        self.suggestion = suggestion


def from_root(path: str, folder: str) -> str:
    """A manifest's path as a path from the root, ROOT for the root itself. Raises PathError."""
    if not folder and _PLAIN.fullmatch(path):
        return path
    _check_characters(path)
    return _joined(path, folder)


def _check_characters(path: str) -> None:
    shown = reader.shown(path)
    if not path or path != path.strip():
        raise PathError("a path is empty" if not path.strip() else f"{shown} begins or ends with a blank")
    if _CONTROL.search(path):
        raise PathError(f"{shown} holds a character that no path has")
    if "\\" in path:
        raise PathError(f"{shown} holds a backslash", "folders are parted by /", path.replace("\\", "/"))
    if "://" in path:
        raise PathError(f"{shown} is a URL, not a path", "what lies elsewhere is named under stores or datasets")
    if path.startswith("~") or _DRIVE.match(path):
        raise PathError(f"{shown} lies outside of the repository", "a leading / is the repository's root")


def _joined(path: str, folder: str) -> str:
    try:
        found = join(folder, path)
    except OutsideError as error:
        raise PathError(f"{reader.shown(path)} leads out of the repository") from error
    parts = found.split("/")
    if ".git" in parts:
        raise PathError(f"{reader.shown(path)} lies inside of .git")
    if any(part.startswith("-") for part in parts):
        raise PathError(f"{reader.shown(path)} has a name that begins with -, which programs take for an option")
    return found or ROOT


def _from_root_text(pieces: Text, folder: str) -> Text:
    """The same for text with holes, whose values can't be known here and stand for a part of a name."""
    if len(pieces) == 1 and isinstance(pieces[0], str):
        return (from_root(pieces[0], folder),)
    holes = [piece for piece in pieces if isinstance(piece, Ref)]
    literal = "".join(piece if isinstance(piece, str) else "x" for piece in pieces)
    _check_characters(literal)
    marked = ""
    for piece in pieces:
        marked += piece if isinstance(piece, str) else f"\x00{holes.index(piece)}\x00"
    parts = _HOLE.split(_joined(marked, folder))
    found = (holes[int(part)] if index % 2 else part for index, part in enumerate(parts))
    return tuple(piece for piece in found if piece != "")


def relative(path: str, folder: str) -> str:
    """The manifest's spelling of a path from the root: the way back."""
    if not folder:
        return path
    if path == ROOT:
        return "/"
    if path == folder:
        return "."
    return path.removeprefix(folder + "/") if path.startswith(folder + "/") else "/" + path


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
    report_parse(error, slot, context, codes.BAD_PATH)


def absolute(slot: Slot, context: Context) -> str | None:
    """A path on the machine that a job runs on."""
    value = plain(slot, context)
    if value is None:
        return None
    bad = not value.startswith("/") or _CONTROL.search(value) or "\\" in value or ".." in value.split("/")
    if bad or value != value.strip():
        message = f'"{slot.key}" takes an absolute path, not {reader.shown(value)}'
        context.sink.report(codes.BAD_PATH, message, slot.span_here, help="it begins with / and has no .. in it")
        return None
    return value
