"""Regular expressions that are compiled when they are first asked: at a cold start most of them never are."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from re import Match
    from typing import Any


class Pattern:
    """Offers the methods of `re.Pattern`. The first call of any of them compiles the text, once."""

    __slots__ = ("findall", "finditer", "flags", "fullmatch", "match", "pattern", "search", "split", "sub")
    findall: Callable[..., list[Any]]
    finditer: Callable[..., Iterator[Match[str]]]
    fullmatch: Callable[..., Match[str] | None]
    match: Callable[..., Match[str] | None]
    search: Callable[..., Match[str] | None]
    split: Callable[..., list[str]]
    sub: Callable[..., str]

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self.pattern = pattern
        self.flags = flags

    def __getattr__(self, name: str) -> Any:
        """Asked for a slot that is still empty."""
        if name not in self.__slots__:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        from re import compile as compiled

        made = compiled(self.pattern, self.flags)
        for method in ("findall", "finditer", "fullmatch", "match", "search", "split", "sub"):
            setattr(self, method, getattr(made, method))
        return getattr(made, name)
