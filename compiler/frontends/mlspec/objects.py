"""The rules that all managed objects share (common/object.md): id, name, status, description, version of the document."""

from __future__ import annotations

from compiler import reader
from compiler.diagnostics import Sink
from compiler.frontends.mlspec import codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from compiler.frontends.mlspec.view import View

SPEC_VERSION = "0.0.1"
LONGEST_NAME = 255
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def check_object(document: View, sink: Sink) -> None:
    """M02 to M04 and M30, as far as they are not a matter of the schema."""
    check_version(document, sink)
    name = document.get("name")
    if name is not None and name.is_text:
        check_name(name, sink)
    found = document.get("id")
    if found is not None and not found.value.strip():
        sink.report(codes.OBJECT_FIELD, '"id" is empty', found.at)


def check_version(document: View, sink: Sink) -> None:
    for key in ("mlSpecVersion", "specVersion"):
        found = document.get(key)
        if found is not None and found.value != SPEC_VERSION:
            message = f"{reader.shown(found.slot.value)} is another version of MLSpec than {SPEC_VERSION}"
            sink.report(codes.SPEC_VERSION, message, found.at, help=f"it is read as {SPEC_VERSION}")


def is_name(name: str) -> bool:
    """`[A-Za-z0-9][A-Za-z0-9_-]*`, at most 255 characters."""
    return 0 < len(name) <= LONGEST_NAME and name[0] in _LETTERS and not set(name) - _LETTERS - {"_", "-"}


def check_name(name: View, sink: Sink) -> None:
    """M02. MLSpec's own examples break it, so that it is a warning."""
    if is_name(name.value) or not name.value.strip() or len(name.value) > LONGEST_NAME:  # these are the schema's
        return
    message = (
        f"{reader.shown(name.slot.value)} is no name of an object: letters, digits, _ and -, a letter or digit first"
    )
    sink.report(codes.OBJECT_NAME, message, name.at, help=f'jobs and files are named "{slug(name.value)}"')


def slug(name: str) -> str:
    """A name as a job, a file or a variable takes it."""
    if is_name(name):
        return name
    safe = "".join(c if c in _LETTERS or c in "_-" else "-" for c in name.strip().lower())
    while "--" in safe:
        safe = safe.replace("--", "-")
    return safe.strip("-_")[:LONGEST_NAME] or "model"


def status(thing: View, key: str = "status") -> str:
    """An object's status in lower case; what says nothing is active."""
    return thing.text(key).lower() or "active"


def version_key(version: str) -> tuple[object, ...]:
    """Versions in their order: numbers by their value, and 1.0.0-rc1 before 1.0.0."""
    release, dash, before = version.partition("+")[0].partition("-")
    return _parts(release), not dash, _parts(before)


def _parts(text: str) -> tuple[tuple[int, str], ...]:
    parts = text.replace("-", ".").split(".")
    return tuple(
        (int(part), "") if part.isascii() and part.isdigit() and len(part) < 20 else (-1, part) for part in parts
    )


def check_status(document: View, what: str, sink: Sink) -> None:
    """What is archived runs no new jobs; what is deprecated still does, with a warning."""
    found = document.get("status")
    if found is None:
        return
    if status(document) == "archived":
        sink.report(codes.ARCHIVED, f"{what} is archived: it can't be used to run new jobs", found.at)
    elif status(document) == "deprecated":
        sink.report(codes.DEPRECATED, f"{what} is deprecated", found.at)


def check_unique(names: Iterable[View], what: str, sink: Sink) -> None:
    """M02: names are unique without regard to case, among what is not archived."""
    from compiler.diagnostics import Label

    seen: dict[str, View] = {}
    for name in names:
        first = seen.setdefault(name.value.lower(), name)
        if first is not name:
            labels = (Label(first.at, "the other one is here"),)
            message = f"two {what} are named {reader.shown(name.slot.value)}, in whatever case"
            sink.report(codes.DUPLICATE, message, name.at, labels=labels)
