"""The Argo output, run by Argo's own controller with pods that really run on this machine (see `pod`)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.matrix import label
from tests.engines import pod
from tests.engines.cases import Run
from tests.engines.checkout import Checkout
from tests.engines.seen import Seen, collect, split
from tests.tools.process import ToolError, program, run

NAME = "argo"
TARGET = "argo"
TOOLS = ("argo-engine", "git", "unshare")
LIMIT_SECONDS = 180.0
_PHASES = {"Succeeded": "succeeded", "Running": "waiting"}
_OUTCOMES = {
    "Succeeded": "succeeded",
    "Failed": "failed",
    "Error": "failed",
    "Skipped": "skipped",
    "Omitted": "skipped",
}


def adapt(folder: Path) -> None:
    """Nothing is changed in what was compiled."""


@cache
def pods_run() -> bool:
    """Whether this machine lets us make a pod's namespaces and its overlay."""
    script = (
        "import os, subprocess as s, tempfile; d = tempfile.mkdtemp(); "
        "s.run(['mount', '-t', 'tmpfs', 'tmpfs', d], check=True); "
        "[os.mkdir(d + '/' + n) for n in ('u', 'w', 'r')]; "
        "s.run(['mount', '-t', 'overlay', 'overlay', '-o', f'lowerdir=/,upperdir={d}/u,workdir={d}/w', d + '/r'], check=True); "
        "os.chroot(d + '/r')"
    )
    tried = subprocess.run([*pod.unshare(), sys.executable, "-c", script], capture_output=True)
    return tried.returncode == 0


def execute(checkout: Checkout, run_: Run) -> Seen:
    if not pods_run():
        pytest.skip("argo: this machine lets nobody make mount namespaces with an overlay, so pods can't be run")
    files = sorted((checkout.folder / "argo").glob("*.y*ml"))
    documents = {file: [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one] for file in files}
    store = checkout.home / "store"
    store.mkdir(exist_ok=True)
    folder = checkout.home / f"run-{len(list(checkout.home.glob('run-*')))}"
    folder.mkdir()
    templates = [one for file in files for one in documents[file] if one["kind"] == "WorkflowTemplate"]
    names = [one["metadata"]["name"] for one in templates]
    name = run_.pipeline or ("main" if "main" in names else min(names, key=len))  # parts are called after the whole
    (template,) = (one for one in templates if one["metadata"]["name"] == name)
    apply_config_maps(checkout.home / "state.json", documents)
    specification = {
        "templates": [str(file) for file in files],
        "workflow": submitted(checkout, run_, template, documents),
        "secrets": {template_secret(templates): run_.secrets} if run_.secrets else {},
        "state": str(checkout.home / "state.json"),
        "runner": [
            *(sys.executable, str(Path(pod.__file__)), "--store", str(store), "--bind", str(checkout.testimonies)),
        ],
        "folder": str(folder),
        "seconds": int(LIMIT_SECONDS),
        "at_once": 4,
        "approve": run_.approved,
    }
    path = folder / "specification.json"
    path.write_text(json.dumps(specification, ensure_ascii=False), encoding="utf-8")
    argv = [program("argo-engine"), "-test.run", "^TestHeadraceEngine$", "-test.count", "1"]
    done = run(argv, cwd=folder, env={"HEADRACE_ENGINE": str(path)}, limit=LIMIT_SECONDS + 20)
    log = "".join(
        f"--- {file.parent.name}\n" + file.read_text(errors="replace") for file in sorted(folder.glob("*/main.log"))
    )
    outcome = folder / "outcome.json"
    if done.status != 0 or not outcome.is_file():
        raise ToolError(f"{done.stdout[-4000:]}{done.stderr[-2000:]}\n{log[-4000:]}")
    said = json.loads(outcome.read_text(encoding="utf-8"))
    problems = [f"{one['name']}: {one['phase']}: {one['message']}" for one in said["nodes"] if one["message"]]
    seen = Seen(status=_PHASES.get(said["phase"], "failed"))
    seen.log = "\n".join([log, *problems, said["message"]])
    seen.testimonies = collect(checkout.testimonies)
    for job, phase in jobs(said["nodes"], files, run_):
        (seen.jobs if job in run_.jobs else seen.helpers)[job] = _OUTCOMES.get(phase, phase)
    return seen


def apply_config_maps(state: Path, documents: dict[Path, list[dict[str, Any]]]) -> None:
    """What `kubectl apply` does of the compiled files, for what a workflow refers to: a semaphore's limit."""
    held = json.loads(state.read_text(encoding="utf-8")) if state.exists() else []
    compiled = [one for found in documents.values() for one in found if one["kind"] == "ConfigMap"]
    names = {one["metadata"]["name"] for one in compiled}
    kept = [one for one in held if one["metadata"]["name"] not in names]
    placed = [{**one, "metadata": {**one["metadata"], "namespace": "default"}} for one in compiled]
    if placed:
        state.write_text(json.dumps([*kept, *placed]), encoding="utf-8")


def submitted(checkout: Checkout, run_: Run, template: dict[str, Any], documents: Any) -> dict[str, Any]:
    """The workflow that an event starts: what a Sensor, a CronWorkflow or a person hands over."""
    name = template["metadata"]["name"]
    declared = {one["name"] for one in template["spec"]["arguments"]["parameters"]}
    given = {"repository": str(checkout.folder), "revision": checkout.commit}
    if run_.event == "schedule":
        crons = [one for found in documents.values() for one in found if one["kind"] == "CronWorkflow"]
        (cron,) = (
            one
            for one in crons
            if one["spec"]["workflowSpec"]["workflowTemplateRef"]["name"] == name
            and (not run_.schedule or run_.schedule in one["spec"]["schedules"])
        )
        parameters = cron["spec"]["workflowSpec"].setdefault("arguments", {}).setdefault("parameters", [])
        parameters += [{"name": key, "value": value} for key, value in given.items()]
        return dict(cron)
    event = {"push": "push", "tag": "push", "change_request": "change_request", "manual": "manual"}[run_.event]
    facts = {
        "event": event,
        "branch": "" if run_.tag else run_.branch,
        "tag": run_.tag,
        "base": checkout.before if run_.event in ("push", "change_request") else "0" * 40 if run_.tag else "",
        "change-request": "1" if event == "change_request" else "",
    }
    if event == "manual":  # a person says a revision, or nothing at all
        facts = {}
        given["revision"] = run_.tag or run_.branch
        if given["revision"] == "main":
            del given["revision"]
    given |= {key: value for key, value in facts.items() if key in declared}
    given |= {parameter_name(key, declared): value for key, value in run_.parameters.items()}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{name}-"},
        "spec": {
            "workflowTemplateRef": {"name": name},
            "arguments": {"parameters": [{"name": key, "value": value} for key, value in given.items()]},
        },
    }


def parameter_name(name: str, declared: set[str]) -> str:
    """A parameter's name as Argo allows it."""
    return next(one for one in (name, name.replace("_", "-"), f"{name}_") if one in declared)


def template_secret(templates: list[dict[str, Any]]) -> str:
    """The Kubernetes secret that the pods take their secrets from."""
    found = re.findall(r'"secretKeyRef": \{"name": "([^"]*)"|"secretName": "([^"]*)"', json.dumps(templates))
    return next(("".join(names) for names in found), "")


_TASK = re.compile(r"^ +- name: (\S+) +# .*: jobs\.(\S+)$", re.MULTILINE)
_ITEM = re.compile(r"^(?P<task>[^(]*)\([0-9]+:(?P<values>.*)\)$", re.DOTALL)


def jobs(nodes: list[dict[str, Any]], files: list[Path], run_: Run) -> Iterable[tuple[str, str]]:
    """The manifest's jobs and their nodes' phases. A task is named after its job by the comment beside it.

    Where several tasks are one job's (its key, its gate), the job's own has the shortest name.
    """
    tasks: dict[str, dict[str, list[str]]] = {}
    for file in files:
        for task, job in _TASK.findall(file.read_text(encoding="utf-8")):
            tasks.setdefault(file.stem, {}).setdefault(job, []).append(task.strip('"'))
    for node in nodes:
        pipeline = re.sub(r"-[0-9]{5}$|-[0-9]+$", "", node["workflow"])
        caller = node["called"].partition("/")[2]
        for name in named(node, tasks.get(pipeline, {}), caller, run_):
            yield name, node["phase"]


def named(node: dict[str, Any], tasks: dict[str, list[str]], caller: str, run_: Run) -> Iterable[str]:
    shown = node["name"]
    item = _ITEM.match(shown)
    for expected in run_.jobs:
        outer, _, inner = expected.rpartition("/")
        if outer != caller:
            continue
        job, leg = split(inner)
        own = tasks.get(job, [])
        if leg and item is not None:
            if item["task"] in own and legs_of(item["values"], leg):
                yield expected
        elif leg:
            wanted = legal(f"{job}-{label(tuple(leg.items()))}")
            if shown in own and (legal(shown) == wanted or (len(own) == 1 and node["type"] != "TaskGroup")):
                yield expected
        elif own and shown == min(own, key=len) and node["type"] != "TaskGroup":
            yield expected


def legal(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def legs_of(values: str, leg: dict[str, str]) -> bool:
    """Whether an item is this leg: its only value, or `axis:value` of each."""
    if len(leg) == 1 and values in leg.values():
        return True
    return set(values.split(",")) == {f"{axis}:{value}" for axis, value in leg.items()}
