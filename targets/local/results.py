"""What jobs left, by content key. A result is a folder that appears whole or not at all.

results/ab/abcd…/  result.json  outputs.tar  log
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from targets.local.state import State, read_json, sync_folder, write_json
from targets.local.tree import Entry

TAR = "outputs.tar"
LOG = "log"


@dataclass
class Result:
    """A finished instance: its outputs are in `folder`/outputs.tar when there are any."""

    key: str
    instance: str
    run: str
    ended: float  # seconds since 1970
    seconds: float
    outputs: dict[str, Entry] = field(default_factory=dict)
    sha256: str = ""  # of outputs.tar; empty without outputs
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    image: str = ""  # what an image build left in the container engine
    folder: str = ""

    @property
    def tar(self) -> str | None:
        return os.path.join(self.folder, TAR) if self.sha256 else None


class Results:
    """The store of results, shared by all runs."""

    def __init__(self, state: State) -> None:
        self.root = state.shared("results")

    def place(self, key: str) -> str:
        return os.path.join(self.root, key[:2], key)

    def find(self, key: str, max_age: int | None = None) -> Result | None:
        """The whole result of a key, not older than `max_age` seconds; one whose outputs are not as they were is none."""
        from targets.runtime.archive import file_digest

        folder = self.place(key)
        data = read_json(os.path.join(folder, "result.json"))
        if not isinstance(data, dict) or data.get("key") != key:
            return None
        try:
            data["outputs"] = {path: Entry(*entry) for path, entry in data["outputs"].items()}
            found = Result(**{**data, "folder": folder})
        except (KeyError, TypeError, AttributeError):
            return None
        if max_age is not None and time.time() - found.ended > max_age:
            return None
        os.utime(os.path.join(folder, "result.json"))  # it is in use: `headrace runs clean` looks at this
        if found.sha256:
            try:
                if file_digest(os.path.join(folder, TAR)) != found.sha256:
                    return None
            except OSError:
                return None
        return found

    def new(self) -> str:
        """A folder in which a result is put together; `keep` takes it."""
        os.makedirs(self.root, exist_ok=True)
        return tempfile.mkdtemp(prefix=".partial-", dir=self.root)

    def keep(self, folder: str, result: Result) -> Result:
        """Put a result that is put together into its place, in one step."""
        place = self.place(result.key)
        result.folder = ""
        write_json(os.path.join(folder, "result.json"), asdict(result))
        for name in (TAR, LOG):
            path = os.path.join(folder, name)
            if os.path.exists(path):
                _sync(path)
        sync_folder(folder)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        try:
            os.rename(folder, place)
        except OSError:  # something stands there: an older result, or one that another run just made
            aside = tempfile.mkdtemp(prefix=".old-", dir=self.root)
            os.rename(place, os.path.join(aside, "result"))
            os.rename(folder, place)
            shutil.rmtree(aside, ignore_errors=True)
        sync_folder(os.path.dirname(place))
        result.folder = place
        return result

    def sweep(self, older_than: float = 86400.0) -> None:
        """Remove what interrupted runs left half-written, a day later."""
        try:
            names = os.listdir(self.root)
        except OSError:
            return
        for name in names:
            path = os.path.join(self.root, name)
            if name.startswith((".partial-", ".old-")) and time.time() - os.lstat(path).st_mtime > older_than:
                shutil.rmtree(path, ignore_errors=True)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
