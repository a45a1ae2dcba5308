"""Datasets become outputs of their producers and inputs of their readers."""

from __future__ import annotations

from compiler import codes
from compiler.ir import Artifact, ChangedFiles, Dataset, Input, Job, Need, Project
from compiler.passes.context import Context, labels, over_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text


def lower_datasets(project: Project, context: Context) -> Project:
    with_commit = {store.name for store in project.stores if store.kind == "lfs"}  # git brings what they hold
    datasets = {
        dataset.name: dataset.replace(store=None) if _comes_with_git(dataset, with_commit) else dataset
        for dataset in project.datasets
    }
    used = _all_used(project)
    for dataset in project.datasets:
        if dataset.name not in used and dataset.produced_by is None:
            context.sink.report(codes.UNUSED, f'no job reads the dataset "{dataset.name}"', dataset.origin)
        _check_checksum(dataset, context)

    def change(jobs: tuple[Job, ...], pool: tuple[Job, ...]) -> tuple[Job, ...]:
        own = {job.name for job in jobs}
        present = own.union(job.name for job in pool)
        produced: dict[str, list[Dataset]] = {}
        for dataset in project.datasets:
            if dataset.produced_by in own:
                produced.setdefault(str(dataset.produced_by), []).append(dataset)
        return tuple(_reading(_producing(job, produced.get(job.name, [])), datasets, present, context) for job in jobs)

    return over_pool(project, change)


def _comes_with_git(dataset: Dataset, with_commit: set[str]) -> bool:
    return dataset.store in with_commit and dataset.produced_by is None


def _all_used(project: Project) -> set[str]:
    groups = (project.jobs, *(pipeline.jobs for pipeline in project.pipelines))
    return {name for jobs in groups for job in jobs for name in job.datasets}


def _producing(job: Job, datasets: list[Dataset]) -> Job:
    """`produced_by` adds the dataset's path to the job's outputs; one that the job declares itself is the dataset."""
    if not datasets:
        return job
    by_path: dict[Text, Dataset] = {(dataset.path,): dataset for dataset in datasets}
    outputs: list[Artifact | ChangedFiles] = []
    for output in job.outputs:
        if isinstance(output, Artifact) and output.path in by_path:
            output = _as_dataset(output, by_path.pop(output.path))
        outputs.append(output)
    added = (_as_dataset(Artifact(path=path, origin=one.origin), one) for path, one in by_path.items())
    return job.replace(outputs=(*outputs, *added))


def _as_dataset(output: Artifact, dataset: Dataset) -> Artifact:
    """What the output does not say, its dataset says."""
    store = output.store or dataset.store
    kept = store is not None and store != "ci" and not output.per_leg  # of many legs none is the dataset
    return output.replace(
        kind=output.kind or "dataset",
        store=store,
        size=output.size if output.size is not None else dataset.size,
        dataset=dataset.name if kept else None,
        version=dataset.version if kept else None,
    )


def _reading(job: Job, datasets: dict[str, Dataset], present: set[str], context: Context) -> Job:
    if not job.datasets:
        return job
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
                    path=(dataset.path,),
                    store=dataset.store,
                    dataset=name,
                    version=_version(dataset),
                    origin=job.origin,
                )
            )
        elif dataset.produced_by is not None:
            message = f'"{name}" is made by "{dataset.produced_by}" in another pipeline, so it needs a store'
            context.sink.report(
                codes.NO_STORE, message, job.origin, field=f"datasets[{name}]", labels=labels((dataset.origin, "here"))
            )
        else:
            inputs.append(Input(path=(dataset.path,), dataset=name, origin=job.origin))
    if not inputs:
        return job
    return job.replace(inputs=(*job.inputs, *inputs), needs=(*job.needs, *needs))


def _version(dataset: Dataset) -> str | None:
    """What is fetched from a store: the version, or the content that has this checksum."""
    return dataset.version or dataset.checksum


def _check_checksum(dataset: Dataset, context: Context) -> None:
    """A checksum is of use as the version that is fetched; nothing else looks at it."""
    fetched = dataset.store not in (None, "ci") and dataset.produced_by is None and dataset.version is None
    if dataset.checksum is not None and not fetched:
        message = f'nothing compares "{dataset.name}" with its checksum'
        advice = (
            "it says which version a store is asked for, where `version` is not said and no job produces the dataset"
        )
        context.sink.report(codes.UNUSED, message, dataset.origin, field="checksum", help=advice)


def _check_state(dataset: Dataset, job: Job, context: Context) -> None:
    here = labels((dataset.origin, "declared here"))
    field = f"datasets[{dataset.name}]"
    if dataset.state == "archived":
        message = f'"{dataset.name}" is archived: it can\'t be used to run new jobs'
        context.sink.report(codes.ARCHIVED_DATASET, message, job.origin, field=field, labels=here)
    elif dataset.state == "deprecated":
        message = f'"{dataset.name}" is deprecated'
        context.sink.report(codes.DEPRECATED_DATASET, message, job.origin, field=field, labels=here)
