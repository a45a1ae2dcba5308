"""Locks that hold across runs, by flock: the system gives them back whatever happens to who holds them."""

from __future__ import annotations

import fcntl
import os
from types import TracebackType


class Held:
    """A lock that is held until it is released."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def release(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Held:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def attempt(path: str) -> Held | None:
    """Take a lock where nobody holds it."""
    handle = _opened(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return Held(handle)


def one_of(folder: str, limit: int) -> Held | None:
    """Take one of `limit` places of a lock."""
    for place in range(limit):
        held = attempt(os.path.join(folder, str(place)))
        if held is not None:
            return held
    return None


def is_held(path: str) -> bool:
    """Whether somebody holds a lock."""
    if not os.path.exists(path):
        return False
    held = attempt(path)
    if held is None:
        return True
    held.release()
    return False


def _opened(path: str) -> int:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
