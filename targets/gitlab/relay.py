"""Hand outputs from one part of a split pipeline to another, through the project's package registry.

relay.py put NAME PATH...    relay.py get NAME...    in a job of the run HEADRACE_RUN
relay.py fail NAME           relay.py seek NAME...   relay.py tell NAME...

`get` fails where nothing was put. `fail` leaves word that the job NAME failed, and `tell` fails where there is such word;
`seek` and `tell` take what was put, if anything was.
"""

from __future__ import annotations

import glob
import io
import os
import shutil
import sys
import tarfile
import tempfile
import typing
import urllib.error
import urllib.parse
import urllib.request


def address(name: str, kind: str = "tar") -> str:
    parts = os.environ["CI_API_V4_URL"], os.environ["CI_PROJECT_ID"], os.environ["HEADRACE_RUN"]
    where = "{}/projects/{}/packages/generic/headrace-relay/{}".format(*parts)
    return f"{where}/{urllib.parse.quote(name, safe='')}.{kind}"


def put(name: str, patterns: list[str]) -> None:
    paths = [path for pattern in patterns for path in sorted(glob.glob(os.path.expandvars(pattern)))]
    with tempfile.TemporaryFile() as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path in paths:
                archive.add(path)
        size = packed.tell()
        packed.seek(0)
        send(address(name), packed, size)
    print(f"headrace: {name} is handed on: {len(paths)} paths, {size} bytes")


def send(url: str, content: typing.IO[bytes], size: int) -> None:
    headers = {"JOB-TOKEN": os.environ["CI_JOB_TOKEN"], "Content-Length": str(size)}
    with urllib.request.urlopen(urllib.request.Request(url, content, headers, method="PUT"), timeout=3600):
        pass


def fail(name: str) -> None:
    send(address(name, "failed"), io.BytesIO(b"failed"), 6)  # the registry takes no empty file


def get(name: str) -> bool:
    """Unpack what was put; whether there was anything."""
    with tempfile.TemporaryFile() as packed:
        if not fetched(address(name), packed):
            return False
        packed.seek(0)
        with tarfile.open(fileobj=packed) as archive:
            unpack(archive)
    return True


def fetched(url: str, into: typing.IO[bytes]) -> bool:
    asked = urllib.request.Request(url, headers={"JOB-TOKEN": os.environ["CI_JOB_TOKEN"]})
    try:
        with urllib.request.urlopen(asked, timeout=3600) as answer:
            shutil.copyfileobj(answer, into)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return False
    return True


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
    at = names[0]
    try:
        if verb == "put":
            put(at, names[1:])
        elif verb == "fail":
            fail(at)
        else:
            failed = []
            for at in names:
                if get(at):  # who was tried again and ended well counts as that
                    continue
                if verb == "get":
                    sys.exit(f"headrace: {at} did not end well in another part of the pipeline: nothing was handed on")
                if verb == "tell" and fetched(address(at, "failed"), io.BytesIO()):
                    failed.append(at)
            if failed:
                sys.exit(f"headrace: failed in another part of the pipeline: {', '.join(failed)}")
    except urllib.error.URLError as error:
        sys.exit(f"headrace: the package registry refuses {at}: {error}")


if __name__ == "__main__":
    main()
