"""Check the type and bounds of the run's parameters.

check_parameters.py [JSON]    or the specification in HEADRACE_PARAMETERS

Specification: [{"name", "env": "HEADRACE_PARAM_X", "type": "string|int|float|bool|choice", "choices", "minimum",
"maximum", "required"}]. Values come from the environment. Empty text is a legal string.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from targets.runtime.problem import DataError, UsageError, finish, parsed, quoted

INT = re.compile(r"[+-]?[0-9]+")
FLOAT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
TYPES = {"string": "a string", "int": "a whole number", "float": "a number", "bool": "true or false", "choice": ""}


def text_of(literal: Any) -> str:
    return ("false", "true")[literal] if isinstance(literal, bool) else str(literal)


def number_problem(value: str, spec: dict[str, Any]) -> str:
    """What is wrong with a number; compared exactly, of any size."""
    kind = spec["type"]
    if not (INT if kind == "int" else FLOAT).fullmatch(value):
        return f"is not {TYPES[kind]}"
    try:
        number = Decimal(value)
    except InvalidOperation:
        return "has an exponent out of range"
    if kind == "float" and not math.isfinite(float(value)):
        return "is larger than a float holds"
    low, high = spec.get("minimum"), spec.get("maximum")
    if low is not None and number < Decimal(low):
        return f"is less than the minimum {low}"
    if high is not None and number > Decimal(high):
        return f"is more than the maximum {high}"
    return ""


def problem(value: str | None, spec: dict[str, Any]) -> str:
    if value is None:
        return "is required and has no value" if spec.get("required") else ""
    wrong = ""
    if spec["type"] in ("int", "float"):
        wrong = number_problem(value, spec)
    elif spec["type"] == "bool" and value not in ("true", "false"):
        wrong = "is not true or false"
    choices = [text_of(choice) for choice in spec.get("choices") or []]
    if not wrong and (choices or spec["type"] == "choice") and value not in choices:
        wrong = f"is not one of {', '.join(quoted(choice) for choice in choices)}"
    return f"{quoted(value)} {wrong}" if wrong else ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="check_parameters", allow_abbrev=False)
    parser.add_argument("spec", nargs="?", default=os.environ.get("HEADRACE_PARAMETERS", ""))
    specs = parsed(parser.parse_args().spec, "the specification", parse_int=str, parse_float=str)
    problems = []
    for spec in specs if isinstance(specs, list) else [None]:
        if not isinstance(spec, dict) or spec.get("type") not in TYPES or not {"name", "env"} <= set(spec):
            raise UsageError(f"{quoted(spec)} is not a parameter's specification")
        wrong = problem(os.environ.get(spec["env"]), spec)
        if wrong:
            problems.append(f"parameters.{spec['name']}: {wrong}")
    if problems:
        raise DataError("\n".join(problems))
    return 0


if __name__ == "__main__":
    finish(main)
