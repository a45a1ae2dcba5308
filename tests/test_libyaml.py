"""libyaml's parser without the rest of PyYAML: what is there, and that PyYAML is whole for whoever asks for more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def said(code: str) -> list[str]:
    """What a fresh interpreter prints."""
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return shown.stdout.splitlines()


def test_the_parser_alone_is_imported() -> None:
    modules = said("import sys, compiler.libyaml; print(*sys.modules)")[0].split()
    found = {name for name in modules if name.partition(".")[0] == "yaml"}
    assert found == {"yaml", "yaml._yaml", "yaml.error", "yaml.events", "yaml.nodes", "yaml.tokens"}


def test_pyyaml_is_whole_for_who_asks() -> None:
    code = """
import compiler.libyaml
import yaml
print(yaml.load("a: [1, 2.5, yes]", Loader=yaml.CSafeLoader), yaml.safe_dump({"b": None}).strip(), yaml.__with_libyaml__)
for text in ("a: [", "a: *b", "\\x01"):
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        try:
            yaml.load(text, Loader=loader)
        except yaml.YAMLError as error:
            print(type(error).__module__, type(error).__name__)
"""
    assert said(code) == [
        "{'a': [1, 2.5, True]} b: null True",
        *["yaml.parser ParserError"] * 2,
        *["yaml.composer ComposerError"] * 2,
        *["yaml.reader ReaderError"] * 2,
    ]


def test_a_part_of_pyyaml_may_be_asked_for_first() -> None:
    code = """
import compiler.libyaml
from yaml.constructor import ConstructorError
from yaml import SafeLoader
import yaml
try:
    yaml.load("!x 1", Loader=SafeLoader)
except ConstructorError as error:
    print(error.problem)
"""
    assert said(code) == ["could not determine a constructor for the tag '!x'"]


def test_faults_are_the_same_before_and_after() -> None:
    code = """
from compiler.diagnostics import Sink
from compiler.source import Source
from compiler.yamltree import parse

def faults():
    for text in ("a: [", "a: *b", "a:\\x01", "\\tb: 1"):
        sink = Sink()
        parse(Source("x.yaml", text), sink)
        yield [repr(found) for found in sink.diagnostics]

before = list(faults())
import yaml
yaml.safe_load("a: 1")
print(all(before), before == list(faults()))
"""
    assert said(code) == ["True True"]


def test_pyyaml_that_is_there_already_is_used() -> None:
    code = "import yaml, compiler.libyaml as bound; print(bound.CParser is yaml._yaml.CParser, yaml.safe_load('a: 1'))"
    assert said(code) == ["True {'a': 1}"]
