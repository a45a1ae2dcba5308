"""The only way to files. Paths are relative to the repository's root, with `/`; nothing leaves the root.

Root and remote are read from `.git` itself: starting git, or importing a library for it, would double a cold start.
Outside of a git repository the root is the folder that is given.
"""

from __future__ import annotations

import os

from compiler import codes
from compiler.diagnostics import Sink
from compiler.source import Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

MAX_BYTES = 64 * 1024 * 1024
MADE = frozenset(("node_modules", "__pycache__", "build", "dist"))  # folders whose files are made or brought by tools


NOT_REGULAR = "is no regular file"


class OutsideError(ValueError):
    """A path that leads out of the repository."""


def open_regular(path: str) -> BinaryIO:
    """A file, open to be read. Raises OSError for a pipe or a device too, which could be read without end."""
    import stat
    from errno import EINVAL

    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # to open a folder says what is wrong
        raise OSError(EINVAL, "it " + NOT_REGULAR, path)
    return open(path, "rb")


def find_root(folder: str) -> str | None:
    """The nearest folder upwards that holds `.git`, absolute; None when there is none."""
    at = os.path.realpath(folder)
    while not os.path.exists(os.path.join(at, ".git")):
        above = os.path.dirname(at)
        if above == at:
            return None
        at = above
    return at


def join(folder: str, path: str) -> str:
    """A manifest's path, relative to its folder (or to the root with a leading `/`), as a path from the root.

    Raises OutsideError for one that leaves the root. The root itself is "".
    """
    parts: list[str] = [] if path.startswith("/") else [part for part in folder.split("/") if part]
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == "..":
            if not parts:
                raise OutsideError(f'"{path}" leads out of the repository')
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


class Repository:
    """A work tree (or a bare folder) that a manifest lies in."""

    __slots__ = ("_config", "root")

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self._config: str | None = None

    def path(self, path: str) -> str:
        """The absolute path of a path from the root. Raises OutsideError where a symbolic link leads out."""
        whole = os.path.join(self.root, path) if path else self.root
        real = os.path.realpath(whole)
        if real != self.root and not real.startswith(self.root.rstrip(os.sep) + os.sep):
            raise OutsideError(f'"{path}" leads out of the repository')
        return whole

    def relative(self, absolute: str) -> str:
        """A path from the root for an absolute one. Raises OutsideError for one that lies elsewhere."""
        folder, name = os.path.split(os.path.abspath(absolute))
        real = os.path.join(os.path.realpath(folder), name)
        relative = os.path.relpath(real, self.root).replace(os.sep, "/")
        if relative == ".." or relative.startswith("../"):
            raise OutsideError(f'"{absolute}" lies outside of the repository')
        return "" if relative == "." else relative

    def exists(self, path: str) -> bool:
        try:
            return os.path.exists(self.path(path))
        except (OutsideError, ValueError):
            return False

    def is_file(self, path: str) -> bool:
        try:
            return os.path.isfile(self.path(path))
        except (OutsideError, ValueError):
            return False

    def is_listed(self, path: str) -> bool:
        """Whether anything stands there, a folder or a link that leads nowhere or out, too: reading it says so."""
        try:
            return os.path.lexists(os.path.join(self.root, path))
        except ValueError:
            return False

    def absence(self, path: str) -> str:
        """Why a path is no file to read, as a message goes on behind the path."""
        try:
            whole = self.path(path)
        except OutsideError:
            return "leads out of the repository"
        except ValueError:
            return "is not there"
        if os.path.isdir(whole):
            return "is a folder"
        if os.path.exists(whole):
            return NOT_REGULAR
        return "is a link that leads nowhere" if os.path.islink(whole) else "is not there"

    def folders(self, folder: str) -> list[str]:
        """The folders in a folder that people keep work in, sorted: none that is hidden, linked, made by a tool, or a
        repository or an environment of its own."""
        try:
            with os.scandir(self.path(folder)) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except (OSError, OutsideError, ValueError):
            return []
        found = [f"{folder}/{name}".removeprefix("/") for name in names if name[0] != "." and name not in MADE]
        return [path for path in found if not any(self.exists(f"{path}/{mark}") for mark in (".git", "pyvenv.cfg"))]

    def read_bytes(self, path: str) -> bytes:
        """A file's bytes. Raises OSError, OutsideError."""
        with open_regular(self.path(path)) as file:
            return file.read()

    def source(self, path: str, sink: Sink) -> Source | None:
        """A UTF-8 text file as a source; what stands in the way is reported and gives None."""
        try:
            if os.path.getsize(self.path(path)) > MAX_BYTES:
                limit = MAX_BYTES // 1024 // 1024
                sink.report(codes.TOO_LARGE, f"{path} is larger than {limit} MiB", Source(path, ""))
                return None
            data = self.read_bytes(path)
        except OutsideError as error:
            sink.report(codes.OUTSIDE, str(error))
            return None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            sink.report(codes.UNREADABLE, f"{path} can't be read: {reason.lower()}", Source(path, ""))
            return None
        return decode(path, data, sink)

    def glob(self, pattern: str) -> list[str]:
        """The files that a glob (`*`, `**`, `?`) from the root names, sorted; hidden folders only where they are named."""
        from glob import glob

        found = glob(pattern, root_dir=self.root, recursive=True)
        names = (name.replace(os.sep, "/") for name in found)
        return sorted(name for name in names if self.is_file(name))

    @property
    def is_git(self) -> bool:
        return os.path.exists(os.path.join(self.root, ".git"))

    def git_folder(self) -> str | None:
        """The folder with git's own files: `.git`, or what a worktree's or submodule's `.git` file names."""
        at = os.path.join(self.root, ".git")
        if os.path.isdir(at):
            return at
        try:
            with open_regular(at) as file:
                first = file.readline().decode("utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        if not first.startswith("gitdir:"):
            return None
        folder = os.path.join(self.root, first.removeprefix("gitdir:").strip())
        common = os.path.join(folder, "commondir")
        if os.path.isfile(common):
            with open(common, encoding="utf-8") as file:
                return os.path.join(folder, file.readline().strip())
        return folder

    def remote(self) -> str | None:
        """The URL of `origin`, else of the first remote, as git's configuration has it."""
        if self._config is None:
            self._config = ""
            folder = self.git_folder()
            if folder is not None:
                try:
                    with open_regular(os.path.join(folder, "config")) as file:
                        self._config = file.read().decode("utf-8", "replace")
                except OSError:
                    return None
        remotes: dict[str, str] = {}
        section = ""
        for line in self._config.splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line
            elif section.startswith('[remote "') and line.replace(" ", "").startswith("url="):
                remotes.setdefault(section[len('[remote "') : -2], line.split("=", 1)[1].strip())
        return remotes.get("origin") or next(iter(remotes.values()), None)


def decode(name: str, data: bytes, sink: Sink) -> Source | None:
    """Bytes as text. Only UTF-8 is taken, with or without a byte order mark; of Python, what the file itself declares."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")) or _is_wide(data[:4]):
        sink.report(codes.ENCODING, f"{name} is UTF-16 or UTF-32", Source(name, ""), help="save it as UTF-8")
        return None
    if name.endswith(".py") and not data.isascii():
        declared = _declared(data)
        if declared is not None:
            return Source(name, declared)
    try:
        return Source(name, data.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except UnicodeDecodeError as error:
        before = Source(name, data[: error.start].decode("utf-8"))
        at = before.pos(len(before.text))
        shown = Source(name, data.decode("utf-8", "replace"))
        place = shown.offset(at.line, at.column)
        message = f"byte 0x{data[error.start]:02x} is not UTF-8"
        sink.report(codes.ENCODING, message, Span(shown, place, place + 1), help="save the file as UTF-8")
        return None


def _is_wide(first: bytes) -> bool:
    """Whether a text begins as UTF-16 or UTF-32 does without a mark: of its first character one byte alone is not 0.

    https://yaml.org/spec/1.2.2/#52-character-encodings
    """
    zeros = bytes(byte == 0 for byte in first)
    return zeros in (b"\0\1\0\1", b"\1\0\1\0", b"\0\1\1\1", b"\1\1\1\0")


def _declared(data: bytes) -> str | None:
    """A Python file's text in the encoding that its first two lines declare, None where they declare none that fits.

    https://peps.python.org/pep-0263/
    """
    import re

    for line in data.split(b"\n", 2)[:2]:
        found = re.match(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", line)
        if found is not None:
            try:
                return data.decode(found.group(1).decode("ascii", "replace"))
            except (LookupError, ValueError):
                return None
        if line.strip() and not line.lstrip().startswith(b"#"):
            return None
    return None
