"""MML, the Medical Meta Learner: an experiment as a graph of steps, each of which can stop and go on.

A manifest is a file with one `mml ...` command line a line (`experiment.mml`, `mml.txt`), or an `mml.yaml` that says
more: what tasks there are, what runs where, what outlives a machine. `planner` knows MML's schedules, `project` and its modules make jobs
of their steps, `scripts/step.py` runs in these jobs. https://github.com/IMSY-DKFZ/mml
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files
    from compiler.ir import Project

NAME = "mml"
FILES = ("mml.yaml", "mml.yml", "experiment.mml", "mml.txt")


def sniff(path: str, head: str) -> bool:
    """By its name, else by what a manifest begins with: `mml:`, or lines that call `mml`."""
    name = path.rpartition("/")[2]
    if name in FILES or name.endswith(".mml"):
        return True
    if name.endswith((".yaml", ".yml")):
        return any(line.startswith("mml:") for line in head.split("\n"))
    lines = [line.strip() for line in head.split("\n")]
    said = [line for line in lines if line and not line.startswith("#")]
    return bool(said) and said[0].startswith("mml ")


def discover(repository: Files, folder: str = "") -> list[str]:
    paths = (f"{folder}/{name}".removeprefix("/") for name in FILES)
    return [path for path in paths if repository.is_listed(path)]


def read(unit: str, repository: Files, sink: Sink) -> Project | None:
    from compiler.frontends.mml.manifest import read_unit
    from compiler.frontends.mml.project import make

    experiment = read_unit(unit, repository, sink)
    return None if experiment is None else make(experiment, sink)
