"""Rules of matrices: a matrix has a leg and not too many, and the legs that needs pick are there."""

from __future__ import annotations

from compiler import codes
from compiler.ir import NOTHING, Artifact, ChangedFiles, Job, Matrix, Need, Project
from compiler.matrix import MOST_LEGS, axes, legs, most_legs
from compiler.passes.context import Context, over_pool


def check_matrices(project: Project, context: Context) -> Project:
    def check(jobs: tuple[Job, ...], pool: tuple[Job, ...]) -> tuple[Job, ...]:
        jobs = tuple(
            _bounded(job, job.matrix, context) if job.matrix is not None else _without_legs(job, context)
            for job in jobs
        )
        by_name = {job.name: job for job in (*pool, *jobs)}
        for job in jobs:
            if job.matrix is not None:
                _check_legs(job, context)
            for need in job.needs:
                if need.legs not in (None, "all") and need.job in by_name:
                    _check_need(job, need, by_name[need.job], context)
        return jobs

    return over_pool(project, check)


def _bounded(job: Job, matrix: Matrix, context: Context) -> Job:
    """A matrix of too many legs is reported before anybody makes them; one leg of each axis goes on."""
    count = most_legs(matrix)
    if count <= MOST_LEGS:
        return job
    message = f'the matrix of "{job.name}" has {count:,} legs: a job has at most {MOST_LEGS:,}'
    context.sink.report(codes.OUT_OF_RANGE, message, matrix.origin or job.origin)
    first = tuple((name, values[:1]) for name, values in matrix.axes)
    return job.replace(matrix=matrix.replace(axes=first, include=matrix.include[:1], exclude=NOTHING))


def _without_legs(job: Job, context: Context) -> Job:
    """A job without a matrix has no outputs `per: leg`."""
    if not any(isinstance(output, Artifact) and output.per_leg for output in job.outputs):
        return job
    outputs: list[Artifact | ChangedFiles] = []
    for output in job.outputs:
        if isinstance(output, Artifact) and output.per_leg:
            message = f'"{job.name}" has no matrix, so no legs to keep outputs of'
            context.sink.report(codes.BAD_LEGS, message, output.origin or job.origin, field="per")
            output = output.replace(per_leg=None)
        outputs.append(output)
    return job.replace(outputs=tuple(outputs))


def _check_legs(job: Job, context: Context) -> None:
    assert job.matrix is not None
    at = job.matrix.origin or job.origin
    if not legs(job.matrix):
        context.sink.report(codes.EMPTY_MATRIX, f'the matrix of "{job.name}" has no leg', at)
    whole = set(axes(job.matrix)) if job.matrix.axes else set()
    for number, leg in enumerate(job.matrix.include):
        missing = sorted(whole - {name for name, _ in leg})
        if missing:
            message = f"an included leg is a whole leg: {', '.join(missing)} is missing"
            context.sink.report(codes.EMPTY_MATRIX, message, at, field=f"include[{number}]")
    names = {name for name, _ in job.matrix.axes}
    for name in axes(job.matrix) if names else ():
        if name not in names:
            message = f'no other leg has the axis "{name}", and a hole for it would be empty there'
            advice = f'make "{name}" an axis, or give it to no leg'
            first = next(number for number, leg in enumerate(job.matrix.include) if name in dict(leg))
            context.sink.report(codes.UNKNOWN_AXIS, message, at, field=f"include[{first}]", help=advice)
    for number, excluded in enumerate(job.matrix.exclude):
        for name, value in excluded:
            if name not in names:
                context.unknown(codes.UNKNOWN_AXIS, "an axis of this matrix", name, names, at, f"exclude[{number}]")
            elif value not in dict(job.matrix.axes)[name]:
                known = dict(job.matrix.axes)[name]
                context.unknown(codes.BAD_LEGS, f'a value of axis "{name}"', value, known, at, f"exclude[{number}]")


def _check_need(job: Job, need: Need, needed: Job, context: Context) -> None:
    at = need.origin or job.origin
    if needed.matrix is None:
        context.sink.report(codes.BAD_LEGS, f'"{needed.name}" has no matrix, so no legs to pick', at)
        return
    there = axes(needed.matrix)
    if need.legs == "same":
        if not set(axes(job.matrix)) & set(there):
            message = f'"{job.name}" and "{needed.name}" share no axis, so no legs are the same'
            context.sink.report(codes.BAD_LEGS, message, at)
        return
    assert isinstance(need.legs, tuple)
    for name, value in need.legs:
        if name not in there:
            context.unknown(codes.UNKNOWN_AXIS, f'an axis of "{needed.name}"', name, there, at)
            continue
        values = list(dict.fromkeys(dict(leg).get(name, "") for leg in legs(needed.matrix)))
        if value not in values:
            context.unknown(codes.BAD_LEGS, f'a value of axis "{name}" of "{needed.name}"', value, values, at)
