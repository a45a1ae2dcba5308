"""JSON Schemas: headrace's own, which it publishes, and the targets' own, pinned under `vendor/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

VENDOR_FILES = {
    "argo": "argo-workflows.json",
    "events": "argo-events.json",
    "flux": "flux.json",
    "github": "github-workflow.json",
    "gitlab": "gitlab-ci.json",
}


def native() -> dict[str, Any]:
    """The schema of headrace.yaml. A manifest's tree is data by YAML 1.2's core schema."""
    schema: dict[str, Any] = json.loads(Path(__file__).with_name("headrace.json").read_text(encoding="utf-8"))
    return schema


def vendor(name: Literal["argo", "events", "flux", "github", "gitlab"]) -> dict[str, Any]:
    """A target's own schema, closed: a key that the target doesn't know is an error (`vendor/README.md` says how)."""
    text = Path(__file__).with_name("vendor").joinpath(VENDOR_FILES[name]).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
