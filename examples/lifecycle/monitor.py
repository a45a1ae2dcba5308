"""Monitoring: how far what is asked of the model has moved from what it was trained on; exit 1 where it is too far."""

from __future__ import annotations

import json
import os
import statistics
import sys


def main() -> int:
    reference, traffic, report = sys.argv[1:]
    with open(reference, encoding="utf-8") as stream:
        expected = json.load(stream)
    with open(traffic, encoding="utf-8") as stream:
        requests = [json.loads(line) for line in stream if line.strip()]
    drift = {}
    for name, told in expected["features"].items():
        mean = statistics.fmean(float(request["inputs"][name]) for request in requests)
        drift[name] = abs(mean - told["mean"]) / told["deviation"]
    os.makedirs(os.path.dirname(report), exist_ok=True)
    with open(report, "w", encoding="utf-8") as stream:
        json.dump({"drift": drift, "requests": len(requests)}, stream)
    print(json.dumps(drift))
    return int(max(drift.values()) > expected["largest_drift"])


if __name__ == "__main__":
    raise SystemExit(main())
