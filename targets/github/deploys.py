"""Deployments: documents with the digest of the image that was built, applied to a cluster or committed to a branch."""

from __future__ import annotations

from compiler import codes as core
from compiler.ir import Deploy, Ref, deployed_images
from targets import commands
from targets.github import access, codes, expressions
from targets.github import steps as common

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Job
    from targets.github.workflow import Workflow

    Step = dict[str, Any]

KUBECONFIG = "KUBECONFIG"
GITOPS_TOKEN = "GITOPS_TOKEN"
# An address by which git finds the server that the workflow runs on.
HERE = "github:"
# Git reads its settings from these, so that the token is in no file: https://git-scm.com/docs/git-config#ENVIRONMENT
_LOGIN = """\
login="$(printf 'x-access-token:%s' "$HEADRACE_TOKEN" | base64 | tr -d '\\n')"
export GIT_CONFIG_COUNT={count} GIT_CONFIG_KEY_0={key}
export GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $login"
"""
_INSTEAD = f'export GIT_CONFIG_KEY_1="url.$GITHUB_SERVER_URL/.insteadOf" GIT_CONFIG_VALUE_1={HERE}\n'


def steps(workflow: Workflow, job: Job) -> list[Step]:
    action = job.action
    assert isinstance(action, Deploy)
    if job.retry is not None and common.attempts(job) > 1:
        message = f'"{job.name}" deploys: what was begun is not rolled back before another attempt'
        workflow.sink.report(codes.WRONG_KEY, message, job.origin, field="retry", help="leave `retry` out")
    found = [*common.repository(workflow, job), *common.commit(workflow, job), *common.bring_python(workflow, job)]
    found += [*access.identity(workflow, job), *access.vault(workflow, job), *common.inputs(workflow, job)]
    found += access.secret_files(workflow, job)
    if action.platform != "gitops":
        found += _cluster(workflow, job, action)
    found.append(_roll_out(workflow, job, action))
    return found


def _cluster(workflow: Workflow, job: Job, action: Deploy) -> list[Step]:
    """The way to the cluster: EKS by the job's identity, any other by a kubeconfig that is a secret."""
    identity = access.identity_of(workflow, job)
    if identity is not None and identity.provider == "aws" and action.cluster:
        name = commands.literal(action.cluster)
        return [{"name": "cluster", "run": f"aws eks update-kubeconfig --name {name} --alias {name}"}]
    if any(KUBECONFIG in (access.variable(one), one.secret) for one in job.secrets):
        return []
    place = f'the cluster "{action.cluster}"' if action.cluster else "the cluster"
    workflow.sink.report(
        core.ACTION_NEEDED,
        f"GitHub Actions: the secret {KUBECONFIG} must hold a kubeconfig with access to {place}",
        job.origin,
        help=f"keep it in the environment {action.to}" if action.to else None,
    )
    lines = [
        "umask 077",
        f'printf %s "$HEADRACE_{KUBECONFIG}" > "$RUNNER_TEMP/kubeconfig"',
        f'echo "{KUBECONFIG}=$RUNNER_TEMP/kubeconfig" >> "$GITHUB_ENV"',
    ]
    env = {f"HEADRACE_{KUBECONFIG}": expressions.hole(f"secrets.{KUBECONFIG}")}
    return [{"name": "cluster", "env": env, "run": "\n".join(lines) + "\n"}]


def _roll_out(workflow: Workflow, job: Job, action: Deploy) -> Step:
    """One script does it on every target; a commit gets the token for as long as it takes, and nowhere else."""
    workflow.scripts["deploy"] = None
    env = {**common.step_env(workflow, job), **access.secret_env(workflow, job)}
    for built in deployed_images(action):
        image = Ref(kind="images", name=built)
        env[commands.variable(image)] = workflow.text(job, (image,))
    lines = commands.deploy(action)
    if action.platform == "gitops":
        env["HEADRACE_TOKEN"] = expressions.hole(f"secrets.{_token(workflow, job, action)}")
        login, action = _login(action)
        lines = login + commands.deploy(action) + "\n"
    step: Step = {"name": f"deploy to {action.to}" if action.to else "deploy"}
    if env:
        step["env"] = env
    step["run"] = lines
    return step


def _login(action: Deploy) -> tuple[str, Deploy]:
    """The lines that log git in where the commit goes, and the deployment with an address that git takes."""
    repository = action.repository or ""
    scheme, there, rest = repository.partition("://")
    if there and scheme in ("http", "https"):
        place = rest.partition("/")[0].rpartition("@")[2]
        return _LOGIN.format(count=1, key=commands.literal(f"http.{scheme}://{place}/.extraheader")), action
    key = '"http.$GITHUB_SERVER_URL/.extraheader"'
    if not repository or there or "@" in repository:
        return _LOGIN.format(count=1, key=key), action
    named = action.replace(repository=f"{HERE}{repository.removesuffix('.git')}.git")
    return _LOGIN.format(count=2, key=key) + _INSTEAD, named


def _token(workflow: Workflow, job: Job, action: Deploy) -> str:
    """The CI's own token for this repository; for another one a secret, since that token ends at the repository."""
    if not action.repository:
        return "GITHUB_TOKEN"
    workflow.sink.report(
        core.ACTION_NEEDED,
        f'GitHub Actions: the secret {GITOPS_TOKEN} must hold a token that may push to "{action.repository}"',
        job.origin,
    )
    return GITOPS_TOKEN
