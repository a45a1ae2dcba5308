"""Compare the numbers of two JSON or text files within tolerances; exit 1 where one differs by more.

tolerance.py [--rtol N] [--atol N] [--report FILE] EXPECTED ACTUAL

|actual - expected| <= atol + rtol * |expected|, number by number in order, as numpy.allclose compares.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from targets.runtime.compare import compare
from targets.runtime.problem import DataError, finish, quoted
from targets.runtime.reports import write_report


def numbers_in(path: str) -> list[float]:
    """All numbers of a file in order: JSON by its structure, other text by its words."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            text = stream.read()
        if path.lower().endswith(".json"):
            return list(map(float, leaves(json.loads(text))))
        return [float(word) for word in text.replace(",", " ").split()]
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{quoted(path)} does not hold numbers: {error}") from error


def leaves(data: Any) -> list[Any]:
    found: list[Any] = []
    pending = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(reversed(value))
        elif isinstance(value, dict):
            pending.extend(value[key] for key in sorted(value, reverse=True))
        elif isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError(f"{quoted(value)} is no number")
        else:
            found.append(value)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="tolerance", allow_abbrev=False)
    parser.add_argument("--rtol", type=float, default=1e-3)
    parser.add_argument("--atol", type=float, default=1e-5)
    parser.add_argument("--report", default="")
    parser.add_argument("expected")
    parser.add_argument("actual")
    options = parser.parse_args()
    expected, actual = numbers_in(options.expected), numbers_in(options.actual)
    if not expected:
        raise DataError(f"{quoted(options.expected)} holds no number")
    if len(expected) != len(actual):
        raise DataError(f"{options.expected} holds {len(expected)} numbers, {options.actual} holds {len(actual)}")
    found = compare(expected, actual, options.rtol, options.atol)
    if options.report:
        write_report(options.report, found)
    worst = found["largest_difference"]
    print(f"{len(expected)} numbers, the largest difference is {worst if math.isfinite(worst) else 'infinite'}")
    if found["beyond"]:
        raise DataError(
            f"{found['beyond']} of {len(expected)} numbers differ by more than {options.atol:g} + {options.rtol:g} of the number"
        )
    return 0


if __name__ == "__main__":
    finish(main)
