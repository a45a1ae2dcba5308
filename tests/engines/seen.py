"""What an engine made of a run: how jobs ended, and what their witnesses wrote down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compiler.matrix import label


@dataclass(frozen=True)
class Statement:
    """What one attempt of one job saw. Times are seconds since the epoch; files are by path from the root."""

    job: str
    attempt: int
    began: float
    ended: float
    folder: str
    arguments: list[str]
    env: dict[str, str]
    files: dict[str, dict[str, Any]]


@dataclass
class Seen:
    """A run as an engine reports it."""

    status: str = ""  # succeeded, failed or waiting
    jobs: dict[str, str] = field(default_factory=dict)  # an engine's own words are translated by its adapter
    helpers: dict[str, str] = field(default_factory=dict)  # jobs that the compiler added
    held: list[str] = field(default_factory=list)  # jobs whose earlier outputs were taken, where the engine says so
    testimonies: list[Statement] = field(default_factory=list)
    log: str = ""

    def of(self, job: str) -> list[Statement]:
        """A job's attempts, in order."""
        return sorted((one for one in self.testimonies if one.job == job), key=lambda one: one.began)


def collect(folder: Path) -> list[Statement]:
    """What the witnesses wrote into a folder, which is empty afterwards."""
    found = []
    for path in sorted(folder.glob("*.json")):
        found.append(Statement(**json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))))
        path.unlink()
    return found


_LEG = re.compile(r"^(?P<job>.*)\[(?P<leg>[^][]*)\]$")


def split(name: str) -> tuple[str, dict[str, str]]:
    """A job's name and its leg: `train[fold=0]` is ("train", {"fold": "0"})."""
    found = _LEG.match(name)
    if found is None:
        return name, {}
    pairs = (pair.partition("=") for pair in found["leg"].split(","))
    return found["job"], {axis: value for axis, _, value in pairs}


def labelled(name: str) -> str:
    """The name with its leg as file names hold it, which is what the compiler and the local engine show."""
    job, leg = split(name)
    return f"{job}[{label(tuple(leg.items()))}]" if leg else job


def by_values(names: Iterable[str]) -> dict[tuple[str, tuple[str, ...]], str]:
    """Expected names by job and by the leg's values alone: what engines that don't name axes show."""
    found = {}
    for name in names:
        job, leg = split(name)
        found[job, tuple(leg.values())] = name
    return found
