"""Pipelines as one page without any outside parts: drag and scroll to move, click a job to see what it does."""

from __future__ import annotations

import os

from compiler import VERSION
from compiler.commands.graph.layout import BOX_HEIGHT, BOX_WIDTH, curve, layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from compiler.commands.graph.model import Drawing

TITLE_HEIGHT, GAP, MARGIN = 40, 60, 30
LONGEST_NAME, LONGEST_TAGS = 26, 32  # characters that fit into a box


def draw(drawings: Sequence[Drawing]) -> str:
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    folder = os.path.dirname(os.path.abspath(__file__))
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(page(drawings)) + "\n"


def page(drawings: Sequence[Drawing]) -> dict[str, Any]:
    """What the template shows."""
    scenes: list[dict[str, Any]] = []
    jobs: list[dict[str, Any]] = []
    width, y = 0, MARGIN
    for drawing in drawings:
        scene, height, across = _scene(drawing, y, jobs)
        scenes.append(scene)
        y += height + GAP
        width = max(width, across)
    return {
        "title": ", ".join(dict.fromkeys(drawing.project for drawing in drawings)),
        "scenes": scenes,
        "jobs": jobs,
        "width": width + 2 * MARGIN,
        "height": max(y - GAP + MARGIN, 2 * MARGIN),
        "box_width": BOX_WIDTH,
        "box_height": BOX_HEIGHT,
        "version": VERSION,
    }


def _scene(drawing: Drawing, y: int, jobs: list[dict[str, Any]]) -> tuple[dict[str, Any], int, int]:
    """One pipeline at a height: what is drawn, and its own height and width. Its jobs are added to `jobs`."""
    made = layout(drawing)
    ids = {name: len(jobs) + at for at, name in enumerate(drawing.boxes)}
    boxes = []
    for name, box in drawing.boxes.items():
        left, top = made.places[name]
        boxes.append(
            {
                "id": ids[name],
                "x": left,
                "y": top,
                "name": _cut(name, LONGEST_NAME),
                "kind": box.kind,
                "tags": _cut(", ".join(box.tags), LONGEST_TAGS),
            }
        )
        jobs.append(
            {
                "name": name,
                "pipeline": drawing.name,
                "needs": [ids[need] for need in box.needs if need in ids],
                "details": [*box.details, *([("manifest", box.place)] if box.place else [])],
            }
        )
    edges = [
        {"from": ids[need], "to": ids[name], "path": curve(made.places[need], made.places[name])}
        for need, name in drawing.edges
    ]
    scene = {
        "name": drawing.name,
        "triggers": ", ".join(drawing.triggers),
        "x": MARGIN,
        "y": y,
        "top": TITLE_HEIGHT,
        "boxes": boxes,
        "edges": edges,
    }
    return scene, made.height + TITLE_HEIGHT, made.width


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
