"""check-jsonschema, with the schemas that it carries itself: a second opinion on the vendored ones."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Literal

import yaml

from tests.tools.finding import Finding
from tests.tools.process import expect, program, run


def check_jsonschema(path: Path, builtin: Literal["vendor.github-workflows", "vendor.gitlab-ci"]) -> list[Finding]:
    """Checks one file against a schema that the tool carries; works offline.

    A GitLab file that begins with `spec:` is two documents, and the schema knows the second alone; the header is left
    out (https://docs.gitlab.com/ci/yaml/#header-keywords).
    """
    argv = [program("check-jsonschema"), "--builtin-schema", builtin, "--output-format", "json", "--verbose"]
    text = path.read_text(encoding="utf-8")
    if builtin == "vendor.gitlab-ci":
        argv += ["--data-transform", "gitlab-ci"]
        text = last_document(text)
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder, path.name)
        alone.write_text(text, encoding="utf-8")
        ended = expect(run([*argv, str(alone)]), (0, 1), "check-jsonschema")
    answer = json.loads(ended.stdout)
    return [
        Finding("check-jsonschema", str(path), 0, f"{found.get('path', '')}: {found['message']}")
        for found in answer.get("errors", []) + answer.get("parse_errors", [])
    ]


def last_document(text: str) -> str:
    """The text of a YAML stream's last document, or all of it where there is one or the stream can't be read."""
    try:
        marks = [event.start_mark for event in yaml.parse(text) if isinstance(event, yaml.DocumentStartEvent)]
    except yaml.YAMLError:
        return text
    last = marks[-1] if len(marks) > 1 else None
    return text if last is None else text[last.index :]
