"""Hydra's own override parser, as data of `grammar`. Importing it fails where Hydra is not installed."""

from __future__ import annotations

from typing import Any

from hydra.core.override_parser import types
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from compiler.frontends.mml.grammar import GrammarError, Override, Sweep

_SIGNS = {
    types.OverrideType.CHANGE: "",
    types.OverrideType.ADD: "+",
    types.OverrideType.FORCE_ADD: "++",
    types.OverrideType.DEL: "~",
}
_parser = OverridesParser.create()


def read(text: str) -> Override:
    """Read one override. Raises GrammarError."""
    try:
        found = _parser.parse_override(text)
    except HydraException as error:
        cause = error.__cause__ or error
        raise GrammarError(f'"{text}" is no override: {_first_line(cause)}') from error
    return Override(_SIGNS[found.type], found.key_or_group, found.package, _plain(found._value, text), text)


def _first_line(error: BaseException) -> str:
    line = str(error).strip().split("\n", 1)[0]
    return line[:1].lower() + line[1:]


def _plain(value: Any, text: str) -> Any:
    """A parsed value as plain data; sweeps that can be counted with what they stand for."""
    if isinstance(value, types.QuotedString):
        return value.text
    if isinstance(value, list):
        return [_plain(item, text) for item in value]
    if isinstance(value, dict):
        return {_plain(key, text): _plain(item, text) for key, item in value.items()}
    shown = text.partition("=")[2].strip()
    if isinstance(value, types.ChoiceSweep):
        values = [_plain(item, text) for item in value.list]
        return Sweep("choice", shown, None if value.shuffle else values)
    if isinstance(value, types.RangeSweep):
        values = list(value.range())
        return Sweep("range", shown, None if value.shuffle else values)
    if isinstance(value, types.Glob):
        return Sweep("glob", shown, None)
    if isinstance(value, types.Sweep):
        return Sweep(type(value).__name__.removesuffix("Sweep").lower(), shown, None)
    return value
