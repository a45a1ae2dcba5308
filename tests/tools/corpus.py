"""Real manifests by others, which are no part of this repository: $HEADRACE_CORPUS, or shared/corpus beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "corpus"


def corpus(*parts: str) -> Path:
    """A folder or file of the corpus; skips the calling test where it isn't there."""
    path = Path(os.environ.get("HEADRACE_CORPUS") or BESIDE, *parts)
    if not path.exists():
        pytest.skip(f"no corpus: {'/'.join(parts)} is not in $HEADRACE_CORPUS")
    return path
