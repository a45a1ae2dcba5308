"""`headrace pin`: digests from registries, all or none, and what compiled files do with them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from compiler import images, registry
from compiler.cli import main
from targets import TARGETS

BODY = b'{"schemaVersion": 2}'
DIGEST = "sha256:" + hashlib.sha256(BODY).hexdigest()


class Registry(BaseHTTPRequestHandler):
    """A registry that gives a token to everybody, and has `team/app:1` and nothing else."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        host = f"http://{self.headers['Host']}"
        if self.path.startswith("/token"):
            self.answer(200, json.dumps({"token": "t0ken"}).encode())
        elif self.headers.get("Authorization") != "Bearer t0ken":
            realm = f'Bearer realm="{host}/token",service="here",scope="repository:team/app:pull"'
            self.answer(401, b"", **{"WWW-Authenticate": realm})
        elif self.path == "/v2/team/app/manifests/1":
            self.answer(200, BODY, **{"Docker-Content-Digest": DIGEST})
        elif self.path == "/v2/team/forged/manifests/1":
            self.answer(200, BODY + b" ", **{"Docker-Content-Digest": DIGEST})
        else:
            self.answer(404, b"")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setattr(Registry, "asked", [], raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("python", ("registry-1.docker.io", "library/python", "latest")),
        ("python:3.12", ("registry-1.docker.io", "library/python", "3.12")),
        ("moby/buildkit:v1", ("registry-1.docker.io", "moby/buildkit", "v1")),
        ("docker.io/condaforge/miniforge3:25", ("registry-1.docker.io", "condaforge/miniforge3", "25")),
        ("ghcr.io/astral-sh/uv:0.1", ("ghcr.io", "astral-sh/uv", "0.1")),
        ("localhost:5000/a:1", ("localhost:5000", "a", "1")),
    ],
)
def test_parts_of_a_name(image: str, parts: tuple[str, str, str]) -> None:
    assert registry.parts(image) == parts


def test_a_registry_is_asked_with_its_token(host: str) -> None:
    assert registry.digest(f"{host}/team/app:1") == DIGEST
    assert [path.partition("?")[0] for path in Registry.asked] == [
        "/v2/team/app/manifests/1",
        "/token",
        "/v2/team/app/manifests/1",
    ]


@pytest.mark.parametrize(
    ("image", "said"), [("team/gone:1", "there is no such image"), ("team/forged:1", "not what its digest says")]
)
def test_what_a_registry_can_not_say(host: str, image: str, said: str) -> None:
    with pytest.raises(registry.RegistryError, match=said):
        registry.digest(f"{host}/{image}")


def manifest(folder: Path, *names: str) -> None:
    environments = "".join(f"  e{at}: {{image: '{name}'}}\n" for at, name in enumerate(names))
    jobs = "".join(f"  j{at}: {{environment: e{at}, run: x}}\n" for at in range(len(names)))
    (folder / "headrace.yaml").write_text(f"version: 1\nname: demo\nenvironments:\n{environments}jobs:\n{jobs}")


def test_pin_and_compile(host: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = f"{host}/team/app:1"
    manifest(here, image)
    assert main(["pin", "--check"]) == 1
    assert main(["pin"]) == 0
    assert f"{image} {DIGEST}" in capsys.readouterr().out
    assert (here / "headrace.lock").read_text().splitlines()[1:] == [f"{image} {DIGEST}"]
    assert main(["pin", "--check"]) == 0
    for name in TARGETS:
        assert main(["compile", "--target", name, "--stdout", "-q"]) == 0
        assert f"{image}@{DIGEST}" in capsys.readouterr().out


def test_one_that_fails_leaves_all_as_they_were(host: str, here: Path) -> None:
    manifest(here, f"{host}/team/app:1", f"{host}/team/gone:1")
    (here / "headrace.lock").write_text("# mine\n")
    assert main(["pin"]) == 1
    assert (here / "headrace.lock").read_text() == "# mine\n"


def test_a_broken_lock_is_an_error_at_its_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest(here, "app:1")
    (here / "headrace.lock").write_text("# images\napp:1 sha256:short\n")
    assert main(["check", "--target", "gitlab"]) == 1
    assert "headrace.lock:2:1: error[HR2004" in capsys.readouterr().out


def test_helpers_are_pinned_on_every_target(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "headrace.yaml").write_text(
        "version: 1\nname: demo\n"
        "environments: {py: {python: '3.12', install: pip, prebuild: true}}\n"
        "jobs: {a: {environment: py, run: x}, b: {run: y, sidecars: [{name: db, image: 'db:1', port: 1}]}}\n"
        "targets: {argo: {registry: registry.example.com/team}}\n"
    )
    used = {
        "gitlab": (images.BUILDKIT, images.HELPER, "db:1"),
        "github": ("db:1",),
        "argo": (images.BUILDKIT, images.HELPER, images.GIT, "db:1"),
    }
    named = {image for all_ in used.values() for image in all_}
    (here / "headrace.lock").write_text("".join(f"{image} {DIGEST}\n" for image in named))
    for name, wanted in used.items():
        assert main(["compile", "--target", name, "--stdout", "-q"]) == 0
        text = capsys.readouterr().out
        assert all(f"{image}@{DIGEST}" in text for image in wanted)
        assert f"FROM {images.HELPER}@{DIGEST}" in text


def test_the_image_that_signs_in_is_pinned(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    (here / "headrace.yaml").write_text(
        "version: 1\nname: demo\nidentities: {p: {aws: {role: r}}}\n"
        f"jobs: {{a: {{build: {{context: ., publish: {{registry: {registry}, repository: a, identity: p}}}}}}}}\n"
    )
    (here / "Dockerfile").write_text("FROM scratch\n")
    (here / "headrace.lock").write_text(f"{images.BUILDKIT} {DIGEST}\n{images.HELPER} {DIGEST}\n")
    assert main(["pin", "--check"]) == 0
    for name, line in (
        ("gitlab", f"FROM {images.HELPER}@{DIGEST} AS login"),
        ("argo", f"image: {images.HELPER}@{DIGEST}"),
    ):
        assert main(["compile", "--target", name, "--stdout", "-q"]) == 0
        assert line in capsys.readouterr().out
    (here / "headrace.lock").write_text(f"{images.BUILDKIT} {DIGEST}\n")
    assert main(["pin", "--check"]) == 1
