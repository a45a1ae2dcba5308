"""Composes MML's configuration from a tree of options and a command line's overrides, as Hydra 1.3 does.

A tree is a table from `group/option` to what that file says: its package, its defaults list and its values. The tree
of mml-core and its plugins is data beside this module; a repository's own is read from its files (`ownconfigs`).
https://hydra.cc/docs/1.3/advanced/defaults_list/
"""

from __future__ import annotations

import copy

from compiler.diagnostics import suggest
from compiler.frontends.mml.defaults import MISSING, ComposeError, DefaultsList

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from compiler.frontends.mml.defaults import Tree
    from compiler.frontends.mml.grammar import Override

CORE = "mml-core"
ROOT = "config_mml"
DEEPEST = 40  # configs that name one another, interpolations that lead to one another
_trees: dict[tuple[str, ...], dict[str, Any]] = {}


def built_in(plugins: Iterable[str] = (), own: Tree | None = None) -> Tree:
    """The tree of mml-core 1.0.4 with those of some plugins, and with a repository's own.

    As MML searches: an own tree that is whole (it has a root) stands in place of mml-core's, one that is not is laid over
    it by the step's script; what a plugin brings comes before both.
    """
    key = tuple(sorted(set(plugins)))
    if own is not None or key not in _trees:
        data = _data()
        found: dict[str, Any] = {} if own is not None and ROOT in own else dict(data[CORE])
        found.update(own or {})
        for name in key:
            found.update(data.get(name, {}))
        if own is not None:
            return found
        _trees[key] = found
    return _trees[key]


def plugins() -> list[str]:
    """The plugins whose configurations are known."""
    return [name for name in _data() if name not in ("notice", CORE)]


def plugin_of(option: str) -> str | None:
    """The plugin that brings an option such as `mode/dim`."""
    return next((name for name in plugins() if option in _data()[name]), None)


_loaded: dict[str, Any] = {}


def _data() -> dict[str, Any]:
    if not _loaded:
        import json
        import os

        with open(os.path.join(os.path.dirname(__file__), "tree.json"), encoding="utf-8") as file:
            _loaded.update(json.load(file))
    return _loaded


def compose(
    tree: Tree, overrides: Iterable[Override], root: str = ROOT, skips_missing: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration with its interpolations unresolved, and the option of each group. Raises ComposeError.

    `skips_missing`: a group whose option a sweep will choose may have none yet.
    """
    defaults = DefaultsList(tree, skips_missing)
    values = [override for override in overrides if not defaults.take(override)]
    config: dict[str, Any] = {}
    for package, given in defaults.ordered(root):
        _merge_at(config, package, given)
    for override in values:
        _apply(config, override)
    return config, defaults.chosen


# --------------------------------------------------------------------------------------------------------------- values


def _merge_at(config: dict[str, Any], package: str, given: Any) -> None:
    """Merge what a file says into its package."""
    if not package and not isinstance(given, dict):
        raise ComposeError("a configuration at the root is a mapping")
    for part in reversed(package.split(".") if package else ()):
        given = {part: given}
    merge(config, given)


def merge(into: dict[str, Any], given: dict[str, Any], root: dict[str, Any] | None = None) -> None:
    """Lay values over others: mappings are merged, lists and all else replaced. What is still missing (???) hides nothing.

    A mapping that is laid over an interpolation is laid over what that names.
    """
    root = into if root is None else root
    stack = [("", into, given)]
    while stack:
        where, target, source = stack.pop()
        for key, value in source.items():
            held = target.get(key, _NONE)
            at = f"{where}.{key}" if where else str(key)
            if isinstance(held, str) and "${" in held and isinstance(value, (dict, list)):
                named = _named(root, held)
                held = target[key] = copy.deepcopy(named) if isinstance(named, (dict, list)) else held
            if value == MISSING and held is not _NONE:
                continue
            if isinstance(value, dict) and isinstance(held, dict):
                stack.append((at, held, value))
            elif {type(value), type(held)} == {dict, list}:
                raise ComposeError(f'"{at}" is a {_kind(held)} in one configuration and a {_kind(value)} in another')
            else:
                target[key] = copy.deepcopy(value)


def _named(config: dict[str, Any], hole: str) -> Any:
    """What an interpolation stands for, where that is known."""
    try:
        return resolve(config, hole) if _is_hole(hole) else None
    except ComposeError:
        return None


_NONE = object()


def _apply(config: dict[str, Any], override: Override) -> None:
    parts = override.key.split(".")
    if parts[0] == "hydra":
        return  # Hydra's own keys: `hydra.run.dir`, `hydra.sweeper.study_name`
    if not override.key:
        raise ComposeError(f'"{override.text}" names no key', override.text)
    if override.sign == "":
        _check_known(config, override, parts)
    elif override.sign != "++":
        try:
            held = find(config, override.key)
        except ComposeError as error:
            raise ComposeError(str(error), override.text) from error
        if override.sign == "~":
            _delete(config, override, parts, held)
            return
        if override.sign == "+" and held not in (_NONE, None) and not isinstance(override.value, (dict, list)):
            advice = f"write {override.text[1:]}, or +{override.text}"
            raise ComposeError(f'there is a "{override.key}" already', override.text, advice)
    at: Any = config
    for number, part in enumerate(parts[:-1]):
        inner = _child(at, part)
        if not isinstance(inner, (dict, list)):  # an interpolation too: Hydra puts a mapping in its place
            if isinstance(at, list):
                raise ComposeError(f'"{".".join(parts[: number + 1])}" is no place in a list', override.text)
            inner = at[part] = {}
        at = inner
    _put(at, parts[-1], override)


def _put(at: Any, name: str, override: Override) -> None:
    value = copy.deepcopy(override.value)
    if isinstance(at, list):
        if not name.isdigit() or int(name) >= len(at):
            raise ComposeError(f'"{name}" is no place in the list', override.text)
        at[int(name)] = value
    elif isinstance(at.get(name), dict) and isinstance(value, dict):
        if override.sign == "":
            _check_keys(at[name], value, override)
        merge(at[name], value)
    elif {type(at.get(name)), type(value)} == {dict, list}:
        raise ComposeError(f'"{override.key}" is a {_kind(at[name])}, not a {_kind(value)}', override.text)
    else:
        at[name] = value


def _kind(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "list"


def _delete(config: dict[str, Any], override: Override, parts: list[str], held: Any) -> None:
    if held is _NONE or held is None:
        raise ComposeError(f'there is no "{override.key}" to delete', override.text)
    if override.value is not None and override.value != held:
        raise ComposeError(f'"{override.key}" is {held!r}, not {override.value!r}, so it stays', override.text)
    at = find(config, ".".join(parts[:-1])) if len(parts) > 1 else config
    if not isinstance(at, dict):
        raise ComposeError(f'"{override.key}" stands in a list, out of which Hydra deletes nothing', override.text)
    del at[parts[-1]]


def _check_keys(held: dict[str, Any], given: dict[str, Any], override: Override) -> None:
    """Report keys of a mapping that the one that is there does not have."""
    stack = [(override.key, held, given)]
    while stack:
        where, held, given = stack.pop()
        for key, value in given.items():
            if key not in held:
                raise ComposeError(f'"{where}" has no key "{key}"', override.text, f"write +{override.text}")
            if isinstance(value, dict) and isinstance(held[key], dict):
                stack.append((f"{where}.{key}", held[key], value))


def _check_known(config: dict[str, Any], override: Override, parts: list[str]) -> None:
    """Report a key that the configuration does not have."""
    at: Any = config
    number = 0
    for part in parts:
        inner = _child(at, part)
        if inner is _NONE:
            break
        at = inner
        number += 1
    else:
        return
    where = ".".join(parts[:number])
    rest = ".".join(parts[number:])
    if isinstance(at, str) and _is_hole(at):
        advice = f"it is {at}: write {at[2:-1]}.{rest}={override.text.partition('=')[2]}"
        raise ComposeError(f'"{where}" has no keys of its own', override.text, advice, None)
    near = suggest(parts[number], [str(key) for key in at]) if isinstance(at, dict) else None
    better = ".".join([*parts[:number], near, *parts[number + 1 :]]) if near else None
    what = f'"{where}" has' if where else "the configuration has"
    advice = f'did you mean "{better}"?' if better else f"write +{override.text} where the key is to be added"
    raise ComposeError(f'{what} no key "{parts[number]}"', override.text, advice, better)


def _child(at: Any, part: str) -> Any:
    """What stands behind a part of a key."""
    if isinstance(at, list):
        return at[int(part)] if part.isdigit() and int(part) < len(at) else _NONE
    return at.get(part, _NONE) if isinstance(at, dict) else _NONE


def _inner(config: dict[str, Any], at: Any, part: str, depth: int = 0) -> Any:
    """What stands behind a part of a key; an interpolation leads on to what it names."""
    found = _child(at, part)
    if not isinstance(found, str) or "${" not in found:
        return found
    if not _is_hole(found) or ":" in found:
        return resolve(config, found, depth + 1)
    if depth > DEEPEST:
        raise ComposeError(f'"{found}" leads back to itself')
    named = find(config, found[2:-1], depth + 1)
    if named is _NONE:
        raise ComposeError(f'"{found}" names a key that is not there')
    return named


def _is_hole(value: str) -> bool:
    return value.startswith("${") and value.endswith("}") and value.count("${") == 1


def find(config: dict[str, Any], key: str, depth: int = 0) -> Any:
    """What a dotted key holds, `_NONE` where there is nothing."""
    at: Any = config
    for part in key.split("."):
        at = _inner(config, at, part, depth)
        if at is _NONE:
            return _NONE
    return at


def get(config: dict[str, Any], key: str, default: Any = None) -> Any:
    """What a dotted key holds, its interpolations resolved."""
    at: Any = config
    for part in key.split("."):
        if isinstance(at, str):
            at = resolve(config, at)
        at = _inner(config, at, part)
        if at is _NONE:
            return default
    return resolve(config, at)


def resolve(config: dict[str, Any], value: Any, depth: int = 0) -> Any:
    """A value without interpolations. One that only a run can fill (`${oc.env:X}`, `${now:%Y}`) stays as text."""
    if isinstance(value, list):
        return [resolve(config, item, depth) for item in value]
    if isinstance(value, dict):
        return {key: resolve(config, item, depth) for key, item in value.items()}
    if not isinstance(value, str) or "${" not in value:
        return value
    if depth > DEEPEST:
        raise ComposeError(f'"{value}" leads back to itself')
    if _is_hole(value) and ":" not in value:
        held = find(config, value[2:-1], depth + 1)
        if held is _NONE:
            raise ComposeError(f'"{value}" names a key that is not there')
        return resolve(config, held, depth + 1)
    from re import sub

    def filled(match: Any) -> str:
        held = find(config, match[1], depth + 1)
        return match[0] if held is _NONE else str(resolve(config, held, depth + 1))

    return sub(r"\$\{([A-Za-z_][A-Za-z0-9_.]*)\}", filled, value)
