"""Libraries other than argparse that read a command line: named, not read."""

from __future__ import annotations

import ast

from compiler.pyargs.script import Script

# What counts as a use, by dotted name; "*" is any attribute of the module.
USES: dict[str, frozenset[str]] = {
    "absl.app": frozenset({"run"}),
    "absl.flags": frozenset({"*"}),
    "cappa": frozenset({"*"}),
    "clize": frozenset({"run"}),
    "cleo": frozenset({"*"}),
    "cleo.application": frozenset({"Application"}),
    "click": frozenset({"command", "group", "option", "argument"}),
    "configargparse": frozenset({"*"}),
    "cyclopts": frozenset({"*"}),
    "datargs": frozenset({"*"}),
    "docopt": frozenset({"docopt"}),
    "fire": frozenset({"Fire"}),
    "getopt": frozenset({"getopt", "gnu_getopt"}),
    "hydra": frozenset({"main", "initialize", "compose"}),
    "hydra_zen": frozenset({"*"}),
    "jsonargparse": frozenset({"*"}),
    "lightning.pytorch.cli": frozenset({"LightningCLI"}),
    "omegaconf.OmegaConf": frozenset({"from_cli"}),
    "optparse": frozenset({"OptionParser"}),
    "plac": frozenset({"call"}),
    "pydantic_settings": frozenset({"CliApp"}),
    "pytorch_lightning.cli": frozenset({"LightningCLI"}),
    "pytorch_lightning.utilities.cli": frozenset({"LightningCLI"}),
    "rich_click": frozenset({"command", "group", "option", "argument"}),
    "sacred": frozenset({"Experiment"}),
    "simple_parsing": frozenset({"*"}),
    "tap": frozenset({"Tap", "tapify"}),
    "tensorflow.app": frozenset({"run"}),
    "tensorflow.compat.v1.app": frozenset({"run"}),
    "tensorflow.compat.v1.flags": frozenset({"*"}),
    "tensorflow.flags": frozenset({"*"}),
    "transformers": frozenset({"HfArgumentParser"}),
    "typed_argument_parser": frozenset({"*"}),
    "typer": frozenset({"run", "Typer", "Option", "Argument"}),
    "tyro": frozenset({"cli"}),
}

NAMES = {
    "lightning.pytorch.cli": "lightning-cli",
    "omegaconf.OmegaConf": "omegaconf",
    "pytorch_lightning.cli": "lightning-cli",
    "pytorch_lightning.utilities.cli": "lightning-cli",
    "tensorflow.app": "tensorflow-flags",
    "tensorflow.compat.v1.app": "tensorflow-flags",
    "tensorflow.compat.v1.flags": "tensorflow-flags",
    "tensorflow.flags": "tensorflow-flags",
    "transformers": "hf-argument-parser",
    "absl.app": "absl",
    "absl.flags": "absl",
    "cleo.application": "cleo",
    "typed_argument_parser": "tap",
}


def find_uses(script: Script) -> list[tuple[str, int, int]]:
    """Each framework that the script uses, with the line and column of its first use, in the text's order."""
    imported = _imported_names(script.tree)
    found: dict[str, tuple[int, int]] = {}
    for node in ast.walk(script.tree):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        dotted = _dotted(node, imported)
        name = dotted and _framework(dotted)
        if name:
            place = script.position(node)
            found[name] = min(found.get(name, place), place)
    return sorted(((name, *place) for name, place in found.items()), key=lambda use: use[1:])


def reads_argv(script: Script) -> tuple[int, int] | None:
    """Where the script first reads sys.argv."""
    imported = _imported_names(script.tree)
    places = [
        script.position(node)
        for node in ast.walk(script.tree)
        if isinstance(node, ast.Name | ast.Attribute) and _dotted(node, imported) == "sys.argv"
    ]
    return min(places) if places else None


def _framework(dotted: str) -> str:
    module, _, last = dotted.rpartition(".")
    if last in USES.get(module, ()) or (module in USES and "*" in USES[module]):
        return NAMES.get(module, module.replace("_", "-"))
    return ""


def _imported_names(tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _dotted(node: ast.expr, imported: dict[str, str]) -> str:
    """The dotted name that an expression stands for, "" when it isn't one of an import."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < 8:
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in imported:
        return ""
    return ".".join([imported[node.id], *reversed(parts)])
