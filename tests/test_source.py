"""Offsets, lines and columns: code points, whatever the line breaks and the characters are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.diagnostics import Sink
from compiler.repository import decode
from compiler.source import Pos, Source, Span


def test_lines_and_columns_count_from_one() -> None:
    source = Source("f", "ab\nc\r\n\nd")
    assert [str(source.pos(offset)) for offset in range(9)] == [
        "1:1", "1:2", "1:3", "2:1", "2:2", "2:3", "3:1", "4:1", "4:2",
    ]  # fmt: skip
    assert [source.line(number) for number in range(1, 6)] == ["ab", "c", "", "d", ""]


@given(st.text(max_size=80), st.integers(min_value=0, max_value=80))
def test_offsets_come_back(text: str, offset: int) -> None:
    source = Source("f", text)
    offset = min(offset, len(text))
    at = source.pos(offset)
    assert source.offset(at.line, at.column) == offset


def test_spans_are_ordered_and_compared_by_place() -> None:
    source = Source("f", "abc def")
    assert Span(source, 4, 7).text == "def"
    assert Span(source, 4, 7) == Span(Source("f", "abc def"), 4, 7)
    assert Span(source, 4, 2).end == 4
    assert Pos(1, 2) == Pos(1, 2)


def test_encodings() -> None:
    sink = Sink()
    assert decode("f", "é".encode("utf-16"), sink) is None
    assert decode("f", b"a: \xff\n", sink) is None
    bom = decode("f", b"\xef\xbb\xbfa: 1\n", sink)
    assert bom is not None
    assert bom.text == "a: 1\n"
    assert [(one.code.name, str(one.span and one.span.begin)) for one in sink.diagnostics] == [
        ("encoding", "1:1"),
        ("encoding", "1:4"),
    ]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_line_ending_breaks_a_line(ending: str) -> None:
    source = Source("a", ending.join(["one", "two", "", "four"]))
    assert [source.line(number) for number in range(1, 6)] == ["one", "two", "", "four", ""]
    assert source.pos(source.text.index("four") + 1) == Pos(4, 2)
    assert source.offset(2, 1) == source.text.index("two")
