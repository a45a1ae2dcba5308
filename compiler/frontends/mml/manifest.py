"""Reads a manifest of either form into an Experiment: every fault is reported, at its place."""

from __future__ import annotations

from compiler import codes as core
from compiler import ir, reader, yamltree
from compiler.credentials import check_source, check_variable
from compiler.diagnostics import ERROR, Sink
from compiler.frontends.mml import codes
from compiler.frontends.mml.experiment import Experiment, Place, Run, Task
from compiler.frontends.mml.runs import add_run, finish_runs
from compiler.source import At, Source, Span
from compiler.yamltree import Mapping, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, TypeAlias

    from compiler.frontends.base import Files

    Read: TypeAlias = "Callable[[Slot, Reading], None]"

LONGEST_LINE = 100_000  # characters of one command line


class Reading:
    """A manifest that is read: what it comes to, where files are, where findings go."""

    def __init__(self, experiment: Experiment, files: Files, sink: Sink) -> None:
        self.experiment, self.files, self.sink = experiment, files, sink
        self.pending: list[tuple[list[str] | None, Run]] = []
        self.overrides: list[str] = []
        self.shared: dict[str, Span] = {}  # where each of these stands
        self.run_settings: dict[str, Any] = {}

    def path(self, slot: Slot) -> str | None:
        """A path from the repository's root."""
        from compiler.paths import PathError, from_root

        value = reader.text(slot, self.sink)
        if value is None:
            return None
        try:
            return from_root(value, self.experiment.folder)
        except PathError as error:
            self.sink.report(core.BAD_PATH, str(error), slot.span_here, help=error.help)
            return None


def read_unit(unit: str, files: Files, sink: Sink) -> Experiment | None:
    source = files.source(unit, sink)
    if source is None:
        return None
    check_source(source, sink)
    if unit.endswith((".yaml", ".yml")):
        return _read_yaml(source, unit, files, sink)
    experiment = Experiment(unit, At("lines", source.whole()))
    reading = Reading(experiment, files, sink)
    read_lines(source, reading)
    experiment.name = _name_of(unit)
    return _finished(reading)


def _name_of(unit: str) -> str:
    """A project's name from its file's: letters, digits, _ and -."""
    folder, _, name = unit.rpartition("/")
    stem = name.rpartition(".")[0]
    if stem in ("mml", "experiment") and folder:
        stem = folder.rpartition("/")[2]
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in stem).strip("_-")
    return kept or "mml"


def read_lines(source: Source, reading: Reading) -> None:
    """The command lines of a file: `#` begins a comment, a backslash at a line's end goes on in the next one."""
    offset, start = 0, -1
    held = ""
    for line in source.text.split("\n"):
        end = offset + len(line)
        text = line.rstrip("\r")
        start = offset if start < 0 else start
        held += text
        if held.endswith("\\") and not held.lstrip().startswith("#"):
            held = held[:-1] + " "
        else:
            stripped = held.strip()
            if stripped and not stripped.startswith("#"):
                begin = start + source.text[start:end].index(stripped[0])
                span = Span(source, begin, end - len(line) + len(text))
                add_run(reading, stripped, At(f"lines[{source.pos(begin).line}]", span), span)
            held, start = "", -1
        offset = end + 1
    if held.strip():
        span = Span(source, max(start, 0), len(source.text))
        reading.sink.report(codes.BAD_COMMAND, "the file ends with a backslash, where a line should go on", span)


def _finished(reading: Reading) -> Experiment:
    experiment = reading.experiment
    finish_runs(reading)
    if not experiment.runs and reading.sink.count(ERROR) == 0:
        at = experiment.origin
        reading.sink.report(core.EMPTY_FILE, "the manifest has no runs", at, help="write `mml train pivot.name=...`")
    return experiment


# ----------------------------------------------------------------------------------------------------------------- YAML


def _read_yaml(source: Source, unit: str, files: Files, sink: Sink) -> Experiment | None:
    errors = sink.count(ERROR)
    documents = yamltree.parse(source, sink)
    roots = [yamltree.root_slot(document) for document in documents if document.root is not None]
    if not roots or reader.is_null(roots[0].value):
        if sink.count(ERROR) == errors:
            sink.report(core.EMPTY_FILE, "the manifest is empty", source.whole(), help="begin it with mml:")
        return None
    for other in roots[1:]:
        sink.report(core.SEVERAL_DOCUMENTS, "a manifest is one YAML document, another begins here", other.span_here)
    root = roots[0]
    experiment = Experiment(unit, root)
    reading = Reading(experiment, files, sink)
    if not _section(root, reading, TOP, "a manifest", ("mml",)):
        return None
    experiment.name = experiment.name or _name_of(unit)
    return _finished(reading)


def _section(slot: Slot, reading: Reading, table: dict[str, Read], what: str, required: tuple[str, ...] = ()) -> bool:
    """Read a mapping by a table, in the table's order; False where it is none or lacks what it must have."""
    node = reader.mapping(slot, reading.sink)
    if node is None:
        return False
    for key in node.entries:
        if key not in table:
            reader.unknown_key(str(key), node, table, reading.sink, what)
    for key in required:
        if key not in node.entries and not node.broken:
            reading.sink.report(core.MISSING_KEY, f'{what} needs "{key}"', slot)
    for key, read in table.items():
        if key in node.entries:
            read(Slot(node, key, node.entries[key], node.document), reading)
    return all(key in node.entries for key in required)


def _texts(slot: Slot, reading: Reading) -> list[str]:
    return list(reader.each(slot, reading.sink, reader.text))


def _read_name(slot: Slot, reading: Reading) -> None:
    value = reader.text(slot, reading.sink)
    if value is None:
        return
    if value and value.replace("_", "a").replace("-", "a").isalnum() and value.isascii() and value[0] not in "_-":
        reading.experiment.name = value
        return
    message = f"{reader.shown(value)} is not a name: letters, digits, _ and -, a letter or digit first"
    reading.sink.report(core.BAD_NAME, message, slot.span_here)


def _read_environment(slot: Slot, reading: Reading) -> None:
    found: dict[str, Any] = {}

    def text(key: str) -> Read:
        def read(inner: Slot, reading: Reading) -> None:
            value = reader.text(inner, reading.sink)
            if value is not None:
                found[key] = (value,) if key == "image" else value

        return read

    def lines(key: str) -> Read:
        def read(inner: Slot, reading: Reading) -> None:
            values = _texts(inner, reading)
            found[key] = tuple((value,) for value in values) if key == "setup" else tuple(values)

        return read

    def requirements(inner: Slot, reading: Reading) -> None:
        path = reading.path(inner)
        if path is not None:
            found.update(file=path, installer="pip")

    table = {
        "image": text("image"),
        "python": text("python"),
        "requirements": requirements,
        "apt": lines("apt"),
        "setup": lines("setup"),
        "credentials": text("credentials"),
    }
    if _section(slot, reading, table, "an environment"):
        reading.experiment.environment = ir.Environment(origin=slot, **found)


def _read_env(slot: Slot, reading: Reading) -> None:
    node = reader.mapping(slot, reading.sink)
    found = []
    for entry in slots(node) if node is not None else ():
        value = reader.text(entry, reading.sink)
        name = str(entry.key)
        if not name.replace("_", "a").isalnum() or not name.isascii() or name[0].isdigit():
            message = f"{reader.shown(name)} is not a variable's name: letters, digits and _, no digit first"
            reading.sink.report(core.BAD_NAME, message, entry.key_span)
        elif value is not None:
            found.append(ir.EnvVar(name=name, value=(value,) if value else (), origin=entry))
            check_variable(found[-1], reading.sink)
    reading.experiment.env = tuple(found)


def _parsed(slot: Slot, reading: Reading, parse: Callable[[str], int], code: Any) -> int | None:
    return reader.parsed(slot, reading.sink, parse, code)


def _quantity(slot: Slot, reading: Reading) -> int | None:
    from compiler.quantity import parse

    return _parsed(slot, reading, parse, core.BAD_QUANTITY)


def _duration(slot: Slot, reading: Reading) -> int | None:
    from compiler.duration import parse

    found = _parsed(slot, reading, parse, core.BAD_DURATION)
    if found == 0:
        reading.sink.report(core.BAD_DURATION, f'"{slot.key}" takes one second or more', slot.span_here)
        return None
    return found


def _read_resources(slot: Slot, reading: Reading) -> None:
    found: dict[str, int] = {}

    def amount(key: str) -> Read:
        def read(inner: Slot, reading: Reading) -> None:
            value = _quantity(inner, reading)
            if value is not None:
                found[key] = value

        return read

    def runner(inner: Slot, reading: Reading) -> None:
        reading.experiment.runner = reader.text(inner, reading.sink)

    table = {key: amount(key) for key in ("cpu", "memory", "storage")}
    _section(slot, reading, {**table, "gpu": _read_gpu, "runner": runner}, "the resources of a step")
    if found:
        reading.experiment.requests = ir.Amounts(origin=slot, **found)


def _read_gpu(slot: Slot, reading: Reading) -> None:
    """A count, or `{count, kind, memory, vendor}`."""
    found: dict[str, Any] = {"count": 1}
    if not isinstance(slot.value, Mapping):
        count = reader.integer(slot, reading.sink, 1, 1024)
        if count is not None:
            reading.experiment.accelerator = ir.Accelerator(count=count, origin=slot)
        return

    def put(key: str, read: Callable[[Slot, Reading], Any]) -> Read:
        def reads(inner: Slot, reading: Reading) -> None:
            value = read(inner, reading)
            if value is not None:
                found[key] = value

        return reads

    table = {
        "count": put("count", lambda inner, reading: reader.integer(inner, reading.sink, 1, 1024)),
        "kind": put("kind", lambda inner, reading: reader.text(inner, reading.sink)),
        "memory": put("memory", _quantity),
        "vendor": put("vendor", lambda inner, reading: reader.choice(inner, reading.sink, ("nvidia", "amd", "intel"))),
    }
    if _section(slot, reading, table, "a GPU"):
        reading.experiment.accelerator = ir.Accelerator(origin=slot, **found)


def _read_place(attribute: str) -> Read:
    """A path that all jobs see, and the volume that is mounted there."""

    def read_place(slot: Slot, reading: Reading) -> None:
        place = Place()

        def path(inner: Slot, reading: Reading) -> None:
            place.path = reader.text(inner, reading.sink)
            if place.path is not None and not place.path.startswith("/"):
                message = f'"{inner.key}" takes an absolute path, not {reader.shown(place.path)}'
                reading.sink.report(core.BAD_PATH, message, inner.span_here)

        def volume(inner: Slot, reading: Reading) -> None:
            place.volume = reader.text(inner, reading.sink)

        def size(inner: Slot, reading: Reading) -> None:
            place.size = _quantity(inner, reading)

        if _section(slot, reading, {"path": path, "volume": volume, "size": size}, f'"{attribute}"', ("path",)):
            setattr(reading.experiment, attribute, place)

    return read_place


STORES = {"s3": "s3", "gs": "gcs", "az": "azure"}
KINDS: dict[str, Literal["s3", "gcs", "azure", "pvc"]] = {"s3": "s3", "gcs": "gcs", "azure": "azure", "pvc": "pvc"}


def _read_store(slot: Slot, reading: Reading) -> None:
    """A URL, or `{url, kind: pvc, mount}` for a claim that is mounted."""
    if isinstance(slot.value, Mapping):
        found: dict[str, str] = {}

        def put(key: str) -> Read:
            def read(inner: Slot, reading: Reading) -> None:
                value = reader.text(inner, reading.sink)
                if value is not None:
                    found[key] = value

            return read

        table = {key: put(key) for key in ("url", "kind", "mount")}
        if not _section(slot, reading, table, "a store", ("url",)):
            return
        url, kind = found.get("url", ""), found.get("kind") or _kind(found.get("url", ""))
        mount = found.get("mount")
    else:
        url = reader.text(slot, reading.sink) or ""
        kind, mount = _kind(url), None
    if kind not in KINDS:
        message = f"{reader.shown(url)} is no store: s3://, gs:// or az://, or a claim with kind: pvc and its mount"
        reading.sink.report(core.WRONG_VALUE, message, slot.span_here)
        return
    reading.experiment.store = ir.Store(name="mml", kind=KINDS[kind], url=url, mount=mount, origin=slot)


def _kind(url: str) -> str:
    return STORES.get(url.partition("://")[0], "")


def _read_checkpoints(slot: Slot, reading: Reading) -> None:
    """true, false, or how often they are saved."""
    if isinstance(slot.value, str) and slot.value in reader.TRUE | reader.FALSE:
        reading.experiment.checkpoints = reader.boolean(slot, reading.sink)
        return
    reading.experiment.checkpoints = True
    reading.experiment.every = _duration(slot, reading)


def _read_secrets(slot: Slot, reading: Reading) -> None:
    reading.experiment.secrets = tuple(_texts(slot, reading))


def _read_timeout(slot: Slot, reading: Reading) -> None:
    reading.experiment.timeout = _duration(slot, reading)


def _read_retries(slot: Slot, reading: Reading) -> None:
    found = reader.integer(slot, reading.sink, 0, 100)
    reading.experiment.retries = 2 if found is None else found


def _read_on(slot: Slot, reading: Reading) -> None:
    """What starts the experiment: `manual` unless the manifest says so."""
    found: list[ir.Trigger] = []
    node = reader.sequence(slot, reading.sink)
    for item in items(node) if node is not None else ():
        if isinstance(item.value, Mapping):
            _section(
                item, reading, {"schedule": lambda inner, reading: _add_schedule(inner, reading, found)}, "a trigger"
            )
            continue
        name = reader.choice(item, reading.sink, ("manual", "push", "change_request", "call"))
        made = {"manual": ir.OnManual, "push": ir.OnPush, "change_request": ir.OnChangeRequest, "call": ir.OnCall}
        if name is not None:
            found.append(made[name](origin=item))
    if found:
        reading.experiment.triggers = tuple(found)


def _add_schedule(slot: Slot, reading: Reading, found: list[ir.Trigger]) -> None:
    from compiler import cron

    parsed = reader.parsed(slot, reading.sink, cron.parse, core.BAD_CRON)
    if parsed is not None:
        found.append(ir.OnSchedule(cron=cron.text(parsed), origin=slot))


# --------------------------------------------------------------------------------------------------------------- `mml:`


def _read_mml(slot: Slot, reading: Reading) -> None:
    reading.experiment.origin = slot
    _section(slot, reading, MML, '"mml"')
    if isinstance(slot.value, Mapping) and not {"runs", "commands"} & set(slot.value.entries):
        reading.sink.report(core.MISSING_KEY, '"mml" needs "runs" or "commands"', slot)


def _read_version(slot: Slot, reading: Reading) -> None:
    value = reader.text(slot, reading.sink)
    if value is not None and value.split(".")[:2] != ["1", "0"]:
        message = f"headrace knows the schedules of mml-core 1.0, not those of {reader.shown(value)}"
        reading.sink.report(core.WRONG_VALUE, message, slot.span_here)
    reading.experiment.version = value or reading.experiment.version


def _read_plugins(slot: Slot, reading: Reading) -> None:
    reading.experiment.plugins = tuple(_texts(slot, reading))


def _read_configs(slot: Slot, reading: Reading) -> None:
    reading.experiment.configs = reading.path(slot)


def _read_overrides(slot: Slot, reading: Reading) -> None:
    def read(item: Slot, sink: Sink) -> str | None:
        value = reader.text(item, sink)
        if value is not None:
            reading.shared[value] = item.span_here
        return value

    reading.overrides = list(reader.each(slot, reading.sink, read))


def _read_tasks(slot: Slot, reading: Reading) -> None:
    node = reader.mapping(slot, reading.sink)
    for entry in slots(node) if node is not None else ():
        task = Task(str(entry.key), None, None, None)
        reading.experiment.tasks[task.name] = task
        if not reader.is_null(entry.value):
            _section(entry, reading, _task_table(task), "a task")


def _task_table(task: Task) -> dict[str, Read]:
    def folds(slot: Slot, reading: Reading) -> None:
        task.folds = reader.integer(slot, reading.sink, 1, 10_000)

    def dataset(slot: Slot, reading: Reading) -> None:
        task.dataset = reader.text(slot, reading.sink)

    def installed(slot: Slot, reading: Reading) -> None:
        task.installed = reader.boolean(slot, reading.sink)

    def file(slot: Slot, reading: Reading) -> None:
        path = reading.path(slot)
        if path is not None:
            found = folds_in(path, reading, slot.span_here)
            task.folds = found if task.folds is None else task.folds

    return {"folds": folds, "dataset": dataset, "installed": installed, "file": file}


def folds_in(path: str, reading: Reading, at: Span) -> int | None:
    """The number of folds that a task's json tells."""
    import json

    if not reading.files.is_file(path):
        reading.sink.report(core.MISSING_FILE, f'"{path}" {reading.files.absence(path)}', at)
        return None
    source = reading.files.source(path, reading.sink)
    if source is None:
        return None
    try:
        held = json.loads(source.text)
        folds = held["train_folds"] if isinstance(held, dict) else None
    except (ValueError, KeyError, RecursionError):
        folds = None
    if isinstance(folds, list) and folds:
        return len(folds)
    message = f'"{path}" is no task of MML\'s: it has no list "train_folds"'
    reading.sink.report(codes.BAD_TASK_FILE, message, at, help="MML writes TASK_NAME.json below RAW/DSET_NAME")
    return None


def _read_commands(slot: Slot, reading: Reading) -> None:
    path = reading.path(slot)
    if path is None:
        return
    if not reading.files.is_file(path):
        reading.sink.report(core.MISSING_FILE, f'"{path}" {reading.files.absence(path)}', slot.span_here)
        return
    source = reading.files.source(path, reading.sink)
    if source is not None:
        read_lines(source, reading)


def _read_runs(slot: Slot, reading: Reading) -> None:
    node = reader.sequence(slot, reading.sink)
    for item in items(node) if node is not None else ():
        if not isinstance(item.value, Mapping):
            text = reader.text(item, reading.sink)
            if text is not None:
                add_run(reading, text, item, item.span_here)
            continue
        reading.run_settings = {"overrides": []}
        if _section(item, reading, RUN, "a run", ("mode",)) and reading.run_settings.get("mode"):
            words = ["mml", reading.run_settings["mode"], *reading.run_settings["overrides"]]
            add_run(reading, words, item, _span_of(item), reading.run_settings)


def _span_of(slot: Slot) -> Span:
    return slot.value.own_span() if isinstance(slot.value, Mapping) else slot.span_here


def _setting(key: str, read: Callable[[Slot, Reading], Any]) -> Read:
    def reads(slot: Slot, reading: Reading) -> None:
        value = read(slot, reading)
        if value is not None:
            reading.run_settings[key] = value

    return reads


def _text(slot: Slot, reading: Reading) -> str | None:
    return reader.text(slot, reading.sink)


def _objectives(slot: Slot, reading: Reading) -> tuple[ir.Objective, ...]:
    from compiler.objective import parse

    found = []
    node = reader.sequence(slot, reading.sink)
    for item in items(node) if node is not None else ():
        objective = reader.parsed(item, reading.sink, parse, core.BAD_OBJECTIVE)
        if objective is not None:
            found.append(objective.replace(origin=item))
    return tuple(found)


def _jobs(slot: Slot, reading: Reading) -> int | None:
    return reader.integer(slot, reading.sink, 1, 1000)


def _sweep(slot: Slot, reading: Reading) -> bool | None:
    return reader.boolean(slot, reading.sink)


RUN: dict[str, Read] = {
    "name": _setting("name", _text),
    "mode": _setting("mode", _text),
    "overrides": _setting("overrides", _texts),
    "multirun": _setting("multirun", _sweep),
    "jobs": _setting("jobs", _jobs),
    "objectives": _setting("objectives", _objectives),
    "secrets": _setting("secrets", _texts),
    "timeout": _setting("timeout", _duration),
}
MML: dict[str, Read] = {
    "version": _read_version,
    "plugins": _read_plugins,
    "configs": _read_configs,
    "tasks": _read_tasks,
    "overrides": _read_overrides,
    "commands": _read_commands,
    "runs": _read_runs,
}
TOP: dict[str, Read] = {
    "name": _read_name,
    "environment": _read_environment,
    "env": _read_env,
    "secrets": _read_secrets,
    "resources": _read_resources,
    "data": _read_place("data"),
    "results": _read_place("results"),
    "store": _read_store,
    "checkpoints": _read_checkpoints,
    "retry": _read_retries,
    "timeout": _read_timeout,
    "on": _read_on,
    "mml": _read_mml,
}
