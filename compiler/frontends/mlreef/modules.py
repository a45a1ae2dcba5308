"""Modules: scripts with a name, a kind and data types, found by themselves or said in a manifest."""

from __future__ import annotations

from posixpath import dirname, join

from compiler import codes as core
from compiler.diagnostics import listed, suggest
from compiler.frontends.mlreef import codes, scripts
from compiler.frontends.mlreef.bases import read_base
from compiler.frontends.mlreef.fields import Context, choice, duration, integer, list_of, path, quantity, text
from compiler.frontends.mlreef.publishing import Publication, read_publication
from compiler.frontends.tables import check_name, section
from compiler.yamltree import Slot, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from compiler.frontends.mlreef.fields import Table
    from compiler.frontends.mlreef.scripts import Script
    from compiler.images import Base
    from compiler.source import Origin

MODEL, OPERATION, VISUALIZATION = "model", "operation", "visualization"
# The words of MLReef's pages, of its interface for programs, and of its database.
KINDS = {
    "model": MODEL,
    "algorithm": MODEL,
    "operation": OPERATION,
    "data_operation": OPERATION,
    "visualization": VISUALIZATION,
    "visualisation": VISUALIZATION,
    "data_visualization": VISUALIZATION,
    "data_visualisation": VISUALIZATION,
}
DATA_TYPES = (
    "number", "model", "video", "time_series", "text", "tabular", "image", "hierarchical", "none", "binary", "audio",
    "any",
)  # fmt: skip
TYPES_BY_WORD = {word: word for word in DATA_TYPES}
# Scripts whose name says nothing: their folder's name is the module's.
_NAMELESS = frozenset(("main", "__main__", "run", "cli", "app", "entry", "script"))
REQUIREMENTS = ("requirements.txt", "uv.lock")


class Module:
    """A script that can be published and used in pipelines. Paths are from the repository's root."""

    __slots__ = (
        "base",
        "description",
        "dockerfile",
        "gpu",
        "input_name",
        "input_types",
        "kind",
        "memory",
        "name",
        "origin",
        "output_name",
        "output_types",
        "publication",
        "requirements",
        "script",
        "timeout",
        "title",
    )

    def __init__(self, name: str, script: Script) -> None:
        self.name = name
        self.script = script
        self.kind: str | None = None
        self.title: str | None = None
        self.description: str | None = None
        self.input_types: tuple[str, ...] = ()
        self.output_types: tuple[str, ...] = ()
        self.input_name = scripts.INPUT
        self.output_name = scripts.OUTPUT
        self.requirements: str | None = None
        self.base: Base | None = None
        self.dockerfile: str | None = None
        self.gpu: int | None = None
        self.memory: int | None = None
        self.timeout: int | None = None
        self.publication: Publication | None = None
        self.origin: Origin | None = None


MODULE: Table = {
    "kind": ("kind", choice(KINDS)),
    "name": ("title", text),
    "description": ("description", text),
    "input_types": ("input_types", list_of(choice(TYPES_BY_WORD), least=1)),
    "output_types": ("output_types", list_of(choice(TYPES_BY_WORD), least=1)),
    "entry": ("entry", path),
    "requirements": ("requirements", path),
    "environment": ("base", read_base),
    "dockerfile": ("dockerfile", path),
    "input": ("input_name", text),
    "output": ("output_name", text),
    "gpu": ("gpu", integer(0, 64)),
    "memory": ("memory", quantity),
    "timeout": ("timeout", duration),
    "publish": ("publication", read_publication),
}


class Said:
    """What a manifest says of a module."""

    __slots__ = ("fields", "folder", "name", "slot")

    def __init__(self, name: str, fields: dict[str, object], slot: Slot, folder: str) -> None:
        self.name = name
        self.fields = fields
        self.slot = slot
        self.folder = folder


def read_modules(slot: Slot, context: Context) -> tuple[Said, ...] | None:
    """`modules`: name -> what the script does not say."""
    from compiler import reader

    node = reader.mapping(slot, context.sink)
    if node is None:
        return None
    found = []
    for entry in slots(node):
        good = check_name(str(entry.key), entry, context)
        said = read_module(entry, context, str(entry.key))
        if said is not None and good:
            found.append(said)
    return tuple(found)


def read_module(slot: Slot, context: Context, given: str) -> Said | None:
    if isinstance(slot.value, str) and slot.value:
        entry = path(slot, context)  # `train: src/train.py`
        return None if entry is None else Said(given, {"entry": entry, "origin": slot}, slot, context.folder)
    fields = section(slot, context, MODULE, "a module")
    return None if fields is None else Said(given, fields, slot, context.folder)


def gather(said: Iterable[Said], context: Context, search: Iterable[str]) -> dict[str, Module]:
    """Every module by its name: those of the manifest, and the scripts below some folders that it does not name."""
    found: dict[str, Module] = {}
    declared = list(said)
    claimed: set[str] = set()
    free: list[Script] = []
    for one in declared:
        if "entry" in one.fields:
            claimed.add(str(one.fields["entry"]))
    every = dict.fromkeys(path for folder in search for path in scripts.candidates(context.files, folder))
    for path_ in every:
        if path_ not in claimed:
            script = scripts.read_script(path_, context.files, context.sink, sure=False)
            if script is not None:
                free.append(script)
    names = module_names([script.path for script in free], [one.name for one in declared])
    for one in declared:
        module = _declared(one, free, names, context)
        if module is not None:
            found[module.name] = module
            free = [script for script in free if script.path != module.script.path]
    for script in free:
        name_ = names[script.path]
        other = found.get(name_)
        if other is not None:
            message = f'"{script.path}" and "{other.script.path}" are both the module "{name_}"'
            at = script.place(1, 1)
            context.sink.report(core.DUPLICATE_NAME, message, at, help="give them names under `modules`")
            continue
        found[name_] = _finished(Module(name_, script), context)
    return dict(sorted(found.items()))


def module_names(paths: list[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Each script's name: its own, or its folder's where its own says nothing; with the folder's where two are alike."""
    names = {path: own_name(path) for path in paths}
    counts: dict[str, int] = dict.fromkeys(taken, 1)
    for name_ in names.values():
        counts[name_] = counts.get(name_, 0) + 1
    for path_, name_ in names.items():
        folder = dirname(path_).rpartition("/")[2]
        if counts[name_] > 1 and folder and folder != name_ and name_ not in taken:
            names[path_] = legal(f"{folder}-{name_}")
    return names


def own_name(path: str) -> str:
    stem = path.rpartition("/")[2].removesuffix(".py")
    folder = dirname(path).rpartition("/")[2]
    return legal(folder if stem in _NAMELESS and folder else stem)


def legal(name: str) -> str:
    """A name in lower case of letters, digits, _ and -."""
    made = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in name).strip("_-").lower()
    return made or "module"


def _declared(said: Said, free: list[Script], names: dict[str, str], context: Context) -> Module | None:
    fields = dict(said.fields)
    entry = fields.pop("entry", None)
    if entry is not None:
        at = said.slot
        if not context.files.is_file(str(entry)):
            context.sink.report(core.MISSING_FILE, f'"{entry}" {context.files.absence(str(entry))}', at, field="entry")
            return None
        script = scripts.read_script(str(entry), context.files, context.sink)
        if script is None:
            return None
        _check_entry(script, said, context)
    else:
        found = _entry_of(said, free, names, context)
        if found is None:
            return None
        script = found
    module = Module(said.name, script)
    for field, value in fields.items():
        setattr(module, field, value)
    return _finished(module, context)


def _check_entry(script: Script, said: Said, context: Context) -> None:
    """A script that was named is one, whatever it looks like; that nothing is known of it is said."""
    why = scripts.why_no_entry(script)
    if why is not None:
        message = f'nothing is known of what "{script.path}" takes: {why}'
        context.sink.report(codes.NO_ENTRY, message, said.slot, field="entry", severity="warning")


def _entry_of(said: Said, free: list[Script], names: dict[str, str], context: Context) -> Script | None:
    """The script of a module without `entry`: that of its name, else the only one of the manifest's folder."""
    by_name = [script for script in free if names[script.path] == said.name or own_name(script.path) == said.name]
    inside = [script for script in free if dirname(script.path) == said.folder]
    found = by_name or inside
    if len(found) == 1:
        return found[0]
    places = ", ".join(f'"{script.path}"' for script in (found or free)[:8])
    if found:
        message = f'"{said.name}" has {len(found)} entry scripts: {places}'
    elif free:
        message = f'no script is the module "{said.name}": there is {places}'
    else:
        message = f'no script is the module "{said.name}": none reads its arguments by argparse or by decorators'
    context.sink.report(codes.NO_ENTRY, message, said.slot, help="name one of them: `entry: path/to/script.py`")
    return None


def _finished(module: Module, context: Context) -> Module:
    """What the script and its folder say where the manifest does not."""
    _take_decorator(module, context)
    if module.requirements is None:
        module.requirements = _requirements(module.script.path, context)
    elif not context.files.is_file(module.requirements):
        message = f'"{module.requirements}" is not there'
        context.sink.report(core.MISSING_FILE, message, module.origin, field="requirements")
        module.requirements = None
    if module.dockerfile is not None and not context.files.is_file(module.dockerfile):
        context.sink.report(core.MISSING_FILE, f'"{module.dockerfile}" is not there', module.origin, field="dockerfile")
        module.dockerfile = None
    for field in ("input_name", "output_name"):
        _check_path_name(module, field, context)
    scripts.report(module.script, context.sink)
    scripts.report_data_paths(module.script, module.input_name, module.output_name, context.sink)
    return module


def _take_decorator(module: Module, context: Context) -> None:
    """What `@data_processor` says where the manifest does not. MLReef's platform kept its description alone."""
    from compiler.pyargs import Processor

    processor = next((one for one in module.script.interface.decorators if isinstance(one, Processor)), None)
    if processor is None:
        return
    said = dict(processor.said)
    module.description = module.description or processor.description or None
    module.title = module.title or said.get("name") or None
    place = module.script.place(processor.line, processor.column)
    for key, table, field in (
        ("type", KINDS, "kind"),
        ("input_type", TYPES_BY_WORD, "input_types"),
        ("output_type", TYPES_BY_WORD, "output_types"),
    ):
        value = said.get(key, "")
        known = table.get(value.lower().replace(" ", "_").replace("-", "_"))
        if value and known is None:
            message = f'"{value}" is no {key.replace("_", " ")} that MLReef knows'
            context.sink.report(codes.DROPPED, message, place, help=f"it is {listed(dict.fromkeys(table.values()))}")
        elif known is not None and not getattr(module, field):
            setattr(module, field, known if field == "kind" else (known,))


def _check_path_name(module: Module, field: str, context: Context) -> None:
    """A module's own name for the argument that takes its data."""
    given = getattr(module, field)
    if given in (scripts.INPUT, scripts.OUTPUT) or not module.script.interface.complete:
        return
    if module.script.argument(given) is None:
        known = [one.spelling.lstrip("-") for one in module.script.interface.parameters]
        near = suggest(given, known)
        message = f'"{module.script.path}" has no argument "{given}"'
        notes = () if near else (f"it takes {', '.join(known)}",)
        key = field.removesuffix("_name")
        sink = context.sink
        sink.report(core.UNKNOWN_ARGUMENT, message, module.origin, field=key, suggestion=near, notes=notes)


def _requirements(script: str, context: Context) -> str | None:
    """The nearest requirements on the way from the script's folder up to the manifest's."""
    folder = dirname(script)
    top = context.folder
    while True:
        for name_ in REQUIREMENTS:
            if context.files.is_file(join(folder, name_)):
                return join(folder, name_)
        if folder == top or not folder:
            return None
        folder = dirname(folder)


def unknown(name_: str, modules: Iterable[str], slot: Slot, context: Context) -> None:
    """Report a module that is not there."""
    known = list(modules)
    near = suggest(name_, known)
    notes = () if near else (f"there is {', '.join(known[:12])}" if known else "there is none",)
    context.sink.report(
        codes.UNKNOWN_MODULE, f'"{name_}" is not a module', slot.span_here, suggestion=near, notes=notes
    )
