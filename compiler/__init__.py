"""headrace's compiler: manifests in, one intermediate representation, pipelines for any target out."""

from __future__ import annotations

VERSION = "0.1.0"
