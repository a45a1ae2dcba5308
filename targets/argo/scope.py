"""One workflow that is being made: its names, its parameters, and how values reach its containers."""

from __future__ import annotations

from compiler.ir import (
    And,
    BuildImage,
    Call,
    Changed,
    Compare,
    Matches,
    Not,
    OnCall,
    OnChangeRequest,
    OnPush,
    Or,
    Ref,
    Truth,
    walk,
)
from targets import commands, names
from targets.argo import codes, spelling
from targets.runners import Runners

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Condition, Job, Pipeline, Project, Settings, Text
    from targets.argo.images import Images
    from targets.argo.nodes import Node
    from targets.argo.options import Options

# What the first task finds out about the commit, and what a trigger says about it.
FACTS = ("commit", "short", "branch", "tag", "ref", "default_branch")
TRIGGERED = ("event", "branch", "tag", "base", "change-request")
ROOT = "/src"  # where the repository's files lie in every pod
GENERATED = ("source", "supersede", "decide", "end")


def workflow_names(project: Project) -> dict[str, str]:
    """What the pipelines are called in the cluster. Argo adds 5 characters and a dash to a run's name."""
    return names.unique((pipeline.name for pipeline in project.pipelines), spelling.legal, 50)


class Names:
    """Legal names for the tasks of one pipeline: its jobs', and those that are added."""

    def __init__(self, project: Project, pipeline: Pipeline, jobs: Iterable[Job]) -> None:
        self.workflows = workflow_names(project)
        self.workflow = self.workflows[pipeline.name]
        self.jobs = names.unique((job.name for job in jobs), spelling.legal_task, spelling.LONGEST)
        self.taken = {name.lower() for name in self.jobs.values()}
        self.added: dict[str, str] = {}

    def of_workflow(self, part: str) -> str:
        """The name of a further object of the pipeline: none that another pipeline has."""
        return names.fresh(f"{self.workflow}-{part}", self.workflows.values())

    def add(self, wanted: str) -> str:
        """The name of something that the compiler adds: the same for the same wish."""
        if wanted not in self.added:
            made = spelling.short(spelling.legal_task(wanted), spelling.LONGEST - 4)
            if made in self.taken:
                made = names.fresh(made, self.taken)
            self.added[wanted] = made
            self.taken.add(made)
        return self.added[wanted]


class Uses:
    """What a pipeline's jobs ask of the run: facts of the commit, and what a trigger must say."""

    def __init__(self) -> None:
        self.facts: set[str] = {"commit"}
        self.triggered: set[str] = set()

    def fact(self, name: str) -> None:
        if name == "event":
            self.triggered.add("event")
            return
        self.facts.add(name)
        if name == "ref":
            self.facts.update(("branch", "tag"))
        if name in ("branch", "tag", "ref"):
            self.triggered.update(("branch", "tag"))

    def condition(self, condition: Condition) -> None:
        for node in walk(condition):
            if isinstance(node, Changed):
                self.triggered.update(("event", "base", "tag", "branch"))
                self.facts.add("tag")
            elif isinstance(node, (Compare, Matches, Truth)) and not node.subject.startswith("parameters."):
                self.fact(node.subject)


class Scope:
    """A workflow's names and values. In a part of a split pipeline (`part`) the run's facts are its parameters."""

    def __init__(
        self,
        project: Project,
        pipeline: Pipeline,
        settings: Settings,
        options: Options,
        images: Images,
        named: Names,
        uses: Uses,
        sink: Sink,
        part: bool = False,
    ) -> None:
        self.project = project
        self.pipeline = pipeline
        self.settings = settings
        self.options = options
        self.images = images
        self.names = named
        self.uses = uses
        self.sink = sink
        self.runners = Runners(settings, sink)
        self.part = part
        self.held: frozenset[str] | None = None  # in a part: the jobs whose outputs' readers are all here
        self.pull_secrets: list[str] | None = None  # worked out once for all parts
        self.members: frozenset[str] | None = None  # in a part: its jobs
        self.parameters = self.parameter_names(pipeline)
        self.types = {parameter.name: parameter.type for parameter in pipeline.parameters}
        self.secrets = {secret.name: secret for secret in project.secrets}
        self.stores = {store.name: store for store in project.stores}
        self.by_name = {job.name: job for job in pipeline.jobs}
        self.shared: set[str] = set()  # support scripts that several templates carry
        self.unsure: dict[str, list[str]] = {}  # jobs, and those of their needs that may have failed when they begin
        self.turns: dict[str, str] = {}  # legs that are jobs of their own, and whose mutex of the run they wait for
        self.decisions: dict[str, Any] = {}
        self.outcomes: dict[str, Job] = {}  # in a part: jobs of other parts of which it must know how they ended
        self.nodes: dict[str, Node] = {}  # of jobs on several machines, by the tasks' names
        self.notes: dict[str, None] = {}

    @staticmethod
    def parameter_names(pipeline: Pipeline) -> dict[str, str]:
        """What a pipeline's parameters are called in its workflow."""
        wanted = (parameter.name for parameter in pipeline.parameters)
        return names.unique(wanted, _legal_parameter, spelling.LONGEST)

    def declared(self, pipeline: Pipeline) -> set[str]:
        """What a pipeline of the project wants to be told by whoever starts it."""
        return uses_of(pipeline, self.project).triggered

    # ---------------------------------------------------------------------------------------------------------- values

    @property
    def run(self) -> str:
        """The place of this run's artifacts; parts of a split pipeline share their parent's."""
        return "{{workflow.parameters.run}}" if self.part else "{{workflow.namespace}}/{{workflow.name}}"

    def path(self, ref: Ref) -> str:
        """What holds a hole's value, as Argo names it: `workflow.parameters.rate`."""
        if ref.kind == "parameters":
            return spelling.member("workflow.parameters", self.parameters[ref.name])
        if ref.kind == "matrix":
            return spelling.member("inputs.parameters", spelling.legal_parameter(ref.name))
        if ref.kind == "git":
            return self.fact(ref.name)
        return {"id": "workflow.name", "attempt": "retries"}[ref.name]

    def fact(self, name: str) -> str:
        if name == "event":
            return "workflow.parameters.event"
        if name == "repository":
            return "workflow.parameters.repository"
        return f"workflow.{'parameters' if self.part else 'outputs.parameters'}.{name}"

    def simple(self, ref: Ref) -> str:
        """A hole as `{{…}}`, for paths, images and keys."""
        if ref.kind == "parameters":
            return "{{workflow.parameters." + self.parameters[ref.name] + "}}"
        if ref.kind == "matrix":
            return "{{inputs.parameters." + spelling.legal_parameter(ref.name) + "}}"
        if ref.kind == "images":
            return self.images.reference(ref.name, self.fact("commit"))
        if ref.kind == "project":
            return self.project.name
        if ref.kind == "run" and ref.name == "attempt":
            return "1"
        if ref.kind == "run" and ref.name == "url":
            return self._run_url()
        if ref.kind == "sidecars":
            return "localhost"
        return "{{" + self.path(ref) + "}}"

    def pinned(self, image: str) -> str:
        return commands.pinned(self.project, image)

    def _run_url(self) -> str:
        base = (self.options.url or "").rstrip("/")
        return f"{base}/workflows/{{{{workflow.namespace}}}}/{{{{workflow.name}}}}"

    def inline(self, text: Text, job: Job, leg: dict[str, str] | None = None) -> str:
        """Text in a field that only Argo fills. Values of a leg that stands alone are known."""
        parts = []
        for piece in text:
            if isinstance(piece, str):
                parts.append(piece)
            elif leg and piece.kind == "matrix" and piece.name in leg:
                parts.append(leg[piece.name])
            else:
                parts.append(self.simple(piece))
        if any(spelling.has_braces(part) for part, piece in zip(parts, text, strict=True) if isinstance(piece, str)):
            self.refuse_braces("".join(parts), job)
        return "".join(parts)

    def refuse_braces(self, text: str, job: Job) -> None:
        message = f'"{text}" has "{{{{", which Argo Workflows replaces there'
        self.sink.report(codes.BRACES, message, job.origin, help="carry it in a variable or in a file")

    def variable(self, ref: Ref, job: Job, leg: dict[str, str]) -> str:
        """A hole as the value of a container's variable.

        Kubernetes expands `$(NAME)` there, so what people or branch names may hold is written with its `$` doubled. Argo
        reads what it put in once more, and would evaluate `{{= }}` there: Kubernetes puts such braces together.
        """
        if ref.kind == "matrix":
            if ref.name in leg:
                return spelling.plain(leg[ref.name])
            return self.guarded(self.path(ref)) if self._has_dollar(job, ref.name) else self.simple(ref)
        if ref.kind == "parameters" and self.types.get(ref.name) == "string":
            return self.guarded(self.path(ref))
        if ref.kind == "git" and ref.name in ("branch", "tag", "ref", "default_branch"):
            return self.guarded(self.path(ref))
        if ref.kind == "run" and ref.name == "attempt":
            return "{{=asInt(retries) + 1}}" if job.retry is not None else "1"
        if ref.kind == "sidecars" and ref.member == "port":
            return next(str(sidecar.port or "") for sidecar in job.sidecars if sidecar.name == ref.name)
        return self.simple(ref)

    @staticmethod
    def guarded(path: str) -> str:
        """A value in which neither Kubernetes nor Argo finds anything to replace; `jobs` adds the brace."""
        return "{{=replace(replace(" + path + ", '$', '$$'), '{' + '{', '{$(HEADRACE_BRACE)')}}"

    @staticmethod
    def _has_dollar(job: Job, axis: str) -> bool:
        matrix = job.matrix
        values = [value for name, listed in (matrix.axes if matrix else ()) if name == axis for value in listed]
        values += [value for given in (matrix.include if matrix else ()) for name, value in given if name == axis]
        return any("$" in value for value in values)

    def expression(self, text: Text) -> str:
        """Text as one expression: literals and holes put together."""
        parts = [spelling.literal(piece) if isinstance(piece, str) else self._term(piece) for piece in text]
        return " + ".join(parts) or "''"

    def _term(self, ref: Ref) -> str:
        if ref.kind == "images":
            return f"{spelling.literal(self.images.repository(ref.name) + ':')} + {self.fact('commit')}"
        if ref.kind == "project":
            return spelling.literal(self.project.name)
        if ref.kind == "run" and ref.name == "url":
            base = spelling.literal((self.options.url or "").rstrip("/") + "/workflows/")
            return f"{base} + workflow.namespace + '/' + workflow.name"
        return "'1'" if ref.kind == "run" and ref.name == "attempt" else self.path(ref)

    # ----------------------------------------------------------------------------------------------------- conditions

    def when(self, condition: Condition | None, task: str) -> tuple[str | None, bool]:
        """A task's `when`, and whether it waits for the task that decides what expressions can't."""
        if condition is None:
            return None, False
        if not any(isinstance(node, Changed) for node in walk(condition)):
            return "{{= " + self._told(condition, 0) + " }}", False
        key = self._decision(condition, task)
        path = spelling.member(spelling.member("tasks", self.names.add("decide")) + ".outputs.parameters", key)
        return "{{= " + path + " == 'true' }}", True

    def _decision(self, condition: Condition, task: str) -> str:
        data = _data(condition)
        for key, known in self.decisions.items():
            if known == data:
                return key
        self.decisions[task] = data
        return task

    def _subject(self, subject: str) -> str:
        if subject.startswith("parameters."):
            return spelling.member("workflow.parameters", self.parameters[subject.removeprefix("parameters.")])
        if subject == "event" or self.part:
            return f"workflow.parameters.{subject}"
        return spelling.member(spelling.member("tasks", self.names.add("source")) + ".outputs.parameters", subject)

    def _denied(self, condition: Condition) -> str:
        if isinstance(condition, Compare):
            subject = self._subject(condition.subject)
            if condition.operator == "in":
                return f"{subject} not in [{', '.join(map(spelling.literal, condition.values))}]"
            operator = "!=" if condition.operator == "==" else "=="
            return f"{subject} {operator} {spelling.literal(condition.values[0])}"
        return f"!({self._told(condition, 0)})"

    def _told(self, condition: Condition, binding: int) -> str:
        """A condition in Argo's expression language; `binding`: what stands around it, 1 `and`, 2 `not`."""
        if isinstance(condition, (And, Or)):
            own, word = (1, " && ") if isinstance(condition, And) else (0, " || ")
            inner = word.join(self._told(term, own) for term in condition.terms)
            return f"({inner})" if binding > own and len(condition.terms) > 1 else inner
        if isinstance(condition, Not):
            return self._denied(condition.term)
        assert not isinstance(condition, Changed)
        subject = self._subject(condition.subject)
        if isinstance(condition, Truth):
            return f"{subject} == 'true'"
        if isinstance(condition, Matches):
            from compiler.condition import glob_regex

            pattern = spelling.literal(f"^{glob_regex(condition.glob)}$")
            return f"{subject} != '' && {subject} matches {pattern}"
        if condition.operator == "in":
            return f"{subject} in [{', '.join(map(spelling.literal, condition.values))}]"
        return f"{subject} {condition.operator} {spelling.literal(condition.values[0])}"


def _legal_parameter(name: str) -> str:
    made = spelling.legal_parameter(name)
    reserved = (*TRIGGERED, *FACTS, "repository", "revision", "run")
    return made + "_" if made in reserved or made.startswith("headrace-") else made


def _data(condition: Condition) -> list[Any]:
    """A condition as targets/runtime/decide.py reads it."""
    if isinstance(condition, (And, Or)):
        return ["and" if isinstance(condition, And) else "or", *(_data(term) for term in condition.terms)]
    if isinstance(condition, Not):
        return ["not", _data(condition.term)]
    if isinstance(condition, Changed):
        return ["changed", list(condition.globs)]
    if isinstance(condition, Matches):
        return ["matches", condition.subject, condition.glob]
    if isinstance(condition, Truth):
        return ["true", condition.subject]
    if condition.operator == "in":
        return ["in", condition.subject, list(condition.values)]
    return [condition.operator, condition.subject, condition.values[0]]


def uses_of(pipeline: Pipeline, project: Project) -> Uses:
    """What a pipeline asks of the run, by its jobs' holes and conditions, its builds, caches, calls and triggers."""
    uses = Uses()
    for job in pipeline.jobs:
        _of_job(job, pipeline, project, uses)
    if any(isinstance(trigger, OnChangeRequest) for trigger in pipeline.triggers):
        uses.triggered.update(("event", "change-request"))
    for trigger in pipeline.triggers:
        if isinstance(trigger, (OnPush, OnChangeRequest)) and trigger.paths:
            uses.condition(Changed(globs=trigger.paths))
    group = pipeline.concurrency.group if pipeline.concurrency is not None else None
    for piece in group or ():
        if isinstance(piece, Ref) and piece.kind == "git":
            uses.fact(piece.name)
    return uses


def may_be_reviewed(pipeline: Pipeline) -> bool:
    """Whether a run can be a change request's: by its own trigger, or by the run that calls it."""
    return any(isinstance(trigger, OnCall | OnChangeRequest) for trigger in pipeline.triggers)


def _of_job(job: Job, pipeline: Pipeline, project: Project, uses: Uses) -> None:
    for ref in commands.refs(job):
        if ref.kind == "git" and ref.name != "repository":
            uses.fact(ref.name)
    if job.condition is not None:
        uses.condition(job.condition)
    if isinstance(job.action, BuildImage):
        from targets.argo.builds import facts

        for fact in facts(job):
            uses.fact(fact)
    if isinstance(job.action, Call):
        called = next((one for one in project.pipelines if one.name == job.action.pipeline), None)
        if called is not None and called is not pipeline:
            # What a change request starts stays its run in whatever it calls.
            passed = ("branch", "tag", "event") if may_be_reviewed(pipeline) else ("branch", "tag")
            for name in passed:
                if name in uses_of(called, project).triggered:
                    uses.fact(name)
