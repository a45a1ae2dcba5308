"""Check when a job runs that what documents describe may still be used; exit 1 where it may not.

usable.py [--refused FIELD:WORD]... [--warned FIELD:WORD]... [--sha256 HEX:PATH]... [DOCUMENT...]

A document is a mapping in YAML or JSON; a field is one of its own keys. Words are compared without regard to case. A file
at PATH must have the checksum.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from typing import Any

from targets.runtime.archive import file_digest
from targets.runtime.problem import DataError, UsageError, finish, quoted, say

LINE = re.compile(r"(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'#:\-{\[][^:#]*?))\s*:(?:\s+(.*))?$")


def fields_of(path: str) -> dict[str, str]:
    """The scalars of a document's mapping. YAML is read by its lines: a key of the document begins one."""
    try:
        with open(path, encoding="utf-8-sig") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{quoted(path)} can't be read: {error}") from error
    try:
        data: Any = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, dict):
        return {str(key): str(value).lower() for key, value in data.items() if isinstance(value, (str, bool))}
    found = {}
    for line in text.splitlines():
        key = LINE.match(line)
        if key is not None:
            name = next(part for part in key.groups()[:3] if part is not None)
            found[name] = word_of(key[4] or "").lower()
    return found


def word_of(text: str) -> str:
    """A value without its quotes and comment."""
    text = text.strip()
    if text[:1] in ("'", '"'):
        return text[1:].split(text[0], 1)[0]
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()


def pair(text: str) -> tuple[str, str]:
    name, colon, word = text.partition(":")
    if not colon or not name or not word:
        raise UsageError(f"{quoted(text)} is no pair NAME:WORD")
    return name, word


def main() -> int:
    parser = argparse.ArgumentParser(prog="usable", allow_abbrev=False)
    parser.add_argument("--refused", action="append", default=[], type=str)
    parser.add_argument("--warned", action="append", default=[], type=str)
    parser.add_argument("--sha256", action="append", default=[], type=str)
    parser.add_argument("documents", nargs="*")
    options = parser.parse_args()
    refused, warned = [pair(text) for text in options.refused], [pair(text) for text in options.warned]
    faults = []
    for path in options.documents:
        fields = fields_of(path)
        name = fields.get("name") or path
        for field, word in refused:
            if fields.get(field) == word.lower():
                faults.append(f"{quoted(name)} is not to be used: {field} is {word} ({path})")
        for field, word in warned:
            if fields.get(field) == word.lower():
                say(f"warning: {quoted(name)} is used, and {field} is {word} ({path})")
    for digest, path in map(pair, options.sha256):
        if not os.path.isfile(path):
            faults.append(f"{quoted(path)} is no file: it can't have the checksum {digest}")
        elif file_digest(path) != digest.lower():
            faults.append(f"{quoted(path)} has the checksum {file_digest(path)}, not {digest}")
    if faults:
        raise DataError("\n".join(faults))
    count = len(options.documents) + len(options.sha256)
    print(f"{count} checked")
    return 0


if __name__ == "__main__":
    finish(main)
