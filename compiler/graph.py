"""Order, cycles, reachability and critical path of a graph of names: pure functions, all iterative.

A graph is a mapping from each name to the names that it needs. Names that are needed but not keys are ignored: whoever
reads names reports the unknown ones.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TypeAlias

    Graph: TypeAlias = Mapping[str, Sequence[str]]


def dependents(graph: Graph) -> dict[str, list[str]]:
    """The graph turned round: who needs each name, in the graph's order."""
    found: dict[str, list[str]] = {name: [] for name in graph}
    for name, needs in graph.items():
        for need in dict.fromkeys(needs):
            if need in found:
                found[need].append(name)
    return found


def order(graph: Graph) -> list[str]:
    """A topological order that stays as near to the graph's own order as it can. What lies on a cycle is left out."""
    if _is_ordered(graph):  # most manifests are written in the order in which their jobs run
        return list(graph)
    from heapq import heapify, heappop, heappush

    place = {name: at for at, name in enumerate(graph)}
    names = list(graph)
    waiting = {name: sum(1 for need in set(needs) if need in place) for name, needs in graph.items()}
    users = dependents(graph)
    ready = [place[name] for name in names if waiting[name] == 0]
    heapify(ready)
    ordered: list[str] = []
    while ready:
        name = names[heappop(ready)]
        ordered.append(name)
        for user in users[name]:
            waiting[user] -= 1
            if waiting[user] == 0:
                heappush(ready, place[user])
    return ordered


def _is_ordered(graph: Graph) -> bool:
    """Whether every name stands behind all that it needs."""
    before: set[str] = set()
    for name, needs in graph.items():
        if not before.issuperset(needs) and not before.issuperset(need for need in needs if need in graph):
            return False
        before.add(name)
    return True


def layers(graph: Graph) -> list[list[str]]:
    """Names by depth: the first layer needs nothing, each further one only names of layers before it."""
    depth: dict[str, int] = {}
    for name in order(graph):
        depth[name] = 1 + max((depth[need] for need in graph[name] if need in depth), default=-1)
    found: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
    for name in graph:
        if name in depth:
            found[depth[name]].append(name)
    return found


def cycles(graph: Graph) -> list[list[str]]:
    """One shortest cycle of each knot of names that wait for one another, each from its first name in graph order."""
    place = {name: at for at, name in enumerate(graph)}
    starts = {min(knot, key=place.__getitem__): set(knot) for knot in knots(graph)}
    return [_shortest_cycle(graph, start, starts[start]) for start in sorted(starts, key=place.__getitem__)]


def knots(graph: Graph) -> list[list[str]]:
    """Strongly connected components that hold a cycle (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_path: set[str] = set()
    path: list[str] = []
    knots: list[list[str]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        path.append(root)
        on_path.add(root)
        while work:
            name, rest = work[-1]
            for need in rest:
                if need not in graph:
                    continue
                if need not in index:
                    index[need] = low[need] = len(index)
                    path.append(need)
                    on_path.add(need)
                    work.append((need, iter(graph[need])))
                    break
                if need in on_path:
                    low[name] = min(low[name], index[need])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[name])
                if low[name] == index[name]:
                    knot = [path.pop()]
                    while knot[-1] != name:
                        knot.append(path.pop())
                    on_path.difference_update(knot)
                    if len(knot) > 1 or name in graph[name]:
                        knots.append(knot)
    return knots


def _shortest_cycle(graph: Graph, start: str, members: set[str]) -> list[str]:
    """A shortest way from `start` over needs back to it, breadth first."""
    came_from: dict[str, str] = {}
    front = [start]
    while front:
        following = []
        for name in front:
            for need in graph[name]:
                if need == start:
                    cycle = [name]
                    while cycle[-1] != start:
                        cycle.append(came_from[cycle[-1]])
                    return cycle[::-1]
                if need in members and need not in came_from:
                    came_from[need] = name
                    following.append(need)
        front = following
    raise AssertionError(f"{start} lies on no cycle")


def reachable(graph: Graph, roots: Iterable[str]) -> set[str]:
    """The roots and all that they need, directly or not."""
    seen: set[str] = set()
    stack = [name for name in roots if name in graph]
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            stack.extend(need for need in graph[name] if need in graph and need not in seen)
    return seen


def critical_path(graph: Graph, seconds: Mapping[str, float]) -> list[str]:
    """The chain of needs that takes longest, first job first."""
    total: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for name in order(graph):
        known = [need for need in graph[name] if need in total]
        slowest = max(known, key=lambda need: total[need], default=None)
        before[name] = slowest
        total[name] = seconds.get(name, 0.0) + (total[slowest] if slowest is not None else 0.0)
    at = max(total, key=lambda name: total[name], default=None)
    chain: list[str] = []
    while at is not None:
        chain.append(at)
        at = before[at]
    return chain[::-1]
