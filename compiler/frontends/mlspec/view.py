"""What a document says, asked by keys: misspellings, both forms and empty values are no matter of who asks."""

from __future__ import annotations

from compiler import reader
from compiler.source import Origin, Span
from compiler.yamltree import Mapping, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Known misspellings, by the key that is meant (M18).
SPELLINGS = {
    "endpoint": ("endpoing",),
    "url": ("training_data_url",),
    "data_store_file_paths": ("data_stores_file_paths",),
    "model_features_schema_source": ("model_feature_schema_source",),
    "scorable_model_local": ("secorable_model_local",),
}


class View:
    """A value that is there. What is asked of a value of another kind is not there: the shape was reported before."""

    __slots__ = ("slot",)

    def __init__(self, slot: Slot) -> None:
        self.slot = slot

    @property
    def origin(self) -> Origin:
        return self.slot

    @property
    def at(self) -> Span:
        return self.slot.span_here

    @property
    def key(self) -> str:
        return str(self.slot.key)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.slot.value, Mapping)

    @property
    def is_text(self) -> bool:
        return isinstance(self.slot.value, str)

    @property
    def value(self) -> str:
        """The text of a scalar; empty for what is none."""
        return str(self.slot.value) if isinstance(self.slot.value, str) else ""

    def get(self, *path: str) -> View | None:
        """What stands under keys, one in the other; None where one is missing or holds nothing."""
        found: View | None = self
        for key in path:
            found = found._one(key) if found is not None else None
        return found

    def _one(self, key: str) -> View | None:
        node = self.slot.value
        if not isinstance(node, Mapping):
            return None
        for name in (key, *SPELLINGS.get(key, ())):
            if name in node.entries:
                slot = Slot(node, name, node.entries[name], node.document)
                return None if slot.tag is not None or reader.is_null(slot.value) else View(slot)
        return None

    def text(self, *path: str) -> str:
        """The text under keys; empty where there is none."""
        found = self.get(*path)
        return found.value.strip() if found is not None else ""

    def flag(self, key: str) -> bool:
        return self.text(key) in reader.TRUE

    def whole(self, *path: str) -> int | None:
        return reader.integer_of(self.text(*path))

    def entries(self) -> list[tuple[str, View]]:
        """The entries of a mapping that hold something, in order."""
        node = self.slot.value
        if not isinstance(node, Mapping):
            return []
        return [(str(slot.key), View(slot)) for slot in slots(node) if slot.tag is None and not _is_empty(slot)]

    def names(self) -> list[str]:
        """Every key, whether something stands behind it or not."""
        return list(self.slot.value.entries) if isinstance(self.slot.value, Mapping) else []

    def each(self) -> list[View]:
        """The items of a list, or the one value where there is no list."""
        node = self.slot.value
        if isinstance(node, Sequence):
            return [View(slot) for slot in items(node) if slot.tag is None and not _is_empty(slot)]
        return [self]

    def listed(self, *path: str) -> list[View]:
        """Each item under keys; none where nothing is there."""
        found = self.get(*path)
        return found.each() if found is not None else []

    def words(self, *path: str) -> list[str]:
        return [item.value for item in self.listed(*path) if item.is_text]

    def key_span(self, key: str | None = None) -> Span:
        """Where a key of a mapping stands; without one, where the value's own key stands."""
        node = self.slot.value
        if key is not None and isinstance(node, Mapping):
            for name in (key, *SPELLINGS.get(key, ())):
                if name in node.entries:
                    return node.key_span(name)
        return self.slot.key_span

    def flat(self) -> Iterator[tuple[str, View]]:
        """Keys and values of a mapping, or of a list of one-key mappings, in order."""
        for item in self.each():
            yield from item.entries()


def _is_empty(slot: Slot) -> bool:
    return reader.is_null(slot.value)
