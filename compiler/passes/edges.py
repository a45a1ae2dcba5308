"""Inputs and outputs become edges: who reads a path waits for who writes it.

Paths are compared as they will be, leg by leg: matrix values are known at compile time. A hole whose value is not
(a parameter, the commit) is compared as the hole that it is.
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import Artifact, Build, BuildImage, ChangedFiles, Deploy, Job, Need, Project, Ref, dockerfile_of
from compiler.matrix import label, legs, matching
from compiler.passes.context import Context, hole, labels, named, over_pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from compiler.ir import Input, Text
    from compiler.matrix import Leg
    from compiler.source import Origin

    _NamedFile: TypeAlias = tuple[Origin | None, str, str]  # where it is named: a node and its field; and the path

# What the front end refuses in a path that is written: globs, and what no path holds.
_NO_PATH = frozenset("*?[\\\0\n\r\t")


class _Folder:
    """A node of the tree of all output paths."""

    __slots__ = ("folders", "writer")

    def __init__(self) -> None:
        self.folders: dict[str, _Folder] = {}
        self.writer: tuple[Job, Artifact, Leg] | None = None


def resolve_edges(project: Project, context: Context) -> Project:
    return over_pool(project, lambda jobs, pool: _resolved(jobs, pool, context))


def check_named_files(project: Project, context: Context) -> Project:
    """Report what a job installs by, builds by or deploys, where no job makes it and it is not in the work tree."""
    rendered = {one.path for one in project.rendered}

    def check(jobs: tuple[Job, ...], pool: tuple[Job, ...]) -> tuple[Job, ...]:
        named = (one for job in jobs for one in (*_installed_by(job, project), *_named_files(job, project)))
        absent = [one for one in named if one[2] not in rendered and not context.files.exists(one[2])]
        if absent:
            root, changed = _Folder(), _changed((*jobs, *pool))
            _offer(root, (*jobs, *pool), set())
            for at, field, path in absent:
                if not _producers(root, path) and not _is_below(path, changed):
                    message = f'"{path}" is made by no job and is not in the work tree'
                    context.sink.report(codes.MISSING_INPUT, message, at, field=field)
        return jobs

    return over_pool(project, check)


def _installed_by(job: Job, project: Project) -> list[_NamedFile]:
    """The file by which a job's packages are installed; in an image that is built they are already."""
    given = job.environment
    if isinstance(given, str):
        given = next((one for one in project.environments if one.name == given), None)
    if given is None or given.file is None or given.installer not in ("pip", "conda") or given.build is not None:
        return []
    return [(given.origin or job.origin, "file", given.file)]


def _named_files(job: Job, project: Project) -> list[_NamedFile]:
    """The files of the repository that an action names; what is an input is checked as one."""
    action = job.action
    if isinstance(action, Deploy):
        given = {concrete(one.path, ()) for one in job.inputs}
        given |= {dataset.path for dataset in project.datasets if dataset.name in job.datasets}
        paths = (path for path in action.documents if not _is_below(path, given))
        return [(action.origin or job.origin, f"documents[{path}]", path) for path in paths]
    if not isinstance(action, BuildImage) or action.software is not None or action.build.generate:
        return []
    build = action.build
    if build.origin is None and build == Build():  # of an environment that there is not
        return []
    at = build.origin or action.origin or job.origin
    return [(at, "file" if build.file else "context", dockerfile_of(build))]


def _changed(jobs: tuple[Job, ...]) -> set[str]:
    """The paths below which jobs leave whatever they change."""
    outputs = (output for job in jobs for output in job.outputs if isinstance(output, ChangedFiles))
    return {path for output in outputs for path in output.paths or (".",)}


def _is_below(path: str, folders: set[str]) -> bool:
    return any(folder in (".", path) or path.startswith(f"{folder}/") for folder in folders)


def check_outputs(jobs: tuple[Job, ...], context: Context) -> _Folder:
    """Report outputs of one path, or one inside of the other; gives the tree of them all."""
    root = _Folder()
    for job in jobs:
        for output in job.outputs:
            if isinstance(output, Artifact):
                _claim(root, job, output, context)
    _check_nesting(root, context)
    return root


def _resolved(jobs: tuple[Job, ...], pool: tuple[Job, ...], context: Context) -> tuple[Job, ...]:
    root = check_outputs(jobs, context)
    if pool and any(job.inputs for job in jobs):
        _offer(root, pool, {job.name for job in jobs})
    return tuple(_with_edges(job, root, context) if job.inputs else job for job in jobs)


def _offer(root: _Folder, pool: tuple[Job, ...], own: set[str]) -> None:
    """What jobs of the pool write, where none of the pipeline's own does: they may turn out not to be of this pipeline."""
    for job in pool:
        if job.name in own:
            continue
        for output in job.outputs:
            for leg in legs(job.matrix) if isinstance(output, Artifact) else ():
                assert isinstance(output, Artifact)
                _offer_one(root, _path(output, leg), (job, output, leg))


def _offer_one(root: _Folder, path: str, writer: tuple[Job, Artifact, Leg]) -> None:
    at = root
    for segment in path.split("/"):
        if at.writer is not None:
            return
        at = at.folders.setdefault(segment, _Folder())
    if at.writer is None and not at.folders:
        at.writer = writer


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


def _path(output: Artifact, leg: Leg) -> str:
    """The path that an output has in one leg."""
    path = concrete(output.path, leg)
    return f"{path}/{label(leg)}" if output.per_leg and leg else path


def _is_inside(path: str) -> bool:
    """Whether a path whose matrix values are filled in still is one path below the root, and no program's option."""
    parts = path.split("/")
    return (
        not any(part in ("", ".", "..", ".git") for part in parts) and parts[0][0] != "-" and not set(path) & _NO_PATH
    )


def _claim(root: _Folder, job: Job, output: Artifact, context: Context) -> None:
    seen: set[str] = set()
    for leg in legs(job.matrix):
        path = _path(output, leg)
        if path in seen:
            _report_legs(job, output, context)
            return
        if leg and not _is_inside(path):
            message = f'"{path}", which a value of the matrix makes, is no path inside of the repository'
            context.sink.report(codes.BAD_PATH, message, output.origin or job.origin)
            return
        seen.add(path)
        at = root
        for segment in path.split("/"):
            at = at.folders.setdefault(segment, _Folder())
        if at.writer is None:
            at.writer = (job, output, leg)
        elif at.writer[0] is not job or at.writer[1] is not output:
            other, first, _ = at.writer
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
    stack: list[tuple[_Folder, tuple[Job, Artifact, Leg] | None]] = [(root, None)]
    while stack:
        folder, above = stack.pop()
        if folder.writer is None or above is None:
            pass
        elif folder.writer[0] is above[0] and folder.writer[2] != above[2]:
            _report_legs(folder.writer[0], folder.writer[1], context)
        elif folder.writer[0] is not above[0]:
            job, output, _ = folder.writer
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
        for leg in legs(job.matrix):
            path = concrete(given.path, leg)
            found = _producers(root, path)
            _check_arrival(job, leg, given, path, found, needs, context)
            producers.update(dict.fromkeys(other.name for other, _ in found if other is not job))
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
            context.sink.report(codes.MISSING_INPUT, message, given.origin or job.origin, field=_field(job, given))
    return job if len(needs) == before else job.replace(needs=tuple(needs.values()))


def _field(job: Job, given: Input) -> str | None:
    """Where in the job an input stands that has no place of its own."""
    if given.origin is not None and given.origin is not job.origin:
        return None
    return f"inputs[{named(given.path)}]" if given.dataset is None else f"datasets[{given.dataset}]"


def _check_arrival(
    job: Job,
    leg: Leg,
    given: Input,
    path: str,
    found: list[tuple[Job, Leg]],
    needs: dict[str, Need],
    context: Context,
) -> None:
    """Of a job whose legs are needed one by one, only the outputs of those arrive."""
    made: dict[str, list[tuple[Job, Leg]]] = {}
    for other, there in found:
        if other.name in needs and needs[other.name].legs not in (None, "all"):
            made.setdefault(other.name, []).append((other, there))
    for name, pairs in made.items():
        arriving = matching(needs[name], leg, pairs[0][0].matrix)
        if not any(there in arriving for _, there in pairs):
            message = f'"{path}" comes from a leg of "{name}" that "{job.name}" does not need'
            context.sink.report(codes.MISSING_INPUT, message, given.origin or job.origin, severity="error")


def _producers(root: _Folder, path: str) -> list[tuple[Job, Leg]]:
    """Who writes a path: the path itself, a folder around it, or what lies below it."""
    at = root
    for segment in path.split("/"):
        below = at.folders.get(segment)
        if below is None:
            return []
        at = below
        if at.writer is not None:
            return [(at.writer[0], at.writer[2])]
    found: list[tuple[Job, Leg]] = []
    stack = [at]
    while stack:
        folder = stack.pop()
        if folder.writer is not None:
            found.append((folder.writer[0], folder.writer[2]))
        stack.extend(reversed(folder.folders.values()))
    return found
