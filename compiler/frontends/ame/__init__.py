"""ame.yaml: the project file of AME, the Artificial MLOps Engineer (https://github.com/TeaInSpace/ame).

Four dialects are in use, told apart by the root's keys: `name` (the current one), `projectid`, `projectname`, and what
only AME's documentation shows. What AME means is read, not what it loses on the way; whatever it would lose is reported.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files
    from compiler.ir import Project

NAME = "ame"
FILES = ("ame.yaml", "ame.yml")
_OWN_KEYS = ("projectid:", "projectname:", "dataSets:", "enableTriggers:")
_SECTIONS = ("tasks:", "templates:", "models:")
_NAMES = ("name:", "project:", "projectName:")
_TAGS = ("!poetry", "!pip", "!pipEnv", "!pipenv", "!mlflow", "!custom")


def sniff(path: str, head: str) -> bool:
    """By its name (`ame.yaml`, `train.ame.yml`), else by keys of the root that only AME has, else by its tags."""
    name = path.rpartition("/")[2]
    if name in FILES or name.endswith((".ame.yaml", ".ame.yml")):
        return True
    if not name.endswith((".yaml", ".yml")):
        return False
    lines = head.split("\n")
    if any(line.startswith(_OWN_KEYS) for line in lines) or lines[0].replace(" ", "").startswith("#ame.y"):
        return True
    words = {word for line in lines for word in line.split("#")[0].split()}
    sections = any(line.startswith(_SECTIONS) for line in lines)
    tagged = not words.isdisjoint(_TAGS)
    return (sections and (tagged or any(line.startswith(_NAMES) for line in lines))) or (
        tagged and "executor:" in words
    )


def discover(repository: Files, folder: str = "") -> list[str]:
    """The file that AME reads: `ame.yaml`, else `ame.yml`."""
    paths = (f"{folder}/{name}".removeprefix("/") for name in FILES)
    return [path for path in paths if repository.is_listed(path)][:1]


def read(unit: str, repository: Files, sink: Sink) -> Project | None:
    from compiler.frontends.ame.projects import read_unit

    return read_unit(unit, repository, sink)
