"""GitLab CI: `.gitlab-ci.yml` and, for further pipelines or large ones, child pipelines under `.gitlab/headrace/`.

https://docs.gitlab.com/ci/yaml/
"""

from __future__ import annotations

from targets.gitlab.limits import LIMITS
from targets.gitlab.support import SUPPORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Project, Settings
    from compiler.target import Document

NAME = "gitlab"
TITLE = "GitLab CI"
OPTIONS = frozenset(
    (
        "deploy_image",
        "dynamic",
    )
)


def emit(project: Project, settings: Settings, sink: Sink) -> tuple[Document, ...]:
    """The output for a lowered project; findings go to the sink (with errors the output is not used)."""
    from compiler.target import with_default_store
    from targets.gitlab.output import Output

    return Output(with_default_store(project, settings), settings, sink).emit() if project.pipelines else ()


def emit_together(parts: Sequence[tuple[Project, Settings]], sink: Sink) -> tuple[Document, ...]:
    """The output for several manifests' projects: one main file, and each pipeline a child of it."""
    from targets.gitlab.together import emit

    return emit(parts, sink)


def script(name: str) -> str:
    """The text of one of headrace's own scripts, for images that hold it."""
    from targets.runtime import script as text

    return text(name)


def recognise(remote: str | None, has: Any) -> bool:
    """Whether a repository with this remote URL, where `has(path)` tells what is there, uses GitLab."""
    authority = ((remote or "").partition("://")[2] or (remote or "")).partition("/")[0]
    host = authority.rpartition("@")[2].partition(":")[0]
    return "gitlab" in host.lower() or bool(has(".gitlab-ci.yml"))


__all__ = ["LIMITS", "NAME", "OPTIONS", "SUPPORT", "TITLE", "emit", "emit_together", "recognise", "script"]
