"""The schedule that MML makes of a configuration: its steps, with its parameters, in its order.

The rules are those of mml-core 1.0.4's schedulers, and of mml-similarity 0.5.3, mml-dimensionality 0.3.1 and
mml-suggest 0.3.1. What MML refuses before it has a schedule gives none; what it refuses afterwards gives both.
https://github.com/IMSY-DKFZ/mml
"""

from __future__ import annotations

from compiler.diagnostics import listed, suggest
from compiler.frontends.mml.composing import get
from compiler.frontends.mml.defaults import ComposeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeAlias

    Params: TypeAlias = "tuple[str | int | None, ...]"

TAG, ARG = "+", "?"
NESTED_FOLDS = 5  # `+nested?k` redistributes what is left to that many folds unless a second argument says otherwise
VERSION = (1, 0, 4)
PATCHES = (((0, 12, 0), "upgrade_0_12"),)
DATASETS = {"mml_fake_task": "mml_fake_dataset"}  # what mml-core itself registers
FOLDS = {"mml_fake_task": 5}
SYMMETRIC = {"semantic": True, "fed": True, "mmd": True, "emd": True, "fid": True, "kld": False, "ens": False}
METRICS = ("euclidean", "cosine", "normalized_euclidean", "jensenshannon")
PLOTTED = "plot"


class Step:
    """One call of the scheduler."""

    __slots__ = ("method", "params")

    def __init__(self, method: str, *params: str | int | None) -> None:
        self.method = method
        self.params: Params = params

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and (self.method, self.params) == (other.method, other.params)

    def __hash__(self) -> int:
        return hash((self.method, self.params))

    def __str__(self) -> str:
        return f"{self.method} {list(self.params)}"

    __repr__ = __str__


class Refusal:
    """Why MML would not run this. `key` is the override to look at; `after`: a schedule was made all the same."""

    __slots__ = ("after", "help", "key", "kind", "message")

    def __init__(
        self, message: str, key: str = "", help: str | None = None, after: bool = False, kind: str = ""
    ) -> None:
        self.message, self.key, self.help, self.after, self.kind = message, key, help, after, kind

    def __repr__(self) -> str:
        return f"Refusal({self.message!r}, after={self.after})"


class RefusedError(ValueError):
    """MML makes no schedule of this."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Model:
    """A model that some project holds: the task that it was trained on, and the tasks that it has predicted."""

    __slots__ = ("predictions", "project", "task")

    def __init__(self, project: str, task: str, predictions: tuple[str, ...] | None = None) -> None:
        self.project, self.task, self.predictions = project, task, predictions


class Knowledge:
    """What a plan depends on and no configuration says.

    `installed`: the tasks in the RAW index, in order; None where all are taken for installed that are not in `missing`.
    `folds`: the number of folds by task; "" is every other one's.
    """

    __slots__ = ("datasets", "folds", "installed", "missing", "models", "studies")

    def __init__(
        self,
        installed: Sequence[str] | None = None,
        missing: Iterable[str] = (),
        folds: dict[str, int] | None = None,
        datasets: dict[str, str] | None = None,
        models: Sequence[Model] = (),
        studies: Sequence[str] = (),
    ) -> None:
        self.installed = None if installed is None else list(installed)
        self.missing = frozenset(missing)
        self.folds = folds or {}
        self.datasets = {**DATASETS, **(datasets or {})}
        self.models = list(models)
        self.studies = list(studies)

    def has(self, task: str) -> bool:
        return task not in self.missing and (self.installed is None or task in self.installed)

    def is_created(self, task: str) -> bool:
        """Whether `create` has nothing to do for a task: only what is said to be there is."""
        return self.installed is not None and task in self.installed and task not in self.missing

    def folds_of(self, task: str) -> int | None:
        """The folds of a task; a tagged one's follow from its base's."""
        if task in self.folds:
            return self.folds[task]
        if "" in self.folds:
            return self.folds[""]
        base, *tags = task.split(TAG)
        found = self.folds.get(base, FOLDS.get(base))
        for tag in tags:
            name, *arguments = tag.split(ARG)
            if name == "nested":
                said = arguments[1] if len(arguments) > 1 else ""
                found = int(said) if said.isdigit() else NESTED_FOLDS
        return found


class Plan:
    """A schedule, what MML would still refuse, and the names that the configuration came to."""

    __slots__ = ("folds", "pivot", "refusals", "steps", "tasks")

    def __init__(self, planner: _Planner, steps: list[Step], refusals: list[Refusal]) -> None:
        self.steps, self.refusals = steps, refusals
        self.tasks, self.pivot, self.folds = planner.tasks, planner.pivot, planner.folds


def nested(task: str, fold: int) -> str:
    return f"{task}{TAG}nested{ARG}{fold}"


def base_of(task: str) -> str:
    return task.split(TAG, 1)[0]


def plan(config: dict[str, Any], choices: dict[str, Any], knowledge: Knowledge) -> Plan:
    """The schedule of a composed configuration."""
    planner = _Planner(config, choices, knowledge)
    try:
        planner.make()
    except RefusedError as refused:
        return Plan(planner, [], [refused.refusal])
    except ComposeError as error:
        return Plan(planner, [], [Refusal(str(error), error.text, error.help)])
    return Plan(planner, planner.steps, planner.refusals)


class _Planner:
    def __init__(self, config: dict[str, Any], choices: dict[str, Any], knowledge: Knowledge) -> None:
        self.config, self.choices, self.knowledge = config, choices, knowledge
        self.steps: list[Step] = []
        self.refusals: list[Refusal] = []
        self.tasks: list[str] = []
        self.pivot: str | None = None
        self.folds = 1
        target = str(get(config, "mode.scheduler._target_", ""))
        self.scheduler = target.rpartition(".")[2]

    def get(self, key: str, default: Any = None) -> Any:
        return get(self.config, key, default)

    def refuse(self, message: str, key: str = "", help: str | None = None, kind: str = "") -> None:
        """Note what MML refuses once it has its schedule."""
        self.refusals.append(Refusal(message, key, help, after=True, kind=kind))

    def stop(self, message: str, key: str = "", help: str | None = None, kind: str = "") -> RefusedError:
        return RefusedError(Refusal(message, key, help, kind=kind))

    def make(self) -> None:
        found = SCHEDULERS.get(self.scheduler)
        if found is None:
            raise self.stop(
                f'"{self.scheduler}" is a scheduler that is not known', "mode", f"known are {listed(SCHEDULERS, 'and')}"
            )
        before, subroutines, routine, after = found
        if before is not None:
            before(self)
        self.subroutines = self._subroutines(subroutines)
        self._check_files()
        self.rewrite_tasks()
        self.steps.append(Step("prepare_exp"))
        routine(self)
        self.steps.append(Step("finish_exp"))
        self._check_common()
        if after is not None:
            after(self)

    # ------------------------------------------------------------------------------------------------- before the plan

    def _subroutines(self, known: tuple[str, ...]) -> list[str]:
        said = self.get("mode.subroutines")
        key = "distance._mode.subroutines" if self.config.get("mode") == "${distance._mode}" else "mode.subroutines"
        known = (*known, PLOTTED) if self.scheduler in DISTANCES else known
        if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
            raise self.stop("subroutines are a list of names", key, f"there is {listed(known, 'and')}")
        if not said:
            raise self.stop("subroutines are empty, so there is nothing to do", key, f"there is {listed(known, 'and')}")
        for one in said:
            if one not in known:
                near = suggest(one, known)
                advice = f'did you mean "{near}"?' if near else f"there is {listed(known, 'and')}"
                raise self.stop(f'"{one}" is no subroutine of this mode', key, advice)
        return said

    def _check_files(self) -> None:
        project = str(self.get("proj", ""))
        if "#" in project:
            raise self.stop(f'"{project}" is no project: its name must not hold "#"', "proj")
        if self.scheduler != "UpgradeScheduler" and "clean_up" in (self.get("reuse") or {}):
            raise self.stop("reuse.clean_up is gone", "reuse.clean_up", "write remove.KEY=true")

    def rewrite_tasks(self) -> None:
        """`task_list` after `tagging.all`, `tagging.variants`, duplicates and the pivot, one after the other."""
        tasks = self._texts("task_list")
        everywhere = self.get("tagging.all")
        if everywhere:
            tag = self._tag(everywhere, "tagging.all")
            tasks = [task + tag for task in tasks]
        variants = self.get("tagging.variants")
        if variants:
            if not isinstance(variants, list):
                raise self.stop("tagging.variants is a list of tags", "tagging.variants")
            tags = [self._tag(one, "tagging.variants") for one in variants]
            tasks = [task if tag == f"{TAG}identity" else task + tag for tag in tags for task in tasks]
        self.tasks = _without_duplicates(tasks)
        self._set_pivot()
        for task in self.tasks:
            if " " in task:
                raise self.stop(
                    f'"{task}" holds a blank', "task_list", "tags are written name+tag?argument+tag, without blanks"
                )

    def _texts(self, key: str) -> list[str]:
        found = self.get(key)
        if not isinstance(found, list):
            raise self.stop(f"{key} is a list of names, not {_shown(found)}", key, f"write {key}=[{_shown(found)}]")
        for one in found:
            if not isinstance(one, str):
                raise self.stop(f"{_shown(one)} is no name", key, "put it into quotes")
        return list(found)

    def _tag(self, tag: Any, key: str) -> str:
        if not isinstance(tag, str) or not tag.startswith(TAG):
            raise self.stop(f"{key} takes a tag that begins with {TAG}, not {_shown(tag)}", key)
        return tag

    def _set_pivot(self) -> None:
        name, tags = self.get("pivot.name"), self.get("pivot.tags")
        if not name:
            return
        if not isinstance(name, str):
            raise self.stop(f"{_shown(name)} is no name of a task", "pivot.name", "put it into quotes")
        if not isinstance(tags, str):
            raise self.stop(f"pivot.tags takes text, not {_shown(tags)}", "pivot.tags")
        self.pivot = (name + tags).strip()
        if name in self.tasks:
            self.tasks[self.tasks.index(name)] = self.pivot
        else:
            self.tasks.append(self.pivot)

    def add(self, method: str, *params: str | int | None) -> None:
        self.steps.append(Step(method, *params))

    def each(self, subroutine: str, method: str, tasks: Iterable[str]) -> None:
        if subroutine in self.subroutines:
            for task in tasks:
                self.add(method, task)

    # --------------------------------------------------------------------------------------------------------- the modes

    def create(self) -> None:
        tasks = [task for task in self.tasks if TAG not in task and not self.knowledge.is_created(task)]
        if "dataset" in self.subroutines:
            for dataset in dict.fromkeys(self._dataset(task) for task in tasks):
                self.add("prepare_dataset", dataset)
        self.each("task", "create_task", tasks)

    def _dataset(self, task: str) -> str:
        found = self.knowledge.datasets.get(task)
        if found is None:
            raise self.stop(
                f'the dataset of "{task}" is not known', "task_list", "say which it is: MML keeps it in code", "dataset"
            )
        return found

    def check_create(self) -> None:
        folds, balancing = self.get("mode.n_folds"), self.get("mode.ensure_balancing")
        if self.get("preprocessing.id") != "none":
            self.refuse(
                "create works on raw data only", "preprocessing", "write preprocessing=none here, and run pp afterwards"
            )
        if not isinstance(folds, int) or folds < 2:
            self.refuse(f"mode.n_folds takes an integer of 2 or more, not {_shown(folds)}", "mode.n_folds")
        if not isinstance(balancing, bool):
            self.refuse(f"mode.ensure_balancing takes true or false, not {_shown(balancing)}", "mode.ensure_balancing")

    def preprocess(self) -> None:
        self.each("preprocess", "preprocess_task", [self.pivot] if self.pivot else self.tasks)

    def needs_pivot(self) -> None:
        if not self.get("pivot.name"):
            raise self.stop("this mode needs a pivot task", "pivot.name", "write pivot.name=TASK")

    def train(self) -> None:
        self.folds = self._folds()
        folds = range(self.folds)
        pivot = str(self.pivot)
        is_nested = bool(self.get("mode.nested"))
        if is_nested:
            self.tasks.extend(nested(pivot, fold) for fold in folds)
        models = [(nested(pivot, fold), 0) if is_nested else (pivot, fold) for fold in folds]
        evaluated = self._evaluated()
        if "train" in self.subroutines:
            for task, fold in models:
                self.add("train_fold", task, fold)
        if "predict" in self.subroutines:
            for task, fold in models:
                for other in evaluated:
                    self.add("predict_fold", task, fold, other)
                    if is_nested and other is None:
                        self.add("predict_fold", task, fold, pivot)
        if "test" in self.subroutines:
            for other in evaluated:
                self.add("test_task", nested(pivot, 0) if is_nested else pivot, other)

    def _evaluated(self) -> list[str | None]:
        """The tasks to evaluate on. MML goes through whatever it is given, and refuses what is no list afterwards."""
        said = self.get("mode.eval_on")
        if not said:
            return [None]
        if not isinstance(said, (list, str, dict)):
            raise self.stop(f"mode.eval_on takes a list of tasks, not {_shown(said)}", "mode.eval_on")
        return list(said)

    def _folds(self) -> int:
        pivot = str(self.pivot)
        if not self.knowledge.has(pivot):
            advice = "run create for it first"
            kind = "missing"
            if TAG in pivot:
                kind = "tag"
                advice = f"run mml info 'task_list=[{pivot}]' mode.subroutines=[tasks] first: it makes tagged tasks"
            raise self.stop(f'the task "{pivot}" is not installed', "pivot.name", advice, kind)
        if not self.get("mode.cv"):
            return 1
        found = self.knowledge.folds_of(pivot)
        if found is None:
            raise self.stop(
                f'the number of folds of "{pivot}" is not known', "pivot.name", "name it, or the task's json", "folds"
            )
        return found

    def check_train(self) -> None:
        self._check_multitask()
        if self.get("mode.cv") and not self.get("mode.nested"):
            self._check_leakage()
        self._check_parameters()
        evaluated = self.get("mode.eval_on") or []
        if not isinstance(evaluated, list):
            self.refuse(f"mode.eval_on takes a list of tasks, not {_shown(evaluated)}", "mode.eval_on")
        for other in evaluated if isinstance(evaluated, list) else ():
            if other not in self.tasks:
                self.refuse(f'"{other}" of mode.eval_on is not in task_list', "mode.eval_on")
        if self.get("reuse.models") and "train" in self.subroutines and {"predict", "test"} & set(self.subroutines):
            self.refuse(
                "models of another project can't be reused in a run that trains and then predicts or tests",
                "reuse.models",
                "make two runs of it",
            )

    def _check_multitask(self) -> None:
        wanted = self.get("mode.multitask")
        if not wanted:
            return
        if wanted == 1 or not isinstance(wanted, int):
            self.refuse(
                f"mode.multitask takes the number of all tasks that are learned together, not {_shown(wanted)}",
                "mode.multitask",
            )
            return
        others, pivot = self.get("mode.co_tasks"), str(self.pivot)
        if others == "random":
            if len([task for task in self.tasks if not task.startswith(pivot)]) < wanted - 1:
                self.refuse(f"there are not enough tasks to learn {wanted} together", "mode.multitask")
            return
        if not isinstance(others, list):
            self.refuse(f"mode.co_tasks takes random or a list of tasks, not {_shown(others)}", "mode.co_tasks")
            return
        for other in others:
            if other not in self.tasks:
                self.refuse(f'"{other}" of mode.co_tasks is not in task_list', "mode.co_tasks")
            elif str(other).startswith(pivot):
                self.refuse(f'"{other}" of mode.co_tasks is the pivot, or made of it', "mode.co_tasks")
        if len({str(other) for other in others}) != len(others):
            self.refuse("a task stands twice in mode.co_tasks", "mode.co_tasks", f"name it TASK{TAG}identity once")

    def _check_leakage(self) -> None:
        if "ReduceLROnPlateau" in str(self.config.get("lr_scheduler", {}).get("_target_")):
            self.refuse(
                "lr_scheduler=plateau looks at the validation split, which cross validation without nesting tests on",
                "lr_scheduler",
                "write mode.nested=true, or choose another one",
            )
        callbacks = self.get("cbs")
        for name, callback in callbacks.items() if isinstance(callbacks, dict) else ():
            callback = callback if isinstance(callback, dict) else {}
            if "EarlyStopping" in str(callback.get("_target_")) and "val" in str(callback.get("monitor")):
                self.refuse(
                    f'the callback "{name}" stops by the validation split, which cross validation without nesting '
                    "tests on",
                    "callbacks",
                    "write mode.nested=true, or leave the callback out",
                )

    def _check_parameters(self) -> None:
        stores = self.get("mode.store_parameters")
        if not stores and {"train", "predict"} <= set(self.subroutines):
            self.refuse("predictions after training need mode.store_parameters=true", "mode.store_parameters")
        every, most = self.get("trainer.check_val_every_n_epoch"), self.get("trainer.max_epochs")
        if stores and isinstance(every, (int, float)) and isinstance(most, (int, float)) and every > most:
            self.refuse(
                f"it validates every {every} epochs and trains for {most}, so no model would be stored",
                "trainer.check_val_every_n_epoch",
            )

    def check_transfer(self) -> None:
        self.check_train()
        source = self.get("mode.pretrain_task")
        if source == "???":
            self.refuse(
                "tl needs the task of the model to begin with", "mode.pretrain_task", "write mode.pretrain_task="
            )
        elif source not in self.tasks:
            self.refuse(f'"{source}" of mode.pretrain_task is not in task_list', "mode.pretrain_task")

    def postprocess(self) -> None:
        pivot = str(self.pivot)
        counts: dict[str, int] = {}
        for model in self._reused():
            counts.setdefault(model.task, 0)
            counts[model.task] += model.predictions is None or pivot in model.predictions
        counts = {task: count for task, count in counts.items() if count}
        if not counts:
            raise self.stop(f'there is no model that has predicted "{pivot}"', "reuse.models", kind="models")
        if "calibrate" in self.subroutines:
            for task, count in counts.items():
                for index in range(count):
                    self.add("calibrate_predictions", task, index)
        if "ensemble" in self.subroutines:
            self.add("select_ensemble")

    def _reused(self) -> list[Model]:
        """The models of the projects in `reuse.models`, in that order.

        A project that nobody has told of is one of a fold where its name says so: NAME__fK holds T+nested?K.
        """
        said = self.get("reuse.models")
        if not said:
            raise self.stop("post needs models", "reuse.models", "write reuse.models=[PROJECT,PROJECT]", "models")
        found = []
        for project in said if isinstance(said, list) else [said]:
            name = str(project).split("#")[0]
            held = [model for model in self.knowledge.models if model.project == name]
            fold = name.rpartition("__f")[2]
            if not held and "__f" in name and fold.isdigit():
                held = [Model(name, nested(str(self.pivot), int(fold)))]
            if not held and not any(model.project == name for model in self.knowledge.models):
                raise self.stop(f'the models of the project "{name}" are not known', "reuse.models", kind="models")
            found.extend(held)
        return found

    def check_postprocess(self) -> None:
        for key, low, high in (
            ("eval_frac", 0.0, 1.0),
            ("temperature", 0.0, 1.0),
            ("weights_temperature", 0.0, 1.0),
        ):
            value = self.get(f"mode.{key}")
            if not isinstance(value, (int, float)) or not low <= value < high:
                self.refuse(f"mode.{key} takes a number from 0 and below 1, not {_shown(value)}", f"mode.{key}")

    def info(self) -> None:
        self.each("tasks", "info_task", self.tasks)
        if "hpo" in self.subroutines:
            name = self.get("mode.study_name")
            project = str(self.get("proj", ""))
            studies = [str(name)] if name else [one for one in self.knowledge.studies if one.startswith(project)]
            for study in studies:
                self.add("info_study", study)
        if "samples" in self.subroutines:
            self.add("plot_samples")
        if "models" in self.subroutines:
            self.add("info_models")

    def clean(self) -> None:
        tasks = self.tasks
        if self.get("mode.all"):
            tasks = [base_of(task).split(" ")[0] for task in self.knowledge.installed or ()]
        tasks = list(dict.fromkeys(base_of(task) for task in tasks))
        self.each("temp", "remove_temp_files", tasks)
        if "download" in self.subroutines:
            datasets = (self.knowledge.datasets.get(task) for task in tasks)
            for dataset in dict.fromkeys(one for one in datasets if one is not None):
                self.add("remove_downloads", dataset)

    def before_upgrade(self) -> None:
        version = self.get("mode.version")
        parts = version.split(".") if isinstance(version, str) else []
        if version == "???":
            raise self.stop("the version is not said", "mode.version", "write mode.version=0.11.0")
        if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
            raise self.stop(f"mode.version takes x.y.z, not {_shown(version)}", "mode.version")
        self.version = tuple(int(part) for part in parts)
        said = self.get("mode.subroutines")
        if isinstance(said, list) and {"upgrade", "downgrade"} <= {str(one) for one in said}:
            raise self.stop("a run upgrades or downgrades, not both", "mode.subroutines")

    def upgrade(self) -> None:
        found = [patch for patch in PATCHES if self.version < patch[0] <= VERSION]
        for _, method in found if "upgrade" in self.subroutines else found[::-1]:
            self.add(method)

    # ------------------------------------------------------------------------------------------------------- plug-ins

    def distances(self) -> None:
        measure = str(self.get("distance.name"))
        if measure not in SYMMETRIC:
            self.refuse(f'"{measure}" is no distance', "distance.name", f"there is {listed(SYMMETRIC, 'and')}")
        if "distance" not in self.subroutines:
            return
        if self.pivot:
            pairs = [(source, self.pivot) for source in self.tasks]
        elif self._is_symmetric(measure):
            pairs = [(source, target) for at, source in enumerate(self.tasks) for target in self.tasks[at + 1 :]]
        else:
            pairs = [(source, target) for source in self.tasks for target in self.tasks]
        for source, target in pairs:
            self.add("_compute_distance", source, target)

    def _is_symmetric(self, measure: str) -> bool:
        if self.scheduler == "FEDScheduler":
            metric = self.get("distance.metric")
            if metric not in METRICS:
                raise self.stop(f"distance.metric takes {listed(METRICS)}, not {_shown(metric)}", "distance.metric")
            return True
        if self.scheduler == "SampleBasedScheduler":
            if measure not in SYMMETRIC:
                raise self.stop(f'"{measure}" is no distance of samples', "distance.name")
            return SYMMETRIC[measure]
        return self.scheduler == "SemanticScheduler"

    def fed(self) -> None:
        self.each("tune", "train_probe_model", self.tasks)
        self.each("fim", "compute_fim", self.tasks)
        self.distances()

    def samples(self) -> None:
        self.each("feature", "extract_features", self.tasks)
        self.distances()

    def check_augmentations(self) -> None:
        if self.get("augmentations.gpu"):
            self.refuse("distances can't be computed with augmentations on the GPU", "augmentations")

    def check_merged(self) -> None:
        sources = self.get("distance.sources")
        sources = sources if isinstance(sources, list) else []
        for source in sources:
            if not self.get(f"reuse.{source}"):
                self.refuse(
                    f'the distance "{source}" is not reused', "distance.sources", f"write +reuse.{source}=PROJECT"
                )
        if len(sources) < 2:
            self.refuse("at least two distances are merged", "distance.sources")
        weights = self.get("distance.weights")
        if weights is None:
            return
        good = isinstance(weights, list) and all(isinstance(one, float) and one > 0 for one in weights)
        if not good or len(weights) != len(sources):
            self.refuse("distance.weights takes one positive number with a point for each source", "distance.weights")

    def estimate(self) -> None:
        self.each("estimate", "estimate_task_dimensionality", [self.pivot] if self.pivot else self.tasks)

    def check_estimate(self) -> None:
        k = self.get("mode.k")
        if not isinstance(k, (int, float)) or k < 3:
            self.refuse(f"mode.k takes 3 or more, not {_shown(k)}", "mode.k")
        if self.get("augmentations.normalization") is not None:
            self.refuse(
                "dimensions are estimated without normalization", "augmentations", "write augmentations=no_norm"
            )

    def suggest(self) -> None:
        if "suggest" in self.subroutines:
            self.add("suggest")

    def check_suggest(self) -> None:
        if not self.pivot:
            self.refuse("suggest needs a pivot task", "pivot.name", "write pivot.name=TASK")
        distances = self.get("mode.distances")
        distances = distances if isinstance(distances, list) else [distances]
        if not distances:
            self.refuse("suggest needs a distance", "mode.distances", f"there is {listed(SYMMETRIC, 'and')}")
        for distance in distances:
            if not self.get(f"reuse.{distance}"):
                self.refuse(
                    f'the distance "{distance}" is not reused', "mode.distances", f"write +reuse.{distance}=PROJECT"
                )

    # ------------------------------------------------------------------------------------------------- after the plan

    def _check_common(self) -> None:
        choice, said = self.choices.get("preprocessing"), self.get("preprocessing.id")
        if isinstance(choice, str) and choice.rpartition("/")[2] != said:
            self.refuse(
                f"preprocessing.id is {_shown(said)}, the option is {_shown(choice)}",
                "preprocessing.id",
                f"write preprocessing={said}",
            )
        if self.get("tune.lr") and self.get("compile.enable"):
            self.refuse(
                "a compiled model's learning rate can't be tuned", "compile.enable", "write tune.lr=false beside it"
            )


def _without_duplicates(tasks: list[str]) -> list[str]:
    """All but the last of several get a number: as MML counts, names that were made anew are counted too."""
    found = list(tasks)
    if len(set(found)) == len(found):
        return found
    seen = dict.fromkeys(found, 0)
    left: dict[str, int] = {}
    for task in found:
        left[task] = left.get(task, 0) + 1
    for at, task in enumerate(tasks):
        seen[task] += 1
        if left[task] > 1:
            renamed = f"{task}{TAG}duplicate{ARG}{seen[task]}"
            found[at] = renamed
            left[task] -= 1
            left[renamed] = left.get(renamed, 0) + 1
    return found


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f'"{text}"' if isinstance(value, str) else text


if TYPE_CHECKING:
    _Call: TypeAlias = "Callable[[_Planner], None]"
DISTANCES = ("FEDScheduler", "SampleBasedScheduler", "SemanticScheduler", "EnsembleDistancesScheduler")
SCHEDULERS: dict[str, tuple[_Call | None, tuple[str, ...], _Call, _Call | None]] = {
    "CreateScheduler": (None, ("dataset", "task"), _Planner.create, _Planner.check_create),
    "PreprocessScheduler": (None, ("preprocess",), _Planner.preprocess, None),
    "TrainingScheduler": (_Planner.needs_pivot, ("train", "predict", "test"), _Planner.train, _Planner.check_train),
    "TransferScheduler": (_Planner.needs_pivot, ("train", "predict", "test"), _Planner.train, _Planner.check_transfer),
    "PostprocessScheduler": (
        _Planner.needs_pivot,
        ("calibrate", "ensemble"),
        _Planner.postprocess,
        _Planner.check_postprocess,
    ),
    "InfoScheduler": (None, ("tasks", "hpo", "samples", "models"), _Planner.info, None),
    "CleanScheduler": (None, ("temp", "download"), _Planner.clean, None),
    "UpgradeScheduler": (_Planner.before_upgrade, ("upgrade", "downgrade"), _Planner.upgrade, None),
    "FEDScheduler": (None, ("tune", "fim", "distance"), _Planner.fed, _Planner.check_augmentations),
    "SampleBasedScheduler": (None, ("feature", "distance"), _Planner.samples, _Planner.check_augmentations),
    "SemanticScheduler": (None, ("distance",), _Planner.distances, None),
    "EnsembleDistancesScheduler": (None, ("distance",), _Planner.distances, _Planner.check_merged),
    "DimensionalityScheduler": (None, ("estimate", PLOTTED), _Planner.estimate, _Planner.check_estimate),
    "SuggestScheduler": (None, ("suggest",), _Planner.suggest, _Planner.check_suggest),
}
