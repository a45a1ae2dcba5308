"""Where boxes stand: layers from left to right, each as near as it can be to what it needs. Sizes are in pixels."""

from __future__ import annotations

from math import ceil, sqrt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from compiler.commands.graph.model import Drawing

BOX_WIDTH, BOX_HEIGHT = 200, 44
COLUMN_GAP, ROW_GAP = 90, 16
INNER_GAP = 24  # between the columns of one layer that is too tall for one
FEWEST_ROWS = 14
SWEEPS = 4


class Layout:
    """The top left corner of every box, and the size of the whole."""

    __slots__ = ("height", "places", "width")

    def __init__(self, places: dict[str, tuple[int, int]], width: int, height: int) -> None:
        self.places = places
        self.width = width
        self.height = height


def layout(drawing: Drawing) -> Layout:
    needs = {name: [need for need in box.needs if need in drawing.boxes] for name, box in drawing.boxes.items()}
    users: dict[str, list[str]] = {name: [] for name in needs}
    for name, wanted in needs.items():
        for need in wanted:
            users[need].append(name)
    rows = max(FEWEST_ROWS, ceil(sqrt(len(needs)) * 1.5))
    layers = ordered(drawing.layers, needs, users)
    columns = [layer[at : at + rows] for layer in layers for at in range(0, len(layer), rows)]
    tallest = max((len(column) for column in columns), default=1)
    height = tallest * (BOX_HEIGHT + ROW_GAP) - ROW_GAP
    places: dict[str, tuple[int, int]] = {}
    x = 0
    starts = {layer[0] for layer in layers}
    for at, column in enumerate(columns):
        if at:
            x += BOX_WIDTH + (COLUMN_GAP if column[0] in starts else INNER_GAP)
        top = (height - (len(column) * (BOX_HEIGHT + ROW_GAP) - ROW_GAP)) // 2
        for row, name in enumerate(column):
            places[name] = (x, top + row * (BOX_HEIGHT + ROW_GAP))
    return Layout(places, x + BOX_WIDTH, height)


def ordered(
    layers: Sequence[Sequence[str]], needs: Mapping[str, Sequence[str]], users: Mapping[str, Sequence[str]]
) -> list[list[str]]:
    """The layers with their boxes in an order that crosses few arrows: by the mean place of neighbours, to and fro."""
    found = [list(layer) for layer in layers]
    place = {name: _relative(at, layer) for layer in found for at, name in enumerate(layer)}
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        neighbours = needs if forth else users
        for layer in found if forth else reversed(found):
            weight = {name: _mean([place[other] for other in neighbours[name]], place[name]) for name in layer}
            layer.sort(key=lambda name: weight[name])
            place.update({name: _relative(at, layer) for at, name in enumerate(layer)})
    return found


def _relative(at: int, layer: Sequence[str]) -> float:
    """A place in a layer from 0 to 1."""
    return (at + 0.5) / len(layer)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    """An arrow's path from the right side of one box to the left side of another."""
    x1, y1 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT // 2
    x2, y2 = end[0], end[1] + BOX_HEIGHT // 2
    bend = max(COLUMN_GAP // 2, abs(x2 - x1) // 2) if x2 >= x1 else COLUMN_GAP
    return f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
