"""`headrace version`."""

from __future__ import annotations

from compiler import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = "Print headrace's version."
EXAMPLES = "headrace version"


def configure(parser: ArgumentParser) -> None:
    del parser  # takes nothing


def run(arguments: Namespace) -> int:
    del arguments
    print(f"headrace {VERSION}")
    return 0
