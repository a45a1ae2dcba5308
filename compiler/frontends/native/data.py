"""`stores` and `datasets`: what is too large for a CI's artifacts, or outlives a run."""

from __future__ import annotations

from compiler.frontends.native.fields import choice, filled, quantity, shaped
from compiler.frontends.native.paths import absolute, folder_inside
from compiler.frontends.tables import section
from compiler.ir import Dataset, Store
from compiler.yamltree import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.native.fields import Context, Table

STORE: Table = {
    "kind": ("kind", choice("ci", "s3", "gcs", "azure", "pvc", "dvc", "lfs")),
    "url": ("url", filled),
    "identity": ("identity", filled),
    "mount": ("mount", absolute),
}
DATASET: Table = {
    "path": ("path", folder_inside),
    "produced_by": ("produced_by", filled),
    "store": ("store", filled),
    "version": ("version", filled),
    "state": ("state", choice("active", "deprecated", "archived")),
    "size": ("size", quantity),
    "checksum": ("checksum", shaped(r"(sha256|sha512|md5):[0-9a-f]{32,128}", "sha256:9f86d0…")),
}


def read_store(slot: Slot, context: Context, name: str) -> Store | None:
    found = section(slot, context, STORE, "a store", ("kind",))
    return None if found is None else Store(name=name, **found)


def read_dataset(slot: Slot, context: Context, name: str) -> Dataset | None:
    found = section(slot, context, DATASET, "a dataset", ("path",))
    return None if found is None else Dataset(name=name, **found)
