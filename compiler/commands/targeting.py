"""Which targets are meant: those that are named, else those that the repository and its manifests point at."""

from __future__ import annotations

from importlib import import_module

from compiler import codes
from compiler.diagnostics import Sink, listed, suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

    from compiler.ir import Project
    from compiler.repository import Repository
    from compiler.target import Target

ALL = "all"


def add_target(parser: ArgumentParser, help: str, *words: str) -> None:
    """--target; `words` are taken beside the names of targets and `all`."""

    def name(text: str) -> str:
        from argparse import ArgumentTypeError

        from targets import TARGETS

        known = [*TARGETS, ALL, *words]
        if text not in known:
            near = suggest(text, known)
            advice = f', did you mean "{near}"?' if near else f": it takes {', '.join(known)}"
            raise ArgumentTypeError(f'"{text}" is not a target{advice}')
        return text

    parser.add_argument("--target", metavar="TARGET", action="append", default=[], type=name, help=help)


def target(name: str) -> Target:
    """A target's module. Raises KeyError for a name that is not in the table."""
    from targets import TARGETS

    module: Target = import_module(TARGETS[name])
    return module


def named_targets(names: Sequence[str]) -> list[Target]:
    """The targets with these names, each once, in the table's order."""
    from targets import TARGETS

    return [target(name) for name in TARGETS if name in names or ALL in names]


def guessed_targets(repository: Repository, projects: Sequence[Project]) -> list[Target]:
    """The targets that the remote or the files point at; else those that the manifests have settings for."""
    from targets import TARGETS

    remote = repository.remote() if repository.is_git else None
    every = [target(name) for name in TARGETS]
    found = [one for one in every if one.recognise(remote, repository.exists)]
    if found:
        return found
    configured = {settings.target for project in projects for settings in project.settings}
    return [one for one in every if one.NAME in configured]


def chosen_targets(
    names: Sequence[str], repository: Repository, projects: Sequence[Project], sink: Sink
) -> list[Target]:
    """The targets to compile for. None at all is an error (HR5008)."""
    if names:
        return named_targets(names)
    found = guessed_targets(repository, projects)
    if not found:
        from targets import TARGETS

        sink.report(
            codes.NO_TARGET,
            "no target is given, and the repository does not show which one is meant",
            help=f"say --target {listed([*TARGETS, ALL]).replace(chr(34), '')}",
        )
    return found
