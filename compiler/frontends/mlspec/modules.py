"""Reusable modules: documents of kind `module` beside a pipeline, their versions, and the interfaces that they declare."""

from __future__ import annotations

from compiler import reader
from compiler.diagnostics import Sink, suggest
from compiler.frontends.mlspec import codes
from compiler.frontends.mlspec.objects import status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.base import Files
    from compiler.frontends.mlspec.view import View

BUILTIN = ("BatchStep", "PythonScriptStep")
FOLDERS = ("modules", "pipelines/modules")


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


class Library:
    """The modules of a repository by name, read when a step asks for one."""

    def __init__(self, folder: str, repository: Files, sink: Sink) -> None:
        self.folder = folder
        self.repository = repository
        self.sink = sink
        self._modules: dict[str, list[Version]] | None = None
        self._archived: set[str] = set()

    @property
    def modules(self) -> dict[str, list[Version]]:
        if self._modules is None:
            self._modules = {}
            for path in self._paths():
                self._read(path)
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

    def _read(self, path: str) -> None:
        from compiler.frontends.mlspec.kinds import kind_of
        from compiler.frontends.mlspec.reading import parse, read_document

        source = self.repository.source(path, Sink())
        view = None if source is None else parse(source, Sink())
        if view is None or kind_of(view.names(), view.text("kind")) not in ("module", "moduleVersion"):
            return
        document = read_document(path, self.repository, self.sink)
        if document is None:
            return
        if document.kind == "moduleVersion":
            self._add(document.view.text("module") or document.view.text("name"), [document.view])
        elif status(document.view) == "archived":
            self._archived.add(document.view.text("name"))
        else:
            self._add(document.view.text("name"), document.view.listed("versions") or [document.view])

    def _add(self, name: str, versions: list[View]) -> None:
        assert self._modules is not None
        self._modules.setdefault(name, []).extend(Version(name, view) for view in versions if view.is_mapping)

    def choose(self, step: View) -> Version | None:
        """The version that a step means: the one it names, else the latest that is active.

        None for the modules that are built in, and for what is reported.
        """
        found = step.get("moduleName")
        if found is None or not found.is_text:
            return None
        name, _, wanted = found.value.partition("@")
        wanted = wanted or step.text("moduleVersion")
        versions = self.modules.get(name, [])
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
            chosen = max(active or usable, key=lambda one: _order(one.version))
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


def _order(version: str) -> tuple[tuple[int, str], ...]:
    """Numbers by their value, other parts as text."""
    parts = version.replace("-", ".").split(".")
    return tuple(
        (int(part), "") if part.isascii() and part.isdigit() and len(part) < 20 else (-1, part) for part in parts
    )


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
