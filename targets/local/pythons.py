"""The Pythons of this machine, and virtual environments over shared ones."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Python:
    """An interpreter, its exact version, and whether it is the one that was asked for."""

    path: str
    version: str
    fits: bool = True


_known: dict[str, Python] = {}


def find(wanted: str) -> Python:
    """The interpreter for a version such as `3.12` or `3.12.4`; else headrace's own, which then does not fit."""
    if wanted not in _known:
        own = Python(os.path.realpath(sys.executable), _own_version())
        candidates = (own, *_candidates(wanted))
        fitting = (one for one in candidates if one.version == wanted or one.version.startswith(wanted + "."))
        _known[wanted] = next(fitting, Python(own.path, own.version, fits=False))
    return _known[wanted]


def _own_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _candidates(wanted: str) -> list[Python]:
    minor = ".".join(wanted.split(".")[:2])
    names = [shutil.which(f"python{minor}"), shutil.which("python3"), shutil.which("python")]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv")
    names += sorted(
        glob.glob(os.path.join(glob.escape(pyenv), "versions", minor + ".*", "bin", "python")), reverse=True
    )
    names.append(_from_uv(wanted))
    return [one for name in dict.fromkeys(names) if name for one in [_asked(name)] if one is not None]


def _from_uv(wanted: str) -> str | None:
    uv = shutil.which("uv")
    if uv is None:
        return None
    done = subprocess.run([uv, "python", "find", wanted], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout.strip() or None if done.returncode == 0 else None


def _asked(path: str) -> Python | None:
    """What an interpreter says of itself; a shim says where the real one is."""
    code = "import os, sys; print(os.path.realpath(sys.executable)); print('.'.join(map(str, sys.version_info[:3])))"
    try:
        done = subprocess.run(
            [path, "-I", "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.splitlines()
    return Python(lines[0], lines[1]) if done.returncode == 0 and len(lines) == 2 else None


# --------------------------------------------------------------------------------------- a job's own over a shared one


def overlay(base: str, folder: str) -> None:
    """A virtual environment of its own that sees a shared one's packages: what a job installs stays its own.

    It takes no process to make. https://docs.python.org/3/library/site.html says how a `.pth` file adds the folder.
    """
    programs = os.path.join(folder, "bin")
    os.makedirs(programs)
    shutil.copyfile(os.path.join(base, "pyvenv.cfg"), os.path.join(folder, "pyvenv.cfg"))
    real = os.path.realpath(os.path.join(base, "bin", "python"))
    site = next(iter(glob.glob(os.path.join(glob.escape(base), "lib", "python3*", "site-packages"))))
    own = os.path.join(folder, os.path.relpath(site, base))
    os.makedirs(own)
    with open(os.path.join(own, "headrace-shared.pth"), "w", encoding="utf-8") as stream:
        stream.write(f"import site; site.addsitedir({site!r})\n")
    for name in sorted(os.listdir(os.path.join(base, "bin"))):
        source, target = os.path.join(base, "bin", name), os.path.join(programs, name)
        if name.startswith(("python", "activate", "Activate")):
            if name.startswith("python"):
                os.symlink(real, target)
            continue
        _copy_program(source, target, base, folder)


def _copy_program(source: str, target: str, base: str, folder: str) -> None:
    """A console script's first lines name the interpreter of its environment; other programs are linked."""
    with open(source, "rb") as stream:
        data = stream.read()
    head, _, rest = data.partition(b"\n\n")
    if data.startswith(b"#!") and os.fsencode(base) in head[:1000]:
        lines = data.split(b"\n", 3)
        lines[:3] = [line.replace(os.fsencode(base) + b"/bin/", os.fsencode(folder) + b"/bin/") for line in lines[:3]]
        with open(target, "wb") as stream:
            stream.write(b"\n".join(lines))
        os.chmod(target, 0o755)
    else:
        os.symlink(source, target)
    del rest
