"""Serving: POST /predict with an apple answers how likely it is ripe; GET /ok says that the server is well."""

from __future__ import annotations

import json
import os
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import convert
import tables


def server(package: str, log: str, port: int) -> ThreadingHTTPServer:
    weights = convert.load(os.path.join(package, "model.bin"))
    os.makedirs(os.path.dirname(log), exist_ok=True)

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, data: object) -> None:
            body = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.answer(200 if self.path == "/ok" else 404, {"status": "ok"})

        def do_POST(self) -> None:
            start = time.perf_counter()
            apple = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(200, {"ripe": tables.probability(weights, tables.scaled(apple))})
            self.record(time.perf_counter() - start)

        def record(self, seconds: float) -> None:
            line = {
                "applicationInfo": {"applicationId": "orchard", "applicationEndpoint": self.path},
                "requestInfo": {
                    "requestId": str(uuid.uuid4()),
                    "requestTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                    "requestLatency": seconds,
                },
                "modelInfo": {"models": ["orchard"]},
            }
            with open(log, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")

        def log_message(self, *_words: object) -> None:
            """The log is the record's."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
