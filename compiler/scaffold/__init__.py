"""A first headrace.yaml for a repository: `survey` looks at its files, `manifest` writes what they suggest."""

from __future__ import annotations

from compiler.scaffold.manifest import manifest
from compiler.scaffold.survey import Survey, survey

__all__ = ["Survey", "manifest", "survey"]
