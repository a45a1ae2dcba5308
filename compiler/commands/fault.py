"""A fault of headrace itself: a report in a temporary file instead of a traceback."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback

from compiler import VERSION, codes


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError as error:  # it is gone
        return str(error)


def report(error: BaseException, words: list[str]) -> str:
    """Write the report; gives what to tell the user."""
    code = codes.INTERNAL
    first = f"error[{code.number} {code.name}]: a fault of headrace itself: {type(error).__name__}"
    text = "\n".join(
        [
            f"headrace {VERSION}, Python {platform.python_version()}, {platform.platform()}",
            f"arguments: {words!r}",
            f"folder: {_folder()!r}",
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    try:
        handle, path = tempfile.mkstemp(prefix="headrace-report-", suffix=".txt")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        sys.stderr.write(text)
        return first
    return f"{first}\n      = help: please report it, with {path} once you have looked at what it holds"
