"""The bench's task set and its rendering; nothing is measured here."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

from bench.plot import render_plot
from bench.report import BEGIN, END, draw, read_cells, render_report, render_size, replace_measured
from bench.results import LARGEST, Cells, Run, check_budgets, check_hook, medians, over_seconds
from bench.rows import COMPILATION, PEERS, PRE_COMMIT, rows, starts
from bench.taskset import manifest, tasks

OWN, PEER = "headrace (github)", "yamloom"


def recorded(own: float, peer: float, size: int = 1000, megabytes: int = 20) -> list[Run]:
    return [
        Run(OWN, size, own, own, megabytes * 1_000_000, 330 * size),
        Run(PEER, size, peer, peer, 36_000_000, 332 * size),
    ]


def test_figures_that_are_kept_are_written_as_they_stand() -> None:
    failed = [Run("hera", 1000, 40.0, 41.0, 90_000_000, 0, "over 40 s")]
    cells = medians(recorded(0.2, 0.1) + failed) | medians([Run(LARGEST, 100_000, 18.0, 19.0, 990_000_000, 33_000_000)])
    written = replace_measured(f"a\n{BEGIN}\n{END}\nb", render_report(rows(), cells, {}, {}))
    kept = read_cells(written)
    assert set(kept) == set(cells)
    assert kept["hera", 1000].failure == "over 40 s"
    assert replace_measured(written, render_report(rows(), kept, {}, {})) == written


def test_task_set_has_the_promised_shape() -> None:
    ten = tasks(10)
    names = [task.name for task in ten]
    assert [task.needs for task in ten[:5]] == [[]] * 5
    for place, task in enumerate(ten[5:]):
        assert task.needs == [names[place], names[(place + 1) % 5]]
    assert [task.gpus for task in ten] == [0, 0, 0, 1, 0, 0, 0, 1, 0, 0]
    assert all(len(task.argv) == 5 and len(task.env) == 2 and task.cpu and task.memory for task in ten)
    assert len(set(names)) == 10


def test_depth_grows_by_one_layer_for_five_tasks() -> None:
    depth: dict[str, int] = {}
    for task in tasks(1000):
        depth[task.name] = 1 + max((depth[need] for need in task.needs), default=0)
    assert max(depth.values()) == 200


def test_manifest_says_the_same_tasks() -> None:
    document = yaml.safe_load(manifest(10))
    assert document["version"] == 1
    for task in tasks(10):
        job = document["jobs"][task.name]
        assert job["run"] == task.argv
        assert job["env"] == task.env
        assert job["environment"] == {"image": task.image}
        assert job.get("needs", []) == task.needs
        assert job["resources"].get("gpu", 0) == task.gpus
    assert {"github", "gitlab", "argo"} <= set(document["targets"])


def test_every_row_has_its_driver_and_its_requirements() -> None:
    for row in rows():
        drivers = [Path(part) for part in row.command if part.endswith(".py")]
        assert all(driver.is_file() for driver in drivers)
        assert not row.venv or (PEERS / f"{row.venv}.txt").is_file()


def test_table_holds_medians_ratios_and_budgets() -> None:
    runs = [run for own in (0.05, 0.07, 0.09) for run in recorded(own, 0.10)]
    lines = render_size(rows(), medians(runs), 1000).splitlines()
    assert "| **headrace (github)** | github | 0.070 | 0.70 | 0.070 | 20 | 330 | 3 | every check on |" in lines
    assert any(line.startswith("| yamloom | github | 0.100 | 1.00 |") for line in lines)
    assert "| *headrace, to hold* | | 0.150 | 1.00 | | 40 | | | budget |" in lines
    assert {line.count("|") for line in lines if line.startswith("|")} == {10}


def test_failure_is_a_line_of_the_table() -> None:
    runs = [Run("gcip", 1000, 70.0, 92.0, 1_465_000_000, 0, "exit 1: RecursionError")]
    (line,) = [line for line in render_size(rows(), medians(runs), 1000).splitlines() if "gcip" in line]
    assert line == "| gcip | gitlab | 70.000 | | 92.000 | 1465 | | 1 | **exit 1: RecursionError** |"


def test_budgets_hold_where_the_figures_are_below() -> None:
    assert check_budgets(medians(recorded(0.09, 0.10)), [1000]) == []


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (recorded(0.11, 0.10), "1.10 times the CPU of yamloom, at most 1.00 times"),
        (recorded(0.09, 0.10, megabytes=41), "41 MB, at most 40 MB"),
        (recorded(0.09, 0.10)[:1], "no ratio, since yamloom gave no figure"),
        (recorded(0.09, 0.10)[1:], "headrace gave no figure: it was not run"),
        (
            [Run(OWN, 1000, 0.1, 0.1, 1, 0, "exit 3: KeyError"), recorded(0.09, 0.10)[1]],
            "headrace gave no figure: exit 3: KeyError",
        ),
    ],
)
def test_budgets_break(runs: list[Run], said: str) -> None:
    assert check_budgets(medians(runs), [1000]) == [f"1,000 jobs: {said}"]


def test_budgets_need_a_size_that_has_one() -> None:
    assert "no size with a budget" in check_budgets(medians(recorded(0.09, 0.10)), [500])[0]


def test_growth_beyond_linear_breaks_the_budget() -> None:
    own = [Run(LARGEST, size, cpu, cpu, 1, 1) for size, cpu in ((10_000, 1.0), (100_000, 12.5))]
    runs = [*recorded(1.0, 0.6, 10_000), *own]
    assert check_budgets(medians(runs), [10_000]) == [
        "100,000 jobs: 12.5 times the CPU of 10,000 jobs, at most 12 times"
    ]


def test_a_warm_pre_commit_check_costs_no_more_than_a_cold_compile() -> None:
    def cells(hook: float) -> Cells:
        parts = ((PRE_COMMIT, hook), (COMPILATION, 0.050))
        return medians([Run(name, 10, cpu, cpu, 1, 0) for name, cpu in parts])

    assert {PRE_COMMIT, COMPILATION} <= {row.name for row in starts()}
    assert check_hook(cells(0.050), PRE_COMMIT, COMPILATION) == []
    (line,) = check_hook(cells(0.060), PRE_COMMIT, COMPILATION)
    assert line == "warm pre-commit check, 10 jobs: 0.060 s of CPU, a cold compile takes 0.050 s"


def test_seconds_are_told_apart_from_ratios() -> None:
    cells = medians(recorded(0.2, 0.3))
    assert check_budgets(cells, [1000]) == []
    assert over_seconds(cells, [1000]) == ["1,000 jobs: 0.200 s of CPU, the budget is 0.150 s"]


def test_figures_replace_those_between_the_markers() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replace_measured(page, "new\n") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(ValueError, match="no place for the figures"):
        replace_measured("no markers", "new")


def test_plot_is_well_formed_and_names_every_row() -> None:
    drawing = render_plot(
        "CPU", "seconds", {OWN: [(10, 0.03), (1000, 0.05)], "a & b": [(10, 1.0), (1000, 1.01)], "gone": []}
    )
    texts = [node.text for node in ElementTree.fromstring(drawing).iter() if node.tag.endswith("text")]
    assert {OWN, "a & b", "10", "1,000", "jobs", "seconds"} <= set(texts)
    assert "gone" not in texts


def test_plots_say_where_a_row_fails() -> None:
    runs = [*recorded(0.09, 0.10), Run("gcip", 10, 0.1, 0.1, 1_000_000, 1), Run("kfp", 10, 1.0, 1.0, 1, 0, "exit 1")]
    cells = medians([*runs, Run("gcip", 1000, 70.0, 92.0, 1, 0, "exit 1: RecursionError")])
    drawings = draw([OWN, PEER, "gcip", "kfp"], cells)
    assert set(drawings) == {"cpu.svg", "memory.svg"}
    for drawing in drawings.values():
        assert "gcip, fails at 1,000" in drawing
        assert "kfp" not in drawing
        assert drawing.count("<circle") == 3


def test_page_has_a_place_for_the_figures() -> None:
    page = (Path(__file__).parent.parent / "docs" / "bench.md").read_text(encoding="utf-8")
    assert "\n\nTHE FIGURES\n\n" in replace_measured(page, "THE FIGURES")
