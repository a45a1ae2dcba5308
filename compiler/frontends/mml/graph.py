"""The jobs of an experiment so far, who made what, and how a call of MML becomes a job.

Each job has a project of MML's for itself (file numbers begin anew in every workspace), and what it leaves travels as
one tar. Edges are what is read: a prediction needs its model, post-processing all predictions, a test what predicted
with its model before, since both write into that model's file.
"""

from __future__ import annotations

from compiler import ir
from compiler.frontends.mml import codes
from compiler.frontends.mml.composing import get
from compiler.frontends.mml.experiment import PYTHON, Experiment, Run
from compiler.frontends.mml.planner import base_of
from compiler.frontends.mml.runs import sanitized
from compiler.frontends.mml.words import as_text, options, reuse_word, text, texts
from compiler.ir import Artifact, EnvVar, Exec, Job, Matrix, Need, Ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal

    from compiler.diagnostics import Sink
    from compiler.ir import Text

SCRIPT = ".mml/step.py"
OUT = ".mml/out"
STEP = "mml-step"  # the job that brings the script
TRAINING_SECONDS = 6 * 3600  # what a step on a GPU has, where nothing is said
FOLD = Ref(kind="matrix", name="fold")
MODEL_KEYS = ("models", "parameters", "pipeline")
# What the graph says itself for every step, so that the user's own words for it are left out.
OWN = frozenset(
    ("mode", "proj", "tasks", "task_list", "pivot", "tagging", "mode.subroutines", "mode.nested", "mode.cv",
     "mode.eval_on", "mode.co_tasks", "distance._mode.subroutines", "reuse", "remove")
)  # fmt: skip
OWN_STARTS = ("pivot.", "tagging.", "reuse.", "remove.")
TRANSFER = ("mode.pretrain_task", "mode.model_selection", "mode.freeze")  # keys that tl alone has


def environment_of(experiment: Experiment) -> ir.Environment:
    """MML from its package, unless the manifest's own environment says where it is."""
    given = experiment.environment or ir.Environment(origin=experiment.origin)
    install = ["python3", "-m", "pip", "install", f"mml-core=={experiment.version}", *experiment.plugins]
    brings = given.image is not None or given.file is not None or given.setup is not ir.NOTHING
    return given.replace(
        name="mml",
        python=given.python or PYTHON,
        setup=given.setup if brings else ((" ".join(install),),),
    )


def bare(experiment: Experiment) -> ir.Environment:
    """Python without MML: the same image, nothing installed."""
    given = environment_of(experiment)
    return ir.Environment(image=given.image, python=given.python, credentials=given.credentials, origin=given.origin)


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

    def begin(self, run: Run) -> None:
        """Turn to the next run: what is added from now on is its."""
        self.at += 1
        assert run.plan is not None
        self.run, self.plan = run, run.plan
        self.user_project = self.projects[self.at]
        alone = self.projects.count(self.user_project) == 1
        base = self.user_project if alone else f"{self.user_project}__{run.name}"
        self.unit = base
        self.own: list[Held] = []

    # ------------------------------------------------------------------------------------------------- words of a call

    def kept(self) -> list[str]:
        """The user's own overrides that every step keeps, as written."""
        found = []
        for override in self.run.line.overrides:
            if override.key not in OWN and not override.key.startswith(OWN_STARTS):
                found.append(override.text)
        return found

    def words(self, mode: str, project: Text | str, *more: str | Text, gpu: bool = False) -> list[Text]:
        """A call of MML. Beside training, MML takes a GPU for granted: it fails on a machine that has none."""
        kept = self.kept()
        if mode != "tl":
            kept = [word for word in kept if not word.lstrip("+~").startswith(TRANSFER)]
        gpu = gpu and (self.experiment.accelerator is not None or self.experiment.runner is not None)
        if not gpu and not any(word.lstrip("+").startswith("allow_gpu=") for word in kept):
            kept.append("allow_gpu=false")
        head: list[Text] = [("mml",), (mode,), *((word,) for word in kept)]
        return [*head, text("proj=", *([project] if isinstance(project, str) else project)), *texts(more)]

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
                self.take(wanted, job, tar, self.experiment.data.path is not None)

    @staticmethod
    def take(wanted: Wanted, job: str, tar: str, outside: bool) -> None:
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
                found.append(reuse_word(key, names))
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
        resumes: bool = True,
        timeout: int | None = None,
    ) -> tuple[str, list[str]]:
        """Add a job that runs one call; gives its name and the tar of each fold."""
        name = self.free(name)
        leg: list[str | Ref] = ["-", FOLD] if folds > 1 else []
        if matrix is not None:
            leg = ["-", Ref(kind="matrix", name=matrix.include[0][0][0])]
        tar = text(OUT + "/" + name, *leg, ".tar")
        run_id = self.run_id()
        argv: list[Text] = [("python3",), (SCRIPT,), ("run",), ("--project",), as_text(project), ("--id",), run_id]
        argv += options("--take", wanted.tars)
        gives = bool(keep)
        if gives:
            argv += [("--give",), tar, *options("--keep", [as_text(one) for one in keep])]
        if only is not None:
            argv += [("--only",), only]
        argv += [("--sweep",)] if sweep else []
        argv += [("--",), *words]
        if matrix is None and folds > 1:
            matrix = Matrix(axes=(("fold", tuple(str(fold) for fold in range(folds))),))
        self._job(name, argv, wanted, tar if gives else None, gpu, matrix, resumes, timeout)
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

    def free(self, name: str) -> str:
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
                needs=(Need(job=STEP, origin=run.origin), *self.needs(wanted)),
                env=self.variables(),
                secrets=tuple(ir.SecretUse(secret=one, env=one, origin=run.origin) for one in secrets) or ir.NOTHING,
                resources=self._resources(gpu),
                volumes=self.volumes(),
                outputs=outputs or ir.NOTHING,
                matrix=matrix,
                retry=ir.Retry(max=experiment.retries, origin=run.origin) if experiment.retries else None,
                timeout=timeout,
                resume=self._resume() if resumes else None,
                origin=run.origin,
            )
        )

    def needs(self, wanted: Wanted) -> tuple[Need, ...]:
        found = []
        for job, legs in wanted.needs.items():
            arrives = any(isinstance(tar[0], str) and _is_of(tar, job) for tar in wanted.tars)
            same: Literal["same"] | None = "same" if legs == "same" else None
            found.append(Need(job=job, artifacts=None if arrives else False, legs=same, origin=self.run.origin))
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

    def volumes(self) -> tuple[ir.Volume, ...]:
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


def _is_of(tar: Text, job: str) -> bool:
    """Whether a tar is what a job left."""
    start = str(tar[0]).removeprefix(OUT + "/")
    rest = start.removeprefix(job)
    return start.startswith(job) and (
        rest == ".tar" or rest == "-" or rest.removeprefix("-").removesuffix(".tar").isdigit()
    )
