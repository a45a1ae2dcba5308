"""A Python file's syntax tree, with positions that people count: lines and columns from 1, columns in code points."""

from __future__ import annotations

import ast
import re
import sys
import warnings

from compiler.pyargs.interface import ScriptSyntaxError

# Python ends a line at these and nowhere else; str.splitlines also cuts at form feeds and the like.
LINE_END = re.compile(r"\r\n|\r|\n")


class Script:
    """The tree of one file, and its text by line."""

    __slots__ = ("lines", "tree")

    def __init__(self, tree: ast.Module, lines: list[str]) -> None:
        self.tree = tree
        self.lines = lines

    def position(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Line and column of a node, from 1. ast counts columns in UTF-8 bytes."""
        return node.lineno, _code_points(self._line(node.lineno), node.col_offset) + 1

    def segment(self, node: ast.expr) -> str:
        """The node's own text. (ast.get_source_segment cuts the whole file into lines at each call.)"""
        last_line, last_bytes = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        start = _code_points(self._line(node.lineno), node.col_offset)
        end = _code_points(self._line(last_line), last_bytes)
        if last_line == node.lineno:
            return self._line(node.lineno)[start:end]
        middle = self.lines[node.lineno : last_line - 1]
        return "\n".join([self._line(node.lineno)[start:], *middle, self._line(last_line)[:end]])

    def _line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


def parse(text: str, filename: str) -> Script:
    """The script's tree. Raises ScriptSyntaxError for what this Python can't read, however it is broken."""
    text = text.removeprefix("\ufeff")
    lines = LINE_END.split(text)
    _refuse_unreadable_characters(text)
    try:
        with warnings.catch_warnings():
            # "\d" in somebody's script is a SyntaxWarning here, and an exception under -W error.
            warnings.simplefilter("ignore")
            tree = ast.parse(text, filename=filename)
    except SyntaxError as error:
        line, column = max(error.lineno or 1, 1), max(error.offset or 1, 1)
        raise ScriptSyntaxError(f"not valid Python {_version()}: {error.msg}", line, column) from None
    except ValueError as error:
        raise ScriptSyntaxError(f"not valid Python {_version()}: {error}", 1, 1) from None
    except (RecursionError, MemoryError, SystemError):
        # The parser's stack and the tree's depth are limited; 3.11 reports the latter in each of these ways.
        message = f"nested too deeply for Python {_version()} to read"
        raise ScriptSyntaxError(message, 1, 1) from None
    return Script(tree, lines)


def _refuse_unreadable_characters(text: str) -> None:
    # What ast.parse says of these differs between Python's patch releases, and has no position.
    bad = re.search("[\0\ud800-\udfff]", text)
    if bad is None:
        return
    before = LINE_END.split(text[: bad.start()])
    what = "a null character" if bad.group() == "\0" else "half of a surrogate pair"
    raise ScriptSyntaxError(f"not valid Python {_version()}: {what} in the text", len(before), len(before[-1]) + 1)


def _version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _code_points(line: str, utf8_bytes: int) -> int:
    if line.isascii():
        return utf8_bytes
    return len(line.encode("utf-8")[:utf8_bytes].decode("utf-8", "ignore"))
