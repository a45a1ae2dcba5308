"""The published schema and the reader agree: on every fixture, and on whatever becomes of them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, validators

import schemas
from compiler import codes, ir
from compiler.frontends import FRONT_ENDS
from compiler.frontends.native import (
    access,
    actions,
    data,
    environments,
    jobs,
    models,
    parameters,
    reading,
    resources,
    triggers,
)
from compiler.frontends.native import settings as targets
from targets import TARGETS
from tests.native import GOOD, bad_cases, marked, read
from tests.native import data as plain

# What only meaning can find: the small languages, and what several places say together.
OUTSIDE = {
    codes.BAD_QUANTITY.number,
    codes.BAD_DURATION.number,
    codes.BAD_CRON.number,
    codes.BAD_CONDITION.number,
    codes.BAD_OBJECTIVE.number,
    codes.BAD_HOLE.number,
    codes.BAD_PATH.number,
    codes.UNSUPPORTED_VERSION.number,
}
SCHEMA = schemas.native()


def _is_integer(_: object, value: object) -> bool:
    """A manifest's 1.0 is no integer, which JSON Schema takes it for."""
    return isinstance(value, int) and not isinstance(value, bool)


_checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
_extend: Any = validators.extend
VALIDATOR = _extend(Draft202012Validator, type_checker=_checker)(SCHEMA)


def test_the_schema_names_the_targets_that_there_are() -> None:
    assert SCHEMA["properties"]["targets"]["propertyNames"]["enum"] == list(TARGETS)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert "://" not in SCHEMA["$id"]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_it_takes_good_manifests(path: Any) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(plain(path.read_text(encoding="utf-8")))] == []


CASES = {
    name: text
    for name, text in bad_cases().items()
    if "!" not in text.replace("!=", "") and not name.startswith("languages")
}


@pytest.mark.parametrize("case", CASES)
def test_it_refuses_what_is_of_the_wrong_shape(case: str) -> None:
    promised = {code for _, code in marked(CASES[case])}
    other_form = "HR2015" in promised and "requires" not in CASES[case]
    wrong = other_form or any(code.startswith("HR20") for code in promised - OUTSIDE)
    assert VALIDATOR.is_valid(plain(CASES[case])) is not wrong


def test_it_takes_what_only_meaning_can_find() -> None:
    text = (
        bad_cases()["languages-0"].replace("request: 2, limit: 1", "request: 1, limit: 2").replace("runner: []", "x: y")
    )
    assert [error.message for error in VALIDATOR.iter_errors(plain(text))] == []


def test_it_names_every_dialect() -> None:
    include = SCHEMA["properties"]["manifests"]["items"]["anyOf"][1]
    assert include["properties"]["dialect"]["enum"] == list(FRONT_ENDS)


def tables() -> dict[str, dict[str, Any]]:
    """The schema's objects beside the reader's tables."""
    found = SCHEMA["$defs"]

    def inside(name: str, *keys: str) -> Any:
        options = found[name]["anyOf"]
        return next(one for one in options if set(keys) <= set(one.get("properties", ())))

    return {
        "manifest": {"schema": SCHEMA, "table": reading.MANIFEST},
        "parameter": {"schema": found["parameter"], "table": parameters.PARAMETER},
        "secret": {"schema": found["secret"], "table": access.SECRET},
        "identity": {"schema": found["identity"], "table": access.IDENTITIES},
        "environment": {"schema": found["environment"], "table": environments.ENVIRONMENT},
        "build": {"schema": found["build"], "table": environments.BUILD},
        "publish": {"schema": found["publish"], "table": environments.PUBLISH},
        "store": {"schema": found["store"], "table": data.STORE},
        "dataset": {"schema": found["dataset"], "table": data.DATASET},
        "job": {"schema": found["body"], "table": jobs.JOB},
        "need": {"schema": inside("need", "job"), "table": jobs.NEED},
        "output": {"schema": inside("output", "path"), "table": jobs.OUTPUT},
        "changed": {"schema": inside("output", "changed"), "table": jobs.CHANGED},
        "volume": {"schema": found["volume"], "table": jobs.VOLUME},
        "retry": {"schema": found["retry"], "table": jobs.RETRY},
        "cache": {"schema": inside("cache", "share"), "table": jobs.CACHE},
        "resume": {"schema": found["resume"], "table": jobs.RESUME},
        "approve": {"schema": inside("approve", "for"), "table": jobs.APPROVE},
        "lock": {"schema": inside("lock", "limit"), "table": jobs.LOCK},
        "sidecar": {"schema": found["sidecar"], "table": jobs.SIDECAR},
        "resources": {"schema": found["resources"], "table": resources.RESOURCES},
        "entry": {"schema": found["entry"], "table": actions.ENTRY},
        "deploy": {"schema": found["deploy"], "table": actions.DEPLOY},
        "rollout": {"schema": found["rollout"], "table": actions.ROLLOUT},
        "service": {"schema": found["service"], "table": models.SERVICE},
        "lifecycle": {
            "schema": SCHEMA["properties"]["lifecycle"],
            "table": dict.fromkeys((*ir.LIFECYCLE_STEPS, "objectives")),
        },
        "triggers": {"schema": found["triggers_by_name"], "table": triggers.TRIGGERS},
        "pipeline": {"schema": found["pipeline"], "table": triggers.PIPELINE},
        "runner": {"schema": found["runner"], "table": targets.RUNNER},
    }


@pytest.mark.parametrize("what", tables())
def test_it_has_the_readers_keys_and_no_others(what: str) -> None:
    pair = tables()[what]
    assert set(pair["schema"]["properties"]) == set(pair["table"])


# ------------------------------------------------------------------------------------------------------- what becomes of them

DOCUMENTS = [plain(path.read_text(encoding="utf-8")) for path in GOOD]
REPLACEMENTS: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    3,
    2.5,
    "",
    " ",
    "text",
    "two words",
    "a-b",
    [],
    ["x"],
    [None],
    [{}],
    {},
    {"a": "b"},
    {"name": "x"},
    {"path": "x"},
    {"a": None},
]
KEYS = ["zzz", "a b", "1", "run", "path", "name", "platform", "image", "changed", "extends", "limit", "env", "include"]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a document."""
    found = []
    stack = [value]
    while stack:
        item = stack.pop()
        keys = item if isinstance(item, dict) else range(len(item)) if isinstance(item, list) else ()
        for key in keys:
            found.append((item, key))
            stack.append(item[key])
    return found


@st.composite
def changed(draw: st.DrawFn) -> Any:
    document = copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(1, 3))):
        found = places(document)
        if not found:
            return document
        container, key = draw(st.sampled_from(found))
        how = draw(st.sampled_from(["replace", "replace", "remove", "add", "wrap"]))
        if how == "remove":
            del container[key]
        elif how == "add" and isinstance(container, dict):
            container[draw(st.sampled_from(KEYS))] = copy.deepcopy(draw(st.sampled_from(REPLACEMENTS)))
        elif how == "wrap":
            container[key] = [container[key]]
        else:
            container[key] = copy.deepcopy(draw(st.sampled_from(REPLACEMENTS)))
    return document


@given(changed())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_schema_and_reader_agree_on_changed_manifests(document: Any) -> None:
    text = json.dumps(document)
    assert plain(text) == document
    _, sink = read(text)
    faults = {one.code.number for one in sink.diagnostics if one.code.number.startswith("HR20")}
    errors = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(document)]
    if errors:
        assert faults, errors
    else:
        assert not faults - OUTSIDE, sink.diagnostics


def test_the_schema_is_written_as_json_that_people_read() -> None:
    text = Path(schemas.__file__).with_name("headrace.json").read_text(encoding="utf-8")
    assert json.loads(text) == SCHEMA
    assert max(map(len, text.splitlines())) < 200
