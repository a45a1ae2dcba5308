"""What starts a workflow on GitHub, with which inputs, and which runs give way."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.ir import (
    NOTHING,
    Concurrency,
    OnChangeRequest,
    OnManual,
    OnPush,
    OnSchedule,
    Parameter,
    Ref,
    Script,
    Settings,
)
from tests.github_pipelines import PARAMETERS, SETTINGS, TRIGGERS, compiled, found, job, project

RUN = job("run", "true")


def on(*triggers: Any, settings: Settings = SETTINGS, **more: Any) -> dict[str, Any]:
    made = compiled(project(RUN, triggers=triggers, **more), settings)["on"]
    assert isinstance(made, dict)
    return made


def test_push_is_the_default_branch_and_all_tags() -> None:
    assert on(OnPush()) == {"push": {"branches": ["main"], "tags": ["**"]}}


def test_the_default_branch_is_said_or_noted() -> None:
    trunk = SETTINGS.replace(options=(("default_branch", "trunk"),))
    assert on(OnPush(), settings=trunk)["push"]["branches"] == ["trunk"]
    assert found(project(RUN, triggers=(OnPush(),)), Settings(target="github")) == ["HR4011"]


@pytest.mark.parametrize(
    ("push", "expected"),
    [
        (OnPush(branches=(), tags=("v*",)), {"tags": ["v*"]}),
        (OnPush(branches=("main",), tags=()), {"branches": ["main"]}),
        (OnPush(branches=("a+b", "c[1]"), tags=()), {"branches": ["a\\+b", "c\\[1\\]"]}),
        (OnPush(paths=("src/**",)), {"branches": ["main"], "tags": ["**"], "paths": ["src/**"]}),
    ],
)
def test_push_filters(push: OnPush, expected: dict[str, Any]) -> None:
    assert on(push)["push"] == expected


def test_a_push_without_branches_and_tags_starts_nothing() -> None:
    assert "push" not in on(OnPush(branches=(), tags=()), OnManual())


def test_a_question_mark_means_something_else_there() -> None:
    assert found(project(RUN, triggers=(OnPush(branches=("v?",)),))) == ["HR4208"]


def test_branches_beside_change_requests_are_noted() -> None:
    both = (OnPush(branches=("**",)), OnChangeRequest())
    assert found(project(RUN, triggers=both)) == ["HR4209"]
    assert found(project(RUN, triggers=(OnPush(branches=("main",)), OnChangeRequest()))) == []


def test_all_triggers_with_typed_inputs() -> None:
    made = compiled(TRIGGERS)["on"]
    assert made["pull_request"] == {"branches": ["main"], "paths": ["src/**"]}
    assert made["schedule"] == [{"cron": "7 3 * * 1-5", "timezone": "Europe/Berlin"}, {"cron": "7 4 * * *"}]
    assert made["workflow_dispatch"]["inputs"] == {
        "lr": {"description": "step size", "type": "number", "default": 0.01},
        "epochs": {"type": "number", "default": 10},
        "dry_run": {"type": "boolean", "default": False},
        "size": {"type": "choice", "options": ["s", "l"], "default": "s"},
        "note": {"type": "string", "default": "it's"},
    }
    call = made["workflow_call"]["inputs"]
    assert {name: call[name]["default"] for name in call if not name.startswith("headrace")} == {
        "lr": "0.01",
        "epochs": "10",
        "dry_run": "false",
        "size": "s",
        "note": "it's",
    }
    assert {one["type"] for one in call.values()} == {"string"}


def test_a_default_that_a_number_would_change_stays_text() -> None:
    huge = Parameter(name="seed", type="int", default="123456789012345678901234567890")
    inputs = on(OnManual(), parameters=(huge,))["workflow_dispatch"]["inputs"]
    assert inputs["seed"] == {"type": "string", "default": huge.default}


def test_a_required_input_has_no_default() -> None:
    inputs = on(OnManual(), parameters=(Parameter(name="data", required=True),))["workflow_dispatch"]["inputs"]
    assert inputs["data"] == {"type": "string", "required": True}


def test_more_inputs_than_github_takes() -> None:
    many = tuple(Parameter(name=f"p{at}") for at in range(26))
    assert found(project(RUN, triggers=(OnManual(),), parameters=many)) == ["HR4012"]
    assert found(project(RUN, triggers=(OnManual(),), parameters=many[:25])) == []
    assert found(project(RUN, triggers=(OnPush(),), parameters=many)) == []


def test_schedules_that_github_cannot_tell_apart() -> None:
    same = (OnSchedule(cron="0 3 * * *", parameters=(("lr", "1"),)), OnSchedule(cron="0 3 * * *"))
    assert found(project(RUN, triggers=same, parameters=PARAMETERS)) == ["HR4210"]


def test_a_schedule_every_minute_is_warned_of() -> None:
    assert found(project(RUN, triggers=(OnSchedule(cron="* * * * *"),))) == ["HR4211"]
    assert found(project(RUN, triggers=(OnSchedule(cron="*/5 * * * *"),))) == []


def test_sunday_is_zero() -> None:
    assert on(OnSchedule(cron="3 3 * * 7"))["schedule"] == [{"cron": "3 3 * * 0"}]


@pytest.mark.parametrize(
    ("asked", "group", "rest"),
    [
        (
            None,
            "churn-${{ github.event_name == 'pull_request' && github.ref || github.run_id }}",
            {"cancel-in-progress": "${{ github.event_name == 'pull_request' }}"},
        ),
        (Concurrency(cancel=False), "churn-${{ github.run_id }}", {"cancel-in-progress": False}),
        (Concurrency(cancel=True), "churn-${{ github.ref }}", {"cancel-in-progress": True}),
        (Concurrency(group=("gpu",)), "gpu", {"queue": "max"}),
        (
            Concurrency(group=("gpu-", Ref(kind="git", name="ref")), cancel=True),
            "gpu-${{ github.ref }}",
            {"cancel-in-progress": True},
        ),
    ],
)
def test_which_runs_give_way(asked: Concurrency | None, group: str, rest: dict[str, Any]) -> None:
    made = compiled(project(RUN, concurrency=asked))["concurrency"]
    assert made == {"group": group, **rest}


def test_a_group_has_no_value_of_a_matrix() -> None:
    group = Concurrency(group=(Ref(kind="matrix", name="fold"),))
    assert found(project(RUN, concurrency=group)) == ["HR4216"]


def test_nothing_said_is_not_the_same_as_nothing() -> None:
    assert OnPush().branches is NOTHING


def test_without_inputs_a_parameter_is_its_default() -> None:
    one = job("a", action=Script(lines=("run ", Ref(kind="parameters", name="lr"))))
    made = compiled(project(one, triggers=(OnPush(),), parameters=PARAMETERS))
    assert made["jobs"]["a"]["env"] == {"HEADRACE_PARAM_LR": "0.01"}
