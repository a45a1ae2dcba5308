"""headrace graph: the same pipeline for a terminal, Mermaid, Graphviz and a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from compiler.cli import main
from compiler.commands.graph.dot import quoted
from compiler.commands.graph.layout import BOX_HEIGHT, BOX_WIDTH, layout
from compiler.commands.graph.mermaid import label
from compiler.commands.graph.model import Drawing
from compiler.ir import Job, Need, Pipeline, Project

MANIFEST = """\
version: 1
name: demo
jobs:
  fetch: {run: "python fetch.py </script><b>", outputs: [data]}
  train:
    needs: [fetch]
    matrix: {fold: [0, 1, 2]}
    run: python train.py --fold {{ matrix.fold }}
    resources: {cpu: 2, memory: 4Gi, gpu: 1}
    timeout: 1h30m
    when: branch == 'main'
  report: {run: [python, report.py], needs: [train, fetch], run_on: always}
pipelines:
  main: {on: [push, manual]}
  nightly: {on: [{schedule: {cron: "0 4 * * *"}}], jobs: [fetch]}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("headrace.yaml").write_text(MANIFEST)


def drawn(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["graph", *words]) == 0
    return capsys.readouterr().out


def drawing(needs: dict[str, list[str]]) -> Drawing:
    jobs = tuple(Job(name=name, needs=tuple(Need(job=need) for need in wanted)) for name, wanted in needs.items())
    return Drawing(Project(name="demo"), Pipeline(name="main", jobs=jobs))


def test_a_terminal_shows_layers_and_what_each_job_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(capsys) == (
        "main: push, by hand\n"
        "  1  fetch\n"
        "  2  train [3 legs, 1 GPU, when]  <- fetch\n"
        "  3  report [on always]           <- train, fetch\n"
        "\n"
        "nightly: schedule 0 4 * * *\n"
        "  1  fetch\n"
    )


def test_one_pipeline_of_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(capsys, "--pipeline", "nightly") == "nightly: schedule 0 4 * * *\n  1  fetch\n"
    assert main(["graph", "--pipeline", "nigtly"]) == 2
    assert 'there is no pipeline "nigtly", but "main" and "nightly"' in capsys.readouterr().err


def test_mermaid(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(capsys, "--format", "mermaid", "--pipeline", "main") == (
        "flowchart LR\n"
        '  subgraph p0["main"]\n'
        '    p0j0["fetch"]\n'
        '    p0j1["train<br>3 legs<br>1 GPU<br>when"]\n'
        '    p0j2["report<br>on always"]\n'
        "    p0j0 --> p0j1\n"
        "    p0j1 --> p0j2\n"
        "    p0j0 --> p0j2\n"
        "  end\n"
    )
    assert label('a"]; b') == "a#34;#93;#59; b"


def test_dot(capsys: pytest.CaptureFixture[str]) -> None:
    text = drawn(capsys, "--format", "dot")
    assert '    p0j1 [label="train\\n3 legs\\n1 GPU\\nwhen"];\n' in text
    assert "    p0j0 -> p0j1;\n" in text
    assert text.count("{") == text.count("}")
    assert quoted('a"\\\x1b') == '"a\\"\\\\\\\\x1b"'


class Page(HTMLParser):
    """Collects tags and what lies in the scripts; a tag that is not closed is an error."""

    VOID = frozenset(("meta", "input", "br", "path", "rect", "link"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def page(text: str) -> Page:
    parsed = Page()
    parsed.feed(text)
    assert parsed.open == []
    return parsed


def test_the_page_holds_every_job_and_asks_nobody_for_anything(capsys: pytest.CaptureFixture[str]) -> None:
    text = drawn(capsys, "--format", "html")
    parsed = page(text)
    boxes = [attributes for tag, attributes in parsed.tags if tag == "g" and "data-id" in attributes]
    edges = [attributes for tag, attributes in parsed.tags if attributes.get("class") == "edge"]
    assert len(boxes) == 4
    assert len(edges) == 3
    assert not {"href", "src", "srcset", "action"} & {name for _, attributes in parsed.tags for name in attributes}
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    policy = next(a["content"] for tag, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "url(" not in text.replace("url(#tip)", "")


def test_the_page_tells_about_a_job(capsys: pytest.CaptureFixture[str]) -> None:
    parsed = page(drawn(capsys, "--format", "html", "--pipeline", "main"))
    jobs = json.loads(parsed.scripts[0])
    assert [job["name"] for job in jobs] == ["fetch", "train", "report"]
    assert dict(jobs[0]["details"])["does"] == "python fetch.py </script><b>"
    train = dict(jobs[1]["details"])
    assert train["does"] == "python train.py --fold {{ matrix.fold }}"
    assert train["when"] == "branch == 'main'"
    assert train["resources"] == "cpu 2, memory 4Gi, 1 GPU"
    assert train["timeout"] == "1h30m"
    assert train["matrix"] == "3 legs (fold: 0, 1, 2)"
    assert train["manifest"] == "headrace.yaml:5:3"
    assert jobs[2]["needs"] == [1, 0]


def test_the_page_s_script_is_javascript(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    script = tmp_path / "page.js"
    script.write_text(page(drawn(capsys, "--format", "html")).scripts[-1])
    subprocess.run([node, "--check", str(script)], check=True)


@pytest.mark.parametrize("shape", ["wide", "long", "ladder", "tree"])
def test_a_thousand_jobs_are_laid_out_without_touching(shape: str) -> None:
    needs: dict[str, list[str]] = {}
    for at in range(1000):
        needs[f"j{at}"] = {
            "wide": [],
            "long": [f"j{at - 1}"] if at else [],
            "ladder": [f"j{at - 10}", f"j{at - 9}"] if at >= 10 else [],
            "tree": [f"j{(at - 1) // 2}"] if at else [],
        }[shape]
    made = drawing(needs)
    laid = layout(made)
    assert set(laid.places) == set(needs)
    taken = sorted(laid.places.values())
    assert len(set(taken)) == 1000
    columns: dict[int, list[int]] = {}
    for x, y in taken:
        columns.setdefault(x, []).append(y)
        assert 0 <= x <= laid.width - BOX_WIDTH
        assert 0 <= y <= laid.height - BOX_HEIGHT
    assert all(below - above > BOX_HEIGHT for ys in columns.values() for above, below in pairwise(ys))
    assert all(right - left > BOX_WIDTH for left, right in pairwise(sorted(columns)))
    assert all(laid.places[need][0] < laid.places[name][0] for name, wanted in needs.items() for need in wanted)
    assert laid.height < 60 * (BOX_HEIGHT + 20)


def test_a_job_stands_near_what_it_needs() -> None:
    needs: dict[str, list[str]] = {f"a{at}": [] for at in range(8)}
    needs.update({f"b{at}": [f"a{7 - at}"] for at in range(8)})
    laid = layout(drawing(needs))
    assert all(laid.places[f"b{at}"][1] == laid.places[f"a{7 - at}"][1] for at in range(8))


def test_what_lies_on_a_cycle_is_drawn_too() -> None:
    made = drawing({"a": ["b"], "b": ["a"], "c": []})
    assert made.layers == [["c"], ["a", "b"]]
    assert len(layout(made).places) == 3


def test_an_error_is_said_and_what_is_there_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yaml").write_text(MANIFEST.replace("needs: [fetch]", "needs: [fetsch]"))
    assert main(["graph"]) == 1
    shown = capsys.readouterr()
    assert "HR3001" in shown.err
    assert "train [3 legs" in shown.out


def test_a_mermaid_diagram_that_most_pages_refuse_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = "".join(f"  j{at}: {{run: 'true', needs: [{'' if at == 0 else f'j{at - 1}'}]}}\n" for at in range(502))
    Path("headrace.yaml").write_text("version: 1\nname: demo\njobs:\n" + jobs)
    assert main(["graph", "--format", "mermaid"]) == 0
    assert "at most 500 edges and 50000 characters unless its page allows more, this has 501" in capsys.readouterr().err
    assert main(["graph", "--format", "html"]) == 0
    assert capsys.readouterr().err == ""
