"""What a manifest's text may and may not become: no secret's value anywhere, no text in a script or an expression."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.ir import Node, Project, Ref, fields
from tests.conformance.cases import CASES, Case, Output, by_pair, by_target, emit, lower, lowered

# Unlike anything that a target or a support script writes.
MARK = "zq{}qz$(id)"
FOUND = re.compile(r"zq\d+qz")


class Planted:
    """A project with a mark of its own in every text, and which field each mark stands in."""

    def __init__(self, project: Project, only: set[str]) -> None:
        self.field: dict[str, str] = {}
        self.only = only
        self.project = self._planted(project, "")

    def _planted(self, value: Any, field: str) -> Any:
        if isinstance(value, Ref):
            return value
        if isinstance(value, Node):
            cls = type(value).__name__
            changed = {
                name: self._planted(getattr(value, name), f"{cls}.{name}")
                for name in fields(type(value))
                if getattr(value, name)
            }
            return value.replace(**changed)
        if isinstance(value, tuple):
            return tuple(self._planted(item, field) for item in value)
        if isinstance(value, str) and field in self.only:
            mark = MARK.format(len(self.field))
            self.field[FOUND.findall(mark)[0]] = field
            return value + mark
        return value


def scripts(name: str, output: Output) -> Iterator[str]:
    """Every text that a shell, an expression or a template engine would read."""
    for path, text in output.yaml.items():
        for document in yaml.load_all(text, Loader=yaml.CBaseLoader):
            yield from _scripts(name, document, path)


def _scripts(name: str, node: Any, key: str) -> Iterator[str]:
    shells = {
        "github": ("run", "if", "shell"),
        "gitlab": ("script", "before_script", "after_script", "if"),
        "argo": ("source", "command", "args", "when", "depends", "expr", "filter"),
    }
    if isinstance(node, dict):
        for inner, value in node.items():
            yield from _scripts(name, value, inner)
    elif isinstance(node, list):
        for value in node:
            yield from _scripts(name, value, key)
    elif isinstance(node, str):
        if key in shells[name]:
            yield node
        else:
            yield from (
                re.findall(r"\$\{\{.*?\}\}", node)
                if name == "github"
                else re.findall(r"\{\{=.*?\}\}", node)
                if name == "argo"
                else ()
            )


# Texts that travel as data: none of them may come near a shell.
DATA = {"EnvVar.value", "Parameter.default", "Parameter.help"}


@by_pair
def test_data_comes_near_no_shell(case: Case, name: str) -> None:
    planted = Planted(lowered(case).project, DATA)
    output = emit(planted.project, name)
    assert not output.failed, output.found
    for script in scripts(name, output):
        for mark in FOUND.findall(script):
            assert allowed(planted.field[mark], script, mark), f"{planted.field[mark]} in {script!r}"


def allowed(field: str, script: str, mark: str) -> bool:
    """In an expression of GitHub's or Argo's a default is a quoted text; in a shell a value is an exact, quoted word."""
    if field == "Parameter.default" and "\n" not in script:
        return re.search(r"'[^']*" + mark + r"[^']*'", script) is not None
    if "eval '" in script:
        script = script[script.index("eval '") + len("eval '") :].replace("'\\''", "'")
    return field == "EnvVar.value" and all(quoting(script, found.start()) == "'" for found in re.finditer(mark, script))


def quoting(script: str, end: int) -> str:
    """The kind of quotes that a place in shell text stands in; "" where it stands in none."""
    state = ""
    at = 0
    while at < end:
        c = script[at]
        if c == "\\" and state != "'":
            at += 1
        elif state == "" and c in "'\"":
            state = c
        elif c == state:
            state = ""
        at += 1
    return state


VALUE = "s3cr3t-v4lu3-0f-n0b0dy"


@by_target
@pytest.mark.parametrize(
    "case",
    [
        case
        for case in CASES
        if case.name in ("secrets", "vault", "cluster-secrets", "images", "services", "identities")
    ],
    ids=repr,
)
def test_no_secret_of_the_machine_is_in_the_output(case: Case, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler looks at no variable that a secret is named after."""
    for secret in lowered(case).project.secrets:
        monkeypatch.setenv(secret.name, VALUE)
        monkeypatch.setenv(secret.name.upper().replace("-", "_"), VALUE)
    output = emit(lowered(case).project, name)
    assert not any(VALUE in text for text in output.files.values())
    assert not any(VALUE in repr(one) for one in output.found)


HOSTILE = {
    "github": ("${{ github.sha }}", "${{ secrets.X }}"),
    "gitlab": ("$CI_COMMIT_SHA", "$[[ inputs.x ]]"),
    "argo": ("{{workflow.name}}", "{{=1+1}}"),
}


@by_target
def test_text_in_a_targets_own_syntax_stays_text(name: str, tmp_path: Path) -> None:
    """Each hostile text is a variable of a job; the target must escape it, or say that it does not expand."""
    lines = ["version: 1", "name: hostile", "jobs:", "  a:", "    run: env -0", "    env:"]
    texts = [text for texts in HOSTILE.values() for text in texts]
    for at, text in enumerate(texts):
        escaped = text.replace("{{", "{{ '{{' }}").replace('"', '\\"')
        lines.append(f'      V{at}: "{escaped}"')
    (tmp_path / "headrace.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = lower(tmp_path, "headrace.yaml")
    assert [one for one in found.found if one.severity == "error"] == []
    job = found.project.pipelines[0].jobs[0]
    assert ["".join(map(str, one.value)) for one in job.env] == texts
    output = emit(found.project, name)
    assert not output.failed
    (text,) = output.yaml.values()
    assert sorted(_values(name, text)) == sorted(texts)


def _expanded(text: str, variables: dict[str, Any]) -> str:
    """GitLab's expansion of variables: `$$` is a dollar; `$[[` never comes to that, since inputs are filled in before."""
    assert "$[[" not in text
    for name in re.findall(r"\$\{(\w+)\}", text.replace("$$", "")):
        held = variables[name]
        text = text.replace("${" + name + "}", held["value"] if isinstance(held, dict) else held)
    return text.replace("$$", "$")


def _values(name: str, text: str) -> Iterator[str]:
    """What the variables V0, V1, … hold when the target has read them."""
    *_, document = (
        one
        for one in yaml.load_all(text, Loader=yaml.CBaseLoader)
        if name != "argo" or one["kind"] == "WorkflowTemplate"
    )
    if name == "github":
        for key, value in document["jobs"]["a"]["env"].items():
            if key.startswith("V"):
                yield re.sub(r"\$\{\{ *'((?:[^']|'')*)' *\}\}", lambda hole: hole[1].replace("''", "'"), value)
    elif name == "gitlab":
        for key, value in document["a"]["variables"].items():
            if key.startswith("V"):
                raw = isinstance(value, dict) and value.get("expand") == "false"
                shown = value["value"] if isinstance(value, dict) else value
                yield (
                    shown if raw else _expanded(shown, {**document.get("variables", {}), **document["a"]["variables"]})
                )
    else:
        (pod,) = (one["script"] for one in document["spec"]["templates"] if one["name"] == "a")
        assert "{{" not in pod["source"]
        assert not any("{{" in one["value"] for one in pod["env"])
        given = {one["name"]: one["value"].replace("$$", "$") for one in pod["env"]}
        source = pod["source"].replace("/src", ".")
        ended = subprocess.run(
            ["sh", "-eu", "-c", source], env={**os.environ, **given}, capture_output=True, check=True
        )
        for line in ended.stdout.decode().split("\0"):
            key, _, value = line.partition("=")
            if re.fullmatch(r"V\d", key):
                yield value
