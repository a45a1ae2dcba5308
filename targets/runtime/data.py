"""Check data against a schema of columns; exit 1 where they differ. Or write the first schema from data.

data.py --schema FILE [--report FILE] PATH...        data.py --first FILE PATH...

The schema is JSON: {"columns": {NAME: {"type": "number|integer|string|boolean", "optional", "minimum", "maximum",
"values": [...], "pattern", "unique", "empty": share}}, "rows": {"minimum", "maximum"}, "closed": bool}.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Callable
from typing import Any

from targets.runtime.problem import DataError, UsageError, finish, quoted, say
from targets.runtime.reports import write_report
from targets.runtime.rows import rows_of

MOST_SAID = 20
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def is_empty(value: Any) -> bool:
    return value is None or value == ""


def number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else None
    return float(value) if isinstance(value, str) and NUMBER.fullmatch(value.strip()) else None


def is_integer(value: Any) -> bool:
    found = number(value)
    return found is not None and math.isfinite(found) and found == int(found)


TYPES: dict[str, Callable[[Any], bool]] = {
    "number": lambda value: number(value) is not None,
    "integer": is_integer,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool) or str(value).lower() in ("true", "false", "0", "1"),
}


class Column:
    """One column's rules, and what was seen in it."""

    def __init__(self, name: str, rules: dict[str, Any]) -> None:
        self.name, self.rules = name, rules
        self.count = self.empty = 0
        self.total, self.least, self.most = 0.0, math.inf, -math.inf
        self.seen: set[str] = set()
        self.faults: dict[str, int] = {}
        if rules.get("type", "string") not in TYPES:
            raise UsageError(f"column {quoted(name)}: {quoted(rules['type'])} is no type")
        self.pattern = re.compile(rules["pattern"]) if "pattern" in rules else None

    def fault(self, what: str) -> None:
        self.faults[what] = self.faults.get(what, 0) + 1

    def take(self, value: Any) -> None:
        if is_empty(value):
            self.empty += 1
            return
        self.count += 1
        rules = self.rules
        if not TYPES[rules.get("type", "string")](value):
            self.fault(f"is no {rules['type']}")
        found = number(value)
        if found is not None:
            self.total += found
            self.least, self.most = min(self.least, found), max(self.most, found)
        for bound, wrong in (("minimum", -1), ("maximum", 1)):
            if bound in rules and found is not None and (found - rules[bound]) * wrong > 0:
                self.fault(f"is {'below' if wrong < 0 else 'above'} the {bound} {rules[bound]}")
        if "values" in rules and str(value) not in {str(one) for one in rules["values"]}:
            self.fault("is none of the values")
        if self.pattern is not None and not self.pattern.fullmatch(str(value)):
            self.fault("does not match the pattern")
        if rules.get("unique"):
            if str(value) in self.seen:
                self.fault("is not unique")
            self.seen.add(str(value))

    def problems(self, rows: int) -> list[str]:
        found = [f"column {self.name!r} {what} in {times} of {rows} rows" for what, times in self.faults.items()]
        allowed = self.rules.get("empty", 1.0 if self.rules.get("optional") else 0.0)
        if rows and self.empty / rows > allowed:
            found.append(f"column {self.name!r} is empty in {self.empty} of {rows} rows, {allowed:g} of them at most")
        return found

    def statistics(self) -> dict[str, Any]:
        told: dict[str, Any] = {"count": self.count, "empty": self.empty}
        if self.least <= self.most:
            told.update(minimum=self.least, maximum=self.most, mean=self.total / max(1, self.count))
        return told


def check(schema: dict[str, Any], paths: list[str], report: str) -> int:
    columns = {name: Column(name, rules or {}) for name, rules in schema.get("columns", {}).items()}
    problems: list[str] = []
    rows = 0
    others: dict[str, int] = {}
    for path in paths:
        for row in rows_of(path):
            rows += 1
            for name, column in columns.items():
                column.take(row.get(name))
            for name in row:
                if name not in columns:
                    others[name] = others.get(name, 0) + 1
    for column in columns.values():
        problems += column.problems(rows)
    if schema.get("closed"):
        problems += [f"column {name!r} is not in the schema" for name in others]
    bounds = schema.get("rows", {"minimum": 1})
    if rows < bounds.get("minimum", 1) or rows > bounds.get("maximum", rows):
        problems.append(
            f"there are {rows} rows, {bounds.get('minimum', 1)} to {bounds.get('maximum', 'any')} are right"
        )
    statistics = {name: column.statistics() for name, column in columns.items()}
    if report:
        write_report(
            report, {"rows": rows, "columns": statistics, "problems": problems, "other_columns": sorted(others)}
        )
    for problem in problems[:MOST_SAID]:
        say(problem)
    print(f"{rows} rows, {len(columns)} columns: {'fine' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


def first(path: str, paths: list[str]) -> int:
    """Write a schema that the data keep to."""
    seen: dict[str, list[Any]] = {}
    rows = 0
    for source in paths:
        for row in rows_of(source):
            rows += 1
            for name, value in row.items():
                seen.setdefault(name, []).append(value)
    columns: dict[str, Any] = {}
    for name, values in seen.items():
        filled = [value for value in values if not is_empty(value)]
        kind = next(
            kind
            for kind in ("integer", "number", "boolean", "string")
            if all(map(TYPES[kind], filled)) or kind == "string"
        )
        columns[name] = {"type": kind}
        if kind in ("integer", "number") and filled:
            found = [number(value) or 0.0 for value in filled]
            columns[name].update(minimum=min(found), maximum=max(found))
        if len(filled) < rows:
            columns[name]["empty"] = 1 - len(filled) / rows
    write_report(path, {"columns": columns, "rows": {"minimum": 1}})
    print(f"wrote {path} from {rows} rows")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="data", allow_abbrev=False)
    parser.add_argument("--schema")
    parser.add_argument("--first")
    parser.add_argument("--report", default="")
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()
    if bool(options.schema) == bool(options.first):
        raise UsageError("one of --schema and --first is given")
    if options.first:
        return first(options.first, options.paths)
    try:
        with open(options.schema, encoding="utf-8-sig") as stream:
            schema = json.load(stream)
        if not isinstance(schema.get("columns"), dict):
            raise ValueError('it has no "columns"')
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"schema {quoted(options.schema)} can't be read: {error}") from error
    try:
        return check(schema, options.paths, options.report)
    except (TypeError, re.error, AttributeError) as error:
        raise DataError(f"schema {quoted(options.schema)} is not in its form: {error}") from error


if __name__ == "__main__":
    finish(main)
