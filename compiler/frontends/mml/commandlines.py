"""`mml ...` command lines: their words, what they override, and which flags they hold."""

from __future__ import annotations

from compiler.frontends.mml.grammar import GrammarError, Override, parse

MULTIRUN = ("--multirun", "-m")
STARTS = (("mml",), ("python", "-m", "mml"), ("python3", "-m", "mml"))


class CommandError(ValueError):
    """A command line that is none of MML's; `word` is the word to look at."""

    def __init__(self, message: str, word: str = "", help: str | None = None, offset: int | None = None) -> None:
        super().__init__(message)
        self.word, self.help, self.offset = word, help, offset


class CommandLine:
    """One call of MML: its overrides in order, `mode=...` first where a word alone named the mode."""

    __slots__ = ("multirun", "overrides", "words")

    def __init__(self, words: list[str], overrides: list[Override], multirun: bool) -> None:
        self.words, self.overrides, self.multirun = words, overrides, multirun


def split(text: str) -> list[str]:
    """A line as a shell splits it, up to a comment. Raises CommandError."""
    import shlex

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise CommandError(f"the line can't be split into words: {str(error).lower()}") from error
    comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return words[:comment]


def arguments_of(words: list[str]) -> list[str] | None:
    """What follows `mml` (or `python -m mml`) in a line; None where the line calls something else."""
    for start in STARTS:
        if tuple(words[: len(start)]) == start:
            return words[len(start) :]
    return None


def read(arguments: list[str]) -> tuple[CommandLine, list[CommandError]]:
    """A call's arguments, and what is wrong with them."""
    errors: list[CommandError] = []
    overrides: list[Override] = []
    multirun = False
    words = list(arguments)
    if not words:
        errors.append(CommandError("mml alone prints its usage and runs nothing", "", "name a mode: mml info"))
    if words and "=" not in words[0] and words[0][:1] not in ("-", "+", "~"):
        words[0] = f"mode={words[0]}"
    for word in words:
        if word in MULTIRUN:
            multirun = True
        elif word.startswith("-"):
            advice = "a pipeline takes overrides and --multirun"
            errors.append(CommandError(f'"{word}" is a flag that a pipeline can\'t have', word, advice))
        else:
            try:
                overrides.append(parse(word))
            except GrammarError as error:
                errors.append(CommandError(str(error), word, None, error.offset))
    return CommandLine(words, overrides, multirun), errors
