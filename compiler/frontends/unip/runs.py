"""The run of an ExperimentPipeline: its stages as jobs, with those of the pipelines that go on after it.

Each pipeline of a chain has variables of its own. What it doesn't write itself is passed on to it by name, from the
nearest pipeline before it that writes a variable of that name.
"""

from __future__ import annotations

from posixpath import basename, relpath

from compiler.frontends.unip import codes, shell
from compiler.frontends.unip.checks import (
    api_names,
    apis_of,
    datatypes_of,
    followers,
    is_file,
    is_required,
    names_of,
    predecessors,
    variable,
    variables_of,
    writers_of,
)
from compiler.frontends.unip.fields import Part, Place
from compiler.frontends.unip.images import entry_of, reference_of
from compiler.frontends.unip.making import Making, Names, environment_of, variables
from compiler.frontends.unip.module import Component
from compiler.frontends.unip.resources import read_resources
from compiler.ir import (
    NOTHING,
    Artifact,
    Environment,
    EnvVar,
    Input,
    Job,
    Need,
    OnCall,
    OnManual,
    Parameter,
    Pipeline,
    Ref,
    Script,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text

STAGE_SECONDS = 6 * 3600  # as long as a machine of GitHub's own runs a job: the platform names no limit


class Held:
    """Where a variable lies in a run: its folder, the job that fills it, and the file in it, where that is known."""

    __slots__ = ("file", "folder", "job", "parameter", "value")

    def __init__(self, folder: str, job: str, parameter: str | None = None, value: str = "") -> None:
        self.folder = folder
        self.job = job
        self.parameter = parameter  # what the caller gave
        self.file = ""  # the name of the file that is mounted
        self.value = value  # the name of the file that a value which the caller gives itself is written to


class Run:
    """One ExperimentPipeline with those that go on after it, on their way to a pipeline."""

    def __init__(self, first: Component, making: Making) -> None:
        module = making.module
        self.first = first
        self.making = making
        self.chain = [first, *followers(first, module)]
        self.inputs = api_names(first, "inputs", module)
        self.outputs = api_names(first, "outputs", module)
        self.is_called = bool(apis_of("experimentPipeline", first.name, module))
        self.before = predecessors(self.chain)
        self.names = Names()
        self.folders = Names(".")
        self.jobs: dict[tuple[str, str], str] = {}  # (pipeline, stage) -> job
        self.written: dict[tuple[str, str], Held] = {}  # (pipeline, variable) -> what a stage of it writes
        for member in self.chain:
            for stage in member.spec.get("stages", ()):
                name = stage.get("name", "")
                self.jobs[member.name, name] = self.names.take(self._job_name(member, name))
        for member in self.chain:
            for name, found in writers_of(member).items():
                held = Held(self._folder(member, name), self.jobs[member.name, found[0][0]])
                self.written[member.name, name] = held
        self.parameters: dict[str, Parameter] = {}
        self.fetched: dict[tuple[str, str], Held] = {}  # (variable, where it comes from by itself)
        self.fetches: list[Job] = []

    def _job_name(self, member: Component, stage: str) -> str:
        """A stage's job. Those of pipelines that go on after the first have its name before theirs."""
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in stage).strip("-_") or "stage"
        return plain if member is self.first else f"{member.name.replace('.', '-')}-{plain}"

    def _folder(self, member: Component, name: str) -> str:
        """A variable's folder: by its name, and for a second variable of that name by its pipeline's, too."""
        plain = f"{shell.WORK}/{name}"
        return self.folders.take(plain if self.folders.is_free(plain) else f"{shell.WORK}/{member.name}.{name}")

    def mounted(self) -> set[str]:
        """The boxes that variables are mounted from."""
        mounts = (part.get("mountFrom") for one in self.chain for part in variables_of(one).values())
        return {mount.get("box")[0] for mount in mounts if mount is not None and mount.get("box") is not None}

    def part(self, member: Component, name: str) -> Part:
        """The declaration of a variable."""
        return next(known[name] for known in map(variables_of, (member, *self.before[member.name])) if name in known)

    def held(self, member: Component, name: str) -> Held:
        """What a pipeline of the chain finds in a variable: what it writes, what is passed on to it, what is fetched."""
        for one in (member, *self.before[member.name]):
            if (one.name, name) in self.written:
                return self.written[one.name, name]
        return self._fetched(member, name)

    def _fetched(self, member: Component, name: str) -> Held:
        """What fills a variable that no stage writes: a parameter, a box, or nothing where it may be missing."""
        mounts = [
            (part, part.get("mountFrom"))
            for known in map(variables_of, (member, *self.before[member.name]))
            for part in (known.get(name),)
            if part is not None and part.has("mountFrom")
        ]
        part, mount = mounts[0] if mounts else (self.part(member, name), None)
        default = ""
        if mount is not None and mount.get("box") is not None:
            default = f"box:{mount.get('box')[0]}/{(mount.get('path') or '').lstrip('/')}"
        if (name, default) in self.fetched:
            return self.fetched[name, default]
        given = self.inputs.get(name)
        # A pipeline that only ever goes on after another one can be called alone by what it is passed there.
        asked = given is not None or (not self.is_called and not default and member is self.first)
        needed = asked or bool(default) if given is None else is_required(name, self.first, self.making.module)
        types = datatypes_of(name, self.first, self.making.module) if given is not None else ()
        value = shell.value_file(types)
        held = Held(self._folder(member, name), "", name if asked else None, value)
        if is_file(part):
            held.file = basename(part.get("mountFrom").get("path"))
        self.fetched[name, default] = held
        if asked:
            self._ask(name, given if given is not None else part, needed and not default, types)
        held.job = self.names.take(f"fetch-{name}")
        source: Text = (Ref(kind="parameters", name=name),) if asked else ()
        env = variables(("UNIP_TYPES", " ".join(types)), ("UNIP_FILE", value)) if types else ()
        at = part.at("name")
        self.fetches.append(self.making.fetch(held.job, name, held.folder, default, needed, at, source, env))
        return held

    def _ask(self, name: str, part: Part, needed: bool, types: tuple[str, ...]) -> None:
        known = self.parameters.get(name)
        required = needed or (known is not None and bool(known.required))
        told = part.get("description") or ""
        kinds = " or ".join(types)
        self.parameters[name] = Parameter(
            name=name,
            required=True if required else None,
            default=None if required else "",
            help=(f"{told} ({kinds})" if told and kinds else told or kinds) or None,
            origin=Place(part.at("name")),
        )


def run_of(first: Component, making: Making, name: str) -> Pipeline:
    """The pipeline that runs an ExperimentPipeline, under the name that it has among the project's."""
    run = Run(first, making)
    jobs: list[Job] = []
    ends: dict[str, list[Job]] = {}  # the jobs of each pipeline that none of its own waits for
    for member in run.chain:
        waits = [end for one in run.before[member.name] for end in ends.get(one.name, ())]
        stages = [_stage(stage, member, run) for stage in member.spec.get("stages", ())]
        own = {job.name for job in stages}
        jobs += [_after(job, own, waits, run) for job in stages]
        fed = {
            run.written[member.name, read].job
            for stage in member.spec.get("stages", ())
            for read in names_of(stage.get("inputs", ()))
            if (member.name, read) in run.written
        }
        ends[member.name] = [job for job in stages if job.name not in fed]
    published = [_publish(one, part, run) for one, part in run.outputs.items()]
    return Pipeline(
        name=name,
        jobs=(*run.fetches, *jobs, *(job for job in published if job is not None)),
        triggers=(OnManual(), OnCall()),
        parameters=tuple(run.parameters.values()) or NOTHING,
        origin=Place(first.metadata.at("name"), f"pipelines.{name}"),
    )


def _after(job: Job, own: set[str], waits: list[Job], run: Run) -> Job:
    """A stage that reads nothing of its own pipeline waits for the end of those that go before it."""
    by_folder = {run.making.path(held.folder): held.job for held in run.written.values()}
    makers = {by_folder.get(one.path[0]) for one in job.inputs}  # type: ignore[arg-type]  # a folder is one text
    if makers & own:
        return job
    needs = tuple(Need(job=one.name, artifacts=False) for one in waits if one.name not in makers)
    return job.replace(needs=needs) if needs else job


def _stage(stage: Part, member: Component, run: Run) -> Job:
    making = run.making
    known = variables_of(member)
    reads = {name: run.held(member, name) for name in names_of(stage.get("inputs", ())) if name in known}
    writes = {name: run.written[member.name, name] for name in names_of(stage.get("outputs", ())) if name in known}
    env: list[EnvVar] = []
    files: list[tuple[str, str, str]] = []
    values: list[tuple[str, str]] = []
    for name, held in {**reads, **writes}.items():
        path = held.folder
        if held.parameter is not None:
            source = "UNIP_SOURCE_" + variable(name).removeprefix("UNIP_PIPELINE_")
            files.append((variable(name), source, held.file))
            env.append(EnvVar(name=source, value=(Ref(kind="parameters", name=held.parameter),)))
            if held.value:
                values.append((variable(name), held.value))
        elif held.file:
            path = f"{path}/{held.file}"
        env.append(EnvVar(name=variable(name), value=(path,)))
    more, uses = environment_of(stage, making)
    folder, command = _command(stage, making)
    names = [variable(name) for name in reads], [variable(name) for name in writes]
    lines = shell.stage(*names, files, values, folder, command)
    return Job(
        name=run.jobs[member.name, stage.get("name", "")],
        action=Script(lines=(lines,)),
        environment=Environment(image=(reference_of(stage) or "",)),
        env=(*env, *more) or NOTHING,
        secrets=uses or NOTHING,
        resources=read_resources(stage.get("resources"), making.module),
        timeout=STAGE_SECONDS,
        inputs=tuple(Input(path=(making.path(held.folder),)) for held in reads.values()) or NOTHING,
        outputs=tuple(Artifact(path=(making.path(held.folder),), kind="directory") for held in writes.values())
        or NOTHING,
        origin=Place(stage.at("name")),
    )


def _command(stage: Part, making: Making) -> tuple[str, str]:
    """The folder, from the module's, in which a stage runs, and its line: entryPoint, else what its image runs."""
    image = making.image(stage)
    folder = "" if image is None else relpath(image.context or ".", making.module.folder or ".")
    folder = "" if folder == "." else folder
    words = stage.get("entryPoint")
    if words is None and image is not None:
        words = entry_of(image, making.module)
    if words is None:
        if not stage.has("entryPoint"):
            message = f'nobody can tell what the stage "{stage.get("name")}" runs: its image is not built here'
            advice = "write `entryPoint: {cmd: COMMAND}`: a job needs the command that the image would run by itself"
            making.module.sink.report(codes.NO_ENTRY_POINT, message, stage.at("name"), help=advice)
        return folder, ":"
    if isinstance(words, str):
        return folder, words
    if words[:2] == ["/bin/sh", "-c"] and len(words) == 3:
        return folder, words[2]
    return folder, " ".join(shell.quoted(word) for word in words)


def _publish(name: str, part: Part, run: Run) -> Job | None:
    """A job that puts an output into a box: where it is mounted, else the one connected box that nothing is read from."""
    making = run.making
    member = next((one for one in run.chain if (one.name, name) in run.written), None)
    if member is None:
        return None
    held = run.written[member.name, name]
    mount = variables_of(member)[name].get("mountFrom") if name in variables_of(member) else None
    box = mount.get("box") if mount is not None else None
    path = (mount.get("path") or "").strip("/") if mount is not None else ""
    if box is None:
        boxes = [_outlets(one, run) for one in dict.fromkeys((member, run.first))]
        connected = next((found for found in boxes if found), [])
        box = connected[0] if len(connected) == 1 else None
        if box is None:
            if any(one.spec.get("connectedBoxes") for one in (member, run.first)):
                count = f"{len(connected)} connected boxes could take it" if connected else "no connected box is free"
                message = f'"{name}" goes to no box, it stays an output of the run: {count}'
                advice = f"mount it: `vars: [{{name: {name}, mountFrom: {{box: BOX, path: {name}/}}}}]`"
                making.module.sink.report(codes.KEPT_OUTPUT, message, part.at("name"), help=advice)
            return None
    group: Text = (path,) if path else (f"{run.first.name}-{name}-", Ref(kind="run", name="id"))
    env = variables(("UNIP_SOURCE", held.folder), ("UNIP_BOX", box[0]))
    return Job(
        name=run.names.take(f"publish-{name}"),
        extends=making.template("publish", shell.PUBLISH),
        env=(*env, EnvVar(name="UNIP_GROUP", value=group)),
        inputs=(Input(path=(making.path(held.folder),)),),
        origin=Place(part.at("name")),
    )


def _outlets(member: Component, run: Run) -> list[tuple[str, object]]:
    """The boxes that a pipeline is connected to, and that none of its chain reads a variable from."""
    mounted = run.mounted()
    return [one for one in member.spec.get("connectedBoxes", ()) if one[0] not in mounted]
