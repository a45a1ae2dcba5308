"""The deploy script: images go where their placeholder stands, kubectl is asked exactly, a push is a commit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.ir import Deploy
from targets import commands
from targets.runtime import compact
from tests.runtime_scripts import Job, environment

DIGEST = "registry.example/churn@sha256:" + "a" * 64
DOCUMENT = "kind: Deployment\nspec:\n  image: headrace.invalid/serving\n"

# Answers `apply` with the objects of a file beside it, and writes down what it was asked.
KUBECTL = """
import json, sys
from pathlib import Path
here = Path({folder!r})
given = sys.stdin.read() if "apply" in sys.argv else ""
with open(here / "asked.jsonl", "a") as log:
    log.write(json.dumps([sys.argv[1:], given]) + chr(10))
if "apply" in sys.argv:
    print((here / "objects.json").read_text())
sys.exit(json.loads((here / "statuses.json").read_text()).get(sys.argv[-1].partition("/")[0], 0))
"""


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        program = folder / "kubectl"
        program.write_text(f"#!{sys.executable}\n{KUBECTL.format(folder=str(folder))}")
        program.chmod(0o755)
        self.path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        self.answer([])

    def answer(self, objects: list[dict[str, object]], **statuses: int) -> None:
        content = objects[0] if len(objects) == 1 else {"kind": "List", "items": objects}
        (self.folder / "objects.json").write_text(json.dumps(content))
        (self.folder / "statuses.json").write_text(json.dumps(statuses))

    @property
    def asked(self) -> list[list[str]]:
        return [argv for argv, _ in self._log()]

    @property
    def given(self) -> str:
        return str(self._log()[0][1])

    def _log(self) -> list[list[list[str]]]:
        log = self.folder / "asked.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def found(api: str, kind: str, name: str = "churn", namespace: str = "ml") -> dict[str, object]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}}


@pytest.fixture
def job(tmp_path) -> Job:
    job = Job(tmp_path)
    job.write("deploy/churn/kubernetes.yaml", DOCUMENT)
    return job


@pytest.fixture
def cluster(tmp_path) -> Cluster:
    return Cluster(tmp_path / "cluster")


def test_applies_with_the_built_image_and_waits(job: Job, cluster: Cluster) -> None:
    cluster.answer([found("apps/v1", "Deployment"), found("v1", "Service")])
    done = job.run(
        "deploy",
        "apply",
        "--context=agents/prod",
        "--namespace=ml",
        f"--image=headrace.invalid/serving={DIGEST}",
        "deploy/churn/kubernetes.yaml",
        PATH=cluster.path,
    )
    assert done.returncode == 0, done.stderr
    assert cluster.given == DOCUMENT.replace("headrace.invalid/serving", DIGEST)
    assert cluster.asked == [
        ["--context=agents/prod", "--namespace=ml", "apply", "--filename=-", "--output=json"],
        ["--context=agents/prod", "--namespace=ml", "rollout", "status", "--timeout=600s", "deployments.apps/churn"],
    ]
    assert "Service churn is ready" not in done.stdout
    assert "Deployment churn is ready" in done.stdout


@pytest.mark.parametrize(
    ("api", "kind", "condition", "resource"),
    [
        ("serving.knative.dev/v1", "Service", "condition=Ready", "services.serving.knative.dev"),
        ("serving.kserve.io/v1beta1", "InferenceService", "condition=Ready", "inferenceservices.serving.kserve.io"),
        (
            "machinelearning.seldon.io/v1",
            "SeldonDeployment",
            "jsonpath={.status.state}=Available",
            "seldondeployments.machinelearning.seldon.io",
        ),
    ],
)
def test_waits_for_each_platform(
    job: Job, cluster: Cluster, api: str, kind: str, condition: str, resource: str
) -> None:
    cluster.answer([found(api, kind)])
    job.write("plain.yaml", "kind: X\n")
    done = job.run("deploy", "apply", "--within=5", "plain.yaml", PATH=cluster.path)
    assert done.returncode == 0, done.stderr
    assert cluster.asked[1] == ["--namespace=ml", "wait", "--timeout=5s", f"--for={condition}", f"{resource}/churn"]


def test_replaces_what_runs_before_it_waits(job: Job, cluster: Cluster) -> None:
    cluster.answer([found("apps/v1", "Deployment"), found("v1", "Service")])
    job.write("plain.yaml", "kind: X\n")
    done = job.run("deploy", "apply", "--restart", "plain.yaml", PATH=cluster.path)
    assert done.returncode == 0, done.stderr
    assert [argv[:4] for argv in cluster.asked[1:]] == [
        ["--namespace=ml", "rollout", "restart", "deployments.apps/churn"],
        ["--namespace=ml", "rollout", "status", "--timeout=600s"],
    ]


def test_a_rollout_that_fails_fails_the_job(job: Job, cluster: Cluster) -> None:
    cluster.answer([found("apps/v1", "Deployment")], **{"deployments.apps": 1})
    job.write("plain.yaml", "kind: X\n")
    done = job.run("deploy", "apply", "plain.yaml", PATH=cluster.path)
    assert done.returncode == 1
    assert "kubectl ended with status 1" in done.stderr
    assert "ready" not in done.stdout


def test_a_health_url_that_does_not_answer_fails_the_job(job: Job, cluster: Cluster) -> None:
    job.write("plain.yaml", "kind: X\n")
    url = "http://127.0.0.1:9/health"
    done = job.run("deploy", "apply", f"--health={url}", "--within=0.1", "plain.yaml", PATH=cluster.path)
    assert done.returncode == 1
    assert "is not ready within 0.1 s" in done.stderr


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("image: headrace.invalid/a", True),
        ('image: "headrace.invalid/a"', True),
        ("[headrace.invalid/a]", True),
        ("image: headrace.invalid/ab", False),
        ("image: headrace.invalid/a-b", False),
        ("image: headrace.invalid/a:1", False),
        ("image: x.headrace.invalid/a", False),
    ],
)
def test_a_placeholder_is_replaced_where_it_stands_as_a_whole(
    job: Job, cluster: Cluster, text: str, replaced: bool
) -> None:
    job.write("one.yaml", text)
    done = job.run("deploy", "apply", f"--image=headrace.invalid/a={DIGEST}", "one.yaml", PATH=cluster.path)
    if replaced:
        assert done.returncode == 0, done.stderr
        assert cluster.given == text.replace("headrace.invalid/a", DIGEST)
    else:
        assert done.returncode == 1
        assert 'no document holds "headrace.invalid/a"' in done.stderr
        assert not cluster.asked


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("", "is not the reference of an image"),
        ("a b", "is not the reference of an image"),
        ("x\n  evil: true", "is not the reference of an image"),
        ("x@sha256:abc", "is not the reference of an image"),
    ],
)
def test_what_is_no_reference_never_reaches_the_cluster(
    job: Job, cluster: Cluster, reference: str, message: str
) -> None:
    arguments = ("apply", f"--image=headrace.invalid/serving={reference}", "deploy/churn/kubernetes.yaml")
    done = job.run("deploy", *arguments, PATH=cluster.path)
    assert (done.returncode, message in done.stderr, cluster.asked) == (1, True, [])


def test_a_placeholder_without_an_image_never_reaches_the_cluster(job: Job, cluster: Cluster) -> None:
    done = job.run("deploy", "apply", "deploy/churn/kubernetes.yaml", PATH=cluster.path)
    assert done.returncode == 1
    assert 'wants the image "headrace.invalid/serving", which is not given' in done.stderr
    assert not cluster.asked


def test_says_that_kubectl_is_missing(job: Job, tmp_path) -> None:
    job.write("plain.yaml", "kind: X\n")
    done = job.run("deploy", "apply", "plain.yaml", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "kubectl was not found" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["apply", "--branch=x", "a.yaml"],
        ["commit", "a.yaml"],
        ["apply", "/etc/passwd"],
        ["apply", "../a.yaml"],
        ["apply", "--image=x", "a.yaml"],
    ],
)
def test_misuse(job: Job, arguments: list[str]) -> None:
    assert job.run("deploy", *arguments).returncode == 2


def test_the_line_that_targets_write_is_exact(job: Job, cluster: Cluster) -> None:
    """Run by a shell, with the variables that a target gives."""
    job.write("k8s/it's one.yaml", "kind: X\n")
    action = Deploy(
        platform="kubernetes",
        cluster="group/project:agent one",
        namespace="ml",
        documents=("deploy/churn/kubernetes.yaml", "k8s/it's one.yaml"),
        image="serving",
    )
    done = subprocess.run(
        ["sh", "-euc", commands.deploy(action)],
        cwd=job.folder,
        env=environment(PATH=cluster.path, HEADRACE_DEPLOY=compact("deploy"), HEADRACE_IMAGE_SERVING=DIGEST),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert cluster.asked[0][:2] == ["--context=group/project:agent one", "--namespace=ml"]
    assert cluster.given == DOCUMENT.replace("headrace.invalid/serving", DIGEST) + "\n---\nkind: X\n"


# ------------------------------------------------------------------------------------------------------------- commits


class Remote:
    """A bare repository with a branch `live`."""

    def __init__(self, folder: Path) -> None:
        self.url = str(folder / "remote.git")
        self.env = {
            **os.environ,
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_{what}": "x@y.invalid" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        self.git("init", "--quiet", "--bare", self.url)
        work = str(folder / "first")
        self.git("init", "--quiet", "-b", "live", work)
        Path(work, "README").write_text("live")
        self.git("-C", work, "add", ".")
        self.git("-C", work, "commit", "--quiet", "-m", "first")
        self.git("-C", work, "push", "--quiet", self.url, "live")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], env=self.env, capture_output=True, text=True, check=True)
        return done.stdout

    def show(self, path: str, branch: str = "live") -> str:
        return self.git("--git-dir", self.url, "show", f"{branch}:{path}")

    def count(self, branch: str = "live") -> int:
        return int(self.git("--git-dir", self.url, "rev-list", "--count", branch))


@pytest.fixture
def remote(tmp_path) -> Remote:
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    return Remote(tmp_path)


def test_the_line_for_a_commit(job: Job, remote: Remote) -> None:
    action = Deploy(
        platform="gitops",
        branch="live",
        repository=remote.url,
        namespace="ml",
        documents=("deploy/churn/kubernetes.yaml",),
        image="serving",
    )
    variables = {"HEADRACE_DEPLOY": compact("deploy"), "HEADRACE_IMAGE_SERVING": DIGEST}
    subprocess.run(
        ["sh", "-euc", commands.deploy(action)],
        cwd=job.folder,
        env=environment(GIT_CONFIG_GLOBAL=os.devnull, **variables),
        check=True,
    )
    assert DIGEST in remote.show("deploy/churn/kubernetes.yaml")


def commit(job: Job, remote: Remote, *more: str, **env: str) -> subprocess.CompletedProcess[str]:
    return job.run(
        "deploy",
        "commit",
        f"--repository={remote.url}",
        f"--image=headrace.invalid/serving={DIGEST}",
        *more,
        "deploy/churn/kubernetes.yaml",
        GIT_CONFIG_GLOBAL=os.devnull,
        **env,
    )


def test_commits_beside_what_the_branch_holds(job: Job, remote: Remote) -> None:
    done = commit(job, remote, "--branch=live")
    assert done.returncode == 0, done.stderr
    assert remote.show("deploy/churn/kubernetes.yaml") == DOCUMENT.replace("headrace.invalid/serving", DIGEST)
    assert remote.show("README") == "live"
    assert DIGEST in remote.git("--git-dir", remote.url, "log", "-1", "--format=%s", "live")


def test_what_the_branch_holds_already_is_no_commit(job: Job, remote: Remote) -> None:
    commit(job, remote, "--branch=live")
    before = remote.count()
    done = commit(job, remote, "--branch=live")
    assert (done.returncode, remote.count()) == (0, before)
    assert "holds this already" in done.stdout


def test_makes_a_branch_that_is_not_there(job: Job, remote: Remote) -> None:
    done = commit(job, remote, "--branch=env/prod")
    assert done.returncode == 0, done.stderr
    assert remote.git("--git-dir", remote.url, "ls-tree", "-r", "--name-only", "env/prod").split() == [
        "deploy/churn/kubernetes.yaml"
    ]


def test_takes_the_checkouts_own_remote(job: Job, remote: Remote) -> None:
    remote.git("init", "--quiet", str(job.folder))
    remote.git("-C", str(job.folder), "remote", "add", "origin", remote.url)
    done = job.run(
        "deploy",
        "commit",
        "--branch=live",
        f"--image=headrace.invalid/serving={DIGEST}",
        "deploy/churn/kubernetes.yaml",
        GIT_CONFIG_GLOBAL=os.devnull,
    )
    assert done.returncode == 0, done.stderr
    assert DIGEST in remote.show("deploy/churn/kubernetes.yaml")


def test_tries_again_when_another_push_came_first(job: Job, remote: Remote) -> None:
    """A hook refuses the first push, as a server does whose branch has moved."""
    hook = Path(remote.url, "hooks", "pre-receive")
    hook.write_text("#!/bin/sh\n[ -e refused ] || { touch refused; exit 1; }\n")
    hook.chmod(0o755)
    done = commit(job, remote, "--branch=live")
    assert done.returncode == 0, done.stderr
    assert "push 1 was refused" in done.stderr
    assert remote.count() == 2


def test_a_push_that_is_always_refused_fails(job: Job, remote: Remote) -> None:
    hook = Path(remote.url, "hooks", "pre-receive")
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    done = commit(job, remote, "--branch=live")
    assert (done.returncode, remote.count()) == (1, 1)
    assert "git ended with status 1" in done.stderr


def test_a_link_on_the_branch_leads_nowhere(job: Job, remote: Remote, tmp_path) -> None:
    work = str(tmp_path / "evil")
    remote.git("clone", "--quiet", "-b", "live", remote.url, work)
    outside = tmp_path / "outside"
    outside.mkdir()
    os.symlink(outside, Path(work, "deploy"))
    remote.git("-C", work, "add", ".")
    remote.git("-C", work, "commit", "--quiet", "-m", "link")
    remote.git("-C", work, "push", "--quiet")
    done = commit(job, remote, "--branch=live")
    assert done.returncode == 1
    assert "leads elsewhere" in done.stderr
    assert not list(outside.iterdir())
