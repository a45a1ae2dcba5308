"""Every golden of Argo's, judged by Argo's and Kubernetes' own code and by what refers to what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.cases import Case, cases_of, emitted
from tests.engine.shells import checked
from tests.tools import argo_admission, argo_lint, argo_references, read_kubernetes
from tests.tools.corpus import corpus

pytestmark = pytest.mark.engine

EVENTS = ("EventSource", "Sensor")  # see test_argo_events.py
CORE = ("ConfigMap", "ServiceAccount", "Role", "RoleBinding")  # Kubernetes' own, which no definition describes


def write(case: Case, folder: Path, without: tuple[str, ...] = ()) -> list[Path]:
    paths = []
    for path, text in emitted(case, "argo").yaml.items():
        place = folder / Path(path).name
        parts = [
            part for part in text.split("\n---\n") if not any(f"\nkind: {kind}\n" in "\n" + part for kind in without)
        ]
        place.write_text("\n---\n".join(parts), encoding="utf-8")
        paths.append(place)
    return paths


@cases_of("argo")
def test_kubernetes_admits_it(case: Case, tmp_path: Path) -> None:
    found = argo_admission(write(case, tmp_path, EVENTS + CORE), corpus("argo", "schema"))
    assert [str(one) for one in found] == []


@cases_of("argo")
def test_argo_itself_finds_nothing(case: Case, tmp_path: Path) -> None:
    assert [str(one) for one in argo_lint(write(case, tmp_path))] == []


@cases_of("argo")
def test_everything_that_is_referred_to_is_there(case: Case, tmp_path: Path) -> None:
    assert [str(one) for one in argo_references(write(case, tmp_path, EVENTS))] == []


@cases_of("argo")
def test_kubernetes_reader_of_yaml_agrees(case: Case) -> None:
    for text in emitted(case, "argo").yaml.values():
        assert [texts(one) for one in read_kubernetes(text)] == list(yaml.load_all(text, Loader=yaml.CBaseLoader))


def texts(node: object) -> object:
    if isinstance(node, dict):
        return {key: texts(value) for key, value in node.items()}
    if isinstance(node, list):
        return [texts(value) for value in node]
    if isinstance(node, bool):
        return "true" if node else "false"
    return "" if node is None else str(node)


def scripts(case: Case) -> Iterator[tuple[str, str]]:
    for text in emitted(case, "argo").yaml.values():
        for document in yaml.load_all(text, Loader=yaml.CBaseLoader):
            yield from _scripts(document, "")


def _scripts(node: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        name = node.get("name", name) if isinstance(node.get("name", name), str) else name
        if "source" in node and isinstance(node["source"], str) and node.get("command", [""])[0] in ("sh", "bash"):
            yield name, node["source"]
        for value in node.values():
            yield from _scripts(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _scripts(value, name)


@cases_of("argo")
def test_shellcheck(case: Case) -> None:
    assert [found for name, text in scripts(case) for found in checked(case, name, text)] == []
