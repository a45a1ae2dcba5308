"""Argo's own validator: what `argo lint --offline` says."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.tools.finding import Finding
from tests.tools.process import expect, program, run

_OWN = re.compile(r"^kind: (?:Workflow|WorkflowTemplate|CronWorkflow)$", re.MULTILINE)


def argo_lint(paths: Sequence[Path]) -> list[Finding]:
    """Reads the files strictly and validates the workflows, templates and schedules in them, which may refer to one another.

    The code is Argo Workflows' own (common.ParseObjects, package workflow/validate). Documents of others are passed over.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        files = []
        for number, path in enumerate(paths):
            documents = path.read_text(encoding="utf-8").split("\n---\n")
            kept = [text for text in documents if _OWN.search(text)]
            files.append(Path(folder, str(number), path.name))
            files[-1].parent.mkdir()
            files[-1].write_text("\n---\n".join(kept), encoding="utf-8")
        given = Path(folder, "files.json")
        given.write_text(json.dumps([str(path) for path in files]), encoding="utf-8")
        argv = [program("argo-engine"), "-test.run", "^TestHeadraceValidate$", "-test.count", "1"]
        expect(run(argv, cwd=Path(folder), env={"HEADRACE_VALIDATE": str(given)}), (0,), "argo-engine")
        found = json.loads(Path(folder, "findings.json").read_text(encoding="utf-8"))
    return [Finding("argo", Path(one["file"]).name, 0, f"{one['name']}: {one['message']}") for one in found]
