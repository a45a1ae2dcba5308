"""The thirteen steps of a lifecycle: which job does which, the jobs that headrace's own tools do, and the schedule.

Steps are the pipeline's own by name. Four may be described instead: what data must be like (5), that the parts of a
split share nothing (6), what is watched and when (12), and what a log's lines must hold (13). Objectives (1) judge the
evaluation (8) and the test (9), which may share neither their job nor their data (M28).
"""

from __future__ import annotations

from compiler import codes as core
from compiler.diagnostics import Sink, suggest
from compiler.frontends.mlspec import codes
from compiler.frontends.mlspec.gates import read_objectives
from compiler.frontends.mlspec.ingestion import fetching
from compiler.ir import (
    LIFECYCLE_STEPS,
    NOTHING,
    Artifact,
    Input,
    Job,
    Lifecycle,
    Need,
    OnChangeRequest,
    OnManual,
    OnPush,
    OnSchedule,
    Pipeline,
    Project,
    Tool,
)
from compiler.paths import PathError, from_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.base import Files
    from compiler.frontends.mlspec.view import View
    from compiler.ir import Objective, Text

FOLDER = "mlspec"
DAILY = "0 5 * * *"  # for monitoring that says no schedule of its own
GROUPS = ("applicationInfo", "requestInfo", "resultInfo", "modelInfo", "inputs", "prediction")


def scheduled_steps(view: View) -> set[str]:
    """The steps that watch and roll back: they make jobs whether the list holds them or not."""
    body = view.get("lifecycle", "monitoring")
    return {body.text("step"), body.text("rollback")} - {""} if body is not None else set()


def with_lifecycle(project: Project, view: View, folder: str, repository: Files, sink: Sink) -> Project:
    """The project with the steps of its lifecycle, and the jobs that these make."""
    return _Lifecycle(project, view, folder, repository, sink).project_with_steps()


class _Lifecycle:
    """Reads the lifecycle of one pipeline or model."""

    def __init__(self, project: Project, view: View, folder: str, repository: Files, sink: Sink) -> None:
        self.project = project
        self.view = view
        self.body = view.get("lifecycle")
        self.folder = folder
        self.repository = repository
        self.sink = sink
        self.jobs = {job.name: job for job in project.jobs}
        self.steps: dict[str, str] = {}
        self.pipelines: list[Pipeline] = []
        self.monitored: set[str] = set()  # jobs of the schedule alone

    def project_with_steps(self) -> Project:
        objectives = self._objectives()
        readers = {
            "data_validation": self._data_validation,
            "data_splitting": self._data_splitting,
            "monitoring": self._monitoring,
            "logging": self._logging,
        }
        for step, found in self.body.entries() if self.body is not None else ():
            if step not in LIFECYCLE_STEPS:
                continue  # the shape was reported
            if found.is_mapping and step in readers:
                readers[step](found)
            else:
                self._named(step, found)
        self._check_parts()
        origin = (self.body or self.view).origin
        jobs = tuple(job for job in self.jobs.values() if job.name not in self.monitored)
        lifecycle = Lifecycle(steps=tuple(self.steps.items()), origin=origin)
        if objectives:
            lifecycle = lifecycle.replace(objectives=objectives)
        project = self.project.replace(jobs=jobs, lifecycle=lifecycle)
        if not self.pipelines:
            return project
        triggers = (OnPush(), OnChangeRequest(), OnManual())
        main = project.pipelines or (Pipeline(name=project.name, triggers=triggers, origin=self.view.origin),)
        return project.replace(pipelines=(*main, *self.pipelines))

    # ---------------------------------------------------------------------------------------------------- its parts

    def path(self, name: str) -> str:
        return "/".join(part for part in (self.folder, FOLDER, name) if part)

    def _from_root(self, value: View) -> str | None:
        try:
            return from_root(value.value.strip(), self.folder)
        except PathError as error:
            self.sink.report(core.BAD_PATH, str(error), value.at, help=error.help)
            return None

    def _named(self, step: str, found: View) -> str | None:
        """A step of the lifecycle that a step of the pipeline does."""
        name = found.value.strip()
        if name in self.jobs:
            self.steps[step] = name
            return name
        near = suggest(name, self.jobs)
        notes = () if near else (f"there is {', '.join(self.jobs) or 'none'}",)
        message = f'"{name}" is no step of this pipeline'
        self.sink.report(codes.STEP_LIST, message, found.at, suggestion=near, notes=notes)
        return None

    def _tool(self, name: str, tool: str, words: list[str], at: View, reads: list[View], report: str) -> str:
        """A job of one of headrace's tools, which leaves a report; it waits for who makes what it reads."""
        arguments: tuple[Text, ...] = tuple((word,) for word in words)
        inputs = [(self._from_root(value), value) for value in reads]
        while name in self.jobs:
            name += "-check"
        self.jobs[name] = Job(
            name=name,
            action=Tool(name=tool, arguments=arguments, origin=at.origin),
            inputs=tuple(Input(path=(path,), origin=value.origin) for path, value in inputs if path is not None)
            or NOTHING,
            outputs=(Artifact(path=(report,), kind="file", origin=at.origin),),
            origin=at.origin,
        )
        return name

    def _before(self, later: str, earlier: str) -> None:
        """One job waits for another, without its outputs."""
        job = self.jobs.get(later)
        if job is None or earlier == later or any(need.job == earlier for need in job.needs):
            return
        need = Need(job=earlier, artifacts=False, origin=job.origin)
        self.jobs[later] = job.replace(needs=(*job.needs, need))

    # --------------------------------------------------------------------------------------------------- objectives

    def _objectives(self) -> tuple[Objective, ...]:
        """1: the objectives, here or in a document of their own, and the job that freezes them."""
        found = self.view.get("objectives")
        if found is None:
            return ()
        read: list[Objective] = []
        for item in found.each():
            if item.is_text and item.value.strip().endswith((".yml", ".yaml")):
                read += self._objectives_of(item)
            elif item.is_text:
                read += read_objectives(item, self.sink)
        said = self.body.get("codify_objectives") if self.body is not None else None
        if said is None and read:
            from compiler.objective import text

            report = self.path("objectives.json")
            words = [f"--to={report}", "--", *(text(one) for one in read)]
            self.steps["codify_objectives"] = self._tool("objectives", "objectives", words, found, [], report)
            training = self.body.text("training") if self.body is not None else ""
            self._before(training, "objectives")
        return tuple(read)

    def _objectives_of(self, item: View) -> list[Objective]:
        from compiler.frontends.mlspec.reading import read_document

        path = self._from_root(item)
        if path is None:
            return []
        if not self.repository.is_file(path):
            self.sink.report(core.MISSING_FILE, f'"{path}" {self.repository.absence(path)}', item.at)
            return []
        document = read_document(path, self.repository, self.sink)
        if document is None or document.kind != "objectives":
            if document is not None:
                self.sink.report(codes.UNRESOLVED, f'"{path}" is no document of objectives', item.at)
            return []
        found = document.view.get("objectives")
        return list(read_objectives(found, Sink())) if found is not None else []

    # ------------------------------------------------------------------------------------------ what tools check

    def _data_validation(self, body: View) -> None:
        """5: a job that fails where data are not what the schema says, before anything is trained."""
        schema = body.get("schema")
        data = [item for item in body.listed("data") if item.is_text]
        if schema is None or not data:
            return
        self._must_exist(schema)
        report = self._report(body, "data.json")
        paths = [path for path in map(self._from_root, data) if path is not None]
        place = self._from_root(schema) or ""
        words = [f"--schema={place}", f"--report={report}", *paths]
        name = self._tool("validate-data", "data", words, body, [*data, schema], report)
        self.steps["data_validation"] = name
        self._before(self._training(), name)

    def _must_exist(self, value: View) -> None:
        path = self._from_root(value)
        made = {output.path for job in self.jobs.values() for output in job.outputs if isinstance(output, Artifact)}
        if path is not None and not self.repository.is_file(path) and (path,) not in made:
            self.sink.report(core.MISSING_FILE, f'"{path}" {self.repository.absence(path)}', value.at)

    def _report(self, body: View, name: str) -> str:
        said = body.get("report")
        return (self._from_root(said) if said is not None else None) or self.path(name)

    def _training(self) -> str:
        return self.body.text("training") if self.body is not None else ""

    def _data_splitting(self, body: View) -> None:
        """6: the step that splits, and a job that fails where two parts share a row."""
        step = body.get("step")
        name = self._named("data_splitting", step) if step is not None else None
        parts = body.get("parts")
        found = [(part, value) for part, value in (parts.entries() if parts is not None else ()) if value.is_text]
        if name is None or not found:
            return
        report = self._report(body, "split.json")
        words = [f"--report={report}", *(f"--key={key}" for key in body.words("key"))]
        words += [f"{part}={self._from_root(value)}" for part, value in found]
        check = self._tool("check-split", "leakage", words, body, [value for _, value in found], report)
        self._before(self._training(), check)

    def _check_parts(self) -> None:
        """M28: what the test reads, neither training nor evaluation may have read."""
        if self.body is None:
            return
        parts = self.body.get("data_splitting", "parts")
        paths = {self._from_root(value): part for part, value in (parts.entries() if parts is not None else ())}
        read = {
            step: {
                paths[path]
                for given in self.jobs[name].inputs
                for path in (given.path[0],)
                if isinstance(path, str) and path in paths
            }
            for step, name in self.steps.items()
            if step in ("training", "evaluation", "testing")
        }
        at = self.body.get("testing")
        self._check_same(at)
        for other in ("training", "evaluation"):
            shared = read.get(other, set()) & read.get("testing", set())
            if shared and at is not None and self.steps.get("testing") != self.steps.get(other):
                message = f'the test reads "{", ".join(sorted(shared))}", which {other} reads, too'
                advice = "test on the part that nothing else has seen"
                self.sink.report(core.SAME_EVALUATION, message, at.at, help=advice)

    def _check_same(self, at: View | None) -> None:
        """Evaluation and test that read the same paths read the same data."""
        jobs = [self.jobs[self.steps[step]] for step in ("evaluation", "testing") if step in self.steps]
        read = [{given.path[0] for given in job.inputs} for job in jobs]
        if len(jobs) == 2 and jobs[0] is not jobs[1] and read[0] and read[0] == read[1] and at is not None:
            message = f'"{jobs[0].name}" and "{jobs[1].name}" read the same: {", ".join(sorted(map(str, read[0])))}'
            advice = "test on data that neither training nor evaluation has seen"
            self.sink.report(core.SAME_EVALUATION, message, at.at, help=advice)

    def _logging(self, body: View) -> None:
        """13: a job that fails where a line of the log lacks a field of the record."""
        record = body.get("record")
        logs = [item for item in body.listed("log") if item.is_text]
        fields = self._fields(record) if record is not None else []
        if not fields or not logs:
            return
        report = self._report(body, "log.json")
        paths = [path for path in map(self._from_root, logs) if path is not None]
        words = [f"--report={report}", *(f"--field={field}" for field in fields), *paths]
        self.steps["logging"] = self._tool("check-log", "records", words, body, logs, report)

    def _fields(self, record: View) -> list[str]:
        """The fields of a record's document: `requestInfo.requestId`, with a type where it says one."""
        from compiler.frontends.mlspec.reading import read_document

        path = self._from_root(record)
        if path is None or not self.repository.is_file(path):
            if path is not None:
                self.sink.report(core.MISSING_FILE, f'"{path}" {self.repository.absence(path)}', record.at)
            return []
        document = read_document(path, self.repository, self.sink)
        if document is None or document.kind not in ("inferenceLog", "inferenceRequest"):
            if document is not None:
                self.sink.report(codes.UNRESOLVED, f'"{path}" is no document of a log record', record.at)
            return []
        return [field for group in GROUPS for field in _fields_of(document.view.get(group), group)]

    # ---------------------------------------------------------------------------------------------------- monitoring

    def _monitoring(self, body: View) -> None:
        """12: a pipeline of its own on a schedule: what watches, and what rolls back where that fails."""
        step = body.get("step")
        name = self._named("monitoring", step) if step is not None else None
        if name is None or step is None:
            return
        cron = body.get("cron")
        line = self._cron(cron) if cron is not None else DAILY
        watch = _without_needs(self.jobs[name])
        jobs = [*fetching(tuple(self.jobs.values()), {given.path for given in watch.inputs}), watch]
        if self.view.get("pipeline") is not None and name not in self.view.words("pipeline"):
            self.monitored.add(name)
        rollback = body.get("rollback")
        if rollback is not None:
            jobs += self._rollback(rollback, name)
        else:
            message = f'nothing rolls back where "{name}" fails'
            advice = "name a step under `rollback`"
            self.sink.report(codes.LEFT_OUT, message, body.key_span(), severity="note", help=advice)
        if line is not None:
            trigger = OnSchedule(cron=line, timezone="UTC", origin=(cron or body).origin)
            pipeline = Pipeline(name=f"{self.project.name}-monitoring", jobs=tuple(jobs), triggers=(trigger,))
            self.pipelines.append(pipeline.replace(origin=body.origin))

    def _cron(self, value: View) -> str | None:
        from compiler.cron import CronError, parse

        try:
            parse(value.value)
        except CronError as error:
            self.sink.report(core.BAD_CRON, str(error), value.at)
            return None
        return value.value.strip()

    def _rollback(self, rollback: View, watch: str) -> list[Job]:
        name = rollback.value.strip()
        if name not in self.jobs:
            near = suggest(name, self.jobs)
            self.sink.report(codes.STEP_LIST, f'"{name}" is no step of this pipeline', rollback.at, suggestion=near)
            return []
        self.monitored.add(name)
        need = Need(job=watch, artifacts=False, origin=rollback.origin)
        return [self.jobs[name].replace(run_on="failure", needs=(need,))]


def _without_needs(job: Job) -> Job:
    return job.replace(needs=NOTHING)


def _fields_of(group: View | None, name: str) -> list[str]:
    """A group's fields: a list of names, or a mapping of names to types."""
    if group is None:
        return []
    found: list[str] = []
    for item in group.each():
        if item.is_text:
            found.append(f"{name}.{item.value}")
        for key, body in item.entries():
            kind = body.text("type") if body.is_mapping else ""
            optional = "?" if body.is_mapping and body.flag("optional") else ""
            inner = body.text("items", "type") if kind == "array" else ""
            found.append(f"{name}.{key}{optional}" + (f":{kind}" if kind else "") + (f":{inner}" if inner else ""))
    return found
