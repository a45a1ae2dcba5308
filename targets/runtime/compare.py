"""Numbers within tolerances, as numpy.allclose has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def compare(expected: Sequence[float], actual: Sequence[float], rtol: float, atol: float) -> dict[str, Any]:
    """How far two equally long rows of numbers are apart; what is not a number equals nothing."""
    beyond, worst = 0, 0.0
    for one, other in zip(expected, actual):  # noqa: B905 - Python 3.8 has no strict
        gap = 0.0 if one == other else abs(other - one)
        if not gap <= atol + rtol * abs(one):
            beyond += 1
        worst = max(worst, gap if not math.isnan(gap) else math.inf)
    return {
        "numbers": len(expected),
        "beyond": beyond,
        "largest_difference": min(worst, 1e308),
        "rtol": rtol,
        "atol": atol,
    }
