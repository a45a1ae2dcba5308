"""A smoke test of the server: it is well, and it tells a ripe apple from a green one."""

from __future__ import annotations

import json
import sys
import threading
from http.client import HTTPConnection

import serve


def ask(port: int, method: str, path: str, data: object = None) -> tuple[int, dict[str, float]]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, None if data is None else json.dumps(data))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def main() -> int:
    package, log = sys.argv[1:]
    server = serve.server(package, log, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    status, _ = ask(port, "GET", "/ok")
    _, ripe = ask(port, "POST", "/predict", {"weight": 200, "diameter": 88})
    _, green = ask(port, "POST", "/predict", {"weight": 100, "diameter": 62})
    server.shutdown()
    print(f"/ok {status}, ripe {ripe}, green {green}")
    return int(not (status == 200 and ripe["ripe"] > 0.9 and green["ripe"] < 0.1))


if __name__ == "__main__":
    raise SystemExit(main())
