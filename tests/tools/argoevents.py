"""What Argo Events makes of an EventSource and Sensors: its own validators, listeners, filters and triggers."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.tools.finding import Finding
from tests.tools.process import expect, program, run


class Request(NamedTuple):
    """What a webhook posts."""

    headers: Mapping[str, str]
    body: str


class Answer(NamedTuple):
    """What an event source answered, and by sensor the workflow that was created, or why there is none."""

    status: int
    text: str
    started: dict[str, dict[str, Any]]
    refused: dict[str, str]


def argo_events(paths: Sequence[Path]) -> list[Finding]:
    """What the controllers of Argo Events would refuse of these files; documents of others are passed over."""
    return _argo_events(paths, (), "")[0]


def argo_events_post(paths: Sequence[Path], requests: Sequence[Request], secret: str) -> list[Answer]:
    """Posts requests to the event source of these files, which holds the secret, and lets the sensors start what they start.

    All that is Argo Events' own, but the event bus. It takes root, or user namespaces that are allowed to.
    """
    found, answers = _argo_events(paths, requests, secret)
    assert found == []
    return answers


def _argo_events(paths: Sequence[Path], requests: Sequence[Request], secret: str) -> tuple[list[Finding], list[Answer]]:
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        asked = {
            "files": [str(path) for path in paths],
            "secret": secret,
            "folder": folder,
            "requests": [{"headers": dict(one.headers), "body": one.body} for one in requests],
        }
        mapped = [] if not requests or os.geteuid() == 0 else [program("unshare"), "--map-root-user"]
        done = expect(run([*mapped, program("gitops-events")], stdin=json.dumps(asked)), (0,), "gitops-events")
    told = json.loads(done.stdout)
    found = [
        Finding("argo-events", Path(one["file"]).name, 0, f"{one['name']}: {one['message']}")
        for one in told["findings"]
    ]
    return found, [_answer(one) for one in told["answers"]]


def _answer(told: dict[str, Any]) -> Answer:
    outcomes = told["outcomes"]
    started = {one["sensor"]: one["object"] for one in outcomes if one["started"]}
    refused = {one["sensor"]: one["message"] for one in outcomes if not one["started"]}
    return Answer(told["status"], told["text"], started, refused)
