"""Targets: what pipelines are compiled to, one package each. The table holds dotted names, imported on use."""

from __future__ import annotations

TARGETS: dict[str, str] = {
    "gitlab": "targets.gitlab",
    "github": "targets.github",
    "argo": "targets.argo",
}
