"""Runs one command and says what it cost: `measure.py LIMIT OUTPUT ERRORS COMMAND...` prints one line of JSON.

A process of its own, with few imports: a child starts with the peak memory of the process that forked it, so that the
parent's size is the least that can be seen. This one is as small as the bare interpreter that every row begins with.
CPU is user and system time of the command and of every child that it waited for.
"""

from __future__ import annotations

import os
import signal
import sys
import time


def run(command: list[str], limit: int, output: str, errors: str) -> dict[str, float | int | bool]:
    """What `command` cost; with its whole process group it is killed after `limit` seconds."""
    start = time.perf_counter()
    child = os.fork()
    if child == 0:
        _become(command, output, errors)
    expired = []

    def expire(*_: object) -> None:
        expired.append(True)
        os.killpg(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, expire)
    signal.alarm(limit)
    try:
        _, status, usage = os.wait4(child, 0)
    except KeyboardInterrupt:
        os.killpg(child, signal.SIGKILL)
        raise
    signal.alarm(0)
    return {
        "status": os.waitstatus_to_exitcode(status),
        "expired": bool(expired),
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - start,
        # Kibibytes on Linux, bytes on macOS (getrusage(2) of each).
        "rss": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }


def _become(command: list[str], output: str, errors: str) -> None:
    """Turns the forked child into `command`; never returns."""
    try:
        os.setpgid(0, 0)
        for path, descriptor in ((output, 1), (errors, 2)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


if __name__ == "__main__":
    import json

    print(json.dumps(run(sys.argv[4:], int(sys.argv[1]), sys.argv[2], sys.argv[3])))
