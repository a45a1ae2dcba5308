"""Secrets in a log become `***`: where a write ends in the middle of one, where a line does, and as tools print them."""

from __future__ import annotations

import base64
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASK = b"***"
SHORTEST_LINE = 4  # of a secret of several lines: shorter lines would hide half of the log
# What `base64`, `xxd -p` and `fold` break into lines. Before the break at least so much must stand: what merely ends a line
# with a secret's first character is not held back until there is more, so each form counts without that character too.
SHORTEST_BROKEN = 6
BEFORE_BREAK = 2
_BREAKS = b"\r\n"
_HEAD = 16  # bytes by which most of what is no beginning of a secret is told


def forms(secret: str) -> set[bytes]:
    """A secret as it may stand in a log: as it is, line by line, base64 (inside of longer text too), URL- and JSON-quoted."""
    found: set[bytes] = set()
    whole = secret.strip("\r\n")
    lines = [line.strip() for line in whole.splitlines()]
    for text in dict.fromkeys((whole, *(line for line in lines if len(line) >= SHORTEST_LINE))):
        if not text.strip():
            continue
        data = text.encode("utf-8", "surrogateescape")
        found |= {data, quote(data, safe="").encode(), quote_plus(data).encode(), quote(data).encode()}
        found |= {
            json.dumps(text)[1:-1].encode(),
            json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "replace"),
        }
        found |= _base64(data)
    if whole.strip():
        found |= _base64(secret.encode("utf-8", "surrogateescape"))
        if len(whole) > 3:
            text = whole.encode("utf-8", "surrogateescape").hex()
            found |= {text.encode(), text.upper().encode()}
    found |= {form[1:] for form in found if len(form) > SHORTEST_BROKEN + 1}
    return {form for form in found if form.strip()}


def _base64(data: bytes) -> set[bytes]:
    """Base64 of the secret alone, and what of it is the same wherever in a longer text it stands (three places)."""
    found = set()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        if len(data) > 2:
            found.add(encode(data))
            found.add(encode(data).rstrip(b"="))
        for before in range(3):
            text = encode(bytes(before) + data)
            start = (0, 2, 3)[before]
            loose = (len(data) + before) % 3
            end = len(text) - (0, 3, 2)[loose] if loose else len(text)
            kept = text[start:end]
            if len(kept) >= 6:
                found.add(kept)
    return found


class Masker:
    """Takes a log in pieces and gives it back with its secrets masked; the end of a piece may be held for the next."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = sorted(
            {form for secret in secrets for form in forms(secret)}, key=lambda form: (-len(form), form)
        )
        joined = {form.translate(None, _BREAKS) for form in self._forms}
        self._joined = sorted(form for form in joined if len(form) >= SHORTEST_BROKEN)
        self._firsts = frozenset(form[0] for form in (*self._forms, *self._joined))
        self._sorted = sorted(self._forms)
        self._longest = max(map(len, self._forms), default=0)
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The part of what was fed so far that is sure to hold no beginning of a secret."""
        if not self._forms:
            return data
        return self._give(self._held + data, last=False)

    def finish(self) -> bytes:
        """What was held."""
        return self._give(self._held, last=True) if self._held else b""

    def whole(self, text: str) -> str:
        """A text that is complete."""
        data = text.encode("utf-8", "surrogateescape")
        return self._masked(data, self._spans(data)).decode("utf-8", "surrogateescape")

    def _give(self, data: bytes, last: bool) -> bytes:
        spans = self._spans(data)
        end = len(data) if last else self._safe_end(data)
        for start, stop in reversed(spans):
            if start < end < stop:
                end = start
        self._held = data[end:]
        return self._masked(data[:end], [span for span in spans if span[1] <= end])

    def _safe_end(self, data: bytes) -> int:
        """Where the first secret might begin that is not complete yet."""
        first, letters = len(data), 0
        while first > 0 and letters < self._longest - 1:
            first -= 1
            letters += data[first] not in _BREAKS
        for start in range(max(0, min(first, len(data) - self._longest + 1)), len(data)):
            if data[start] in self._firsts and self._begins_at(data, start):
                return start
        return len(data)

    def _begins_at(self, data: bytes, start: int) -> bool:
        """Whether all from here on is the beginning of a form; most of what is not differs soon."""
        head = data[start : start + _HEAD]
        if not _begins(self._sorted, head) and not _begins(self._joined, _unbroken(head)):
            return False
        rest = data[start:]
        return _begins(self._sorted, rest, least=1) or _begins(self._joined, _unbroken(rest), least=1)

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets stand, those that overlap as one."""
        found = list(_places(self._forms, data))
        unbroken = data.translate(None, _BREAKS)
        if len(unbroken) < len(data):
            broken = list(_places(self._joined, unbroken))
            at = [place for place, byte in enumerate(data) if byte not in _BREAKS] if broken else []
            spans = ((at[start], at[stop - 1] + 1) for start, stop in broken)
            found += [span for span in spans if _unbroken(data[slice(*span)])]
        merged: list[tuple[int, int]] = []
        for start, stop in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
            else:
                merged.append((start, stop))
        return merged

    @staticmethod
    def _masked(data: bytes, spans: list[tuple[int, int]]) -> bytes:
        parts, at = [], 0
        for start, stop in spans:
            parts += [data[at:start], MASK]
            at = stop
        return b"".join((*parts, data[at:]))


def _places(forms: Iterable[bytes], data: bytes) -> Iterator[tuple[int, int]]:
    for form in forms:
        at = data.find(form)
        while at >= 0:
            yield at, at + len(form)
            at = data.find(form, at + 1)


def _begins(forms: list[bytes], text: bytes, least: int = 0) -> bool:
    """Whether one of some sorted forms begins with a text, and has so many bytes more: they stand behind one another."""
    at = bisect_left(forms, text)
    while text and at < len(forms) and forms[at].startswith(text):
        if len(forms[at]) >= len(text) + least:
            return True
        at += 1
    return False


def _unbroken(data: bytes) -> bytes:
    """A text without its line breaks; nothing where the first of them comes too early."""
    early = any(byte in _BREAKS for byte in data[:BEFORE_BREAK])
    return b"" if early else data.translate(None, _BREAKS)
