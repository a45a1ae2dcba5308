"""What a job of fixtures/engines runs: writes down what the job got, as JSON, in the folder that `.witness` names.

    witness.py NAME [--sleep SECONDS [--until JOB]...] [--fail-first ATTEMPTS] [--exit STATUS] [--write PATH TEXT]... [-- ARGUMENT...]

Standard library alone, any Python 3. The files are those of the repository's folder, where this file lies.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from typing import Any

ROOT = os.path.dirname(os.path.abspath(__file__))
# What belongs to git and to the engines, not to the pipeline.
NOT_THE_JOBS = {".git", ".headrace", ".gitlab-ci-local", "__pycache__", ".venv"}


def main() -> int:
    own, arguments = split(sys.argv[1:])
    options = parser().parse_args(own)
    name = options.name
    with open(os.path.join(ROOT, ".witness"), encoding="utf-8") as stream:
        folder = stream.read().strip()
    earlier = [one for one in os.listdir(folder) if one.endswith(".json") and statement(folder, one)["job"] == name]
    said = {
        "job": name,
        "attempt": len(earlier) + 1,
        "began": time.time(),
        "folder": os.path.relpath(os.getcwd(), ROOT),
        "arguments": arguments,
        "env": dict(os.environ),
        "files": files(),
    }
    wait(folder, options.sleep, options.until)
    for path, text in options.write:
        if os.path.dirname(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
    said["ended"] = time.time()
    draft = os.path.join(folder, f"{time.time_ns()}-{os.getpid()}.draft")
    with open(draft, "w", encoding="utf-8", errors="surrogateescape") as stream:
        json.dump(said, stream)
    os.rename(draft, draft[:-5] + "json")
    if said["attempt"] <= options.fail_first:
        return 1
    return int(options.exit)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(allow_abbrev=False)
    made.add_argument("name")
    made.add_argument("--sleep", type=float, default=0.0)
    made.add_argument("--until", action="append", default=[])
    made.add_argument("--fail-first", type=int, default=0)
    made.add_argument("--exit", type=int, default=0)
    made.add_argument("--write", nargs=2, action="append", default=[])
    return made


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The witness's own arguments, and what stands behind the first `--`."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def wait(folder: str, seconds: float, until: list[str]) -> None:
    """So many seconds, or no longer than it takes until all these jobs have made their statements."""
    end = time.time() + seconds
    while time.time() < end:
        if until and set(until) <= {
            statement(folder, one)["job"] for one in os.listdir(folder) if one.endswith(".json")
        }:
            return
        time.sleep(0.05)


def statement(folder: str, name: str) -> dict[str, Any]:
    with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as stream:
        found: dict[str, Any] = json.load(stream)
    return found


def files() -> dict[str, dict[str, Any]]:
    """Every file below the root by its path: sha256 and whether it may be executed; of a link, where it leads."""
    found: dict[str, dict[str, Any]] = {}
    for folder, inner, names in os.walk(ROOT):
        links = [one for one in inner if os.path.islink(os.path.join(folder, one))]
        inner[:] = [one for one in inner if one not in NOT_THE_JOBS and one not in links]
        for one in names + links:
            path = os.path.join(folder, one)
            found[os.path.relpath(path, ROOT)] = described(path)
    return found


def described(path: str) -> dict[str, Any]:
    if os.path.islink(path):
        return {"link": os.readlink(path)}
    with open(path, "rb") as stream:
        return {"sha256": hashlib.sha256(stream.read()).hexdigest(), "executable": os.access(path, os.X_OK)}


if __name__ == "__main__":
    sys.exit(main())
