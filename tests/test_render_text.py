"""How findings read on a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import codes
from compiler.diagnostics import Diagnostic, Label
from compiler.render.text import WIDTH, render, summary
from compiler.render.visible import visible, width
from compiler.source import Source, Span


def span(source: Source, text: str, nth: int = 0) -> Span:
    at = -1
    for _ in range(nth + 1):
        at = source.text.index(text, at + 1)
    return Span(source, at, at + len(text))


MANIFEST = Source("headrace.yaml", "jobs:\n  prepare-data: {run: x}\n  train:\n    needs: [prepare-date]\n")


def test_a_finding_shows_its_line_a_caret_and_what_was_meant() -> None:
    found = Diagnostic(
        codes.UNKNOWN_JOB,
        '"prepare-date" is not a job of this pipeline',
        span(MANIFEST, "prepare-date"),
        suggestion="prepare-data",
        help="jobs are named under `jobs`",
        notes=("there is 1 job", "first\nsecond"),
        labels=(Label(span(MANIFEST, "train"), "needed by this job"),),
    )
    assert render([found]) == (
        'headrace.yaml:4:13: error[HR3001 unknown-job]: "prepare-date" is not a job of this pipeline\n'
        "    3 |   train:\n"
        "      |   ----- needed by this job\n"
        "    4 |     needs: [prepare-date]\n"
        '      |             ^^^^^^^^^^^^ did you mean "prepare-data"?\n'
        "      = help: jobs are named under `jobs`\n"
        "      = note: there is 1 job\n"
        "      = note: first\n"
        "              second\n"
        "\n"
        "1 error\n"
    )


def test_two_marks_on_one_line_and_labels_elsewhere() -> None:
    script = Source("train.py", "import a\nparser.add_argument('--lr')\n")
    found = Diagnostic(
        codes.KEYS_EXCLUDE,
        "m",
        span(MANIFEST, "run"),
        labels=(Label(span(MANIFEST, "prepare-data"), "first"), Label(span(script, "--lr"), "declared here")),
    )
    assert render([found]) == (
        "headrace.yaml:2:18: error[HR2012 keys-exclude]: m\n"
        "    2 |   prepare-data: {run: x}\n"
        "      |                  ^^^\n"
        "      |   ------------ first\n"
        "      --> train.py:2:22\n"
        "    2 | parser.add_argument('--lr')\n"
        "      |                      ---- declared here\n"
        "\n"
        "1 error\n"
    )


def test_tabs_and_wide_characters_keep_the_caret_below_its_text() -> None:
    source = Source("a.yaml", "\t数据: bad\ne\u0301e: bad\n")
    lines = render([Diagnostic(codes.WRONG_VALUE, "m", span(source, "bad", nth)) for nth in (0, 1)]).split("\n")
    shown, carets = lines[1], lines[2]
    assert shown == "    1 |     数据: bad"
    assert carets.index("^") == width(shown[: shown.index("bad")])
    shown, carets = lines[5], lines[6]
    assert carets.index("^") == width(shown[: shown.index("bad")])


def test_a_long_line_is_cut_around_the_caret() -> None:
    source = Source("a.yaml", "x" * 5000 + "BAD" + "y" * 5000)
    shown, carets = render([Diagnostic(codes.WRONG_VALUE, "m", span(source, "BAD"))]).split("\n")[1:3]
    assert len(shown) < WIDTH + 20
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "BAD"
    assert shown.startswith("    1 | ...x")
    assert shown.endswith("y...")


def test_no_finding_shows_the_line_of_a_credential() -> None:
    source = Source("a.yaml", "a: {token: s3cret, nme: x}\nb: 1\nc: |\n  more\n  s3cret\n")
    whole = Span(source, source.text.index("|"), len(source.text) - 1)
    found = [
        Diagnostic(codes.SECRET_IN_CLEAR, "a credential", span(source, "s3cret")),
        Diagnostic(codes.UNKNOWN_KEY, "no key", span(source, "nme"), suggestion="name"),
        Diagnostic(codes.CYCLE, "round", span(source, "b"), labels=(Label(span(source, "nme"), "here"),)),
        Diagnostic(codes.SECRET_IN_CLEAR, "another", whole),
        Diagnostic(codes.WRONG_TYPE, "m", span(source, "more")),
        Diagnostic(codes.WRONG_TYPE, "m", span(source, "s3cret", 1)),
    ]
    text = render(found)
    assert "s3cret" not in text
    assert 'did you mean "name"?' in text
    assert "    2 | b: 1" in text


def test_a_line_of_millions_is_not_looked_at_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from compiler.render import text as renderer

    looked: list[int] = []
    cells = renderer.cells
    monkeypatch.setattr(renderer, "cells", lambda line: looked.append(len(line)) or cells(line))
    source = Source("a.yaml", "x" * 1_000_000 + "BAD" + "y" * 1_000_000)
    shown, carets = render([Diagnostic(codes.WRONG_VALUE, "m", span(source, "BAD"))]).split("\n")[1:3]
    assert shown[carets.index("^") : carets.rindex("^") + 1] == "BAD"
    assert shown.startswith("    1 | ...x")
    assert shown.endswith("y...")
    assert max(looked) < 10 * WIDTH


def test_a_message_leaves_out_the_middle_of_a_long_value() -> None:
    value = "x" * 1_000_000
    found = Diagnostic(codes.WRONG_VALUE, f'"{value}" is not "b"', help=f'write "{value}"', notes=(f'not "{value}"',))
    assert found.message.endswith('x..." is not "b"')
    assert all(len(said) < 1_000 for said in (found.message, found.help or "", *found.notes))
    assert Diagnostic(codes.WRONG_VALUE, f'"{value[:400]}" is not "b"').message == f'"{value[:400]}" is not "b"'


def test_a_span_of_several_lines_is_underlined_to_the_end_of_its_first() -> None:
    found = Diagnostic(codes.WRONG_TYPE, "m", span(MANIFEST, "train:\n    needs"))
    assert "      |   ^^^^^^\n" in render([found])


def test_nothing_from_a_manifest_reaches_the_terminal_raw() -> None:
    evil = "\x1b]0;title\x07\u202egnp.exe\x9b31m"
    source = Source(f"{evil}.yaml", f"a: {evil}\n")
    text = render([Diagnostic(codes.WRONG_VALUE, f'not "{evil}"', span(source, evil), help=evil, notes=(evil,))])
    assert not set(text) & set("\x1b\x07\u202e\x9b")
    assert "\\x1b]0;title\\x07\\u202egnp.exe\\x9b31m" in text


def test_findings_without_a_place_and_without_text() -> None:
    no_place = Diagnostic(codes.NO_TARGET, "no target", suggestion="gitlab", help="say --target")
    no_text = Diagnostic(codes.UNREADABLE, "can't be read", Source("a.yaml", "").whole())
    assert render([no_place, no_text]) == (
        "error[HR5008 no-target]: no target\n"
        '      = help: did you mean "gitlab"?\n'
        "      = help: say --target\n"
        "\n"
        "a.yaml: error[HR5002 unreadable]: can't be read\n"
        "\n"
        "2 errors\n"
    )


def test_colours_add_nothing_but_colours() -> None:
    found = [Diagnostic(codes.UNUSED, "m", span(MANIFEST, "train"), help="h", suggestion="s")]
    coloured = render(found, colour=True)
    assert "\x1b[1;33m" in coloured
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(found)


def test_the_summary_counts_by_severity() -> None:
    found = [Diagnostic(code, "m") for code in (codes.CYCLE, codes.UNUSED, codes.CYCLE, codes.SPLIT)]
    assert summary(found) == "2 errors, 1 warning, 1 note"
    assert summary([]) == ""
    assert render([]) == ""


@given(st.text(), st.integers(-3, 50), st.integers(-3, 50), st.text(), st.booleans())
def test_any_text_renders_line_by_line(text: str, start: int, end: int, message: str, colour: bool) -> None:
    source = Source("a.yaml", text)
    found = Diagnostic(
        codes.WRONG_VALUE, message, Span(source, start, end), labels=(Label(Span(source, end, 99), text),)
    )
    rendered = render([found], colour)
    assert len(rendered.splitlines()) <= 7
    assert rendered.endswith("1 error\n")


@given(st.text())
def test_visible_text_has_one_line_and_no_controls(text: str) -> None:
    shown = visible(text)
    assert shown.isascii() <= shown.isprintable()
    assert len(shown.splitlines()) <= 1


def test_notes_stand_close_and_without_their_lines() -> None:
    notes = [Diagnostic(codes.SPLIT, message, span(MANIFEST, "train"), help="h") for message in ("one", "two")]
    assert render([*notes, Diagnostic(codes.CYCLE, "m")]) == (
        "headrace.yaml:3:3: note[HR4008 split]: one\n"
        "      = help: h\n"
        "headrace.yaml:3:3: note[HR4008 split]: two\n"
        "      = help: h\n"
        "\n"
        "error[HR3013 cycle]: m\n"
        "\n"
        "1 error, 2 notes\n"
    )
