"""What deploys a service or a model: one job, with the documents that it applies or commits.

It never runs on change requests, wherever the image comes from: what nobody has accepted is rolled out nowhere.
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import Approval, Deploy, Job, Rollout
from compiler.kubernetes import placeholder
from compiler.passes.context import Context
from compiler.passes.environments import NOT_A_CHANGE_REQUEST, both

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.source import Origin

TIMEOUT_SECONDS = 1800


def deploy_job(job: Job, rollout: Rollout, rendered: tuple[str, ...], image: str | None, context: Context) -> Job:
    """A job that rolls out documents: those that are rendered, then those that the rollout names.

    `image` is the environment whose built image goes where its placeholder stands in the documents.
    """
    check_platform(rollout, job.name, rollout.origin or job.origin, context)
    named = _holding(rollout, image, job, context)
    action = Deploy(
        platform=rollout.platform,
        to=rollout.to,
        cluster=rollout.cluster,
        namespace=rollout.namespace,
        documents=(*rendered, *rollout.documents),
        image=image if rendered or named else None,
        branch=rollout.branch,
        repository=rollout.repository,
        restart=rollout.restart,
        origin=rollout.origin or job.origin,
    )
    return job.replace(
        action=action,
        condition=both(job.condition, NOT_A_CHANGE_REQUEST),
        approval=Approval(to=rollout.to, origin=rollout.origin) if rollout.approve else None,
        timeout=TIMEOUT_SECONDS,
    )


def check_platform(deploy: Rollout | Deploy, name: str, at: Origin | None, context: Context) -> None:
    """What says how something is deployed fits the platform: a commit goes to a branch, all else to a cluster."""
    by_commit = deploy.platform == "gitops"
    if by_commit and deploy.branch is None:
        message = f'"{name}" deploys by a commit, but no `branch` is named to commit to'
        context.sink.report(codes.MISSING_KEY, message, at)
    for key in ("branch", "repository", "message") if not by_commit else ():
        if getattr(deploy, key, None) is not None:
            message = f"`{key}` is for `platform: gitops`: {deploy.platform} commits nothing"
            context.sink.report(codes.KEYS_EXCLUDE, message, at, field=key)
    if deploy.restart and deploy.platform not in ("kubernetes", "apply"):
        message = f"`restart` is for what kubectl rolls out itself, not for {deploy.platform}"
        context.sink.report(codes.KEYS_EXCLUDE, message, at, field="restart")
    if by_commit and deploy.cluster is not None:
        message = "`cluster` means nothing to `platform: gitops`: what watches the branch knows its cluster"
        context.sink.report(codes.KEYS_EXCLUDE, message, at, field="cluster")


def check_deploy(deploy: Deploy, name: str, at: Origin | None, context: Context) -> None:
    """The same of a job's own deployment, whose documents are there."""
    at = deploy.origin or at
    check_platform(deploy, name, at, context)
    for key in ("namespace", "health") if deploy.platform == "gitops" else ():
        if getattr(deploy, key) is not None:
            message = f"`{key}` means nothing to `platform: gitops`: the job ends with its commit"
            context.sink.report(codes.KEYS_EXCLUDE, message, at, field=key)
    if deploy.url is not None and deploy.to is None:
        message = f'"{name}" says an address, but no deployment environment that has it'
        advice = "say the environment: `to: production`"
        context.sink.report(codes.MISSING_KEY, message, at, field="url", help=advice)


def _holding(rollout: Rollout, image: str | None, job: Job, context: Context) -> bool:
    """Whether one of the documents that a person wrote wants the built image; documents that are missing are errors."""
    at = rollout.origin or job.origin
    held = False
    for path in rollout.documents:
        if not context.files.is_file(path):
            message = f'the document "{path}" {context.files.absence(path)}'
            context.sink.report(codes.MISSING_FILE, message, at, field=f"documents[{path}]")
            continue
        source = context.files.source(path, context.sink)
        held = held or (source is not None and image is not None and placeholder(image) in source.text)
    return held
