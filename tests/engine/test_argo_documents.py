"""Every construct, judged by the closed schema, by Kubernetes' own reader and admission, and by its references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compiler.yamlwriter import write_documents
from schemas import vendor
from tests import tools
from tests.argo_cases import Made, constructs
from tests.tools.corpus import corpus

pytestmark = pytest.mark.engine
CASES = constructs()
EVENTS = ("EventSource", "Sensor")  # see test_argo_events.py


@pytest.fixture(params=list(CASES), scope="module")
def made(request: pytest.FixtureRequest) -> Made:
    return Made(*CASES[request.param])


@pytest.fixture
def paths(made: Made, tmp_path: Path) -> list[Path]:
    """The files of a case, as the writer writes them."""
    found = []
    for file in made.files:
        path = tmp_path / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(write_documents(file.documents), encoding="utf-8")
        found.append(path)
    return found


def of_workflows(paths: list[Path], folder: Path) -> list[Path]:
    """The same without the documents of Argo Events."""
    kept = []
    for path in paths:
        documents = [
            one for one in tools.read_kubernetes(path.read_text(encoding="utf-8")) if one["kind"] not in EVENTS
        ]
        target = folder / f"{path.stem}-workflows.yaml"
        target.write_text(write_documents(documents), encoding="utf-8")
        kept.append(target)
    return kept


def test_nothing_is_an_error(made: Made) -> None:
    assert made.errors == []


def test_the_closed_schema_takes_it(made: Made) -> None:
    validator = jsonschema.Draft7Validator(vendor("argo"))
    for document in made.documents:
        if document["kind"] in ("WorkflowTemplate", "CronWorkflow"):
            found = [
                f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in validator.iter_errors(document)
            ]
            assert found == []


def test_kubernetes_reads_what_was_meant(made: Made, paths: list[Path]) -> None:
    read = [one for path in paths for one in tools.read_kubernetes(path.read_text(encoding="utf-8"))]
    assert read == [plain(document) for document in made.documents]


def test_argo_itself_finds_nothing(paths: list[Path]) -> None:
    assert tools.argo_lint(paths) == []


def test_references_hold(paths: list[Path], tmp_path: Path) -> None:
    assert tools.argo_references(of_workflows(paths, tmp_path)) == []


def test_kubernetes_admits_it(paths: list[Path], tmp_path: Path) -> None:
    kept = of_workflows(paths, tmp_path)
    for path in kept:
        documents = tools.read_kubernetes(path.read_text(encoding="utf-8"))
        path.write_text(write_documents([one for one in documents if one["kind"] != "ConfigMap"]), encoding="utf-8")
    assert tools.argo_admission(kept, corpus("argo", "schema")) == []


def test_scripts_are_sound_shell(made: Made) -> None:
    for workflow in made.kind("WorkflowTemplate"):
        for template in workflow["spec"]["templates"]:
            body = template.get("script")
            if body is None:
                continue
            text = "set -eu\n" + body["source"]  # the command is `sh -eu`
            # The container's variables are not assigned here (2154); text for an inner shell stands in single quotes (2016).
            known = ("(SC2154)", "(SC2016)")
            found = [one for one in tools.shellcheck(text, "dash") if not one.message.endswith(known)]
            assert found == [], f"{template['name']}: {text}"


def plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [plain(item) for item in data]
    return data
