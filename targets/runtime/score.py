"""Run samples through a model that answers at a URL, check both sides against schemas, and measure; exit 1 where it fails.

score.py [--url URL [--within SECONDS]] [--samples FILE] [--outputs FILE] [--input-schema FILE] [--output-schema FILE] --report FILE

Samples are a JSON list, or JSON lines. Without a URL the outputs are those of the file. The report has samples, valid,
failed, latency_ms (the mean), latency_p95_ms and latency_max_ms.
"""

from __future__ import annotations

import argparse
import json
import time
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from targets.runtime.problem import DataError, UsageError, finish, quoted, say
from targets.runtime.reports import write_report
from targets.runtime.shapes import problems
from targets.runtime.web import ask, wait

MOST_SAID = 10


def read(path: str) -> Any:
    try:
        with open(path, encoding="utf-8-sig") as stream:
            text = stream.read()
        if path.lower().endswith((".jsonl", ".ndjson")):
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{quoted(path)} is not JSON: {error}") from error


def listed(path: str) -> list[Any]:
    data = read(path)
    return data if isinstance(data, list) else [data]


class Scoring:
    """What is counted, and the first few problems."""

    def __init__(self) -> None:
        self.failed: set[int] = set()
        self.said = 0
        self.seconds: list[float] = []

    def fault(self, number: int, what: str) -> None:
        self.failed.add(number)
        self.said += 1
        if self.said <= MOST_SAID:
            say(f"sample {number}: {what}")

    def ask(self, url: str, number: int, sample: Any) -> Any:
        start = time.monotonic()
        try:
            status, text = ask(url, "POST", json.dumps(sample), 60)
        except (OSError, HTTPException) as error:
            self.fault(number, f"no answer: {error or type(error).__name__}")
            return None
        self.seconds.append(time.monotonic() - start)
        if not 200 <= status <= 299:
            self.fault(number, f"the model answered {status}: {quoted(text)}")
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            self.fault(number, f"the answer is not JSON: {quoted(text)}")
            return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="score", allow_abbrev=False)
    parser.add_argument("--url", default="")
    parser.add_argument("--within", type=float, default=300)
    for name in ("samples", "outputs", "input-schema", "output-schema"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--report", required=True)
    options = parser.parse_args()
    if not options.samples and not options.outputs:
        raise UsageError("--samples or --outputs is given")
    if options.url and not options.samples:
        raise UsageError("--url needs --samples")
    samples = listed(options.samples) if options.samples else []
    outputs: list[Any] | None = listed(options.outputs) if options.outputs else None
    takes = read(options.input_schema) if options.input_schema else None
    gives = read(options.output_schema) if options.output_schema else None
    scoring = Scoring()
    for number, sample in enumerate(samples, 1):
        for problem in problems(sample, takes):
            scoring.fault(number, f"the input: {problem}")
    if options.url:
        parts = urlsplit(options.url)
        wait(f"{parts.scheme}://{parts.netloc}/", False, options.within)
        outputs = [scoring.ask(options.url, number, sample) for number, sample in enumerate(samples, 1)]
    for number, output in enumerate(outputs or [], 1):
        for problem in problems(output, gives) if number not in scoring.failed else []:
            scoring.fault(number, f"the output: {problem}")
    count = max(len(samples), len(outputs or []))
    if not count:
        raise DataError("there is no sample")
    report: dict[str, Any] = {"samples": count, "failed": len(scoring.failed), "valid": count - len(scoring.failed)}
    spent = sorted(scoring.seconds)
    if spent:
        report["latency_ms"] = round(1000 * sum(spent) / len(spent), 3)
        report["latency_p95_ms"] = round(1000 * spent[min(len(spent) - 1, int(0.95 * len(spent)))], 3)
        report["latency_max_ms"] = round(1000 * spent[-1], 3)
    write_report(options.report, report)
    print(json.dumps(report))
    return 1 if scoring.failed else 0


if __name__ == "__main__":
    finish(main)
