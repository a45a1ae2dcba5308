"""A run as one HTML file that needs nothing else: when each job ran, the graph, metrics over runs, logs."""

from __future__ import annotations

import os
from typing import Any

from compiler import graph, records
from targets.local.display import elapsed
from targets.local.history import find, runs
from targets.local.log import shown
from targets.local.state import State, read_json

TEMPLATE = os.path.join(os.path.dirname(__file__), "report.html.j2")
LOG_BYTES = 256 * 1024  # of each log, from its end
EPOCHS_SHOWN = 80
EARLIER_RUNS = 30  # that metrics are drawn over
NODE_WIDTH, NODE_HEIGHT, GAP_X, GAP_Y = 190, 30, 60, 14
CHART_WIDTH, CHART_HEIGHT = 320, 90


def render(state: State, run: dict[str, Any]) -> str:
    """The page of a run as `history.find` gives it. Every text in it is escaped; no script is in it."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    with open(TEMPLATE, encoding="utf-8") as file:
        template = environment.from_string(file.read())
    needs = read_json(os.path.join(state.run(run["id"]), "graph.json"))
    return template.render(
        run=run,
        took=elapsed(run["seconds"]) if run["seconds"] is not None else "",
        bars=bars(run),
        drawing=drawing(needs if isinstance(needs, dict) else {}, run),
        charts=charts(state, run),
        logs=[
            {"name": one["name"], "status": one["status"], "text": _log(one["log"])}
            for one in run["children"]
            if one["log"]
        ],
    )


def bars(run: dict[str, Any]) -> list[dict[str, Any]]:
    """The Gantt chart: for each job its beginning and length in percent of the run."""
    began = records.seconds_of(run["started"])
    ends = [records.seconds_of(one["ended"]) for one in run["children"]] + [records.seconds_of(run["ended"])]
    whole = max(max(ends, default=began) - began, 0.001)
    found = []
    for one in run["children"]:
        started, ended = records.seconds_of(one["started"]), records.seconds_of(one["ended"])
        left = min(max((started - began) / whole * 100, 0.0), 99.7)
        width = min(max((ended - started) / whole * 100, 0.3), 100 - left)
        found.append(
            {
                "name": one["name"],
                "status": _class(one),
                "left": round(left, 2),
                "width": round(width, 2),
                "took": elapsed(one["seconds"]) if one["attempts"] else one["reason"] or one["status"],
            }
        )
    return found


def _class(one: dict[str, Any]) -> str:
    tags = records.mapping(one["tags"])
    if "unchanged_since" in tags:
        return "unchanged"
    return "allowed" if "allowed_to_fail" in tags else str(one["status"])


def drawing(needs: dict[str, list[str]], run: dict[str, Any]) -> dict[str, Any]:
    """The graph, layer by layer from left to right: nodes and edges with their places."""
    statuses = {one["name"]: _class(one) for one in run["children"]}
    needs = {name: [need for need in listed if need in needs] for name, listed in needs.items()}
    places: dict[str, tuple[int, int]] = {}
    layers = graph.layers(needs)
    for column, layer in enumerate(layers):
        for row, name in enumerate(layer):
            places[name] = (10 + column * (NODE_WIDTH + GAP_X), 10 + row * (NODE_HEIGHT + GAP_Y))
    nodes = [
        {
            "name": name,
            "label": name if len(name) <= 26 else name[:25] + "…",
            "x": x,
            "y": y,
            "status": statuses.get(name, "joined"),
        }
        for name, (x, y) in places.items()
    ]
    edges = []
    for name, listed in needs.items():
        for need in listed:
            (x1, y1), (x2, y2) = places[need], places[name]
            x1, y1, y2 = x1 + NODE_WIDTH, y1 + NODE_HEIGHT // 2, y2 + NODE_HEIGHT // 2
            bend = max(20, (x2 - x1) // 2)
            edges.append(f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}")
    return {
        "nodes": nodes,
        "edges": edges,
        "width": 20 + max(1, len(layers)) * (NODE_WIDTH + GAP_X) - GAP_X,
        "height": 20 + max((len(layer) for layer in layers), default=1) * (NODE_HEIGHT + GAP_Y),
    }


def charts(state: State, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Every numeric metric of this run: over its epochs where it has several, else over the runs up to it."""
    earlier = [one for one in runs(state) if one["name"] == run["name"] and one["id"] <= run["id"]][:EARLIER_RUNS]
    held = [_metrics(find(state, one["id"])) for one in reversed(earlier)]
    found = []
    series = _series(run)
    for key, value in _metrics(run).items():
        values, count, over = series.get(key, []), len(series.get(key, ())), "epochs"
        if not values:
            values, count, over = [(at, known[key]) for at, known in enumerate(held) if key in known], len(held), "runs"
        points = _points(values, count)
        found.append({"job": key[0], "name": key[1], "value": f"{value:.6g}", "points": points, "over": over})
    return found


def _series(run: dict[str, Any]) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """The values after each epoch, thinned out to what a small chart shows."""
    found = {}
    for child in run["children"]:
        for one in child["metrics"]:
            values = one.get("series") or []
            step = max(1, -(-len(values) // EPOCHS_SHOWN))
            kept = [*values[::step][:-1], *values[-1:]]
            found[(child["name"], one["key"])] = [(at, float(v)) for at, v in enumerate(kept) if v is not None]
    return found


def _metrics(run: dict[str, Any] | None) -> dict[tuple[str, str], float]:
    found = {}
    for child in run["children"] if run is not None else ():
        for one in child["metrics"]:
            if isinstance(one["value"], (int, float)) and not isinstance(one["value"], bool):
                found[(child["name"], one["key"])] = float(one["value"])
    return found


def _points(values: list[tuple[int, float]], runs_held: int) -> list[tuple[float, float]]:
    low, high = min((v for _, v in values), default=0.0), max((v for _, v in values), default=1.0)
    spread = (high - low) or 1.0
    step = (CHART_WIDTH - 20) / max(1, runs_held - 1)
    return [
        (round(10 + at * step, 1), round(CHART_HEIGHT - 10 - (v - low) / spread * (CHART_HEIGHT - 20), 1))
        for at, v in values
    ]


def _log(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            size = stream.tell()
            stream.seek(max(0, size - LOG_BYTES))
            data = stream.read()
    except OSError:
        return "(the log is gone)"
    cut = "(the beginning is left out)\n" if size > LOG_BYTES else ""
    return cut + "\n".join(shown(line) for line in data.rstrip(b"\n").split(b"\n"))
