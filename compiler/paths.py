"""Paths as manifests spell them, and from the repository's root as the IR has them."""

from __future__ import annotations

from compiler.pattern import Pattern
from compiler.reader import shown
from compiler.repository import OutsideError, join

ROOT = "."  # the repository's root as a path
CONTROL = Pattern("[\x00-\x1f\x7f\x85\u2028\u2029]")
_DRIVE = Pattern(r"[A-Za-z]:[/\\]")
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
    check_characters(path)
    return joined(path, folder)


def check_characters(path: str) -> None:
    """Raise PathError for text that is no path anywhere: what it is joined to is not looked at."""
    told = shown(path)
    if not path or path != path.strip():
        raise PathError("a path is empty" if not path.strip() else f"{told} begins or ends with a blank")
    if CONTROL.search(path):
        raise PathError(f"{told} holds a character that no path has")
    if "\\" in path:
        raise PathError(f"{told} holds a backslash", "folders are parted by /", path.replace("\\", "/"))
    if "://" in path:
        raise PathError(f"{told} is a URL, not a path", "what lies elsewhere is named under stores or datasets")
    if path.startswith("~") or _DRIVE.match(path):
        raise PathError(f"{told} lies outside of the repository", "a leading / is the repository's root")


def joined(path: str, folder: str) -> str:
    """A path of a folder from the root. Raises PathError for one that leads out, or that a program misreads."""
    try:
        found = join(folder, path)
    except OutsideError as error:
        raise PathError(f"{shown(path)} leads out of the repository") from error
    parts = found.split("/")
    if ".git" in parts:
        raise PathError(f"{shown(path)} lies inside of .git")
    if any(part.startswith("-") for part in parts):
        raise PathError(f"{shown(path)} has a name that begins with -, which programs take for an option")
    return found or ROOT


def relative(path: str, folder: str) -> str:
    """The manifest's spelling of a path from the root: the way back."""
    if not folder:
        return path
    if path == ROOT:
        return "/"
    if path == folder:
        return "."
    return path.removeprefix(folder + "/") if path.startswith(folder + "/") else "/" + path
