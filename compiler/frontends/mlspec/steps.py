"""Steps on their way to jobs, and what happens to a path that two of them write."""

from __future__ import annotations

from itertools import pairwise

from compiler.diagnostics import Label, Sink
from compiler.frontends.mlspec import codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from compiler.frontends.mlspec.modules import Version
    from compiler.frontends.mlspec.view import View
    from compiler.ir import Text
    from compiler.source import Origin

_COMMAND_OUTPUTS = ".headrace/outs"  # where an output stays that a later step writes over


class Path:
    """A path that a step reads or writes, from the root."""

    __slots__ = ("kind", "origin", "path")

    def __init__(self, path: str, origin: Origin, kind: Any = None) -> None:
        self.path = path
        self.origin = origin
        self.kind = kind


class Step:
    """A step of a pipeline, or of a module in it, on its way to a job."""

    def __init__(self, name: str, view: View, version: Version | None) -> None:
        self.name = name
        self.view = view
        self.version = version
        self.values: dict[str, Text] = {}
        self.own: dict[str, View] = {}  # the parameters that the step itself gives
        self.ports: dict[str, str] = {}  # input and output ports' paths, as the command sees them
        self.reads: list[Path] = []
        self.writes: list[Path] = []
        self.before: list[str] = []  # control edges
        self.prelude: list[str] = []
        self.afterwards: list[str] = []

    def said(self, key: str) -> View | None:
        """A key of the step, else of its module's version."""
        found = self.view.get(key)
        return found if found is not None or self.version is None else self.version.view.get(key)

    @property
    def module(self) -> str:
        return self.view.text("moduleName").partition("@")[0]


def check_overwriting(steps: list[Step], folder: str, sink: Sink) -> None:
    """M06: of several steps that write one path, the last one leaves it.

    Who reads it between them gets what the step before left: that step keeps a copy aside.
    """
    writers: dict[str, list[int]] = {}
    for index, step in enumerate(steps):
        for written in step.writes:
            writers.setdefault(written.path, []).append(index)
    for path, places in writers.items():
        for earlier, later in pairwise(places):
            _report_overwriting(path, steps[earlier], steps[later], sink)
            _keep_aside(path, steps[earlier : later + 1], folder)


def _report_overwriting(path: str, first: Step, second: Step, sink: Sink) -> None:
    here = next(one for one in second.writes if one.path == path)
    there = next(one for one in first.writes if one.path == path)
    message = f'"{path}" is written by "{first.name}" and again by "{second.name}"'
    labels = (Label(there.origin.span(), f'"{first.name}" writes it here'),)
    advice = f'what "{second.name}" writes is kept; give each its own path'
    sink.report(codes.REWRITTEN_PATH, message, here.origin, labels=labels, help=advice)


def _keep_aside(path: str, steps: list[Step], folder: str) -> None:
    """Take the path from the outputs of the first step, and give its readers up to the last, who writes it again, a copy."""
    writer = steps[0]
    kept = next(one for one in writer.writes if one.path == path)
    writer.writes.remove(kept)
    readers = [step for step in steps[1:] if any(one.path == path for one in step.reads)]
    if not readers:
        return
    aside = f"{_COMMAND_OUTPUTS}/{writer.name}/{path}"
    writer.writes.append(Path(aside, kept.origin, kept.kind))
    writer.afterwards += [*_copy(path, aside, folder)]
    for step in readers:
        step.reads = [Path(aside, one.origin) if one.path == path else one for one in step.reads]
        step.prelude += [*_copy(aside, path, folder)]


def _copy(source: str, place: str, folder: str) -> Iterable[str]:
    """Lines that put a copy of a path at another place, both seen from the folder that the command runs in."""
    from posixpath import dirname, relpath
    from shlex import quote

    here, there = relpath(source, folder or "."), relpath(place, folder or ".")
    yield f"mkdir -p -- {quote(dirname(there) or '.')}"
    yield f"rm -rf -- {quote(there)}"
    yield f"cp -R -- {quote(here)} {quote(there)}"
