"""What jobs left, by content key. A result is a folder that appears whole or not at all.

results/ab/abcd…/  result.json  outputs.tar  log

Another run may put its own result in the place of one that this run builds on. A run therefore holds what it found or made
by a link of its own: all its jobs see the same bytes.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from targets.local.state import State, read_json, sync, write_json
from targets.local.tree import Entry

TAR = "outputs.tar"
LOG = "log"
KEPT = "kept"  # the folder of a run for the results that no other run builds on
_MOVES = 50  # each is lost to another run that does the same at the same moment


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
    held: str = ""  # the run's own link to outputs.tar, while it runs

    @property
    def tar(self) -> str | None:
        if not self.sha256:
            return None
        return self.held if self.held and os.path.exists(self.held) else os.path.join(self.folder, TAR)


class Results:
    """The store of results, shared by all runs. `held` is the folder of a run's own links."""

    def __init__(self, state: State, held: str | None = None) -> None:
        self.root, self._held = state.shared("results"), held

    def place(self, key: str) -> str:
        return os.path.join(self.root, key[:2], key)

    def find(self, key: str, max_age: int | None = None) -> Result | None:
        """The whole result of a key, not older than `max_age` seconds; one whose outputs are not as they were is none."""
        from targets.runtime.archive import file_digest

        folder = self.place(key)
        found = _read(folder)
        if found is None or found.key != key:
            return None
        if max_age is not None and time.time() - found.ended > max_age:
            return None
        with suppress(OSError):  # gone meanwhile, or another user's
            os.utime(os.path.join(folder, "result.json"))  # it is in use: `headrace runs clean` looks at this
        if found.sha256:
            try:
                found.held = self._hold(os.path.join(folder, TAR))
                if file_digest(found.held or os.path.join(folder, TAR)) != found.sha256:
                    return None
            except OSError:
                return None
        return found

    def _hold(self, tar: str) -> str:
        """A link to a tar that is there for as long as the run; empty where nobody asks for it."""
        if self._held is None:
            return ""
        os.makedirs(self._held, exist_ok=True)
        link = os.path.join(tempfile.mkdtemp(dir=self._held), TAR)
        try:
            os.link(tar, link)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            shutil.copyfile(tar, link)  # a file system without links
        return link

    def new(self) -> str:
        """A folder in which a result is put together; `keep` takes it."""
        os.makedirs(self.root, exist_ok=True)
        return tempfile.mkdtemp(prefix=".partial-", dir=self.root)

    def keep(self, folder: str, result: Result) -> Result:
        """Put a result that is put together into its place, in one step."""
        place = self.place(result.key)
        result.folder = ""
        tar = os.path.join(folder, TAR)
        if os.path.exists(tar):
            sync(tar)
        write_json(os.path.join(folder, "result.json"), asdict(result))  # this syncs the folder too
        result.held = self._hold(tar) if result.sha256 else ""
        os.makedirs(os.path.dirname(place), exist_ok=True)
        self._move(folder, place)
        sync(os.path.dirname(place))
        result.folder = place
        return result

    def _move(self, folder: str, place: str) -> None:
        """What stands there is an older result, or one that another run just made: the last one stays."""
        for attempt in range(_MOVES):
            try:
                os.rename(folder, place)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or attempt == _MOVES - 1:
                    raise
            aside = tempfile.mkdtemp(prefix=".old-", dir=self.root)
            with suppress(FileNotFoundError):
                os.rename(place, os.path.join(aside, "result"))
            shutil.rmtree(aside, ignore_errors=True)

    def sweep(self, older_than: float = 86400.0) -> None:
        """Remove what interrupted runs left half-written, a day later."""
        try:
            names = os.listdir(self.root)
        except OSError:
            return
        for name in names:
            path = os.path.join(self.root, name)
            if name.startswith((".partial-", ".old-")):
                with suppress(FileNotFoundError):  # another run sweeps as well
                    if time.time() - os.lstat(path).st_mtime > older_than:
                        shutil.rmtree(path, ignore_errors=True)


def keep_in_run(run: str, folder: str, result: Result) -> Result:
    """Put a result that no other run builds on into a run's own folder."""
    place = os.path.join(run, KEPT, os.path.basename(folder).lstrip("."))
    os.makedirs(os.path.dirname(place), exist_ok=True)
    write_json(os.path.join(folder, "result.json"), asdict(result))
    os.rename(folder, place)
    result.folder = place
    return result


def kept_in_run(run: str) -> dict[str, Result]:
    """The results in a run's own folder, by instance."""
    place = os.path.join(run, KEPT)
    names = sorted(os.listdir(place)) if os.path.isdir(place) else []
    found = (_read(os.path.join(place, name)) for name in names)
    return {one.instance: one for one in found if one is not None}


def _read(folder: str) -> Result | None:
    data = read_json(os.path.join(folder, "result.json"))
    if not isinstance(data, dict):
        return None
    try:
        outputs = {path: Entry(*entry) for path, entry in data["outputs"].items()}
        return Result(**{**data, "outputs": outputs, "folder": folder})
    except (KeyError, TypeError, AttributeError):
        return None
