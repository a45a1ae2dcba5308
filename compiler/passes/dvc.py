"""Data that DVC keeps: a job pulls what it reads, and a job after its maker pushes what was made.

A DVC remote finds data by the pointer beside them (`PATH.dvc`, or `dvc.lock`), which is committed: the commit says the
version. So a reader needs no more than `dvc pull`, and what a push leaves is the new pointer, for a person to commit.
https://dvc.org/doc/command-reference/pull and https://dvc.org/doc/user-guide/project-structure/dvc-files
"""

from __future__ import annotations

from posixpath import dirname

from compiler import codes
from compiler.images import DEFAULT_PYTHON, HELPER
from compiler.ir import (
    Artifact,
    BuildImage,
    Call,
    Deploy,
    Environment,
    Exec,
    Job,
    Need,
    OnChangeRequest,
    Pipeline,
    Project,
    Ref,
    Store,
    holes,
)
from compiler.matrix import legs
from compiler.passes.context import Context, named
from compiler.passes.environments import NOT_A_CHANGE_REQUEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Identity, Input, Text

VERSION = "3.67.1"
TIMEOUT_SECONDS = 3600
# What pip installs beside DVC for a remote: https://dvc.org/doc/user-guide/data-management/remote-storage
EXTRAS = {
    "azure": "azure",
    "gcs": "gs",
    "gdrive": "gdrive",
    "gs": "gs",
    "hdfs": "hdfs",
    "oss": "oss",
    "s3": "s3",
    "ssh": "ssh",
    "webdav": "webdav",
    "webdavs": "webdav",
    "webhdfs": "webhdfs",
}
REMOTE = "headrace"
_PLAIN = Environment(image=(HELPER,), python=DEFAULT_PYTHON)
# DVC asks git for nothing here: a checkout may be another user's, or have no history.
_SETTINGS = (
    "[ -d .dvc ] || {dvc} init --quiet --no-scm",
    "{dvc} config --local core.no_scm true",
    "{dvc} config --local core.analytics false",
    "{dvc} config --local core.check_update false",
)


def lower_dvc(project: Project, context: Context) -> Project:
    stores = {store.name: store for store in project.stores if store.kind == "dvc"}
    identities = {one.name: one for one in project.identities}
    pipelines = tuple(_over(pipeline, stores, identities, context) for pipeline in project.pipelines)
    return project.replace(pipelines=pipelines)


def _over(pipeline: Pipeline, stores: dict[str, Store], identities: dict[str, Identity], context: Context) -> Pipeline:
    jobs: list[Job] = []
    taken = {job.name for job in pipeline.jobs}
    for job in pipeline.jobs:
        pulled = _pulling(job, stores, identities, context)
        kept = [one for one in pulled.outputs if isinstance(one, Artifact) and one.store in stores]
        if not kept:
            jobs.append(pulled)
            continue
        jobs.append(
            pulled.replace(
                outputs=tuple(
                    one.replace(store=None, dataset=None, version=None) if one in kept else one
                    for one in pulled.outputs
                )
            )
        )
        for store in dict.fromkeys(one.store for one in kept):
            mine = [one for one in kept if one.store == store]
            pushing = _pushing(job, mine, stores[str(store)], identities, taken, context)
            on_changes = any(isinstance(trigger, OnChangeRequest) for trigger in pipeline.triggers)
            jobs.append(pushing.replace(condition=NOT_A_CHANGE_REQUEST) if on_changes else pushing)
    return pipeline.replace(jobs=tuple(jobs))


def _install(stores: list[Store], context: Context) -> list[str]:
    """Lines that put DVC, and what it needs for the remotes, into a folder of its own."""
    extras = dict.fromkeys(EXTRAS.get((_remote_url(store, context) or "").partition("://")[0], "") for store in stores)
    wanted = ",".join(extra for extra in extras if extra)
    package = _quoted(f"dvc{f'[{wanted}]' if wanted else ''}=={VERSION}")
    by_uv = f'uv pip install --quiet --python "$HEADRACE_DVC/bin/python" {package}'  # many times faster
    by_pip = f'"$HEADRACE_DVC/bin/pip" install --quiet --disable-pip-version-check {package}'
    return [
        'HEADRACE_DVC="$(mktemp -d)"',
        'python3 -m venv "$HEADRACE_DVC"',
        f"if command -v uv > /dev/null; then {by_uv}; else {by_pip}; fi",
    ]


def _remote_url(store: Store, context: Context) -> str | None:
    """The remote's URL: the store's own, else that of the repository's default remote."""
    if store.url is not None or not context.files.is_file(".dvc/config"):
        return store.url
    source = context.files.source(".dvc/config", context.sink)
    if source is None:
        return None
    import configparser

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(source.text)
    except configparser.Error:
        return None
    default = parser.get("core", "remote", fallback="")
    return parser.get(f"'remote \"{default}\"'", "url", fallback=None)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _settings(dvc: str, store: Store) -> list[str]:
    lines = [line.format(dvc=dvc) for line in _SETTINGS]
    if store.url is not None:
        lines.append(f"{dvc} remote add --local --force --quiet {REMOTE} {_quoted(store.url)}")
    return lines


def _chosen(store: Store) -> str:
    return f" --remote {REMOTE}" if store.url is not None else ""


# ---------------------------------------------------------------------------------------------------------------- pull


def _pulling(job: Job, stores: dict[str, Store], identities: dict[str, Identity], context: Context) -> Job:
    wanted = [given for given in job.inputs if given.store in stores]
    if not wanted or isinstance(job.action, BuildImage | Call | Deploy):
        return job
    environment = job.environment if isinstance(job.environment, Environment) else _PLAIN
    inputs = list(job.inputs)
    pointers: dict[str, list[str]] = {}
    for given in wanted:
        target, pointer = _pointer(given, job, context)
        inputs[inputs.index(given)] = given.replace(path=(pointer,), store=None, version=None)
        pointers.setdefault(str(given.store), []).append(target)
    lines = _install([stores[name] for name in pointers], context)
    for name, targets in pointers.items():
        lines.append(_pull(stores[name], targets, environment))
    own = (*environment.setup, *((line,) for line in lines))
    identity = job.identity or _identity([stores[name] for name in pointers], identities, job, context)
    return job.replace(
        inputs=tuple(dict.fromkeys(inputs)), environment=environment.replace(setup=own), identity=identity
    )


def _identity(stores: list[Store], identities: dict[str, Identity], job: Job, context: Context) -> Identity | None:
    """As whom a job pulls that says nothing of it itself: a job signs in as one."""
    names = list(dict.fromkeys(store.identity for store in stores if store.identity in identities))
    if len(names) > 1:
        context.sink.report(
            codes.KEYS_EXCLUDE,
            f'"{job.name}" reads of stores with two identities, "{names[0]}" and "{names[1]}", and signs in as one',
            job.origin,
            help="say `identity` in the job for one that may read both, or read them in two jobs",
        )
    return identities[str(names[0])] if names else None


def _pull(store: Store, targets: list[str], environment: Environment) -> str:
    """One line, at the root: set-up runs in the environment's folder."""
    folder = environment.working_directory
    lines = _settings('"$HEADRACE_DVC/bin/dvc"', store)
    words = " ".join(map(_quoted, targets))
    lines.append(f'"$HEADRACE_DVC/bin/dvc" pull --quiet{_chosen(store)} -- {words}')
    enter = [f"cd {'/'.join('..' for _ in folder.split('/'))}"] if folder else []
    return "(\n  " + "\n  ".join([*enter, *lines]) + "\n)"


def _pointer(given: Input, job: Job, context: Context) -> tuple[str, str]:
    """What DVC is asked for, and the committed file that says what it holds."""
    path = named(given.path)
    if given.version is not None:
        message = f'nothing asks for version "{given.version}" of "{path}"'
        context.sink.report(
            codes.UNUSED, message, given.origin or job.origin, help="DVC's pointer says it: commit another one"
        )
    pointer = f"{path}.dvc"
    if context.files.is_file(pointer):
        return pointer, pointer
    folder = path
    while folder:
        folder = dirname(folder)
        lock = f"{folder}/dvc.lock".lstrip("/")
        if context.files.is_file(lock):
            return path, lock
    message = f'"{path}" is fetched by DVC, and neither "{pointer}" nor a "dvc.lock" says what it holds'
    context.sink.report(
        codes.MISSING_INPUT, message, given.origin or job.origin, help=f"run `dvc add {path}` and commit the pointer"
    )
    return pointer, pointer


# ---------------------------------------------------------------------------------------------------------------- push


def _pushing(
    job: Job,
    kept: list[Artifact],
    store: Store,
    identities: dict[str, Identity],
    taken: set[str],
    context: Context,
) -> Job:
    """The job that pushes what another one made, and leaves the pointers. Change requests push nothing."""
    name = f"push-{job.name}"
    while name in taken:
        name += "-dvc"
    taken.add(name)
    paths = list(dict.fromkeys(path for one in kept for path in _paths(one, job)))
    script = [
        *_install([store], context),
        'PATH="$HEADRACE_DVC/bin:$PATH"',
        *_settings("dvc", store),
        'dvc add --quiet -- "$@"',
        f'for path; do dvc push --quiet{_chosen(store)} -- "$path.dvc"; done',
    ]
    return Job(
        name=name,
        action=Exec(argv=(("sh",), ("-euc",), ("\n".join(script),), ("dvc",), *paths)),
        environment=_PLAIN,
        needs=(Need(job=job.name, artifacts=True, optional=False, legs="all", origin=job.origin),),
        run_on="success",
        env=tuple(one for one in job.env if not any(ref.kind in ("matrix", "sidecars") for ref in holes(one))),
        secrets=job.secrets,
        identity=identities.get(str(store.identity)) or job.identity,
        outputs=tuple(Artifact(path=(*path, ".dvc"), kind="file", keep=kept[0].keep) for path in paths),
        timeout=TIMEOUT_SECONDS,
        origin=kept[0].origin or job.origin,
    )


def _paths(output: Artifact, job: Job) -> list[Text]:
    """Where all legs leave it."""
    if output.per_leg:
        return [output.path]
    found = []
    for leg in legs(job.matrix):
        values = dict(leg)
        found.append(
            tuple(
                values[piece.name] if isinstance(piece, Ref) and piece.kind == "matrix" else piece
                for piece in output.path
            )
        )
    return found
