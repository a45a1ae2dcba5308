"""Objectives in MLSpec's documents: one comparison an entry, in the core's own small language."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader
from compiler.diagnostics import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.mlspec.view import View
    from compiler.ir import Objective


def read_objectives(found: View, sink: Sink) -> tuple[Objective, ...]:
    """The objectives under a key, a list or a single one; what can't be read is reported at its character."""
    from compiler.objective import ObjectiveError, parse

    read = []
    for item in found.each():
        if not item.is_text:
            continue
        try:
            read.append(parse(item.value).replace(origin=item.origin))
        except ObjectiveError as error:
            error.help = error.suggestion  # type: ignore[attr-defined]  # an objective's advice is a sentence
            error.suggestion = None
            reader.report_parse(error, item.slot, sink, core.BAD_OBJECTIVE)
    return tuple(read)
