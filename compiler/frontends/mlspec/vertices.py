"""The data of a pipeline: its vertices by name, the data sets that documents describe, and paths."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader
from compiler.diagnostics import Sink, suggest
from compiler.frontends.mlspec import codes
from compiler.frontends.mlspec.objects import status
from compiler.paths import ROOT, PathError, from_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.base import Files
    from compiler.frontends.mlspec.view import View

FOLDERS = ("", "data", "datasets")
_GLOBS = frozenset("*?[")


class Vertex:
    """A data vertex: data that nobody makes. `path` is from the root, empty where the documents name none."""

    __slots__ = ("name", "path", "state", "used", "view")

    def __init__(self, name: str, view: View) -> None:
        self.name = name
        self.view = view
        self.path = ""
        self.state = "active"
        self.used = False


class Vertices:
    """The vertices of one pipeline."""

    def __init__(self, pipeline: View, folder: str, repository: Files, sink: Sink) -> None:
        self.folder = folder
        self.repository = repository
        self.sink = sink
        self.found: dict[str, Vertex] = {}
        self._documents: dict[str, View] | None = None
        data = pipeline.get("data")
        if data is None:
            return
        if data.is_mapping:
            for name, body in data.entries():
                self._add(name, body)
        else:
            for item in data.each():
                if item.is_text:
                    self._add(item.value.strip(), item)

    def _add(self, name: str, body: View) -> None:
        vertex = self.found[name] = Vertex(name, body)
        if not body.is_mapping:
            self._describe(vertex, name, body if body.value != name else None, "")
            return
        dataset = body.get("DataSet") or body.get("dataset")
        path = body.get("RelativePath") or body.get("path")
        if dataset is not None:
            self._describe(vertex, dataset.value, None, body.text("version"))
            if not self._document(dataset.value, body.text("version")):
                near = suggest(dataset.value, self.documents)
                message = f"{reader.shown(dataset.slot.value)} is no data set that a document describes"
                self.sink.report(codes.UNRESOLVED, message, dataset.at, suggestion=near)
        if path is not None:
            vertex.path = self.path(path) or ""

    def _describe(self, vertex: Vertex, name: str, path: View | None, version: str) -> None:
        """What a data set's document says of a vertex: its state (M27), and where it lies."""
        document = self._document(name, version)
        if document is not None:
            vertex.state = status(document, "state")
            location = document.get("location")
            if location is not None and "://" not in location.value:
                vertex.path = self.path(location) or ""
        elif path is not None:
            vertex.path = self.path(path) or ""

    def _document(self, name: str, version: str) -> View | None:
        return self.documents.get(f"{name}@{version}" if version else name)

    @property
    def documents(self) -> dict[str, View]:
        """The documents of data sets beside the pipeline and in `data` and `datasets`, by name and by name@version."""
        if self._documents is None:
            self._documents = {}
            folders = dict.fromkeys(f"{self.folder}/{name}".strip("/") for name in FOLDERS)
            for folder in (*folders, *(name for name in FOLDERS if name and name not in folders)):
                for ending in ("yml", "yaml"):
                    for path in self.repository.glob(f"{folder}/*.{ending}" if folder else f"*.{ending}"):
                        self._read(path)
        return self._documents

    def _read(self, path: str) -> None:
        from compiler.frontends.mlspec.kinds import kind_of
        from compiler.frontends.mlspec.reading import parse, read_document

        source = self.repository.source(path, Sink())
        view = None if source is None else parse(source, Sink())
        if view is None or kind_of(view.names(), view.text("kind")) != "dataset":
            return
        document = read_document(path, self.repository, self.sink)
        if document is not None and self._documents is not None:
            name, version = document.view.text("name"), document.view.text("version")
            self._documents[name] = self._documents[f"{name}@{version}"] = document.view

    def use(self, name: str) -> Vertex:
        """The vertex of a name; its state is checked where it is used."""
        vertex = self.found[name]
        vertex.used = True
        if vertex.state == "archived":
            message = f'"{name}" is archived: it can\'t be used to run new jobs'
            self.sink.report(codes.ARCHIVED, message, vertex.view.at)
        elif vertex.state == "deprecated":
            message = f'"{name}" is deprecated'
            self.sink.report(codes.DEPRECATED, message, vertex.view.at, help="use a newer version of it")
        return vertex

    def check_unused(self) -> None:
        """M10; what is archived blocks whether a step names it or not."""
        for vertex in self.found.values():
            if vertex.used:
                continue
            if vertex.state != "active":
                self.use(vertex.name)
                continue
            message = f'no step reads the data "{vertex.name}"'
            self.sink.report(codes.LEFT_OUT, message, vertex.view.at, help="name it under the `deps` of a step")

    def path(self, value: View, written: bool = False) -> str | None:
        """A document's path from the repository's root; what is no path is reported."""
        bad = next((character for character in value.value if character in _GLOBS), None)
        if bad is not None:
            message = f'"{bad}" can\'t stand in this path'
            self.sink.report(core.BAD_PATH, message, value.at, help="name the folder, or each file")
            return None
        try:
            found = from_root(value.value.strip(), self.folder)
        except PathError as error:
            self.sink.report(core.BAD_PATH, str(error), value.at, help=error.help, suggestion=error.suggestion)
            return None
        if written and found == ROOT:
            message = "the repository as a whole can't stand here"
            self.sink.report(core.BAD_PATH, message, value.at, help="name the folder or file in it")
            return None
        return found
