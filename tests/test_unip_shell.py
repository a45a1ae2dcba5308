"""The shell lines of a module's jobs, run with a stand-in for the AWS command line whose buckets are folders."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.frontends.unip import shell

AWS = f"""#!{sys.executable}
import os, shutil, sys
def place(url):
    return os.path.join(os.environ["BUCKETS"], url[5:]) if url.startswith("s3://") else url
words = [word for word in sys.argv[1:] if not word.startswith("--")]
if words[:2] == ["s3", "cp"]:
    source, target = map(place, words[2:4])
    os.makedirs(os.path.dirname(target.rstrip("/")), exist_ok=True)
    if "--recursive" in sys.argv:
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)
elif words[:2] == ["s3", "ls"]:
    files = [os.path.join(at, name) for at, _, names in os.walk(place(words[2])) for name in names]
    print("Total Objects:", len(files))
    print("   Total Size:", sum(map(os.path.getsize, files)))
    sys.exit(0 if files else 1)
elif words[1] == "head-bucket":
    sys.exit(0 if os.path.isdir(place("s3://" + words[2])) else 254)
elif words[1] == "create-bucket":
    os.mkdir(place("s3://" + words[2]))
"""
GROUP = "bucket/pu-ivanov-pa-churn/data/users/ivanov/file_groups"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("bin", "buckets", "work"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin" / "aws").write_text(AWS)
    (tmp_path / "bin" / "aws").chmod(0o755)
    return tmp_path


def run(place: Path, lines: str, **env: str) -> subprocess.CompletedProcess[str]:
    known = {
        "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "BUCKETS": os.fspath(place / "buckets"),
        "UNIP_APP": "pu-ivanov-pa-churn",
        "UNIP_USER": "ivanov",
        "AWS_ENDPOINT_URL": "",
    }
    words = ["sh", "-euc", lines]
    return subprocess.run(words, cwd=place / "work", env={**known, **env}, capture_output=True, text=True, check=False)


def fetch(place: Path, source: str = "", default: str = "", required: str = "yes", **env: str) -> list[str]:
    env = {"UNIP_NAME": "x", "UNIP_TARGET": ".unip/x", "UNIP_SOURCE": source, "UNIP_DEFAULT": default, **env}
    done = run(place, shell.FETCH, UNIP_REQUIRED=required, **env)
    assert done.returncode == 0, done.stderr
    target = place / "work" / ".unip" / "x"
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def write(path: Path, text: str = "text") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_data_comes_from_the_repository(place: Path) -> None:
    write(place / "work" / "a b" / "it's" / "c.csv")
    assert fetch(place, "a b") == ["it's/c.csv"]
    assert fetch(place, "a b/it's/c.csv") == ["c.csv", "it's/c.csv"]


@pytest.mark.parametrize(
    ("path", "found"), [("raw", ["a.csv", "b/c.csv"]), ("raw/b/", ["c.csv"]), ("raw/a.csv", ["a.csv"])]
)
@pytest.mark.parametrize("in_s3", [False, True])
def test_data_comes_from_a_box_in_the_platforms_layout(place: Path, path: str, found: list[str], in_s3: bool) -> None:
    root = place / "buckets" / GROUP if in_s3 else place / "work" / "boxes" / "data"
    write(root / "raw" / "a.csv")
    write(root / "raw" / "b" / "c.csv")
    env = {"UNIP_S3_URL": "s3://bucket/"} if in_s3 else {}
    assert fetch(place, default=f"box:data/{path}", **env) == found


def test_data_comes_from_a_bucket(place: Path) -> None:
    write(place / "buckets" / "other" / "d" / "e.csv")
    assert fetch(place, "s3://other/d/") == ["e.csv"]
    assert fetch(place, "s3://other/d/e.csv") == ["e.csv"]


def test_what_the_caller_gives_comes_before_what_is_mounted(place: Path) -> None:
    write(place / "work" / "mine.csv")
    assert fetch(place, "mine.csv", "box:data/raw") == ["mine.csv"]


def test_what_is_optional_may_be_missing(place: Path) -> None:
    assert fetch(place, required="no") == []
    env = {"UNIP_NAME": "x", "UNIP_TARGET": "t", "UNIP_SOURCE": "", "UNIP_DEFAULT": "", "UNIP_REQUIRED": "yes"}
    done = run(place, shell.FETCH, **env)
    assert done.returncode == 1
    assert "x is required" in done.stderr


def test_an_output_becomes_a_file_group_of_its_box(place: Path) -> None:
    write(place / "work" / ".unip" / "m" / "model.json")
    env = {"UNIP_SOURCE": ".unip/m", "UNIP_BOX": "data", "UNIP_GROUP": "training-m-7"}
    assert run(place, shell.PUBLISH, **env).stdout.startswith("UNIP_S3_URL names no bucket")
    assert not any((place / "buckets").iterdir())
    assert run(place, shell.PUBLISH, UNIP_S3_URL="s3://bucket", **env).returncode == 0
    assert (place / "buckets" / GROUP / "training-m-7" / "model.json").is_file()


def test_a_box_is_provisioned_any_number_of_times(place: Path) -> None:
    env = {"UNIP_BOX": "data", "UNIP_CAPACITY": "5", "UNIP_S3_URL": "s3://bucket"}
    for _ in range(2):
        done = run(place, shell.PROVISION, **env)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "data holds 0 of 5 bytes\n"
    write(place / "buckets" / GROUP / "raw" / "a", "123456")
    done = run(place, shell.PROVISION, **env)
    assert done.returncode == 1
    assert done.stdout == "data holds 6 of 5 bytes\n"


def test_a_stage_finds_whole_paths_and_its_file(place: Path) -> None:
    write(place / "work" / ".unip" / "x" / "given.csv")
    write(place / "work" / ".unip" / "y" / "mounted.csv")
    (place / "work" / "src").mkdir()
    files = [("X", "SOURCE_X", ""), ("Y", "SOURCE_Y", "mounted.csv")]
    lines = shell.stage(["X", "Y"], ["Z"], files, [], "src", 'printf "%s\\n" "$X" "$Y" "$Z" "$PWD"')
    env = {"X": ".unip/x", "Y": ".unip/y", "Z": ".unip/z", "SOURCE_X": "samples/given.csv", "SOURCE_Y": ""}
    root = os.path.realpath(place / "work")
    done = run(place, lines, **env)
    expected = [f"{root}/.unip/x/given.csv", f"{root}/.unip/y/mounted.csv", f"{root}/.unip/z", f"{root}/src"]
    assert [os.path.realpath(line) for line in done.stdout.split()] == expected
    assert (place / "work" / ".unip" / "z").is_dir()
    done = run(place, lines, **{**env, "SOURCE_X": "samples"})
    assert done.stdout.split("\n")[0].endswith("/.unip/x")


def test_manifests_are_those_that_were_checked(place: Path) -> None:
    write(place / "work" / "a b.yaml", "kind: DataBox\n")
    sums = f"{hashlib.sha256(b'kind: DataBox' + bytes([10])).hexdigest()}  a b.yaml\n"
    done = run(place, shell.VALIDATE, UNIP_MANIFESTS=sums)
    assert (done.returncode, done.stdout) == (0, "a b.yaml: OK\n")
    write(place / "work" / "a b.yaml", "kind: Databox\n")
    done = run(place, shell.VALIDATE, UNIP_MANIFESTS=sums)
    assert done.returncode == 1
    assert "run headrace compile again" in done.stderr


@pytest.mark.parametrize(
    ("types", "value", "file"),
    [
        ("INT32", "3", "value.json"),
        ("FP32 FP64", "[1, 2.5]", "value.json"),
        ("str", 'it\'s "$(id)" a/b', "value.txt"),
        ("dict str", '{"a": [1]}', "value.json"),
        ("INT32", "3.5", None),
        ("INT32", "true", None),
        ("FP32", "many", None),
        ("dict", "[1]", None),
    ],
)
def test_a_value_that_is_given_itself_is_checked_and_becomes_a_file(
    place: Path, types: str, value: str, file: str | None
) -> None:
    env = {"UNIP_NAME": "x", "UNIP_TARGET": ".unip/x", "UNIP_SOURCE": value, "UNIP_DEFAULT": "", "UNIP_REQUIRED": "yes"}
    names = {"UNIP_TYPES": types, "UNIP_FILE": shell.value_file(tuple(types.split())), "UNIP_CHECK": shell.CHECK}
    done = run(place, shell.FETCH_VALUE, **env, **names)
    if file is None:
        assert (done.returncode, done.stderr) == (1, f"x is {types}, not {value!r}\n")
        return
    assert done.returncode == 0, done.stderr
    assert (place / "work" / ".unip" / "x" / file).read_text(encoding="utf-8") == value
    lines = shell.stage(["X"], [], [("X", "SOURCE_X", "")], [("X", file)], "", 'cat "$X"')
    assert run(place, lines, X=".unip/x", SOURCE_X=value).stdout == value


def test_a_typed_input_may_still_name_a_box(place: Path) -> None:
    write(place / "work" / "boxes" / "data" / "raw" / "n.json", "3")
    names = {"UNIP_TYPES": "INT32", "UNIP_FILE": "value.json", "UNIP_CHECK": shell.CHECK}
    env = {"UNIP_NAME": "x", "UNIP_TARGET": ".unip/x", "UNIP_SOURCE": "box:data/raw/n.json", "UNIP_DEFAULT": ""}
    assert run(place, shell.FETCH_VALUE, UNIP_REQUIRED="yes", **env, **names).returncode == 0
    assert (place / "work" / ".unip" / "x" / "n.json").read_text() == "3"
