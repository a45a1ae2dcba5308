"""The tasks that a pipeline gets beside its jobs: source, decide, keys, approvals, and the end."""

from __future__ import annotations

from compiler import images
from compiler.ir import Artifact, Environment, Ref, Script
from compiler.matrix import label, legs
from targets import commands
from targets.argo import artifacts, jobs, pods, spelling
from targets.argo.scope import FACTS as ALL_FACTS
from targets.argo.scope import ROOT
from targets.legs import only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Job
    from targets.argo.scope import Scope

FACTS = f"{artifacts.SIDE}/facts"
SECONDS = 1800
ASKPASS = (
    (
        "printf '%s\\n' '#!/bin/sh' 'case \"$1\" in Username*) echo \"$GIT_USERNAME\";; *) echo \"$GIT_PASSWORD\";; esac'"
        " > /tmp/askpass"
    ),
    "chmod 700 /tmp/askpass",
)
SAFE = "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'"


def _given(scope: Scope, name: str) -> str:
    return scope.guarded("workflow.parameters." + name)


# -------------------------------------------------------------------------------------------------------------- source


def source(scope: Scope) -> dict[str, Any]:
    """The first task: fetches the commit, says which one it is, and stores its files once for every other pod."""
    wanted = [name for name in ALL_FACTS if name in scope.uses.facts]
    lfs = any(store.kind == "lfs" for store in scope.project.stores)
    made = pods.Pod()
    env = []
    if {"branch", "tag"} & scope.uses.triggered:
        env += [
            {"name": "HEADRACE_BRANCH", "value": _given(scope, "branch")},
            {"name": "HEADRACE_TAG", "value": _given(scope, "tag")},
            {"name": "HEADRACE_REVISION", "value": _given(scope, "revision")},
        ]
    if lfs:
        login(scope, made)
    return {
        "name": scope.names.add("source"),
        "inputs": {"artifacts": [{"name": "repository", "path": ROOT, "git": _git(scope)}]},
        "activeDeadlineSeconds": SECONDS,
        "retryStrategy": {"limit": "2", "retryPolicy": "OnError"},
        **({"volumes": made.volumes} if made.volumes else {}),
        "script": jobs.script(scope.pinned(images.GIT), _source_lines(wanted, lfs), env, made),
        "outputs": {
            "parameters": [
                {"name": name, "valueFrom": {"path": f"{FACTS}/{name}"}, "globalName": name} for name in wanted
            ],
            "artifacts": [artifacts.source(scope)],
        },
    }


def _git(scope: Scope) -> dict[str, Any]:
    git: dict[str, Any] = {
        "repo": "{{workflow.parameters.repository}}",
        "revision": "{{workflow.parameters.revision}}",
    }
    if scope.options.depth is not None:
        git["depth"] = scope.options.depth
    held = scope.options.credentials
    for key, field in (("username", "usernameSecret"), ("password", "passwordSecret"), ("ssh", "sshPrivateKeySecret")):
        if key in held:
            git[field] = {"name": held["secret"], "key": held[key]}
    return git


def login(scope: Scope, made: pods.Pod) -> None:
    """Git's own login, for what Argo doesn't do itself: LFS, and pushes."""
    held = scope.options.credentials
    for key, name in (("username", "GIT_USERNAME"), ("password", "GIT_PASSWORD")):
        if key in held:
            chosen = {"name": held["secret"], "key": held[key]}
            made.variables.append({"name": name, "valueFrom": {"secretKeyRef": chosen}})
    if "ssh" in held:
        items = [{"key": held["ssh"], "path": "key"}]
        volume = {"name": "git-login", "secret": {"secretName": held["secret"], "defaultMode": 0o400, "items": items}}
        made.mount(volume, "/git-login", readOnly=True)
        made.variables.append(
            {"name": "GIT_SSH_COMMAND", "value": "ssh -i /git-login/key -o StrictHostKeyChecking=yes"}
        )


def _source_lines(wanted: list[str], lfs: bool) -> list[str]:
    lines = [SAFE]
    if lfs:
        lines += [
            "apt-get update -qq",
            "apt-get install -y -qq --no-install-recommends git-lfs",
            *ASKPASS,
            "GIT_ASKPASS=/tmp/askpass git lfs pull",
        ]
    lines += [
        f"mkdir -p {FACTS}",
        f"git rev-parse HEAD > {FACTS}/commit",
        "chmod -R a+rwX .",  # jobs run as whatever user their image says
    ]
    if "short" in wanted:
        lines.append(f"git rev-parse --short=8 HEAD > {FACTS}/short")
    if {"branch", "tag", "default_branch"} & set(wanted):
        # Argo's clone ends on a detached head and has no origin/HEAD; its settings name the branch that it began with.
        # https://github.com/argoproj/argo-workflows/blob/v3.7.18/workflow/artifacts/git/git.go
        lines.append("default=$(git config --get-regexp '^branch\\..*\\.merge$' | sed -n '1s|^.* refs/heads/||p')")
    if {"branch", "tag"} & set(wanted):
        # A run by hand says a revision only: it is a tag, or a branch (without any, the repository's default).
        lines += [
            "branch=$HEADRACE_BRANCH tag=$HEADRACE_TAG",
            'if [ -n "$branch$tag" ]; then :',
            'elif git show-ref --quiet --verify "refs/tags/$HEADRACE_REVISION"; then tag=$HEADRACE_REVISION',
            'elif git show-ref --quiet --verify "refs/heads/$HEADRACE_REVISION"; then branch=$HEADRACE_REVISION',
            'elif [ "$HEADRACE_REVISION" = HEAD ]; then branch=$default',
            "fi",
        ]
    if "branch" in wanted:
        lines.append(f'printf %s "$branch" > {FACTS}/branch')
    if "tag" in wanted:
        lines.append(f'printf %s "$tag" > {FACTS}/tag')
    if "ref" in wanted:
        lines.append(f'printf %s "${{tag:-$branch}}" > {FACTS}/ref')
    if "default_branch" in wanted:
        lines.append(f'printf %s "$default" > {FACTS}/default_branch')
    return lines


# ------------------------------------------------------------------------------------------------------------- decide


def decide(scope: Scope) -> dict[str, Any]:
    """One task that evaluates the conditions which Argo's expressions can't, for all jobs at once."""
    folder = f"{artifacts.SIDE}/decisions"
    env: list[dict[str, Any]] = []
    names = sorted(scope.uses.triggered & {"event", "base"})
    for name, variable in (("event", "HEADRACE_EVENT"), ("base", "HEADRACE_BASE")):
        if name in names:
            env.append({"name": variable, "value": "{{workflow.parameters." + name + "}}"})
    for name in ("branch", "tag"):
        if name in scope.uses.facts:
            env.append({"name": f"HEADRACE_GIT_{name.upper()}", "value": scope.guarded(scope.fact(name))})
    for name in _parameters(list(scope.decisions.values())):
        ref = Ref(kind="parameters", name=name)
        env.append({"name": commands.variable(ref), "value": scope.guarded(scope.path(ref))})
    env.append({"name": "HEADRACE_CONDITIONS", "value": spelling.json_text(scope.decisions)})
    env.append(jobs.carried(scope, "decide"))
    return {
        "name": scope.names.add("decide"),
        "inputs": {"artifacts": [artifacts.source(scope)]},
        "activeDeadlineSeconds": SECONDS,
        "script": jobs.script(
            scope.pinned(images.GIT), [SAFE, f'python3 -I -c "$HEADRACE_DECIDE" --folder {folder}'], env
        ),
        "outputs": {
            "parameters": [{"name": name, "valueFrom": {"path": f"{folder}/{name}"}} for name in scope.decisions]
        },
    }


def _parameters(conditions: list[Any]) -> list[str]:
    """The parameters that conditions name, in order."""
    found: dict[str, None] = {}
    pending = list(reversed(conditions))
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            if len(item) > 1 and item[0] not in ("and", "or", "not", "changed"):
                if item[1].startswith("parameters."):
                    found[item[1].removeprefix("parameters.")] = None
            elif item and item[0] != "changed":
                pending.extend(reversed(item[1:]))
    return list(found)


# ----------------------------------------------------------------------------------------------------------------- keys


def content_key(scope: Scope, job: Job, known: dict[str, Job]) -> dict[str, Any]:
    """The task that computes a cached job's key over everything that decides what the job makes."""
    arrivals = artifacts.arrivals(scope, job, known)
    leg = dict(only(job))
    env = []
    for ref in commands.refs(job):
        env.append({"name": commands.variable(ref), "value": scope.variable(ref, job, leg)})
    lines = [SAFE, *arrivals.lines]
    pieces = [piece for name in _values(job) for piece in (f' {name}="${name}"',)]
    if pieces:
        # Values join the key by their variables: the specification is completed where they are known.
        env.append(
            {"name": "HEADRACE_KEY_SPEC", "value": spelling.json_text(_specification(scope, job, arrivals, known))}
        )
        lines.append(
            'HEADRACE_KEY_SPEC=$(python3 -I -c \'import json, os, sys; spec = json.loads(os.environ["HEADRACE_KEY_SPEC"]); '
            'spec["parameters"] = dict(pair.split("=", 1) for pair in sys.argv[1:]); print(json.dumps(spec))\''
            f"{''.join(pieces)})"
        )
        lines.append("export HEADRACE_KEY_SPEC")
    else:
        env.append(
            {"name": "HEADRACE_KEY_SPEC", "value": spelling.json_text(_specification(scope, job, arrivals, known))}
        )
    env.append(jobs.carried(scope, "content_key"))
    lines.append(f"mkdir -p {FACTS}")
    lines.append(f'python3 -I -c "$HEADRACE_CONTENT_KEY" > {FACTS}/key')
    name = artifacts.key_name(scope, job)
    endings = [{"name": one["name"]} for one in artifacts.endings(scope, job)]
    inputs: dict[str, Any] = {"parameters": endings} if endings else {}
    return {
        "name": name,
        "inputs": {**inputs, "artifacts": [artifacts.source(scope), *arrivals.artifacts]},
        "activeDeadlineSeconds": SECONDS,
        "script": jobs.script(scope.pinned(images.GIT), lines, env),
        "outputs": {"parameters": [{"name": "key", "valueFrom": {"path": f"{FACTS}/key"}, "globalName": name}]},
    }


def _values(job: Job) -> list[str]:
    """The variables whose values the key covers: parameters, and what the run knows of the commit where it is used."""
    return [commands.variable(ref) for ref in commands.refs(job) if ref.kind in ("parameters", "git", "project")]


def _joined(scope: Scope, needed: Job) -> list[str]:
    """The paths of all legs' outputs, which arrive as one folder."""
    if not artifacts.is_loop(needed):
        return []
    plain = [output for output in needed.outputs if isinstance(output, Artifact) and output.store is None]
    paths = []
    for leg in legs(needed.matrix):
        for output in plain:
            path = scope.inline(output.path, needed, dict(leg))
            paths.append(f"{path}/{label(leg)}" if output.per_leg else path)
    return list(dict.fromkeys(paths))


def _specification(scope: Scope, job: Job, arrivals: artifacts.Arrivals, known: dict[str, Job]) -> dict[str, Any]:
    """What targets/runtime/content_key.py takes."""
    environment = job.environment if isinstance(job.environment, Environment) else Environment()
    image = environment.base or environment.image or ()
    action = job.action
    command = "\n".join([*commands.prepare(job), *commands.command(job), *commands.gate(job)])
    stores = [given for given in job.inputs if given.store is None]
    inputs = [commands.flat(given.path) or "" for given in stores]
    arrived = [one["path"].removeprefix(f"{ROOT}/") for one in arrivals.artifacts if one["path"].startswith(ROOT)]
    arrived += [path for need in job.needs if need.artifacts is not False for path in _joined(scope, known[need.job])]
    spec: dict[str, Any] = {
        "command": command,
        "env": {variable.name: commands.word(variable.value) for variable in job.env},
        "matrix": dict(only(job)),
        "environment": {
            "image": "".join(str(piece) if isinstance(piece, str) else piece.name for piece in image),
            "installer": environment.installer,
            "python": environment.python,
            "files": commands.lock_files(environment),
        },
        "inputs": inputs if commands.says_what_it_reads(job) else None,
        "needs": [path for path in arrived if path not in inputs],
        "folder": scope.project.folder or ".",
    }
    if isinstance(action, Script) and action.shell:
        spec["environment"]["shell"] = action.shell
    return spec


# ----------------------------------------------------------------------------------------------- supersede, approve, end

# Ends older runs that are still going and that were started for the same thing (the parameters named by the arguments).
SUPERSEDE = """\
import json, os, ssl, sys, urllib.request
account = "/var/run/secrets/kubernetes.io/serviceaccount/"
host = os.environ["KUBERNETES_SERVICE_HOST"] + ":" + os.environ["KUBERNETES_SERVICE_PORT"]
base = "https://" + host + "/apis/argoproj.io/v1alpha1/namespaces/" + os.environ["HEADRACE_NAMESPACE"] + "/workflows"
trusted = ssl.create_default_context(cafile=account + "ca.crt")
def ask(url, body=None):
    with open(account + "token") as stream:
        headers = {"Authorization": "Bearer " + stream.read()}
    if body is not None:
        headers["Content-Type"] = "application/merge-patch+json"
    request = urllib.request.Request(url, body, headers, method="PATCH" if body else "GET")
    with urllib.request.urlopen(request, context=trusted, timeout=60) as answer:
        return json.load(answer)
def same(run):
    given = run["spec"].get("arguments", {}).get("parameters", [])
    held = {one["name"]: one.get("value", "") for one in given}
    return [held.get(name, "") for name in sys.argv[1:]]
runs = ask(base + "?labelSelector=headrace%2Fpipeline%3D" + os.environ["HEADRACE_PIPELINE"])["items"]
own = next(run for run in runs if run["metadata"]["name"] == os.environ["HEADRACE_RUN"])
order = lambda run: (run["metadata"]["creationTimestamp"], run["metadata"]["name"])
for run in runs:
    ended = run.get("status", {}).get("phase") in ("Succeeded", "Failed", "Error")
    if not ended and order(run) < order(own) and same(run) == same(own):
        ask(base + "/" + run["metadata"]["name"], b'{"spec": {"shutdown": "Terminate"}}')
        print("ended", run["metadata"]["name"])
"""


def supersede(scope: Scope, parameters: list[str]) -> dict[str, Any]:
    """The task that ends older runs of the same change request (or concurrency group)."""
    env = [
        {"name": "HEADRACE_NAMESPACE", "value": "{{workflow.namespace}}"},
        {"name": "HEADRACE_RUN", "value": "{{workflow.name}}"},
        {"name": "HEADRACE_PIPELINE", "value": scope.names.workflow},
        {"name": "HEADRACE_SUPERSEDE", "value": spelling.plain(SUPERSEDE)},
    ]
    line = 'python3 -I -c "$HEADRACE_SUPERSEDE"' + "".join(f" {commands.literal(name)}" for name in parameters)
    # Whoever may not end runs (see the note about RBAC) still runs the pipeline.
    said = "echo 'older runs were not ended: the service account may not list and patch workflows' >&2"
    return {
        "name": scope.names.add("supersede"),
        "activeDeadlineSeconds": SECONDS,
        "script": jobs.script(scope.pinned(images.HELPER), [f"{line} || {said}"], env, folder="/tmp"),
    }


def approval(name: str) -> dict[str, Any]:
    """Waits until somebody resumes it."""
    return {"name": name, "suspend": {}}


def end(name: str) -> dict[str, Any]:
    """Does nothing: the one leaf that says how the run ended."""
    return {"name": name, "suspend": {"duration": "0"}}
