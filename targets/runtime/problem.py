"""How a script reports: one line a problem on stderr, and an exit status."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any


class DataError(Exception):
    """The user's data or condition failed: each line of the text is printed, exit 1."""

    status = 1


class UsageError(Exception):
    """The script was called wrongly: exit 2."""

    status = 2


def quoted(value: Any) -> str:
    """Show a value on one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else text[:200] + "..."


def say(message: str) -> None:
    print(f"headrace: {message}", file=sys.stderr, flush=True)


def parsed(text: str, what: str, **options: Any) -> Any:
    """Read JSON that the compiler wrote."""
    try:
        return json.loads(text, **options)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what} is not JSON: {error}") from error


def finish(main: Callable[[], int]) -> None:
    """Run a script's main function and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        status = main()
        sys.stdout.flush()
    except (DataError, UsageError) as problem:
        for line in str(problem).splitlines():
            say(line)
        status = problem.status
    except OSError as error:
        place = f"{quoted(error.filename)}: " if error.filename else ""
        say(f"{place}{error.strerror or error}")
        status = 1
    sys.exit(status)
