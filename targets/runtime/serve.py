"""Serve a Python function over HTTP, or smoke-test it: start it, make the documented call, check the answer.

serve.py FUNCTION [--folder=PATH]... [--model=PATH] [--interface=JSON] [--path=/predict] [--host=ADDRESS] [--port=N]
         [--request=JSON]...

FUNCTION is MODULE:NAME or FILE.py:NAME; modules are looked for in the folders, by default the one here. The function gets
what it takes of `parameters`, `inputs`, `output_fields` and `model`, and gives the outputs: a list, or a mapping that has
them. `model` is what the module's own `load_model(path)` gives, else the path. With --request the service is started on a
free port, each request is sent to it, and the script ends; each must be answered with the outputs of the interface.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from targets.runtime.problem import DataError, UsageError, finish, parsed, quoted, say
from targets.runtime.web import ask, wait

ARGUMENTS = ("parameters", "inputs", "output_fields", "model")
NUMERIC = ("FP32", "FP64", "INT32")
HEALTH = "/health"
MOST_BODY_BYTES = 64 << 20
START_SECONDS = 300
CALL_SECONDS = 300


class Service:
    """A function, what it is described to take and give, and its model."""

    def __init__(self, function: Callable[..., Any], interface: dict[str, Any], model: Any) -> None:
        self.function = function
        self.inputs = {field["name"]: field for field in interface.get("inputs", [])}
        self.outputs = {field["name"]: field for field in interface.get("outputs", [])}
        self.model = model
        taken = list(inspect.signature(function).parameters.values())
        self.takes_all = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken)
        defaults = {one.name for one in taken if one.default is not one.empty}
        self.left_out = {"model"} & defaults if model is None else set()
        self.by_place = [one.name for one in taken if one.kind is inspect.Parameter.POSITIONAL_ONLY]
        self.by_name = [one.name for one in taken if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]

    def answer(self, request: Any) -> dict[str, Any]:
        """Raises DataError for a request that does not fit, UsageError for an answer that does not."""
        if not isinstance(request, dict):
            raise DataError("the request is no JSON object")
        inputs = listed_values(request.get("inputs"), "inputs", self.inputs)
        for name, field in self.inputs.items():
            if not field.get("optional") and all(one["name"] != name for one in inputs):
                raise DataError(f"the request has no input {quoted(name)}")
        given = {
            "parameters": request.get("parameters", []),
            "inputs": inputs,
            "output_fields": request.get("output_fields", []),
            "model": self.model,
        }
        given = {name: value for name, value in given.items() if name not in self.left_out}
        places = [given[name] for name in self.by_place if name in given]
        names = {name: given[name] for name in given if name in self.by_name or self.takes_all}
        found = self.function(*places, **{name: value for name, value in names.items() if name not in self.by_place})
        outputs = plain(found.get("outputs") if isinstance(found, dict) else found)
        try:
            return {"outputs": listed_values(outputs, "outputs", self.outputs)}
        except DataError as error:
            raise UsageError(f"the function's answer does not fit its interface: {error}") from error


def plain(value: Any) -> Any:
    """Arrays and numbers of numeric libraries as JSON has them."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return plain(value.tolist()) if hasattr(value, "tolist") else value


def listed_values(values: Any, side: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The named values of a request or an answer; DataError where they don't fit their fields."""
    if not isinstance(values, list):
        raise DataError(f"{side} are no list")
    for value in values:
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise DataError(f"{side} hold {quoted(value)}, which has no name")
        name = value["name"]
        if fields and name not in fields:
            raise DataError(f"{quoted(name)} is none of the {side}: {', '.join(fields)}")
        if fields:
            check_value(value, fields[name]["types"])
    return values


def check_value(value: dict[str, Any], types: list[str]) -> None:
    name, datatype, data = value["name"], value.get("datatype"), value.get("data")
    if datatype not in types:
        raise DataError(f"{quoted(name)} is {' or '.join(types)}, not {quoted(datatype)}")
    if "data" not in value:
        raise DataError(f"{quoted(name)} has no data")
    if datatype in NUMERIC:
        check_numbers(name, datatype, data, value.get("shape"))
    elif datatype == "dict" and not isinstance(data, dict):
        raise DataError(f"the data of {quoted(name)} is no mapping")
    elif datatype == "str" and not isinstance(data, str):
        raise DataError(f"the data of {quoted(name)} is no text")


def check_numbers(name: str, datatype: str, data: Any, shape: Any) -> None:
    kinds = (int,) if datatype == "INT32" else (int, float)
    if not isinstance(data, list) or not all(isinstance(one, kinds) and not isinstance(one, bool) for one in data):
        raise DataError(f"the data of {quoted(name)} is no flat list of {datatype}")
    if shape is None:
        return
    if not isinstance(shape, list) or not all(isinstance(axis, int) and axis >= 0 for axis in shape):
        raise DataError(f"the shape of {quoted(name)} is no list of lengths")
    count = 1
    for axis in shape:
        count *= axis
    if count != len(data):
        raise DataError(f"the shape {shape} of {quoted(name)} wants {count} values, and has {len(data)}")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], service: Service, path: str) -> None:
        self.service = service
        self.path = path
        super().__init__(address, Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server
    server_version = "headrace"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.send(200, {"status": "ready"}) if path == HEALTH else self.send(404, {"error": f"there is no {path}"})

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BODY_BYTES:
            self.close_connection = True
            self.send(411 if not length.isdigit() else 413, {"error": "the request's length is missing or too large"})
            return
        body = self.rfile.read(int(length))
        if path != self.server.path:
            self.send(404, {"error": f"there is no {path}"})
            return
        try:
            request = json.loads(body)
        except (ValueError, RecursionError) as error:
            self.send(400, {"error": f"the request is not JSON: {error}"})
            return
        try:
            self.send(200, self.server.service.answer(request))
        except DataError as error:
            self.send(400, {"error": str(error)})
        except Exception as error:
            traceback.print_exc()
            self.send(500, {"error": f"{type(error).__name__}: {error}"})

    def send(self, status: int, body: dict[str, Any]) -> None:
        try:
            data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8")
        except (TypeError, ValueError) as error:
            status, data = 500, json.dumps({"error": f"the answer is no JSON: {error}"}).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *values: Any) -> None:
        say(format % values)


def loaded(name: str, folders: list[str]) -> tuple[Any, Callable[..., Any]]:
    """The module and the function in it."""
    where, colon, function = name.rpartition(":")
    if not colon:
        raise UsageError(f"{quoted(name)} is not MODULE:FUNCTION or FILE.py:FUNCTION")
    sys.path[:0] = [os.path.abspath(folder) for folder in folders]
    if where.endswith(".py"):
        if not os.path.isfile(where):
            raise DataError(f"{quoted(where)} is not there")
        sys.path.insert(0, os.path.dirname(os.path.abspath(where)))
        spec = importlib.util.spec_from_file_location("headrace_served", where)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["headrace_served"] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(where)
    found = getattr(module, function, None)
    if not callable(found):
        raise DataError(f"{quoted(where)} has no function {quoted(function)}")
    return module, found


def model_of(module: Any, path: str | None) -> Any:
    if path is None:
        return None
    if not os.path.exists(path):
        raise DataError(f"the model {quoted(path)} is not there")
    load = getattr(module, "load_model", None)
    return load(path) if callable(load) else path


def smoke(server: Server, requests: list[str]) -> None:
    """Send each request to the running service; DataError where one is not answered as the interface says."""
    url = f"http://127.0.0.1:{server.server_port}"
    wait(url + HEALTH, True, START_SECONDS)
    for request in requests:
        status, text = ask(url + server.path, "POST", request, CALL_SECONDS)
        if status != 200:
            raise DataError(f"POST {server.path} answered {status}: {quoted(text)}")
        asked = [field["name"] for field in json.loads(request).get("output_fields", [])]
        wanted = asked or [name for name, field in server.service.outputs.items() if not field.get("optional")]
        names = [output["name"] for output in json.loads(text)["outputs"]]
        for name in wanted:
            field = server.service.outputs.get(name, {})
            if name not in names and not field.get("optional"):
                raise DataError(f"POST {server.path} answered without the output {quoted(name)}: {quoted(text)}")
        print(f"POST {server.path} answered 200: {quoted(text)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="serve", allow_abbrev=False)
    parser.add_argument("function")
    parser.add_argument("--folder", action="append", default=[])
    parser.add_argument("--model")
    parser.add_argument("--interface", default="{}")
    parser.add_argument("--path", default="/predict")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--request", action="append", default=[])
    options = parser.parse_args()
    if not options.path.startswith("/"):
        raise UsageError("--path starts with /")
    interface = parsed(options.interface, "--interface")
    for request in options.request:
        parsed(request, "--request")
    module, function = loaded(options.function, options.folder or ["."])
    service = Service(function, interface, model_of(module, options.model))
    address = ("127.0.0.1", 0) if options.request else (options.host, options.port)
    with Server(address, service, options.path) as server:
        if options.request:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            smoke(server, options.request)
            server.shutdown()
            return 0
        say(f"{options.function} answers POST http://{options.host}:{server.server_port}{options.path}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped")
    return 0


if __name__ == "__main__":
    finish(main)
