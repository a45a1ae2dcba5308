"""The manifests of the HSE University's MLOps platform (unip): a folder of them is one module, and one unit.

Every file and document of the folder is read together: one namespace, names that are unique, references both of whose ends
are there. docs/unip.md has what of the platform's schema is verified, partly known and assumed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.frontends.base import Files
    from compiler.ir import Project

NAME = "unip"
_GROUP = "unified-platform.cs.hse.ru/"
_SUFFIXES = (".yaml", ".yml")
_NATIVE = ("headrace.yaml", "headrace.yml")
HEAD_CHARACTERS = 4096


def sniff(path: str, head: str) -> bool:
    """By the API group, on a line of its own as every document has it."""
    return path.endswith(_SUFFIXES) and _is_ours(head)


def _is_ours(text: str) -> bool:
    return _GROUP in text and any(
        line.replace('"', "").replace("'", "").lstrip(" -").startswith("apiVersion:") and _GROUP in line
        for line in text.split("\n")
    )


def discover(repository: Files, folder: str = "") -> list[str]:
    """The folder itself, where it or a folder in it holds documents of the platform.

    Folders beside one another whose documents name different namespaces are modules of their own, each found by itself.
    """
    here = folder + "/" if folder else ""
    if any(repository.is_listed(here + name) for name in _NATIVE):
        return []
    if any(_namespaces(path, repository) is not None for path in _yaml(here + "*", repository)):
        return [folder or "."]
    below: dict[str, set[str]] = {}
    for path in _yaml(here + "*/*", repository):
        found = _namespaces(path, repository)
        if found is not None:
            below.setdefault(path.rpartition("/")[0], set()).update(found)
    apart = len(below) > 1 and all(len(one) == 1 for one in below.values()) and len(set().union(*below.values())) > 1
    return [folder or "."] if below and not apart else []


def _yaml(pattern: str, repository: Files) -> list[str]:
    return [path for suffix in _SUFFIXES for path in repository.glob(pattern + suffix)]


def _namespaces(path: str, repository: Files) -> set[str] | None:
    """The namespaces that a document of the platform names; None for another file."""
    from compiler.diagnostics import Sink

    source = repository.source(path, Sink())
    if source is None or not _is_ours(source.text[:HEAD_CHARACTERS]):
        return None
    found = (line.partition("namespace:")[2].strip(" \"'") for line in source.text.split("\n") if "namespace:" in line)
    return {name.partition(",")[0].partition("}")[0].strip(" \"'") for name in found}


def read(unit: str, repository: Files, sink: Sink) -> Project | None:
    from compiler.frontends.unip.module import read_module

    return read_module(unit, repository, sink)
