"""The test data of GitHub's own workflow parser: each file holds settings, workflows, and the expected answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """A workflow, and the errors that GitHub's service has for it; none for a good one."""

    name: str
    workflow: str
    errors: tuple[str, ...]


def parser_cases(folder: Path) -> Iterator[Case]:
    """Every case of one workflow that can be judged by itself; those of several files are left out."""
    for path in sorted(folder.glob("*.yml")):
        parts = path.read_text(encoding="utf-8").split("\n---\n")
        if len(parts) == 3:
            answer = json.loads(parts[2])
            yield Case(path.stem, parts[1], tuple(one["Message"] for one in answer.get("errors", ())))
