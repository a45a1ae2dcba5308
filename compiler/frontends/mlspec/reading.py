"""A file of MLSpec as a Project: what kind of document it is, its checks, and the jobs that pipelines and models make."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader, yamltree
from compiler.diagnostics import ERROR, Sink, suggest
from compiler.frontends.mlspec import codes, repair
from compiler.frontends.mlspec.documents import CHECKS
from compiler.frontends.mlspec.kinds import KINDS, kind_of
from compiler.frontends.mlspec.objects import check_object
from compiler.frontends.mlspec.shape import check as check_shape
from compiler.frontends.mlspec.view import View
from compiler.yamltree import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.base import Files
    from compiler.ir import Project
    from compiler.source import Source


class Document:
    """One file that was read: its path from the root, its kind, and what it says."""

    __slots__ = ("kind", "path", "view")

    def __init__(self, path: str, kind: str, view: View) -> None:
        self.path = path
        self.kind = kind
        self.view = view


def read_unit(unit: str, repository: Files, sink: Sink) -> Project | None:
    """The project of a file, with the part files and modules that belong to it; None for one that only describes."""
    errors = sink.count(ERROR)
    document = read_document(unit, repository, sink)
    if document is None:
        return None
    folder = unit.rpartition("/")[0]
    if document.kind == "pipeline":
        from compiler.frontends.mlspec.pipelines import read_pipeline

        return read_pipeline(document, folder, repository, sink)
    if document.kind == "packaging":
        from compiler.frontends.mlspec.packaging import read_model

        return read_model(document, folder, repository, sink, errors)
    return None  # it describes, and makes no work


def name_of(view: View, path: str) -> str:
    from compiler.frontends.mlspec.objects import slug

    return slug(view.text("model_identifier") or view.text("name") or path.rpartition("/")[2].rpartition(".")[0])


def read_document(path: str, repository: Files, sink: Sink) -> Document | None:
    """A file, held against its kind's schema and rules; None where it can't be read as a document of MLSpec."""
    source = repository.source(path, sink)
    view = None if source is None else parse(source, sink)
    if view is None:
        return None
    kind = _kind(view, sink)
    if kind is None:
        return None
    errors = sink.count(ERROR)
    check_shape(view.slot, kind, sink)
    check_object(view, sink)
    if kind in CHECKS and sink.count(ERROR) == errors:
        CHECKS[kind](view, sink)
    return Document(path, kind, view)


def parse(source: Source, sink: Sink) -> View | None:
    """The one document of a file, a mapping; what is wrong is reported."""
    from compiler.diagnostics import Sink as Found

    found = Found()
    documents = yamltree.parse(source, found)
    syntax = [one for one in found.diagnostics if one.code in (core.YAML_SYNTAX, core.TAB_INDENTATION)]
    repair.report(source, found.diagnostics, sink)
    if syntax:
        return None
    full = [one for one in documents if one.root is not None and not reader.is_null(yamltree.root_slot(one).value)]
    for one in full[1:]:
        message = "a document is one YAML document, another begins here"
        sink.report(core.SEVERAL_DOCUMENTS, message, yamltree.root_slot(one).span_here)
    if not full:
        if not found.failed:
            sink.report(core.EMPTY_FILE, "the document is empty", source.whole())
        return None
    slot = yamltree.root_slot(full[0])
    for tag, ordinal in slot.document.tags:
        sink.report(core.UNKNOWN_TAG, f'"{tag}" means nothing here', slot.document.span_of(ordinal))
    if not isinstance(slot.value, Mapping) or slot.tag is not None:
        message = f"a document of MLSpec is a mapping, not {reader.kind_of(slot.value)}"
        sink.report(core.WRONG_TYPE, message, slot.span_here)
        return None
    return View(slot)


def _kind(view: View, sink: Sink) -> str | None:
    said = view.get("kind")
    kind = kind_of(view.names(), said.value if said is not None else "")
    if kind is None and said is not None:
        near = suggest(said.value, KINDS)
        message = f"{reader.shown(said.slot.value)} is no kind of MLSpec's documents"
        sink.report(codes.UNKNOWN_KIND, message, said.at, suggestion=near, help=f"there is {', '.join(KINDS)}")
    elif kind is None:
        advice = f"say it as `kind`: one of {', '.join(KINDS)}"
        sink.report(codes.UNKNOWN_KIND, "its keys are those of no document of MLSpec", view.slot.span(), help=advice)
    return kind
