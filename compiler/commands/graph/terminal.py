"""A pipeline on a terminal: one line a job, in layers; what a job waits for stands behind the arrow.

churn: push main, change request
  1  fetch
  2  prepare             <- fetch
  3  train [3 legs]      <- prepare
     train-gpu [1 GPU]   <- prepare
"""

from __future__ import annotations

from compiler.render.visible import visible, width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.commands.graph.model import Box, Drawing

WIDEST = 48  # columns of a job before its arrow


def draw(drawings: Sequence[Drawing]) -> str:
    return "\n".join(_pipeline(drawing) for drawing in drawings)


def _pipeline(drawing: Drawing) -> str:
    heads = {name: _head(box) for name, box in drawing.boxes.items()}
    column = min(max(map(width, heads.values()), default=0), WIDEST)
    number = len(str(len(drawing.layers)))
    triggers = ", ".join(map(visible, drawing.triggers))
    lines = [f"{visible(drawing.name)}: {triggers}" if triggers else visible(drawing.name)]
    for at, layer in enumerate(drawing.layers, 1):
        for place, name in enumerate(layer):
            mark = str(at) if place == 0 else ""
            head = heads[name]
            needs = ", ".join(map(visible, drawing.boxes[name].needs))
            arrow = " " * max(0, column - width(head)) + f"  <- {needs}" if needs else ""
            lines.append(f"  {mark:>{number}}  {head}{arrow}")
    return "\n".join(lines) + "\n"


def _head(box: Box) -> str:
    tags = [*([box.kind] if box.kind != "run" else []), *box.tags]
    return visible(box.name) + (f" [{', '.join(tags)}]" if tags else "")
