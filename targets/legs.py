"""Matrix jobs as several jobs, where a target has no needs between legs or takes only so many legs at once.

Every function works on a pipeline's whole tuple of jobs. What comes out are jobs whose matrix lists its legs one by one
in `include`; a leg that stands alone is a matrix of one leg.
"""

from __future__ import annotations

from compiler.ir import NOTHING, Job, Matrix
from compiler.matrix import label, legs, matching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from compiler.diagnostics import Sink
    from compiler.matrix import Leg

    Members: TypeAlias = dict[str, tuple[str, ...]]


def only(job: Job) -> Leg:
    """The leg of a job that is one leg of a matrix; () for a job without a matrix, or with several legs."""
    if job.matrix is None:
        return ()
    found = legs(job.matrix)
    return found[0] if len(found) == 1 else ()


def with_leg_edges(jobs: tuple[Job, ...]) -> set[str]:
    """The jobs whose legs are needed, or need, one by one."""
    known = {job.name: job for job in jobs}
    found: set[str] = set()
    for job in jobs:
        for need in job.needs:
            if need.legs in (None, "all") or known[need.job].matrix is None:
                continue
            found.add(need.job)
            if need.legs == "same" and job.matrix is not None:
                found.add(job.name)
    return found


def expand(jobs: tuple[Job, ...], also: frozenset[str] = frozenset()) -> tuple[tuple[Job, ...], Members]:
    """Turn each leg of the jobs that have needs between legs, and of those in `also`, into a job of its own.

    It is called `train.fold=0`.
    Needs of all legs name every leg's job; no need says anything of legs afterwards. The second answer names, for every
    job that went in, the jobs that it became.
    """
    wanted = with_leg_edges(jobs) | also
    return _split(jobs, dict.fromkeys((job.name for job in jobs if job.name in wanted), 1))


def say_whole(sink: Sink, members: Members) -> None:
    """Let messages about what a job became name the job: the manifest has no other name."""
    for name, parts in members.items():
        if parts != (name,):
            sink.parts.update(dict.fromkeys(parts, name))


def turns(jobs: tuple[Job, ...], members: Members) -> dict[str, int]:
    """Which of the turns that `max_parallel` leaves each leg takes that has become a job of its own.

    Of those that have one turn, one runs at a time. Jobs whose legs may all run at once are left out.
    """
    found: dict[str, int] = {}
    for job in jobs:
        limit = job.matrix.max_parallel if job.matrix is not None else None
        parts = members[job.name]
        if limit is not None and limit < len(parts):
            found.update({part: at % limit for at, part in enumerate(parts)})
    return found


def chunk(jobs: tuple[Job, ...], limit: int) -> tuple[tuple[Job, ...], Members]:
    """Split matrix jobs of more than `limit` legs into several, `sweep.1`, `sweep.2`, each of at most that many.

    `max_parallel` is shared out among them, at least one each.
    """
    return _split(jobs, {job.name: limit for job in jobs if job.matrix is not None and len(legs(job.matrix)) > limit})


def _split(jobs: tuple[Job, ...], sizes: dict[str, int]) -> tuple[tuple[Job, ...], Members]:
    if not sizes:
        return jobs, {job.name: (job.name,) for job in jobs}
    known = {job.name: job for job in jobs}
    taken = set(known)
    parts: dict[str, list[tuple[str, tuple[Leg, ...]]]] = {}
    for name, size in sizes.items():
        all_legs = legs(known[name].matrix)
        groups = [all_legs[at : at + size] for at in range(0, len(all_legs), size)]
        parts[name] = [(_part_name(name, group, at, size, taken), group) for at, group in enumerate(groups, 1)]
    made: list[Job] = []
    for job in jobs:
        if job.name not in parts:
            made.append(_with_needs(job, legs(job.matrix), known, parts))
            continue
        for part_name, group in parts[job.name]:
            assert job.matrix is not None
            parallel = job.matrix.max_parallel
            share = None if parallel is None else max(1, parallel // len(parts[job.name]))
            part = job.replace(name=part_name, matrix=Matrix(include=group, max_parallel=share))
            made.append(_with_needs(part, group, known, parts))
    members = {name: tuple(part for part, _ in parts[name]) if name in parts else (name,) for name in known}
    return tuple(made), members


def _part_name(name: str, group: tuple[Leg, ...], at: int, size: int, taken: set[str]) -> str:
    wanted = f"{name}.{label(group[0]) if size == 1 else at}"
    while wanted in taken:
        wanted += "."
    taken.add(wanted)
    return wanted


def _with_needs(
    job: Job,
    here: tuple[Leg, ...],
    known: dict[str, Job],
    parts: dict[str, list[tuple[str, tuple[Leg, ...]]]],
) -> Job:
    """The job with needs of the parts that its legs wait for. The order stays that of the needs, then of the legs."""
    if not any(need.job in parts or need.legs not in (None, "all") for need in job.needs):
        return job
    needs = []
    for need in job.needs:
        if need.job not in parts:
            needs.append(need.replace(legs=None))
            continue
        waited = {leg for own in here for leg in matching(need, own, known[need.job].matrix)}
        needs += [need.replace(job=part, legs=None) for part, group in parts[need.job] if waited & set(group)]
    return job.replace(needs=tuple(needs) if needs else NOTHING)
