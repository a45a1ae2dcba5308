"""Keep a command's checkpoints outside the machine, and bring the newest back before it starts.

keeper.py --store DIR_OR_URL --key KEY --every S --path P... [--grace S] [--keep] -- COMMAND...

The paths are saved every S seconds and on SIGTERM, which is passed on to the command first. A checkpoint's name holds
its sha256, so a half-written one is never taken. The newest two stay; at success all go, unless --keep.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import tempfile
import time

from targets.runtime.archive import file_digest, pack, relative, replace
from targets.runtime.blobs import Cloud, Folder, blobs
from targets.runtime.child import Child
from targets.runtime.problem import DataError, UsageError, finish, quoted, say

NAME = re.compile(r"([0-9]{12})-([0-9a-f]{64})\.tar")
KEPT = 2


class Keeper:
    """The checkpoints of one key."""

    def __init__(self, store: Folder | Cloud, paths: list[str]) -> None:
        self.store, self.paths = store, paths
        self.names = sorted(name for name in store.names() if NAME.fullmatch(name))
        self.folder = tempfile.mkdtemp(prefix=".headrace-", dir=".")

    def restore(self) -> None:
        """Bring back the newest checkpoint that is whole."""
        for name in reversed(self.names):
            tar = os.path.join(self.folder, name)
            try:
                self.store.get(name, tar)
                if not name.endswith(f"-{file_digest(tar)}.tar"):
                    raise DataError("its sha256 is another")
                replace(tar, self.paths)
                say(f"checkpoint {name} is back")
                return
            except (OSError, DataError) as error:
                say(f"checkpoint {name} is left out: {error}")
            finally:
                if os.path.exists(tar):
                    os.unlink(tar)

    def save(self) -> None:
        """Add a checkpoint of the paths that exist; a save that fails leaves the earlier ones, and is said."""
        present = [path for path in self.paths if os.path.lexists(path)]
        if not present:
            return
        tar = os.path.join(self.folder, "new.tar")
        try:
            pack(tar, present)
            number = int(self.names[-1][:12]) + 1 if self.names else 1
            name = f"{number:012d}-{file_digest(tar)}.tar"
            if self.names and self.names[-1][12:] == name[12:]:
                return
            self.store.put(tar, name)
            self.names.append(name)
            self.drop(self.names[:-KEPT])
        except (OSError, DataError) as error:
            say(f"checkpoint was not saved: {error}")
        finally:
            if os.path.exists(tar):
                os.unlink(tar)

    def drop(self, names: list[str]) -> None:
        for name in names:
            try:
                self.store.delete(name)
            except (OSError, DataError) as error:
                say(f"checkpoint {name} was not removed: {error}")
            self.names.remove(name)


def watch(keeper: Keeper, child: Child, every: float) -> int:
    """Run the command to its end, saving on the way; returns its status."""
    status = child.start()
    if status:
        return status
    following = time.monotonic() + every
    ended = None
    while ended is None:
        ended = child.wait(0.2 if child.received else max(0.0, min(1.0, following - time.monotonic())))
        if ended is None and not child.received and time.monotonic() >= following:
            keeper.save()
            following = time.monotonic() + every
    status = child.finish()
    if child.received:
        keeper.save()
    return child.interrupted(status)


def main() -> int:
    parser = argparse.ArgumentParser(prog="keeper", allow_abbrev=False)
    parser.add_argument("--store", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--every", type=float, required=True)
    parser.add_argument("--path", action="append", required=True)
    parser.add_argument("--grace", type=float, default=20)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if options.every <= 0 or options.grace < 0:
        raise UsageError("--every is more than 0 seconds, --grace not less")
    paths = sorted({relative(path) for path in options.path})
    if "." in paths:
        raise DataError(f"path {quoted('.')} is the whole work folder: name the checkpoints' own folder")
    child = Child(options.command, options.grace)
    place = f"{options.store.rstrip('/')}/{hashlib.sha256(os.fsencode(options.key)).hexdigest()}"
    keeper = Keeper(blobs(place), paths)
    try:
        keeper.restore()
        status = child.received + 128 if child.received else watch(keeper, child, options.every)
        if status == 0 and not options.keep:
            keeper.drop(keeper.names[:])
    finally:
        shutil.rmtree(keeper.folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    finish(main)
