"""Which argument each name of a call means, and what it would be given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from compiler.pyargs.interface import ABSENT, UNKNOWN, Argument, Hole, Interface, Problem, Subcommand, Value

Command = Interface | Subcommand

NEGATIVE_NUMBER = re.compile(r"-\d+|-\d*\.\d+")


class Bound(NamedTuple):
    """A name of the call with the argument that it means (None: not known, passed as written).

    `flag` is the spelling to write, "" for a positional. `by_dest`: found by the attribute that it sets, which for
    store_false is the opposite of its flag. `level` counts subcommands from the outermost, 0.
    """

    level: int
    argument: Argument | None
    flag: str
    by_dest: bool
    name: str
    value: Value


class Call(NamedTuple):
    """A call, taken apart. `rest` are subcommands that nothing is known of."""

    commands: tuple[Command, ...]
    names: tuple[str, ...]
    rest: tuple[str, ...]
    bound: tuple[Bound, ...]
    problems: tuple[Problem, ...]


def bind(interface: Interface, given: Mapping[str, Value], path: Sequence[str]) -> Call:
    """Finds the subcommand and the arguments that are meant. A value of None means that nothing is passed.

    Without a path the subcommand is what is given under its own name: see `chosen`.
    """
    commands: list[Command] = [interface]
    problems: list[Problem] = []
    names: list[str] = []
    if not path:
        given, path, problems = chosen(interface, given)
    for name in path:
        child = next((one for one in commands[-1].subcommands if name == one.name or name in one.aliases), None)
        if child is None:
            if interface.complete:
                problems.append(_unknown_subcommand(commands[-1], name))
            break
        commands.append(child)
        names.append(name)
    if len(names) == len(path) and commands[-1].subcommand_required:
        accepted = tuple(one.name for one in commands[-1].subcommands)
        message = f'a subcommand is required: "{selector(commands[-1])}" names it'
        problems.append(Problem("missing-subcommand", "", message, _one_of(accepted), accepted))
    bound: list[Bound] = []
    for key, value in given.items():
        if value is None:
            continue
        one = _bind_name(commands, key, value, interface.complete)
        if isinstance(one, Problem):
            problems.append(one)
        else:
            bound.append(one)
    problems += _given_twice(bound)
    return Call(tuple(commands), tuple(names), tuple(path[len(names) :]), tuple(bound), tuple(problems))


def selector(command: Command) -> str:
    """The name under which a subcommand is chosen: that of its attribute, `command` where it has none."""
    return command.subcommands[0].dest or "command"


def chosen(
    interface: Interface, given: Mapping[str, Value]
) -> tuple[Mapping[str, Value], Sequence[str], list[Problem]]:
    """The subcommands that are given by name, `{"command": "train"}` (a list for one below another), and the rest."""
    rest = dict(given)
    path: list[str] = []
    command: Command | None = interface
    while command is not None and command.subcommands:
        wanted = canonical(selector(command))
        key = next((key for key in rest if canonical(key.lstrip("-")) == wanted), None)
        if key is None or any(wanted == canonical(one.name) for one in command.parameters):
            break
        value = rest.pop(key)
        names = items(value) if value is not None else []
        if not all(isinstance(name, str) for name in names):
            message = f'"{key}" chooses a subcommand: it takes a name that is fixed'
            return rest, path, [Problem("computed-subcommand", key, message, "write a step for each of them")]
        for name in map(str, names):
            path.append(name)
            command = next((one for one in command.subcommands if name in (one.name, *one.aliases)), None)
            if command is None:
                break
        if not names:
            break
    return rest, path, []


def reached(interface: Interface, given: Mapping[str, Value]) -> tuple[Argument, ...]:
    """The arguments of the script and of the subcommands that are given by name."""
    return tuple(argument for command in bind(interface, given, ()).commands for argument in command.parameters)


def _one_of(accepted: Sequence[str]) -> str:
    return "one of: " + ", ".join(accepted) if accepted else ""


def _unknown_subcommand(command: Command, name: str) -> Problem:
    accepted = tuple(one.name for one in command.subcommands)
    near = nearest(name, accepted)
    advice = f'did you mean "{near}"?' if near else _one_of(accepted)
    return Problem(
        "unknown-subcommand",
        selector(command) if accepted else name,
        f'"{name}" is not a subcommand of the script',
        advice,
        accepted,
    )


def _bind_name(commands: Sequence[Command], key: str, value: Value, complete: bool) -> Bound | Problem:
    # The innermost command first: what it sets wins in argparse's result.
    for level in range(len(commands) - 1, -1, -1):
        found = _matches(commands[level], key)
        if len(found) > 1:
            accepted = tuple(argument.spelling for argument, _, _ in found)
            message = f'"{key}" may be {" or ".join(accepted)}'
            return Problem("ambiguous", key, message, "write the flag as the script has it", accepted)
        if found:
            argument, flag, by_dest = found[0]
            return Bound(level, argument, flag, by_dest, key, value)
    if not complete:
        return Bound(len(commands) - 1, None, key, False, key, value)
    return _unknown(commands, key)


def _matches(command: Command, key: str) -> list[tuple[Argument, str, bool]]:
    """What a name may mean, by the closest of its spellings: (argument, flag, whether it was found by dest)."""
    prefixes = command.prefix_chars
    if key and key[0] in prefixes:
        return [(argument, key, False) for argument in command.parameters if key in argument.flags]
    tiers: list[list[tuple[Argument, str, bool]]] = [[] for _ in range(5)]
    wanted = canonical(key)
    for argument in command.parameters:
        if argument.positional:
            if argument.name == key:
                tiers[0].append((argument, "", False))
            elif wanted in (canonical(argument.name), canonical(str(argument.metavar))):
                tiers[2].append((argument, "", False))
            continue
        bare = {flag: flag.lstrip(prefixes) for flag in argument.flags}
        exact = [flag for flag, name in bare.items() if name == key]
        alike = [flag for flag, name in bare.items() if canonical(name) == wanted]
        if exact:
            tiers[0 if len(key) > 1 else 4].append((argument, max(exact, key=len), False))
        elif alike:
            tiers[1].append((argument, max(alike, key=len), False))
        elif wanted == canonical(argument.name):
            tiers[3].append((argument, argument.spelling, True))
    return next((tier for tier in tiers if tier), [])


def canonical(name: str) -> str:
    return name.replace("-", "_")


def _unknown(commands: Sequence[Command], key: str) -> Problem:
    prefixes = commands[-1].prefix_chars
    dashed = bool(key) and key[0] in prefixes
    accepted: list[str] = []
    for command in commands:
        for argument in command.parameters:
            accepted.append(argument.spelling if dashed else argument.spelling.lstrip(prefixes))
    message = f'the script has no argument "{key}"'
    starting = [name for name in accepted if canonical(name).startswith(canonical(key))] if key.strip("-") else []
    near = starting[0] if len(starting) == 1 else nearest(key, accepted)
    if near:
        advice = f'did you mean "{near}"?'
    elif accepted:
        advice = _one_of(accepted)
    else:
        advice = "the script takes no arguments"
    owner = next((one for one in commands[-1].subcommands if _matches(one, key)), None)
    if owner is not None:
        advice = f'it is an argument of the subcommand "{owner.name}", which "{selector(commands[-1])}" chooses'
    return Problem("unknown-argument", key, message, advice, tuple(accepted))


def nearest(name: str, names: Sequence[str]) -> str:
    """The name at the smallest edit distance, if that is below 3 and less than half of the name."""
    limit = min(2, (len(name) - 1) // 2)
    best = ""
    for other in names:
        distance = _distance(canonical(name).lower()[:80], canonical(other).lower()[:80], limit)
        if distance <= limit:
            best, limit = other, distance - 1
    return best


def _distance(left: str, right: str, limit: int) -> int:
    """Levenshtein's distance with neighbours swapped as one edit; anything above the limit is limit + 1."""
    if abs(len(left) - len(right)) > limit or limit < 0:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _given_twice(bound: Sequence[Bound]) -> list[Problem]:
    problems: list[Problem] = []
    seen: dict[tuple[int, Argument], str] = {}
    for one in bound:
        if one.argument is None:
            continue
        first = seen.setdefault((one.level, one.argument), one.name)
        if first != one.name:
            message = f'"{first}" and "{one.name}" are one argument, {one.argument.spelling}'
            problems.append(Problem("given-twice", one.name, message, "give it once"))
    return problems


def is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def items(value: Value) -> list[Value]:
    """A list's items; a scalar is its own."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return [value]
    return list(value)


def switches(one: Bound) -> list[str] | None:
    """The flags to write for an argument that takes no value; None when the value does not say how often."""
    argument, value = one.argument, one.value
    assert argument is not None
    if argument.action == "count" and isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:4])  # a manifest's number is text; nobody means more than thousands
    if argument.action == "count" and isinstance(value, int) and value >= 0:
        return [one.flag] * int(value)
    if not isinstance(value, bool):
        return None
    if argument.action == "BooleanOptionalAction":
        positive, negative = _pair(argument, one.flag)
        chosen = one.flag if value else negative if one.flag == positive else positive
        return [chosen] if chosen else []
    inverted = one.by_dest and argument.action == "store_false"
    return [one.flag] if value is not inverted else []


def _pair(argument: Argument, flag: str) -> tuple[str, str]:
    """A flag and its `--no-` flag ("" for a short flag, which has none)."""
    if flag.startswith("--no-") and f"--{flag[5:]}" in argument.flags:
        return f"--{flag[5:]}", flag
    negative = f"--no-{flag[2:]}"
    if negative in argument.flags:
        return flag, negative
    return flag, next((other for other in argument.flags if other.startswith("--no-")), "")


def occurrences(one: Bound) -> list[list[Value]]:
    """What an argument is given, by time that it is given: a list appends once for each of its items."""
    argument, value = one.argument, one.value
    assert argument is not None
    if value is True and argument.nargs == "?" and argument.flags and argument.const is not ABSENT:
        return [[]]
    if not is_list(value):
        return [[value]]
    listed = items(value)
    if argument.action == "append":
        if argument.nargs is None:
            return [[item] for item in listed]
        if listed and all(is_list(item) for item in listed):
            return [items(item) for item in listed]
    return [listed]


def text(argument: Argument | None, value: Value) -> str | Hole:
    """A value as the script is to see it. Truth values are written as YAML has them, unless the script wants others."""
    if isinstance(value, Hole):
        return value
    if isinstance(value, bool):
        return _truth_text(argument, value)
    if value is None:
        return "null"
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        try:
            return str(value)
        except ValueError:  # more digits than Python converts
            return hex(int(value))
    return ",".join(str(text(argument, item)) for item in value)


def _truth_text(argument: Argument | None, value: bool) -> str:
    written = "true" if value else "false"
    if argument is None:
        return written
    if argument.type == "bool":
        return written if value else ""  # bool("") is the only text that is False
    for choice in argument.choices or ():
        if isinstance(choice, str) and choice.lower() == written:
            return choice
    # MLReef passes True and False; ast.literal_eval and eval know nothing else.
    if argument.type in ("unknown:BOOLEAN", "unknown:ast.literal_eval", "unknown:eval"):
        return str(value)
    return written


def looks_like_flag(command: Command, word: str | Hole) -> bool:
    """Whether argparse would, or might, take a word for a flag rather than for a value."""
    if isinstance(word, Hole):
        return word.dash
    return len(word) > 1 and word[0] in command.prefix_chars


def is_safe_number(command: Command, word: str | Hole) -> bool:
    """Whether argparse takes a word that begins with "-" for a negative number."""
    if isinstance(word, Hole) or not NEGATIVE_NUMBER.fullmatch(word):
        return False
    return not any(NEGATIVE_NUMBER.fullmatch(flag) for argument in command.parameters for flag in argument.flags)


def takes_more(argument: Argument | None, values: Sequence[object]) -> bool:
    """Whether an option would also take the word behind its values."""
    if argument is None or argument.nargs is UNKNOWN or argument.action.startswith("unknown:"):
        return True
    return argument.nargs in ("*", "+", "...") or (argument.nargs == "?" and not values)
