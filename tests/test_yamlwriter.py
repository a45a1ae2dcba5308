from __future__ import annotations

import enum
import math
from io import StringIO
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from compiler import yamlwriter
from compiler.yamlwriter import Block, Form, Formed, Key, PlainKey, Remark, write, write_documents

PLAIN = [
    "a",
    "train",
    "python train.py --lr=0.1, then [stop] {now} & *all* !important | tee > log",
    '$CI_PIPELINE_SOURCE == "merge_request_event"',
    '$A == "x" && $B != "y" || $C =~ /^v[0-9]+$/',
    "${{ github.ref }}",
    "${{ inputs.lr }} and ${{ matrix.fold }}",
    "$X",
    "(a || b)",
    "actions/checkout@v7",
    "ubuntu-24.04",
    "ghcr.io/astral-sh/uv:0.13.8-python3.12-bookworm-slim",
    "https://example.com/a?b=c#d",
    "/src/data",
    "./run.sh",
    "../up",
    ".gitlab-ci.yml",
    ".env",
    "-c",
    "--no-cache",
    "a#b",
    "a:b",
    "C:\\temp",
    "3.12-slim",
    "16Gi",
    "500m",
    "4h30m",
    "30 days",
    "e2e",
    "nothing",
    "yes please",
    "größe",
    "данные",
    "東京",
    "don't",
    'five "quotes"',
    "e",
    ".e",
]

# fmt: off
WORDS = [
    *("y", "Y", "n", "N", "yes", "Yes", "YES", "no", "NO", "on", "On", "ON", "off", "Off", "true", "True", "TRUE"),
    *("false", "False", "null", "Null", "NULL", "~", "nan", "NaN", ".nan", ".NaN", ".inf", ".Inf", "-.inf", "+.inf"),
    *("inf", "Infinity", "=", "<<", "ye\u017f", "o\ufb00", "fal\u017fe", "", "-", "--", "---", "...", "?", ":", "|", ">"),
]
NUMBERS = [
    *("0", "1", "-1", "+1", "08", "007", "0o10", "0O17", "010", "0x1F", "0b11", "0b1_1", "1_000", "1,000", "1,000.5", "1e3"),
    *("1E3", "1e-3", "1.5e3", "12e03", "1e", "e1", "E1", "e+1", ".e+1", ".e1", "-e1", "3.10", "3.", ".5", "._1", "._"),
    *("-.5", "+.5", "1.", "1__0", "0.", "-0", "0_", "1:30", "12:30", "12:30:45", "190:20:30", "190:20:30.15", "1:60"),
    *("2001-01-01", "2001-1-1", "2001-12-14t21:59:43.10-05:00", "2001-12-14 21:59:43.10 -5", "2001-12-15 2:59:43", "9:00"),
    *("1234abc", "12e4567", "1d", "1f", "0xdeadbeef", "6a7b8c9d", "1/2", "1 2", "10%", "1.2.3", "192.168.0.1", "1e3e4", "٣", "１"),
]
SHAPES = [
    *("- x", "-\tx", "? x", ": x", "a: b", "a:", "a :", "a: ", "a:\tb", ":a", ":'a'", "::", " a", "a ", "  ", "\t", "\ta", "a\t"),
    *("a #b", "#a", "a # b", "!x", "!!str x", "!reference [a, b]", "&x", "&x y", "*x", "%x", "%YAML 1.2", "@x", "`x`", "{", "}"),
    *("{a: b}", "{a}", "[", "]", "[a]", ",", "a,b", "a, b", "a]", "a}", "a{", "a[", '"', '"a"', "'", "'a'", "''", "it''s", "\\"),
    *('a "b" c', "\\n", '"\\n"', "\"it's\"", "'\"", "{{ x }}", "{{ x }}: y", "--- a", "... a", ">-", "|-", "|2", "-1a", "=x", "<a"),
    *("* * * * *", "*/5 * * * *", "0 4 * * 1", "+x", "~x", ";x", "^x", "\\x", "a?b", "a?", "?a", "-?", "a\\", "x:y:z", "a:,b"),
    *('printf "%s" "$X"', '{"a": 1}', "[1, 2]", "<<: *a", "a: |", "$[[ inputs.x ]]", "${X}", "$", "(", "/", ".", "..", "_"),
]
LINES = [
    *("a\nb", "a\nb\n", "a\n\nb\n", "a\n", "a\n\n", "a\n\n\n", "\n", "\n\n", "\na", "\n\na\n", " a\nb", "  a\n b\n", "\n a\n"),
    *("a\n  b\n", "a\n\tb\n", "\ta\nb\n", "\n\ta\n", "a \nb\n", "a\n \nb\n", "a\n ", "a\n\t", "a\n\t\nb", "a\nb ", " \na", "# a\nb\n"),
    *("a\r\nb\r\n", "a\rb", "a\n\rb", "---\na\n", "a\n---\nb\n", "...\n", "- a\n- b\n", "a: b\nc: d\n", "%x\ny\n", "{a\n}\n", '"a"\n\'b\'\n'),
    *("a\x0bb\n", "a\nb\x00\n", "ä\nö\n", "a\n\n\nb", "a\n    \n", "\n\n\n a", "|\na\n", "cat <<EOF\n\tx\nEOF\n"),
]
UNSEEN = [
    *("\x00", "a\x07b", "\x1b[0m", "\x7f", "\x80", "\x85", "a\x85b", "\xa0", "a\xa0b", "\xad", "\u2028", "a\u2029b", "\ufeff", "\ufeffa"),
    *("a\ufeff", "\u200b", "\u202e", "\u2066", "\ufffe", "\uffff", "\ufffd", "\ue000", "\u3000", "😀", "a 😀", "\U0010ffff", "\U000e0001"),
    *("e\u0301", "\u0301", "\u200d", "a\tb", "a\\tb", "\u0130", "\u212a", "½", "¿a", "«a»", "”a“", "…", "—", "a — b"),
]
# fmt: on
NASTY = [*PLAIN, *WORDS, *NUMBERS, *SHAPES, *LINES, *UNSEEN]


def read_1_1(text: str) -> Any:
    """PyYAML, by both of its parsers."""
    pure, libyaml = yaml.safe_load(text), yaml.load(text, yaml.CSafeLoader)
    assert pure == libyaml or pure != pure
    return pure


def read_1_2(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(StringIO(text))


def same(read: Any, meant: Any) -> bool:
    """Equal, and of the same types: 1 is neither true nor 1.0."""
    if isinstance(meant, dict):
        return type(read) is dict and list(read) == list(meant) and all(same(read[key], meant[key]) for key in meant)
    if isinstance(meant, list):
        return type(read) is list and len(read) == len(meant) and all(map(same, read, meant))
    return type(read) is type(meant) and bool(read == meant)


def places(text: str) -> dict[str, Any]:
    """A text as a value, an item, an item in a line and in a list of lists, and as a key."""
    return {
        "value": text,
        "items": [text, {"in": text, "after": 1}],
        "line": [text, "b"],
        "deep": [[[text]]],
        "keys": {text: text, "z": {text: [1]}},
    }


@pytest.mark.parametrize("text", PLAIN)
def test_leaves_safe_text_plain(text: str) -> None:
    assert write({"a": text}) == f"a: {text}\n"


@pytest.mark.parametrize("text", [*WORDS, *NUMBERS])
def test_quotes_what_a_reader_takes_for_something_else(text: str) -> None:
    assert write({"a": text}) == f'a: "{text}"\n'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a: b", '"a: b"'),
        ('"', "'\"'"),
        ('{"a": 1}', "'{\"a\": 1}'"),
        ('"it\'s" "so"', "'\"it''s\" \"so\"'"),
        ("\"it's\" 'so'", '"\\"it\'s\\" \'so\'"'),
        ("\\", "'\\'"),
        ("\\ \x00", '"\\\\ \\u0000"'),
        ("a\tb", '"a\\tb"'),
        ("a\r\nb", '"a\\r\\nb"'),
        ("\x7f\x85\u2028\ufeff", '"\\u007f\\u0085\\u2028\\ufeff"'),
        ("\u202ea", '"\\u202ea"'),
        ("😀", '"😀"'),
    ],
)
def test_quotes_with_the_fewest_escapes(text: str, written: str) -> None:
    assert write(text) == f"{written}\n"
    assert write({"a": text}) == f"a: {written}\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a\nb\n", "|\n    a\n    b"),
        ("a\nb", "|-\n    a\n    b"),
        ("a\n\nb\n\n\n", "|+\n    a\n\n    b\n\n"),
        (" a\nb\n", "|2\n     a\n    b"),
        ("\n  a", "|2-\n\n      a"),
        ("\na\n", "|\n\n    a"),
        ("a\n\tb\n", "|\n    a\n    \tb"),
        ("# a: &b\n- c\n", "|\n    # a: &b\n    - c"),
        ("\ta\nb\n", '"\\ta\\nb\\n"'),
        ("a \nb\n", '"a \\nb\\n"'),
        ("a\n \nb\n", '"a\\n \\nb\\n"'),
        ("a\r\nb\n", '"a\\r\\nb\\n"'),
        ("\n", '"\\n"'),
        ("a\n\x00", '"a\\n\\u0000"'),
    ],
)
def test_writes_lines_as_a_literal_block_where_all_are_safe(text: str, written: str) -> None:
    assert write({"k": {"a": text, "b": 1}}) == f"k:\n  a: {written}\n  b: 1\n"
    assert write([[text, "x y"]]) == f"-\n  - {written}\n  - x y\n"


@pytest.mark.parametrize("text", NASTY)
def test_both_versions_of_yaml_read_it_back(text: str) -> None:
    meant = places(text)
    if text == "<<":
        del meant["keys"]
    written = write(meant)
    assert same(read_1_1(written), meant)
    assert same(read_1_2(written), meant)
    assert "\t" not in write({"a": text}).split("\n")[0]
    assert not [line for line in written.split("\n") if line != line.rstrip()]


trouble = st.text("ab \n\t:#-'\"\\{}[],&*!|>%@`?=~.0123456789eExXo_yYnNtT$/\r\x85\u2028\ufeff", max_size=12)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
texts = st.one_of(st.sampled_from(NASTY), trouble, anything)
keys = texts.filter(lambda key: key != "<<")
scalars = st.one_of(
    texts,
    st.none(),
    st.booleans(),
    st.integers(-yamlwriter.LARGEST_INTEGER, yamlwriter.LARGEST_INTEGER),
    st.floats(allow_nan=False, allow_infinity=False),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(documents)
def test_any_data_is_read_back(data: Any) -> None:
    written = write(data)
    assert same(read_1_1(written), data)
    assert same(read_1_2(written), data)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_any_text_is_read_back_anywhere(text: str) -> None:
    meant = places(text)
    if text == "<<":
        del meant["keys"]
    written = write(meant)
    assert same(read_1_1(written), meant)
    assert same(read_1_2(written), meant)


@settings(max_examples=100, deadline=None)
@given(st.lists(documents, max_size=3))
def test_documents_of_a_stream_stay_apart(data: list[Any]) -> None:
    assert same(list(yaml.safe_load_all(write_documents(data))), data)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(keys, documents, min_size=1, max_size=4))
def test_a_mapping_is_the_sum_of_its_entries(data: dict[str, Any]) -> None:
    assert write(data) == "".join(write({key: value}) for key, value in data.items())
    assert write({"jobs": data}) == "jobs:\n" + "".join(write({key: value}, indent=2) for key, value in data.items())


def test_styles() -> None:
    data = {
        "image": "python:3.12",
        "tags": ["gpu", "linux", 1, True, 0.5],
        "command": ["sh", "-euc"],
        "quoted": ["a,b", "[a", "{{item}}", "a:b", "", "0", "${X}", "on"],
        "script": ["pip install .", "make"],
        "steps": [{"name": "a", "with": {"b": [], "c": {}}}, {"run": "x\ny\n"}, []],
        "nothing": None,
        "nested": [["a", "b"], ["c d"], {"e": ["f g"]}],
        "tuple": ("a", "b"),
    }
    assert write(data) == (
        "image: python:3.12\n"
        "tags: [gpu, linux, 1, true, 0.5]\n"
        "command: [sh, -euc]\n"
        'quoted: ["a,b", "[a", "{{item}}", "a:b", "", "0", "${X}", "on"]\n'
        "script:\n"
        "  - pip install .\n"
        "  - make\n"
        "steps:\n"
        "  - name: a\n"
        "    with:\n"
        "      b: []\n"
        "      c: {}\n"
        "  - run: |\n"
        "      x\n"
        "      y\n"
        "  - []\n"
        "nothing: null\n"
        "nested:\n"
        "  - [a, b]\n"
        "  -\n"
        "    - c d\n"
        "  - e:\n"
        "      - f g\n"
        "tuple: [a, b]\n"
    )


def test_a_list_in_a_line_ends_by_the_hundredth_column() -> None:
    items = ["x" * 30, "y" * 30, "z" * 28]
    fits = write({"k": items})
    assert fits == f"k: [{', '.join(items)}]\n"
    assert len(fits) <= yamlwriter.WIDTH
    for columns in range(1, 12):
        longer = write({"k": [*items, "w" * columns]})
        assert longer.count("\n") == 1 or longer.startswith("k:\n  - x")
        assert all(len(line) <= yamlwriter.WIDTH for line in longer.split("\n"))
    assert write({"k": ["x" * 41]}) == f"k:\n  - {'x' * 41}\n"


def test_comments() -> None:
    data = {
        Key("train", above="the model\n\nof churn"): Block({"run": "x"}, comment="headrace.yaml: jobs.train"),
        "empty": Block(comment="nothing"),
        "silent": Block({"a": 1}),
        "steps": [
            {"uses": Remark("actions/checkout@1234abc", "v7.0.1")},
            Block({Key("name", above="first"): "a", "b": 1}, comment="jobs.a"),
            Block({"uses": Remark("a/b@c", "v1"), "b": 1}, comment="jobs.b"),
            Block({"run": "x\ny\n"}, comment="jobs.c"),
            Block({"with": {"d": 1}}, comment="jobs.d"),
            Block({"with": Block({"d": 1}, comment="e")}, comment="jobs.e"),
            Remark("plain", "item"),
            Remark("no comment"),
        ],
        "list": [Remark("a", "keeps the list in block style"), "b"],
    }
    written = write(data)
    assert written == (
        "# the model\n"
        "#\n"
        "# of churn\n"
        "train:  # headrace.yaml: jobs.train\n"
        "  run: x\n"
        "empty: {}  # nothing\n"
        "silent:\n"
        "  a: 1\n"
        "steps:\n"
        "  - uses: actions/checkout@1234abc # v7.0.1\n"
        "  # first\n"
        "  - name: a  # jobs.a\n"
        "    b: 1\n"
        "  - uses: a/b@c # v1  # jobs.b\n"
        "    b: 1\n"
        "  - run: |  # jobs.c\n"
        "      x\n"
        "      y\n"
        "  - with:  # jobs.d\n"
        "      d: 1\n"
        "  - with:  # e  # jobs.e\n"
        "      d: 1\n"
        "  - plain # item\n"
        "  - no comment\n"
        "list:\n"
        "  - a # keeps the list in block style\n"
        "  - b\n"
    )
    assert read_1_1(written) == read_1_2(written) == data


@settings(max_examples=200, deadline=None)
@given(st.one_of(texts, st.text()), texts)
def test_a_comment_changes_nothing_that_is_read(comment: str, text: str) -> None:
    data = {
        Key("a", above=comment): Block({Key(text + "k", above=comment): Remark(text, comment)}, comment=comment),
        "list": [
            Block({Key("b", above=comment): Remark(text, comment)}, comment=comment),
            Remark(text, comment),
            Block(comment=comment),
        ],
    }
    meant = {"a": {text + "k": text}, "list": [{"b": text}, text, {}]}
    written = yamlwriter.comment_lines(comment) + write(data)
    assert same(read_1_1(written), meant)
    assert same(read_1_2(written), meant)


def test_marked_data_is_still_plain_data() -> None:
    assert Block({"a": Remark("b", "c")}, comment="d") == {"a": "b"}
    assert {PlainKey("on"): 1} == {"on": 1}


def test_a_plain_key_is_the_writers_own_risk() -> None:
    assert write({PlainKey("on"): {"on": 1}}) == 'on:\n  "on": 1\n'
    assert write({PlainKey("on", above="when"): 1}) == "# when\non: 1\n"
    for text in ("a b", "a:", "", "ö", "1a", "a\n"):
        with pytest.raises(ValueError, match="is not a key that can stay plain"):
            write({PlainKey(text): 1})


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0"),
        (-7, "-7"),
        (2**53 - 1, "9007199254740991"),
        (0.1, "0.1"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e-05, "1.0e-05"),
        (1e16, "1.0e+16"),
        (1.5e300, "1.5e+300"),
        (True, "true"),
        (False, "false"),
        (None, "null"),
    ],
)
def test_numbers(number: object, written: str) -> None:
    assert write({"a": number}) == f"a: {written}\n"
    assert same(read_1_1(written), number)
    assert same(read_1_2(written), number)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 2**53, -(2**53), "\ud800", {"\udfff": 1}, {"<<": {}}, {"k" * 1001: 1}]
)
def test_refuses_what_readers_do_not_agree_on(value: object) -> None:
    for data in (value, {"a": value}, {"a": [value]}):
        with pytest.raises(ValueError, match=r"\w"):
            write(data)


@pytest.mark.parametrize("value", [b"a", {1, 2}, object(), {1: 2}, {None: 1}, 1j])
def test_refuses_what_is_no_data(value: object) -> None:
    for data in (value, {"a": value}, {"a": [value]}):
        with pytest.raises(TypeError, match=r"is not YAML data|a key is text"):
            write(data)


def test_text_and_numbers_of_other_classes_are_what_they_hold() -> None:
    class Name(enum.StrEnum):
        ON = "on"

    class Count(enum.IntEnum):
        TWO = 2

    assert write({"a": Name.ON, "b": Count.TWO, Name.ON: 1}) == 'a: "on"\nb: 2\n"on": 1\n'


def test_depth_has_a_limit() -> None:
    def nested(levels: int, wrap: Any) -> Any:
        data: Any = {"a b": 1}
        for _ in range(levels - 1):
            data = wrap(data)
        return data

    for wrap in (lambda inner: {"a": inner}, lambda inner: [inner]):
        deepest = nested(yamlwriter.DEEPEST, wrap)
        assert read_1_1(write(deepest)) == deepest
        with pytest.raises(ValueError, match="more than 100 levels"):
            write(nested(yamlwriter.DEEPEST + 1, wrap))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="more than 100 levels"):
        write(endless)


def test_a_full_memory_forgets_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlwriter._Memo, "most", 10)
    data = {f"key {number}": f"text {number}" for number in range(100)}
    assert read_1_1(write(data)) == data
    assert len(yamlwriter._SCALARS) <= 10


FORM = Form(lambda words: {"name": words[0], "needs": words[1], "env": {"A": words[2]}, "fixed": [1, {"x": "y"}]}, 3)


@settings(max_examples=200, deadline=None)
@given(st.text(), st.lists(st.text(max_size=30), max_size=12), st.text())
def test_a_form_gives_the_text_that_its_mapping_has(name: str, needs: list[str], value: str) -> None:
    words = [name, needs, value]
    entries = {"name": name, "needs": needs, "env": {"A": value}, "fixed": [1, {"x": "y"}]}
    assert dict(Formed(FORM, words, entries)) == entries
    for depth in (0, 2, 4):
        try:
            plain = write(Block(entries, comment="here"), depth)
        except ValueError:
            continue
        assert write(Formed(FORM, words, entries, comment="here"), depth) == plain
        assert write({"a": Formed(FORM, words, entries, comment="here")}) == write(
            {"a": Block(entries, comment="here")}
        )


def test_a_form_may_hold_what_its_own_marks_look_like() -> None:
    form = Form(lambda words: {"Word0OfForm0": "Word0OfForm0", "own": words[0]}, 1)
    assert (
        write(Formed(form, ["a"], {"Word0OfForm0": "Word0OfForm0", "own": "a"}))
        == "Word0OfForm0: Word0OfForm0\nown: a\n"
    )


def test_a_form_that_drops_a_word_is_none() -> None:
    form = Form(lambda words: {"a": words[0], "env": dict(zip(("X", "X"), words[1:], strict=True))}, 3)
    entries = {"a": "1", "env": {"X": "3"}}
    assert write(Formed(form, ["1", "2", "3"], entries)) == write(entries)
