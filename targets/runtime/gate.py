"""Judge objectives over a job's metrics: a table on stdout, exit 1 where one is not met.

gate.py METRICS.json... [--baseline FILE] [--summary FILE] [--report FILE] -- [OBJECTIVE...]

An objective is `metric operator number`, or JSON as the compiler writes it: [text, operator, left, right, tolerance?]; an operand is {"metric",
"slice", "baseline", "scale"}, {"number", "scale"}, ["-", a, b] or ["abs", a]. Metrics are flat or nested JSON, or
lists of {key, value, slice}; numbers may be text. Metrics that were written epoch by epoch, as an object by the epoch's
number or as a list of objects, count by their last entry. All is compared exactly; what is not a number never passes.
`--report` writes them as OpenMetrics text. Without an objective the metrics are read and shown.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

from targets.runtime.problem import DataError, UsageError, finish, parsed, quoted, say

EPOCH = re.compile(r"[0-9]{1,9}")
BARS = "▁▂▃▄▅▆▇█"
POINTS = 40  # that a line of bars shows
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


def epochs(data: Any) -> list[Any]:
    """The entries of metrics that were written epoch by epoch, in order; none for other metrics."""
    if isinstance(data, tuple):
        numbered = all(EPOCH.fullmatch(key) and isinstance(held, tuple) for key, held in data)
        return [held for _, held in sorted(data, key=lambda pair: int(pair[0]))] if numbered else []
    entries = data if isinstance(data, list) else []
    return entries if all(isinstance(held, tuple) and not is_one_metric(held) for held in entries) else []


def is_one_metric(fields: Any) -> bool:
    return {"key", "value"} <= {name for name, _ in fields}


def read(file: str) -> Any:
    """A metrics file's data. Raises DataError."""
    try:
        with open(file, encoding="utf-8-sig") as stream:
            return json.load(stream, object_pairs_hook=tuple, **AS_TEXT)
    except OSError as error:
        raise DataError(f"metrics file {quoted(file)} can't be read: {error.strerror}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"metrics file {quoted(file)} is not JSON of metrics: {error}") from error


def series_in(files: list[str]) -> list[dict[str, Any]]:
    """The metrics of each epoch by their names, of files that were written epoch by epoch."""
    entries = [entry for file in files for entry in epochs(read(file))]
    return [{name: value for name, value in flatten(entry) if name != "epoch"} for entry in entries]


def metrics_in(files: list[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for file in files:
        data = read(file)
        try:
            entries = epochs(data)
            for name, value in flatten(entries[-1] if entries else data):
                if not entries or name != "epoch":
                    found.setdefault(name, []).append(value)
        except (ValueError, TypeError) as error:
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


def curve(values: list[Any]) -> str:
    """Values over the epochs as a line of bars; an epoch without a number leaves a blank."""
    step = max(1, -(-len(values) // POINTS))
    numbers = [float(Fraction(one)) if is_number(one) else None for one in [*values[::step][:-1], *values[-1:]]]
    known = [one for one in numbers if one is not None]
    if not known:
        return ""
    low, spread = min(known), (max(known) - min(known)) or 1.0
    return "".join(" " if one is None else BARS[round((one - low) / spread * 7)] for one in numbers)


def is_number(value: Any) -> bool:
    return isinstance(value, str) and NUMBER.fullmatch(value) is not None


def show(metrics: dict[str, list[Any]], files: list[str]) -> list[tuple[str, str, str]]:
    """Each metric with its value and its curve, printed. Raises DataError where there is no number among them."""
    if not any(is_number(value) for values in metrics.values() for value in values):
        raise DataError("there is no metric: " + ", ".join(quoted(file) for file in files))
    series = series_in(files)
    rows = []
    for name in sorted(metrics):
        line = curve([entry.get(name) for entry in series]) if len(series) > 1 else ""
        rows.append((name, ", ".join(str(value) for value in metrics[name]), line))
    width = max(len(name) for name, _, _ in rows)
    for name, value, line in rows:
        print(f"metric  {name:{width}}  {value}  {line}".rstrip())
    return rows


def report(file: str, metrics: dict[str, list[Any]]) -> None:
    """Metrics as OpenMetrics text, each under a name of its own: https://github.com/prometheus/OpenMetrics"""
    found: dict[str, Any] = {}
    for given, values in sorted(metrics.items()):
        if not is_number(values[-1]):
            continue
        legal = re.sub(r"[^A-Za-z0-9_:]", "_", given) or "_"
        legal = f"_{legal}" if legal[0].isdigit() else legal
        name, number = legal, 1
        while name in found:
            number += 1
            name = f"{legal}_{number}"
        found[name] = values[-1]
    lines = [f"{name} {value}" for name, value in sorted(found.items())]
    os.makedirs(os.path.dirname(os.path.abspath(file)), exist_ok=True)
    with open(file, "w", encoding="utf-8") as stream:
        stream.write("".join(line + "\n" for line in (*lines, "# EOF")))


def plot(file: str, rows: list[tuple[str, str, str]]) -> None:
    """Append the metrics with their curves as a Markdown table; no text of a file can leave its cell."""
    lines = ["| metric | value | |", "|---|---|---|"]
    for row in rows:
        cells = (html.escape(cell).replace("|", "&#124;").replace("\n", " ") for cell in row)
        lines.append("| <code>{}</code> | <code>{}</code> | {} |".format(*cells))
    with open(file, "a", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n\n")


def objective(text: str) -> Any:
    simple = SIMPLE.fullmatch(text)
    if not simple:
        return parsed(text, "an objective")
    return [text, simple[2], {"metric": simple[1]}, {"number": simple[3]}]


def main() -> int:
    parser = argparse.ArgumentParser(prog="gate", allow_abbrev=False)
    parser.add_argument("--baseline", action="append", default=[])
    parser.add_argument("--summary")
    parser.add_argument("--report")
    parser.add_argument("metrics", nargs="+")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:split])
    objectives = [objective(text) for text in sys.argv[split + 1 :]]
    if split == len(sys.argv):
        raise UsageError("objectives, or none, stand after --")
    metrics = metrics_in(options.metrics)
    if options.report:
        report(options.report, metrics)
    shown = show(metrics, options.metrics) if not objectives or series_in(options.metrics) else []
    if options.summary and shown:
        plot(options.summary, shown)
    if not objectives:
        return 0
    gate = Gate(metrics, metrics_in(options.baseline))
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
