"""The defaults list of a configuration: which options are merged, where, and in which order, as Hydra 1.3 has it.

Later entries decide about earlier ones (`override group: option`), the command line about all of them. What an entry is
called, where its values go and what a deletion or an interpolation does follow
https://hydra.cc/docs/1.3/advanced/defaults_list/ and https://hydra.cc/docs/1.3/advanced/overriding_packages/
"""

from __future__ import annotations

from compiler.diagnostics import listed, suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from compiler.frontends.mml.grammar import Override

    Tree: TypeAlias = "Mapping[str, Mapping[str, Any]]"
    Merged: TypeAlias = "tuple[str, Any]"  # the package, and what stands there

DEEPEST = 40  # configurations that name one another
SELF = "_self_"
GLOBAL = "_global_"
MISSING = "???"


class ComposeError(ValueError):
    """An override or an option that does not fit; `text` is the override as written, where it was one."""

    def __init__(self, message: str, text: str = "", help: str | None = None, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.text, self.help, self.suggestion = text, help, suggestion


def options(tree: Tree, group: str) -> list[str]:
    """The options of a group."""
    start = group + "/"
    return sorted(name[len(start) :] for name in tree if name.startswith(start) and "/" not in name[len(start) :])


class Entry:
    """An entry of a defaults list, placed below the configuration that names it.

    `group` is None for one that names a configuration by its path, which is then `value`. `package` is what stands
    behind @; `base` and `parent` are the group and the package of the configuration that holds it.
    """

    __slots__ = ("appended", "base", "group", "is_optional", "overrides", "package", "parent", "value")

    def __init__(self, group: str | None, value: Any, package: str | None = None) -> None:
        self.group, self.value = group, value
        self.package = "" if package == "_here_" else package
        self.is_optional = self.overrides = False
        self.appended: Override | None = None
        self.base = self.parent = ""

    @property
    def is_self(self) -> bool:
        return bool(self.value == SELF)

    @property
    def is_hydras(self) -> bool:
        """Hydra's own groups (its sweepers, its logging) are left to Hydra."""
        return self.group is not None and f"{self.group_path}/".startswith("hydra/")

    def place(self, base: str, parent: str) -> Entry:
        self.base, self.parent = base, parent
        if self.package is not None and "_group_" in self.package:
            self.package = f"{GLOBAL}.{self.package.replace('_group_', self.group_path.replace('/', '.'))}"
        return self

    @property
    def _named(self) -> str:
        """The group as the entry names it: of a path, its folder."""
        return str(self.value).rpartition("/")[0] if self.group is None else self.group

    @property
    def group_path(self) -> str:
        """The group from the tree's root."""
        absolute = str(self.value if self.group is None else self.group).startswith("/")
        return self._named.removeprefix("/") if absolute else "/".join(filter(None, (self.base, self._named)))

    @property
    def name(self) -> str | None:
        if self.group is None:
            return str(self.value).rpartition("/")[2]
        return None if self.value is None else str(self.value)

    @property
    def path(self) -> str:
        """The configuration's name in the tree."""
        return f"{self.group_path}/{self.name}" if self.group_path else str(self.name)

    def final_package(self, header: str | None = None) -> str:
        """Where the values go: what the entry says, else what the file's own header says, else the group's place."""
        package = self.package if self.package is not None else header
        if package is None:
            package = self._named.removeprefix("/").replace("/", ".")
        whole = ".".join(part for part in (self.parent, package) if part)
        at = whole.rfind(GLOBAL)
        return whole if at < 0 else whole[at + len(GLOBAL) + 1 :]

    @property
    def key(self) -> str:
        """How an override calls the entry: its group, with its package where that is not the group's own."""
        group, package = self.group_path, self.final_package()
        return group if package == group.replace("/", ".") else f"{group}@{package or GLOBAL}"


class DefaultsList:
    """Which options are merged, in which order. `chosen` is then the option of each group."""

    def __init__(self, tree: Tree, skips_missing: bool = False) -> None:
        self.tree, self.skips_missing = tree, skips_missing
        groups = {name.rpartition("/")[0] for name in tree} - {""}
        self.groups = groups | {group[:at] for group in groups for at, letter in enumerate(group) if letter == "/"}
        self.choices: dict[str, Any] = {}  # by key: what overrides say, those of the command line before all others
        self.said: dict[str, Override | str] = {}  # by key: the override, or the configuration that holds it
        self.used: set[str] = set()
        self.deleted: set[str] = set()
        self.dropped: dict[str, Override] = {}
        self.appended: list[Entry] = []
        self.known: dict[str, set[str]] = {}
        self.chosen: dict[str, str | None] = {}
        self.leaves: set[str] = set()

    # ---------------------------------------------------------------------------------------------- the command line

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
            if override.value is not None and not isinstance(override.value, str):
                raise ComposeError(f'"{override.text}" deletes no option: an option is a name', override.text)
            self.dropped[key] = override
        elif not isinstance(override.value, (str, list)) or not _are_texts(override.value):
            raise ComposeError(
                f'"{override.key}" takes the name of an option or a list of such names',
                override.text,
                f"there is {listed(options(self.tree, override.key), 'and')}",
            )
        elif override.sign == "+":
            entry = Entry(override.key, override.value, override.package)
            entry.appended = override
            self.appended.append(entry)
        else:
            self.choices[key], self.said[key] = override.value, override
        return True

    def _groups_like(self, override: Override) -> str:
        near = suggest(override.key, self.groups)
        return f'did you mean "{near}"?' if near else f"the groups are {listed(sorted(self.groups), 'and')}"

    # ------------------------------------------------------------------------------------------------------ expansion

    def ordered(self, root: str) -> list[Merged]:
        """What is merged, in order. Raises ComposeError."""
        if root not in self.tree:
            raise ComposeError(f'"{root}" is not there', "", f"the tree of configurations begins with {root}.yaml")
        found = self._expand(Entry(None, root), 0, False, is_root=True)
        self._check_used()
        return found[::-1]

    def _check_used(self) -> None:
        for key, said in self.said.items():
            if key in self.used:
                continue
            known = sorted(self.known.get(key.split("@")[0], ()))
            if isinstance(said, str):
                raise ComposeError(f'"{key}" is not in the defaults list that "{said}" overrides', "", _one_of(known))
            advice = _one_of(known) or f"write +{key}={said.text.partition('=')[2]}"
            raise ComposeError(f'"{key}" is not in the defaults list', said.text, advice)
        for key, override in self.dropped.items():
            if key not in self.deleted:
                raise ComposeError(f'"{key}" is not in the defaults list, so it can\'t be deleted', override.text)

    def _expand(self, entry: Entry, depth: int, is_interpolated: bool, is_root: bool = False) -> list[Merged]:
        """What an entry comes to, the last first. (Hydra walks this way, so that the last one has a say first.)"""
        key = entry.key if entry.group is not None else ""
        if key in self.dropped and self.dropped[key].value in (None, entry.name):
            self.deleted.add(key)
            return []
        if entry.group is not None:
            self._choose(key, entry)
        if entry.name is None or self._is_missing(entry, key):
            return []
        path = entry.path
        node = self.tree.get(path)
        if node is None:
            if entry.is_optional:
                return []
            raise self._unknown(path, self._override_of(entry, key))
        if depth > DEEPEST:
            raise ComposeError(f'"{path}" names itself in its defaults')
        package = entry.final_package(_header(node))
        own = (package, node.get("values", {}))
        entries = self._entries(node, path, is_root)
        entries = [one for one in entries if not one.place(entry.group_path, package).is_hydras]
        self._collect_overrides(entries, path, is_interpolated)
        children = self._children(entries, own, path, depth, is_interpolated)
        if not children:
            if key:
                if key in self.leaves:
                    raise ComposeError(
                        f'"{key}" stands twice in the defaults list', _text(self._override_of(entry, key))
                    )
                self.leaves.add(key)
            return [own]
        return [item for child in children for item in child]

    def _entries(self, node: Mapping[str, Any], path: str, is_root: bool) -> list[Entry]:
        """A configuration's entries. What it says itself comes last unless its list says where."""
        entries = [_entry(item, path) for item in node.get("defaults", ())]
        if entries or (is_root and self.appended):
            selves = sum(one.is_self for one in entries)
            if selves > 1:
                raise ComposeError(f'"{SELF}" stands twice in the defaults of "{path}"')
            if not entries or (not selves and any(not one.overrides for one in entries)):
                entries.append(Entry(None, SELF))
        return [*entries, *self.appended] if is_root else entries

    def _collect_overrides(self, entries: list[Entry], path: str, is_interpolated: bool) -> None:
        last: Entry | None = None
        for one in entries:
            if one.is_self:
                continue
            if one.overrides:
                if is_interpolated:
                    raise ComposeError(
                        f'"{path}" is chosen by an interpolation, so its defaults can\'t override others'
                    )
                last = one
                if one.key not in self.choices:
                    self.choices[one.key], self.said[one.key] = one.value, path
            elif last is not None and one.appended is None:
                raise ComposeError(
                    f'in "{path}", "override {last.key}" stands before other defaults', "", "put it last"
                )

    def _children(
        self, entries: list[Entry], own: Merged, path: str, depth: int, is_interpolated: bool
    ) -> list[list[Merged]]:
        found: list[list[Merged]] = []
        waiting: list[tuple[int, Entry]] = []  # interpolations, which see what all others have chosen
        for one in reversed(entries):
            if one.is_self:
                found.append([own])
            elif not one.overrides:
                if one.group is not None and one.key in self.choices:
                    one.value = self.choices[one.key]
                    self.used.add(one.key)
                if isinstance(one.value, list):
                    found += self._several(one, path, depth, is_interpolated)
                elif isinstance(one.value, str) and "${" in one.value:
                    waiting.append((len(found), one))
                    found.append([])
                else:
                    found.append(self._expand(one, depth + 1, is_interpolated))
        if waiting:
            table = self._table(entries)
            for at, one in waiting:
                one.value = _filled(one.value if one.group is not None else one.path, table, path)
                found[at] = self._expand(one, depth + 1, True)
        return found

    def _several(self, entry: Entry, path: str, depth: int, is_interpolated: bool) -> list[list[Merged]]:
        """A list of options of one group."""
        found = []
        for item in reversed(entry.value):
            if "${" in item:
                raise ComposeError(f'in "{path}", an interpolation can\'t stand in a list of options')
            one = Entry(None, f"{entry.group}/{item}", entry.package)
            one.is_optional, one.appended = entry.is_optional, entry.appended
            one.place(entry.base, entry.parent)
            found.append(self._expand(one, depth + 1, is_interpolated))
        return found

    def _table(self, entries: list[Entry]) -> dict[str, Any]:
        """What an interpolation in a defaults list may name: the chosen options, and the list itself."""
        own = [one.path if one.group is None else {one.key: one.value} for one in entries]
        return {**self.chosen, "defaults": own}

    def _choose(self, key: str, entry: Entry) -> None:
        if key in self.chosen and self.chosen[key] != entry.name:
            text = _text(self._override_of(entry, key))
            raise ComposeError(f'"{key}" has an option already', text, f"write {text.lstrip('+')}" if text else None)
        self.chosen[key] = entry.name
        self.known.setdefault(entry.group_path, set()).add(key)

    def _is_missing(self, entry: Entry, key: str) -> bool:
        if not str(entry.name).endswith(MISSING):
            return False
        if not self.skips_missing:
            known = options(self.tree, entry.group_path)
            raise ComposeError(f'no option of "{key}" is chosen', "", f"write {key}={listed(known)}")
        return True

    def _override_of(self, entry: Entry, key: str) -> Override | None:
        said = self.said.get(key)
        if entry.appended is None and said is None:  # one of a list of options: its group's
            said = self.said.get(entry.group_path)
        return entry.appended or (None if isinstance(said, str) else said)

    def _unknown(self, path: str, override: Override | None) -> ComposeError:
        from compiler.frontends.mml.composing import plugin_of

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
        return ComposeError(f'"{name}" is no {kind}', _text(override), advice, near)


def _one_of(known: list[str]) -> str | None:
    return f"write {listed(known)}" if known else None


def _text(override: Override | None) -> str:
    return override.text if override is not None else ""


def _are_texts(value: Any) -> bool:
    return isinstance(value, str) or all(isinstance(item, str) for item in value)


def _entry(item: Any, path: str) -> Entry:
    """An entry as a file has it: `PATH`, or `[optional] [override] GROUP[@PACKAGE]: OPTION`."""
    if isinstance(item, str):
        name, at, package = item.partition("@")
        if name == SELF and at:
            raise ComposeError(f'in "{path}", "{item}" is not possible: {SELF} has no package')
        return Entry(None, name, package.partition(":")[0] if at else None)
    if not isinstance(item, dict) or len(item) != 1:
        raise ComposeError(f'in "{path}", an entry of the defaults is a path or one group with its option')
    ((said, value),) = item.items()
    name, at, package = said.partition("@")
    *words, group = name.split(" ")
    if not group:
        raise ComposeError(f'in "{path}", an entry of the defaults names no group')
    if isinstance(value, dict) or not (value is None or isinstance(value, (str, list))) or not _are_texts(value or []):
        raise ComposeError(f'in "{path}", "{said}" takes the name of an option or a list of such names')
    found = Entry(group, value, package.partition(":")[0] if at else None)
    for word in words:
        if word not in ("optional", "override"):
            break
        found.is_optional |= word == "optional"
        found.overrides |= word == "override"
    return found


def _header(node: Mapping[str, Any]) -> str | None:
    """The package that a file's header names, from the root."""
    found = node.get("package")
    if found is None:
        return None
    return str(found) if found == GLOBAL or found.startswith(f"{GLOBAL}.") else f"{GLOBAL}.{found}".rstrip(".")


def _filled(text: str, table: dict[str, Any], path: str) -> str:
    """Text whose interpolations are filled from a table of choices."""
    from re import sub

    def value(match: Any) -> str:
        at: Any = table
        for part in match[1].split("."):
            if isinstance(at, list) and part.isdigit() and int(part) < len(at):
                at = at[int(part)]
            elif isinstance(at, dict) and part in at:
                at = at[part]
            else:
                at = None
        if not isinstance(at, str):
            known = listed([name for name in table if name != "defaults"], "and")
            raise ComposeError(f'in "{path}", "{match[0]}" names no option that is chosen', "", f"chosen are {known}")
        return at

    filled = sub(r"\$\{([^{}$:]+)\}", value, text)
    if "${" in filled:
        raise ComposeError(f'in "{path}", "{text}" can\'t be filled before a run begins')
    return filled
