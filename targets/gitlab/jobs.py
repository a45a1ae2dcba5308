"""One unit of a plan as a GitLab job. https://docs.gitlab.com/ci/yaml/#job-keywords"""

from __future__ import annotations

from compiler import codes as core
from compiler import duration, quantity
from compiler.images import BUILDKIT, HELPER
from compiler.ir import BuildImage, Call, Deploy, Environment, Job, Ref, deployed_images, holes
from compiler.yamlwriter import Block
from targets import commands, logins, prebuilt, runners
from targets.gitlab import codes, deploy, images
from targets.gitlab.access import IDENTITY_TOKEN, Access, access, sign
from targets.gitlab.conditions import ConditionError, Rule, all_of, on_event
from targets.gitlab.plan import Edge, Unit, artifact_paths, in_store
from targets.gitlab.scripts import (
    METRICS_REPORT,
    NATIVE_RETRIES,
    Lines,
    alias,
    cache_folder,
    cache_key,
    carry,
    lines_before,
    lines_of,
    received,
    retried,
    values_of,
)
from targets.gitlab.values import COPIED, NATIVE, expanded, given

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Condition, Runner
    from compiler.matrix import Leg
    from targets.gitlab.files import File

DEFAULT_TIMEOUT = 3600
CACHE_FOLDER = ".headrace/cache"
# Where each installer keeps what it downloads. https://docs.gitlab.com/ci/caching/
CACHE_VARIABLES = {
    "uv": ("UV_CACHE_DIR",),
    "pip": ("PIP_CACHE_DIR",),
    "poetry": ("POETRY_CACHE_DIR", "PIP_CACHE_DIR"),
    "pipenv": ("PIPENV_CACHE_DIR", "PIP_CACHE_DIR"),
    "conda": ("CONDA_PKGS_DIRS",),
    "mlflow": ("PIP_CACHE_DIR",),
}
# https://docs.gitlab.com/ci/yaml/#retrywhen
RETRY_WHEN = {
    "runner": ("runner_system_failure", "stuck_or_timeout_failure", "scheduler_failure", "data_integrity_failure"),
    "timeout": ("job_execution_timeout",),
    "failure": ("script_failure",),
}
PYTHON_FEATURES = ("cache", "resume", "store", "retry")


def job_data(unit: Unit, file: File) -> Block:
    """The job's mapping, under the comment that names its place in the manifest."""
    job = unit.job
    action = job.action
    if isinstance(action, Call):
        data = file.trigger(unit, action)
    else:
        refs = _refs(job, file)
        made, artifacts = _lines(unit, file, refs)
        data = _runnable(unit, file, made, artifacts, refs)
    path = job.origin.path if job.origin is not None else ""
    comment = f"{file.project.manifest}: {path}" if path else file.project.manifest
    return Block(data, comment=comment)


def _refs(job: Job, file: File) -> list[Ref]:
    """Every hole in what a job runs and leaves, each once. (Jobs share environments, so those are walked once.)"""
    parts: list[Any] = [job.action, job.env, job.inputs, job.outputs, job.sidecars]
    found = [node for part in parts if part for node in holes(part)]
    if job.environment is not None:
        found.extend(file.refs_of(job.environment))
    return list(dict.fromkeys(found)) if found else found


def _lines(unit: Unit, file: File, refs: list[Ref]) -> tuple[Lines, dict[str, Any]]:
    job = unit.job
    action = job.action
    if isinstance(action, BuildImage):
        made = Lines()
        made.before = [*values_of(unit, file, refs), *received(unit, file, made)]
        on_change_request = file.may_run_on_change_request(unit)
        leaves = file.leaves(job)
        registry, by = images.registry_of(action, file.settings), logins.identity(job, file.project.identities)
        sign_in: list[str] = []
        if by is not None and logins.check(job, by, registry, "GitLab CI", file.sink):
            made.scripts.append("login")
            file.need_trust(by, job)
            sign_in = images.sign_in_lines(by, str(registry), file.project)
        if action.software is not None:
            variables = tuple(variable.name for variable in job.env)
            made.variables[prebuilt.VARIABLE] = given(prebuilt.dockerfile(action.software, variables, file.project))
            made.script = images.ahead_lines(
                action,
                action.software,
                file.settings,
                variables,
                on_change_request=on_change_request,
                sign_in=sign_in,
            )
        else:
            made.script = images.build_lines(
                job, file.settings, leaves=leaves, on_change_request=on_change_request, sign_in=sign_in
            )
        made.variables["HEADRACE_REPOSITORY"] = images.repository_text(job, file.settings)
        made.variables["BUILDKITD_FLAGS"] = "--oci-worker-no-process-sandbox"
        if by is None and registry is not None:
            file.need_registry_login(job)
        return made, {"reports": {"dotenv": images.DOTENV}} if leaves and action.software is None else {}
    if isinstance(action, Deploy):
        made = lines_before(unit, file, refs)
        made.call("deploy")
        made.script = retried(deploy.deploy_lines(action), job, file, made)
        if action.platform == "gitops":
            file.need_gitops_token(job)
        elif action.cluster is None:
            file.need_cluster(job)
        return made, {}
    return lines_of(unit, file, refs), _artifacts(unit, file)


def _runnable(unit: Unit, file: File, made: Lines, artifacts: dict[str, Any], refs: list[Ref]) -> dict[str, Any]:
    job = unit.job
    runner = _runner(job, file)
    built = job.action.build.secrets if isinstance(job.action, BuildImage) else ()
    pushes_by = logins.identity(job, file.project.identities) if isinstance(job.action, BuildImage) else None
    taken = None if pushes_by is not None else file.identity(unit)
    allowed = access((*job.secrets, *built), taken, file.project, file.secret_names)
    if pushes_by is not None:
        allowed.id_tokens[IDENTITY_TOKEN] = {"aud": logins.audience(pushes_by)}
    if commands.signs(job):
        sign(allowed)
    for secret in allowed.needed:
        file.need_secret(secret, job)
    _check_machine(job, runner, allowed, file, made)
    lines = [*allowed.lines, *made.before]
    made.before = lines
    if file.has_header:
        carry(made)
    data: dict[str, Any] = {}
    extends, inline = _software(unit, file, made, runner)
    extends.extend(file.script_template(name) for name in made.scripts)
    rules = rules_data(unit, file, extends)
    if extends:
        data["extends"] = extends[0] if len(extends) == 1 else extends
    if "image" in inline:
        data["image"] = inline.pop("image")
    tags = _tags(job, runner)
    if tags:
        data["tags"] = tags
    data["needs"] = needs_data(unit)
    data.update(rules)
    data.update(_attempts(job, made, file))
    data.update(_placement(unit, file))
    if unit.is_parallel:
        data["parallel"] = {"matrix": matrix_data(unit.legs)}
    if job.sidecars:
        data["services"] = [_service(sidecar, file) for sidecar in job.sidecars]
    variables = {**inline.pop("variables", {}), **_variables(unit, file, runner, refs), **allowed.variables}
    variables.update(made.variables)
    if variables:
        data["variables"] = variables
        file.signs(variables)
    if allowed.id_tokens:
        data["id_tokens"] = allowed.id_tokens
    if allowed.secrets:
        data["secrets"] = allowed.secrets
    data.update(inline)
    data["script"] = made.script
    if artifacts:
        data["artifacts"] = artifacts
    return data


# -------------------------------------------------------------------------------------------------------------- software


def _software(unit: Unit, file: File, made: Lines, runner: Runner | None) -> tuple[list[str], dict[str, Any]]:
    """What a job's environment gives it: templates to extend, and keys of its own."""
    job = unit.job
    shared = _environment_data(job, file, made, runner)
    inline: dict[str, Any] = {}
    extends: list[str] = []
    environment = job.environment
    if isinstance(environment, Environment) and environment.name is not None:
        template = file.environment_template(environment.name, shared)
        if template is not None:
            extends.append(template)
            shared = {}
    inline.update(shared)
    if made.before:
        inline["before_script"] = [*made.before, *made.prepare[made.early :]]
    if job.cache is not None and job.cache.enabled:
        file.uses_cache = True
        own = {"key": cache_key(unit), "paths": [cache_folder(unit)], "policy": "$HEADRACE_CACHE_POLICY"}
        installer = _installer_cache(environment) if isinstance(environment, Environment) else None
        caches = [installer, None if in_store(job.cache) else own]
        if any(caches):
            inline["cache"] = [cache for cache in caches if cache is not None]
    return extends, inline


def _environment_data(job: Job, file: File, made: Lines, runner: Runner | None) -> dict[str, Any]:
    data: dict[str, Any] = {}
    image = image_of(job, file)
    if image is not None:
        found: dict[str, Any] = {"name": image, "entrypoint": [""]}
        if job.platform is not None and runner is not None and runner.executor == "docker":
            found["docker"] = {"platform": job.platform}
        data["image"] = found
    environment = job.environment
    if not isinstance(environment, Environment):
        return data
    variables: dict[str, object] = {}
    installer = _installer_cache(environment)
    if environment.installer is not None and environment.base is None:
        for name in CACHE_VARIABLES[environment.installer]:
            variables[name] = f"$CI_PROJECT_DIR/{CACHE_FOLDER}/{environment.installer}"
    if environment.credentials is not None:
        login = file.secret_names[environment.credentials]
        file.need_secret(next(one for one in file.project.secrets if one.name == environment.credentials), job)
        if login != "DOCKER_AUTH_CONFIG":
            variables["DOCKER_AUTH_CONFIG"] = f"${login}"
    if variables:
        data["variables"] = variables
    if installer is not None:
        file.uses_cache = True
        data["cache"] = [installer]
    if made.prepare:
        data["before_script"] = list(made.prepare)
    return data


def image_of(job: Job, file: File) -> str | None:
    """The image that a job runs in, as text in which GitLab expands variables."""
    environment = job.environment
    if isinstance(environment, Environment) and environment.image is not None:
        first = environment.image[0] if environment.image else ""
        if isinstance(first, Ref) and first.kind == "images":
            return file.images.get(first.name, f"{images.REGISTRY}/{first.name}:$CI_COMMIT_SHA")
        return commands.pinned(file.project, expanded(environment.image))
    if isinstance(job.action, BuildImage):
        return commands.pinned(file.project, BUILDKIT)
    if isinstance(job.action, Deploy):
        return commands.pinned(file.project, file.deploy_image())
    return commands.pinned(file.project, HELPER)


def _installer_cache(environment: Environment) -> dict[str, Any] | None:
    installer = environment.installer
    if installer is None or environment.base is not None:
        return None
    return {
        "key": {"files": commands.lock_files(environment), "prefix": installer},
        "paths": [f"{CACHE_FOLDER}/{installer}"],
        "policy": "$HEADRACE_CACHE_POLICY",
    }


# ------------------------------------------------------------------------------------------------------------ the machine


def _runner(job: Job, file: File) -> Runner | None:
    asked = job.resources
    if not file.settings.runners and (asked is None or (asked.accelerator is None and asked.runner is None)):
        if job.platform not in (None, runners.DEFAULT_PLATFORM):
            file.sink.report(
                core.NO_RUNNER,
                f'no runners are given for gitlab, and the usual ones are not "{job.platform}"',
                job.origin,
                field="platform",
                help="list one with that platform under targets.gitlab.runners",
            )
        return None
    return file.runners.choose(job)


def _tags(job: Job, runner: Runner | None) -> list[str]:
    if runner is None:
        return [runners.GPU_LABEL] if job.resources is not None and job.resources.accelerator is not None else []
    tags = dict(runner.select).get("tags") or ()
    return [tags] if isinstance(tags, str) else [str(tag) for tag in tags]


def _check_machine(job: Job, runner: Runner | None, allowed: Access, file: File, made: Lines) -> None:
    """Settings of the pod need a runner that takes them, and some features an image with Python."""
    takes = _takes_overwrites(runner)
    if "KUBERNETES_SERVICE_ACCOUNT_OVERWRITE" in allowed.variables and not takes:
        file.sink.report(
            codes.NO_OVERWRITE,
            f'the service account of "{job.name}" needs a runner with the Kubernetes executor that takes overwrites',
            job.origin,
            field="identity",
            help="say `executor: kubernetes` and `overwrite: true` at the runner",
        )
    asked = job.resources
    if asked is not None and asked.accelerator is not None and asked.shm is None:
        file.need_shared_memory(job, runner)
    wanted = [feature for feature in PYTHON_FEATURES if _uses_python(job, feature, made)]
    if wanted and not has_python(job):
        advice = "say `python` in its environment, where the image has it"
        if isinstance(job.action, BuildImage):
            advice = (
                "the image that builds has none: let a job before it fetch from the store, and say at most two retries"
            )
        message = f'"{job.name}" uses {" and ".join(wanted)}, for which its image needs Python'
        file.sink.report(codes.NEEDS_PYTHON, message, job.origin, help=advice)


def _takes_overwrites(runner: Runner | None) -> bool:
    return runner is not None and runner.executor == "kubernetes" and bool(runner.overwrite)


def _uses_python(job: Job, feature: str, made: Lines) -> bool:
    if feature == "cache":
        return job.cache is not None and job.cache.enabled
    if feature == "resume":
        return job.resume is not None
    if feature == "retry":
        return job.retry is not None and job.retry.max > NATIVE_RETRIES and job.retry.on != ("runner",)
    return feature in made.scripts


def has_python(job: Job) -> bool:
    """Whether the image is known to have `python3`: the manifest says so, or it is a Python image by name."""
    environment = job.environment
    if not isinstance(environment, Environment):
        return not isinstance(job.action, BuildImage)  # deployments run in an image of their own, which has it
    if environment.python is not None:
        return True
    image = commands.flat(environment.image or ()) or ""
    return "python" in image.rpartition("/")[2].partition(":")[0]


def _overwrites(job: Job, runner: Runner | None) -> dict[str, object]:
    """https://docs.gitlab.com/runner/executors/kubernetes/#overwrite-container-resources"""
    if job.resources is None or not _takes_overwrites(runner):
        return {}
    found: dict[str, object] = {}
    for kind, amounts in (("REQUEST", job.resources.request), ("LIMIT", job.resources.limit)):
        if amounts is None:
            continue
        for name, nano in (("CPU", amounts.cpu), ("MEMORY", amounts.memory), ("EPHEMERAL_STORAGE", amounts.storage)):
            if nano is not None:
                found[f"KUBERNETES_{name}_{kind}"] = quantity.text(nano)
    return found


def _service(sidecar: Any, file: File) -> dict[str, Any]:
    """https://docs.gitlab.com/ci/services/"""
    data: dict[str, Any] = {"name": commands.pinned(file.project, expanded(sidecar.image)), "alias": alias(sidecar)}
    if sidecar.command:
        data["command"] = [expanded(argument) for argument in sidecar.command]
    if sidecar.env:
        data["variables"] = {variable.name: _value(variable.value) for variable in sidecar.env}
    return data


def _value(text: Any) -> object:
    flat = commands.flat(text)
    return expanded(text) if flat is None else given(flat)


# -------------------------------------------------------------------------------------------------- variables and matrices


def _variables(unit: Unit, file: File, runner: Runner | None, refs: list[Ref]) -> dict[str, object]:
    job = unit.job
    found: dict[str, object] = {}
    for variable in job.env:
        flat = commands.flat(variable.value)
        if flat is not None and file.env.get(variable.name) != flat:
            found[variable.name] = given(flat)
    for axis, value in unit.values:
        found[commands.variable(Ref(kind="matrix", name=axis))] = given(value)
    for ref in refs:
        value_of_ref = _native(ref, job, file)
        if value_of_ref is not None:
            found[commands.variable(ref)] = value_of_ref
    found.update(_overwrites(job, runner))
    return found


def _native(ref: Ref, job: Job, file: File) -> object | None:
    """A hole's value as a variable of the job; None where it comes from elsewhere."""
    if (ref.kind, ref.name) in NATIVE:
        return NATIVE[ref.kind, ref.name]
    if (ref.kind, ref.name) in COPIED or ref.kind in ("parameters", "matrix"):
        return None
    if (ref.kind, ref.name) == ("git", "event"):
        file.uses_event = True
        return None
    if ref.kind == "images":
        return file.images.get(ref.name)
    if ref.kind == "project":
        return given(file.project.name) if ref.name == "name" else None
    if ref.kind == "sidecars":
        sidecar = next((one for one in job.sidecars if one.name == ref.name), None)
        if sidecar is not None:
            return str(sidecar.port or "") if ref.member == "port" else alias(sidecar)
    return None


def matrix_data(legs: tuple[Leg, ...]) -> list[dict[str, Any]]:
    """Legs as the fewest products that make exactly them: first by their last axis, then by those before."""
    rows: list[dict[str, Any]] = [
        {commands.variable(Ref(kind="matrix", name=axis)): [value] for axis, value in leg} for leg in legs
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    for name in reversed(names):
        grouped: dict[object, dict[str, Any]] = {}
        for row in rows:
            others = tuple((other, tuple(values)) for other, values in row.items() if other != name)
            key = (name in row, others)
            before = grouped.get(key)
            if before is None or name not in row:
                grouped[key] = {other: list(values) for other, values in row.items()}
            else:
                before[name].extend(value for value in row[name] if value not in before[name])
        rows = list(grouped.values())
    return [{name: row[name] for name in names if name in row} for row in rows]


# ------------------------------------------------------------------------------------------------------- needs and rules


def needs_data(unit: Unit) -> list[Any]:
    digests = isinstance(unit.job.action, Deploy) and deployed_images(unit.job.action)
    return [_need(edge, bool(digests and isinstance(edge.unit.job.action, BuildImage))) for edge in unit.edges]


def needs_of(edges: list[Edge]) -> list[Any]:
    return [_need(edge, False) for edge in edges]


def _need(edge: Edge, wants_digest: bool) -> Any:
    data: dict[str, Any] = {"job": edge.unit.name}
    if edge.legs is not None:
        data["parallel"] = {"matrix": matrix_data(edge.legs)}
    if not edge.artifacts and not wants_digest:
        data["artifacts"] = False
    if edge.optional:
        data["optional"] = True
    return edge.unit.name if len(data) == 1 else data


def rules_data(unit: Unit, file: File, extends: list[str] | None = None) -> dict[str, Any]:
    """When the job exists and when it starts; nothing where it always does."""
    job = unit.job
    when = {"failure": "on_failure", "always": "always"}.get(job.run_on or "success")
    manual = job.approval is not None
    data: dict[str, Any] = {}
    if manual and when is not None:
        file.sink.report(
            core.UNSUPPORTED,
            f'GitLab CI can\'t wait for a person in "{job.name}", which runs on {job.run_on}: `when` holds one word',
            job.approval.origin if job.approval is not None and job.approval.origin else job.origin,
            help="let the approval be a job of its own that this one needs",
        )
    if manual and job.allow_failure:
        # A manual job that may fail does not block: https://docs.gitlab.com/ci/jobs/job_control/#types-of-manual-jobs
        file.sink.report(
            core.UNSUPPORTED,
            f'GitLab CI can\'t wait for a person in "{job.name}", which may fail: who needs it would not wait',
            job.approval.origin if job.approval is not None and job.approval.origin else job.origin,
            help="let the approval be a job of its own that this one needs",
        )
    if job.allow_failure:
        data["allow_failure"] = True
    if unit.condition is None and not manual and not (file.starts and when):
        if file.starts and extends is not None:
            extends.insert(0, file.start_template())
        elif file.starts:
            data["rules"] = rule_list(None, file, when, manual)
        elif when is not None:
            data["when"] = when
        return data
    try:
        data["rules"] = rule_list(unit.condition, file, when, manual)
    except ConditionError as error:
        code = {"combination": codes.CHANGED_COMBINATION, "quotes": codes.LITERAL_QUOTES}.get(error.kind)
        message = f'the condition of "{job.name}" with those of its needs: {error}'
        file.sink.report(code or codes.CONDITION_TOO_LARGE, message, job.origin, field="condition")
    return data


def rule_list(
    condition: Condition | None, file: File, when: str | None = None, manual: bool = False
) -> list[dict[str, Any]]:
    """The rules under which a job exists. Raises ConditionError where GitLab's rules can't say it."""
    rules = file.dialect.rules(condition) if not file.starts else _started(condition, file)
    # No rule at all would mean that the job always exists.
    return [_rule(rule, when, manual) for rule in rules] or [{"when": "never"}]


def _started(condition: Condition | None, file: File) -> list[Rule]:
    """The rules for each way in which the pipeline itself starts, since several pipelines share the main file."""
    found = []
    for clause in file.starts:
        known = on_event(condition, clause.event)
        if known is False:
            continue
        for rule in file.dialect.rules(None if known is True else known):
            if clause.changes and rule.changes and clause.changes != rule.changes:
                raise ConditionError("combination", "the pipeline's own path filter stands in the same rule")
            own = [] if rule.expression is None else [(rule.expression, 0 if " || " in rule.expression else 1)]
            expression = all_of(clause.expression, *own)[0]
            found.append(rule.replace(expression=expression, changes=clause.changes or rule.changes))
    return found


def _rule(rule: Rule, when: str | None, manual: bool) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if rule.expression is not None:
        data["if"] = rule.expression
    if rule.changes:
        data["changes"] = list(rule.changes)
    if not rule.include:
        data["when"] = "never"
    elif manual:
        data.update(when="manual", allow_failure=False)
    elif when is not None or not data:
        data["when"] = when or "on_success"
    return data


# -------------------------------------------------------------------------------------------------------------- attempts


def _attempts(job: Job, made: Lines, file: File) -> dict[str, Any]:
    data: dict[str, Any] = {}
    wrapped = "retry" in made.scripts
    attempts = job.retry.max + 1 if wrapped and job.retry is not None else 1
    seconds = (job.timeout or DEFAULT_TIMEOUT) * attempts
    if seconds != DEFAULT_TIMEOUT:
        data["timeout"] = duration.text(seconds)
    if job.retry is not None and job.retry.max > 0:
        retry = _native_retry(job, wrapped, file)
        if retry is not None:
            data["retry"] = retry
    return data


def _native_retry(job: Job, wrapped: bool, file: File) -> Any:
    """What GitLab itself tries again; a wrapper has taken over failures beyond two."""
    assert job.retry is not None
    kinds = [kind for kind in job.retry.on if not (wrapped and kind != "runner")]
    if wrapped and job.retry.on and not kinds:
        return None
    if job.retry.max > NATIVE_RETRIES and "runner" in kinds:
        file.sink.report(
            codes.RETRY_RUNNER_LIMIT,
            f'"{job.name}" asks for {job.retry.max} retries after a runner\'s failure, GitLab makes {NATIVE_RETRIES}',
            job.origin,
            field="retry",
        )
    most = min(job.retry.max, NATIVE_RETRIES)
    if wrapped and not job.retry.on:
        kinds = ["runner"]
    if not kinds and not job.retry.exit_codes:
        return most
    data: dict[str, Any] = {"max": most}
    if job.retry.exit_codes and not wrapped:
        # `when` and `exit_codes` are alternatives: either one retries.
        data["exit_codes"] = list(job.retry.exit_codes)
        kinds = [kind for kind in kinds if kind != "failure"]
    if kinds:
        data["when"] = [cause for kind in kinds for cause in RETRY_WHEN[kind]]
    return data


def _placement(unit: Unit, file: File) -> dict[str, Any]:
    """Deployment environment, and what may not run twice at once."""
    job = unit.job
    data: dict[str, Any] = {}
    to = _environment_name(job)
    if to is not None:
        environment: dict[str, Any] = {"name": to}
        url = job.action.url if isinstance(job.action, Deploy) else None
        if url is not None and url.startswith(("http://", "https://")):
            environment["url"] = url
        if not isinstance(job.action, Deploy):
            environment["action"] = "prepare"
        data["environment"] = environment
    if isinstance(job.action, Deploy):
        data["resource_group"] = _group(job.lock.name if job.lock is not None else to or job.name)
        data["interruptible"] = False
    else:
        data.update(taking_turns(unit))
    if job.approval is not None:
        file.need_approvers(job, to)
    return data


def taking_turns(unit: Unit) -> dict[str, str]:
    """What runs one at a time: who holds a lock, or legs of which only some may run together."""
    if unit.job.lock is not None:
        return {"resource_group": _group(unit.job.lock.name)}
    if unit.slot is not None:
        return {"resource_group": f"{_group(unit.job.name)}-$CI_PIPELINE_ID-{unit.slot}"}
    return {}


def _environment_name(job: Job) -> str | None:
    if isinstance(job.action, Deploy):
        return job.action.to or (job.approval.to if job.approval is not None else None)
    return job.approval.to if job.approval is not None else None


def _group(name: str) -> str:
    """https://docs.gitlab.com/ci/yaml/#resource_group"""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_/. ") else "-" for c in name)


# ------------------------------------------------------------------------------------------------------------- artifacts


def _artifacts(unit: Unit, file: File) -> dict[str, Any]:
    job = unit.job
    paths = unit.paths if unit.paths is not None else artifact_paths(job, unit.legs[0], unit.is_parallel)
    if not paths:
        return {}
    file.check_outputs(job)
    data: dict[str, Any] = {}
    if job.objectives or unit.paths is not None:
        data["when"] = "always"
    data["paths"] = list(paths)
    if commands.wants_gate(job):
        data["reports"] = {"metrics": METRICS_REPORT}
    keep = max((output.keep for output in job.outputs if output.keep is not None), default=None)
    if keep is not None:
        data["expire_in"] = duration.text(keep)
    return data
