"""Names of jobs, pipelines and secrets: AME's own where every system takes them, each one once."""

from __future__ import annotations

from compiler.frontends.ame import codes as ame
from compiler.naming import is_name, near_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from compiler.diagnostics import Sink
    from compiler.source import Origin


LONGEST = 200  # characters, so that a name may get a few more: NAME-validate, NAME-2


def legal(name: str, at: Origin | None, sink: Sink) -> str:
    """A name that every system takes; a changed one is reported."""
    if is_name(name) and len(name) <= LONGEST:
        return name
    found = (near_name(name) or "x")[:LONGEST]
    message = f'"{name}" is not a name that every system takes, it becomes "{found}"'
    sink.report(ame.CHANGED_NAME, message, at, field="name")
    return found


class Names:
    """The names of one kind that are taken."""

    __slots__ = ("taken",)

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)

    def free(self, *wanted: str) -> str:
        """The first of these that nothing has, else the last one with a number; taken from now on."""
        for name in wanted:
            if name not in self.taken:
                self.taken.add(name)
                return name
        number = 2
        while f"{wanted[-1]}-{number}" in self.taken:
            number += 1
        name = f"{wanted[-1]}-{number}"
        self.taken.add(name)
        return name
