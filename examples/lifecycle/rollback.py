"""Rollback: names the version that serves again. A real one would tell the cluster; this one writes the plan."""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    version, plan = sys.argv[1:]
    os.makedirs(os.path.dirname(plan), exist_ok=True)
    with open(plan, "w", encoding="utf-8") as stream:
        json.dump({"model": f"orchard-{version}", "reason": "monitoring failed"}, stream)
    print(f"roll back to orchard-{version}")


if __name__ == "__main__":
    main()
