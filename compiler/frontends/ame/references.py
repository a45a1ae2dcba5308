"""What a task takes over: from the task that it refers to, from its template, and from what those take over themselves.

AME resolves a reference in two places, one level deep, and loses `resources`, `env` and `secrets` of a template; here a
field that a task does not say is inherited, wherever the reference stands, and what AME would lose is reported.
"""

from __future__ import annotations

from compiler import codes
from compiler.diagnostics import listed, suggest
from compiler.frontends.ame import codes as ame
from compiler.frontends.ame import config
from compiler.frontends.ame.serde import CURRENT, DOCUMENTED
from compiler.ir import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Code, Sink
    from compiler.frontends.ame.projects import Others
    from compiler.source import Origin

FIELDS = {  # field: its key
    "executor": "executor",
    "resources": "resources",
    "env": "env",
    "secrets": "secrets",
    "datasets": "dataSets",
    "artifacts": "artifactCfg",
    "schedule": "triggers",
    "steps": "pipeline",
}
LOST = ("resources", "env", "secrets")  # AME takes these from the task, even where it does not say them
MOST_LAYERS = 100  # tasks and templates that one task may take over from
RESOLVED = ("training", "validation")  # the places of a reference that AME resolves


def is_bare(task: config.Task) -> bool:
    """Whether a task says nothing but what it refers to."""
    return all(getattr(task, field) in (None, NOTHING) for field in (*FIELDS, "template"))


class _Layer:
    """A task or template that another one takes over from; `above` is that other one."""

    __slots__ = ("above", "depth", "kind", "task")

    def __init__(self, task: config.Task, kind: str, above: _Layer | None) -> None:
        self.task = task
        self.kind = kind  # task, reference or template
        self.above = above
        self.depth: int = 0 if above is None else above.depth + 1

    def holds(self, task: config.Task) -> bool:
        """Whether a task is on the way here."""
        at: _Layer | None = self
        while at is not None:
            if at.task is task:
                return True
            at = at.above
        return False


class References:
    """Finds tasks and templates by name, in the project and in the others of its repository."""

    def __init__(self, project: config.ProjectConfig, others: Others, sink: Sink) -> None:
        self.project = project
        self.others = others
        self.sink = sink
        self.current = project.dialect in (CURRENT, DOCUMENTED)

    def whole(self, task: config.Task, where: str = "task") -> config.Task | None:
        """A task with all that it takes over; None where something that it names is not there, which is reported.

        `where` it stands: task, step, dataset, training or validation.
        """
        layers = self._layers(task, where)
        if layers is None:
            return None
        return self._merged(layers, where)

    # ------------------------------------------------------------------------------------------------------- look-up

    def task(self, reference: config.Reference, project: str) -> config.Task | None:
        """The task of that name; AME looks in the referring project alone, whatever `project` says."""
        home = self._project(reference.project or project, reference, codes.UNKNOWN_JOB)
        if home is None:
            return None
        return self._named(home.tasks, reference, "a task", home, codes.UNKNOWN_JOB)

    def template(self, reference: config.Reference, project: str) -> config.Task | None:
        home = self._project(reference.project or project, reference, codes.UNKNOWN_TEMPLATE)
        if home is None:
            return None
        return self._named(home.templates, reference, "a template", home, codes.UNKNOWN_TEMPLATE)

    def dataset(self, reference: config.Reference, project: str) -> config.DataSet | None:
        home = self._project(reference.project or project, reference, codes.UNKNOWN_DATASET)
        if home is None:
            return None
        for found in home.datasets:
            if found.name == reference.name:
                return found
        self._unknown(reference, "a data set", [one.name for one in home.datasets], home, codes.UNKNOWN_DATASET)
        return None

    def _project(self, name: str, reference: config.Reference, code: Code) -> config.ProjectConfig | None:
        found = self.others.project(name)
        if found is None:
            several = name in self.others.names()
            message = f'{"more than one" if several else "no"} project of this repository is called "{name}"'
            advice = "AME looks for it in its cluster: put its ame.yaml into a folder of this repository"
            near = suggest(name, self.others.names())
            self.sink.report(code, message, reference.origin, suggestion=near, help=None if several else advice)
        return found

    def _named(
        self,
        tasks: tuple[config.Task, ...],
        reference: config.Reference,
        what: str,
        home: config.ProjectConfig,
        code: Code,
    ) -> config.Task | None:
        for task in tasks:
            if task.name == reference.name:
                return task
        self._unknown(reference, what, [task.name for task in tasks if task.name], home, code)
        return None

    def _unknown(
        self, reference: config.Reference, what: str, known: list[str], home: config.ProjectConfig, code: Code
    ) -> None:
        near = suggest(reference.name, known)
        notes = () if near or not known else (f"there is {', '.join(known[:12])}",)
        message = f'"{reference.name}" is not {what} of "{home.name}"'
        self.sink.report(code, message, reference.origin, field="name", suggestion=near, notes=notes)

    # -------------------------------------------------------------------------------------------------------- layers

    def _layers(self, task: config.Task, where: str) -> list[_Layer] | None:
        """A task, what its template says, what the task that it refers to says, and so on: who comes first wins."""
        waiting = [_Layer(task, "task", None)]
        layers: list[_Layer] = []
        good = True
        while waiting:
            layer = waiting.pop()
            layers.append(layer)
            if len(layers) > MOST_LAYERS:
                message = f"a task takes over from more than {MOST_LAYERS:,} others"
                self.sink.report(codes.TOO_DEEP, message, task.origin)
                return None
            for kind, reference in (("reference", layer.task.reference), ("template", layer.task.template)):
                if reference is None:
                    continue
                found = self._found(kind, reference, layer, where)
                if found is None:
                    good = False
                else:
                    waiting.append(_Layer(found, kind, layer))
        return layers if good else None

    def _found(self, kind: str, reference: config.Reference, layer: _Layer, where: str) -> config.Task | None:
        project = layer.task.project or self.project.name
        found = self.template(reference, project) if kind == "template" else self.task(reference, project)
        if found is None:
            return None
        if layer.holds(found):
            what, code = ("templates", codes.TEMPLATE_CYCLE) if kind == "template" else ("tasks", codes.CYCLE)
            message = f'{what} refer to one another in a circle, by "{reference.name}"'
            self.sink.report(code, message, reference.origin)
            return None
        if self.current and where != "step":
            self._report(kind, reference, layer, where)
        return found

    def _report(self, kind: str, reference: config.Reference, layer: _Layer, where: str) -> None:
        """What AME would not resolve."""
        if kind == "template":
            if layer.kind == "template":
                message = f'AME ignores the template "{reference.name}" of a template'
                self._lost(message, reference.origin)
            return
        if layer.depth and where == "task":
            return  # the task that says it is asked for itself
        if layer.depth or where not in RESOLVED:
            places = 'it resolves "taskRef" in a model\'s training and validation, one level deep'
            self._lost(f'AME does not resolve "{reference.name}" here', reference.origin, places)
        elif reference.project not in (None, self.project.name):
            self._lost('AME never looks at the "project" of a taskRef', reference.origin)
        said = [key for field, key in FIELDS.items() if getattr(layer.task, field) not in (None, NOTHING)]
        if said and where in RESOLVED and not layer.depth:
            message = f"AME drops {listed(said, 'and')} beside taskRef"
            self.sink.report(ame.LOST_FIELD, message, reference.origin, notes=("headrace lets the task win",))

    def _lost(self, message: str, at: Origin | None, advice: str | None = None) -> None:
        self.sink.report(ame.LOST_REFERENCE, message, at, help=advice, notes=("headrace resolves it",))

    # -------------------------------------------------------------------------------------------------------- merging

    def _merged(self, layers: list[_Layer], where: str) -> config.Task:
        task = layers[0].task
        faulty = any(layer.task.faulty for layer in layers)
        changes: dict[str, object] = {"reference": None, "template": None, "faulty": faulty}
        lost: dict[int, list[str]] = {}
        for field, key in FIELDS.items():
            for layer in layers:
                value = getattr(layer.task, field)
                if value is None or value is NOTHING:
                    continue
                if field not in changes:
                    changes[field] = value
                    if layer.kind == "template" and field in LOST:
                        lost.setdefault(id(layer), []).append(key)
                    elif layer.kind == "template" and field == "executor" and where == "validation":
                        self._refused(layer)
                elif field == "executor":
                    changes[field] = _filled(changes[field], value)
        for layer in layers:
            if id(layer) in lost and self.current and where != "step":
                self._lost_fields(layer, lost[id(layer)])
        return task.replace(**changes)

    def _lost_fields(self, layer: _Layer, keys: list[str]) -> None:
        above = layer.above.task if layer.above is not None else layer.task
        at = above.template.origin if above.template is not None else above.origin
        message = f'AME loses {listed(keys, "and")} of the template "{layer.task.name}"'
        self.sink.report(ame.LOST_FIELD, message, at, notes=("headrace lets the task inherit what it does not say",))

    def _refused(self, layer: _Layer) -> None:
        above = layer.above.task if layer.above is not None else layer.task
        if self.current and above.template is not None:
            message = "AME refuses a validation whose executor is its template's"
            self.sink.report(ame.LOST_FIELD, message, above.template.origin, notes=("headrace takes it",))


def _filled(over: object, under: config.Executor) -> object:
    """Older dialects say an executor in several keys: what the task leaves open, the template says."""
    if not isinstance(over, config.Executor) or not (over.loose and under.loose):
        return over
    changes = {key: getattr(under, key) for key in ("kind", "command", "image") if getattr(over, key) is None}
    return over.replace(**changes)
