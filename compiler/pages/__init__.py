"""The pages that `headrace explain` shows: one Markdown file a code."""

from __future__ import annotations

import os

FOLDER = os.path.dirname(os.path.abspath(__file__))


def page(number: str) -> str | None:
    """The page of a code (`HR3001`); None where there is none."""
    if not (number.isascii() and number.isalnum()):
        return None
    try:
        with open(os.path.join(FOLDER, f"{number}.md"), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None
