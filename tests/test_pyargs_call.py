"""Calls of scripts: what is wrong with them, and that the words written reach the script as they were meant."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.pyargs import Hole, Interface, Value, Word, argv, check_call, read_interface

HEAD = "import argparse, json\nfrom argparse import BooleanOptionalAction\nfrom pathlib import Path\n"


def script(*calls: str, start: str = "parser = argparse.ArgumentParser()") -> str:
    return HEAD + "\n".join([start, *calls]) + "\n"


def read(*calls: str, start: str = "parser = argparse.ArgumentParser()") -> Interface:
    return read_interface(script(*calls, start=start) + "parser.parse_args()\n", "train.py")


def add(*arguments: str) -> Interface:
    return read(*(f"parser.add_argument({one})" for one in arguments))


def kinds(interface: Interface, given: dict[str, Value], *path: str) -> list[str]:
    return [problem.kind for problem in check_call(interface, given, path)]


def words(interface: Interface, given: dict[str, Value], *path: str) -> str:
    """The words as a line, holes as {type}."""
    made = argv(interface, given, path)
    assert all(isinstance(word, tuple) and word for word in made)
    return " ".join("".join(part if isinstance(part, str) else f"{{{part.type}}}" for part in word) for word in made)


FLOAT = Hole("float", dash=False)


@pytest.mark.parametrize(
    ("argument", "value", "kind"),
    [
        ("'--x', type=int", 3, ""),
        ("'--x', type=int", "3", ""),
        ("'--x', type=int", "-3", ""),
        ("'--x', type=int", "abc", "wrong-type"),
        ("'--x', type=int", 3.0, "wrong-type"),
        ("'--x', type=int", True, "wrong-type"),
        ("'--x', type=int", [3], ""),
        ("'--x', type=int", [3, 4], "too-many-values"),
        ("'--x', type=int", [], "too-few-values"),
        ("'--x', type=int", [[3]], "wrong-type"),
        ("'--x', type=int", Hole("int"), ""),
        ("'--x', type=int", Hole("float"), "wrong-type"),
        ("'--x', type=int", Hole("string"), "wrong-type"),
        ("'--x', type=int", Hole("secret"), ""),
        ("'--x', type=float", 3, ""),
        ("'--x', type=float", 1e-5, ""),
        ("'--x', type=float", "one", "wrong-type"),
        ("'--x', type=float", Hole("int"), ""),
        ("'--x', type=float", Hole("bool"), "wrong-type"),
        ("'--x'", 3, ""),
        ("'--x'", True, ""),
        ("'--x'", Hole("bool"), ""),
        ("'--x', type=Path", "a/b", ""),
        ("'--x', type=json.loads", '{"a": 1}', ""),
        ("'--x', type=json.loads", "{a: 1}", "wrong-type"),
        ("'--x', type=bool", True, ""),
        ("'--x', type=bool", False, ""),
        ("'--x', type=bool", "False", "bool-is-text"),
        ("'--x', type=bool", 0, "bool-is-text"),
        ("'--x', type=bool", "yes", ""),
        ("'--x', type=bool", Hole("bool"), "bool-is-text"),
        ("'--x', type=lambda t: t", [1], ""),
        ("'--x', choices=['a', 'b']", "a", ""),
        ("'--x', choices=['a', 'b']", "A", "not-in-choices"),
        ("'--x', choices=['True', 'False']", True, ""),
        ("'--x', choices=[1, 2], type=int", "2", ""),
        ("'--x', choices=[1, 2], type=int", 3, "not-in-choices"),
        ("'--x', choices=[1, 2]", 1, "not-in-choices"),
        ("'--x', choices=[0.1], type=float", "1e-1", ""),
        ("'--x', choices=['a'], type=str.lower", "A", ""),
        ("'--x', choices=['a', 'b'], nargs='+'", ["a", "c"], "not-in-choices"),
        ("'--x', choices=['a']", Hole("string"), ""),
        ("'--x', nargs=2", [1, 2], ""),
        ("'--x', nargs=2", [1], "too-few-values"),
        ("'--x', nargs=2", [1, 2, 3], "too-many-values"),
        ("'--x', nargs='+'", 1, ""),
        ("'--x', nargs='+'", [], "too-few-values"),
        ("'--x', nargs='*'", [], ""),
        ("'--x', nargs='?'", [1, 2], "too-many-values"),
        ("'--x', nargs='+', type=int", [1, "b"], "wrong-type"),
        ("'--x', nargs='+', type=int", [1, -2], ""),
        ("'--x', nargs='+'", ["a", "-b"], "ambiguous"),
        ("'--x', nargs='+'", ["-b"], ""),
        ("'--x'", "--", "ambiguous"),
        ("'--x', action='append'", ["a", "b"], ""),
        ("'--x', action='append', nargs=2", [["a", "b"], ["c", "d"]], ""),
        ("'--x', action='append', nargs=2", [["a", "b"], ["c"]], "too-few-values"),
        ("'--x', action='store_true'", True, ""),
        ("'--x', action='store_true'", False, ""),
        ("'--x', action='store_true'", "true", "takes-no-value"),
        ("'--x', action='store_true'", 1, "takes-no-value"),
        ("'--x', action='store_true'", [], "takes-no-value"),
        ("'--x', action='store_true'", Hole("bool"), "flag-at-run-time"),
        ("'--x', action=BooleanOptionalAction", False, ""),
        ("'--x', action=BooleanOptionalAction", "no", "takes-no-value"),
        ("'--x', action='count'", 3, ""),
        ("'--x', action='count'", True, ""),
        ("'--x', action='count'", -1, "wrong-type"),
        ("'--x', action='count'", "3", ""),
        ("'--x', action='count'", "-3", "wrong-type"),
        ("'--x', action='count'", "many", "wrong-type"),
    ],
)
def test_values(argument: str, value: Value, kind: str) -> None:
    assert kinds(add(argument), {"x": value}) == [kind] * bool(kind)


def test_a_number_of_more_digits_than_python_converts() -> None:
    assert kinds(add("'--x', type=int"), {"x": 10**5000}) == ["wrong-type"]


@pytest.mark.parametrize(
    ("key", "flag"),
    [
        ("learning-rate", "--learning-rate"),
        ("learning_rate", "--learning-rate"),
        ("--learning-rate", "--learning-rate"),
        ("-l", "-l"),
        ("l", "-l"),
        ("scale_min", "--scale_min"),
        ("scale-min", "--scale_min"),
        ("rate", "--learning-rate"),
    ],
)
def test_spellings(key: str, flag: str) -> None:
    interface = add("'-l', '--learning-rate', dest='rate'", "'--scale_min'")
    assert kinds(interface, {key: 1}) == []
    assert words(interface, {key: 1}) == f"{flag} 1"


@pytest.mark.parametrize(
    ("key", "help"),
    [
        ("learnin-rate", 'did you mean "learning-rate"?'),
        ("--learning_rate", 'did you mean "--learning-rate"?'),
        ("learn", 'did you mean "learning-rate"?'),
        ("Learning-Rate", 'did you mean "learning-rate"?'),
        ("zzz", "one of: learning-rate, epochs"),
        ("", "one of: learning-rate, epochs"),
    ],
)
def test_unknown_names(key: str, help: str) -> None:
    (problem,) = check_call(add("'--learning-rate'", "'--epochs'"), {key: 1})
    assert (problem.kind, problem.name, problem.help) == ("unknown-argument", key, help)


def test_a_script_without_arguments() -> None:
    (problem,) = check_call(add(), {"x": 1})
    assert problem.help == "the script takes no arguments"


def test_names_that_may_be_two() -> None:
    interface = add("'--a-b'", "'--a_b'", "'--c', dest='e'", "'--d', dest='e'")
    assert kinds(interface, {"a-b": 1, "a_b": 2}) == []
    assert kinds(interface, {"e": 1}) == ["ambiguous"]
    assert kinds(add("'--lr', '--rate'"), {"lr": 1, "rate": 2}) == ["given-twice"]


def test_what_is_required() -> None:
    interface = add("'--x', required=True", "'--y'", "'data'", "'rest', nargs='*'", "'last', nargs='?'")
    (first, second) = check_call(interface, {"y": 1})
    assert (first.kind, first.name, second.name) == ("missing-argument", "--x", "data")
    assert kinds(interface, {"x": None, "data": "d"}) == ["missing-argument"]
    assert kinds(interface, {"x": 1, "data": "d"}) == []


def test_what_may_be_there_is_not_required() -> None:
    interface = read("import lib", "if lib.x:\n    parser.add_argument('--x', required=True)")
    assert kinds(interface, {}) == []
    assert kinds(interface, {"x": 1}) == []


def test_exclusive_groups() -> None:
    interface = read(
        "g = parser.add_mutually_exclusive_group(required=True)",
        "g.add_argument('--a', action='store_true')",
        "g.add_argument('--b')",
    )
    (both,) = check_call(interface, {"a": True, "b": 1})
    assert (both.kind, both.name, both.message) == ("exclusive", "b", '"b" may not be given together with "a"')
    (none,) = check_call(interface, {"a": False})
    assert (none.kind, none.accepted) == ("missing-argument", ("--a", "--b"))
    assert kinds(interface, {"a": False, "b": 1}) == []


def test_positionals_are_told_apart_by_place() -> None:
    interface = add("'a', nargs='?'", "'b', nargs='*'", "'c', nargs='*'")
    assert kinds(interface, {"b": ["x"]}) == ["ambiguous"]
    assert kinds(interface, {"a": "w", "b": ["x"], "c": ["y"]}) == ["ambiguous"]
    assert kinds(interface, {"a": "w", "b": ["x"]}) == []


SUBCOMMANDS = (
    "parser.add_argument('--verbose', action='store_true')",
    "parser.add_argument('--files', nargs='+')",
    "s = parser.add_subparsers(dest='command', required=True)",
    "train = s.add_parser('train', aliases=['fit'])",
    "train.add_argument('--lr', type=float, required=True)",
    "train.add_argument('data')",
    "s.add_parser('test').add_argument('--verbose', action='store_true')",
)


def test_subcommands() -> None:
    interface = read(*SUBCOMMANDS)
    assert kinds(interface, {}) == ["missing-subcommand"]
    (problem,) = check_call(interface, {}, ("trian",))
    assert (problem.kind, problem.help) == ("unknown-subcommand", 'did you mean "train"?')
    assert kinds(interface, {"lr": 1}, "train") == ["missing-argument"]
    assert kinds(interface, {"lr": 1, "data": "d"}, "fit") == []
    assert kinds(interface, {"lr": 1}, "test") == ["unknown-argument"]
    assert words(interface, {"data": "d", "lr": 1, "verbose": True}, "train") == "--verbose train --lr 1 d"
    assert words(interface, {"verbose": True}, "test") == "test --verbose"


def test_a_subcommand_is_chosen_by_the_name_of_its_attribute() -> None:
    interface = read(*SUBCOMMANDS)
    assert words(interface, {"command": "train", "data": "d", "lr": 1}) == "train --lr 1 d"
    assert words(interface, {"verbose": True, "--command": ["test"]}) == "test --verbose"
    assert kinds(interface, {"command": "train", "lr": 1}) == ["missing-argument"]
    assert kinds(interface, {"command": Hole("string", "x")}) == ["computed-subcommand", "missing-subcommand"]
    (problem,) = check_call(interface, {"command": "trian"})
    assert (problem.kind, problem.name, problem.help) == ("unknown-subcommand", "command", 'did you mean "train"?')
    missing, unknown = check_call(interface, {"lr": 1})
    assert missing.message == 'a subcommand is required: "command" names it'
    assert unknown.help == 'it is an argument of the subcommand "train", which "command" chooses'


def test_a_subcommand_of_another_and_one_without_an_attribute() -> None:
    interface = read(
        "s = parser.add_subparsers()",
        "data = s.add_parser('data').add_subparsers(dest='what')",
        "data.add_parser('fetch').add_argument('--to')",
    )
    assert words(interface, {"command": "data", "what": "fetch", "to": "x"}) == "data fetch --to x"
    assert words(interface, {"to": "x", "command": ["data", "fetch"]}) == "data fetch --to x"
    assert words(interface, {}) == ""


def test_open_ends_before_a_subcommand() -> None:
    interface = read(*SUBCOMMANDS)
    assert words(interface, {"verbose": True, "files": ["a", "b"]}, "test") == "--files a b test --verbose"
    assert kinds(interface, {"files": ["a", "b"]}, "test") == ["ambiguous"]
    assert kinds(interface, {"files": ["a"]}, "test") == []
    assert words(interface, {"files": ["a"]}, "test") == "--files=a test"


def test_the_words_of_flags() -> None:
    interface = add(
        "'--t', action='store_true'", "'--no-c', dest='c', action='store_false'", "'-v', action='count'", "'--b', type=bool",
        "'--o', action=BooleanOptionalAction", "'--l', nargs='+'", "'--a', action='append'", "'--p', action='append', nargs=2",
        "'--q', nargs='?', const=1", "'--s'", "'--choice', choices=['True', 'False']",
    )  # fmt: skip
    assert words(interface, {"t": True, "no-c": True}) == "--t --no-c"
    assert words(interface, {"t": False, "no-c": False}) == ""
    assert words(interface, {"c": False}) == "--no-c"
    assert words(interface, {"c": True}) == ""
    assert words(interface, {"v": 3}) == "-v -v -v"
    assert words(interface, {"b": True, "o": True}) == "--b true --o"
    assert words(interface, {"b": False, "o": False}) == "--b= --no-o"
    assert words(interface, {"no-o": False}) == "--o"
    assert words(interface, {"l": [1, "b c"], "a": [1, "-2"], "p": [["a", "b"]]}) == "--l 1 b c --a 1 --a=-2 --p a b"
    assert words(interface, {"q": True}) == "--q"
    assert words(interface, {"q": "x"}) == "--q x"
    assert words(interface, {"s": "-x", "choice": True}) == "--s=-x --choice True"
    assert words(interface, {"s": FLOAT, "l": [Hole("string")]}) == "--s {float} --l={string}"
    assert words(interface, {"s": Hole("string")}) == "--s={string}"
    assert words(interface, {"s": None, "a": []}) == ""


def test_the_words_of_positionals() -> None:
    interface = add("'b'", "'--x'", "'a', nargs='*'", "'--l', nargs='*'")
    assert words(interface, {"a": [1, 2], "x": 1, "b": "f"}) == "--x 1 f 1 2"
    assert words(interface, {"a": ["-2"], "b": "f"}) == "-- f -2"
    assert words(interface, {"b": "f", "l": ["g"]}) == "--l g -- f"
    assert words(interface, {"b": Hole("string")}) == "-- {string}"
    assert words(interface, {"b": FLOAT}) == "{float}"


def test_what_is_not_known_is_passed_as_written() -> None:
    click = read_interface("import click\n@click.command()\ndef main(): ...\n", "x.py")
    call: dict[str, Value] = {"learning_rate": 0.1, "--flag": None, "-n": "-3", "on": True, "l": [1, 2], "h": FLOAT}
    assert check_call(click, call) == ()
    assert words(click, call) == "--learning_rate 0.1 --flag -n=-3 --on true --l 1 2 --h {float}"
    assert words(click, {"lr": 1}, "train") == "train --lr 1"
    partly = read("import lib", "parser.add_argument('--x', type=int)", "lib.more(parser)")
    assert kinds(partly, {"unheard_of": 1, "x": "a"}) == ["wrong-type"]
    assert words(partly, {"unheard_of": 1, "x": 2}) == "--unheard_of 1 --x 2"


def test_hydra_takes_assignments() -> None:
    hydra = read_interface("import hydra\n@hydra.main()\ndef main(cfg): ...\n", "x.py")
    call: dict[str, Value] = {
        "optimizer.lr": FLOAT,
        "model": "big",
        "sizes": [1, FLOAT],
        "--config-name": "x",
        "off": None,
    }
    assert words(hydra, call) == "optimizer.lr={float} model=big sizes=[1,{float}] --config-name x off=null"
    assert argv(hydra, {"a": [1, FLOAT, 2]}) == (("a=[1,", FLOAT, ",2]"),)


def test_mlreef_truth_values() -> None:
    text = "@processor('x')\n@param('flag', 'bool', True, True)\n@param('n', 'int', True, '')\ndef f(): ...\n"
    interface = read_interface(text, "x.py")
    assert words(interface, {"flag": False, "n": 3}) == "--flag False --n 3"
    assert kinds(interface, {"n": "x", "m": 1}) == ["unknown-argument", "wrong-type"]


def test_names_that_a_file_is_read_for() -> None:
    interface = read("parser.add_argument('--x')", start="parser = argparse.ArgumentParser(fromfile_prefix_chars='@')")
    assert words(interface, {"x": "@file"}) == "--x=@file"


# The real argparse reads what argv writes.

OPTIONS = [
    "'--text'", "'--int', type=int", "'--float', type=float", "'-s', '--short'", "'--many', nargs='*'", "'--some', nargs='+'",
    "'--two', nargs=2", "'--maybe', nargs='?', const='C'", "'--ap', action='append'", "'--apn', action='append', nargs=2",
    "'--ext', action='extend', nargs='+'", "'--on', action='store_true'", "'--off', action='store_false'", "'-v', action='count'",
    "'--bo', action=BooleanOptionalAction", "'--truth', type=bool", "'--const', action='store_const', const=4",
]  # fmt: skip
POSITIONALS = [
    (),
    ("'p1'",),
    ("'p1'", "'p2'"),
    ("'p1'", "'ps', nargs='+'"),
    ("'ps', nargs='*'", "'p2'"),
    ("'pq', nargs='?'",),
]
WORD = st.text(st.sampled_from("ab-=1. é'\"$@"), max_size=4).filter(lambda word: word != "--")
LIST = st.lists(WORD, min_size=1, max_size=3)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": WORD, "int": st.integers(-99, 99), "float": st.floats(allow_nan=False), "short": WORD, "many": LIST, "some": LIST,
    "two": st.lists(WORD, min_size=2, max_size=2), "maybe": WORD | st.just(True), "ap": LIST, "apn": st.lists(st.lists(WORD, min_size=2, max_size=2), max_size=2), "ext": LIST,
    "on": st.booleans(), "off": st.booleans(), "v": st.integers(0, 3), "bo": st.booleans(), "truth": st.booleans(), "const": st.booleans(),
    "p1": WORD, "p2": WORD, "ps": LIST, "pq": WORD,
}  # fmt: skip


def expected(name: str, value: Any) -> Any:
    """What the script should find under a name."""
    if name in ("text", "short", "p1", "p2", "pq", "int", "float", "bo", "truth", "on"):
        return value
    if name == "maybe":
        return "C" if value is True else value
    if name == "off":
        return not value
    if name == "const":
        return 4 if value else None
    if name == "v":
        return value or None
    if name in ("ap", "apn", "ext"):
        return value or None
    return value


def with_subcommand(text: str) -> str:
    return (
        text
        + "s = parser.add_subparsers(dest='command')\nsub = s.add_parser('go')\nsub.add_argument('--deep')\nsub.add_argument('arg')\n"
    )


@given(st.data(), st.permutations(list(VALUES)), st.sampled_from(POSITIONALS), st.booleans())
@settings(max_examples=600, deadline=None)
def test_argparse_reads_what_was_meant(
    data: st.DataObject, order: list[str], positionals: tuple[str, ...], nested: bool
) -> None:
    calls = [f"parser.add_argument({one})" for one in (*OPTIONS, *positionals)]
    text = script(*calls)
    if nested:
        text = with_subcommand(text)
    interface = read_interface(text + "parser.parse_args()\n", "x.py")
    names = {argument.name for argument in interface.parameters}
    chosen = [name for name in order if name in names and (name[0] == "p" or data.draw(st.booleans()))]
    call: dict[str, Value] = {name: data.draw(VALUES[name]) for name in chosen}
    if nested:
        call |= {"deep": data.draw(WORD), "arg": data.draw(WORD)}
    path = ("go",) if nested else ()
    if check_call(interface, call, path):
        return  # what is refused has its own test below
    scope: dict[str, Any] = {}
    exec(text, scope)
    line = [str(part) for (part,) in argv(interface, call, path)]
    found = scope["parser"].parse_args(line)
    for name, value in call.items():
        assert getattr(found, name) == expected(name, value), line


@given(st.lists(WORD, max_size=5), st.dictionaries(WORD, WORD | LIST | st.booleans() | st.none() | st.just(FLOAT)))
@settings(max_examples=300, deadline=None)
def test_any_call_is_checked_and_written(path: list[str], call: dict[str, Any]) -> None:
    for interface in (
        read(*SUBCOMMANDS),
        read("lib.f(parser)", *SUBCOMMANDS),
        add("'a'", "'-1', type=int", "'b', nargs='*'"),
    ):
        for problem in check_call(interface, call, path):
            assert problem.message
        made: tuple[Word, ...] = argv(interface, call, path)
        assert all(isinstance(part, str | Hole) for word in made for part in word)


def test_the_calls_that_are_refused_are_refused_by_argparse() -> None:
    arguments = ["'--n', type=int", "'--c', choices=['a']", "'--two', nargs=2", "'--t', action='store_true'", "'data'"]
    interface = add(*arguments)
    scope: dict[str, Any] = {}
    exec(script(*(f"parser.add_argument({one})" for one in arguments)), scope)
    parser: argparse.ArgumentParser = scope["parser"]
    parser.exit_on_error = False
    wrong: list[dict[str, Value]] = [
        {"data": "d", "n": "x"}, {"data": "d", "c": "b"}, {"data": "d", "two": ["a"]}, {}, {"data": "d", "unheard": 1},
    ]  # fmt: skip
    for call in wrong:
        assert check_call(interface, call), call
        line = [str(part) for (part,) in argv(interface, call)]
        if "unheard" in call:
            line.append("--unheard=1")
        with pytest.raises((argparse.ArgumentError, SystemExit)):
            parser.parse_args(line)
    assert check_call(interface, {"data": "d", "n": 1, "t": True}) == ()
    right = [str(part) for (part,) in argv(interface, {"data": "d", "n": 1, "t": True})]
    assert vars(parser.parse_args(right)) == {"data": "d", "n": 1, "c": None, "two": None, "t": True}
