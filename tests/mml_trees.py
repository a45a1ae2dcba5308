"""Trees of configurations and overrides by chance, for a comparison of our composition with Hydra's own."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

GROUPS = ("a", "b", "c", "a/x", "b/y", "experiment")
OPTIONS = ("one", "two", "three")
KEYS = ("k", "m", "n", "p")
SCALARS = (
    "1", "2.5", "text", "true", "null", '"${k}"', '"${a.k}"', '"pre-${m}-post"', '"???"', "on", "1e3", "0x10", "012",
    "2020-01-01", "~", "'q'", "1_000", ".5", "12:30", "-.inf", "No",
)  # fmt: skip
HEADERS = ("_global_", "_global_", "foo", "foo.bar", "_global_.q")
PACKAGES = ("_global_", "_here_", "foo", "foo.bar", "_global_.baz", "_group_", "a")


def make(random: Random, folder: Path) -> None:
    """Write a tree of files: every group has its options, and the root names some of them."""
    names = [f"{group}/{option}" for group in GROUPS for option in OPTIONS if random.random() < 0.98]
    for name in [*names, "base", "config_mml"]:
        file = folder / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_text(random, name.rpartition("/")[0], name == "config_mml"), encoding="utf-8")


def _text(random: Random, group: str, is_root: bool) -> str:
    lines = []
    if random.random() < (0.8 if group == "experiment" else 0.3):
        lines.append(f"# @package {random.choice(HEADERS)}")
    if random.random() < (0.95 if is_root else 0.35):
        entries = [_entry(random, group) for _ in range(random.randint(0, 4 if is_root else 2))]
        if random.random() < 0.5:
            entries.insert(random.randint(0, len(entries)), "_self_")
        if random.random() < 0.97:
            entries.sort(key=lambda entry: str(entry).startswith("{'override"))
        lines.append(f"defaults: {json.dumps(entries)}")
    keys = (*KEYS, "a", "foo") if random.random() < 0.3 else KEYS
    lines += [f"{key}: {_value(random)}" for key in random.sample(keys, random.randint(0, 3))]
    return "\n".join(lines) + "\n"


def _entry(random: Random, group: str) -> Any:
    """An entry of a defaults list: a path, or a group with an option, a list, nothing, or an interpolation."""
    other, option = random.choice(GROUPS), random.choice(OPTIONS) if random.random() < 0.985 else "nothing"
    start = "/" if group else ""
    if group in ("a", "b") and random.random() < 0.3:
        start, other = "", {"a": "x", "b": "y"}[group]
    at = f"@{random.choice(PACKAGES)}" if random.random() < 0.25 else ""
    chance = random.random()
    if chance < 0.05:
        return option if group else "base"
    if chance < 0.15:
        return f"/{random.choice(GROUPS)}/{option}{at}"
    word = "optional " if random.random() < 0.15 else ""
    if random.random() < 0.1:
        word = "override "
    value: Any = option
    chance = random.random()
    if chance < 0.06:
        value = None
    elif chance < 0.14:
        value = random.sample(OPTIONS, 2)
    elif chance < 0.18:
        value = f"${{{random.choice(['a', 'b', 'c', 'a@foo'])}}}"
    elif chance < 0.2:
        value = random.choice(["???", []])
    return {f"{word}{start}{other}{at}": value}


def _value(random: Random, depth: int = 0) -> str:
    chance = random.random()
    if depth < 2 and chance < 0.3:
        keys = random.sample(KEYS, random.randint(0, 3))
        return "{" + ", ".join(f"{key}: {_value(random, depth + 1)}" for key in keys) + "}"
    if chance < 0.42:
        return "[" + ", ".join(random.choice(["1", "s", "true", "null"]) for _ in range(random.randint(0, 2))) + "]"
    return random.choice(SCALARS)


def overrides(random: Random, chosen: list[str]) -> list[str]:
    """Words of a command line; most of those of groups name one that is chosen."""
    return [_override(random, chosen) for _ in range(random.choice([0, 1, 1, 2, 3]))]


def _override(random: Random, chosen: list[str]) -> str:
    sign = random.choice(["", "", "", "", "+", "+", "~"])
    if random.random() < 0.45:
        group = random.choice(chosen) if chosen and sign != "+" and random.random() < 0.85 else random.choice(GROUPS)
        if "@" not in group and random.random() < 0.15:
            group += f"@{random.choice(['foo', '_global_', 'foo.bar', 'a'])}"
        option = random.choice(OPTIONS if random.random() < 0.7 else ("[one,two]", "null", "[]", "''"))
        if sign == "~":
            return f"~{group}" + (f"={option}" if random.random() < 0.4 else "")
        return f"{sign}{group}={option}"
    key = ".".join(random.choice(["a", "foo", "k", "m", "n", "bar", "p", "b"]) for _ in range(random.randint(1, 3)))
    if sign == "~":
        return f"~{key}" + (f"={random.choice(['1', 'text'])}" if random.random() < 0.3 else "")
    sign = "++" if sign == "" and random.random() < 0.8 else sign
    return f"{sign}{key}={random.choice(['1', 'x', '[1,2]', '{k:1}', '{k:{m:2}}', 'null', 'true', '${k}', '1.5', '[]', '{}', '???'])}"
