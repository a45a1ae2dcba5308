"""Analysis: statistics of every number, by orchard. A report, no gate."""

from __future__ import annotations

import json
import os
import statistics
import sys

import tables


def main() -> None:
    source, report = sys.argv[1:]
    rows = tables.read(source)
    found = {}
    for orchard in sorted({row["orchard"] for row in rows}):
        of_orchard = [row for row in rows if row["orchard"] == orchard]
        found[orchard] = {"rows": len(of_orchard)}
        for name in tables.FEATURES:
            values = [float(row[name]) for row in of_orchard]
            found[orchard][name] = {
                "minimum": min(values),
                "maximum": max(values),
                "mean": round(statistics.fmean(values), 3),
                "deviation": round(statistics.pstdev(values), 3),
            }
    os.makedirs(os.path.dirname(report), exist_ok=True)
    with open(report, "w", encoding="utf-8") as stream:
        json.dump(found, stream, indent=1, sort_keys=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
