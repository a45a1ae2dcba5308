"""Rules and path patterns on the real things: gitlab-ci-local's list, and Ruby's File.fnmatch and object sizes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compiler.condition import Facts, evaluate, matches, parse
from compiler.ir import OnChangeRequest, OnManual, OnPush, OnSchedule, Parameter
from compiler.yamlwriter import write
from targets.gitlab.conditions import path_patterns
from targets.gitlab.sizes import size
from tests import tools
from tests.gitlab_project import emit, job
from tests.gitlab_rules import fnmatch, variables_of
from tests.test_gitlab_conditions import GLOBS, PATHS

pytestmark = pytest.mark.engine

CONDITIONS = (
    "event == 'push'",
    "event != 'push'",
    "event in ['schedule', 'manual']",
    "branch == 'main'",
    "branch != 'main'",
    "branch matches 'release/*'",
    "not (branch matches '**')",
    "tag == 'v1'",
    "tag matches 'v*'",
    "tag == ''",
    "not (tag matches 'v*') and event == 'push'",
    "parameters.mode == 'a'",
    "parameters.mode in ['b', 'c']",
    "parameters.dry",
    "not parameters.dry",
    "event == 'push' and (branch == 'main' or parameters.mode == 'b') and not parameters.dry",
    "event == 'change_request' or tag != ''",
)
FACTS = (
    Facts(event="push", branch="main"),
    Facts(event="push", branch="release/1"),
    Facts(event="push", tag="v1"),
    Facts(event="change_request", branch="feature"),
    Facts(event="schedule", branch="main"),
    Facts(event="manual", branch="release/1"),
)
TRIGGERS = (OnPush(branches=("**",)), OnChangeRequest(), OnManual(), OnSchedule(cron="0 1 * * *"))


@pytest.mark.parametrize("facts", FACTS, ids=lambda facts: f"{facts.event}-{facts.branch}{facts.tag}")
@pytest.mark.parametrize(("mode", "dry"), [("a", "false"), ("b", "true")])
def test_jobs_are_listed_exactly_where_their_condition_holds(facts: Facts, mode: str, dry: str, tmp_path: Path) -> None:
    parameters = (Parameter(name="mode", default=mode), Parameter(name="dry", type="bool", default=dry))
    jobs = [job(f"j{number}", condition=parse(text)) for number, text in enumerate(CONDITIONS)]
    made = emit(*jobs, job("always"), triggers=TRIGGERS, pipeline={"parameters": parameters})
    given = {**variables_of(facts.event, facts.branch, facts.tag), "HEADRACE_SCHEDULE": "churn"}
    listed = {one["name"] for one in tools.gitlab_ci_local_list(made.write(tmp_path), given)}
    facts = facts.replace(parameters={"mode": mode, "dry": dry})
    assert listed == {f"j{n}" for n, text in enumerate(CONDITIONS) if evaluate(parse(text), facts)} | {"always"}


def ruby(code: str, data: Any) -> Any:
    """What Ruby prints as JSON for data that it reads as JSON."""
    ended = tools.run([tools.program("ruby"), "-rjson", "-robjspace", "-ryaml", "-e", code], stdin=json.dumps(data))
    assert ended.status == 0, ended.stderr
    return json.loads(ended.stdout)


def test_path_patterns_in_ruby() -> None:
    tools.require("ruby")
    asked = [[list(path_patterns((glob,))), path] for glob in GLOBS for path in PATHS]
    flags = "File::FNM_PATHNAME | File::FNM_DOTMATCH | File::FNM_EXTGLOB"
    code = f"puts JSON.parse(STDIN.read).map {{ |ps, path| ps.any? {{ |p| File.fnmatch?(p, path, {flags}) }} }}.to_json"
    found = ruby(code, asked)
    assert found == [matches(glob, path) for glob in GLOBS for path in PATHS]
    assert found == [any(fnmatch(pattern, path) for pattern in patterns) for patterns, path in asked]


DEEP = """
def deep(o)
  n = ObjectSpace.memsize_of(o)
  o.each { |x| n += deep(x) } if o.is_a?(Array)
  o.each { |k, v| n += deep(k) + deep(v) } if o.is_a?(Hash)
  n
end
puts JSON.parse(STDIN.read).map { |text| deep(YAML.load(text)) }.to_json
"""


def test_sizes_are_estimated_from_above_and_not_by_much() -> None:
    tools.require("ruby")
    files = [
        emit(
            *(job(f"j{at}", needs=(f"j{at - 1}",) if at else ()) for at in range(count)), job("x", "echo\n" * 500)
        ).main
        for count in (1, 10, 500)
    ]
    real = ruby(DEEP, [write(data) for data in files])
    for data, held in zip(files, real, strict=True):
        assert held <= size(data) <= 1.6 * held
