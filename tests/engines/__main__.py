"""`python -m tests.engines [CASE...] [--engine NAME] [--verbose] [--write]`: run the cases and show what came of them."""

from __future__ import annotations

import argparse
import sys

import pytest

from tests.engines import pages
from tests.engines.cases import cases
from tests.engines.matrix import ENGINES, Pool, Verdict


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.engines", allow_abbrev=False)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--engine", action="append", choices=tuple(ENGINES))
    parser.add_argument("--verbose", action="store_true", help="the logs of what differs, too")
    parser.add_argument("--write", action="store_true", help="put the matrix into docs/engines.md")
    options = parser.parse_args()
    wanted = [case for case in cases() if not options.cases or case.name in options.cases]
    engines = [ENGINES[name] for name in options.engine or ENGINES]
    pool = Pool((case, engine) for case in wanted for engine in engines)
    verdicts: dict[tuple[str, str], Verdict] = {}
    for case in wanted:
        for engine in engines:
            try:
                verdict = pool.verdict(case, engine)
            except (Exception, pytest.skip.Exception) as error:
                verdict = Verdict(differences=[f"{type(error).__name__}: {error}"])
            verdicts[case.name, engine.name] = verdict
            show(case.name, engine.name, verdict, options.verbose)
    if options.write:
        pages.write(wanted, engines, verdicts)
    return 1 if any(verdict.differences for verdict in verdicts.values()) else 0


def show(case: str, engine: str, verdict: Verdict, verbose: bool) -> None:
    print(f"{case:24} {engine:16} {verdict.word:20} {verdict.seconds:5.1f} s", flush=True)
    for text in verdict.differences:
        print(f"    {text}")
    for reason in dict.fromkeys(known.reason for known, _ in verdict.known):
        print(f"    known: {reason}")
    for one in verdict.skipped:
        print(f"    skipped: {one.reason}")
    if verbose and verdict.differences:
        print("\n".join(verdict.logs))


if __name__ == "__main__":
    sys.exit(main())
