"""Give an image that was pushed its version's tag, <branch>-<version>, or take such a tag away.

release.py publish --image=REFERENCE --branch=NAME [--version=TEXT] [--keep=N]
release.py withdraw (--repository=NAME | --name=NAME) --branch=NAME --version=TEXT

A version is never moved: a tag that holds another image is refused, one that holds this image is left as it is. Without
a version the next number of the branch is taken. `--keep` takes the oldest numbers of the branch away. `--name` is below
the CI's own registry. The login is REGISTRY_USERNAME and REGISTRY_PASSWORD, else that of GitLab's own registry.

https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from targets.runtime.problem import DataError, UsageError, finish, quoted, say

REFERENCE = re.compile(
    r"(?P<place>[A-Za-z0-9.-]+(?::[0-9]+)?/[a-z0-9][a-z0-9._/-]*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
SECONDS = 60
PAGES = 1000
LONGEST_TAG = 128


class Unredirected(urllib.request.HTTPRedirectHandler):
    """A login is for the host that asked for it, and for no other."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        made = super().redirect_request(req, fp, code, msg, headers, newurl)
        if made is not None and urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            made.remove_header("Authorization")
        return made


class Answer:
    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class Registry:
    """One repository of a registry."""

    def __init__(self, place: str) -> None:
        host, slash, self.repository = place.partition("/")
        if not slash:
            raise UsageError(f"{quoted(place)} is not HOST/REPOSITORY")
        own = host.partition(":")[0] in ("localhost", "127.0.0.1")
        host = "registry-1.docker.io" if host in ("docker.io", "index.docker.io") else host
        self.place = place
        self.base = f"{'http' if own else 'https'}://{host}/v2/{self.repository}/"
        self.login = _login(host)
        self.authorization = ""
        self.opener = urllib.request.build_opener(Unredirected)

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """One request, signed in where the registry asks for it."""
        answer = self._send(urljoin(self.base, path), method, body, headers)
        if answer.status == 401 and self._sign_in(answer.headers.get("WWW-Authenticate") or "", method):
            answer = self._send(urljoin(self.base, path), method, body, headers)
        if answer.status in (401, 403):
            raise DataError(
                f"{self.place} refuses the login: REGISTRY_USERNAME and REGISTRY_PASSWORD must hold one that may push"
            )
        return answer

    def _send(self, url: str, method: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given["User-Agent"] = "headrace"
        if self.authorization and url.startswith(self.base):
            given["Authorization"] = self.authorization
        request = urllib.request.Request(url, data=body, headers=given, method=method)
        try:
            with self.opener.open(request, timeout=SECONDS) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())
        except urllib.error.URLError as error:
            raise DataError(f"{self.place} can't be reached: {error.reason}") from error

    def _sign_in(self, challenge: str, method: str) -> bool:
        """Answer the registry's challenge: https://distribution.github.io/distribution/spec/auth/token/"""
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic" and self.login:
            self.authorization = f"Basic {self.login}"
            return True
        fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if kind.lower() != "bearer" or "realm" not in fields:
            return False
        actions = "pull" if method in ("GET", "HEAD") else "pull,push,delete" if method == "DELETE" else "pull,push"
        query = {"service": fields.get("service", ""), "scope": f"repository:{self.repository}:{actions}"}
        headers = {"User-Agent": "headrace"}
        if self.login:
            headers["Authorization"] = f"Basic {self.login}"
        realm = fields["realm"]
        if urlsplit(realm).scheme != "https" and not self.base.startswith("http://"):
            raise DataError(f"{self.place} asks for a login at {quoted(realm)}, which is not https")
        request = urllib.request.Request(f"{realm}?{urlencode(query)}", headers=headers)
        try:
            with self.opener.open(request, timeout=SECONDS) as answer:
                token = json.loads(answer.read())
        except (urllib.error.URLError, ValueError) as error:
            raise DataError(f"{self.place} gives no token: {getattr(error, 'reason', error)}") from error
        self.authorization = f"Bearer {token.get('token') or token.get('access_token') or ''}"
        return True

    def manifest(self, name: str) -> tuple[str, str, bytes] | None:
        """Digest, media type and text of a manifest; None where there is none."""
        answer = self.ask(f"manifests/{name}", Accept=MANIFESTS)
        if answer.status == 404:
            return None
        self._check(answer, f"the manifest of {quoted(name)}")
        digest = answer.headers.get("Docker-Content-Digest") or "sha256:" + hashlib.sha256(answer.body).hexdigest()
        return digest, answer.headers.get("Content-Type") or "", answer.body

    def tag(self, name: str, kind: str, body: bytes) -> None:
        answer = self.ask(f"manifests/{name}", "PUT", body, Content_Type=kind)
        self._check(answer, f"the tag {quoted(name)}")

    def tags(self) -> list[str]:
        found: list[str] = []
        path = f"tags/list?n={PAGES}"
        while path:
            answer = self.ask(path)
            if answer.status == 404:
                return found
            self._check(answer, "the tags")
            try:
                found += json.loads(answer.body).get("tags") or []
            except (ValueError, AttributeError) as error:
                raise DataError(f"{self.place} does not list its tags") from error
            link = re.search(r'<([^>]*)>\s*;\s*rel="?next', answer.headers.get("Link") or "")
            path = link[1] if link else ""
        return found

    def remove(self, name: str) -> bool:
        """Take a tag away, and nothing else that its image is called; False where the registry can't."""
        for path in (f"manifests/{name}", f"tags/reference/{name}"):
            status = self.ask(path, "DELETE").status
            if status in (200, 202, 204):
                return True
        return False

    def _check(self, answer: Answer, what: str) -> None:
        if answer.status not in (200, 201, 202):
            text = answer.body.decode("utf-8", "replace").strip()
            raise DataError(f"{self.place}: {what}: status {answer.status}: {quoted(text)}")


def _login(host: str) -> str:
    """User and password as they are sent; "" without any."""
    user, password = os.environ.get("REGISTRY_USERNAME", ""), os.environ.get("REGISTRY_PASSWORD", "")
    if not password and os.environ.get("CI_REGISTRY", "").partition("/")[0] == host:
        user, password = os.environ.get("CI_REGISTRY_USER", ""), os.environ.get("CI_REGISTRY_PASSWORD", "")
    return base64.b64encode(f"{user}:{password}".encode()).decode() if password else ""


def legal(branch: str, version: str) -> str:
    """<branch>-<version> in the characters, and as long as, a tag may be."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", version):
        raise DataError(f"{quoted(version)} is no version: letters, digits, ., _ and -")
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", branch).lstrip(".-")
    if not name:
        raise DataError("a version is published from a branch, and this run has none")
    return f"{name[: LONGEST_TAG - 1 - len(version)]}-{version}"


def numbers(tags: list[str], branch: str) -> dict[int, str]:
    """The branch's numbered versions."""
    start = legal(branch, "1")[:-1]
    ends = ((tag[len(start) :], tag) for tag in tags if tag.startswith(start))
    return {int(end): tag for end, tag in ends if re.fullmatch(r"[1-9][0-9]{0,8}", end)}


def publish(options: argparse.Namespace) -> int:
    if options.image.startswith("localhost/"):
        say(f"{options.image} is an image of this machine: nothing is released")
        return 0
    found = REFERENCE.fullmatch(options.image)
    if not found:
        raise DataError(f"{quoted(options.image)} is not the reference of an image")
    registry = Registry(found["place"])
    held = registry.manifest(found["digest"] or found["tag"] or "latest")
    if held is None:
        raise DataError(f"{options.image} is not there")
    digest, kind, body = held
    if options.version:
        tag = legal(options.branch, options.version)
    else:
        known = numbers(registry.tags(), options.branch)
        last = max(known, default=0)
        before = registry.manifest(known[last]) if known else None
        tag = known[last] if before and before[0] == digest else legal(options.branch, str(last + 1))
    other = registry.manifest(tag)
    if other is not None and other[0] != digest:
        raise DataError(f"{registry.place}:{tag} is published already, with another image: a version is never moved")
    if other is None:
        registry.tag(tag, kind, body)
    print(f"{registry.place}:{tag}@{digest}", flush=True)
    if options.keep:
        retire(registry, options.branch, options.keep)
    return 0


def retire(registry: Registry, branch: str, keep: int) -> None:
    """Take the oldest numbers of a branch away. A registry that can't do that is no reason to fail."""
    known = numbers(registry.tags(), branch)
    for number in sorted(known)[:-keep]:
        if not registry.remove(known[number]):
            say(f"{registry.place} does not take tags away: {known[number]} stays")
            return
        print(f"{registry.place}:{known[number]} is taken away", flush=True)


def withdraw(options: argparse.Namespace) -> int:
    registry = Registry(options.repository or own_place(options.name))
    tag = legal(options.branch, options.version)
    if registry.manifest(tag) is None:
        raise DataError(f"{registry.place}:{tag} is not there")
    if not registry.remove(tag):
        raise DataError(f"{registry.place} does not take tags away by itself: remove {tag} where it is administered")
    print(f"{registry.place}:{tag} is taken away", flush=True)
    return 0


def own_place(name: str) -> str:
    """An image in the registry that belongs to the CI's own repository."""
    if os.environ.get("CI_REGISTRY_IMAGE"):
        return f"{os.environ['CI_REGISTRY_IMAGE']}/{name}"
    if os.environ.get("GITHUB_REPOSITORY"):
        return f"ghcr.io/{os.environ['GITHUB_REPOSITORY']}/{name}".lower()
    raise DataError("no registry belongs to this run: say which one")


def main() -> int:
    parser = argparse.ArgumentParser(prog="release", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("publish", allow_abbrev=False)
    one.add_argument("--image", required=True)
    one.add_argument("--branch", required=True)
    one.add_argument("--version", default="")
    one.add_argument("--keep", type=int, default=0)
    two = commands.add_parser("withdraw", allow_abbrev=False)
    place = two.add_mutually_exclusive_group(required=True)
    place.add_argument("--repository")
    place.add_argument("--name")
    two.add_argument("--branch", required=True)
    two.add_argument("--version", required=True)
    options = parser.parse_args(sys.argv[1:])
    return publish(options) if options.command == "publish" else withdraw(options)


if __name__ == "__main__":
    finish(main)
