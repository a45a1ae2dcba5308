"""Make the customer data: a seeded, synthetic stand-in for a query to a warehouse."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tables import SEGMENTS, write_table


def make_customers(count: int, seed: int) -> list[dict[str, object]]:
    """One row a customer and month, up to six months each; `churned` says whether the customer left in that quarter."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for number in range(count):
        tenure = int(rng.gamma(2.0, 14.0)) + 1
        fee = round(float(rng.uniform(10.0, 90.0)), 2)
        loyalty = rng.normal(0.0, 0.6)  # shared by all rows of a customer, which is why splits must keep them together
        for month in range(1, int(rng.integers(1, 7)) + 1):
            months = tenure + month
            segment = SEGMENTS[0] if months <= 12 else SEGMENTS[1] if months <= 36 else SEGMENTS[2]
            usage = round(float(rng.gamma(3.0, 8.0)), 1)
            calls = int(rng.poisson(1.2))
            late = int(rng.poisson(0.5))
            risk = 1.1 * calls + 1.4 * late + 0.03 * fee - 0.09 * usage - 0.03 * months - loyalty
            risk += {"new": 0.8, "regular": 0.0, "loyal": -0.5}[segment] - 1.7
            rows.append(
                {
                    "customer_id": f"C{number:05d}",
                    "month": month,
                    "segment": segment,
                    "tenure_months": months,
                    "monthly_fee": fee,
                    "usage_hours": usage,
                    "support_calls": calls,
                    "late_payments": late,
                    "churned": int(rng.random() < 1.0 / (1.0 + np.exp(-1.3 * risk))),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1500, help="how many customers to make")
    parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same data")
    parser.add_argument("--output", type=Path, default=Path("data/customers.csv"), help="CSV file to write")
    arguments = parser.parse_args()
    rows = make_customers(arguments.customers, arguments.seed)
    write_table(arguments.output, rows)
    print(f"{len(rows)} rows of {arguments.customers} customers -> {arguments.output}")


if __name__ == "__main__":
    main()
