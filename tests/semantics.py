"""The sentences of docs/semantics.md."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "semantics.md"


def sentences() -> list[str]:
    """Every sentence of the page's paragraphs, in order, without the words in bold that begin them."""
    found: list[str] = []
    for line in re.sub(r"(?<!\n)\n(?![*\n])", " ", PAGE.read_text(encoding="utf-8")).split("\n"):
        text = re.sub(r"^\*\*[^*]+?(\.?)\*\* ", lambda head: "" if head[1] else head[0].replace("*", ""), line)
        if text and not text.startswith(("#", "[")):
            found += re.split(r"(?<=\.) (?=[^a-z])", text)
    return found
