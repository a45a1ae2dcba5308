"""One command in a process group of its own: its output goes to a log as it comes, and all of it can be ended."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

GRACE_SECONDS = 10.0  # between asking a group to end and ending it
_TICK = 0.1  # how soon the end of a process, of its time or of the run is seen
_DRAIN_SECONDS = 2.0  # for what is still in the pipe when a process has ended


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status as a shell tells it (128 + n for a signal), and why it was ended."""

    status: int
    timed_out: bool = False
    cancelled: bool = False


class Stop:
    """Asks everything that runs to end; set twice it gives no grace."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._now = threading.Event()

    def set(self) -> None:
        if self._asked.is_set():
            self._now.set()
        self._asked.set()

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    @property
    def now(self) -> bool:
        return self._now.is_set()

    def wait(self, seconds: float) -> bool:
        return self._asked.wait(seconds)


def run(
    argv: Sequence[str],
    folder: str,
    env: Mapping[str, str],
    output: Callable[[bytes], None],
    stop: Stop,
    timeout: float | None = None,
    grace: float = GRACE_SECONDS,
    on_end: Callable[[], None] | None = None,
    place: str = "",
) -> Ended:
    """Run a command to its end. Nothing of it is left afterwards: neither in its group nor, on Linux, outside of it.

    `on_end` is called when the command is asked to end; `place` is a folder in which nothing else works.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=folder,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        output(f"headrace: {argv[0]} can't be started: {(error.strerror or str(error)).lower()}\n".encode())
        return Ended(127 if isinstance(error, FileNotFoundError) else 126)
    return _Watched(process, output, stop, grace, env.get("TMPDIR", ""), place, on_end).to_end(timeout)


class _Watched:
    def __init__(
        self,
        process: subprocess.Popen[bytes],
        output: Callable[[bytes], None],
        stop: Stop,
        grace: float,
        mark: str,
        place: str,
        on_end: Callable[[], None] | None,
    ) -> None:
        assert process.stdout is not None
        self.process, self.output, self.stop, self.grace = process, output, stop, grace
        self.mark, self.place = mark, place
        self.pipe = process.stdout.fileno()
        self.on_end = on_end
        self.open = True
        self.ending: float | None = None  # when the group is ended for good

    def to_end(self, timeout: float | None) -> Ended:
        try:
            return self._to_end(timeout)
        except BaseException:
            self._end_all()
            raise

    def _to_end(self, timeout: float | None) -> Ended:
        deadline = None if timeout is None else time.monotonic() + timeout
        timed_out = cancelled = False
        while self.process.poll() is None:
            self._read(_TICK)
            now = time.monotonic()
            if self.ending is None and self.stop.asked:
                cancelled = True
                self._ask(now)
            elif self.ending is None and deadline is not None and now >= deadline:
                timed_out = True
                self._ask(now)
            elif self.ending is not None and (now >= self.ending or self.stop.now):
                self._end_all()
        if self.ending is not None:
            self._wait_for_group()
        self._end_all()
        self._drain()
        status = self.process.returncode
        assert self.process.stdout is not None
        self.process.stdout.close()
        return Ended(128 - status if status < 0 else status, timed_out, cancelled)

    def _ask(self, now: float) -> None:
        """Ask the group to end."""
        self.ending = now + (0.0 if self.stop.now else self.grace)
        self._signal(signal.SIGTERM)
        if self.on_end is not None:
            self.on_end()

    def _wait_for_group(self) -> None:
        """What the command started may take the rest of the grace."""
        assert self.ending is not None
        while time.monotonic() < self.ending and not self.stop.now and _group_runs(self.process.pid):
            self._read(_TICK)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)

    def _end_all(self) -> None:
        self._signal(signal.SIGKILL)
        if self.mark:
            end_marked(self.mark)
        if self.place:
            end_adopted(self.place)

    def _read(self, seconds: float) -> None:
        if not self.open:
            time.sleep(seconds)
            return
        ready, _, _ = select.select([self.pipe], [], [], seconds)
        if ready:
            data = os.read(self.pipe, 1 << 16)
            if data:
                self.output(data)
            else:
                self.open = False

    def _drain(self) -> None:
        end = time.monotonic() + _DRAIN_SECONDS
        while self.open and time.monotonic() < end:
            ready, _, _ = select.select([self.pipe], [], [], 0)
            if not ready and not _group_runs(self.process.pid):
                return
            self._read(_TICK)


def _group_runs(group: int) -> bool:
    """Whether a process of the group runs: one that was adopted and has ended is there until it is asked for."""
    with suppress(ChildProcessError):
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def marked(folder: str) -> list[int]:
    """The processes whose TMPDIR is this folder or lies in it: those of a job, wherever they went. Linux only."""
    mark, own = b"TMPDIR=" + os.fsencode(folder), os.getpid()
    return [
        process
        for process, content in _told("environ")
        if process != own and any(one == mark or one.startswith(mark + b"/") for one in content.split(b"\0"))
    ]


def _told(file: str) -> Iterator[tuple[int, bytes]]:
    """What the kernel says of each process in one of its files (/proc/N/FILE), where it says it to us. Linux only."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/{file}", "rb") as stream:
                    content = stream.read()
            except OSError:  # it has ended, or is another user's
                continue
            yield int(name), content


def end_marked(folder: str) -> None:
    """End what a job left behind in groups of its own."""
    for _ in range(20):
        found = marked(folder)
        if not found:
            return
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(0.02)


# ---------------------------------------------------------------------------------------------------------- adopted ones

_OF_ENGINES = (b"conmon", b"catatonit", b"podman", b"pasta", b"slirp4netns")
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html


@contextmanager
def adopting() -> Iterator[None]:
    """Whoever loses its parent below this process becomes its child, and is ended at the end. Linux only.

    A job can hide a process from its group and its variables, but not from this.
    """
    before = set(_children())
    _set_subreaper(True)
    try:
        yield
    finally:
        _end_children(lambda process: process not in before)
        _set_subreaper(False)


def end_adopted(folder: str) -> None:
    """End what was adopted and works in a folder. Somebody's shell in there is another's child."""
    inside = os.path.realpath(folder)

    def works_there(process: int) -> bool:
        try:
            at = os.readlink(f"/proc/{process}/cwd").removesuffix(" (deleted)")
        except OSError:
            return False
        return at == inside or at.startswith(inside + os.sep)

    _end_children(works_there)


def _end_children(which: Callable[[int], bool]) -> None:
    """End children; their own become ours, and are looked at in turn."""
    for _ in range(50):
        found = [process for process in _children() if which(process)]
        if not found:
            return
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)
        time.sleep(0.02)


def _children() -> list[int]:
    """The processes whose parent is this one, without those that a container engine keeps across its commands."""
    found, own = [], b"%d" % os.getpid()
    for process, content in _told("stat"):  # NUMBER (PROGRAM) STATE PARENT …, and a program's name may hold anything
        head, _, rest = content.rpartition(b")")
        if rest.split()[1:2] == [own] and not head.partition(b"(")[2].startswith(_OF_ENGINES):
            found.append(process)
    return found


def _set_subreaper(on: bool) -> None:
    try:
        import ctypes

        ctypes.CDLL(None).prctl(_SUBREAPER, int(on), 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return  # no Linux
