"""Scripts: where they are, what they take, and what their declarations leave open.

Everything is read by the syntax tree; nothing is executed.
"""

from __future__ import annotations

from compiler import codes as core
from compiler.diagnostics import NOTE, WARNING
from compiler.frontends.mlreef import codes
from compiler.source import At, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from compiler.diagnostics import Code, Sink
    from compiler.frontends.base import Files
    from compiler.pyargs import Argument, Interface, Remark, Subcommand
    from compiler.source import Source

# Folders whose scripts are nobody's modules, and files that are never entry scripts.
_OTHERS = frozenset(
    ("tests", "test", "docs", "venv", "env", "build", "dist", "node_modules", "site-packages", "__pycache__")
)
_NO_ENTRY = frozenset(("setup.py", "conftest.py", "__init__.py", "noxfile.py"))
_HINTS = ("argparse", "@data_processor", "@processor")
_WRITES = ("out", "save", "result", "dest", "target", "log", "checkpoint", "cache", "write", "export")
INPUT, OUTPUT = "input_path", "output_path"

# Remarks of the reader that say what MLReef drops, and those that say less than the author means.
_DROPPED = frozenset(
    (
        "dropped-decorator",
        "old-keyword",
        "unknown-parameter-type",
        "bad-parameter-name",
        "several-processors",
        "decorator-without-argument",
        "decorator-differs",
    )
)
_LOOSE = frozenset(
    (
        "bool-type",
        "bad-default",
        "default-type",
        "untyped-default",
        "text-default",
        "flag-without-effect",
        "sequence-type",
        "changed-later",
    )
)
READS_NOTHING = "it reads no arguments by argparse or by decorators"
_HELP_TYPES = {
    "int": "int",
    "integer": "int",
    "float": "float",
    "double": "float",
    "bool": "bool",
    "boolean": "bool",
}


class Script:
    """A script that was read. `path` is from the repository's root."""

    __slots__ = ("interface", "path", "source")

    def __init__(self, path: str, source: Source, interface: Interface) -> None:
        self.path = path
        self.source = source
        self.interface = interface

    def place(self, line: int, column: int) -> Span:
        """The line from a place on, as far as it goes."""
        start = self.source.offset(line, column)
        end = self.source.text.find("\n", start)
        end = len(self.source.text) if end < 0 else end
        return Span(self.source, start, max(start + 1, end))

    def origin(self) -> At:
        return At(self.path, self.place(1, 1))

    def argument(self, name: str, among: Iterable[Argument] | None = None) -> Argument | None:
        """The argument of a name in any spelling: `input-path`, `--input_path`, `Input-Path`; any subcommand's, too."""
        wanted = plain(name)
        for argument in self.arguments() if among is None else among:
            if wanted in {plain(spelling) for spelling in (*argument.flags, argument.name)}:
                return argument
        return None

    def arguments(self) -> Iterator[Argument]:
        """All arguments, those of subcommands behind the script's own."""
        commands: list[Interface | Subcommand] = [self.interface]
        for command in commands:
            yield from command.parameters
            commands.extend(command.subcommands)


def plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_").lower()


def candidates(files: Files, folder: str) -> list[str]:
    """The Python files below a folder that may be entry scripts, by their paths."""
    pattern = f"{folder}/**/*.py" if folder not in ("", ".") else "**/*.py"
    return [path for path in files.glob(pattern) if _may_be_entry(path, folder)]


def _may_be_entry(path: str, folder: str) -> bool:
    *folders, name = path.removeprefix(f"{folder}/" if folder not in ("", ".") else "").split("/")
    if name in _NO_ENTRY or name.startswith(("test_", ".")) or name.endswith("_test.py"):
        return False
    return not any(part in _OTHERS or part.startswith(".") for part in folders)


def read_script(path: str, files: Files, sink: Sink, sure: bool = True) -> Script | None:
    """A script and what it takes; None for one that is no entry. `sure` says that somebody named it."""
    source = files.source(path, sink)
    if source is None or not (sure or any(hint in source.text for hint in _HINTS)):
        return None
    from compiler.pyargs import ScriptSyntaxError, read_interface

    try:
        interface = read_interface(source.text, path)
    except ScriptSyntaxError as error:
        start = source.offset(error.line, error.column)
        from sys import version_info

        note = f"it is read as Python {version_info[0]}.{version_info[1]}"
        sink.report(core.PYTHON_SYNTAX, error.message, Span(source, start, start + 1), notes=(note,))
        return None
    script = Script(path, source, interface)
    return script if sure or why_no_entry(script) is None else None


def why_no_entry(script: Script) -> str | None:
    """Why a script is no entry script, as a sentence about it; None for one that is."""
    interface = script.interface
    remarks = {remark.kind for remark in interface.remarks}
    if interface.style in ("argparse", "mlreef"):
        return (
            "its parser never reads the command line"
            if "never-parsed" in remarks and not interface.decorators
            else None
        )
    if interface.framework:
        return f"its arguments are read by {interface.framework}, not by argparse"
    if "reads-argv" in remarks:
        return "it reads sys.argv itself, not by argparse"
    return READS_NOTHING


def report(script: Script, sink: Sink) -> None:
    """What the script's declarations leave open, drop, or say twice, at its lines."""
    for remark in script.interface.remarks:
        code = _code_of(remark)
        if code is not None:
            place = script.place(remark.line, remark.column)
            severity = NOTE if remark.kind == "text-default" else WARNING  # that one comes out right
            sink.report(code, remark.message, place, severity=severity, help=_advice(remark.kind))
    for remark in script.interface.remarks:
        if remark.kind == "never-called":
            place = script.place(remark.line, remark.column)
            advice = 'call it: if __name__ == "__main__": …'
            sink.report(codes.NO_ENTRY, remark.message, place, severity=WARNING, help=advice)
    for argument in script.arguments():
        _report_help_type(script, argument, sink)
    _report_differences(script, sink)


def _report_differences(script: Script, sink: Sink) -> None:
    """Where a decorator and the parser say another default: MLReef passes the decorator's, a run by hand has the parser's."""
    from compiler.pyargs import ABSENT, UNKNOWN, Parameter

    for one in script.interface.decorators:
        argument = script.argument(one.name) if isinstance(one, Parameter) else None
        if not isinstance(one, Parameter) or argument is None or argument.nargs == 0 or not argument.flags:
            continue
        place = script.place(one.line, one.column)
        default = argument.default
        if (
            default not in (ABSENT, UNKNOWN, None)
            and not _is_same(one.default, default)
            and argument.type_text != one.type
        ):
            message = (
                f'"{one.name}" is "{one.default}" by its decorator, and {default!r} by the parser, unless it is given'
            )
            sink.report(codes.DROPPED, message, place, help="say the same default in both")
        elif argument.required and not one.required:
            message = f'"{one.name}" is required by the parser, and not by its decorator'
            sink.report(codes.DROPPED, message, place, help="say `required=True` in the decorator")


def _is_same(said: str, default: object) -> bool:
    """Whether a decorator's text means the parser's value: `1` and 1.0, `True` and true, `[]` and an empty list."""
    if isinstance(default, bool):
        return said.lower() == str(default).lower()
    if isinstance(default, (int, float)):
        try:
            return float(said) == float(default)
        except ValueError:
            return False
    if isinstance(default, tuple):
        return "".join(said.split()) == "[" + ",".join(str(item) for item in default) + "]"
    return said == str(default)


def _code_of(remark: Remark) -> Code | None:
    if remark.kind in _DROPPED:
        return codes.DROPPED
    return codes.LOOSE_ARGUMENT if remark.kind in _LOOSE else None


def _advice(kind: str) -> str | None:
    return {
        "bool-type": 'give it action="store_true", or choices of text',
        "sequence-type": "give it nargs, or a function that cuts the text where you want it",
        "untyped-default": "give it a type",
        "old-keyword": "headrace reads both spellings, MLReef's platform the new one alone",
        "decorator-without-argument": "add the argument to the parser, or take the decorator away",
    }.get(kind)


def _report_help_type(script: Script, argument: Argument, sink: Sink) -> None:
    """`help="batch size (int)"` of an argument without a type: the script gets text."""
    if argument.type_text or argument.nargs == 0 or argument.type != "string":
        return
    said = type_in_help(argument.help)
    if said is None or not isinstance(argument.default, str):
        return  # a default that is no text is remarked on by itself
    message = f'"{argument.spelling}" is {said} by its help alone: the script gets text'
    place = script.place(argument.line, argument.column)
    sink.report(codes.LOOSE_ARGUMENT, message, place, help=f"add type={said}")


def type_in_help(text: str) -> str | None:
    """The type that a help text names in parentheses: `number of epochs (int)`."""
    lower = text.lower()
    for word, said in _HELP_TYPES.items():
        if f"({word})" in lower or f"({word}," in lower:
            return said
    return None


def report_data_paths(script: Script, input_name: str, output_name: str, sink: Sink) -> None:
    """MLReef's contract of data: what a module reads and writes is given by --input-path and --output-path."""
    if not script.interface.complete:
        return
    for name in (input_name, output_name):
        if script.argument(name) is None:
            flag = "--" + name.replace("_", "-")
            message = f'"{script.path}" takes no "{flag}"'
            near = _near(script, name)
            advice = f"name {near} in the module's manifest" if near else "a pipeline gives it no data by that way"
            first = min((argument.line for argument in script.arguments()), default=1)
            sink.report(codes.NO_DATA_PATH, message, script.place(first, 1), help=advice)


def _near(script: Script, name: str) -> str | None:
    """An argument that may be meant: `images-path` for `input-path`."""
    kind = "input" if "input" in name else "output"
    others = [one for one in script.arguments() if plain(one.spelling).endswith(("_path", "_dir", "_folder", "_file"))]
    writes = [one for one in others if any(word in plain(one.spelling) for word in _WRITES)]
    meant = writes if kind == "output" else [one for one in others if one not in writes]
    return f"`{kind}: {meant[0].spelling.lstrip('-')}`" if meant else None
