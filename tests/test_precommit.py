"""The hooks that pre-commit offers: their options exist, and their patterns are those of every dialect's names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler import cli
from compiler.commands.workspace import front_ends
from compiler.frontends import FRONT_ENDS, front_end

ROOT = Path(__file__).resolve().parent.parent
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))

MATCH = {
    "native": ("headrace.yaml", "headrace.yml", "a/b/headrace.yaml", "gpu.headrace.yaml", "a/nightly.headrace.yml"),
    "ame": ("ame.yaml", "ame.yml", "projects/churn/ame.yaml", "train.ame.yml"),
    "mlreef": ("mlreef.yaml", "mlreef.yml", ".mlreef.yml", "modules/resize/mlreef.yaml", "resize.mlreef.yaml"),
    "mml": ("mml.yaml", "mml.yml", "mml.txt", "a/experiment.mml", "experiments/pp.mml", "a/fold.mml.yaml"),
    "mlspec": ("pipelines/pipeline.yml", "model_packaging/model_serving.yaml", "metadata_file/metadata.yaml",
               "mlspec.yaml", "pipeline.yml", "model_packaging.yaml", "metadata.yaml", "a/churn.mlspec.yml", "experiment_tracking/experiment_example.yml"),
    "unip": ("unip.yaml", "unip/boxes.yaml", "module/unip/api/predict.yml", "churn.unip.yaml", "a/ml-component.yaml",
             "apicomponent.yml", "10-databox-in.yaml"),
}  # fmt: skip
NO_MATCH = (
    "headrace.yaml.bak", "headrace.json", "headrace.yaml/notes.md", "myheadrace.yaml", "headrace-notes.yaml",
    "name.yaml", "ame.yaml.orig", "frame.yaml", "a/same.yml", "ame.json", "ameyaml",
    "mlreef.py", "mlreef.yaml.j2", "mmlx.yaml", "mml.py", "a.mml.txt", "unmml.yaml", "mlspec.md", "unip.md", "unip", "a/unip.go",
    "docker-compose.yml", ".gitlab-ci.yml", ".github/workflows/headrace.yml.txt", "argo/churn.yaml",
    "train.py", "README.md", "docs/ame.yaml.md", "values.yaml", "azure-pipelines.yml", "models.py",
)  # fmt: skip


def pattern(hook: dict[str, Any]) -> re.Pattern[str]:
    return re.compile(hook["files"])


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_patterns_take_the_names_of_every_dialect_and_no_others(hook: dict[str, Any]) -> None:
    assert set(FRONT_ENDS) <= set(MATCH)
    for dialect, paths in MATCH.items():
        assert [path for path in paths if not pattern(hook).search(path)] == [], dialect
    assert [path for path in NO_MATCH if pattern(hook).search(path)] == []


@pytest.mark.parametrize("dialect", FRONT_ENDS)
def test_what_is_found_by_itself_or_known_by_its_name_is_matched(dialect: str) -> None:
    module: Any = front_end(dialect)
    for name in getattr(module, "FILES", ()):
        for path in (name, f"a/b/{name}"):
            assert all(pattern(hook).search(path) for hook in HOOKS), path


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_hook_calls_a_command_that_is_there(hook: dict[str, Any]) -> None:
    program, command, *options = shlex.split(hook["entry"])
    assert program == "headrace"
    cli.parser(command, cli.load(command)).parse_args(options)
    assert hook["require_serial"] is True  # the repository is checked as a whole


def test_the_three_hooks_are_there() -> None:
    assert [hook["id"] for hook in HOOKS] == ["headrace-check", "headrace-compile", "headrace-drift"]
    assert front_ends()  # each of them reads its dialect
