"""headrace.yaml: the manifest that says everything the dialects can say.

The modules follow the manifest's sections; each key is a line of a table there. `write` is the way back.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files
    from compiler.ir import Project

NAME = "native"
FILES = ("headrace.yaml", "headrace.yml")


def sniff(path: str, head: str) -> bool:
    """By its name (`headrace.yaml`, `gpu.headrace.yaml`), else by what only this dialect begins with."""
    name = path.rpartition("/")[2]
    if name.endswith(FILES) and name.removesuffix("yaml").removesuffix("yml").rpartition("headrace.")[0][-1:] in (
        "",
        ".",
    ):
        return True
    if not name.endswith((".yaml", ".yml")):
        return False
    lines = head.replace("\r", "\n").split("\n")
    says_version = any(line.split("#")[0].rstrip() == "version: 1" for line in lines)
    return says_version and any(line.startswith(("jobs:", "targets:", "pipelines:", "manifests:")) for line in lines)


def discover(repository: Files, folder: str = "") -> list[str]:
    paths = (f"{folder}/{name}".removeprefix("/") for name in FILES)
    return [path for path in paths if repository.is_listed(path)]


def read(unit: str, repository: Files, sink: Sink) -> Project | None:
    from compiler.frontends.native.reading import read_source

    source = repository.source(unit, sink)
    return None if source is None else read_source(source, unit, sink)


def write(project: Project) -> str:
    """A project as a headrace.yaml. Raises ValueError for what a manifest can't say."""
    from compiler.frontends.native.writing import write as write_project

    return write_project(project)
