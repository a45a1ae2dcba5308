"""What independent tools say of everything that AME's own files compile to: nothing but what a manifest asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ame_corpus import NAMES, Compiled, file
from tests.engine.test_github_lint import unexpected
from tests.tools import (
    Finding,
    actionlint,
    argo_admission,
    argo_references,
    gitlab_ci_local_preview,
    zizmor,
)
from tests.tools.corpus import corpus

pytestmark = pytest.mark.engine

TOO_OFTEN = "scheduled job runs too frequently"  # a file asks for every minute, of which a warning speaks, too


def outputs(target: str, folder: Path) -> list[Path]:
    """A folder for each file that compiles, with all that the target makes of it."""
    written = []
    for name in NAMES:
        place = folder / name.removesuffix(".yaml")
        place.mkdir()
        (place / ".git").mkdir()
        for path, text in Compiled(file(name), place).files.get(target, {}).items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text, encoding="utf-8")
            written.append(place / path)
    assert len(written) > 20
    return written


def test_github(tmp_path: Path) -> None:
    findings: list[Finding] = []
    for path in outputs("github", tmp_path):
        if path.parent.name == "workflows":
            findings += actionlint(path, ["gpu"])
            findings += zizmor(path)
    assert [one for one in unexpected(findings) if TOO_OFTEN not in one] == []


def test_gitlab(tmp_path: Path) -> None:
    for path in outputs("gitlab", tmp_path):
        if path.name == ".gitlab-ci.yml":
            assert gitlab_ci_local_preview(path.parent)


def test_argo(tmp_path: Path) -> None:
    paths = [path for path in outputs("argo", tmp_path) if path.parent.name == "argo"]
    plain = [path for path in paths if "kind: Sensor" not in path.read_text(encoding="utf-8")]
    assert [str(one) for one in argo_admission(plain, corpus("argo", "schema"))] == []
    assert [str(one) for path in plain for one in argo_references([path])] == []
