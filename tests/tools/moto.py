"""moto: an implementation of AWS's services of others, as a server of this machine."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from tests.tools.process import ToolError, program

START_SECONDS = 60


@contextmanager
def server(unchecked: int | None = None) -> Iterator[str]:
    """The address of a server that forgets all at its end; `unchecked` is after how many requests it checks signatures.

    https://docs.getmoto.org/en/latest/docs/iam.html
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [program("moto"), "--host", "127.0.0.1", "--port", str(port)]
    checked = [] if unchecked is None else ["env", f"INITIAL_NO_AUTH_ACTION_COUNT={unchecked}"]
    running = subprocess.Popen([*checked, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_SECONDS
        while not _answers(f"http://127.0.0.1:{port}/moto-api/"):
            if time.monotonic() > end:
                raise ToolError("moto does not start")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, ConnectionError):
        return False
