"""The parameter check, run as a job runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runtime_scripts import HOSTILE, Job


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def check(job: Job, value: str | None, **spec: Any) -> tuple[int, str]:
    specs = json.dumps([{"name": "x", "env": "HEADRACE_PARAM_X", **spec}])
    env = {} if value is None else {"HEADRACE_PARAM_X": value}
    done = job.run("check_parameters", specs, **env)
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("value", "spec"),
    [
        ("", {"type": "string", "required": True}),
        (None, {"type": "int"}),
        ("0", {"type": "int", "minimum": 0, "maximum": 0}),
        ("-7", {"type": "int", "minimum": -7}),
        ("007", {"type": "int"}),
        ("9" * 5000, {"type": "int", "minimum": 10**300}),
        ("1e-3", {"type": "float", "minimum": 0.001, "maximum": 0.001}),
        (".5", {"type": "float"}),
        ("5.", {"type": "float"}),
        ("0.1", {"type": "float", "maximum": 0.1}),
        ("1e-999999999", {"type": "float", "minimum": 0}),
        ("true", {"type": "bool"}),
        ("false", {"type": "bool", "required": True}),
        ("b", {"type": "choice", "choices": ["a", "b"]}),
        ("1.50", {"type": "choice", "choices": ["1.50"]}),
        ("true", {"type": "choice", "choices": [True, 3]}),
        ("3", {"type": "int", "choices": [True, 3]}),
        ("", {"type": "choice", "choices": [""]}),
    ],
)
def test_takes(job: Job, value: str | None, spec: dict[str, Any]) -> None:
    assert check(job, value, **spec) == (0, "")


@pytest.mark.parametrize(
    ("value", "spec", "problem"),
    [
        (None, {"type": "string", "required": True}, "is required and has no value"),
        ("", {"type": "int"}, '"" is not a whole number'),
        ("1.0", {"type": "int"}, '"1.0" is not a whole number'),
        ("1_000", {"type": "int"}, '"1_000" is not a whole number'),
        (" 1", {"type": "int"}, '" 1" is not a whole number'),
        ("1\n", {"type": "int"}, '"1\\n" is not a whole number'),
        ("٣", {"type": "int"}, '"٣" is not a whole number'),
        ("nan", {"type": "float"}, '"nan" is not a number'),
        ("inf", {"type": "float"}, '"inf" is not a number'),
        ("-Infinity", {"type": "float"}, '"-Infinity" is not a number'),
        ("1e999", {"type": "float"}, '"1e999" is larger than a float holds'),
        ("1e99999999999999999999", {"type": "float"}, '"1e99999999999999999999" has an exponent out of range'),
        ("0x10", {"type": "int"}, '"0x10" is not a whole number'),
        ("0.1000000000000000000001", {"type": "float", "maximum": 0.1}, "is more than the maximum 0.1"),
        ("18446744073709551615", {"type": "int", "maximum": 18446744073709551614}, "is more than the maximum 1844"),
        ("-1", {"type": "int", "minimum": 0}, '"-1" is less than the minimum 0'),
        ("True", {"type": "bool"}, '"True" is not true or false'),
        ("1", {"type": "bool"}, '"1" is not true or false'),
        ("", {"type": "bool"}, '"" is not true or false'),
        ("c", {"type": "choice", "choices": ["a", "b"]}, '"c" is not one of "a", "b"'),
        ("a", {"type": "choice", "choices": []}, '"a" is not one of '),
    ],
)
def test_refuses(job: Job, value: str | None, spec: dict[str, Any], problem: str) -> None:
    status, said = check(job, value, **spec)
    assert status == 1
    assert said.startswith("headrace: parameters.x: ")
    assert problem in said
    assert said.count("\n") == 1


def test_reports_every_problem(job: Job) -> None:
    specs = [{"name": name, "env": f"HEADRACE_PARAM_{name}", "type": "int"} for name in ("a", "b", "c")]
    env = {"HEADRACE_PARAM_a": "x", "HEADRACE_PARAM_b": "2", "HEADRACE_PARAM_c": "y"}
    done = job.run("check_parameters", HEADRACE_PARAMETERS=json.dumps(specs), **env)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        'headrace: parameters.a: "x" is not a whole number',
        'headrace: parameters.c: "y" is not a whole number',
    ]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_only_text(job: Job, value: str) -> None:
    assert check(job, value, type="string") == (0, "")
    assert check(job, value, type="choice", choices=[value]) == (0, "")
    for kind in ("int", "float", "bool"):
        status, said = check(job, value, type=kind)
        assert status == 1
        assert said.count("\n") == 1
        assert len(said) < 400
    assert list(job.folder.iterdir()) == []


@pytest.mark.parametrize(
    "specs", ["", "{", "{}", "[3]", '[{"name": "x"}]', '[{"name": "x", "env": "X", "type": "list"}]']
)
def test_what_no_compiler_wrote_is_misuse(job: Job, specs: str) -> None:
    assert job.run("check_parameters", specs).returncode == 2
