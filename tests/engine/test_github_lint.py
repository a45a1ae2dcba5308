"""What the third-party linters, and GitHub's own parser, say of everything that the target emits."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.ir import Project, Settings
from tests import github_pipelines
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
