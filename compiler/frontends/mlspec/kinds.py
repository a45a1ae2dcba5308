"""Which kind of MLSpec document a file is, by the keys that it begins with: no document says it itself."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# What a document may say under `kind`, where its keys do not tell; the definitions of the schema.
KINDS = (
    "pipeline",
    "packaging",
    "model",
    "module",
    "moduleVersion",
    "dataset",
    "datastore",
    "datapath",
    "artifact",
    "run",
    "experiment",
    "metadata",
    "inferenceLog",
    "inferenceRequest",
    "objectives",
)
SECTIONS = ("train", "serve", "score", "convert")
PARTS = frozenset(
    (*SECTIONS, "process", "data_stores", "data_store_file_paths", "data_stores_file_paths", "container_stores")
)
_HEAD = frozenset(("model_identifier", "author", "framework", "license", "purpose", "labels", "domain", "website"))
# Keys of which all must be there, tried in this order.
_BY_KEYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("pipeline", ("steps", "pipeline")),
    ("inferenceRequest", ("requestInfo", "prediction")),
    ("inferenceRequest", ("requestInfo", "inputs")),
    ("inferenceLog", ("requestInfo",)),
    ("inferenceLog", ("modelInfo",)),
    ("experiment", ("hyperparameters",)),
    ("experiment", ("experiment_id",)),
    ("run", ("parent_run_id",)),
    ("run", ("child_run_ids",)),
    ("model", ("runtimeArtifacts",)),
    ("metadata", ("data_process",)),
    ("metadata", ("model_architecture",)),
    ("metadata", ("framework", "model")),
    ("datapath", ("DataStore",)),
    ("moduleVersion", ("module", "version")),
    ("module", ("name", "versions")),
    ("artifact", ("created_by_run_id",)),
    ("artifact", ("data_path",)),
    ("dataset", ("location",)),
    ("dataset", ("state", "version")),
    ("pipeline", ("name", "steps")),
)


def kind_of(keys: Iterable[str], said: str = "") -> str | None:
    """The kind of a document with these keys; `said` is what stands under its `kind`."""
    if said:
        return said if said in KINDS else None
    present = set(keys)
    for kind, wanted in _BY_KEYS:
        if present.issuperset(wanted):
            return kind
    if present & PARTS or ("name" in present and present & _HEAD) or "model_identifier" in present:
        return "packaging"
    if "data" in present and not present - {"data", "mlSpecVersion"}:
        return "packaging"
    if "objectives" in present and present <= {"objectives", "name", "id", "description", "mlSpecVersion", "kind"}:
        return "objectives"
    if present.issuperset(("name", "type")) and present & {"id", "connection", "properties", "connection_string"}:
        return "datastore"
    return None


def is_head(keys: Iterable[str]) -> bool:
    """Whether a packaging file names the model, so that part files belong to it."""
    return "name" in keys


def is_combined(keys: Iterable[str]) -> bool:
    """Whether a packaging file holds the model's sections itself."""
    present = set(keys)
    return is_head(present) and bool(present.intersection(SECTIONS))
