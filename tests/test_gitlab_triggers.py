"""What starts a GitLab pipeline: the workflow's rules, inputs, schedules and further pipelines."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.diagnostics import Sink
from compiler.ir import (
    Call,
    Changed,
    Concurrency,
    EnvVar,
    Job,
    Matrix,
    OnCall,
    OnChangeRequest,
    OnManual,
    OnPipeline,
    OnPush,
    OnSchedule,
    Parameter,
    Pipeline,
    Project,
    Ref,
    Settings,
)
from targets import gitlab
from tests.gitlab_project import TRIGGERS, Emitted, at, emit, job, jobs_of, project
from tests.gitlab_rules import decide, variables_of


def starts(made: Emitted, changed: tuple[str, ...] | None = None, **facts: Any) -> bool:
    """Whether GitLab makes a pipeline."""
    more = facts.pop("more", {})
    return decide(made.main["workflow"]["rules"], {**variables_of(**facts), **more}, changed) is not None


def several(*pipelines: Pipeline, first: tuple[Job, ...] = (), **fields: Any) -> Emitted:
    made: Project = project(*(first or (job("train"),)), **fields)
    return Emitted(made.replace(pipelines=(*made.pipelines, *pipelines)))


def pipeline(name: str, *triggers: Any, **fields: Any) -> Pipeline:
    jobs = fields.pop("jobs", (job(f"{name}-job"),))
    return Pipeline(name=name, jobs=jobs, triggers=triggers, origin=at(f"pipelines.{name}"), **fields)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"event": "push", "branch": "main"}, True),
        ({"event": "push", "branch": "feature"}, False),
        ({"event": "push", "tag": "v1"}, True),
        ({"event": "change_request", "branch": "feature"}, True),
        ({"event": "manual", "branch": "feature", "more": {"CI_OPEN_MERGE_REQUESTS": "g/p!1"}}, True),
        ({"event": "schedule", "branch": "main"}, False),
        ({"event": "parent_pipeline", "branch": "main"}, False),
    ],
)
def test_defaults_never_run_twice_for_a_commit(facts: dict[str, Any], expected: bool) -> None:
    assert starts(emit(job("a")), **facts) is expected


@pytest.mark.parametrize("source", ["api", "web", "trigger", "schedule"])
def test_by_hand_api_and_schedules_ignore_open_merge_requests(source: str) -> None:
    made = emit(
        job("a"), triggers=(OnPush(branches=("**",)), OnChangeRequest(), OnManual(), OnSchedule(cron="0 1 * * *"))
    )
    more = {"CI_PIPELINE_SOURCE": source, "CI_OPEN_MERGE_REQUESTS": "g/p!1", "HEADRACE_SCHEDULE": "churn"}
    assert starts(made, event="push", branch="feature", more=more)


def test_a_branch_with_an_open_merge_request_has_that_ones_pipelines() -> None:
    made = emit(job("a"), triggers=(OnPush(branches=("**",)), OnChangeRequest()))
    opened = {"CI_OPEN_MERGE_REQUESTS": "g/p!1"}
    assert starts(made, event="push", branch="feature")
    assert not starts(made, event="push", branch="feature", more=opened)
    assert starts(made, event="push", branch="main", more=opened)
    assert starts(made, event="change_request", branch="feature", more=opened)


def test_a_push_stays_where_merge_requests_have_pipelines_for_some_targets_only() -> None:
    made = emit(job("a"), triggers=(OnPush(branches=("**",)), OnChangeRequest(branches=("main",))))
    assert starts(made, event="push", branch="feature", more={"CI_OPEN_MERGE_REQUESTS": "g/p!1"})


@pytest.mark.parametrize(
    ("trigger", "branch", "tag", "expected"),
    [
        (OnPush(branches=("release/*",)), "release/1", "", True),
        (OnPush(branches=("release/*",)), "release/1/2", "", False),
        (OnPush(branches=(), tags=("v*",)), "main", "", False),
        (OnPush(branches=(), tags=("v*",)), "", "v2", True),
        (OnPush(branches=("main",), tags=()), "", "v2", False),
        (OnPush(branches=(), tags=()), "main", "", False),
    ],
)
def test_branches_and_tags_of_a_push(trigger: OnPush, branch: str, tag: str, expected: bool) -> None:
    assert starts(emit(job("a"), triggers=(trigger,)), event="push", branch=branch, tag=tag) is expected


def test_path_filters() -> None:
    made = emit(job("a"), triggers=(OnPush(paths=("src/**",)), OnChangeRequest(paths=("docs/**",), branches=("main",))))
    assert starts(made, ("src/x/y.py",), event="push", branch="main")
    assert not starts(made, ("docs/y.md",), event="push", branch="main")
    assert starts(made, None, event="push", branch="main")
    assert starts(made, ("docs/y.md",), event="change_request", branch="b")
    assert not starts(made, ("src/x.py",), event="change_request", branch="b")


def test_a_pipeline_whose_name_is_a_word_of_gitlabs_starts_by_a_job_of_another_name() -> None:
    made = several(pipeline("default", OnManual()))
    assert made.main["default"]["interruptible"] is True
    assert "trigger" in made.main["job-default"]


def test_superseded_change_requests_are_cancelled_and_others_not() -> None:
    made = emit(job("a"))
    workflow = made.main["workflow"]
    assert workflow["auto_cancel"] == {"on_new_commit": "none"}
    cancelled = [rule for rule in workflow["rules"] if "auto_cancel" in rule]
    assert [rule["auto_cancel"] for rule in cancelled] == [{"on_new_commit": "interruptible"}]
    assert "merge_request_event" in cancelled[0]["if"]
    assert made.main["default"]["interruptible"] is True


@pytest.mark.parametrize(("cancel", "top", "of_request"), [(True, "interruptible", True), (False, "none", False)])
def test_concurrency_without_a_group(cancel: bool, top: str, of_request: bool) -> None:
    workflow = emit(job("a"), pipeline={"concurrency": Concurrency(cancel=cancel)}).main["workflow"]
    assert workflow["auto_cancel"] == {"on_new_commit": top}
    assert any("auto_cancel" in rule for rule in workflow["rules"]) is of_request


def test_a_concurrency_group_is_the_lock_of_a_trigger_job() -> None:
    group = ("lab-", Ref(kind="git", name="branch"))
    made = emit(job("a"), pipeline={"concurrency": Concurrency(group=group)})
    assert jobs_of(made.main) == ["churn"]
    assert made.main["churn"]["resource_group"] == "lab-$CI_COMMIT_BRANCH$CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"
    assert made.main["churn"]["trigger"]["strategy"] == "depend"
    assert jobs_of(made.files[".gitlab/headrace/churn.yml"][-1]) == ["a"]


# ---------------------------------------------------------------------------------------------------------- parameters


def test_inputs_keep_text_as_it_was_typed() -> None:
    parameters = (
        Parameter(name="rate", type="float", default="1e-3", help="step size"),
        Parameter(name="count", type="int", default="0"),
        Parameter(name="dry", type="bool", default="false"),
        Parameter(name="mode", type="choice", choices=("a", "b"), default="a"),
        Parameter(name="note", default=""),
        Parameter(name="must", required=True),
    )
    made = emit(job("a"), triggers=(OnManual(),), pipeline={"parameters": parameters})
    assert made.header["rate"]["default"] == "1e-3"
    assert made.header["rate"]["description"] == "step size"
    assert made.header["count"] == {"default": "0", "regex": "^([+-]?[0-9]+)$"}
    assert made.header["dry"] == {"default": "false", "options": ["true", "false"]}
    assert made.header["mode"]["options"] == ["a", "b"]
    assert made.header["note"] == {"default": ""}
    assert made.header["must"] == {"default": ""}  # a push gives none, and is no fault
    assert made.main["variables"]["HEADRACE_PARAM_NOTE"] == {"value": "$[[ inputs.note ]]", "expand": False}


def test_number_patterns_take_what_the_check_takes() -> None:
    import re

    header = emit(
        job("a"),
        pipeline={"parameters": (Parameter(name="x", type="float"), Parameter(name="n", type="int", default="1"))},
    ).header
    for text, fits in (("0.1", True), ("-1e-3", True), (".5", True), ("", True), ("1,5", False), ("x", False)):
        assert bool(re.search(header["x"]["regex"], text)) is fits, text
    for text, fits in (("-7", True), ("", False), ("1.0", False)):
        assert bool(re.search(header["n"]["regex"], text)) is fits, text


def test_more_inputs_than_a_pipeline_takes() -> None:
    parameters = tuple(Parameter(name=f"p{number}", default="") for number in range(21))
    assert "HR4012" in emit(job("a"), pipeline={"parameters": parameters}).codes


def test_text_that_looks_like_interpolation_arrives_as_written() -> None:
    parameter = Parameter(name="x", default="y")
    made = emit(
        job("a", "echo '$[[ inputs.x ]]' $HOME", env=(EnvVar(name="E", value=("$[[ inputs.x ]] %A% $B",)),)),
        pipeline={"parameters": (parameter,)},
    )
    assert made["a"]["script"] == ["set -eu", 'eval "$HEADRACE_LINES_1"']
    assert made["a"]["variables"]["HEADRACE_LINES_1"] == "echo '${HEADRACE_DOLLAR}[[ inputs.x ]]' $$HOME"
    assert made["a"]["variables"]["E"] == "${HEADRACE_DOLLAR}[[ inputs.x ]] ${HEADRACE_PERCENT}A% $$B"
    assert made.main["variables"]["HEADRACE_DOLLAR"] == {"value": "$", "expand": False}
    assert made.main["variables"]["HEADRACE_PERCENT"] == {"value": "%", "expand": False}
    written = str({name: data for name, data in made.main.items() if name != "variables"})
    assert "$[[" not in written


# ---------------------------------------------------------------------------------------------------- several pipelines


def test_a_schedule_is_selected_by_a_variable_and_said() -> None:
    schedule = OnSchedule(cron="0 3 * * *", timezone="Europe/Berlin", parameters=(("rate", "$5"),))
    made = emit(job("a"), triggers=(schedule,), pipeline={"parameters": (Parameter(name="rate", default="1"),)})
    (rule,) = made.main["workflow"]["rules"]
    assert rule["if"] == '$CI_PIPELINE_SOURCE == "schedule" && $HEADRACE_SCHEDULE == "churn"'
    assert rule["variables"] == {"HEADRACE_PARAM_RATE": "$$5"}
    (message,) = [one for one in made.messages if "schedule" in one]
    assert message == (
        'GitLab needs a pipeline schedule "0 3 * * *" in time zone "Europe/Berlin" '
        'with the variable HEADRACE_SCHEDULE = "churn"'
    )


def test_two_schedules_have_names_of_their_own() -> None:
    made = emit(job("a"), triggers=(OnSchedule(cron="0 3 * * *"), OnSchedule(cron="0 5 * * *")))
    assert [rule["if"][-9:] for rule in made.main["workflow"]["rules"]] == ['"churn-1"', '"churn-2"']


def test_each_further_pipeline_is_a_child_with_rules_of_its_own() -> None:
    nightly = pipeline("nightly", OnSchedule(cron="0 3 * * *"), OnManual())
    made = several(nightly)
    assert jobs_of(made.main) == ["train", "nightly"]
    assert made["train"]["rules"] == made.main[".on-churn"]["rules"]
    trigger = made.main["nightly"]
    assert trigger["trigger"] == {"include": [{"local": ".gitlab/headrace/nightly.yml"}], "strategy": "depend"}
    assert trigger["needs"] == []
    assert trigger["variables"] == {"HEADRACE_SOURCE": "$CI_PIPELINE_SOURCE"}
    assert made.files[".gitlab/headrace/nightly.yml"][-1]["workflow"]["rules"] == [{"when": "always"}]
    hand = {"HEADRACE_PIPELINE": "nightly"}
    for name, facts, more, expected in (
        ("train", {"event": "push", "branch": "main"}, {}, True),
        ("nightly", {"event": "push", "branch": "main"}, {}, False),
        ("train", {"event": "manual", "branch": "main"}, hand, False),
        ("nightly", {"event": "manual", "branch": "main"}, hand, True),
        ("nightly", {"event": "schedule", "branch": "main"}, {"HEADRACE_SCHEDULE": "nightly"}, True),
        ("train", {"event": "schedule", "branch": "main"}, {"HEADRACE_SCHEDULE": "nightly"}, False),
    ):
        found = decide(made[name]["rules"], {**variables_of(**facts), **more}, None) is not None
        assert found is expected, (name, facts)
    assert made.header["headrace_pipeline"]["options"] == ["churn", "nightly"]


def test_rules_of_the_first_pipeline_drop_what_its_start_decides() -> None:
    from compiler.ir import Compare

    once = job("once", condition=Compare(subject="event", operator="==", values=("push",)))
    made = several(pipeline("nightly", OnSchedule(cron="0 3 * * *")), first=(once,))
    assert made["once"]["rules"] == [
        {"if": '$CI_PIPELINE_SOURCE == "push" && ($CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH || $CI_COMMIT_TAG)'}
    ]


def test_a_path_filter_and_changed_paths_do_not_meet_in_one_rule() -> None:
    made = several(
        pipeline("nightly", OnSchedule(cron="0 3 * * *")),
        first=(job("docs", condition=Changed(globs=("docs/**",))),),
        triggers=(OnPush(paths=("src/**",)),),
    )
    assert jobs_of(made.main) == ["churn", "nightly"]
    assert "error" not in [found.severity for found in made.sink.diagnostics]


def test_parameters_reach_a_child() -> None:
    same, own = Parameter(name="rate", default="1"), Parameter(name="mode", default="x")
    other = Parameter(name="mode", default="y")
    made = several(pipeline("sweep", OnManual(), parameters=(same, other)), pipeline={"parameters": (same, own)})
    assert set(made.header) == {"headrace_pipeline", "rate", "mode", "sweep_mode"}
    trigger = made.main["sweep"]
    assert trigger["inherit"] == {"variables": ["HEADRACE_PIPELINE", "HEADRACE_PARAM_RATE"]}
    assert trigger["variables"]["HEADRACE_PARAM_MODE"] == {"value": "$[[ inputs.sweep_mode ]]", "expand": False}
    child = made.files[".gitlab/headrace/sweep.yml"][-1]
    assert child["variables"] == {"HEADRACE_PARAM_RATE": "1", "HEADRACE_PARAM_MODE": "y"}


def test_a_call_passes_parameters_exactly() -> None:
    call = Call(
        pipeline="notes",
        parameters=(
            EnvVar(name="dry", value=("false",)),
            EnvVar(name="n", value=("0",)),
            EnvVar(name="e", value=("",)),
            EnvVar(name="tag", value=("v", Ref(kind="git", name="tag"))),
        ),
    )
    made = several(pipeline("notes", OnCall()), first=(job("train"), job("tell", needs=("train",), action=call)))
    assert jobs_of(made.main) == ["train", "tell"]
    assert made.main["tell"]["variables"] == {
        "HEADRACE_SOURCE": "call",
        "HEADRACE_PARAM_DRY": "false",
        "HEADRACE_PARAM_N": "0",
        "HEADRACE_PARAM_E": "",
        "HEADRACE_PARAM_TAG": "v$CI_COMMIT_TAG",
    }
    assert made.main["tell"]["needs"] == ["train"]
    assert "image" not in made.main["tell"]


def test_what_follows_a_pipeline_waits_for_its_end() -> None:
    made = several(
        pipeline("report", OnPipeline(pipeline="churn")),
        first=(job("a"), job("b", needs=("a",)), job("tell", needs=("b",), run_on="failure"), job("c")),
    )
    trigger = made.main["report-after-churn"]
    assert trigger["needs"] == [{"job": "b", "artifacts": False}, {"job": "c", "artifacts": False}]
    assert trigger["variables"] == {"HEADRACE_SOURCE": "after"}


def test_calls_nest_two_levels() -> None:
    def calling(name: str) -> tuple[Job, ...]:
        return (job(f"call-{name}", action=Call(pipeline=name)),)

    made = several(
        pipeline("b", OnCall(), jobs=calling("c")),
        pipeline("c", OnCall(), jobs=calling("d")),
        pipeline("d", OnCall()),
        first=calling("b"),
    )
    assert made.codes == ["HR4109"]


@pytest.mark.parametrize(("legs", "codes"), [(499, []), (501, ["HR4009"])])
def test_one_pipeline_starts_a_thousand(legs: int, codes: list[str]) -> None:
    """Each leg of a call is a pipeline, and so is what that one calls."""
    axis = Matrix(axes=(("n", tuple(map(str, range(legs)))),))
    made = several(
        pipeline("b", OnCall(), jobs=(job("one", action=Call(pipeline="c")),)),
        pipeline("c", OnCall()),
        first=(job("many", action=Call(pipeline="b"), matrix=axis),),
    )
    assert made.codes == codes


def test_output_beside_a_hand_written_file() -> None:
    sink = Sink()
    settings = Settings(target="gitlab", output=".gitlab/compiled.yml", include=("mine.yml",))
    (document,) = gitlab.emit(project(job("a")), settings, sink)
    assert document.path == ".gitlab/compiled.yml"
    assert document.documents[-1]["include"] == [{"local": "mine.yml"}]


@pytest.mark.parametrize(
    ("remote", "has", "expected"),
    [
        ("git@gitlab.com:g/p.git", False, True),
        ("https://gitlab.example.com/g/p.git", False, True),
        ("https://github.com/gitlab/p.git", False, False),
        (None, True, True),
        (None, False, False),
    ],
)
def test_recognises_its_repositories(remote: str | None, has: bool, expected: bool) -> None:
    assert gitlab.recognise(remote, lambda _: has) is expected


def test_support_is_total() -> None:
    from compiler.features import Feature

    assert set(gitlab.SUPPORT) == set(Feature)
    assert TRIGGERS
