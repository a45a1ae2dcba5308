"""Outputs as tars, packed and unpacked as jobs do it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.runtime_scripts import Job

NAMES = ["plain", ".hidden", "? : * | < >", 'quo"te', "it's", "two\nlines", "ünï", "$(touch pwned)", "-rf", "x" * 200]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def tree(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Every path under a folder with its kind (and the executable bit) and content."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", os.fsencode(os.readlink(path)))
        elif path.is_dir():
            found[name] = ("folder", b"")
        else:
            found[name] = ("program" if path.stat().st_mode & 0o100 else "file", path.read_bytes())
    return found


def test_brings_back_what_was_packed(job: Job) -> None:
    for name in NAMES:
        job.write(f"out/{name}", name)
    job.write("out/bin/run", "#!/bin/sh").chmod(0o755)
    job.write("out/large", os.urandom(3 << 20))
    (job.folder / "out/empty").mkdir()
    (job.folder / "out/link").symlink_to("bin/run")
    (job.folder / "out/folder-link").symlink_to("bin")
    (job.folder / "out/broken").symlink_to("../nowhere")
    os.link(job.folder / "out/plain", job.folder / "out/hard")
    job.write("metrics.json", "{}")
    before = tree(job.folder)
    assert job.run("artifact", "pack", "../a.tar", "out", "metrics.json").returncode == 0
    assert job.run("artifact", "unpack", "--into", "../b/c", "../a.tar").returncode == 0
    assert tree(job.folder.parent / "b/c") == before
    plain = subprocess.run(["tar", "-tf", "../a.tar"], cwd=job.folder, capture_output=True)
    assert plain.returncode == 0


def test_names_that_are_not_utf8_travel(job: Job) -> None:
    name = os.fsdecode(b"out/\xff\xfe")
    job.write("out/x")
    Path(job.folder, name).write_text("x")
    assert job.run("artifact", "pack", "a.tar", "out").returncode == 0
    assert job.run("artifact", "unpack", "--into", "new", "a.tar").returncode == 0
    assert Path(job.folder, "new", name).read_text() == "x"


def test_is_deterministic(job: Job, tmp_path: Path) -> None:
    for order in (["b", "a", "dir/c"], ["dir/c", "a", "b"]):
        for path in order:
            job.write(path, path)
    job.run("artifact", "pack", "1.tar", "a", "b", "dir")
    for file in job.folder.rglob("*"):
        os.utime(file, (5, 5))
        file.chmod(0o777 if file.is_dir() else 0o600)
    job.run("artifact", "pack", "2.tar", "./dir/", "b", "dir/c", "a")
    assert (job.folder / "1.tar").read_bytes() == (job.folder / "2.tar").read_bytes()
    with tarfile.open(job.folder / "1.tar") as tar:
        assert {(info.mtime, info.uid, info.gid, info.uname) for info in tar} == {(0, 0, 0, "")}
        assert tar.getnames() == ["a", "b", "dir", "dir/c"]


def test_does_not_pack_itself(job: Job) -> None:
    job.write("out/x", "1")
    assert job.run("artifact", "pack", "out/a.tar", "out").returncode == 0
    first = (job.folder / "out/a.tar").read_bytes()
    assert job.run("artifact", "pack", "out/a.tar", "out").returncode == 0
    assert (job.folder / "out/a.tar").read_bytes() == first


def test_names_every_output_that_was_not_written(job: Job) -> None:
    job.write("there")
    place = "headrace.yaml:12: jobs.train.outputs"
    done = job.run("artifact", "pack", "a.tar", "--place", place, "--", "there", "-x", "no'\n")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f'headrace: {place}: output "-x" was not written by the job',
        f'headrace: {place}: output "no\'\\n" was not written by the job',
    ]
    assert [file.name for file in job.folder.iterdir()] == ["there"]


def test_refuses_to_pack_what_leads_out(job: Job, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    job.write("out/x")
    (job.folder / "leak").symlink_to(tmp_path)
    for path in ("../secret", "/etc/passwd", "leak/secret", "out/../../secret", ""):
        done = job.run("artifact", "pack", "a.tar", "--", path)
        assert (done.returncode, "leads out of the work folder" in done.stderr) == (1, True)
    assert "leads out" in job.run("artifact", "pack", "a.tar", "leak").stderr
    (job.folder / "out/up").symlink_to("../../secret")
    assert "leads out" in job.run("artifact", "pack", "a.tar", "out").stderr
    os.unlink(job.folder / "out/up")
    os.mkfifo(job.folder / "out/pipe")
    done = job.run("artifact", "pack", "a.tar", "out")
    assert done.stderr == 'headrace: "out/pipe" is neither a file, a folder nor a link\n'
    assert sorted(file.name for file in job.folder.iterdir()) == ["leak", "out"]


def tar_of(file: Path, *members: tuple[str, bytes, str]) -> None:
    """A tar with members (name, type, link target or content)."""
    with tarfile.open(file, "w") as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content.encode()))
            else:
                info.linkname = content
                tar.addfile(info)


@pytest.mark.parametrize(
    "members",
    [
        [("../pwned", tarfile.REGTYPE, "x")],
        [("/tmp/headrace-pwned", tarfile.REGTYPE, "x")],
        [("a/../../pwned", tarfile.REGTYPE, "x")],
        [("link", tarfile.SYMTYPE, "..")],
        [("link", tarfile.SYMTYPE, "/etc")],
        [("a/link", tarfile.SYMTYPE, "../../pwned")],
        [("a/b", tarfile.DIRTYPE, ""), ("up", tarfile.SYMTYPE, "a/b"), ("out", tarfile.SYMTYPE, "up/../../..")],
        [("a", tarfile.DIRTYPE, ""), ("a/up", tarfile.SYMTYPE, ".."), ("b", tarfile.SYMTYPE, "a/up/..")],
        [("pipe", tarfile.FIFOTYPE, "")],
        [("device", tarfile.CHRTYPE, "")],
        [("hard", tarfile.LNKTYPE, "/etc/passwd")],
        [("hard", tarfile.LNKTYPE, "../secret")],
    ],
)
def test_refuses_to_unpack_what_leads_out(job: Job, tmp_path: Path, members: list[tuple[str, bytes, str]]) -> None:
    (tmp_path / "secret").write_text("x")
    tar_of(tmp_path / "evil.tar", *members)
    done = job.run("artifact", "unpack", "--into", "in", "../evil.tar")
    assert done.returncode == 1
    assert done.stderr.startswith("headrace: ")
    assert not (tmp_path / "pwned").exists()
    assert not Path("/tmp/headrace-pwned").exists()
    for path in (job.folder / "in").rglob("*"):
        assert str(path.resolve()).startswith(str(job.folder / "in"))


def test_does_not_write_through_a_link_that_is_there(job: Job, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    (job.folder / "data").symlink_to(outside)
    (job.folder / "file").symlink_to(outside / "file")
    tar_of(tmp_path / "a.tar", ("data/x", tarfile.REGTYPE, "new"))
    assert job.run("artifact", "unpack", "../a.tar").returncode == 1
    tar_of(tmp_path / "a.tar", ("file", tarfile.REGTYPE, "new"))
    assert job.run("artifact", "unpack", "../a.tar").returncode == 0
    assert (job.folder / "file").read_text() == "new"
    assert [(file.name, file.read_text()) for file in outside.iterdir()] == [("file", "kept")]


def test_tars_of_several_needs(job: Job, tmp_path: Path) -> None:
    tar_of(tmp_path / "1.tar", ("models", tarfile.DIRTYPE, ""), ("models/0", tarfile.REGTYPE, "0"))
    tar_of(tmp_path / "2.tar", ("models", tarfile.DIRTYPE, ""), ("models/1", tarfile.REGTYPE, "1"))
    tar_of(tmp_path / "3.tar", ("models/1", tarfile.REGTYPE, "1"), ("hard", tarfile.LNKTYPE, "models/1"))
    assert job.run("artifact", "unpack", "../1.tar", "../2.tar", "../3.tar").returncode == 0
    held = {name: content for name, (kind, content) in tree(job.folder).items() if kind == "file"}
    assert held == {"models/0": b"0", "models/1": b"1", "hard": b"1"}


@pytest.mark.parametrize("other", [(tarfile.REGTYPE, "2"), (tarfile.SYMTYPE, "y"), (tarfile.DIRTYPE, "")])
def test_tars_that_do_not_agree_are_refused_before_anything_is_written(
    job: Job, tmp_path: Path, other: tuple[bytes, str]
) -> None:
    tar_of(tmp_path / "1.tar", ("new", tarfile.REGTYPE, "1"), ("x", tarfile.REGTYPE, "1"))
    tar_of(tmp_path / "2.tar", ("x", *other))
    done = job.run("artifact", "unpack", "../1.tar", "../2.tar")
    assert (done.returncode, done.stderr) == (1, 'headrace: "x" differs between "../1.tar" and "../2.tar"\n')
    assert list(job.folder.iterdir()) == []


def test_a_file_where_a_folder_must_be_is_one_line(job: Job, tmp_path: Path) -> None:
    job.write("x", "file")
    tar_of(tmp_path / "1.tar", ("x/y", tarfile.REGTYPE, "1"))
    done = job.run("artifact", "unpack", "../1.tar")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("cut", [0, 1, 511, 512, 1024, 1536, 3000])
def test_a_tar_that_was_cut_short_is_refused(job: Job, cut: int) -> None:
    for name in ("a", "b", "c"):
        job.write(f"out/{name}", name * 700)
    job.run("artifact", "pack", "whole.tar", "out")
    job.write("cut.tar", (job.folder / "whole.tar").read_bytes()[:cut])
    done = job.run("artifact", "unpack", "--into", "in", "cut.tar")
    assert done.returncode == 1
    assert done.stderr.startswith('headrace: "cut.tar" is not a whole tar')
    assert list((job.folder / "in").iterdir()) == []


def test_missing_and_other_files_are_refused(job: Job) -> None:
    assert job.run("artifact", "unpack", "no.tar").stderr == 'headrace: "no.tar": No such file or directory\n'
    job.write("text.tar", "text" * 5000)
    assert "is not a whole tar" in job.run("artifact", "unpack", "text.tar").stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system with sparse files")
def test_a_file_larger_than_memory_pages_is_streamed(job: Job) -> None:
    with open(job.write("out/big"), "r+b") as stream:
        stream.truncate(64 << 20)
        stream.seek(1 << 20)
        stream.write(b"x")
    assert job.run("artifact", "pack", "a.tar", "out").returncode == 0
    assert job.run("artifact", "unpack", "--into", "in", "a.tar").returncode == 0
    assert (job.folder / "in/out/big").read_bytes() == (job.folder / "out/big").read_bytes()
