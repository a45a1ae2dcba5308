"""Print the cache key of a job: a sha256 over its command, settings and input files.

content_key.py [SPEC.json] [--root FOLDER] [--explain] [--output FILE]    or the specification in HEADRACE_KEY_SPEC

Specification: {"command": text or list, "env": {}, "parameters": {}, "matrix": {}, "environment": {"image",
"installer", "python", "files": [lock files]}, "inputs": [paths] or null, "needs": [paths], "folder": path}. Paths are
relative to the root. Without inputs all tracked files under `folder` count.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import stat
import subprocess
from typing import Any

from targets.runtime.archive import file_digest, inside
from targets.runtime.problem import DataError, UsageError, finish, parsed, quoted, say

KEYS = {"command", "env", "parameters", "matrix", "environment", "inputs", "needs", "folder"}


def tracked(folder: str) -> list[str]:
    """The files under a folder that git tracks and that are there; without git all files but .git."""
    command = ["git", "-c", "safe.directory=*", "-C", folder, "ls-files", "-z"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        if not done.returncode:
            names = [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
            paths = [os.path.normpath(os.path.join(folder, name)) for name in names]
            return [path for path in paths if os.path.lexists(path)]
        said = done.stderr.decode("utf-8", "replace").strip()
    except OSError as error:
        said = str(error)
    say(f"git can't list the tracked files ({quoted(said)}), so all files count")
    names = [name for name in os.listdir(folder) if name != ".git" and not name.startswith(".headrace")]
    return [os.path.normpath(os.path.join(folder, name)) for name in names]


def checked(path: Any) -> str:
    """A declared path; the content behind a link that leads out can't be part of the key."""
    if not isinstance(path, str) or not path:
        raise UsageError(f"{quoted(path)} is not a path")
    if not os.path.lexists(path):
        raise DataError(f"input {quoted(path)} is missing")
    if os.path.isabs(path) or not inside(path):
        raise DataError(f"input {quoted(path)} leads out of the root")
    return os.path.normpath(path)


def listing(paths: list[str]) -> list[tuple[bytes, str, str]]:
    """(path, mode, sha256) of every file and link under the paths; a link's target counts too where it is inside."""
    found: dict[str, tuple[bytes, str, str]] = {}
    seen = set()
    pending = list(paths)
    while pending:
        path = pending.pop()
        if path in seen:
            continue
        seen.add(path)
        mode = os.lstat(path).st_mode
        name = os.fsencode(path.replace(os.sep, "/"))
        if stat.S_ISLNK(mode):
            target = os.readlink(path)
            found[path] = (name, "120000", hashlib.sha256(os.fsencode(target)).hexdigest())
            if os.path.exists(path) and inside(path):
                pending.append(os.path.relpath(os.path.realpath(path), os.path.realpath(".")))
        elif stat.S_ISDIR(mode):
            pending.extend(os.path.normpath(os.path.join(path, name)) for name in os.listdir(path) if name != ".git")
        elif stat.S_ISREG(mode):
            found[path] = (name, "100755" if mode & 0o100 else "100644", file_digest(path))
        else:
            raise DataError(f"input {quoted(path)} is neither a file, a folder nor a link")
    return sorted(found.values())


def parts(spec: Any) -> list[tuple[str, bytes]]:
    if not isinstance(spec, dict) or not isinstance(spec.get("environment", {}), dict) or set(spec) - KEYS:
        raise UsageError(f"the specification is a mapping of {', '.join(sorted(KEYS))}")
    environment = dict(spec.get("environment", {}))
    files = [checked(path) for path in environment.pop("files", [])]
    values = {name: spec.get(name) or {} for name in ("env", "parameters", "matrix")}
    values.update(command=spec.get("command"), environment=environment)
    found = [(name, json.dumps(values[name], sort_keys=True).encode()) for name in sorted(values)]
    inputs = spec.get("inputs")
    paths = tracked(spec.get("folder") or ".") if inputs is None else [checked(path) for path in inputs]
    paths += [checked(path) for path in spec.get("needs") or []]
    for kind, declared in (("lock", files), ("file", paths)):
        found += [(kind, f"{mode} {sha256} ".encode() + name) for name, mode, sha256 in listing(declared)]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="content_key", allow_abbrev=False)
    parser.add_argument("spec", nargs="?")
    parser.add_argument("--root", default=".")
    parser.add_argument("--explain", action="store_true", help="print what the key covers on stderr")
    parser.add_argument("--output", help="append key=... to this file too")
    options = parser.parse_args()
    text = os.environ.get("HEADRACE_KEY_SPEC", "")
    if options.spec:
        with open(options.spec, encoding="utf-8") as stream:
            text = stream.read()
    output = os.path.abspath(options.output) if options.output else ""
    os.chdir(options.root)
    key = hashlib.sha256(b"headrace key 1\n")
    for name, value in parts(parsed(text, "the specification")):
        key.update(b"%s %d %s\n" % (name.encode(), len(value), value))
        if options.explain:
            say(f"{name} {quoted(os.fsdecode(value))}" if name in ("lock", "file") else f"{name} {value.decode()}")
    if output:
        with open(output, "a", encoding="utf-8") as stream:
            stream.write(f"key={key.hexdigest()}\n")
    print(key.hexdigest())
    return 0


if __name__ == "__main__":
    finish(main)
