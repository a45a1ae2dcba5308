"""Conversion: the model as single-precision numbers, held against the original within tolerances."""

from __future__ import annotations

import argparse
import json
import os
import struct

import tables


def load(path: str) -> list[float]:
    """The weights of a converted model."""
    with open(path, "rb") as stream:
        data = stream.read()
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("to")
    parser.add_argument("--samples", required=True)
    parser.add_argument("--rtol", type=float, required=True)
    parser.add_argument("--atol", type=float, required=True)
    options = parser.parse_args()
    with open(options.source, encoding="utf-8") as stream:
        weights = json.load(stream)["weights"]
    os.makedirs(os.path.dirname(options.to), exist_ok=True)
    with open(options.to, "wb") as stream:
        stream.write(struct.pack(f"<{len(weights)}f", *weights))
    converted = load(options.to)
    worst = 0.0
    for row in tables.read(options.samples):
        features = tables.scaled(row)
        expected, actual = tables.probability(weights, features), tables.probability(converted, features)
        worst = max(worst, abs(actual - expected) - options.rtol * abs(expected))
    print(f"the largest difference beyond {options.rtol} of the value is {worst:.3g}, {options.atol} at most")
    return int(worst > options.atol)


if __name__ == "__main__":
    raise SystemExit(main())
