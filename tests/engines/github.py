"""The GitHub output, run by act in host mode, with stand-ins for the actions that need GitHub's services."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from targets.github.actions import PINS
from tests.engines.cases import Run
from tests.engines.checkout import Checkout
from tests.engines.seen import Seen, by_values, collect
from tests.tools.act import act

NAME = "act"
TARGET = "github"
TOOLS = ("act", "git")
LIMIT_SECONDS = 180.0
ACTIONS = Path(__file__).with_name("actions")
EVENTS = {"tag": "push", "change_request": "pull_request", "manual": "workflow_dispatch"}
_OUTCOMES = {"success": "succeeded", "failure": "failed", "skipped": "skipped", "cancelled": "cancelled"}


def adapt(folder: Path) -> None:
    """Nothing is changed in what was compiled."""


def execute(checkout: Checkout, run: Run) -> Seen:
    store = checkout.home / "store"
    shutil.rmtree(store / "artifacts", ignore_errors=True)
    store.mkdir(exist_ok=True)
    path = workflow(checkout, run)
    ran = act(
        checkout.folder,
        EVENTS.get(run.event, run.event),
        workflow=path,
        payload=payload(checkout, run, path),
        actions=stand_ins(),
        env={"STANDIN_STORE": str(store), "STANDIN_SCRIPT": str(ACTIONS.with_name("standin.py"))},
        secrets=run.secrets,
        limit=LIMIT_SECONDS,
    )
    seen = Seen(status="succeeded" if ran.completed.status == 0 else "failed", log=ran.log)
    seen.testimonies = collect(checkout.testimonies)
    known = by_values(run.jobs)
    for line in ran.lines:
        if "jobResult" in line:
            name = shown(line["job"], bool(line.get("matrix")), known)
            (seen.jobs if name in run.jobs else seen.helpers)[name] = _OUTCOMES[line["jobResult"]]
    return seen


def workflow(checkout: Checkout, run: Run) -> str:
    """Which workflow GitHub would start: act looks at the event's name alone."""
    if run.pipeline:
        return f".github/workflows/{run.pipeline}.yml"
    (file,) = (checkout.folder / ".github/workflows").glob("*.yml")
    return f".github/workflows/{file.name}"


def stand_ins() -> dict[str, Path]:
    """Folders for the pinned actions by `owner/name@commit`; checkout is act's own."""
    found = {}
    for action, (_, commit) in PINS.items():
        owner, name = action.split("/")[:2]
        if (ACTIONS / name).is_dir():
            found[f"{owner}/{name}@{commit}"] = ACTIONS / name
    return found


def payload(checkout: Checkout, run: Run, path: str) -> dict[str, Any]:
    """The event as GitHub tells it, in the fields that compiled workflows read."""
    repository = {"default_branch": "main", "full_name": "group/project", "name": "project"}
    found: dict[str, Any] = {"repository": repository}
    if run.event == "change_request":
        head = {"ref": run.branch, "sha": checkout.commit, "repo": repository}
        base = {"ref": "main", "sha": checkout.before, "repo": repository}
        found |= {"number": 1, "pull_request": {"number": 1, "head": head, "base": base}}
    elif run.event == "tag":
        found |= {"ref": f"refs/tags/{run.tag}", "before": "0" * 40, "after": checkout.commit}
    elif run.event == "schedule":
        found |= {"schedule": run.schedule}
    else:
        found |= {"ref": f"refs/heads/{run.branch}", "before": checkout.before, "after": checkout.commit}
    if run.event == "manual":
        found["inputs"] = {**_defaults(checkout.folder / path), **run.parameters}
    return found


def _defaults(file: Path) -> dict[str, str]:
    """What GitHub tells of inputs that nobody filled in: their defaults, as text."""
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    inputs = (data[True].get("workflow_dispatch") or {}).get("inputs") or {}  # YAML 1.1 takes `on` for true
    given = {name: one.get("default", "") for name, one in inputs.items()}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}


_NAME = re.compile(r"(?P<job>.*) \((?P<values>.*)\)$")


def shown(name: str, numbered: bool, known: dict[tuple[str, tuple[str, ...]], str]) -> str:
    """A job's name among the expected, from `workflow/job (a, b)-1   `, or as act says it."""
    parts = name.rstrip().split("/")
    # `workflow/job`, and of a called workflow `caller/workflow/job`
    parts = [*parts[:-2], parts[-1]]
    if numbered:
        parts[-1] = re.sub(r"-[0-9]+$", "", parts[-1])
    for candidate in _candidates(parts):
        if candidate in known:
            return known[candidate]
    return "/".join(parts)


def _candidates(parts: list[str]) -> Iterable[tuple[str, tuple[str, ...]]]:
    whole = "/".join(parts)
    yield whole, ()
    found = _NAME.match(whole)
    if found is not None:
        yield found["job"], tuple(found["values"].split(", "))
