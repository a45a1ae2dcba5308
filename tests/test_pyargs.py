"""Reading scripts: what other libraries do, what can't be known, broken files, and arbitrary text."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler import pyargs
from compiler.pyargs import ABSENT, UNKNOWN, Interface, ScriptSyntaxError, read_interface

PARSER = "import argparse\nparser = argparse.ArgumentParser()\n"


def read(text: str) -> Interface:
    interface = read_interface(textwrap.dedent(text), "train.py")
    assert {remark.kind for remark in interface.remarks} <= set(pyargs.KINDS)
    return interface


def kinds(interface: Interface) -> list[str]:
    return [remark.kind for remark in interface.remarks]


@pytest.mark.parametrize(
    ("text", "framework"),
    [
        ("import click\n@click.command()\n@click.option('--lr')\ndef main(lr): ...\nmain()\n", "click"),
        ("import hydra\n@hydra.main(config_path='conf')\ndef main(cfg): ...\nmain()\n", "hydra"),
        ("import typer\napp = typer.Typer()\n@app.command()\ndef main(lr: float = 0.1): ...\napp()\n", "typer"),
        ("from typer import run\ndef main(): ...\nrun(main)\n", "typer"),
        ("import fire\ndef main(lr=0.1): ...\nfire.Fire(main)\n", "fire"),
        ("from absl import app, flags\nflags.DEFINE_float('lr', 0.1, 'rate')\napp.run(print)\n", "absl"),
        ("from docopt import docopt\nargs = docopt(__doc__)\n", "docopt"),
        (
            "from transformers import HfArgumentParser\np = HfArgumentParser(object)\np.parse_args()\n",
            "hf-argument-parser",
        ),
        ("from optparse import OptionParser\np = OptionParser()\np.parse_args()\n", "optparse"),
        ("import tyro\ntyro.cli(print)\n", "tyro"),
        (
            "from jsonargparse import ArgumentParser\np = ArgumentParser()\np.add_argument('--x')\np.parse_args()\n",
            "jsonargparse",
        ),
        ("import tensorflow as tf\nF = tf.compat.v1.flags.FLAGS\n", "tensorflow-flags"),
        ("from lightning.pytorch.cli import LightningCLI\nLightningCLI()\n", "lightning-cli"),
    ],
)
def test_other_libraries_are_named(text: str, framework: str) -> None:
    interface = read(text)
    assert (interface.style, interface.framework, interface.complete) == ("unreadable", framework, False)
    assert "framework" in kinds(interface)


def test_a_library_that_is_only_imported_does_not_count() -> None:
    interface = read("import click\n" + PARSER + "parser.add_argument('--x')\nclick.echo(parser.parse_args())\n")
    assert (interface.style, interface.complete, kinds(interface)) == ("argparse", True, [])


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        (
            "from common import get_parser\nparser = get_parser()\nparser.add_argument('--x')\nparser.parse_args()\n",
            "imported-parser",
            ["x"],
        ),
        ("from common import parser\nparser.parse_args()\n", "imported-parser", []),
        (
            "from lib import ArgumentParser\np = ArgumentParser()\np.add_argument('--x')\np.parse_args()\n",
            "imported-parser",
            ["x"],
        ),
        (
            PARSER + "import lib\nlib.add_args(parser)\nparser.add_argument('--x')\nparser.parse_args()\n",
            "parser-passed-away",
            ["x"],
        ),
        (
            PARSER + "from lib import more\nparser = more(parser)\nparser.add_argument('--x')\nparser.parse_args()\n",
            "parser-passed-away",
            ["x"],
        ),
        (
            "import argparse, lib\np = argparse.ArgumentParser(parents=[lib.p])\np.add_argument('--x')\np.parse_args()\n",
            "imported-parents",
            ["x"],
        ),
        (PARSER + "parser.add_argument('--x')\nparser.parse_known_args()\n", "parse-known-args", ["x"]),
        (
            PARSER + "import os\nfor n in os.listdir():\n    parser.add_argument(n)\nparser.parse_args()\n",
            "computed-flag",
            [],
        ),
        (
            PARSER + "def f(*names): parser.add_argument(*names)\nimport lib\nf(*lib.names)\nparser.parse_args()\n",
            "computed-flag",
            [],
        ),
        (
            PARSER + "import lib\ns = parser.add_subparsers()\ns.add_parser(lib.name)\nparser.parse_args()\n",
            "computed-subcommand",
            [],
        ),
    ],
)
def test_what_makes_it_incomplete_is_said(text: str, kind: str, names: list[str]) -> None:
    interface = read(text)
    assert kind in kinds(interface)
    assert not interface.complete
    assert [argument.name for argument in interface.parameters] == names


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("'--x', type=bool", "bool-type"),
        ("'--x', type=lambda t: t", "custom-type"),
        ("'--x', type='int'", "custom-type"),
        ("'--x', default=print()", "computed-default"),
        ("'--x', nargs=len(sys.argv)", "computed-setting"),
        ("'--x', required=bool(os.environ)", "computed-setting"),
        ("'--x', choices=os.listdir()", "computed-choices"),
        ("'--x', action=lib.Action", "custom-action"),
        ("'--x', **lib.settings", "computed-arguments"),
        ("'--x', default=1", "untyped-default"),
        ("'--x', type=int, default='1'", "text-default"),
        ("'--x', type=float, default='a'", "bad-default"),
        ("'--x', type=int, default=1.5", "default-type"),
        ("'--x', action='store_false', default=False", "flag-without-effect"),
        ("'--x', action='store_true', type=int", "invalid-argument"),
        ("'x', dest='y'", "invalid-argument"),
        ("'x', required=True", "invalid-argument"),
        ("'--x', 'y'", "invalid-argument"),
        ("''", "invalid-argument"),
        ("'-h', '--hours'", "conflicting-flag"),
    ],
)
def test_remarks_on_one_argument(call: str, kind: str) -> None:
    interface = read(PARSER + f"import lib, os, sys\nparser.add_argument({call})\nparser.parse_args()\n")
    assert kinds(interface) == [kind]
    assert (interface.remarks[0].line, interface.complete) == (4, True)


@pytest.mark.parametrize(
    "text",
    [
        "CHOICES = []\ndef add(x):\n    CHOICES.append(x)\n",
        "CHOICES = ['a']\ndef add(x):\n    CHOICES[0] = x\n",
        "CHOICES = ['a']\ndef change():\n    global CHOICES\n    CHOICES = ['b']\n",
        "import lib\nCHOICES = ['a'] if lib.x else ['b']\n",
        "import lib\nCHOICES = ['a']\nfor i in lib.x:\n    CHOICES = [i]\n",
        "from lib import CHOICES\n",
    ],
)
def test_a_name_that_may_change_is_not_a_constant(text: str) -> None:
    interface = read(text + PARSER + "parser.add_argument('--x', choices=CHOICES)\nparser.parse_args()\n")
    assert interface.parameters[0].choices is None
    assert kinds(interface) == ["computed-choices"]


def test_browser_options_are_not_a_parser() -> None:
    text = "from selenium import webdriver\no = webdriver.ChromeOptions()\no.add_argument('--headless')\n"
    assert (read(text).style, read(text).parameters) == ("none", ())
    both = read(text + PARSER + "parser.add_argument('--x')\nparser.parse_args()\n")
    assert [argument.flags for argument in both.parameters] == [("--x",)]
    assert both.complete


def test_nothing_that_reads_the_command_line() -> None:
    assert kinds(read("print(1)\n")) == ["no-interface"]
    assert kinds(read("import sys\nprint(sys.argv[1])\n")) == ["reads-argv"]
    assert kinds(read("from sys import argv\nprint(argv)\n")) == ["reads-argv"]
    assert [read("").style, read("").complete] == ["none", False]


def test_a_function_that_nothing_calls() -> None:
    interface = read(
        """\
        import argparse

        def add(parser):
            parser.add_argument("--x", type=int)

        def main():
            parser = argparse.ArgumentParser()
            add(parser)
            return parser.parse_args()
        """
    )
    assert [(argument.name, argument.type) for argument in interface.parameters] == [("x", "int")]
    assert kinds(interface) == ["never-called"]
    assert interface.remarks[0].line == 6


def test_a_function_that_other_code_is_given_is_called() -> None:
    interface = read(
        """\
        import argparse, lib

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--x")
            parser.parse_args()

        lib.launch(main)
        """
    )
    assert [argument.name for argument in interface.parameters] == ["x"]
    assert interface.remarks == ()


def test_two_parsers_that_both_read_the_command_line() -> None:
    interface = read(
        """\
        import argparse
        a = argparse.ArgumentParser()
        a.add_argument("--x")
        a.parse_known_args()
        b = argparse.ArgumentParser()
        b.add_argument("--y")
        b.parse_args()
        """
    )
    assert [argument.name for argument in interface.parameters] == ["x", "y"]
    assert kinds(interface) == ["parse-known-args", "several-parsers"]
    assert not interface.complete


def test_arguments_given_by_the_script_itself() -> None:
    assert kinds(read(PARSER + "parser.add_argument('--x')\nparser.parse_args([])\n")) == ["fixed-arguments"]


def test_a_branch_that_leaves() -> None:
    interface = read(
        """\
        import argparse, sys

        def build(short):
            parser = argparse.ArgumentParser()
            parser.add_argument("--a")
            if short:
                return parser
            parser.add_argument("--b")
            if len(sys.argv) > 9:
                raise SystemExit
            return parser

        import lib
        build(lib.short).parse_args()
        """
    )
    assert [(argument.name, argument.conditional) for argument in interface.parameters] == [("a", False), ("b", True)]


def test_one_flag_in_two_branches() -> None:
    interface = read(
        PARSER
        + """
import lib
if lib.x:
    parser.add_argument("--n", type=int, required=True, choices=[1])
else:
    parser.add_argument("--n", type=float, default=0.5)
parser.parse_args()
"""
    )
    (argument,) = interface.parameters
    assert (argument.type, argument.required, argument.choices) == ("unknown:conditional", False, None)
    assert (argument.default, argument.conditional) == (UNKNOWN, True)


def test_given_none_and_given_nothing() -> None:
    text = "parser.add_argument('--a', default=None)\nparser.add_argument('--b')\nparser.parse_args()\n"
    first, second = read(PARSER + text).parameters
    assert first.default is None
    assert second.default is ABSENT


def test_columns_count_code_points() -> None:
    interface = read(PARSER + "'é€😀'; parser.add_argument('--ä', type=bool); parser.parse_args()\n")
    assert (interface.parameters[0].line, interface.parameters[0].column) == (3, 8)
    assert (interface.remarks[0].line, interface.remarks[0].column) == (3, 40)
    assert interface.parameters[0].type_text == "bool"


def test_lines_end_where_python_ends_them() -> None:
    interface = read(
        PARSER + "text = '\x0c \x1c \u2028'\r\nparser.add_argument('--x', type=bool)\rparser.parse_args()\n"
    )
    assert [argument.line for argument in interface.parameters] == [4]
    assert interface.parameters[0].type_text == "bool"


def test_mlreef_parameters_without_a_parser() -> None:
    interface = read(
        """\
        @data_processor(name="x", description="does it")
        @parameter(name="epochs", type="int", required=True, defaultValue="")
        @parameter("flag", "bool", False, True, "whether")
        @parameter(name="rate", datatype="float", required=False, default_value=0.5)
        @parameter
        def describe(): ...

        @parameter(name="early", type="str", required=True, defaultValue="x")
        def other(): ...

        class Late:
            @processor("second")
            @mlreef.parameter(name="no", type="str", required=True, defaultValue="x")
            @param("order", "LIST", "TRUE", [1,  "a b"])
            def method(self): ...
        """
    )
    assert interface.style == "mlreef"
    shown = [(one.flags, one.type, one.required, one.default) for one in interface.parameters]
    assert shown == [
        (("--epochs",), "int", True, ""),
        (("--flag",), "unknown:BOOLEAN", False, "True"),
        (("--rate",), "float", False, "0.5"),
        (("--order",), "unknown:LIST", False, "[1,a b]"),
    ]
    assert [one.order for one in interface.decorators if isinstance(one, pyargs.Parameter)] == [1, 2, 3, 2]
    assert kinds(interface) == [
        "old-keyword",
        "old-keyword",
        "dropped-decorator",
        "dropped-decorator",
        "several-processors",
    ]


@pytest.mark.parametrize(
    ("text", "line", "column", "part"),
    [
        ("x = (\n", 1, 5, "never closed"),
        ("a = 1\nprint 'x'\n", 2, 1, "print"),
        ("é = $\n", 1, 5, "invalid syntax"),
        ("x = 1\n  y = 2\n", 2, 1, "indent"),
        ("x = 'a\0b'", 1, 7, "null character"),
        ("x = 1\ny = '\ud800'", 2, 6, "surrogate"),
        ("(" * 10_000, 1, 1, ""),
        ("-" * 100_000 + "1", 1, 1, "nested too deeply"),
        ("x" + ".a" * 100_000, 1, 1, "nested too deeply"),
    ],
)
def test_files_that_are_not_python(text: str, line: int, column: int, part: str) -> None:
    with pytest.raises(ScriptSyntaxError) as caught:
        read_interface(text, "train.py")
    error = caught.value
    assert part in error.message
    assert "Python 3." in error.message
    assert error.line == line
    assert error.column == column or not part or part == "indent"


def test_a_byte_order_mark_is_not_an_error() -> None:
    assert read_interface("\ufeff" + PARSER + "parser.parse_args()\n", "x.py").style == "argparse"


@pytest.mark.parametrize(
    "body",
    [
        "x = 0\n" * 40_000,
        "if a:\n    pass\n" + "elif b:\n    pass\n" * 400,
        "x = [\n" + "1,\n" * 200_000 + "]\n",
        "parser.add_argument('--x', help=" + " + ".join(["'a'"] * 400) + ")\n",
        "".join(f"parser.add_argument('--x{i}')\n" for i in range(6_000)),
        "x = ['a']\n" + "x = x + x\n" * 200,
        "x = 'a'\nfor i in range(900):\n    parser.add_argument(x)\n    x = x + x\n",
        "p = parser\nfor i in range(900):\n    p = argparse.ArgumentParser(parents=[p, p])\n    p.add_argument('y')\n",
        "p = parser\nfor i in range(900):\n    p = p.add_subparsers().add_parser('a')\n    p.add_argument('--y')\n",
        "def f(p):\n    f(p); f(p)\n    p.add_argument('--z')\nf(parser)\n",
        "".join(f"def f{i}(p):\n    f{i + 1}(p); f{i + 1}(p)\n" for i in range(40))
        + "def f40(p): p.add_argument('a')\nf0(parser)\n",
        "x = [[]]\nfor i in range(999):\n    x = [x]\n    parser.add_argument('--k', default=x)\n",
        "parser.add_argument('--x', default=10 ** 10 ** 10, choices=[2 ** 400 ** 9])\n",
        "parser.add_argument('--x', default='%1000000000d' % 1, help='{:1000000000}'.format(1))\n",
    ],
    ids=str.__len__,
)
def test_large_scripts_end(body: str) -> None:
    interface = read_interface(PARSER + body + "parser.parse_args()\n", "train.py")
    assert interface.style == "argparse"


def test_what_is_too_much_is_said() -> None:
    text = PARSER
    for i in range(4):
        text += "    " * i + f"for x{i} in range(900):\n"
    text += "                parser.add_argument(f'--{x0}-{x1}-{x2}-{x3}')\n"
    interface = read_interface(text, "train.py")
    assert "too-much-to-follow" in kinds(interface)
    assert not interface.complete


FRAGMENTS = st.sampled_from(
    [
        "import argparse\n", "from argparse import *\n", "parser = argparse.ArgumentParser(", "parents=[parser]", ")\n", "(", ")", ",",
        "parser.add_argument(", "'--x'", "'y'", "f'--{n}'", "type=int", "nargs=", "'*'", "choices=", "[1, 2]", "range(3)", "default=",
        "**kw", "*names", "for n in ('a', 'b'):\n    ", "if n:\n    ", "else:\n    ", "def f(p, *a, **k):\n    ", "class C(argparse.ArgumentParser):\n    ",
        "return p\n", "f(parser)\n", "self.", "super().__init__()\n", "parser.parse_args()\n", "parser.add_subparsers()", ".add_parser('a')\n",
        "x = ", "lambda: ", "x", "n", "\n", "    ", "é", "@data_processor(1)\n", "@parameter('a', int, True, 1)\n", "while x:\n    ", "try:\n    ",
        "except E:\n    ", "with x as p:\n    ", "del x\n", "global x\n", "x += ", "[i for i in x]", "{**x}", "x[0]", "x[1:]", "not ", "-", "...",
        "parser.set_defaults(x=1)\n", "async def g():\n    ", "await f(x)\n", "match x:\n    case 1:\n        ", "sys.exit()\n", "break\n",
    ]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=40).map("".join)))
@example("\0")
@example("\ud800")
@example("x = '\\d'")
@example("9" * 5_000)
@example("def f():\n" * 200)
@settings(max_examples=400, deadline=None)
def test_arbitrary_text_is_read_or_not_python(text: str) -> None:
    try:
        interface = read_interface(text, "train.py")
    except ScriptSyntaxError as error:
        refused = error
    else:
        assert interface.style in ("argparse", "mlreef", "none", "unreadable")
        assert {remark.kind for remark in interface.remarks} <= set(pyargs.KINDS)
        return
    assert refused.line >= 1
    assert refused.column >= 1
    assert refused.message


STATEMENTS = st.sampled_from(
    [
        "parser.add_argument('--a', type=int, default=n)", "parser.add_argument(n, nargs='+')", "n = '--' + n", "n = 'b'", "n = ['c', 'd']",
        "parser = f(parser)", "parser = argparse.ArgumentParser(parents=[parser])", "g = parser.add_argument_group(n)", "g.add_argument(f'--{n}')",
        "x, n = n", "n = [n for n in n]", "n = {n: n}", "n = n[0]", "n = n % n", "n = n * 9", "n = n or parser", "parser = C()", "f = C", "C.x = parser",
        "parser = C.x", "n = sorted(n)", "n = E", "n = E.A", "n = E.A.value", "n = list(E)", "del parser", "s = parser.add_subparsers()",
        "parser = s.add_parser('t')", "parser.parse_args()", "parser.set_defaults(a=n)", "f(f)", "parser.x = n", "n = parser.x", "n = lambda p: p",
        "parser = n(parser)", "raise n", "n += n", "n = -n", "n = f'{n}{n}'", "n = '{}'.format(n)", "n = n.join(n)", "n = dict(a=n)",
        "parser.add_argument(*n)", "parser.add_argument('--z', **n)", "n = n.items()", "n = super()", "n = n == n", "n = zip(n, n)",
    ]
)  # fmt: skip
BLOCKS = st.sampled_from(
    ["", "if n:\n ", "for n in n:\n ", "while n:\n ", "with n:\n ", "def f(p=None, *n):\n ", "if True:\n "]
)


@given(st.lists(st.tuples(BLOCKS, STATEMENTS), max_size=25))
@settings(max_examples=400, deadline=None)
def test_any_flow_is_followed(parts: list[tuple[str, str]]) -> None:
    start = (
        "import argparse, enum\n"
        "class E(enum.Enum):\n A = 'a'\n B = 2\n"
        "class C(argparse.ArgumentParser):\n def __init__(self, *a):\n  super().__init__()\n  self.add_argument('--c')\n"
        "def f(p): p.add_argument('--f'); return p\n"
        "n = 'a'\nparser = argparse.ArgumentParser()\n"
    )
    text = start + "".join(f"{block}{statement}\n" for block, statement in parts)
    assert read_interface(text, "train.py").style in ("argparse", "none")


def test_reading_imports_ast_only_when_a_script_is_read() -> None:
    code = "import sys; before = set(sys.modules); import compiler.pyargs; print('ast' in set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
