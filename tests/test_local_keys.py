"""Content keys: the same as the script in CI computes over the same parts; and what changed can be named."""

from __future__ import annotations

import json
import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from targets.local.keys import Key, _hash, differences
from targets.local.snapshot import Snapshot
from targets.local.state import slug
from targets.local.tree import Entry
from tests.local_runs import Place
from tests.runtime_scripts import Job

NAME = st.sampled_from(["a", "b", "c.txt", "d e", "ü"])
PATHS = st.lists(st.lists(NAME, min_size=1, max_size=3).map("/".join), min_size=1, max_size=5, unique=True)


def build(folder: Path, paths: list[str]) -> list[str]:
    """Files (some of them links) at those of the paths that can be there together."""
    made = []
    for at, path in enumerate(paths):
        file = folder / path
        if any(parent.is_file() or parent.is_symlink() for parent in file.parents) or file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        if at % 3 == 2:
            file.symlink_to(os.path.relpath(folder / paths[0], file.parent))
        else:
            file.write_text(f"content {at}")
            file.chmod(0o755 if at % 2 else 0o644)
        made.append(path)
    return made


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=PATHS, env=st.dictionaries(st.sampled_from(["A", "B"]), st.text(max_size=5)))
def test_the_hash_is_that_of_the_script(paths: list[str], env: dict[str, str], tmp_path_factory: object) -> None:
    folder = tmp_path_factory.mktemp("key")  # type: ignore[attr-defined]
    job = Job(folder)
    made = build(job.folder, paths)
    sections = {
        "command": ["echo x"],
        "env": env,
        "parameters": {},
        "matrix": {"n": "1"},
        "environment": {"image": "i"},
    }
    spec = {**sections, "inputs": made}
    done = job.run("content_key", HEADRACE_KEY_SPEC=json.dumps(spec))
    assert done.returncode == 0, done.stderr
    files = Snapshot(str(job.folder)).tree().listing(made)
    assert _hash(sections, {}, files) == done.stdout.strip()


def key(**parts: object) -> Key:
    values = {"command": {"1": "x"}, "parameters": {"lr": "0.1"}, "env": {}}
    return Key("h", {**values, **parts.get("values", {})}, parts.get("files", {"a": Entry("100644", "1")}), True)  # type: ignore[arg-type, dict-item]


def test_what_changed_is_said() -> None:
    assert differences(key(), key()) == []
    assert differences(key(), key(values={"command": {"1": "y"}})) == ["the command changed"]
    assert differences(key(), key(values={"parameters": {"lr": "0.2"}})) == [
        'the parameter lr changed from "0.1" to "0.2"'
    ]
    assert differences(key(), key(values={"env": {"E": "1"}})) == ["the variable E is new"]
    assert differences(key(), key(files={"a": Entry("100644", "2"), "b": Entry("100644", "1")})) == [
        "a changed",
        "b is new",
    ]


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_different_names_have_different_files(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)
    assert "/" not in slug(one)
    assert slug(one) not in ("", ".", "..")
    assert len(slug(one)) <= 120


JOBS = """version: 1
name: demo
parameters: {lr: {default: "1"}}
jobs:
  a: {run: "cat src/x > a.out", outputs: [a.out]}
  b: {run: "cat a.out; echo {{ parameters.lr }}", needs: [a]}
  c: {run: "echo {{ run.id }}", cache: true, inputs: [src/y]}
  d: {run: "true", cache: false}
"""


def test_what_did_not_change_is_not_done_again(tmp_path: Path) -> None:
    here = Place(tmp_path, JOBS, src__x="1", src__y="1", README="1")
    assert set(here.run().statuses().values()) == {"ran"}
    again = here.run()
    assert again.statuses() == {"a": "unchanged", "b": "unchanged", "c": "unchanged", "d": "ran"}
    assert again.outcomes["a"].reason.startswith("unchanged since run ")
    assert here.run(parameters={"lr": "2"}).ran() == {"b", "d"}
    here.write("README", "2")
    here.commit()
    assert here.run().ran() == {"a", "b", "d"}  # they declare no inputs by `cache`: every file counts
    here.write("src/y", "2")
    here.commit()
    assert here.run(jobs=["c"]).ran() == {"c"}
    assert here.run(force=True).ran() == {"a", "b", "c", "d"}


def test_outputs_that_come_out_the_same_stop_the_chain(tmp_path: Path) -> None:
    here = Place(
        tmp_path,
        "version: 1\nname: demo\njobs:\n"
        "  a: {run: 'head -c1 x > o', inputs: [x], cache: true, outputs: [o]}\n"
        "  b: {run: cat o, inputs: [o], cache: true, needs: [a]}\n",
        x="1 first",
    )
    here.run()
    here.write("x", "1 second")
    here.commit()
    assert here.run().statuses() == {"a": "ran", "b": "unchanged"}


def test_data_of_other_jobs_does_not_say_what_code_a_job_reads(tmp_path: Path) -> None:
    here = Place(
        tmp_path,
        "version: 1\nname: demo\ndatasets: {d: {path: d, produced_by: make}}\njobs:\n"
        "  make: {run: 'echo 1 > d', cache: true, inputs: [headrace.yaml]}\n"
        "  use: {run: sh code.sh, datasets: [d]}\n",
        code_DOT_sh="cat d\n",
    )
    here.run()
    here.write("code.sh", "cat d d\n")
    here.commit()
    assert here.run().ran() == {"use"}


def test_a_result_that_was_spoilt_is_not_taken(tmp_path: Path) -> None:
    here = Place(tmp_path, JOBS, src__x="1", src__y="1")
    here.run()
    for tar in (here.cache / "results").rglob("outputs.tar"):
        data = tar.read_bytes()
        tar.write_bytes(data[: len(data) // 2])
    assert here.run().ran() == {"a", "d"}
    for file in (here.cache / "results").rglob("result.json"):
        file.write_text("{")
    assert here.run().ran() == {"a", "b", "c", "d"}


def test_an_old_result_is_not_taken_where_an_age_is_said(tmp_path: Path) -> None:
    here = Place(tmp_path, "version: 1\nname: demo\njobs:\n  a: {run: 'true', cache: {max_age: 1h}}\n")
    here.run()
    assert here.run().ran() == set()
    (file,) = here.cache.glob("results/*/*/result.json")
    result = json.loads(file.read_text())
    file.write_text(json.dumps({**result, "ended": result["ended"] - 3601}))
    assert here.run().ran() == {"a"}


def test_explain_names_what_changed_and_runs_nothing(tmp_path: Path) -> None:
    here = Place(tmp_path, JOBS, src__x="1", src__y="1")
    first = here.call("run", "--explain", "b", "--engine", "none")
    assert first.stdout == "b may run: a runs first, and its outputs are part of what b is made from\n"
    assert here.call("run", "--explain", "a").stdout == "a runs: no result of it is held\n"
    assert here.call("runs").stdout.startswith("nothing ran here yet")
    here.run()
    assert "b is skipped: unchanged since run" in here.call("run", "--explain", "b").stdout
    assert here.call("run", "--explain", "b", "--set", "lr=2").stdout == (
        'b runs:\n  the parameter lr changed from "1" to "2"\n'
    )
    here.write("src/x", "2")
    here.commit()
    assert here.call("run", "--explain", "a").stdout == "a runs:\n  src/x changed\n"
    assert here.call("run", "--explain", "d").stdout == "d runs: `cache: false`\n"
    assert "nobody" in here.call("run", "--explain", "nobody").stdout
