"""What the third-party linters, and GitHub's own parser, say of everything that the target emits."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.ir import Project, Settings
from targets.github import parts
from targets.github.limits import LIMITS
from tests import github_pipelines
from tests.test_github_parts import chain
from tests.tools import Finding, actionlint, check_jsonschema, github_parser, zizmor

pytestmark = pytest.mark.engine

# Findings that say what the manifest asks for, or that a tool is older than the key.
ASKED_FOR = (
    "(self-hosted-runner)",  # the manifest lists such a runner
    "(unpinned-images)",  # digests can't be known offline: `headrace pin` writes them
    "(secrets-outside-env)",  # the manifest names a secret of the repository
)
# `$/` for `./`: GitHub Enterprise Server and older runners know `./` alone, and actionlint follows calls by it.
TOO_NEW = ("(self-repository)",)
TOO_OLD = (
    'property "result" is not defined in object type {outputs',  # jobs.ID.result: the documented context of outputs of a call
    'unexpected key "queue" for "concurrency"',  # https://github.blog/changelog/2026-05-07-github-actions-concurrency-groups-now-allow-larger-queues
    'unexpected key "command" for "services"',
    'unexpected key "command" for "service"',
)


def unexpected(findings: list[Finding]) -> list[str]:
    kept = (one for one in findings if not any(word in one.message for word in (*ASKED_FOR, *TOO_NEW, *TOO_OLD)))
    return [str(one) for one in kept]


@pytest.mark.parametrize(("given", "settings"), github_pipelines.ALL.values(), ids=github_pipelines.ALL)
def test_no_linter_finds_anything(given: Project, settings: Settings, tmp_path: Path) -> None:
    findings = []
    for path in github_pipelines.write(given, tmp_path, settings):
        findings += actionlint(path, ["gpu"])
        findings += zizmor(path)
        findings += github_parser(path)
        findings += check_jsonschema(path, "vendor.github-workflows")
    assert unexpected(findings) == []


def test_parts_of_a_large_pipeline_fit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "HEAD_BYTES", 1000)
    monkeypatch.setitem(LIMITS, "workflow file bytes", 30_000)
    given = github_pipelines.project(
        *chain(60),
        *github_pipelines.DECISIONS.pipelines[0].jobs,
        *github_pipelines.GITOPS.pipelines[0].jobs,
        parameters=github_pipelines.PARAMETERS,
    )
    paths = github_pipelines.write(given, tmp_path)
    assert len(paths) > 3
    findings = [one for path in paths for tool in (actionlint, zizmor, github_parser) for one in tool(path)]
    assert unexpected(findings) == []
