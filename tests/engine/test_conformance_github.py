"""Every golden of GitHub's, judged by independent tools: no finding but those that a line below gives a reason for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.cases import Case, cases_of, emitted
from tests.tools import Finding, actionlint, check_jsonschema, github_parser, read_yaml2, zizmor

pytestmark = pytest.mark.engine

# Labels of the fixtures' own runners, which only the repository knows.
LABELS = ("gpu", "medium", "a100", "t4")
REASONS = {
    "(self-hosted-runner)": "the manifest lists such a runner",
    "(unpinned-images)": "digests can't be known offline: `headrace pin` writes them",
    "(secrets-outside-env)": "the manifest names a secret of the repository",
    "(self-repository)": "`$/` for `./` is unknown to GitHub Enterprise Server and to actionlint, which follows calls by it",
    'unexpected key "queue" for "concurrency"': "actionlint is older than https://github.blog/changelog/2026-05-07-github-actions-concurrency-groups-now-allow-larger-queues",
    'unexpected key "command" for "service': "actionlint is older than the key, which GitHub's own parser takes",
}
# Text of a manifest that shellcheck would have written otherwise; it is emitted as it stands.
OF_THE_MANIFEST = {
    "texts": (
        "SC2006",
        "SC2016",
        "SC2046",
        "SC2028",
        "SC3028",
        "SC2125",
        "SC2059",
        "SC2116",
        "SC1078",
        "SC1079",
        "SC2086",
    ),
}


def write(case: Case, folder: Path) -> list[Path]:
    """The golden's files in a repository, where local workflows are found."""
    (folder / ".git").mkdir()
    paths = []
    for path, text in emitted(case, "github").yaml.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        paths.append(place)
    return paths


def unexpected(case: Case, found: list[Finding]) -> list[str]:
    own = OF_THE_MANIFEST.get(case.name, ())
    return [str(one) for one in found if not any(word in one.message for word in (*REASONS, *own))]


@cases_of("github")
def test_actionlint(case: Case, tmp_path: Path) -> None:
    paths = write(case, tmp_path)
    assert unexpected(case, [one for path in paths for one in actionlint(path, LABELS)]) == []


@cases_of("github")
def test_githubs_own_parser(case: Case, tmp_path: Path) -> None:
    assert unexpected(case, github_parser(*write(case, tmp_path))) == []


@cases_of("github")
def test_zizmor(case: Case, tmp_path: Path) -> None:
    assert unexpected(case, [one for path in write(case, tmp_path) for one in zizmor(path)]) == []


@cases_of("github")
def test_check_jsonschema(case: Case, tmp_path: Path) -> None:
    paths = write(case, tmp_path)
    assert unexpected(case, [one for path in paths for one in check_jsonschema(path, "vendor.github-workflows")]) == []


@cases_of("github")
def test_githubs_reader_of_yaml_agrees(case: Case) -> None:
    import yaml

    for text in emitted(case, "github").yaml.values():
        (read,) = read_yaml2(text)
        assert texts(read) == yaml.load(text, Loader=yaml.CBaseLoader)


def texts(node: object) -> object:
    """Data with every scalar as the text that it was written as, where that can be known."""
    if isinstance(node, dict):
        return {key: texts(value) for key, value in node.items()}
    if isinstance(node, list):
        return [texts(value) for value in node]
    if isinstance(node, bool):
        return "true" if node else "false"
    return "" if node is None else str(node)
