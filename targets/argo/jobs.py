"""A job as a template: its pod, what arrives, what it runs, what it leaves."""

from __future__ import annotations

from compiler import images as known_images
from compiler.ir import BuildImage, Call, ChangedFiles, Deploy, Environment, Exec, Ref, Script
from compiler.matrix import axes, legs
from targets import commands, runtime
from targets.argo import artifacts, codes, nodes, pods, spelling
from targets.argo.scope import ROOT
from targets.legs import only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Job
    from targets.argo.scope import Scope


def template(scope: Scope, job: Job, name: str, jobs: dict[str, Job]) -> dict[str, Any]:
    """The template that runs one leg of a job."""
    for value in dict.fromkeys(value for leg in legs(job.matrix) for _, value in leg if spelling.has_braces(value)):
        scope.refuse_braces(value, job)
    if isinstance(job.action, BuildImage):
        from targets.argo import builds

        return builds.template(scope, job, name, jobs)
    if isinstance(job.action, Deploy):
        from targets.argo import deploys

        return deploys.template(scope, job, name, jobs)
    if isinstance(job.action, Call):
        from targets.argo import children

        return children.call(scope, job, name)
    made = pods.pod(scope, job)
    patch = nodes.join(scope, job, made)
    arrivals = artifacts.arrivals(scope, job, jobs)
    body = _container(scope, job, made, arrivals)
    return assemble(scope, job, name, made, arrivals, {**body, **({"podSpecPatch": patch} if patch else {})})


def assemble(
    scope: Scope,
    job: Job,
    name: str,
    made: pods.Pod,
    arrivals: artifacts.Arrivals,
    body: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """A template's parts in the order in which people read them."""
    result: dict[str, Any] = {"name": name}
    if made.labels:
        result["metadata"] = {"labels": made.labels}
    inputs: dict[str, Any] = {}
    given = given_inputs(scope, job)
    if given:
        inputs["parameters"] = given
    inputs["artifacts"] = [artifacts.source(scope), *arrivals.artifacts]
    result["inputs"] = inputs
    if job.timeout is not None:
        result["activeDeadlineSeconds"] = job.timeout
    if job.retry is not None and job.retry.max > 0:
        result["retryStrategy"] = retry(job)
    if artifacts.is_cached(scope, job):
        result["memoize"] = _memoize(scope, job)
    for key, value in (
        ("synchronization", made.synchronization),
        ("nodeSelector", made.selector),
        ("tolerations", made.tolerations),
        ("serviceAccountName", made.account),
        ("volumes", made.volumes),
        ("initContainers", made.init),
    ):
        if value:
            result[key] = value
    result.update(body)
    left = artifacts.outputs(scope, job)
    outputs: dict[str, Any] = {}
    if parameters:
        outputs["parameters"] = parameters
    if left:
        outputs["artifacts"] = left
    if outputs:
        result["outputs"] = outputs
    return result


def given_inputs(scope: Scope, job: Job) -> list[dict[str, str]]:
    """The parameters of a job's template: its leg's values, and its key."""
    names: list[str] = []
    if artifacts.is_loop(job):
        names += [spelling.legal_parameter(axis) for axis in axes(job.matrix)]
        if artifacts.needs_leg(job):
            names.append("leg")
    if artifacts.is_cached(scope, job):
        names.append("key")
    names += [one["name"] for one in artifacts.endings(scope, job)]
    return [{"name": name} for name in names]


def retry(job: Job) -> dict[str, Any]:
    """Attempts after the first. What ended an attempt is told by its status, its exit code and how long it took.

    https://argo-workflows.readthedocs.io/en/latest/retries/
    """
    assert job.retry is not None
    given = job.retry
    strategy: dict[str, Any] = {"limit": str(given.max)}
    kinds = set(given.on) or {"runner", "timeout", "failure"}
    if given.exit_codes:
        kinds.add("failure")
    if kinds == {"runner", "timeout", "failure"} and not given.exit_codes:
        return {**strategy, "retryPolicy": "Always"}
    if kinds == {"runner"}:
        return {**strategy, "retryPolicy": "OnError"}
    late = f"asFloat(lastRetry.duration) >= {job.timeout or 0}"  # seconds, in whole ones or not
    terms = []
    if "runner" in kinds:
        terms.append("lastRetry.status == 'Error'")
    if "timeout" in kinds:
        terms.append(f"lastRetry.status == 'Failed' && {late}")
    if given.exit_codes:
        terms.append(f"asInt(lastRetry.exitCode) in [{', '.join(map(str, given.exit_codes))}]")
    elif "failure" in kinds:
        terms.append("lastRetry.status == 'Failed'" + ("" if "timeout" in kinds else f" && !({late})"))
    joined = " || ".join(f"({term})" if "&&" in term and len(terms) > 1 else term for term in terms)
    return {**strategy, "retryPolicy": "Always", "expression": joined}


def _memoize(scope: Scope, job: Job) -> dict[str, Any]:
    """A change request writes a cache of its own, so that it can't poison the others'."""
    assert job.cache is not None
    name = cache_name(scope) + artifacts.changes(scope)
    age = job.cache.max_age
    return {
        "key": f"{scope.names.jobs[job.name]}-{{{{inputs.parameters.key}}}}",
        "maxAge": f"{age}s" if age is not None else "87600h",
        "cache": {"configMap": {"name": name}},
    }


def cache_name(scope: Scope) -> str:
    return f"{scope.names.workflow}-cache"


# ------------------------------------------------------------------------------------------------------- what it runs


def _container(scope: Scope, job: Job, made: pods.Pod, arrivals: artifacts.Arrivals) -> dict[str, Any]:
    exports, env = variables(scope, job)
    if isinstance(job.action, Exec) and not (exports or arrivals.lines or _has_more(job)):
        argv = [commands.flat(word) for word in job.action.argv]
        if not job.action.switches and all(word is not None and not spelling.has_braces(word) for word in argv):
            folder = f"{ROOT}/{job.working_directory}" if job.working_directory else ROOT
            exact = [spelling.plain(str(word)) for word in argv]
            return {"container": container(image(scope, job), folder, exact[:1], exact[1:], env, made)}
    lines = [*exports, *arrivals.lines, *commands.prepare(job)]
    before, after = artifacts.changed_lines(job)
    own = [*before, *commands.command(job)]
    then = [*commands.gate(job), *after]
    if then:
        own += [*commands.settled(job), *then]
    if job.resume is not None:
        own = _kept(scope, job, own, env, made)
    return {"script": script(image(scope, job), [*lines, *own], env, made, shell=_shell(job))}


def _has_more(job: Job) -> bool:
    """Whether there is more to run than the job's own argument list."""
    changed = any(isinstance(output, ChangedFiles) for output in job.outputs)
    return bool(commands.prepare(job) or job.objectives or changed or job.resume is not None)


def _shell(job: Job) -> str:
    return job.action.shell or "sh" if isinstance(job.action, Script) else "sh"


def image(scope: Scope, job: Job) -> str:
    environment = job.environment
    if isinstance(environment, Environment) and environment.image is not None:
        return scope.pinned(scope.inline(environment.image, job, dict(only(job))))
    return scope.pinned(known_images.HELPER)


def container(
    image: str,
    folder: str,
    command: list[str],
    args: list[str],
    env: list[dict[str, Any]],
    made: pods.Pod,
) -> dict[str, Any]:
    body: dict[str, Any] = {"image": image, "workingDir": folder, "command": command}
    if args:
        body["args"] = args
    return _filled(body, env, made)


def script(
    image: str,
    lines: list[str],
    env: list[dict[str, Any]],
    made: pods.Pod | None = None,
    shell: str = "sh",
    folder: str = ROOT,
) -> dict[str, Any]:
    """Shell lines. Argo hands them over as a file: their length and their `$` are their own affair."""
    source = spelling.shell("\n".join(line for line in lines if line))
    body: dict[str, Any] = {"image": image, "workingDir": folder, "command": [shell, "-eu"]}
    body = _filled(body, env, made or pods.Pod())
    body["source"] = source + "\n"
    return body


def _filled(body: dict[str, Any], env: list[dict[str, Any]], made: pods.Pod) -> dict[str, Any]:
    env = spelling.with_brace(env)
    if env or made.variables:
        body["env"] = list({variable["name"]: variable for variable in (*env, *made.variables)}.values())
    if made.resources:
        body["resources"] = made.resources
    if made.mounts:
        body["volumeMounts"] = made.mounts
    return body


def variables(scope: Scope, job: Job) -> tuple[list[str], list[dict[str, Any]]]:
    """Lines that set variables which hold holes or `{{`, and the container's own variables.

    Secrets come last (in the pod): Kubernetes expands `$(NAME)` by what stands before only, so that no value, whoever
    wrote it, can name one of them.
    """
    leg = dict(only(job))
    env: list[dict[str, Any]] = []
    for ref in commands.refs(_without_image(job)):
        env.append({"name": commands.variable(ref), "value": scope.variable(ref, job, leg)})
    exports = []
    for variable in job.env:
        flat = commands.flat(variable.value)
        if flat is None or spelling.has_braces(flat):
            exports.append(f"export {variable.name}={commands.word(variable.value)}")
        else:
            env.append({"name": variable.name, "value": spelling.plain(flat)})
    env.extend(carried(scope, name) for name in commands.support_scripts(job))
    return exports, env


def _without_image(job: Job) -> Job:
    """The job without its image, whose holes Argo fills itself."""
    environment = job.environment
    if not isinstance(environment, Environment) or commands.flat(environment.image or ()) is not None:
        return job
    return job.replace(environment=environment.replace(image=None))


def carried(scope: Scope, name: str) -> dict[str, Any]:
    """A support script's text in a variable: as it is, or by a parameter of the run where several templates carry it."""
    text = (
        f"{{{{workflow.parameters.{shared(name)}}}}}" if name in scope.shared else spelling.plain(runtime.compact(name))
    )
    return {"name": commands.script_variable(name), "value": text}


def shared(name: str) -> str:
    return "headrace-" + name.replace("_", "-")


def _kept(scope: Scope, job: Job, own: list[str], env: list[dict[str, Any]], made: pods.Pod) -> list[str]:
    """The job's own lines inside of the keeper, which saves checkpoints and brings them back."""
    assert job.resume is not None
    name = job.resume.store or scope.settings.store
    store = scope.stores.get(str(name))
    environment = job.environment
    python = environment.python if isinstance(environment, Environment) else None
    url = (store.mount or store.url) if store is not None else None
    if url is None or python is None:
        lacks = "a store outside of the machine" if url is None else "an image whose Python is known"
        scope.sink.report(
            codes.RESUME,
            f'the checkpoints of "{job.name}" need {lacks}',
            job.resume.origin or job.origin,
            help="name a store in `resume`, or in targets.argo.store, and a python environment",
        )
        return own
    if store is not None and store.mount and all(one["mountPath"] != store.mount for one in made.mounts):
        claim = {"claimName": store.url or store.name}
        made.mount({"name": spelling.short(f"store-{store.name}"), "persistentVolumeClaim": claim}, store.mount)
    env.append(carried(scope, "keeper"))
    for axis in axes(job.matrix):
        ref = Ref(kind="matrix", name=axis)
        value = {"name": commands.variable(ref), "value": scope.variable(ref, job, dict(only(job)))}
        if value not in env:
            env.append(value)
    leg = "".join(
        f"/{axis}=" + "{" + commands.variable(Ref(kind="matrix", name=axis)) + "}" for axis in axes(job.matrix)
    )
    place = (job.name, leg.replace("{", "${"))
    env.append({"name": "HEADRACE_KEY_COMMIT", "value": "{{" + scope.fact("commit") + "}}"})
    paths = "".join(f" --path {commands.literal(path)}" for path in job.resume.paths)
    every = job.resume.every or 600
    key = f'{commands.literal(place[0])}"{place[1]}/$HEADRACE_KEY_COMMIT"'
    inner = commands.literal("\n".join(own))
    return [
        (
            f'python3 -I -c "$HEADRACE_KEEPER" --store {commands.literal(url)} --key {key} --every {every}{paths} -- '
            f"{_shell(job)} -euc {inner}"
        )
    ]


def support_uses(jobs: list[Job]) -> set[str]:
    """The support scripts that more than one template carries."""
    count: dict[str, int] = {}
    for job in jobs:
        names = commands.support_scripts(job)
        if isinstance(job.action, Deploy):
            names.append("deploy")
        if job.resume is not None:
            names.append("keeper")
        if isinstance(job.action, BuildImage) and job.action.publish is not None and job.action.publish.identity:
            names.append("login")
        if job.cache is not None and job.cache.enabled and job.outputs:
            names.append("content_key")
        for name in names:
            count[name] = count.get(name, 0) + 1
    return {name for name, times in count.items() if times > 1}
