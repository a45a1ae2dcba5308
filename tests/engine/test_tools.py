"""Each verifier finds a fault in a bad input and none in a good one: a tool that answers nothing judges nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import tools
from tests.tools.corpus import corpus

pytestmark = pytest.mark.engine

# The commit is that of actions/checkout v7.0.1.
GITHUB_GOOD = """\
name: test
on:
  push:
    branches: [main]
permissions: {}
concurrency:
  group: test-${{ github.ref }}
  cancel-in-progress: true
jobs:
  build:
    name: build
    runs-on: ubuntu-24.04
    timeout-minutes: 10
    permissions:
      contents: read  # checkout
    concurrency:
      group: build-${{ github.ref }}
      cancel-in-progress: true
    outputs:
      rows: ${{ steps.count.outputs.rows }}
    steps:
      - name: checkout
        uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1  # v7.0.1
        with:
          persist-credentials: false
      - name: count
        id: count
        run: echo "rows=1" >> "$GITHUB_OUTPUT"
"""

GITLAB_GOOD = """\
spec:
  inputs:
    image:
      default: python:3.12-slim
---
stages: [build, test]
build:
  stage: build
  image: $[[ inputs.image ]]
  script: [make]
nightly:
  stage: test
  needs: [build]
  script: [make test]
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"
"""

ARGO_GOOD = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata:
  name: churn
spec:
  entrypoint: main
  templates:
    - name: main
      dag:
        tasks:
          - {name: a, template: work}
          - {name: b, template: work, depends: a.Succeeded}
    - name: work
      container:
        image: python:3.12-slim
        command: [python]
        resources: {limits: {cpu: 500m}}
"""

DOCKERFILE_GOOD = """\
FROM python:3.12-slim
WORKDIR /app
COPY app.py ./
CMD ["python", "app.py"]
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def workflow(folder: Path, text: str) -> Path:
    return write(folder, ".github/workflows/test.yml", text)


GITHUB_JUDGES: dict[str, Callable[[Path], list[tools.Finding]]] = {
    "actionlint": tools.actionlint,
    "languageservice": tools.github_parser,
    "zizmor": tools.zizmor,
    "check-jsonschema": lambda path: tools.check_jsonschema(path, "vendor.github-workflows"),
}


@pytest.mark.parametrize("judge", GITHUB_JUDGES)
def test_good_workflow_passes(judge: str, tmp_path: Path) -> None:
    assert GITHUB_JUDGES[judge](workflow(tmp_path, GITHUB_GOOD)) == []


@pytest.mark.parametrize(
    ("judge", "old", "new", "line", "message"),
    [
        ("actionlint", "ubuntu-24.04", "ubuntu-1.04", 12, 'label "ubuntu-1.04" is unknown'),
        ("actionlint", "steps.count.outputs", "steps.coumt.outputs", 20, 'property "coumt" is not defined'),
        ("actionlint", '"$GITHUB_OUTPUT"', "$GITHUB_OUTPUT", 28, "SC2086"),
        ("languageservice", "runs-on:", "runs-om:", 12, "Unexpected value 'runs-om'"),
        ("languageservice", "steps.count.outputs", "steps.coumt.outputs", 20, "Context access might be invalid: coumt"),
        (
            "languageservice",
            "    name: build\n",
            "    name: build\n    needs: [biuld]\n",
            12,
            "Value 'biuld' is not valid",
        ),
        ("zizmor", "echo", 'echo "${{ github.event.head_commit.message }}"', 28, "template-injection"),
        ("zizmor", "@3d3c42e5aac5ba805825da76410c181273ba90b1  # v7.0.1", "@v7", 23, "unpinned-uses"),
        ("zizmor", "persist-credentials: false", "persist-credentials: true", 22, "artipacked"),
        ("check-jsonschema", "runs-on:", "runs-om:", 0, "is not valid under any of the given schemas"),
    ],
)
def test_bad_workflow_is_found(judge: str, old: str, new: str, line: int, message: str, tmp_path: Path) -> None:
    path = workflow(tmp_path, replaced(GITHUB_GOOD, old, new))
    assert any(found.line == line and message in found.message for found in GITHUB_JUDGES[judge](path)), [
        str(found) for found in GITHUB_JUDGES[judge](path)
    ]


def test_actionlint_takes_labels_of_own_runners(tmp_path: Path) -> None:
    path = workflow(tmp_path, replaced(GITHUB_GOOD, "ubuntu-24.04", "gpu"))
    assert len(tools.actionlint(path)) == 1
    assert tools.actionlint(path, labels=["gpu"]) == []


def test_github_parser_reads_local_workflows(tmp_path: Path) -> None:
    called = "on:\n  workflow_call:\n    inputs:\n      rows: {type: number, required: true}\n"
    write(tmp_path, ".github/workflows/called.yml", called + GITHUB_GOOD[GITHUB_GOOD.index("jobs:") :])
    caller = "on: push\njobs:\n  call:\n    uses: ./.github/workflows/called.yml\n"
    with_input = workflow(tmp_path, caller + "    with: {rows: 1}\n")
    assert [found.message for found in tools.github_parser(with_input)] == []
    without = workflow(tmp_path, caller)
    assert any("rows is required" in found.message for found in tools.github_parser(without))


def test_zizmor_says_what_it_cannot_load(tmp_path: Path) -> None:
    with pytest.raises(tools.ToolError, match="zizmor ended with status"):
        tools.zizmor(workflow(tmp_path, "jobs: ["))


EXPRESSIONS: list[tuple[str, dict[str, Any], Any]] = [
    ("github.ref == 'REFS/HEADS/MAIN'", {"github": {"ref": "refs/heads/main"}}, True),
    ("success() && !cancelled()", {}, True),
    ("needs.a.outputs.rows > 1", {"needs": {"a": {"outputs": {"rows": "2"}}}}, True),
    ("fromJSON('[1, 2]')[1]", {}, 2),
    ("contains(github.event.labels.*.name, 'ci')", {"github": {"event": {"labels": [{"name": "ci"}]}}}, True),
    ("inputs.none || 'x'", {"inputs": {}}, "x"),
]


@pytest.mark.parametrize(("expression", "contexts", "value"), EXPRESSIONS, ids=[case[0] for case in EXPRESSIONS])
def test_github_evaluator_answers(expression: str, contexts: dict[str, Any], value: Any) -> None:
    assert tools.github_evaluator(expression, contexts) == value


@pytest.mark.parametrize("expression", ['"double"', "nowhere.x", "1 +", "nothing()"])
def test_github_evaluator_refuses(expression: str) -> None:
    with pytest.raises(tools.RefusedError):
        tools.github_evaluator(expression, {})


def test_github_evaluator_takes_functions() -> None:
    assert tools.github_evaluator("failure() || hashFiles('uv.lock') == 'x'", {}, {"failure": False, "hashFiles": "x"})


def test_github_evaluator_agrees_with_its_own_test_data() -> None:
    cases = json.loads(corpus("github", "expressions", "op_eq.json").read_text(encoding="utf-8"))
    asked = [one for group in cases.values() for one in group if "result" in one and "err" not in one]
    answers = tools.github_evaluations([(one["expr"], one.get("contexts", {})) for one in asked])
    assert len(asked) > 10
    assert [answer.value for answer in answers] == [one["result"]["value"] for one in asked]


def gitlab(folder: Path, text: str) -> Path:
    return write(folder, ".gitlab-ci.yml", text).parent


def test_check_jsonschema_reads_gitlab_files_with_a_header(tmp_path: Path) -> None:
    good = gitlab(tmp_path, GITLAB_GOOD) / ".gitlab-ci.yml"
    assert tools.check_jsonschema(good, "vendor.gitlab-ci") == []
    bad = gitlab(tmp_path, replaced(GITLAB_GOOD, "image: $[[", "imagine: $[[")) / ".gitlab-ci.yml"
    (found,) = tools.check_jsonschema(bad, "vendor.gitlab-ci")
    assert found.path == str(bad)
    assert "build" in found.message


def test_gitlab_ci_local_lists_what_the_rules_leave(tmp_path: Path) -> None:
    folder = gitlab(tmp_path, GITLAB_GOOD)
    scheduled = tools.gitlab_ci_local_list(folder, {"CI_PIPELINE_SOURCE": "schedule"})
    assert [(job["name"], job["stage"]) for job in scheduled] == [("build", "build"), ("nightly", "test")]
    assert scheduled[1]["needs"][0]["job"] == "build"
    assert [job["name"] for job in tools.gitlab_ci_local_list(folder, {"CI_PIPELINE_SOURCE": "push"})] == ["build"]


def test_gitlab_ci_local_expands(tmp_path: Path) -> None:
    (preview,) = tools.read_yaml2(tools.gitlab_ci_local_preview(gitlab(tmp_path, GITLAB_GOOD)))
    assert preview["build"]["image"]["name"] == "python:3.12-slim"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("stage: test", "stage: tests", "stage:tests not found for nightly"),
        ("needs: [build]", "needs: [biuld]", "biuld"),
        ('== "schedule"', '== "schedule', "Error attempting to evaluate the following rules"),
        ("script: [make test]", "scripts: [make test]", "nightly"),
    ],
)
def test_gitlab_ci_local_refuses(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(tools.RefusedError) as refusal:
        tools.gitlab_ci_local_list(gitlab(tmp_path, replaced(GITLAB_GOOD, old, new)))
    assert message in str(refusal.value)


def test_time_limit_ends_everything() -> None:
    with pytest.raises(tools.ToolError, match=r"bash did not end within 0\.5 s"):
        tools.run(["bash", "-c", "trap '' TERM; sleep 60 & wait; sleep 60"], limit=0.5)


def test_argo_admission(tmp_path: Path) -> None:
    definitions = corpus("argo", "schema")
    assert tools.argo_admission([write(tmp_path, "good.yaml", ARGO_GOOD)], definitions) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("entrypoint:", "entrypoit:", 'unknown field "spec.entrypoit"'),
        ("name: churn", "name: Churn_1", "metadata.name: Invalid value"),
        ("name: churn", "name: churn\n  name: twice", 'key "name" already set in map'),
        ("cpu: 500m", "cpu: half", "spec.templates[1].container.resources.limits.cpu: Invalid value"),
        ("command: [python]", "command: [y]", "must be of type string"),
        ("depends: a.Succeeded", "depends: a, dependencies: [a]", "cannot use both 'depends' and 'dependencies'"),
        ("kind: WorkflowTemplate", "kind: WorkflowTemplat", "no definition of WorkflowTemplat.argoproj.io"),
    ],
)
def test_argo_admission_refuses(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path, "bad.yaml", replaced(ARGO_GOOD, old, new))
    found = tools.argo_admission([path], corpus("argo", "schema"))
    assert any(message in one.message for one in found), [str(one) for one in found]


ARGO_LINKED = """\
apiVersion: argoproj.io/v1alpha1
kind: CronWorkflow
metadata:
  name: nightly
spec:
  schedules: ["0 2 * * *"]
  workflowSpec:
    entrypoint: main
    arguments: {parameters: [{name: rows, value: "1"}]}
    volumes: [{name: scratch, emptyDir: {}}]
    templates:
      - name: main
        dag:
          tasks:
            - {name: a, template: make}
            - name: b
              templateRef: {name: churn, template: work}
              depends: a.Succeeded
            - name: c
              template: use
              depends: a && b
              arguments:
                artifacts: [{name: data, from: "{{tasks.a.outputs.artifacts.data}}"}]
      - name: make
        container:
          image: python:3.12-slim
          command: [make, "{{workflow.parameters.rows}}"]
          volumeMounts: [{name: scratch, mountPath: /scratch}]
        outputs: {artifacts: [{name: data, path: /data}]}
      - name: use
        inputs: {artifacts: [{name: data, path: /data}]}
        container: {image: python:3.12-slim, command: [cat, "{{inputs.artifacts.data.path}}"]}
"""


def argo_set(folder: Path, linked: str) -> list[Path]:
    return [write(folder, "template.yaml", ARGO_GOOD), write(folder, "nightly.yaml", linked)]


def test_argo_references(tmp_path: Path) -> None:
    paths = argo_set(tmp_path, ARGO_LINKED)
    assert tools.argo_references(paths) == []
    assert tools.argo_admission(paths, corpus("argo", "schema")) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("entrypoint: main", "entrypoint: mian", "entrypoint names no template: 'mian'"),
        ("template: make", "template: maek", "task 'a': no template 'maek'"),
        ("name: churn", "name: chrun", "task 'b': no template {'name': 'chrun', 'template': 'work'}"),
        ("depends: a.Succeeded", "depends: d.Succeeded", "task 'b': depends on 'd', which is no task"),
        ("depends: a.Succeeded", "depends: a.Done", "task 'b': depends on a.Done, which is no result"),
        ("depends: a.Succeeded", "depends: c", "a cycle: "),
        ("name: b\n", "name: a\n", "two tasks named 'a'"),
        ("[{name: data, from:", "[{name: date, from:", "task 'c': artifact 'data' of template 'use' is not given"),
        ("outputs.artifacts.data", "outputs.artifacts.date", "no variable 'tasks.a.outputs.artifacts.date'"),
        ("workflow.parameters.rows", "workflow.parameters.row", "no variable 'workflow.parameters.row'"),
        ("inputs.artifacts.data.path", "inputs.artifact.data.path", "no variable 'inputs.artifact.data.path'"),
        ("[{name: scratch, mountPath", "[{name: scrach, mountPath", "no volume 'scrach'"),
    ],
)
def test_argo_references_finds(old: str, new: str, message: str, tmp_path: Path) -> None:
    found = tools.argo_references(argo_set(tmp_path, replaced(ARGO_LINKED, old, new)))
    assert any(message in one.message for one in found), [str(one) for one in found]


def test_argo_lint(tmp_path: Path) -> None:
    assert tools.argo_lint(argo_set(tmp_path, ARGO_LINKED)) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("entrypoint: main", "entrypoit: main", 'unknown field "spec.workflowSpec.entrypoit"'),
        ("template: make", "template: maek", "template name 'maek' undefined"),
        ("name: churn", "name: chrun", "template reference chrun.work not found"),
        ("depends: a.Succeeded", "depends: a.Done", "task result 'Done' for task 'a' is invalid"),
        ("depends: a.Succeeded", "depends: c", "templates.main sorting failed"),
        ("workflow.parameters.rows", "workflow.parameters.row", "failed to resolve {{workflow.parameters.row}}"),
        ("outputs.artifacts.data", "outputs.artifacts.date", "failed to resolve {{tasks.a.outputs.artifacts.date}}"),
    ],
)
def test_argo_lint_finds(old: str, new: str, message: str, tmp_path: Path) -> None:
    found = tools.argo_lint(argo_set(tmp_path, replaced(ARGO_LINKED, old, new)))
    assert any(message in one.message for one in found), [str(one) for one in found]


def test_hadolint(tmp_path: Path) -> None:
    assert tools.hadolint(write(tmp_path, "Dockerfile", DOCKERFILE_GOOD)) == []
    bad = write(tmp_path, "Dockerfile", replaced(DOCKERFILE_GOOD, "python:3.12-slim", "python"))
    assert [(one.line, one.message[-8:]) for one in tools.hadolint(bad)] == [(1, "(DL3006)")]


def test_shellcheck() -> None:
    assert tools.shellcheck('set -eu\necho "$HOME"\n', "sh") == []
    (found,) = tools.shellcheck("set -eu\necho $HOME\n", "sh")
    assert (found.line, found.message[-8:]) == (2, "(SC2086)")
    assert tools.shellcheck("a=(1 2)\necho ${a[0]}\n", "sh") != []


def test_yaml_readers_agree_on_what_is_quoted() -> None:
    nasty = [
        "y",
        "1e3",
        "0o7",
        "08",
        "1,000",
        "12:30",
        "on",
        ":x",
        "2020-01-01",
        "null",
        "~",
        "0x1f",
        "1_000",
        ".nan",
        "",
    ]
    text = json.dumps({"values": nasty, "on": "x"})
    for name, read in tools.READERS.items():
        assert read(text) == [{"values": nasty, "on": "x"}], name


@pytest.mark.parametrize(
    ("text", "gitlab", "github", "argo"),
    [
        ("y", "y", "y", True),
        ("1e3", "1e3", 1000, 1000),
        ("0o7", "0o7", 7, 7),
        ("08", "08", 8, 8),
        ("1,000", 1000, "1,000", "1,000"),
        ("12:30", 45000, "12:30", "12:30"),
        (":x", "!Symbol x", ":x", ":x"),
    ],
)
def test_yaml_readers_differ(text: str, gitlab: Any, github: Any, argo: Any) -> None:
    read = {name: reader(f"- {text}\n")[0][0] for name, reader in tools.READERS.items()}
    assert read == {"gitlab": gitlab, "github": github, "argo": argo}


@pytest.mark.parametrize("reader", tools.READERS)
def test_yaml_readers_read_every_document_and_refuse(reader: str) -> None:
    assert tools.READERS[reader]("a: x\n---\nb: [z]\n") == [{"a": "x"}, {"b": ["z"]}]
    with pytest.raises(tools.RefusedError):
        tools.READERS[reader]("a: [")


def test_psych_reads_references() -> None:
    assert tools.read_psych("a: !reference [.b, script]\n") == [{"a": {"!reference": [".b", "script"]}}]


def test_missing_tool_skips_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADRACE_TOOLS", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="actionlint is not installed"):
        tools.require("git", "actionlint")
