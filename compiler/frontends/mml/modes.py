"""The jobs of the modes that are no training: one for each thing that can be done by itself, with what it leaves."""

from __future__ import annotations

from compiler.frontends.mml.composing import get
from compiler.frontends.mml.graph import Graph, Held, Wanted, bare
from compiler.frontends.mml.planner import DATASETS, TAG, base_of
from compiler.frontends.mml.results import collect
from compiler.frontends.mml.runs import sanitized, written
from compiler.frontends.mml.words import is_of_group, reuse_word, texts
from compiler.ir import Exec, Job, Need

MOST_NEEDS = 40  # jobs that one job waits for; targets take 50
ON_GPU = frozenset(("train_fold", "predict_fold", "test_task", "train_probe_model", "compute_fim", "extract_features"))
TAGGED = ("data/RAW/*/TASK_*+*.json", "data/PREPROCESSED/*/*/TASK_*+*.json")  # the descriptions of tagged tasks
DISTANCES = ("semantic", "fed", "mmd", "kld", "emd", "fid", "ens")


def create(graph: Graph) -> None:
    plan, carried = graph.plan, graph.experiment.data.path is None
    datasets = {step.params[0]: step for step in plan.steps if step.method == "prepare_dataset"}
    tasks = [str(step.params[0]) for step in plan.steps if step.method == "create_task"]
    owner = {**{task: f"dataset:{_dataset(graph, task)}" for task in plan.tasks}}
    for dataset in datasets:
        of = [task for task in plan.tasks if _dataset(graph, task) == dataset and TAG not in task]
        stem = sanitized(str(dataset))
        project = graph.project_for("data", str(dataset))
        words = graph.words("create", project, f"task_list={written(of)}", "mode.subroutines=[dataset]")
        keep = [f"data/RAW/DSET_{dataset}"] if carried else []
        name, tars = graph.step(f"{graph.run.name}-dataset-{stem}", project, words, Wanted(), keep)
        graph.left_data(f"dataset:{dataset}", name, tars, "raw")
    for task in tasks:
        stem = sanitized(task)
        project = graph.project_for("task", task)
        wanted = Wanted()
        for job, tar, what in graph.data.get(owner[task], ()):
            graph.take(wanted, job, tar, not carried)
            graph.left_data(task, job, [tar], what)
        words = graph.words("create", project, f"task_list={written([task])}", "mode.subroutines=[task]")
        keep = [f"data/RAW/*/TASK_{task}.json"] if carried else []
        name, tars = graph.step(f"{graph.run.name}-task-{stem}", project, words, wanted, keep)
        graph.left_data(task, name, tars, "task")


def _dataset(graph: Graph, task: str) -> str | None:
    said = graph.experiment.tasks.get(task)
    return (said.dataset if said is not None else None) or DATASETS.get(task)


def preprocess(graph: Graph) -> None:
    """One job a dataset: tasks of one share its files. Where that is not known, one job for all."""
    groups: dict[str, list[str]] = {}
    for step in graph.plan.steps[1:-1]:
        task = str(step.params[0])
        groups.setdefault(_dataset(graph, base_of(task)) or "", []).append(task)
    if "" in groups and len(groups) > 1:
        groups = {"": [str(step.params[0]) for step in graph.plan.steps[1:-1]]}
    chosen = str(get(graph.run.config, "preprocessing.id"))
    for dataset, tasks in groups.items():
        stem = f"-{sanitized(dataset)}" if len(groups) > 1 else ""
        project = graph.project_for("pp", dataset or "all")
        wanted = Wanted()
        graph.want_data(tasks, wanted)
        words = graph.words("pp", project, f"task_list={written(tasks)}")
        keep = [f"data/PREPROCESSED/{chosen}"] if graph.experiment.data.path is None else []
        name, tars = graph.step(f"{graph.run.name}{stem}", project, words, wanted, keep)
        for task in tasks:
            graph.left_data(task, name, tars, f"preprocessed {chosen}")


def info(graph: Graph) -> None:
    """One job: what it makes are the descriptions of tagged tasks, which others then find."""
    plan = graph.plan
    wanted = Wanted()
    graph.want_data(plan.tasks, wanted)
    project = f"{graph.unit}__info"
    subroutines = get(graph.run.config, "mode.subroutines")
    words = graph.words("info", project, f"task_list={written(plan.tasks)}", f"mode.subroutines={written(subroutines)}")
    words += texts(graph.reuse(wanted))
    tagged = [task for task in plan.tasks if TAG in task]
    keep = [f"results/{project}"] if graph.experiment.results.path is None else []
    if graph.experiment.data.path is None and tagged:
        keep += TAGGED
    name, tars = graph.step(graph.run.name, project, words, wanted, keep)
    for task in tagged:
        graph.left_data(task, name, tars, "tag")


def tags(graph: Graph, tasks: list[str]) -> None:
    """Make tagged tasks once, before the steps that look for them begin side by side."""
    wanted = Wanted()
    missing = [task for task in tasks if task not in graph.data]
    if not missing:
        return
    graph.want_data(missing, wanted)
    project = f"{graph.unit}__tags"
    words = graph.words("info", project, f"task_list={written(missing)}", "mode.subroutines=[tasks]")
    words = [word for word in words if not is_of_group(word, "mode.")] + [("mode.subroutines=[tasks]",)]
    keep = [*TAGGED] if graph.experiment.data.path is None else []
    name, tars = graph.step(f"{graph.run.name}-tags", project, words, wanted, keep)
    for task in missing:
        graph.left_data(task, name, tars, "tag")


def whole(graph: Graph) -> None:
    """A run whose steps hang together is one job: it stops and goes on as a whole."""
    plan = graph.plan
    wanted = Wanted()
    graph.want_data(plan.tasks, wanted)
    project = f"{graph.unit}__{sanitized(graph.mode())}"
    words = graph.words(graph.mode(), project, *_tasks(graph), *_subroutines(graph))
    words += texts(graph.reuse(wanted))
    keep = [f"results/{project}"] if graph.experiment.results.path is None else []
    scheduler = str(get(graph.run.config, "mode.scheduler._target_")).rpartition(".")[2]
    gpu = any(step.method in ON_GPU for step in plan.steps)
    name, tars = graph.step(graph.run.name, project, words, wanted, keep, gpu=gpu)
    held = Held(name, tars[0] if tars else "", project, plan.pivot or "")
    if scheduler == "SuggestScheduler":
        graph.others.setdefault((graph.user_project, "blueprint"), []).append(held)
    for distance in DISTANCES:
        if scheduler in ("SemanticScheduler", "EnsembleDistancesScheduler") and distance == _distance(graph):
            graph.others.setdefault((graph.user_project, distance), []).append(held)
    if scheduler == "PostprocessScheduler":
        graph.others.setdefault((graph.user_project, "ensemble"), []).append(held)
    graph.own.append(held)
    if graph.run.objectives:
        collect(graph)


def _distance(graph: Graph) -> str:
    return str(get(graph.run.config, "distance.name"))


def _tasks(graph: Graph) -> list[str]:
    """The tasks and the pivot as the plan has them: tags and duplicates are worked out already."""
    plan = graph.plan
    others = [task for task in plan.tasks if task != plan.pivot]
    found = [f"task_list={written(others)}"] if others else []
    return [*found, f"pivot.name={written(plan.pivot)}"] if plan.pivot else found


def _subroutines(graph: Graph) -> list[str]:
    said = [one for one in graph.run.line.overrides if one.key.endswith("mode.subroutines")]
    return [said[-1].text] if said else []


def similarity(graph: Graph) -> None:
    """What belongs to one task is a job each; all distances stand in one table, which one job writes."""
    plan, distance = graph.plan, _distance(graph)
    firsts = [step for step in plan.steps if step.method not in ("prepare_exp", "finish_exp", "_compute_distance")]
    kinds = {"train_probe_model": "tune", "compute_fim": "fim", "extract_features": "feature"}
    keys = {"tune": ("fc_tuned",), "fim": ("fim",), "feature": ("features",)}
    subroutines = list(dict.fromkeys(kinds[step.method] for step in firsts))
    made = [key for one in subroutines for key in keys[one]]
    parts: list[Held] = []
    for task in dict.fromkeys(str(step.params[0]) for step in firsts):
        wanted = Wanted()
        graph.want_data([task], wanted)
        stem = sanitized(task)
        project = graph.project_for(distance, task)
        words = graph.words(
            "similarity",
            project,
            f"task_list={written([task])}",
            f"distance._mode.subroutines={written(subroutines)}",
            gpu=True,
        )
        words += texts(graph.reuse(wanted))
        keep = [f"results/{project}"] if graph.experiment.results.path is None else []
        name, tars = graph.step(f"{graph.run.name}-{distance}-{stem}", project, words, wanted, keep, gpu=True)
        parts.append(Held(name, tars[0] if tars else "", project, task))
    for key in made:
        graph.others.setdefault((graph.user_project, key), []).extend(parts)
    rest = [one for one in get(graph.run.config, "mode.subroutines") or [] if one in ("distance", "plot")]
    if not rest:
        return
    wanted = Wanted()
    graph.want_data(plan.tasks, wanted)
    for part in parts:
        graph.want(part, wanted)
    project = f"{graph.unit}__{distance}"
    words = graph.words("similarity", project, *_tasks(graph), f"distance._mode.subroutines={written(rest)}")
    words += texts(graph.reuse(wanted, [key for key in get(graph.run.config, "reuse") or {} if key not in made]))
    for key in made:
        words.append((reuse_word(key, [part.project for part in parts]),))
    keep = [f"results/{project}"] if graph.experiment.results.path is None else []
    name, tars = graph.step(f"{graph.run.name}-{distance}", project, words, wanted, keep)
    held = Held(name, tars[0] if tars else "", project)
    graph.others.setdefault((graph.user_project, distance), []).append(held)


def dimensions(graph: Graph) -> None:
    subroutines = written([one for one in get(graph.run.config, "mode.subroutines") or [] if one != "plot"])
    for step in graph.plan.steps[1:-1]:
        task = str(step.params[0])
        wanted = Wanted()
        graph.want_data([task], wanted)
        stem = sanitized(task)
        project = graph.project_for("dim", task)
        more = [f"task_list={written([task])}", f"mode.subroutines={subroutines}"]
        words = graph.words("dim", project, *more, *graph.reuse(wanted))
        keep = [f"results/{project}"] if graph.experiment.results.path is None else []
        name, tars = graph.step(f"{graph.run.name}-{stem}", project, words, wanted, keep)
        held = Held(name, tars[0] if tars else "", project, task)
        graph.others.setdefault((graph.user_project, "dimension"), []).append(held)


def clean(graph: Graph) -> None:
    """The last job of all that stand before it."""
    wanted = Wanted()
    for name in _ends(graph):
        wanted.job(name)
    project = f"{graph.unit}__clean"
    words = graph.words("clean", project, *_tasks(graph), *_subroutines(graph))
    words = [word for word in words if not is_of_group(word, "mode.force")] + [("mode.force=true",)]
    graph.step(graph.run.name, project, words, wanted, [])


def _ends(graph: Graph) -> list[str]:
    """Jobs that nobody needs yet, gathered where they are many."""
    ends = [job.name for job in graph.jobs if job.name not in graph.needed]
    while len(ends) > MOST_NEEDS:
        ends = [_gather(graph, ends[at : at + MOST_NEEDS]) for at in range(0, len(ends), MOST_NEEDS)]
    return ends


def _gather(graph: Graph, names: list[str]) -> str:
    name = graph.free(f"{graph.run.name}-after")
    graph.needed.update(names)
    graph.jobs.append(
        Job(
            name=name,
            action=Exec(argv=(("true",),), origin=graph.run.origin),
            environment=bare(graph.experiment),
            needs=tuple(Need(job=one, artifacts=False, origin=graph.run.origin) for one in names),
            origin=graph.run.origin,
        )
    )
    return name
