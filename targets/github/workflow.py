"""What is known while one pipeline becomes a workflow: its jobs by name, their ids, and what their values are."""

from __future__ import annotations

from compiler import codes as core
from compiler import graph
from compiler.diagnostics import WARNING
from compiler.ir import (
    Artifact,
    BuildImage,
    Call,
    Deploy,
    Environment,
    Exec,
    Job,
    OnChangeRequest,
    OnManual,
    OnSchedule,
    Ref,
    Script,
    Support,
    deployed_images,
    holes,
)
from compiler.likeness import likenesses
from compiler.matrix import axes, label, legs
from targets import commands, names, runners, secrets
from targets.github import codes, expressions
from targets.github.conditions import Facts
from targets.github.limits import LIMITS
from targets.legs import chunk, expand, only, say_whole, turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Pipeline, Project, Runner, Settings, Text
    from compiler.matrix import Leg

HOSTED = {"linux/amd64": "ubuntu-24.04", "linux/arm64": "ubuntu-24.04-arm"}
RUNNER_KEYS = ("labels", "group")
HOSTED_PREFIXES = ("ubuntu-", "windows-", "macos-")
FORMAT_CHARACTERS = 100
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_PLAIN_AXIS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def legal_id(name: str) -> str:
    """A job's id: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_id."""
    if name.isascii() and name.replace("-", "_").isidentifier() and name[0] != "-" and name[-1] != "-":
        return name
    kept = "".join(c if c in _PLAIN_AXIS else "-" for c in name).strip("-") or "job"
    return kept if kept[0].isalpha() or kept[0] == "_" else "_" + kept


class Legs:
    """How a matrix job's legs are written and told apart."""

    __slots__ = ("folder", "key", "plain", "slugs")

    def __init__(self, job: Job) -> None:
        found = legs(job.matrix)
        joined = ["-".join(value for _, value in leg) for leg in found]
        axes_are_plain = all(set(name) <= _PLAIN_AXIS and not name[0].isdigit() for name in axes(job.matrix))
        complete = len({tuple(name for name, _ in leg) for leg in found}) == 1
        names_itself = axes_are_plain and complete and all(set(slug) <= _SAFE and slug for slug in joined)
        # Names of artifacts must differ where case is all that tells them apart, too.
        shares_paths = any(isinstance(output, Artifact) and output.per_leg for output in job.outputs)
        self.plain = names_itself and not shares_paths and len({slug.lower() for slug in joined}) == len(joined)
        slugs = joined if self.plain else [str(at) for at in range(1, len(found) + 1)]
        self.slugs: dict[Leg, str] = dict(zip(found, slugs, strict=True))
        self.key = names.fresh("leg", axes(job.matrix))  # what a leg's slug is called in the matrix
        self.folder = names.fresh("folder", axes(job.matrix)) if shares_paths else ""  # and its folder's name

    def expression(self, job: Job) -> str:
        """A leg's slug inside of the job."""
        if self.plain:
            return "-".join(expressions.hole(f"matrix.{name}") for name in axes(job.matrix))
        return expressions.hole(f"matrix.{self.key}")


class Workflow:
    """One pipeline on its way to a workflow file."""

    def __init__(
        self, project: Project, pipeline: Pipeline, settings: Settings, sink: Sink, called: bool, file: str
    ) -> None:
        self.project = project
        self.pipeline = pipeline
        self.settings = settings
        self.sink = sink
        self.called = called  # whether other workflows may call this one
        self.file = file  # the file's stem
        self.options: dict[str, Any] = dict(settings.options)
        self.secrets = {secret.name: secret for secret in project.secrets}
        self.secret_names = secrets.called(project.secrets, str.upper)
        self.stores = {store.name: store for store in project.stores}
        self.identities = {identity.name: identity for identity in project.identities}
        self._take_legs()
        self.by_name = {job.name: job for job in self.jobs}
        self.whole = {job.name: job for job in pipeline.jobs}  # as the pipeline has them
        self.ids = names.unique((job.name for job in self.jobs), legal_id, LIMITS["characters of an id"], key=str.lower)
        self.artifact_ids = self.ids
        if self.jobs is not pipeline.jobs:
            self.artifact_ids = names.unique(self.whole, legal_id, LIMITS["characters of an id"], key=str.lower)
        self._givers = {job.name for job in self.jobs if job.outputs}
        self.order = graph.order({job.name: [need.job for need in job.needs] for job in self.jobs})
        self.legs = {job.name: Legs(job) for job in pipeline.jobs if job.matrix is not None}
        self.schedules = [_posix(trigger) for trigger in pipeline.triggers if isinstance(trigger, OnSchedule)]
        self.parameters = {parameter.name: parameter for parameter in pipeline.parameters}
        by_hand = any(isinstance(trigger, OnManual) for trigger in pipeline.triggers)
        self.top_values = {
            name: expressions.parameter(parameter, self.schedules, by_hand, called)
            for name, parameter in self.parameters.items()
        }
        self.values = dict(self.top_values)  # in the jobs: those of a part hear of them through its inputs
        change_requests = any(isinstance(trigger, OnChangeRequest) for trigger in pipeline.triggers)
        self.change_requests = called or change_requests  # whether a run may be of a change request
        self.facts = Facts(self.parameters, self.values, called, self.change_requests, sink, pipeline.origin)
        self.decide_id = names.fresh("decide", self.ids.values())
        self.tests: dict[int, str] = {}  # terms of conditions as expressions, by identity: many jobs share a few
        self.decided: dict[str, Any] = {}  # conditions by the decide job's output
        self.scripts: dict[str, None] = {}  # support scripts that travel in the workflow's env
        self.part_of: dict[str, int] = {}  # a job's part, where the pipeline is split
        self.across: dict[str, list[str]] = {}  # and what jobs need of other parts
        self.builders = {job.action.environment: job.name for job in self.jobs if isinstance(job.action, BuildImage)}
        self._shell_holes: dict[str, list[Ref]] = {}
        self._holes: dict[str, list[Ref]] = {}
        self._machines: dict[int, tuple[Any, bool]] = {}
        self.likeness = dict(zip(self.by_name, likenesses(self.jobs), strict=True))
        self.frames: dict[int, Any] = {}  # what jobs that are alike share, by their number
        self._runners = runners.Runners(settings, sink)
        self.used_images = self._used_images() if self.builders else set()
        publishing = {Deploy, BuildImage}.intersection([type(job.action) for job in self.jobs])
        self.publishes = bool(publishing) and any(map(_publishes, self.jobs))

    def _take_legs(self) -> None:
        """The jobs that GitHub gets: those of matrices that it does not take as they are in parts, or leg by leg."""
        expanded, self.members = expand(self.pipeline.jobs)
        self.jobs, chunks = chunk(expanded, LIMITS["legs of a matrix"])
        self._check_parallel(expanded, chunks)
        self._say_unlimited(self.members)
        if self.jobs is not self.pipeline.jobs:
            found = self.members.items()
            self.members = {name: tuple(part for one in parts for part in chunks[one]) for name, parts in found}
        self.original = {part: original for original, parts in self.members.items() for part in parts}
        say_whole(self.sink, self.members)

    def _used_images(self) -> set[str]:
        """The environments whose built images jobs name."""
        found = {ref.name for job in self.jobs for ref in self.holes(job) if ref.kind == "images"}
        deploys = (job.action for job in self.jobs if isinstance(job.action, Deploy))
        return found.union(image for deploy in deploys for image in deployed_images(deploy))

    def stands_alone(self, job: Job) -> bool:
        """Whether something of a job depends on what it needs, so that it is written by itself."""
        environment = job.environment
        image = environment.image if isinstance(environment, Environment) else None
        return bool(self.identities) or any(not isinstance(piece, str) for piece in image or ())

    def _check_parallel(self, jobs: tuple[Job, ...], parts: dict[str, tuple[str, ...]]) -> None:
        """A matrix in several parts has a limit for each: with more parts than the limit, one each is too many."""
        for job in jobs:
            limit = job.matrix.max_parallel if job.matrix is not None else None
            if limit is not None and len(parts[job.name]) > limit:
                message = f'"{job.name}" has {len(legs(job.matrix))} legs, GitHub takes {LIMITS["legs of a matrix"]} in a matrix'
                advice = f"several matrices together can't hold to {limit} at once: say {len(parts[job.name])} or more"
                self.sink.report(codes.FEW_PARALLEL, message, job.origin, field="matrix", help=advice)

    def _say_unlimited(self, members: dict[str, tuple[str, ...]]) -> None:
        """Legs that are jobs of their own all run at once: of a concurrency group GitHub keeps no more than one waiting."""
        limited = turns(self.pipeline.jobs, members)
        for job in self.pipeline.jobs:
            if job.matrix is not None and members[job.name][0] in limited:
                message = f'GitHub runs all {len(members[job.name])} legs of "{job.name}" at once, not {job.matrix.max_parallel}'
                notes = ("legs that other legs wait for, one by one, are jobs of their own",)
                self.sink.report(codes.FEW_PARALLEL, message, job.origin, field="matrix", severity=WARNING, notes=notes)

    # ------------------------------------------------------------------------------------------------------ jobs

    def place(self, groups: list[list[str]]) -> None:
        """Put the jobs into parts: from here on they are written for the part that they stand in."""
        part_of = self.part_of = {name: number for number, group in enumerate(groups, 1) for name in group}
        self.across = {}
        for job in self.jobs:
            part = part_of[job.name]
            elsewhere = [need.job for need in job.needs if part_of[need.job] != part]
            if elsewhere:
                self.across[job.name] = elsewhere
        self.values.update({name: f"inputs.{expressions.input_name(name)}" for name in self.parameters})
        self.decided.clear()
        self.tests.clear()

    def same_part(self, job: Job, other: str) -> bool:
        return not self.part_of or self.part_of[job.name] == self.part_of[other]

    def result(self, job: Job, need: str) -> str:
        """What a needed job came to, as an expression in the job's `if`."""
        name = self.ids[need]
        if self.same_part(job, need):
            return f"needs.{name}.result"
        return f"fromJSON(inputs.{expressions.CALL_NEEDS}).part-{self.part_of[need]}.{name}"

    def image_of(self, job: Job, environment: str) -> str:
        """The reference of a built environment's image, as an expression in the job."""
        builder = self.builders.get(environment)
        if builder is None or not any(need.job == builder for need in job.needs):
            message = f'"{job.name}" uses the image of "{environment}" and does not need the job that builds it'
            self.sink.report(codes.NO_HOLE, message, job.origin)
            return "''"
        name = self.ids[builder]
        if self.same_part(job, builder):
            return f"needs.{name}.outputs.image"
        return f"fromJSON(inputs.{expressions.CALL_NEEDS}).part-{self.part_of[builder]}.{name}_image"

    def decision(self, job: Job, condition: Any) -> str:
        """Whether the decide job found that a condition holds; equal conditions are decided once."""
        name = next((name for name, known in self.decided.items() if known == condition), "")
        if not name:
            name = self.ids[job.name]
            self.decided[name] = condition
        if self.part_of:
            return f"fromJSON(inputs.{expressions.CALL_NEEDS}).decide.{name} == 'true'"
        return f"needs.{self.decide_id}.outputs.{name} == 'true'"

    # ----------------------------------------------------------------------------------------------------- values

    def expression(self, job: Job, ref: Ref) -> str:
        """What a hole is in a job: an expression, a literal, or text with expressions."""
        if ref.kind == "parameters":
            return self.values[ref.name]
        if ref.kind == "matrix":
            fixed = dict(only(job))
            return expressions.literal(fixed[ref.name]) if ref.name in fixed else _axis(ref.name)
        if ref.kind == "git":
            return expressions.event(self.called) if ref.name == "event" else expressions.GIT[ref.name]
        if ref.kind == "run":
            return expressions.RUN_URL if ref.name == "url" else expressions.RUN[ref.name]
        if ref.kind == "images":
            return self.image_of(job, ref.name)
        if ref.kind == "sidecars":
            return self._sidecar(job, ref)
        if ref.kind == "project" and ref.name == "name":
            return expressions.literal(self.project.name)
        self.sink.report(codes.NO_HOLE, f'"{ref.kind}.{ref.name}" has no value on GitHub', job.origin)
        return "''"

    def _sidecar(self, job: Job, ref: Ref) -> str:
        """In a container a service is a host by its name; on the host its port is mapped to one that is free."""
        sidecar = next(sidecar for sidecar in job.sidecars if sidecar.name == ref.name)
        service, port = service_id(sidecar.name), sidecar.port
        in_container = self.in_container(job)
        if ref.member == "host":
            return expressions.literal(service if in_container else "127.0.0.1")
        if in_container:
            return expressions.literal(str(port or ""))
        return f"job.services.{service}.ports['{port}']"

    def text(self, job: Job, pieces: Text) -> str:
        if len(pieces) == 1 and isinstance(pieces[0], str):
            return expressions.written(pieces[0])
        made = expressions.text(pieces, lambda ref: self.expression(job, ref))
        most = LIMITS["characters of an expression"]
        # GitHub makes one of it, format('…{0}…', …), in which a quote stands twice.
        if len(made) + made.count("'") + FORMAT_CHARACTERS > most and "${{" in made:
            message = (
                f'a text of "{job.name}" that holds values has {len(made):,} characters, on GitHub at most {most:,}'
            )
            self.sink.report(
                core.LIMIT, message, job.origin, help="keep the text in a file, and let the job fill it in"
            )
        return made

    def shell_holes(self, job: Job) -> list[Ref]:
        """The holes that shell text reads as variables: all but those in values of variables and in the image."""
        known = self._shell_holes.get(job.name)
        if known is None:
            found = _in_shell(job)
            known = self._shell_holes[job.name] = list(dict.fromkeys(found)) if found else found
        return known

    def holes(self, job: Job) -> list[Ref]:
        """All holes of a job."""
        known = self._holes.get(job.name)
        if known is None:
            known = self._holes[job.name] = self._all_holes(job)
        return known

    def _all_holes(self, job: Job) -> list[Ref]:
        found = [*self.shell_holes(job)]
        found += [piece for variable in job.env for piece in variable.value if not isinstance(piece, str)]
        for sidecar in job.sidecars:
            found += holes(sidecar)
        if isinstance(job.environment, Environment) and job.environment.image:
            found += [piece for piece in job.environment.image if not isinstance(piece, str)]
        if isinstance(job.action, (BuildImage, Call)):
            found += holes(job.action)
        return found

    def is_late(self, job: Job, pieces: Text) -> bool:
        """Whether text has a hole that only a step can fill."""
        for piece in pieces:
            if not isinstance(piece, str) and self.expression(job, piece).startswith(("steps.", "job.")):
                return True
        return False

    # ---------------------------------------------------------------------------------------------------- machines

    def runner(self, job: Job) -> Runner | None:
        return self._runners.choose(job)

    def machine(self, job: Job) -> tuple[Any, bool]:
        """`runs-on`, and whether that may be the user's own machine."""
        runner = self.runner(job)
        found = self._machines.get(id(runner))
        if found is None:
            self._check_runner(runner)
            runs_on = self.runs_on(job, runner)
            found = runs_on, self.is_self_hosted(runner, runs_on)
            if runner is not None and runner.select:  # else it is the job that decides
                self._machines[id(runner)] = found
        return found

    def _check_runner(self, runner: Runner | None) -> None:
        if runner is None:
            return
        for key in (key for key, _ in runner.select if key not in RUNNER_KEYS):
            message = f'"{key}" says nothing to GitHub: a runner is chosen by its labels and its group'
            self.sink.report(core.WRONG_SETTING, message, runner.origin or self.settings.origin)

    def runs_on(self, job: Job, runner: Runner | None) -> Any:
        """`runs-on`, from the runner's labels and group, or the hosted runner of the job's platform."""
        platform = job.platform or runners.DEFAULT_PLATFORM
        if runner is None:
            if runners.accelerator(job) is not None:
                return ["self-hosted", runners.GPU_LABEL]
            return self._hosted(job, platform)
        select = dict(runner.select)
        labels = select.get("labels", ())
        labels = [labels] if isinstance(labels, str) else list(labels)
        group = select.get("group")
        if group:
            return {"group": group, **({"labels": labels} if labels else {})}
        if not labels:
            return self._hosted(job, runner.platform or platform)
        return labels[0] if len(labels) == 1 else labels

    def _hosted(self, job: Job, platform: str) -> str:
        if platform not in HOSTED:
            known = ", ".join(HOSTED)
            message = f'GitHub hosts no runner of platform "{platform}" that headrace knows: {known}'
            self.sink.report(codes.NO_PLATFORM, message, job.origin, help="list a runner of that platform")
        return HOSTED.get(platform, HOSTED[runners.DEFAULT_PLATFORM])

    def is_self_hosted(self, runner: Runner | None, runs_on: Any) -> bool:
        """Whether the machine may be the user's own, which forks' code must not reach."""
        if runner is not None and runner.executor is not None:
            return runner.executor != "hosted"
        if isinstance(runs_on, dict):
            return True
        labels = [runs_on] if isinstance(runs_on, str) else runs_on
        return any(not label.startswith(HOSTED_PREFIXES) for label in labels)

    def in_container(self, job: Job) -> bool:
        """Whether the job's steps run in its image. `container: false` lets Python environments run on the host."""
        environment = job.environment
        if not isinstance(environment, Environment) or environment.image is None:
            return False
        return not (self.options.get("container") is False and environment.python is not None)

    def has_python(self, job: Job) -> bool:
        """Whether `python3` is known to be there: in Python environments, and on GitHub's own machines."""
        environment = job.environment
        if self.in_container(job):
            return isinstance(environment, Environment) and environment.python is not None
        return True

    # --------------------------------------------------------------------------------------------------- artifacts

    def takes_nothing(self, job: Job) -> bool:
        """Whether the jobs that a job needs leave nothing behind that it would take."""
        return not self._givers or self._givers.isdisjoint([need.job for need in job.needs])

    def has_outputs(self, name: str) -> bool:
        return name in self._givers

    def scope(self) -> str:
        """What stands before the names of artifacts: which call of the pipeline they are of."""
        return expressions.hole(f"inputs.{expressions.CALL_SCOPE}") if self.called else ""

    def artifact(self, job: Job) -> str:
        """The name of what the job (or each of its legs) uploads."""
        original = self.original[job.name]
        base = self.scope() + self.artifact_ids[original]
        if job.matrix is None:
            return base
        told = self.legs[original]
        leg = only(job)
        return f"{base}.{told.slugs[leg] if leg else told.expression(self.whole[original])}"

    def artifact_patterns(self, name: str) -> list[str]:
        """Patterns that match what a needed job uploads, and nothing else: no id has a dot."""
        job = self.by_name[name]
        original = self.original[name]
        base = self.scope() + self.artifact_ids[original]
        if job.matrix is None:
            return [base]
        told = self.legs[original]
        found = legs(job.matrix)
        if len(found) == len(told.slugs) > 1:
            return [f"{base}.*"]
        return [f"{base}.{told.slugs[leg]}" for leg in found]

    def leg_folder(self, job: Job) -> str:
        """The folder that keeps a leg's outputs apart where they share a path, as a shell word."""
        leg = only(job)
        if leg:
            return commands.literal(label(leg))
        return '"$HEADRACE_LEG"'


def _publishes(job: Job) -> bool:
    action = job.action
    return isinstance(action, Deploy) or (isinstance(action, BuildImage) and action.publish is not None)


def _in_shell(job: Job) -> list[Ref]:
    action = job.action
    found: list[Ref] = []
    texts: list[Text] = []
    if isinstance(action, Script):
        texts.append(action.lines)
    elif isinstance(action, Exec):
        texts.extend(action.argv)
        found += [switch.when for switch in action.switches]
    elif isinstance(action, Support):
        texts.extend(action.arguments)
        found += action.refs
    if isinstance(job.environment, Environment):
        texts.extend(job.environment.setup)
    texts += [output.path for output in job.outputs if isinstance(output, Artifact)]
    return found + [piece for text in texts for piece in text if not isinstance(piece, str)]


def _posix(schedule: OnSchedule) -> OnSchedule:
    """A schedule with Sunday as 0: GitHub takes no 7."""
    if "7" not in schedule.cron.split()[-1]:
        return schedule
    from compiler.cron import parse, text

    return schedule.replace(cron=text(parse(schedule.cron)))


def _axis(name: str) -> str:
    plain = set(name) <= _PLAIN_AXIS and not name[:1].isdigit()
    return f"matrix.{name}" if plain else f"matrix[{expressions.literal(name)}]"


def service_id(name: str) -> str:
    """A sidecar's name as a host name."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in name).lower()


def metrics(job: Job) -> list[Text]:
    return [output.path for output in job.outputs if isinstance(output, Artifact) and output.kind == "metrics"]
