"""Attestations of local runs: written by every run, and checked against what there is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from compiler import cli

MANIFEST = """version: 1
name: demo
jobs:
  make: {run: "mkdir out && cp data.txt out/copy.txt && echo 1 > one.txt", inputs: [data.txt], outputs: [out, one.txt]}
"""


def git(*arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A repository in which a pipeline ran."""
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    monkeypatch.setenv("HEADRACE_CACHE", str(tmp_path / "cache"))
    (repository / "headrace.yaml").write_text(MANIFEST)
    (repository / "data.txt").write_text("data\n")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "first")
    assert cli.main(["run"]) == 0
    capsys.readouterr()
    return tmp_path


def one(folder: Path, pattern: str) -> Path:
    (found,) = (folder / "cache").glob(pattern)
    return found


def verified(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    status = cli.main(["verify", "--format", "json", *arguments])
    checks = json.loads(capsys.readouterr().out)
    return status, {f"{check['what']} {check['name'].split()[0]}": check["status"] for check in checks}


def test_a_run_is_attested_and_verified(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    statement = json.loads(one(ran, "repositories/*/runs/*/attestation.json").read_text())
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    commit = statement["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"]
    assert commit == git("rev-parse", "HEAD").strip()
    status, checks = verified(capsys)
    assert status == 0
    assert checks == {
        "record record.json": "fine",
        "material commit": "fine",
        "material headrace.yaml": "fine",
        "material data.txt": "fine",
        "product one.txt": "fine",
        "product out": "fine",
    }


def test_a_record_that_was_changed_is_found(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = one(ran, "repositories/*/runs/*/record.json")
    record.write_text(record.read_text().replace('"demo"', '"other"'))
    status, checks = verified(capsys)
    assert status == 1
    assert [name for name, found in checks.items() if found != "fine"] == ["record record.json"]


def test_outputs_that_were_changed_are_found(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tar = one(ran, "results/*/*/outputs.tar")
    tar.write_bytes(tar.read_bytes().replace(b"data\n", b"atad\n"))
    status, checks = verified(capsys)
    assert (status, checks["product out"], checks["product one.txt"]) == (1, "differs", "fine")


def test_a_jobs_record_that_names_another_product_is_found(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = one(ran, "repositories/*/runs/*/jobs/*/record.json")
    record.write_text(record.read_text().replace("one.txt", "two.txt"))
    assert verified(capsys)[0] == 1


def test_what_is_gone_fails_only_where_asked(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one(ran, "results/*/*/outputs.tar").unlink()
    assert verified(capsys)[0] == 0
    assert verified(capsys, "--strict")[0] == 1


def test_a_commit_that_is_gone_is_found(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attestation = one(ran, "repositories/*/runs/*/attestation.json")
    commit = git("rev-parse", "HEAD").strip()
    attestation.write_text(attestation.read_text().replace(commit, "0" * 40))
    status, checks = verified(capsys)
    assert (status, checks["material commit"]) == (1, "differs")


def test_a_dirty_run_is_held_against_the_work_tree(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ran / "repository" / "data.txt"
    data.write_text("other\n")
    assert cli.main(["run", "--dirty"]) == 0
    capsys.readouterr()
    assert verified(capsys)[0] == 0
    data.write_text("third\n")
    status, checks = verified(capsys)
    assert (status, checks["material data.txt"]) == (1, "differs")


def test_a_statement_of_elsewhere_is_held_against_a_folder(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attestation = one(ran, "repositories/*/runs/*/attestation.json")
    outputs = ran / "outputs"
    (outputs / "out").mkdir(parents=True)
    (outputs / "out" / "copy.txt").write_text("data\n")
    (outputs / "one.txt").write_text("1\n")
    status, checks = verified(capsys, os.fspath(attestation), "--outputs", os.fspath(outputs))
    assert status == 0
    assert checks["product out"] == "fine"
    (outputs / "out" / "more.txt").write_text("")
    assert verified(capsys, os.fspath(attestation), "--outputs", os.fspath(outputs))[0] == 1


def test_a_wish_for_a_signature_that_is_not_there_fails(ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    attestation = os.fspath(one(ran, "repositories/*/runs/*/attestation.json"))
    status, checks = verified(capsys, attestation, "--identity", "me", "--issuer", "https://example.org")
    assert (status, checks["signature attestation.json.sigstore.json"]) == (1, "differs")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["--key", "cosign.pub"], "--key cosign.pub --insecure-ignore-tlog=true"),
        (["--identity", "me", "--issuer", "you"], "--certificate-identity me --certificate-oidc-issuer you"),
    ],
)
@pytest.mark.parametrize("status", [0, 1])
def test_cosign_judges_the_signature(
    said: list[str],
    words: str,
    status: int,
    ran: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs = ran / "programs"
    programs.mkdir()
    (programs / "cosign").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" > "{ran}/asked"\nexit {status}\n')
    (programs / "cosign").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    statement = one(ran, "repositories/*/runs/*/attestation.json")
    bundle = statement.with_name("attestation.json.sigstore.json")
    bundle.write_text("{}")
    assert verified(capsys, os.fspath(statement), *said)[1]["signature attestation.json.sigstore.json"] == (
        "differs" if status else "fine"
    )
    assert (ran / "asked").read_text() == f"verify-blob --bundle {bundle} {words} {statement}\n"


@pytest.mark.parametrize("text", ["", "[]", '{"_type": "x"}', '{"_type": "https://in-toto.io/Statement/v1"}'])
def test_what_is_no_statement_is_told(text: str, ran: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = ran / "statement.json"
    file.write_text(text)
    assert cli.main(["verify", os.fspath(file)]) == 1
    assert "HR4421" in capsys.readouterr().err
