"""Convex splitting of a job graph: parts of limited weight with no cycle between them.

A target that can't hold a pipeline in one file splits its jobs by its own LIMITS, and orders the parts as their jobs
are. Parts are cut from a topological order, so every edge between two parts leads forward: whatever lies on a path
between two jobs of one part lies in that part or the path does not leave it.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


def split(
    order: Sequence[str],
    needs: Mapping[str, Sequence[str]],
    weight: Mapping[str, int],
    limit: int,
    apart: Collection[str] = (),
) -> list[list[str]]:
    """Cut jobs into as few parts as a topological order allows, of about the same weight, none above the limit.

    The jobs `apart`, which come last in the order, get parts of their own. `order` is that order (compiler.graph.order makes it), `needs` what each job needs (names that are not in `order`
    are ignored), `weight` is not negative. Parts come in the order in which they may run; each keeps the given order.
    Raises ValueError where a job alone is above the limit, or where `order` puts a job before one that it needs.
    """
    _check(order, needs, weight, limit)
    first = [name for name in order if name not in apart] if apart else order
    return [*_evenly(first, weight, limit), *_evenly(order[len(first) :], weight, limit)]


def _evenly(order: Sequence[str], weight: Mapping[str, int], limit: int) -> list[list[str]]:
    parts = _cut(order, weight, limit)
    return _cut(order, weight, _even(order, weight, limit, len(parts))) if len(parts) > 1 else parts


def parts_needed(parts: Sequence[Sequence[str]], needs: Mapping[str, Sequence[str]]) -> list[list[int]]:
    """For each part the numbers (from 0) of the earlier parts that its jobs need directly, ascending."""
    part_of = {name: number for number, part in enumerate(parts) for name in part}
    found = []
    for number, part in enumerate(parts):
        others = {part_of[need] for name in part for need in needs.get(name, ()) if need in part_of}
        found.append(sorted(others - {number}))
    return found


def _check(order: Sequence[str], needs: Mapping[str, Sequence[str]], weight: Mapping[str, int], limit: int) -> None:
    place = {name: at for at, name in enumerate(order)}
    if len(place) != len(order):
        raise ValueError("a name stands twice in the order")
    for name in order:
        if weight[name] > limit:
            raise ValueError(f'"{name}" alone weighs {weight[name]}, the limit is {limit}')
        for need in needs.get(name, ()):
            if place.get(need, -1) >= place[name]:
                raise ValueError(f'"{name}" stands before "{need}", which it needs')


def _cut(order: Sequence[str], weight: Mapping[str, int], limit: int) -> list[list[str]]:
    """Parts filled one after the other, each up to the limit: no cut of this order has fewer."""
    parts: list[list[str]] = []
    held = 0
    for name in order:
        if not parts or held + weight[name] > limit:
            parts.append([])
            held = 0
        parts[-1].append(name)
        held += weight[name]
    return parts


def _even(order: Sequence[str], weight: Mapping[str, int], limit: int, count: int) -> int:
    """The smallest limit under which the order still falls into `count` parts (or the limit, where none does)."""
    low = max(weight[name] for name in order)
    high = limit
    sums = list(accumulate(weight[name] for name in order))
    while low < high:
        middle = (low + high) // 2
        if _count(sums, middle) <= count:
            high = middle
        else:
            low = middle + 1
    return high


def _count(sums: list[int], limit: int) -> int:
    """How many parts `_cut` makes, from the sums of the weights so far."""
    parts = at = held = 0
    while at < len(sums):
        at = bisect_right(sums, held + limit, at)
        held = sums[at - 1]
        parts += 1
    return parts
