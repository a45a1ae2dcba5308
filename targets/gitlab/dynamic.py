"""The output as one file that needs no other in the repository: a pipeline compiles it and starts it as its child.

https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#dynamic-child-pipelines. What would be files of their own travel
inside of it: a first job unpacks them as artifacts, by which the trigger jobs start them. The starting pipeline says in
HEADRACE_SOURCE what it was started by; parameters are pipeline variables, since a child can't be asked for inputs by hand.
"""

from __future__ import annotations

from compiler.images import DEFAULT_PYTHON, python_image
from compiler.target import Document
from compiler.yamlwriter import Block, write_documents
from targets.gitlab import codes
from targets.gitlab.files import FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.source import Origin

FILES = "headrace-files"
SOURCE = "$CI_PIPELINE_SOURCE"  # in a child always "parent_pipeline"
GIVEN = "$HEADRACE_SOURCE"


def bundled(main: Document, children: Sequence[Document], at: Origin | None, sink: Sink) -> Document:
    """The main document of an output whose pipelines all are children, with those inside."""
    *header, data = main.documents
    inputs = header[0]["spec"]["inputs"] if header else {}
    _check_levels(children, at, sink)
    found: dict[str, Any] = {"workflow": _workflow(data["workflow"]), "default": data["default"]}
    if "include" in data:
        found = {"include": data["include"], **found}
    if "headrace_pipeline" in inputs:
        found["variables"] = {"HEADRACE_PIPELINE": inputs["headrace_pipeline"]["default"]}
    found[FILES] = _files(children)
    for name, body in data.items():
        if isinstance(body, dict) and "trigger" in body:
            found[name] = _trigger(body, "variables" in found)
    return main.replace(documents=(found,))


def _check_levels(children: Iterable[Document], at: Origin | None, sink: Sink) -> None:
    for document in children:
        for data in document.documents:
            if any(isinstance(body, dict) and "trigger" in body for body in data.values()):
                message = (
                    f"{document.path} starts pipelines itself, at a third level; a dynamic pipeline has two below it"
                )
                sink.report(codes.NESTED_PIPELINES, message, at)


def _workflow(workflow: dict[str, Any]) -> dict[str, Any]:
    """It always runs, since a child without a job would fail its parent; a schedule's values are kept."""
    valued = [_rule(rule) for rule in workflow["rules"] if "variables" in rule]
    return {**workflow, "rules": [*valued, {"when": "always"}]}


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    return {**rule, "if": rule["if"].replace(SOURCE, GIVEN)} if "if" in rule else dict(rule)


def _trigger(body: dict[str, Any], is_chosen: bool) -> Block:
    found = dict(body)
    found["needs"] = [FILES, *body.get("needs", ())]
    found["rules"] = [_rule(rule) for rule in body["rules"]]
    trigger = {
        **body["trigger"],
        "include": [{"artifact": one["local"], "job": FILES} for one in body["trigger"]["include"]],
    }
    if body["variables"].get("HEADRACE_SOURCE") == SOURCE:
        del found["variables"]  # it and the parameters are pipeline variables, which are forwarded
        trigger["forward"] = {"pipeline_variables": True}
    found["trigger"] = trigger
    del found["inherit"]
    if is_chosen:
        found["inherit"] = {"variables": ["HEADRACE_PIPELINE"]}
    return Block(found, comment=getattr(body, "comment", ""))


def _files(children: Sequence[Document]) -> dict[str, Any]:
    """The job that leaves the children's files as artifacts."""
    return {
        "image": {"name": python_image(DEFAULT_PYTHON, None), "entrypoint": [""]},
        "needs": [],
        "timeout": "10m",
        "variables": {"GIT_STRATEGY": "none"},
        "script": [f"mkdir -p {FOLDER}", *(_written(document) for document in children)],
        "artifacts": {"paths": [f"{FOLDER}/"], "expire_in": "1d"},
    }


def _written(document: Document) -> str:
    """A line of script that writes a document's text as it is. (Its path is the compiler's own: letters, digits, signs.)"""
    text = write_documents(list(document.documents)).rstrip("\n")
    end, lines = "END", set(text.split("\n"))
    while end in lines:
        end += "_"
    return f"cat > {document.path} << '{end}'\n{text}\n{end}"
