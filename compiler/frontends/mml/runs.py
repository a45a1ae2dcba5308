"""From command lines to runs with their schedules: overrides are composed, sweeps of a grid become runs of their own."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader
from compiler.diagnostics import listed, suggest
from compiler.frontends.mml import codes, commandlines, composing, planner
from compiler.frontends.mml.commandlines import CommandError, CommandLine
from compiler.frontends.mml.defaults import ComposeError
from compiler.frontends.mml.experiment import Run
from compiler.frontends.mml.grammar import Override, Sweep, parse
from compiler.frontends.mml.planner import TAG, Knowledge, Model, Refusal, Step, base_of
from compiler.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from compiler.frontends.mml.manifest import Reading
    from compiler.source import Origin

MOST_LEGS = 10_000  # runs that one grid may come to
OWN_KEYS = {
    "continue": "a step that was interrupted is continued by itself",
    "hydra.run.dir": "each step has a run folder of its own",
    "hydra.sweep.dir": "each search has a folder of its own",
    "use_best_params": "mml-core 1.0.4 fails for numbers there: write the best values as overrides",
    "data_dir": "say it under `data`",
    "out_dir": "say it under `results`",
    "proj_path": "say the root under `results`, and `proj`",
    "hydra.searchpath": "configurations are read from MML's packages and from `mml.configs`",
}
RESOLVED = (
    "proj",
    "seed",
    "task_list",
    "pivot",
    "tagging",
    "mode",
    "reuse",
    "remove",
    "hpo",
    "preprocessing",
    "distance",
)
PLANNED_TASKS = frozenset(  # modes whose runs make the tagged tasks of their task_list
    ("PreprocessScheduler", "TrainingScheduler", "TransferScheduler", "PostprocessScheduler", "InfoScheduler",
     "FEDScheduler", "SampleBasedScheduler", "SemanticScheduler", "EnsembleDistancesScheduler",
     "DimensionalityScheduler", "SuggestScheduler")
)  # fmt: skip
KINDS = {
    "folds": codes.UNKNOWN_FOLDS,
    "tag": codes.MISSING_TASK,
    "missing": codes.MISSING_TASK,
    "dataset": codes.UNKNOWN_DATASET,
    "models": codes.UNKNOWN_MODELS,
}
ADVICE = {
    "folds": "write the number under mml.tasks.{}.folds, or the task's json under mml.tasks.{}.file",
    "dataset": "write its name under mml.tasks.{}.dataset",
}


def add_run(
    reading: Reading, text: str | list[str], origin: Origin, span: Span, settings: dict[str, Any] | None = None
) -> None:
    """Take a command line; its schedule is worked out when all of the manifest is read."""
    settings = settings or {}
    try:
        words = commandlines.split(text) if isinstance(text, str) else text
    except CommandError as failed:
        reading.sink.report(codes.BAD_COMMAND, str(failed), span)
        return
    arguments = commandlines.arguments_of(words)
    if arguments is None:
        near = suggest(words[0], ("mml",)) if words else None
        message = f'"{words[0] if words else ""}" is not mml'
        reading.sink.report(
            codes.BAD_COMMAND, message, span, suggestion=near, help="a line calls `mml MODE OVERRIDE...`"
        )
        return
    if settings.get("multirun"):
        arguments.append("--multirun")
    line, errors = commandlines.read(_with_shared(arguments, reading.overrides))
    run = Run(settings.get("name", ""), line, origin, span, reading.shared)
    for error in errors:
        code = codes.BAD_COMMAND if error.word[:1] in ("", "-") else codes.BAD_OVERRIDE
        reading.sink.report(code, str(error), run.at(error.word), help=error.help)
    run.jobs = settings.get("jobs")
    run.objectives = settings.get("objectives", ())
    run.secrets = tuple(settings.get("secrets", ()))
    run.timeout = settings.get("timeout")
    if not errors:
        reading.experiment.runs.append(run)


def _with_shared(arguments: list[str], shared: list[str]) -> list[str]:
    """The overrides of all runs stand before a run's own, which win."""
    first = 1 if arguments and "=" not in arguments[0] and arguments[0][:1] not in ("-", "+", "~") else 0
    return [*arguments[:first], *shared, *arguments[first:]]


def finish_runs(reading: Reading) -> None:
    """Compose every run, expand grids, name the runs and plan them, in order: what one makes the next may use."""
    experiment = reading.experiment
    for plugin in experiment.plugins:
        if plugin not in composing.plugins() and not plugin.startswith("mml"):
            known = listed(composing.plugins(), "and")
            message = f'"{plugin}" is no plug-in of MML\'s'
            reading.sink.report(core.WRONG_VALUE, message, experiment.origin, field="mml", help=f"there is {known}")
    own = None
    if experiment.configs is not None:
        from compiler.frontends.mml.ownconfigs import read_tree

        own = read_tree(experiment.configs, reading.files, reading.sink)
        if not own:
            message = f'"{experiment.configs}" holds no configurations'
            reading.sink.report(
                core.MISSING_FILE, message, experiment.origin, help="mml-copy-conf makes a copy of MML's"
            )
    experiment.tree = composing.built_in(experiment.plugins, own)
    runs = [one for run in experiment.runs for one in _expanded(run, reading) if _compose(one, reading)]
    _name(runs, reading)
    state = _State(reading)
    for run in runs:
        state.plan(run)
    experiment.runs = [run for run in runs if run.plan is not None]


# ---------------------------------------------------------------------------------------------------------------- sweeps


def _expanded(run: Run, reading: Reading) -> Iterator[Run]:
    """A grid search is its runs; other runs are themselves."""
    sweeps = [override for override in run.line.overrides if isinstance(override.value, Sweep)]
    if not run.line.multirun:
        for override in sweeps:
            message = f'"{override.text}" stands for several values'
            advice = "say --multirun, or write key=[a,b] for a list"
            reading.sink.report(codes.BAD_OVERRIDE, message, run.at(override.text), help=advice)
        if not sweeps:
            yield run
        return
    if not any(override.key == "hpo" and override.value == "grid" for override in run.line.overrides):
        yield run
        return
    plain = [override for override in run.line.overrides if override not in sweeps and override.key != "hpo"]
    count = 1
    for override in sweeps:
        values = override.value.values
        if values is None:
            message = f'"{override.text}" has no end of values, a grid needs some'
            reading.sink.report(
                codes.BAD_OVERRIDE, message, run.at(override.text), help="write choice(...) or range(...)"
            )
            return
        count *= len(values)
    if count > MOST_LEGS:
        reading.sink.report(core.OUT_OF_RANGE, f"the grid comes to {count} runs, {MOST_LEGS} are taken", run.span)
        return
    for number, picked in enumerate(_product(sweeps)):
        overrides = [*plain, *picked]
        line = CommandLine([override.text for override in overrides], overrides, False)
        made = Run(f"{run.name}-{number}" if run.name else "", line, run.origin, run.span, run.shared)
        made.objectives, made.secrets, made.timeout = run.objectives, run.secrets, run.timeout
        yield made


def _product(sweeps: list[Override]) -> Iterator[list[Override]]:
    from itertools import product

    for values in product(*(override.value.values for override in sweeps)):
        yield [parse(f"{o.sign}{o.key}={written(value)}") for o, value in zip(sweeps, values, strict=True)]


def written(value: Any) -> str:
    """A value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(written(item) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{written(key)}:{written(item)}" for key, item in value.items()) + "}"
    if not isinstance(value, str):
        return str(value)
    plain = value and all(c.isascii() and (c.isalnum() or c in "_+?.-/@|") for c in value)
    if plain and parse(f"a={value}").value == value:
        return value
    body = value.replace("\\'", "\\\\\\'").replace("'", "\\'") if "'" in value else value
    if body.endswith("\\"):
        body += "\\" * (len(body) - len(body.rstrip("\\")))
    return f"'{body}'"


# ----------------------------------------------------------------------------------------------------------- composition


def _compose(run: Run, reading: Reading) -> bool:
    fine = True
    for override in run.line.overrides:
        if override.key in OWN_KEYS:
            message = f'"{override.key}" is what headrace sets for each step'
            reading.sink.report(codes.HEADRACES_OWN, message, run.at(override.text), help=OWN_KEYS[override.key])
            fine = False
    given = [override for override in run.line.overrides if not isinstance(override.value, Sweep)]
    try:
        run.config, run.choices = composing.compose(reading.experiment.tree, given, skips_missing=run.line.multirun)
        for key in RESOLVED:
            composing.get(run.config, key)
    except ComposeError as error:
        at = run.at(error.text)
        advice = None if error.suggestion else error.help
        reading.sink.report(codes.UNKNOWN_OPTION, str(error), at, help=advice, suggestion=error.suggestion)
        return False
    if composing.get(run.config, "hydra.searchpath"):
        message = '"hydra.searchpath" stands in the configurations, and is not followed'
        reading.sink.report(codes.HEADRACES_OWN, message, run.span, help=OWN_KEYS["hydra.searchpath"])
        fine = False
    project = composing.get(run.config, "proj")
    if not isinstance(project, (str, int)) or not _is_folder(str(project)):
        message = f"{reader.shown(str(project))} is no project: letters, digits, _, - and ., a letter or digit first"
        reading.sink.report(codes.REFUSED, message, _place(run, "proj"))
        fine = False
    for key in ("n_folds", "ensure_balancing"):
        said = [override for override in run.line.overrides if override.key == f"mode.{key}"]
        if said and "CreateScheduler" in str(composing.get(run.config, "mode.scheduler._target_")):
            message = f"mml-core 1.0.4 reads mode.{key} and does not heed it: its default was bound before"
            reading.sink.report(codes.NO_EFFECT, message, run.at(said[-1].text))
    return fine


def _name(runs: list[Run], reading: Reading) -> None:
    """Names are unique: what a run says itself, else its mode and pivot, with a number where that comes again."""
    taken = {run.name for run in runs if run.name}
    seen: dict[str, int] = {}
    said: set[str] = set()
    for run in runs:
        if run.name:
            if run.name in said or not _is_name(run.name):
                what = "stands twice" if run.name in said else "is not a name: letters, digits, _ and -"
                code = core.DUPLICATE_NAME if run.name in said else core.BAD_NAME
                reading.sink.report(code, f'"{run.name}" {what}', run.origin, field="name")
                run.name = _free("run", seen, taken)
            said.add(run.name)
            continue
        pivot = composing.get(run.config, "pivot.name")
        mode = str(run.choices.get("mode", "info"))
        run.name = _free(
            "-".join(filter(None, (mode, sanitized(pivot) if isinstance(pivot, str) else ""))), seen, taken
        )


def _is_folder(name: str) -> bool:
    """A project is a folder's name, and becomes a part of many."""
    return bool(name) and name[0].isalnum() and all(c.isascii() and (c.isalnum() or c in "_-.") for c in name)


def _is_name(name: str) -> bool:
    return name == sanitized(name) and len(name) <= 100


def sanitized(text: str) -> str:
    """Text as a part of a job's name."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in text).strip("_-")
    return kept[:60] or "x"


def _free(stem: str, seen: dict[str, int], taken: set[str]) -> str:
    while True:
        seen[stem] = seen.get(stem, 0) + 1
        name = stem if seen[stem] == 1 else f"{stem}-{seen[stem]}"
        if name not in taken:
            taken.add(name)
            return name


# --------------------------------------------------------------------------------------------------------------- planning


class _State:
    """What is there when a run begins: what the manifest says, and what the runs before it make."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.experiment = reading.experiment
        self.made: set[str] = set()
        self.studies: list[str] = []
        self.models: list[Model] = []
        self.json: dict[str, str] | None = None

    def plan(self, run: Run) -> None:
        knowledge = self._knowledge(run)
        found = planner.plan(run.config, run.choices, knowledge)
        kept: list[Refusal] = []
        for refusal in found.refusals:
            if refusal.kind == "folds" and found.pivot and self._find_json(found.pivot):
                self.plan(run)
                return
            if refusal.kind == "models" and self.experiment.results.path is not None:
                found.steps = [Step("prepare_exp"), Step("finish_exp")]  # what lies there can't be known
                continue
            kept.append(refusal)
        for refusal in kept:
            self._report(refusal, run, found.pivot or "", found.tasks)
        if not found.steps:
            return
        if not kept:
            run.plan = found
        self._check_steps(run, found)
        self._keep_models(run, found)
        scheduler = str(composing.get(run.config, "mode.scheduler._target_")).rpartition(".")[2]
        if scheduler == "CreateScheduler":
            self.made.update(task for task in found.tasks if TAG not in task)
        elif scheduler in PLANNED_TASKS:
            self.made.update(found.tasks)

    def _check_steps(self, run: Run, found: planner.Plan) -> None:
        """What mml-core 1.0.4 plans, and fails at when it comes to it."""
        methods = [step.method for step in found.steps]
        if "select_ensemble" in methods and methods.count("calibrate_predictions") == 1:
            message = "an ensemble is made of two models or more, and one is reused"
            advice = "write mode.subroutines=[calibrate]"
            self.reading.sink.report(codes.REFUSED, message, _place(run, "reuse.models"), help=advice)
        if "train_fold" in methods:
            try:
                composing.get(run.config, "lr_scheduler")
            except ComposeError as error:
                advice = "write lr_scheduler.epochs=${trainer.max_epochs}"
                self.reading.sink.report(codes.REFUSED, str(error), _place(run, "lr_scheduler"), help=advice)

    def _keep_models(self, run: Run, found: planner.Plan) -> None:
        """What a run trains and predicts, for those that post-process it."""
        project = str(composing.get(run.config, "proj", "default"))
        said = composing.get(run.config, "reuse.models") or []
        projects = [project, *(said if isinstance(said, list) else [said])]
        for step in found.steps:
            if step.method == "train_fold":
                self.models.append(Model(project, str(step.params[0]), ()))
            elif step.method == "predict_fold":
                task, _, other = step.params
                for model in self.models:
                    if model.task == task and model.project in projects:
                        model.predictions = (*(model.predictions or ()), str(other or task))

    def _knowledge(self, run: Run) -> Knowledge:
        tasks = self.experiment.tasks
        creates = str(run.choices.get("mode")) == "create"
        named = [task.name for task in tasks.values() if task.installed or (task.installed is None and not creates)]
        scheduled = [*named, *self.made]
        pivot = composing.get(run.config, "pivot.name")
        outside = self.experiment.data.path is not None
        missing = [task.name for task in tasks.values() if task.installed is False and task.name not in self.made]
        if not creates and outside and isinstance(pivot, str) and TAG not in self._tagged(run) and pivot not in missing:
            scheduled.append(pivot)  # the data root holds tasks that no manifest names
        return Knowledge(
            installed=scheduled,
            folds={task.name: task.folds for task in tasks.values() if task.folds},
            datasets={task.name: task.dataset for task in tasks.values() if task.dataset},
            models=self.models,
            studies=self.studies,
        )

    def _tagged(self, run: Run) -> str:
        return f"{composing.get(run.config, 'pivot.name')}{composing.get(run.config, 'pivot.tags') or ''}"

    def _find_json(self, pivot: str) -> bool:
        """Look for the task's json in the repository: its folds are told there."""
        from compiler.frontends.mml.experiment import Task
        from compiler.frontends.mml.manifest import folds_in

        if self.json is None:
            paths = self.reading.files.glob("**/TASK_*.json")
            self.json = {path.rpartition("/")[2].removeprefix("TASK_").removesuffix(".json"): path for path in paths}
        name = pivot if pivot in self.json else base_of(pivot)
        path = self.json.pop(name, None)
        if path is None:
            return False
        folds = folds_in(path, self.reading, self.experiment.origin.span())
        if folds is None:
            return False
        held = self.experiment.tasks.setdefault(name, Task(name, None, None, None))
        held.folds = held.folds or folds
        return True

    def _report(self, refusal: Refusal, run: Run, pivot: str, tasks: Iterable[str]) -> None:
        code = KINDS.get(refusal.kind, codes.REFUSED)
        at = _place(run, refusal.key)
        advice = refusal.help
        if refusal.kind in ADVICE:
            missing = pivot if refusal.kind == "folds" else next(iter(tasks), "TASK")
            quoted = [piece for piece in refusal.message.split('"')[1::2] if piece]
            advice = ADVICE[refusal.kind].replace("{}", quoted[0] if quoted else missing)
        self.reading.sink.report(code, refusal.message, at, help=advice)


def _place(run: Run, key: str) -> Span:
    """The override of a key (or of a group that it stands in), the last one; else the whole line."""
    for wanted in (key, key.partition(".")[0]):
        for override in reversed(run.line.overrides):
            if wanted and override.key == wanted:
                is_written = override.text in run.span.text or override.text in run.shared
                return run.at(override.text if is_written else override.text.partition("=")[2])
    return run.span
