"""The job that gathers what a run has made."""

from __future__ import annotations

from compiler import ir
from compiler.frontends.mml.composing import get
from compiler.frontends.mml.graph import OUT, SCRIPT, STEP, Graph, Wanted, bare
from compiler.frontends.mml.words import options
from compiler.ir import Artifact, Exec, Job, Need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text


def collect(graph: Graph) -> None:
    """The metrics of a run's models, and the run's results without what `remove` takes away."""
    run, experiment = graph.run, graph.experiment
    wanted = Wanted()
    for one in graph.own:
        graph.want(one, wanted)
    name = graph.free(f"{run.name}-results")
    metrics = f".mml/metrics/{name.removesuffix('-results')}.json"
    argv: list[Text] = [("python3",), (SCRIPT,), ("collect",), *options("--take", wanted.tars)]
    argv += [("--metrics",), (metrics,)]
    for key, value in sorted((get(run.config, "remove") or {}).items()):
        argv += [("--remove",), (key,)] if value is True else []
    projects = list(dict.fromkeys(held.project for one in graph.own for held in (one, *one.updates)))
    tar = f"{OUT}/{name}.tar"
    if experiment.results.path is None:
        argv += [("--give",), (tar,), *options("--keep", [(f"results/{project}",) for project in projects])]
    argv += options("--project", [(project,) for project in projects])
    outputs = [Artifact(path=(metrics,), kind="metrics", origin=run.origin)]
    if experiment.results.path is None:
        store = experiment.store.name if experiment.store is not None else None
        outputs.append(Artifact(path=(tar,), store=store, origin=run.origin))
    graph.needed.update(wanted.needs)
    graph.jobs.append(
        Job(
            name=name,
            action=Exec(argv=tuple(argv), origin=run.origin),
            environment=bare(experiment) if experiment.store is None else "mml",
            needs=(Need(job=STEP, origin=run.origin), *graph.needs(wanted)),
            env=graph.variables(),
            secrets=tuple(ir.SecretUse(secret=one, env=one) for one in experiment.secrets) or ir.NOTHING,
            volumes=graph.volumes(),
            outputs=tuple(outputs),
            objectives=run.objectives or ir.NOTHING,
            origin=run.origin,
        )
    )
