"""From an experiment to a project: every step of every run as a job, and the script that they run in."""

from __future__ import annotations

import os

from compiler import ir
from compiler.frontends.mml import codes, modes
from compiler.frontends.mml.composing import get
from compiler.frontends.mml.graph import SCRIPT, STEP, Graph, bare, environment_of
from compiler.frontends.mml.searches import search
from compiler.frontends.mml.training import train
from compiler.ir import Artifact, EnvVar, Exec, Job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from compiler.diagnostics import Sink
    from compiler.frontends.mml.experiment import Experiment

MODES: dict[str, Callable[[Graph], None]] = {  # by scheduler; what is not here is one job
    "CreateScheduler": modes.create,
    "PreprocessScheduler": modes.preprocess,
    "TrainingScheduler": train,
    "TransferScheduler": train,
    "InfoScheduler": modes.info,
    "FEDScheduler": modes.similarity,
    "SampleBasedScheduler": modes.similarity,
    "DimensionalityScheduler": modes.dimensions,
    "CleanScheduler": modes.clean,
}


def make(experiment: Experiment, sink: Sink) -> ir.Project:
    """The project of an experiment."""
    graph = Graph(experiment, sink)
    for run in experiment.runs:
        graph.begin(run)
        scheduler = str(get(run.config, "mode.scheduler._target_")).rpartition(".")[2]
        made = search if run.line.multirun else MODES.get(scheduler, modes.whole)
        made(graph)
    jobs = _jobs(graph)
    stores = (experiment.store,) if experiment.store is not None else ir.NOTHING
    environment = environment_of(experiment)
    login = (environment.credentials,) if environment.credentials is not None else ()
    names = dict.fromkeys((*login, *experiment.secrets, *(name for run in experiment.runs for name in run.secrets)))
    return ir.Project(
        name=experiment.name,
        manifest=experiment.unit,
        folder=experiment.folder,
        jobs=tuple(jobs),
        pipelines=(
            ir.Pipeline(
                name=experiment.name,
                members=tuple(job.name for job in jobs),
                triggers=experiment.triggers,
                origin=experiment.origin,
            ),
        ),
        environments=(environment,) if any(job.environment == "mml" for job in jobs) else ir.NOTHING,
        secrets=tuple(ir.Secret(name=name, origin=experiment.origin) for name in names) or ir.NOTHING,
        stores=stores,
        origin=experiment.origin,
    )


def _jobs(graph: Graph) -> list[Job]:
    """All jobs, the one that brings the script first."""
    if not graph.jobs:
        return []
    experiment = graph.experiment
    if experiment.store is None and experiment.checkpoints is None and experiment.results.path is None:
        graph.sink.report(
            codes.NO_CHECKPOINTS,
            "a step that is interrupted begins anew: no place outlives its machine",
            experiment.origin,
            help="name a `store`, or say under `results` where all jobs find them",
        )
    first = Job(
        name=STEP,
        action=Exec(argv=(("sh",), ("-c",), (f'mkdir -p .mml && printf %s "$MML_STEP" > {SCRIPT}',))),
        environment=bare(experiment),
        env=(EnvVar(name="MML_STEP", value=(script(),)),),
        outputs=(Artifact(path=(SCRIPT,), origin=experiment.origin),),
        origin=experiment.origin,
    )
    return [first, *graph.jobs]


def script() -> str:
    """The script's text without docstrings, comment lines and blank lines: it travels in every compiled file."""
    with open(os.path.join(os.path.dirname(__file__), "scripts", "step.py"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    kept: list[str] = []
    inside = False
    for line in lines:
        stripped = line.strip()
        if inside:
            inside = not stripped.endswith('"""')
        elif stripped.startswith('"""'):
            inside = len(stripped) < 6 or not stripped.endswith('"""')
        elif stripped and not stripped.startswith("#"):
            kept.append(line)
    return "\n".join(kept) + "\n"
