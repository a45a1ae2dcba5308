"""A pipeline as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.commands.graph.model import Drawing

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.,")


def draw(drawings: Sequence[Drawing]) -> str:
    lines = ["flowchart LR"]
    for at, drawing in enumerate(drawings):
        ids = {name: f"p{at}j{index}" for index, name in enumerate(drawing.boxes)}
        lines.append(f'  subgraph p{at}["{label(drawing.name)}"]')
        for name, box in drawing.boxes.items():
            words = label(name) + "".join(f"<br>{label(tag)}" for tag in box.tags)
            lines.append(f'    {ids[name]}["{words}"]')
        lines.extend(f"    {ids[need]} --> {ids[name]}" for need, name in drawing.edges)
        lines.append("  end")
    return "\n".join(lines) + "\n"


def label(text: str) -> str:
    """Text inside of quotes: everything but plain characters as an entity."""
    return "".join(c if c in _PLAIN else f"#{ord(c)};" for c in text)
