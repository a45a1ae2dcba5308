"""How each target reads YAML. Every reader returns the stream's documents and raises RefusedError for text it can't read.

What JSON can't carry comes back as text with its type in front (`!Symbol x`, `!number 1` for a key that is a number),
so that a comparison with what was meant can't pass by accident.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.tools.github import node
from tests.tools.process import Completed, RefusedError, program, run

Reader = Callable[[str], list[Any]]


def read_psych(text: str) -> list[Any]:
    """GitLab: Ruby's Psych, YAML 1.1. `!reference [a, b]` comes back as {"!reference": ["a", "b"]}."""
    return _documents(run([program("ruby"), str(Path(__file__).parent / "psych.rb")], stdin=text))


def read_yaml2(text: str) -> list[Any]:
    """GitHub: npm yaml 2, the YAML 1.2 core schema."""
    program("yaml")
    return _documents(node("read.mjs", text))


def read_kubernetes(text: str) -> list[Any]:
    """Argo: sigs.k8s.io/yaml, strict about duplicate keys."""
    return _documents(run([program("kubernetes-read")], stdin=text))


READERS: Mapping[str, Reader] = {"gitlab": read_psych, "github": read_yaml2, "argo": read_kubernetes}


def _documents(ended: Completed) -> list[Any]:
    if ended.status != 0:
        raise RefusedError(ended.stderr.strip())
    documents: list[Any] = json.loads(ended.stdout)
    return documents
