"""The report of a run is one whole page, whatever the run's texts hold."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from targets.local.history import find
from targets.local.report import bars, drawing, render
from tests.local_runs import Place

VOID = {"meta", "link", "br", "img", "input", "hr"}
HOSTILE = "</pre><script>alert(1)</script>{{ 7 * 7 }}&amp;"


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps ids, text and what the page would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.ids: set[str] = set()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(str(value))
            if name in ("src", "href", "action") or name.startswith("on"):
                self.loads.append(f"{name}={value}")
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def made(tmp_path: Path) -> tuple[Place, str]:
    place = Place(
        tmp_path,
        """version: 1
name: demo
parameters: {x: {default: one}}
jobs:
  a: {run: 'echo "$HEADRACE_PARAM_X {{ parameters.x }}"; echo "{\\"auc\\": 0.$(date +%N)}" > m.json', outputs: [{path: m.json, kind: metrics}], cache: false}
  b: {run: exit 1, needs: [a], allow_failure: true}
  c: {run: "true", needs: [b], matrix: {n: [1, 2]}, when: event == 'manual'}
""",
    )
    place.run()
    done = place.run(parameters={"x": HOSTILE})
    assert done.run is not None
    record = find(place.state(), done.run.session.run_id)
    assert record is not None
    return place, render(place.state(), record)


def test_a_report_is_one_whole_page(tmp_path: Path) -> None:
    _, text = made(tmp_path)
    page = Page(text)
    assert {"gantt", "graph", "metrics", "logs", "artifacts"} <= page.ids
    assert page.loads == []
    assert "script" not in page.tags
    assert page.text.count(HOSTILE) >= 2, "a parameter's and a log's text are shown as they are"
    assert page.tags.count("rect") == 4
    assert page.tags.count("path") == 3
    assert page.tags.count("circle") == 2, "the metric of both runs"


def test_bars_lie_within_the_run(tmp_path: Path) -> None:
    place, _ = made(tmp_path)
    record = find(place.state(), "last")
    assert record is not None
    found = bars(record)
    assert found[0]["name"] == "a"
    assert {bar["name"]: bar["status"] for bar in found}["b"] == "allowed"
    for bar in found:
        assert 0 <= bar["left"] <= 100
        assert 0 < bar["width"] <= 100 - bar["left"] + 0.01


def test_a_graph_is_drawn_from_left_to_right() -> None:
    record = {"children": [{"name": name, "status": "succeeded", "tags": []} for name in "abc"]}
    drawn = drawing({"a": [], "b": ["a"], "c": ["a", "b", "gone"]}, record)
    places = {node["name"]: node["x"] for node in drawn["nodes"]}
    assert places["a"] < places["b"] < places["c"]
    assert len(drawn["edges"]) == 3


def test_the_command_writes_it(tmp_path: Path) -> None:
    place, _ = made(tmp_path)
    assert place.call("runs", "report", "last", "--output", "r.html").stdout == "r.html\n"
    Page((place.folder / "r.html").read_text(encoding="utf-8"))
    assert place.call("runs", "report", "last", "--output", "no/such/folder.html").returncode == 1


CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)


@pytest.mark.engine
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_a_real_browser_shows_it(tmp_path: Path) -> None:
    """The browser's own tree after loading: everything is there, nothing was blocked, and nothing ran."""
    _, text = made(tmp_path)
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}/profile",
        "--enable-logging=stderr",
    ]
    shown = subprocess.run(
        [str(CHROMIUM), *options, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=120
    )
    assert shown.returncode == 0, shown.stderr[-2000:]
    assert "CONSOLE" not in shown.stderr
    page = Page(shown.stdout)
    assert {"gantt", "graph", "metrics", "logs", "artifacts"} <= page.ids
    assert "script" not in page.tags
    assert page.tags.count("rect") == 4
    picture = tmp_path / "report.png"
    subprocess.run(
        [str(CHROMIUM), *options, "--window-size=1200,1600", f"--screenshot={picture}", file.as_uri()],
        capture_output=True,
        timeout=120,
        check=True,
    )
    assert picture.stat().st_size > 20_000
