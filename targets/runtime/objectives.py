"""Freeze objectives: write them with their sha256, so that what was agreed on before training can be shown later.

objectives.py --to FILE -- OBJECTIVE...
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys

from targets.runtime.problem import DataError, UsageError, finish
from targets.runtime.reports import write_report


def main() -> int:
    parser = argparse.ArgumentParser(prog="objectives", allow_abbrev=False)
    parser.add_argument("--to", required=True)
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:split])
    objectives = sys.argv[split + 1 :]
    if split == len(sys.argv):
        raise UsageError("objectives stand after --")
    if not objectives:
        raise DataError("there is no objective")
    text = json.dumps(objectives, ensure_ascii=False)
    sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    write_report(options.to, {"objectives": objectives, "sha256": sha256})
    for objective in objectives:
        print(objective)
    print(f"sha256 {sha256}")
    return 0


if __name__ == "__main__":
    finish(main)
