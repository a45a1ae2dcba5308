"""The words of a call: text with holes, options that come again, and what is reused."""

from __future__ import annotations

from compiler.frontends.mml.runs import written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from compiler.ir import Ref, Text


def text(*pieces: str | Ref) -> Text:
    """Text of literals and holes, neighbours joined."""
    found: list[str | Ref] = []
    for piece in pieces:
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] += piece
        elif piece != "":
            found.append(piece)
    return tuple(found)


def as_text(given: Text | str) -> Text:
    return (given,) if isinstance(given, str) else given


def texts(given: Iterable[Text | str]) -> list[Text]:
    return [as_text(one) for one in given]


def options(option: str, values: Iterable[Text]) -> list[Text]:
    return [word for value in values for word in ((option,), value)]


def is_of_group(word: Text, start: str) -> bool:
    return isinstance(word[0], str) and word[0].lstrip("+~").startswith(start)


def reuse_word(key: str, projects: Sequence[str | Text]) -> str:
    listed = [str(one) for one in projects]
    sign = "" if key in ("models", "blueprint") else "+"
    return f"{sign}reuse.{key}={written(listed if len(listed) > 1 else listed[0])}"
