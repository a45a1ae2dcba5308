"""From AME's own terms to a project: tasks become jobs with a pipeline each, models and data sets what they are.

`ame task run NAME` runs one task: here it is a pipeline of that name, started by hand and by the task's schedule. Every
model has a pipeline that trains, validates and deploys it on a push.
"""

from __future__ import annotations

from compiler import codes, ir, kubernetes
from compiler.diagnostics import Label
from compiler.frontends.ame import codes as ame
from compiler.frontends.ame import config
from compiler.frontends.ame.environments import with_executor
from compiler.frontends.ame.names import Names, legal
from compiler.frontends.ame.outputs import Claims, dataset_path, outputs_of
from compiler.frontends.ame.references import References, is_bare
from compiler.frontends.ame.resources import resources_of
from compiler.frontends.ame.schedules import triggers_of
from compiler.frontends.ame.serde import CURRENT, DOCUMENTED, GO, RUST
from compiler.ir import NOTHING, EnvVar, Job, Need, Pipeline, Project, Secret, SecretUse
from compiler.paths import ROOT
from compiler.source import At

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from compiler.diagnostics import Sink
    from compiler.frontends.ame.projects import Others
    from compiler.frontends.base import Files
    from compiler.source import Origin

    Named = TypeVar("Named", config.Task, config.DataSet)

# AME ends no task. Six hours are what every target gives: https://docs.github.com/en/actions/reference/limits
TIMEOUT_SECONDS = 6 * 3600
TRACKING = "MLFLOW_TRACKING_URI"
ALL_OF_IT = "headrace runs all of it there"
LAST = 2**31  # where pipelines stand that no task of the list has


def lower(project: config.ProjectConfig, others: Others, files: Files, sink: Sink, unit: str) -> Project | None:
    """The project of a file; None where it has nothing of its own to run, which is said."""
    if not (project.tasks or project.models or project.datasets):
        if not sink.failed:
            report_nothing(project, sink)
        return None
    return Lowering(project, others, files, sink).project(unit)


def report_nothing(project: config.ProjectConfig, sink: Sink) -> None:
    advice = "templates are for the tasks of other projects in this repository" if project.templates else None
    sink.report(ame.NOTHING_TO_RUN, f'"{project.name}" has nothing to run', project.origin, help=advice)


class Lowering:
    """One project on its way."""

    def __init__(self, own: config.ProjectConfig, others: Others, files: Files, sink: Sink) -> None:
        self.own = own
        self.others = others
        self.files = files
        self.sink = sink
        self.references = References(own, others, sink)
        self.claims = Claims()
        self.job_names = Names()
        self.pipeline_names = Names()
        self.jobs: dict[str, Job] = {}
        self.pipelines: list[tuple[int, Pipeline]] = []  # with what orders them: tasks as they stand, then the rest
        self.secrets: dict[tuple[str | None, str | None], Secret] = {}
        self.secret_names = Names()
        self.datasets: dict[tuple[str, str], ir.Dataset] = {}
        self.dataset_names = Names()
        self.waiting: list[tuple[config.DataSet, str]] = []  # data sets without their producers yet, and their folders
        self.job_of: dict[int, list[str]] = {}  # the last jobs of a task of the project's list, by its identity
        self.tracked: set[int] = set()  # tasks that train a model, which have to reach MLflow

    def project(self, unit: str) -> Project | None:
        from compiler.frontends.ame.models import Models

        tasks = self._tasks()
        models = Models(self)
        models.mark()
        for dataset in self.own.datasets:
            self._claim(dataset)
        for task in tasks:
            self._reserve(task)
        for number, task in enumerate(tasks):
            if not self._is_shared(task):
                self._task(task, number)
        for number, task in enumerate(tasks):
            if self._is_shared(task):
                self._alias(task, number)
        models.lower()
        self._produce()
        self._loose_datasets()
        if not (self.jobs or models.services or self.sink.failed):
            report_nothing(self.own, self.sink)
            return None
        return Project(
            name=legal(self.own.name, self.own.origin, self.sink),
            manifest=unit,
            folder=self.own.folder,
            defaults=Job(name="defaults", timeout=TIMEOUT_SECONDS) if self.jobs else None,
            jobs=tuple(self.jobs.values()) or NOTHING,
            pipelines=tuple(self._ordered()) or NOTHING,
            secrets=tuple(self.secrets.values()) or NOTHING,
            datasets=tuple(self.datasets.values()) or NOTHING,
            models=tuple(models.models) or NOTHING,
            services=tuple(models.services) or NOTHING,
        )

    def _tasks(self) -> list[config.Task]:
        """The project's tasks. Of two of one name AME finds the first; templates and data sets are looked up alike."""
        self._first(self.own.templates, "template")
        self._first(self.own.datasets, "data set")
        return self._first(self.own.tasks, "task")

    def _first(self, found: tuple[Named, ...], what: str) -> list[Named]:
        """The first one of each name, and all without one."""
        kept: dict[str, Named] = {}
        for number, one in enumerate(found):
            name = one.name or f"\0{number}"
            other = kept.setdefault(name, one)
            if other is not one:
                first = () if other.origin is None else (Label(other.origin.span(), "the one that it finds is here"),)
                message = f'AME never finds a second {what} "{name}"'
                self.sink.report(ame.SECOND_NAME, message, one.origin, labels=first, notes=("it is left out",))
        return list(kept.values())

    def _claim(self, dataset: config.DataSet) -> None:
        """A data set's path is its producer's, whatever other tasks keep."""
        path = dataset_path(dataset, self.own.folder, self.sink)
        if path is not None:
            self.claims.take(path)

    def _ordered(self) -> list[Pipeline]:
        """The default task's pipeline comes first: it is the one that a run by hand means."""
        wanted = self.own.default_task
        known = {pipeline.name for _, pipeline in self.pipelines}
        if wanted is not None and wanted not in known:
            message = f'the default task "{wanted}" is not a task of "{self.own.name}"'
            self.sink.report(codes.UNKNOWN_JOB, message, self.own.origin, field="defaultTask")
        ordered = [pipeline for _, pipeline in sorted(self.pipelines, key=lambda found: found[0])]
        return sorted(ordered, key=lambda pipeline: pipeline.name != wanted)

    # --------------------------------------------------------------------------------------------------------- tasks

    def _reserve(self, task: config.Task) -> None:
        """Tasks of the list keep their names, whatever is named in the course of it."""
        if task.name and not task.steps:
            self.job_names.taken.add(legal(task.name, task.origin, self.sink))

    def _is_shared(self, task: config.Task) -> bool:
        """Whether a task says nothing but which one of the same project it is."""
        reference = task.reference
        return reference is not None and reference.project in (None, self.own.name) and is_bare(task)

    def _alias(self, task: config.Task, number: int) -> None:
        """A bare reference runs the jobs of the task that it ends at."""
        whole = self.references.whole(task)
        if whole is None:
            return
        at: config.Task | None = task
        while at is not None and at.reference is not None and self._is_shared(at):
            at = self.references.task(at.reference, self.own.name)
        ends = self.job_of.get(id(at))
        if ends:
            self.job_of[id(task)] = ends
            name = legal(task.name or "task", task.origin, self.sink)
            self.add_pipeline(name, ends, triggers_of(whole.schedule, self.own, self.sink), task.origin, number)

    def _task(self, task: config.Task, number: int) -> None:
        """A task of the project's list: its jobs, and the pipeline that runs them."""
        whole = self.references.whole(task)
        if whole is None:
            return
        if not whole.name:
            message = 'AME can\'t run a task without a name, it is called "task" here'
            self.sink.report(ame.CHANGED_NAME, message, task.origin)
        name = legal(whole.name or "task", whole.origin, self.sink)
        if whole.steps:
            ends = self.steps(whole, name)
        else:
            if name not in self.jobs:
                self.job_names.taken.discard(name)
            ends = self.add_job(whole, self.job_names.free(name), tracked=id(task) in self.tracked)
        if not ends:
            return
        self.job_of[id(task)] = ends
        self.add_pipeline(name, ends, triggers_of(whole.schedule, self.own, self.sink), whole.origin, number)

    def add_pipeline(
        self, name: str, members: list[str], triggers: tuple[ir.Trigger, ...], at: Origin | None, number: int = LAST
    ) -> None:
        """A pipeline of its own; one that is no task's stands behind, under another name where a task has its."""
        free = self.pipeline_names.free(name) if number < LAST else self.pipeline_names.free(name, f"{name}-all")
        told = None if at is None else At(f"pipelines.{free}", at.span())
        made = Pipeline(name=free, members=tuple(members), triggers=triggers, origin=told)
        self.pipelines.append((number, made))

    def add_job(
        self,
        task: config.Task,
        name: str,
        needs: tuple[Need, ...] = NOTHING,
        *,
        tracked: bool = False,
        changed: bool = False,
        folder: str | None = None,
        dataset: str | None = None,
    ) -> list[str]:
        """The job of a task that takes over nothing any more; none where nothing runs, which is reported.

        `tracked`: it has to reach MLflow. `changed`: every file that it changes is kept. `folder`: where it runs, unless
        that is the project's. `dataset`: the path of the data set that it makes.
        """
        executor = task.executor
        if executor is None or (executor.kind != "mlflow" and executor.command is None):
            self._no_executor(task, name)
            return []
        if self.references.current:
            self._report_broken(task, executor)
        home = self.own.folder if folder is None else folder
        secrets = self._secrets(task, tracked or executor.kind == "mlflow")
        everything = changed or self._keeps(executor)
        job = Job(
            name=name,
            needs=needs,
            env=self._env(task, {use.env for use in secrets}),
            secrets=secrets or NOTHING,
            datasets=self._dataset_uses(task) or NOTHING,
            resources=resources_of(task.resources, self.sink) if task.resources else None,
            outputs=outputs_of(task, home, self.claims, self.sink, everything, dataset) or NOTHING,
            cache=None if dataset is None else ir.Cache(origin=task.origin),
            origin=task.origin,
        )
        self.jobs[name] = self._placed(with_executor(job, executor, home, self.files), home)
        return [name]

    def _report_broken(self, task: config.Task, executor: config.Executor) -> None:
        """What AME's scripts do not do as it is written."""
        if executor.kind in ("poetry", "pipEnv") and "\n" in (executor.command or "").strip("\n"):
            message = f"AME runs only the first line of the command in {executor.kind.lower()}'s environment"
            self.sink.report(ame.LOST_FIELD, message, executor.origin, field="command", notes=(ALL_OF_IT,))
        if len(task.datasets) > 1:
            message = f'AME fetches "{task.datasets[-1].name}" alone, the last of the data sets'
            self.sink.report(ame.LOST_FIELD, message, task.datasets[0].origin, notes=("headrace brings all of them",))

    def lost_trigger(self, task: config.Task) -> None:
        """A schedule that a task has by itself where it stands for a part of something else."""
        if task.schedule is not None:
            message = "nothing pulls this trigger: its task is none of the project's list"
            self.sink.report(ame.LOST_TRIGGER, message, task.schedule.origin)

    def _placed(self, job: Job, home: str) -> Job:
        """A job of another project runs in that one's folder."""
        environment = job.environment
        if home == self.own.folder or not isinstance(environment, ir.Environment):
            return job
        place = home or ROOT
        if environment.installer is not None:
            environment = environment.replace(working_directory=place)
        return job.replace(working_directory=place, environment=environment)

    def _keeps(self, executor: config.Executor) -> bool:
        """Whether every file that a task changes is kept without a word about it, as older versions did."""
        return self.own.dialect == GO or (self.own.dialect == RUST and executor.kind != "mlflow")

    def _no_executor(self, task: config.Task, name: str) -> None:
        if task.faulty:
            return
        current = self.own.dialect in (CURRENT, DOCUMENTED)
        lacks = "executor" if current or task.executor is None else "command"
        advice = "give it an executor: !poetry, !pip, !pipEnv, !mlflow or !custom" if current else None
        message = f'"{task.name or name}" has no {lacks}: nothing says what runs'
        self.sink.report(ame.NO_EXECUTOR, message, task.origin, help=advice)

    def _env(self, task: config.Task, hidden: set[str | None]) -> tuple[EnvVar, ...]:
        """Each variable once. Of two of one name Kubernetes takes the later one; secrets come last."""
        found: dict[str, EnvVar] = {}
        for variable in task.env:
            other = found.get(variable.name)
            if other is not None or variable.name in hidden:
                by = "the secret of that name" if variable.name in hidden else "the later one"
                at = variable.origin if other is None or variable.name in hidden else other.origin
                message = f'"{variable.name}" stands twice, {by} counts'
                self.sink.report(ame.SECOND_NAME, message, at)
            found[variable.name] = variable
        return tuple(one for name, one in found.items() if name not in hidden) or NOTHING

    # ------------------------------------------------------------------------------------------------------- secrets

    def _secrets(self, task: config.Task, mlflow: bool) -> tuple[SecretUse, ...]:
        found: dict[str, SecretUse] = {}
        for grant in task.secrets:
            if grant.variable in found:
                message = f'"{grant.variable}" stands twice, the later one counts'
                self.sink.report(ame.SECOND_NAME, message, found[grant.variable].origin)
            found[grant.variable] = SecretUse(secret=self._secret(grant), env=grant.variable, origin=grant.origin)
        if mlflow and TRACKING not in found and all(variable.name != TRACKING for variable in task.env):
            found[TRACKING] = self.tracking(task.origin)
        return tuple(found.values())

    def tracking(self, at: Origin | None) -> SecretUse:
        """Where MLflow is: AME's own address holds in its cluster alone."""
        known = (None, TRACKING)
        if known not in self.secrets:
            self.secrets[known] = Secret(name=self.secret_names.free(TRACKING), origin=at)
        return SecretUse(secret=self.secrets[known].name, env=TRACKING, origin=at)

    def _secret(self, grant: config.SecretGrant) -> str:
        """The name of a secret: one of AME's is the Kubernetes secret of its key, and in it the key `secret`."""
        known = (grant.path, grant.key)
        if known in self.secrets:
            return self.secrets[known].name
        if grant.path is None:
            name = self.secret_names.free(legal(str(grant.key), grant.origin, self.sink))
            held = f"{grant.key}/secret" if kubernetes.is_host(str(grant.key)) else None
            made = Secret(name=name, path=held, origin=grant.origin)
        else:
            last = grant.key or grant.path.rpartition("/")[2] or "secret"
            name = self.secret_names.free(legal(last, grant.origin, self.sink))
            made = Secret(name=name, store="vault", path=grant.path, key=grant.key, origin=grant.origin)
        self.secrets[known] = made
        return name

    # ------------------------------------------------------------------------------------------------------ data sets

    def _dataset_uses(self, task: config.Task) -> tuple[str, ...]:
        found = []
        for reference in task.datasets:
            dataset = self.references.dataset(reference, task.project or self.own.name)
            name = None if dataset is None else self._dataset(dataset)
            if name is not None:
                found.append(name)
        return tuple(dict.fromkeys(found))

    def _dataset(self, dataset: config.DataSet) -> str | None:
        """A data set by its name in the project: once, for all who read it. Its producer waits to be made."""
        key = (dataset.project, dataset.name)
        if key in self.datasets:
            return self.datasets[key].name
        home = self.others.project(dataset.project)
        folder = self.own.folder if home is None else home.folder
        path = dataset_path(dataset, folder, self.sink)
        if path is None:
            return None
        wanted = legal(dataset.name, dataset.origin, self.sink)
        name = self.dataset_names.free(wanted, f"{dataset.project}-{wanted}")
        self.claims.take(path)
        self.datasets[key] = ir.Dataset(name=name, path=path, origin=dataset.origin)
        if dataset.task is not None:
            self.waiting.append((dataset, folder))
        return name

    def _produce(self) -> None:
        """The jobs that make the data sets that are read; they may read others."""
        while self.waiting:
            dataset, folder = self.waiting.pop(0)
            key = (dataset.project, dataset.name)
            made = self.datasets[key]
            self.datasets[key] = made.replace(produced_by=self._producer(dataset, made, folder))

    def _producer(self, dataset: config.DataSet, made: ir.Dataset, folder: str) -> str | None:
        task = dataset.task
        assert task is not None
        whole = self.references.whole(task.replace(project=dataset.project), "dataset")
        if whole is None:
            return None
        if whole.steps:
            message = "a data set comes from one task, not from a pipeline"
            self.sink.report(codes.WRONG_VALUE, message, task.origin or dataset.origin)
            return None
        self.lost_trigger(task)
        if self.references.current and not (whole.artifacts is not None and whole.artifacts.changed):
            message = f'AME keeps nothing of the data set "{dataset.name}": its task does not say saveChangedFiles'
            self.sink.report(ame.LOST_FIELD, message, dataset.origin, notes=("headrace keeps its path",))
        shared = self._shared(task, dataset.project)
        if shared is not None:
            self.jobs[shared] = self.jobs[shared].replace(cache=ir.Cache(origin=task.origin))
            return shared
        own = legal(whole.name, whole.origin, self.sink) if whole.name else f"produce-{made.name}"
        name = self.job_names.free(own, f"produce-{made.name}")
        jobs = self.add_job(whole, name, folder=folder, dataset=made.path)
        return jobs[0] if jobs else None

    def _shared(self, task: config.Task, project: str) -> str | None:
        """The job of the task that a bare reference names, where it is one of this project's list."""
        if project != self.own.name or task.reference is None or not is_bare(task):
            return None
        found = self.references.task(task.reference, project)
        ends = self.job_of.get(id(found), [])
        return ends[0] if len(ends) == 1 else None

    def _loose_datasets(self) -> None:
        """Data sets that no task of the project reads are there for other projects, and by hand."""
        unread = {one.name: one for one in reversed(self.own.datasets) if (one.project, one.name) not in self.datasets}
        loose = [one for one in self.own.datasets if one.task is not None and unread.get(one.name) is one]
        for dataset in loose:
            self._dataset(dataset)
        self._produce()
        for dataset in loose:
            made = self.datasets.get((dataset.project, dataset.name))
            if made is not None and made.produced_by is not None:
                self.add_pipeline(made.name, [made.produced_by], (ir.OnManual(),), dataset.origin)

    # ------------------------------------------------------------------------------------------------------- pipelines

    def steps(self, task: config.Task, name: str) -> list[str]:
        """The jobs of a pipeline's steps; gives those of its last group, which bring the others along."""
        from compiler.frontends.ame.steps import Steps

        return Steps(self, task, name).lower()
