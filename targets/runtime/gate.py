"""Judge objectives over a job's metrics: a table on stdout, exit 1 where one is not met.

gate.py METRICS.json... [--baseline FILE] [--summary FILE] -- OBJECTIVE...

An objective is `metric operator number`, or JSON as the compiler writes it: [text, operator, left, right, tolerance?]; an operand is {"metric",
"slice", "baseline", "scale"}, {"number", "scale"}, ["-", a, b] or ["abs", a]. Metrics are flat or nested JSON, or
lists of {key, value, slice}; numbers may be text. All is compared exactly; what is not a number never passes.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from targets.runtime.problem import DataError, UsageError, finish, parsed, quoted, say

NUMBER = re.compile(r"[+-]?([0-9]{1,1000}(\.[0-9]{0,1000})?|\.[0-9]{1,1000})([eE][+-]?[0-9]{1,3})?")
SIMPLE = re.compile(r"([\w./-]+) (>=|<=|>|<|==|!=) ([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)")
AS_TEXT: dict[str, Any] = {"parse_int": str, "parse_float": str, "parse_constant": str}


def flatten(data: Any) -> Iterator[tuple[str, Any]]:
    """Dotted names and values; objects are tuples of pairs, so that a repeated key is seen twice."""
    pending = [("", data)]
    while pending:
        prefix, value = pending.pop()
        fields = dict(value) if isinstance(value, tuple) else {}
        if isinstance(fields.get("key"), str) and "value" in fields:
            part = ",".join(f"{key}={held}" for key, held in sorted(fields.get("slice") or ()))
            pending.append((prefix + fields["key"] + (f"[{part}]" if part else ""), fields["value"]))
        elif isinstance(value, tuple):
            pending.extend((prefix + key + ".", held) for key, held in reversed(value))
        elif isinstance(value, list):
            pending.extend((prefix, held) for held in reversed(value))
        else:
            yield prefix.rstrip("."), value


def metrics_in(files: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for file in files:
        try:
            with open(file, encoding="utf-8-sig") as stream:
                data = json.load(stream, object_pairs_hook=tuple, **AS_TEXT)
            for name, value in flatten(data):
                found.setdefault(name, []).append(value)
        except OSError as error:
            raise DataError(f"metrics file {quoted(file)} can't be read: {error.strerror}") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(f"metrics file {quoted(file)} is not JSON of metrics: {error}") from error
    return found


def spellings(name: str, pairs: list[tuple[str, str]]) -> list[str]:
    """The names under which a metric, or a slice of one, may stand in a metrics file."""
    if not pairs:
        return [name, f"metrics.{name}"]
    joined = ",".join(f"{key}={value}" for key, value in pairs)
    names = [f"{name}[{joined}]", f"metrics.{name}[{joined}]"]
    for part in (joined, ".".join(f"{key}.{value}" for key, value in pairs)):
        names += [f"{name}.{part}", f"metrics.{name}.{part}", f"{part}.{name}", f"slices.{part}.{name}"]
    return names


def number(text: Any) -> Fraction:
    if not isinstance(text, str) or not NUMBER.fullmatch(text):
        raise DataError(f"{quoted(text)} is not a number")
    return Fraction(text)


def measured(operand: dict[str, Any], metrics: dict[str, list[Any]], where: str) -> Fraction:
    pairs = sorted(operand.get("slice", {}).items())
    names = spellings(operand["metric"], pairs)
    values = {number(value) for name in names for value in metrics.get(name, [])}
    if not values:
        there = ", ".join(sorted(metrics)[:30])
        raise DataError(f"{where} {names[0]!r} is missing; there are: {there or 'none'}")
    if len(values) > 1:
        raise DataError(f"{where} {names[0]!r} is given more than once, with different values")
    return values.pop()


class Gate:
    """Computes operands over this run's metrics and the baseline's."""

    def __init__(self, metrics: dict[str, list[Any]], baseline: dict[str, list[Any]]) -> None:
        self.metrics, self.baseline = metrics, baseline

    def compute(self, operand: Any) -> Fraction:
        if isinstance(operand, list):
            terms = [self.compute(term) for term in operand[1:]]
            return terms[0] - terms[1] if operand[0] == "-" else abs(terms[0])
        scale = Fraction(operand.get("scale", "1"))
        if "number" in operand:
            return number(operand["number"]) * scale
        if operand.get("baseline"):
            return measured(operand, self.baseline, "baseline metric") * scale
        return measured(operand, self.metrics, "metric") * scale

    def judge(self, objective: list[Any]) -> tuple[str, str, bool]:
        """The objective's text, what was found, and whether it is met."""
        text, operator, left, right = objective[:4]
        tolerance = self.compute(objective[4]) if len(objective) > 4 else Fraction(0)
        try:
            gap = self.compute(left) - self.compute(right)
        except DataError as problem:
            return text, str(problem).replace("\n", " "), False
        met = {
            ">=": gap >= -tolerance,
            ">": gap > -tolerance,
            "<=": gap <= tolerance,
            "<": gap < tolerance,
            "==": abs(gap) <= tolerance,
            "!=": abs(gap) > tolerance,
        }[operator]
        sides = (self.shown(side) for side in (left, right) if "number" not in side)
        return text, ", ".join(sides), met

    def shown(self, operand: Any) -> str:
        scale = Fraction(operand.get("scale", "1")) if isinstance(operand, dict) else 1
        value = self.compute(operand) / scale
        return format(Decimal(value.numerator) / value.denominator, ".10g")


def summarise(file: str, rows: list[tuple[str, str, bool]]) -> None:
    """Append a Markdown table; no text of a file can leave its cell."""
    lines = ["| objective | value | |", "|---|---|---|"]
    for text, value, met in rows:
        cells = (html.escape(cell).replace("|", "&#124;").replace("\n", " ") for cell in (text, value))
        lines.append("| <code>{}</code> | <code>{}</code> | {} |".format(*cells, "passed" if met else "**failed**"))
    with open(file, "a", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")


def objective(text: str) -> Any:
    simple = SIMPLE.fullmatch(text)
    if not simple:
        return parsed(text, "an objective")
    return [text, simple[2], {"metric": simple[1]}, {"number": simple[3]}]


def main() -> int:
    parser = argparse.ArgumentParser(prog="gate", allow_abbrev=False)
    parser.add_argument("--baseline", action="append", default=[])
    parser.add_argument("--summary")
    parser.add_argument("metrics", nargs="+")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:split])
    objectives = [objective(text) for text in sys.argv[split + 1 :]]
    if not objectives:
        raise UsageError("no objective is given: they stand after --")
    gate = Gate(metrics_in(options.metrics), metrics_in(options.baseline))
    try:
        rows = [gate.judge(objective) for objective in objectives]
    except (DataError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise UsageError(f"an objective is not in its form: {error}") from error
    width = max(len(text) for text, _, _ in rows)
    for text, value, met in rows:
        print(f"{'passed' if met else 'failed'}  {text:{width}}  {value}")
        if not met:
            say(f"objective {text!r} is not met: {value}")
    if options.summary:
        summarise(options.summary, rows)
    return 0 if all(met for _, _, met in rows) else 1


if __name__ == "__main__":
    finish(main)
