"""Check the lines of an inference log against the fields of its record; exit 1 where a field is missing or of another type.

records.py [--report FILE] --field GROUP.NAME[?][:TYPE[:ITEM TYPE]]... LOG...

A log is JSON lines. A field stands in its group, or flat in the line; `?` makes it optional.
"""

from __future__ import annotations

import argparse
import re
from typing import Any

from targets.runtime.problem import DataError, UsageError, finish, say
from targets.runtime.reports import write_report
from targets.runtime.rows import rows_of

FIELD = re.compile(r"(?:([^.?:]+)\.)?([^.?:]+)(\?)?(?::(\w+))?(?::(\w+))?")
MOST_SAID = 20
KINDS: dict[str, Any] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "array": list,
    "object": dict,
}
MISSING = object()


def is_of(value: Any, kind: str) -> bool:
    if kind in ("number", "integer") and isinstance(value, bool):
        return False
    return isinstance(value, KINDS[kind])


class Field:
    def __init__(self, text: str) -> None:
        found = FIELD.fullmatch(text)
        if not found or any(kind and kind not in KINDS for kind in found.groups()[3:]):
            raise UsageError(f"{text!r} is no field: GROUP.NAME[?][:TYPE]")
        self.group, self.name, optional, self.kind, self.inner = found.groups()
        self.optional = bool(optional)
        self.faults: dict[str, int] = {}

    def value(self, line: dict[str, Any]) -> Any:
        group = line.get(self.group) if self.group else line
        if isinstance(group, dict) and self.name in group:
            return group[self.name]
        return line.get(self.name, MISSING)

    def take(self, line: dict[str, Any]) -> None:
        value = self.value(line)
        what = None
        if value is MISSING or value is None:
            what = None if self.optional else "is missing"
        elif self.kind and not is_of(value, self.kind):
            what = f"is no {self.kind}"
        elif self.inner and isinstance(value, list) and not all(is_of(item, self.inner) for item in value):
            what = f"holds something other than {self.inner}"
        if what:
            self.faults[what] = self.faults.get(what, 0) + 1

    def label(self) -> str:
        return f"{self.group}.{self.name}" if self.group else str(self.name)


def main() -> int:
    parser = argparse.ArgumentParser(prog="records", allow_abbrev=False)
    parser.add_argument("--report", default="")
    parser.add_argument("--field", action="append", default=[])
    parser.add_argument("logs", nargs="+")
    options = parser.parse_args()
    fields = [Field(text) for text in options.field]
    if not fields:
        raise UsageError("no field is given")
    lines = 0
    for log in options.logs:
        for line in rows_of(log):
            lines += 1
            for field in fields:
                field.take(line)
    if not lines:
        raise DataError("the log is empty")
    problems = [
        f"{one.label()} {what} in {times} of {lines} lines" for one in fields for what, times in one.faults.items()
    ]
    if options.report:
        write_report(options.report, {"lines": lines, "fields": [one.label() for one in fields], "problems": problems})
    for problem in problems[:MOST_SAID]:
        say(problem)
    print(f"{lines} lines, {len(fields)} fields: {'fine' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


if __name__ == "__main__":
    finish(main)
