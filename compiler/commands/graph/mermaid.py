"""A pipeline as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.commands.graph.model import Drawing

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.,")

# What its renderers take unless their page says otherwise, and a diagram can't:
# https://mermaid.js.org/config/schema-docs/config.html
MOST_EDGES, MOST_CHARACTERS = 500, 50_000


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


def excess(drawings: Sequence[Drawing], text: str) -> str | None:
    """What is too much of a diagram for most pages that show it; None where nothing is."""
    edges = sum(len(drawing.edges) for drawing in drawings)
    if edges <= MOST_EDGES and len(text) <= MOST_CHARACTERS:
        return None
    limits = f"{MOST_EDGES} edges and {MOST_CHARACTERS} characters"
    return f"Mermaid draws at most {limits} unless its page allows more, this has {edges} and {len(text)}"


def label(text: str) -> str:
    """Text inside of quotes: everything but plain characters as an entity."""
    return "".join(c if c in _PLAIN else f"#{ord(c)};" for c in text)
