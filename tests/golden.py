"""Goldens: what each case of fixtures/DIALECT compiles to, byte for byte.

    python -m tests.golden --update [CASE ...]     write the expected folder of each case
    python -m tests.golden [CASE ...]              show how the goldens differ

`ir.json` is the lowered IR with origins, `diagnostics.txt` what was found on the way and by each target, and a folder a
target holds its files; there is none where the target refuses the case.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from difflib import unified_diff

from compiler.commands.ir import as_data
from compiler.diagnostics import Diagnostic
from targets import TARGETS
from tests.conformance.cases import CASES, Case, compiled, lowered


def actual(case: Case) -> dict[str, str]:
    """What stands in `expected`, by path below it, as the compiler makes it now."""
    found = lowered(case)
    files = {"ir.json": json.dumps(as_data(found.project), indent=1, ensure_ascii=False) + "\n"}
    told = [*described("manifest", found.found)]
    for name in TARGETS:
        output = compiled(case, name)
        told += described(name, output.found)
        files.update({f"{name}/{path}": text for path, text in output.files.items()})
    files["diagnostics.txt"] = "".join(line + "\n" for line in told)
    return files


def described(part: str, found: list[Diagnostic]) -> list[str]:
    """Findings, a line each, with what they add."""
    lines = [f"{part}:"]
    for one in found:
        lines.append(f"  {one!r}")
        lines += [f"    {label.span!r}: {label.message}" for label in one.labels]
        more = [*(f"help: {text}" for text in (one.help,) if text), *(f"note: {note}" for note in one.notes)]
        lines += [f"    {text}" for text in more]
    return lines


def expected(case: Case) -> dict[str, str]:
    """What the goldens hold, by path."""
    files = (path for path in sorted(case.expected.rglob("*")) if path.is_file())
    return {path.relative_to(case.expected).as_posix(): path.read_bytes().decode("utf-8") for path in files}


def difference(case: Case) -> str:
    """How the goldens differ from what the compiler makes; empty when they don't."""
    old, new = expected(case), actual(case)
    lines: list[str] = []
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path, ""), new.get(path, "")
        if path not in old or path not in new or before != after:
            lines.append(
                f"{case}/{path}: {'missing' if path not in old else 'stale' if path not in new else 'differs'}"
            )
            lines += unified_diff(before.splitlines(), after.splitlines(), "golden", "now", lineterm="", n=2)
    return "\n".join(lines)


def update(case: Case) -> None:
    """Write a case's goldens, and only these."""
    files = actual(case)
    shutil.rmtree(case.expected, ignore_errors=True)
    for path, text in files.items():
        place = case.expected / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode("utf-8"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", metavar="CASE", nargs="*")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    failed = False
    for case in CASES:
        if arguments.cases and case.name not in arguments.cases:
            continue
        text = difference(case)
        if text and arguments.update:
            update(case)
            print(f"{case}: written")
        elif text:
            print(text)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
