"""Training: logistic regression by stochastic gradient descent."""

from __future__ import annotations

import argparse
import json
import os
import random

import tables


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--to", required=True)
    options = parser.parse_args()
    rows = [(tables.scaled(row), int(row["ripe"])) for row in tables.read(options.data)]
    weights = [0.0] * (len(tables.FEATURES) + 1)
    order = random.Random(1)
    for epoch in range(options.epochs):
        order.shuffle(rows)
        for features, ripe in rows:
            step = options.rate / (1 + epoch) * (ripe - tables.probability(weights, features))
            weights = [weight + step * value for weight, value in zip(weights, [1.0, *features], strict=False)]
    os.makedirs(os.path.dirname(options.to), exist_ok=True)
    with open(options.to, "w", encoding="utf-8") as stream:
        json.dump({"weights": weights, "features": tables.FEATURES}, stream)
    print(f"weights {weights}")


if __name__ == "__main__":
    main()
