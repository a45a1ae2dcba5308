"""Composes MML's configuration from a tree of options and a command line's overrides, as Hydra 1.3 does.

A tree is a table from `group/option` to what that file says: its package, its defaults list and its values. The tree
of mml-core and its plugins is data beside this module; a repository's own is read from its files (`ownconfigs`).
https://hydra.cc/docs/1.3/advanced/defaults_list/
"""

from __future__ import annotations

import copy

from compiler.diagnostics import listed, suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, TypeAlias

    from compiler.frontends.mml.grammar import Override

    Tree: TypeAlias = "Mapping[str, Mapping[str, Any]]"

CORE = "mml-core"
ROOT = "config_mml"
DEEPEST = 40  # configs that name one another, interpolations that lead to one another
_trees: dict[tuple[str, ...], dict[str, Any]] = {}


class ComposeError(ValueError):
    """An override or an option that does not fit; `text` is the override as written, where it was one."""

    def __init__(self, message: str, text: str = "", help: str | None = None, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.text, self.help, self.suggestion = text, help, suggestion


def built_in(plugins: Iterable[str] = ()) -> dict[str, Any]:
    """The tree of mml-core 1.0.4 with those of some plugins, mml-similarity before mml-dimensionality as MML has them."""
    key = (CORE, *sorted(set(plugins)))
    if key not in _trees:
        found: dict[str, Any] = {}
        data = _data()
        for name in key:
            found.update(data.get(name, {}))
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


def options(tree: Tree, group: str) -> list[str]:
    """The options of a group."""
    start = group + "/"
    return sorted(name[len(start) :] for name in tree if name.startswith(start) and "/" not in name[len(start) :])


def compose(tree: Tree, overrides: Iterable[Override]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The configuration with its interpolations unresolved, and the option of each group. Raises ComposeError."""
    defaults = _Defaults(tree)
    values = [override for override in overrides if not defaults.take(override)]
    config: dict[str, Any] = {}
    for package, given in defaults.ordered():
        _merge_at(config, package, given)
    for override in values:
        _apply(config, override)
    return config, defaults.chosen


class _Defaults:
    """The defaults list: which options are merged, in which order."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.groups = {name.rpartition("/")[0] for name in tree} - {""}
        self.groups |= {group[:at] for group in self.groups for at, letter in enumerate(group) if letter == "/"}
        self.choices: dict[str, Any] = {}
        self.said: dict[str, Override | None] = {}
        self.used: set[str] = set()
        self.dropped: dict[str, Override] = {}
        self.appended: list[tuple[str, str | None, Any, Override]] = []
        self.known: dict[str, set[str]] = {}
        self.chosen: dict[str, Any] = {}

    def take(self, override: Override) -> bool:
        """Take an override of a group; gives False for one of a value."""
        if override.key not in self.groups or isinstance(override.value, dict):
            if override.package is not None and not override.key.startswith("hydra"):
                raise ComposeError(f'there is no group "{override.key}"', override.text, self._groups_like(override))
            return override.key.startswith("hydra/")
        key = override.key if override.package is None else f"{override.key}@{override.package}"
        if override.sign == "++":
            raise ComposeError(f'"{override.text}": a group takes + or nothing before it, not ++', override.text)
        if override.sign == "~":
            self.dropped[key] = override
            return True
        if not isinstance(override.value, (str, list)) or not _are_texts(override.value):
            raise ComposeError(
                f'"{override.key}" takes the name of an option or a list of such names',
                override.text,
                f"there is {listed(options(self.tree, override.key), 'and')}",
            )
        if override.sign == "+":
            self.appended.append((override.key, override.package, override.value, override))
        else:
            self.choices[key] = override.value
            self.said[key] = override
        return True

    def _groups_like(self, override: Override) -> str:
        near = suggest(override.key, self.groups)
        return f'did you mean "{near}"?' if near else f"the groups are {listed(sorted(self.groups), 'and')}"

    def ordered(self) -> list[tuple[str, Any]]:
        """What is merged, in order: package and values."""
        found: list[tuple[str, Any]] = []
        self._expand(ROOT, "", "", found, 0, None)
        for key, override in self.said.items():
            if key not in self.used and override is not None:
                raise self._unused(key, override)
        for key, override in self.dropped.items():
            if key not in self.used:
                raise ComposeError(f'"{key}" is not in the defaults list, so it can\'t be deleted', override.text)
        return found[::-1]

    def _unused(self, key: str, override: Override) -> ComposeError:
        known = sorted(self.known.get(key.split("@")[0], ()))
        value = override.text.partition("=")[2]
        advice = f"write {listed(known)}" if known else f"write +{key}={value}"
        return ComposeError(f'"{key}" is not in the defaults list', override.text, advice)

    def _expand(
        self, path: str, group: str, package: str, found: list[tuple[str, Any]], depth: int, override: Override | None
    ) -> None:
        """Add an option and what it names, the last first: later ones decide about earlier ones."""
        node = self.tree.get(path)
        if node is None:
            raise self._missing(path, override)
        if depth > DEEPEST:
            raise ComposeError(f'"{path}" names itself in its defaults')
        entries = [_entry(item) for item in node.get("defaults", ())]
        if not any(name == "_self_" for _, name, _, _ in entries):
            entries = _with_self(entries)
        if path == ROOT:
            entries += [(key, value, at, False) for key, at, value, _ in self.appended]
        for name, value, at, is_override in entries:
            if is_override and name is not None:
                self.choices.setdefault(self._key(name, at, group, package), value)
        for name, value, at, is_override in reversed(entries):
            if value == "_self_":
                found.append((package, node.get("values", {})))
            elif not is_override:
                self._child(name, value, at, group, package, found, depth)

    def _child(
        self,
        name: str | None,
        value: Any,
        at: str | None,
        group: str,
        package: str,
        found: list[tuple[str, Any]],
        depth: int,
    ) -> None:
        if name is None:  # an option of the same group, or a path
            path = value[1:] if value.startswith("/") else f"{group}/{value}".removeprefix("/")
            inner = path.rpartition("/")[0]
            relative = "" if "/" not in value.strip("/") else value.strip("/").rpartition("/")[0]
            own = self._package(path, at, relative.replace("/", "."), package)
            self._expand(path, inner, own, found, depth + 1, None)
            return
        whole = _whole(name, group)
        key = self._key(name, at, group, package)
        if key in self.dropped and self.dropped[key].value in (None, value):
            self.used.add(key)
            return
        if key in self.choices:
            value = self.choices[key]
            self.used.add(key)
        if key in self.chosen:
            override = self._appending(whole)
            text = override.text if override is not None else ""
            raise ComposeError(f'"{key}" has an option already', text, f"write {text.lstrip('+')}" if text else None)
        self.known.setdefault(whole, set()).add(key)
        self.chosen[key] = value
        if whole.startswith("hydra/") or value is None:
            return
        for item in reversed(value) if isinstance(value, list) else (value,):
            path = f"{whole}/{item}"
            own = self._package(path, at, name.strip("/").replace("/", "."), package)
            self._expand(path, whole, own, found, depth + 1, self.said.get(key) or self._appending(whole))

    def _appending(self, group: str) -> Override | None:
        return next((override for key, _, _, override in self.appended if key == group), None)

    def _key(self, name: str, at: str | None, group: str, package: str) -> str:
        """How an override calls an entry: its group, with its package where that is not the group's own."""
        whole = _whole(name, group)
        own = _joined(package, name.strip("/").replace("/", ".") if at is None else at)
        return whole if own == whole.replace("/", ".") else f"{whole}@{own or '_global_'}"

    def _package(self, path: str, at: str | None, relative: str, parent: str) -> str:
        """Where an option's values go: what its entry says, else its own header, else its group's place."""
        if at is not None:
            return _joined(parent, at)
        header = self.tree.get(path, {}).get("package")
        if header is not None:
            return _joined("", "_global_." + header if not header.startswith("_global_") else header)
        return _joined(parent, relative)

    def _missing(self, path: str, override: Override | None) -> ComposeError:
        group, _, name = path.rpartition("/")
        known = options(self.tree, group)
        near = suggest(name, known)
        plugin = plugin_of(path)
        kind = "mode" if group == "mode" else f'option of "{group}"'
        advice = (
            f"it comes with {plugin}: name that under `plugins`"
            if plugin
            else f'did you mean "{near}"?'
            if near
            else f"there is {listed(known, 'and')}"
        )
        return ComposeError(f'"{name}" is no {kind}', override.text if override else "", advice, near)


def _are_texts(value: Any) -> bool:
    return isinstance(value, str) or all(isinstance(item, str) for item in value)


def _entry(item: Any) -> tuple[str | None, Any, str | None, bool]:
    """An entry of a defaults list: group (None for a path), option, package, whether it overrides another entry."""
    if isinstance(item, str):
        name, _, at = item.partition("@")
        return None, name, at or None, False
    ((name, value),) = item.items()
    is_override = name.startswith("override ")
    name = name.removeprefix("override ").removeprefix("optional ").strip()
    name, _, at = name.partition("@")
    return name, value, at or None, is_override


def _with_self(
    entries: list[tuple[str | None, Any, str | None, bool]],
) -> list[tuple[str | None, Any, str | None, bool]]:
    """What a file says itself comes last unless its list says where."""
    return [*entries, (None, "_self_", None, False)]


def _whole(name: str, group: str) -> str:
    """An entry's group from the tree's root: it stands below its own option's group unless a / says else."""
    return name[1:] if name.startswith("/") else f"{group}/{name}" if group else name


def _joined(parent: str, package: str) -> str:
    whole = ".".join(part for part in (parent, package) if part)
    at = whole.rfind("_global_")
    return whole if at < 0 else whole[at + len("_global_") + 1 :]


# --------------------------------------------------------------------------------------------------------------- values


def _merge_at(config: dict[str, Any], package: str, given: Any) -> None:
    at = config
    parts = package.split(".") if package else []
    if not isinstance(given, dict):
        for part in parts[:-1]:
            at = at.setdefault(part, {})
        at[parts[-1]] = copy.deepcopy(given)
        return
    for part in parts:
        inner = at.get(part)
        if not isinstance(inner, dict):
            inner = at[part] = {}
        at = inner
    merge(at, given)


def merge(into: dict[str, Any], given: dict[str, Any]) -> None:
    """Lay values over others: mappings are merged, everything else is replaced."""
    stack = [(into, given)]
    while stack:
        target, source = stack.pop()
        for key, value in source.items():
            held = target.get(key)
            if isinstance(value, dict) and isinstance(held, dict):
                stack.append((held, value))
            else:
                target[key] = copy.deepcopy(value)


_NONE = object()


def _apply(config: dict[str, Any], override: Override) -> None:
    parts = override.key.split(".")
    if parts[0] == "hydra":
        return  # Hydra's own keys: `hydra.run.dir`, `hydra.sweeper.study_name`
    if not override.key:
        raise ComposeError(f'"{override.text}" names no key', override.text)
    held = find(config, override.key)
    if override.sign == "~":
        _delete(config, override, parts, held)
        return
    if override.sign == "":
        _check_known(config, override, parts, held)
    elif (
        override.sign == "+" and held is not _NONE and held is not None and not isinstance(override.value, (dict, list))
    ):
        raise ComposeError(
            f'there is a "{override.key}" already', override.text, f"write {override.text[1:]}, or +{override.text}"
        )
    at: Any = config
    for number, part in enumerate(parts[:-1]):
        inner = _inner(config, at, part)
        if not isinstance(inner, (dict, list)):
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
            unknown = [key for key in value if key not in at[name]]
            if unknown:
                raise ComposeError(
                    f'"{override.key}" has no key "{unknown[0]}"', override.text, f"write +{override.text}"
                )
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
    if isinstance(at, dict):
        del at[parts[-1]]
    elif isinstance(at, list):
        del at[int(parts[-1])]


def _check_known(config: dict[str, Any], override: Override, parts: list[str], held: Any) -> None:
    """Report a key that the configuration does not have."""
    if held is not _NONE:
        return
    at: Any = config
    number = 0
    for part in parts:
        inner = _inner(config, at, part)
        if inner is _NONE:
            break
        at = inner
        number += 1
    where = ".".join(parts[:number])
    known = [str(key) for key in at] if isinstance(at, dict) else []
    near = suggest(parts[number], known)
    better = ".".join([*parts[:number], near, *parts[number + 1 :]]) if near else None
    what = f'"{where}" has' if where else "the configuration has"
    advice = f'did you mean "{better}"?' if better else f"write +{override.text} where the key is to be added"
    raise ComposeError(f'{what} no key "{parts[number]}"', override.text, advice, better)


def _inner(config: dict[str, Any], at: Any, part: str) -> Any:
    """What stands behind a part of a key; an interpolation leads on to what it names."""
    if isinstance(at, list) and part.isdigit() and int(part) < len(at):
        return at[int(part)]
    if not isinstance(at, dict) or part not in at:
        return _NONE
    value = at[part]
    if at is not config and isinstance(value, str) and _is_hole(value):
        return resolve(config, value)
    return value


def _is_hole(value: str) -> bool:
    return value.startswith("${") and value.endswith("}") and value.count("${") == 1


def find(config: dict[str, Any], key: str) -> Any:
    """What a dotted key holds, `_NONE` where there is nothing."""
    at: Any = config
    for part in key.split("."):
        at = _inner(config, at, part)
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
        held = find(config, value[2:-1])
        if held is _NONE:
            raise ComposeError(f'"{value}" names a key that is not there')
        return resolve(config, held, depth + 1)
    from re import sub

    def filled(match: Any) -> str:
        held = find(config, match[1])
        return match[0] if held is _NONE else str(resolve(config, held, depth + 1))

    return sub(r"\$\{([A-Za-z_][A-Za-z0-9_.]*)\}", filled, value)
