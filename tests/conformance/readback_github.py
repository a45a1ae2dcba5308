"""GitHub workflows, read back: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax"""

from __future__ import annotations

import re
from typing import Any

from tests.conformance.readback import PATH, Key, Leg, Readback, documents, listed, product

_MATRIX = re.compile(r"\$\{\{ *matrix\.([A-Za-z0-9_-]+) *\}\}")
# A text in an expression, which is how a text that would be one is written.
_TEXT = re.compile(r"\$\{\{ *'((?:[^']|'')*)' *\}\}")
_VARIABLE = "HEADRACE_MATRIX_"
_LOCAL = "./"


def read(files: dict[str, str]) -> Readback:
    found = Readback()
    workflows = {path: documents(text)[0][0] for path, text in files.items()}
    uploads: dict[tuple[str, str], Key] = {}
    for path, workflow in workflows.items():
        for id_, job in workflow["jobs"].items():
            for values in _legs(job):
                key = Key(path, id_, _leg(job, values))
                thing = found.add(key, job.get(PATH))
                for name in _uploaded(job, values):
                    thing.sends = True
                    assert (path, name) not in uploads, f"two jobs upload {name}"
                    uploads[path, name] = key
    for path, workflow in workflows.items():
        for id_, job in workflow["jobs"].items():
            for values in _legs(job):
                key = Key(path, id_, _leg(job, values))
                _connect(found, key, job, values, uploads)
    for path, workflow in workflows.items():
        for id_, job in workflow["jobs"].items():
            if job.get("uses", "").startswith(_LOCAL) and job.get(PATH) is None:
                found.contain(Key(path, id_), job["uses"].removeprefix(_LOCAL))
    return found


def _connect(found: Readback, key: Key, job: Any, values: dict[str, str], uploads: dict[tuple[str, str], Key]) -> None:
    thing = found.things[key]
    for need in listed(job.get("needs")):
        legs = found.named(key.scope, need)
        assert legs, f"{key.name} needs {need}, which is no job"
        thing.needs.update(legs)
    for pattern in _downloaded(job, values):
        # Parts of one run share the run's artifacts, whatever file they stand in; a pipeline's own job is meant first.
        matching = {up for (_, name), up in uploads.items() if _matches(pattern, name)}
        own = {uploads[scope, name] for scope, name in uploads if scope == key.scope and name == pattern}
        matching = own or matching
        assert matching or "*" in pattern, f"{key.name} downloads {pattern}, which nothing uploads"
        thing.receives |= matching


def _legs(job: Any) -> list[dict[str, str]]:
    """Each leg's values: https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/run-job-variations"""
    matrix = job.get("strategy", {}).get("matrix")
    if matrix is None:
        return [{}]
    axes = {name: values for name, values in matrix.items() if name not in ("include", "exclude", PATH)}
    legs = list(product(axes)) if axes else []
    for excluded in matrix.get("exclude", ()):
        legs = [leg for leg in legs if not excluded.items() <= leg.items()]
    for included in matrix.get("include", ()):
        extended = [
            leg
            for leg in legs
            if all(leg.get(name, value) == value for name, value in included.items() if name in axes)
        ]
        if axes and extended:
            for leg in extended:
                leg.update(included)
        else:
            legs.append(dict(included))
    return legs


def _filled(text: str, values: dict[str, str]) -> str:
    return _MATRIX.sub(lambda hole: _told(values[hole[1]]), text)


def _told(text: str) -> str:
    return _TEXT.sub(lambda hole: hole[1].replace("''", "'"), text)


def _leg(job: Any, values: dict[str, str]) -> Leg:
    env = {name: value for name, value in job.get("env", {}).items() if name.startswith(_VARIABLE)}
    for step in job.get("steps", ()):
        env |= {name: value for name, value in step.get("env", {}).items() if name.startswith(_VARIABLE)}
    return frozenset((name, _filled(value, values)) for name, value in env.items())


def _uploaded(job: Any, values: dict[str, str]) -> list[str]:
    steps = (step for step in job.get("steps", ()) if step.get("uses", "").startswith("actions/upload-artifact@"))
    return [_filled(step["with"]["name"], values) for step in steps]


def _downloaded(job: Any, values: dict[str, str]) -> list[str]:
    found: list[str] = []
    for step in job.get("steps", ()):
        if step.get("uses", "").startswith("actions/download-artifact@"):
            options = step.get("with", {})
            pattern = _filled(options.get("name") or options.get("pattern") or "*", values)
            braces = re.fullmatch(r"\{(.*)\}", pattern)
            found += braces[1].split(",") if braces else [pattern]
    return found


def _matches(pattern: str, name: str) -> bool:
    return re.fullmatch("".join(".*" if c == "*" else re.escape(c) for c in pattern), name) is not None
