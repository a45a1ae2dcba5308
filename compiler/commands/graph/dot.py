"""A pipeline in Graphviz' language (https://graphviz.org/doc/info/lang.html)."""

from __future__ import annotations

from compiler.render.visible import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from compiler.commands.graph.model import Drawing


def draw(drawings: Sequence[Drawing]) -> str:
    lines = ["digraph headrace {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    for at, drawing in enumerate(drawings):
        ids = {name: f"p{at}j{index}" for index, name in enumerate(drawing.boxes)}
        lines += [f"  subgraph cluster_{at} {{", f"    label={quoted(drawing.name)};"]
        for name, box in drawing.boxes.items():
            lines.append(f"    {ids[name]} [label={quoted(chr(10).join([name, *box.tags]))}];")
        lines.extend(f"    {ids[need]} -> {ids[name]};" for need, name in drawing.edges)
        lines.append("  }")
    return "\n".join([*lines, "}"]) + "\n"


def quoted(text: str) -> str:
    """A quoted string: `\\n` breaks a line, a backslash stands for itself."""
    lines = (visible(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n"))
    return '"' + "\\n".join(lines) + '"'
