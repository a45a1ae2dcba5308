from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import quantity
from compiler.quantity import LARGEST, NANO, QuantityError

KI = 1024 * NANO


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("0", 0),
        ("+0", 0),
        ("4", 4 * NANO),
        ("+4", 4 * NANO),
        ("007", 7 * NANO),
        (".5", NANO // 2),
        ("5.", 5 * NANO),
        ("0.25", NANO // 4),
        ("500m", NANO // 2),
        ("1500000u", 3 * NANO // 2),
        ("1n", 1),
        ("1k", 1000 * NANO),
        ("1M", 10**6 * NANO),
        ("1G", 10**9 * NANO),
        ("1T", 10**12 * NANO),
        ("1P", 10**15 * NANO),
        ("1E", 10**18 * NANO),
        ("1E3", 1000 * NANO),
        ("1e3", 1000 * NANO),
        ("1e+3", 1000 * NANO),
        ("25e-1", 5 * NANO // 2),
        ("1Ki", KI),
        ("1.5Gi", 3 * KI * 1024 * 1024 // 2),
        (".5Mi", KI * 512),
        ("7Ei", 7 * KI * 1024**5),
        ("9223372036854775807", LARGEST),
    ],
)
def test_reads_every_form_exactly(text: str, nano: int) -> None:
    assert quantity.parse(text) == nano


@pytest.mark.parametrize(
    ("text", "nano"), [("0.1n", 1), ("1.1n", 2), ("1e-10", 1), ("1e-99999", 1), ("0.0000000001", 1), ("0e-99999", 0)]
)
def test_rounds_traces_up(text: str, nano: int) -> None:
    assert quantity.parse(text) == nano


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("16GB", "16G"),
        ("16GiB", "16Gi"),
        ("16 Gi", "16Gi"),
        ("16gi", "16Gi"),
        ("16g", "16G"),
        ("16K", "16k"),
        ("512MB", "512M"),
        ("512mb", "512M"),
        ("1,5Gi", "1.5Gi"),
        ("500 m", "500m"),
        ("4cores", "4"),
        ("4 CPUs", "4"),
        ("2vcpu", "2"),
        ("100 bytes", "100"),
        ("- 4", None),
        ("", None),
        (" ", None),
        (".", None),
        ("+", None),
        ("m", None),
        ("e3", None),
        ("1e", None),
        ("1.2.3", None),
        ("16Gj", None),
        ("0x10", None),
        ("1_000", None),
        ("\uff11", None),
        ("\u0661", None),
        ("4\n", "4"),
        ("1" * 101, None),
    ],
)
def test_refuses_what_is_no_quantity(text: str, meant: str | None) -> None:
    with pytest.raises(QuantityError) as refused:
        quantity.parse(text)
    assert str(refused.value) == f'"{text}" is not a quantity such as 4, 0.5, 500m, 512M or 16Gi'
    assert refused.value.suggestion == meant
    if meant is not None:
        quantity.parse(meant)


@pytest.mark.parametrize("text", ["-1", "-0.5Gi", "-0"])
def test_refuses_a_negative_quantity(text: str) -> None:
    with pytest.raises(QuantityError, match="is negative, a quantity is zero or more"):
        quantity.parse(text)


@pytest.mark.parametrize("text", ["8Ei", "9223372036854775808", "10E", "1e19", "1e99999999", "9" * 100])
def test_refuses_a_quantity_beyond_63_bits(text: str) -> None:
    with pytest.raises(QuantityError, match="is too large, a quantity is less than 8Ei"):
        quantity.parse(text)


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("0m", "0"),
        ("1000m", "1"),
        ("1.5", "1500m"),
        ("1.5Gi", "1536Mi"),
        ("16384Mi", "16Gi"),
        ("1000k", "1M"),
        ("1024", "1Ki"),
        ("128000", "128k"),
        ("9223372036854775807", "9223372036854775807"),
        ("0.0001", "100u"),
        ("1.000000001", "1000000001n"),
        ("1E3", "1k"),
    ],
)
def test_writes_the_shortest_spelling(given_text: str, canonical: str) -> None:
    assert quantity.text(quantity.parse(given_text)) == canonical


@given(
    st.one_of(
        st.integers(0, LARGEST),
        st.builds(
            lambda count, size: count * size, st.integers(0, 7), st.sampled_from([KI << 10 * n for n in range(6)])
        ),
        st.builds(lambda count, power: count * 10**power, st.integers(0, 999), st.integers(0, 24)),
    )
)
def test_what_is_written_is_read_back(nano: int) -> None:
    assert quantity.parse(quantity.text(nano)) == nano


@pytest.mark.parametrize("nano", [-1, LARGEST + 1])
def test_writes_no_quantity_out_of_range(nano: int) -> None:
    with pytest.raises(ValueError, match="out of a quantity's range"):
        quantity.text(nano)


@pytest.mark.parametrize(
    ("text", "units", "thousandths"),
    [
        ("0", 0, 0),
        ("1n", 1, 1),
        ("0.5", 1, 500),
        ("2", 2, 2000),
        ("2.0001", 3, 2001),
        ("16Gi", 16 << 30, 16000 << 30),
    ],
)
def test_rounds_up_to_the_units_that_targets_take(text: str, units: int, thousandths: int) -> None:
    assert quantity.whole_units(quantity.parse(text)) == units
    assert quantity.milli(quantity.parse(text)) == thousandths
