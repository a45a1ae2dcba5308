"""`headrace schema`: a dialect's JSON Schema, for editors and for whoever writes manifests by program."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """
Print the JSON Schema of headrace.yaml, or of another dialect. An editor with the YAML language server takes it from a first
line `# yaml-language-server: $schema=headrace.schema.json`.
"""
EXAMPLES = """
headrace schema > headrace.schema.json
headrace schema ame
"""
NATIVE = "native"


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("dialect", metavar="DIALECT", nargs="?", default=NATIVE, help="a dialect (default: native)")


def run(arguments: Namespace) -> int:
    path = schema_path(arguments.dialect)
    if path is None:
        from compiler.diagnostics import listed, suggest

        near = suggest(arguments.dialect, dialects())
        advice = f'did you mean "{near}"?' if near else f"there is {listed(dialects(), 'and') or 'none'}"
        print(f'headrace schema: there is no schema for "{arguments.dialect}", {advice}', file=sys.stderr)
        return 2
    with open(path, encoding="utf-8") as file:
        sys.stdout.write(file.read())
    return 0


def dialects() -> list[str]:
    """The dialects that have a schema."""
    from compiler.frontends import FRONT_ENDS

    return [name for name in FRONT_ENDS if schema_path(name) is not None]


def schema_path(dialect: str) -> str | None:
    """The file that holds a dialect's schema; None for one that has none."""
    import schemas
    from compiler.frontends import FRONT_ENDS

    if dialect not in FRONT_ENDS:
        return None
    name = "headrace" if dialect == NATIVE else dialect
    path = os.path.join(os.path.dirname(os.path.abspath(schemas.__file__)), f"{name}.json")
    return path if os.path.isfile(path) else None
