"""The located tree: places, tags, aliases, duplicate keys and every way in which a file is not a manifest."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import yamltree
from compiler.diagnostics import Sink
from compiler.source import Source
from compiler.yamltree import Alias, Mapping, Quoted, Sequence, Tagged


def read(text: str) -> tuple[list[yamltree.Document], Sink]:
    sink = Sink()
    return yamltree.parse(Source("f.yaml", text), sink), sink


def root(text: str) -> Mapping:
    documents, sink = read(text)
    assert sink.diagnostics == []
    assert isinstance(documents[0].root, Mapping)
    return documents[0].root


def found(text: str) -> list[tuple[str, str]]:
    _, sink = read(text)
    return [(one.code.name, str(one.span and one.span.begin)) for one in sink.diagnostics]


def test_scalars_stay_as_written() -> None:
    tree = root("a: 3.10\nb: '3.10'\nc: 1e3\nd:\ne: |\n  x\n")
    assert tree.entries == {"a": "3.10", "b": "3.10", "c": "1e3", "d": "", "e": "x\n"}
    assert [type(value) for value in tree.entries.values()] == [str, Quoted, str, str, Quoted]


def test_every_place_is_the_one_that_people_see() -> None:
    tree = root("top: 1\njobs:\n  train:\n    needs: [a, 'b']  # why\n    run: |\n      x\n  é: {k: v}\n")
    jobs = tree.entries["jobs"]
    assert isinstance(jobs, Mapping)
    train, last = jobs.entries["train"], jobs.entries["é"]
    assert isinstance(train, Mapping)
    assert isinstance(last, Mapping)
    needs = train.entries["needs"]
    assert isinstance(needs, Sequence)
    assert str(tree.key_span("jobs").begin) == "2:1"
    assert str(jobs.key_span("train").begin) == "3:3"
    assert needs.item_span(1).text == "'b'"
    assert str(needs.item_span(1).begin) == "4:16"
    assert train.value_span("needs").text == "[a, 'b']"
    assert last.value_span("k").text == "v"
    assert last.span().text == "é"
    assert (train.path, needs.path, last.path) == ("jobs.train", "jobs.train.needs", "jobs.é")


def test_an_item_of_a_field_has_a_place_of_its_own() -> None:
    tree = root("jobs: [lint, 'tets', {a: 1}]\nmore: {tets: 1}\nb[0]: c\n0: d\n")
    whole = "[lint, 'tets', {a: 1}]"
    assert tree.span("jobs").text == whole
    assert tree.span("jobs[lint]").text == "lint"
    assert tree.span("jobs[tets]").text == "'tets'"
    assert tree.span("jobs[2]").text == "{a: 1}"
    assert [tree.span(f"jobs[{item}]").text for item in ("3", "a", "")] == [whole, whole, whole]
    assert tree.span("more[tets]").text == "tets"
    assert tree.span("b[0]").text == "c"
    assert tree.span("0").text == "d"
    assert tree.span("none[0]").text == tree.span().text == "jobs"
    (slot,) = [slot for slot in yamltree.items(tree.entries["jobs"]) if slot.key == 2]  # type: ignore[arg-type]  # a list
    assert slot.span("a[0]").text == "1"


def test_a_block_ends_with_its_last_child() -> None:
    tree = root("a:\n  b: 1\n\n# a comment\nc: 2\n")
    assert tree.value_span("a").text == "b: 1"


def test_aliases_keep_their_own_place() -> None:
    tree = root("a: &x {k: v}\nb: *x\nc: [*x, 1]\n")
    alias = tree.entries["b"]
    assert isinstance(alias, Alias)
    assert alias.value is tree.entries["a"]
    assert tree.value_span("b").text == "*x"
    assert str(tree.key_span("c").begin) == "3:1"
    items = tree.entries["c"]
    assert isinstance(items, Sequence)
    assert items.item_span(1).text == "1"


def test_tags_are_kept() -> None:
    tree = root("a: !poetry {v: 1}\nb: !x y\nc: !!str 1\n")
    first = tree.entries["a"]
    assert isinstance(first, Tagged)
    assert first.tag == "!poetry"
    assert isinstance(tree.entries["b"], Tagged)
    assert type(tree.entries["c"]) is Quoted


def test_tags_of_the_core_schema_say_nothing_new() -> None:
    tree = root("a: !!map {v: 1}\nb: !!seq [1]\nc: !!int 1\nd: ! 1\ne: ! [1]\n")
    first, second = tree.entries["a"], tree.entries["b"]
    assert isinstance(first, Mapping)
    assert isinstance(second, Sequence)
    assert isinstance(tree.entries["e"], Sequence)
    assert tree.entries["c"] == "1"
    assert [type(tree.entries[key]) for key in "cd"] == [str, Quoted]


def test_a_document_lists_its_tags() -> None:
    (document,), _ = read("a: !x [!!int '1', !!seq {}]\n")
    listed = [(tag, document.span_of(ordinal).text) for tag, ordinal in document.tags]
    assert listed == [("!!int", "!!int '1'"), ("!!seq", "!!seq {}"), ("!x", "!x [!!int '1', !!seq {}]")]


def test_places_in_long_lists_cost_no_time() -> None:
    items = root("a: [" + "x, " * 50_000 + "]\n").entries["a"]
    assert isinstance(items, Sequence)
    started = time.process_time()
    assert items.item_span(49_999).start - items.item_span(0).start == 3 * 49_999
    assert {items.item_span(at).text for at in range(50_000)} == {"x"}
    assert time.process_time() - started < 5


def test_several_documents() -> None:
    documents, sink = read("a: 1\n---\nb: 2\n")
    assert len(documents) == 2
    second = documents[1].root
    assert isinstance(second, Mapping)
    assert str(second.key_span("b").begin) == "3:1"
    assert sink.diagnostics == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\na: 2\n", [("duplicate-key", "2:1")]),
        ("a: {b: 1, b: 1}\n", [("duplicate-key", "1:11")]),
        ("a:\n\tb: 1\n", [("tab-indentation", "2:1")]),
        ("a: b: c\n", [("yaml-syntax", "1:5")]),
        ("a: 'b\n", [("yaml-syntax", "2:1")]),
        ("a: *x\n", [("unknown-alias", "1:4")]),
        ("a: &x [*x]\n", [("alias-cycle", "1:8")]),
        ("a: {{ lr }}\n", [("unquoted-hole", "1:4")]),
        ("a: 1\n? [k]\n: 2\n", [("complex-key", "2:3")]),
        ("a: \x00\n", [("yaml-syntax", "1:4")]),
        ('a: ["x", "\\0"]\n', [("yaml-syntax", "1:10")]),
        ('"\\x00": 1\n', [("yaml-syntax", "1:1")]),
        ("a: \x07\n", [("yaml-syntax", "1:4")]),
        ("[" * 101, [("too-deep", "1:101")]),
        ("a: 1\n...\nb: 2\n", [("yaml-syntax", "3:1")]),
        ("- a\n-\t- b\n", [("tab-indentation", "2:2")]),
    ],
)
def test_faults_stand_at_their_place(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "place", "advice"),
    [
        ("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", "2:1", "decide which of the two versions holds"),
        ("paths: [*.py]\n", "1:10", 'a text that begins with "*" needs quotes'),
        ("a: &\n", "1:5", 'a text that begins with "&" needs quotes'),
        ("a: @scope/x\n", "1:4", 'a text that begins with "@" needs quotes'),
        ('a: "C:\\data"\n', "1:7", "use single quotes"),
        ('a: "\\ud83d\\ude00"\n', "1:7", "write the character itself"),
        ("a: 'it's'\n", "1:8", "ends with its quote"),
        ("a: {b: c}}\n", "1:10", 'no "{" is open here'),
        ("a: [b]]\n", "1:7", 'no "[" is open here'),
        ("a:\n  - x\n y: 1\n", "3:2", "in one column"),
        ("a: - b\n", "1:4", "a list begins on the line below"),
        ("a:\n  k:v\n  b: 1\n", "3:4", "a blank behind its colon"),
        ("a: 1\nEOF\n", "3:1", 'a key has ": " behind it'),
        ("%YAML 1.3\n---\na: 1\n", "1:1", "leave the %YAML line out"),
        ("a: 1\n\ufeffb: 2\n", "2:2", "a byte order mark stands in the middle"),
        ("a: [{{ x }}-y]\n", "1:12", "put text that holds {{ }} in quotes"),
        ('a: {b: c\nd: ["{{ x }}"]\n', "2:2", 'a comma is missing, or the "{" that was opened is not closed'),
    ],
)
def test_what_a_slip_is_most_likely_is_said(text: str, place: str, advice: str) -> None:
    _, sink = read(text)
    fault = sink.diagnostics[-1]
    assert fault.code.name == "yaml-syntax"
    assert fault.span is not None
    assert str(fault.span.begin) == place
    assert fault.help is not None
    assert advice in fault.help


def test_an_unquoted_hole_comes_with_its_fix() -> None:
    _, sink = read("env:\n  LR: {{ parameters.lr }}\n")
    (fault,) = sink.diagnostics
    assert fault.fix is not None
    assert [(edit.span.text, edit.text) for edit in fault.fix.edits] == [
        ("{{ parameters.lr }}", '"{{ parameters.lr }}"')
    ]


def test_what_follows_a_refused_key_keeps_its_place() -> None:
    documents, sink = read("a: 1\na: {x: [1, 2]}\nb: 3\n? {c: d}\n: [4]\ne: 5\n")
    tree = documents[0].root
    assert isinstance(tree, Mapping)
    assert tree.entries == {"a": "1", "b": "3", "e": "5"}
    assert tree.value_span("b").text == "3"
    assert tree.value_span("e").text == "5"
    assert len(sink.diagnostics) == 2


def test_alias_bombs_are_refused_in_milliseconds() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    started = time.process_time()
    assert [name for name, _ in found("\n".join(lines))] == ["alias-bomb"]
    assert time.process_time() - started < 0.1


def test_a_long_text_weighs_more_than_a_node_in_a_bomb() -> None:
    text = "x" * 100_000
    assert [name for name, _ in found(f"- &a {text}\n- [{', '.join(['*a'] * 10_000)}]\n")] == ["alias-bomb"]
    assert [name for name, _ in found(f"- &a [{text}]\n- [{', '.join(['*a'] * 10_000)}]\n")] == ["alias-bomb"]
    lines = [f"- &a0 [{text}]", *(f"- &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 5))]
    assert [name for name, _ in found("\n".join(lines))] == ["alias-bomb"]
    assert found(f"- &a {'x' * 100}\n- [{', '.join(['*a'] * 10_000)}]\n") == []


def test_depth_of_ten_thousand_is_refused() -> None:
    assert [name for name, _ in found("- " * 10_000 + "x")] == ["too-deep"]
    assert [name for name, _ in found("{a: " * 10_000)] == ["too-deep"]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab:-{}[]&*!|>'\"#%@`, \n\t?~\r\x85\u2028é0")), max_size=60))
def test_no_text_raises(text: str) -> None:
    documents, _ = read(text)
    for document in documents:
        stack = [document.root]
        while stack:
            node = stack.pop()
            if isinstance(node, Mapping):
                for key in node.entries:
                    assert node.key_span(key).start <= node.value_span(key).end
                stack.extend(node.entries.values())
            elif isinstance(node, Sequence):
                for index in range(len(node)):
                    node.item_span(index)
                stack.extend(node.items)
            elif isinstance(node, Tagged):
                stack.append(node.value)
