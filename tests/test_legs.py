"""targets.legs: legs as jobs of their own, and matrices cut to a limit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from compiler.ir import Job, Matrix, Need
from compiler.matrix import legs
from targets.legs import chunk, expand, only, turns

ROOT = Path(__file__).parent.parent

FOLDS = Matrix(axes=(("fold", ("0", "1")),))
GRID = Matrix(axes=(("fold", ("0", "1")), ("size", ("s", "l"))))


def needs(job: Job) -> list[str]:
    return [need.job for need in job.needs]


def test_jobs_without_edges_between_legs_stay() -> None:
    jobs = (Job(name="train", matrix=FOLDS), Job(name="test", needs=(Need(job="train", legs="all"),)))
    made, members = expand(jobs)
    assert made == jobs
    assert members == {"train": ("train",), "test": ("test",)}


def test_same_pairs_legs_by_the_axes_that_both_have() -> None:
    jobs = (
        Job(name="train", matrix=GRID),
        Job(name="test", matrix=FOLDS, needs=(Need(job="train", legs="same"),)),
        Job(name="report", needs=(Need(job="test", legs="all"), Need(job="train"))),
    )
    made, members = expand(jobs)
    by_name = {job.name: job for job in made}
    assert members["train"] == (
        "train.fold=0,size=s",
        "train.fold=0,size=l",
        "train.fold=1,size=s",
        "train.fold=1,size=l",
    )
    assert needs(by_name["test.fold=0"]) == ["train.fold=0,size=s", "train.fold=0,size=l"]
    assert needs(by_name["report"]) == [*members["test"], *members["train"]]
    assert only(by_name["test.fold=1"]) == (("fold", "1"),)
    assert all(need.legs is None for job in made for need in job.needs)


def test_picked_legs_are_needed_by_name() -> None:
    jobs = (
        Job(name="train", matrix=FOLDS),
        Job(name="test", needs=(Need(job="train", legs=(("fold", "1"),), optional=True, artifacts=False),)),
    )
    made, _ = expand(jobs)
    (need,) = made[-1].needs
    assert need == Need(job="train.fold=1", optional=True, artifacts=False)


def test_a_matrix_that_picks_keeps_its_own_legs_together() -> None:
    jobs = (
        Job(name="train", matrix=FOLDS),
        Job(name="test", matrix=GRID, needs=(Need(job="train", legs=(("fold", "0"),)),)),
    )
    made, members = expand(jobs)
    assert members["test"] == ("test",)
    assert needs(made[-1]) == ["train.fold=0"]


def test_large_matrices_are_cut_and_share_their_limit() -> None:
    wide = Matrix(axes=(("seed", tuple(map(str, range(10)))),), max_parallel=6)
    jobs = (Job(name="sweep", matrix=wide), Job(name="best", needs=(Need(job="sweep", legs="all"),)))
    made, members = chunk(jobs, 4)
    assert members["sweep"] == ("sweep.1", "sweep.2", "sweep.3")
    assert [len(legs(job.matrix)) for job in made[:3]] == [4, 4, 2]
    assert [job.matrix.max_parallel for job in made[:3] if job.matrix] == [2, 2, 2]
    assert [leg for job in made[:3] for leg in legs(job.matrix)] == list(legs(wide))
    assert needs(made[-1]) == list(members["sweep"])


def test_a_part_does_not_take_the_name_of_a_job() -> None:
    wide = Matrix(axes=(("seed", ("1", "2", "3")),))
    made, members = chunk((Job(name="sweep", matrix=wide), Job(name="sweep.1")), 2)
    assert members["sweep"] == ("sweep.1.", "sweep.2")
    assert len({job.name for job in made}) == 3


def test_only_is_empty_for_several_legs() -> None:
    assert only(Job(name="a", matrix=FOLDS)) == ()
    assert only(Job(name="a")) == ()


def test_legs_that_are_jobs_take_turns_where_they_are_limited() -> None:
    folds = Matrix(axes=(("fold", ("0", "1", "2")),))
    limited = folds.replace(max_parallel=2)
    jobs = (
        Job(name="train", matrix=limited),
        Job(name="test", matrix=folds, needs=(Need(job="train", legs="same"),)),
    )
    _, members = expand(jobs)
    assert turns(jobs, members) == {"train.fold=0": 0, "train.fold=1": 1, "train.fold=2": 0}
    assert turns((Job(name="train", matrix=limited),), {"train": ("train",)}) == {}


LIMITED = """\
version: 1
name: turns
jobs:
  split: {run: "echo {{ matrix.fold }} > {{ matrix.fold }}.txt", matrix: {fold: [0, 1, 2], max_parallel: 2}, outputs: ["{{ matrix.fold }}.txt"]}
  train: {needs: [{job: split, legs: same}], matrix: {fold: [0, 1, 2]}, run: "cat {{ matrix.fold }}.txt"}
targets: {argo: {repository: "https://git.example.com/turns.git"}}
"""


def test_a_limit_holds_on_argo_and_is_said_not_to_on_github(tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").write_text(LIMITED, encoding="utf-8")
    compiled = subprocess.run(
        [sys.executable, "-m", "compiler", "compile", "--target", "argo", "--target", "github"],
        cwd=tmp_path, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert 'GitHub runs all 3 legs of "split" at once, not 2' in compiled.stderr + compiled.stdout
    (path,) = (tmp_path / "argo").glob("*.yaml")
    (workflow,) = (
        one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one["kind"] == "WorkflowTemplate"
    )
    held = [one["synchronization"]["mutexes"] for one in workflow["spec"]["templates"] if "synchronization" in one]
    assert held == [[{"name": f"{{{{workflow.uid}}}}-split-{turn}"}] for turn in (0, 1, 0)]


FAULTY = """\
version: 1
name: faulty
jobs:
  train: {run: train.sh, matrix: {fold: [0, 1]}, resources: {gpu: {kind: a100, count: 1}}, resume: {paths: [ck]}, timeout: 1h}
  test: {needs: [{job: train, legs: same}], matrix: {fold: [0, 1]}, run: test.sh}
"""


def test_what_is_wrong_with_all_legs_is_said_once_of_the_job(tmp_path: Path) -> None:
    """A leg that a target makes a job of has a name that the manifest does not have."""
    (tmp_path / "headrace.yaml").write_text(FAULTY, encoding="utf-8")
    compiled = subprocess.run(
        [sys.executable, "-m", "compiler", "compile", "--target", "argo", "--target", "github"],
        cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said = compiled.stderr + compiled.stdout
    assert "fold=" not in said
    assert said.count("error[HR4303") == said.count('"train" asks for a GPU of a100') == 1
    assert said.count("error[HR4206") == said.count("error[HR4308") == 1
