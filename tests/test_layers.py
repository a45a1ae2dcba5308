"""Who may import whom, held on the syntax tree: data flows one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Each module (or package, with /) of the compiler and what of the compiler it may import; lazily or not.
LANGUAGES = {"compiler.quantity", "compiler.duration", "compiler.cron", "compiler.condition", "compiler.objective",
             "compiler.text", "compiler.pyargs"}  # fmt: skip
CORE = {"compiler", "compiler.source", "compiler.diagnostics", "compiler.codes", "compiler.ir"}
MAY_IMPORT: dict[str, set[str]] = {
    "compiler/source.py": set(),
    "compiler/diagnostics.py": {"compiler.source"},
    "compiler/codes.py": {"compiler.diagnostics"},
    "compiler/libyaml.py": set(),
    "compiler/yamlsyntax.py": {
        "compiler.libyaml",
        "compiler.codes",
        "compiler.diagnostics",
        "compiler.source",
        "compiler",
    },
    "compiler/yamltree.py": {
        "compiler.libyaml",
        "compiler.yamlsyntax",
        "compiler.codes",
        "compiler.diagnostics",
        "compiler.source",
        "compiler",
    },
    "compiler/reader.py": {
        "compiler.yamltree",
        "compiler.codes",
        "compiler.diagnostics",
        "compiler.source",
        "compiler",
    },
    "compiler/ir.py": {"compiler.source"},
    "compiler/graph.py": set(),
    "compiler/pattern.py": set(),
    "compiler/matrix.py": {"compiler.ir"},
    "compiler/likeness.py": {"compiler.ir"},
    "compiler/features.py": {"compiler.ir", "compiler.likeness", "compiler.source", "compiler"},
    "compiler/target.py": CORE | {"compiler.features"},
    "compiler/images.py": set(),
    "compiler/tools.py": set(),
    "compiler/yamlwriter.py": {"compiler.pattern", "compiler"},
    "compiler/quantity.py": {"compiler.pattern", "compiler"},
    "compiler/duration.py": {"compiler.pattern", "compiler"},
    "compiler/cron.py": set(),
    "compiler/kubernetes.py": CORE | LANGUAGES,
}
TARGETS_MAY = CORE | LANGUAGES | {
    "compiler.features", "compiler.graph", "compiler.likeness", "compiler.matrix", "compiler.target", "compiler.images",
    "compiler.kubernetes", "compiler.pattern", "compiler.tools", "compiler.yamlwriter", "compiler.records",
}  # fmt: skip


def imported(path: Path) -> set[str]:
    """The project's own modules that a file imports, as dotted names of modules."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(name for name in names if is_module(name))
            if any(not is_module(name) for name in names):
                found.add(node.module)
    return {name for name in found if name.split(".")[0] in ("compiler", "targets", "schemas")}


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def within(name: str, allowed: set[str]) -> bool:
    return any(name == one or name.startswith(one + ".") for one in allowed if one != "compiler") or name == "compiler"


@pytest.mark.parametrize("path", sorted(MAY_IMPORT))
def test_core_modules_import_only_what_is_below_them(path: str) -> None:
    file = ROOT / path
    if not file.exists():
        pytest.fail(f"{path} is gone: take it from the table")
    over = {name for name in imported(file) if not within(name, MAY_IMPORT[path])}
    assert over == set()


def test_targets_import_only_what_they_may() -> None:
    for file in sorted((ROOT / "targets").rglob("*.py")):
        own = file.relative_to(ROOT / "targets").parts[0]
        for name in imported(file):
            if name.startswith("targets."):
                other = name.split(".")[1]
                packages = {"gitlab", "github", "argo", "local"}
                assert other == own or other not in packages, f"{file} imports {name}: targets do not know one another"
            elif name.startswith("compiler"):
                assert within(name, TARGETS_MAY), f"{file} imports {name}"


def test_front_ends_know_neither_targets_nor_one_another() -> None:
    folder = ROOT / "compiler" / "frontends"
    for file in sorted(folder.rglob("*.py")):
        own = file.relative_to(folder).parts[0].removesuffix(".py")
        for name in imported(file):
            assert not name.startswith("targets"), f"{file} imports {name}"
            if name.startswith("compiler.frontends.") and own != "__init__":
                assert name.split(".")[2] in (own, "base", "tables"), f"{file} imports {name}"


def test_passes_know_neither_front_ends_nor_targets() -> None:
    for file in sorted((ROOT / "compiler" / "passes").glob("*.py")):
        for name in imported(file):
            assert not name.startswith(("targets", "compiler.frontends", "compiler.commands")), f"{file} imports {name}"


def test_only_the_command_line_sees_both_sides() -> None:
    for file in sorted((ROOT / "compiler").rglob("*.py")):
        seen = any(name.startswith("targets") for name in imported(file))
        place = file.relative_to(ROOT / "compiler").parts[0]
        assert not seen or place in ("commands", "cli.py", "codes.py"), f"{file} imports targets"
