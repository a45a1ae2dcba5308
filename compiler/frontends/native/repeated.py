"""Jobs that repeat another in all but their names, needs, variables and commands: made from its node, not read again."""

from __future__ import annotations

from functools import lru_cache

from compiler.credentials import names_credential
from compiler.ir import EnvVar, Exec, Job, Need, Node, Script
from compiler.naming import is_name
from compiler.repeats import Place
from compiler.yamltree import Mapping, Sequence, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType
    from typing import Any

    from compiler.repeats import Model, Repeat, Steps


def may_differ(body: Mapping) -> list[Steps]:
    """The scalars of a job in which others may differ from it: all that reading takes as it is written."""
    found: list[Steps] = []
    for key, value in body.entries.items():
        if key in ("needs", "run") and isinstance(value, Sequence):
            found.extend((key, at) for at, item in enumerate(value.items) if isinstance(item, str))
        elif key == "run" and isinstance(value, str):
            found.append((key,))
        elif key == "env" and isinstance(value, Mapping):
            names = (name for name, item in value.entries.items() if isinstance(item, str))
            found.extend((key, name) for name in names if not names_credential(name))
    return found


def jobs(entries: list[str | Repeat], read: Iterable[Job]) -> tuple[Job, ...] | None:
    """All jobs in order, from those that were read; None where a repeat has no name that a job takes."""
    known = {job.name: job for job in read}
    makers: dict[Model, Callable[[Repeat, list[str]], Job]] = {}
    found: list[Job] = []
    for entry in entries:
        if isinstance(entry, str):
            found.append(known[entry])
            continue
        words, model = entry.words, entry.model
        if not is_name(words[0]):
            return None
        make = makers.get(model)
        if make is None:
            make = makers[model] = _Maker(model, len(entries)).make(known[model.own[0]])
        found.append(make(entry, words))
    return tuple(found)


class _Maker:
    """What makes the repeats of a job: a function that replaces the fields of its nodes in which they have their own."""

    def __init__(self, model: Model, count: int) -> None:
        self.count = count
        self.words = {steps: f"words[{number}]" for number, steps in enumerate(model.steps)}
        self.names: dict[str, Any] = {"Place": Place}  # what the function's text names

    def make(self, job: Job) -> Callable[[Repeat, list[str]], Job]:
        """The function. Its text is names of fields, numbers and names of its own: nothing of a manifest stands in it."""
        exec(_compiled(f"def make(repeat, words): return {self._node(job, ())}"), self.names)
        made: Callable[[Repeat, list[str]], Job] = self.names["make"]
        return made

    def _named(self, value: object) -> str:
        name = f"given_{len(self.names)}"
        self.names[name] = value
        return name

    def _value(self, value: Any) -> str | None:
        """A field's value for a repeat; None where it can be the model's own."""
        if isinstance(value, Node):
            return self._node(value, _steps(value))
        items = [self._value(item) for item in value] if isinstance(value, tuple) else []
        if not any(items):
            return None
        return self._tuple([made or self._named(item) for made, item in zip(items, value, strict=True)])

    def _tuple(self, items: list[str]) -> str:
        return f"({', '.join(items)},)"

    def _node(self, node: Node, steps: Steps | None) -> str | None:
        fields = self._own(node, steps) if steps is not None else {}
        for field in type(node).field_names:
            made = self._value(getattr(node, field)) if field not in fields else None
            if made is not None:
                fields[field] = made
        if steps is not None:
            is_node = not isinstance(node.origin, Slot)
            fields["origin"] = f"Place((repeat, {self._named(steps)}, {is_node}))"
        if not fields:
            return None
        replacing = self._named(type(node).replacing(self.count, *fields))
        return f"{replacing}({', '.join((self._named(node), *fields.values()))})"

    def _own(self, node: Node, steps: Steps) -> dict[str, str]:
        """The fields of a node that hold words of the repeat's own."""
        if isinstance(node, Exec):
            texts = [self._text((*steps, at)) or self._named(text) for at, text in enumerate(node.argv)]
            return {"argv": self._tuple(texts)}
        word = self.words.get(steps)
        if word is None:
            return {}
        if isinstance(node, Job):
            return {"name": word}
        if isinstance(node, Need):
            return {"job": word}
        if isinstance(node, EnvVar):
            return {"value": f"({word},)"}
        return {"lines": f"({word},)"} if isinstance(node, Script) else {}

    def _text(self, steps: Steps) -> str | None:
        word = self.words.get(steps)
        return None if word is None else f"({word},)"


@lru_cache(maxsize=256)
def _compiled(text: str) -> CodeType:
    return compile(text, "<repeats of a job>", "exec")


def _steps(node: Node) -> Steps | None:
    """The way from the job's body to where a node is written; None for one that was not written there."""
    at = node.origin
    steps: list[str | int] = []
    while isinstance(at, (Slot, Mapping, Sequence)):
        steps.append(at.key)
        at = at.container if isinstance(at, Slot) else at.parent
    return tuple(reversed(steps[:-3])) if steps else None  # but for the root's own, `jobs` and the job's name
