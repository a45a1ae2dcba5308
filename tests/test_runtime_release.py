"""release.py against a registry that speaks the distribution protocol."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.runtime_scripts import Job

KIND = "application/vnd.oci.image.index.v1+json"
LOGIN = {"REGISTRY_USERNAME": "me", "REGISTRY_PASSWORD": "s3cret"}
SIGNED = "Basic " + base64.b64encode(b"me:s3cret").decode()


def digest_of(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


class Registry(ThreadingHTTPServer):
    """Holds tags of one repository; signs in by token, lists two tags a page, and may refuse to delete."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tags: dict[str, bytes] = {}
        self.deletes = True
        self.asked: list[str] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def push(self, tag: str, text: str = "one") -> str:
        self.tags[tag] = json.dumps({"image": text}).encode()
        return digest_of(self.tags[tag])


class Handler(BaseHTTPRequestHandler):
    server: Registry
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.server.asked.append(f"{self.command} {self.path}")
        if self.path.startswith("/token"):
            ok = self.headers.get("Authorization") == SIGNED
            self.answer(200, json.dumps({"token": "good" if ok else "bad"}).encode())
        elif self.headers.get("Authorization") != "Bearer good":
            realm = f'Bearer realm="http://{self.server.host}/token",service="here"'
            self.answer(401, WWW_Authenticate=realm)
        elif self.path.startswith("/v2/team/m/tags/list"):
            self.list()
        else:
            self.manifest(self.path.rpartition("/")[2], body)

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def list(self) -> None:
        last = re.search(r"last=(.*)", self.path)
        names = [name for name in sorted(self.server.tags) if last is None or name > last[1]]
        more = {"Link": f'</v2/team/m/tags/list?n=2&last={names[1]}>; rel="next"'} if len(names) > 2 else {}
        self.answer(200, json.dumps({"name": "team/m", "tags": names[:2] or None}).encode(), **more)

    def manifest(self, name: str, body: bytes) -> None:
        held = self.server.tags
        found = held.get(name) or next((text for text in held.values() if digest_of(text) == name), None)
        if self.command == "PUT":
            held[name] = body
            self.answer(201)
        elif self.command == "DELETE":
            if not self.server.deletes:
                self.answer(405)
            else:
                self.answer(202 if held.pop(name, None) else 404)
        elif found is None:
            self.answer(404)
        else:
            self.answer(200, found, Content_Type=KIND, Docker_Content_Digest=digest_of(found))


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def publish(job: Job, registry: Registry, digest: str, *more: str, branch: str = "main") -> tuple[int, str, str]:
    image = f"--image={registry.host}/team/m:commit@{digest}"
    done = job.run("release", "publish", image, f"--branch={branch}", *more, **LOGIN)
    return done.returncode, done.stdout, done.stderr


def test_versions_are_counted_by_branch(job: Job, registry: Registry) -> None:
    first = registry.push("commit")
    assert publish(job, registry, first)[:2] == (0, f"{registry.host}/team/m:main-1@{first}\n")
    assert publish(job, registry, first)[1] == f"{registry.host}/team/m:main-1@{first}\n", "the same image again"
    second = registry.push("commit", "two")
    assert publish(job, registry, second)[0] == 0
    assert publish(job, registry, second, branch="feature/a b")[0] == 0
    assert {name: json.loads(text)["image"] for name, text in registry.tags.items()} == {
        "commit": "two", "main-1": "one", "main-2": "two", "feature-a-b-1": "two",
    }  # fmt: skip


def test_a_version_is_never_moved(job: Job, registry: Registry) -> None:
    first = registry.push("commit")
    assert publish(job, registry, first, "--version=2.0")[0] == 0
    assert publish(job, registry, first, "--version=2.0")[0] == 0
    status, _, error = publish(job, registry, registry.push("commit", "two"), "--version=2.0")
    assert status == 1
    assert "main-2.0 is published already, with another image" in error
    assert json.loads(registry.tags["main-2.0"]) == {"image": "one"}


def test_the_newest_numbers_of_a_branch_stay(job: Job, registry: Registry) -> None:
    for number in (1, 2, 9, 10):
        registry.push(f"main-{number}", str(number))
    registry.push("main-beta", "beta")
    registry.push("other-1", "other")
    status, out, _ = publish(job, registry, registry.push("commit", "new"), "--keep=3")
    assert status == 0
    assert sorted(registry.tags) == ["commit", "main-10", "main-11", "main-9", "main-beta", "other-1"]
    assert out.count("is taken away") == 2


def test_a_registry_that_keeps_all_is_no_failure(job: Job, registry: Registry) -> None:
    registry.deletes = False
    registry.push("main-1", "old")
    status, _, error = publish(job, registry, registry.push("commit"), "--keep=1")
    assert status == 0
    assert "does not take tags away: main-1 stays" in error


def test_a_tag_is_withdrawn(job: Job, registry: Registry) -> None:
    registry.push("main-1")
    place = f"--repository={registry.host}/team/m"
    assert job.run("release", "withdraw", place, "--branch=main", "--version=1", **LOGIN).returncode == 0
    assert registry.tags == {}
    done = job.run("release", "withdraw", place, "--branch=main", "--version=1", **LOGIN)
    assert (done.returncode, "is not there" in done.stderr) == (1, True)


def test_withdrawing_fails_where_the_registry_does_not(job: Job, registry: Registry) -> None:
    registry.deletes = False
    registry.push("main-1")
    place = f"--repository={registry.host}/team/m"
    assert job.run("release", "withdraw", place, "--branch=main", "--version=1", **LOGIN).returncode == 1


@pytest.mark.parametrize("version", ["a/b", "", "x" * 65, "1 2", "$(touch pwned)"])
def test_hostile_versions_are_refused(job: Job, registry: Registry, version: str) -> None:
    registry.push("main-1")
    place = f"--repository={registry.host}/team/m"
    done = job.run("release", "withdraw", place, "--branch=main", f"--version={version}", **LOGIN)
    assert done.returncode == 1
    assert list(registry.tags) == ["main-1"]


def test_a_wrong_login_is_named(job: Job, registry: Registry) -> None:
    image = f"--image={registry.host}/team/m@{registry.push('commit')}"
    done = job.run("release", "publish", image, "--branch=main", REGISTRY_USERNAME="me", REGISTRY_PASSWORD="no")
    assert done.returncode == 1
    assert "REGISTRY_USERNAME and REGISTRY_PASSWORD" in done.stderr


def test_a_run_without_a_branch_or_a_registry_says_so(job: Job, registry: Registry) -> None:
    status, _, error = publish(job, registry, registry.push("commit"), branch="")
    assert (status, "has none" in error) == (1, True)
    done = job.run("release", "withdraw", "--name=m", "--branch=main", "--version=1")
    assert (done.returncode, "say which one" in done.stderr) == (1, True)
    assert job.run("release", "publish", "--image=localhost/headrace/m:x", "--branch=main").returncode == 0
