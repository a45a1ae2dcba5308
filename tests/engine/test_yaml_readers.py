"""What the writer writes, as the three targets' own YAML readers read it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from compiler.yamlwriter import Block, Key, PlainKey, Remark, comment_lines, write, write_documents
from tests.test_yamlwriter import NASTY, places

pytestmark = pytest.mark.engine

Read = Callable[[str], list[Any]]

# Text that the reader takes for something else where it stands unquoted: proof that a reader is what it should be.
MISREAD: dict[str, dict[str, Any]] = {
    "read_psych": {"on": True, "1,000": 1000, "12:30": 45000, "0x1F": 31, "ye\u017f": True, ":a": "!Symbol a"},
    "read_yaml2": {"true": True, "1e3": 1000, "0o10": 8, "08": 8, "~": None},
    "read_kubernetes": {"y": True, "on": True, "1e3": 1000, "0b11": 3, "3.10": 3.1},
}


@pytest.fixture(params=MISREAD)
def reader(request: pytest.FixtureRequest) -> tuple[str, Read]:
    tools = pytest.importorskip("tests.tools", reason="the YAML readers of the targets are not here")
    return request.param, getattr(tools, request.param)


def differing(read: Read, meant: list[Any]) -> list[tuple[Any, Any]]:
    """(meant, read) of the documents that come back as something else."""
    back = read(write_documents(meant))
    assert len(back) == len(meant)
    return [(before, after) for before, after in zip(meant, back, strict=True) if before != after]


def test_the_reader_is_the_targets_own(reader: tuple[str, Read]) -> None:
    name, read = reader
    assert read("".join(f"- {text}\n" for text in MISREAD[name])) == [list(MISREAD[name].values())]


def test_nasty_text_is_read_back(reader: tuple[str, Read]) -> None:
    _, read = reader
    meant = [places(text) for text in NASTY]
    for document in meant:
        if "<<" in document["keys"]:
            del document["keys"]  # the writer refuses it: Psych merges it, quoted or not
    assert differing(read, meant) == []


def test_random_text_is_read_back(reader: tuple[str, Read]) -> None:
    _, read = reader
    dice = random.Random(20260101)
    pieces = [
        *"ab \n\n:#-'\"\\{}[],&*!|>%@`?=~.0123456789eExXoyYnNtT$/_+<(",
        "  ",
        ": ",
        " #",
        "\t",
        "\r",
        "\x85",
        "\u2028",
        "ä",
        "😀",
    ]
    meant = [places("".join(dice.choices(pieces, k=dice.randint(1, 9)))) for _ in range(2500)]
    assert differing(read, [document for document in meant if "<<" not in document["keys"]]) == []


def test_comments_are_not_read(reader: tuple[str, Read]) -> None:
    _, read = reader
    meant = []
    written = []
    for text in NASTY:
        data = {
            Key("a", above=text): Block({Key("b", above=text): Remark(text, text)}, comment=text),
            "list": [Block({Key("c", above=text): Remark(text, text)}, comment=text), Remark(text, text)],
        }
        written.append(comment_lines(text) + write(data))
        meant.append({"a": {"b": text}, "list": [{"c": text}, text]})
    assert read("---\n".join(written)) == meant


def test_what_is_no_text_is_read_back(reader: tuple[str, Read]) -> None:
    _, read = reader
    numbers = [0, 7, -7, 2**53 - 1, -(2**53 - 1), 0.1, -2.5, 1e-05, 1.5e-07, 1e16, 1.5e300, 5e-324]
    meant = {
        "numbers": numbers,
        "others": [True, False, None],
        "empty": [{}, [], ""],
        "deep": {"a": {"b": [[{"c": [1]}]]}},
    }
    assert read(write(meant)) == [meant]


def test_github_reads_a_plain_on_as_text(reader: tuple[str, Read]) -> None:
    name, read = reader
    if name == "read_yaml2":
        assert read(write({PlainKey("on"): {"push": None}})) == [{"on": {"push": None}}]
    else:
        assert read(write({PlainKey("on"): {"push": None}})) != [{"on": {"push": None}}]
