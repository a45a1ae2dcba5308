"""`headrace lifecycle`: which of the thirteen steps of an ML lifecycle has which job, and which has none."""

from __future__ import annotations

import sys

from compiler import ir
from compiler.commands.findings import add_options, show, status
from compiler.commands.workspace import add_path, open_workspace
from compiler.diagnostics import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from compiler.ir import Job, Project

DESCRIPTION = """
Show which job does which of the thirteen steps of an ML lifecycle, from objectives to logging, for a manifest of any
dialect. A step is what the manifest's `lifecycle` says, else what a model, a service or one of headrace's tools is by
itself. A step that nobody does is a gap: it is said, and never made up.
"""
EXAMPLES = """
headrace lifecycle
headrace lifecycle examples/lifecycle --format json
headrace lifecycle --strict               fail where objectives, evaluation or testing have no job
"""
TITLES = {
    "codify_objectives": "codify objectives",
    "data_ingestion": "data ingestion",
    "data_analysis": "data analysis",
    "data_transformation": "data transformation",
    "data_validation": "data validation",
    "data_splitting": "data splitting",
    "training": "training",
    "evaluation": "evaluation",
    "testing": "test on held-back data",
    "packaging": "packaging",
    "serving": "serving",
    "monitoring": "monitoring",
    "logging": "logging",
}
DECISIVE = ("codify_objectives", "evaluation", "testing")  # without these a model proves nothing
_MODELS = (
    ("training", "train"),
    ("evaluation", "validate"),
    ("testing", "test"),
    ("packaging", "package"),
    ("serving", "deploy"),
)
_TOOLS = {
    "objectives": "codify_objectives",
    "data": "data_validation",
    "leakage": "data_splitting",
    "onnx": "training",
    "records": "logging",
}


def configure(parser: ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    sink = Sink()
    workspace = open_workspace(arguments.path, sink)
    projects = [] if workspace is None else list(workspace.projects(sink))
    lowered = {}
    if workspace is not None:
        from compiler import driver

        for project in projects:
            lowered[project.manifest] = driver.lowered(project, workspace.repository, sink)
    errors = [one for one in sink.diagnostics if one.severity != "note"]
    show(errors, arguments, sys.stderr)
    if sink.failed:
        return 1
    tables = [table(project, lowered[project.manifest]) for project in projects]
    if arguments.format == "json":
        _print_json(tables)
    else:
        print("\n\n".join("\n".join(_lines(found)) for found in tables))
    gaps = {step for found in tables for step in found["gaps"]}
    return 1 if arguments.strict and gaps.intersection(DECISIVE) else status(sink, arguments)


def table(project: Project, lowered: Project) -> dict[str, Any]:
    """The thirteen steps of a project, each with its jobs and what gates it. `lowered` is the project as targets see it."""
    found: dict[str, dict[str, None]] = {step: {} for step in ir.LIFECYCLE_STEPS}
    if project.lifecycle is not None:
        for step, job in project.lifecycle.steps:
            found[step][job] = None
    jobs = [job for pipeline in lowered.pipelines for job in pipeline.jobs]
    for step, name in _of_models(project):
        found[step][name] = None
    for one in jobs:
        own = _step_of(one)
        said = {name for names in found.values() for name in names}
        if own is not None and one.name not in said:
            found[own][one.name] = None
    by_name = {job.name: job for job in jobs}
    scheduled = _scheduled(lowered)
    rows = []
    for number, step in enumerate(ir.LIFECYCLE_STEPS, 1):
        names = list(found[step])
        row: dict[str, Any] = {"number": number, "step": step, "jobs": names}
        gates = _gates(names, by_name)
        if gates:
            row["gates"] = gates
        crons = [scheduled[name] for name in names if name in scheduled and step == "monitoring"]
        if crons:
            row["schedule"] = crons[0]
        if step == "codify_objectives" and not names and _has_objectives(project, jobs):
            row["manifest"] = True
        rows.append(row)
    return {"project": project.name, "manifest": project.manifest, "steps": rows, "gaps": _gaps(rows)}


def _gaps(rows: list[dict[str, Any]]) -> list[str]:
    return [row["step"] for row in rows if not row["jobs"] and not row.get("manifest")]


def _has_objectives(project: Project, jobs: list[Job]) -> bool:
    """Whether the manifest itself holds the objectives, typed and under version control."""
    said = project.lifecycle is not None and bool(project.lifecycle.objectives)
    return (
        said
        or any(model.objectives for model in project.models)
        or any(_gates([job.name], {job.name: job}) for job in jobs)
    )


def _of_models(project: Project) -> list[tuple[str, str]]:
    """The steps that models and services are by themselves."""
    found = []
    for model in project.models:
        for step, field in _MODELS:
            job = getattr(model, field)
            if isinstance(job, str):
                found.append((step, job))
            elif job is not None:
                found.append((step, getattr(job, "name", "") or f"{model.name}-{field}"))
    found += [("serving", f"deploy-{service.name}") for service in project.services if service.deploy is not None]
    return found


def _step_of(job: Job) -> str | None:
    """The step that a job is by what it runs."""
    action = job.action
    if isinstance(action, ir.Support):
        if action.script == "objects":
            words = [piece for word in action.arguments[:1] for piece in word]
            return "data_ingestion" if words == ["get"] else None
        if action.script == "score":
            return "evaluation" if job.objectives else None
        return _TOOLS.get(action.script)
    if isinstance(action, ir.BuildImage):
        return "packaging"
    return "serving" if isinstance(action, ir.Deploy) else None


def _gates(names: list[str], jobs: dict[str, Job]) -> list[str]:
    """The objectives that a step's jobs are judged by, in the job or in a gate behind it."""
    from compiler.objective import text

    found: dict[str, None] = {}
    for name in names:
        job = jobs.get(name)
        if job is None:
            continue
        found.update(dict.fromkeys(text(one) for one in job.objectives))
        gate = jobs.get(f"{name}-gate")
        if gate is not None and isinstance(gate.action, ir.Support) and gate.action.script == "gate":
            words = ["".join(map(str, word)) for word in gate.action.arguments]
            found.update(dict.fromkeys(words[words.index("--") + 1 :] if "--" in words else ()))
    return list(found)


def _scheduled(project: Project) -> dict[str, str]:
    """The jobs that run on a schedule, with its line."""
    return {
        job.name: trigger.cron
        for pipeline in project.pipelines
        for trigger in pipeline.triggers
        if isinstance(trigger, ir.OnSchedule)
        for job in pipeline.jobs
    }


def _lines(found: dict[str, Any]) -> list[str]:
    steps = found["steps"]
    titles = max(len(title) for title in TITLES.values())
    names = max([3, *(len(", ".join(row["jobs"])) for row in steps)])
    lines = [f"{found['manifest']}: {found['project']}"]
    for row in steps:
        jobs = ", ".join(row["jobs"]) or ("(the manifest)" if row.get("manifest") else "gap")
        more = [f"gate: {', '.join(row['gates'])}"] if row.get("gates") else []
        more += [f"schedule: {row['schedule']}"] if "schedule" in row else []
        lines.append(
            f"{row['number']:>4}  {TITLES[row['step']]:<{titles}}  {jobs:<{names}}  {'; '.join(more)}".rstrip()
        )
    gaps = found["gaps"]
    done = len(steps) - len(gaps)
    lines.append(f"{done} of {len(steps)} steps have a job" + (f"; gaps: {', '.join(gaps)}" if gaps else ""))
    return lines


def _print_json(data: Any) -> None:
    import json

    print(json.dumps(data, ensure_ascii=False, indent=2))
