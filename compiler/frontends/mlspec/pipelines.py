"""A pipeline draft as jobs: the list gives control edges, paths give data edges, modules give images and interfaces."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader
from compiler.diagnostics import Label, Sink, suggest
from compiler.frontends.mlspec import codes, compute
from compiler.frontends.mlspec.commands import lines_of, placeholders, variables_of
from compiler.frontends.mlspec.ingestion import Ingestion
from compiler.frontends.mlspec.lifecycle import scheduled_steps
from compiler.frontends.mlspec.modules import Library, Port
from compiler.frontends.mlspec.objects import check_status, is_name, slug
from compiler.frontends.mlspec.steps import Path, Step, check_overwriting
from compiler.frontends.mlspec.vertices import Vertices
from compiler.ir import (
    Artifact,
    Cache,
    Environment,
    Input,
    Job,
    Need,
    OnManual,
    OnPush,
    Parameter,
    Pipeline,
    Project,
    Ref,
    Script,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from compiler.frontends.base import Files
    from compiler.frontends.mlspec.reading import Document
    from compiler.frontends.mlspec.view import View
    from compiler.ir import Resources, Text

GPU_TIMEOUT_SECONDS = 6 * 3600  # MLSpec has no word for it, and a GPU without a limit is expensive
TYPE_WORDS = frozenset(
    ("path", "string", "str", "int", "integer", "float", "number", "bool", "boolean", "file", "list", "dict", "map")
)


def read_pipeline(document: Document, folder: str, repository: Files, sink: Sink) -> Project | None:
    """The project of a pipeline draft."""
    view = document.view
    check_status(view, "this pipeline", sink)
    reading = _Reading(view, folder, repository, sink)
    steps = reading.expand_all()
    reading.vertices.check_unused()
    used = [vertex for vertex in reading.vertices.found.values() if vertex.used]
    ingestion = Ingestion(used, {step.name for step in steps}, sink)
    jobs = (*ingestion.jobs, *(ingestion.after_check(reading.job(step)) for step in steps))
    project = Project(
        name=slug(view.text("name") or "pipeline"),
        manifest=document.path,
        folder=folder,
        jobs=jobs,
        origin=view.origin,
    )
    if reading.graph:
        project = project.replace(parameters=reading.graph)
    if ingestion.secrets:
        project = project.replace(secrets=ingestion.secrets)
    if view.get("attest") is not None or ingestion.secrets:
        attest: Any = view.text("attest") or None
        pipeline = Pipeline(name=project.name, attest=attest, origin=view.origin)
        if ingestion.secrets:  # a change request has none, and moves no data
            pipeline = pipeline.replace(triggers=(OnPush(), OnManual()))
        project = project.replace(pipelines=(pipeline,))
    if view.get("lifecycle") is not None or view.get("objectives") is not None:
        from compiler.frontends.mlspec.lifecycle import with_lifecycle

        project = with_lifecycle(project, view, folder, repository, sink)
    return project


class _Reading:
    """Reads one draft."""

    def __init__(self, view: View, folder: str, repository: Files, sink: Sink) -> None:
        self.view = view
        self.folder = folder
        self.repository = repository
        self.sink = sink
        self.library = Library(folder, repository, sink)
        self.vertices = Vertices(view, folder, repository, sink)
        self.graph = tuple(self._parameters())
        self.steps: list[Step] = []
        self.opened: list[str] = []  # complex modules that are being expanded

    # ---------------------------------------------------------------------------------------------------- the graph

    def _parameters(self) -> Iterable[Parameter]:
        """The pipeline's own parameters, typed, with defaults."""
        found = self.view.get("parameters")
        if found is None:
            return
        seen: dict[str, View] = {}
        bodies = found.entries() if found.is_mapping else [(item.text("name"), item) for item in found.each()]
        for name, body in bodies:
            if not is_name(name):
                message = (
                    f"{reader.shown(name)} is no name of a parameter: letters, digits, _ and -, a letter or digit first"
                )
                self.sink.report(core.BAD_NAME, message, body.key_span())
                continue
            first = seen.setdefault(name, body)
            if first is not body:
                message = f'two parameters of this pipeline are named "{name}"'
                labels = (Label(first.key_span(), "the other one is here"),)
                self.sink.report(codes.DUPLICATE, message, body.key_span(), labels=labels)
                continue
            told: dict[str, Any] = {"default": body.value} if body.is_text else {}
            if body.is_mapping:
                told = {key: body.text(key) for key in ("type", "default", "minimum", "maximum") if body.get(key)}
                told["help"] = body.text("description") or None
                if body.get("choices") is not None:
                    told["choices"] = tuple(body.words("choices"))
            yield Parameter(name=name, origin=body.origin, **told)

    def expand_all(self) -> list[Step]:
        scope: dict[str, Text] = {one.name: (Ref(kind="parameters", name=one.name),) for one in self.graph}
        self._expand("", self.view, scope, {}, [])
        self._check_names()
        check_overwriting(self.steps, self.folder, self.sink)
        used = {piece.name for step in self.steps for value in step.values.values() for piece in value
                if isinstance(piece, Ref) and self._uses(step, piece.name)}  # fmt: skip
        for parameter in self.graph:
            if parameter.name not in used:
                message = f'no step uses the parameter "{parameter.name}"'
                self.sink.report(codes.LEFT_OUT, message, parameter.origin)
        return self.steps

    def _check_names(self) -> None:
        """M02 for steps: two names that differ by their case alone are one, as they are on some file systems."""
        seen: dict[str, Step] = {}
        for step in self.steps:
            first = seen.setdefault(step.name.lower(), step)
            if first is not step:
                message = f'two steps are named "{first.name}", in whatever case'
                labels = (Label(first.view.key_span(), "the other one is here"),)
                self.sink.report(codes.DUPLICATE, message, step.view.key_span(), labels=labels)

    def _uses(self, step: Step, name: str) -> bool:
        command = step.said("cmd")
        names = placeholders(command.value) if command is not None else []
        return any(
            isinstance(piece, Ref) and piece.name == name for used in names for piece in step.values.get(used, ())
        )

    def _order(self, view: View, where: str) -> list[str]:
        """M05: the list's names, each a step and each once; without a list every step, with no control edges."""
        steps = view.get("steps")
        known = steps.names() if steps is not None else []
        listed = view.get("pipeline")
        if listed is None:
            return known
        seen: dict[str, View] = {}
        for item in listed.each():
            if not item.is_text:
                continue
            name = item.value.strip()
            if name not in known:
                near = suggest(name, known)
                notes = () if near or not known else (f"there is {', '.join(known)}",)
                message = f'"{name}" is no step of {where}'
                self.sink.report(codes.STEP_LIST, message, item.at, suggestion=near, notes=notes)
            elif name in seen:
                message = f'"{name}" stands twice in the list of steps'
                labels = (Label(seen[name].at, "first here"),)
                self.sink.report(codes.STEP_LIST, message, item.at, labels=labels)
            else:
                seen[name] = item
        meant = scheduled_steps(view)
        seen |= {name: listed for name in known if name in meant and name not in seen}
        for name in known:
            if name not in seen and steps is not None:
                message = f'the step "{name}" is not in the list, so it makes no job'
                self.sink.report(codes.LEFT_OUT, message, steps.key_span(name))
        return list(seen)

    def _expand(
        self, prefix: str, view: View, scope: dict[str, Text], ports: dict[str, str], before: list[str]
    ) -> list[str]:
        """The steps of a draft or of a complex module; gives the names of the last ones."""
        steps = view.get("steps")
        listed = view.get("pipeline") is not None
        outputs: dict[str, dict[str, str]] = {}
        last: list[str] = []
        for name in self._order(view, f'"{prefix[:-1]}"' if prefix else "this pipeline"):
            body = steps.get(name) if steps is not None else None
            if steps is None or body is None or not body.is_mapping:
                if steps is not None and name in steps.names() and body is None:
                    self.sink.report(core.EMPTY_VALUE, f'the step "{name}" says nothing', steps.key_span(name))
                continue
            step = Step(prefix + self._job_name(name, steps), body, self.library.choose(body))
            step.before = list(before if not listed or not last else last)
            self._fill(step, scope, ports, outputs)
            outputs[name] = self._outputs(step)
            ended = self._inner(step) if self._is_complex(step) else self._simple(step)
            last = ended if listed else [*last, *ended]
        return last or before

    def _job_name(self, name: str, steps: View) -> str:
        if is_name(name):
            return name
        message = f"{reader.shown(name)} is no name of a step: letters, digits, _ and -, a letter or digit first"
        self.sink.report(codes.OBJECT_NAME, message, steps.key_span(name), help=f'its job is named "{slug(name)}"')
        return slug(name)

    def _is_complex(self, step: Step) -> bool:
        return step.version is not None and step.version.view.get("steps") is not None

    def _inner(self, step: Step) -> list[str]:
        """A complex module: its own steps, with the step's values and connections."""
        assert step.version is not None
        module = step.version.module
        if module in self.opened:
            path = " -> ".join([*self.opened[self.opened.index(module) :], module])
            message = f"modules contain one another: {path}"
            self.sink.report(core.CYCLE, message, step.view.slot.span("moduleName"))
            return []
        self.opened.append(module)
        for name, given in step.own.items():
            if not self._inner_uses(step.version.view, name):
                self._report_unused(name, given, step)
        found = self._expand(f"{step.name}-", step.version.view, dict(step.values), step.ports, step.before)
        self.opened.pop()
        return found

    def _inner_uses(self, view: View, name: str) -> bool:
        """Whether a step of a complex module names a parameter, in its command or in its own parameters."""
        steps = view.get("steps")
        for _, body in steps.entries() if steps is not None else ():
            texts = [body.text("cmd"), *(value.value for _, value in _entries(body.get("parameters")))]
            if any(name in placeholders(text) for text in texts):
                return True
        return False

    def _simple(self, step: Step) -> list[str]:
        if step.said("cmd") is None:
            message = f'the step "{step.name}" needs "cmd"'
            self.sink.report(core.MISSING_KEY, message, step.view.key_span())
        self._check_compute(step)
        self.steps.append(step)
        return [step.name]

    def _check_compute(self, step: Step) -> None:
        if step.view.get("moduleName") is None:
            message = f'the step "{step.name}" needs "moduleName"'
            self.sink.report(core.MISSING_KEY, message, step.view.key_span())
        if step.said("computeName") is None:
            message = f'the step "{step.name}" needs "computeName"'
            self.sink.report(core.MISSING_KEY, message, step.view.key_span())

    # ----------------------------------------------------------------------------------- parameters, ports and paths

    def _fill(
        self, step: Step, scope: dict[str, Text], ports: dict[str, str], outputs: dict[str, dict[str, str]]
    ) -> None:
        self._values(step, scope)
        self._inputs(step, ports, outputs)
        for key, into in (("deps", step.reads), ("outs", step.writes)):
            for item in step.view.listed(key):
                found = self._path_of(item, key == "outs", ports, outputs)
                if found is not None:
                    into.append(found)

    def _values(self, step: Step, scope: dict[str, Text]) -> None:
        """A step's parameters: the module's defaults, what the step gives, and the pipeline's."""
        given = dict(_entries(step.view.get("parameters")))
        params = step.version.params if step.version is not None else None
        step.values = dict(scope)
        for name, default in (params or {}).items():
            step.values.pop(name, None)
            if default is not None:
                step.values[name] = (default,) if default else ()
            elif name not in given:
                if name in scope:
                    step.values[name] = scope[name]
                    continue
                message = f'the parameter "{name}" of "{step.module}" has no default, and "{step.name}" gives none'
                self.sink.report(codes.PORT, message, step.view.key_span())
        for name, value in given.items():
            if params is not None and name not in params:
                near = suggest(name, params)
                notes = () if near else (f"it has {', '.join(params) or 'none'}",)
                message = f'"{name}" is no parameter of the module "{step.module}"'
                self.sink.report(codes.PORT, message, value.key_span(), suggestion=near, notes=notes)
                continue
            step.own[name] = value
            step.values[name] = self._value(value, scope)
            if value.value.strip().lower() in TYPE_WORDS:
                message = f'"{value.value}" is taken for the value of "{name}", not for its type'
                self.sink.report(codes.PARAMETER_VALUE, message, value.at)

    def _value(self, value: View, scope: dict[str, Text]) -> Text:
        """A value as it is written; one that is a placeholder alone is what the pipeline's parameter has."""
        found = placeholders(value.value)
        if len(found) == 1 and value.value.strip() == f"{{{found[0]}}}" and found[0] in scope:
            return scope[found[0]]
        return (value.value,) if value.value else ()

    def _inputs(self, step: Step, ports: dict[str, str], outputs: dict[str, dict[str, str]]) -> None:
        """Every input that is not optional is connected, and to exactly one source."""
        declared = step.version.inputs if step.version is not None else None
        given = dict(_entries(step.view.get("inputs")))
        for name, value in given.items():
            if declared is not None and name not in declared:
                self._report_port(step, name, value, "input", declared)
                continue
            sources = value.each()
            if len(sources) != 1 or not sources[0].is_text:
                message = f'the input "{name}" of "{step.name}" is connected to {len(sources)} sources, one is right'
                self.sink.report(codes.PORT, message, value.at)
                step.ports[name] = ""
                continue
            found = self._source(sources[0], ports, outputs)
            if found is not None:
                step.ports[name] = found.path
                step.reads.append(found)
        for port in (declared or {}).values():
            if port.name in given:
                continue
            if not port.optional:
                message = f'the input "{port.name}" of the module "{step.module}" is not connected'
                self.sink.report(codes.PORT, message, step.view.key_span(), help="name its source under `inputs`")
            step.ports[port.name] = ""

    def _outputs(self, step: Step) -> dict[str, str]:
        """The paths of a step's outputs by port; a step without ports has its paths by number."""
        declared = step.version.outputs if step.version is not None else None
        given = dict(_entries(step.view.get("outputs")))
        found: dict[str, str] = {}
        for name, value in given.items():
            if declared is not None and name not in declared:
                self._report_port(step, name, value, "output", declared)
        for name, port in (declared or {name: Port(name, True, "") for name in given}).items():
            place = given.get(name)
            path = self.vertices.path(place, written=True) if place is not None else self._default_path(step, port)
            if path is None:
                continue
            found[name] = step.ports[name] = path
            if not self._is_complex(step) and all(one.path != path for one in step.writes):
                step.writes.append(Path(path, (place or step.view).origin))
        for number, one in enumerate(step.writes):
            found.setdefault(str(number), one.path)
        return found

    def _default_path(self, step: Step, port: Port) -> str | None:
        from compiler.paths import PathError, from_root

        try:
            return from_root(port.path or f"outs/{step.name}/{port.name}", self.folder)
        except PathError as error:
            self.sink.report(core.BAD_PATH, str(error), step.view.key_span(), help=error.help)
            return None

    def _report_port(self, step: Step, name: str, value: View, what: str, declared: dict[str, Port]) -> None:
        near = suggest(name, declared)
        notes = () if near else (f"it has {', '.join(declared) or 'none'}",)
        message = f'"{name}" is no {what} of the module "{step.module}"'
        self.sink.report(codes.PORT, message, value.key_span(), suggestion=near, notes=notes)

    def _path_of(
        self, item: View, written: bool, ports: dict[str, str], outputs: dict[str, dict[str, str]]
    ) -> Path | None:
        """An entry of `deps` or `outs`: a path, or where it is read a data vertex or another step's output."""
        if not item.is_mapping:
            return self._source(item, ports, outputs) if not written else self._written(item, None)
        if written:
            path = item.get("path")
            if path is None:
                self.sink.report(core.MISSING_KEY, 'an output needs "path"', item.slot)
                return None
            return self._written(path, item.text("kind") or None)
        if item.get("step") is not None:
            name, port = item.text("step"), item.text("output") or "0"
            return self._output_of(name, port, item.get("step") or item, outputs)
        found = item.get("path") or item.get("data")
        if found is None:
            self.sink.report(core.MISSING_KEY, 'a dependency needs "path"', item.slot)
            return None
        return self._source(found, ports, outputs)

    def _written(self, path: View, kind: str | None) -> Path | None:
        found = self.vertices.path(path, written=True)
        return None if found is None else Path(found, path.origin, kind)

    def _output_of(self, name: str, port: str, at: View, outputs: dict[str, dict[str, str]]) -> Path | None:
        if port in outputs.get(name, {}):
            return Path(outputs[name][port], at.origin)
        known = [f"{step}.{one}" for step, ports in outputs.items() for one in ports if not one.isdigit()]
        near = suggest(f"{name}.{port}", known)
        message = f'"{name}.{port}" is no output of a step before this one'
        self.sink.report(codes.PORT, message, at.at, suggestion=near)
        return None

    def _source(self, value: View, ports: dict[str, str], outputs: dict[str, dict[str, str]]) -> Path | None:
        """What an input is connected to: a data vertex, STEP.OUTPUT, the module's own input, or a path."""
        name = value.value.strip()
        if name in self.vertices.found:
            vertex = self.vertices.use(name)
            if not vertex.path and vertex.is_reported:
                return None
            if not vertex.path:
                message = f'no document says where the data "{name}" lie'
                advice = "give it a path: `data: {NAME: {path: data/x.csv}}`, or a document of the data set"
                self.sink.report(codes.UNRESOLVED, message, value.at, help=advice)
                return None
            return Path(vertex.path, value.origin)
        if name in ports:
            return Path(ports[name], value.origin) if ports[name] else None
        step, dot, port = name.partition(".")
        if dot and step in outputs and "/" not in name and port in outputs[step]:
            return Path(outputs[step][port], value.origin)
        if dot and step in outputs and "/" not in name and value.key not in ("path",):
            return self._output_of(step, port, value, outputs)
        found = self.vertices.path(value)
        for vertex in self.vertices.found.values():
            if found is not None and vertex.path and (found == vertex.path or found.startswith(vertex.path + "/")):
                self.vertices.use(vertex.name)
        return None if found is None else Path(found, value.origin)

    # ---------------------------------------------------------------------------------------------------------- jobs

    def job(self, step: Step) -> Job:
        told: dict[str, Any] = {}
        command = step.said("cmd")
        if command is not None:
            values = {**step.values, **{name: (path,) if path else () for name, path in self._seen(step).items()}}
            lines, used = lines_of(command, values, self.sink)
            whole = (*(line + "\n" for line in step.prelude), *lines, *("\n" + line for line in step.afterwards))
            told["action"] = Script(lines=_joined(whole), origin=command.origin)
            variables = variables_of(used, values)
            if variables:
                told["env"] = variables
            for name, given in step.own.items():
                if name not in used:
                    self._report_unused(name, given, step)
        environment = self._environment(step)
        if environment is not None:
            told["environment"] = environment
        resources = self._resources(step)
        if resources is not None:
            told["resources"] = resources
            if resources.accelerator is not None:
                told["timeout"] = GPU_TIMEOUT_SECONDS
        told |= self._edges(step)
        if any(item.flag("cache") for item in step.view.listed("outs") if item.is_mapping):
            told["cache"] = Cache(enabled=True, origin=step.view.origin)
        timeout = step.said("timeout")
        if timeout is not None:
            told["timeout"] = self._duration(timeout)
        return Job(name=step.name, origin=step.view.origin, **told)

    def _report_unused(self, name: str, given: View, step: Step) -> None:
        message = f'"{step.name}" does not use its parameter "{name}"'
        self.sink.report(codes.LEFT_OUT, message, given.key_span(), help=f"name it in the command as {{{name}}}")

    def _seen(self, step: Step) -> dict[str, str]:
        """The paths of ports as the command sees them, from the folder that it runs in."""
        from posixpath import relpath

        return {name: relpath(path, self.folder or ".") if path else "" for name, path in step.ports.items()}

    def _duration(self, value: View) -> int | None:
        from compiler.duration import DurationError, parse

        try:
            return parse(value.value.strip())
        except DurationError as error:
            self.sink.report(core.BAD_DURATION, str(error), value.at)
            return None

    def _environment(self, step: Step) -> Environment | None:
        """The image of a step: its own, its module's, the one that the pipeline maps the module to, or Python's."""
        image = step.said("image") or self.view.get("images", step.module)
        if image is not None:
            self._check_tag(image)
            return Environment(image=(image.value,), origin=image.origin)
        if step.module != "PythonScriptStep" and (step.version is None or "python" not in self._words(step)):
            return None
        from compiler.images import DEFAULT_PYTHON

        requirements = f"{self.folder}/requirements.txt".lstrip("/")
        if self.repository.is_file(requirements):
            return Environment(python=DEFAULT_PYTHON, installer="pip", file=requirements, origin=step.view.origin)
        return Environment(python=DEFAULT_PYTHON, origin=step.view.origin)

    def _words(self, step: Step) -> list[str]:
        command = step.said("cmd")
        return command.value.split() if command is not None else []

    def _check_tag(self, image: View) -> None:
        from compiler.frontends.mlspec.containers import check_tag

        check_tag(image, self.sink)

    def _resources(self, step: Step) -> Resources | None:
        found = step.said("computeName")
        return None if found is None else compute.resources_of(found.value.strip(), found.origin)

    def _edges(self, step: Step) -> dict[str, Any]:
        """Inputs, outputs, and the need of the step before: with its outputs where they are read."""
        told: dict[str, Any] = {}
        reads = {one.path: one for one in step.reads}
        if reads:
            told["inputs"] = tuple(Input(path=(one.path,), origin=one.origin) for one in reads.values())
        if step.writes:
            told["outputs"] = tuple(Artifact(path=(one.path,), kind=one.kind, origin=one.origin) for one in step.writes)
        by_name = {one.name: one for one in self.steps}
        needs = []
        for name in step.before:
            writes = [one.path for one in by_name[name].writes]
            read = any(_overlap(path, written) for path in reads for written in writes)
            needs.append(Need(job=name, artifacts=None if read else False, origin=step.view.origin))
        if needs:
            told["needs"] = tuple(needs)
        return told


def _entries(view: View | None) -> list[tuple[str, View]]:
    return view.entries() if view is not None else []


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def _joined(pieces: Iterable[str | Ref]) -> Text:
    joined: list[str | Ref] = []
    for piece in pieces:
        if joined and isinstance(piece, str) and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)
