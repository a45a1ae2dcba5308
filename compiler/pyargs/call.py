"""A call of a script: whether its arguments are right, and the words that pass them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compiler.pyargs.binding import (
    Bound,
    Call,
    Command,
    bind,
    is_list,
    is_safe_number,
    items,
    looks_like_flag,
    occurrences,
    switches,
    takes_more,
    text,
)
from compiler.pyargs.interface import UNKNOWN, Argument, Hole, Interface, Problem, Value, Word

# Which types of argument accept the values of a parameter of a type; a type that isn't here is accepted everywhere.
HOLES = {
    "string": ("string", "path", "json"),
    "choice": ("string", "path", "json"),
    "int": ("int", "float", "string", "path", "json"),
    "float": ("float", "string", "path", "json"),
    "bool": ("string", "json"),
}
FALSE_TEXTS = frozenset({"false", "no", "off", "0", "f", "n", "none", "null"})


def check_call(interface: Interface, given: Mapping[str, Value], path: Sequence[str] = ()) -> tuple[Problem, ...]:
    """Everything wrong with giving these arguments to the script (to its subcommand at `path`).

    Names are those of the manifest, `learning-rate`, `learning_rate` or `--learning-rate`. None passes nothing.
    An interface that could not be read has no problems; one that is not complete has no unknown names.
    """
    if interface.style in ("none", "unreadable"):
        return ()
    call = bind(interface, given, path)
    problems = list(call.problems)
    for one in call.bound:
        if one.argument is not None:
            problems += _check_one(call.commands[one.level], one, one.argument)
    for level, command in enumerate(call.commands):
        effective = [one for one in call.bound if one.level == level and one.argument is not None and _passes(one)]
        problems += _check_required(command, effective)
        problems += _check_exclusive(command, effective)
        problems += _check_positionals(command, effective)
    problems += _check_before_subcommand(call)
    return tuple(problems)


def _passes(one: Bound) -> bool:
    """Whether anything is written for it: a switch that is false and an empty list are not."""
    assert one.argument is not None
    if one.argument.nargs == 0:
        flags = switches(one)
        return flags is None or bool(flags)
    return bool(occurrences(one))


def _check_one(command: Command, one: Bound, argument: Argument) -> list[Problem]:
    if argument.nargs == 0:
        return _check_switch(one, argument)
    problems: list[Problem] = []
    for values in occurrences(one):
        problems += _check_count(one, argument, values)
        for value in values:
            problem = _check_value(one.name, argument, value)
            if problem is not None:
                problems.append(problem)
        problems += _check_words(command, one, argument, values)
    return problems


def _check_switch(one: Bound, argument: Argument) -> list[Problem]:
    if switches(one) is not None:
        return []
    accepted = ("true", "false")
    if isinstance(one.value, Hole):
        message = f'"{one.name}" takes no value: it is there or not, which must be known before the run'
        return [Problem("flag-at-run-time", one.name, message, "write true or false", accepted)]
    if argument.action == "count":
        message = f'"{one.name}" is counted, and {_shown(one.value)} is not a number of times'
        return [Problem("wrong-type", one.name, message, "write a whole number from 0, true or false", accepted)]
    message = f'"{one.name}" takes no value, but is given {_shown(one.value)}'
    return [Problem("takes-no-value", one.name, message, "write true to pass it, false to leave it out", accepted)]


def _shown(value: Value) -> str:
    if isinstance(value, Hole):
        return f"a {value.type}"
    if is_list(value):
        return f"a list of {len(items(value))}"
    shown = text(None, value)
    return f'"{shown}"' if isinstance(value, str) else str(shown)


def _check_count(one: Bound, argument: Argument, values: Sequence[Value]) -> list[Problem]:
    least, most = _bounds(argument)
    count = len(values)
    if most is not None and count > most:
        message = f'"{one.name}" takes {_times(least, most)}, but is given {count}'
        return [Problem("too-many-values", one.name, message)]
    if count < least:
        message = f'"{one.name}" takes {_times(least, most)}, but is given {count or "none"}'
        return [Problem("too-few-values", one.name, message)]
    return []


def _bounds(argument: Argument) -> tuple[int, int | None]:
    """The fewest and the most values at one time; None is any number."""
    nargs = argument.nargs
    if nargs is None:
        return (0, None) if argument.action.startswith("unknown:") else (1, 1)
    if isinstance(nargs, int):
        return nargs, nargs
    if nargs == "?":
        return 0, 1
    return (1 if nargs in ("+", "A...") else 0), None


def _times(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {least} value{'s' if least != 1 else ''}"
    if least == most:
        return f"{most} value{'s' if most != 1 else ''}"
    return f"at most {most} value{'s' if most != 1 else ''}"


def _check_value(name: str, argument: Argument, value: Value) -> Problem | None:
    if isinstance(value, Hole):
        return _check_hole(name, argument, value)
    if is_list(value):
        return Problem("wrong-type", name, f'"{name}" is given a list inside a list', "write plain values")
    word = str(text(argument, value))
    if argument.type == "bool":
        if not isinstance(value, bool) and word.strip().lower() in FALSE_TEXTS:
            message = f'"{name}" has type=bool, which reads the text {_shown(value)} as True'
            return Problem("bool-is-text", name, message, "write false, which is passed as empty text")
        return None
    converted = _convert(argument, word)
    if converted is None:
        article = "an" if argument.type == "int" else "a"
        kind = "JSON" if argument.type == "json" else f"{article} {argument.type}"
        return Problem(
            "wrong-type", name, f'{_shown(value)} is not {kind}, which "{name}" takes', accepted=(argument.type,)
        )
    return _check_choice(name, argument, value, converted)


def _convert(argument: Argument, word: str) -> str | int | float | None:
    """What argparse would make of a word; None when it would refuse it."""
    try:
        if argument.type == "int":
            return int(word)
        if argument.type == "float":
            return float(word)
        if argument.type == "json":
            import json

            json.loads(word)
    except (ValueError, RecursionError):
        return None
    return word


def _check_choice(name: str, argument: Argument, value: Value, converted: object) -> Problem | None:
    choices = argument.choices
    if choices is None or argument.type not in ("string", "int", "float") or converted in choices:
        return None
    accepted = tuple(str(choice) for choice in choices)
    advice = f"one of: {', '.join(accepted[:20])}" + (", ..." if len(accepted) > 20 else "")
    if argument.type == "string" and not any(isinstance(choice, str) for choice in choices):
        advice = "the script compares text with numbers, which never match: its add_argument needs a type"
    return Problem("not-in-choices", name, f'{_shown(value)} is not a choice of "{name}"', advice, accepted)


def _check_hole(name: str, argument: Argument, hole: Hole) -> Problem | None:
    if argument.type.startswith("unknown:"):
        return None
    if argument.type == "bool":
        message = f'"{name}" has type=bool, which reads any text as True, also a "false" that arrives at run time'
        return Problem(
            "bool-is-text", name, message, "make it action=BooleanOptionalAction, or compare text in the script"
        )
    accepted = HOLES.get(hole.type)
    if accepted is None or argument.type in accepted:
        return None
    article = "an" if argument.type == "int" else "a"
    message = f'"{name}" takes {article} {argument.type}, but is given a {hole.type}'
    return Problem("wrong-type", name, message, accepted=(argument.type,))


def _check_words(command: Command, one: Bound, argument: Argument, values: Sequence[Value]) -> list[Problem]:
    """Values that argparse can't be given, since it would take them for flags."""
    words = [text(argument, value) for value in values if not is_list(value)]
    problems: list[Problem] = []
    for word in words:
        if word == "--":
            message = f'"{one.name}" can\'t be given "--", which argparse takes for the end of flags'
            problems.append(Problem("ambiguous", one.name, message))
        elif len(words) > 1 and argument.flags and _is_taken_for_flag(command, word):
            message = f'"{word}" among several values of "{one.name}" would be taken for a flag'
            problems.append(Problem("ambiguous", one.name, message))
    return problems


def _is_taken_for_flag(command: Command, word: str | Hole) -> bool:
    return isinstance(word, str) and looks_like_flag(command, word) and not is_safe_number(command, word)


def _check_required(command: Command, given: Sequence[Bound]) -> list[Problem]:
    present = {one.argument for one in given}
    return [
        Problem("missing-argument", argument.spelling, f'the script requires "{argument.spelling}"', argument.help)
        for argument in command.parameters
        if argument.required and not argument.conditional and argument not in present
    ]


def _check_exclusive(command: Command, given: Sequence[Bound]) -> list[Problem]:
    problems: list[Problem] = []
    first: dict[int, Bound] = {}
    for one in given:
        group = one.argument.exclusive if one.argument else None
        if group is None:
            continue
        other = first.setdefault(group.id, one)
        if other.argument is not one.argument:
            message = f'"{one.name}" may not be given together with "{other.name}"'
            problems.append(Problem("exclusive", one.name, message))
    groups = {
        argument.exclusive.id for argument in command.parameters if argument.exclusive and argument.exclusive.required
    }
    for group_id in sorted(groups - set(first)):
        members = [one for one in command.parameters if one.exclusive and one.exclusive.id == group_id]
        if any(one.conditional for one in members):
            continue
        names = tuple(one.spelling for one in members)
        problems.append(
            Problem("missing-argument", names[0], f"the script requires one of {', '.join(names)}", "", names)
        )
    return problems


def _check_positionals(command: Command, given: Sequence[Bound]) -> list[Problem]:
    """Positionals are told apart by their place alone, so that a gap or two open ends move values."""
    problems: list[Problem] = []
    present = {one.argument: one.name for one in given}
    open_end = skipped = ""
    for argument in command.parameters:
        if not argument.positional:
            continue
        name = present.get(argument)
        if name is None:
            skipped = skipped or ("" if argument.required else argument.name)
        elif skipped:
            message = f'"{name}" can\'t be given without "{skipped}", which stands before it'
            problems.append(Problem("ambiguous", name, message, f'give "{skipped}" too'))
        elif open_end and (argument.nargs in ("?", "*", "+", "...") or argument.nargs is UNKNOWN):
            message = f'the values of "{open_end}" and "{name}" can\'t be told apart'
            problems.append(Problem("ambiguous", name, message))
        if name is not None and (argument.nargs in ("*", "+", "...") or argument.nargs is UNKNOWN):
            open_end = open_end or name
    return problems


def _check_before_subcommand(call: Call) -> list[Problem]:
    problems: list[Problem] = []
    for level in range(len(call.names)):
        problems += _check_positionals_before(call, level)
        options = _options(call, level, closed=True)
        if options and options[-1].open_end and not _has_positionals(call, level):
            name = options[-1].name
            message = (
                f'"{name}" takes any number of values, and would take the subcommand "{call.names[level]}" for one'
            )
            problems.append(Problem("ambiguous", name, message, "give a flag that takes one value as well"))
    return problems


def _check_positionals_before(call: Call, level: int) -> list[Problem]:
    """A positional of any number takes the subcommand's name for a value, and so does one that may be left out."""
    given = {one.argument for one in call.bound if one.level == level}
    problems: list[Problem] = []
    for argument in call.commands[level].parameters:
        open_end = argument.nargs in ("*", "+", "...") or argument.nargs is UNKNOWN
        if argument.positional and (open_end or (argument.nargs == "?" and argument not in given)):
            message = f'"{argument.name}" would take the subcommand "{call.names[level]}" for a value'
            advice = "" if open_end else f'give "{argument.name}" too'
            problems.append(Problem("ambiguous", argument.name, message, advice))
    return problems


def _has_positionals(call: Call, level: int) -> bool:
    return any(one.level == level and one.argument and one.argument.positional and _passes(one) for one in call.bound)


class _Words:
    """One argument's words, and whether it would take the word behind them too."""

    __slots__ = ("name", "open_end", "words")

    def __init__(self, name: str, words: list[Word], open_end: bool) -> None:
        self.name = name
        self.words = words
        self.open_end = open_end


def argv(interface: Interface, given: Mapping[str, Value], path: Sequence[str] = ()) -> tuple[Word, ...]:
    """The exact words that pass these arguments, each a tuple of text and holes that are one word together.

    Flags keep the manifest's order; positionals follow, in the script's order. What isn't known is passed as
    `--name value`, as it was written (`name=value` for Hydra).
    """
    if interface.style in ("none", "unreadable"):
        words: list[Word] = [(name,) for name in path]
        for name, value in given.items():
            words += _as_written(interface, name, value)
        return tuple(words)
    call = bind(interface, given, path)
    words = []
    for level in range(len(call.commands)):
        behind = level < len(call.names)
        options = _options(call, level, closed=behind and not _has_positionals(call, level))
        for option in options:
            words += option.words
        words += _positional_words(call, level, bool(options) and options[-1].open_end)
        if behind:
            words.append((call.names[level],))
    return (*words, *((name,) for name in call.rest))


def _options(call: Call, level: int, closed: bool) -> list[_Words]:
    """The words of a level's flags. With `closed`, what takes any number of values does not stand last."""
    command = call.commands[level]
    options: list[_Words] = []
    for one in call.bound:
        if one.level == level and (one.argument is None or not one.argument.positional):
            options += _option_words(command, one)
    if closed and options and options[-1].open_end:
        last = next((index for index in range(len(options) - 1, -1, -1) if not options[index].open_end), None)
        if last is not None:
            options.append(options.pop(last))
        elif len(options[-1].words) == 2 and options[-1].words[0] != ("--",):
            flag, value = options[-1].words
            options[-1] = _Words(options[-1].name, [_glued(flag, value)], False)
    return options


def _glued(flag: Word, value: Word) -> Word:
    """`--flag=value`, with neighbouring text as one part."""
    start = f"{flag[0]}="
    if value and isinstance(value[0], str):
        return (start + value[0], *value[1:])
    return (start, *value)


def _option_words(command: Command, one: Bound) -> list[_Words]:
    argument = one.argument
    if argument is None:
        words = _unknown_words(one.name, one.value)
        return [_Words(one.name, words, "=" not in str(words[0][0]))] if words else []
    if argument.nargs == 0:
        flags = switches(one)
        if flags is not None:
            return [_Words(one.name, [(flag,)], False) for flag in flags]
    made: list[_Words] = []
    for values in occurrences(one):
        texts = [text(argument, value) for value in values]
        if len(texts) == 1 and _must_be_glued(command, texts[0]):
            made.append(_Words(one.name, [_glued((one.flag,), (texts[0],))], False))
        else:
            made.append(_Words(one.name, [(one.flag,), *((word,) for word in texts)], takes_more(argument, texts)))
    return made


def _must_be_glued(command: Command, word: str | Hole) -> bool:
    if looks_like_flag(command, word) or word == "":
        return True
    return isinstance(word, str) and bool(command.fromfile_prefix_chars) and word[0] in command.fromfile_prefix_chars


def _positional_words(call: Call, level: int, after_open_end: bool) -> list[Word]:
    command = call.commands[level]
    given = {one.argument: one for one in call.bound if one.level == level and one.argument is not None}
    words: list[Word] = []
    remainder_first = False
    for argument in command.parameters:
        if argument.positional and argument in given:
            remainder_first = remainder_first or (not words and argument.nargs == "...")
            values = [value for times in occurrences(given[argument]) for value in times]
            words += [(text(argument, value),) for value in values]
    # argparse leaves "--" among the values of a REMAINDER.
    needed = after_open_end or any(looks_like_flag(command, word[0]) for word in words)
    return [("--",), *words] if words and needed and not remainder_first else words


def _unknown_words(name: str, value: Value) -> list[Word]:
    """`--name value`, as it was written."""
    flag = name if name.startswith("-") else f"--{name}"
    if value is None:
        return [(flag,)]
    words = [text(None, item) for item in items(value)]
    if len(words) == 1 and (words[0] == "" or (isinstance(words[0], Hole) and words[0].dash)):
        return [_glued((flag,), (words[0],))]
    if len(words) == 1 and isinstance(words[0], str) and words[0].startswith("-"):
        return [_glued((flag,), (words[0],))]
    return [(flag,), *((word,) for word in words)]


def _as_written(interface: Interface, name: str, value: Value) -> list[Word]:
    if interface.framework != "hydra" or name.startswith("-"):
        return _unknown_words(name, value)
    if not is_list(value):
        return [_glued((name,), (text(None, value),))]
    parts: list[str | Hole] = [f"{name}=["]
    for index, item in enumerate(items(value)):
        parts += [","] if index else []
        parts.append(text(None, item))
    return [_joined([*parts, "]"])]


def _joined(parts: Sequence[str | Hole]) -> Word:
    joined: list[str | Hole] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)
