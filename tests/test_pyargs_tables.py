"""Scripts as people write them, each with the table of what is read from it (pyargs_cases/NAME.txt)."""

from __future__ import annotations

import os
import pathlib

import pytest

from compiler import pyargs
from compiler.pyargs import ABSENT, Argument, Interface, Parameter, Processor, Subcommand

CASES = pathlib.Path(__file__).parent / "pyargs_cases"
SCRIPTS = sorted(path.stem for path in CASES.glob("*.py"))


def row(argument: Argument) -> str:
    """One argument; what is as it is by default is left out."""
    parts = [" ".join(argument.flags) or argument.name, argument.type]
    if argument.flags:
        parts.append(f"dest={argument.name}")
    if argument.type_text:
        parts.append(f"type={argument.type_text}")
    if argument.action != "store":
        parts.append(argument.action)
    for name in ("nargs", "choices", "metavar"):
        value = getattr(argument, name)
        if value is not None:
            parts.append(f"{name}={value!r}")
    for name in ("default", "const"):
        value = getattr(argument, name)
        if value is not ABSENT:
            parts.append(f"{name}={value!r}")
    parts += [f"gives {argument.gives}"] * bool(argument.gives)
    parts += ["required"] * argument.required + ["conditional"] * argument.conditional
    if argument.group:
        parts.append(f"group={argument.group!r}")
    if argument.exclusive:
        parts.append(f"exclusive={argument.exclusive.id}{' required' * argument.exclusive.required}")
    if argument.help:
        parts.append(f"help={argument.help!r}")
    return f"{argument.line}:{argument.column} " + " | ".join(parts)


def rows(command: Interface | Subcommand, indent: str) -> list[str]:
    lines = [indent + row(argument) for argument in command.parameters]
    for child in command.subcommands:
        names = " ".join([child.name, *child.aliases])
        required = ", one is required" if command.subcommand_required else ""
        lines.append(
            f"{indent}{child.line}:{child.column} subcommand {names} (dest={child.dest}{required}) {child.help}".rstrip()
        )
        lines += rows(child, indent + "  ")
    return lines


def table(interface: Interface) -> str:
    lines = [f"{interface.style}, {'complete' if interface.complete else 'not complete'}"]
    if interface.framework:
        lines.append(f"framework {interface.framework}")
    if interface.prefix_chars != "-" or interface.fromfile_prefix_chars or not interface.allow_abbrev:
        settings = f"prefix={interface.prefix_chars} fromfile={interface.fromfile_prefix_chars or None}"
        lines.append(f"{settings} abbrev={interface.allow_abbrev}")
    lines += rows(interface, "")
    for one in interface.decorators:
        kind = "processor" if isinstance(one, Processor) else "parameter" if isinstance(one, Parameter) else "metric"
        fields = [f"{name}={value!r}" for name, value in one._asdict().items() if name not in ("line", "column")]
        lines.append(f"{one.line}:{one.column} @{kind} {' '.join(fields)}")
    lines += [f"{remark.line}:{remark.column} {remark.kind}: {remark.message}" for remark in interface.remarks]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", SCRIPTS)
def test_table(name: str) -> None:
    script = CASES / f"{name}.py"
    interface = pyargs.read_interface(script.read_text(encoding="utf-8"), script.name)
    expected = CASES / f"{name}.txt"
    if os.environ.get("HEADRACE_UPDATE_TABLES"):
        expected.write_text(table(interface), encoding="utf-8")
    assert table(interface) == expected.read_text(encoding="utf-8")


def test_no_table_without_a_script() -> None:
    assert sorted(path.stem for path in CASES.glob("*.txt")) == SCRIPTS
    assert len(SCRIPTS) >= 20
