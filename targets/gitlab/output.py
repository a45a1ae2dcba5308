"""All files of a project: the first pipeline in the main file, each other as a child behind a trigger job of its own."""

from __future__ import annotations

import json

from compiler import codes as core
from compiler import duration
from compiler.ir import Call, Changed, OnChangeRequest, OnManual, OnPipeline, Pipeline, Project, Settings, walk
from compiler.target import Document
from compiler.yamlwriter import Block
from targets import overlay
from targets.gitlab import codes, triggers
from targets.gitlab.conditions import ConditionError
from targets.gitlab.files import File, Notes, child_path, child_trigger
from targets.gitlab.jobs import DEFAULT_TIMEOUT, job_data
from targets.gitlab.limits import LIMITS
from targets.gitlab.plan import Unit, fresh, plan
from targets.gitlab.sizes import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from compiler.diagnostics import Sink
    from targets.gitlab.triggers import Clause

MAIN = ".gitlab-ci.yml"
LIGHTEST = 400  # bytes; no job is smaller
FORBIDDEN = (
    ("workflow",),
    ("rules",),
    ("needs",),
    ("when",),
    ("only",),
    ("except",),
    ("id_tokens",),
    ("secrets",),
    ("trigger",),
)


def main_path(settings: Settings) -> str:
    """The main file: `output` names it, or the folder that it lies in."""
    output = settings.output
    if output is None or output.endswith((".yml", ".yaml")):
        return output or MAIN
    return f"{output.rstrip('/')}/{MAIN}"


class Output:
    """The emission of one project; or of several, whose pipelines are children of one file then.

    `project` holds the pipelines of all `parts`, and `settings` what they say of the one file.
    """

    def __init__(
        self, project: Project, settings: Settings, sink: Sink, parts: Sequence[tuple[Project, Settings]] = ()
    ) -> None:
        self.project = project
        self.settings = settings
        self.sink = sink
        self.parts = parts or [(project, settings)]
        self.owners = {pipeline.name: part for part in self.parts for pipeline in part[0].pipelines}
        self.notes = Notes(sink)
        self.main = main_path(settings)
        self._check_settings()
        self.first = project.pipelines[0]
        self.is_dynamic = any(dict(each.options).get("dynamic") in (True, "true") for _, each in self.parts)
        if self.is_dynamic:
            self.main = MAIN  # whoever starts it names it
        apart = self.is_dynamic or len(self.parts) > 1
        self.first_is_child = apart or _group_of(self.first) is not None or self._filters_meet()
        self.children = [*([self.first] if self.first_is_child else []), *project.pipelines[1:]]
        self.documents: list[Document] = []
        self.emitted: dict[tuple[str, str], list[dict[str, Any]]] = {}  # by pipeline and job
        self.inputs: dict[str, dict[str, Any]] = {}

    def _check_settings(self) -> None:
        for _, settings in self.parts:
            image = dict(settings.options).get("deploy_image")
            if image is not None and not (isinstance(image, str) and image):
                message = f"targets.gitlab.deploy_image takes an image, not {json.dumps(image, ensure_ascii=False)}"
                self.sink.report(core.WRONG_SETTING, message, settings.origin, field="deploy_image")
            for runner in settings.runners:
                for key in (key for key, _ in runner.select if key != "tags"):
                    message = f'"{key}" says nothing to GitLab: a runner is chosen by its tags'
                    self.sink.report(core.WRONG_SETTING, message, runner.origin or settings.origin)

    def _filters_meet(self) -> bool:
        """Whether a job of the first of several pipelines tests changed paths, as that pipeline's own start does.

        One rule can't test both, so the pipeline moves behind a trigger job. (One that no other run may overlap does
        as well: that job holds the lock.)
        """
        filtered = any(getattr(trigger, "paths", ()) for trigger in self.first.triggers)
        if not filtered or len(self.project.pipelines) == 1:
            return False
        conditions = (job.condition for job in self.first.jobs if job.condition is not None)
        return any(isinstance(node, Changed) for condition in conditions for node in walk(condition))

    def emit(self) -> tuple[Document, ...]:
        try:
            starts = {pipeline.name: self._starts(pipeline) for pipeline in self.project.pipelines}
        except ConditionError as error:
            self.sink.report(codes.CONDITION_TOO_LARGE, f"a trigger's filter: {error}", self.first.origin)
            return ()
        triggers.note_schedules(self.project, self.sink)
        self._check_depth()
        self._check_downstream()
        variables = self._parameters()
        body = self._main_body(starts)
        for pipeline in self.children:
            self._child(pipeline)
        data = self._main_data(starts, variables, body)
        self._overlay(data)
        header = ({"spec": {"inputs": self.inputs}},) if self.inputs else ()
        self.notes.report(self.project.name)
        manifests = tuple(part.manifest for part, _ in self.parts) if len(self.parts) > 1 else ()
        main = Document(path=self.main, documents=(*header, data), apart=True, manifests=manifests)
        if self.is_dynamic:
            from targets.gitlab.dynamic import bundled

            return (bundled(main, self.documents, self.first.origin, self.sink),)
        return (main, *self.documents)

    def _overlay(self, data: dict[str, Any]) -> None:
        """Each part's overlay goes over the main file and over its own jobs."""
        for part, settings in self.parts:
            own = {pipeline.name for pipeline in part.pipelines}
            jobs: dict[str, list[dict[str, Any]]] = {}
            for (pipeline, name), emitted in self.emitted.items():
                if pipeline in own:
                    jobs.setdefault(name, []).extend(emitted)
            overlay.apply(data, settings.overlay, jobs, FORBIDDEN, self.sink, settings.origin)
            if settings.overlay:
                # Of the main file what is no job, and the jobs that were touched, wherever they stand.
                kept = {key: value for key, value in data.items() if not _is_job(value)}
                kept |= overlay.touched(settings.overlay, jobs)
                overlay.judge("gitlab", [kept], self.sink, settings.origin)

    def _file(self, pipeline: Pipeline, *, child: bool = False, starts: tuple[Clause, ...] = ()) -> File:
        project, settings = self.owners[pipeline.name]
        has_header = bool(self.inputs) and not child
        return File(project, pipeline, settings, self.notes, child=child, has_header=has_header, starts=starts)

    def _manifests(self, pipeline: Pipeline) -> tuple[str, ...]:
        return (self.owners[pipeline.name][0].manifest,) if len(self.parts) > 1 else ()

    def _starts(self, pipeline: Pipeline) -> tuple[Clause, ...]:
        found = triggers.clauses(pipeline, self.project)
        if self._is_called(pipeline):
            found = [clause for clause in found if clause.event != "call"]
        return tuple(found)

    def _is_called(self, pipeline: Pipeline) -> bool:
        calls = (job.action for other in self.project.pipelines for job in other.jobs)
        return any(isinstance(call, Call) and call.pipeline == pipeline.name for call in calls)

    # -------------------------------------------------------------------------------------------------------- the main file

    def _main_body(self, starts: dict[str, tuple[Clause, ...]]) -> Body:
        own = () if len(self.project.pipelines) == 1 else starts[self.first.name]
        others = {(clause.expression, clause.changes) for name in starts for clause in starts[name]}
        if others <= {(clause.expression, clause.changes) for clause in starts[self.first.name]}:
            own = ()
        file = self._file(self.first, starts=own)
        body = Body(file)
        if not self.first_is_child:
            body = self._pipeline_body(self.first, file, forward=self._parameter_names(self.first))
        taken = {str(name) for name in body.jobs}
        for pipeline in self.children:
            self._add_triggers(pipeline, starts[pipeline.name], body, taken)
        return body

    def _main_data(
        self, starts: dict[str, tuple[Clause, ...]], variables: dict[str, object], body: Body
    ) -> dict[str, Any]:
        file = body.file
        started = [(pipeline, clause) for pipeline in self.project.pipelines for clause in starts[pipeline.name]]
        rules = triggers.start_rules(started, events_needed=file.uses_event, caches=file.uses_cache)
        cancels = any(triggers.cancels(pipeline) for pipeline in self.project.pipelines)
        data: dict[str, Any] = {}
        if self.settings.include:
            data["include"] = [{"local": path} for path in self.settings.include]
        data["workflow"] = {
            "auto_cancel": {"on_new_commit": "interruptible" if cancels else "none"},
            "rules": [_commented(rule) for rule in rules] or [{"when": "never"}],
        }
        data.update(body.data(variables))
        return data

    def _parameters(self) -> dict[str, object]:
        """The inputs of the header, and the variables that carry them to jobs. Each pipeline has its own defaults."""
        manual = [pipeline for pipeline in self.project.pipelines if _has(pipeline, OnManual)]
        variables: dict[str, object] = {}
        if len(manual) > 1:
            options = [pipeline.name for pipeline in manual]
            asked = "which pipeline a run by hand is"
            self.inputs[triggers.CHOICE] = {"default": options[0], "description": asked, "options": options}
            variables["HEADRACE_PIPELINE"] = f"$[[ inputs.{triggers.CHOICE} ]]"
        for pipeline in self.project.pipelines:
            is_main = pipeline is self.first
            for parameter in pipeline.parameters:
                name = self._input(pipeline, parameter.name)
                if is_main or pipeline in manual:
                    spec = triggers.input_spec(parameter)
                    if "default" not in spec and any(other is not pipeline for other in self.project.pipelines):
                        spec["default"] = ""
                    self.inputs[name] = spec
                if is_main:
                    value = {"value": f"$[[ inputs.{name} ]]", "expand": False}
                    variables[triggers.parameter_variable(parameter.name)] = value
        triggers.check_inputs(len(self.inputs), self.first, self.sink)
        return variables

    def _input(self, pipeline: Pipeline, name: str) -> str:
        """The input for a parameter: pipelines that say the same of it share one."""
        wanted = triggers.input_name(name)
        mine = next(parameter for parameter in pipeline.parameters if parameter.name == name)
        for other in self.project.pipelines:
            if other is pipeline:
                return wanted
            theirs = next((parameter for parameter in other.parameters if parameter.name == name), None)
            if theirs is not None and theirs != mine:
                return f"{triggers.input_name(pipeline.name)}_{wanted}"
        return wanted

    def _parameter_names(self, pipeline: Pipeline) -> list[str]:
        return [triggers.parameter_variable(parameter.name) for parameter in pipeline.parameters]

    # ---------------------------------------------------------------------------------------------------- child pipelines

    def _add_triggers(self, pipeline: Pipeline, starts: tuple[Clause, ...], body: Body, taken: set[str]) -> None:
        if starts:
            name = fresh(pipeline.name, taken)
            data: dict[str, Any] = {"needs": [], "rules": self._trigger_rules(starts)}
            data.update(self._child_job(pipeline, "$CI_PIPELINE_SOURCE"))
            body.jobs[name] = self._commented_job(data, pipeline)
            body.triggers[pipeline.name] = name
        for trigger in pipeline.triggers:
            if isinstance(trigger, OnPipeline):
                name = fresh(f"{pipeline.name}-after-{trigger.pipeline}", taken)
                data = self._after(trigger.pipeline, body)
                data.update(self._child_job(pipeline, "after"))
                body.jobs[name] = self._commented_job(data, pipeline)

    def _commented_job(self, data: dict[str, Any], pipeline: Pipeline) -> Block:
        path = pipeline.origin.path if pipeline.origin is not None else f"pipelines.{pipeline.name}"
        return Block(data, comment=f"{self.owners[pipeline.name][0].manifest}: {path}")

    def _trigger_rules(self, starts: tuple[Clause, ...]) -> list[dict[str, Any]]:
        found = []
        for clause in starts:
            rule: dict[str, Any] = {"if": clause.expression[0]}
            if clause.changes:
                rule["changes"] = list(clause.changes)
            found.append(rule)
        return found

    def _child_job(self, pipeline: Pipeline, source: str) -> dict[str, Any]:
        """The keys of a trigger job: what it passes on, and the lock that it holds while the child runs."""
        values: dict[str, object] = {"HEADRACE_SOURCE": source}
        # What a job does not inherit its own rules can't see either: https://docs.gitlab.com/ci/yaml/#inheritvariables
        inherited = ["HEADRACE_PIPELINE"] if triggers.CHOICE in self.inputs else []
        for parameter in pipeline.parameters:
            name = triggers.parameter_variable(parameter.name)
            wanted = self._input(pipeline, parameter.name)
            if wanted not in self.inputs:
                continue
            if any(other.name == parameter.name and other == parameter for other in self.first.parameters):
                inherited.append(name)
            else:
                values[name] = {"value": f"$[[ inputs.{wanted} ]]", "expand": False}
        for clause in triggers.clauses(pipeline, self.project):
            for name, _ in clause.values:
                variable = triggers.parameter_variable(name)
                if variable not in inherited and variable in values:
                    inherited.append(variable)
                    del values[variable]
        data: dict[str, Any] = {"inherit": {"variables": inherited or False}, "variables": values}
        group = _group_of(pipeline)
        if group is not None:
            data["resource_group"] = file_text(group)
        data["trigger"] = child_trigger(child_path(pipeline.name))
        return data

    def _after(self, name: str, body: Body) -> dict[str, Any]:
        """Needs and rules of what runs after another pipeline ended well; never in a change request."""
        if name in body.triggers:
            needed = body.triggers[name]
            return {"needs": [needed], "rules": _merged(body.jobs[needed]["rules"])}
        if name != self.first.name or self.first_is_child:
            # That one starts in no way that the main file knows, so nothing comes after it.
            return {"needs": [], "rules": [{"when": "never"}]}
        # What runs on failure is skipped in a run that ends well.
        well = [unit for unit in body.units if unit.job.run_on != "failure"]
        used = {edge.unit.name for unit in well for edge in unit.edges}
        last = [unit for unit in well if unit.name not in used]
        data: dict[str, Any] = {"needs": body.last(last)}
        if body.file.starts:
            data["rules"] = _merged(self._trigger_rules(body.file.starts))
        elif _has(self.first, OnChangeRequest):
            data["rules"] = [{"if": '$CI_PIPELINE_SOURCE != "merge_request_event"'}]
        return data

    def _child(self, pipeline: Pipeline) -> None:
        file = self._file(pipeline, child=True)
        body = self._pipeline_body(pipeline, file, forward=None)
        variables = {
            triggers.parameter_variable(parameter.name): triggers.default_value(parameter)
            for parameter in pipeline.parameters
        }
        data = self._child_data(file, body, variables)
        path, manifests = child_path(pipeline.name), self._manifests(pipeline)
        self.documents.append(Document(path=path, documents=(data,), manifests=manifests))

    def _child_data(self, file: File, body: Body, variables: dict[str, object]) -> dict[str, Any]:
        rules = triggers.child_rules(file.dialect, events_needed=file.uses_event, caches=file.uses_cache)
        cancels = triggers.cancels(file.pipeline) or file.pipeline.concurrency is None
        data: dict[str, Any] = {
            "workflow": {
                "auto_cancel": {"on_new_commit": "interruptible" if cancels else "none"},
                "rules": rules,
            }
        }
        data.update(body.data(variables))
        return data

    # ---------------------------------------------------------------------------------------------------------- one pipeline

    def _pipeline_body(self, pipeline: Pipeline, file: File, forward: list[str] | None) -> Body:
        """A pipeline's jobs in one file, or trigger jobs for the parts of one that is too large for a file."""
        units = plan(pipeline, self.sink)
        body = Body(file)
        body.units = units
        if len(units) * LIGHTEST < LIMITS["yaml"]:
            for unit in units:
                body.jobs[unit.name] = job_data(unit, file)
            if size(body.data({})) <= LIMITS["yaml"]:
                self._remember(body)
                return body
        return self._split(pipeline, file, units, forward)

    def _remember(self, body: Body) -> None:
        for unit in body.units:
            key = (body.file.pipeline.name, unit.job.name)
            self.emitted.setdefault(key, []).append(body.jobs[unit.name])

    def _split(self, pipeline: Pipeline, file: File, units: list[Unit], forward: list[str] | None) -> Body:
        from targets.gitlab.split import Split

        project, settings = self.owners[pipeline.name]
        made = Split(project, pipeline, settings, self.notes, units, LIMITS["yaml"])
        body = Body(self._file(pipeline, child=file.is_child, starts=file.starts))
        if made.parts is None:
            return body
        for number, part in enumerate(made.parts, 1):
            variables: dict[str, object] = {
                triggers.parameter_variable(parameter.name): triggers.default_value(parameter)
                for parameter in pipeline.parameters
            }
            path = child_path(pipeline.name, number)
            self._remember(part.body)
            data = self._child_data(part.body.file, part.body, variables)
            self.documents.append(Document(path=path, documents=(data,), manifests=self._manifests(pipeline)))
        source = "$HEADRACE_SOURCE" if file.is_child else "$CI_PIPELINE_SOURCE"
        for name, job in made.trigger_jobs(body.file, source, forward):
            body.jobs[name] = self._commented_job(job, pipeline)
        body.last_names = made.last
        return body

    def _check_depth(self) -> None:
        """Child pipelines nest two levels deep."""
        by_name = {pipeline.name: pipeline for pipeline in self.project.pipelines}
        depth = {pipeline.name: 1 for pipeline in self.children}
        depth[self.first.name] = 1 if self.first_is_child else 0
        pending = list(by_name)
        while pending:
            name = pending.pop(0)
            for job in by_name[name].jobs:
                if not isinstance(job.action, Call) or job.action.pipeline not in by_name:
                    continue
                below = depth[name] + 1
                if below > LIMITS["nesting"]:
                    message = f'"{job.name}" calls a pipeline at level {below}, GitLab nests {LIMITS["nesting"]} levels'
                    self.sink.report(codes.NESTED_PIPELINES, message, job.origin)
                elif below > depth[job.action.pipeline]:
                    depth[job.action.pipeline] = below
                    pending.append(job.action.pipeline)

    def _check_downstream(self) -> None:
        """Every leg of a call is a pipeline of its own, and so is all that it calls."""
        from compiler import graph
        from compiler.matrix import legs

        by_name = {pipeline.name: pipeline for pipeline in self.project.pipelines}
        calls = {
            name: [job for job in pipeline.jobs if isinstance(job.action, Call) and job.action.pipeline in by_name]
            for name, pipeline in by_name.items()
        }
        started: dict[str, int] = {}
        called = {
            name: [job.action.pipeline for job in jobs if isinstance(job.action, Call)] for name, jobs in calls.items()
        }
        for name in graph.order(called):
            started[name] = sum(
                len(legs(job.matrix)) * (1 + started[other])
                for job, other in zip(calls[name], called[name], strict=True)
            )
            if started[name] > LIMITS["downstream"]:
                message = f'"{name}" starts {started[name]} pipelines, GitLab lets one start {LIMITS["downstream"]}'
                self.sink.report(
                    core.LIMIT, message, by_name[name].origin, help="call them from fewer legs of a matrix"
                )


class Body:
    """The jobs of one file as they are put together."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.units: list[Unit] = []
        self.jobs: dict[str, Any] = {}
        self.triggers: dict[str, str] = {}  # the trigger job of each child pipeline
        self.last_names: list[str] | None = None

    def last(self, units: list[Unit]) -> list[Any]:
        """Needs of all that a pipeline ends with."""
        if self.last_names is not None:
            return [{"job": name, "artifacts": False, "optional": True} for name in self.last_names]
        return [
            {"job": unit.name, "artifacts": False, **({"optional": True} if unit.condition is not None else {})}
            for unit in units
        ]

    def data(self, variables: dict[str, object]) -> dict[str, Any]:
        """Everything of a file but how it starts."""
        file = self.file
        data: dict[str, Any] = {"default": {"interruptible": True, "timeout": duration.text(DEFAULT_TIMEOUT)}}
        top = {**variables, **file.top_variables()}
        if top:
            data["variables"] = top
        data.update(file.templates)
        data.update(self.jobs)
        data.update(file.script_templates)  # last, since nobody reads them
        return data


def file_text(text: Any) -> str:
    """The group of a pipeline as a resource group. https://docs.gitlab.com/ci/yaml/#resource_group"""
    from compiler.ir import Ref
    from targets.commands import variable
    from targets.gitlab.files import BRIDGED

    parts = []
    for piece in text:
        if isinstance(piece, Ref):
            parts.append(BRIDGED.get((piece.kind, piece.name), "$" + variable(piece)))
        else:
            parts.append("".join(c if c.isascii() and (c.isalnum() or c in "-_/. ") else "-" for c in piece))
    return "".join(parts)


def _group_of(pipeline: Pipeline) -> Any:
    return pipeline.concurrency.group if pipeline.concurrency is not None else None


def _has(pipeline: Pipeline, kind: type[Any]) -> bool:
    return any(isinstance(trigger, kind) for trigger in pipeline.triggers)


def _is_job(value: Any) -> bool:
    return isinstance(value, dict) and ("script" in value or "trigger" in value)


def _merged(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rules of what is merged already, without those of change requests."""
    kept = [rule for rule in rules if '== "merge_request_event"' not in str(rule.get("if", ""))]
    return kept or [{"when": "never"}]


def _commented(rule: dict[str, Any]) -> dict[str, Any]:
    if "merge_request_event" in str(rule.get("if", "")):
        return Block(rule, comment=triggers.FORKS)
    return rule
