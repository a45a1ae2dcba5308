"""Lowered projects for the tests of the GitLab target, and what it makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compiler.diagnostics import Sink
from compiler.ir import (
    Environment,
    Job,
    Need,
    OnChangeRequest,
    OnManual,
    OnPush,
    Pipeline,
    Project,
    Script,
    Settings,
)
from compiler.source import At, Source
from compiler.yamlwriter import write_documents
from targets import gitlab

SOURCE = Source("headrace.yaml", "version: 1\n")
TRIGGERS = (OnPush(), OnChangeRequest(), OnManual())
UV_IMAGE = "ghcr.io/astral-sh/uv:0.13.8-python3.12-bookworm-slim"
PY = Environment(name="py", image=(UV_IMAGE,), python="3.12", installer="uv")
PLAIN = Environment(name="plain", image=("python:3.12-slim-bookworm",), python="3.12")


def at(path: str) -> At:
    return At(path, SOURCE.whole())


def need(name: str, **fields: Any) -> Need:
    return Need(**{"job": name, "artifacts": True, "optional": False, "legs": "all", "origin": at(name), **fields})


def job(name: str, run: str = "true", *, needs: tuple[str | Need, ...] = (), **fields: Any) -> Job:
    """A job as the passes leave it."""
    given: dict[str, Any] = {
        "action": Script(lines=(run,)),
        "environment": PLAIN,
        "needs": tuple(need(one) if isinstance(one, str) else one for one in needs),
        "run_on": "success",
        "timeout": 3600,
        "origin": at(f"jobs.{name}"),
        **fields,
    }
    return Job(name=name, **given)


def project(*jobs: Job, triggers: Any = TRIGGERS, **fields: Any) -> Project:
    """A project of one pipeline; `pipeline` holds more of the pipeline's fields."""
    pipeline = Pipeline(
        name="churn", jobs=jobs, triggers=triggers, origin=at("pipelines.churn"), **fields.pop("pipeline", {})
    )
    return Project(**{"name": "churn", "manifest": "headrace.yaml", "pipelines": (pipeline,), **fields})


class Emitted:
    """What came out: data by path, and the findings."""

    def __init__(self, made: Project, settings: Settings | None = None) -> None:
        self.sink = Sink()
        self.documents = gitlab.emit(made, settings or Settings(target="gitlab"), self.sink)
        self.files = {document.path: list(document.documents) for document in self.documents}

    @property
    def main(self) -> dict[str, Any]:
        found: dict[str, Any] = self.files[".gitlab-ci.yml"][-1]
        return found

    @property
    def header(self) -> dict[str, Any]:
        first, *_ = self.files[".gitlab-ci.yml"]
        found: dict[str, Any] = first["spec"]["inputs"]
        return found

    def __getitem__(self, name: str) -> dict[str, Any]:
        """A job as GitLab sees it: what it extends laid under it."""
        return resolved(self.main, name)

    @property
    def codes(self) -> list[str]:
        return [found.code.number for found in self.sink.diagnostics]

    @property
    def messages(self) -> list[str]:
        return [found.message for found in self.sink.diagnostics]

    def write(self, folder: Path) -> Path:
        """Write all files as the driver does, without its header."""
        for path, documents in self.files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("# compiled\n" + write_documents(documents), encoding="utf-8")
        return folder


def resolved(file: dict[str, Any], name: str) -> dict[str, Any]:
    """`extends`, as https://docs.gitlab.com/ci/yaml/#extends says: mappings are merged, all else is replaced."""
    data = dict(file[name])
    extends = data.pop("extends", [])
    under: dict[str, Any] = {}
    for template in [extends] if isinstance(extends, str) else extends:
        under = merged(under, resolved(file, template))
    return merged(under, data)


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    found = dict(under)
    for key, value in over.items():
        held = found.get(key)
        found[key] = merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return found


def emit(*jobs: Job, settings: Settings | None = None, **fields: Any) -> Emitted:
    return Emitted(project(*jobs, **fields), settings)


def jobs_of(file: dict[str, Any]) -> list[str]:
    """The names of a file's jobs."""
    return [name for name, data in file.items() if isinstance(data, dict) and ("script" in data or "trigger" in data)]
