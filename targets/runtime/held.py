"""Hold a job's outputs in a store: bring what lies there under a key to the folder that stamp.py looks at, and back.

held.py get --store URL --key KEY --folder CACHE    what the store does not have is not brought
held.py put --store URL --key KEY --folder CACHE
"""

from __future__ import annotations

import argparse
import hashlib
import os

from targets.runtime.blobs import Cloud, Folder, blobs
from targets.runtime.problem import DataError, finish, say

NAMES = ("outputs.tar", "stamp.json")  # the stamp last: where it is, the outputs are whole


def place_of(url: str, key: str) -> Folder | Cloud:
    return blobs(f"{url.rstrip('/')}/caches/{hashlib.sha256(key.encode()).hexdigest()}")


def get(place: Folder | Cloud, folder: str) -> None:
    if set(NAMES) <= set(place.names()):
        os.makedirs(folder, exist_ok=True)
        for name in NAMES:
            place.get(name, os.path.join(folder, name))


def put(place: Folder | Cloud, folder: str) -> None:
    for name in NAMES:
        place.put(os.path.join(folder, name), name)


def main() -> int:
    parser = argparse.ArgumentParser(prog="held", allow_abbrev=False)
    parser.add_argument("verb", choices=["get", "put"])
    for name in ("--store", "--key", "--folder"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    act = get if options.verb == "get" else put
    try:
        act(place_of(options.store, options.key), options.folder)
    except (DataError, OSError) as error:
        # A cache saves time, and a job is right without it.
        say(f"nothing is held in the store, which can't be used: {error}")
    return 0


if __name__ == "__main__":
    finish(main)
