"""Inputs and outputs become edges: who reads a path waits for who writes it.

Paths are compared as they will be, leg by leg: matrix values are known at compile time. A hole whose value is not
(a parameter, the commit) is compared as the hole that it is.
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import Artifact, Job, Need, Project, Ref
from compiler.matrix import label, legs
from compiler.passes.context import Context, hole, labels, named, over_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text
    from compiler.matrix import Leg


class _Folder:
    """A node of the tree of all output paths."""

    __slots__ = ("folders", "writer")

    def __init__(self) -> None:
        self.folders: dict[str, _Folder] = {}
        self.writer: tuple[Job, Artifact] | None = None


def resolve_edges(project: Project, context: Context) -> Project:
    return over_groups(project, lambda jobs: _resolved(jobs, context))


def _resolved(jobs: tuple[Job, ...], context: Context) -> tuple[Job, ...]:
    root = _Folder()
    for job in jobs:
        for output in job.outputs:
            if isinstance(output, Artifact):
                _claim(root, job, output, context)
    _check_nesting(root, context)
    return tuple(_with_edges(job, root, context) if job.inputs else job for job in jobs)


def concrete(path: Text, leg: Leg) -> str:
    """A path with the leg's values in it; other holes stay as they are written."""
    values = dict(leg)
    parts = []
    for piece in path:
        if isinstance(piece, str):
            parts.append(piece)
        elif piece.kind == "matrix" and piece.name in values:
            parts.append(values[piece.name])
        else:
            parts.append(hole(piece))
    return "".join(parts)


def _paths(job: Job, output: Artifact) -> list[str]:
    """The paths that an output has over all legs."""
    if job.matrix is None:
        return [concrete(output.path, ())]
    if output.per_leg:
        return [concrete(output.path, leg) + "/" + label(leg) for leg in legs(job.matrix)]
    return [concrete(output.path, leg) for leg in legs(job.matrix)]


def _claim(root: _Folder, job: Job, output: Artifact, context: Context) -> None:
    seen: set[str] = set()
    for path in _paths(job, output):
        if path in seen:
            _report_legs(job, output, context)
            return
        seen.add(path)
        at = root
        for segment in path.split("/"):
            at = at.folders.setdefault(segment, _Folder())
        if at.writer is None:
            at.writer = (job, output)
        elif at.writer[0] is not job or at.writer[1] is not output:
            other, first = at.writer
            context.sink.report(
                codes.TWO_PRODUCERS,
                f'"{path}" is written by "{other.name}" and by "{job.name}"',
                output.origin or job.origin,
                labels=labels((first.origin or other.origin, f'"{other.name}" writes it here')),
            )
            return


def _report_legs(job: Job, output: Artifact, context: Context) -> None:
    assert job.matrix is not None
    used = {piece.name for piece in output.path if isinstance(piece, Ref) and piece.kind == "matrix"}
    varying = [name for name, values in job.matrix.axes if len(values) > 1 and name not in used]
    wanted = " and ".join(hole(Ref(kind="matrix", name=name)) for name in varying) or "every axis that varies"
    context.sink.report(
        codes.LEGS_COLLIDE,
        f'the legs of "{job.name}" all write "{named(output.path)}"',
        output.origin or job.origin,
        help=f"name {wanted} in the path, or say `per: leg`",
    )


def _check_nesting(root: _Folder, context: Context) -> None:
    stack: list[tuple[_Folder, tuple[Job, Artifact] | None]] = [(root, None)]
    while stack:
        folder, above = stack.pop()
        if folder.writer is not None and above is not None and folder.writer[0] is not above[0]:
            job, output = folder.writer
            context.sink.report(
                codes.NESTED_OUTPUT,
                f'"{named(output.path)}" lies inside "{named(above[1].path)}", which "{above[0].name}" writes',
                output.origin or job.origin,
                labels=labels((above[1].origin or above[0].origin, "the output around it")),
            )
        below = folder.writer or above
        stack.extend((child, below) for child in folder.folders.values())


def _with_edges(job: Job, root: _Folder, context: Context) -> Job:
    needs = {need.job: need for need in job.needs}
    before = len(needs)
    for given in job.inputs:
        if given.store is not None:
            continue
        producers: dict[str, None] = {}
        missing = None
        for path in dict.fromkeys(concrete(given.path, leg) for leg in legs(job.matrix)):
            found = _producers(root, path)
            producers.update(dict.fromkeys(name for name in found if name != job.name))
            if not found and not context.files.exists(path):
                missing = missing or path
        for name in producers:
            if name not in needs:
                needs[name] = Need(job=name, origin=given.origin or job.origin)
            elif needs[name].artifacts is False:
                message = f'"{named(given.path)}" comes from "{name}", whose outputs do not arrive: `artifacts: false`'
                context.sink.report(codes.MISSING_INPUT, message, needs[name].origin or job.origin, severity="error")
        if missing is not None and "{{" not in missing:
            message = f'"{missing}" is made by no job and is not in the work tree'
            context.sink.report(
                codes.MISSING_INPUT, message, given.origin or job.origin, field=_field(job, given.origin)
            )
    return job if len(needs) == before else job.replace(needs=tuple(needs.values()))


def _field(job: Job, origin: object) -> str | None:
    return "inputs" if origin is None or origin is job.origin else None


def _producers(root: _Folder, path: str) -> list[str]:
    """Who writes a path: the path itself, a folder around it, or what lies below it."""
    at = root
    for segment in path.split("/"):
        below = at.folders.get(segment)
        if below is None:
            return []
        at = below
        if at.writer is not None:
            return [at.writer[0].name]
    found: dict[str, None] = {}
    stack = [at]
    while stack:
        folder = stack.pop()
        if folder.writer is not None:
            found[folder.writer[0].name] = None
        stack.extend(reversed(folder.folders.values()))
    return list(found)
