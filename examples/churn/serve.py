"""Serve the models over HTTP: GET /health says that they are loaded, POST /predict scores customers."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from model import Model, average, features, load_all

MAX_BODY_BYTES = 1_000_000


def predict(models: Sequence[Model], body: bytes) -> list[float]:
    """The probability of churn of each of `{"customers": [{...}, ...]}`; ValueError says what is wrong with it."""
    request = json.loads(body)
    customers = request.get("customers") if isinstance(request, dict) else None
    if not isinstance(customers, list) or not customers or not all(isinstance(one, dict) for one in customers):
        raise ValueError('the body must be {"customers": [{...}, ...]} with at least one customer')
    return [round(float(p), 6) for p in average(models, features(customers))]


class Server(ThreadingHTTPServer):
    def __init__(self, address: tuple[str, int], models: Sequence[Model]) -> None:
        super().__init__(address, Handler)
        self.models = models


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 10  # seconds for a client to send its request

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(HTTPStatus.OK, {"status": "ok", "models": len(self.server.models)})
        else:
            self.answer(HTTPStatus.NOT_FOUND, {"error": f"no {self.path} here: GET /health or POST /predict"})

    def do_POST(self) -> None:
        if self.path != "/predict":
            self.answer(HTTPStatus.NOT_FOUND, {"error": f"no {self.path} here: GET /health or POST /predict"})
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.answer(HTTPStatus.LENGTH_REQUIRED, {"error": "a Content-Length is required"})
        elif int(length) > MAX_BODY_BYTES:
            self.answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": f"at most {MAX_BODY_BYTES} bytes"})
        else:
            self.answer_prediction(self.rfile.read(int(length)))

    def answer_prediction(self, body: bytes) -> None:
        try:
            probabilities = predict(self.server.models, body)
        except (ValueError, RecursionError) as error:  # JSON nested too deep is a RecursionError
            self.answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        else:
            self.answer(HTTPStatus.OK, {"probabilities": probabilities})

    def answer(self, status: HTTPStatus, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder with a folder a fold")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free port")
    arguments = parser.parse_args()
    # The first process of a container ignores SIGTERM unless it says otherwise.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Server((arguments.host, arguments.port), load_all(arguments.models)) as server:
        print(f"listening on http://{arguments.host}:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
