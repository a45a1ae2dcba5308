"""Whatever a job does, each of its keys changes the output or is spoken of: none is lost beside any action."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compiler.diagnostics import Diagnostic
from targets import TARGETS
from tests.conformance.cases import emit, lower

ACTIONS = {
    "run": "run: 'true'",
    "list": "run: [python, train.py]",
    "entry": "entry: {script: train.py}",
    "tool": "tool: {name: objectives, arguments: ['accuracy >= 0.5', --metrics, m.json]}",
    "build": "build: {file: Dockerfile, publish: {repository: app}}",
    "deploy": "deploy: {platform: apply, documents: [app.yaml]}",
    "call": "call: other",
}
KEYS = {
    "environment": "environment: {image: 'zq:1'}",
    "shell": "shell: bash",
    "working_directory": "working_directory: zq",
    "platform": "platform: linux/arm64",
    "outputs": "outputs: [zq/out]",
    "env": "env: {ZQ: zq}",
    "secrets": "secrets: [ZQ]",
    "identity": "identity: zq",
    "permissions": "permissions: {issues: write}",
    "volumes": "volumes: [{name: zq, path: /zq, size: 1Gi}]",
    "gpu": "resources: {gpu: 1}",
    "spot": "resources: {spot: true}",
    "shm": "resources: {shm: 1Gi}",
    "matrix": "matrix: {zq: [a, b]}",
    "sidecars": "sidecars: [{name: zq, image: redis}]",
    "objectives": "objectives: [zq > 1]\n    outputs: [{path: m.json, kind: metrics}]",
    "cache": "cache: true\n    outputs: [zq/out]",
    "resume": "resume: {paths: [zq], store: lake}",
    "retry": "retry: {max: 4}",
    "retry-on": "retry: {max: 1, on: [failure]}",
    "exit-codes": "retry: {max: 2, exit_codes: [3]}",
    "timeout": "timeout: 17m",
    "approve": "approve: {for: zq}",
    "lock": "lock: zq",
    "nodes": "nodes: 2",
    "allow_failure": "allow_failure: true",
    "run_on": "run_on: always",
    "when": "when: branch == 'zq'",
}
# Without a list of runners there is no other machine to choose, as the note on it says.
UNSEEN = {(name, "spot") for name in TARGETS}
FILES = {
    "train.py": "import argparse\nargparse.ArgumentParser().parse_args()\n",
    "Dockerfile": "FROM scratch\n",
    "app.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\n",
    "m.json": "{}\n",
}
MANIFEST = """version: 1
name: keys
secrets: {{ZQ: {{}}}}
identities: {{zq: {{aws: {{role: 'arn:aws:iam::123456789012:role/zq', region: eu-west-1}}}}}}
stores: {{lake: {{kind: s3, url: s3://lake}}}}
jobs:
  first: {{run: 'true'}}
  it:
    {action}
    {key}
  last: {{run: 'true'}}
pipelines:
  main: {{on: [push, manual], jobs: [first, it]}}
  other: {{on: [call], jobs: [last]}}
targets:
  argo: {{registry: registry.example.com}}
"""


def made(action: str, key: str, folder: Path) -> dict[str, tuple[bool, Any]]:
    """For each target whether it fails, and what comes out with what is said about it."""
    text = MANIFEST.format(action=ACTIONS[action], key=key)
    (folder / "headrace.yaml").write_text(text, encoding="utf-8")
    for name, content in FILES.items():
        (folder / name).write_text(content, encoding="utf-8")
    found = lower(folder, "headrace.yaml")
    about = [one for one in found.found if one.code.name != "unused"]  # what is declared for other keys
    if any(one.severity == "error" for one in about):
        return dict.fromkeys(TARGETS, (True, None))
    outputs = {name: emit(found.project, name) for name in TARGETS}
    said = [one.message for one in about]
    return {
        name: (output.failed, (output.files, sorted(unemulated(output.found)), said))
        for name, output in outputs.items()
    }


def unemulated(found: list[Diagnostic]) -> list[str]:
    """What is said, but for notes that something is done by other means: those have to be seen in the output."""
    return [one.message for one in found if one.code.name != "emulated"]


@pytest.mark.parametrize("action", ACTIONS)
def test_no_key_is_lost(action: str, tmp_path: Path) -> None:
    plain = made(action, "", tmp_path)
    assert not any(failed for failed, _ in plain.values())
    lost = []
    for key, written in KEYS.items():
        for name, (failed, outcome) in made(action, written, tmp_path).items():
            if not failed and outcome == plain[name][1] and (name, key) not in UNSEEN:
                lost.append(f"{key} on {name}")
    assert lost == []
