"""A headrace.yaml as a Project. Every fault is reported, in one go; what could be read is returned."""

from __future__ import annotations

from compiler import VERSION, codes, reader
from compiler.credentials import check_source
from compiler.diagnostics import Sink
from compiler.frontends.native.environments import read_environment
from compiler.frontends.native.fields import Context, env, list_of, named, plain
from compiler.frontends.native.jobs import read_defaults, read_job, read_template
from compiler.frontends.native.settings import read_include, read_settings
from compiler.frontends.tables import name, only_document, section
from compiler.ir import Project
from compiler.source import Source
from compiler.yamltree import Mapping, Slot, root_slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from compiler.frontends.native.fields import Read, Table

    T = TypeVar("T")

LARGE = 8_000  # characters of a manifest in which it pays to look for jobs that repeat others
SETTINGS_ONLY = frozenset(("version", "requires", "manifests", "targets"))


def _by_name(read: Callable[[Slot, Context, str], T | None]) -> Read[tuple[T, ...]]:
    return lambda slot, context: named(slot, context, read)


def _later(module: str, function: str) -> Callable[..., Any]:
    """A function of a module here that is imported where a manifest has what it reads: at a cold start each one counts."""

    def read(slot: Slot, context: Context, *name: str) -> Any:
        from importlib import import_module

        return getattr(import_module(f"compiler.frontends.native.{module}"), function)(slot, context, *name)

    return read


def _version(slot: Slot, context: Context) -> int | None:
    if type(slot.value) is str and slot.tag is None and slot.value == "1":
        return 1
    whole = reader.integer_of(slot.value) if type(slot.value) is str else None
    code = codes.WRONG_TYPE if whole is None else codes.UNSUPPORTED_VERSION
    message = f'"version" takes 1, not {reader.shown(slot.value)}'
    context.sink.report(code, message, slot.span_here, help="it is the version of the manifest's form, and 1 so far")
    return None


def _requires(slot: Slot, context: Context) -> str | None:
    """Versions of headrace that may compile the manifest: this one has to be among them."""
    from compiler.frontends.native.versions import allows

    value = plain(slot, context)
    if value is None:
        return None
    allowed = allows(value, VERSION)
    if allowed is None:
        message = f'"requires" takes versions such as ">=0.4,<0.5", not {reader.shown(value)}'
        context.sink.report(codes.WRONG_VALUE, message, slot.span_here)
        return None
    if not allowed:
        message = f"this is headrace {VERSION}, the manifest requires {reader.shown(value)}"
        context.sink.report(codes.UNSUPPORTED_VERSION, message, slot.span_here, help="install a version that it takes")
    return value


MANIFEST: Table = {
    "version": ("version", _version),
    "requires": ("requires", _requires),
    "name": ("name", name),
    "manifests": ("manifests", list_of(read_include, least=1)),
    "parameters": ("parameters", _later("parameters", "read_parameters")),
    "secrets": ("secrets", _by_name(_later("access", "read_secret"))),
    "identities": ("identities", _by_name(_later("access", "read_identity"))),
    "env": ("env", env),
    "environments": ("environments", _by_name(read_environment)),
    "stores": ("stores", _by_name(_later("data", "read_store"))),
    "datasets": ("datasets", _by_name(_later("data", "read_dataset"))),
    "templates": ("templates", _by_name(read_template)),
    "defaults": ("defaults", read_defaults),
    "jobs": ("jobs", _by_name(read_job)),
    "models": ("models", _by_name(_later("models", "read_model"))),
    "lifecycle": ("lifecycle", _later("models", "read_lifecycle")),
    "services": ("services", _by_name(_later("models", "read_service"))),
    "pipelines": ("pipelines", _by_name(_later("triggers", "read_pipeline"))),
    "targets": ("settings", read_settings),
}


def read_source(source: Source, unit: str, sink: Sink) -> Project | None:
    """The project of a manifest's text. `unit` is its path from the repository's root."""
    check_source(source, sink)
    folder = unit.rpartition("/")[0]
    project = _without_repeats(source, unit, folder) if len(source.text) >= LARGE else None
    if project is not None:
        return project
    slot = only_document(source, sink, "begin it with version: 1")
    return None if slot is None else _project(slot, unit, Context(sink, folder))


def _without_repeats(source: Source, unit: str, folder: str) -> Project | None:
    """The project of a text in which jobs repeat others; None where there are none, or anything is to be reported."""
    from compiler.frontends.native import repeated
    from compiler.repeats import shortened

    text = shortened(source, "jobs", repeated.may_differ)
    if text is None:
        return None
    sink = Sink()
    project = _project(root_slot(text.document), unit, Context(sink, folder))
    jobs = repeated.jobs(text.entries, project.jobs) if project is not None and not sink.reports else None
    return None if project is None or jobs is None else project.replace(jobs=jobs)


def _project(slot: Slot, unit: str, context: Context) -> Project | None:
    if not isinstance(slot.value, Mapping) or slot.tag is not None:
        message = f"a manifest is a mapping, not {reader.kind_of(slot.value)}"
        context.sink.report(
            codes.WRONG_TYPE, message, slot.value if isinstance(slot.value, Mapping) else slot.span_here
        )
        return None
    for tag, ordinal in slot.document.tags:
        context.sink.report(codes.UNKNOWN_TAG, f'"{tag}" means nothing here', slot.document.span_of(ordinal))
    found: dict[str, Any] = section(slot, context, MANIFEST, "a manifest") or {}
    if "version" not in slot.value.entries:
        _missing("version", "write version: 1 in the first line", slot, context)
    if "name" not in slot.value.entries and not SETTINGS_ONLY.issuperset(slot.value.entries):
        _missing("name", "write name: and the project's name", slot, context)
    found.pop("version", None)
    return Project(**{"name": "", **found}, manifest=unit, folder=context.folder)


def _missing(key: str, advice: str, slot: Slot, context: Context) -> None:
    if isinstance(slot.value, Mapping) and not slot.value.broken:
        context.sink.report(codes.MISSING_KEY, f'a manifest needs "{key}"', slot.value, help=advice)
