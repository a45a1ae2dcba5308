"""Names that every system takes, for what manifests name and for environment variables."""

from __future__ import annotations

from functools import lru_cache

LONGEST_NAME = 255
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_VARIABLE = _NAME - {"-"}


def is_name(text: str) -> bool:
    """Letters, digits, _ and -, a letter or digit first."""
    return bool(text) and _NAME.issuperset(text) and text[0] not in "_-" and len(text) <= LONGEST_NAME


def near_name(text: str) -> str | None:
    """The name that is nearest to a text; None where nothing of it is left."""
    return "".join(c if c in _NAME else "-" for c in text.strip()).strip("_-")[:LONGEST_NAME] or None


@lru_cache(maxsize=4096)  # most jobs of a manifest set the same few
def is_variable(text: str) -> bool:
    """https://pubs.opengroup.org/onlinepubs/9699919799/basedefs/V1_chap08.html: letters, digits and _, no digit first."""
    return bool(text) and _VARIABLE.issuperset(text) and not text[0].isdigit() and len(text) <= LONGEST_NAME


def near_variable(text: str) -> str | None:
    return "".join(c if c in _VARIABLE else "_" for c in text).lstrip("0123456789") or None
