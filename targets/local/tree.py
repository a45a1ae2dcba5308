"""Files by path, with mode and sha256, without the files: what content keys and records are made of."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

LINK = "120000"


class Entry(NamedTuple):
    """mode: 100644, 100755 or 120000 (a link, whose text is `link` and whose sha256 is its text's)."""

    mode: str
    sha256: str
    link: str = ""


def entry_of(path: str) -> Entry:
    """The entry of a file or link. Raises OSError."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(path)
        return Entry(LINK, hashlib.sha256(os.fsencode(target)).hexdigest(), target)
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return Entry("100755" if status.st_mode & 0o100 else "100644", digest.hexdigest())


class Tree:
    """Files by their path from the root, with `/`."""

    def __init__(self, entries: dict[str, Entry]) -> None:
        self.entries = entries
        self._names: list[str] | None = None

    def over(self, others: Iterable[dict[str, Entry]]) -> Tree:
        """This tree with others laid over it."""
        merged = dict(self.entries)
        for other in others:
            merged.update(other)
        return Tree(merged) if len(merged) != len(self.entries) or merged != self.entries else self

    def names(self) -> list[str]:
        if self._names is None:
            self._names = sorted(self.entries)
        return self._names

    def below(self, path: str) -> list[str]:
        """The path itself where it is a file, else all files under it; `.` is the root."""
        if path in ("", "."):
            return self.names()
        if path in self.entries:
            return [path]
        names, prefix = self.names(), path + "/"
        at = bisect_left(names, prefix)
        found = []
        while at < len(names) and names[at].startswith(prefix):
            found.append(names[at])
            at += 1
        return found

    def resolved(self, path: str) -> str | None:
        """The path with its links followed; None where they lead out of the root or in a circle."""
        steps = 0
        todo = path.split("/")[::-1]
        at: list[str] = []
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not at:
                    return None
                at.pop()
                continue
            entry = self.entries.get("/".join((*at, part)))
            if entry is None or entry.mode != LINK:
                at.append(part)
                continue
            steps += 1
            if steps > 40 or entry.link.startswith("/"):
                return None
            todo.extend(entry.link.split("/")[::-1])
        return "/".join(at)

    def listing(self, paths: Iterable[str]) -> dict[str, Entry]:
        """Every file and link under the paths; what a link leads to counts too where it is inside.

        This is what targets/runtime/content_key.py lists on disk.
        """
        found: dict[str, Entry] = {}
        seen: set[str] = set()
        pending = [posixpath.normpath(path) for path in paths]
        while pending:
            path = pending.pop()
            if path in seen:
                continue
            seen.add(path)
            names = self.below(path)
            if not names:  # the way there may lead over a link
                target = self.resolved(path)
                names = self.below(target) if target else []
            for name in names:
                if name in found:
                    continue
                entry = found[name] = self.entries[name]
                if entry.mode == LINK:
                    target = self.resolved(name)
                    if target is not None and self.below(target):
                        pending.append(target or ".")
        return found

    def has(self, path: str) -> bool:
        """Whether a path is there, over links too."""
        plain = posixpath.normpath(path)
        return bool(self.below(plain) or self.below(self.resolved(plain) or "\0"))
