"""Cases times engines: what each pair comes to."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.engines import argo, compare, github, gitlab, local
from tests.engines.cases import Case, Run
from tests.engines.checkout import Checkout, RefusalError
from tests.engines.known import Known, Skip, cover, skip
from tests.engines.seen import Seen
from tests.tools.process import require

AT_ONCE = 2


@dataclass(frozen=True)
class Engine:
    name: str
    target: str | None  # whose output it runs; None where it runs the manifest
    tools: tuple[str, ...]
    adapt: Callable[[Path], None]  # to what it needs changed in the compiled files, before they are committed
    execute: Callable[[Checkout, Run], Seen]


ENGINES: Mapping[str, Engine] = {
    module.NAME: Engine(module.NAME, module.TARGET, module.TOOLS, module.adapt, module.execute)
    for module in (local, gitlab, github, argo)
}


@dataclass
class Verdict:
    """What an engine makes of a case: no differences is agreement."""

    differences: list[str] = field(default_factory=list)
    known: list[tuple[Known, str]] = field(default_factory=list)  # differences that are covered
    skipped: list[Skip] = field(default_factory=list)
    refused: str = ""  # the finding's code, where the target refuses the case as it must
    logs: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def word(self) -> str:
        if self.differences:
            return "differs"
        if self.refused:
            return f"refused ({self.refused})"
        if any(one.run is None for one in self.skipped):
            return "skipped"
        return "same but for known" if self.known or self.skipped else "same"


def judge(case: Case, engine: Engine) -> Verdict:
    """Runs a case in a temporary folder. Skips the calling test, by name, when a tool is missing."""
    require(*engine.tools)
    verdict = Verdict()
    began = time.monotonic()
    whole = skip(engine.name, case.name, None)
    if whole is not None:
        verdict.skipped.append(whole)
        return verdict
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder, _turn(case):
        try:
            checkout = Checkout(case, Path(folder), engine.target, engine.adapt)
        except RefusalError as refusal:
            verdict.refused = case.refused.get(str(engine.target), "")
            if not verdict.refused or verdict.refused not in str(refusal):
                verdict.differences.append(f"refused: {refusal}")
            return verdict
        if engine.target in case.refused:
            verdict.differences.append(f"not refused with {case.refused[engine.target]}")
            return verdict
        for number in range(1, len(case.runs) + 1):
            left_out = skip(engine.name, case.name, number)
            if left_out is not None:
                verdict.skipped.append(left_out)
                continue
            _judge_run(case, engine, checkout, number, verdict)
    verdict.seconds = time.monotonic() - began
    return verdict


@contextmanager
def _turn(case: Case) -> Iterator[None]:
    """Waits for other processes' engines where a case must have the machine's ports for itself."""
    if not case.alone:
        yield
        return
    with open(Path(tempfile.gettempdir(), f"headrace-engines-{os.getuid()}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _judge_run(case: Case, engine: Engine, checkout: Checkout, number: int, verdict: Verdict) -> None:
    run = case.runs[number - 1]
    checkout.prepare(run)
    run = checkout.filled(run)
    seen = engine.execute(checkout, run)
    verdict.logs += [seen.log, f"jobs: {seen.jobs}", f"helpers: {seen.helpers}"]
    for difference in compare.differences(run, seen, checkout.tracked()):
        known = cover(engine.name, case.name, difference)
        sentence = f"run {number}: {difference}" if len(case.runs) > 1 else str(difference)
        if known is not None:
            verdict.known.append((known, sentence))
        else:
            verdict.differences.append(sentence)


class Pool:
    """Verdicts that are worked out ahead, some at once, and asked for one by one."""

    def __init__(self, pairs: Iterable[tuple[Case, Engine]]) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._futures: dict[tuple[str, str], Future[Verdict]] = {
            (case.name, engine.name): self._pool.submit(judge, case, engine) for case, engine in pairs
        }

    def verdict(self, case: Case, engine: Engine) -> Verdict:
        return self._futures[case.name, engine.name].result()

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
