"""Roll out Kubernetes documents: put the images in that were built, then apply them and wait, or commit them to a branch.

deploy.py apply [--context=NAME] [--namespace=NAME] [--image=PLACEHOLDER=REFERENCE]... [--restart] [--health=URL] [--within=SECONDS] FILE...
deploy.py commit --branch=NAME [--repository=URL] [--message=TEXT] [--image=PLACEHOLDER=REFERENCE]... FILE...

A placeholder is replaced where it stands as a whole. A folder is all files in it, for `commit` of any kind. `apply` needs kubectl and its access to the cluster, `commit` needs
git and its access to the repository (that of the checkout unless another one is given).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
from typing import Any

from targets.runtime.problem import DataError, UsageError, finish, quoted, say
from targets.runtime.web import wait

# https://github.com/distribution/reference: a host with a port, a path, a tag, a digest
REFERENCE = re.compile(
    r"[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?(/[a-z0-9][a-z0-9._-]*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
UNRESOLVED = re.compile(r"headrace\.invalid/[\w.-]*")
ROLLOUTS = {"Deployment": "deployments.apps", "StatefulSet": "statefulsets.apps", "DaemonSet": "daemonsets.apps"}
READY = {
    "serving.knative.dev/Service": ("services.serving.knative.dev", "condition=Ready"),
    "serving.kserve.io/InferenceService": ("inferenceservices.serving.kserve.io", "condition=Ready"),
    "machinelearning.seldon.io/SeldonDeployment": (
        "seldondeployments.machinelearning.seldon.io",
        "jsonpath={.status.state}=Available",
    ),
}
PUSHES = 3


def pair(text: str) -> tuple[str, str]:
    placeholder, equals, reference = text.partition("=")
    if not placeholder or not equals:
        raise UsageError(f"{quoted(text)} is not PLACEHOLDER=REFERENCE")
    if not REFERENCE.fullmatch(reference):
        raise DataError(f"{quoted(reference)} is not the reference of an image")
    return placeholder, reference


def within(files: list[str]) -> list[str]:
    """The files, and those of the folders among them, each once; what is a link stays out."""
    found: list[str] = []
    for file in files:
        if not os.path.isdir(file):
            found.append(file)
            continue
        for folder, folders, names in os.walk(file):
            folders.sort()
            paths = (os.path.join(folder, name) for name in sorted(names))
            found.extend(path for path in paths if not os.path.islink(path))
    return list(dict.fromkeys(found))


def filled(files: list[str], images: list[tuple[str, str]]) -> dict[str, str]:
    """Each file's text with the images in it; every image must have a place, and every place an image."""
    texts = {}
    for file in files:
        with open(file, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            texts[file] = stream.read()
    for placeholder, reference in images:
        whole = re.compile(r"(?<![\w./:@-])" + re.escape(placeholder) + r"(?![\w./:@-])")
        count = 0
        for file, text in texts.items():
            texts[file], found = whole.subn(reference, text)
            count += found
        if not count:
            raise DataError(f"no document holds {quoted(placeholder)}, where {reference} goes")
        say(f"{placeholder} is {reference}")
    for file, text in texts.items():
        left = UNRESOLVED.search(text)
        if left:
            raise DataError(f"{quoted(file)} wants the image {quoted(left.group())}, which is not given")
    return texts


def tool(argv: list[str], given: str | None = None, statuses: tuple[int, ...] = (0,)) -> int:
    """Run a program to its end, its output going on; returns its status, DataError for an unexpected one."""
    return run(argv, given, statuses, None).returncode


def said(argv: list[str], given: str | None = None) -> str:
    """What a program says on stdout."""
    return run(argv, given, (0,), subprocess.PIPE).stdout


def run(
    argv: list[str], given: str | None, statuses: tuple[int, ...], stdout: int | None
) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ, GIT_TERMINAL_PROMPT="0")
    try:
        done = subprocess.run(argv, input=given, stdout=stdout, encoding="utf-8", env=environment, check=False)
    except FileNotFoundError as error:
        raise DataError(f"{argv[0]} was not found: the job's image must hold it") from error
    if done.returncode not in statuses:
        raise DataError(f"{argv[0]} ended with status {done.returncode}")
    return done


def apply(options: argparse.Namespace, texts: dict[str, str]) -> None:
    kubectl = ["kubectl"]
    if options.context:
        kubectl.append(f"--context={options.context}")
    namespace = [f"--namespace={options.namespace}"] if options.namespace else []
    stream = "\n---\n".join(texts.values())
    applied = json.loads(said([*kubectl, *namespace, "apply", "--filename=-", "--output=json"], stream))
    objects = applied.get("items", []) if applied.get("kind") == "List" else [applied]
    for found in objects:
        print(f"applied {found['kind']} {found['metadata']['name']}", flush=True)
    for found in objects if options.restart else ():
        restart(kubectl, found)
    for found in objects:
        ready(kubectl, found, options.within)
    if options.health:
        wait(options.health, True, options.within)


def restart(kubectl: list[str], found: dict[str, Any]) -> None:
    """Replace what runs of it, even where it was applied as it was before: what it fetches at its start may be new."""
    kind, metadata = found["kind"], found["metadata"]
    if found["apiVersion"].rpartition("/")[0] == "apps" and kind in ROLLOUTS:
        where = [f"--namespace={metadata['namespace']}"] if metadata.get("namespace") else []
        tool([*kubectl, *where, "rollout", "restart", f"{ROLLOUTS[kind]}/{metadata['name']}"])


def ready(kubectl: list[str], found: dict[str, Any], within: float) -> None:
    """Wait until what was applied runs, where it is something that runs."""
    kind, metadata = found["kind"], found["metadata"]
    group = found["apiVersion"].rpartition("/")[0]
    where = [f"--namespace={metadata['namespace']}"] if metadata.get("namespace") else []
    timeout = f"--timeout={within:g}s"
    if group == "apps" and kind in ROLLOUTS:
        tool([*kubectl, *where, "rollout", "status", timeout, f"{ROLLOUTS[kind]}/{metadata['name']}"])
    elif f"{group}/{kind}" in READY:
        resource, condition = READY[f"{group}/{kind}"]
        tool([*kubectl, *where, "wait", timeout, f"--for={condition}", f"{resource}/{metadata['name']}"])
    else:
        return
    print(f"{kind} {metadata['name']} is ready", flush=True)


def commit(options: argparse.Namespace, texts: dict[str, str]) -> None:
    """Commit the documents at their own paths and push; where another push came first, once more from its state."""
    for number in range(1, PUSHES + 1):
        with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
            if pushed(options, texts, folder, (0,) if number == PUSHES else (0, 1)):
                return
        say(f"push {number} was refused; trying again")


def pushed(options: argparse.Namespace, texts: dict[str, str], folder: str, statuses: tuple[int, ...]) -> bool:
    url = options.repository or said(["git", "-c", "safe.directory=*", "remote", "get-url", "origin"]).strip()
    branch = f"refs/heads/{options.branch}"
    there = said(["git", "ls-remote", "--heads", "--", url, branch])
    git = ["git", "-C", folder]
    tool(["git", "init", "--quiet", folder])
    tool([*git, "remote", "add", "--", "origin", url])
    if there:
        tool([*git, "fetch", "--quiet", "--depth=1", "origin", branch])
        tool([*git, "checkout", "--quiet", "--detach", "FETCH_HEAD"])
    for path, text in texts.items():
        place = os.path.join(folder, path)
        if os.path.realpath(place) != os.path.join(os.path.realpath(folder), path):
            raise DataError(f"{quoted(path)} leads elsewhere on the branch {quoted(options.branch)}")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            stream.write(text)
    tool([*git, "add", "--force", "--", *texts])
    if not said([*git, "status", "--porcelain"]):
        print(f"{options.branch} holds this already")
        return True
    who = ["-c", "user.name=headrace", "-c", "user.email=headrace@headrace.invalid", "-c", "commit.gpgsign=false"]
    images = ", ".join(reference for _, reference in options.image)
    message = options.message or f"Deploy {images or ', '.join(texts)}"
    tool([*git, *who, "commit", "--quiet", f"--message={message}"])
    if tool([*git, "push", "--quiet", "origin", f"HEAD:{branch}"], statuses=statuses):
        return False
    print(f"committed to {options.branch}")
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="deploy", allow_abbrev=False)
    parser.add_argument("how", choices=("apply", "commit"))
    parser.add_argument("--context")
    parser.add_argument("--namespace")
    parser.add_argument("--image", action="append", default=[])
    parser.add_argument("--restart", action="store_true")
    parser.add_argument("--health")
    parser.add_argument("--within", type=float, default=600)
    parser.add_argument("--branch")
    parser.add_argument("--repository")
    parser.add_argument("--message")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    options.image = [pair(text) for text in options.image]
    if (options.how == "commit") != bool(options.branch):
        raise UsageError("--branch is for commit, which needs it")
    if any(os.path.isabs(file) or ".." in file.split("/") for file in options.files):
        raise UsageError("documents are paths below the repository's root")
    files = within([os.path.normpath(file) for file in options.files])
    if not files:
        raise DataError("there is no file in " + ", ".join(map(quoted, options.files)))
    texts = filled(files, options.image)
    if options.how == "apply":
        apply(options, texts)
    else:
        commit(options, texts)
    return 0


if __name__ == "__main__":
    finish(main)
