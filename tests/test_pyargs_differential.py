"""What is read from a script, beside what the script's own parser says when the script really runs."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from compiler import pyargs
from compiler.pyargs import ABSENT, UNKNOWN, Argument, Interface, Subcommand

CASES = pathlib.Path(__file__).parent / "pyargs_cases"
DUMP = CASES / "patched" / "dump_actions.py"
SCRIPTS = sorted(path.stem for path in CASES.glob("*.py"))


def run(path: pathlib.Path) -> dict[str, Any]:
    """The real parser of a script."""
    command = [sys.executable, "-B", str(DUMP), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def plain(value: object) -> object:
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def compare(read: Argument, real: dict[str, Any], kinds: set[str]) -> None:
    """Every field that was read as known is as it really is; one that wasn't has its remark."""
    assert list(read.flags) == real["flags"]
    assert read.name == real["name"]
    assert read.positional is (not real["flags"])
    assert (
        read.type.replace("unknown:str.", "unknown:") == real["type"] or "changed-later" in kinds or "**" in read.type
    )
    assert read.action == real["action"] or "computed-arguments" in kinds
    if read.default is UNKNOWN:
        assert kinds & {"computed-default", "computed-arguments"}
    else:
        assert plain(None if read.default is ABSENT else read.default) == real["default"]
        assert type(plain(None if read.default is ABSENT else read.default)) is type(real["default"])
    if not (read.positional and read.nargs in ("*", "...")):
        assert read.required == real["required"]
    if read.choices is None and real["choices"] is not None:
        assert kinds & {"computed-choices", "changed-later"}
    else:
        assert plain(read.choices) == real["choices"]
    if read.nargs is UNKNOWN:
        assert kinds & {"computed-setting", "computed-arguments", "custom-action"}
    else:
        assert read.nargs == real["nargs"]
    if read.const is not ABSENT:
        assert plain(read.const) == real["const"]
    assert plain(read.metavar) == real["metavar"]
    own_help = read.action in ("BooleanOptionalAction", "version", "help") or "computed-arguments" in kinds
    assert read.help == real["help"] or own_help
    assert [group.required for group in (read.exclusive,) if group] == real["exclusive"]


def compare_all(command: Interface | Subcommand, real: dict[str, Any], interface: Interface) -> int:
    kinds = {remark.kind for remark in interface.remarks}
    by_name = {(tuple(one["flags"]), one["name"]): one for one in real["actions"]}
    compared = 0
    for argument in command.parameters:
        found = by_name.pop((argument.flags, argument.name), None)
        if found is None:
            assert argument.conditional, f"{argument.spelling} is not there when the script runs"
        elif not argument.conditional:
            compare(argument, found, kinds)
            compared += 1
    assert not by_name or not interface.complete, f"not read: {sorted(by_name)}"
    assert command.prefix_chars == real["prefix_chars"]
    assert command.allow_abbrev is real["abbreviations"]
    assert [[one.name, *one.aliases] for one in command.subcommands] == [one["names"] for one in real["commands"]]
    for child, one in zip(command.subcommands, real["commands"], strict=True):
        compared += compare_all(child, one, interface)
    return compared


@pytest.mark.parametrize("name", SCRIPTS)
def test_read_as_it_runs(name: str) -> None:
    path = CASES / f"{name}.py"
    interface = pyargs.read_interface(path.read_text(encoding="utf-8"), path.name)
    assert interface.style in ("argparse", "mlreef")
    assert compare_all(interface, run(path), interface) >= 2


def test_order_of_arguments() -> None:
    for name in ("resize_images", "numbers_of_values", "loops", "lightning"):
        path = CASES / f"{name}.py"
        interface = pyargs.read_interface(path.read_text(encoding="utf-8"), path.name)
        assert [argument.name for argument in interface.parameters] == [one["name"] for one in run(path)["actions"]]
