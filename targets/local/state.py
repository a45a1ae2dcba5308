"""Where results, environments and run records lie: one folder beside no repository, shared by all.

results/ab/abcd…/     what a job left, by content key          environments/HASH/   installed packages, by lock
locks/                one file a lock, across runs              checkpoints/         what `resume` keeps
repositories/HASH/    what is known of one work tree: runs/ID/, latest/JOB.json, listings/DIGEST.json
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Any


def default_folder() -> str:
    """HEADRACE_CACHE, else `headrace` in the user's cache folder (XDG base directory specification)."""
    given = os.environ.get("HEADRACE_CACHE")
    if given:
        return os.path.abspath(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "headrace")


class State:
    """The folders of one repository's runs. They are made when something is written."""

    def __init__(self, root: str, folder: str | None = None) -> None:
        self.root = os.path.realpath(root)
        self.folder = folder or default_folder()
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        self.repository = os.path.join(self.folder, "repositories", name)

    @property
    def runs(self) -> str:
        return os.path.join(self.repository, "runs")

    def run(self, run_id: str) -> str:
        return os.path.join(self.runs, run_id)

    def latest(self, instance: str) -> str:
        return os.path.join(self.repository, "latest", slug(instance) + ".json")

    def listing(self, digest: str) -> str:
        return os.path.join(self.repository, "listings", digest + ".json")

    def shared(self, *parts: str) -> str:
        """A folder that all repositories share: results, environments, locks, checkpoints, tools."""
        return os.path.join(self.folder, *parts)


def slug(name: str) -> str:
    """A name as a file's: different names stay different, at most 120 characters."""
    safe = re.sub(r"[^A-Za-z0-9.,=-]", lambda found: "".join(f"_{byte:02x}" for byte in found[0].encode()), name)
    safe = safe.replace("..", "._2e") or "_"
    if len(safe) > 120 or safe.startswith("."):
        safe = safe[:80].replace(".", "_2e") + "_" + hashlib.sha256(name.encode()).hexdigest()[:16]
    return safe


def write_whole(path: str, data: str | bytes, durable: bool = True) -> None:
    """Write a file that appears whole or not at all, and where it is durable stays after a power cut."""
    import tempfile

    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=".partial-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        os.replace(partial, path)
        if durable:
            sync(folder)
    except BaseException:
        if os.path.exists(partial):
            os.unlink(partial)
        raise


def write_json(path: str, data: Any, durable: bool = True) -> None:
    import json

    write_whole(path, json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n", durable)


def read_json(path: str) -> Any:
    """What a JSON file holds; None where it is not there or can't be read."""
    import json

    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return json.load(stream)
    except (OSError, ValueError):
        return None


def sync(path: str) -> None:
    """Wait until the disk has a file, or a folder's entries."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
