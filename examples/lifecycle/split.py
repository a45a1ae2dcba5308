"""Splitting: by a hash of the id, so that an apple stays in its part whatever comes or goes beside it."""

from __future__ import annotations

import hashlib
import os
import sys

import tables

SHARES = (("train", 70), ("validation", 85), ("holdout", 100))


def part_of(row: dict[str, str]) -> str:
    place = int(hashlib.sha256(row["id"].encode()).hexdigest()[:8], 16) % 100
    return next(name for name, below in SHARES if place < below)


def main() -> None:
    source, folder = sys.argv[1:]
    rows = tables.read(source)
    for name, _ in SHARES:
        part = [row for row in rows if part_of(row) == name]
        tables.write(os.path.join(folder, f"{name}.csv"), part)
        print(f"{name}: {len(part)} apples")


if __name__ == "__main__":
    main()
