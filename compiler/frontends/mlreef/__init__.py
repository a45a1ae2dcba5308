"""MLReef: scripts that are modules, modules that are published as images, and pipelines that are composed of modules.

A unit is a `mlreef.yaml`, a script that is published by itself, or a `.mlreef.yml` that MLReef's platform generated.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files
    from compiler.ir import Project

NAME = "mlreef"
FILES = ("mlreef.yaml", "mlreef.yml")
GENERATED = ".mlreef.yml"


def sniff(path: str, head: str) -> bool:
    """By its name; a Python file by what makes an entry script of it."""
    name = path.rpartition("/")[2]
    if name in (*FILES, GENERATED):
        return True
    if name.endswith(".py"):
        return "argparse" in head or "@data_processor" in head or "@processor" in head
    return name.endswith((".yaml", ".yml")) and ("EPF_PIPELINE_URL" in head or "EPF_PUBLISH_URL" in head)


def discover(repository: Files, folder: str = "") -> list[str]:
    paths = (f"{folder}/{name}".removeprefix("/") for name in FILES)
    return [path for path in paths if repository.is_listed(path)]


def read(unit: str, repository: Files, sink: Sink) -> Project | None:
    from compiler.frontends.mlreef.reading import read_unit

    return read_unit(unit, repository, sink)
