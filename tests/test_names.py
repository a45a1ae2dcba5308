"""targets.names: legal, injective, and the same whatever stands around a name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compiler.ir import Secret
from targets.names import fresh, unique
from targets.secrets import called


def legal(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-") or "x"


def test_legal_names_stay() -> None:
    assert unique(["fetch", "train"], legal, 20) == {"fetch": "fetch", "train": "train"}


def test_a_changed_name_is_short_where_nobody_else_has_it() -> None:
    assert unique(["Train.Model"], legal, 20) == {"Train.Model": "train-model"}


def test_colliding_names_differ_by_hash_and_the_legal_one_stays() -> None:
    made = unique(["a.b", "a-b", "a_b"], legal, 20)
    assert made["a-b"] == "a-b"
    assert len(set(made.values())) == 3
    assert made["a.b"].startswith("a-b-")


def test_a_long_name_is_cut_and_hashed() -> None:
    made = unique(["x" * 50, "x" * 51], legal, 20)
    assert all(len(name) <= 20 for name in made.values())
    assert len(set(made.values())) == 2


def test_what_a_name_becomes_does_not_depend_on_order() -> None:
    names = ["a.b", "a_b", "c d", "e" * 60]
    assert unique(names, legal, 20) == unique(names[::-1], legal, 20)


def test_case_counts_only_where_the_target_says_so() -> None:
    assert unique(["Train", "train"], str, 20) == {"Train": "Train", "train": "train"}
    folded = unique(["Train", "train"], str, 20, key=str.lower)
    assert folded["Train"] == "Train"
    assert folded["train"].startswith("train-")


@given(st.lists(st.text(min_size=1, max_size=40), unique=True, max_size=30), st.integers(min_value=12, max_value=40))
def test_always_injective_and_within_the_limit(names: list[str], limit: int) -> None:
    made = unique(names, legal, limit, key=str.lower)
    assert list(made) == names
    assert len({name.lower() for name in made.values()}) == len(names)
    assert all(0 < len(name) <= limit for name in made.values())


def test_fresh_names_do_not_collide() -> None:
    assert fresh("decide", ["train"]) == "decide"
    assert fresh("decide", ["Decide", "decide-2"]) == "decide-3"


def test_a_secrets_variable_is_one_that_a_shell_reads() -> None:
    made = called([Secret(name="TOKEN"), Secret(name="hf-token"), Secret(name="12"), Secret(name="x", key="a.b")])
    assert made == {"TOKEN": "TOKEN", "hf-token": "hf_token", "12": "_12", "x": "a_b"}


def test_no_two_secrets_share_a_variable_but_by_their_key() -> None:
    secrets = [Secret(name="a-b"), Secret(name="a_b"), Secret(name="x", key="K"), Secret(name="y", key="K")]
    made = called(secrets)
    assert made["a_b"] == "a_b"
    assert made["a-b"].startswith("a_b_")
    assert made["x"] == made["y"] == "K"
    assert len({name.upper() for name in called([Secret(name="db"), Secret(name="DB")], str.upper).values()}) == 2


@given(st.lists(st.text(min_size=1), unique=True))
def test_every_secret_has_a_variable(names: list[str]) -> None:
    made = called([Secret(name=name) for name in names])
    assert len(set(made.values())) == len(names)
    assert all(name.replace("_", "a").isascii() and name.isidentifier() for name in made.values())
