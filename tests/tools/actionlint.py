"""rhysd/actionlint: syntax, expressions, types of contexts, popular actions' inputs, and shellcheck of `run`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.tools.finding import Finding
from tests.tools.process import expect, program, run


def actionlint(path: Path, labels: Sequence[str] = ()) -> list[Finding]:
    """Lints one workflow file; `labels` are the self-hosted runners' labels that it may name.

    Local reusable workflows and actions are looked up only where the file lies under `.github/workflows` of a folder
    that has a `.git`.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder, "actionlint.yaml")
        settings.write_text(json.dumps({"self-hosted-runner": {"labels": list(labels)}}), encoding="utf-8")
        argv = [program("actionlint"), "-config-file", str(settings), "-format", "{{json .}}"]
        argv += ["-shellcheck", program("shellcheck"), "-pyflakes", "", str(path)]
        ended = expect(run(argv), (0, 1), "actionlint")
    return [
        Finding("actionlint", str(path), found["line"], f"{found['message']} ({found['kind']})")
        for found in json.loads(ended.stdout)
    ]
