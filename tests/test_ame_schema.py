"""The published schema of ame.yaml and the reader agree: on the fixtures, on AME's own files, and on faults of shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from compiler import yamltree
from compiler.diagnostics import Sink
from compiler.frontends.ame import projects, serde, tasks
from compiler.frontends.native.fields import scalar
from compiler.source import Source
from compiler.yamltree import Mapping, Sequence, Slot
from tests.ame_corpus import NAMES, Compiled, file

ROOT = Path(__file__).resolve().parent.parent
SCHEMA: dict[str, Any] = json.loads((ROOT / "schemas" / "ame.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
FIXTURES = sorted((ROOT / "fixtures" / "ame").rglob("ame.y*ml"))
# Faults of a value's type, a key that must be there and is not, and what is no project at all.
SHAPE = {"HR2002", "HR2003"}


def data(text: str) -> Any:
    """A manifest as data by YAML 1.2's core schema, without its tags."""
    documents = yamltree.parse(Source("ame.yaml", text), Sink())
    return _plain(yamltree.root_slot(documents[0]).value) if documents and documents[0].root is not None else None


def _plain(value: Any) -> Any:
    value = Slot(None, "", value, None).value  # type: ignore[arg-type]  # for what a tag or an alias holds
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.entries.items()}
    return [_plain(inner) for inner in value.items] if isinstance(value, Sequence) else scalar(value)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_fixtures_keep_to_it(path: Path) -> None:
    assert [one.message for one in VALIDATOR.iter_errors(data(path.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("name", NAMES)
def test_reader_and_schema_agree_on_ames_own_files(name: str, tmp_path: Path) -> None:
    told = {one.code.number for one in Compiled(file(name), tmp_path).found["manifest"]}
    if told & {"HR1003", "HR1005"}:
        pytest.skip(f"{name} is no YAML that could be judged")
    assert VALIDATOR.is_valid(data(file(name).decode("utf-8"))) is not bool(told & SHAPE)


@pytest.mark.parametrize(
    "text",
    [
        "name: [churn]\n",
        "name: churn\ntasks: text\n",
        "name: churn\ntasks: [{resources: {cpu: {limit: 1}}}]\n",
        "name: churn\ntasks: [{env: [{val: x}]}]\n",
        "name: churn\ntasks: [{taskRef: {project: x}}]\n",
        "name: churn\ntasks: [{taskRef: [x]}]\n",
        "name: churn\ndataSets: [{name: d}]\n",
        "name: churn\nmodels: [{training: {}}]\n",
        "name: churn\nmodels: [{name: m, deployment: {replicas: two}}]\n",
        "name: churn\nenableTriggers: yes\n",
        "executor: {command: x}\n",
    ],
)
def test_faults_of_shape_are_both_s(text: str, tmp_path: Path) -> None:
    told = {one.code.number for one in Compiled(text.encode(), tmp_path).found["manifest"]}
    assert told & SHAPE
    assert not VALIDATOR.is_valid(data(text))


@pytest.mark.parametrize(
    ("table", "properties"),
    [
        (projects.PROJECT, SCHEMA["properties"]),
        (tasks.TASK, SCHEMA["$defs"]["task"]["properties"]),
        (projects.DATA_SET, SCHEMA["$defs"]["dataSet"]["properties"]),
        (projects.MODEL, SCHEMA["$defs"]["model"]["properties"]),
        (projects.DEPLOYMENT, SCHEMA["$defs"]["deployment"]["properties"]),
        (tasks.ARTIFACTS, SCHEMA["$defs"]["artifacts"]["properties"]),
    ],
)
def test_every_key_is_in_the_schema(table: serde.Table, properties: dict[str, Any]) -> None:
    assert set(table) == set(properties)
    for key, line in table.items():
        assert properties[key].get("deprecated", False) is (line.instead is not None), key
        assert properties[key].get("x-instead", "") == (line.instead or ""), key
