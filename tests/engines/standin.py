"""What the stand-ins for GitHub's own actions do, over folders instead of GitHub's services.

Artifacts lie in STANDIN_STORE/artifacts, caches in STANDIN_STORE/caches. The rules that bite are kept:

- an artifact's name holds none of `" : < > | * ? \\ /` and no line break, and is taken only once (unless overwritten);
- hidden files, and what lies in hidden folders, are left out unless they are asked for; links are followed;
  https://github.com/actions/upload-artifact#limitations
- `name` that isn't there is an error; a pattern may match nothing; each match lands in a folder of its name, but what
  matches alone lands in the path itself: https://github.com/actions/download-artifact/issues/419
- a cache key holds no comma and at most 512 characters, and what it holds is never replaced.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import NoReturn

STORE = os.environ.get("STANDIN_STORE", "")


def given(name: str) -> str:
    return os.environ.get("STANDIN_" + name, "")


def fail(message: str) -> NoReturn:
    print(f"::error::{message}")
    sys.exit(1)


def upload() -> None:
    name, path = given("NAME"), given("PATH")
    if not name or re.search(r'[":<>|*?\r\n\\/]', name):
        fail(f"the artifact name {name!r} is not valid")
    if given("DAYS") and not 0 < int(given("DAYS")) <= 90:
        fail(f"{given('DAYS')} days of retention")
    found = collected(path, given("HIDDEN") == "true")
    if not found:
        if given("MISSING") == "error":
            fail(f"no files were found at {path}")
        return
    there = os.path.join(STORE, "artifacts", name)
    if os.path.isdir(there):
        if given("OVERWRITE") != "true":
            fail(f"an artifact named {name} is there")
        shutil.rmtree(there)
    for inner, file in found:
        if re.search(r'[":<>|*?\r\n]', inner):
            fail(f"the path {inner!r} is not valid")
        target = os.path.join(there, inner)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(file, target)


def collected(path: str, hidden: bool) -> list[tuple[str, str]]:
    """The files at a path, by their place in the artifact."""
    if not hidden and any(part.startswith(".") and part not in (".", "..") for part in path.split("/")):
        return []
    if os.path.isfile(path):
        return [(os.path.basename(path), path)]
    found = []
    for folder, inner, names in os.walk(path, followlinks=True):
        inner[:] = [one for one in inner if hidden or not one.startswith(".")]
        for name in names:
            if hidden or not name.startswith("."):
                file = os.path.join(folder, name)
                found.append((os.path.relpath(file, path), file))
    return found


def download() -> None:
    there = os.path.join(STORE, "artifacts")
    names = sorted(os.listdir(there)) if os.path.isdir(there) else []
    path = given("PATH") or os.environ["GITHUB_WORKSPACE"]
    if given("NAME"):
        if given("NAME") not in names:
            fail(f"the artifact {given('NAME')} is not found")
        names = [given("NAME")]
    elif given("PATTERN"):
        patterns = braces(given("PATTERN"))
        names = [name for name in names if any(matches(name, one) for one in patterns)]
    flat = given("NAME") or given("MERGE") == "true" or len(names) == 1
    for name in names:
        shutil.copytree(os.path.join(there, name), path if flat else os.path.join(path, name), dirs_exist_ok=True)
    print(f"{len(names)} artifacts: {' '.join(names)}")


def braces(pattern: str) -> list[str]:
    """`{a,b.*}` as its alternatives; braces within braces are not known here."""
    found = re.fullmatch(r"([^{]*)\{([^{}]*)\}(.*)", pattern)
    if found is None:
        return [pattern]
    return [found[1] + one + found[3] for one in found[2].split(",")]


def matches(name: str, pattern: str) -> bool:
    """minimatch's `*` and `?`: neither takes a dot at the beginning."""
    if name.startswith(".") and not pattern.startswith("."):
        return False
    parts = re.findall(r"\*+|\?|[^*?]+", pattern)
    known = {"?": "[^/]"}
    return (
        re.fullmatch("".join("[^/]*" if p[0] == "*" else known.get(p) or re.escape(p) for p in parts), name) is not None
    )


def place(key: str) -> str:
    if "," in key or len(key) > 512 or not key:
        fail(f"the key {key!r} is not valid")
    return os.path.join(STORE, "caches", key.encode().hex()[:200])


def paths() -> list[str]:
    return [line.strip() for line in given("PATH").splitlines() if line.strip()]


def restore() -> None:
    held = place(given("KEY"))
    if not os.path.isdir(held):
        return
    for path in paths():
        source = os.path.join(held, path)
        if os.path.isdir(source) and not os.path.islink(source):
            shutil.copytree(source, path, symlinks=True, dirs_exist_ok=True)
        elif os.path.lexists(source):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            shutil.copy2(source, path, follow_symlinks=False)
    with open(os.environ["GITHUB_OUTPUT"], "a") as stream:
        stream.write("cache-hit=true\n")


def save() -> None:
    held = place(given("KEY"))
    if os.path.isdir(held):
        return
    for path in paths():
        target = os.path.join(held, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.copytree(path, target, symlinks=True)
        elif os.path.lexists(path):
            shutil.copy2(path, target, follow_symlinks=False)


if __name__ == "__main__":
    {"upload": upload, "download": download, "restore": restore, "save": save}[sys.argv[1]]()
