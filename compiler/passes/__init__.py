"""What a front end read, lowered step by step to pipelines of jobs that targets can write.

A pass is a function from a project to a project, in a file of its own; PASSES is their order. Passes report what is
wrong and go on with what is left, so that all faults come out in one go.
"""

from __future__ import annotations

from compiler.ir import Project
from compiler.passes import (
    attestations,
    conditions,
    datasets,
    defaults,
    dockerfiles,
    dvc,
    edges,
    entries,
    environments,
    gates,
    graphs,
    lifecycle,
    matrices,
    models,
    pins,
    pipelines,
    references,
    services,
    templates,
    tools,
    unused,
    variables,
)
from compiler.passes.context import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PASSES: tuple[Callable[[Project, Context], Project], ...] = (
    models.place_models,
    unused.check_unused,
    templates.resolve_templates,
    dockerfiles.write_dockerfiles,
    environments.create_builds,
    edges.check_named_files,
    gates.check_objectives,
    services.lower_services,
    models.lower_models,
    lifecycle.lower_lifecycle,
    environments.resolve_environments,
    references.check_references,
    datasets.lower_datasets,
    matrices.check_matrices,
    variables.check_variables,
    edges.resolve_edges,
    entries.lower_entries,
    tools.lower_tools,
    conditions.resolve_conditions,
    graphs.check_cycles,
    defaults.fill_defaults,
    pipelines.assemble_pipelines,
    environments.place_unused_builds,
    dvc.lower_dvc,
    gates.lower_gates,
    attestations.place_attestations,
    pins.read_pins,
)


def lower(project: Project, context: Context) -> Project:
    """Run every pass in order."""
    for step in PASSES:
        project = step(project, context)
    return project


__all__ = ["PASSES", "Context", "lower"]
