"""Credentials in a manifest are found, and what only looks like one to a careless eye is not."""

from __future__ import annotations

import pytest

from compiler.frontends.native import write
from tests.native import project, read

FILLER = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@pytest.mark.parametrize(
    "text",
    [
        "AKIA" + "ABCDEFGHIJ234567",
        "ghp_" + FILLER[:36],
        "github_pat_" + FILLER[:60],
        "glpat-" + FILLER[:20],
        "hf_" + FILLER[:34],
        "sk-" + FILLER[:40],
        "xoxb-" + FILLER[:24],
        "AIza" + FILLER[:35],
        "-----BEGIN RSA PRIVATE KEY-----",
        "pypi-AgE" + FILLER,
        "postgres://user:hunter22@db/x",
    ],
)
@pytest.mark.parametrize("where", ["env: {{A: '{}'}}", "# {}", "jobs: {{a: {{run: 'x {}'}}}}"])
def test_known_shapes(text: str, where: str) -> None:
    _, sink = read("version: 1\nname: a\n" + where.format(text) + "\n")
    assert [one.code.number for one in sink.diagnostics] == ["HR3032"]
    assert sink.diagnostics[0].span is not None
    assert text.startswith(sink.diagnostics[0].span.text)


@pytest.mark.parametrize(
    "text",
    [
        "AKIA",
        "sk-learn",
        "https://example.com:8080/x",
        "postgres://user:$PASSWORD@db",
        "ghp_short",
        "git@example.com:a/b",
    ],
)
def test_what_is_none(text: str) -> None:
    _, sink = read(f"version: 1\nname: a\nenv: {{A: '{text}'}}\n")
    assert sink.diagnostics == []


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("DB_PASSWORD", "hunter2", True),
        ("api_token", "abc", True),
        ("DB_PASSWORD", "$OTHER", False),
        ("DB_PASSWORD", "", False),
        ("DB_PASSWORD", "x{{ parameters.p }}", False),
        ("TOKENIZERS_PARALLELISM", "false", False),
        ("USE_TOKEN", "true", False),
        ("PRIVATE_KEY", "/run/key", False),
    ],
)
@pytest.mark.parametrize("where", ["env: {}", "jobs: {{a: {{run: x, env: {}}}}}"])
def test_variables_that_are_called_so(name: str, value: str, wrong: bool, where: str) -> None:
    _, sink = read("version: 1\nname: a\n" + where.format(f"{{{name}: '{value}'}}") + "\n")
    assert [one.code.number for one in sink.diagnostics] == ["HR3032"] * wrong


def test_a_sidecar_may_have_a_password_that_protects_nothing() -> None:
    sidecar = "{name: db, image: postgres, env: {POSTGRES_PASSWORD: x}}"
    _, sink = read(f"version: 1\nname: a\njobs: {{a: {{run: x, sidecars: [{sidecar}]}}}}\n")
    assert sink.diagnostics == []


@pytest.mark.parametrize(
    ("unit", "path", "found"),
    [
        ("headrace.yaml", "creds/key", "creds/key"),
        ("ml/headrace.yaml", "creds/key", "ml/creds/key"),
        ("ml/headrace.yaml", "./key", "ml/key"),
        ("ml/headrace.yaml", "/run/key", "/run/key"),
    ],
)
def test_a_secrets_file_lies_below_the_manifests_folder(unit: str, path: str, found: str) -> None:
    """As every other path; an absolute one is the job's machine's."""
    text = f"version: 1\nname: a\nsecrets: {{K: {{}}}}\njobs: {{a: {{run: x, secrets: [{{name: K, file: {path}}}]}}}}\n"
    one = project(text, unit)
    assert one.jobs[0].secrets[0].file == found
    assert project(write(one), unit).jobs == one.jobs
