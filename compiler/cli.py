"""The command line: the table of commands, and what holds for all of them.

A command is a module that is imported when it is called. It offers DESCRIPTION, EXAMPLES, `configure(parser)` and
`run(arguments) -> int`. Exit status: 0 fine, 1 errors (with --strict warnings too), 2 wrong usage, 3 a fault of
headrace itself, 130 after Ctrl-C, 141 where nobody reads the output any more. Nobody sees a traceback.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Sequence
    from typing import Any, Never, Protocol

    class Command(Protocol):
        """What a command's module offers."""

        DESCRIPTION: str
        EXAMPLES: str
        configure: Callable[[ArgumentParser], None]
        run: Callable[..., int]


# name -> (module, one line of help), in the order of the help
COMMANDS = {
    "init": ("compiler.commands.init", "write a headrace.yaml from what a repository holds"),
    "check": ("compiler.commands.check", "find what is wrong with a manifest"),
    "compile": ("compiler.commands.compile", "write the pipelines of GitLab CI, GitHub Actions and Argo Workflows"),
    "run": ("compiler.commands.run", "run a pipeline on this machine, the way CI would"),
    "runs": ("compiler.commands.runs", "list what ran on this machine, and show or report one run"),
    "modules": ("compiler.commands.modules", "list the scripts that are modules, with their parameters"),
    "verify": ("compiler.commands.verify", "check what a run was made from and what it made"),
    "lifecycle": ("compiler.commands.lifecycle", "show which job does which step of an ML lifecycle"),
    "graph": ("compiler.commands.graph", "draw the jobs and what they need"),
    "explain": ("compiler.commands.explain", "say what a code means and how to mend it"),
    "convert": ("compiler.commands.convert", "print any manifest as a headrace.yaml"),
    "ir": ("compiler.commands.ir", "print what the compiler understood, as JSON"),
    "schema": ("compiler.commands.schema", "print a dialect's JSON Schema"),
    "pin": ("compiler.commands.pin", "write down the digests of images, to compile with them"),
    "hooks": ("compiler.commands.hooks", "check at each commit and push, by git's own hooks"),
    "mml": ("compiler.commands.mml", "print the schedule that MML would make of a command line"),
    "eject": ("compiler.commands.eject", "make compiled files your own, for good"),
    "completion": ("compiler.commands.completion", "print the completion script of a shell"),
    "version": ("compiler.commands.version", "print headrace's version"),
}
ERRORS, USAGE, FAULT, INTERRUPTED, BROKEN_PIPE = 1, 2, 3, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a file name that is no text must not end in a traceback
    try:
        status = _run(words)
        sys.stdout.flush()
        return status
    except SystemExit as stopped:  # argparse: 0 after --help, 2 for wrong usage
        return stopped.code if isinstance(stopped.code, int) else USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _swallow_output()
        return BROKEN_PIPE
    except Exception as error:
        if _is_output(error):
            return _unwritable(error)
        from compiler.commands.fault import report

        print(report(error, words), file=sys.stderr)
        return FAULT


def start() -> Never:
    """The command as a process. Its memory goes back as a whole: to free a large pipeline's nodes one by one takes long."""
    import gc
    import os

    from compiler.lifetime import keep_to_the_end

    gc.disable()  # until the command runs: what is imported is never freed
    keep_to_the_end()
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # `main` has said so where somebody can hear it
    os._exit(status)


def _run(words: list[str]) -> int:
    if not words:
        print(overview(), file=sys.stderr)
        return USAGE
    name, *rest = words
    if name in ("-h", "--help"):
        print(overview())
        return 0
    if name == "help":
        name, rest = (rest[0], ["--help"]) if rest else ("--help", [])
        return _run([name, *rest])
    if name in ("-V", "--version"):
        name = "version"
    if name not in COMMANDS:
        print(f"headrace: {_not_a_command(name)}", file=sys.stderr)
        return USAGE
    command = load(name)
    parsed = parser(name, command).parse_args(rest)
    _collect()
    return command.run(parsed)


def _collect() -> None:
    """Switch the collector back on, for what comes from here."""
    import gc

    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def _not_a_command(name: str) -> str:
    from compiler.diagnostics import suggest
    from compiler.render.visible import visible

    kind = "an option" if name.startswith("-") else "a command"
    near = suggest(name, COMMANDS)
    advice = f'did you mean "{near}"?' if near else "see headrace --help"
    return f'"{visible(name)}" is not {kind}, {advice}'


def overview() -> str:
    """What `headrace --help` prints."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {line}" for name, (_, line) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: headrace COMMAND [OPTION ...]",
            "",
            "Compiles a machine learning repository's manifest to CI/CD pipelines.",
            "",
            "commands:",
            *lines,
            "",
            "`headrace COMMAND --help` says more about one of them, with examples.",
        ]
    )


def load(name: str) -> Command:
    """A command's module."""
    from importlib import import_module

    module: Command = import_module(COMMANDS[name][0])
    return module


def parser(name: str, command: Command) -> ArgumentParser:
    """A command's parser."""
    _leave_out_translation()
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    columns = _columns()
    examples = "\n".join(f"  {line}" for line in command.EXAMPLES.strip().split("\n"))
    made = ArgumentParser(
        prog=f"headrace {name}",
        description=command.DESCRIPTION,
        epilog=f"examples:\n{examples}",
        formatter_class=lambda prog: RawDescriptionHelpFormatter(prog, width=columns),
        allow_abbrev=False,
    )
    command.configure(made)
    return made


def _leave_out_translation() -> None:
    """Nobody has translated us. To import gettext and to look for that costs argparse 3 ms: it gets texts as they are."""
    from importlib import import_module

    if "argparse" in sys.modules:
        return
    translation: Any = type(sys)("gettext")
    translation.gettext = str
    translation.ngettext = lambda one, several, count: one if count == 1 else several
    known = sys.modules.get("gettext")
    sys.modules["gettext"] = translation
    try:
        import_module("argparse")
    finally:
        del sys.modules["gettext"]
        if known is not None:
            sys.modules["gettext"] = known


def _columns() -> int:
    """The width of help texts. (Asked by itself, argparse would import shutil at every start.)"""
    import os

    try:
        return max(40, min(os.get_terminal_size().columns - 2, 100))
    except OSError:
        return 100


def _open_streams() -> None:
    """Streams that the caller has closed take everything and keep nothing."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            import os

            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open until the process ends


def _is_output(error: Exception) -> bool:
    """Whether what failed is a stream of ours: a full disk behind it, a device that is gone. Files have names."""
    import errno

    gone = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
    return isinstance(error, OSError) and error.filename is None and error.errno in gone


def _unwritable(error: Exception) -> int:
    from compiler import codes

    code, reason = codes.UNWRITABLE, getattr(error, "strerror", None) or str(error)
    _swallow_output()
    print(f"error[{code.number} {code.name}]: the output can't be written: {reason.lower()}", file=sys.stderr)
    return ERRORS


def _swallow_output() -> None:
    """Point the output at nothing, or the interpreter would complain about the pipe when it ends."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
