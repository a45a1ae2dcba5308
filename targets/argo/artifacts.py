"""What jobs leave behind and what arrives at others: artifacts of the repository that the cluster has by default.

Every artifact has a key and nothing else, so that its bucket and login are the default repository's
(https://argo-workflows.readthedocs.io/en/latest/key-only-artifacts/): `s3` stands for whatever that repository is.
A job's outputs lie under workflow/job; those of a matrix lie there unpacked, at their own paths, so that all legs
together are one folder. Outputs of a cached job lie under its content key instead, where later runs find them.
"""

from __future__ import annotations

from posixpath import basename

from compiler.ir import Artifact, Call, ChangedFiles, OnChangeRequest
from compiler.matrix import axes, label, legs
from targets import commands
from targets.argo import codes, spelling
from targets.argo.scope import ROOT
from targets.legs import only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from compiler.ir import Input, Job, Need, Store, Text
    from targets.argo.scope import Scope

SIDE = "/headrace"  # beside the repository: joined legs, what headrace itself leaves
CHANGED = "/tmp/headrace-changed"
MARK = "/tmp/headrace-before"  # what there was before the command


class Arrivals:
    """What a job takes: artifacts, and the shell lines that put side folders into the work tree."""

    def __init__(self) -> None:
        self.artifacts: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.names: set[str] = set()

    def add(self, wanted: str, path: str, location: dict[str, Any], optional: bool) -> None:
        from targets.names import fresh

        name = fresh(spelling.short(wanted, spelling.LONGEST - 4), self.names)
        self.names.add(name)
        artifact: dict[str, Any] = {"name": name, "path": path, **location}
        if optional:
            artifact["optional"] = True
        self.artifacts.append(artifact)

    def merge(self, folder: str) -> None:
        """Lay a side folder's tree over the work tree; it may be absent where it is optional."""
        self.lines.append(f"if [ -d {folder} ]; then cp -R {folder}/. .; fi")


def is_loop(job: Job) -> bool:
    """Whether a job is one task with several items."""
    return job.matrix is not None and len(legs(job.matrix)) > 1


def key(key: str) -> dict[str, Any]:
    """The location of an artifact in the default repository."""
    return {"s3": {"key": key}}


def source(scope: Scope) -> dict[str, Any]:
    """The commit's files, as the first task stored them."""
    return {"name": "source", "path": ROOT, **key(f"{scope.run}/source.tgz")}


def _prefix(scope: Scope, job: Job, own: bool) -> str:
    """The folder of a job's outputs: in a run, or under the key of a cached job."""
    task = scope.names.jobs[job.name]
    if is_cached(scope, job):
        return f"{scope.names.workflow}/cache{changes(scope)}/{task}/{_held_key(scope, job, own)}"
    return f"{scope.run}/{task}"


def changes(scope: Scope) -> str:
    """What sets apart what a change request leaves outside of its run: others must not read it."""
    if any(isinstance(trigger, OnChangeRequest) for trigger in scope.pipeline.triggers):
        return "{{=workflow.parameters.event == 'change_request' ? '-changes' : ''}}"
    return ""


def _held_key(scope: Scope, job: Job, own: bool) -> str:
    """A cached job's key: its own key node gives it to the job, others read the run's."""
    held = "inputs.parameters.key" if own else f"workflow.outputs.parameters.{key_name(scope, job)}"
    return f"{{{{{held}}}}}"


def _at(scope: Scope, job: Job, tail: str) -> dict[str, Any]:
    """A place in the default repository, or in the store that holds the job's cache."""
    if is_cached(scope, job) and job.cache is not None and job.cache.store not in (None, "ci"):
        store = scope.stores.get(str(job.cache.store))
        found = location(scope, store, tail, job) if store is not None else None
        return found or key(tail)
    return key(tail)


def is_cached(scope: Scope, job: Job) -> bool:
    return job.cache is not None and job.cache.enabled and bool(job.outputs) and _holds(scope, job)


def _holds(scope: Scope, job: Job) -> bool:
    return scope.held is None or job.name in scope.held


def key_name(scope: Scope, job: Job) -> str:
    """The task that computes a cached job's key, and the run-wide value that it leaves."""
    return scope.names.add(f"{scope.names.jobs[job.name]}-key")


def _output_names(job: Job) -> list[str]:
    """Legal names for a job's outputs, in order."""
    from targets.names import fresh

    found: list[str] = []
    for output in job.outputs:
        wanted = "changed-files" if isinstance(output, ChangedFiles) else output.name or _stem(output.path)
        found.append(fresh(spelling.short(wanted, spelling.LONGEST - 4), found))
    return found


def _stem(path: Text) -> str:
    """A name for a path: its last part that says something."""
    flat = "".join(piece if isinstance(piece, str) else "" for piece in path).strip("/")
    return basename(flat).partition(".")[0] or flat.replace("/", "-") or "output"


def _ending(path: Text) -> str:
    last = path[-1] if path and isinstance(path[-1], str) else ""
    return basename(last).rpartition(".")[1] + basename(last).rpartition(".")[2] if "." in basename(last) else ""


def outputs(scope: Scope, job: Job) -> list[dict[str, Any]]:
    """A template's output artifacts."""
    leg = dict(only(job))
    made = []
    for name, output in zip(_output_names(job), job.outputs, strict=True):
        if isinstance(output, ChangedFiles):
            where = _prefix(scope, job, True)
            tail = "/{{inputs.parameters.leg}}" if is_loop(job) else ".tgz"
            made.append(
                {
                    "name": name,
                    "path": CHANGED,
                    "optional": True,
                    **_packed(job),
                    **_at(scope, job, f"{where}/{name}{tail}"),
                }
            )
            continue
        path = scope.inline(output.path, job, leg)
        artifact: dict[str, Any] = {"name": name, "path": f"{ROOT}/{path}"}
        if output.store is not None and (stored := _stored(scope, output, job, True)) is not None:
            made.append({**artifact, **stored})
            if output.dataset is not None:
                made.append({**artifact, "name": f"{name}-version", **_versioned(scope, output, job)})
        elif is_loop(job):
            tail = "/{{inputs.parameters.leg}}" if output.per_leg else ""
            made.append(
                {**artifact, **_packed(job), **_at(scope, job, f"{_prefix(scope, job, True)}/tree/{path}{tail}")}
            )
        elif output.kind == "metrics":
            place = f"{_prefix(scope, job, True)}/{name}{_ending(output.path)}"
            made.append({**artifact, "archive": {"none": {}}, **_at(scope, job, place)})
        else:
            made.append({**artifact, **_at(scope, job, f"{_prefix(scope, job, True)}/{name}.tgz")})
    return made


def _packed(job: Job) -> dict[str, Any]:
    return {"archive": {"none": {}}} if is_loop(job) else {}


def unsure(jobs: Iterable[Job]) -> dict[str, list[str]]:
    """By job, the needs that leave something for it and may have failed when it begins.

    argoexec also stores what a pod that failed had written so far
    (https://github.com/argoproj/argo-workflows/blob/v3.7.18/cmd/argoexec/commands/wait.go); no job may take that.
    """
    known = {job.name: job for job in jobs}
    found: dict[str, list[str]] = {}
    for job in known.values():
        always = (job.run_on or "success") != "success"
        if isinstance(job.action, Call) or not (always or any(known[need.job].allow_failure for need in job.needs)):
            continue
        for need in job.needs:
            left = [output for output in known[need.job].outputs if getattr(output, "store", None) is None]
            if left and need.artifacts is not False and (always or known[need.job].allow_failure):
                found.setdefault(job.name, []).append(need.job)
    return found


def endings(scope: Scope, job: Job) -> list[dict[str, str]]:
    """The arguments that say of such needs how they ended, as the end of their outputs' keys."""
    from targets.argo import outcomes

    known = scope.members
    here = [name for name in scope.unsure.get(job.name, ()) if known is None or name in known or name in scope.outcomes]
    made = []
    for name in here:
        ended = outcomes.status(scope, name) + " == 'Succeeded'"
        made.append({"name": ending(scope, name), "value": "{{=" + ended + " ? '' : '.failed'}}"})
    return made


def ending(scope: Scope, name: str) -> str:
    return f"{scope.names.jobs[name]}-end"


def needs_leg(job: Job) -> bool:
    """Whether a looping job's items must name their leg."""
    return any(isinstance(output, ChangedFiles) or output.per_leg for output in job.outputs)


def arrivals(scope: Scope, job: Job, jobs: dict[str, Job]) -> Arrivals:
    """What arrives at a job: the outputs of its direct needs, and what stores hold for it."""
    found = Arrivals()
    for need in job.needs:
        if need.artifacts is not False:
            _from_need(scope, job, need, jobs[need.job], found)
    for given in job.inputs:
        if given.store is not None:
            _from_store(scope, job, given, found)
    return found


def _from_need(scope: Scope, job: Job, need: Need, needed: Job, found: Arrivals) -> None:
    optional = bool(need.optional or needed.allow_failure or (job.run_on or "success") != "success")
    task = scope.names.jobs[needed.name]
    leg = dict(only(needed))
    where = _prefix(scope, needed, False)
    if any(one["name"] == ending(scope, needed.name) for one in endings(scope, job)):
        where += "{{inputs.parameters." + ending(scope, needed.name) + "}}"
    kept = [output for output in needed.outputs if isinstance(output, Artifact) and output.store is None]
    if is_loop(needed) and kept:
        found.add(task, f"{SIDE}/{task}", _at(scope, needed, f"{where}/tree"), optional)
        found.merge(f"{SIDE}/{task}")
    for name, output in zip(_output_names(needed), needed.outputs, strict=True):
        if isinstance(output, ChangedFiles):
            folder = f"{SIDE}/{task}-{name}"
            place = _at(scope, needed, f"{where}/{name}" + ("" if is_loop(needed) else ".tgz"))
            found.add(f"{task}-{name}", folder, place, True)
            if is_loop(needed):
                found.lines.append(f'for leg in {folder}/*; do if [ -d "$leg" ]; then cp -R "$leg"/. .; fi; done')
            else:
                found.merge(folder)
            continue
        path = scope.inline(output.path, needed, leg)
        if output.per_leg and leg:
            path += "/" + label(only(needed))
        if output.store is not None and (stored := _stored(scope, output, needed, False)) is not None:
            found.add(name, f"{ROOT}/{path}", stored, optional)
        elif is_loop(needed):
            continue
        elif output.kind == "metrics":
            found.add(
                name,
                f"{ROOT}/{path}",
                {"archive": {"none": {}}, **_at(scope, needed, f"{where}/{name}{_ending(output.path)}")},
                optional,
            )
        else:
            found.add(name, f"{ROOT}/{path}", _at(scope, needed, f"{where}/{name}.tgz"), optional)


def changed_lines(job: Job) -> tuple[list[str], list[str]]:
    """Shell lines before and after a command that keep the files which it adds or changes below some paths."""
    paths = [path for output in job.outputs if isinstance(output, ChangedFiles) for path in output.paths or (".",)]
    if not paths:
        return [], []
    copy = f'mkdir -p "{CHANGED}/${{f%/*}}"; cp -p "$f" "{CHANGED}/$f"'
    before = commands.remember_files(MARK)
    after = [
        f"cd {ROOT}",
        f"mkdir -p {CHANGED}",
        *commands.changed_files(MARK, tuple(paths)),
        f"while IFS= read -r f; do {copy}; done < {MARK}/list",
    ]
    return before, after


# --------------------------------------------------------------------------------------------------------------- stores


def _stored(scope: Scope, output: Artifact, job: Job, own: bool) -> dict[str, Any] | None:
    """Where an output lies in a store: under the commit, or the key of a cached job; None for the CI's own artifacts."""
    store = scope.stores.get(str(output.store))
    if store is None or store.kind == "ci":
        return None
    alone = only(job)
    path = scope.inline(output.path, job, dict(alone))
    version = _held_key(scope, job, own) if is_cached(scope, job) else "{{" + scope.fact("commit") + "}}"
    leg = ""
    if output.per_leg and job.matrix is not None:
        leg = "/" + label(alone) if alone else "/{{inputs.parameters.leg}}"
    return location(scope, store, f"{path}{leg}/{version}.tgz", job)


def _versioned(scope: Scope, output: Artifact, job: Job) -> dict[str, Any]:
    """Where other runs find a dataset: under its version, or the latest. A change request writes elsewhere."""
    path = scope.inline(output.path, job)
    version = (output.version or commands.LATEST) + changes(scope)
    place = location(scope, scope.stores[str(output.store)], f"{path}/{version}.tgz", job)
    return place or {}


def _from_store(scope: Scope, job: Job, given: Input, found: Arrivals) -> None:
    store = scope.stores.get(str(given.store))
    if store is None or store.kind == "ci":
        return
    path = scope.inline(given.path, job)
    version = given.version or commands.LATEST
    held = location(scope, store, f"{path}/{version}.tgz", job)
    if held is not None:
        found.add(given.dataset or _stem(given.path), f"{ROOT}/{path}", held, False)


def location(scope: Scope, store: Store, tail: str, job: Job) -> dict[str, Any] | None:
    """An artifact's place in a store outside of the default repository. Logins are the pod's own identity."""
    scheme, _, rest = (store.url or "").partition("://")
    bucket, _, folder = rest.partition("/")
    place = "/".join(part for part in (folder.strip("/"), tail) if part)
    if store.kind == "s3" and scheme == "s3" and bucket:
        return {"s3": {"endpoint": "s3.amazonaws.com", "bucket": bucket, "useSDKCreds": True, "key": place}}
    if store.kind == "gcs" and scheme in ("gs", "gcs") and bucket:
        return {"gcs": {"bucket": bucket, "key": place}}
    if store.kind == "azure" and scheme in ("az", "azure") and bucket and folder:
        container, _, below = folder.strip("/").partition("/")
        blob = "/".join(part for part in (below, tail) if part)
        endpoint = f"https://{bucket}.blob.core.windows.net"
        return {"azure": {"endpoint": endpoint, "container": container, "useSDKCreds": True, "blob": blob}}
    scope.sink.report(
        codes.STORE,
        f'Argo Workflows can\'t keep artifacts in the store "{store.name}" of kind {store.kind}',
        store.origin or job.origin,
        help="name an s3, gcs or azure store by its URL: s3://BUCKET/FOLDER, gs://BUCKET/FOLDER, az://ACCOUNT/CONTAINER",
    )
    return None


def leg_items(job: Job) -> tuple[list[dict[str, str]] | list[str], list[dict[str, Any]]]:
    """A looping job's items, and the arguments that hand them to its template."""
    names = list(axes(job.matrix))
    all_legs = legs(job.matrix)
    with_leg = needs_leg(job)
    legal = {name: spelling.legal_parameter(name) for name in names}
    if len(names) == 1 and not with_leg:
        arguments = [{"name": legal[names[0]], "value": "{{item}}"}]
        return [leg[0][1] for leg in all_legs], arguments
    items = []
    for leg in all_legs:
        given = dict(leg)
        item = {legal[name]: given.get(name, "") for name in names}
        if with_leg:
            item["leg"] = label(leg)
        items.append(item)
    wanted = [*legal.values(), *(["leg"] if with_leg else [])]
    return items, [{"name": name, "value": "{{item." + name + "}}"} for name in wanted]
