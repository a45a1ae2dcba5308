"""Smoke-test the service: is it healthy, and does it think a troubled customer likelier to leave than a content one?"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

CONTENT = {
    "segment": "loyal",
    "tenure_months": 60,
    "monthly_fee": 20,
    "usage_hours": 40,
    "support_calls": 0,
    "late_payments": 0,
}
TROUBLED = {
    "segment": "new",
    "tenure_months": 2,
    "monthly_fee": 80,
    "usage_hours": 5,
    "support_calls": 4,
    "late_payments": 3,
}


def call(url: str, body: object = None) -> Any:
    """The JSON that the service answers: to a POST where there is a body, else to a GET."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(url, data=data, timeout=10) as response:
        return json.load(response)


def check(url: str) -> None:
    health = call(f"{url}/health")
    if health["status"] != "ok":
        raise SystemExit(f"the service is not healthy: {health}")
    content, troubled = call(f"{url}/predict", {"customers": [CONTENT, TROUBLED]})["probabilities"]
    if not 0.0 <= content < 0.5 < troubled <= 1.0:
        raise SystemExit(f"the predictions make no sense: content {content}, troubled {troubled}")
    print(f"{url} is well: content {content}, troubled {troubled}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a service that runs already; without it, one is started here")
    arguments = parser.parse_args()
    if arguments.url:
        check(arguments.url)
        return
    command = [sys.executable, "serve.py", "--port", "0"]
    with subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            words = server.stdout.readline().split()
            if not words:
                raise SystemExit("the service did not start")
            check(words[-1])
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
