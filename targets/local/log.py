"""A job's log: masked, written as it comes, and shown line by line."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from targets.local.masking import Masker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from io import FileIO

_LONGEST_LINE = 16384  # bytes without a line break that are shown as one line


class Log:
    """Takes bytes as a job writes them. Where the file takes no more, lines are shown all the same and it says so once."""

    def __init__(self, path: str, masker: Masker, show: Callable[[str], None]) -> None:
        self._masker, self._show = masker, show
        self._line = b""
        self._stream: FileIO | None = None
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._stream = open(path, "ab", buffering=0)  # noqa: SIM115  closed by `close`: it lives as long as the job
        except OSError as error:
            self._lose(error)

    def write(self, data: bytes) -> None:
        self._put(self._masker.feed(data))

    def say(self, text: str) -> None:
        """A line of headrace's own."""
        self._put(self._masker.finish())
        if self._line:
            self._put(b"\n")
        self._put(f"headrace: {self._masker.whole(text)}\n".encode("utf-8", "surrogateescape"))

    def _put(self, data: bytes) -> None:
        if not data:
            return
        self._keep(data)
        *lines, self._line = (self._line + data).split(b"\n")
        if len(self._line) > _LONGEST_LINE:
            lines.append(self._line)
            self._line = b""
        for line in lines:
            self._show(shown(line))

    def _keep(self, data: bytes) -> None:
        left = memoryview(data)
        while left and self._stream is not None:
            try:
                left = left[self._stream.write(left) or 0 :]
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        self._release()
        self._show(f"headrace: the log is not kept from here on: {(error.strerror or str(error)).lower()}")

    def _release(self) -> None:
        if self._stream is not None:
            with suppress(OSError):
                self._stream.close()
            self._stream = None

    def close(self) -> None:
        self._put(self._masker.finish())
        if self._line:
            self._show(shown(self._line))
            self._line = b""
        self._release()


def shown(line: bytes) -> str:
    """A line as a terminal may show it: of a progress bar its last state, without what moves a cursor or colours."""
    import re

    text = line.decode("utf-8", "replace").rstrip("\r")
    text = text.rsplit("\r", 1)[-1]
    text = re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-Z\\-_])", "", text).replace("\t", "    ")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text)


def tail(path: str, lines: int) -> list[str]:
    """The last lines of a log."""
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 65536))
            data = stream.read()
    except OSError:
        return []
    return [shown(line) for line in data.rstrip(b"\n").split(b"\n")[-lines:]] if data.strip() else []
