"""Lengths of time such as "4h30m", in whole seconds."""

from __future__ import annotations

from compiler.pattern import Pattern

LONGEST = 2**31 - 1  # seconds, 68 years: what a signed 32-bit field of a target holds

_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}

# A blank may stand between two parts, nowhere else.
_GRAMMAR = Pattern("".join(f"(?:([0-9]{{1,10}}){unit}(?: (?=[0-9]))?)?" for unit in _SECONDS))
_LOOSE_PART = Pattern(
    r"([0-9]{1,10})(?:\.([0-9]{1,3}))?\s*"
    r"(weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s|$)(?:\s*,\s*|\s+and\s+|\s*)"
)


class DurationError(ValueError):
    """Text that is no duration. `suggestion` is what was probably meant, or None."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def parse(text: str) -> int:
    """Seconds, at most LONGEST: units w, d, h, m and s, the largest first, each once. Raises DurationError."""
    if len(text) <= 4 and text.isascii() and text[:-1].isdigit() and text[-1] in _SECONDS:  # most: 60m
        return int(text[:-1]) * _SECONDS[text[-1]]
    found = _GRAMMAR.fullmatch(text)
    if found is None or found.lastindex is None:
        raise DurationError(f'"{text}" is not a duration such as 30s, 90m, 4h30m or 7d', _meant(text))
    seconds = sum(int(count or 0) * size for count, size in zip(found.groups(), _SECONDS.values(), strict=True))
    if seconds > LONGEST:
        raise DurationError(f'"{text}" is too long, a duration is at most {LONGEST // 86400}d')
    return seconds


def text(seconds: int) -> str:
    """Days, hours, minutes and seconds without blanks ("4h30m", "30d", "0s"); `parse` reads it back."""
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"{seconds} seconds are out of a duration's range")
    parts = ""
    for unit in ("d", "h", "m", "s"):
        count, seconds = divmod(seconds, _SECONDS[unit])
        if count:
            parts += f"{count}{unit}"
    return parts or "0s"


def _meant(given: str) -> str | None:
    """The duration behind a common slip: words, fractions, blanks, another order; a bare number counts seconds."""
    given = given.strip().lower()
    total = at = 0
    while found := _LOOSE_PART.match(given, at):
        whole, part, unit = found.groups()
        amount = int(whole + (part or "")) * _SECONDS[unit[:1] or "s"]
        if amount % 10 ** len(part or ""):
            return None
        total += amount // 10 ** len(part or "")
        at = found.end()
    return text(total) if 0 < at == len(given) and total <= LONGEST else None
