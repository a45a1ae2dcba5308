"""The language of objectives: what it reads, how it is written again, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.ir import Absolute, Difference, Metric, Number, Objective
from compiler.objective import OPERATORS, UNITS, ObjectiveError, as_json, metrics, parse, text

ACCURACY = Metric(name="accuracy")


def number(value: str, unit: str | None = None) -> Number:
    return Number(value=value, unit=unit)


READS = {
    "accuracy >= 0.90": Objective(left=ACCURACY, operator=">=", right=number("0.90")),
    "accuracy[segment=new] >= 0.85": Objective(
        left=Metric(name="accuracy", slice=(("segment", "new"),)), operator=">=", right=number("0.85")
    ),
    "accuracy - accuracy[segment=old] <= 0.05": Objective(
        left=Difference(left=ACCURACY, right=Metric(name="accuracy", slice=(("segment", "old"),))),
        operator="<=",
        right=number("0.05"),
    ),
    "accuracy >= baseline.accuracy": Objective(
        left=ACCURACY, operator=">=", right=Metric(name="accuracy", baseline=True)
    ),
    "abs(a - b) <= 0.1": Objective(
        left=Absolute(term=Difference(left=Metric(name="a"), right=Metric(name="b"))),
        operator="<=",
        right=number("0.1"),
    ),
    "latency_ms < 250 ms": Objective(left=Metric(name="latency_ms"), operator="<", right=number("250", "ms")),
    "accuracy > 90%": Objective(left=ACCURACY, operator=">", right=number("90", "%")),
    "loss == 1e-3 within 0.01": Objective(
        left=Metric(name="loss"), operator="==", right=number("1e-3"), tolerance=number("0.01")
    ),
    "val/loss < -0.5": Objective(left=Metric(name="val/loss"), operator="<", right=number("-0.5")),
    "mAP@0.5:0.95 >= 0.3": Objective(left=Metric(name="mAP@0.5:0.95"), operator=">=", right=number("0.3")),
    "'val-acc' >= 0.5": Objective(left=Metric(name="val-acc"), operator=">=", right=number("0.5")),
    "'it''s' >= 0.5": Objective(left=Metric(name="it's"), operator=">=", right=number("0.5")),
    "'baseline.x' >= 0.5": Objective(left=Metric(name="baseline.x"), operator=">=", right=number("0.5")),
    "baseline.'x-y' >= 'x-y'": Objective(
        left=Metric(name="x-y", baseline=True), operator=">=", right=Metric(name="x-y")
    ),
    "a[k='x, y', z=b c] != 0": Objective(
        left=Metric(name="a", slice=(("k", "x, y"), ("z", "b c"))), operator="!=", right=number("0")
    ),
    "Genauigkeit_größe >= 1": Objective(left=Metric(name="Genauigkeit_größe"), operator=">=", right=number("1")),
}


@pytest.mark.parametrize("source", READS)
def test_reads_and_writes_the_same(source: str) -> None:
    assert parse(source) == READS[source]
    assert text(READS[source]) == source


@pytest.mark.parametrize(
    ("source", "canonical"),
    [
        ("accuracy>=.9", "accuracy >= .9"),
        ('  "accuracy"  >= +0.9 ', "accuracy >= 0.9"),
        ("a [ z = 1 , b = 2 ] >= 3", "a[b=2, z=1] >= 3"),
        ("accuracy >= baseline - 0.01", "accuracy >= baseline.accuracy - 0.01"),
        ("accuracy[s=1] >= baseline", "accuracy[s=1] >= baseline.accuracy[s=1]"),
        ("accuracy[s=1] >= baseline[s=2]", "accuracy[s=1] >= baseline.accuracy[s=2]"),
        ("abs(accuracy - baseline) < 5%", "abs(accuracy - baseline.accuracy) < 5%"),
        ("t_s < 5min", "t_s < 5 min"),
        ("x > 1 - -2", "x > 1 - -2"),
    ],
)
def test_has_one_spelling(source: str, canonical: str) -> None:
    assert text(parse(source)) == canonical
    assert parse(canonical) == parse(source)


@pytest.mark.parametrize(
    ("source", "offset", "message", "advice"),
    [
        ("", 0, "the objective is empty", "write one such as"),
        ("accuracy", 8, "an operator (>=, <=, ==, !=, >, <) is expected, not the end", None),
        ("accuracy >=", 11, "a metric or a number is expected, not the end", None),
        ("x = 1", 2, '"=" is not an operator', 'write "=="'),
        ("x => 1", 2, '"=>" is not an operator', 'write ">="'),
        ("x ≥ 1", 2, '"≥" is not an operator', 'write ">="'),
        ("x == 1 ± 2", 7, '"±" is not an operator', 'write "within" before the tolerance'),
        ("0.1 < x < 2", 8, '"<" is not expected here', "write one objective for each comparison"),
        ("x > 1 and y > 2", 6, '"and" is not expected here', "write one objective for each comparison"),
        (
            "val-acc > 1",
            0,
            '"val-acc" may be a name or a difference',
            "write \"val - acc\" for a difference, 'val-acc'",
        ),
        ("x >= baseline-0.1", 5, '"baseline-0.1" may be a name or a difference', 'write "baseline - 0.1"'),
        ("x > 1,000", 5, '"," does not belong into a number', "write thousands without commas"),
        ("size_mb > 5 mb", 12, 'unit "mb" is not known', 'write "MB"'),
        ("x > 5 parsecs", 6, 'unit "parsecs" is not known', "units are us, ms"),
        ("latency < 250 ms", 0, 'metric "latency" does not say its unit', 'as in "latency_ms"'),
        ("latency_ms < 5 MB", 0, 'metric "latency_ms" is in "ms"', None),
        ("latency_ms < 5%", 0, 'metric "latency_ms" is in "ms"', None),
        ("t_ms < 5 s within 1 MB", 18, 'units "s" and "MB" do not measure the same', None),
        ("t_ms - 3 < 5 s", 7, 'number "3" has no unit, unlike the rest', "give it one of us, ms, s, min, h"),
        ("a_ms - b_s < 5", 13, 'number "5" has no unit, unlike the rest', "give it one of us, ms, s, min, h"),
        ("0.9 > 0.8", 0, "no metric of this run is compared", "write one such as"),
        ("baseline.x > 0.8", 0, "no metric of this run is compared", "write one such as"),
        ("x >= x", 0, "both sides are the same", None),
        ("baseline > 0.8", 0, '"baseline" does not say which metric', "name the metric"),
        ("x >= baseline - y", 5, '"baseline" does not say which metric', "name the metric"),
        ("a - b - c > 1", 6, "a side has one difference at most", None),
        ("a + b > 1", 2, '"+" is not known: objectives compare metrics and differences', None),
        ("abs(abs(x)) > 1", 4, '"abs" within "abs" says nothing more', None),
        ("abs(x > 1", 6, '")" is expected', None),
        ("x == 1 within y", 14, "a tolerance is a number", None),
        ("x == 1 within -1", 14, 'tolerance "-1" is negative', None),
        ("x > 1e9999", 4, 'number "1e9999..." is out of range', None),
        ("x > " + "9" * 301, 4, 'number "99999999999999999999..." is out of range', None),
        ("x[b] > 1", 3, '"=" is expected in the slice', None),
        ("x[b=c > 1", 9, '"," or "]" is expected in the slice', None),
        ("x[] > 1", 2, "a slice is name=value", "write one such as"),
        ("x[a=1, a=2] > 1", 6, 'slice "a" is given twice', None),
        ("'x > 1", 0, '"\'" is not part of an objective', "close the quote"),
        ("'' > 1", 0, "a name has printable characters, one at least", None),
        ("'a\nb' > 1", 0, "a name has printable characters, one at least", None),
        ("x > $(id)", 4, '"$" is not part of an objective', None),
        ("and > 1", 0, 'a metric or a number is expected, not "and"', None),
    ],
)
def test_refuses_at_the_place(source: str, offset: int, message: str, advice: str | None) -> None:
    with pytest.raises(ObjectiveError) as caught:
        parse(source)
    assert (caught.value.offset, caught.value.message) == (offset, message)
    assert (caught.value.suggestion is None) == (advice is None)
    assert (advice or "") in (caught.value.suggestion or "")


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ("accuracy >= 0.90", [">=", {"metric": "accuracy"}, {"number": "0.90"}]),
        ("a[k=v] > 9%", [">", {"metric": "a", "slice": {"k": "v"}}, {"number": "9", "scale": "1/100"}]),
        ("a_pct > 9%", [">", {"metric": "a_pct", "scale": "1/100"}, {"number": "9", "scale": "1/100"}]),
        ("t_ms < 2 s", ["<", {"metric": "t_ms", "scale": "1/1000"}, {"number": "2"}]),
        ("t_ms < 250", ["<", {"metric": "t_ms"}, {"number": "250"}]),
        ("t_ms < t_s", ["<", {"metric": "t_ms", "scale": "1/1000"}, {"metric": "t_s"}]),
        ("x_mb < 2 GiB", ["<", {"metric": "x_mb", "scale": "1000000"}, {"number": "2", "scale": "1073741824"}]),
        (
            "abs(x - baseline) == 0 within 0.1",
            [
                "==",
                ["abs", ["-", {"metric": "x"}, {"metric": "x", "baseline": True}]],
                {"number": "0"},
                {"number": "0.1"},
            ],
        ),
    ],
)
def test_is_data_for_the_gate(source: str, data: list[object]) -> None:
    assert as_json(parse(source)) == [text(parse(source)), *data]


def test_lists_its_metrics() -> None:
    assert metrics(parse("abs(a[k=v] - baseline.b) <= c")) == [
        Metric(name="a", slice=(("k", "v"),)),
        Metric(name="b", baseline=True),
        Metric(name="c"),
    ]


NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12) | st.sampled_from(
    ["abs", "within", "baseline", "and", "baseline.x", "a.b/c@1", "a'b", 'a"b', "x y", "5x", "s", "ms", "%"]
)
METRICS = st.builds(
    lambda name, pairs, baseline: Metric(name=name, slice=tuple(sorted(pairs.items())), baseline=baseline),
    NAMES,
    st.dictionaries(NAMES, NAMES, max_size=2),
    st.booleans(),
)
NUMBERS = st.builds(number, st.sampled_from(["0", "1", "-2.50", "1e-3", "10"]))
LEAVES = METRICS | NUMBERS
DIFFERENCES = st.builds(lambda left, right: Difference(left=left, right=right), LEAVES, LEAVES)
TERMS = LEAVES | DIFFERENCES | st.builds(lambda term: Absolute(term=term), LEAVES | DIFFERENCES)


@given(
    left=TERMS,
    operator=st.sampled_from(OPERATORS),
    right=TERMS,
    tolerance=st.none() | st.sampled_from([number("0.1"), number("0")]),
)
def test_any_objective_survives_its_text(left, operator, right, tolerance) -> None:
    objective = Objective(left=left, operator=operator, right=right, tolerance=tolerance)
    try:
        again: Objective | str = parse(text(objective))
    except ObjectiveError as error:
        again = error.message
    if isinstance(again, Objective):
        assert again == objective
    else:
        known = ("both sides are the same", "no metric of this run is compared")
        assert again in known or again.endswith(("does not say its unit", "unlike the rest"))


@given(st.text() | st.text(st.sampled_from("ab .-+[]=<>'\"()%,15es")))
def test_any_text_is_read_or_refused_in_place(source: str) -> None:
    offset = 0
    try:
        parse(source)
    except ObjectiveError as error:
        offset = error.offset
    assert 0 <= offset <= len(source)


def test_every_unit_is_read() -> None:
    names = {"time": "x_s", "size": "x_bytes", "ratio": "x"}
    for unit, (dimension, _scale) in UNITS.items():
        source = text(parse(f"{names[dimension]} < 5 {unit}"))
        assert metrics(parse(source)) == [Metric(name=names[dimension])]
