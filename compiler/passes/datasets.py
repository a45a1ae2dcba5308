"""Datasets become outputs of their producers and inputs of their readers."""

from __future__ import annotations

from compiler import codes
from compiler.ir import Artifact, Dataset, Input, Job, Need, Project
from compiler.passes.context import Context, labels, over_groups


def lower_datasets(project: Project, context: Context) -> Project:
    datasets = {dataset.name: dataset for dataset in project.datasets}
    used = _all_used(project)
    for dataset in project.datasets:
        if dataset.name not in used and dataset.produced_by is None:
            context.sink.report(codes.UNUSED, f'no job reads the dataset "{dataset.name}"', dataset.origin)

    def change(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        present = {job.name for job in jobs}
        produced: dict[str, list[Dataset]] = {}
        for dataset in project.datasets:
            if dataset.produced_by in present:
                produced.setdefault(str(dataset.produced_by), []).append(dataset)
        return tuple(_reading(_producing(job, produced.get(job.name, [])), datasets, present, context) for job in jobs)

    return over_groups(project, change)


def _all_used(project: Project) -> set[str]:
    groups = (project.jobs, *(pipeline.jobs for pipeline in project.pipelines))
    return {name for jobs in groups for job in jobs for name in job.datasets}


def _producing(job: Job, datasets: list[Dataset]) -> Job:
    """`produced_by` adds the dataset's path to the job's outputs, unless the job declares it itself."""
    declared = {output.path for output in job.outputs if isinstance(output, Artifact)}
    added = tuple(
        Artifact(path=(dataset.path,), kind="dataset", store=dataset.store, size=dataset.size, origin=dataset.origin)
        for dataset in datasets
        if (dataset.path,) not in declared
    )
    return job.replace(outputs=(*job.outputs, *added)) if added else job


def _reading(job: Job, datasets: dict[str, Dataset], present: set[str], context: Context) -> Job:
    inputs: list[Input] = []
    needs: list[Need] = []
    wanted = {need.job for need in job.needs}
    for name in job.datasets:
        dataset = datasets.get(name)
        if dataset is None:
            continue
        _check_state(dataset, job, context)
        if dataset.produced_by in present:
            if dataset.produced_by not in wanted and dataset.produced_by != job.name:
                wanted.add(str(dataset.produced_by))
                needs.append(Need(job=str(dataset.produced_by), origin=job.origin))
            inputs.append(Input(path=(dataset.path,), dataset=name, origin=job.origin))
        elif dataset.store is not None and dataset.store != "ci":
            inputs.append(
                Input(
                    path=(dataset.path,), store=dataset.store, dataset=name, version=dataset.version, origin=job.origin
                )
            )
        elif dataset.produced_by is not None:
            message = f'"{name}" is made by "{dataset.produced_by}" in another pipeline, so it needs a store'
            context.sink.report(
                codes.NO_STORE, message, job.origin, field="datasets", labels=labels((dataset.origin, "here"))
            )
        else:
            inputs.append(Input(path=(dataset.path,), dataset=name, origin=job.origin))
    if not inputs:
        return job
    return job.replace(inputs=(*job.inputs, *inputs), needs=(*job.needs, *needs))


def _check_state(dataset: Dataset, job: Job, context: Context) -> None:
    here = labels((dataset.origin, "declared here"))
    if dataset.state == "archived":
        message = f'"{dataset.name}" is archived: it can\'t be used to run new jobs'
        context.sink.report(codes.ARCHIVED_DATASET, message, job.origin, field="datasets", labels=here)
    elif dataset.state == "deprecated":
        message = f'"{dataset.name}" is deprecated'
        context.sink.report(codes.DEPRECATED_DATASET, message, job.origin, field="datasets", labels=here)
