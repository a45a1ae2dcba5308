"""Runs a lowered project on this machine, the way CI would: `headrace run`. It emits nothing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.features import Feature
    from compiler.ir import Project, Settings
    from compiler.target import Document, Support

    SUPPORT: dict[Feature, Support]

NAME = "local"
TITLE = "a local run"
OPTIONS: frozenset[str] = frozenset()
LIMITS: dict[str, int] = {}


def __getattr__(name: str) -> Any:
    if name == "SUPPORT":  # read by `headrace run` and by tests; no other command pays for it
        from targets.local.support import SUPPORT

        return SUPPORT
    raise AttributeError(name)


def emit(project: Project, settings: Settings, sink: Sink) -> tuple[Document, ...]:
    """No file: this target executes."""
    del project, settings, sink
    return ()


def recognise(remote: str | None, has: Any) -> bool:
    """Never by itself: `headrace run` asks for it."""
    del remote, has
    return False
