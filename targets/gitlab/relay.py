"""Hand outputs from one part of a split pipeline to another, through the project's package registry.

relay.py put NAME PATH...    relay.py get NAME...    in a job of the run HEADRACE_RUN
"""

from __future__ import annotations

import glob
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request


def address(name: str) -> str:
    parts = os.environ["CI_API_V4_URL"], os.environ["CI_PROJECT_ID"], os.environ["HEADRACE_RUN"]
    where = "{}/projects/{}/packages/generic/headrace-relay/{}".format(*parts)
    return f"{where}/{urllib.parse.quote(name, safe='')}.tar"


def put(name: str, patterns: list[str]) -> None:
    paths = [path for pattern in patterns for path in sorted(glob.glob(os.path.expandvars(pattern)))]
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path in paths:
                archive.add(path)
        size = packed.tell()
        packed.seek(0)
        asked = urllib.request.Request(
            address(name),
            data=packed,
            method="PUT",
            headers={"JOB-TOKEN": os.environ["CI_JOB_TOKEN"], "Content-Length": str(size)},
        )
        with urllib.request.urlopen(asked, timeout=3600):
            print(f"headrace: {name} is handed on: {len(paths)} paths, {size} bytes")


def get(name: str) -> None:
    with tempfile.TemporaryFile() as packed:
        asked = urllib.request.Request(address(name), headers={"JOB-TOKEN": os.environ["CI_JOB_TOKEN"]})
        with urllib.request.urlopen(asked, timeout=3600) as answer:
            shutil.copyfileobj(answer, packed)
        packed.seek(0)
        with tarfile.open(fileobj=packed) as archive:
            unpack(archive)


def unpack(archive: tarfile.TarFile) -> None:
    if hasattr(tarfile, "data_filter"):  # Python 3.12, and late patches of older ones
        archive.extractall(".", filter="data")
        return
    for member in archive:
        link = os.path.join(os.path.dirname(member.name), member.linkname) if member.issym() else member.linkname
        for path in (member.name, link):
            if os.path.isabs(path) or os.path.normpath(path).startswith(".."):
                sys.exit(f"headrace: {member.name!r} leads out of the folder")
        archive.extract(member, ".")


def main() -> None:
    verb, *names = sys.argv[1:]
    try:
        if verb == "put":
            put(names[0], names[1:])
        else:
            for name in names:
                get(name)
    except urllib.error.URLError as error:
        sys.exit(f"headrace: the package registry refuses {names[0]}: {error}")


if __name__ == "__main__":
    main()
