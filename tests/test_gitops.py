"""What Argo CD and Flux are given: judged by their own definitions, and rendered by exactly the plugin's command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

import schemas
from compiler.cli import main

ROOT = Path(__file__).resolve().parent.parent
GITOPS = ROOT / "gitops"
MANIFEST = """\
version: 1
name: churn
environments: {py: {image: "python:3.12-slim-bookworm"}}
jobs:
  train: {environment: py, run: python train.py}
targets:
  argo: {repository: "https://github.com/acme/churn.git", webhook: github, namespace: pipelines, KEYS}
"""
# argoproj/argo-cd, cmpserver/plugin/config.go: PluginConfigSpec, and what ValidatePluginConfig asks.
COMMAND = {
    "type": "object",
    "required": ["command"],
    "additionalProperties": False,
    "properties": {name: {"type": "array", "items": {"type": "string"}, "minItems": 1} for name in ("command", "args")},
}
PLUGIN = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "additionalProperties": False,
    "properties": {
        "apiVersion": {"const": "argoproj.io/v1alpha1"},
        "kind": {"const": "ConfigManagementPlugin"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "required": ["generate"],
            "additionalProperties": False,
            "properties": {
                "version": {"type": "string"},
                "init": COMMAND,
                "generate": COMMAND,
                "parameters": {"type": "object"},
                "preserveFileMode": {"type": "boolean"},
                "provideGitCreds": {"type": "boolean"},
                "discover": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "fileName": {"type": "string"},
                        "find": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {"glob": {"type": "string"}, **COMMAND["properties"]},  # type: ignore[dict-item]
                        },
                    },
                },
            },
        },
    },
}


def documents(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "headrace.yaml").write_text(MANIFEST.replace(", KEYS", ""))
    return tmp_path


def test_the_plugin_is_one_that_argo_cd_takes() -> None:
    (plugin,) = documents(GITOPS / "argocd" / "plugin.yaml")
    assert list(Draft7Validator(PLUGIN).iter_errors(plugin)) == []
    name = f"{plugin['metadata']['name']}-{plugin['spec']['version']}"
    (application,) = documents(GITOPS / "argocd" / "application.yaml")
    assert application["spec"]["source"]["plugin"] == {"name": name}


def test_the_plugins_command_prints_what_is_synced_and_nothing_else(folder: Path) -> None:
    (plugin,) = documents(GITOPS / "argocd" / "plugin.yaml")
    program, *words = plugin["spec"]["generate"]["command"]
    assert program == "headrace"
    run = [sys.executable, "-P", "-m", "compiler", *words]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = list(yaml.safe_load_all(done.stdout))
    kinds = [one["kind"] for one in found]
    assert kinds == ["WorkflowTemplate", "EventSource", "Sensor"]
    for one in found:
        schema = schemas.vendor("events" if one["kind"] in ("EventSource", "Sensor") else "argo")
        assert list(Draft202012Validator(schema).iter_errors(one)) == []
    (folder / "headrace.yaml").write_text(MANIFEST.replace(", KEYS", "").replace("run:", "rum:"))
    bad = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert bad.returncode == 1  # Argo CD shows what stands in stderr and leaves the cluster as it is
    assert bad.stdout == ""
    assert "HR2001" in bad.stderr


def test_flux_takes_the_source_and_the_kustomization() -> None:
    found = documents(GITOPS / "flux" / "pipelines.yaml")
    assert [one["kind"] for one in found] == ["GitRepository", "Kustomization"]
    validator = Draft7Validator(schemas.vendor("flux"))
    for one in found:
        assert list(validator.iter_errors(one)) == []
        assert not validator.is_valid({**one, "spec": {**one["spec"], "intervall": "1m"}})
        assert not validator.is_valid({**one, "spec": {**one["spec"], "interval": "soon"}})
    assert found[1]["spec"]["path"] == "./argo"  # where `headrace compile --target argo` writes


def test_a_kustomization_names_what_is_compiled(folder: Path) -> None:
    (folder / "headrace.yaml").write_text(MANIFEST.replace("KEYS", "kustomization: true"))
    assert main(["compile", "--target", "argo"]) == 0
    (found,) = documents(folder / "argo" / "kustomization.yaml")
    assert found["kind"] == "Kustomization"
    assert found["resources"] == ["churn.yaml"]
    (folder / "headrace.yaml").write_text(MANIFEST.replace("KEYS", "kustomization: 3"))
    assert main(["compile", "--target", "argo"]) == 1


def test_one_kustomization_for_several_manifests(folder: Path) -> None:
    text = MANIFEST.replace("KEYS", "kustomization: true")
    (folder / "headrace.yaml").unlink()
    for name in ("a", "b"):
        (folder / name).mkdir()
        (folder / name / "headrace.yaml").write_text(text.replace("name: churn", f"name: {name}"))
    (folder / ".git").mkdir()
    assert main(["compile", "--target", "argo"]) == 0
    (found,) = documents(folder / "argo" / "kustomization.yaml")
    assert found["resources"] == ["a.yaml", "b.yaml"]
    assert " from a/headrace.yaml, b/headrace.yaml. " in (folder / "argo" / "kustomization.yaml").read_text()
    assert " from b/headrace.yaml. " in (folder / "argo" / "b.yaml").read_text()
    assert main(["compile", "--target", "argo", "--check"]) == 0
