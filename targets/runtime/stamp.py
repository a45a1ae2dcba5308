"""Skip a job whose key is unchanged: its outputs are held beside a stamp.

stamp.py check --key KEY --folder CACHE --path P...   exit 0: the outputs are back; exit 3: run the job
stamp.py save --key KEY --folder CACHE --path P...    after the job
"""

from __future__ import annotations

import argparse
import json
import os

from targets.runtime.archive import file_digest, pack, relative, replace, written
from targets.runtime.problem import DataError, finish, say

STALE = 3


def check(key: str, folder: str, paths: list[str]) -> int:
    try:
        with open(os.path.join(folder, "stamp.json"), encoding="utf-8") as stream:
            stamp = json.load(stream)
    except FileNotFoundError:
        return STALE
    except (OSError, ValueError, RecursionError) as error:
        say(f"the stamp is not readable, so the job runs: {error}")
        return STALE
    if not isinstance(stamp, dict) or stamp.get("key") != key or stamp.get("paths") != paths:
        return STALE
    held = os.path.join(folder, "outputs.tar")
    try:
        if file_digest(held) != stamp.get("sha256"):
            say("the held outputs are not those of the stamp, so the job runs")
            return STALE
        replace(held, paths)
    except (OSError, DataError) as error:
        say(f"the held outputs can't be restored, so the job runs: {error}")
        return STALE
    return 0


def save(key: str, folder: str, paths: list[str]) -> int:
    present = written(paths)
    os.makedirs(folder, exist_ok=True)
    stamp, held = os.path.join(folder, "stamp.json"), os.path.join(folder, "outputs.tar")
    pack(held, present)
    with open(stamp + ".partial", "w", encoding="utf-8") as stream:
        json.dump({"key": key, "paths": paths, "sha256": file_digest(held)}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(stamp + ".partial", stamp)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="stamp", allow_abbrev=False)
    parser.add_argument("verb", choices=["check", "save"])
    parser.add_argument("--key", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--path", action="append", required=True)
    options = parser.parse_args()
    paths = sorted({relative(path) for path in options.path})
    act = check if options.verb == "check" else save
    return act(options.key, options.folder, paths)


if __name__ == "__main__":
    finish(main)
