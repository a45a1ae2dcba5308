"""10,000 jobs stay within each target's limits, in the IR's order."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from bench.taskset import manifest
from tests.conformance.cases import Lowered, Output, emit, lower, target
from tests.conformance.test_order import compared

JOBS = 10_000


@cache
def project(jobs: int) -> Lowered:
    with TemporaryDirectory() as folder:
        Path(folder, "headrace.yaml").write_text(manifest(jobs), encoding="utf-8")
        return lower(Path(folder), "headrace.yaml")


@cache
def output(name: str, jobs: int = JOBS) -> Output:
    made = emit(project(jobs).project, name)
    assert not made.failed, made.found
    return made


def load(text: str) -> list[Any]:
    return list(yaml.load_all(text, Loader=yaml.CBaseLoader))


def told(text: str) -> int:
    """How many jobs of the manifest stand in a text."""
    return text.count("  # headrace.yaml: jobs.")


def test_github_holds_its_limits() -> None:
    """500 KB a file; 50 workflows in one run: https://docs.github.com/en/actions/reference/limits"""
    files = output("github").yaml
    assert sum(map(told, files.values())) == JOBS
    assert max(len(text.encode()) for text in files.values()) <= 500 * 1000
    assert len(files) <= 50
    calls = load(files[".github/workflows/taskset.yml"])[0]["jobs"]
    assert {f"./{path}" for path in files if not path.endswith("/taskset.yml")} == {
        one["uses"] for one in calls.values()
    }
    assert all(set(one.get("needs", ())) <= set(calls) for one in calls.values())


def test_gitlab_holds_its_limits() -> None:
    """2 MB of YAML, 50 needs a job: https://docs.gitlab.com/administration/instance_limits/#cicd-limits"""
    files = output("gitlab").yaml
    assert sum(map(told, files.values())) == JOBS
    assert max(len(text.encode()) for text in files.values()) <= 2_000_000
    children = load(files[".gitlab-ci.yml"])[0]
    triggers = {name: one for name, one in children.items() if "trigger" in one}
    held = {one["trigger"]["include"][0]["local"].lstrip("/") for one in triggers.values()}
    assert held == set(files) - {".gitlab-ci.yml"}
    for one in (*triggers.values(), *load(files[max(files, key=lambda path: len(files[path]))])[0].values()):
        assert len(one.get("needs", ())) <= 50


def test_argo_holds_its_limits() -> None:
    """etcd takes 1.5 MiB a request, and an object's status stands beside it: 1 MiB is left for us."""
    (text,) = output("argo").yaml.values()
    assert told(text) == JOBS
    parts = text.split("\n---\n")
    assert max(len(part.encode()) for part in parts) <= 1024 * 1024
    assert len(set(re.findall(r"^  name: (.*)$", text, re.MULTILINE))) >= len(parts) - 2


# What makes a few hundred jobs too many.
SMALL = {"github": ("workflow file bytes", 60_000), "gitlab": ("yaml", 200_000), "argo": ("spec_bytes", 60_000)}


@pytest.mark.parametrize("name", list(SMALL))
def test_order_survives_the_split(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What splitting reads is the table that the target shows."""
    limit, value = SMALL[name]
    monkeypatch.setitem(target(name).LIMITS, limit, value)
    made = emit(project(300).project, name)
    assert any(one.code.name == "split" for one in made.found)
    (found,) = compared(project(300), made, name).values()
    assert found.missing == set()
    assert found.not_received == set()


@pytest.mark.parametrize("legs", [256, 600])
@pytest.mark.parametrize("name", ["github", "gitlab", "argo"])
def test_wide_matrices_and_joins(name: str, legs: int, tmp_path: Path) -> None:
    values = ", ".join(map(str, range(legs)))
    text = (
        "version: 1\nname: wide\njobs:\n"
        f"  wide: {{run: 'echo {{{{ matrix.n }}}} > out-{{{{ matrix.n }}}}', matrix: {{n: [{values}]}}, outputs: ['out-{{{{ matrix.n }}}}']}}\n"
        "  join: {needs: [wide], run: ls}\n"
    )
    (tmp_path / "headrace.yaml").write_text(text, encoding="utf-8")
    found = lower(tmp_path, "headrace.yaml")
    made = emit(found.project, name)
    if made.failed:
        assert any("limit" in one.code.name or "legs" in one.message or "needs" in one.message for one in made.found)
        return
    (order,) = compared(found, made, name).values()
    assert order.missing == set()
    assert order.not_received == set()
    for text in made.yaml.values():
        for document in load(text):
            check_widths(name, document)


def check_widths(name: str, document: Any) -> None:
    jobs = document.get("jobs", {}) if name == "github" else document
    for job in jobs.values() if name != "argo" else ():
        if not isinstance(job, dict):
            continue
        if name == "github":
            matrix = job.get("strategy", {}).get("matrix", {})
            assert len(matrix.get("include", ())) <= 256
            assert all(len(values) <= 256 for values in matrix.values())
        else:
            entries = job["parallel"]["matrix"] if isinstance(job.get("parallel"), dict) else ()
            count = 0
            for entry in entries:
                product = 1
                for values in entry.values():
                    product *= len(values)
                count += product
            assert count <= 200
            assert len(job.get("needs", ())) <= 50
