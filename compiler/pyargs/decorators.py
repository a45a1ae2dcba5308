"""MLReef's decorators: @data_processor, @parameter and @metric, by the rules of MLReef's own parser.

Those rules are in backend/mlreef-rest/src/main/kotlin/com/mlreef/rest/parser/PythonParser.kt of
https://gitlab.com/mlreef/mlreef. What MLReef drops without a word is a remark here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from compiler.pyargs.interface import Metric, Parameter, Processor, Remark
from compiler.pyargs.script import Script

KINDS = {
    "data_processor": "processor",
    "processor": "processor",
    "parameter": "parameter",
    "param": "parameter",
    "metric": "metric",
}
TYPES = {"STR": "STRING", "INT": "INTEGER", "BOOL": "BOOLEAN"}
PARAMETER_TYPES = frozenset(
    {"UNDEFINED", "OBJECT", "DICTIONARY", "TUPLE", "LIST", "FLOAT", "COMPLEX", "INTEGER", "STRING", "BOOLEAN"}
)
METRIC_TYPES = frozenset({"UNDEFINED", "F1_SCORE", "PRECISION", "RECALL"})
PARAMETER_FIELDS = ("name", "type", "required", "defaultValue", "description")
OLD_KEYWORDS = {"datatype": "type", "default_value": "defaultValue"}
NAME = re.compile(r"[a-zA-Z0-9_-]*")
# A string literal or a comment, else one character: enough to drop the blanks between tokens.
TOKEN = re.compile(
    r"[rbfuRBFU]{0,2}(?:'''(?:\\.|[^\\])*?'''|\"\"\"(?:\\.|[^\\])*?\"\"\"|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")|#[^\n]*|.",
    re.DOTALL,
)

Decorated = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Decorators(NamedTuple):
    found: tuple[Processor | Parameter | Metric, ...]
    remarks: tuple[Remark, ...]


def read_decorators(script: Script) -> Decorators:
    """The script's decorators, none unless one of them is a data processor."""
    reader = _Reader(script)
    for target in _decorated(script.tree):
        reader.read(target)
    processors = [one for one in reader.found if isinstance(one, Processor)]
    for extra in processors[1:]:
        message = f'"{extra.target}" is the second data processor of the file; MLReef accepts one'
        reader.remarks.append(Remark("several-processors", message, extra.line, extra.column))
    return Decorators(tuple(reader.found) if processors else (), tuple(reader.remarks))


def _decorated(tree: ast.Module) -> Iterator[Decorated]:
    """Decorated functions and classes outside functions, in order. MLReef's walk does not enter function bodies."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Decorated) and node.decorator_list:
            yield node
        if isinstance(node, ast.expr | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        waiting.extend(reversed(list(ast.iter_child_nodes(node))))


class _Reader:
    def __init__(self, script: Script) -> None:
        self.script = script
        self.found: list[Processor | Parameter | Metric] = []
        self.remarks: list[Remark] = []

    def read(self, target: Decorated) -> None:
        # MLReef counts decorators that have arguments, whatever they are, from 0 for each function.
        order = 0
        has_processor = False
        for decorator in target.decorator_list:
            kind = _kind(decorator)
            if not isinstance(decorator, ast.Call) or not (decorator.args or decorator.keywords):
                if kind:
                    self._drop(decorator, f"@{kind} has no arguments")
                continue
            if kind == "processor":
                has_processor = True
                line, column = self.script.position(decorator)
                values = self._values(decorator, ())
                description = values.pop("description", "")
                self.found.append(Processor(target.name, description, line, column, tuple(values.items())))
            elif kind == "parameter" and has_processor:
                self._parameter(decorator, order)
            elif kind == "parameter":
                self._drop(decorator, "@parameter stands before any @data_processor of the function")
            elif kind == "metric":
                self._metric(decorator, order)
            order += 1

    def _parameter(self, call: ast.Call, order: int) -> None:
        values = self._values(call, PARAMETER_FIELDS)
        line, column = self.script.position(call)
        for old in [keyword.arg for keyword in call.keywords if keyword.arg in OLD_KEYWORDS]:
            message = f'MLReef does not know "{old}": the keyword is "{OLD_KEYWORDS[str(old)]}"'
            self.remarks.append(Remark("old-keyword", message, line, column))
        missing = [field for field in PARAMETER_FIELDS[:4] if field not in values]
        if missing:
            self._drop(call, f"@parameter has no {missing[0]}")
            return
        name = values["name"]
        if not NAME.fullmatch(name):
            message = f'"{name}" is not a name that MLReef accepts: letters, digits, "_" and "-"'
            self.remarks.append(Remark("bad-parameter-name", message, line, column))
        type_name = values["type"].upper()
        type_name = TYPES.get(type_name, type_name)
        if type_name not in PARAMETER_TYPES:
            message = f'MLReef does not know the type "{values["type"]}" of "{name}"'
            self.remarks.append(Remark("unknown-parameter-type", message, line, column))
            type_name = "UNDEFINED"
        required = values["required"].lower() == "true"
        description = values.get("description", "")
        self.found.append(
            Parameter(name, type_name, required, values["defaultValue"], description, order, line, column)
        )

    def _metric(self, call: ast.Call, order: int) -> None:
        values = self._values(call, ("name", "ground_truth", "prediction"))
        type_name = values.get("name", "").upper()
        line, column = self.script.position(call)
        if type_name not in METRIC_TYPES:
            type_name = "UNDEFINED"
        truth, prediction = values.get("ground_truth", ""), values.get("prediction", "")
        self.found.append(Metric(type_name, truth, prediction, order, line, column))

    def _values(self, call: ast.Call, fields: tuple[str, ...]) -> dict[str, str]:
        """A decorator's values by name, as MLReef keeps them: text."""
        values = {field: self._text(node) for field, node in zip(fields, call.args, strict=False)}
        for keyword in call.keywords:
            if keyword.arg is not None:
                values[OLD_KEYWORDS.get(keyword.arg, keyword.arg)] = self._text(keyword.value)
        return values

    def _text(self, node: ast.expr) -> str:
        """The source's tokens without blanks between them and without quotes, escapes left as they are."""
        tokens = TOKEN.findall(self.script.segment(node))
        kept = [token for token in tokens if not token.isspace() and not token.startswith("#") and token != "\\"]
        return "".join(kept).replace('"', "").replace("'", "")

    def _drop(self, node: ast.expr, why: str) -> None:
        line, column = self.script.position(node)
        self.remarks.append(Remark("dropped-decorator", f"{why}: MLReef ignores it", line, column))


def _kind(decorator: ast.expr) -> str:
    # Dotted names (`mlreef.parameter`) are not recognised by MLReef either.
    name = decorator.func if isinstance(decorator, ast.Call) else decorator
    return KINDS.get(name.id, "") if isinstance(name, ast.Name) else ""
