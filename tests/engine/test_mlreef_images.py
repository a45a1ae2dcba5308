"""The images of MLReef's modules: their Dockerfiles linted, and built where this machine can build."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.conformance.cases import CASES, Case, lowered
from tests.engine.test_release import base, buildah
from tests.tools import hadolint

pytestmark = pytest.mark.engine
GENERATED = [case for case in CASES if any(one.text is not None for one in lowered(case).project.rendered)]


def dockerfiles(case: Case) -> dict[str, str]:
    """The Dockerfiles that a case's environments become, by their paths."""
    rendered = lowered(case).project.rendered
    return {one.path: one.text for one in rendered if one.text is not None and one.path.endswith(".Dockerfile")}


@pytest.mark.parametrize("case", GENERATED, ids=repr)
def test_generated_dockerfiles_are_clean(case: Case, tmp_path: Path) -> None:
    assert dockerfiles(case)
    for path, text in dockerfiles(case).items():
        file = tmp_path / path.replace("/", "-")
        file.write_text(text, encoding="utf-8")
        assert [str(one) for one in hadolint(file)] == []


def built(folder: Path, name: str, text: str, image: str) -> tuple[int, str]:
    """Build a generated Dockerfile on an image that is here; gives the status and what was said."""
    file = folder / f"{name}.Dockerfile"
    file.write_text(re.sub(r"^FROM .*$", f"FROM {image}", text, count=1, flags=re.MULTILINE), encoding="utf-8")
    tag = f"localhost/headrace-module-{name}-{os.getpid()}"
    done = buildah("bud", "--pull-never", "-t", tag, "-f", str(file), str(folder / "modules"))
    try:
        if done.status == 0:
            container = buildah("from", "--pull-never", tag).stdout.strip()
            try:
                help_ = buildah("run", container, "--", "python", f"{name}.py", "--help")
                who = buildah("run", container, "--", "id", "-u").stdout.strip()
                assert (help_.status, who) == (0, "10001"), help_.stderr
                assert "--input-path" in help_.stdout
            finally:
                buildah("rm", container)
        return done.status, done.stdout + done.stderr
    finally:
        buildah("rmi", tag)


def test_modules_are_built_and_tried(tmp_path: Path) -> None:
    image = base()
    case = next(case for case in CASES if case.name == "mlreef-measurements")
    shutil.copytree(case.root / "modules", tmp_path / "modules")
    texts = dockerfiles(case)
    assert sorted(texts) == ["docker/plot.Dockerfile", "docker/regress.Dockerfile", "docker/scale.Dockerfile"]
    status, said = built(tmp_path, "scale", texts["docker/scale.Dockerfile"], image)
    assert status == 0, said
    assert "arguments parsed: Namespace(" in said
    script = tmp_path / "modules" / "scale.py"
    script.write_text(script.read_text().replace('choices=["range", "deviation"]', 'choices=["other"]'))
    status, said = built(tmp_path, "scale", texts["docker/scale.Dockerfile"], image)
    assert status != 0, "a script that does not take its arguments any more is not pushed"
    assert "invalid choice" in said
