"""`headrace run`: the records that it keeps of a run."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.engines.cases import Run
from tests.engines.checkout import Checkout
from tests.engines.seen import Seen, collect, labelled
from tests.tools.containers import containers
from tests.tools.process import Completed, ToolError

NAME = "local"
TARGET = None
TOOLS: tuple[str, ...] = ("git",)
LIMIT_SECONDS = 180.0


def adapt(folder: Path) -> None:
    """Nothing is changed in what was compiled."""


def execute(checkout: Checkout, run: Run) -> Seen:
    cache = str(checkout.home / "results")
    arguments = ["run", checkout.manifest, "--cache", cache, "--color", "never", "--jobs", "4"]
    services = "sidecars:" in manifest(checkout)
    arguments += ["--engine", "podman" if services else "none"]
    more = containers() if services else {}
    arguments += ["--event", "push" if run.event == "tag" else run.event]
    if run.event in ("push", "change_request"):
        arguments += ["--base", checkout.before]
    if run.tag:
        arguments += ["--tag", run.tag]
    if run.pipeline:
        arguments += ["--pipeline", run.pipeline]
    for name, value in run.parameters.items():
        arguments += ["--set", f"{name}={value}"]
    if run.secrets:
        secrets = checkout.home / "secrets.env"
        secrets.write_text("".join(f"{name}={value}\n" for name, value in run.secrets.items()), encoding="utf-8")
        arguments += ["--env-file", str(secrets)]
    if run.approved and "approve:" in manifest(checkout):
        done = at_a_terminal(checkout, arguments)
    else:
        done = checkout.headrace(*arguments, limit=LIMIT_SECONDS, **more)
    log = done.stdout + done.stderr
    if done.status not in (0, 1):
        raise ToolError(log)
    folder = re.search(r"^run: .*/([^/\r\n]+)\r?$", done.stdout, re.MULTILINE)
    if folder is None:  # refused before anything ran
        return Seen(status="failed", log=log, testimonies=collect(checkout.testimonies))
    shown = checkout.headrace("runs", "show", folder[1], "--format", "json", "--cache", cache)
    if shown.status != 0:
        raise ToolError(log + shown.stderr)
    record = json.loads(shown.stdout)
    seen = Seen(status=record["status"], log=log, testimonies=collect(checkout.testimonies))
    known = {labelled(name): name for name in run.jobs}
    for child in record["children"]:
        name = known.get(child["name"], child["name"])
        (seen.jobs if name in run.jobs else seen.helpers)[name] = child["status"]
        if any(tag["key"] == "unchanged_since" for tag in child["tags"]):
            seen.held.append(name)
    return seen


def manifest(checkout: Checkout) -> str:
    return (checkout.folder / checkout.manifest).read_text(encoding="utf-8")


def at_a_terminal(checkout: Checkout, arguments: Sequence[str]) -> Completed:
    """headrace with somebody at its terminal who says yes to what it asks."""
    ours, its = pty.openpty()
    env = {**os.environ, **checkout.environment()}
    process = subprocess.Popen(
        checkout.command(*arguments), cwd=checkout.folder, env=env, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    said, answered, end = b"", 0, time.monotonic() + LIMIT_SECONDS
    try:
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    data = os.read(ours, 65536)
                except OSError:  # the other side is closed
                    break
                said += data
            asked = said.count(b"[y/N]")
            if asked > answered:
                os.write(ours, b"y\n" * (asked - answered))
                answered = asked
        return Completed(process.wait(timeout=10), said.decode("utf-8", "replace"), "")
    finally:
        os.close(ours)
        process.kill()
        process.wait()
