"""Transformation: rows of broken scales are taken out, and written down."""

from __future__ import annotations

import sys

import tables


def main() -> None:
    source, clean, removed = sys.argv[1:]
    rows = tables.read(source)
    good = [row for row in rows if 20 <= float(row["weight"]) <= 400 and 30 <= float(row["diameter"]) <= 130]
    bad = [row for row in rows if row not in good]
    tables.write(clean, good)
    tables.write(removed, bad or [dict.fromkeys(rows[0], "")])
    print(f"kept {len(good)}, removed {len(bad)}")


if __name__ == "__main__":
    main()
