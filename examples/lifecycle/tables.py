"""Rows of apples: read and written as CSV, and a model of them as plain numbers."""

from __future__ import annotations

import csv
import math
import os

FEATURES = ("weight", "diameter")


def read(path: str) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write(path: str, rows: list[dict[str, str]]) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def scaled(row: dict[str, str]) -> list[float]:
    return [(float(row["weight"]) - 150) / 60, (float(row["diameter"]) - 75) / 15]


def probability(weights: list[float], features: list[float]) -> float:
    """How likely an apple is ripe: the first weight is the bias."""
    total = weights[0] + sum(weight * feature for weight, feature in zip(weights[1:], features, strict=False))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
