"""Run a command, and again when an attempt fails: at most 1 + MAX attempts, HEADRACE_ATTEMPT from 1.

retry.py --max N [--on failure,timeout] [--exit-codes 1,137] [--timeout S] [--grace S] [--wait S] -- COMMAND...

A timeout holds for each attempt and ends its whole process group (status 124). `--exit-codes` narrows `failure`.
"""

from __future__ import annotations

import argparse
import os
import time

from targets.runtime.child import Child
from targets.runtime.problem import UsageError, finish, quoted, say

TIMED_OUT = 124
KINDS = ("failure", "timeout")


def attempt(child: Child, number: int, timeout: float) -> tuple[int, bool]:
    """Run once; returns the exit status and whether the time ran out."""
    status = child.start(dict(os.environ, HEADRACE_ATTEMPT=str(number)))
    if status:
        return status, False
    timed_out = bool(timeout) and child.wait(timeout) is None
    if timed_out:
        say(f"attempt {number} took longer than {timeout:g} s")
        child.stop()
    status = child.finish()
    return (TIMED_OUT, True) if timed_out else (status, False)


def again(status: int, timed_out: bool, kinds: list[str], codes: list[int]) -> bool:
    if timed_out:
        return "timeout" in kinds
    return status in codes if codes else "failure" in kinds


def run(options: argparse.Namespace, kinds: list[str], codes: list[int]) -> int:
    child = Child(options.command, options.grace)
    number = 1
    while True:
        status, timed_out = attempt(child, number, options.timeout)
        if status == 0 or child.received or number > options.max or not again(status, timed_out, kinds, codes):
            return child.interrupted(status)
        say(f"attempt {number} of {options.max + 1} ended with status {status}; trying again")
        end = time.monotonic() + options.wait
        while time.monotonic() < end and not child.received:
            time.sleep(min(0.2, max(0.0, end - time.monotonic())))
        if child.received:
            return child.interrupted(status)
        number += 1


def numbers(text: str) -> list[int]:
    try:
        return [int(code) for code in text.split(",") if code]
    except ValueError as error:
        raise UsageError(f"exit codes {quoted(text)} are not whole numbers with commas between") from error


def main() -> int:
    parser = argparse.ArgumentParser(prog="retry", allow_abbrev=False)
    parser.add_argument("--max", type=int, required=True)
    parser.add_argument("--on", default="failure")
    parser.add_argument("--exit-codes", default="")
    parser.add_argument("--timeout", type=float, default=0)
    parser.add_argument("--grace", type=float, default=30)
    parser.add_argument("--wait", type=float, default=0)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    kinds = [kind for kind in options.on.split(",") if kind]
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or options.max < 0 or min(options.timeout, options.grace, options.wait) < 0:
        raise UsageError(f"--on takes {', '.join(KINDS)}; --max and times are not negative")
    return run(options, kinds, numbers(options.exit_codes))


if __name__ == "__main__":
    finish(main)
