"""`headrace explain`: what a code means, what triggers it and how to mend it."""

from __future__ import annotations

import sys

from compiler.diagnostics import Code, Diagnostic, suggest
from compiler.pages import page
from compiler.render.text import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = "Say what a code means, by its number or name, or by the rule of a dialect that it keeps; or list all."
EXAMPLES = """
headrace explain HR3001
headrace explain unknown-job
headrace explain
"""


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="CODE", nargs="?", help="HR3001, unknown-job, or a dialect's rule")


def run(arguments: Namespace) -> int:
    from compiler.commands.catalogue import catalogue

    known = catalogue()
    if arguments.what is None:
        print(
            "\n".join(f"{code.number}  {code.name:<22}  {code.severity:<7}  {code.summary}" for code in known.values())
        )
        return 0
    found = find(arguments.what, known)
    if not found:
        _refuse(arguments.what, known)
        return 1
    print("\n\n".join((page(code.number) or _short(code)).rstrip("\n") for code in found))
    return 0


def find(what: str, known: dict[str, Code]) -> list[Code]:
    """The code with this number or name, else all whose page names it as a dialect's rule."""
    for code in known.values():
        if what.lower() in (code.number.lower(), code.name):
            return [code]
    return [code for code in known.values() if what in rules(page(code.number) or "")]


def rules(text: str) -> list[str]:
    """The dialects' rules that a page names in its line `Rules: M17, F10`."""
    for line in text.split("\n"):
        if line.startswith("Rules: "):
            return [word.strip() for word in line.removeprefix("Rules: ").split(",")]
    return []


def _short(code: Code) -> str:
    return f"# {code.number} {code.name}\n\n{code.summary[0].upper()}{code.summary[1:]}."


def _refuse(what: str, known: dict[str, Code]) -> None:
    from compiler import codes

    near = suggest(what, [*known, *(code.name for code in known.values())])
    finding = Diagnostic(
        codes.UNKNOWN_CODE,
        f'"{what}" is not a code',
        suggestion=near,
        help=None if near else "`headrace explain` lists all",
    )
    sys.stderr.write(render([finding]))
