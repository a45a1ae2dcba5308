"""From an experiment to a project: every step of every run as a job, with the files that it reads and leaves.

Each job has a project of MML's for itself (file numbers begin anew in every workspace), and what it leaves travels as
one tar. Edges are what is read: a prediction needs its model, post-processing all predictions, a test what predicted
with its model before, since both write into that model's file.
"""

from __future__ import annotations

import os

from compiler import ir
from compiler.frontends.mml import codes
from compiler.frontends.mml.composing import get
from compiler.frontends.mml.experiment import PYTHON, Experiment, Run
from compiler.frontends.mml.planner import TAG, base_of, nested
from compiler.frontends.mml.runs import sanitized, written
from compiler.ir import Artifact, EnvVar, Exec, Job, Matrix, Need, Ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Text

SCRIPT = ".mml/step.py"
OUT = ".mml/out"
STEP = "mml-step"  # the job that brings the script
TRAINING_SECONDS = 6 * 3600  # what a step on a GPU has, where nothing is said
MOST_NEEDS = 40  # jobs that one job waits for; targets take 50
FOLD = Ref(kind="matrix", name="fold")
ON_GPU = frozenset(("train_fold", "predict_fold", "test_task", "train_probe_model", "compute_fim", "extract_features"))
MODEL_KEYS = ("models", "parameters", "pipeline")
TAGGED = ["data/RAW/*/TASK_*+*.json", "data/PREPROCESSED/*/*/TASK_*+*.json"]  # the descriptions of tagged tasks
DISTANCES = ("semantic", "fed", "mmd", "kld", "emd", "fid", "ens")
# What the graph says itself for every step, so that the user's own words for it are left out.
OWN = frozenset(
    ("mode", "proj", "tasks", "task_list", "pivot", "tagging", "mode.subroutines", "mode.nested", "mode.cv",
     "mode.eval_on", "mode.co_tasks", "distance._mode.subroutines", "reuse", "remove")
)  # fmt: skip
OWN_STARTS = ("pivot.", "tagging.", "reuse.", "remove.")
TRANSFER = ("mode.pretrain_task", "mode.model_selection", "mode.freeze")  # keys that tl alone has


def make(experiment: Experiment, sink: Sink) -> ir.Project:
    """The project of an experiment."""
    graph = Graph(experiment, sink)
    for run in experiment.runs:
        graph.add(run)
    jobs = graph.finished()
    stores = (experiment.store,) if experiment.store is not None else ir.NOTHING
    environment = _environment(experiment)
    login = (environment.credentials,) if environment.credentials is not None else ()
    names = dict.fromkeys((*login, *experiment.secrets, *(name for run in experiment.runs for name in run.secrets)))
    return ir.Project(
        name=experiment.name,
        manifest=experiment.unit,
        folder=experiment.folder,
        jobs=tuple(jobs),
        pipelines=(
            ir.Pipeline(
                name=experiment.name,
                members=tuple(job.name for job in jobs),
                triggers=experiment.triggers,
                origin=experiment.origin,
            ),
        ),
        environments=(environment,) if any(job.environment == "mml" for job in jobs) else ir.NOTHING,
        secrets=tuple(ir.Secret(name=name, origin=experiment.origin) for name in names) or ir.NOTHING,
        stores=stores,
        origin=experiment.origin,
    )


def _environment(experiment: Experiment) -> ir.Environment:
    """MML from its package, unless the manifest's own environment says where it is."""
    given = experiment.environment or ir.Environment(origin=experiment.origin)
    install = ["python3", "-m", "pip", "install", f"mml-core=={experiment.version}", *experiment.plugins]
    brings = given.image is not None or given.file is not None or given.setup is not ir.NOTHING
    return given.replace(
        name="mml",
        python=given.python or PYTHON,
        setup=given.setup if brings else ((" ".join(install),),),
    )


def text(*pieces: str | Ref) -> Text:
    """Text of literals and holes, neighbours joined."""
    found: list[str | Ref] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece != "":
            found.append(piece)
    return tuple(found)


class Held:
    """What a job leaves for others: the projects of MML in it, and the tar. `fold` is a number, or the leg of a matrix."""

    __slots__ = ("fold", "job", "legs", "project", "tar", "task", "updates")

    def __init__(
        self, job: str, tar: str, project: str, task: str = "", fold: int = 0, legs: str | None = None
    ) -> None:
        self.job, self.tar, self.project, self.task, self.fold = job, tar, project, task, fold
        self.legs = legs  # the matrix that the job is a leg of
        self.updates: list[Held] = []  # later jobs that wrote into its models' files, the last one last


class Wanted:
    """What a job takes: the jobs that it needs, and their tars in the order in which they are unpacked."""

    def __init__(self) -> None:
        self.needs: dict[str, str | None] = {}
        self.tars: list[Text] = []

    def tar(self, job: str, *pieces: str | Ref, legs: str | None = None) -> None:
        path = text(*pieces)
        if path not in self.tars:
            self.tars.append(path)
        self.job(job, legs)

    def job(self, name: str, legs: str | None = None) -> None:
        if self.needs.get(name, legs) != legs:
            legs = None  # all legs, where somebody wants all of them
        self.needs[name] = legs


class Graph:
    """The jobs so far, and who made what."""

    def __init__(self, experiment: Experiment, sink: Sink) -> None:
        self.experiment, self.sink = experiment, sink
        self.jobs: list[Job] = []
        self.taken: set[str] = {STEP}
        self.data: dict[str, list[tuple[str, str, str]]] = {}  # task (or dataset:NAME) -> (job, tar, what it is)
        self.models: dict[str, list[Held]] = {}  # the user's project -> what holds its models
        self.others: dict[tuple[str, str], list[Held]] = {}  # (the user's project, key) -> what holds that key
        self.projects = [self._project(run) for run in experiment.runs]
        self.at = -1
        self.needed: set[str] = set()
        self.named: set[str] = set()

    @staticmethod
    def _project(run: Run) -> str:
        return str(get(run.config, "proj", "default"))

    def add(self, run: Run) -> None:
        """The jobs of a run, by its scheduler."""
        self.at += 1
        assert run.plan is not None
        self.run, self.plan = run, run.plan
        self.user_project = self.projects[self.at]
        alone = self.projects.count(self.user_project) == 1
        base = self.user_project if alone else f"{self.user_project}__{run.name}"
        self.unit = base
        self.own: list[Held] = []
        if run.line.multirun:
            self.search()
            return
        scheduler = str(get(run.config, "mode.scheduler._target_")).rpartition(".")[2]
        {
            "CreateScheduler": self.create,
            "PreprocessScheduler": self.preprocess,
            "TrainingScheduler": self.train,
            "TransferScheduler": self.train,
            "InfoScheduler": self.info,
            "FEDScheduler": self.similarity,
            "SampleBasedScheduler": self.similarity,
            "DimensionalityScheduler": self.dimensions,
            "CleanScheduler": self.clean,
        }.get(scheduler, self.whole)()

    # ------------------------------------------------------------------------------------------------- words of a call

    def kept(self) -> list[str]:
        """The user's own overrides that every step keeps, as written."""
        found = []
        for override in self.run.line.overrides:
            if override.key not in OWN and not override.key.startswith(OWN_STARTS):
                found.append(override.text)
        return found

    def words(self, mode: str, project: Text | str, *more: str | Text, gpu: bool = False) -> list[Text]:
        kept = self.kept()
        if mode != "tl":
            kept = [word for word in kept if not word.lstrip("+~").startswith(TRANSFER)]
        if not gpu and not any(word.startswith("allow_gpu=") for word in kept):
            kept.append("allow_gpu=false")
        head: list[Text] = [("mml",), (mode,), *((word,) for word in kept)]
        return [*head, text("proj=", *([project] if isinstance(project, str) else project)), *_as_texts(more)]

    def mode(self) -> str:
        return str(self.run.choices.get("mode", "info"))

    # ------------------------------------------------------------------------------------------------------------ data

    def want_data(self, tasks: Iterable[str], wanted: Wanted) -> None:
        """The files of tasks: their own description, those of their tags, and their images.

        Images come preprocessed where an earlier run has made what this one asks for, else raw.
        """
        chosen = get(self.run.config, "preprocessing.id")
        for task in dict.fromkeys(tasks):
            found = [one for name in dict.fromkeys((base_of(task), task)) for one in self.data.get(name, ())]
            has_images = any(what == f"preprocessed {chosen}" for _, _, what in found)
            for job, tar, what in found:
                if (what == "raw" and has_images) or (what.startswith("preprocessed ") and what.split()[1] != chosen):
                    continue
                self._take(wanted, job, tar, self.experiment.data.path is not None)

    @staticmethod
    def _take(wanted: Wanted, job: str, tar: str, outside: bool) -> None:
        if outside:
            wanted.job(job)
        else:
            wanted.tar(job, tar)

    def left_data(self, task: str, job: str, tars: list[str], what: str) -> None:
        entry = (job, tars[0] if tars else "", what)
        if entry not in self.data.setdefault(task, []):
            self.data[task].append(entry)

    # ------------------------------------------------------------------------------------------------------------ reuse

    def reused(self, key: str) -> list[str]:
        """The user's projects under `reuse.KEY`."""
        said = get(self.run.config, f"reuse.{key}")
        return [] if not said else [str(one) for one in (said if isinstance(said, list) else [said])]

    def held(self, key: str) -> list[Held]:
        """What the reused projects of a key are made of; a project that nobody makes is reported."""
        found: list[Held] = []
        for project in self.reused(key):
            name = project.split("#")[0]
            here = self.models.get(name) if key in MODEL_KEYS else self.others.get((name, key))
            if not here:
                here = [one for group in self.models.values() for one in group if one.project == name]
            if here:
                found.extend(one for one in here if one not in found)
            elif self.experiment.results.path is not None:
                found.append(Held("", "", name))
            else:
                self.sink.report(
                    codes.UNKNOWN_MODELS,
                    f'no run before makes "{key}" in the project "{name}"',
                    self.run.at(project),
                    help="name the project of an earlier run, or say under `results` where it lies",
                )
        return found

    def reuse(self, wanted: Wanted, keys: Sequence[str] | None = None) -> list[str]:
        """The words that reuse what earlier jobs made, which the job then takes."""
        found = []
        for key in keys if keys is not None else list(get(self.run.config, "reuse") or {}):
            held = self.held(key)
            for one in held:
                self.want(one, wanted)
            if held:
                names = list(dict.fromkeys(one.project for one in held))
                found.append(_reuse_word(key, names))
        return found

    def want(self, one: Held, wanted: Wanted, legs: str | None = None) -> None:
        """Take what a job left, and what later jobs wrote into it."""
        for held in (one, *one.updates):
            if not held.job:
                continue
            if self.experiment.results.path is not None:
                wanted.job(held.job, legs)
            else:
                wanted.tar(held.job, held.tar, legs=legs)

    # ----------------------------------------------------------------------------------------------------------- a job

    def step(
        self,
        name: str,
        project: Text | str,
        words: list[Text],
        wanted: Wanted,
        keep: Sequence[Text | str],
        *,
        gpu: bool = False,
        folds: int = 1,
        matrix: Matrix | None = None,
        only: Text | None = None,
        sweep: bool = False,
        timeout: int | None = None,
    ) -> tuple[str, list[str]]:
        """Add a job that runs one call; gives its name and the tar of each fold."""
        name = self._free(name)
        leg: list[str | Ref] = ["-", FOLD] if folds > 1 else []
        if matrix is not None:
            leg = ["-", Ref(kind="matrix", name=matrix.include[0][0][0])]
        tar = text(OUT + "/" + name, *leg, ".tar")
        run_id = self.run_id()
        argv: list[Text] = [("python3",), (SCRIPT,), ("run",), ("--project",), _as_text(project), ("--id",), run_id]
        argv += _options("--take", wanted.tars)
        gives = bool(keep)
        if gives:
            argv += [("--give",), tar, *_options("--keep", [_as_text(one) for one in keep])]
        if only is not None:
            argv += [("--only",), only]
        argv += [("--sweep",)] if sweep else []
        argv += [("--",), *words]
        if matrix is None and folds > 1:
            matrix = Matrix(axes=(("fold", tuple(str(fold) for fold in range(folds))),))
        self._job(name, argv, wanted, tar if gives else None, gpu, matrix, not sweep, timeout)
        if not gives:
            return name, []
        legs = [str(fold) for fold in range(folds)] if folds > 1 else [""]
        if matrix is not None and matrix.include:
            legs = [pairs[0][1] for pairs in matrix.include]
        return name, [f"{OUT}/{name}-{leg}.tar" if leg else f"{OUT}/{name}.tar" for leg in legs]

    def project_for(self, kind: str, task: str) -> str:
        """A project of MML's for one task of this run."""
        found = stem = f"{self.unit}__{kind}_{sanitized(task)}"
        number = 1
        while found in self.named:
            number += 1
            found = f"{stem}_{number}"
        self.named.add(found)
        return found

    def run_id(self) -> Text:
        """A run's folder. Where results outlive the pipeline, another commit's is another one."""
        if self.experiment.results.path is None:
            return ("step",)
        return text("step-", Ref(kind="git", name="short"))

    def _free(self, name: str) -> str:
        name = name.lower().replace("_", "-")  # what every target takes as it is
        found, number = name, 1
        while found in self.taken:
            number += 1
            found = f"{name}-{number}"
        self.taken.add(found)
        return found

    def _job(
        self,
        name: str,
        argv: list[Text],
        wanted: Wanted,
        tar: Text | None,
        gpu: bool,
        matrix: Matrix | None,
        resumes: bool,
        timeout: int | None,
    ) -> None:
        experiment, run = self.experiment, self.run
        if timeout is None:
            long = TRAINING_SECONDS if gpu and experiment.accelerator is not None else None
            timeout = run.timeout or experiment.timeout or long
        outputs: tuple[Artifact, ...] = ()
        if tar is not None:
            store = experiment.store.name if experiment.store is not None else None
            outputs = (Artifact(path=tar, store=store, origin=run.origin),)
        self.needed.update(wanted.needs)
        secrets = dict.fromkeys((*experiment.secrets, *run.secrets))
        self.jobs.append(
            Job(
                name=name,
                action=Exec(argv=tuple(argv), origin=run.origin),
                environment="mml",
                needs=(Need(job=STEP, origin=run.origin), *self._needs(wanted)),
                env=self.variables(),
                secrets=tuple(ir.SecretUse(secret=one, env=one, origin=run.origin) for one in secrets) or ir.NOTHING,
                resources=self._resources(gpu),
                volumes=self._volumes(),
                outputs=outputs or ir.NOTHING,
                matrix=matrix,
                retry=ir.Retry(max=experiment.retries, origin=run.origin) if experiment.retries else None,
                timeout=timeout,
                resume=self._resume() if resumes else None,
                origin=run.origin,
            )
        )

    def _needs(self, wanted: Wanted) -> tuple[Need, ...]:
        found = []
        for job, legs in wanted.needs.items():
            arrives = any(isinstance(tar[0], str) and _is_of(tar, job) for tar in wanted.tars)
            same = "same" if legs == "same" else None
            found.append(
                Need(job=job, artifacts=None if arrives else False, legs=same, origin=self.run.origin)  # type: ignore[arg-type]
            )
        return tuple(found)

    def variables(self) -> tuple[EnvVar, ...]:
        experiment = self.experiment
        given = {}
        if experiment.data.path is not None:
            given["MML_DATA_PATH"] = experiment.data.path
        if experiment.results.path is not None:
            given["MML_RESULTS_PATH"] = experiment.results.path
        if experiment.configs is not None:
            given["MML_CONFIGS_PATH"] = experiment.configs
        if experiment.requests is not None and experiment.requests.cpu is not None:
            given["MML_LOCAL_WORKERS"] = str(max(1, experiment.requests.cpu // 10**9))
        said = {variable.name for variable in experiment.env}
        own = (EnvVar(name=name, value=(value,)) for name, value in given.items() if name not in said)
        return (*own, *experiment.env) or ir.NOTHING

    def _resources(self, gpu: bool) -> ir.Resources | None:
        experiment = self.experiment
        accelerator = experiment.accelerator if gpu else None
        runner = experiment.runner if gpu or experiment.accelerator is None else None
        if experiment.requests is None and accelerator is None and runner is None:
            return None
        return ir.Resources(request=experiment.requests, accelerator=accelerator, runner=runner, origin=self.run.origin)

    def _volumes(self) -> tuple[ir.Volume, ...]:
        places = (self.experiment.data, self.experiment.results)
        found = [
            ir.Volume(name=place.volume, path=place.path, size=place.size, origin=self.experiment.origin)
            for place in places
            if place.volume is not None and place.path is not None
        ]
        return tuple(found) or ir.NOTHING

    def _resume(self) -> ir.Resume | None:
        """Checkpoints lie with the results; results on a path of their own outlive the job by themselves."""
        experiment = self.experiment
        wanted = experiment.checkpoints if experiment.checkpoints is not None else experiment.store is not None
        if not wanted or experiment.results.path is not None:
            return None
        store = experiment.store.name if experiment.store is not None else None
        return ir.Resume(paths=(".mml/results",), every=experiment.every, store=store, origin=self.run.origin)

    # ----------------------------------------------------------------------------------------------------------- modes

    def create(self) -> None:
        plan, carried = self.plan, self.experiment.data.path is None
        datasets = {step.params[0]: step for step in plan.steps if step.method == "prepare_dataset"}
        tasks = [str(step.params[0]) for step in plan.steps if step.method == "create_task"]
        owner = {**{task: f"dataset:{self._dataset(task)}" for task in plan.tasks}}
        for dataset in datasets:
            of = [task for task in plan.tasks if self._dataset(task) == dataset and TAG not in task]
            stem = sanitized(str(dataset))
            project = self.project_for("data", str(dataset))
            words = self.words("create", project, f"task_list={written(of)}", "mode.subroutines=[dataset]")
            keep = [f"data/RAW/DSET_{dataset}"] if carried else []
            name, tars = self.step(f"{self.run.name}-dataset-{stem}", project, words, Wanted(), keep)
            self.left_data(f"dataset:{dataset}", name, tars, "raw")
        for task in tasks:
            stem = sanitized(task)
            project = self.project_for("task", task)
            wanted = Wanted()
            for job, tar, what in self.data.get(owner[task], ()):
                self._take(wanted, job, tar, not carried)
                self.left_data(task, job, [tar], what)
            words = self.words("create", project, f"task_list={written([task])}", "mode.subroutines=[task]")
            keep = [f"data/RAW/*/TASK_{task}.json"] if carried else []
            name, tars = self.step(f"{self.run.name}-task-{stem}", project, words, wanted, keep)
            self.left_data(task, name, tars, "task")

    def _dataset(self, task: str) -> str | None:
        from compiler.frontends.mml.planner import DATASETS

        said = self.experiment.tasks.get(task)
        return (said.dataset if said is not None else None) or DATASETS.get(task)

    def preprocess(self) -> None:
        """One job a dataset: tasks of one share its files. Where that is not known, one job for all."""
        groups: dict[str, list[str]] = {}
        for step in self.plan.steps[1:-1]:
            task = str(step.params[0])
            groups.setdefault(self._dataset(base_of(task)) or "", []).append(task)
        if "" in groups and len(groups) > 1:
            groups = {"": [str(step.params[0]) for step in self.plan.steps[1:-1]]}
        chosen = str(get(self.run.config, "preprocessing.id"))
        for dataset, tasks in groups.items():
            stem = f"-{sanitized(dataset)}" if len(groups) > 1 else ""
            project = self.project_for("pp", dataset or "all")
            wanted = Wanted()
            self.want_data(tasks, wanted)
            words = self.words("pp", project, f"task_list={written(tasks)}")
            keep = [f"data/PREPROCESSED/{chosen}"] if self.experiment.data.path is None else []
            name, tars = self.step(f"{self.run.name}{stem}", project, words, wanted, keep)
            for task in tasks:
                self.left_data(task, name, tars, f"preprocessed {chosen}")

    def info(self) -> None:
        """One job: what it makes are the descriptions of tagged tasks, which others then find."""
        plan = self.plan
        wanted = Wanted()
        self.want_data(plan.tasks, wanted)
        project = f"{self.unit}__info"
        subroutines = get(self.run.config, "mode.subroutines")
        words = self.words(
            "info", project, f"task_list={written(plan.tasks)}", f"mode.subroutines={written(subroutines)}"
        )
        words += _as_texts(self.reuse(wanted))
        tagged = [task for task in plan.tasks if TAG in task]
        keep = [f"results/{project}"] if self.experiment.results.path is None else []
        if self.experiment.data.path is None and tagged:
            keep += TAGGED
        name, tars = self.step(self.run.name, project, words, wanted, keep)
        for task in tagged:
            self.left_data(task, name, tars, "tag")

    def tags(self, tasks: list[str]) -> None:
        """Make tagged tasks once, before the steps that look for them begin side by side."""
        wanted = Wanted()
        missing = [task for task in tasks if task not in self.data]
        if not missing:
            return
        self.want_data(missing, wanted)
        project = f"{self.unit}__tags"
        words = self.words("info", project, f"task_list={written(missing)}", "mode.subroutines=[tasks]")
        words = [word for word in words if not _is_of_group(word, "mode.")] + [("mode.subroutines=[tasks]",)]
        keep = TAGGED if self.experiment.data.path is None else []
        name, tars = self.step(f"{self.run.name}-tags", project, words, wanted, keep)
        for task in missing:
            self.left_data(task, name, tars, "tag")

    def train(self) -> None:
        Training(self).make()

    def whole(self) -> None:
        """A run whose steps hang together is one job: it stops and goes on as a whole."""
        plan = self.plan
        wanted = Wanted()
        self.want_data(plan.tasks, wanted)
        project = f"{self.unit}__{sanitized(self.mode())}"
        words = self.words(self.mode(), project, *self._tasks(), *self._subroutines())
        words += _as_texts(self.reuse(wanted))
        keep = [f"results/{project}"] if self.experiment.results.path is None else []
        scheduler = str(get(self.run.config, "mode.scheduler._target_")).rpartition(".")[2]
        gpu = any(step.method in ON_GPU for step in plan.steps)
        name, tars = self.step(self.run.name, project, words, wanted, keep, gpu=gpu)
        held = Held(name, tars[0] if tars else "", project, plan.pivot or "")
        if scheduler == "SuggestScheduler":
            self.others.setdefault((self.user_project, "blueprint"), []).append(held)
        for distance in DISTANCES:
            if scheduler in ("SemanticScheduler", "EnsembleDistancesScheduler") and distance == self._distance():
                self.others.setdefault((self.user_project, distance), []).append(held)
        if scheduler == "PostprocessScheduler":
            self.others.setdefault((self.user_project, "ensemble"), []).append(held)
        self.own.append(held)
        if self.run.objectives:
            self.results()

    def _distance(self) -> str:
        return str(get(self.run.config, "distance.name"))

    def _tasks(self) -> list[str]:
        """The tasks and the pivot as the plan has them: tags and duplicates are worked out already."""
        plan = self.plan
        others = [task for task in plan.tasks if task != plan.pivot]
        found = [f"task_list={written(others)}"] if others else []
        return [*found, f"pivot.name={written(plan.pivot)}"] if plan.pivot else found

    def _subroutines(self) -> list[str]:
        said = [one for one in self.run.line.overrides if one.key.endswith("mode.subroutines")]
        return [said[-1].text] if said else []

    def similarity(self) -> None:
        """What belongs to one task is a job each; all distances stand in one table, which one job writes."""
        plan, distance = self.plan, self._distance()
        firsts = [step for step in plan.steps if step.method not in ("prepare_exp", "finish_exp", "_compute_distance")]
        kinds = {"train_probe_model": "tune", "compute_fim": "fim", "extract_features": "feature"}
        keys = {"tune": ("fc_tuned",), "fim": ("fim",), "feature": ("features",)}
        subroutines = list(dict.fromkeys(kinds[step.method] for step in firsts))
        made = [key for one in subroutines for key in keys[one]]
        parts: list[Held] = []
        for task in dict.fromkeys(str(step.params[0]) for step in firsts):
            wanted = Wanted()
            self.want_data([task], wanted)
            stem = sanitized(task)
            project = self.project_for(distance, task)
            words = self.words(
                "similarity",
                project,
                f"task_list={written([task])}",
                f"distance._mode.subroutines={written(subroutines)}",
                gpu=True,
            )
            words += _as_texts(self.reuse(wanted))
            keep = [f"results/{project}"] if self.experiment.results.path is None else []
            name, tars = self.step(f"{self.run.name}-{distance}-{stem}", project, words, wanted, keep, gpu=True)
            parts.append(Held(name, tars[0] if tars else "", project, task))
        for key in made:
            self.others.setdefault((self.user_project, key), []).extend(parts)
        rest = [one for one in get(self.run.config, "mode.subroutines") or [] if one in ("distance", "plot")]
        if not rest:
            return
        wanted = Wanted()
        self.want_data(plan.tasks, wanted)
        for part in parts:
            self.want(part, wanted)
        project = f"{self.unit}__{distance}"
        words = self.words("similarity", project, *self._tasks(), f"distance._mode.subroutines={written(rest)}")
        words += _as_texts(self.reuse(wanted, [key for key in get(self.run.config, "reuse") or {} if key not in made]))
        for key in made:
            words.append((_reuse_word(key, [part.project for part in parts]),))
        keep = [f"results/{project}"] if self.experiment.results.path is None else []
        name, tars = self.step(f"{self.run.name}-{distance}", project, words, wanted, keep)
        held = Held(name, tars[0] if tars else "", project)
        self.others.setdefault((self.user_project, distance), []).append(held)

    def dimensions(self) -> None:
        subroutines = written([one for one in get(self.run.config, "mode.subroutines") or [] if one != "plot"])
        for step in self.plan.steps[1:-1]:
            task = str(step.params[0])
            wanted = Wanted()
            self.want_data([task], wanted)
            stem = sanitized(task)
            project = self.project_for("dim", task)
            more = [f"task_list={written([task])}", f"mode.subroutines={subroutines}"]
            words = self.words("dim", project, *more, *self.reuse(wanted))
            keep = [f"results/{project}"] if self.experiment.results.path is None else []
            name, tars = self.step(f"{self.run.name}-{stem}", project, words, wanted, keep)
            held = Held(name, tars[0] if tars else "", project, task)
            self.others.setdefault((self.user_project, "dimension"), []).append(held)

    def clean(self) -> None:
        """The last job of all that stand before it."""
        wanted = Wanted()
        for name in self._ends():
            wanted.job(name)
        project = f"{self.unit}__clean"
        words = self.words("clean", project, *self._tasks(), *self._subroutines())
        words = [word for word in words if not _is_of_group(word, "mode.force")] + [("mode.force=true",)]
        self.step(self.run.name, project, words, wanted, [])

    def _ends(self) -> list[str]:
        """Jobs that nobody needs yet, gathered where they are many."""
        ends = [job.name for job in self.jobs if job.name not in self.needed]
        while len(ends) > MOST_NEEDS:
            ends = [self._gather(ends[at : at + MOST_NEEDS]) for at in range(0, len(ends), MOST_NEEDS)]
        return ends

    def _gather(self, names: list[str]) -> str:
        name = self._free(f"{self.run.name}-after")
        self.needed.update(names)
        self.jobs.append(
            Job(
                name=name,
                action=Exec(argv=(("true",),), origin=self.run.origin),
                environment=_bare(self.experiment),
                needs=tuple(Need(job=one, artifacts=False, origin=self.run.origin) for one in names),
                origin=self.run.origin,
            )
        )
        return name

    # ---------------------------------------------------------------------------------------------- results and search

    def results(self) -> None:
        """The metrics of a run's models, and the run's results without what `remove` takes away."""
        run, experiment = self.run, self.experiment
        wanted = Wanted()
        for one in self.own:
            self.want(one, wanted)
        name = self._free(f"{run.name}-results")
        metrics = f".mml/metrics/{name.removesuffix('-results')}.json"
        argv: list[Text] = [("python3",), (SCRIPT,), ("collect",), *_options("--take", wanted.tars)]
        argv += [("--metrics",), (metrics,)]
        for key, value in sorted((get(run.config, "remove") or {}).items()):
            argv += [("--remove",), (key,)] if value is True else []
        projects = list(dict.fromkeys(held.project for one in self.own for held in (one, *one.updates)))
        tar = f"{OUT}/{name}.tar"
        if experiment.results.path is None:
            argv += [("--give",), (tar,), *_options("--keep", [(f"results/{project}",) for project in projects])]
        argv += _options("--project", [(project,) for project in projects])
        outputs = [Artifact(path=(metrics,), kind="metrics", origin=run.origin)]
        if experiment.results.path is None:
            store = experiment.store.name if experiment.store is not None else None
            outputs.append(Artifact(path=(tar,), store=store, origin=run.origin))
        self.needed.update(wanted.needs)
        self.jobs.append(
            Job(
                name=name,
                action=Exec(argv=tuple(argv), origin=run.origin),
                environment=_bare(experiment) if experiment.store is None else "mml",
                needs=(Need(job=STEP, origin=run.origin), *self._needs(wanted)),
                env=self.variables(),
                secrets=tuple(ir.SecretUse(secret=one, env=one) for one in experiment.secrets) or ir.NOTHING,
                volumes=self._volumes(),
                outputs=tuple(outputs),
                objectives=run.objectives or ir.NOTHING,
                origin=run.origin,
            )
        )

    def search(self) -> None:
        """A search of Optuna's: jobs that share one study by its storage, each with a part of the trials."""
        run = self.run
        trials = get(run.config, "hpo.trials")
        trials = trials if isinstance(trials, int) and trials > 0 else 1
        workers = min(run.jobs or 1, trials)
        storage = [one.text for one in run.line.overrides if one.key in ("hpo.storage", "hpo")]
        if workers > 1 and get(run.config, "hpo.storage") is None:
            message = f"{workers} jobs search together, and nothing holds their study"
            self.sink.report(codes.NO_STORAGE, message, run.origin, help="write hpo.storage=URL, or jobs: 1")
            return
        study = next((o.value for o in run.line.overrides if o.key == "hydra.sweeper.study_name"), None)
        study = str(study) if study is not None else f"{self.unit}-{run.name}"
        wanted = Wanted()
        self.want_data(self._base_tasks(), wanted)
        several = workers > 1
        project = text(f"{self.unit}__hpo", *([Ref(kind="matrix", name="worker")] if several else []))
        share: Text = (Ref(kind="matrix", name="trials"),) if several else (str(trials),)
        kept = [word for word in self.kept() if not word.startswith(("hpo.trials=", "hydra.sweeper.study_name="))]
        own = [o.text for o in run.line.overrides if o.text not in kept and o.key not in ("mode", "proj", "hpo.trials")]
        own = [word for word in own if not word.startswith(("hydra.sweeper.study_name=", "reuse", "+reuse", "remove"))]
        words: list[Text] = [("mml",), (self.mode(),), *((word,) for word in (*kept, *own))]
        words += [text("proj=", *project), *_as_texts(self.reuse(wanted)), text("hpo.trials=", *share)]
        words += [(f"hydra.sweeper.study_name={written(study)}",), ("hydra.sweep.dir=${proj_path}/hpo/ci",)]
        words.append(("--multirun",))
        matrix = None
        if several:
            parts = [trials // workers + (number < trials % workers) for number in range(workers)]
            legs = tuple((("worker", str(at)), ("trials", str(part))) for at, part in enumerate(parts))
            matrix = Matrix(include=legs)
        keep = [text("results/", *project)] if self.experiment.results.path is None else []
        name, tars = self.step(f"{run.name}-search", project, words, wanted, keep, gpu=True, matrix=matrix, sweep=True)
        for at in range(workers):
            held = f"{self.unit}__hpo{at if several else ''}"
            self.own.append(Held(name, tars[at] if tars else "", held))
        self.models.setdefault(self.user_project, []).extend(self.own)
        if storage and several:
            last = Wanted()
            last.job(name)
            shown = f"{self.unit}__study"
            show: list[Text] = [("mml",), ("info",), *((word,) for word in storage), (f"proj={shown}",)]
            show += [("mode.subroutines=[hpo]",), (f"mode.study_name={written(study)}",)]
            self.step(f"{run.name}-study", shown, show, last, [])
        self.results()

    def _base_tasks(self) -> list[str]:
        plan = self.plan
        return [task for task in plan.tasks if not task.startswith(f"{plan.pivot}{TAG}nested?")]

    def finished(self) -> list[Job]:
        """All jobs, the one that brings the script first."""
        if not self.jobs:
            return []
        experiment = self.experiment
        if experiment.store is None and experiment.checkpoints is None and experiment.results.path is None:
            self.sink.report(
                codes.NO_CHECKPOINTS,
                "a step that is interrupted begins anew: no place outlives its machine",
                experiment.origin,
                help="name a `store`, or say under `results` where all jobs find them",
            )
        first = Job(
            name=STEP,
            action=Exec(argv=(("sh",), ("-c",), (f'mkdir -p .mml && printf %s "$MML_STEP" > {SCRIPT}',))),
            environment=_bare(experiment),
            env=(EnvVar(name="MML_STEP", value=(_script(),)),),
            outputs=(Artifact(path=(SCRIPT,), origin=experiment.origin),),
            origin=experiment.origin,
        )
        return [first, *self.jobs]


def _script() -> str:
    """The script's text without docstrings, comment lines and blank lines: it travels in every compiled file."""
    with open(os.path.join(os.path.dirname(__file__), "scripts", "step.py"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    kept: list[str] = []
    inside = False
    for line in lines:
        stripped = line.strip()
        if inside:
            inside = not stripped.endswith('"""')
        elif stripped.startswith('"""'):
            inside = len(stripped) < 6 or not stripped.endswith('"""')
        elif stripped and not stripped.startswith("#"):
            kept.append(line)
    return "\n".join(kept) + "\n"


def _bare(experiment: Experiment) -> ir.Environment:
    """Python without MML: the same image, nothing installed."""
    given = _environment(experiment)
    return ir.Environment(image=given.image, python=given.python, credentials=given.credentials, origin=given.origin)


def _as_text(given: Text | str) -> Text:
    return (given,) if isinstance(given, str) else given


def _as_texts(given: Iterable[Text | str]) -> list[Text]:
    return [_as_text(one) for one in given]


def _options(option: str, values: Iterable[Text]) -> list[Text]:
    return [word for value in values for word in ((option,), value)]


def _is_of(tar: Text, job: str) -> bool:
    """Whether a tar is what a job left."""
    start = str(tar[0]).removeprefix(OUT + "/")
    rest = start.removeprefix(job)
    return start.startswith(job) and (
        rest == ".tar" or rest == "-" or rest.removeprefix("-").removesuffix(".tar").isdigit()
    )


def _is_of_group(word: Text, start: str) -> bool:
    return isinstance(word[0], str) and word[0].lstrip("+~").startswith(start)


def _reuse_word(key: str, projects: Sequence[str | Text]) -> str:
    listed = [str(one) for one in projects]
    sign = "" if key in ("models", "blueprint") else "+"
    return f"{sign}reuse.{key}={written(listed if len(listed) > 1 else listed[0])}"


class Training:
    """The jobs of a train, predict, test or tl run."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.run, self.plan = graph, graph.run, graph.plan
        self.config: dict[str, Any] = graph.run.config
        self.pivot = str(graph.plan.pivot)
        self.is_nested = bool(get(self.config, "mode.nested"))
        self.crosses = bool(get(self.config, "mode.cv"))
        self.folds = graph.plan.folds
        self.subroutines = get(self.config, "mode.subroutines") or []
        self.carried = graph.experiment.results.path is None

    def make(self) -> None:
        graph = self.graph
        if self.is_nested:
            graph.tags([nested(self.pivot, fold) for fold in range(self.folds)])
        if "train" in self.subroutines:
            graph.own = self.train()
            graph.models.setdefault(graph.user_project, []).extend(graph.own)
        models = graph.own or self._given()
        if "predict" in self.subroutines and models:
            self.predict(models)
        if "test" in self.subroutines and models:
            self.test(models)
        if not graph.own:
            graph.own = models
        if graph.own and (self.subroutines or self.run.objectives):
            graph.results()

    def _given(self) -> list[Held]:
        """The model of each fold, of what is reused: the newest of that task and fold."""
        held = self.graph.held("models")
        found = []
        for fold in range(self.folds):
            task, number = (nested(self.pivot, fold), 0) if self.is_nested else (self.pivot, fold)
            fitting = [one for one in held if one.task == task and one.fold == number]
            fitting = fitting or [one for one in held if not one.task]
            if fitting:
                found.append(fitting[-1])
        if held and len(found) < self.folds:
            message = f'the reused projects hold no model for each fold of "{self.pivot}"'
            self.graph.sink.report(codes.UNKNOWN_MODELS, message, self.run.origin)
            return []
        return found

    def leg(self) -> Ref | str:
        return FOLD if self.folds > 1 else "0"

    def task(self) -> list[str | Ref]:
        """The words that choose one fold of nested training, or the task itself."""
        name: list[str | Ref] = ["pivot.name=", *([f"{self.pivot}{TAG}nested?", self.leg()] if self.is_nested else [])]
        return name if self.is_nested else [f"pivot.name={written(self.pivot)}"]

    def selection(self) -> list[Text]:
        """Pivot and folds of one step. Without nesting a fold of several is picked by the launcher."""
        single = self.is_nested or not self.crosses
        return [text(*self.task()), ("mode.nested=false",), *([("mode.cv=false",)] if single else [])]

    def only(self, method: str, evaluated: Sequence[str | None] | None = None) -> Text | None:
        """The steps that the launcher keeps; None where the command line itself says which."""
        if self.is_nested or not self.crosses:
            return None
        start: list[str | Ref] = [f"{method}:{self.pivot}:", self.leg()]
        if evaluated is None:
            return text(*start)
        found: list[str | Ref] = []
        for other in evaluated:
            found += [*([";"] if found else []), *start, f":{other}"]
        return text(*found)

    def others(self) -> list[str]:
        """Tasks that a training step reads besides its own: co-tasks, and the one that it begins with."""
        found: list[str] = []
        if get(self.config, "mode.multitask"):
            found += self.co_tasks()
        source = get(self.config, "mode.pretrain_task")
        if isinstance(source, str) and source != "???" and source not in found:
            found.append(source)
        return found

    def co_tasks(self) -> list[str]:
        """The tasks that are learned together; MML draws them at each start, so that they are drawn here, once."""
        said = get(self.config, "mode.co_tasks")
        if isinstance(said, list):
            return [str(one) for one in said]
        from random import Random

        count = int(get(self.config, "mode.multitask")) - 1
        choices = [task for task in self.plan.tasks if not task.startswith(self.pivot)]
        return Random(f"{get(self.config, 'seed')} {self.run.name}").sample(choices, min(count, len(choices)))

    def train(self) -> list[Held]:
        graph, wanted = self.graph, Wanted()
        others = self.others()
        graph.want_data([*self._own_tasks(), *others], wanted)
        project = text(f"{graph.unit}__f", self.leg())
        more: list[Text] = [*self.selection(), ("mode.subroutines=[train]",)]
        if others:
            more.append((f"task_list={written(others)}",))
        if get(self.config, "mode.multitask"):
            more.append((f"mode.co_tasks={written(self.co_tasks())}",))
        more += _as_texts(graph.reuse(wanted))
        mode = "tl" if graph.mode() == "tl" else "train"
        words = graph.words(mode, project, *more, gpu=True)
        keep = [text("results/", *project)] if self.carried else []
        name, tars = graph.step(
            f"{self.run.name}-fold" if self.folds > 1 else f"{self.run.name}-model",
            project, words, wanted, keep, gpu=True, folds=self.folds, only=self.only("train_fold"),
        )  # fmt: skip
        return [
            Held(
                name,
                tars[fold] if tars else "",
                f"{graph.unit}__f{fold}",
                nested(self.pivot, fold) if self.is_nested else self.pivot,
                0 if self.is_nested else fold,
                name if self.folds > 1 else None,
            )
            for fold in range(self.folds)
        ]

    def _own_tasks(self) -> list[str]:
        if self.is_nested:
            return [self.pivot, *(nested(self.pivot, fold) for fold in range(self.folds))]
        return [self.pivot]

    def evaluated(self) -> list[str]:
        said = get(self.config, "mode.eval_on")
        return [str(one) for one in said] if isinstance(said, list) else []

    def predict(self, models: list[Held]) -> None:
        graph, wanted = self.graph, Wanted()
        said = self.evaluated()
        graph.want_data([*self._own_tasks(), *said], wanted)
        paired = self._want_models(models, wanted)
        project = text(f"{graph.unit}__f", self.leg(), "_pred")
        source = self._source(models, paired)
        more = [*self.selection(), ("mode.subroutines=[predict]",)]
        if said:
            more += [(f"task_list={written(said)}",), (f"mode.eval_on={written(said)}",)]
        elif self.is_nested:
            more.append((f"task_list={written([self.pivot])}",))
            more.append(text(f"mode.eval_on=[{self.pivot}{TAG}nested?", self.leg(), f",{written(self.pivot)}]"))
        more.append(text("reuse.models=", *source))
        words = graph.words("predict", project, *more, gpu=True)
        keep = [text("results/", *project), text("results/", *source, "/MODELS")] if self.carried else []
        name, tars = graph.step(
            f"{self.run.name}-predict", project, words, wanted, keep, gpu=True, folds=self.folds,
            only=self.only("predict_fold", said or [None]),
        )  # fmt: skip
        for fold, model in enumerate(models):
            held = Held(name, tars[fold] if tars else "", f"{graph.unit}__f{fold}_pred")
            model.updates.append(held)

    def _want_models(self, models: list[Held], wanted: Wanted) -> bool:
        """Take the models; gives whether each leg takes its own alone."""
        jobs = {model.job for model in models}
        paired = self.folds > 1 and len(jobs) == 1 and all(model.legs is not None for model in models)
        paired = paired and all(model.project.endswith(f"__f{fold}") for fold, model in enumerate(models))
        if not paired or any(model.updates for model in models):
            for model in models:
                self.graph.want(model, wanted)
            return paired
        if not self.carried:
            wanted.job(models[0].job, "same")
        else:
            wanted.tar(models[0].job, f"{OUT}/{models[0].job}-", FOLD, ".tar", legs="same")
        return True

    def _source(self, models: list[Held], paired: bool) -> list[str | Ref]:
        if paired:
            return [models[0].project.removesuffix("0"), FOLD]
        names = list(dict.fromkeys(model.project for model in models))
        return [names[0]] if len(names) == 1 else [written(names)]

    def test(self, models: list[Held]) -> None:
        """The newest model: of nested training the first fold's, else the last fold's."""
        graph, wanted = self.graph, Wanted()
        model = models[0] if self.is_nested else models[-1]
        said = self.evaluated()
        graph.want_data([*self._own_tasks()[:2], *said], wanted)
        graph.want(model, wanted)
        project = f"{graph.unit}__test"
        task = nested(self.pivot, 0) if self.is_nested else self.pivot
        more = [f"pivot.name={written(task)}", "mode.nested=false", "mode.cv=false", "mode.subroutines=[test]"]
        more += [f"task_list={written(said)}", f"mode.eval_on={written(said)}"] if said else []
        words = graph.words("test", project, *more, f"reuse.models={written(model.project)}", gpu=True)
        keep = [f"results/{project}", f"results/{model.project}/MODELS"] if self.carried else []
        name, tars = graph.step(f"{self.run.name}-test", project, words, wanted, keep, gpu=True)
        model.updates.append(Held(name, tars[0] if tars else "", project))
