"""Reusable modules: documents of kind `module` beside a pipeline, their versions, and the interfaces that they declare."""

from __future__ import annotations

from compiler import reader
from compiler.diagnostics import Label, Sink, suggest
from compiler.frontends.mlspec import codes
from compiler.frontends.mlspec.objects import check_unique, status, version_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.base import Files
    from compiler.frontends.mlspec.reading import Document
    from compiler.frontends.mlspec.view import View

BUILTIN = ("BatchStep", "PythonScriptStep")
FOLDERS = ("modules", "pipelines/modules")
_STATUSES = ("active", "deprecated", "archived")
_LISTED = frozenset(("version", "id", "status", "description", "createdUtc", "name"))


class Port:
    """An input or output of a module."""

    __slots__ = ("name", "optional", "path")

    def __init__(self, name: str, optional: bool, path: str) -> None:
        self.name = name
        self.optional = optional
        self.path = path


class Version:
    """One version of a module. `inputs`, `outputs` and `params` are None where the interface is open (TBD, or unsaid)."""

    __slots__ = ("inputs", "module", "outputs", "params", "status", "version", "view")

    def __init__(self, module: str, view: View) -> None:
        self.module = module
        self.view = view
        self.version = view.text("version")
        self.status = status(view)
        self.inputs = _ports(view, "inputs")
        self.outputs = _ports(view, "outputs")
        self.params = _params(view)

    @property
    def is_listed(self) -> bool:
        """Whether it is a module's bare entry: what it does stands elsewhere."""
        return all(key in _LISTED for key, _ in self.view.entries())

    def with_status_of(self, entry: Version) -> Version:
        """Of two that say a status, what blocks or warns counts."""
        return self.at_least(entry.status)

    def at_least(self, other: str) -> Version:
        self.status = max(self.status, other, key=lambda one: _STATUSES.index(one) if one in _STATUSES else 0)
        return self


class Library:
    """The modules of a repository by name, read when a step asks for one."""

    def __init__(self, folder: str, repository: Files, sink: Sink) -> None:
        self.folder = folder
        self.repository = repository
        self.sink = sink
        self._modules: dict[str, list[Version]] | None = None
        self._archived: set[str] = set()
        self._names: dict[str, str] = {}  # of modules by id

    @property
    def modules(self) -> dict[str, list[Version]]:
        if self._modules is None:
            self._modules = {}
            found = [document for path in self._paths() for document in [self._read(path)] if document is not None]
            self._assemble([one.view for one in found if one.kind == "module"],
                           [one.view for one in found if one.kind == "moduleVersion"])  # fmt: skip
        return self._modules

    def _paths(self) -> list[str]:
        """Files in `modules` beside the pipeline and at the root, and those beside the pipeline."""
        folders = [self.folder, *(f"{self.folder}/{name}".lstrip("/") for name in FOLDERS), *FOLDERS]
        found: dict[str, None] = {}
        for folder in dict.fromkeys(folders):
            for ending in ("yml", "yaml"):
                pattern = f"{folder}/*.{ending}" if folder else f"*.{ending}"
                found.update(dict.fromkeys(self.repository.glob(pattern)))
        return list(found)

    def _read(self, path: str) -> Document | None:
        from compiler.frontends.mlspec.kinds import kind_of
        from compiler.frontends.mlspec.reading import parse, read_document

        source = self.repository.source(path, Sink())
        view = None if source is None else parse(source, Sink())
        if view is None or kind_of(view.names(), view.text("kind")) not in ("module", "moduleVersion"):
            return None
        return read_document(path, self.repository, self.sink)

    def _assemble(self, modules: list[View], versions: list[View]) -> None:
        """Modules with what stands in them, and the versions that documents of their own describe."""
        in_use = [view for view in modules if status(view) != "archived"]
        check_unique((name for view in in_use for name in [view.get("name")] if name is not None), "modules", self.sink)
        self._names = {view.text("id"): view.text("name") for view in modules if view.text("id")}
        self._archived = {view.text("name") for view in modules} - {view.text("name") for view in in_use}
        for view in in_use:
            self._add(view.text("name"), view.listed("versions") or [view])
        for view in versions:
            name = view.text("module") or view.text("name")
            name = self._names.get(name, name)
            if name not in self._archived:
                self._add(name, [view])
        for view in in_use:
            for version in self._modules[view.text("name")] if self._modules is not None else ():
                version.at_least(status(view))

    def _add(self, name: str, versions: list[View]) -> None:
        """A version that a module only lists is the one that a document of its own describes."""
        assert self._modules is not None
        known = self._modules.setdefault(name, [])
        for view in versions:
            if not view.is_mapping:
                continue
            version = Version(name, view)
            same = next((one for one in known if one.version == version.version), None)
            if same is None:
                known.append(version)
            elif same.is_listed or version.is_listed:
                known[known.index(same)] = (
                    version.with_status_of(same) if same.is_listed else same.with_status_of(version)
                )
            elif same.view.at.source.name != view.at.source.name:
                labels = (Label((same.view.get("version") or same.view).at, "the other one is here"),)
                message = f'two documents are version {version.version} of "{name}"'
                self.sink.report(codes.DUPLICATE, message, (view.get("version") or view).at, labels=labels)

    def choose(self, step: View) -> Version | None:
        """The version that a step means: the one it names, else the latest that is active.

        None for the modules that are built in, and for what is reported.
        """
        found = step.get("moduleName")
        if found is None or not found.is_text:
            return None
        name, _, wanted = found.value.partition("@")
        wanted = wanted or step.text("moduleVersion")
        versions = self.modules.get(name) or self.modules.get(self._names.get(name, ""), [])
        if not versions:
            self._report_unknown(name, found)
            return None
        if wanted:
            chosen = next((one for one in versions if one.version == wanted), None)
            if chosen is None:
                known = ", ".join(one.version for one in versions)
                message = f'"{name}" has no version {reader.shown(wanted)}'
                self.sink.report(codes.UNRESOLVED, message, found.at, help=f"there is {known}")
                return None
        else:
            usable = [one for one in versions if one.status != "archived"] or versions
            active = [one for one in usable if one.status == "active"]
            chosen = max(active or usable, key=lambda one: version_key(one.version))
        self._check_status(chosen, found)
        return chosen

    def _check_status(self, chosen: Version, found: View) -> None:
        if chosen.status == "archived":
            message = f'version {chosen.version} of "{chosen.module}" is archived: it can\'t be used to run new jobs'
            self.sink.report(codes.ARCHIVED, message, found.at)
        elif chosen.status == "deprecated":
            message = f'version {chosen.version} of "{chosen.module}" is deprecated'
            self.sink.report(codes.DEPRECATED, message, found.at, help="use a newer version, or make one active")

    def _report_unknown(self, name: str, found: View) -> None:
        if name in self._archived:
            message = f'"{name}" is archived: it is not found by its name, and runs no new jobs'
            self.sink.report(codes.ARCHIVED, message, found.at)
        elif name not in BUILTIN:
            known = [*BUILTIN, *self.modules]
            near = suggest(name, known)
            advice = None if near else "modules stand in documents beside the pipeline, or in a folder `modules`"
            self.sink.report(codes.UNRESOLVED, f'"{name}" is no module', found.at, suggestion=near, help=advice)


def _ports(view: View, key: str) -> dict[str, Port] | None:
    found = view.get(key)
    if found is None or (found.is_text and found.value.upper() == "TBD"):
        return None
    if found.is_mapping:
        return {name: _port(name, body) for name, body in ((name, found.get(name)) for name in found.names())}
    named = ((item.text("name"), item) for item in found.each() if item.is_mapping)
    return {name: _port(name, item) for name, item in named if name}


def _port(name: str, body: View | None) -> Port:
    if body is None:
        return Port(name, False, "")
    return Port(name, body.text("optional") in reader.TRUE, body.text("path"))


def _params(view: View) -> dict[str, str | None] | None:
    """Parameters with their defaults; None for one without."""
    found = view.get("params")
    if found is None or (found.is_text and found.value.upper() == "TBD"):
        return None
    if not found.is_mapping:
        named = ((item.text("name"), item) for item in found.each() if item.is_mapping)
        return {name: _default(item) for name, item in named if name}
    params: dict[str, str | None] = {}
    for name in found.names():
        body = found.get(name)
        params[name] = None if body is None else _default(body) if body.is_mapping else body.value
    return params


def _default(body: View) -> str | None:
    default = body.get("default")
    return None if default is None else default.value
