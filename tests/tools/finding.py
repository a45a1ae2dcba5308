"""What every verifier answers with."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One complaint of a tool. `line` counts from 1 and is 0 where the tool names no line."""

    tool: str
    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message} [{self.tool}]"
