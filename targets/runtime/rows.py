"""Rows of data files, one at a time: CSV with a header, JSON lines, or a JSON list of objects."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from typing import Any

from targets.runtime.problem import DataError, quoted

DATA_FILES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")


def files_of(path: str) -> list[str]:
    """A file itself, or the data files below a folder."""
    if not os.path.isdir(path):
        return [path]
    found = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    data = sorted(name for name in found if name.lower().endswith(DATA_FILES))
    if not data:
        raise DataError(f"folder {quoted(path)} holds no data: {', '.join(DATA_FILES)}")
    return data


def rows_of(path: str) -> Iterator[dict[str, Any]]:
    """The rows of a file, or of all files of a folder."""
    for file in files_of(path):
        try:
            with open(file, encoding="utf-8-sig", newline="") as stream:
                if file.lower().endswith((".csv", ".tsv")):
                    yield from tabular(
                        file, csv.reader(stream, delimiter="\t" if file.lower().endswith(".tsv") else ",")
                    )
                elif file.lower().endswith(".json"):
                    yield from listed(file, json.load(stream))
                else:
                    for number, line in enumerate(stream, 1):
                        if line.strip():
                            yield held(f"{file}:{number}", json.loads(line))
        except (ValueError, csv.Error, RecursionError) as error:
            raise DataError(f"{quoted(file)} can't be read as data: {error}") from error


def tabular(file: str, lines: Iterator[list[str]]) -> Iterator[dict[str, Any]]:
    header = next(lines, None)
    if not header:
        raise DataError(f"{quoted(file)} is empty")
    for number, line in enumerate(lines, 2):
        if not line:
            continue
        if len(line) != len(header):
            raise DataError(f"{file}: row {number} has {len(line)} fields, the header has {len(header)}")
        yield dict(zip(header, line))  # noqa: B905 - Python 3.8 has no strict


def listed(file: str, data: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(data, list):
        raise DataError(f"{quoted(file)} is no list of rows")
    for number, row in enumerate(data, 1):
        yield held(f"{file}: item {number}", row)


def held(place: str, row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise DataError(f"{place} is no object")
    return row
