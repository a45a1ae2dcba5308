"""One figure against the number of jobs, on two logarithmic axes, as a small SVG."""

from __future__ import annotations

import math
from html import escape

NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
FONT = 'font-family="system-ui, sans-serif" font-size="13"'
WIDTH, HEIGHT = 860, 500
LEFT, RIGHT, TOP, BOTTOM = 76, 210, 56, 62
# Okabe and Ito's palette, which the colour-blind can tell apart; headrace has the strongest and the widest lines.
OWN = ("#0072b2", "#56b4e9", "#3a7ca5")
OTHERS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#7f3c8d", "#8c564b", "#555555", "#999999")
LABEL_HEIGHT = 16

Series = dict[str, list[tuple[int, float]]]


def render_plot(title: str, axis: str, series: Series) -> str:
    """`series` maps a row's name to its (jobs, figure) points; rows without points are not drawn."""
    drawn = {name: sorted(points) for name, points in series.items() if points}
    points = [point for line in drawn.values() for point in line]
    if not points:
        raise ValueError("nothing to plot: no row has a figure")
    scale = _Scale(points)
    parts = [
        f'<svg {NAMESPACE} viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {FONT}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="30" font-size="17" font-weight="600" fill="#222222">{escape(title)}</text>',
        *_grid(scale, axis),
        *_lines(scale, drawn),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


class _Scale:
    """Whole decades that hold every point, and where a figure stands on the page."""

    def __init__(self, points: list[tuple[int, float]]) -> None:
        self.columns = _decades([float(jobs) for jobs, _ in points])
        self.rows = _decades([figure for _, figure in points])

    def x(self, jobs: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * _part(jobs, self.columns)

    def y(self, figure: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * _part(figure, self.rows)


def _decades(figures: list[float]) -> range:
    first, last = math.floor(math.log10(min(figures))), math.ceil(math.log10(max(figures)))
    return range(first, max(last, first + 1) + 1)


def _part(figure: float, decades: range) -> float:
    return (math.log10(figure) - decades[0]) / (decades[-1] - decades[0])


def _grid(scale: _Scale, axis: str) -> list[str]:
    parts = []
    for power in scale.columns:
        x = scale.x(10.0**power)
        parts.append(_line(x, TOP, x, HEIGHT - BOTTOM))
        parts.append(_text(x, HEIGHT - BOTTOM + 20, f"{10**power:,}", "middle"))
    for power in scale.rows:
        y = scale.y(10.0**power)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 8, y + 4, f"{10.0**power:,.{max(0, -power)}f}", "end"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, "jobs", "middle"))
    parts.append(
        f'<text transform="translate(20 {middle}) rotate(-90)" text-anchor="middle" fill="#444444">{escape(axis)}</text>'
    )
    return parts


def _lines(scale: _Scale, drawn: Series) -> list[str]:
    own, others = iter(OWN * len(drawn)), iter(OTHERS * len(drawn))
    colours = {name: next(own if _is_own(name) else others) for name in drawn}
    ends = {name: scale.y(points[-1][1]) for name, points in drawn.items()}
    labels = _spread(ends)
    parts = []
    for name, points in drawn.items():
        colour, width = colours[name], 3 if _is_own(name) else 1.6
        places = [(scale.x(jobs), scale.y(figure)) for jobs, figure in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 1.2:.1f}" fill="{colour}"/>' for x, y in places]
        (x, y), label = places[-1], labels[name]
        parts.append(_line(x + 5, y, WIDTH - RIGHT + 12, label, colour, dashed=True))
        parts.append(_text(WIDTH - RIGHT + 16, label + 4, name, "start", colour, bold=_is_own(name)))
    return parts


def _is_own(name: str) -> bool:
    return name.startswith("headrace")


def _spread(ends: dict[str, float]) -> dict[str, float]:
    """Where each label stands: as near to its line's end as the labels above it and the page's foot leave room for."""
    placed: dict[str, float] = {}
    above = float(TOP) - LABEL_HEIGHT
    for name, y in sorted(ends.items(), key=lambda end: end[1]):
        above = placed[name] = max(y, above + LABEL_HEIGHT)
    below = float(HEIGHT - BOTTOM) + LABEL_HEIGHT
    for name in reversed(placed):
        below = placed[name] = min(placed[name], below - LABEL_HEIGHT)
    return placed


def _line(x: float, y: float, to_x: float, to_y: float, colour: str = "#dddddd", *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="2 3" stroke-opacity="0.7"' if dashed else ""
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"{dash}/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#444444", *, bold: bool = False) -> str:
    weight = ' font-weight="700"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'
