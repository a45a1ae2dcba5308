"""HTTP requests as they are: through no proxy, to no other place than was asked."""

from __future__ import annotations

import http.client
import time
from urllib.parse import quote, urlsplit

from targets.runtime.problem import DataError, UsageError, quoted, say

MOST_BYTES = 4 << 20
PAUSE_SECONDS = 0.5


def ask(url: str, method: str = "GET", body: str | None = None, seconds: float = 10) -> tuple[int, str]:
    """One request; returns the status and the text of the answer, or raises OSError or HTTPException."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{quoted(url)} is not a URL: {error}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise UsageError(f"{quoted(url)} is not a URL: it starts with http:// or https://")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=seconds)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    headers = {"User-Agent": "headrace", "Accept": "*/*"}
    if body is not None:
        headers["Content-Type"] = "application/json" if body.lstrip()[:1] in ("{", "[") else "text/plain; charset=utf-8"
    try:
        data = None if body is None else body.encode("utf-8", "surrogateescape")
        connection.request(method, quote(target, safe="/%?=&:;,@!$'()*+~[]"), body=data, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_BYTES).decode("utf-8", "replace")
    finally:
        connection.close()


def attempt(url: str, healthy: bool) -> str | None:
    """Why the URL is not ready, or None when it is: status 200 where `healthy`, else any answer at all."""
    try:
        status, text = ask(url)
    except (http.client.RemoteDisconnected, ConnectionError) as error:
        return str(error) or type(error).__name__
    except http.client.HTTPException as error:
        return f"the answer is not HTTP: {error}" if healthy else None
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    return f"status {status}: {quoted(text)}" if healthy and status != 200 else None


def wait(url: str, healthy: bool, within: float) -> None:
    """Ask until the URL is ready, for that many seconds at most."""
    start = time.monotonic()
    while True:
        why = attempt(url, healthy)
        if why is None:
            say(f"{url} answers after {time.monotonic() - start:.0f} s")
            return
        if time.monotonic() - start + PAUSE_SECONDS > within:
            raise DataError(f"{quoted(url)} is not ready within {within:g} s: {why}")
        time.sleep(PAUSE_SECONDS)
