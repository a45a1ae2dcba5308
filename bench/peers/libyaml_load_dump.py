"""The floor of a plain compiler: PyYAML's C loader and C dumper, with one comprehension between, and not one check."""

from __future__ import annotations

import sys
from typing import Any

import yaml


def job(body: dict[str, Any]) -> dict[str, Any]:
    """A job of the manifest as a job of a GitHub workflow."""
    resources = body["resources"]
    gpus = f" --gpus {resources['gpu']}" if "gpu" in resources else ""
    options = f"--cpus {resources['cpu']} --memory {resources['memory'][:-1].lower()}{gpus}"
    return {
        "runs-on": ["self-hosted", "gpu"] if gpus else "ubuntu-24.04",
        "container": {"image": body["environment"]["image"], "options": options},
        "env": body["env"],
        "needs": body.get("needs", []),
        "timeout-minutes": int(body["timeout"][:-1]),
        "steps": [{"run": " ".join(body["run"])}],
    }


with open(sys.argv[1], encoding="utf-8") as file:
    document = yaml.load(file, Loader=yaml.CSafeLoader)
workflow = {
    "name": document["name"],
    "on": "push",
    "jobs": {name: job(body) for name, body in document["jobs"].items()},
}
with open(sys.argv[2], "w", encoding="utf-8") as file:
    yaml.dump(workflow, file, Dumper=yaml.CSafeDumper, sort_keys=False)
