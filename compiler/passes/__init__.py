"""What a front end read, lowered step by step to pipelines of jobs that targets can write.

A pass is a function from a project to a project, in a file of its own; PASSES is their order. Passes report what is
wrong and go on with what is left, so that all faults come out in one go.
"""

from __future__ import annotations

from compiler.ir import Entry, Project, Tool
from compiler.passes.context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from compiler.ir import Job

    Concerned: TypeAlias = Callable[[Project], object]
    Pass: TypeAlias = Callable[[Project, Context], Project]


def _jobs(project: Project) -> Iterator[Job]:
    yield from project.jobs
    for pipeline in project.pipelines:
        yield from pipeline.jobs


def _every(_project: Project) -> bool:
    return True


# A function of a module here, and which projects it concerns: what none needs is not even imported at a cold start.
PASSES: tuple[tuple[str, Concerned], ...] = (
    ("models.place_models", lambda project: project.models),
    (
        "unused.check_unused",
        lambda p: p.templates or p.secrets or p.identities or p.stores or p.environments,
    ),
    ("templates.resolve_templates", _every),
    ("dockerfiles.write_dockerfiles", _every),
    ("environments.create_builds", _every),
    ("edges.check_named_files", _every),
    ("gates.check_objectives", _every),
    ("services.lower_services", lambda project: project.services),
    ("models.lower_models", lambda project: project.models),
    ("lifecycle.lower_lifecycle", lambda project: project.lifecycle),
    ("names.check_names", _every),
    ("environments.resolve_environments", _every),
    ("references.check_references", _every),
    ("datasets.lower_datasets", lambda project: project.datasets or any(job.datasets for job in _jobs(project))),
    ("matrices.check_matrices", _every),
    ("variables.check_variables", _every),
    ("edges.resolve_edges", _every),
    ("entries.lower_entries", lambda project: any(isinstance(job.action, Entry) for job in _jobs(project))),
    ("tools.lower_tools", lambda project: any(isinstance(job.action, Tool) for job in _jobs(project))),
    ("conditions.resolve_conditions", _every),
    ("graphs.check_cycles", _every),
    ("defaults.fill_defaults", _every),
    ("pipelines.assemble_pipelines", _every),
    ("environments.place_unused_builds", _every),
    ("dvc.lower_dvc", lambda project: any(store.kind == "dvc" for store in project.stores)),
    ("gates.lower_gates", _every),
    ("attestations.place_attestations", lambda project: any(pipeline.attest for pipeline in project.pipelines)),
    ("pins.read_pins", _every),
)


def lower(project: Project, context: Context) -> Project:
    """Run every pass that concerns the project, in order."""
    for name, concerned in PASSES:
        if concerned(project):
            project = load(name)(project, context)
    return project


def load(name: str) -> Pass:
    """A pass by its name in the table."""
    from importlib import import_module

    module, _, function = name.partition(".")
    found: Pass = getattr(import_module(f"compiler.passes.{module}"), function)
    return found


__all__ = ["PASSES", "Context", "load", "lower"]
