"""What a Kubernetes API server would say to Argo's resources when they are applied, without a server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.tools.finding import Finding
from tests.tools.process import expect, program, run


def argo_admission(paths: Sequence[Path], definitions: Path) -> list[Finding]:
    """Judges every document of these files by the CustomResourceDefinitions of a folder, named GROUP_PLURAL.yaml.

    Kubernetes' own code reads the YAML, refuses duplicate and unknown fields, checks names, labels, the OpenAPI schema
    (patterns, enumerations, quantities) and evaluates the CEL rules (`depends` or `dependencies`, one type a template).
    A kind without a definition there is a finding. It knows nothing of what Argo checks later: references between
    templates, `{{…}}` variables, cycles.
    """
    argv = [program("kubernetes-admit"), "-definitions", str(definitions), *map(str, paths)]
    ended = expect(run(argv), (0, 1), "kubernetes-admit")
    return [Finding("kubernetes", found["file"], 0, found["message"]) for found in json.loads(ended.stdout)]
