"""No secret reaches a log, however it is cut into writes and in whichever form a tool prints it."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from targets.local.log import Log, shown, tail
from targets.local.masking import MASK, Masker

SECRETS = st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=20).filter(
    lambda text: bool(text.strip("\r\n").strip()) and "*" not in text
)


def masked(secrets: list[str], data: bytes, cuts: list[int]) -> bytes:
    masker = Masker(secrets)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(places)]
    return b"".join(masker.feed(piece) for piece in pieces) + masker.finish()


@given(
    st.lists(SECRETS, min_size=1, max_size=3),
    st.lists(st.binary(max_size=12), max_size=5),
    st.lists(st.integers(0, 500)),
)
def test_no_secret_is_left_and_cuts_change_nothing(secrets: list[str], noise: list[bytes], cuts: list[int]) -> None:
    data = b"".join(part + secrets[at % len(secrets)].encode() for at, part in enumerate([*noise, b""]))
    whole = masked(secrets, data, [])
    assert masked(secrets, data, cuts) == whole
    for secret in secrets:
        for piece in whole.split(MASK):
            assert secret.strip("\r\n").encode() not in piece


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_base64_of_a_text_with_a_secret_does_not_give_it_away(secret: str, before: bytes, after: bytes) -> None:
    held = secret.encode()
    if len(held) < 8:
        return
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        line = encode(before + held + after)
        shown_part = masked([secret], line, []).replace(MASK, b"")
        # what is left on either side tells at most the characters that share six bits with a neighbour
        assert len(shown_part) <= len(encode(before)) + len(encode(after)) + 8


@given(SECRETS, st.lists(st.integers(0, 100)))
def test_quoted_forms_are_masked(secret: str, cuts: list[int]) -> None:
    text = secret.strip("\r\n")
    for form in (quote(text, safe=""), quote(text), quote_plus(text), json.dumps(text)[1:-1]):
        assert form.encode() not in masked([secret], b"[" + form.encode() + b"]", cuts).replace(MASK, b"")


def test_overlapping_secrets_leave_no_rest() -> None:
    for cut in range(6):
        assert masked(["xab", "abcd"], b"xabcd", [cut]) == MASK
        assert masked(["abc", "abcdef"], b"abcdef", [cut]) == MASK


def test_every_line_of_a_long_secret_is_masked() -> None:
    key = "-----BEGIN KEY-----\nMIIEabcdefgh\nzz\n-----END KEY-----\n"
    assert masked([key], b"got MIIEabcdefgh here", []) == b"got *** here"
    assert masked([key], key.encode(), [9, 30]).strip() == MASK


def test_without_secrets_nothing_is_held() -> None:
    masker = Masker([])
    assert masker.feed(b"progress 10%\r") == b"progress 10%\r"
    assert masker.finish() == b""


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        (b"plain", "plain"),
        (b"\x1b[31mred\x1b[0m", "red"),
        (b"10%\r20%\r30%", "30%"),
        (b"done\r", "done"),
        (b"\x1b]0;title\x07x", "x"),
        (b"a\tb", "a    b"),
        (b"\x00\xff\xe2\x80\xae", "\\x00\ufffd\\u202e"),
    ],
)
def test_a_line_is_shown_without_what_moves_a_terminal(line: bytes, seen: str) -> None:
    assert shown(line) == seen


def test_a_log_holds_what_was_written_and_shows_lines(tmp_path: Path) -> None:
    lines: list[str] = []
    log = Log(str(tmp_path / "jobs" / "a" / "log"), Masker(["geheim"]), lines.append)
    for piece in (b"one\ntw", b"o ge", b"heim\n", b"la"):
        log.write(piece)
    log.say("a word about geheim")
    log.close()
    assert lines == ["one", "two ***", "la", "headrace: a word about ***"]
    assert tail(str(tmp_path / "jobs" / "a" / "log"), 2) == ["la", "headrace: a word about ***"]
    assert tail(str(tmp_path / "none"), 2) == []


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126, blacklist_characters="*"), min_size=12, max_size=90),
    st.binary(max_size=70),
    st.sampled_from([10, 60, 64, 76]),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.integers(0, 300)),
)
def test_a_secret_that_is_broken_into_lines_is_masked(
    secret: str, before: bytes, width: int, end: str, cuts: list[int]
) -> None:
    """As `base64`, `xxd -p` and `fold` write it. What is left are the edges that share their bits with what is beside them."""
    alone = base64.b64encode(secret.encode()).decode()
    within = base64.b64encode(before + secret.encode()).decode()
    for text in (alone, within, secret.encode().hex(), secret.encode().hex().upper(), secret):
        lines = (end.join(text[at : at + width] for at in range(0, len(text), width)) + end).encode()
        whole = masked([secret], lines, [])
        assert masked([secret], lines, cuts) == whole
        left = whole.replace(MASK, b"").replace(b"\r", b"").replace(b"\n", b"")
        kept = len(base64.b64encode(before)) if text is within else 0
        assert len(left) <= kept + 6, (lines, whole)


def test_a_line_that_only_ends_like_a_secret_is_shown_at_once() -> None:
    masker = Masker(["geheimnis"])
    assert masker.feed(b"training\n") == b"training\n"
    assert masker.feed(b"geh\n") == b""  # it may go on in the next line
    assert masker.feed(b"abc\n") == b"geh\nabc\n"
