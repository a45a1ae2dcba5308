"""Searches of Optuna's."""

from __future__ import annotations

from compiler.frontends.mml import codes
from compiler.frontends.mml.composing import get
from compiler.frontends.mml.graph import Graph, Held, Wanted
from compiler.frontends.mml.planner import TAG
from compiler.frontends.mml.results import collect
from compiler.frontends.mml.runs import written
from compiler.frontends.mml.words import text, texts
from compiler.ir import Matrix, Ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text


def search(graph: Graph) -> None:
    """A search of Optuna's: jobs that share one study by its storage, each with a part of the trials."""
    run = graph.run
    trials = get(run.config, "hpo.trials")
    trials = trials if isinstance(trials, int) and trials > 0 else 1
    workers = min(run.jobs or 1, trials)
    storage = [one.text for one in run.line.overrides if one.key in ("hpo.storage", "hpo")]
    if workers > 1 and get(run.config, "hpo.storage") is None:
        message = f"{workers} jobs search together, and nothing holds their study"
        graph.sink.report(codes.NO_STORAGE, message, run.origin, help="write hpo.storage=URL, or jobs: 1")
        return
    study = next((o.value for o in run.line.overrides if o.key == "hydra.sweeper.study_name"), None)
    study = str(study) if study is not None else f"{graph.unit}-{run.name}"
    wanted = Wanted()
    graph.want_data(_base_tasks(graph), wanted)
    several = workers > 1
    project = text(f"{graph.unit}__hpo", *([Ref(kind="matrix", name="worker")] if several else []))
    share: Text = (Ref(kind="matrix", name="trials"),) if several else (str(trials),)
    kept = [word for word in graph.kept() if not word.startswith(("hpo.trials=", "hydra.sweeper.study_name="))]
    own = [o.text for o in run.line.overrides if o.text not in kept and o.key not in ("mode", "proj", "hpo.trials")]
    own = [word for word in own if not word.startswith(("hydra.sweeper.study_name=", "reuse", "+reuse", "remove"))]
    words: list[Text] = [("mml",), (graph.mode(),), *((word,) for word in (*kept, *own))]
    words += [text("proj=", *project), *texts(graph.reuse(wanted)), text("hpo.trials=", *share)]
    words += [(f"hydra.sweeper.study_name={written(study)}",), ("hydra.sweep.dir=${proj_path}/hpo/ci",)]
    words.append(("--multirun",))
    matrix = None
    if several:
        parts = [trials // workers + (number < trials % workers) for number in range(workers)]
        legs = tuple((("worker", str(at)), ("trials", str(part))) for at, part in enumerate(parts))
        matrix = Matrix(include=legs)
    is_held = get(run.config, "hpo.storage") is not None  # else its study dies with the process
    keep = [text("results/", *project)] if graph.experiment.results.path is None else []
    name, tars = graph.step(
        f"{run.name}-search", project, words, wanted, keep, gpu=True, matrix=matrix, sweep=True, resumes=is_held
    )
    for at in range(workers):
        held = f"{graph.unit}__hpo{at if several else ''}"
        graph.own.append(Held(name, tars[at] if tars else "", held))
    graph.models.setdefault(graph.user_project, []).extend(graph.own)
    if storage and several:
        last = Wanted()
        last.job(name)
        shown = f"{graph.unit}__study"
        show: list[Text] = [("mml",), ("info",), *((word,) for word in storage), (f"proj={shown}",)]
        show += [("mode.subroutines=[hpo]",), (f"mode.study_name={written(study)}",)]
        graph.step(f"{run.name}-study", shown, show, last, [])
    collect(graph)


def _base_tasks(graph: Graph) -> list[str]:
    plan = graph.plan
    return [task for task in plan.tasks if not task.startswith(f"{plan.pivot}{TAG}nested?")]
