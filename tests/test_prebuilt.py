"""Environments that are built ahead: which tag an image gets, when it is built at all, and what jobs still install."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.ir import BuildImage, Environment
from targets import prebuilt
from tests import tools
from tests.conformance.cases import CASES, emitted, lowered

(CASE,) = (case for case in CASES if case.name == "prebuilt")
BUILDERS = {"gitlab": "buildctl-daemonless.sh", "argo": "buildctl-daemonless.sh", "github": "docker"}
# Says what it was asked for, and whether the registry has an image: what is asked is a file of that name.
FAKE = """\
#!/bin/sh
echo "${0##*/} $*" >> "$LOG"
case "$*" in
  *.headrace/held*) grep -qx "$(sed -n 's/^FROM .*://p' .headrace/held/Dockerfile)" "$REGISTRY" ;;
  *"imagetools inspect"*) grep -qx "${4##*:}" "$REGISTRY" ;;
esac
"""


def software(name: str) -> Environment:
    (found,) = (
        job.action.software
        for job in lowered(CASE).project.pipelines[0].jobs
        if job.name == name and isinstance(job.action, BuildImage) and job.action.software is not None
    )
    return found


def build(target: str) -> tuple[list[str], dict[str, str]]:
    """The lines of `build-py` and the variables that they read."""
    (text,) = (text for path, text in emitted(CASE, target).yaml.items() if path.endswith(("ml", "yaml")))
    first, *_ = (document for document in yaml.safe_load_all(text) if document)
    if target == "gitlab":
        job = first["build-py"]
        lines = job["script"]
        env: dict[str, Any] = {**first["variables"], **job["variables"]}
    elif target == "github":
        job = first["jobs"]["build-py"]
        step = next(step for step in job["steps"] if step.get("id") == "environment")
        lines, env = [step["run"]], {**job["env"], **step["env"]}
    else:
        script = next(one for one in first["spec"]["templates"] if one["name"] == "build-py")["script"]
        lines, env = [script["source"]], {one["name"]: one["value"] for one in script["env"]}
    plain = {name: value["value"] if isinstance(value, dict) else value for name, value in env.items()}
    return lines, plain


class Runner:
    """A machine with a registry that holds some tags, where builders only say what they were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log, self.registry = folder / "log", folder / "registry"
        self.checkout = folder / "checkout"
        for path, text in (("uv.lock", "one"), ("pyproject.toml", "[project]")):
            (self.checkout / path).parent.mkdir(exist_ok=True)
            (self.checkout / path).write_text(text)
        self.registry.write_text("")
        (folder / "bin").mkdir()
        for name in set(BUILDERS.values()):
            program = folder / "bin" / name
            program.write_text(FAKE)
            program.chmod(0o755)

    def __call__(self, target: str, event: str = "push") -> str:
        """Run the job; gives what the builder was asked for."""
        lines, variables = build(target)
        self.log.write_text("")
        events = {"gitlab": {"change_request": "merge_request_event"}, "github": {"change_request": "pull_request"}}
        word = events.get(target, {}).get(event, event)
        variables |= {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "LOG": str(self.log),
            "REGISTRY": str(self.registry),
            **dict.fromkeys(("CI_REGISTRY", "CI_REGISTRY_USER", "CI_REGISTRY_PASSWORD"), "x"),
            "CI_COMMIT_SHA": "c0ffee",
            "HEADRACE_GIT_COMMIT": "c0ffee",
            "HEADRACE_TAGS": "ghcr.io/team/py:c0ffee",
            "CI_PIPELINE_SOURCE": word,
            "CI_MERGE_REQUEST_ID": "7" if event == "change_request" else "",
            "HEADRACE_EVENT": word,
            "GITHUB_EVENT_NAME": word,
            "GITHUB_OUTPUT": str(self.folder / "output"),
        }
        source = "\n".join(lines).replace("/tmp/", f"{self.folder}/")
        done = subprocess.run(["sh", "-euc", source], cwd=self.checkout, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return self.log.read_text()

    def key(self) -> str:
        text = "\n".join([*prebuilt.key_lines(software("build-py")), 'echo "$HEADRACE_KEY"'])
        docker = prebuilt.dockerfile(software("build-py"), ("PIP_INDEX_URL",))
        env = {"PATH": os.environ["PATH"], prebuilt.VARIABLE: docker}
        done = subprocess.run(["sh", "-euc", text], cwd=self.checkout, env=env, capture_output=True, text=True)
        return done.stdout.strip()


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_the_tag_says_what_the_packages_are_made_from(runner: Runner) -> None:
    first = runner.key()
    assert first.startswith("env-")
    assert len(first) == 44
    assert runner.key() == first
    (runner.checkout / "train.py").write_text("print()")
    assert runner.key() == first
    (runner.checkout / "uv.lock").write_text("two")
    assert runner.key() != first


@pytest.mark.parametrize("target", ["gitlab", "argo"])
def test_what_the_registry_lacks_is_built_and_pushed_once(runner: Runner, target: str) -> None:
    looked, *built = runner(target).splitlines()
    assert "dockerfile=.headrace/held" in looked
    (line,) = built
    assert f":{runner.key()}," in line
    assert "push=true" in line
    assert "c0ffee" in line
    runner.registry.write_text(runner.key())
    (line,) = runner(target).splitlines()
    assert "dockerfile=.headrace/held" in line
    assert "c0ffee" in line


@pytest.mark.parametrize("target", ["gitlab", "argo"])
def test_a_change_request_pushes_nothing(runner: Runner, target: str) -> None:
    log = runner(target, "change_request")
    assert len(log.splitlines()) == 2
    assert "push=true" not in log
    runner.registry.write_text(runner.key())
    log = runner(target, "change_request")
    assert len(log.splitlines()) == 1
    assert "push=true" not in log


def test_github_builds_where_the_registry_lacks_the_image(runner: Runner) -> None:
    log = runner("github")
    output = (runner.folder / "output").read_text()
    assert log == f"docker buildx imagetools inspect ghcr.io/team/py:{runner.key()}\n"
    assert output == f"image=ghcr.io/team/py:{runner.key()}\n"
    runner.registry.write_text(runner.key())
    assert f"create --tag ghcr.io/team/py:c0ffee ghcr.io/team/py:{runner.key()}" in runner("github")
    assert (runner.folder / "output").read_text().endswith("held=true\n")
    assert "create" not in runner("github", "change_request")


def test_a_gpu_job_has_an_image_of_its_own() -> None:
    assert prebuilt.dockerfile(software("build-py")).startswith("FROM ghcr.io/astral-sh/uv:")
    gpu = prebuilt.dockerfile(software("build-py-gpu"))
    assert gpu.startswith("FROM nvidia/cuda:")
    assert 'ENV PATH="/opt/python/bin:/opt/uv/bin:$PATH"' in gpu


def test_without_takes_all_of_it_back() -> None:
    (pipeline,) = prebuilt.without(lowered(CASE).project).pipelines
    jobs = {job.name: job for job in pipeline.jobs}
    assert not any(name.startswith("build-") for name in jobs)
    assert [need.job for need in jobs["train"].needs] == ["test"]
    environment = jobs["test"].environment
    assert isinstance(environment, Environment)
    assert environment.apt == ("libgomp1",)
    assert "uv:" in str(environment.image)


@pytest.mark.engine
@pytest.mark.parametrize(
    "name",
    sorted(
        job.name for job in lowered(CASE).project.pipelines[0].jobs if job.action and isinstance(job.action, BuildImage)
    ),
)
def test_dockerfiles_are_clean(name: str, tmp_path: Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(prebuilt.dockerfile(software(name), ("PIP_INDEX_URL",)))
    # DL3008 wants versions of system packages: they are the manifest's own words.
    assert [one.message for one in tools.hadolint(path) if "DL3008" not in one.message] == []


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("", "WORKDIR /src"),
        ("a/b", "WORKDIR /src/a/b"),
        ("a b", 'WORKDIR "/src/a b"'),
        ('a$HOME"', 'WORKDIR "/src/a\\$HOME\\""'),
    ],
)
def test_a_folder_is_what_it_says(folder: str, line: str) -> None:
    one = Environment(image=("x",), installer="uv", working_directory=folder or None)
    assert line in prebuilt.dockerfile(one).splitlines()
