"""The data of a pipeline: its vertices by name, the data sets that documents describe, and paths."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader
from compiler.diagnostics import Label, Sink, suggest
from compiler.frontends.mlspec import codes
from compiler.frontends.mlspec.objects import check_unique, status, version_key
from compiler.paths import ROOT, PathError, from_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.base import Files
    from compiler.frontends.mlspec.reading import Document
    from compiler.frontends.mlspec.view import View

FOLDERS = ("", "data", "datasets", "datastores")
_GLOBS = frozenset("*?[")


class Place:
    """Where data lie that a job has to fetch: in a bucket of a store, or behind a URL."""

    __slots__ = ("at", "bucket", "key", "store", "url")

    def __init__(self, at: View, store: View | None = None, bucket: str = "", key: str = "", url: str = "") -> None:
        self.at = at
        self.store = store
        self.bucket = bucket
        self.key = key
        self.url = url


class Vertex:
    """A data vertex: data that nobody makes. `path` is from the root, empty where the documents name none."""

    __slots__ = ("document", "is_reported", "name", "path", "place", "state", "used", "view")

    def __init__(self, name: str, view: View) -> None:
        self.name = name
        self.view = view
        self.path = ""
        self.state = "active"
        self.used = False
        self.is_reported = False  # why it has no path was said
        self.place: Place | None = None  # what is not in the repository
        self.document: Document | None = None  # of the data set


class Vertices:
    """The vertices of one pipeline."""

    def __init__(self, pipeline: View, folder: str, repository: Files, sink: Sink) -> None:
        self.folder = folder
        self.repository = repository
        self.sink = sink
        self.found: dict[str, Vertex] = {}
        self._described: dict[str, dict[str, list[Document]]] | None = None
        data = pipeline.get("data")
        if data is None:
            return
        if data.is_mapping:
            for name, body in data.entries():
                self._add(name, body)
            return
        for item in data.each():
            if item.is_text and item.value.strip() in self.found:
                first = self.found[item.value.strip()].view.at
                message = f'{reader.shown(item.slot.value)} stands twice under "data"'
                self.sink.report(codes.DUPLICATE, message, item.at, labels=(Label(first, "first here"),))
            elif item.is_text:
                self._add(item.value.strip(), item)

    def _add(self, name: str, body: View) -> None:
        vertex = self.found[name] = Vertex(name, body)
        if not body.is_mapping:
            self._describe(vertex, name, None, "")
            if vertex.document is None and body.value != name:
                self._put(vertex, body)
            return
        dataset = body.get("DataSet") or body.get("dataset")
        store = self._store_of(body)
        if dataset is not None:
            self._describe(vertex, dataset.value, store, body.text("version"))
            if vertex.document is None:
                self._report_unknown(dataset, body.text("version"))
                vertex.is_reported = True
        if body.get("Table") is not None or body.get("Query") is not None:
            at = body.get("Table") or body.get("Query") or body
            message = f'"{at.key.lower()}" is what a database is asked for: no job fetches it'
            advice = "let a step ask the database, and read what the step leaves"
            self.sink.report(codes.UNRESOLVED, message, at.at, help=advice)
            vertex.is_reported = True
        path = body.get("RelativePath") or body.get("path")
        if path is not None:
            self._put(vertex, path)
            if store is not None and dataset is None:
                vertex.place = self._in_store(store, path)
        self._check_declared(body, vertex)

    def _put(self, vertex: Vertex, path: View) -> None:
        """What a vertex says of its own place: a path, or a URL to fetch from."""
        if path.value.strip().startswith(("https://", "http://")):
            vertex.path = self._named_by(path, path.value.strip())
            vertex.place = Place(path, url=path.value.strip())
        else:
            vertex.path = self.path(path) or ""

    def _named_by(self, at: View, url: str) -> str:
        """Where what is fetched from a URL lies: `data/NAME` beside the pipeline."""
        from urllib.parse import unquote, urlsplit

        try:
            name = unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2]
            return from_root(f"data/{name}", self.folder) if name else ""
        except PathError as error:
            self.sink.report(core.BAD_PATH, str(error), at.at, help=error.help)
        except ValueError as error:  # such as an IPv6 address that does not end
            self.sink.report(core.BAD_PATH, f"{reader.shown(url)} is no URL: {str(error).lower()}", at.at)
        return ""

    def _store_of(self, body: View) -> View | None:
        """The document of the store that a vertex names."""
        said = body.get("DataStore")
        found = self.described("datastore").get(said.value.strip(), []) if said is not None else []
        if not found or said is None:
            return None
        store = next((one.view for one in found if status(one.view) != "archived"), found[0].view)
        if status(store) == "archived":
            message = f'the store "{said.value}" is archived: it can\'t be used to run new jobs'
            self.sink.report(codes.ARCHIVED, message, said.at)
        elif status(store) == "deprecated":
            self.sink.report(codes.DEPRECATED, f'the store "{said.value}" is deprecated', said.at)
        return store

    def _check_declared(self, body: View, vertex: Vertex) -> None:
        """M17: a store that no document declares is none, but for data that are in the repository anyway."""
        said = body.get("DataStore")
        if said is None or said.value.strip() in self.described("datastore"):
            return
        if vertex.path and self.repository.exists(vertex.path):
            return
        near = suggest(said.value, self.described("datastore"))
        message = f"{reader.shown(said.slot.value)} is no store that a document declares"
        advice = None if near else "write a document of it: name, type, connection with placeholders, properties.bucket"
        self.sink.report(codes.UNRESOLVED, message, said.at, suggestion=near, help=advice)

    def _in_store(self, store: View, path: View) -> Place | None:
        bucket = store.text("properties", "bucket") or store.text("connection", "bucket")
        missing = [] if bucket else ["properties.bucket"]
        missing += [] if store.text("connection", "endpoint") else ["connection.endpoint"]
        for key in missing:
            message = f'the store "{store.text("name")}" needs "{key}", so that jobs can fetch from it'
            labels = (Label(path.at, "for these data"),)
            self.sink.report(codes.INCOMPLETE, message, (store.get("name") or store).at, labels=labels)
        return None if missing else Place(path, store, bucket, path.value.strip().lstrip("/"))

    def _describe(self, vertex: Vertex, name: str, store: View | None, version: str) -> None:
        """What a data set's document says of a vertex: its state (M27), and where it lies."""
        document = self._document(name, version)
        if document is None:
            return
        vertex.document = document
        vertex.state = state_of(document.view)
        location = document.view.get("location")
        if location is None:
            return
        scheme, _, rest = location.value.strip().partition("://")
        if not rest:
            self._put(vertex, location)
            if store is not None:
                vertex.place = self._in_store(store, location)
        elif scheme in ("http", "https"):
            self._put(vertex, location)
        elif scheme == "s3" and store is not None and "/" in rest:
            bucket, _, key = rest.partition("/")
            vertex.path = self._named_by(location, location.value.strip())
            vertex.place = Place(location, store, bucket, key)
        elif vertex.view.get("path") is None:
            message = f"{reader.shown(location.slot.value)} is no place that a job can fetch from"
            advice = "s3://BUCKET/KEY needs the store: `data: {NAME: {DataSet: NAME, DataStore: STORE}}`"
            advice = advice if scheme == "s3" else "it is a path, https, or s3 in a store"
            self.sink.report(codes.UNRESOLVED, message, location.at, help=advice)
            vertex.is_reported = True

    def _report_unknown(self, dataset: View, version: str) -> None:
        known = self.described("dataset")
        if dataset.value in known:
            versions = ", ".join(one.view.text("version") for one in known[dataset.value])
            message = f'"{dataset.value}" has no version "{version}"'
            self.sink.report(codes.UNRESOLVED, message, dataset.at, help=f"there is {versions}")
            return
        near = suggest(dataset.value, known)
        message = f"{reader.shown(dataset.slot.value)} is no data set that a document describes"
        self.sink.report(codes.UNRESOLVED, message, dataset.at, suggestion=near)

    def _document(self, name: str, version: str) -> Document | None:
        """The version that is asked for, else the newest that is active, as for modules."""
        found = self.described("dataset").get(name, [])
        if version:
            return next((one for one in found if one.view.text("version") == version), None)
        usable = [one for one in found if state_of(one.view) != "archived"] or found
        active = [one for one in usable if state_of(one.view) == "active"]
        return max(active or usable, key=lambda one: version_key(one.view.text("version")), default=None)

    def described(self, kind: str) -> dict[str, list[Document]]:
        """The documents of data sets, or of stores, beside the pipeline and in FOLDERS, by name."""
        if self._described is None:
            self._described = {"dataset": {}, "datastore": {}}
            folders = dict.fromkeys(f"{self.folder}/{name}".strip("/") for name in FOLDERS)
            for folder in (*folders, *(name for name in FOLDERS if name and name not in folders)):
                for ending in ("yml", "yaml"):
                    for path in self.repository.glob(f"{folder}/*.{ending}" if folder else f"*.{ending}"):
                        self._read(path)
            for name, found in self._described["dataset"].items():
                self._check_versions(name, found)
            for found in self._described["datastore"].values():
                check_unique((one.view.get("name") or one.view for one in found if status(one.view) != "archived"),
                             "stores", self.sink)  # fmt: skip
        return self._described[kind]

    def _check_versions(self, name: str, found: list[Document]) -> None:
        """M02: what has one name is one data set, whose versions differ."""
        seen: dict[str, Document] = {}
        for one in found:
            if state_of(one.view) == "archived":
                continue
            first = seen.setdefault(one.view.text("version"), one)
            if first is not one:
                labels = (Label((first.view.get("name") or first.view).at, "the other one is here"),)
                said = f'version {one.view.text("version")} of "{name}"' if one.view.text("version") else f'"{name}"'
                message = f"two data sets are {said}"
                self.sink.report(codes.DUPLICATE, message, (one.view.get("name") or one.view).at, labels=labels)

    def _read(self, path: str) -> None:
        from compiler.frontends.mlspec.kinds import kind_of
        from compiler.frontends.mlspec.reading import parse, read_document

        source = self.repository.source(path, Sink())
        view = None if source is None else parse(source, Sink())
        if view is None or kind_of(view.names(), view.text("kind")) not in ("dataset", "datastore"):
            return
        document = read_document(path, self.repository, self.sink)
        if document is not None and self._described is not None:
            self._described[document.kind].setdefault(document.view.text("name"), []).append(document)

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


def state_of(dataset: View) -> str:
    """The state of a version of a data set: what says nothing is active, unless it says that it is deprecated."""
    if dataset.get("state") is None and dataset.text("isDeprecated") in reader.TRUE:
        return "deprecated"
    return status(dataset, "state")
