"""Keys of environments, builds, stores, services and outputs: each changes the output or is spoken of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from targets import TARGETS
from tests.conformance.cases import emit, lower
from tests.conformance.test_actions import unemulated

MANIFEST = """version: 1
name: keys
secrets: {ZQ: {}, LOGIN: {}}
identities: {zq: {aws: {role: 'arn:aws:iam::123456789012:role/zq', region: eu-west-1}}}
MANIFEST
targets:
  argo: {registry: registry.example.com}
"""
APP = "environments: {e: {image: 'app:1'}}\n"
QUAY = "{repository: app, registry: quay.io/zq}"
NEXT = "next: {run: x, inputs: [out]}}"
JOB = "jobs: {it: {run: python train.py, environment: e}}"
# What is a fact, and asks for nothing, is in no table: the Python of an image, the kind of an output, a service's port.
# By what a key stands in: the manifest with the key's place, and the keys. A pair brings what the key is compared to.
PLACES: dict[str, tuple[str, dict[str, str | tuple[str, str]]]] = {
    "image": (
        "environments: {e: {image: 'python:3.12', KEY}}\n" + JOB,
        {
            "install": "install: pip",
            "file": ("install: pip", "install: pip, file: sub/requirements.txt"),
            "file alone": "file: requirements.txt",
            "groups": ("install: uv", "install: uv, groups: [zq]"),
            "groups of pip": ("install: pip", "install: pip, groups: [zq]"),
            "extras": ("install: uv", "install: uv, extras: [zq]"),
            "extras of conda": ("install: conda", "install: conda, extras: [zq]"),
            "apt": "apt: [zq]",
            "setup": "setup: [zq]",
            "working_directory": "working_directory: sub",
            "working_directory of uv": ("install: uv", "install: uv, working_directory: sub"),
            "publish": "publish: {repository: zq}",
            "prebuild": ("install: pip", "install: pip, prebuild: true"),
            "credentials": "credentials: LOGIN",
            "platform": "platform: linux/arm64",
        },
    ),
    "built environment": (
        "environments: {e: {build: {file: Dockerfile}, KEY}}\n" + JOB,
        {
            "install": "install: pip",
            "file": "file: requirements.txt",
            "groups": "groups: [zq]",
            "apt": "apt: [zq]",
            "setup": "setup: [zq]",
            "publish": "publish: {repository: zq}",
            "credentials": "credentials: LOGIN",
            "credentials of another registry": (f"publish: {QUAY}", f"publish: {QUAY}, credentials: LOGIN"),
            "platform": "platform: linux/arm64",
            "prebuild": "prebuild: true",
            "working_directory": "working_directory: sub",
        },
    ),
    "generated": (
        "environments: {e: {build: {generate: true}, install: pip, KEY}}\n" + JOB,
        {
            "image": "image: 'zq:1'",
            "python": "python: '3.11'",
            "file": "file: sub/requirements.txt",
            "groups": "groups: [zq]",
            "extras": "extras: [zq]",
            "apt": "apt: [zq]",
            "setup": "setup: [zq]",
            "working_directory": "working_directory: sub",
            "credentials": "credentials: LOGIN",
            "platform": "platform: linux/arm64",
        },
    ),
    "build": (
        "environments: {e: {build: {file: Dockerfile, KEY}}}\n" + JOB,
        {
            "context": "context: sub",
            "target": "target: zq",
            "args": "args: {ZQ: zq}",
            "secrets": "secrets: [ZQ]",
            "platforms": "platforms: [linux/arm64]",
            "command": "command: [zq]",
            "checks": "checks: [[zq]]",
        },
    ),
    "publish": (
        "environments: {e: {build: {file: Dockerfile}, publish: {repository: app, KEY}}}\n" + JOB,
        {
            "tags": "tags: [latest]",
            "registry": "registry: zq.example.com",
            "identity": ("registry: a.example.com", "registry: a.example.com, identity: zq"),
            "provenance": "provenance: false",
        },
    ),
    "store": (
        "stores: {lake: {KEY}}\njobs: {it: {run: x, outputs: [{path: out, store: lake}]}, " + NEXT,
        {
            "mount": ("kind: s3, url: s3://zq", "kind: s3, url: s3://zq, mount: /zq"),
            "mount of gcs": ("kind: gcs, url: gs://zq", "kind: gcs, url: gs://zq, mount: /zq"),
            "mount of azure": ("kind: azure, url: az://z/q", "kind: azure, url: az://z/q, mount: /zq"),
            "identity": ("kind: s3, url: s3://zq", "kind: s3, url: s3://zq, identity: zq"),
            "url of ci": ("kind: ci", "kind: ci, url: zq"),
            "identity of ci": ("kind: ci", "kind: ci, identity: zq"),
            "mount of ci": ("kind: ci", "kind: ci, mount: /zq"),
            "mount of dvc": ("kind: dvc", "kind: dvc, mount: /zq"),
        },
    ),
    "output": (
        "stores: {lake: {kind: s3, url: s3://lake}}\njobs: {it: {run: x, outputs: [{path: out, KEY}]}, " + NEXT,
        {
            "keep": "keep: 9d",
            "store": "store: lake",
            "per": "per: leg",
        },
    ),
    "service": (
        APP + "services: {app: {environment: e, port: 80, KEY}}",
        {
            "command": "command: [zq]",
            "user": "user: 7",
            "replicas": "replicas: 7",
            "resources": "resources: {cpu: 7}",
            "gpu": "resources: {gpu: 1}",
            "env": "env: {ZQ: zq}",
            "secrets": "secrets: [ZQ]",
            "health": "health: /zq",
            "smoke": "smoke: {path: /zq}",
            "framework": "framework: zq",
            "model": "model: m.json",
            "stored_model": "stored_model: s3://zq/m",
        },
    ),
    "script smoke": (
        APP + "services: {app: {environment: e, smoke: x, KEY}}",
        {
            "command": "command: [zq]",
            "user": "user: 7",
            "replicas": "replicas: 7",
            "resources": "resources: {gpu: 1}",
            "env": "env: {ZQ: zq}",
            "secrets": "secrets: [ZQ]",
            "health": "health: /zq",
            "framework": "framework: zq",
        },
    ),
    **{
        f"service on {platform}": (
            APP + f"services: {{app: {{environment: e, port: 80, deploy: {{platform: {platform}}}, KEY}}}}",
            {
                "command": "command: [zq]",
                "user": "user: 7",
                "replicas": "replicas: 7",
                "resources": "resources: {cpu: 7}",
                "spot": "resources: {spot: true}",
                "shm": "resources: {shm: 1Gi}",
                "storage": "resources: {storage: 7Gi}",
                "env": "env: {ZQ: zq}",
                "secrets": "secrets: [ZQ]",
                "health": "health: /zq",
                "framework": "framework: zq",
            },
        )
        for platform in ("kubernetes", "knative", "kserve", "seldon")
    },
    **{
        f"model on {platform}": (
            f"jobs: {{seed: {{run: x}}}}\nservices: {{app: {{stored_model: 's3://m/x', framework: sklearn, deploy: {{platform: {platform}}}, KEY}}}}",
            {
                "port": "port: 77",
                "command": "command: [zq]",
                "user": "user: 7",
                "replicas": "replicas: 7",
                "resources": "resources: {cpu: 7}",
                "env": "env: {ZQ: zq}",
                "secrets": "secrets: [ZQ]",
                "health": "health: /zq",
                "needs": "needs: [seed]",
            },
        )
        for platform in ("kserve", "seldon")
    },
}
# Notes say of them: the length is a rule of the bucket there, and in GitHub's own registry the job's token signs in.
UNSEEN = {"keep on argo", "credentials on github"}
FILES = {
    "train.py": "",
    "Dockerfile": "FROM scratch\n",
    "requirements.txt": "",
    "sub/requirements.txt": "zq\n",
    "pyproject.toml": "",
    "uv.lock": "",
    "environment.yaml": "",
    "m.json": "{}\n",
}


def made(manifest: str, written: str, folder: Path) -> dict[str, tuple[bool, Any]]:
    """For each target whether it fails, and what comes out with what is said about it."""
    text = MANIFEST.replace("MANIFEST", manifest.replace("KEY", written))
    (folder / "headrace.yaml").write_text(text, encoding="utf-8")
    found = lower(folder, "headrace.yaml")
    about = [one.message for one in found.found if not one.message.startswith("no job ")]
    if any(one.severity == "error" for one in found.found):
        return dict.fromkeys(TARGETS, (True, about))
    outputs = {name: emit(found.project, name) for name in TARGETS}
    rendered = [(one.path, repr(one.documents), one.text) for one in found.project.rendered]
    return {
        name: (output.failed, (output.files, rendered, sorted(unemulated(output.found)), about))
        for name, output in outputs.items()
    }


@pytest.mark.parametrize("where", PLACES)
def test_no_key_is_lost(where: str, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    manifest, keys = PLACES[where]
    lost = []
    for key, written in keys.items():
        before, after = written if isinstance(written, tuple) else ("", written)
        plain = made(manifest, before, tmp_path)
        assert not all(failed for failed, _ in plain.values()), plain
        for name, (failed, outcome) in made(manifest, after, tmp_path).items():
            if (failed, outcome) == plain[name] and f"{key} on {name}" not in UNSEEN:
                lost.append(f"{key} on {name}")
    assert lost == []
