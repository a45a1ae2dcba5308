"""zizmor: the security of GitHub workflows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.tools.finding import Finding
from tests.tools.process import expect, program, run


def zizmor(path: Path) -> list[Finding]:
    """Audits a workflow file (or a repository's folder) as the strictest persona, without a network.

    Settings files and ignore comments count for nothing: what we emit must pass without them. A file that zizmor can't
    load is a ToolError.
    """
    argv = [program("zizmor"), "--offline", "--no-progress", "--strict-collection", "--no-config", "--no-ignores"]
    argv += ["--persona=auditor", "--no-exit-codes", "--format=json", str(path)]
    ended = expect(run(argv), (0,), "zizmor")
    return [_finding(found) for found in json.loads(ended.stdout)]


def _finding(found: dict[str, Any]) -> Finding:
    places = found["locations"]
    place = next((one for one in places if one["symbolic"]["kind"] == "Primary"), places[0])
    symbolic = place["symbolic"]
    path = symbolic["key"]["Local"]["verbatim_path"]
    line = place["concrete"]["location"]["start_point"]["row"] + 1
    return Finding("zizmor", path, line, f"{found['desc']}: {symbolic['annotation']} ({found['ident']})")
