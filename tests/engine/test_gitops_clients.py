"""Argo CD's and Flux's own code over a repository: the plugin is served and asked, kustomizations are built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.cli import main
from tests.tools import ToolError, argo_admission, argo_events, argo_lint
from tests.tools.gitops import Plugin, argocd_files, argocd_plugin, flux_sync, kustomize_build

pytestmark = pytest.mark.engine

ROOT = Path(__file__).resolve().parents[2]
GITOPS = ROOT / "gitops"
APPLICATION = GITOPS / "argocd" / "application.yaml"
PIPELINES = GITOPS / "flux" / "pipelines.yaml"
MANIFEST = """\
version: 1
name: churn
environments: {py: {image: "python:3.12-slim-bookworm"}}
jobs:
  train: {environment: py, run: 'python train.py "{{ git.branch }}" | tee "$HOME {{ run.id }}.log"'}
pipelines:
  ci: {on: [push]}
  nightly: {on: [{schedule: {cron: "3 4 * * *"}}]}
targets:
  argo: {repository: "https://github.com/acme/churn.git", KEYS}
"""
AME = "projectid: abc\ntasks:\n  train:\n    projectid: abc\n    runcommand: python train.py\n"


def repository(folder: Path, manifest: str = MANIFEST, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"headrace.yaml": manifest.replace(", KEYS", ""), **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def written(objects: list[dict[str, Any]], folder: Path) -> list[Path]:
    folder.mkdir()
    paths = []
    for number, one in enumerate(objects):
        paths.append(folder / f"{number}.yaml")
        paths[-1].write_text(yaml.safe_dump(one), encoding="utf-8")
    return paths


def names(objects: list[dict[str, Any]]) -> list[str]:
    return [f"{one['kind']} {one['metadata']['name']}" for one in objects]


ALL = ["WorkflowTemplate ci", "EventSource churn", "Sensor ci", "WorkflowTemplate nightly", "CronWorkflow nightly"]


# ------------------------------------------------------------------------------------------------------------- Argo CD


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugin]:
    """Argo CD's sidecar with our plugin.yaml, in an image that has headrace."""
    programs = tmp_path_factory.mktemp("bin")
    (programs / "headrace").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m compiler "$@"\n')
    (programs / "headrace").chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    with argocd_plugin(GITOPS / "argocd" / "plugin.yaml", tmp_path_factory.mktemp("cmp"), path) as served:
        yield served


def test_argo_cds_definition_takes_the_application() -> None:
    assert [str(one) for one in argo_admission([APPLICATION], argocd_files())] == []


def test_argo_cds_definition_refuses_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "application.yaml"
    bad.write_text(APPLICATION.read_text(encoding="utf-8").replace("selfHeal", "selfHeel"), encoding="utf-8")
    assert "selfHeel" in str(argo_admission([bad], argocd_files()))


def test_the_plugin_renders_a_repository(plugin: Plugin, tmp_path: Path) -> None:
    """And Argo Workflows and Argo Events take what is to be synced."""
    made = plugin.manifests(APPLICATION, repository(tmp_path / "repository"))
    assert names(made) == ALL
    assert all("argocd.argoproj.io/tracking-id" in one["metadata"]["annotations"] for one in made)
    paths = written(made, tmp_path / "made")
    assert [str(one) for one in [*argo_lint(paths), *argo_events(paths)]] == []


def test_the_plugin_renders_every_dialect_and_several_manifests(plugin: Plugin, tmp_path: Path) -> None:
    ame = repository(tmp_path / "ame", **{"ame.yaml": AME})
    (ame / "headrace.yaml").unlink()
    assert "WorkflowTemplate train" in names(plugin.manifests(APPLICATION, ame))
    several = repository(tmp_path / "several")
    for name in ("a", "b c"):
        repository(several, **{f"{name}/headrace.yaml": MANIFEST.replace("churn", name[0]).replace(", KEYS", "")})
    (several / "headrace.yaml").unlink()
    found = names(plugin.manifests(APPLICATION, several))
    assert len([one for one in found if one.startswith("WorkflowTemplate")]) == 4


def test_an_application_may_be_a_folder_of_the_repository(plugin: Plugin, tmp_path: Path) -> None:
    checkout = repository(tmp_path / "repository", **{"models/a/headrace.yaml": MANIFEST.replace(", KEYS", "")})
    (checkout / "headrace.yaml").unlink()
    application = tmp_path / "application.yaml"
    application.write_text(APPLICATION.read_text(encoding="utf-8").replace("path: .", "path: models/a"))
    made = plugin.manifests(application, checkout)
    assert names(made) == ALL
    assert "models/a" in str(made[0])  # where the job runs


def test_a_fault_is_shown_at_the_sync(plugin: Plugin, tmp_path: Path) -> None:
    done = plugin.sync(APPLICATION, repository(tmp_path / "bad", MANIFEST.replace("run:", "rum:")))
    assert (done.status, done.stdout) == (1, "")
    assert "headrace.yaml:5" in done.stderr
    assert "HR2001" in done.stderr
    nothing = repository(tmp_path / "none", readme="")
    (nothing / "headrace.yaml").unlink()
    assert "HR5001" in plugin.sync(APPLICATION, nothing).stderr


def test_a_repository_is_not_taken_over_where_no_plugin_is_named(plugin: Plugin, tmp_path: Path) -> None:
    done = plugin.sync(APPLICATION, repository(tmp_path / "repository"), "-plugin", "")
    assert "tracking-id" not in done.stdout
    assert "WorkflowTemplate" not in done.stdout


def test_the_component_adds_the_sidecar_to_argo_cds_own_repo_server(tmp_path: Path) -> None:
    shutil.copytree(GITOPS / "argocd", tmp_path / "headrace")
    shutil.copy(argocd_files() / "repo-server.yaml", tmp_path)
    text = "namespace: argocd\nresources: [repo-server.yaml]\ncomponents: [headrace]\n"
    (tmp_path / "kustomization.yaml").write_text(text)
    made = {one["kind"]: one for one in kustomize_build(tmp_path)}
    assert yaml.safe_load(made["ConfigMap"]["data"]["plugin.yaml"])["kind"] == "ConfigManagementPlugin"
    pod = made["Deployment"]["spec"]["template"]["spec"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert volumes["headrace-plugin"]["configMap"] == {"name": made["ConfigMap"]["metadata"]["name"]}
    containers = {one["name"]: one for one in pod["containers"]}
    assert set(containers) == {"argocd-repo-server", "headrace"}
    mounted = {one["mountPath"]: one["name"] for one in containers["headrace"]["volumeMounts"]}
    assert set(mounted.values()) <= set(volumes)
    # The server's program comes by Argo CD's own volume, and its socket is where the repo server looks for it.
    program = containers["headrace"]["command"][0]
    copied = " ".join(str(one) for one in pod["initContainers"])
    assert mounted[os.path.dirname(program)] in copied
    assert os.path.basename(program) in copied
    theirs = {one["mountPath"]: one["name"] for one in containers["argocd-repo-server"]["volumeMounts"]}
    assert theirs["/home/argocd/cmp-server/plugins"] == mounted["/home/argocd/cmp-server/plugins"]


# ---------------------------------------------------------------------------------------------------------------- Flux


@pytest.mark.parametrize("listed", [True, False])
def test_flux_applies_what_is_compiled(listed: bool, tmp_path: Path) -> None:
    """With the compiled kustomization.yaml or with the one that Flux writes: the same objects, unchanged."""
    text = MANIFEST.replace("KEYS", "kustomization: true" if listed else "webhook: github")
    checkout = repository(tmp_path / "repository", text)
    assert main(["compile", str(checkout), "--target", "argo", "--quiet"]) == 0
    compiled = [
        one for path in sorted((checkout / "argo").glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())
    ]
    assert (checkout / "argo" / "kustomization.yaml").exists() is listed
    made = flux_sync(PIPELINES, checkout)
    assert sorted(names(made)) == sorted(ALL)
    for one in made:
        assert one["metadata"].pop("namespace") == "pipelines"
        assert one in compiled
    paths = written(made, tmp_path / "made")
    assert [str(one) for one in [*argo_lint(paths), *argo_events(paths)]] == []


def test_kustomize_builds_the_compiled_folder(tmp_path: Path) -> None:
    checkout = repository(tmp_path / "repository", MANIFEST.replace("KEYS", "kustomization: true, namespace: ml"))
    assert main(["compile", str(checkout), "--target", "argo", "--quiet"]) == 0
    made = kustomize_build(checkout / "argo")
    assert sorted(names(made)) == sorted(ALL)
    assert {one["metadata"]["namespace"] for one in made} == {"ml"}


def test_flux_refuses_what_is_wrong(tmp_path: Path) -> None:
    checkout = repository(tmp_path / "repository")
    with pytest.raises(ToolError, match="argo: no such file or directory"):
        flux_sync(PIPELINES, checkout)  # nothing is compiled yet
    bad = tmp_path / "pipelines.yaml"
    bad.write_text(PIPELINES.read_text(encoding="utf-8").replace("targetNamespace", "targetNamespaces"))
    with pytest.raises(ToolError, match='unknown field "targetNamespaces"'):
        flux_sync(bad, checkout)
