"""Composition: modules with values, as jobs that hand on their data.

Every module runs in a job of its own. Its `--input-path` is what the one before it wrote to its `--output-path`; both are
given by the pipeline, so that nothing is written twice and nothing is forgotten.
"""

from __future__ import annotations

from posixpath import join, normpath, relpath

from compiler import codes as core
from compiler.diagnostics import suggest
from compiler.frontends.mlreef import codes, scripts
from compiler.frontends.mlreef.fields import Context
from compiler.frontends.mlreef.modules import MODEL, OPERATION, VISUALIZATION, Module, unknown
from compiler.frontends.mlreef.pipelines import DATA, EXPERIMENT, VISUAL, PipelineSaid, Step
from compiler.frontends.mlreef.publishing import Publication, image_environment, software_of
from compiler.frontends.mlreef.triggers import DEFAULT
from compiler.ir import (
    NOTHING,
    Accelerator,
    Amounts,
    Argument,
    Artifact,
    Entry,
    Environment,
    Input,
    Job,
    Matrix,
    Need,
    Pipeline,
    Ref,
    Resources,
)
from compiler.pyargs import reached
from compiler.yamltree import Mapping, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Objective, Text, Trigger
    from compiler.pyargs import Argument as ScriptArgument

METRICS = "experiment.json"
OUTPUTS = "output"
_KINDS = {DATA: (OPERATION,), EXPERIMENT: (MODEL,), VISUAL: (VISUALIZATION,), "post": (OPERATION, VISUALIZATION)}
_A = {MODEL: "a model", OPERATION: "an operation", VISUALIZATION: "a visualization"}


class Composition:
    """The jobs and pipelines that a manifest's pipelines become."""

    def __init__(
        self,
        modules: dict[str, Module],
        publication: Publication | None,
        default: tuple[Trigger, ...] | None,
        context: Context,
    ) -> None:
        self.modules = modules
        self.publication = publication
        self.default = default
        self.context = context
        self.jobs: dict[str, Job] = {}
        self.pipelines: list[Pipeline] = []
        self.environments: dict[str, Environment] = {}
        self.ends: dict[str, tuple[str, tuple[str, ...]]] = {}  # data pipelines: their output and its types

    def compose(self, pipelines: tuple[PipelineSaid, ...]) -> None:
        for one in pipelines:
            if one.kind == DATA:
                self.ends[one.name] = self._end(one)
        for one in pipelines:
            self._pipeline(one)

    def _end(self, one: PipelineSaid) -> tuple[str, tuple[str, ...]]:
        """Where a data pipeline leaves its result, and the data types that this has."""
        names = self._names(one, one.steps)
        last = one.steps[-1] if one.steps else None
        folder = one.fields.get("output") or (last.output if last is not None else None)
        module = self.modules.get(last.module) if last is not None else None
        end = names[-1] if names else one.name
        return folder or self._folder(one, end), module.output_types if module is not None else ()

    def _folder(self, one: PipelineSaid, step: str) -> str:
        return join(self.context.folder, OUTPUTS, one.name, step)

    def _names(self, one: PipelineSaid, steps: tuple[Step, ...]) -> list[str]:
        """Each step's name, once."""
        found: list[str] = []
        for step in steps:
            wanted = step.name or step.module
            at, made = 1, wanted
            while made in found:
                at += 1
                made = f"{wanted}-{at}"
            if step.name is not None and made != step.name:
                message = f'two steps of "{one.name}" are named "{step.name}"'
                self.context.sink.report(core.DUPLICATE_NAME, message, step.origin, field="name")
            found.append(made)
        return found

    def _pipeline(self, one: PipelineSaid) -> None:
        before = list(self.jobs)
        source, types = self._source(one)
        names = self._names(one, one.steps)
        for at, (step, step_name) in enumerate(zip(one.steps, names, strict=True)):
            last = at == len(one.steps) - 1
            folder = step.output or (one.fields.get("output") if one.kind == DATA and last else None)
            made = self._job(one, step, step_name, _KINDS[one.kind], source, types, folder, None)
            if made is None:
                continue
            if one.kind == DATA:
                source, types = made[1], made[2]
            elif one.kind == EXPERIMENT:
                self._post_processing(one, step_name, made)
        members = tuple(name for name in self.jobs if name not in before)
        if one.fields.get("results") and members:
            members = (*members, *self._push(one, members))
        triggers = one.fields.get("triggers") or self.default or DEFAULT
        self.pipelines.append(Pipeline(name=one.name, members=members, triggers=triggers, origin=one.origin))

    def _source(self, one: PipelineSaid) -> tuple[Text | None, tuple[str, ...]]:
        """What the pipeline reads: a path, or what a data pipeline leaves."""
        given = one.fields.get("input")
        types = one.fields.get("input_types") or ()
        if given is None:
            return None, types
        if given in self.ends:
            if given == one.name:
                message = f'"{one.name}" reads what it leaves itself'
                self.context.sink.report(core.CYCLE, message, one.origin, field="input")
                return None, types
            folder, made = self.ends[given]
            return (folder,), types or made
        from compiler.paths import PathError, from_root

        try:
            found = from_root(given, self.context.folder)
        except PathError as error:
            self.context.sink.report(core.BAD_PATH, str(error), one.origin, field="input", help=error.help)
            return None, types
        near = suggest(given, self.ends) if not self.context.files.exists(found) and "/" not in given else None
        if near is not None:
            message = f'"{given}" is neither a data pipeline nor a path that is there'
            self.context.sink.report(core.UNKNOWN_PIPELINE, message, one.origin, field="input", suggestion=near)
        return (found,), types

    def _post_processing(self, one: PipelineSaid, model: str, made: tuple[Job, Text | None, tuple[str, ...]]) -> None:
        """After each model, one after the other, each for every leg of the model's grid."""
        before, source, types = made
        names = self._names(one, one.post)
        for step, step_name in zip(one.post, names, strict=True):
            full = f"{model}-{step_name}" if len(one.steps) > 1 else step_name
            found = self._job(one, step, full, _KINDS["post"], source, types, step.output, before)
            if found is not None:
                before, source, types = found

    def _job(
        self,
        one: PipelineSaid,
        step: Step,
        step_name: str,
        kinds: tuple[str, ...],
        source: Text | None,
        types: tuple[str, ...],
        folder: str | None,
        before: Job | None,
    ) -> tuple[Job, Text | None, tuple[str, ...]] | None:
        module = self.modules.get(step.module)
        if module is None:
            slot = step.slot
            if isinstance(slot.value, Mapping):
                slot = next(entry for entry in slots(slot.value) if entry.key == "module")
            unknown(step.module, self.modules, slot, self.context)
            return None
        self._check_kind(module, kinds, step)
        if step.input is not None:
            source, types = (step.input,), ()
        self._check_types(module, types, step)
        matrix = self._matrix(one, step, before)
        output: Text = _output(folder or self._folder(one, step_name), matrix)
        arguments, reads, writes = self._arguments(module, step, source, output)
        job = Job(
            name=self._job_name(one, step_name, step),
            action=Entry(script=module.script.path, arguments=arguments, origin=step.origin),
            environment=self._environment(module),
            needs=_needs(before, reads, matrix),
            inputs=(Input(path=reads, origin=step.origin),) if reads is not None else NOTHING,
            outputs=self._outputs(one, step, writes, before),
            matrix=matrix,
            resources=_resources(module, step),
            timeout=step.timeout or module.timeout,
            objectives=self._objectives(one, step, before),
            origin=step.origin,
        )
        self.jobs[job.name] = job
        return job, writes, module.output_types

    def _job_name(self, one: PipelineSaid, step_name: str, step: Step) -> str:
        made = f"{one.name}-{step_name}"
        if made in self.jobs:
            message = f'two steps become the job "{made}"'
            self.context.sink.report(core.DUPLICATE_NAME, message, step.origin, help="give one of them another `name`")
        return made

    def _check_kind(self, module: Module, kinds: tuple[str, ...], step: Step) -> None:
        if module.kind is not None and module.kind not in kinds:
            message = f'"{module.name}" is {_A[module.kind]}, here stands {" or ".join(_A[kind] for kind in kinds)}'
            self.context.sink.report(codes.WRONG_KIND, message, step.origin)

    def _check_types(self, module: Module, types: tuple[str, ...], step: Step) -> None:
        takes = module.input_types
        if not takes or not types or "any" in takes or "any" in types or set(takes) & set(types):
            return
        message = f'"{module.name}" reads {", ".join(takes)}, and is given {", ".join(types)}'
        self.context.sink.report(codes.DATA_TYPES, message, step.origin)

    def _matrix(self, one: PipelineSaid, step: Step, before: Job | None) -> Matrix | None:
        if before is not None:
            if step.grid:
                message = "a grid is a model's: what follows runs once for each of its legs"
                self.context.sink.report(core.KEYS_EXCLUDE, message, step.origin, field="grid")
            return before.matrix.replace(max_parallel=None) if before.matrix is not None else None
        if not step.grid:
            return None
        if one.kind != EXPERIMENT:
            message = f'a grid is for the models of an experiment, "{one.name}" is none'
            self.context.sink.report(core.KEYS_EXCLUDE, message, step.origin, field="grid")
            return None
        return Matrix(axes=step.grid, max_parallel=step.parallel, origin=step.origin)

    def _arguments(
        self, module: Module, step: Step, source: Text | None, output: Text
    ) -> tuple[tuple[Argument, ...], Text | None, Text | None]:
        """All that the script is given; and what it reads and writes by that, None where it takes no such argument."""
        names = {scripts.plain(module.input_name): "input", scripts.plain(module.output_name): "output"}
        given: list[Argument] = []
        known = reached(module.script.interface, {one.name: _plain_text(one) for one in step.arguments})
        for argument in step.arguments:
            role = names.get(scripts.plain(argument.name))
            if role is None:
                given.append(_taken(argument, module.script.argument(argument.name, known)))
            elif role == "input":
                source = self._own_path(argument, step) or source
            else:
                output = self._own_path(argument, step) or output
        self._check_twice(step)
        given += [
            Argument(name=axis, values=((Ref(kind="matrix", name=axis),),), origin=step.origin) for axis, _ in step.grid
        ]
        reads = self._data_argument(module.script.argument(module.input_name, known), source, given, step)
        writes = self._data_argument(module.script.argument(module.output_name, known), output, given, step)
        self._check_required(module, known, given, step)
        return tuple(given), reads, writes

    def _own_path(self, argument: Argument, step: Step) -> Text | None:
        """A path that is given as a value: `./data` and MLReef's `/data` are folders of the repository."""
        given = "".join(str(piece) for value in argument.values[:1] for piece in value)
        from compiler.paths import PathError, from_root

        try:
            return (from_root(given, self.context.folder),)
        except PathError as error:
            at = argument.origin or step.origin
            self.context.sink.report(core.BAD_PATH, str(error), at, help=error.help)
            return None

    def _check_twice(self, step: Step) -> None:
        axes = {scripts.plain(axis) for axis, _ in step.grid}
        for argument in step.arguments:
            if scripts.plain(argument.name) in axes:
                message = f'"{argument.name}" has a value and a grid'
                self.context.sink.report(core.KEYS_EXCLUDE, message, argument.origin)

    def _data_argument(
        self, known: ScriptArgument | None, data: Text | None, given: list[Argument], step: Step
    ) -> Text | None:
        if known is None or (data is None and not known.required):
            return None
        name = known.spelling.lstrip("-")
        if data is None:
            message = f'"{step.module}" is given no data for its "{known.spelling}"'
            advice = "say `input` in the pipeline: a path, or the name of a data pipeline"
            self.context.sink.report(core.MISSING_ARGUMENT, message, step.origin, help=advice)
            given.append(Argument(name=name, values=(("input",),), origin=step.origin))  # it is not said again
            return None
        given.append(Argument(name=name, values=(_relative(data, self.context.folder),), origin=step.origin))
        return data

    def _check_required(
        self, module: Module, known: tuple[ScriptArgument, ...], given: list[Argument], step: Step
    ) -> None:
        """What has neither a value nor a default: argparse lets most of it pass, and the script gets None."""
        from compiler.frontends.mlreef.parameters import is_required

        names = {scripts.plain(argument.name) for argument in given}
        for argument in known:
            spelled = {scripts.plain(flag) for flag in (*argument.flags, argument.name)}
            optional = argument.required or argument.conditional or not argument.flags  # argparse says those itself
            if not optional and is_required(argument) and not names & spelled and argument.exclusive is None:
                message = f'"{argument.spelling}" of "{module.name}" has no default and is given no value'
                self.context.sink.report(core.MISSING_ARGUMENT, message, step.origin, severity="warning")

    def _environment(self, module: Module) -> Environment | str:
        if module.dockerfile is None:
            return software_of(module)
        said = module.publication.over(self.publication) if module.publication is not None else self.publication
        published = said is not None and not said.off
        made = image_environment(module, said, self.context)
        self.environments.setdefault(module.name, made if published else made.replace(publish=None))
        return module.name

    def _outputs(self, one: PipelineSaid, step: Step, writes: Text | None, before: Job | None) -> tuple[Artifact, ...]:
        if writes is None:
            return NOTHING
        keep = one.fields.get("keep")
        is_model = one.kind == EXPERIMENT and before is None
        found = [Artifact(path=writes, kind="model" if is_model else "directory", keep=keep, origin=step.origin)]
        metrics = METRICS if step.metrics is None and is_model else step.metrics
        if metrics:
            found.append(
                Artifact(path=_merged((*writes, f"/{metrics}")), kind="metrics", keep=keep, origin=step.origin)
            )
        return tuple(found)

    def _objectives(self, one: PipelineSaid, step: Step, before: Job | None) -> tuple[Objective, ...]:
        """A pipeline's objectives are those of its models."""
        shared = one.fields.get("objectives", ()) if one.kind == EXPERIMENT and before is None else ()
        return (*shared, *step.objectives) or NOTHING

    def _push(self, one: PipelineSaid, members: tuple[str, ...]) -> tuple[str, ...]:
        """A job that commits the results to a branch of their own."""
        from compiler.frontends.mlreef.results import push_job

        job = push_job(one.name, one.fields["results"], [self.jobs[name] for name in members], one.origin)
        if job is None:
            return ()
        self.jobs[job.name] = job
        return (job.name,)


def _plain_text(argument: Argument) -> str:
    """A fixed value as it is written, "" for all others."""
    value = argument.values[0] if len(argument.values) == 1 else ()
    return "".join(str(piece) for piece in value)


def _taken(argument: Argument, known: ScriptArgument | None) -> Argument:
    """A truth value as the argument takes it: for a switch it is there or not, for others it is text."""
    if known is not None and known.nargs != 0 and argument.flag is not None:
        if known.action == "BooleanOptionalAction":
            return argument
        return argument.replace(values=((str(argument.flag),),), flag=None)
    return argument


def _output(folder: str, matrix: Matrix | None) -> Text:
    """The folder of a leg: each value of the grid names one."""
    found: list[str | Ref] = [folder]
    for axis, _ in matrix.axes if matrix is not None else ():
        found += [f"/{axis}-", Ref(kind="matrix", name=axis)]
    return _merged(tuple(found))


def _merged(text: Text) -> Text:
    """Text whose literal pieces are not parted."""
    merged: list[str | Ref] = []
    for piece in text:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return tuple(merged)


def _needs(before: Job | None, reads: Text | None, matrix: Matrix | None) -> tuple[Need, ...]:
    """Edges come from the data; the legs of a grid are paired, and what reads nothing still waits."""
    if before is None:
        return NOTHING
    if matrix is not None:
        return (Need(job=before.name, legs="same"),)
    return NOTHING if reads is not None else (Need(job=before.name),)


def _relative(data: Text, folder: str) -> Text:
    """A path from the root as the script sees it, whose job starts in the manifest's folder."""
    first = data[0] if isinstance(data[0], str) else ""
    if not folder or not first:
        return data
    marked = normpath(relpath(first, folder))
    return ((marked + "/") if first.endswith("/") else marked, *data[1:])


def _resources(module: Module, step: Step) -> Resources | None:
    count = step.gpu if step.gpu is not None else module.gpu
    if count is None and module.base is not None and module.base.gpu:
        count = 1
    memory = step.memory if step.memory is not None else module.memory
    if not count and memory is None:
        return None
    return Resources(
        request=Amounts(memory=memory) if memory is not None else None,
        accelerator=Accelerator(count=count) if count else None,
    )
