"""Deployments: one script, alike on every target, applies the documents and waits, or commits them to a branch.

Without a cluster's name kubectl uses the pod's own service account; with one, the context of that name in a kubeconfig
that a Kubernetes secret holds.
"""

from __future__ import annotations

from compiler import images
from compiler.ir import Deploy, Ref, deployed_images
from targets import commands
from targets.argo import artifacts, builds, codes, helpers, jobs, pods, spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Job
    from targets.argo.scope import Scope


def template(scope: Scope, job: Job, name: str, known: dict[str, Job]) -> dict[str, Any]:
    action = job.action
    assert isinstance(action, Deploy)
    if not action.documents:
        scope.sink.report(codes.DOCUMENTS, f'"{job.name}" deploys no document', action.origin or job.origin)
    made = pods.pod(scope, job)
    arrivals = artifacts.arrivals(scope, job, known)
    exports, env = jobs.variables(scope, job)
    for built in deployed_images(action):
        env.append({"name": commands.variable(Ref(kind="images", name=built)), "value": _built(scope, built)})
    env.append(jobs.carried(scope, "deploy"))
    lines = [*exports, *arrivals.lines]
    if action.platform == "gitops":
        image = scope.pinned(images.GIT)
        helpers.login(scope, made)
        lines += [helpers.SAFE, *helpers.ASKPASS, "export GIT_ASKPASS=/tmp/askpass"]
    else:
        image = scope.pinned(scope.options.deploy_image)
        _cluster(scope, action, env, made)
    lines.append(commands.deploy(action))
    return jobs.assemble(scope, job, name, made, arrivals, {"script": jobs.script(image, lines, env, made)})


def _built(scope: Scope, environment: str) -> str:
    """The image by the digest that the build left, or, where the build lies in another part of a split, by the commit."""
    build = scope.images.builds.get(environment)
    if build is not None and (scope.members is None or build.name in scope.members):
        digest = builds.digest_name(scope, environment)
        return scope.images.repository(environment) + "@{{workflow.outputs.parameters." + digest + "}}"
    return scope.images.reference(environment, scope.fact("commit"))


def _cluster(scope: Scope, action: Deploy, env: list[dict[str, Any]], made: pods.Pod) -> None:
    if action.cluster is None:
        return
    name = spelling.short(action.cluster)
    held = {"secretName": name, "items": [{"key": "kubeconfig", "path": "config"}]}
    made.mount({"name": "cluster", "secret": held}, f"{artifacts.SIDE}/cluster", readOnly=True)
    env.append({"name": "KUBECONFIG", "value": f"{artifacts.SIDE}/cluster/config"})
    scope.notes[f'the secret "{name}" has the key "kubeconfig" with the context "{action.cluster}"'] = None
