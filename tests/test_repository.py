"""Files: roots, remotes, paths that try to leave, encodings, sizes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compiler import repository
from compiler.diagnostics import Sink
from compiler.repository import OutsideError, Repository, find_root, join


def names(sink: Sink) -> list[str]:
    return [one.code.name for one in sink.diagnostics]


@pytest.mark.parametrize(
    ("folder", "path", "whole"),
    [
        ("", "a/b", "a/b"),
        ("ml", "a", "ml/a"),
        ("ml", "/a", "a"),
        ("ml/x", "../a", "ml/a"),
        ("ml", "./a//b/", "ml/a/b"),
        ("ml", ".", "ml"),
        ("", ".", ""),
    ],
)
def test_paths_are_joined_from_the_root(folder: str, path: str, whole: str) -> None:
    assert join(folder, path) == whole


@pytest.mark.parametrize("path", ["..", "../x", "a/../../x", "/../x"])
def test_paths_do_not_leave(path: str) -> None:
    with pytest.raises(OutsideError):
        join("", path)


def test_symbolic_links_do_not_lead_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("x")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    (root / "inside").symlink_to("file")
    (root / "file").write_text("y")
    here = Repository(str(root))
    assert not here.exists("link")
    assert not here.is_file("folder/secret")
    assert here.is_file("inside")
    sink = Sink()
    assert here.source("link", sink) is None
    assert here.source("folder/secret", sink) is None
    assert names(sink) == ["outside", "outside"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_why_a_path_is_no_file(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    os.mkfifo(root / "pipe")
    (root / "out").symlink_to(tmp_path)
    (root / "nowhere").symlink_to("gone")
    (root / "loop").symlink_to("loop")
    here = Repository(str(root))
    assert {path: here.absence(path) for path in ("folder", "pipe", "out", "nowhere", "loop", "gone", "a\0b")} == {
        "folder": "is a folder",
        "pipe": "is no regular file",
        "out": "leads out of the repository",
        "nowhere": "is a link that leads nowhere",
        "loop": "is a link that leads nowhere",
        "gone": "is not there",
        "a\0b": "is not there",
    }
    sink = Sink()
    assert here.source("pipe", sink) is None
    assert names(sink) == ["unreadable"]
    os.mkfifo(root / ".git")
    assert here.remote() is None


def test_hostile_names_are_only_missing(tmp_path: Path) -> None:
    here = Repository(str(tmp_path))
    for path in ("a\0b", "x" * 5000, "\udcff", "a\nb"):
        sink = Sink()
        assert not here.exists(path)
        assert here.source(path, sink) is None
        assert len(sink.diagnostics) == 1


def test_large_files_are_refused_without_being_read(tmp_path: Path) -> None:
    with open(tmp_path / "big.yaml", "wb") as file:
        file.truncate(repository.MAX_BYTES + 1)
    sink = Sink()
    assert Repository(str(tmp_path)).source("big.yaml", sink) is None
    assert names(sink) == ["too-large"]


def test_root_and_remote_are_read_from_git_itself(tmp_path: Path) -> None:
    git = tmp_path / "repo" / ".git"
    git.mkdir(parents=True)
    (tmp_path / "repo" / "a" / "b").mkdir(parents=True)
    (git / "config").write_text(
        '[core]\n\tbare = false\n[remote "fork"]\n\turl = git@example.com:f/p.git\n'
        '[remote "origin"]\n\turl = https://gitlab.example.com/g/p.git\n\tfetch = +refs/*:refs/*\n'
    )
    root = find_root(str(tmp_path / "repo" / "a" / "b"))
    assert root == os.path.realpath(tmp_path / "repo")
    assert Repository(root).remote() == "https://gitlab.example.com/g/p.git"
    assert find_root(str(tmp_path)) is None or not str(tmp_path).startswith(str(find_root(str(tmp_path))) + "/repo")


def test_a_worktrees_git_file_is_followed(tmp_path: Path) -> None:
    main = tmp_path / "main" / ".git"
    linked = main / "worktrees" / "w"
    linked.mkdir(parents=True)
    (main / "config").write_text('[remote "origin"]\n\turl = u\n')
    (linked / "commondir").write_text("../..\n")
    tree = tmp_path / "w"
    tree.mkdir()
    (tree / ".git").write_text(f"gitdir: {linked}\n")
    assert Repository(str(tree)).remote() == "u"
    (tree / ".git").write_bytes(b"\xff\xfe")
    assert Repository(str(tree)).remote() is None


def test_python_is_read_in_the_encoding_that_it_declares(tmp_path: Path) -> None:
    files = {
        "latin.py": b"#!/usr/bin/env python\n# -*- coding: latin-1 -*-\nname = '\xe9'\n",
        "late.py": b"import os\n\n# coding: latin-1\nname = '\xe9'\n",
        "hex.py": b"# coding: hex\nname = '\xe9'\n",
        "plain.yaml": b"# coding: latin-1\nname: '\xe9'\n",
    }
    read = {}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        source = Repository(os.fspath(tmp_path)).source(name, Sink())
        read[name] = source and source.text
    assert read == {
        "latin.py": files["latin.py"].decode("latin-1"),
        "late.py": None,
        "hex.py": None,
        "plain.yaml": None,
    }


def test_relative_paths(tmp_path: Path) -> None:
    here = Repository(str(tmp_path))
    assert here.relative(str(tmp_path / "a" / "b.yaml")) == "a/b.yaml"
    assert here.relative(str(tmp_path)) == ""
    with pytest.raises(OutsideError):
        here.relative(str(tmp_path.parent / "other"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_named_with_and_without_a_mark(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("version: 1\n".encode(encoding))
    sink = Sink()
    assert Repository(str(tmp_path)).source("a.yaml", sink) is None
    (fault,) = sink.diagnostics
    assert fault.code.name == "encoding"
    assert "UTF-16 or UTF-32" in fault.message
