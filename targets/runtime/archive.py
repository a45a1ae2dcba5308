"""Deterministic tars: what goes in is sorted and stripped of time and owner; what comes out stays in its folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Sequence
from typing import IO

from targets.runtime.problem import DataError, quoted


def digest(stream: IO[bytes]) -> str:
    total = hashlib.sha256()
    for block in iter(lambda: stream.read(1 << 20), b""):
        total.update(block)
    return total.hexdigest()


def file_digest(path: str) -> str:
    with open(path, "rb") as stream:
        return digest(stream)


def inside(path: str, root: str = ".") -> bool:
    """Whether a path, its links followed, lies in a folder."""
    real, top = os.path.realpath(path), os.path.realpath(root)
    return real == top or real.startswith(top.rstrip(os.sep) + os.sep)


def relative(path: str) -> str:
    """A declared path in its plain form; refuses one that leaves the work folder."""
    plain = os.path.normpath(path)
    if not path or os.path.isabs(plain) or plain.split(os.sep)[0] == ".." or not inside(os.path.dirname(plain) or "."):
        raise DataError(f"path {quoted(path)} leads out of the work folder")
    return plain


def written(paths: Sequence[str], place: str = "") -> list[str]:
    """Declared outputs in their plain form, sorted; each must be there."""
    plain = sorted({relative(path) for path in paths})
    missing = [path for path in plain if not os.path.lexists(path)]
    if missing:
        where = f"{place}: " if place else ""
        raise DataError("\n".join(f"{where}output {quoted(path)} was not written by the job" for path in missing))
    return plain


def check_link(name: str, target: str) -> None:
    plain = os.path.normpath(os.path.join(os.path.dirname(name), target))
    if os.path.isabs(target) or plain.split(os.sep)[0] == "..":
        raise DataError(f"link {quoted(name)} leads out of the work folder, to {quoted(target)}")


def entries(paths: Sequence[str]) -> list[str]:
    """All names under the given paths, folders too, sorted by their bytes; links are not followed."""
    found = set()
    pending = list(paths)
    while pending:
        path = pending.pop()
        if path in found:
            continue
        found.add(path)
        if os.path.isdir(path) and not os.path.islink(path):
            pending.extend(name if path == "." else os.path.join(path, name) for name in os.listdir(path))
    return sorted(found - {"."}, key=os.fsencode)


def header(path: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    status = os.lstat(path)
    info.mode = 0o755 if status.st_mode & 0o100 else 0o644
    if stat.S_ISLNK(status.st_mode):
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, os.readlink(path), 0o777
        check_link(path, info.linkname)
    elif stat.S_ISDIR(status.st_mode):
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    elif stat.S_ISREG(status.st_mode):
        info.size = status.st_size
    else:
        raise DataError(f"{quoted(path)} is neither a file, a folder nor a link")
    return info


def pack(out: str, paths: Sequence[str]) -> None:
    """Write the paths to a tar, which appears whole or not at all."""
    names = entries(paths)
    folder = os.path.dirname(out) or "."
    handle, partial = tempfile.mkstemp(prefix=".headrace-", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for name in names:
                    if os.path.normpath(out) != name:
                        add(tar, name)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, out)
    except BaseException:
        os.unlink(partial)
        raise


def add(tar: tarfile.TarFile, name: str) -> None:
    info = header(name)
    if info.isreg():
        with open(name, "rb") as content:
            tar.addfile(info, content)
    else:
        tar.addfile(info)


def members(path: str) -> list[tuple[tarfile.TarInfo, str]]:
    """Read a tar through: each member with the sha256 of its bytes; refuses what is cut short or leads elsewhere."""
    found = []
    try:
        with open(path, "rb") as stream:
            stream.seek(-min(1024, os.path.getsize(path)), os.SEEK_END)
            if stream.read() != bytes(1024):
                raise DataError(f"{quoted(path)} is not a whole tar")
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                check_member(info)
                content = tar.extractfile(info) if info.isreg() or info.islnk() else None
                found.append((info, digest(content) if content else ""))
    except (tarfile.TarError, EOFError, KeyError, UnicodeError, ValueError) as error:
        raise DataError(f"{quoted(path)} is not a whole tar: {error}") from error
    return found


def check_member(info: tarfile.TarInfo) -> None:
    name = info.name
    if name.startswith("/") or ".." in name.split("/") or "\0" in name or os.path.isabs(name):
        raise DataError(f"member {quoted(name)} leads out of the folder")
    if info.issym():
        check_link(name, info.linkname)
    elif not (info.isreg() or info.isdir() or info.islnk()):
        raise DataError(f"member {quoted(name)} is neither a file, a folder nor a link")


def unpack(tars: Sequence[str], root: str) -> None:
    """Write the tars' members under a folder, after all of them were read and found to agree."""
    held: dict[str, tuple[bytes, str, str]] = {}
    origin: dict[str, str] = {}
    problems = []
    for path in tars:
        for info, sha256 in members(path):
            name = os.path.normpath(info.name)
            kind = tarfile.REGTYPE if info.islnk() or info.isreg() else info.type
            this = (kind, sha256, info.linkname if info.issym() else "")
            if held.setdefault(name, this) != this:
                problems.append(f"{quoted(name)} differs between {quoted(origin[name])} and {quoted(path)}")
            origin.setdefault(name, path)
    if problems:
        raise DataError("\n".join(problems))
    for path in tars:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                write(tar, info, root)


def write(tar: tarfile.TarFile, info: tarfile.TarInfo, root: str) -> None:
    target = os.path.join(root, os.path.normpath(info.name))
    folder = os.path.dirname(target)
    if not inside(folder, root):
        raise DataError(f"member {quoted(info.name)} leads out of the folder by a link")
    os.makedirs(folder, exist_ok=True)
    if info.isdir():
        if os.path.islink(target) and not inside(target, root):
            raise DataError(f"member {quoted(info.name)} leads out of the folder by a link")
        os.makedirs(target, exist_ok=True)
        return
    if os.path.lexists(target):
        os.unlink(target)
    if info.issym():
        os.symlink(info.linkname, target)
        if not inside(target, root):
            os.unlink(target)
            raise DataError(f"link {quoted(info.name)} leads out of the folder, to {quoted(info.linkname)}")
        return
    content = tar.extractfile(info)
    with open(target, "wb") as stream:
        if content:
            shutil.copyfileobj(content, stream, 1 << 20)
    os.chmod(target, 0o755 if info.mode & 0o100 else 0o644)


def replace(tar: str, paths: Sequence[str]) -> None:
    """Put a tar's content in the place of the paths, which hold nothing else afterwards."""
    fresh = tempfile.mkdtemp(prefix=".headrace-", dir=".")
    try:
        unpack([tar], fresh)
        for path in paths:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)
            if os.path.lexists(os.path.join(fresh, path)):
                os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
                os.replace(os.path.join(fresh, path), path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
