"""`requires`: versions as Python's packaging writes them, so far as a manifest needs them.

https://packaging.python.org/en/latest/specifications/version-specifiers/
"""

from __future__ import annotations

import re

_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|~=|>|<)\s*([0-9]{1,6}(?:\.[0-9]{1,6}){0,3})(\.\*)?\s*")


def allows(specifier: str, version: str) -> bool | None:
    """Whether a version is among those of a specifier (`>=0.4,<0.5`); None where that is none."""
    ours = _numbers(version)
    allowed = True
    for clause in specifier.split(","):
        found = _CLAUSE.fullmatch(clause)
        if found is None or (found[3] and found[1] not in ("==", "!=")) or (found[1] == "~=" and "." not in found[2]):
            return None
        allowed = allowed and _holds(found[1], ours, _numbers(found[2]), bool(found[3]))
    return allowed


def _numbers(version: str) -> tuple[int, ...]:
    """The release's numbers; what stands behind them (rc1, .dev0) is left out."""
    return tuple(int(number) for number in re.findall("[0-9]+", re.split(r"[^0-9.]", version, maxsplit=1)[0]))


def _holds(operator: str, ours: tuple[int, ...], given: tuple[int, ...], prefix: bool) -> bool:
    if operator == "~=":
        return _filled(ours) >= _filled(given) and ours[: len(given) - 1] == given[:-1]
    if prefix:
        return (_filled(ours)[: len(given)] == given) is (operator == "==")
    left, right = _filled(ours), _filled(given)
    return {
        ">=": left >= right,
        "<=": left <= right,
        ">": left > right,
        "<": left < right,
        "==": left == right,
        "!=": left != right,
    }[operator]


def _filled(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return (*numbers, 0, 0, 0, 0)[:4]
