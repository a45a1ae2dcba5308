"""A module's compiled pipelines, run by gitlab-ci-local: a chain from its inputs to its outputs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines import gitlab
from tests.test_unip_run import module as module  # the fixture: the module in a repository of its own
from tests.tools import process
from tests.tools.gitlab import gitlab_ci_local

pytestmark = pytest.mark.engine
FACTS = {"CI_PIPELINE_SOURCE": "web", "CI_DEFAULT_BRANCH": "main", "CI_COMMIT_BRANCH": "main"}


def test_a_chain_runs_on_gitlab(module: Path) -> None:
    process.require(*gitlab.TOOLS)
    words = [sys.executable, "-m", "compiler", "compile", str(module), "--target", "gitlab"]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    gitlab.adapt(module)
    git = ["git", "-C", str(module), "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["add", "."], ["commit", "--quiet", "--message", "compiled"]):
        subprocess.run([*git, *words], check=True)
    inputs = module.parent / "inputs.yml"
    inputs.write_text(
        json.dumps({"headrace_pipeline": "training", "settings": "samples/settings.json"}), encoding="utf-8"
    )
    options = ["--force-shell-executor", "--shell-isolation", "--inputs-file", str(inputs)]
    options += [
        "--ignore-predefined-vars",
        ",".join(FACTS),
        *(f"--variable={one}={value}" for one, value in FACTS.items()),
    ]
    done = gitlab_ci_local(module, *options, limit=gitlab.LIMIT_SECONDS)
    assert done.status == 0, done.stdout + done.stderr
    reports = [json.loads(found.read_text("utf-8")) for found in module.glob("**/.unip/report/report.json")]
    assert reports
    assert all(report == {"weights": 2, "sum": 3.5} for report in reports)
