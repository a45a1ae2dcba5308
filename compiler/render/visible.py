"""Text as a terminal can show it: nothing in it moves the cursor, hides itself or turns the direction of writing."""

from __future__ import annotations

TAB_CELLS = 4
_HIDDEN = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x61C, 0x61C),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0xD800, 0xDFFF),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0xE0000, 0xE007F),
)


def visible(text: str) -> str:
    """Text in one line, whatever stands in it: what can't be seen is written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_shown, text))


def _shown(character: str) -> str:
    code = ord(character)
    if not any(first <= code <= last for first, last in _HIDDEN):
        return character
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def cells(line: str) -> list[str]:
    """What stands for each character of a source line on the screen; tabs become blanks, wide characters stay."""
    shown: list[str] = []
    column = 0
    for character in line:
        piece = " " * (TAB_CELLS - column % TAB_CELLS) if character == "\t" else visible(character)
        shown.append(piece)
        column += width(piece)
    return shown


def width(text: str) -> int:
    """How many columns of a terminal text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
