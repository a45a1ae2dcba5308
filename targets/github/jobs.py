"""One job of a workflow: when it runs, where, and with which rights. What it does is in steps, images and deploys.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobs
"""

from __future__ import annotations

from compiler import codes as core
from compiler import quantity
from compiler.condition import conjoin
from compiler.ir import BuildImage, Call, Deploy, Environment, Exec, Job, Ref, Resources, Script, Support
from compiler.matrix import axes, legs
from compiler.yamlwriter import Block, Form, Formed, Remark, Shared
from targets import commands, runners
from targets.github import codes, conditions, expressions, images, steps
from targets.github.limits import LIMITS
from targets.legs import only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Condition, Text
    from targets.github.workflow import Workflow

SET_UP_MINUTES = 10  # beside the attempts of a job that counts its own time
SCOPES = frozenset(
    (
        "actions", "artifact-metadata", "attestations", "checks", "contents", "deployments", "discussions", "id-token",
        "issues", "models", "packages", "pages", "pull-requests", "repository-projects", "security-events", "statuses",
    )
)  # fmt: skip


class Order:
    """Which jobs run when: worked out once for a pipeline."""

    def __init__(self, workflow: Workflow) -> None:
        self.explicit: set[str] = set()  # jobs whose `if` restates what their needs must have come to
        # A job's condition with those of the needs that it can't do without; known only where a `run_on` asks for it.
        self.closed: dict[str, Condition | None] = {}
        loose: set[str] = set()
        restated = any(job.run_on in ("failure", "always") for job in workflow.jobs)
        for name in workflow.order:
            job = workflow.by_name[name]
            if job.run_on not in (None, "success") or True in [need.optional for need in job.needs]:
                loose.add(name)
                self.explicit.add(name)
            elif not self.explicit.isdisjoint([need.job for need in job.needs]):
                self.explicit.add(name)
            if restated:
                inherited = [self.closed[need.job] for need in job.needs if not need.optional]
                self.closed[name] = conjoin(job.condition, *inherited)


def emit(workflow: Workflow, order: Order, job: Job) -> dict[str, Any]:
    """One job as GitHub takes it."""
    if isinstance(job.action, Call):
        return _call(workflow, order, job)
    frame = _frame(workflow, job)
    own = _own(workflow, order, job) if frame.is_shared else None
    if own is not None and frame.common is not None:
        return frame.common.filled(*own, comment=_place(workflow, job))
    found = _head(workflow, order, job, guarded=frame.self_hosted or isinstance(job.action, Deploy))
    if frame.self_hosted and expressions.NOT_FROM_FORK in found.get("if", ""):
        _note_forks(workflow)
    found |= frame.entries
    env = steps.job_env(workflow, job)
    if env:
        found["env"] = env
    if isinstance(job.action, BuildImage):
        found["outputs"] = {"image": images.REFERENCE}
        found["steps"] = images.steps(workflow, job)
    elif isinstance(job.action, Deploy):
        from targets.github import deploys

        found["steps"] = deploys.steps(workflow, job)
    else:
        found["steps"] = steps.emit(workflow, job, frame.self_hosted, frame.is_shared)
        if own is not None and found["steps"][-1] == steps.command_step(job) and "needs." not in found.get("if", ""):
            frame.common = Common(found, frame.entries)
    return found


class Frame:
    """Where a job runs, and with which rights and limits: what it shares with all jobs that are alike."""

    __slots__ = ("common", "entries", "is_shared", "self_hosted")

    def __init__(self, entries: dict[str, Any], self_hosted: bool, is_shared: bool) -> None:
        self.entries = entries
        self.self_hosted = self_hosted
        self.is_shared = is_shared
        self.common: Common | None = None


class Common:
    """What those of them share that differ in nothing but words: all but name, needs, variables and the command."""

    __slots__ = ("entries", "forms", "steps", "test")

    def __init__(self, made: dict[str, Any], entries: dict[str, Any]) -> None:
        self.test: str | None = made.get("if")
        self.entries = entries
        self.steps: list[Any] = made["steps"][:-1]
        self.forms: dict[tuple[str, ...], Form] = {}

    def filled(self, shape: tuple[str, ...], words: list[Any], comment: str) -> dict[str, Any]:
        """A job with its own words."""
        form = self.forms.get(shape)
        if form is None:
            form = self.forms[shape] = Form(lambda marks: self.fill({}, shape, marks), len(words))
        return self.fill(Formed(form, words, comment=comment), shape, words)

    def fill(self, found: dict[str, Any], shape: tuple[str, ...], words: list[Any]) -> dict[str, Any]:
        found["name"] = words[0]
        if self.test is not None:
            found["if"] = self.test
        if shape[0]:
            found["needs"] = words[3]
        found.update(self.entries)
        if len(shape) > 1:
            found["env"] = dict(zip(shape[1:], words[4 if shape[0] else 3 :], strict=True))
        found["steps"] = [*self.steps, {"name": words[1], "run": words[2]}]
        return found


def _own(workflow: Workflow, order: Order, job: Job) -> tuple[tuple[str, ...], list[Any]] | None:
    """What a job has of its own, where that is words alone: whether it needs any and the names of its variables; and its
    name, its step's, the command's line, its needs and the variables' values. None where a text of it has a hole or takes
    more than a line, or something of it depends on what its needs are.
    """
    action = job.action
    if workflow.part_of or workflow.settings.overlay or job.name in order.explicit or not workflow.takes_nothing(job):
        return None
    texts = (action.lines,) if isinstance(action, Script) else action.argv if isinstance(action, Exec) else ((),)
    for text in texts:
        if len(text) != 1 or type(text[0]) is not str:
            return None
    step = steps.command_step(job)
    if len(step) > 2 or (isinstance(action, Exec) and action.switches):
        return None
    shape = ["needs" if job.needs else ""]
    words: list[Any] = [_shown(workflow, job), step["name"], step["run"]]
    if job.needs:
        ids = workflow.ids
        words.append(list(dict.fromkeys([ids[need.job] for need in job.needs])))
    for variable in job.env:
        value = variable.value
        if len(value) != 1 or type(value[0]) is not str:
            return None
        shape.append(variable.name)
        words.append(expressions.written(value[0]))
    return tuple(shape), words


def _frame(workflow: Workflow, job: Job) -> Frame:
    alike = workflow.likeness.get(job.name)
    known: Frame | None = workflow.frames.get(alike) if alike is not None else None
    if known is not None:
        return known
    if workflow.stands_alone(job):
        alike = None
    reports = workflow.sink.reports
    runs_on, self_hosted = workflow.machine(job)
    entries = {"runs-on": runs_on, **_limits(workflow, job, self_hosted)}
    if alike is None or workflow.sink.reports > reports:  # what is wrong is wrong with each of them
        return Frame(entries, self_hosted, False)
    shared = {key: Shared(value) if isinstance(value, dict) else value for key, value in entries.items()}
    made = workflow.frames[alike] = Frame(shared, self_hosted, True)
    return made


def _limits(workflow: Workflow, job: Job, self_hosted: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    _add_environment(workflow, job, found)
    _add_lock(job, found)
    found["timeout-minutes"] = _minutes(workflow, job, self_hosted)
    if job.allow_failure:
        found["continue-on-error"] = True
    rights = _permissions(workflow, job)
    if rights:
        found["permissions"] = rights
    if job.matrix is not None and not only(job):
        found["strategy"] = _strategy(workflow, job)
    container = _container(workflow, job, self_hosted)
    if container:
        found["container"] = container
    if job.sidecars:
        found["services"] = _services(workflow, job)
    return found


def _note_forks(workflow: Workflow) -> None:
    workflow.sink.report(
        codes.SELF_HOSTED_FORKS,
        "GitHub Actions: jobs on self-hosted runners are skipped on change requests from forks",
        workflow.settings.origin,
        help="say `executor: hosted` for a runner that GitHub hosts for you",
    )


def _head(workflow: Workflow, order: Order, job: Job, guarded: bool) -> dict[str, Any]:
    found = Block(comment=_place(workflow, job))
    found["name"] = _shown(workflow, job)
    test = run_condition(workflow, order, job, guarded)
    if test:
        found["if"] = expressions.condition(test)
    needed = [need.job for need in job.needs]
    if workflow.part_of:
        needed = [name for name in needed if workflow.same_part(job, name)]
    ids = workflow.ids
    needs = [ids[name] for name in needed]
    if test and f"needs.{workflow.decide_id}." in test:
        needs.insert(0, workflow.decide_id)
    if needs:
        found["needs"] = list(dict.fromkeys(needs))
    return found


def _place(workflow: Workflow, job: Job) -> str:
    """Where a job stands in the manifest, as its comment says it."""
    path = job.origin.path if job.origin is not None else ""
    return f"{workflow.project.manifest}: {path}" if path else ""


def _shown(workflow: Workflow, job: Job) -> str:
    """The job's name as people see it; of a matrix, each leg's."""
    name = workflow.original[job.name]
    if job.matrix is None:
        return name
    leg = only(job)
    if leg:
        values = [expressions.written(value) for _, value in leg]
    else:
        values = [workflow.text(job, (Ref(kind="matrix", name=axis),)) for axis in axes(job.matrix)]
    return f"{name} ({', '.join(values)})"


# ------------------------------------------------------------------------------------------------------ when it runs


def run_condition(workflow: Workflow, order: Order, job: Job, guarded: bool) -> str:
    """The job's `if`, "" where GitHub's own rule (all that came before succeeded) says it.

    A status function in `if` switches GitHub's rule off, so the needs' results are restated. That must be done where
    something before the job may fail or be skipped and the job still runs: GitHub's `success()` looks at all jobs
    before it, not only at those that it needs.
    """
    terms: list[str] = []
    explicit = job.name in order.explicit
    if explicit:
        terms.append("!cancelled()")
        terms.extend(_results(workflow, job))
    elif workflow.part_of:
        others = [need.job for need in job.needs if not workflow.same_part(job, need.job)]
        terms.extend(f"{workflow.result(job, other)} == 'success'" for other in dict.fromkeys(others))
    whole = job.condition
    if job.run_on in ("failure", "always"):
        whole = order.closed[job.name]  # a need that was ruled out takes the job with it, whatever came of the others
    terms.extend(_condition_terms(workflow, job, whole))
    if guarded and workflow.change_requests and expressions.NOT_ON_CHANGE_REQUEST not in terms:
        terms.append(expressions.NOT_FROM_FORK)
    whole_text = expressions.conjunction(terms)
    if len(whole_text) > LIMITS["characters of an expression"]:
        message = f'the `if` of "{job.name}" has {len(whole_text):,} characters, an expression on GitHub at most '
        message += f"{LIMITS['characters of an expression']:,}"
        workflow.sink.report(core.LIMIT, message, job.origin, help="let a job between need some of what it needs")
    return whole_text


def _results(workflow: Workflow, job: Job) -> list[str]:
    """What the needs must have come to. A job that may fail counts as a success: GitHub says so of it."""
    if job.run_on == "always":
        return []
    if not job.needs:  # nothing that could have failed
        return ["false"] if job.run_on == "failure" else []
    needs = list({need.job: need for need in job.needs}.values())
    together = all(workflow.same_part(job, need.job) for need in needs)
    if job.run_on == "failure":
        if together and len(needs) > 1:
            return ["contains(needs.*.result, 'failure')"]
        return [" || ".join(f"{workflow.result(job, need.job)} == 'failure'" for need in needs)]
    if together and len(needs) > 3:
        if not any(need.optional for need in needs):
            return [f"!contains(needs.*.result, '{result}')" for result in ("failure", "skipped", "cancelled")]
        none = [f"!contains(needs.*.result, '{result}')" for result in ("failure", "cancelled")]
        return none + [f"{workflow.result(job, need.job)} != 'skipped'" for need in needs if not need.optional]
    found = []
    for need in needs:
        result = workflow.result(job, need.job)
        found.append(f"{result} == 'success'" + (f" || {result} == 'skipped'" if need.optional else ""))
    return found


def _condition_terms(workflow: Workflow, job: Job, condition: Condition | None) -> list[str]:
    """The condition's terms as expressions; what GitHub can't test is one term that the decide job answers."""
    found: list[str] = []
    others: list[Condition] = []
    for term in conditions.terms(condition):
        test = workflow.tests.get(id(term))
        if test is None and conditions.is_native(term):
            test = workflow.tests[id(term)] = conditions.expression(term, workflow.facts)
        if test is None:
            others.append(term)
        else:
            found.append(test)
    if others:
        found.append(workflow.decision(job, conjoin(*others)))
    return found


# -------------------------------------------------------------------------------------------------------- where it runs


def _add_environment(workflow: Workflow, job: Job, found: dict[str, Any]) -> None:
    """The deployment environment: whoever approves, and which secrets there are, is decided by its rules."""
    action = job.action
    name = action.to if isinstance(action, Deploy) else None
    if job.approval is not None:
        name = job.approval.to or name or "approval"
        workflow.sink.report(
            core.ACTION_NEEDED,
            f'GitHub Actions: "{job.name}" waits for a person only where the environment "{name}" has required reviewers',
            job.origin,
            field="approve",
            help=f'add the rule "Required reviewers" under Settings, Environments, {name} '
            "(private repositories have it with GitHub Enterprise only)",
        )
    if name is None:
        return
    environment: dict[str, Any] = {"name": expressions.written(name)}
    if isinstance(action, Deploy) and action.url:
        environment["url"] = expressions.written(action.url)
    found["environment"] = environment


def _add_lock(job: Job, found: dict[str, Any]) -> None:
    """A lock is a group of jobs that run one at a time; with `queue: max` nobody who waits is cancelled (up to 100).

    https://docs.github.com/en/actions/how-tos/write-workflows/choose-when-workflows-run/control-workflow-concurrency
    """
    name = job.lock.name if job.lock is not None else None
    if name is not None:
        found["concurrency"] = {"group": expressions.written(f"lock-{name}"), "queue": "max"}
    elif isinstance(job.action, Deploy) and job.action.to is not None:
        place = "-".join(part for part in (job.action.to, job.action.cluster, job.action.service) if part)
        found["concurrency"] = {"group": expressions.written(f"deploy-{place}"), "queue": "max"}


def _minutes(workflow: Workflow, job: Job, self_hosted: bool) -> int:
    seconds = job.timeout if job.timeout is not None else 3600
    minutes = -(-seconds * steps.attempts(job) // 60)
    if steps.is_wrapped(job):
        minutes += SET_UP_MINUTES
    longest = LIMITS["minutes of a self-hosted job"] if self_hosted else LIMITS["minutes of a hosted job"]
    if minutes > longest:
        workflow.sink.report(
            codes.TOO_LONG,
            f'"{job.name}" may take {minutes} minutes, GitHub ends a job there after {longest}',
            job.origin,
            field="timeout",
        )
    return minutes


def _permissions(workflow: Workflow, job: Job) -> dict[str, Any]:
    """What the token may do: no more than the steps need, and what the manifest asks for."""
    rights: dict[str, Any] = {}
    if commands.reads_files(job):
        rights["contents"] = "read"
    action = job.action
    if isinstance(action, BuildImage) and images.pushes(workflow, job) and images.is_own_registry(workflow, job):
        rights["packages"] = Remark("write", "pushes the image")
    elif _pulls_own_image(workflow, job):
        rights["packages"] = Remark("read", "pulls the image")
    if isinstance(action, Deploy) and action.platform == "gitops" and not action.repository:
        rights["contents"] = Remark("write", "commits to the branch that is deployed")
    reasons = steps.token_reasons(workflow, job)
    if reasons:
        rights["id-token"] = Remark("write", " and ".join(reasons))
    for permission in job.permissions:
        scope = permission.scope.replace("_", "-")
        if scope not in SCOPES:
            message = f'"{permission.scope}" is no permission of GitHub\'s token'
            advice = f"there are {', '.join(sorted(SCOPES))}"
            field = f"permissions[{permission.scope}]"
            workflow.sink.report(codes.WRONG_KEY, message, job.origin, field=field, help=advice)
        elif permission.access == "none":
            rights.pop(scope, None)
        elif rights.get(scope) != "write":
            rights[scope] = Remark(permission.access, "the manifest asks for it")
    return rights


def _pulls_own_image(workflow: Workflow, job: Job) -> bool:
    if not workflow.builders:
        return False
    pulled = [sidecar.image for sidecar in job.sidecars]
    if isinstance(job.environment, Environment) and job.environment.image and workflow.in_container(job):
        pulled.append(job.environment.image)
    built = [name for name in map(images.built_in, pulled) if name is not None]
    return any(images.in_own_registry(workflow, name) for name in built)


def _strategy(workflow: Workflow, job: Job) -> dict[str, Any]:
    """The legs: as axes where those say it all, else one by one with a name for each."""
    assert job.matrix is not None
    told = workflow.legs[workflow.original[job.name]]
    whole = legs(job.matrix)
    matrix: dict[str, Any]
    if told.plain and not job.matrix.include and not job.matrix.exclude:
        matrix = {axis: [expressions.written(value) for value in values] for axis, values in job.matrix.axes}
    else:
        matrix = {"include": [_leg(workflow, job, leg) for leg in whole]}
    found: dict[str, Any] = {"fail-fast": False}
    if job.matrix.max_parallel is not None:
        found["max-parallel"] = job.matrix.max_parallel
    found["matrix"] = matrix
    return found


def _leg(workflow: Workflow, job: Job, leg: Any) -> dict[str, str]:
    from compiler.matrix import label

    told = workflow.legs[workflow.original[job.name]]
    found = {axis: expressions.written(value) for axis, value in leg}
    if not told.plain:
        found[told.key] = told.slugs[leg]
    if told.folder:
        found[told.folder] = label(leg)
    return found


# ----------------------------------------------------------------------------------------------------------- containers


def _container(workflow: Workflow, job: Job, self_hosted: bool) -> dict[str, Any]:
    """The image that the steps run in, with what Docker must give it."""
    environment = job.environment
    resources = job.resources or Resources()
    if isinstance(job.action, Support) and self_hosted and environment is None:
        from compiler.images import HELPER

        return {"image": commands.pinned(workflow.project, HELPER)}
    if not workflow.in_container(job) or isinstance(job.action, (BuildImage, Deploy)):
        _check_no_container(workflow, job, resources)
        return {}
    assert isinstance(environment, Environment)
    assert environment.image is not None
    if workflow.is_late(job, environment.image):
        message = f'the image of "{job.name}" holds a value that is known only in its steps'
        workflow.sink.report(codes.NO_HOLE, message, job.origin, field="environment")
    found: dict[str, Any] = {"image": commands.pinned(workflow.project, workflow.text(job, environment.image))}
    credentials = images.pull_credentials(workflow, job, environment)
    if credentials:
        found["credentials"] = credentials
    if job.volumes:
        found["volumes"] = [f"{v.name}:{v.path}" + (":ro" if v.read_only else "") for v in job.volumes]
    options = _options(workflow, job, resources)
    if options:
        found["options"] = options
    return found


def _check_no_container(workflow: Workflow, job: Job, resources: Resources) -> None:
    wanted = []
    if resources.limit is not None:
        wanted.append("a limit")
    if resources.shm is not None:
        wanted.append("shared memory")
    if job.volumes:
        wanted.append("volumes")
    if wanted:
        message = f'"{job.name}" asks for {" and ".join(wanted)} and runs in no container'
        advice = "give it an environment with an image"
        workflow.sink.report(codes.NEEDS_CONTAINER, message, job.origin, field="resources", help=advice)


def _options(workflow: Workflow, job: Job, resources: Resources) -> str:
    """Options of `docker create`: https://docs.docker.com/reference/cli/docker/container/create/."""
    options = []
    limit = resources.limit
    if limit is not None and limit.cpu is not None:
        cores = quantity.milli(limit.cpu)
        options.append(f"--cpus {cores // 1000}" if cores % 1000 == 0 else f"--cpus {cores / 1000:g}")
    if limit is not None and limit.memory is not None:
        options.append(f"--memory {docker_size(limit.memory)}")
    shared = runners.shared_memory(job)
    if shared is not None:
        options.append(f"--shm-size {docker_size(shared)}")
    device = resources.accelerator
    if device is not None:
        options.extend(_devices(workflow, job, device.vendor or "nvidia"))
    return " ".join(options)


def _devices(workflow: Workflow, job: Job, vendor: str) -> list[str]:
    if vendor == "nvidia":
        return ["--gpus all"]
    if vendor == "amd":  # https://rocm.docs.amd.com/projects/install-on-linux/en/latest/how-to/docker.html
        return ["--device /dev/kfd", "--device /dev/dri", "--security-opt seccomp=unconfined"]
    if vendor == "intel":
        return ["--device /dev/dri"]
    message = f'a container on GitHub can\'t be given devices by "{vendor}"'
    workflow.sink.report(codes.NO_PLATFORM, message, job.origin, field="resources", help="nvidia, amd and intel can")
    return []


def docker_size(nano: int) -> str:
    """A size as Docker writes it, in the largest whole unit of 1024s."""
    size = quantity.whole_units(nano)
    for unit, power in (("g", 30), ("m", 20), ("k", 10)):
        if size and size % (1 << power) == 0:
            return f"{size >> power}{unit}"
    return f"{size}b"


def _services(workflow: Workflow, job: Job) -> dict[str, Any]:
    """Sidecars as services: https://docs.github.com/en/actions/using-containerized-services."""
    from targets.github.workflow import service_id

    found: dict[str, Any] = {}
    for sidecar in job.sidecars:
        image = commands.pinned(workflow.project, workflow.text(job, sidecar.image))
        service: dict[str, Any] = {"image": image}
        credentials = images.built_credentials(workflow, sidecar.image)
        if credentials:
            service["credentials"] = credentials
        if sidecar.env:
            service["env"] = {variable.name: workflow.text(job, variable.value) for variable in sidecar.env}
        if sidecar.port is not None and not workflow.in_container(job):
            service["ports"] = [str(sidecar.port)]
        if sidecar.command:
            literals = tuple((workflow.text(job, argument),) for argument in sidecar.command)
            service["command"] = commands.words(literals)
        found[service_id(sidecar.name)] = service
    return found


# ---------------------------------------------------------------------------------------------------------------- calls


def _call(workflow: Workflow, order: Order, job: Job) -> dict[str, Any]:
    """A call of another pipeline. Its file, permissions and secrets are filled in by whoever knows all workflows."""
    assert isinstance(job.action, Call)
    _check_call(workflow, job)
    found = _head(workflow, order, job, guarded=False)
    if job.lock is not None:
        _add_lock(job, found)
    if job.matrix is not None and not only(job):
        found["strategy"] = _strategy(workflow, job)
    values: dict[str, Any] = {
        expressions.input_name(variable.name): _as_text(workflow, job, variable.value)
        for variable in job.action.parameters
    }
    values[expressions.CALL_SCOPE] = f"{workflow.artifact(job)}."
    found["uses"] = job.action.pipeline
    found["with"] = values
    return found


def _as_text(workflow: Workflow, job: Job, value: Text) -> str:
    """A value for an input of type string: a Boolean alone would arrive as one."""
    hole = value[0] if len(value) == 1 and isinstance(value[0], Ref) else None
    if hole is not None and hole.kind == "parameters" and workflow.parameters[hole.name].type == "bool":
        return expressions.hole(f"format('{{0}}', {workflow.values[hole.name]})")
    return workflow.text(job, value)


def _check_call(workflow: Workflow, job: Job) -> None:
    """https://docs.github.com/en/actions/reference/workflows-and-actions/reusing-workflow-configurations."""
    wrong = [
        ("allow_failure", bool(job.allow_failure)),
        ("approve", job.approval is not None),
        ("retry", job.retry is not None),
        ("secrets", bool(job.secrets)),
        ("permissions", bool(job.permissions)),
        ("sidecars", bool(job.sidecars)),
        ("outputs", bool(job.outputs)),
        ("cache", job.cache is not None and job.cache.enabled),
    ]
    for key, is_given in wrong:
        if is_given:
            message = f'"{job.name}" calls a pipeline: on GitHub such a job has no `{key}`'
            advice = f"say `{key}` in the jobs of the pipeline that is called"
            workflow.sink.report(codes.WRONG_KEY, message, job.origin, field=key, help=advice)
    late = any(workflow.is_late(job, variable.value) for variable in getattr(job.action, "parameters", ()))
    if late:
        message = f'"{job.name}" calls a pipeline with a value that is known only in the steps of a job'
        workflow.sink.report(codes.NO_HOLE, message, job.origin)
