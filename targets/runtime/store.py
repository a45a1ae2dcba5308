"""Carry a big output through a store; only a small reference with its sha256 travels between jobs.

store.py put --url URL --path P... --reference FILE [--place TEXT]
store.py get [--url URL] --reference FILE
store.py name --url URL --reference FILE --dataset NAME --version V    what was put is that version of the dataset
store.py get --url URL --dataset NAME --version V --path P             V: a version, or sha256:… of what was put
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import tempfile
from typing import Any
from urllib.parse import quote

from targets.runtime.archive import entries, file_digest, pack, relative, replace, written
from targets.runtime.blobs import Cloud, Folder, blobs
from targets.runtime.problem import DataError, UsageError, finish, quoted

NAME = "outputs.tar"


def held_at(url: str, sha256: str) -> Folder | Cloud:
    """One folder for each content, so that to look for it never lists a whole store."""
    return blobs(f"{url.rstrip('/')}/{sha256}")


def put(options: argparse.Namespace, tar: str) -> None:
    paths = written(options.path, options.place)
    pack(tar, paths)
    sha256 = file_digest(tar)
    place = held_at(options.url, sha256)
    if NAME not in place.names():
        place.put(tar, NAME)
    files = [name for name in entries(paths) if os.path.islink(name) or not os.path.isdir(name)]
    reference = {
        "url": options.url,
        "sha256": sha256,
        "size": os.path.getsize(tar),
        "paths": paths,
        "files": len(files),
    }
    with open(options.reference + ".partial", "w", encoding="utf-8") as stream:
        json.dump(reference, stream, sort_keys=True)
    os.replace(options.reference + ".partial", options.reference)


def reference_in(file: str) -> dict[str, Any]:
    try:
        with open(file, encoding="utf-8") as stream:
            reference = json.load(stream)
        url, sha256, paths = reference["url"], reference["sha256"], reference["paths"]
        if (
            isinstance(url, str)
            and re.fullmatch("[0-9a-f]{64}", sha256)
            and all(isinstance(path, str) for path in paths)
        ):
            return dict(reference)
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise DataError(f"{quoted(file)} is not a reference to a store")


def versions(options: argparse.Namespace) -> tuple[Folder | Cloud, str]:
    """Where a dataset's versions are named, and the name of this one."""
    dataset, version = (quote(text, safe="") for text in (options.dataset, options.version))
    return blobs(f"{options.url.rstrip('/')}/datasets/{dataset}"), f"{version}.json"


def name(options: argparse.Namespace) -> None:
    place, version = versions(options)
    reference_in(options.reference)
    place.put(options.reference, version)


def look_up(options: argparse.Namespace, file: str) -> None:
    """Write the reference of a dataset's version."""
    if re.fullmatch("sha256:[0-9a-f]{64}", options.version):
        with open(file, "w", encoding="utf-8") as stream:
            json.dump({"url": options.url, "sha256": options.version[7:], "paths": options.path}, stream)
        return
    place, version = versions(options)
    if version not in place.names():
        wanted = f"version {quoted(options.version)} of dataset {quoted(options.dataset)}"
        raise DataError(f"store {quoted(options.url)} has no {wanted}")
    place.get(version, file)
    held = reference_in(file)["paths"]
    if held != options.path:
        raise DataError(f"dataset {quoted(options.dataset)} was put as {quoted(held)}, not as {quoted(options.path)}")


def get(options: argparse.Namespace, tar: str) -> None:
    reference = reference_in(options.reference)
    url, sha256 = reference["url"], reference["sha256"]
    if options.url and options.url != url:
        raise DataError(f"{quoted(options.reference)} refers to store {quoted(url)}, not to {quoted(options.url)}")
    held_at(url, sha256).get(NAME, tar)
    found = file_digest(tar)
    if found != sha256:
        raise DataError(f"what store {quoted(url)} holds has sha256 {found}, not {sha256}")
    replace(tar, [relative(path) for path in reference["paths"]])


def main() -> int:
    parser = argparse.ArgumentParser(prog="store", allow_abbrev=False)
    parser.add_argument("verb", choices=["put", "get", "name"])
    parser.add_argument("--url", default="")
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--reference", default="")
    parser.add_argument("--place", default="")
    parser.add_argument("--dataset", default="")
    parser.add_argument("--version", default="")
    options = parser.parse_args()
    if options.verb == "put" and not (options.url and options.path):
        raise UsageError("put takes --url and --path")
    if not options.reference and not (options.verb == "get" and options.dataset):
        raise UsageError("a reference is missing")
    if options.verb == "name":
        name(options)
        return 0
    folder = tempfile.mkdtemp(prefix=".headrace-", dir=".")
    try:
        if options.verb == "get" and options.dataset:
            options.reference = os.path.join(folder, "reference.json")
            look_up(options, options.reference)
        act = put if options.verb == "put" else get
        act(options, os.path.join(folder, "blob.tar"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    finish(main)
