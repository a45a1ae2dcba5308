"""docs/proof.md has every sentence of the semantics, and what it names is there."""

from __future__ import annotations

import re

import pytest

from tests.engines.cases import FIXTURES
from tests.semantics import PAGE, sentences

ROOT = PAGE.parent.parent
PROOF = PAGE.with_name("proof.md")
ROW = re.compile(r"^\| (?P<sentence>.*?)(?<!\\) \| (?P<proof>[^|]*) \|$")


def rows() -> list[tuple[str, str]]:
    lines = PROOF.read_text(encoding="utf-8").splitlines()
    found = [ROW.match(line) for line in lines[lines.index("|---|---|") + 1 :]]
    assert all(found), "a row without two cells"
    return [(one["sentence"].replace("\\|", "|"), one["proof"]) for one in found if one is not None]


def test_every_sentence_has_its_row() -> None:
    assert [sentence for sentence, _ in rows()] == sentences(), (
        "docs/proof.md has other sentences than docs/semantics.md"
    )


@pytest.mark.parametrize(("sentence", "proof"), rows(), ids=lambda text: text[:40])
def test_what_proves_a_sentence_is_there(sentence: str, proof: str) -> None:
    names = re.findall(r"`([^`]+)`", proof)
    cases = re.findall(r"\]\(\.\./(fixtures/engines/[^)]+)\)", proof)
    assert names or cases or proof.startswith("every case"), sentence
    for name in [*names, *cases]:
        path, _, function = name.partition("::")
        assert (ROOT / path).exists(), name
        assert not function or f"\ndef {function}(" in (ROOT / path).read_text(encoding="utf-8"), name


def test_every_case_of_the_engines_stands_for_something() -> None:
    page = PROOF.read_text(encoding="utf-8")
    assert [path.name for path in sorted(FIXTURES.iterdir()) if f"(../fixtures/engines/{path.name})" not in page] == []
