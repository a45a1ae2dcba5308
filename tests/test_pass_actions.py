"""Keys beside the action of a job, from the manifest to each target: what has no use is refused, the rest arrives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler import ir
from tests.conformance.cases import Lowered, Output, emit, lower
from tests.gitlab_project import emit as emit_gitlab
from tests.gitlab_project import job, need

BUILD = "build: {file: Dockerfile, publish: {repository: app}}"


def compiled(folder: Path, text: str) -> Lowered:
    (folder / "headrace.yaml").write_text("version: 1\nname: keys\n" + text, encoding="utf-8")
    (folder / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    return lower(folder, "headrace.yaml")


def document(output: Output) -> Any:
    (text, *_) = output.yaml.values()
    *_, found = (one for one in yaml.safe_load_all(text) if one.get("kind", "WorkflowTemplate") == "WorkflowTemplate")
    return found


def test_what_the_job_itself_says_is_refused_at_its_key(tmp_path: Path) -> None:
    found = compiled(tmp_path, "jobs:\n  a:\n    call: other\n    outputs: [x]\n    env: {A: b}\npipelines: {}\n").found
    excluded = [one for one in found if one.code.name == "keys-exclude"]
    assert [one.message for one in excluded] == [
        '"outputs" means nothing to "a", which calls a pipeline',
        '"env" means nothing to "a", which calls a pipeline',
    ]
    assert [one.span.text for one in excluded if one.span] == ["[x]", "{A: b}"]


def test_what_a_template_or_the_defaults_say_goes_to_jobs_that_have_use_for_it(tmp_path: Path) -> None:
    text = (
        "defaults: {working_directory: sub, environment: {python: '3.12'}}\n"
        "templates: {common: {shell: bash, outputs: [x], timeout: 5m}}\n"
        f"jobs:\n  a: {{extends: common, {BUILD}}}\n  b: {{extends: common, run: x}}\n"
    )
    found = compiled(tmp_path, text)
    assert [one for one in found.found if one.severity == "error"] == []
    by_name = {one.name: one for one in found.project.pipelines[0].jobs}
    assert (by_name["a"].outputs, by_name["a"].shell, by_name["a"].timeout) == ((), None, 300)
    assert (by_name["b"].outputs[0].path, by_name["b"].shell) == (("x",), "bash")  # type: ignore[union-attr]


def test_a_build_takes_the_secrets_of_its_job(tmp_path: Path) -> None:
    found = compiled(tmp_path, f"secrets: {{TOKEN: {{}}}}\njobs:\n  a: {{{BUILD}, secrets: [TOKEN]}}\n")
    (one,) = found.project.pipelines[0].jobs
    assert isinstance(one.action, ir.BuildImage)
    assert [use.secret for use in one.action.build.secrets] == ["TOKEN"]
    assert one.secrets == ()
    assert "--secret id=TOKEN" in "\n".join(document(emit(found.project, "gitlab"))["a"]["script"])


def test_a_call_is_not_ended_after_an_hour(tmp_path: Path) -> None:
    text = (
        "jobs:\n  a: {call: long, lock: line}\n  b: {run: x, timeout: 5h}\n"
        "pipelines: {main: {on: manual, jobs: [a]}, long: {on: call, jobs: [b]}}\n"
    )
    templates = document(emit(compiled(tmp_path, text).project, "argo"))["spec"]["templates"]
    (call,) = (one for one in templates if "resource" in one)
    assert "activeDeadlineSeconds" not in call
    assert call["synchronization"] == {"mutexes": [{"name": "keys-line"}]}


def test_calls_take_turns_on_gitlab() -> None:
    matrix = ir.Matrix(axes=(("fold", ("0", "1")),), max_parallel=1)
    fields: dict[str, Any] = {"action": ir.Call(pipeline="other"), "environment": None}
    made = emit_gitlab(
        job("a", **fields, lock=ir.Lock(name="line")),
        job("b", **fields, matrix=matrix),
        job("c", **fields, retry=ir.Retry(max=1)),
    )
    assert made["a"]["resource_group"] == "line"
    assert made["b"]["resource_group"] == "b-$CI_PIPELINE_ID-0"
    assert 'GitLab CI can\'t try "c" again: it calls a pipeline' in made.messages


def test_a_deployment_is_tried_again_on_gitlab() -> None:
    deploy = ir.Deploy(platform="apply", documents=("app.yaml",), cluster="eu")
    made = emit_gitlab(job("a", action=deploy, environment=None, retry=ir.Retry(max=5)))
    (line,) = made["a"]["script"]
    assert line.startswith('python3 -I -c "$HEADRACE_RETRY" --max 5 --on failure,timeout --timeout 3600 -- sh -euc ')
    assert '"$HEADRACE_DEPLOY"' in line
    assert made.codes.count("HR4103") == 0


def test_switches_reach_what_is_tried_again_on_gitlab() -> None:
    fast = ir.Ref(kind="parameters", name="fast")
    action = ir.Exec(argv=(("python",), ("train.py",)), switches=(ir.Switch(when=fast, word="--fast"),), switches_at=2)
    made = emit_gitlab(
        job("a", action=action, retry=ir.Retry(max=5)),
        parameters=(ir.Parameter(name="fast", type="bool", default="true"),),
    )
    (line,) = (one for one in made["a"]["script"] if "HEADRACE_RETRY" in one)
    assert line.index("set --") < line.index("--fast") < line.index('python train.py "$@"')


def test_a_build_gets_archives_and_waits_for_its_sidecars_on_gitlab() -> None:
    build = ir.BuildImage(build=ir.Build(), publish=ir.Publish(repository=("app",)))
    made = emit_gitlab(
        job("a", outputs=(ir.ChangedFiles(paths=("src",)),)),
        job(
            "b",
            action=build,
            environment=None,
            needs=(need("a"),),
            sidecars=(ir.Sidecar(name="db", image=("redis",), port=6379),),
        ),
    )
    lines = "\n".join(made["b"]["before_script"])
    assert "tar -xf .headrace/changed/a.0.tar" in lines
    assert "headrace_answers db 6379" in lines


@pytest.mark.parametrize("reader", ["run", "build"])
def test_what_lies_in_a_store_needs_python_to_arrive_on_gitlab(reader: str) -> None:
    alpine = ir.Environment(name="plain", image=("alpine:3.22",))
    fields: dict[str, Any] = {"environment": alpine}
    if reader == "build":
        fields = {"environment": None, "action": ir.BuildImage(build=ir.Build(), publish=ir.Publish())}
    made = emit_gitlab(
        job("a", outputs=(ir.Artifact(path=("big",), store="lake"),)),
        job("b", needs=("a",), **fields),
        stores=(ir.Store(name="lake", kind="s3", url="s3://lake"),),
    )
    assert '"b" uses store, for which its image needs Python' in made.messages


@pytest.mark.parametrize(
    ("deploy", "message"),
    [
        ("platform: gitops", '"a" deploys by a commit, but no `branch` is named to commit to'),
        ("platform: gitops, branch: live, health: /x", "`health` means nothing to `platform: gitops`: the job ends with its commit"),
        ("platform: gitops, branch: live, cluster: eu", "`cluster` means nothing to `platform: gitops`: what watches the branch knows its cluster"),
        ("platform: apply, message: go", "`message` is for `platform: gitops`: apply commits nothing"),
        ("platform: kserve, restart: true", "`restart` is for what kubectl rolls out itself, not for kserve"),
        ("platform: apply, url: 'https://a.example.com'", '"a" says an address, but no deployment environment that has it'),
    ],
)  # fmt: skip
def test_a_deployment_says_what_its_platform_has(deploy: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text("kind: ConfigMap\n", encoding="utf-8")
    found = compiled(tmp_path, f"jobs: {{a: {{deploy: {{{deploy}, documents: [app.yaml]}}}}}}\n").found
    assert [one.message for one in found if one.severity == "error"] == [message]


def test_outputs_are_kept_per_leg_where_there_are_legs(tmp_path: Path) -> None:
    found = compiled(tmp_path, "jobs: {a: {run: x, outputs: [{path: o, per: leg}]}}\n").found
    assert [(one.code.name, one.message) for one in found] == [
        ("bad-legs", '"a" has no matrix, so no legs to keep outputs of')
    ]


def said(folder: Path, text: str, code: str) -> list[str]:
    return [one.message for one in compiled(folder, text).found if one.code.name == code]


def test_a_store_says_nothing_that_its_kind_has_no_use_for(tmp_path: Path) -> None:
    stores = "  lake: {kind: s3, url: s3://lake, mount: /lake}\n  large: {kind: lfs, url: x}\n  disk: {kind: pvc, mount: /d}\n"
    text = f"stores:\n{stores}jobs: {{a: {{run: x}}}}\n"
    assert said(tmp_path, text, "keys-exclude") == [
        "`mount` means nothing to a store of kind s3",
        "`url` means nothing to a store of kind lfs",
    ]


def test_groups_of_a_generated_image_need_an_installer_that_has_them(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("", encoding="utf-8")
    made = "groups: [dev], extras: [gpu], build: {generate: true}, publish: {repository: app}"
    text = f"environments: {{e: {{python: '3.12', install: pip, {made}}}}}\njobs: {{a: {{run: x}}}}\n"
    assert said(tmp_path, text, "keys-exclude") == [
        "`groups` means nothing to `install: pip`",
        "`extras` means nothing to `install: pip`",
    ]


LEGS = "matrix: {version: [a, b], kind: [c]}"


@pytest.mark.parametrize(
    "publish",
    [
        "{repository: app}",
        "{repository: app, tags: [latest]}",
        "{repository: app, tags: ['{{ matrix.version }}', latest]}",
        "{repository: app, tags: ['{{ matrix.kind }}']}",
        "{repository: 'app-{{ matrix.kind }}', tags: [commit]}",
    ],
)
def test_legs_that_push_one_image_collide(publish: str, tmp_path: Path) -> None:
    text = f"jobs:\n  a: {{{LEGS}, build: {{file: Dockerfile, publish: {publish}}}}}\n"
    assert said(tmp_path, text, "legs-collide") == ['the legs of "a" all push one image']


@pytest.mark.parametrize(
    "build",
    [
        "{file: Dockerfile}",
        "{file: Dockerfile, publish: {repository: app, tags: ['{{ matrix.version }}-x', commit]}}",
        "{file: Dockerfile, publish: {repository: 'app-{{ matrix.version }}', tags: [latest]}}",
    ],
)
def test_legs_that_are_told_apart_push_their_own(build: str, tmp_path: Path) -> None:
    assert said(tmp_path, f"jobs:\n  a: {{{LEGS}, build: {build}}}\n", "legs-collide") == []


def test_legs_that_push_an_image_for_jobs_collide_at_their_matrix(tmp_path: Path) -> None:
    publish = "publish: {repository: app, tags: ['{{ matrix.version }}']}"
    text = (
        "environments: {e: {build: {file: Dockerfile}}}\n"
        f"jobs:\n  a: {{{LEGS}, build: {{environment: e, {publish}}}}}\n  b: {{run: x, environment: e}}\n"
    )
    (one,) = [one for one in compiled(tmp_path, text).found if one.code.name == "legs-collide"]
    assert one.message == '"a" pushes an image for each leg, and jobs run in it or deploy it as in one'
    assert one.span is not None
    assert one.span.text == "matrix"


def test_the_login_of_an_image_that_github_built_is_used_or_said(tmp_path: Path) -> None:
    def job_and_notes(registry: str) -> tuple[Any, list[str]]:
        text = (
            "secrets: {login: {}}\n"
            f"environments: {{e: {{build: {{file: Dockerfile}}, publish: {{repository: app, {registry}}}, credentials: login}}}}\n"
            "jobs: {a: {run: x, environment: e}}\n"
        )
        output = emit(compiled(tmp_path, text).project, "github")
        assert not output.failed
        (made,) = output.yaml.values()
        return yaml.safe_load(made)["jobs"]["a"], [one.message for one in output.found]

    made, notes = job_and_notes("registry: quay.io/shop")
    assert made["container"]["credentials"]["password"] == "${{ secrets.login_PASSWORD }}"
    assert any("login_USERNAME and login_PASSWORD" in note for note in notes)
    made, notes = job_and_notes("tags: [latest]")
    assert made["container"]["credentials"]["password"] == "${{ secrets.GITHUB_TOKEN }}"
    assert any("and not by `credentials`" in note for note in notes)
