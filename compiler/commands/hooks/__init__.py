"""`headrace hooks`: git's own hooks, for those who use no framework for them."""

from __future__ import annotations

import sys

from compiler.commands.findings import add_options, show, status
from compiler.commands.targeting import add_target
from compiler.diagnostics import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """
Install, remove or list git hooks. pre-commit checks what is staged. pre-push checks what is pushed, and that the compiled
files belong to it. post-receive stands in the repository that is pushed to: it compiles each branch and tag that arrives and
calls a command with the files. A hook that is there already is left as it is.
"""
EXAMPLES = """
headrace hooks install                        pre-commit and pre-push; in a bare repository post-receive
headrace hooks install pre-commit --chain     beside a hook that is there: that one runs first
headrace hooks install post-receive --target argo --command "kubectl apply --recursive --filename ."
headrace hooks status
headrace hooks remove
"""
ACTIONS = ("install", "remove", "status", "run")
HOOKS = ("pre-commit", "pre-push", "post-receive")


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS, help="what to do; `run` is what the hooks themselves call")
    parser.add_argument(
        "hooks", metavar="HOOK", nargs="*", help=f"{', '.join(HOOKS)}; without it, those that fit the repository"
    )
    parser.add_argument("--chain", action="store_true", help="keep a hook that is there and run it before headrace's")
    parser.add_argument("--command", metavar="COMMAND", help="what post-receive calls, in the folder of the files")
    add_target(parser, "what hooks compile for, instead of the target that the repository points at")
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    if arguments.action == "run":
        from compiler.commands.hooks.running import run_hook

        return run_hook(arguments.hooks)
    from compiler.commands.hooks import installing

    for name in arguments.hooks:
        if name not in HOOKS:
            print(f'headrace hooks: "{name}" is not a hook of headrace: {", ".join(HOOKS)}', file=sys.stderr)
            return 2
    sink = Sink()
    lines = getattr(installing, arguments.action)(arguments, sink)
    show(sink.diagnostics, arguments, sys.stderr)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return status(sink, arguments)
