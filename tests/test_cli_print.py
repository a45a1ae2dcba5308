"""The commands that print: explain, ir, schema, convert, completion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

from compiler import cli
from compiler.cli import main
from compiler.commands.completion import SHELLS, commands
from compiler.commands.explain import rules

MANIFEST = """\
version: 1
name: demo
environments: {py: {python: "3.12"}}
jobs:
  fetch: {environment: py, run: python fetch.py, outputs: [data]}
  train: {environment: py, run: "python train.py {{ git.commit }}", inputs: [data], timeout: 90m}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("headrace.yaml").write_text(MANIFEST)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def test_explain_prints_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "explain", "HR3001")
    assert text.startswith("# HR3001 unknown-job\n")
    assert text == printed(capsys, "explain", "unknown-job") == printed(capsys, "explain", "hr3001")


def test_explain_lists_all_codes(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "explain").splitlines()
    assert len(lines) > 100
    assert lines == sorted(lines)
    assert "HR3001  unknown-job             error    a job that the manifest does not have" in lines


def test_explain_finds_a_dialect_s_rule() -> None:
    assert rules("# HR2101 x\n\nRules: M17, F10\n") == ["M17", "F10"]
    assert rules("# HR2101 x\n") == []


def test_explain_refuses_what_is_no_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "unkown-job"]) == 1
    assert 'did you mean "unknown-job"?' in capsys.readouterr().err


def test_ir_says_what_was_understood_and_where_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    (project,) = json.loads(printed(capsys, "ir"))["projects"]
    assert project["type"] == "Project"
    train = project["jobs"][1]
    assert train["origin"] == "headrace.yaml:6:3 jobs.train"
    assert train["timeout"] == 5400
    assert "retry" not in train
    assert "matrix" not in train
    lines = train["action"]["lines"]
    assert lines[0] == "python train.py "
    assert lines[1]["type"] == "Ref"
    assert (lines[1]["kind"], lines[1]["name"]) == ("git", "commit")


def test_ir_after_the_passes(capsys: pytest.CaptureFixture[str]) -> None:
    (project,) = json.loads(printed(capsys, "ir", "--lowered"))["projects"]
    assert "jobs" not in project
    fetch, train = project["pipelines"][0]["jobs"]
    assert [need["job"] for need in train["needs"]] == ["fetch"]
    assert fetch["timeout"] == 3600
    assert fetch["environment"]["image"]


def test_ir_with_an_error_still_shows_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yaml").write_text(MANIFEST.replace("timeout", "timout"))
    assert main(["ir"]) == 1
    shown = capsys.readouterr()
    assert "HR2001" in shown.err
    assert len(json.loads(shown.out)["projects"][0]["jobs"]) == 2


def test_schema_is_a_schema_that_takes_the_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads(printed(capsys, "schema"))
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    good = {"version": 1, "name": "demo", "jobs": {"train": {"run": "python train.py"}}}
    assert list(validator(schema).iter_errors(good)) == []
    assert list(validator(schema).iter_errors({**good, "jbos": {}})) != []


def test_convert_prints_a_manifest_that_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "convert")
    before = printed(capsys, "ir", "--lowered")
    Path("headrace.yaml").write_text(text)
    after = printed(capsys, "ir", "--lowered")

    def plain(data: str) -> str:
        return json.dumps(json.loads(data, object_hook=lambda node: {k: v for k, v in node.items() if k != "origin"}))

    assert plain(before) == plain(after)
    assert printed(capsys, "convert") == text


def test_convert_refuses_a_manifest_with_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("headrace.yaml").write_text(MANIFEST.replace("timeout", "timout"))
    assert main(["convert"]) == 1
    assert capsys.readouterr().out == ""


def test_completions_know_every_command_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    known = commands()
    assert set(known) == set(cli.COMMANDS)
    assert known["check"].argument is None
    assert {word for option in known["compile"].options for word in option.words} >= {"--target", "--check", "-h"}
    for shell in SHELLS:
        text = printed(capsys, "completion", shell)
        for name, command in known.items():
            assert name in text
            for option in command.options:
                for word in option.words:
                    assert (word if shell != "fish" else word.lstrip("-")) in text


def test_the_completion_completes_in_bash(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    script = tmp_path / "headrace.bash"
    script.write_text(printed(capsys, "completion", "bash"))

    def completed(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in words)
        code = f". {script}; COMP_WORDS=(headrace {line}); COMP_CWORD={len(words)}; _headrace; echo ${{COMPREPLY[@]}}"
        return subprocess.run([bash, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert completed("comp") == ["compile", "completion"]
    assert completed("check", "--fo") == ["--format"]
    assert completed("check", "--format", "s") == ["sarif"]
    assert completed("explain", "unknown-j") == ["unknown-job"]
    assert completed("compile", "--target", "git") == ["gitlab", "github"]
    assert completed("compile", "--output", "x") == []
    assert completed("completion", "") == ["bash", "zsh", "fish"]


COMPLETED = [
    ("comp", {"compile", "completion"}),
    ("check --fo", {"--format"}),
    ("check --format s", {"sarif"}),
    ("compile --target git", {"gitlab", "github"}),
    ("completion ", {"bash", "zsh", "fish"}),
]

# What a person's zsh does when TAB is pressed, with the matches written down.
ZSH_HOOK = """
zstyle ':completion:*' completer _complete
fpath=($HERE $fpath)
autoload -Uz compinit && compinit -u -d $HERE/dump
compadd() {
  local -a told
  [[ " ${(j: :)@} " == *' -'[OAD]' '* ]] || { builtin compadd -A told "$@"; print -rl -- $told >> $HERE/matches }
  builtin compadd "$@"
}
finish() { print done > $HERE/done }
comppostfuncs=(finish)
print > $HERE/ready
"""
ZSH_DRIVER = """
zmodload zsh/zpty
zpty shell "HERE=${(q)HERE} zsh -f -i"
zpty -w shell "source ${(q)HERE}/hook"
wait_for() { repeat 600; do [[ -e $1 ]] && return 0; sleep 0.05; done; return 1 }
wait_for $HERE/ready || exit 3
zpty -w -n shell "headrace $LINE_GIVEN"$'\\t'
wait_for $HERE/done || exit 4
"""


@pytest.mark.parametrize(("line", "expected"), COMPLETED)
def test_the_completion_completes_in_zsh(
    line: str, expected: set[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("no zsh")
    (tmp_path / "_headrace").write_text(printed(capsys, "completion", "zsh"))
    (tmp_path / "hook").write_text(ZSH_HOOK)
    env = {**os.environ, "HERE": str(tmp_path), "LINE_GIVEN": line}
    subprocess.run([zsh, "-f", "-c", ZSH_DRIVER], env=env, check=True, timeout=120)
    assert set((tmp_path / "matches").read_text().split()) == expected


@pytest.mark.parametrize(("line", "expected"), COMPLETED)
def test_the_completion_completes_in_fish(
    line: str, expected: set[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fish = shutil.which("fish")
    if fish is None:
        pytest.skip("no fish")
    script = tmp_path / "headrace.fish"
    script.write_text(printed(capsys, "completion", "fish"))
    env = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    code = f"source {script}; complete --do-complete 'headrace {line}'"
    done = subprocess.run([fish, "--no-config", "-c", code], env=env, capture_output=True, text=True, check=True)
    assert {found.split("\t")[0] for found in done.stdout.splitlines()} == expected
