"""A model's files as one: the combined file by itself, or `model.yaml` with its part files, merged by name."""

from __future__ import annotations

from compiler.diagnostics import Label, Sink
from compiler.frontends.mlspec import codes
from compiler.frontends.mlspec.kinds import SECTIONS, is_combined, is_head, kind_of
from compiler.frontends.mlspec.objects import check_unique
from compiler.frontends.mlspec.view import SPELLINGS
from compiler.yamltree import Mapping, Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.base import Files
    from compiler.frontends.mlspec.reading import Document
    from compiler.frontends.mlspec.view import View

LISTS = ("data_stores", "container_stores", "data_store_file_paths", "process")
_MEANT = {spelling: key for key, spellings in SPELLINGS.items() for spelling in spellings}
_ONCE = (*SECTIONS, "data", "objectives", "lifecycle")


class Model:
    """What all files of one model say together."""

    def __init__(self, documents: list[Document], sink: Sink) -> None:
        self.documents = documents
        self.sink = sink
        self.head = next((one.view for one in documents if is_head(one.view.names())), documents[0].view)
        self.sections = {key: self._once(key) for key in _ONCE}
        self.lists = {key: self._by_name(key) for key in LISTS}

    def section(self, name: str) -> View | None:
        return self.sections[name]

    def named(self, key: str) -> dict[str, View]:
        """The entries of one of LISTS by name."""
        return self.lists[key]

    def get(self, *path: str) -> View | None:
        """What the head says."""
        return self.head.get(*path)

    def text_of(self, *path: str) -> str:
        return self.head.text(*path)

    def _once(self, key: str) -> View | None:
        found = [view for view in (one.view.get(key) for one in self.documents) if view is not None]
        for other in found[1:]:
            if comparable(other) != comparable(found[0]):
                self._conflict(f'"{key}" stands in two files, and they differ', other, found[0])
        return found[0] if found else None

    def _by_name(self, key: str) -> dict[str, View]:
        """Entries of all files; the same name twice in one file is a duplicate, in two it must say the same."""
        found: dict[str, View] = {}
        for document in self.documents:
            entries = [item for item in document.view.listed(key) if item.is_mapping]
            if key == "data_stores":
                entries += [item for item in document.view.listed("convert", key) if item.is_mapping]
            names = [name for name in (item.get("name") for item in entries) if name is not None]
            check_unique(names, f'entries of "{key}"', self.sink)
            for item in entries:
                name = item.text("name")
                first = found.setdefault(name, item) if name else item
                same_file = first.at.source.name == item.at.source.name
                if first is not item and not same_file and comparable(first) != comparable(item):
                    self._conflict(f'"{name}" of "{key}" says something else in another file', item, first)
        return found

    def _conflict(self, message: str, here: View, there: View) -> None:
        labels = (Label(_place(there), "the other one is here"),)
        self.sink.report(codes.CONFLICT, message, _place(here), labels=labels)


def _place(view: View) -> Any:
    name = view.get("name")
    return name.at if name is not None else view.key_span()


def comparable(view: View) -> Any:
    """A value as data that compares by meaning: doubled slashes of a path count once."""
    if isinstance(view.slot.value, Mapping):
        return {_MEANT.get(key, key): comparable(value) for key, value in view.entries()}
    if isinstance(view.slot.value, Sequence):
        return [comparable(item) for item in view.each()]
    text = view.value
    while "://" not in text and "//" in text:
        text = text.replace("//", "/")
    return text


def documents_of(document: Document, folder: str, repository: Files, sink: Sink) -> list[Document]:
    """The files that one file belongs to: a combined file alone, a head with its parts, a part with its head."""
    if is_combined(document.view.names()):
        return [document]
    head = is_head(document.view.names())
    found = [document]
    for path in _beside(folder, repository):
        if path == document.path:
            continue
        other = _read(path, head, repository, sink)
        if other is not None:
            found.append(other)
            if not head:
                break
    return found


def _beside(folder: str, repository: Files) -> list[str]:
    paths = [
        path
        for ending in ("yaml", "yml")
        for path in repository.glob(f"{folder}/*.{ending}" if folder else f"*.{ending}")
    ]
    return sorted(paths, key=lambda path: (path.rpartition("/")[2] not in ("model.yaml", "model.yml"), path))


def _read(path: str, parts: bool, repository: Files, sink: Sink) -> Document | None:
    """Another file of the model: one of its parts, or where a part is read, its head. A part may be broken YAML."""
    from compiler.frontends.mlspec.reading import parse, read_document

    source = repository.source(path, Sink())
    if source is None:
        return None
    view = parse(source, Sink())
    names = view.names() if view is not None else _first_keys(source.text)
    said = view.text("kind") if view is not None else ""
    if kind_of(names, said) != "packaging" or is_head(names) is parts or (not parts and is_combined(names)):
        return None
    return read_document(path, repository, sink)


def _first_keys(text: str) -> list[str]:
    """The keys of a file that is no YAML, by its lines."""
    lines = (line for line in text.split("\n") if ":" in line and line[:1] not in (" ", "\t", "#", "-", ""))
    return [line.split(":", 1)[0] for line in lines]
