"""The legs of a matrix: the product of its axes, minus what is excluded, plus what is included as whole legs."""

from __future__ import annotations

from itertools import product

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from compiler.ir import Matrix, Need

    Leg: TypeAlias = tuple[tuple[str, str], ...]  # (axis, value) in the order of the axes


MOST_LEGS = 10_000  # of one job; what is more was never meant


def most_legs(matrix: Matrix) -> int:
    """How many legs there can be, without making them: exclusions are not counted."""
    from math import prod

    whole = prod(len(values) for _, values in matrix.axes) if matrix.axes else 0
    return whole + len(matrix.include)


def legs(matrix: Matrix | None) -> tuple[Leg, ...]:
    """Every leg once, in order; a job without a matrix has one leg without axes. At most MOST_LEGS, after the check."""
    if matrix is None:
        return ((),)
    names = [name for name, _ in matrix.axes]
    made: dict[Leg, None] = {}
    refused = [frozenset(excluded) for excluded in matrix.exclude]
    if names:
        for values in product(*(values for _, values in matrix.axes)):
            leg = tuple(zip(names, values, strict=True))
            if not any(excluded.issubset(leg) for excluded in refused):
                made[leg] = None
    for included in matrix.include:
        made[included] = None
    return tuple(made)


def axes(matrix: Matrix | None) -> tuple[str, ...]:
    """The names of all axes, those of included legs too, in order."""
    if matrix is None:
        return ()
    names = dict.fromkeys(name for name, _ in matrix.axes)
    for included in matrix.include:
        names.update(dict.fromkeys(name for name, _ in included))
    return tuple(names)


def matching(need: Need, leg: Leg, needed: Matrix | None) -> tuple[Leg, ...]:
    """The legs of a needed job that one leg of a dependent waits for."""
    all_legs = legs(needed)
    if need.legs in (None, "all"):
        return all_legs
    if need.legs == "same":
        here = dict(leg)
        return tuple(other for other in all_legs if all(here.get(name, value) == value for name, value in other))
    assert isinstance(need.legs, tuple)
    picked = set(need.legs)
    return tuple(other for other in all_legs if picked <= set(other))


def label(leg: Leg) -> str:
    """A leg as a file name: `fold=0,size=s`; characters that not every system takes are written as _xx."""
    return ",".join(f"{name}={_safe(value)}" for name, value in leg)


def _safe(value: str) -> str:
    kept = (c if (c.isalnum() and c.isascii()) or c in ".-" else f"_{ord(c):x}" for c in value)
    return "".join(kept)
