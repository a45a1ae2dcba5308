"""Check that the parts of a split have nothing in common; exit 1 where two share a row, or a key.

leakage.py [--key COLUMN]... [--report FILE] NAME=PATH NAME=PATH...

Without keys whole rows are compared. The report counts each part's rows, and has its sha256.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from typing import Any

from targets.runtime.archive import file_digest
from targets.runtime.problem import DataError, UsageError, finish, quoted, say
from targets.runtime.reports import write_report
from targets.runtime.rows import files_of, rows_of


def identity(row: dict[str, Any], keys: list[str], path: str) -> bytes:
    missing = [key for key in keys if key not in row]
    if missing:
        raise DataError(f"{quoted(path)} has no column {quoted(missing[0])}")
    values: Any = [row[key] for key in keys] if keys else row
    return hashlib.sha256(
        json.dumps(values, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    ).digest()


def shown(row: dict[str, Any], keys: list[str]) -> str:
    return quoted({key: row[key] for key in keys} if keys else row)


def main() -> int:
    parser = argparse.ArgumentParser(prog="leakage", allow_abbrev=False)
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--report", default="")
    parser.add_argument("parts", nargs="+")
    options = parser.parse_args()
    parts = dict(part.partition("=")[::2] for part in options.parts)
    if len(parts) < 2 or len(parts) < len(options.parts) or not all(parts.values()):
        raise UsageError("two parts or more are given, as NAME=PATH, each name once")
    owner: dict[bytes, str] = {}
    shared: dict[str, int] = {}
    found: dict[str, Any] = {}
    for name, path in parts.items():
        rows, own = 0, set()
        for row in rows_of(path):
            rows += 1
            key = identity(row, options.key, path)
            first = owner.setdefault(key, name)
            own.add(key)
            if first != name:
                pair = f"{first} and {name}"
                shared[pair] = shared.get(pair, 0) + 1
                if shared[pair] <= 3:
                    say(f"{pair} share {shown(row, options.key)}")
        if not rows:
            raise DataError(f"part {quoted(name)} is empty")
        digests = {file: file_digest(file) for file in files_of(path)}
        found[name] = {"rows": rows, "different": len(own), "sha256": digests}
    if options.report:
        write_report(options.report, {"parts": found, "shared": shared})
    for name, told in found.items():
        print(f"{name}: {told['rows']} rows, {told['different']} different")
    for pair, count in shared.items():
        say(f"{pair} have {count} in common")
    return 1 if shared else 0


if __name__ == "__main__":
    finish(main)
