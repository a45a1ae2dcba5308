"""Jobs on several machines: a pod for each, which find one another by name.

The first node keeps the job's name and leaves its outputs; the others are tasks beside it. All of a run's nodes are
behind one headless service, so that a pod's name is NODE.SERVICE before it is ready. What torchrun and TensorFlow read
(https://docs.pytorch.org/docs/stable/elastic/run.html, https://www.tensorflow.org/guide/distributed_training) is set.
"""

from __future__ import annotations

from json import dumps

from compiler import codes as core
from compiler.ir import NOTHING, Job, Need, Pipeline
from targets.argo import spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from targets.argo.pods import Pod
    from targets.argo.scope import Scope

PORT = 29500  # of the node that the others turn to: torch's own default
LABEL = "headrace/nodes"


class Node:
    """One of the machines of a job."""

    __slots__ = ("count", "group", "rank")

    def __init__(self, group: str, rank: int, count: int) -> None:
        self.group = group  # the job's name in the manifest
        self.rank = rank
        self.count = count


def spread(pipeline: Pipeline, sink: Sink) -> tuple[Pipeline, dict[str, Node]]:
    """A pipeline with a job for each machine, and which job is which node."""
    wide = {job.name: job.nodes for job in pipeline.jobs if (job.nodes or 1) > 1}
    if not wide:
        return pipeline, {}
    nodes: dict[str, Node] = {}
    found: list[Job] = []
    taken = {job.name for job in pipeline.jobs}
    others: dict[str, list[str]] = {}
    for job in pipeline.jobs:
        if job.name not in wide:
            found.append(job)
            continue
        if job.matrix is not None:
            message = f'"{job.name}" has a matrix and several nodes: a leg would have to be told from a node'
            sink.report(core.UNSUPPORTED, message, job.origin, help="leave one of the two out")
        count = wide[job.name] or 1
        nodes[job.name] = Node(job.name, 0, count)
        for rank in range(1, count):
            name = f"{job.name}-node-{rank}"
            while name in taken:
                name += "-"
            taken.add(name)
            nodes[name] = Node(job.name, rank, count)
            others.setdefault(job.name, []).append(name)
            found.append(job.replace(name=name, outputs=NOTHING, objectives=NOTHING, cache=None, approval=None))
        found.append(job)
    return pipeline.replace(jobs=tuple(_waiting(job, others) for job in found)), nodes


def _waiting(job: Job, others: dict[str, list[str]]) -> Job:
    """Who needs a job on several machines waits for all of them."""
    more = [
        need.replace(job=name, artifacts=False)
        for need in job.needs
        for name in others.get(need.job, ())
        if isinstance(need, Need)
    ]
    return job.replace(needs=(*job.needs, *more)) if more else job


def service_name(scope: Scope, job: str) -> str:
    """The task that makes the service of a job's nodes."""
    return scope.names.add(f"{scope.names.jobs[scope.nodes[job].group]}-nodes")


def _host(scope: Scope, group: str) -> str:
    """The service's name in the cluster: the run's own, at most 63 characters."""
    groups = list(dict.fromkeys(node.group for node in scope.nodes.values()))
    return f"hr-{groups.index(group)}-{{{{workflow.uid}}}}"


def service(scope: Scope, group: str) -> dict[str, Any]:
    """The template that makes the headless service; it goes with the workflow."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _host(scope, group)},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {LABEL: spelling.short(group), "workflows.argoproj.io/workflow": "{{workflow.name}}"},
        },
    }
    resource = {"action": "create", "setOwnerReference": True, "manifest": dumps(manifest, indent=2) + "\n"}
    return {"name": service_name(scope, group), "resource": resource}


def join(scope: Scope, job: Job, made: Pod) -> str | None:
    """Give a node's pod its label and variables; the patch that gives it its name, None for other jobs."""
    node = scope.nodes.get(job.name)
    if node is None:
        return None
    host = _host(scope, node.group)
    name = spelling.short(node.group, 50)
    made.labels[LABEL] = spelling.short(node.group)
    first = f"{name}-0.{host}"
    workers = [f"{name}-{rank}.{host}:{PORT}" for rank in range(node.count)]
    cluster = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": node.rank}}
    variables = {
        "MASTER_ADDR": first,
        "MASTER_PORT": str(PORT),
        "WORLD_SIZE": str(node.count),
        "RANK": str(node.rank),
        "NODE_RANK": str(node.rank),
        "PET_NNODES": str(node.count),
        "PET_NODE_RANK": str(node.rank),
        "PET_MASTER_ADDR": first,
        "PET_MASTER_PORT": str(PORT),
        "TF_CONFIG": dumps(cluster, separators=(", ", ": ")),
    }
    made.variables.extend({"name": key, "value": value} for key, value in variables.items())
    return dumps({"hostname": f"{name}-{node.rank}", "subdomain": host})
