"""The steps of a job that runs commands: the commit, its environment, what it needs, the command, what it leaves.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idsteps
"""

from __future__ import annotations

from compiler.ir import (
    Artifact,
    ChangedFiles,
    Environment,
    Ref,
    Script,
    Support,
)
from compiler.matrix import legs
from compiler.yamlwriter import Shared
from targets import commands, runners
from targets.github import access, codes, expressions
from targets.github.actions import use
from targets.legs import only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Input, Job, Store, Text
    from compiler.source import Origin
    from targets.github.workflow import Workflow

    Step = dict[str, Any]

OUT, IN, REFERENCES, STAGE = ".headrace/out", ".headrace/in", ".headrace/references", ".headrace/stage"
TAR = "outputs.tar"
MARK = ".headrace/changed"  # what there was before the command
CACHE = ".headrace/cache"
HELD = ".headrace/held"
CACHED = ".headrace/cached"  # what a store holds of a job, on its way
DAY_SECONDS = 24 * 3600
LONGEST_NAME = 60
KEEP_PATH = 'echo "$PATH" >> "$GITHUB_PATH"'
CHECKPOINT_SECONDS = 600
# Where an installer keeps its downloads: the variable that says so.
INSTALLER_CACHES = {
    "uv": "UV_CACHE_DIR",
    "pip": "PIP_CACHE_DIR",
    "poetry": "POETRY_CACHE_DIR",
    "pipenv": "PIPENV_CACHE_DIR",
    "conda": "CONDA_PKGS_DIRS",
}
BIG_STORES = ("s3", "gcs", "azure")


def emit(workflow: Workflow, job: Job, self_hosted: bool, is_plain: bool) -> list[Step]:
    """All steps of a job that runs commands. A plain one asks for nothing beside its files, its environment and needs."""
    steps: list[Step] = []
    if commands.reads_files(job) or self_hosted:
        steps += repository(workflow, job)
    steps += _disk(job)
    steps += _host_python(workflow, job)
    steps += commit(workflow, job)
    steps += bring_python(workflow, job)
    if is_plain:
        return [*steps, *inputs(workflow, job), *_work(workflow, job)]
    _check(workflow, job)
    steps += access.identity(workflow, job)
    steps += access.vault(workflow, job)
    steps += inputs(workflow, job)
    if commands.signs(job):
        steps.append({"uses": use("sigstore/cosign-installer")})
    key = _key(workflow, job)
    steps += key
    steps += access.secret_files(workflow, job)
    steps += _sidecars(workflow, job)
    steps += [_unless_held(step, key) for step in _work(workflow, job)]
    steps += _outputs(workflow, job)
    steps += _save(workflow, job, key)
    steps += _gate(job)
    return steps


_CHECKOUT: Step = Shared({"uses": use("actions/checkout"), "with": {"persist-credentials": False}})


def _disk(job: Job) -> list[Step]:
    """A look at what is free, where the job says how much disk it fills."""
    resources = job.resources
    amounts = () if resources is None else (resources.request, resources.limit)
    if not any(one is not None and one.storage for one in amounts):
        return []
    wanted = runners.request(job).storage or 0
    kibibytes = -(-wanted // (1024 * 10**9))
    lines = [
        "free=$(df -Pk . | awk 'NR == 2 { print $4 }')",
        f'[ "$free" -ge {kibibytes} ] || {{ echo "::error::$free KiB are free, the job asks for {kibibytes}"; exit 1; }}',
    ]
    return [{"name": "disk", "run": _script(lines)}]


def checkout(**more: Any) -> Step:
    """The commit's files, without leaving the token behind. (No step is ever changed, so that all may share one.)"""
    return {**_CHECKOUT, "with": {"persist-credentials": False, **more}} if more else _CHECKOUT


# Without git the action takes the files by another way, which leaves Git LFS's pointers in their place.
_GIT_LFS = """\
if ! command -v git-lfs > /dev/null; then
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends ca-certificates git git-lfs
fi
"""


def repository(workflow: Workflow, job: Job) -> list[Step]:
    """The commit's files, those that lie in Git LFS too."""
    if not any(store.kind == "lfs" for store in workflow.stores.values()):
        return [checkout()]
    bring: list[Step] = [{"name": "git lfs", "run": _GIT_LFS}] if workflow.in_container(job) else []
    return [*bring, checkout(lfs=True)]


def commit(workflow: Workflow, job: Job) -> list[Step]:
    """The short commit, which no expression can cut out of the long one."""
    holes = workflow.holes(job)
    if not holes or not any(ref.kind == "git" and ref.name == "short" for ref in holes):
        return []
    return [{"id": "commit", "run": 'echo "short=$(printf %.8s "$GITHUB_SHA")" >> "$GITHUB_OUTPUT"'}]


def token_reasons(workflow: Workflow, job: Job) -> list[str]:
    found = access.token_reasons(workflow, job)
    return [*found, "cosign signs by it"] if commands.signs(job) else found


# ----------------------------------------------------------------------------------------------------------- variables


def job_env(workflow: Workflow, job: Job) -> dict[str, str]:
    """The variables of the whole job: the user's own, and the values of holes that its commands read."""
    found = {}
    for variable in job.env:
        value = variable.value
        if len(value) == 1 and isinstance(value[0], str):
            found[variable.name] = expressions.written(value[0])
        elif not workflow.is_late(job, value):
            found[variable.name] = workflow.text(job, value)
    for ref in workflow.shell_holes(job):
        if not workflow.is_late(job, (ref,)):
            found[commands.variable(ref)] = workflow.text(job, (ref,))
    return found


def step_env(workflow: Workflow, job: Job) -> dict[str, str]:
    """The variables that only a step can have: values of earlier steps and of the services' ports."""
    if not workflow.holes(job):
        return {}
    found = {
        variable.name: workflow.text(job, variable.value)
        for variable in job.env
        if workflow.is_late(job, variable.value)
    }
    for ref in workflow.shell_holes(job):
        if workflow.is_late(job, (ref,)):
            found[commands.variable(ref)] = workflow.text(job, (ref,))
    return found


# ------------------------------------------------------------------------------------------------------------- software


def _installer(job: Job) -> str | None:
    return job.environment.installer if isinstance(job.environment, Environment) else None


def _host_python(workflow: Workflow, job: Job) -> list[Step]:
    """Python on the host, where the environment does not run in its image."""
    environment = job.environment
    if not isinstance(environment, Environment) or environment.image is None or workflow.in_container(job):
        return []
    from compiler.images import DEFAULT_PYTHON, UV_VERSION

    version = environment.python or DEFAULT_PYTHON
    if environment.installer == "uv":
        options = {"version": UV_VERSION, "python-version": version, "enable-cache": False}
        return [{"uses": use("astral-sh/setup-uv"), "with": options}]
    if environment.installer == "conda":
        options = {"miniforge-version": "25.3.1-0", "python-version": version, "auto-activate": False}
        return [{"uses": use("conda-incubator/setup-miniconda"), "with": options}]
    return [{"uses": use("actions/setup-python"), "with": {"python-version": version}}]


def _installer_cache(workflow: Workflow, job: Job) -> str:
    """The lock file that an installer's downloads are kept by; "" where none are kept.

    A workflow that publishes or deploys keeps none: what it ships must come from what is locked alone.
    """
    environment = job.environment
    if workflow.publishes or not isinstance(environment, Environment) or environment.installer not in INSTALLER_CACHES:
        return ""
    if environment.base is not None:  # its image holds the packages
        return ""
    return commands.lock_files(environment)[0]


def bring_python(workflow: Workflow, job: Job) -> list[Step]:
    """Bring Python into an image without it, before anything that needs it."""
    environment = job.environment
    if not isinstance(environment, Environment) or not environment.prelude or not workflow.in_container(job):
        return []
    early = commands.prepare(job.replace(environment=Environment(apt=environment.apt, prelude=environment.prelude)))
    return [{"name": "python", "run": _script([*early, KEEP_PATH])}]


def _prepared(workflow: Workflow, job: Job) -> list[str]:
    """The lines that make the environment, without those that brought Python."""
    environment = job.environment
    if not isinstance(environment, Environment) or environment.image is None:
        return commands.prepare(job)
    if not workflow.in_container(job):
        plain = commands.prepare(job.replace(environment=environment.replace(prelude=())))
        return [f"sudo {line}" if line.startswith("apt-get ") else line for line in plain]
    if not environment.prelude:
        return commands.prepare(job)
    return commands.prepare(job.replace(environment=environment.replace(apt=(), prelude=())))


def _work(workflow: Workflow, job: Job) -> list[Step]:
    """The environment and the command. They are one step where the user's set-up must be in force for the command."""
    environment = job.environment
    prepare = _prepared(workflow, job)
    has_setup = isinstance(environment, Environment) and bool(environment.setup)
    lines = _command(workflow, job)
    env = {**step_env(workflow, job), **access.secret_env(workflow, job)}
    env.update(_wrapper_env(workflow, job))
    steps: list[Step] = []
    folder = commands.prepared_folder(job)
    if prepare and not has_setup:
        cache = _installer_cache(workflow, job)
        kept = [f'export {INSTALLER_CACHES[str(_installer(job))]}="$GITHUB_WORKSPACE/{CACHE}"'] if cache else []
        steps += _restore_installer(workflow, job)
        steps.append({"name": "environment", "run": _script([*kept, *prepare, KEEP_PATH])})
        steps += _save_installer(workflow, job)
        if folder and not is_wrapped(job):
            lines = [f"cd {commands.literal(folder)}", *lines]
    elif prepare:
        lines = [*prepare, *(['cd "$GITHUB_WORKSPACE"'] if folder and is_wrapped(job) else []), *lines]
    if job.outputs and any(isinstance(output, ChangedFiles) for output in job.outputs):
        lines = [*commands.remember_files(MARK), *lines]
    steps.append(_run(job, lines, env))
    return steps


def command_step(job: Job) -> Step:
    """The step of a job that has no more to do than its command."""
    return _run(job, commands.command(job), {})


def _run(job: Job, lines: list[str], env: dict[str, str]) -> Step:
    """A step with these lines. Text that GitHub would take for an expression travels in a variable."""
    step: Step = {"name": _name(job, lines)}
    shell = "bash" if isinstance(job.action, Script) and job.action.shell == "bash" else "sh"
    text = _script(lines)
    if "${{" in text:
        env = {**env, "HEADRACE_RUN": expressions.written(text)}
        text = f'{shell} -euc "$HEADRACE_RUN"'
    if env:
        step["env"] = env
    if shell == "bash":
        step["shell"] = "bash -eu {0}"
    step["run"] = text
    return step


def _script(lines: list[str]) -> str:
    return "\n".join(lines) + "\n" if len(lines) > 1 or "\n" in lines[0] else lines[0]


def _name(job: Job, lines: list[str]) -> str:
    """What the step is called: its command where that is short, else the job's name."""
    line = lines[-1].strip()
    short = not is_wrapped(job) and "\n" not in line and len(line) <= LONGEST_NAME and "$" not in line
    return line if short and line else job.name


# --------------------------------------------------------------------------------------- attempts, time and checkpoints


def is_wrapped(job: Job) -> bool:
    """Whether a wrapper runs the command: for more attempts, for seconds, for checkpoints."""
    return job.resume is not None or _is_short(job) or (job.retry is not None and attempts(job) > 1)


def attempts(job: Job) -> int:
    """How often the command is run at most."""
    return 1 + job.retry.max if job.retry is not None and _kinds(job) else 1


def _is_short(job: Job) -> bool:
    """GitHub counts in minutes."""
    return job.timeout is not None and job.timeout < 60


def _kinds(job: Job) -> list[str]:
    if job.retry is None:
        return []
    if not job.retry.on:
        return ["failure", "timeout"]
    return [kind for kind in job.retry.on if kind != "runner"]


def _command(workflow: Workflow, job: Job) -> list[str]:
    """The command's lines, within the wrappers that the job asks for."""
    lines = commands.command(job)
    for script in commands.support_scripts(job):
        workflow.scripts[script] = None
    if isinstance(job.action, Support) and job.action.script == "gate":
        lines = [_with_summary(line) for line in lines]
    if isinstance(job.action, Support):
        lines = [*_unset(workflow, job), *lines]
    if not is_wrapped(job):
        return lines
    shell = job.action.shell or "sh" if isinstance(job.action, Script) else "sh"
    inner = f'{shell} -euc "$HEADRACE_COMMAND"'
    if job.resume is not None:
        inner = _keeper(workflow, job) + inner
    if attempts(job) == 1 and not _is_short(job):
        return [inner]
    if not workflow.has_python(job):
        return _shell_attempts(job, inner)
    workflow.scripts["retry"] = None
    options = [f"--max {attempts(job) - 1}", f"--on {','.join(_kinds(job) or ['failure'])}"]
    if job.retry is not None and job.retry.exit_codes:
        options.append(f"--exit-codes {','.join(map(str, job.retry.exit_codes))}")
    if job.timeout is not None:
        options.append(f"--timeout {job.timeout}")
    return [f'python3 -I -c "$HEADRACE_RETRY" {" ".join(options)} -- {inner}']


def _unset(workflow: Workflow, job: Job) -> list[str]:
    """Lines that take away the variables of parameters that have no value: `env` can only make them empty."""
    bare = [
        commands.variable(node)
        for node in workflow.shell_holes(job)
        if node.kind == "parameters" and _has_no_value(workflow, node.name)
    ]
    return [f'[ -n "${name}" ] || unset {name}' for name in dict.fromkeys(bare)]


def _has_no_value(workflow: Workflow, name: str) -> bool:
    parameter = workflow.parameters[name]
    return parameter.default is None and parameter.type != "string"


def _wrapper_env(workflow: Workflow, job: Job) -> dict[str, str]:
    if not is_wrapped(job):
        return {}
    folder = commands.prepared_folder(job)
    enter = [f"cd {commands.literal(folder)}"] if folder else []
    found = {"HEADRACE_COMMAND": expressions.written(_script([*enter, *commands.command(job)]))}
    if job.resume is not None:
        leg = f"/{workflow.artifact(job)}"
        found["HEADRACE_CHECKPOINT"] = f"{workflow.project.name}{leg}/{expressions.hole('github.sha')}"
    return found


def _shell_attempts(job: Job, inner: str) -> list[str]:
    """The same in POSIX shell, for images that are not known to have Python."""
    command = inner if job.timeout is None else f"timeout {job.timeout} {inner}"
    if attempts(job) == 1:
        return [command]
    kinds = _kinds(job)
    lines = ["attempt=1", "while :; do", "  status=0", f"  {command} || status=$?"]
    lines.append(f'  if [ "$status" -eq 0 ] || [ "$attempt" -ge {attempts(job)} ]; then exit "$status"; fi')
    exit_codes = job.retry.exit_codes if job.retry is not None else ()
    if exit_codes or "timeout" not in kinds or "failure" not in kinds:
        kept = [str(code) for code in exit_codes] if "failure" in kinds else []
        kept += ["124"] if "timeout" in kinds else []
        if "failure" in kinds and not exit_codes:
            lines.append('  if [ "$status" -eq 124 ]; then exit "$status"; fi')
        else:
            lines.append(f'  case "$status" in {"|".join(kept)}) ;; *) exit "$status" ;; esac')
    lines.append('  echo "attempt $attempt ended with status $status; trying again" >&2')
    lines.append("  attempt=$((attempt + 1))")
    lines.append("done")
    return lines


def _keeper(workflow: Workflow, job: Job) -> str:
    """What runs the command and keeps its checkpoints in a store."""
    assert job.resume is not None
    name = job.resume.store or workflow.settings.store
    store = workflow.stores.get(name) if name else None
    if store is None or store.kind not in BIG_STORES or store.url is None:
        workflow.sink.report(
            codes.NO_STORE,
            f'"{job.name}" keeps checkpoints, which on GitHub must lie in a store of kind s3, gcs or azure',
            job.origin,
            field="resume",
            help="name one in `resume.store` or in targets.github.store",
        )
        return ""
    workflow.scripts["keeper"] = None
    paths = "".join(f" --path {commands.literal(path)}" for path in job.resume.paths)
    every = job.resume.every or CHECKPOINT_SECONDS
    return (
        f'python3 -I -c "$HEADRACE_KEEPER" --store {commands.literal(store.url)} --key "$HEADRACE_CHECKPOINT" '
        f"--every {every}{paths} -- "
    )


def _check(workflow: Workflow, job: Job) -> None:
    """Report what the job asks for and can't have."""
    retry = job.retry
    if retry is not None and len(retry.on) > 1 and "runner" in retry.on:
        message = f'"{job.name}" is to be retried when its runner is lost, which GitHub does not do inside of a run'
        advice = "leave `runner` out of `retry.on`; `gh run rerun --failed` runs the failed jobs again"
        workflow.sink.report(codes.RETRY_ON_RUNNER, message, job.origin, field="retry", help=advice)
    wanting = []
    if job.resume is not None:
        wanting.append("resume")
    if job.cache is not None and job.cache.enabled:
        wanting.append("cache")
    if job.objectives:
        wanting.append("objectives")
    if job.outputs and any(_store(workflow, output) is not None for output in job.outputs):
        wanting.append("outputs in a store")
    if any(_of_store(one) for one in job.inputs):
        wanting.append("datasets from a store")
    if wanting and not workflow.has_python(job):
        message = f'"{job.name}" has {" and ".join(wanting)}, which needs Python in its image'
        advice = "say the image's `python` in its environment"
        workflow.sink.report(codes.NEEDS_PYTHON, message, job.origin, field="environment", help=advice)
    if job.cache is not None and job.cache.enabled and any(isinstance(output, ChangedFiles) for output in job.outputs):
        message = f'"{job.name}" has a cache, which can\'t hold changed files: their names are not known before it runs'
        workflow.sink.report(codes.WRONG_KEY, message, job.origin, field="cache", help="name its outputs")


# ----------------------------------------------------------------------------------------------- what comes and what goes


def inputs(workflow: Workflow, job: Job) -> list[Step]:
    """Bring the outputs of the needs, each as a tar that keeps names, links and hidden files; and other runs' datasets."""
    return [*_of_needs(workflow, job), *_datasets(workflow, job)]


def _of_store(given: Input) -> bool:
    return given.store is not None and given.store != "ci"


def _datasets(workflow: Workflow, job: Job) -> list[Step]:
    """Datasets of other runs, from their stores."""
    lines = []
    for given in job.inputs:
        store = _reachable(workflow, str(given.store), given.origin or job.origin) if _of_store(given) else None
        if store is not None:
            workflow.scripts["store"] = None
            lines.append(f'python3 -I -c "$HEADRACE_STORE" {commands.dataset_options(given, str(store.url))}')
    return [{"name": "datasets", "run": _script(lines)}] if lines else []


def _of_needs(workflow: Workflow, job: Job) -> list[Step]:
    givers = [need for need in job.needs if need.artifacts is not False and workflow.has_outputs(need.job)]
    if not givers:
        return []
    patterns = list(dict.fromkeys(p for need in givers for p in workflow.artifact_patterns(need.job)))
    lacking = job.run_on in ("failure", "always") or any(
        need.optional or workflow.by_name[need.job].allow_failure for need in givers
    )
    options: dict[str, Any]
    if len(patterns) == 1 and "*" not in patterns[0] and not lacking:
        options = {"name": patterns[0], "path": f"{IN}/{workflow.artifact_ids[workflow.original[givers[0].job]]}"}
    else:
        pattern = patterns[0] if len(patterns) == 1 else "{" + ",".join(patterns) + "}"
        options = {"pattern": pattern, "path": IN}
    parts, unpack = f"{IN}/*/{TAR}", 'tar -xof "$part"'
    if lacking:  # what a pattern matches alone gets no folder: https://github.com/actions/download-artifact/issues/419
        parts, unpack = f"{IN}/{TAR} {parts}", '[ ! -e "$part" ] || tar -xof "$part"'
    lines = [f"for part in {parts}; do {unpack}; done"]
    if any(_store(workflow, output) for need in givers for output in workflow.by_name[need.job].outputs):
        workflow.scripts["store"] = None
        lines.append(f"for reference in {REFERENCES}/*.json; do")
        lines.append('  python3 -I -c "$HEADRACE_STORE" get --reference "$reference"')
        lines.append("done")
    return [
        {"uses": use("actions/download-artifact"), "with": options},
        {"name": "inputs", "run": _script(lines)},
    ]


def _store(workflow: Workflow, output: Any) -> Store | None:
    """The store of an output that does not travel as an artifact of the CI."""
    name = output.store if isinstance(output, Artifact) else None
    return _reachable(workflow, name, output.origin) if name else None


def _reachable(workflow: Workflow, name: str, at: Origin | None) -> Store | None:
    """A store that jobs reach; None for the CI's own, and for one that they don't, which is reported."""
    store = workflow.stores.get(name)
    if store is None or store.kind == "ci":
        return None
    if store.kind not in BIG_STORES or store.url is None:
        message = f'a job on GitHub can\'t use "{store.name}", a store of kind {store.kind}'
        advice = "s3, gcs and azure can be used, by a `url`"
        workflow.sink.report(codes.NO_STORE, message, at or store.origin, help=advice)
        return None
    return store


def _outputs(workflow: Workflow, job: Job) -> list[Step]:
    """Pack and upload. This comes before the objectives are judged, so that what missed them can be looked at."""
    if not job.outputs:
        return []
    lines, members = _gathered(workflow, job)
    packed = " ".join(members)
    lines.append(f"mkdir -p {OUT}")
    if any(isinstance(output, Artifact) and output.per_leg for output in job.outputs):
        lines += [f"mkdir -p {STAGE}", *_staged(workflow, job, members)]
        lines.append(f"tar -cf {OUT}/{TAR} -C {STAGE} .")
    elif any(isinstance(output, ChangedFiles) for output in job.outputs):
        lines += _changed(job, packed)
    else:
        lines.append(f"tar -cf {OUT}/{TAR} {packed}")
    step: Step = {"name": "outputs"}
    env = step_env(workflow, job)
    if '"$HEADRACE_LEG"' in "\n".join(lines):
        told = workflow.legs[workflow.original[job.name]]
        env["HEADRACE_LEG"] = expressions.hole(f"matrix.{told.folder}")
    if any('"$HEADRACE_OUTPUTS"' in member for member in members):
        env["HEADRACE_OUTPUTS"] = workflow.artifact(job)
    if env:
        step["env"] = env
    step["run"] = _script(lines)
    return [step, _upload(workflow, job)]


def _gathered(workflow: Workflow, job: Job) -> tuple[list[str], list[str]]:
    """Lines that put big outputs into their stores, and what goes into the tar, as shell words."""
    lines: list[str] = []
    members: list[str] = []
    for at, output in enumerate(job.outputs):
        if not isinstance(output, Artifact):
            continue
        store = _store(workflow, output)
        if store is None:
            if not output.per_leg:
                members.append(_path_word(output))
            continue
        workflow.scripts["store"] = None
        file = f'{REFERENCES}/"$HEADRACE_OUTPUTS".{at}.json' if _several(job) else _reference(workflow, job, at)
        members.append(file)
        lines.append(f"mkdir -p {REFERENCES}")
        aside = _aside(workflow, job, output)
        lines += aside[:1]
        below = f"/{workflow.leg_folder(job)}" if aside else ""
        lines.append(
            f'python3 -I -c "$HEADRACE_STORE" put --url {commands.literal(str(store.url))} '
            f"--path {commands.word(output.path)}{below} --reference {file}"
        )
        lines += aside[1:]
        if output.dataset is not None and commands.content_of(output.version) is None:
            named = commands.dataset_named(output, str(store.url), file)
            told = f'python3 -I -c "$HEADRACE_STORE" {named}'
            lines.append(f'[ "$GITHUB_EVENT_NAME" = pull_request ] || {told}')
    return lines, members


def _aside(workflow: Workflow, job: Job, output: Artifact) -> list[str]:
    """Lines that move a leg's output below its leg's name before it is put into a store, and back: the objectives are
    judged after that."""
    if not output.per_leg or job.matrix is None:
        return []
    path, folder = _path_word(output), workflow.leg_folder(job)
    return [
        f"mv {path} {STAGE}-leg && mkdir -p {path} && mv {STAGE}-leg {path}/{folder}",
        f"mv {path}/{folder} {STAGE}-leg && rmdir {path} && mv {STAGE}-leg {path}",
    ]


def _path_word(output: Artifact) -> str:
    """An output's path as a shell word that no program takes for an option."""
    path = output.path
    plain = path and isinstance(path[0], str) and not path[0].startswith("-")
    return commands.word(path if plain else ("./", *path))


def _several(job: Job) -> bool:
    return job.matrix is not None and not only(job)


def _reference(workflow: Workflow, job: Job, at: int) -> str:
    return f"{REFERENCES}/{workflow.ids[job.name]}.{at}.json"


def _staged(workflow: Workflow, job: Job, members: list[str]) -> list[str]:
    """Copies under a folder of which the tar is made: each leg's own below its name, everything else as it lies."""
    lines = [f"tar -cf - {' '.join(members)} | tar -xf - -C {STAGE}"] if members else []
    folder = workflow.leg_folder(job)
    for output in job.outputs:
        if isinstance(output, Artifact) and output.per_leg and _store(workflow, output) is None:
            path = _path_word(output)
            lines.append(f"mkdir -p {STAGE}/{path}")
            lines.append(f"cp -RPp {path} {STAGE}/{path}/{folder}")
    return lines


def _changed(job: Job, packed: str) -> list[str]:
    """Files that the command made or changed: those that are newer than its start."""
    paths = [p for output in job.outputs if isinstance(output, ChangedFiles) for p in (output.paths or (".",))]
    listed = f"{MARK}/list"
    lines = commands.changed_files(MARK, tuple(paths))
    if packed:
        lines.append(f"printf '%s\\n' {packed} >> {listed}")
    lines.append(f"tar -cf {OUT}/{TAR} -T {listed}")
    return lines


def _upload(workflow: Workflow, job: Job) -> Step:
    options: dict[str, Any] = {
        "name": workflow.artifact(job),
        "path": f"{OUT}/{TAR}",
        "if-no-files-found": "error",
        "include-hidden-files": True,
        "overwrite": True,
    }
    kept = [output.keep for output in job.outputs if output.keep is not None]
    if kept:
        options["retention-days"] = max(1, -(-max(kept) // DAY_SECONDS))
    return {"uses": use("actions/upload-artifact"), "with": options}


# --------------------------------------------------------------------------------------------------------------- caches


def _restore_installer(workflow: Workflow, job: Job) -> list[Step]:
    lock = _installer_cache(workflow, job)
    if not lock:
        return []
    options = {"path": CACHE, "key": _installer_key(job, lock)}
    return [{"id": "packages", "uses": use("actions/cache/restore"), "with": options}]


def _save_installer(workflow: Workflow, job: Job) -> list[Step]:
    """Never by a change request: what a fork's code downloads must not reach other runs."""
    lock = _installer_cache(workflow, job)
    if not lock:
        return []
    test = f"steps.packages.outputs.cache-hit != 'true' && {expressions.NOT_ON_CHANGE_REQUEST}"
    options = {"path": CACHE, "key": _installer_key(job, lock)}
    return [{"uses": use("actions/cache/save"), "if": test, "with": options}]


def _installer_key(job: Job, lock: str) -> str:
    environment = job.environment
    version = environment.python if isinstance(environment, Environment) else None
    hashed = expressions.hole(f"hashFiles({expressions.literal(lock)})")
    return f"{_installer(job)}-{expressions.hole('runner.arch')}-{version or 'any'}-{hashed}"


def _key(workflow: Workflow, job: Job) -> list[Step]:
    """The content key, and the outputs that are held under it."""
    if job.cache is None or not job.cache.enabled:
        return []
    workflow.scripts["content_key"] = None
    lines = ['python3 -I -c "$HEADRACE_CONTENT_KEY" --output "$GITHUB_OUTPUT"']
    if job.cache.max_age is not None:
        lines.append(f'echo "age=$(( $(date +%s) / {job.cache.max_age} ))" >> "$GITHUB_OUTPUT"')
    env = {**step_env(workflow, job), "HEADRACE_KEY_SPEC": _key_spec(workflow, job)}
    key: Step = {"id": "key", "name": "content key", "env": env, "run": _script(lines)}
    store = _cache_store(workflow, job)
    if store is not None:
        workflow.scripts |= {"held": None, "stamp": None}
        look = [
            f'python3 -I -c "$HEADRACE_HELD" get {_in_cache(job, store)}',
            f'if python3 -I -c "$HEADRACE_STAMP" check {_stamped(job)}; then',
            '  echo "cache-hit=true" >> "$GITHUB_OUTPUT"',
            "fi",
        ]
        held = {**step_env(workflow, job), "HEADRACE_KEY": _held_key(workflow, job)}
        return [key, {"id": "held", "name": "held", "env": held, "run": _script(look)}]
    options = {"path": _held_paths(workflow, job), "key": _held_key(workflow, job)}
    return [key, {"id": "held", "uses": use("actions/cache/restore"), "with": options}]


def _cache_store(workflow: Workflow, job: Job) -> Store | None:
    """The store that holds a job's outputs by their key; None where GitHub's own cache does."""
    assert job.cache is not None
    return _reachable(workflow, job.cache.store, job.cache.origin or job.origin) if job.cache.store else None


def _in_cache(job: Job, store: Store) -> str:
    owner = "" if job.cache is not None and job.cache.share else "$GITHUB_REPOSITORY "
    return f'--store {commands.literal(str(store.url))} --key "{owner}$HEADRACE_KEY" --folder {CACHED}'


def _stamped(job: Job) -> str:
    paths = [commands.word(output.path) for output in job.outputs if isinstance(output, Artifact)] or [HELD]
    return f'--key "$HEADRACE_KEY" --folder {CACHED}' + "".join(f" --path {path}" for path in paths)


def _held_key(workflow: Workflow, job: Job) -> str:
    assert job.cache is not None
    owner = "" if job.cache.share else f"{workflow.file}-{workflow.artifact_ids[workflow.original[job.name]]}-"
    age = f"-{expressions.hole('steps.key.outputs.age')}" if job.cache.max_age is not None else ""
    return f"headrace-{owner}{expressions.hole('steps.key.outputs.key')}{age}"


def _held_paths(workflow: Workflow, job: Job) -> str:
    paths = [workflow.text(job, output.path) for output in job.outputs if isinstance(output, Artifact)]
    return "\n".join(paths or [HELD])


def _save(workflow: Workflow, job: Job, key: list[Step]) -> list[Step]:
    """A change request reads what is held and never writes it."""
    if not key:
        return []
    options = {"path": _held_paths(workflow, job), "key": _held_key(workflow, job)}
    test = f"steps.held.outputs.cache-hit != 'true' && {expressions.NOT_ON_CHANGE_REQUEST}"
    save: Step = {"uses": use("actions/cache/save"), "if": test, "with": options}
    store = _cache_store(workflow, job)
    if store is not None:
        env = {**step_env(workflow, job), "HEADRACE_KEY": _held_key(workflow, job)}
        lines = [
            f'python3 -I -c "$HEADRACE_STAMP" save {_stamped(job)}',
            f'python3 -I -c "$HEADRACE_HELD" put {_in_cache(job, store)}',
        ]
        save = {"name": "hold", "if": test, "env": env, "run": _script(lines)}
    if job.outputs:
        return [save]
    # A job without outputs is held by a file that says that it has run.
    return [{"name": "held", "if": test, "run": f"mkdir -p .headrace && touch {HELD}"}, save]


def _unless_held(step: Step, key: list[Step]) -> Step:
    if not key:
        return step
    test = "steps.held.outputs.cache-hit != 'true'"
    given = step.get("if")
    head: Step = {name: step[name] for name in ("id", "name", "uses") if name in step}
    rest = {name: value for name, value in step.items() if name not in head and name != "if"}
    return {**head, "if": f"{test} && {given}" if given else test, **rest}


class _Value(str):
    """An expression whose value stands in JSON."""

    __slots__ = ()


def _key_spec(workflow: Workflow, job: Job) -> str:
    """What the content key covers, as JSON in which GitHub fills in the values of this run."""
    environment = job.environment if isinstance(job.environment, Environment) else Environment()
    files = commands.lock_files(environment)
    refs = workflow.shell_holes(job)
    spec: dict[str, Any] = {
        "command": [*commands.prepare(job), *commands.command(job)],
        "env": {variable.name: _pieces(workflow, job, variable.value) for variable in job.env},
        "parameters": {r.name: _Value(f"env.{commands.variable(r)}") for r in refs if r.kind == "parameters"},
        "matrix": {r.name: _Value(workflow.expression(job, r)) for r in refs if r.kind == "matrix"},
        "environment": {
            "image": _pieces(workflow, job, environment.base or environment.image or ()),
            "installer": environment.installer,
            "python": environment.python,
            "files": files,
        },
        "inputs": [_pieces(workflow, job, one.path) for one in job.inputs]
        if commands.says_what_it_reads(job)
        else None,
        "needs": [
            path for need in job.needs if need.artifacts is not False for path in _given(workflow, job, need.job)
        ],
        "folder": workflow.project.folder or ".",
    }
    values: list[str] = []

    def mark(node: Any) -> Any:
        if isinstance(node, _Value):
            values.append(str(node))
            return f"\0{len(values) - 1}\0"
        if isinstance(node, dict):
            return {name: mark(value) for name, value in node.items()}
        if isinstance(node, list):
            return [mark(value) for value in node]
        return node

    import json

    lines = [f"  {json.dumps(name)}: {json.dumps(part, ensure_ascii=False)}" for name, part in mark(spec).items()]
    text = expressions.written("{\n" + ",\n".join(lines) + "\n}\n")
    for at, value in enumerate(values):
        text = text.replace(f'"\\u0000{at}\\u0000"', expressions.hole(f"toJSON({value})"))
    return text


def _pieces(workflow: Workflow, job: Job, pieces: Text) -> Any:
    """Text in the specification: plain where it has no hole, one expression where it has."""
    literal = commands.flat(pieces)
    if literal is not None:
        return literal
    template, values = "", []
    for piece in pieces:
        if isinstance(piece, Ref):
            value = workflow.expression(job, piece)
            values.append(value if not value.startswith("${{") else "github.run_id")
            template += f"{{{len(values) - 1}}}"
        else:
            template += piece.replace("{", "{{").replace("}", "}}")
    return _Value(f"format({expressions.literal(template)}, {', '.join(values)})")


def _given(workflow: Workflow, job: Job, name: str) -> list[Any]:
    """The paths that a needed job's outputs arrive at."""
    needed = workflow.by_name[name]
    found: list[Any] = []
    for output in needed.outputs:
        if not isinstance(output, Artifact):
            continue
        for leg in legs(needed.matrix):
            values = dict(leg)
            path = tuple(
                values.get(p.name, "") if isinstance(p, Ref) and p.kind == "matrix" else p for p in output.path
            )
            piece = _pieces(workflow, job, path)
            if piece not in found:
                found.append(piece)
    return found


# -------------------------------------------------------------------------------------------------- sidecars, objectives


_ANSWERS = """\
answers() {
  if command -v python3 > /dev/null; then
    python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)' "$1" "$2"
  elif command -v bash > /dev/null; then
    bash -c 'exec 3<> "/dev/tcp/$0/$1"' "$1" "$2"
  else
    nc -z "$1" "$2"
  fi 2> /dev/null
}
for place in $HEADRACE_SIDECARS; do
  tries=0
  until answers "${place%:*}" "${place##*:}"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 120 ]; then echo "nothing answers at $place" >&2; exit 1; fi
    sleep 1
  done
done
"""


def _sidecars(workflow: Workflow, job: Job) -> list[Step]:
    """Wait until each sidecar's port answers."""
    if not job.sidecars:
        return []
    places = [
        workflow.text(
            job,
            (
                Ref(kind="sidecars", name=sidecar.name, member="host"),
                ":",
                Ref(kind="sidecars", name=sidecar.name, member="port"),
            ),
        )
        for sidecar in job.sidecars
        if sidecar.port is not None
    ]
    if not places:
        return []
    return [{"name": "sidecars", "env": {"HEADRACE_SIDECARS": " ".join(places)}, "run": _ANSWERS}]


def _gate(job: Job) -> list[Step]:
    lines = commands.gate(job)
    if not lines:
        return []
    folder = commands.working_folder(job)
    enter = [f"cd {commands.literal(folder)}"] if folder else []
    return [
        {"name": "objectives" if job.objectives else "metrics", "run": _script([*enter, *map(_with_summary, lines)])}
    ]


def _with_summary(line: str) -> str:
    """The gate's line, with its table in the run's summary too."""
    return line.replace('-c "$HEADRACE_GATE"', '-c "$HEADRACE_GATE" --summary "$GITHUB_STEP_SUMMARY"', 1)
