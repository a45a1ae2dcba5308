"""Fetch objects from an object store, or upload to one: S3's protocol, a folder that is mounted, or plain https.

objects.py get --endpoint URL --bucket B [--region R] --path P... --to FOLDER
objects.py get --endpoint URL --bucket B [--region R] --path P --at PATH
objects.py put --endpoint URL --bucket B [--region R] --path P --from FILE_OR_FOLDER
objects.py get --url URL --to FOLDER | --at FILE

Keys come by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without them requests are anonymous. An endpoint
`file:///mnt/x` is a folder whose folders are the buckets. A path that ends in / is everything below it.
Signatures: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import os
import re
import shutil
import time
import xml.etree.ElementTree as ElementTree
from typing import IO, Any
from urllib.parse import quote, unquote, urlsplit

from targets.runtime.archive import file_digest
from targets.runtime.problem import DataError, UsageError, finish, quoted
from targets.runtime.signature import authorization

EMPTY = hashlib.sha256(b"").hexdigest()
MOST_REDIRECTS = 5
SECONDS = 120


class Bucket:
    """A bucket by S3's protocol, addressed by path, every request signed where there are keys."""

    def __init__(self, endpoint: str, bucket: str, region: str) -> None:
        self.url, self.bucket, self.region = urlsplit(endpoint), bucket, region or "us-east-1"
        if self.url.scheme not in ("http", "https") or not self.url.hostname:
            raise UsageError(f"{quoted(endpoint)} is no endpoint: https://HOST, or file:///FOLDER")
        self.key, self.secret = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", "")

    def request(
        self,
        method: str,
        name: str,
        query: dict[str, str],
        body: IO[bytes] | None = None,
        sha256: str = EMPTY,
        size: int = 0,
    ) -> http.client.HTTPResponse:
        path = quote("/".join(part for part in (self.url.path.strip("/"), self.bucket, name) if part), safe="/-_.~")
        words = "&".join(
            f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in sorted(query.items())
        )
        headers = {"host": self.url.netloc, "x-amz-content-sha256": sha256}
        if body is not None:
            headers["content-length"] = str(size)
        if self.key:
            self.sign(method, "/" + path, words, headers)
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self.url.hostname or "", self.url.port, timeout=SECONDS)
        connection.request(method, "/" + path + ("?" + words if words else ""), body=body, headers=headers)
        return connection.getresponse()

    def sign(self, method: str, path: str, words: str, headers: dict[str, str]) -> None:
        headers["x-amz-date"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = {name: value for name, value in headers.items() if name != "content-length"}
        request, keys, scope = (method, path, words), (self.key, self.secret), (self.region, "s3")
        headers["authorization"] = authorization(request, signed, headers["x-amz-content-sha256"], keys, scope)

    def refused(self, answer: http.client.HTTPResponse, what: str) -> DataError:
        text = answer.read(2000).decode("utf-8", "replace")
        code = re.search(r"<Code>([^<]*)</Code>", text)
        advice = "" if self.key else "; no keys are given: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
        return DataError(f"the store refuses {what}: status {answer.status} {code[1] if code else ''}{advice}")

    def names(self, prefix: str) -> list[str]:
        found: list[str] = []
        query = {"list-type": "2", "prefix": prefix}
        while True:
            answer = self.request("GET", "", query)
            if answer.status != 200:
                raise self.refused(answer, f"to list {quoted(prefix)}")
            root = ElementTree.fromstring(answer.read())
            space = root.tag[: root.tag.index("}") + 1] if "}" in root.tag else ""
            found += [unquoted(node, space) for node in root.iter(f"{space}Contents")]
            token = root.findtext(f"{space}NextContinuationToken")
            if not token:
                return [name for name in found if not name.endswith("/")]
            query["continuation-token"] = token

    def get(self, name: str, file: str) -> bool:
        """Whether there is such an object."""
        answer = self.request("GET", name, {})
        if answer.status == 404:
            answer.read()
            return False
        if answer.status != 200:
            raise self.refused(answer, f"to give {quoted(name)}")
        take(answer, file)
        return True

    def put(self, file: str, name: str) -> None:
        sha256, size = file_digest(file), os.path.getsize(file)
        with open(file, "rb") as stream:
            answer = self.request("PUT", name, {}, stream, sha256, size)
        if answer.status not in (200, 201, 204):
            raise self.refused(answer, f"to take {quoted(name)}")
        answer.read()


class Mounted:
    """A bucket that is a folder."""

    def __init__(self, root: str, bucket: str) -> None:
        self.root = os.path.join(root, bucket)

    def place(self, name: str) -> str:
        if ".." in name.split("/"):
            raise DataError(f"path {quoted(name)} leads out of the bucket")
        return os.path.join(self.root, name.lstrip("/"))

    def names(self, prefix: str) -> list[str]:
        top = self.place(prefix)
        files = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
        return sorted(os.path.relpath(file, self.root).replace(os.sep, "/") for file in files)

    def get(self, name: str, file: str) -> bool:
        if not os.path.isfile(self.place(name)):
            return False
        with open(self.place(name), "rb") as stream:
            take(stream, file)
        return True

    def put(self, file: str, name: str) -> None:
        os.makedirs(os.path.dirname(self.place(name)), exist_ok=True)
        shutil.copyfile(file, self.place(name) + ".partial")
        os.replace(self.place(name) + ".partial", self.place(name))


def unquoted(node: Any, space: str) -> str:
    return str(node.findtext(f"{space}Key") or "")


def take(stream: Any, file: str) -> None:
    """A file appears whole or not at all."""
    os.makedirs(os.path.dirname(file) or ".", exist_ok=True)
    with open(file + ".partial", "wb") as target:
        shutil.copyfileobj(stream, target, 1 << 20)
    os.replace(file + ".partial", file)


def store(options: argparse.Namespace) -> Bucket | Mounted:
    if not options.endpoint or not options.bucket:
        raise UsageError("--endpoint and --bucket name the store, or --url an object")
    if options.endpoint.startswith("file://"):
        return Mounted(unquote(options.endpoint[len("file://") :]), options.bucket)
    return Bucket(options.endpoint, options.bucket, options.region)


def under(folder: str, name: str) -> str:
    """Where an object's name lands below a folder; a name that leads out of it is refused."""
    plain = os.path.normpath(os.path.join(folder, name))
    if plain != os.path.normpath(folder) and not plain.startswith(os.path.normpath(folder) + os.sep):
        raise DataError(f"object {quoted(name)} leads out of the folder")
    return plain


def fetch(place: Bucket | Mounted, path: str, to: str, at: str = "") -> int:
    """One object, or all below a prefix; how many there are. What is fetched lies in a folder, or at a path."""
    if not path.endswith("/") and place.get(path, at or under(to, path.rsplit("/", 1)[-1])):
        return 1
    to = at or to
    prefix = path.rstrip("/") + "/" if path.strip("/") else ""
    names = [name for name in place.names(prefix) if name.startswith(prefix)]
    for name in names:
        if not place.get(name, under(to, name[len(prefix) :])):
            raise DataError(f"object {quoted(name)} went away")
    return len(names)


def upload(place: Bucket | Mounted, path: str, source: str) -> int:
    if os.path.isfile(source):
        name = path + os.path.basename(source) if path.endswith("/") else path
        place.put(source, name)
        return 1
    files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names)
    for file in files:
        place.put(file, path.rstrip("/") + "/" + os.path.relpath(file, source).replace(os.sep, "/"))
    return len(files)


def download(url: str, to: str, at: str = "") -> int:
    """One object behind a URL; where it is sent on, no further than a few times, and never to plain http."""
    for _ in range(MOST_REDIRECTS):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{quoted(url)} is no URL of http or https")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname, parts.port, timeout=SECONDS)
        connection.request("GET", (parts.path or "/") + ("?" + parts.query if parts.query else ""))
        answer = connection.getresponse()
        there = answer.headers.get("location", "")
        if answer.status in (301, 302, 303, 307, 308) and there.startswith("https://"):
            url = there
            continue
        if answer.status != 200:
            raise DataError(f"{quoted(url)} answered {answer.status}")
        take(answer, at or under(to, unquote(parts.path).rstrip("/").rsplit("/", 1)[-1] or "object"))
        return 1
    raise DataError(f"{quoted(url)} is sent on too often")


def main() -> int:
    parser = argparse.ArgumentParser(prog="objects", allow_abbrev=False)
    parser.add_argument("verb", choices=["get", "put"])
    parser.add_argument("--endpoint", default="")
    parser.add_argument("--bucket", default="")
    parser.add_argument("--region", default="")
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--url", default="")
    parser.add_argument("--to", default="")
    parser.add_argument("--at", default="")
    parser.add_argument("--from", dest="source", default="")
    options = parser.parse_args()
    if not (options.to or options.at if options.verb == "get" else options.source):
        raise UsageError("get takes --to or --at, put takes --from")
    if options.at and len(options.path) > 1:
        raise UsageError("--at is the place of one --path")
    if options.verb == "put" and len(options.path) != 1:
        raise UsageError("put takes one --path")
    try:
        if options.url:
            count = download(options.url, options.to, options.at)
        elif options.verb == "get":
            place = store(options)
            counts = [fetch(place, path, options.to, options.at) for path in options.path]
            if 0 in counts:
                raise DataError(f"nothing lies at {quoted(options.path[counts.index(0)])}")
            count = sum(counts)
        else:
            count = upload(store(options), options.path[0], options.source)
    except (http.client.HTTPException, ElementTree.ParseError) as error:
        raise DataError(f"the store's answer can't be read: {error or type(error).__name__}") from error
    if not count:
        raise DataError(f"{quoted(options.source or options.path)} holds nothing")
    print(f"{count} object{'s' if count != 1 else ''}")
    return 0


if __name__ == "__main__":
    finish(main)
