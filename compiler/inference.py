"""The inference function behind a service: its interface, read from the docstring by the syntax tree and never imported.

    def predict(parameters, inputs, output_fields, model):
        '''Scores customers.

        :param inputs.features: a row a customer, shape [2, 4]
        :type inputs.features: FP32 or FP64
        :param outputs.score: the probability
        :type outputs.score: FP32
        '''

A request is `{"parameters": [], "inputs": [{name, datatype, data, shape, content_type}], "output_fields": [{name}]}`, its
answer `{"outputs": [{name, datatype, data, shape}]}`. What the service is asked in its smoke test, its OpenAPI document and
what its server checks all come from here.
"""

from __future__ import annotations

import re

from compiler.diagnostics import listed, suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator
    from typing import Any

NUMERIC = ("FP32", "FP64", "INT32")  # a flat list, and a shape whose product is its length
PLAIN = ("str", "dict")
FILE = "file"  # what is passed as a file, with its content type
DATATYPES = (*NUMERIC, *PLAIN, FILE)
ARGUMENTS = ("parameters", "inputs", "output_fields", "model")  # what the server gives, by name or in this order
SAMPLE_SHAPE = (2, 2)  # of numbers whose description names no shape
SAMPLE_AXIS = 2  # the length of an axis that the description leaves open: [n, 4]
MOST_VALUES = 1_000_000  # numbers in a sample
PREDICT_PATH = "/predict"

_ALIASES = {"float32": "FP32", "float64": "FP64", "float": "FP64", "double": "FP64", "int": "INT32", "string": "str"}
_ALIASES |= {word.lower(): word for word in DATATYPES}
_FIELD = re.compile(r"\s*:(param|type)\s+(inputs|outputs)\.([^:\s]+)\s*:\s?(.*)")
_OTHER_FIELD = re.compile(r"\s*:[A-Za-z][^:]*:")
_SHAPE = re.compile(r"\bshape\b\s*(?:is|of|:|=)?\s*[\[(]([^\])]*)[\])]")
_OPTIONAL = re.compile(r",\s*optional\s*$")
_CONTENT_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9.+-]+")


class Field:
    """One input or output. `shape` is what the description names, an open axis as None; None where it names no shape."""

    __slots__ = ("description", "line", "name", "optional", "shape", "types")

    def __init__(self, name: str, line: int) -> None:
        self.name = name
        self.line = line
        self.description: str | None = None
        self.types: tuple[str, ...] = ()
        self.optional = False
        self.shape: tuple[int | None, ...] | None = None


class Interface:
    """What a function takes and gives, by its docstring."""

    __slots__ = ("function", "inputs", "outputs", "summary", "takes")

    def __init__(self, function: str) -> None:
        self.function = function
        self.summary = ""
        self.takes: tuple[str, ...] = ()  # of ARGUMENTS
        self.inputs: dict[str, Field] = {}
        self.outputs: dict[str, Field] = {}


class Problem:
    """What is wrong with a function, at a line and column of its file (from 1)."""

    __slots__ = ("column", "help", "line", "message")

    def __init__(self, message: str, line: int, column: int = 1, help: str | None = None) -> None:
        self.message = message
        self.line = line
        self.column = column
        self.help = help


def read_function(text: str, filename: str, function: str) -> tuple[Interface | None, list[Problem]]:
    """A function's interface, and what is wrong with it; None where it can't be known."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text, filename)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line, column = getattr(error, "lineno", None) or 1, getattr(error, "offset", None) or 1
        return None, [Problem(f'"{filename}" is not Python: {getattr(error, "msg", None) or error}', line, column)]
    functions = {node.name: node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    found = functions.get(function)
    if found is None:
        near = suggest(function, functions)
        advice = f'did you mean "{near}"?' if near else f"it has {listed(sorted(functions), 'and') or 'no function'}"
        return None, [Problem(f'"{filename}" has no function "{function}" at its top level', 1, help=advice)]
    interface = Interface(function)
    problems: list[Problem] = []
    if isinstance(found, ast.AsyncFunctionDef):
        problems.append(_at(found, f'"{function}" is a coroutine: a request calls a plain function'))
    _read_arguments(found, interface, problems)
    _read_docstring(found, interface, problems)
    return interface, problems


def _at(node: ast.AST, message: str, help: str | None = None) -> Problem:
    return Problem(message, getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1, help)


def _read_arguments(
    node: ast.FunctionDef | ast.AsyncFunctionDef, interface: Interface, problems: list[Problem]
) -> None:
    """Each argument without a default must be one that the server gives."""
    given = node.args
    positional = [*given.posonlyargs, *given.args]
    filled = len(positional) - len(given.defaults)
    required = {one.arg for one in positional[:filled]}
    required |= {one.arg for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True) if value is None}
    named = [*positional, *given.kwonlyargs]
    interface.takes = tuple(one.arg for one in named if one.arg in ARGUMENTS)
    for one in named:
        if one.arg not in ARGUMENTS and one.arg in required:
            message = f'"{interface.function}" takes "{one.arg}", which no request gives'
            problems.append(_at(one, message, f"a request gives {listed(list(ARGUMENTS), 'and')}"))
    if "inputs" not in interface.takes and given.kwarg is None:
        message = f'"{interface.function}" takes no "inputs"'
        problems.append(_at(node, message, f"a request gives {listed(list(ARGUMENTS), 'and')}"))
    elif given.kwarg is not None and not interface.takes:
        interface.takes = ARGUMENTS


def _read_docstring(
    node: ast.FunctionDef | ast.AsyncFunctionDef, interface: Interface, problems: list[Problem]
) -> None:
    import ast

    text = ast.get_docstring(node, clean=False)
    if text is None:
        message = f'"{interface.function}" has no docstring, which is its interface'
        advice = "write `:param inputs.NAME: …` and `:type inputs.NAME: FP32` for each input"
        problems.append(_at(node, message, advice))
        return
    first = node.body[0]
    lines = text.split("\n")
    interface.summary = next((line.strip() for line in lines if line.strip()), "")
    if _OTHER_FIELD.match(interface.summary):
        interface.summary = ""
    last = getattr(first, "end_lineno", first.lineno)
    start = max(first.lineno, last - len(lines) + 1)
    types: dict[tuple[str, str], tuple[str, int, int]] = {}
    described: dict[tuple[str, str], tuple[str, int, int]] = {}
    for kind, side, name, told, offset in _entries(lines):
        known = described if kind == "param" else types
        line = min(start + offset, last)
        column = len(lines[offset]) - len(lines[offset].lstrip()) + 1
        if (side, name) in known:
            problems.append(Problem(f'":{kind} {side}.{name}:" stands twice', line, column))
        known.setdefault((side, name), (told, line, column))
    for key in {**described, **types}:
        _read_field(key, described.get(key), types.get(key), interface, problems)
    if not interface.inputs:
        message = f'the docstring of "{interface.function}" describes no input'
        advice = "write `:param inputs.NAME: …` and `:type inputs.NAME: FP32` for each input"
        problems.append(Problem(message, start, help=advice))


def _entries(lines: list[str]) -> Iterator[tuple[str, str, str, str, int]]:
    """Each field of inputs or outputs: kind, side, name, text (with the lines that go on), and its line."""
    open_entry: list[Any] | None = None
    for offset, line in enumerate(lines):
        found = _FIELD.match(line)
        if found is None and open_entry is not None and line.strip() and not _OTHER_FIELD.match(line):
            open_entry[3] = f"{open_entry[3]} {line.strip()}".strip()
            continue
        if open_entry is not None:
            yield tuple(open_entry)
        open_entry = None if found is None else [*found.groups()[:3], found[4].strip(), offset]
    if open_entry is not None:
        yield tuple(open_entry)


def _read_field(
    key: tuple[str, str],
    described: tuple[str, int, int] | None,
    typed: tuple[str, int, int] | None,
    interface: Interface,
    problems: list[Problem],
) -> None:
    side, name = key
    _, line, column = typed or described or ("", 1, 1)
    field = Field(name, line)
    if described is None:
        problems.append(Problem(f'"{side}.{name}" has a ":type", and no ":param"', line, column))
    else:
        field.description = described[0]
        field.shape = _shape(described[0])
    if typed is None:
        message, advice = f'"{side}.{name}" has a ":param", and no ":type"', f"write `:type {side}.{name}: FP32`"
        problems.append(Problem(message, line, column, advice))
    else:
        text = _OPTIONAL.sub("", typed[0])
        field.optional = text != typed[0]
        field.types = tuple(word.strip() for word in re.split(r"\s+or\s+|\s*\|\s*", text.strip()))
        for word in field.types:
            if not is_datatype(word):
                problems.append(_unknown_type(word, side, name, line, column))
    (interface.inputs if side == "inputs" else interface.outputs)[name] = field


def is_datatype(word: str) -> bool:
    """Whether a word is a datatype: one of DATATYPES, or a file by its content type."""
    return word in DATATYPES or _CONTENT_TYPE.fullmatch(word) is not None


def _unknown_type(word: str, side: str, name: str, line: int, column: int) -> Problem:
    near = _ALIASES.get(word.lower()) or suggest(word, DATATYPES)
    advice = f'did you mean "{near}"?' if near else f"there is {listed(list(DATATYPES), 'and')}, or a content type"
    return Problem(f'"{word}" is no datatype of "{side}.{name}"', line, column, advice)


def _shape(description: str) -> tuple[int | None, ...] | None:
    found = _SHAPE.search(description)
    if found is None:
        return None
    axes = [word.strip() for word in found[1].split(",") if word.strip()]
    return tuple(int(axis) if axis.isascii() and axis.isdigit() and len(axis) < 10 else None for axis in axes)


# -------------------------------------------------------------------------------------------------------------- requests


def sample(interface: Interface, optional: bool = True) -> dict[str, Any]:
    """A request with a value of the right datatype and shape for each input."""
    fields = [field for field in interface.inputs.values() if optional or not field.optional]
    return {
        "parameters": [],
        "inputs": [sample_input(field) for field in fields],
        "output_fields": [_output_field(field) for field in interface.outputs.values()],
    }


def sample_input(field: Field) -> dict[str, Any]:
    """A value of a field's first datatype."""
    datatype = next((word for word in field.types if word in (*NUMERIC, *PLAIN)), None)
    if datatype in NUMERIC:
        shape = _known_shape(field)
        count = 1
        for axis in shape:
            count *= axis
        data = [(number % 10) + 1 if datatype == "INT32" else (number % 10) / 10 for number in range(count)]
        return {"name": field.name, "datatype": datatype, "shape": list(shape), "data": data}
    if datatype == "dict":
        return {"name": field.name, "datatype": "dict", "data": {}}
    if datatype == "str":
        return {"name": field.name, "datatype": "str", "data": "sample"}
    content_type = next((word for word in field.types if "/" in word), "text/plain")
    return {"name": field.name, "datatype": field.types[0], "content_type": content_type, "data": "c2FtcGxl"}


def _known_shape(field: Field) -> tuple[int, ...]:
    """The shape that a sample has; one that would be huge is cut to a single row."""
    shape = SAMPLE_SHAPE if field.shape is None else tuple(SAMPLE_AXIS if a is None else a for a in field.shape)
    count = 1
    for axis in shape:
        count *= axis
    return shape if count <= MOST_VALUES else tuple(min(axis, 1) for axis in shape)


def _output_field(field: Field) -> dict[str, Any]:
    numeric = next((word for word in field.types if word in (*NUMERIC, *PLAIN)), None)
    return {"name": field.name} if numeric is None else {"name": field.name, "datatype": numeric}


def request_problems(interface: Interface, text: str) -> list[str]:
    """What is wrong with a request that a person wrote, by the interface."""
    import json

    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        return [f"the request is not JSON: {error}"]
    inputs = request.get("inputs") if isinstance(request, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        return ['the request has no list "inputs" of mappings']
    problems = []
    names = [one.get("name") for one in inputs]
    for name, field in interface.inputs.items():
        if name not in names and not field.optional:
            problems.append(f'the request has no input "{name}"')
    for one in inputs:
        known = interface.inputs.get(str(one.get("name")))
        if known is None:
            problems.append(f'the function has no input "{one.get("name")}"')
        else:
            problems += value_problems(known, one)
    return problems


def value_problems(field: Field, value: dict[str, Any]) -> list[str]:
    """What is wrong with one input's value: its datatype, and numbers that don't fill their shape."""
    datatype = value.get("datatype")
    if datatype not in field.types:
        return [f'"{field.name}" takes {listed(list(field.types))}, not {datatype!r}']
    if datatype not in NUMERIC:
        return []
    data, shape = value.get("data"), value.get("shape")
    if not isinstance(data, list):
        return [f'the data of "{field.name}" is no flat list']
    if shape is None:
        return []
    if not isinstance(shape, list) or not all(type(axis) is int and axis >= 0 for axis in shape):
        return [f'the shape of "{field.name}" is no list of lengths']
    count = 1
    for axis in shape:
        count *= axis
    return (
        [] if count == len(data) else [f'the shape {shape} of "{field.name}" wants {count} values, and has {len(data)}']
    )


def as_argument(interface: Interface) -> str:
    """The interface as targets/runtime/serve.py takes it: JSON in one line."""
    import json

    def side(fields: dict[str, Field]) -> list[dict[str, Any]]:
        told = ({"name": one.name, "types": list(one.types), "optional": one.optional} for one in fields.values())
        return [{key: value for key, value in one.items() if value is not False} for one in told]

    return json.dumps({"inputs": side(interface.inputs), "outputs": side(interface.outputs)}, separators=(",", ":"))


# --------------------------------------------------------------------------------------------------------------- OpenAPI


def openapi(interface: Interface, title: str, path: str = PREDICT_PATH) -> dict[str, Any]:
    """The service as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.0)."""
    schemas = {
        "Request": {
            "type": "object",
            "required": ["inputs"],
            "properties": {
                "parameters": {"type": "array"},
                "inputs": _fields_schema(interface.inputs, True),
                "output_fields": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string", **_names(interface.outputs)},
                            "datatype": {"type": "string"},
                        },
                    },
                },
            },
        },
        "Answer": {
            "type": "object",
            "required": ["outputs"],
            "properties": {"outputs": _fields_schema(interface.outputs, False)},
        },
        "Problem": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}},
    }
    operation = {
        "operationId": interface.function,
        "summary": interface.summary or f"Call {interface.function}",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("Request"), "example": sample(interface)}},
        },
        "responses": {
            "200": _answer("what the function gives", "Answer"),
            "400": _answer("the request does not fit the interface", "Problem"),
            "500": _answer("the function failed", "Problem"),
        },
    }
    health = {
        "operationId": "health",
        "summary": "Whether the service is ready",
        "responses": {"200": {"description": "it is"}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": {path: {"post": operation}, "/health": {"get": health}},
        "components": {"schemas": schemas},
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, name: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref(name)}}}


def _names(fields: dict[str, Field]) -> dict[str, Any]:
    return {"enum": list(fields)} if fields else {}


def _fields_schema(fields: dict[str, Field], asked: bool) -> dict[str, Any]:
    """A list that holds values of these fields, and of inputs each that must be there."""
    schema: dict[str, Any] = {"type": "array"}
    if fields:
        schema["items"] = {"oneOf": [one for field in fields.values() for one in _value_schemas(field)]}
    wanted = [field.name for field in fields.values() if not field.optional] if asked else []
    if wanted:
        schema["allOf"] = [
            {"contains": {"type": "object", "required": ["name"], "properties": {"name": {"const": name}}}}
            for name in wanted
        ]
    return schema


def _value_schemas(field: Field) -> Iterator[dict[str, Any]]:
    """A field's value in each of its datatypes."""
    data: dict[str, Any]
    for datatype in field.types:
        required = ["name", "datatype", "data"]
        more: dict[str, Any] = {}
        if datatype in NUMERIC:
            data = {"type": "array", "items": {"type": "integer" if datatype == "INT32" else "number"}}
            more["shape"] = {"type": "array", "items": {"type": "integer", "minimum": 0}}
        elif datatype == "dict":
            data = {"type": "object"}
        else:
            data = {"type": "string"}
            if datatype != "str":
                more["content_type"] = {"type": "string"}
                required.append("content_type")
        properties = {"name": {"const": field.name}, "datatype": {"const": datatype}, "data": data, **more}
        described = {"description": field.description} if field.description else {}
        yield {"type": "object", **described, "required": required, "properties": properties}
