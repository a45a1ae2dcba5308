"""Every leaf of the lowered IR, changed one at a time: what no target looks at is lost without a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from compiler import ir
from compiler.ir import Node, Project, Ref, fields

# What names another thing: changed to another one's name, so that the project stays whole.
_NAMES = {
    ("Need", "job"): "jobs",
    ("SecretUse", "secret"): "secrets",
    ("Artifact", "store"): "stores",
    ("Input", "store"): "stores",
    ("Cache", "store"): "stores",
    ("Resume", "store"): "stores",
    ("Store", "identity"): "identities",
    ("Publish", "identity"): "identities",
    ("Environment", "credentials"): "secrets",
    ("Call", "pipeline"): "pipelines",
    ("OnPipeline", "pipeline"): "pipelines",
}
# Of those, what may be left out where there is no other name.
_OPTIONAL = (
    "Artifact.store",
    "Input.store",
    "Cache.store",
    "Resume.store",
    "Publish.identity",
    "Store.identity",
    "Environment.credentials",
)
# Texts of which only some are legal, and another legal one.
_OTHER_WORDS = {
    ("Environment", "python"): "3.13",
    ("Environment", "platform"): "linux/arm64",
    ("Job", "platform"): "linux/s390x",
    ("OnSchedule", "cron"): "17 3 * * *",
    ("OnSchedule", "timezone"): "Asia/Tokyo",
    ("Parameter", "default"): None,  # by its type
    ("Accelerator", "vendor"): "amd",
    ("Number", "value"): "0.125",
    ("Volume", "path"): "/elsewhere",
}
_WORDS = {
    "Secret.store": ("ci", "vault", "kubernetes", "env"),
    "Environment.installer": ("uv", "pip", "poetry", "pipenv", "conda", "mlflow"),
    "Script.shell": ("sh", "bash"),
    "Permission.access": ("read", "write", "none"),
    "Artifact.kind": ("file", "directory", "dataset", "model", "metrics"),
    "Job.run_on": ("success", "failure", "always"),
    "Objective.operator": (">=", "<=", ">", "<", "==", "!="),
    "Deploy.platform": ("kubernetes", "apply", "kserve"),
    "Store.kind": ("s3", "gcs", "azure"),
    "Retry.on": ("runner", "timeout", "failure"),
    "Runner.executor": ("kubernetes", "docker", "shell", "hosted"),
}


COMMIT, SHORT = Ref(kind="git", name="commit"), Ref(kind="git", name="short")


class Change(NamedTuple):
    """A project that differs in one leaf. `field` is CLASS.FIELD, `place` the way to it."""

    field: str
    place: str
    project: Project


def changes(project: Project, target: str) -> Iterator[Change]:
    """Every change of what a target sees: its pipelines, what they name, and the target's own settings."""
    mine = tuple(one for one in project.settings if one.target == target)
    seen = project.replace(settings=mine)
    for field in ("pipelines", "secrets", "identities", "stores", "settings"):
        for place, name, value in _variants(getattr(seen, field), "Project." + field, field, project):
            yield Change(name, place, seen.replace(**{field: value}))


def _variants(value: Any, name: str, place: str, project: Project) -> Iterator[tuple[str, str, Any]]:
    """(place, CLASS.FIELD, changed value) for each leaf below a value. Recursion is as deep as the IR's classes."""
    if isinstance(value, Ref):
        yield place, name, SHORT if value == COMMIT else COMMIT
    elif isinstance(value, Node):
        cls = type(value).__name__
        for field in fields(type(value)):
            held = getattr(value, field)
            if held is None or held is ir.NOTHING:
                continue
            for inner, leaf, changed in _variants(held, f"{cls}.{field}", f"{place}.{field}", project):
                yield inner, leaf, value.replace(**{field: changed})
    elif isinstance(value, tuple):
        for at, item in enumerate(value):
            for inner, leaf, changed in _variants(item, name, f"{place}[{at}]", project):
                yield inner, leaf, (*value[:at], changed, *value[at + 1 :])
    else:
        for other in _others(value, name, project):
            yield place, name, other


def _others(value: Any, name: str, project: Project) -> list[Any]:
    """Other values of one leaf; sizes several, since a runner may be large enough for the next one as well."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + (10**9 if value >= 10**9 else 1), value * 100, 1 if value != 1 else 2]
    other = _other(value, name, project)
    if other is None and name in _OPTIONAL:
        return [None]
    return [] if other is None else [other]


def _other(value: Any, name: str, project: Project) -> str | None:
    """Another text of one leaf; None where there is no other that is legal."""
    cls, _, field = name.partition(".")
    if not isinstance(value, str):
        return None
    if name == "Compare.operator":
        return "==" if value == "!=" else "!="
    if field == "subject":
        return {"branch": "tag", "tag": "branch", "event": "branch"}.get(value)
    if name == "Parameter.type":
        return {"int": "float", "float": "int"}.get(value)
    if name in _WORDS:
        return next(word for word in _WORDS[name] if word != value)
    if (cls, field) in _NAMES:
        return _other_name(value, _NAMES[cls, field], project)
    if (cls, field) in _OTHER_WORDS:
        return _OTHER_WORDS[cls, field] if _OTHER_WORDS[cls, field] != value else None
    return value + "9"


def _other_name(value: str, kind: str, project: Project) -> str | None:
    if kind == "jobs":
        return None  # order is read back by itself
    known = [one.name for one in getattr(project, kind)]
    return next((name for name in known if name != value), None)
