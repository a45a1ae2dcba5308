"""MLSpec: how ML work should be described, as its documents and examples have it (https://github.com/mlspec/MLSpec).

`kinds` tells documents apart, `shape` holds them against the published schema, `objects` against the rules that all
of them share; `pipelines` and `packaging` make jobs. Nothing is found by itself: `pipeline.yml` and `model.yaml` are
anybody's names.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files
    from compiler.ir import Project

NAME = "mlspec"


def sniff(path: str, head: str) -> bool:
    """By the keys that begin a line: those of one of the kinds of documents."""
    if not path.endswith((".yaml", ".yml")):
        return False
    from compiler.frontends.mlspec.kinds import kind_of

    lines = head.split("\n")
    keys = [
        line.split(":", 1)[0].strip("'\"") for line in lines if ":" in line and line[:1] not in (" ", "\t", "#", "-")
    ]
    if "mlSpecVersion" in keys or "specVersion" in keys:
        return True
    return "version" not in keys[:1] and kind_of(keys) is not None


def discover(repository: Files, folder: str = "") -> list[str]:
    del repository, folder  # whatever there is: it is named by path, or under `manifests`
    return []


def read(unit: str, repository: Files, sink: Sink) -> Project | None:
    from compiler.frontends.mlspec.reading import read_unit

    return read_unit(unit, repository, sink)
