"""Split the data by customer, so that no customer is both trained on and tested on."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from model import labels
from tables import read_table, write_json, write_table

Rows = list[dict[str, str]]


def assign_customers(customers: list[str], folds: int, seed: int) -> dict[str, str]:
    """Customer -> `valid` (20 %), `test` (20 %) or, for all others, the number of a training fold."""
    order = np.random.default_rng(seed).permutation(len(customers))
    fifth = len(customers) // 5
    places = ["valid"] * fifth + ["test"] * fifth
    places += [str(number % folds) for number in range(len(customers) - len(places))]
    return {customers[index]: place for index, place in zip(order, places, strict=True)}


def split_rows(rows: Rows, places: dict[str, str]) -> dict[str, Rows]:
    """Split -> rows; a training row also says its fold."""
    splits: dict[str, Rows] = {"train": [], "valid": [], "test": []}
    for row in rows:
        place = places[row["customer_id"]]
        if place in splits:
            splits[place].append(row)
        else:
            splits["train"].append({**row, "fold": place})
    return splits


def describe(rows: Rows) -> dict[str, object]:
    return {
        "rows": len(rows),
        "customers": len({row["customer_id"] for row in rows}),
        "churn_rate": round(float(labels(rows).mean()), 6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/customers.csv"), help="CSV file that fetch.py wrote")
    parser.add_argument("--folds", type=int, default=3, help="parts of the training split")
    parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same splits")
    parser.add_argument("--output", type=Path, default=Path("data/splits"), help="folder for the CSV files")
    parser.add_argument("--report", type=Path, default=Path("split-report.json"), help="JSON file with their sizes")
    arguments = parser.parse_args()
    rows = read_table(arguments.data)
    customers = sorted({row["customer_id"] for row in rows})
    splits = split_rows(rows, assign_customers(customers, arguments.folds, arguments.seed))
    for name, part in splits.items():
        write_table(arguments.output / f"{name}.csv", part)
    report = {name: describe(part) for name, part in splits.items()}
    write_json(arguments.report, {"seed": arguments.seed, "folds": arguments.folds, "splits": report})
    for name, facts in report.items():
        print(name, facts)


if __name__ == "__main__":
    main()
