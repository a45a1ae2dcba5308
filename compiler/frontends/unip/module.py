"""A folder of manifests as one module: its documents by kind, one namespace, unique names."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader
from compiler.diagnostics import Label, Sink, suggest
from compiler.frontends.unip import codes
from compiler.frontends.unip.fields import (
    ASSUMED,
    GROUP,
    KINDS,
    METADATA,
    PARTLY,
    SCALING_GROUP,
    SCALING_KIND,
    SCALING_VERSION,
    SPECS,
    VERSION,
    Part,
    Reading,
    section,
)
from compiler.yamltree import Mapping, Sequence, Slot, items, parse, root_slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.base import Files
    from compiler.frontends.unip.images import Image
    from compiler.ir import Project
    from compiler.source import Source

_SKIPPED = ("expected", "node_modules", "site-packages", "venv")
_MARK = "Compiled by headrace"
_GITOPS = ("source.toolkit.fluxcd.io", "kustomize.toolkit.fluxcd.io", "argoproj.io/")
_TELLING = (GROUP, *(f"kind: {kind}" for kind in (*KINDS, SCALING_KIND, "Secret")), *_GITOPS)
_SHOWN = 6  # fields that a note names


class Component:
    """One document of the platform. `spec` holds what its table reads."""

    __slots__ = ("file", "kind", "metadata", "name", "namespace", "slot", "spec")

    def __init__(self, kind: str, file: str, slot: Slot, metadata: Part, spec: Part) -> None:
        self.kind = kind
        self.file = file
        self.slot = slot
        self.metadata = metadata
        self.name: str = metadata.get("name", "")
        self.namespace: str | None = metadata.get("namespace")
        self.spec = spec

    def annotation(self, key: str) -> Slot | None:
        """One of the component's annotations."""
        node = self.metadata.get("annotations")
        if not isinstance(node, Mapping) or key not in node.entries:
            return None
        return Slot(node, key, node.entries[key], node.document)


class Module:
    """What a folder says. Components stand by kind and name; `others` are documents that only travel along."""

    __slots__ = (
        "by_kind",
        "files",
        "folder",
        "images",
        "leaders",
        "namespace",
        "others",
        "ranks",
        "reading",
        "repository",
        "sink",
        "told",
    )

    def __init__(self, folder: str, repository: Files, sink: Sink) -> None:
        self.folder = folder  # from the root; "" is the root
        self.repository = repository
        self.sink = sink
        self.reading = Reading(sink)
        self.namespace: str | None = None
        self.by_kind: dict[str, dict[str, Component]] = {kind: {} for kind in (*KINDS, SCALING_KIND)}
        self.others: list[tuple[str, str, Slot]] = []  # apiVersion, kind, document
        self.images: dict[str, Image] | None = None  # what the repository builds, once it was looked for
        self.leaders: dict[str, list[Component]] | None = None  # who goes before each pipeline, once it was looked for
        self.told: set[str] = set()  # pipelines of which it was said already that no API names them
        self.ranks: dict[str, int] = {}  # files to be deployed, and the first kind that each holds

    @property
    def boxes(self) -> dict[str, Component]:
        return self.by_kind["DataBox"]

    @property
    def services(self) -> dict[str, Component]:
        return self.by_kind["MLComponent"]

    @property
    def pipelines(self) -> dict[str, Component]:
        return self.by_kind["ExperimentPipeline"]

    @property
    def apis(self) -> dict[str, Component]:
        return self.by_kind["APIComponent"]

    @property
    def scalings(self) -> dict[str, Component]:
        return self.by_kind[SCALING_KIND]

    def config_maps(self) -> dict[str, dict[str, str]]:
        """What the ConfigMaps that lie in the module hold, by their names."""
        found: dict[str, dict[str, str]] = {}
        for version, kind, slot in self.others:
            node = slot.value
            if (version, kind) != ("v1", "ConfigMap") or not isinstance(node, Mapping):
                continue
            metadata, data = node.entries.get("metadata"), node.entries.get("data")
            name = metadata.entries.get("name") if isinstance(metadata, Mapping) else None
            if isinstance(name, str) and isinstance(data, Mapping):
                found[str(name)] = {key: str(value) for key, value in data.entries.items() if isinstance(value, str)}
        return found

    def add(self, component: Component) -> None:
        """F02 and F03: one namespace, and each name once."""
        first = next((one for kind in self.by_kind.values() for one in kind.values() if one.namespace), None)
        if component.namespace is None and component.kind != SCALING_KIND:
            message = f'"{component.name}" has no namespace: it is the full name of the application'
            self.sink.report(core.MISSING_KEY, message, component.metadata.slot)
        elif first is not None and component.kind != SCALING_KIND and component.namespace != self.namespace:
            message = (
                f'"{component.name}" is in the namespace "{component.namespace}", the module in "{self.namespace}"'
            )
            labels = (Label(first.metadata.at("namespace").span_here, f'"{first.name}" is in this one'),)
            self.sink.report(codes.NAMESPACE, message, component.metadata.at("namespace"), labels=labels)
        if self.namespace is None and component.kind != SCALING_KIND:
            self.namespace = component.namespace
        known = self.by_kind[component.kind]
        other = known.get(component.name)
        if other is not None:
            message = f'two components of the kind {component.kind} are named "{component.name}"'
            labels = (Label(other.metadata.at("name").span_here, "the other one is here"),)
            self.sink.report(codes.DUPLICATE, message, component.metadata.at("name"), labels=labels)
            return
        known[component.name] = component


def read_module(unit: str, repository: Files, sink: Sink) -> Project | None:
    """The module of a folder, or of the folder that a file lies in."""
    from compiler.frontends.unip.checks import check
    from compiler.frontends.unip.project import project_of

    folder = "" if unit == "." else unit
    if folder and repository.is_file(folder):
        folder = folder.rpartition("/")[0]
    module = Module(folder, repository, sink)
    failed = len([one for one in sink.diagnostics if one.severity == "error"])
    plain: list[tuple[str, Source]] = []
    for path in _paths(folder, repository):
        source = repository.source(path, sink)
        if source is not None and _has_documents(source):
            _read_file(path, source, module)
        elif source is not None and "kind: ConfigMap" in source.text:
            plain.append((path, source))
    for path, source in plain:
        if module.namespace is not None and module.namespace in source.text:
            _read_file(path, source, module)
    if not any(module.by_kind.values()):
        if not sink.failed:
            sink.report(core.NOT_A_MANIFEST, f'"{unit}" holds no component of the platform')
        return None
    check(module)
    if len([one for one in sink.diagnostics if one.severity == "error"]) > failed:
        return None
    _report_assumed(module)
    return project_of(module, folder or ".")


def _paths(folder: str, repository: Files) -> list[str]:
    """Every YAML file of a folder and below, but for what tools make."""
    start = f"{folder}/**/" if folder else "**/"
    found = [path for suffix in ("*.yaml", "*.yml") for path in repository.glob(start + suffix)]
    inner = len(folder) + 1 if folder else 0
    return sorted(path for path in found if not any(part in _SKIPPED for part in path[inner:].split("/")))


def _has_documents(source: Source) -> bool:
    """Whether a person wrote documents in a file that are a module's: the platform's, secrets, and those of its GitOps."""
    head = source.text.split("\n", 1)[0]
    return _MARK not in head and any(word in source.text for word in _TELLING)


def _read_file(path: str, source: Source, module: Module) -> None:
    """A file without a word of the platform's may be anything, such as a template: what can't be read of it is let be."""
    sink = module.sink if GROUP in source.text else Sink()
    for document in parse(source, sink):
        if document.root is None or reader.is_null(document.root):
            continue
        slot = root_slot(document)
        for one in _listed(slot):
            if isinstance(one.value, Mapping) and ("apiVersion" in one.value.entries or "kind" in one.value.entries):
                _read_document(path, one, module)


def _listed(slot: Slot) -> list[Slot]:
    """The documents of a `kind: List`, as kubectl prints several; else the document itself."""
    node = slot.value
    if not isinstance(node, Mapping) or _plain(node, "kind") != "List":
        return [slot]
    inner = node.entries.get("items")
    return list(items(inner)) if isinstance(inner, Sequence) else []


def _read_document(path: str, slot: Slot, module: Module) -> None:
    """F01: a document of the platform, of its autoscaler, or one that only travels along."""
    node = slot.value
    assert isinstance(node, Mapping)
    version, kind = _plain(node, "apiVersion"), _plain(node, "kind")
    if version == "kustomize.config.k8s.io/v1beta1":
        return
    ours = version.split("/")[0] in (GROUP, SCALING_GROUP) or kind in KINDS or kind == SCALING_KIND
    if not ours and not _is_alike(version):
        module.ranks.setdefault(path, 0)
        module.others.append((version, kind, slot))
        _check_secret(version, kind, node, module)
        return
    known = (*KINDS, SCALING_KIND)
    wanted = SCALING_VERSION if kind == SCALING_KIND else VERSION
    if kind not in known:
        near = suggest(kind, known)
        message = f'"{kind}" is no kind of the platform' if kind else "the document has no kind"
        at = node.value_span("kind") if "kind" in node.entries else slot
        notes = () if near else (f"there is {', '.join(known)}",)
        module.sink.report(codes.KIND, message, at, suggestion=near, notes=notes)
        return
    if version != wanted:
        message = f'"{version}" is not the apiVersion of {kind}' if version else f"{kind} has no apiVersion"
        at = node.value_span("apiVersion") if "apiVersion" in node.entries else slot
        module.sink.report(codes.KIND, message, at, suggestion=wanted)
        return
    component = _component(path, kind, slot, module)
    if component is not None:
        module.ranks[path] = min(module.ranks.get(path, _RANKS[kind]), _RANKS[kind])
        module.add(component)


_RANKS = {"DataBox": 1, "MLComponent": 2, "ExperimentPipeline": 2, "APIComponent": 3, SCALING_KIND: 3}


def _plain(node: Mapping, key: str) -> str:
    value = node.entries.get(key)
    return str(value) if isinstance(value, str) else ""


def _is_alike(version: str) -> bool:
    """Whether an API group was meant to be the platform's."""
    group = version.split("/")[0]
    return bool(group) and suggest(group, (GROUP, SCALING_GROUP)) is not None


def _component(path: str, kind: str, slot: Slot, module: Module) -> Component | None:
    node = slot.value
    assert isinstance(node, Mapping)
    reading = module.reading
    for key in node.entries:
        if key not in ("apiVersion", "kind", "metadata", "spec", "status"):
            message = f'"{key}" is not known of a document: it is passed through as it is'
            near = suggest(key, [one for one in ("metadata", "spec") if one not in node.entries])
            module.sink.report(codes.UNKNOWN_FIELD, message, node.key_span(key), suggestion=near)
    for key in ("metadata", "spec"):
        if key not in node.entries:
            module.sink.report(core.MISSING_KEY, f"{kind} has no `{key}`", slot)
            return None
    metadata = section(_slot(node, "metadata"), reading, METADATA, "metadata", ("name",))
    table, required = SPECS[kind]
    spec = section(_slot(node, "spec"), reading, table, kind, required)
    if metadata is None or spec is None or metadata.get("name") is None:
        return None
    _check_name(metadata, module)
    return Component(kind, path, slot, metadata, spec)


def _slot(node: Mapping, key: str) -> Slot:
    return Slot(node, key, node.entries[key], node.document)


def _check_name(metadata: Part, module: Module) -> None:
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names"""
    for key in ("name", "namespace"):
        name = metadata.get(key)
        parts = [] if name is None else name.split(".")
        legal = all(
            part and len(part) <= 63 and part[0] != "-" and part[-1] != "-" and _LABEL.issuperset(part)
            for part in parts
        )
        if not legal or (name is not None and len(name) > 253):
            message = f"{reader.shown(name)} is no name in Kubernetes"
            advice = "lower case letters, digits and hyphens, a letter or a digit at both ends"
            module.sink.report(core.BAD_NAME, message, metadata.at(key), help=advice)


_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


def _check_secret(version: str, kind: str, node: Mapping, module: Module) -> None:
    """F29: a secret may be named in the repository, its content never lies in it."""
    if version != "v1" or kind != "Secret":
        return
    for key in ("data", "stringData"):
        value = node.entries.get(key)
        if value is not None and not (isinstance(value, Mapping) and not value.entries) and not reader.is_null(value):
            module.sink.report(
                codes.SECRET,
                f"the content of a secret lies in the repository, under `{key}`",
                node.key_span(key),
                help="take it out of the history too, make the secret in the cluster, and name it here only",
            )


def _report_assumed(module: Module) -> None:
    """One note a module that uses what is reconstructed: which of its fields are partly known or assumed."""
    found = module.reading.unverified
    if all(status != ASSUMED for status, _ in found.values()):
        return
    told = []
    for status in (PARTLY, ASSUMED):
        names = sorted(name for name, (known, _) in found.items() if known == status)
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        if names:
            told.append(f"{status}: {', '.join(names[:_SHOWN])}{more}")
    at = next(slot for status, slot in found.values() if status == ASSUMED)
    count = f"{len(found)} fields of this module are" if len(found) > 1 else "a field of this module is"
    message = f"the platform's schema is not known in full: {count} not verified"
    module.sink.report(codes.ASSUMED, message, at, notes=tuple(told))
