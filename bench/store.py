"""A throw-away S3 store for Metaflow, which uploads a flow's code even when it is only asked for JSON."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.rows import interpreter

BUCKET = "bench"


@contextmanager
def object_store(folder: Path) -> Iterator[dict[str, str]]:
    """Serves while the block runs; yields the environment by which Metaflow finds the store, empty where it is absent."""
    server = interpreter("metaflow").with_name("moto_server")
    if not server.exists():
        yield {}
        return
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with open(folder / "store.log", "wb") as log:
        process = subprocess.Popen([server, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
        try:
            _make_bucket(url, seconds=30)
            yield {
                "HOME": str(folder),
                "USERNAME": "bench",
                "AWS_ACCESS_KEY_ID": "bench",
                "AWS_SECRET_ACCESS_KEY": "bench",
                "AWS_DEFAULT_REGION": "us-east-1",
                "METAFLOW_S3_ENDPOINT_URL": url,
                "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/metaflow",
            }
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _make_bucket(url: str, seconds: float) -> None:
    """Waits for the server by making the bucket; raises URLError when it does not answer in `seconds`."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"{url}/{BUCKET}", method="PUT")
    deadline = time.monotonic() + seconds
    while True:
        try:
            opener.open(request, timeout=5).close()
            return
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
