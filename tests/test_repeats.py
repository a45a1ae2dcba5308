"""Jobs that repeat others are read by their own words alone, and come out as if all of the text had been read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import yamltree
from compiler.diagnostics import Sink
from compiler.frontends.native import reading, repeated
from compiler.ir import Job, Node, Project, walk
from compiler.repeats import Place, shortened
from compiler.source import Source

HEAD = "version: 1\nname: demo\n"
JOB = """\
  {name}:
    environment: {{image: "python:3.12-slim"}}
    run: ["python", "train.py", --seed, "{seed}"]
    needs: [{needs}]
    env:
      OUTPUT: "runs/{name}"
      EPOCHS: 5
    resources:
      cpu: 2
      gpu: {{vendor: nvidia, count: 1}}
    timeout: 60m
"""
FIRST = '  first:\n    run: "true"\n'


def job(number: int, **more: str) -> str:
    return JOB.format(**{"name": f"step-{number}", "seed": str(number), "needs": "first", **more})


def many(*more: str, count: int = 12) -> str:
    return HEAD + "jobs:\n" + FIRST + "".join(job(number) for number in range(count)) + "".join(more)


def whole(text: str) -> tuple[Project | None, Sink]:
    """All of the text read."""
    sink = Sink()
    (document,) = yamltree.parse(Source("headrace.yaml", text), sink)
    return reading._project(yamltree.root_slot(document), "headrace.yaml", reading.Context(sink, "")), sink


def short(text: str) -> Project | None:
    return reading._without_repeats(Source("headrace.yaml", text), "headrace.yaml", "")


def repeats(text: str) -> list[str]:
    """The names of the jobs that were not read."""
    found = shortened(Source("headrace.yaml", text), "jobs", repeated.may_differ)
    return [] if found is None else [entry.words[0] for entry in found.entries if not isinstance(entry, str)]


def places(project: Project) -> list[tuple[str, tuple[str, int, int], list[tuple[str, int, int]]]]:
    """Where every node and every field of it is said to be written."""
    return [
        (node.origin.path, node.origin.span().key, [node.origin.span(field).key for field in type(node).field_names])
        for node in walk(project)
        if node.origin is not None
    ]


def check(text: str) -> None:
    """What comes out is what comes of reading all, at the same places; or all is read."""
    found = short(text)
    if found is None:
        return
    expected, sink = whole(text)
    assert sink.diagnostics == []
    assert expected is not None
    assert found == expected
    assert places(found) == places(expected)


def test_a_job_that_repeats_one_is_not_read() -> None:
    text = many()
    assert len(repeats(text)) >= 8
    check(text)


def test_places_are_those_of_the_whole_text() -> None:
    found = short(many("env:\n  AFTER: all\n"))
    assert found is not None
    last = found.jobs[-2]
    assert isinstance(last.origin, Place)
    assert last.origin.path == "jobs.step-10"
    assert last.needs[0].origin is not None
    assert last.needs[0].origin.path == "jobs.step-10.needs[0]"
    assert last.needs[0].origin.span().text == "first"
    assert last.origin.span().text == "step-10"
    assert found.env[0].origin is not None
    assert found.env[0].origin.span().text == "all"
    check(many("env:\n  AFTER: all\n"))


def test_only_words_differ() -> None:
    other = job(90).replace("cpu: 2", "cpu: 3")
    text = many(other, *(job(number) for number in range(100, 104)))
    assert "step-90" not in repeats(text)
    assert {"step-100", "step-101", "step-102"} <= set(repeats(text))
    check(text)


@pytest.mark.parametrize(
    "seed",
    ["null", '"', "a, b", "a]", "a: b", "a #b", "{{ matrix.x }}", "$X", "&a", "*a", "!a", "\\x41", "\t", "é", "' '", " a", "a ", "-", "---"],
)  # fmt: skip
def test_a_word_that_yaml_reads_in_its_own_way_is_read(seed: str) -> None:
    for model in (JOB, JOB.replace('"{seed}"', "{seed}")):
        lines = [model.format(name=f"step-{at}", seed=at, needs="first") for at in range(12)]
        text = (
            HEAD + "jobs:\n" + FIRST + "".join([*lines, model.format(name="odd", seed=seed, needs="first"), lines[0]])
        )
        check(text.replace(lines[0], "", 1))


@pytest.mark.parametrize(
    ("odd", "is_short"),
    [
        pytest.param('  odd:\n    run: "\n' + job(50) + '  "\n', False, id="a text that goes on over entries"),
        pytest.param('  odd:\n    run: "\n' + job(50) + '"\n', False, id="a text that ends in the first column"),
        pytest.param(
            "  odd:\n    run: |\n" + job(50).replace("\n", "\n    "), False, id="a block that looks like an entry"
        ),
        pytest.param(job(50) + "    retry: {max: 1}\n", True, id="one key more"),
        pytest.param(job(50) + "    # a remark\n", True, id="a remark behind"),
        pytest.param(job(3), False, id="a name that is there already"),
        pytest.param(job(50, name="-odd"), False, id="a name that is none"),
        pytest.param(job(50, name="x" * 280), False, id="a name that is too long"),
        pytest.param(job(50, needs=""), True, id="needs that are empty"),
        pytest.param(job(50, needs="first, step-1"), True, id="one need more"),
        pytest.param("  odd: &odd\n    run: x\n" + job(50), True, id="an anchor"),
        pytest.param(job(50).rstrip("\n"), True, id="no line break at the end"),
        pytest.param(job(50).replace("\n", "\r\n"), False, id="line breaks of another kind"),
        pytest.param("\n\n# a remark\n\n" + job(50), True, id="lines that say nothing"),
        pytest.param("...\n", True, id="the end of the document"),
        pytest.param("--- {}\n", False, id="another document"),
        pytest.param("jobs:\n  again: {run: x}\n", False, id="the key twice"),
        pytest.param("  - odd\n", False, id="an item among entries"),
        pytest.param(" odd: {run: x}\n", False, id="less of an indent"),
    ],
)
def test_what_is_out_of_the_ordinary_is_found(odd: str, is_short: bool) -> None:
    assert (short(many(odd)) is not None) == is_short
    for text in (many(odd), many(odd, job(60), job(61)), HEAD + "jobs:\n" + odd + many().partition("jobs:\n")[2]):
        found = short(text)
        sink = Sink()
        documents = yamltree.parse(Source("headrace.yaml", text), sink)
        if found is None:
            continue
        assert sink.diagnostics == []
        assert len(documents) == 1
        check(text)


def test_a_variable_that_names_a_credential_is_read() -> None:
    lines = "".join(job(at).replace("OUTPUT:", "API_TOKEN:").replace("runs/", "./") for at in range(12))
    text = HEAD + "jobs:\n" + FIRST + lines
    assert repeats(text) == []
    sink = Sink()
    long = text.replace("./step-11", "hunter2") + "\n" * reading.LARGE
    reading.read_source(Source("headrace.yaml", long), "headrace.yaml", sink)
    assert [found.code.name for found in sink.diagnostics] == ["secret-in-clear"]


@pytest.mark.parametrize(
    "seed", ["s3://bucket/{at}", "a, {at}", "$X{at}", "a: {at}", "# {at}", "[{at}]", "*!|>%@ {at}"]
)
def test_quotes_may_hold_what_yaml_would_take_for_its_own(seed: str) -> None:
    lines = [job(at, seed=seed.replace("{at}", str(at))) for at in range(12)]
    text = HEAD + "jobs:\n" + FIRST + "".join(lines)
    assert len(repeats(text)) >= 8
    check(text)


def test_what_is_wrong_with_a_repeat_is_said_at_its_place() -> None:
    text = many(job(3))
    sink = Sink()
    reading.read_source(Source("headrace.yaml", text), "headrace.yaml", sink)
    (found,) = sink.diagnostics
    assert found.code.name == "duplicate-key"
    assert found.span is not None
    assert found.span.begin.line == text.count("\n", 0, text.rindex("  step-3:")) + 1


WORDS = st.sampled_from(
    ["a", "b-1", "null", "1", "0x1f", "true", "x y", "x  y", "a=b", "../x", "-", "--flag", "~", "", " ", "é", "a:b", "a,b"]
)  # fmt: skip
QUOTES = st.sampled_from(["", "", '"', "'"])
ENDS = st.sampled_from(["", "", "", "", "\n", "    # remark\n", "    retry: {max: 2}\n", "    when: event == 'push'\n"])


@st.composite
def entries(draw: st.DrawFn) -> str:
    """A few jobs, alike for the most part."""
    shapes = draw(st.lists(st.sampled_from(["list", "block", "line", "script"]), min_size=1, max_size=2))
    found = []
    variable = draw(st.sampled_from(["A", "A", "API_TOKEN"]))
    for number in range(draw(st.integers(8, 20))):
        shape = draw(st.sampled_from(shapes))
        quote = draw(QUOTES) if draw(st.integers(0, 9)) == 0 else '"'
        word = draw(WORDS) if draw(st.integers(0, 3)) == 0 else f"w{number}"
        runs = {
            "list": f"    run: [python, {quote}{word}{quote}]\n",
            "block": f"    run:\n      - python\n      - {quote}{word}{quote}\n",
            "line": f"    run: {quote}{word}{quote}\n",
            "script": f"    run: |\n      python {word}\n",
        }
        name = draw(WORDS) if draw(st.integers(0, 150)) == 0 else f"job-{number}"
        found.append(f"  {name}:\n{runs[shape]}    env: {{{variable}: {quote}{word}{quote}}}\n{draw(ENDS)}")
    return "".join(found)


@settings(max_examples=300, deadline=None)
@given(entries(), st.sampled_from(["", "env: {X: y}\n", "# the end", "..."]))
def test_any_jobs_come_out_as_if_all_had_been_read(text: str, end: str) -> None:
    text = HEAD + "jobs:\n" + text + end
    found = short(text)
    if found is None:
        return
    expected, sink = whole(text)
    assert sink.diagnostics == []
    assert found == expected
    assert expected is not None
    assert places(found) == places(expected)


def test_repeats_are_nodes_like_others() -> None:
    found = short(many())
    assert found is not None
    read: list[Job] = [one for one in found.jobs if not isinstance(one.origin, Place)]
    made = [one for one in found.jobs if isinstance(one.origin, Place)]
    assert len(made) > len(read)
    assert all(isinstance(node, Node) for one in made for node in walk(one))
    assert {re.sub(r"[0-9]+", "0", repr(one)) for one in made} == {re.sub(r"[0-9]+", "0", repr(read[-1]))}
