"""Services beside a job, in containers: each is up before the job starts, and gone when it ends."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from types import TracebackType

from compiler.ir import Job, Sidecar
from targets.local.containers import Engine
from targets.local.process import Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text

START_SECONDS = 120.0


class SidecarError(Exception):
    """A sidecar that can't be started, or whose port never answers."""


class Sidecars:
    """The sidecars of one attempt."""

    def __init__(self, engine: Engine | None, name: str) -> None:
        self.engine, self.name = engine, name
        self.running: list[str] = []

    def __enter__(self) -> Sidecars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self.running:
            assert self.engine is not None
            self.engine.remove(name)

    def start(self, job: Job, text: Callable[[Text], str], stop: Stop) -> dict[str, str]:
        """Start all; gives `sidecars.NAME.host` and `.port`. Raises SidecarError."""
        if not job.sidecars:
            return {}
        if self.engine is None:
            raise SidecarError("sidecars need a container engine, and there is none here")
        found: dict[str, str] = {}
        for sidecar in job.sidecars:
            port = self._start(sidecar, text)
            found[f"sidecars.{sidecar.name}.host"] = "127.0.0.1"
            found[f"sidecars.{sidecar.name}.port"] = str(port or sidecar.port or "")
            if port is not None:
                _wait(sidecar, port, stop)
        return found

    def _start(self, sidecar: Sidecar, text: Callable[[Text], str]) -> int | None:
        assert self.engine is not None
        name = f"{self.name}-{sidecar.name}"
        env = {variable.name: text(variable.value) for variable in sidecar.env}
        line = [self.engine.program, "run", "--detach", "--rm", "--name", name]
        line += [word for variable in env for word in ("--env", variable)]
        if sidecar.port is not None:
            line += ["--publish", f"127.0.0.1::{sidecar.port}"]
        line += [text(sidecar.image), *(text(word) for word in sidecar.command)]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={**os.environ, **env})
        if done.returncode:
            raise SidecarError(f'the sidecar "{sidecar.name}" did not start: {done.stderr.strip()[-500:]}')
        self.running.append(name)
        if sidecar.port is None:
            return None
        port = self.engine.port(name, sidecar.port)
        if port is None:
            raise SidecarError(f'the sidecar "{sidecar.name}" ended at once')
        return port


def _wait(sidecar: Sidecar, port: int, stop: Stop) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and not stop.asked:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            stop.wait(0.2)
    if not stop.asked:
        raise SidecarError(
            f'the sidecar "{sidecar.name}" does not answer on port {sidecar.port} after {START_SECONDS:.0f} s'
        )
