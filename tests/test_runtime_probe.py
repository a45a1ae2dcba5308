"""The probe: ready is what it says, and only the answer that was asked for passes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.runtime_scripts import HOSTILE, Job


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.respond("")

    def do_POST(self) -> None:
        self.respond(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def respond(self, body: str) -> None:
        self.server.seen.append((self.command, self.path, body, self.headers.get("Content-Type", "")))
        healthy = time.monotonic() >= self.server.healthy_at
        status, text = {
            "/health": (200 if healthy else 503, "ok"),
            "/predict": (200, f"echo {body}"),
            "/created": (201, "made"),
            "/gone": (410, "gone"),
            "/away": (302, "elsewhere"),
        }.get(self.path, (404, "no such path"))
        content = text.encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/health")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[tuple[str, str, str, str]] = []
        self.healthy_at = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def job(tmp_path) -> Job:
    return Job(tmp_path)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_health_alone(job: Job, server: Server) -> None:
    done = job.run("probe", server.url, "--health=/health")
    assert done.returncode == 0, done.stderr
    assert [seen[:2] for seen in server.seen] == [("GET", "/health")]


def test_waits_until_the_health_path_answers_200(job: Job, server: Server) -> None:
    server.healthy_at = time.monotonic() + 1
    done = job.run("probe", server.url, "--health=/health", "--within=20", "--path=/created")
    assert done.returncode == 0, done.stderr
    paths = [path for _, path, _, _ in server.seen]
    assert paths.count("/created") == 1
    assert paths[-1] == "/created"
    assert paths.count("/health") >= 2


def test_never_healthy(job: Job, server: Server) -> None:
    done = job.run("probe", server.url, "--health=/gone", "--within=0.6", "--path=/predict")
    assert done.returncode == 1
    assert 'is not ready within 0.6 s: status 410: "gone"' in done.stderr
    assert "/predict" not in [path for _, path, _, _ in server.seen]


def test_a_redirect_is_not_healthy(job: Job, server: Server) -> None:
    assert job.run("probe", server.url, "--health=/away", "--within=0.1").returncode == 1


def test_without_a_health_path_any_answer_is_ready(job: Job, server: Server) -> None:
    done = job.run("probe", server.url, "--path=/created")
    assert done.returncode == 0, done.stderr
    assert [path for _, path, _, _ in server.seen] == ["/", "/created"]


def test_nobody_listens(job: Job) -> None:
    done = job.run("probe", f"http://127.0.0.1:{free_port()}", "--within=0.1")
    assert done.returncode == 1
    assert "refused" in done.stderr


def test_a_port_that_hangs_up_is_not_ready(job: Job) -> None:
    """A proxy in front of a service that has not started accepts and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        done = job.run("probe", f"http://127.0.0.1:{listener.getsockname()[1]}", "--within=0.1")
        listener.shutdown(socket.SHUT_RDWR)
    assert done.returncode == 1, done.stdout


def test_waits_for_a_server_that_starts_late(job: Job) -> None:
    port = free_port()

    def start_late() -> None:
        time.sleep(1)
        with socket.create_server(("127.0.0.1", port)) as listener:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=start_late)
    thread.start()
    done = job.run("probe", f"http://127.0.0.1:{port}", "--within=20")
    thread.join()
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--path=/predict", "--status=201"], "answered 200, not 201"),
        (["--path=/gone"], "answered 410, not 2xx"),
        (["--path=/away"], "answered 302, not 2xx"),
        (["--path=/gone", "--status=410", "--contains=here"], 'answered without "here": "gone"'),
        (["--path=/predict", "--body=a", "--contains=echo b"], 'answered without "echo b": "echo a"'),
    ],
)
def test_another_answer_fails(job: Job, server: Server, options: list[str], message: str) -> None:
    done = job.run("probe", server.url, *options)
    assert done.returncode == 1
    assert message in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--path=/gone", "--status=410"],
        ["--path=/created"],
        ["--path=/predict", "--method=POST", "--body={}", "--contains=echo {}"],
        ["--path=/predict", "--body="],
    ],
)
def test_the_answer_that_was_asked_for_passes(job: Job, server: Server, options: list[str]) -> None:
    done = job.run("probe", server.url, *options)
    assert done.returncode == 0, done.stderr


def test_a_body_is_posted_as_json_where_it_is_json(job: Job, server: Server) -> None:
    job.run("probe", server.url, "--path=/predict", '--body={"a": 1}')
    job.run("probe", server.url, "--path=/predict", "--body=a=1")
    posts = [(body, kind.split(";")[0]) for method, _, body, kind in server.seen if method == "POST"]
    assert posts == [('{"a": 1}', "application/json"), ("a=1", "text/plain")]


@pytest.mark.parametrize("text", [*HOSTILE, "--status=200", "-x"])
def test_arguments_are_exact(job: Job, server: Server, text: str) -> None:
    done = job.run("probe", server.url, "--path=/predict", f"--body={text}", f"--contains=echo {text}")
    assert done.returncode == 0, done.stderr
    assert server.seen[-1][2] == text


def test_proxies_are_not_asked(job: Job, server: Server) -> None:
    proxy = f"http://127.0.0.1:{free_port()}"
    done = job.run("probe", server.url, "--health=/health", "--within=0.1", http_proxy=proxy, HTTP_PROXY=proxy)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["ftp://x"], ["x:8000"], ["http://x:none"], ["http://x", "--health=health"], ["http://x", "--status=200"]],
)
def test_misuse(job: Job, arguments: list[str]) -> None:
    done = job.run("probe", *arguments)
    assert done.returncode == 2
    assert "headrace: " in done.stderr
