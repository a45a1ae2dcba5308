"""Measure the models of all folds together, on customers that none of them has seen."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from model import Floats, average, features, labels, load_all
from tables import SEGMENTS, read_table, write_json


def accuracy(y: Floats, p: Floats) -> float:
    return float(((p >= 0.5) == (y == 1.0)).mean())


def auc(y: Floats, p: Floats) -> float:
    """The chance that a customer who left scores above one who stayed; a tie counts half."""
    _, position, count = np.unique(p, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[position]
    left = int(y.sum())
    stayed = len(y) - left
    return float((ranks[y == 1.0].sum() - left * (left + 1) / 2) / (left * stayed))


def log_loss(y: Floats, p: Floats) -> float:
    p = np.clip(p, 1e-12, 1.0 - 1e-12)
    return float(-(y * np.log(p) + (1.0 - y) * np.log(1.0 - p)).mean())


def measure(y: Floats, p: Floats) -> dict[str, float]:
    metrics = {
        "accuracy": accuracy(y, p),
        "auc": auc(y, p),
        "log_loss": log_loss(y, p),
        "baseline_accuracy": float(max(y.mean(), 1.0 - y.mean())),  # what always saying the commoner class reaches
    }
    return {name: round(value, 6) for name, value in metrics.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder with a folder a fold")
    parser.add_argument("--data", type=Path, default=Path("data/splits/test.csv"), help="CSV file to measure on")
    parser.add_argument("--output", type=Path, default=Path("metrics.json"), help="JSON file to write")
    arguments = parser.parse_args()
    rows = read_table(arguments.data)
    y, p = labels(rows), average(load_all(arguments.models), features(rows))
    metrics: dict[str, object] = {**measure(y, p)}
    segment = np.array([row["segment"] for row in rows])
    metrics["slices"] = {f"segment={name}": measure(y[segment == name], p[segment == name]) for name in SEGMENTS}
    write_json(arguments.output, metrics)
    print(", ".join(f"{name} {metrics[name]}" for name in ("accuracy", "auc", "log_loss")), "->", arguments.output)


if __name__ == "__main__":
    main()
