"""What a front end is: a module that reads one dialect of manifest into a Project."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from compiler.diagnostics import Sink
    from compiler.ir import Project
    from compiler.source import Source
else:
    Protocol = object


class Files(Protocol):
    """The part of a repository that front ends read. Paths are relative to its root."""

    def exists(self, path: str) -> bool: ...
    def is_file(self, path: str) -> bool: ...
    def is_listed(self, path: str) -> bool: ...
    def absence(self, path: str) -> str: ...
    def source(self, path: str, sink: Sink) -> Source | None: ...
    def read_bytes(self, path: str) -> bytes: ...
    def glob(self, pattern: str) -> list[str]: ...


class FrontEnd(Protocol):
    """The names that a front end's module offers. Its codes, if any, stand in its module `codes`."""

    NAME: str

    def sniff(self, path: str, head: str) -> bool:
        """Whether a file looks like this dialect: by its path and its first 4 KiB, without a parser."""

    def discover(self, repository: Files, folder: str = "") -> list[str]:
        """The manifests of this dialect that are found by themselves in a folder: paths from the root."""

    def read(self, unit: str, repository: Files, sink: Sink) -> Project | None:
        """What a manifest says. Faults go to the sink; None where there is no work to be read."""
