"""`headrace completion`: the completion script of a shell, made from the parsers themselves."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action, ArgumentParser, Namespace

DESCRIPTION = "Print the script that completes headrace's commands and options in a shell."
EXAMPLES = """
source <(headrace completion bash)
headrace completion zsh > "${fpath[1]}/_headrace"
headrace completion fish > ~/.config/fish/completions/headrace.fish
"""
SHELLS = ("bash", "zsh", "fish")


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell")


def run(arguments: Namespace) -> int:
    write = {"bash": bash, "zsh": zsh, "fish": fish}[arguments.shell]
    sys.stdout.write(write(commands()))
    return 0


class Option:
    """An option of a command: its spellings, its help and the values that it takes (none: no value, or any)."""

    __slots__ = ("help", "takes_value", "values", "words")

    def __init__(self, action: Action) -> None:
        self.words = list(action.option_strings)
        self.help = action.help or ""
        self.takes_value = action.nargs != 0
        self.values = values(action)


class Shown:
    """A command: its help, its options, and the values of its argument (None: paths)."""

    __slots__ = ("argument", "help", "options")

    def __init__(self, help: str, parser: ArgumentParser) -> None:
        actions = parser._actions  # argparse has no public way to ask for them
        self.help = help
        self.options = [Option(action) for action in actions if action.option_strings]
        arguments = [action for action in actions if not action.option_strings]
        self.argument: list[str] | None = []
        for action in arguments:
            self.argument = None if action.dest == "path" else values(action)


def values(action: Action) -> list[str]:
    """The values that an option or argument takes, where there is a list of them."""
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    if action.dest == "target":
        from compiler.commands.targeting import ALL
        from targets import TARGETS

        return [*TARGETS, ALL]
    if action.dest == "dialect":
        from compiler.commands.schema import dialects

        return dialects()
    if action.dest == "what":
        from compiler.commands.catalogue import catalogue

        return [word for code in catalogue().values() for word in (code.number, code.name)]
    return []


def commands() -> dict[str, Shown]:
    from compiler import cli

    return {name: Shown(line, cli.parser(name, cli.load(name))) for name, (_, line) in cli.COMMANDS.items()}


def bash(shown: dict[str, Shown]) -> str:
    cases = []
    for name, command in shown.items():
        words = " ".join(word for option in command.options for word in option.words)
        lines = [f"    {name})"]
        with_values = [option for option in command.options if option.takes_value]
        if with_values:
            lines.append('      case "$before" in')
            for option in with_values:
                reply = f'COMPREPLY=($(compgen -W "{" ".join(option.values)}" -- "$word"))' if option.values else ":"
                lines.append(f"        {'|'.join(option.words)}) {reply}; return ;;")
            lines.append("      esac")
        lines.append(f'      options="{words}"')
        lines.append(f'      arguments="{" ".join(command.argument or [])}"')
        lines.append("      ;;")
        cases.extend(lines)
    return "\n".join(
        [
            "_headrace() {",
            '  local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" options="" arguments=""',
            '  if [ "$COMP_CWORD" -eq 1 ]; then',
            f'    COMPREPLY=($(compgen -W "{" ".join([*shown, "--help", "--version"])}" -- "$word"))',
            "    return",
            "  fi",
            '  case "${COMP_WORDS[1]}" in',
            *cases,
            "  esac",
            '  case "$word" in',
            '    -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;',
            '    *) COMPREPLY=($(compgen -W "$arguments" -- "$word")) ;;',
            "  esac",
            "}",
            "complete -o default -F _headrace headrace",
            "",
        ]
    )


def zsh(shown: dict[str, Shown]) -> str:
    lines = ["#compdef headrace", "", "_headrace() {", "  local -a commands", "  commands=("]
    lines += [f"    {_zsh(f'{name}:{command.help}')}" for name, command in shown.items()]
    lines += ["  )", "  if (( CURRENT == 2 )); then", "    _describe command commands", "    return", "  fi"]
    lines += ["  local name=$words[2]", "  shift words", "  (( CURRENT-- ))", "  case $name in"]
    for name, command in shown.items():
        specs = [_zsh_option(option, word) for option in command.options for word in option.words]
        if command.argument is None:
            specs.append(_zsh("*:path:_files"))
        elif command.argument:
            specs.append(_zsh(f"1:argument:({' '.join(command.argument)})"))
        body = " \\\n        ".join(["_arguments", *specs])
        lines += [f"    {name})", f"      {body}", "      ;;"]
    # The file may be sourced, or loaded by the first completion itself, which then waits for an answer.
    either = 'if [[ $funcstack[1] = _headrace ]]; then _headrace "$@"; else compdef _headrace headrace; fi'
    lines += ["  esac", "}", "", either, ""]
    return "\n".join(lines)


def _zsh_option(option: Option, word: str) -> str:
    said = option.help.replace("[", "(").replace("]", ")").replace(":", " ")
    action = f"({' '.join(option.values)})" if option.values else "_files"
    return _zsh(f"*{word}[{said}]" + (f":value:{action}" if option.takes_value else ""))


def _zsh(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish(shown: dict[str, Shown]) -> str:
    lines = ["complete -c headrace -n __fish_use_subcommand -f"]
    for name, command in shown.items():
        lines.append(f"complete -c headrace -n __fish_use_subcommand -f -a {name} -d {_fish(command.help)}")
    for name, command in shown.items():
        here = f"complete -c headrace -n '__fish_seen_subcommand_from {name}'"
        for option in command.options:
            spelled = " ".join(f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" for word in option.words)
            given = f" -x -a {_fish(' '.join(option.values))}" if option.values else " -r" if option.takes_value else ""
            lines.append(f"{here} {spelled}{given} -d {_fish(option.help)}")
        if command.argument is not None:
            lines.append(f"{here} -f" + (f" -a {_fish(' '.join(command.argument))}" if command.argument else ""))
    return "\n".join(lines) + "\n"


def _fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
