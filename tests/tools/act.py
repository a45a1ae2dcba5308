"""act: GitHub workflows, run on this machine itself (its host mode), without a container and without a network.

What it does not do as GitHub does: it filters no branches, paths or crons of `on:`, it holds no concurrency, approvals
or permissions, and `actions/checkout` is a copy of the work tree, ignored files left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.tools.process import Completed, program, run

LIMIT_SECONDS = 90.0
LABELS = ("ubuntu-24.04", "ubuntu-latest")


class Ran(NamedTuple):
    """What act said, line by line, as JSON objects; and all of it as text."""

    completed: Completed
    lines: list[dict[str, Any]]

    @property
    def log(self) -> str:
        return "".join(str(line.get("msg", "")).rstrip("\n") + "\n" for line in self.lines) + self.completed.stderr


def act(
    clone: Path,
    event: str,
    *,
    workflow: str = "",
    payload: Mapping[str, Any] | None = None,
    actions: Mapping[str, Path] | None = None,
    env: Mapping[str, str] | None = None,
    secrets: Mapping[str, str] | None = None,
    limit: float = LIMIT_SECONDS,
) -> Ran:
    """Runs a checkout's workflows (or one of them, by its path) for one of GitHub's events.

    `payload` is the event's JSON; `actions` are folders that stand in for actions, by `owner/name@ref`. act keeps all
    its own in a home folder beside the checkout. ToolError when the limit is reached.
    """
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    event_file = home / "event.json"
    event_file.write_text(json.dumps(payload or {}), encoding="utf-8")
    argv = [program("act"), event, "--json", "--pull=false", "--no-cache-server", "--artifact-server-addr", "127.0.0.1"]
    argv += ["--container-daemon-socket", "-", "--eventpath", str(event_file), "--concurrent-jobs", "4"]
    argv += ["--action-offline-mode", "--actor", "test"]
    for label in LABELS:
        argv += ["--platform", f"{label}=-self-hosted"]
    if workflow:
        argv += ["--workflows", workflow]
    for name, folder in (actions or {}).items():
        argv += ["--local-repository", f"{name}={folder}"]
    for name, value in (env or {}).items():
        argv += ["--env", f"{name}={value}"]
    for name, value in (secrets or {}).items():
        argv += ["--secret", f"{name}={value}"]
    own = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "XDG_CONFIG_HOME": str(home / "config")}
    ended = run(argv, cwd=clone, env={**own, "DOCKER_HOST": ""}, limit=limit)
    return Ran(ended, [line for text in ended.stdout.splitlines() if (line := _object(text)) is not None])


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
