"""Smoke-test a service from outside: wait until it is ready, then make one request and check the answer.

probe.py URL [--health=PATH] [--within=SECONDS] [--path=PATH] [--method=GET] [--body=TEXT] [--status=200] [--contains=TEXT]

Ready is a 200 at the health path; without one, any answer at all. Without --path there is no further request. An answer
must be of class 2xx unless a status is given.
"""

from __future__ import annotations

import argparse
from http.client import HTTPException

from targets.runtime.problem import DataError, UsageError, finish, quoted
from targets.runtime.web import ask, wait


def check(options: argparse.Namespace) -> None:
    method = options.method or ("GET" if options.body is None else "POST")
    what = f"{method} {options.path}"
    try:
        status, text = ask(options.url + options.path, method, options.body, options.seconds)
    except (OSError, HTTPException) as error:
        raise DataError(f"{what} got no answer: {error or type(error).__name__}") from error
    if options.status is None and not 200 <= status <= 299:
        raise DataError(f"{what} answered {status}, not 2xx: {quoted(text)}")
    if options.status is not None and status != options.status:
        raise DataError(f"{what} answered {status}, not {options.status}: {quoted(text)}")
    if options.contains is not None and options.contains not in text:
        raise DataError(f"{what} answered without {quoted(options.contains)}: {quoted(text)}")
    print(f"{what} answered {status}: {quoted(text)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="probe", allow_abbrev=False)
    parser.add_argument("url")
    parser.add_argument("--health")
    parser.add_argument("--within", type=float, default=300)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--path")
    parser.add_argument("--method")
    parser.add_argument("--body")
    parser.add_argument("--status", type=int)
    parser.add_argument("--contains")
    options = parser.parse_args()
    options.url = options.url.rstrip("/")
    if any(path is not None and not path.startswith("/") for path in (options.health, options.path)):
        raise UsageError("--health and --path start with /")
    if options.path is None and any(
        value is not None for value in (options.method, options.body, options.status, options.contains)
    ):
        raise UsageError("there is a request to check, but no --path")
    wait(options.url + (options.health or "/"), options.health is not None, options.within)
    if options.path is not None:
        check(options)
    return 0


if __name__ == "__main__":
    finish(main)
