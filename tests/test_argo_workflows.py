"""Whole pipelines: images, deployments, size, support, overlays."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from compiler import ir
from compiler.features import Feature
from compiler.target import Emulated, Unsupported
from compiler.yamlwriter import write_documents
from targets import argo
from tests.argo_cases import Made, event_is, folds, job, make, need, settings

REGISTRY = settings(registry="registry.example.com/ml")
IMAGE = (ir.Ref(kind="images", name="serve"),)
OUT = ir.Artifact(path=("out",))


def build(*tags: Any, **more: Any) -> ir.Job:
    publish = ir.Publish(repository=("churn",), tags=tags) if tags else None
    action = ir.BuildImage(build=ir.Build(file="Dockerfile", **more), publish=publish, environment="serve")
    return job("build-serve", action=action, environment=None)


def pushed(made: Made, tmp_path: Path, **env: str) -> list[str]:
    """The arguments that a build hands to BuildKit."""
    tool = tmp_path / "bin" / "buildctl-daemonless.sh"
    tool.parent.mkdir(exist_ok=True)
    tool.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@" > "$OUT"\nprintf \'{"containerimage.digest": "sha256:ab12"}\' > "$META"\n'
    )
    tool.chmod(0o755)
    source = (
        made.source("build-serve")
        .replace("/tmp/metadata.json", str(tmp_path / "meta"))
        .replace("/tmp/digest", str(tmp_path / "digest"))
    )
    known = {
        "PATH": f"{tool.parent}:/usr/bin:/bin",
        "OUT": str(tmp_path / "out"),
        "META": str(tmp_path / "meta"),
        "HEADRACE_GIT_COMMIT": "c0ffee",
    }
    subprocess.run(["sh", "-eu", "/dev/stdin"], input=source, env={**known, **env}, check=True, text=True)
    assert (tmp_path / "digest").read_text().strip() == "sha256:ab12"
    return (tmp_path / "out").read_text().splitlines()


def test_builds_are_rootless_and_pushed_with_every_tag(tmp_path: Path) -> None:
    made = make(build(("commit",), ("branch",), ("latest",)), given=REGISTRY)
    body = made.template("build-serve")["script"]
    assert body["image"] == "moby/buildkit:v0.32.2-rootless"
    assert body["securityContext"] == {
        "runAsUser": 1000,
        "runAsGroup": 1000,
        "seccompProfile": {"type": "Unconfined"},
        "appArmorProfile": {"type": "Unconfined"},
    }
    known = {"HEADRACE_GIT_BRANCH": "feature/A b", "HEADRACE_GIT_TAG": "", "HEADRACE_GIT_DEFAULT_BRANCH": "main"}
    image = "registry.example.com/ml/churn"
    arguments = pushed(made, tmp_path, **known)
    assert f'--output=type=image,"name={image}:c0ffee,{image}:feature-A-b",push=true' in arguments
    assert "--opt=attest:provenance=mode=max" in arguments
    arguments = pushed(made, tmp_path, **{**known, "HEADRACE_GIT_BRANCH": "main"})
    assert f'--output=type=image,"name={image}:c0ffee,{image}:main,{image}:latest",push=true' in arguments


def test_change_requests_build_without_pushing(tmp_path: Path) -> None:
    made = make(build(("commit",)), given=REGISTRY, triggers=(ir.OnPush(), ir.OnChangeRequest()))
    there = pushed(made, tmp_path, HEADRACE_EVENT="change_request")
    assert not [one for one in there if "push" in one or "export-cache" in one]
    assert [one for one in pushed(made, tmp_path, HEADRACE_EVENT="push") if "push=true" in one]


def test_build_arguments_and_secrets_are_exact(tmp_path: Path) -> None:
    rate = ir.Ref(kind="parameters", name="rate")
    made = make(
        build(
            ("commit",),
            args=(ir.EnvVar(name="A", value=("x y $HOME ", rate)),),
            secrets=(ir.SecretUse(secret="TOKEN"),),
            target="serve",
        ),
        given=REGISTRY,
        parameters=(ir.Parameter(name="rate"),),
        whole={"secrets": (ir.Secret(name="TOKEN"),)},
    )
    arguments = pushed(made, tmp_path, HEADRACE_PARAM_RATE="0 1;id")
    assert "--opt=build-arg:A=x y $HOME 0 1;id" in arguments
    assert "--secret=id=TOKEN,env=TOKEN" in arguments
    assert "--opt=target=serve" in arguments
    assert made.variables("build-serve")["TOKEN"] == {"secretKeyRef": {"name": "churn", "key": "TOKEN"}}


def test_users_run_in_what_the_build_pushed() -> None:
    made = make(
        build(), job("smoke", "build-serve", environment=ir.Environment(name="serve", image=IMAGE)), given=REGISTRY
    )
    image = "registry.example.com/ml/churn/serve"
    assert made.template("smoke")["script"]["image"] == image + ":{{workflow.outputs.parameters.commit}}"
    assert f"image={image}\n" in made.source("build-serve")
    assert made.workflow()["spec"]["imagePullSecrets"] == [{"name": "churn-registry"}]


ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.mark.parametrize("provider", ["aws", "gcp", "azure"])
def test_a_pods_own_identity_signs_in_before_the_build(provider: Any) -> None:
    """The cluster says who the pod is; the login is in memory, and there is none on a change request."""
    by = ir.Identity(name="Pusher", provider=provider, settings=(("role", "arn:r"),))
    publish = ir.Publish(registry=ECR if provider == "aws" else "x.example", identity="Pusher")
    built = build().replace(action=ir.BuildImage(build=ir.Build(), environment="serve", publish=publish))
    user = job("smoke", "build-serve", environment=ir.Environment(name="serve", image=IMAGE))
    made = make(built, user, whole={"identities": (by,)}, triggers=(ir.OnPush(), ir.OnChangeRequest()))
    assert made.errors == []
    template = made.template("build-serve")
    assert template["serviceAccountName"] == "pusher"
    assert ("azure.workload.identity/use" in template.get("metadata", {}).get("labels", {})) is (provider == "azure")
    (login,) = template["initContainers"]
    (held,) = [one for one in template["volumes"] if one["name"] == "registry"]
    assert held["emptyDir"]["medium"] == "Memory"
    assert login["volumeMounts"] == [{"name": "registry", "mountPath": "/home/user/.docker"}]
    assert {"name": "registry", "mountPath": "/home/user/.docker", "readOnly": True} in template["script"][
        "volumeMounts"
    ]
    assert login["securityContext"]["runAsUser"] == template["script"]["securityContext"]["runAsUser"] == 1000
    host = publish.registry
    assert login["command"][2] == (
        'if [ "$HEADRACE_EVENT" != change_request ]; then python3 -I -c "$HEADRACE_LOGIN" '
        f"{provider} --registry={host} --to=/home/user/.docker/config.json; fi"
    )
    assert "imagePullSecrets" not in made.workflow()["spec"]  # nodes pull by a right of their own


def test_an_identity_that_is_no_login_is_an_error() -> None:
    by = ir.Identity(name="p", provider="kubernetes", settings=(("service_account", "s"),))
    publish = ir.Publish(registry=ECR, identity="p")
    built = build().replace(action=ir.BuildImage(build=ir.Build(), environment="serve", publish=publish))
    (error,) = make(built, whole={"identities": (by,)}).errors
    assert error.startswith("HR4013")


def test_an_image_without_a_registry_is_an_error() -> None:
    assert make(build(("commit",))).errors == ['HR4301 no registry is named for the image "serve"']


def test_deployments_set_the_digest_that_was_built(tmp_path: Path) -> None:
    action = ir.Deploy(platform="kubernetes", documents=("deploy/a b.yaml",), image="serve", namespace="prod")
    made = make(build(("commit",)), job("deploy", "build-serve", action=action, environment=None), given=REGISTRY)
    image = "registry.example.com/ml/churn@{{workflow.outputs.parameters.digest-serve}}"
    assert made.variables("deploy")["HEADRACE_IMAGE_SERVE"] == image
    assert made.template("build-serve")["outputs"]["parameters"][0]["globalName"] == "digest-serve"
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "a b.yaml").write_text("image: headrace.invalid/serve\n")
    tool = tmp_path / "bin" / "kubectl"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\necho "$*" >> "$OUT"; cat >> "$OUT"; echo \'{"kind": "List", "items": []}\'\n')
    tool.chmod(0o755)
    env = {name: value for name, value in made.variables("deploy").items() if isinstance(value, str)}
    env["HEADRACE_IMAGE_SERVE"] = f"registry.example.com/ml/churn@sha256:{'ab' * 32}"
    env |= {"PATH": f"{tool.parent}:{os.environ['PATH']}", "OUT": str(tmp_path / "out")}
    subprocess.run(
        ["sh", "-eu", "/dev/stdin"], input=made.source("deploy"), cwd=tmp_path, env=env, check=True, text=True
    )
    applied = (tmp_path / "out").read_text()
    assert applied.startswith("--namespace=prod apply")
    assert f"image: {env['HEADRACE_IMAGE_SERVE']}\n" in applied


def test_another_cluster_is_a_context_of_a_kubeconfig() -> None:
    action = ir.Deploy(platform="apply", documents=("x.yaml",), cluster="West")
    made = make(job("deploy", action=action, environment=None))
    assert made.variables("deploy")["KUBECONFIG"] == "/headrace/cluster/config"
    assert made.template("deploy")["volumes"][0]["secret"]["secretName"] == "west"
    assert "--context=West" in made.source("deploy")
    assert made.template("deploy")["script"]["image"] == "alpine/k8s:1.34.1"


def test_gitops_commits_to_a_branch(tmp_path: Path) -> None:
    remote, work = tmp_path / "remote.git", tmp_path / "work"
    action = ir.Deploy(platform="gitops", documents=("deploy/x.yaml",), branch="env/prod", repository=str(remote))
    made = make(job("push", action=action, environment=None), given=settings(options={"credentials": "login"}))
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    (work / "deploy").mkdir(parents=True)
    for content in ("a: 1\n", "a: 2\n", "a: 2\n"):
        (work / "deploy" / "x.yaml").write_text(content)
        source = made.source("push").replace("/tmp/askpass", str(tmp_path / "askpass"))
        script = made.variables("push")["HEADRACE_DEPLOY"]
        env = {**os.environ, "HEADRACE_DEPLOY": script.replace("$$", "$")}
        subprocess.run(
            ["sh", "-eu", "/dev/stdin"], input=source, cwd=work, env=env, check=True, text=True, capture_output=True
        )
    shown = subprocess.run(
        ["git", "show", "env/prod:deploy/x.yaml"], cwd=remote, check=True, capture_output=True, text=True
    )
    assert shown.stdout == "a: 2\n"


def test_a_deployment_without_documents_is_an_error() -> None:
    action = ir.Deploy(platform="kubernetes")
    assert [found[:6] for found in make(job("d", action=action, environment=None)).errors] == ["HR4310"]


# ----------------------------------------------------------------------------------------------------------------- size


def chain(count: int, size: int = 10, **more: Any) -> list[ir.Job]:
    return [job(f"j{n}", *([f"j{n - 1}"] if n else []), run="x" * size, **more) for n in range(count)]


def sizes(made: Made) -> list[tuple[int, int, int]]:
    found = []
    for one in made.kind("WorkflowTemplate"):
        templates = one["spec"]["templates"]
        found.append(
            (len(json.dumps(one)), len(templates), max(len(t["dag"]["tasks"]) for t in templates if "dag" in t))
        )
    return found


def test_what_fits_is_one_object() -> None:
    assert len(make(*chain(180)).kind("WorkflowTemplate")) == 1


@pytest.mark.parametrize(("count", "size"), [(201, 10), (150, 9_000), (1000, 3_000)])
def test_what_does_not_fit_is_split(count: int, size: int) -> None:
    made = make(*chain(count, size), parameters=(ir.Parameter(name="rate", default="1"),))
    assert made.errors == []
    assert made.codes == ["HR4008"]
    assert all(
        held <= argo.LIMITS["object_bytes"] and templates <= argo.LIMITS["templates"] and tasks <= argo.LIMITS["tasks"]
        for held, templates, tasks in sizes(made)
    )
    names = [name for one in made.kind("WorkflowTemplate") for name in made.tasks(one["metadata"]["name"])]
    assert {f"j{n}" for n in range(count)} <= set(names)


def test_parts_run_in_order_and_share_the_run() -> None:
    made = make(
        *chain(300, outputs=()), job("last", "j0", "j299"), parameters=(ir.Parameter(name="rate", default="1"),)
    )
    parts = [name for name in made.tasks() if "-part-" in name]
    assert made.task(parts[0])["depends"] == "source.Succeeded"
    assert f"{parts[0]}.Succeeded" in made.task(parts[1])["depends"]
    manifest = made.template(parts[1])["resource"]["manifest"]
    for name in ("rate", "repository", "commit", "run"):
        assert f"- name: {name}\n" in manifest
    part = made.workflow(parts[1])
    inputs = part["spec"]["templates"][1]["inputs"]["artifacts"]
    assert inputs[0]["s3"]["key"] == "{{workflow.parameters.run}}/source.tgz"
    assert "source" not in made.tasks(parts[1])


def test_conditions_hold_across_parts() -> None:
    jobs = chain(300)
    jobs[0] = jobs[0].replace(condition=event_is("push"))
    made = make(*jobs)
    parts = [name for name in made.tasks() if "-part-" in name]
    assert made.tasks(parts[0])["j0"]["when"] == "{{= workflow.parameters.event == 'push' }}"
    first = next(iter(made.tasks(parts[1]).values()))
    assert first["when"] == "{{= workflow.parameters.event == 'push' }}"


def test_what_always_runs_waits_for_the_parts_end() -> None:
    made = make(*chain(300), job("clean", "j0", "j299", run_on="always"))
    assert made.errors == []
    last = [name for name in made.tasks() if "-part-" in name][-1]
    assert "clean" in made.tasks(last)
    assert ".Failed" in made.task(last)["depends"]
    assert made.template(made.task("end")["template"])["suspend"] == {"duration": "0"}


def test_what_runs_on_failure_asks_other_parts_how_jobs_ended() -> None:
    jobs = chain(300)
    jobs[7] = jobs[7].replace(allow_failure=True)
    made = make(*jobs, job("tell", "j0", "j7", "j299", run_on="failure"), job("after", "tell", "j0"))
    assert made.errors == []
    first, *_, last = [name for name in made.tasks() if "-part-" in name]
    tell, after = made.tasks(last)["tell"], made.tasks(last)["after"]
    assert tell["depends"] == "outcomes.Succeeded"
    failed = "in ['Failed', 'Error']"
    assert tell["when"] == (
        f"{{{{= tasks.outcomes.outputs.parameters.j0 {failed} || tasks.outcomes.outputs.parameters.j299 {failed} }}}}"
    )
    assert after["depends"] == "tell.Succeeded && outcomes.Succeeded"
    assert after["when"] == "{{= tasks.outcomes.outputs.parameters.j0 == 'Succeeded' }}"
    told = made.tasks(first)["told"]
    assert "j0.Omitted" in told["depends"]
    assert told["arguments"]["parameters"][0]["value"].split("\n")[0] == "j0={{tasks.j0.status}}"
    [left] = made.template("told", first)["outputs"]["artifacts"]
    taken = made.template("outcomes", last)["inputs"]["artifacts"][0]
    assert left["s3"] == taken["s3"] == {"key": "{{workflow.parameters.run}}/outcomes/1"}
    assert taken["optional"] is True
    # What is told would hide a failure from the graph's own outcome.
    assert "end" in made.tasks(first)
    assert ".Omitted" in made.task(last)["depends"]


def test_legs_tell_how_they_ended_one_by_one() -> None:
    jobs = [job("train", matrix=folds()), *chain(300), job("tell", "train", "j299", run_on="failure")]
    made = make(*jobs)
    last = [name for name in made.tasks() if "-part-" in name][-1]
    when = made.tasks(last)["tell"]["when"]
    assert all(f"['train-fold-{fold}'] in ['Failed', 'Error']" in when for fold in range(3))


def test_what_a_job_that_may_fail_left_in_another_part_is_taken_where_it_did_not() -> None:
    loose = job("loose", allow_failure=True, outputs=(OUT,))
    made = make(loose, *chain(300), job("late", "loose", "j299"))
    last = [name for name in made.tasks() if "-part-" in name][-1]
    [ending] = made.tasks(last)["late"]["arguments"]["parameters"]
    assert ending["value"] == "{{=tasks.outcomes.outputs.parameters.loose == 'Succeeded' ? '' : '.failed'}}"
    assert made.tasks(last)["late"]["depends"].endswith("outcomes.Succeeded")


def test_more_questions_than_an_object_holds_are_refused() -> None:
    jobs = [job(f"j{number}") for number in range(6000)]
    found = make(*jobs, job("tell", *(one.name for one in jobs), run_on="failure"))
    assert [one[:6] for one in found.errors] == ["HR4009"]
    assert found.errors[0].startswith('HR4009 "tell" alone takes')


def test_a_job_that_fits_nowhere_is_an_error() -> None:
    assert [found[:6] for found in make(job("a", run="x" * 1_000_000)).errors] == ["HR4009"]


def test_a_cache_across_parts_is_said_to_be_off() -> None:
    jobs = chain(300)
    jobs[0] = jobs[0].replace(cache=ir.Cache(), outputs=(OUT,))
    made = make(*jobs, job("late", "j0", "j299"))
    assert "HR4306" in made.codes
    assert made.errors == []
    kept = make(*[one if one.name != "j0" else jobs[0] for one in chain(300)])
    assert "HR4306" not in kept.codes


def test_ten_thousand_jobs_are_legal() -> None:
    jobs = [job(f"j{n}", *[f"j{m}" for m in {n // 2, n // 3} if m < n]) for n in range(10_000)]
    made = make(*jobs)
    assert made.errors == []
    assert all(held <= 1024 * 1024 and templates <= 200 and tasks <= 200 for held, templates, tasks in sizes(made))


def test_more_parts_than_an_object_starts_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(argo.LIMITS, "tasks", 20)
    made = make(*[job(f"j{n}", *([f"j{n - 1}"] if n % 5 else [])) for n in range(400)])
    assert made.errors == []
    assert all(tasks <= 20 for _, _, tasks in sizes(made))
    groups = [one["metadata"]["name"] for one in made.kind("WorkflowTemplate") if "-group-" in one["metadata"]["name"]]
    assert set(groups) <= set(made.tasks())
    started = {name for group in groups for name in made.tasks(group)}
    assert {
        one["metadata"]["name"] for one in made.kind("WorkflowTemplate") if "-part-" in one["metadata"]["name"]
    } == started


# -------------------------------------------------------------------------------------------------------------- the rest


def test_the_support_table_is_total_and_says_how() -> None:
    assert set(argo.SUPPORT) == set(Feature)
    for feature, support in argo.SUPPORT.items():
        said = (
            support.how
            if isinstance(support, Emulated)
            else support.why
            if isinstance(support, Unsupported)
            else "x" * 20
        )
        assert len(said) >= 20, feature
        assert not said.endswith("."), feature


def test_overlays_are_laid_over_templates_and_the_workflow() -> None:
    overlay = {
        "pipeline": {"spec": {"priority": 10}},
        "jobs": {"train": {"metadata": {"labels": {"team": "ml"}}}},
    }
    made = make(
        job("train", matrix=folds("0", "1")),
        job("b", need("train", legs="same"), matrix=folds("0", "1")),
        given=settings(overlay=overlay),
    )
    assert made.errors == []
    assert made.workflow()["spec"]["priority"] == 10
    for name in ("train-fold-0", "train-fold-1"):
        assert made.template(name)["metadata"] == {"labels": {"team": "ml"}}
    assert "metadata" not in made.template("b-fold-0")


@pytest.mark.parametrize(
    "overlay",
    [
        {"pipeline": {"spec": {"hostNetwork": True}}},
        {"pipeline": {"spec": {"templates": []}}},
        {"jobs": {"a": {"script": {"securityContext": {"privileged": True}}}}},
        {"jobs": {"a": {"script": {"source": "echo {{workflow.parameters.x}}"}}}},
        {"jobs": {"a": {"activeDeadlineSeconds": None}}},
        {"jobs": {"a": {"podSpecPatch": "{}"}}},
    ],
)
def test_overlays_that_undo_a_safety_rule_are_refused(overlay: dict[str, Any]) -> None:
    assert [found[:6] for found in make(job("a"), given=settings(overlay=overlay)).errors] == ["HR4006"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"webhook": "svn"}, 'targets.argo.webhook takes "github" or "gitlab", not "svn"'),
        ({"depth": 0}, "targets.argo.depth takes a number of commits, not 0"),
        ({"namespace": ["a"]}, 'targets.argo.namespace takes text, not ["a"]'),
        ({"credentials": 3}, "targets.argo.credentials takes a secret's name"),
    ],
)
def test_wrong_settings_are_said(options: dict[str, Any], said: str) -> None:
    [found] = make(job("a"), given=settings(options=options)).errors
    assert found.startswith(f"HR4309 {said}")


def test_output_is_the_same_every_time() -> None:
    from tests.argo_cases import constructs

    for name, case in constructs().items():
        first, second = (["".join(write_documents(file.documents)) for file in Made(*case).files] for _ in range(2))
        assert first == second, name


def test_the_folder_is_a_setting() -> None:
    made = make(job("a"), given=settings(output="ci/argo/"))
    assert [file.path for file in made.files] == ["ci/argo/churn.yaml"]
