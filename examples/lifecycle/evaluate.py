"""Evaluation and test: the accuracy as a whole and by orchard, and how long a prediction takes."""

from __future__ import annotations

import json
import os
import sys
import time

import convert
import tables


def accuracy(weights: list[float], rows: list[dict[str, str]]) -> float:
    right = sum((tables.probability(weights, tables.scaled(row)) >= 0.5) == bool(int(row["ripe"])) for row in rows)
    return right / len(rows)


def main() -> None:
    model, data, report = sys.argv[1:]
    weights, rows = convert.load(model), tables.read(data)
    start = time.perf_counter()
    metrics = [{"key": "accuracy", "value": accuracy(weights, rows)}]
    seconds = time.perf_counter() - start
    metrics.append({"key": "latency_us", "value": 1e6 * seconds / len(rows)})
    for orchard in sorted({row["orchard"] for row in rows}):
        part = [row for row in rows if row["orchard"] == orchard]
        metrics.append({"key": "accuracy", "slice": {"orchard": orchard}, "value": accuracy(weights, part)})
    os.makedirs(os.path.dirname(report), exist_ok=True)
    with open(report, "w", encoding="utf-8") as stream:
        json.dump(metrics, stream, indent=1)
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
