"""Stamps, stores and checkpoints: what outlives a job, kept as jobs keep it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime_scripts import HOSTILE, Job, environment

# A stand-in for the clouds' tools: it keeps blobs in a folder, knows the argument forms of each tool, and writes down
# how it was called. The tools' own pages: AWS CLI `s3`, `gcloud storage`, `gsutil`, `az storage blob`.
TOOL = """#!{python} -S
import json, os, shutil, sys
tool, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
root = os.environ["FAKE_CLOUD"]
with open(os.path.join(root, "calls"), "a") as stream:
    stream.write(json.dumps([tool, *arguments]) + "\\n")
if os.environ.get("FAKE_FAILURE"):
    sys.exit("AccessDenied: no")
def file_of(url):
    return os.path.join(root, url.replace("://", "/"))
def option(name):
    return arguments[arguments.index(name) + 1]
def copy(source, target):
    if not os.path.isfile(source):
        sys.exit("NoSuchKey: " + source)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copyfile(source, target)
if tool == "az":
    assert arguments[:2] == ["storage", "blob"], arguments
    assert ("--auth-mode" in arguments) == ("AZURE_STORAGE_KEY" not in os.environ), arguments
    folder = os.path.join(root, "az", option("--account-name"), option("--container-name"))
    verb = arguments[2]
    if verb == "list":
        for place, _, names in os.walk(folder):
            for name in names:
                path = os.path.relpath(os.path.join(place, name), folder)
                if path.startswith(option("--prefix")):
                    print(path)
    elif verb == "upload":
        copy(option("--file"), os.path.join(folder, option("--name")))
    elif verb == "download":
        copy(os.path.join(folder, option("--name")), option("--file"))
    else:
        os.unlink(os.path.join(folder, option("--name")))
else:
    words = [word for word in arguments if not word.startswith("-") and word not in ("s3", "storage")]
    verb = words.pop(0)
    if verb == "ls":
        assert words[0].endswith("/"), words
        names = os.listdir(file_of(words[0])) if os.path.isdir(file_of(words[0])) else []
        for name in sorted(names):
            print("2026-01-01 00:00:00      12 " + name if tool == "aws" else words[0] + name)
        if not names:
            sys.exit(1 if tool == "aws" else "ERROR: One or more URLs matched no objects.")
    elif verb == "cp":
        copy(*(file_of(word) if "://" in word else word for word in words))
    elif verb == "rm":
        os.unlink(file_of(words[0]))
    else:
        sys.exit("unknown " + verb)
"""
CLOUDS = {"aws": "s3://bucket/a", "gcloud": "gs://bucket/a/", "gsutil": "gs://bucket/a", "az": "az://account/box/a/b"}


class Cloud:
    """One tool on a PATH that has no other."""

    def __init__(self, folder: Path, tool: str) -> None:
        self.root, self.bin = folder / "cloud", folder / "bin"
        self.root.mkdir()
        self.bin.mkdir()
        file = self.bin / tool
        file.write_text(TOOL.format(python=sys.executable))
        file.chmod(0o755)
        for name in ("sh", "sleep"):
            (self.bin / name).symlink_to(f"/bin/{name}")
        self.env = {"PATH": str(self.bin), "FAKE_CLOUD": str(self.root)}

    def blobs(self) -> list[Path]:
        return sorted(file for file in self.root.rglob("*") if file.is_file() and file.name != "calls")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def eventually(condition: Callable[[], object], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


def leftovers(folder: Path) -> list[str]:
    return [file.name for file in folder.rglob(".headrace-*")] + [file.name for file in folder.rglob("*.partial")]


# ------------------------------------------------------------------------------------------------------------- stamps


def stamp(job: Job, verb: str, key: str, *paths: str) -> int:
    options = [part for path in paths or ("out",) for part in ("--path", path)]
    return job.run("stamp", verb, "--key", key, "--folder", "../cache/train", *options).returncode


def test_a_stamp_brings_outputs_back_for_its_key_alone(job: Job) -> None:
    assert stamp(job, "check", "k1") == 3
    job.write("out/a", "1")
    job.write("out/run", "2").chmod(0o755)
    assert stamp(job, "save", "k1") == 0
    job.write("out/a", "changed")
    job.write("out/stale", "x")
    assert stamp(job, "check", "k2") == 3
    assert stamp(job, "check", "k1", "out", "more") == 3
    assert (job.folder / "out/a").read_text() == "changed"
    assert stamp(job, "check", "k1") == 0
    assert sorted(file.name for file in (job.folder / "out").iterdir()) == ["a", "run"]
    assert (job.folder / "out/a").read_text() == "1"
    assert os.access(job.folder / "out/run", os.X_OK)
    job.write("out/a", "3")
    assert stamp(job, "save", "k2") == 0
    assert stamp(job, "check", "k1") == 3
    assert stamp(job, "check", "k2") == 0
    assert leftovers(job.folder.parent) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"key": "k"}', b"[" * 100_000])
def test_a_broken_stamp_runs_the_job(job: Job, content: bytes) -> None:
    job.write("../cache/train/stamp.json", content)
    assert stamp(job, "check", "k") == 3


def test_held_outputs_that_were_changed_run_the_job(job: Job) -> None:
    job.write("out/a", "1")
    stamp(job, "save", "k")
    held = job.folder.parent / "cache/train/outputs.tar"
    held.write_bytes(held.read_bytes().replace(b"1", b"2"))
    job.write("out/a", "mine")
    assert stamp(job, "check", "k") == 3
    assert (job.folder / "out/a").read_text() == "mine"
    held.unlink()
    assert stamp(job, "check", "k") == 3


def test_a_stamp_needs_its_outputs(job: Job) -> None:
    assert stamp(job, "save", "k") == 1
    assert stamp(job, "save", "k", "../x") == 1
    assert stamp(job, "look", "k") == 2
    assert not (job.folder.parent / "cache").exists()


@pytest.mark.parametrize("key", HOSTILE)
def test_a_key_is_only_text(job: Job, key: str) -> None:
    job.write("out", "1")
    assert stamp(job, "save", key) == 0
    assert stamp(job, "check", key) == 0
    assert stamp(job, "check", key + "x") == 3
    assert sorted(file.name for file in (job.folder.parent / "cache/train").iterdir()) == ["outputs.tar", "stamp.json"]


# ------------------------------------------------------------------------------------------------------------- stores


def carry(job: Job, url: str, **env: str) -> None:
    """Put outputs into a store, change the work folder, and get them back."""
    job.write("out/model", "weights " * 1000)
    job.write("out/.hidden/it's", "x")
    (job.folder / "out/link").symlink_to("model")
    job.write("metrics.json", "{}")
    paths = ["--path", "out", "--path", "metrics.json"]
    done = job.run("store", "put", "--url", url, *paths, "--reference", "ref.json", **env)
    assert done.returncode == 0, done.stderr
    reference = json.loads((job.folder / "ref.json").read_text())
    assert (reference["url"], reference["paths"], reference["files"]) == (url, ["metrics.json", "out"], 4)
    assert job.run("store", "put", "--url", url, *paths, "--reference", "again.json", **env).returncode == 0
    assert (job.folder / "again.json").read_bytes() == (job.folder / "ref.json").read_bytes()
    job.write("out/stale", "x")
    (job.folder / "metrics.json").unlink()
    done = job.run("store", "get", "--url", url, "--reference", "ref.json", **env)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (job.folder / "out").iterdir()) == [".hidden", "link", "model"]
    assert (job.folder / "metrics.json").read_text() == "{}"
    assert leftovers(job.folder.parent) == []


@pytest.mark.parametrize("url", ["../store", "file://{}/store", "{}/it's $(touch pwned)"])
def test_outputs_go_through_a_folder(job: Job, tmp_path: Path, url: str) -> None:
    carry(job, url.format(tmp_path))
    assert not (job.folder / "pwned").exists()


@pytest.mark.parametrize("tool", CLOUDS)
def test_outputs_go_through_a_cloud(job: Job, tmp_path: Path, tool: str) -> None:
    cloud = Cloud(tmp_path, tool)
    carry(job, CLOUDS[tool], **cloud.env)
    assert len(cloud.blobs()) == 1
    sha256 = json.loads((job.folder / "ref.json").read_text())["sha256"]
    prefix = CLOUDS[tool].replace("://", "/").rstrip("/")
    assert cloud.blobs()[0] == cloud.root / prefix / sha256 / "outputs.tar"


@pytest.mark.parametrize("tool", CLOUDS)
def test_versions_of_a_dataset_are_found_by_other_runs(job: Job, tmp_path: Path, tool: str) -> None:
    cloud, url = Cloud(tmp_path, tool), CLOUDS[tool]
    job.write("data/rows", "one")
    put = ["store", "put", "--url", url, "--path", "data", "--reference", "ref.json"]
    wanted = ["--url", url, "--dataset", "the rows", "--version", "v1/2"]
    assert job.run(*put, **cloud.env).returncode == 0
    assert job.run("store", "name", "--reference", "ref.json", *wanted, **cloud.env).returncode == 0
    sha256 = json.loads((job.folder / "ref.json").read_text())["sha256"]
    for version in ("v1/2", f"sha256:{sha256}"):
        job.write("data/rows", "two")
        done = job.run("store", "get", *wanted[:-1], version, "--path", "data", **cloud.env)
        assert done.returncode == 0, done.stderr
        assert (job.folder / "data/rows").read_text() == "one"
    assert (
        'put as ["data"], not as ["other"]' in job.run("store", "get", *wanted, "--path", "other", **cloud.env).stderr
    )
    done = job.run("store", "get", *wanted[:-1], "v2", "--path", "data", **cloud.env)
    assert (done.returncode, 'no version "v2" of dataset "the rows"' in done.stderr) == (1, True)


@pytest.mark.parametrize("tool", CLOUDS)
def test_a_store_holds_outputs_by_their_key(job: Job, tmp_path: Path, tool: str) -> None:
    cloud = Cloud(tmp_path, tool)
    held = ["--store", CLOUDS[tool], "--key", "a key", "--folder", "cache"]
    stamped = ["--key", "k", "--folder", "cache", "--path", "out"]
    assert job.run("held", "get", *held, **cloud.env).returncode == 0
    assert job.run("stamp", "check", *stamped).returncode == 3
    job.write("out/model", "weights")
    assert job.run("stamp", "save", *stamped).returncode == 0
    assert job.run("held", "put", *held, **cloud.env).returncode == 0
    for name in ("cache", "out"):
        shutil.rmtree(job.folder / name)
    assert job.run("held", "get", *held, **cloud.env).returncode == 0
    assert job.run("stamp", "check", *stamped).returncode == 0
    assert (job.folder / "out/model").read_text() == "weights"


def test_a_store_that_cant_be_used_holds_nothing(job: Job, tmp_path: Path) -> None:
    cloud = Cloud(tmp_path, "aws")
    held = ["--store", "s3://bucket/a", "--key", "k", "--folder", "cache"]
    done = job.run("held", "get", *held, FAKE_FAILURE="1", **cloud.env)
    assert (done.returncode, "nothing is held" in done.stderr) == (0, True)


def test_azure_takes_a_key_instead_of_a_login(job: Job, tmp_path: Path) -> None:
    carry(job, "az://account/box", AZURE_STORAGE_KEY="k", **Cloud(tmp_path, "az").env)


def test_a_store_is_verified(job: Job, tmp_path: Path) -> None:
    carry(job, "../store")
    get = ["store", "get", "--reference", "ref.json"]
    assert job.run(*get).returncode == 0
    assert "refers to store" in job.run(*get, "--url", "../other").stderr
    held = next((tmp_path / "store").glob("*/outputs.tar"))
    held.write_bytes(held.read_bytes().replace(b"weights", b"Weights"))
    job.write("out/model", "mine")
    done = job.run(*get)
    assert (done.returncode, "has sha256" in done.stderr) == (1, True)
    assert (job.folder / "out/model").read_text() == "mine"
    held.unlink()
    assert job.run(*get).returncode == 1


def test_a_store_says_what_is_wrong(job: Job, tmp_path: Path) -> None:
    put = ["store", "put", "--reference", "ref.json", "--path", "out"]
    done = job.run(*put, "--url", "../store", "--place", "headrace.yaml:3")
    assert (done.returncode, done.stderr) == (1, 'headrace: headrace.yaml:3: output "out" was not written by the job\n')
    job.write("out", "x")
    assert "is not a path, s3://" in job.run(*put, "--url", "ftp://x").stderr
    done = job.run(*put, "--url", "s3://bucket/a", PATH="/nonexistent")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "needs the command aws, which this image does not have" in done.stderr
    for tool, url in CLOUDS.items():
        folder = tmp_path / tool
        folder.mkdir()
        done = job.run(*put, "--url", url, FAKE_FAILURE="1", **Cloud(folder, tool).env)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert f"{tool} failed to list in" in done.stderr
        assert "AccessDenied" in done.stderr
    assert job.run(*put).returncode == 2
    assert not (job.folder / "ref.json").exists()
    assert leftovers(job.folder.parent) == []


BROKEN = [
    "",
    "[]",
    '{"url": 3}',
    '{"url": "x", "sha256": "../../x", "paths": []}',
    '{"url": "x", "sha256": 3, "paths": []}',
]


@pytest.mark.parametrize("reference", BROKEN)
def test_a_broken_reference_is_one_line(job: Job, reference: str) -> None:
    job.write("ref.json", reference)
    done = job.run("store", "get", "--reference", "ref.json")
    assert (done.returncode, done.stderr) == (1, 'headrace: "ref.json" is not a reference to a store\n')


def test_a_reference_does_not_reach_outside(job: Job, tmp_path: Path) -> None:
    job.write("../secret", "kept")
    carry(job, "../store")
    reference = json.loads((job.folder / "ref.json").read_text())
    job.write("ref.json", json.dumps({**reference, "paths": ["../secret"]}))
    assert "leads out" in job.run("store", "get", "--reference", "ref.json").stderr
    assert (tmp_path / "secret").read_text() == "kept"


# -------------------------------------------------------------------------------------------------------- checkpoints

# Counts up in a file, one step at a time, to a goal; at SIGTERM it writes down that it was told.
TRAINING = """
import os, signal, sys, time
goal, step = int(sys.argv[1]), int(sys.argv[2]) / 1000
os.makedirs("ckpt", exist_ok=True)
start = int(open("ckpt/step").read()) if os.path.exists("ckpt/step") else 0
with open("log", "a") as log:
    log.write("start %d\\n" % start)
def told(*_):
    open("ckpt/told", "w").close()
    sys.exit(int(sys.argv[3]))
signal.signal(signal.SIGTERM, told)
for n in range(start + 1, goal + 1):
    time.sleep(step)
    with open("ckpt/new", "w") as stream:
        stream.write(str(n))
    os.replace("ckpt/new", "ckpt/step")
"""


class Training:
    """The keeper around a training that can be stopped and started elsewhere."""

    def __init__(self, job: Job, store: str, key: str = "train/0/abc", every: str = "0.2", **env: str) -> None:
        self.job, self.env = job, env
        job.write("../scripts/training.py", TRAINING)
        self.options = ["--store", store, "--key", key, "--every", every, "--path", "ckpt", "--grace", "8"]

    def argv(self, goal: int, step: int, status: int, *options: str) -> list[str]:
        program = [sys.executable, "../scripts/training.py", str(goal), str(step), str(status)]
        return self.job.argv("keeper", *self.options, *options, "--", *program)

    def start(self, goal: int, step: int = 30, status: int = 0, *options: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv(goal, step, status, *options), cwd=self.job.folder, env=environment(**self.env)
        )

    def run(self, goal: int, step: int = 1, *options: str) -> int:
        return self.start(goal, step, 0, *options).wait(timeout=30)

    def new_machine(self) -> None:
        """All that was in the work folder is lost."""
        for path in ("ckpt/step", "ckpt/told", "ckpt/new"):
            if (self.job.folder / path).exists():
                (self.job.folder / path).unlink()
        if (self.job.folder / "ckpt").exists():
            (self.job.folder / "ckpt").rmdir()

    def starts(self) -> list[int]:
        return [int(line.split()[1]) for line in (self.job.folder / "log").read_text().splitlines()]


def held(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.tar"))


def test_work_goes_on_after_sigterm(job: Job, tmp_path: Path) -> None:
    training = Training(job, "../store", every="600")
    process = training.start(1000)
    assert eventually(lambda: (job.folder / "ckpt/step").exists())
    process.terminate()
    assert process.wait(timeout=20) == 143
    reached = int((job.folder / "ckpt/step").read_text())
    assert len(held(tmp_path / "store")) == 1
    training.new_machine()
    assert training.run(reached + 3, 1, "--keep") == 0
    assert training.starts() == [0, reached]
    assert (job.folder / "ckpt/told").exists()
    assert len(held(tmp_path / "store")) == 1
    training.new_machine()
    assert training.run(reached + 3) == 0
    assert held(tmp_path / "store") == []
    assert leftovers(tmp_path) == []


def test_work_goes_on_after_the_machine_is_lost(job: Job, tmp_path: Path) -> None:
    training = Training(job, str(tmp_path / "store"))
    process = training.start(100_000)
    assert eventually(lambda: len(held(tmp_path / "store")) == 2 and held(tmp_path / "store")[0].name > "000000000003")
    process.send_signal(signal.SIGSTOP)
    child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    os.kill(child, signal.SIGKILL)
    process.kill()
    process.wait()
    assert 1 <= len(held(tmp_path / "store")) <= 3
    training.new_machine()
    assert training.run(1) == 0
    assert training.starts()[1] > 0


def test_the_childs_own_failure_is_its_status(job: Job, tmp_path: Path) -> None:
    process = Training(job, "../store").start(100_000, 30, 9)
    assert eventually(lambda: held(tmp_path / "store"))
    process.terminate()
    assert process.wait(timeout=20) == 9
    argv = job.argv(
        "keeper", "--store", "../other", "--key", "k", "--every", "1", "--path", "x", "--", "sh", "-c", "exit 5"
    )
    assert subprocess.run(argv, cwd=job.folder).returncode == 5


def test_a_stubborn_child_is_killed_after_the_grace_time(job: Job, tmp_path: Path) -> None:
    command = "trap '' TERM; mkdir ckpt; echo 1 > ckpt/step; while :; do sleep 0.1; done"
    options = ["--store", "../store", "--key", "k", "--every", "600", "--path", "ckpt", "--grace", "0.5"]
    process = subprocess.Popen(job.argv("keeper", *options, "--", "sh", "-c", command), cwd=job.folder)
    assert eventually((job.folder / "ckpt/step").exists)
    process.terminate()
    assert process.wait(timeout=20) == 137
    assert len(held(tmp_path / "store")) == 1


def checkpoints(job: Job, tmp_path: Path, count: int = 2) -> list[Path]:
    """Make checkpoints of steps 1, 2, ... by hand."""
    folder = tmp_path / "made"
    for step in range(1, count + 1):
        job.write("ckpt/step", str(step))
        options = ["--store", str(folder), "--key", "k", "--every", "600", "--path", "ckpt", "--keep"]
        argv = job.argv("keeper", *options, "--", "sh", "-c", f"echo {step} > ckpt/step; touch ready{step}; sleep 60")
        process = subprocess.Popen(argv, cwd=job.folder, stderr=subprocess.DEVNULL)
        assert eventually((job.folder / f"ready{step}").exists)
        process.terminate()
        assert process.wait(timeout=20) == 143
    return held(folder)


def restored(job: Job, tmp_path: Path) -> tuple[str, str]:
    """What a run with the key finds, and what the keeper said."""
    job.write("ckpt/step", "none")
    options = ["--store", str(tmp_path / "made"), "--key", "k", "--every", "600", "--path", "ckpt", "--keep"]
    done = job.run("keeper", *options, "--", "cat", "ckpt/step")
    assert done.returncode == 0
    return done.stdout.strip(), done.stderr


def test_the_newest_two_stay_and_a_half_written_one_is_never_taken(job: Job, tmp_path: Path) -> None:
    made = checkpoints(job, tmp_path, 3)
    assert [file.name[:12] for file in made] == ["000000000002", "000000000003"]
    assert restored(job, tmp_path)[0] == "3"
    (made[-1].parent / f".{made[-1].name}.1.partial").write_bytes(made[-1].read_bytes()[:600])
    (made[-1].parent / "000000000009.tar").write_bytes(made[-1].read_bytes())
    assert restored(job, tmp_path)[0] == "3"
    made[-1].write_bytes(made[-1].read_bytes()[:2048])
    step, said = restored(job, tmp_path)
    assert step == "2"
    assert f"checkpoint {made[-1].name} is left out: its sha256 is another" in said
    made[0].write_bytes(b"")
    assert restored(job, tmp_path)[0] == "none"


def test_an_attempt_starts_from_the_checkpoint_alone(job: Job, tmp_path: Path) -> None:
    checkpoints(job, tmp_path, 1)
    job.write("ckpt/half-written", "x")
    assert restored(job, tmp_path)[0] == "1"
    assert [file.name for file in (job.folder / "ckpt").iterdir()] == ["step"]


def test_keys_are_kept_apart(job: Job, tmp_path: Path) -> None:
    made = checkpoints(job, tmp_path, 1)
    for key in (*HOSTILE, "..", "../other", "/", ""):
        job.write("ckpt/step", "none")
        options = ["--store", str(tmp_path / "made"), "--key", key, "--every", "600", "--path", "ckpt"]
        assert job.run("keeper", *options, "--", "cat", "ckpt/step").stdout == "none"
    assert held(tmp_path / "made") == made
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("tool", CLOUDS)
def test_checkpoints_go_through_a_cloud(job: Job, tmp_path: Path, tool: str) -> None:
    cloud = Cloud(tmp_path, tool)
    training = Training(job, CLOUDS[tool], **cloud.env)
    process = training.start(100_000)
    assert eventually(lambda: len(cloud.blobs()) > 1)
    process.terminate()
    assert process.wait(timeout=30) == 143
    assert len(cloud.blobs()) == 2
    training.new_machine()
    assert training.run(1) == 0
    assert training.starts()[1] > 0
    assert cloud.blobs() == []


def test_a_store_that_fails_later_does_not_stop_the_work(job: Job, tmp_path: Path) -> None:
    store = tmp_path / "store"
    options = ["--store", str(store), "--key", "k", "--every", "0.1", "--path", "ckpt"]
    command = "mkdir ckpt; rm -rf ../store; echo x > ../store; sleep 0.5; echo done"
    done = job.run("keeper", *options, "--", "sh", "-c", command)
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "headrace: checkpoint was not saved: " in done.stderr


def test_a_store_that_cannot_be_read_is_an_error_before_the_work(job: Job) -> None:
    options = ["--key", "k", "--every", "1", "--path", "ckpt"]
    done = job.run("keeper", "--store", "s3://b", *options, "--", "touch", "ran", PATH="/nonexistent")
    assert done.returncode == 1
    assert "needs the command aws" in done.stderr
    for path, status in (("../x", 1), (".", 1), ("/etc", 1)):
        argv = ["--store", "../s", "--key", "k", "--every", "1", "--path", path, "--", "touch", "ran"]
        assert job.run("keeper", *argv).returncode == status
    assert (
        job.run(
            "keeper", "--store", "../s", "--key", "k", "--every", "0", "--path", "x", "--", "touch", "ran"
        ).returncode
        == 2
    )
    assert list(job.folder.iterdir()) == []


def test_a_command_that_cannot_start(job: Job) -> None:
    done = job.run("keeper", "--store", "../s", "--key", "k", "--every", "1", "--path", "x", "--", "no-such-command")
    assert (done.returncode, done.stderr) == (127, 'headrace: command "no-such-command" was not found\n')
