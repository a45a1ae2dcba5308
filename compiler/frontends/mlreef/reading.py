"""A unit as a Project: a `mlreef.yaml` of a project or of one module, a script, or a generated `.mlreef.yml`."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader, yamltree
from compiler.credentials import check_source
from compiler.diagnostics import Sink
from compiler.frontends.mlreef import codes, scripts
from compiler.frontends.mlreef.bases import read_base
from compiler.frontends.mlreef.composition import Composition
from compiler.frontends.mlreef.fields import Context, list_of, path, text
from compiler.frontends.mlreef.modules import (
    MODULE,
    Module,
    Said,
    gather,
    legal,
    own_name,
    read_modules,
)
from compiler.frontends.mlreef.pipelines import read_pipelines
from compiler.frontends.mlreef.publishing import Publication, publish, read_publication
from compiler.frontends.mlreef.triggers import read_triggers
from compiler.frontends.tables import name, only_document, section
from compiler.ir import NOTHING, Project
from compiler.source import At
from compiler.yamltree import Mapping, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.base import Files
    from compiler.frontends.mlreef.fields import Table
    from compiler.source import Source

PROJECT: Table = {
    "name": ("name", name),
    "description": ("description", text),
    "search": ("search", list_of(path, least=1)),
    "modules": ("modules", read_modules),
    "environment": ("base", read_base),
    "publish": ("publication", read_publication),
    "on": ("triggers", read_triggers),
    "pipelines": ("pipelines", read_pipelines),
}
_OF_MODULES = ("kind", "entry", "requirements", "input_types", "output_types")  # one of them makes a module's manifest


class Holding:
    """What a manifest and its folder hold, before anything is composed of it."""

    __slots__ = ("context", "fields", "modules", "name")

    def __init__(self, name: str, fields: dict[str, Any], modules: dict[str, Module], context: Context) -> None:
        self.name = name
        self.fields = fields
        self.modules = modules
        self.context = context


def read_unit(unit: str, files: Files, sink: Sink) -> Project | None:
    if unit.endswith(".py"):
        found = of_script(unit, files, sink)
    else:
        source = files.source(unit, sink)
        if source is None:
            return None
        if _is_generated(unit, source):
            from compiler.frontends.mlreef.generated import read_generated

            return read_generated(source, unit, sink)
        found = of_manifest(source, unit, files, sink)
    return None if found is None else _project(found, unit)


def _is_generated(unit: str, source: Source) -> bool:
    return (
        unit.rpartition("/")[2] == ".mlreef.yml"
        or "EPF_PIPELINE_URL" in source.text
        or "EPF_PUBLISH_URL" in source.text
    )


def of_script(unit: str, files: Files, sink: Sink) -> Holding | None:
    """A script by itself: a module that is published."""
    script = scripts.read_script(unit, files, sink)
    if script is None:
        return None
    context = Context(files, sink, unit.rpartition("/")[0])
    why = scripts.why_no_entry(script)
    if why is not None:
        sink.report(codes.NO_ENTRY, f'"{unit}" is no module: {why}', script.place(1, 1))
        return None
    given = own_name(unit)
    said = Said(given, {"entry": unit, "origin": script.origin()}, _no_slot(), context.folder)
    modules = gather([said], context, ())
    return Holding(given, {"publication": Publication()}, modules, context)


def _no_slot() -> Slot:
    from compiler.source import Source

    document = yamltree.parse(Source("", "{}"), Sink())[0]
    return yamltree.root_slot(document)


def of_manifest(source: Source, unit: str, files: Files, sink: Sink) -> Holding | None:
    """What a `mlreef.yaml` says."""
    check_source(source, sink)
    slot = only_document(source, sink, "begin it with name: and a name")
    if slot is None:
        return None
    context = Context(files, sink, unit.rpartition("/")[0])
    if not isinstance(slot.value, Mapping) or slot.tag is not None:
        at = slot.value if isinstance(slot.value, Mapping) else slot.span_here
        sink.report(core.WRONG_TYPE, f"a manifest is a mapping, not {reader.kind_of(slot.value)}", at)
        return None
    if any(key in slot.value.entries for key in _OF_MODULES):
        return _of_module(slot, context)
    fields = section(slot, context, PROJECT, "a manifest", ())
    if fields is None:
        return None
    if "name" not in slot.value.entries and not slot.value.broken:
        message = 'a manifest needs "name"'
        sink.report(core.MISSING_KEY, message, slot.value, help="write name: and the project's name")
    search = fields.get("search") or (context.folder,)
    modules = gather(fields.get("modules", ()), context, search)
    for module in modules.values():
        if module.base is None:
            module.base = fields.get("base")
    return Holding(fields.get("name", ""), fields, modules, context)


def _of_module(slot: Slot, context: Context) -> Holding | None:
    """A manifest of one module: its script is the only one of the folder, unless `entry` names it."""
    fields = section(slot, context, MODULE, "a module's manifest")
    if fields is None:
        return None
    title = fields.get("title") or ""
    entry = fields.get("entry")
    folder = context.folder.rpartition("/")[2]
    given = legal(str(title)) if title else own_name(str(entry)) if entry else legal(folder or "module")
    assert isinstance(slot.value, Mapping)
    places = {key: slot.value.value_span(key) for key in slot.value.entries}
    fields["origin"] = At(given, slot.value.span(), places)
    said = Said(given, fields, slot, context.folder)
    modules = gather([said], context, () if entry else (context.folder,))
    modules = {name_: module for name_, module in modules.items() if name_ == given}
    publication = fields.get("publication") or Publication()
    return Holding(given, {"publication": publication, "origin": fields["origin"]}, modules, context)


def _project(found: Holding, unit: str) -> Project:
    fields, context = found.fields, found.context
    pipelines = fields.get("pipelines") or ()
    publication = fields.get("publication")
    if publication is None and not pipelines:
        publication = Publication()  # modules alone are there to be published
    published = publish(list(found.modules.values()), publication, context)
    composed = Composition(found.modules, publication, fields.get("triggers"), context)
    composed.compose(pipelines)
    taken = {pipeline.name: pipeline for pipeline in composed.pipelines}
    for pipeline in published.pipelines:
        if pipeline.name in taken:
            message = f'"{pipeline.name}" is the pipeline that publishes the modules'
            context.sink.report(core.DUPLICATE_NAME, message, taken[pipeline.name].origin)
    built = {environment.name for environment in published.environments}
    extra = [environment for name_, environment in composed.environments.items() if name_ not in built]
    environments = (*published.environments, *extra)
    return Project(
        name=found.name,
        manifest=unit,
        folder=context.folder,
        jobs=(*composed.jobs.values(), *published.jobs) or NOTHING,
        pipelines=(*composed.pipelines, *published.pipelines) or NOTHING,
        secrets=tuple(published.secrets.values()) or NOTHING,
        environments=environments or NOTHING,
        origin=fields.get("origin"),
    )
