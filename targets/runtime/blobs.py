"""Places for blobs: a folder (mounted volume), or a cloud's store through its own command-line tool."""

from __future__ import annotations

import os
import shutil
import subprocess

from targets.runtime.problem import DataError, quoted


class Folder:
    """Blobs as files of a folder; one appears whole or not at all."""

    def __init__(self, path: str) -> None:
        self.path = path

    def names(self) -> list[str]:
        return [name for name in os.listdir(self.path) if name[0] != "."] if os.path.isdir(self.path) else []

    def put(self, file: str, name: str) -> None:
        os.makedirs(self.path, exist_ok=True)
        partial = os.path.join(self.path, f".{name}.{os.getpid()}.partial")
        try:
            with open(file, "rb") as source, open(partial, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
            os.replace(partial, os.path.join(self.path, name))
        finally:
            if os.path.exists(partial):
                os.unlink(partial)

    def get(self, name: str, file: str) -> None:
        shutil.copyfile(os.path.join(self.path, name), file)

    def delete(self, name: str) -> None:
        os.unlink(os.path.join(self.path, name))


class Cloud:
    """Blobs under a URL, by a tool whose commands are argument lists with {url}, {name} and {file} to fill."""

    def __init__(self, url: str, commands: dict[str, list[str]], empty: str, **words: str) -> None:
        self.commands, self.empty, self.words = commands, empty, dict(words, url=url.rstrip("/"))

    def run(self, verb: str, **words: str) -> str:
        command = [part.format(**self.words, **words) for part in self.commands[verb]]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True)
        said = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode and not (verb == "list" and (self.empty in said if self.empty else not said)):
            raise DataError(f"{command[0]} failed to {verb} in {quoted(self.words['url'])}: {quoted(said[-2000:])}")
        return done.stdout.decode("utf-8", "replace") if not done.returncode else ""

    def names(self) -> list[str]:
        lines = [line.split() for line in self.run("list").splitlines()]
        return [words[-1].rsplit("/", 1)[-1] for words in lines if words and words[-1][-1] != "/"]

    def put(self, file: str, name: str) -> None:
        self.run("put", file=file, name=name)

    def get(self, name: str, file: str) -> None:
        self.run("get", file=file, name=name)

    def delete(self, name: str) -> None:
        self.run("delete", name=name)


def tool(url: str, *names: str) -> str:
    for name in names:
        if shutil.which(name):
            return name
    raise DataError(f"store {quoted(url)} needs the command {' or '.join(names)}, which this image does not have")


def blobs(url: str) -> Folder | Cloud:
    """The place that a URL names: a path, file://, s3://BUCKET/..., gs://BUCKET/... or az://ACCOUNT/CONTAINER/..."""
    scheme, separator, rest = url.partition("://")
    blob = "{url}/{name}"
    if not separator or scheme == "file":
        return Folder(rest if separator else url)
    if scheme == "s3":
        copy = [tool(url, "aws"), "s3", "cp", "--only-show-errors"]
        listing, delete = ["aws", "s3", "ls", "{url}/"], ["aws", "s3", "rm", "--only-show-errors", blob]
        empty = ""
    elif scheme == "gs":
        start = ["gcloud", "storage"] if tool(url, "gcloud", "gsutil") == "gcloud" else ["gsutil", "-q"]
        copy, listing, delete = [*start, "cp"], [*start, "ls", "{url}/"], [*start, "rm", blob]
        empty = "matched no objects"
    elif scheme == "az":
        return azure(url, rest)
    else:
        raise DataError(f"store {quoted(url)} is not a path, s3://, gs:// or az://")
    commands = {"list": listing, "put": [*copy, "{file}", blob], "get": [*copy, blob, "{file}"], "delete": delete}
    return Cloud(url, commands, empty)


def azure(url: str, rest: str) -> Cloud:
    account, container, prefix = (rest.rstrip("/") + "//").split("/", 2)
    start = [tool(url, "az"), "storage", "blob"]
    where = ["--account-name", "{account}", "--container-name", "{container}", "--only-show-errors"]
    if not any(os.environ.get(f"AZURE_STORAGE_{name}") for name in ("KEY", "SAS_TOKEN", "CONNECTION_STRING")):
        where += ["--auth-mode", "login"]
    name = ["--name", "{prefix}{name}"]
    commands = {
        "list": [*start, "list", *where, "--prefix", "{prefix}", "--query", "[].name", "--output", "tsv"],
        "put": [*start, "upload", *where, *name, "--file", "{file}", "--overwrite", "--output", "none"],
        "get": [*start, "download", *where, *name, "--file", "{file}", "--output", "none"],
        "delete": [*start, "delete", *where, *name, "--output", "none"],
    }
    prefix = f"{prefix.strip('/')}/".lstrip("/")
    return Cloud(url, commands, "", account=account, container=container, prefix=prefix)
