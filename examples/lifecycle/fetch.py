"""Ingestion: the orchards' apples. A real one would ask a store; this one draws them from a fixed seed."""

from __future__ import annotations

import argparse
import random

import tables


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--to", required=True)
    options = parser.parse_args()
    draw = random.Random(20190822)
    rows = []
    for number in range(1, options.rows + 1):
        ripe = draw.random() < 0.5
        weight = draw.gauss(185 if ripe else 115, 25)
        diameter = draw.gauss(83 if ripe else 66, 6)
        if number % 97 == 0:
            weight = -1  # a broken scale
        rows.append(
            {
                "id": str(number),
                "orchard": draw.choice(("north", "south")),
                "weight": f"{weight:.1f}",
                "diameter": f"{diameter:.1f}",
                "ripe": str(int(ripe)),
            }
        )
    tables.write(options.to, rows)
    print(f"{len(rows)} apples")


if __name__ == "__main__":
    main()
