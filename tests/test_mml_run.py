"""MML's experiments run on this machine, by a stand-in for the command `mml` that looks at its words and files."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import venv
from pathlib import Path

import pytest

from compiler.frontends.mml.project import script as traveling
from compiler.frontends.mml.scripts import step
from compiler.ir import Environment
from targets.local import environments, pythons
from tests.local_runs import GIT, ROOT

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
SETTINGS = f'name: skin\nenvironment: {{image: "none.invalid/mml", python: "{VERSION}"}}\ncheckpoints: 1s\nretry: 0\n'
NESTED = (
    SETTINGS.replace("1s", "false")
    + """
mml:
  tasks: {mml_fake_task: {folds: 2}}
  runs:
    - mml create task_list=[mml_fake_task]
    - mml pp task_list=[mml_fake_task] preprocessing=size224
    - name: base
      mode: train
      overrides: [proj=exp, pivot.name=mml_fake_task, "mode.subroutines=[train,predict,test]", preprocessing=size224,
                  remove.parameters=true]
      objectives: [performance <= 0.5, test_loss == 0.25]
    - mml post proj=ens pivot.name=mml_fake_task reuse.models=exp
    - mml clean task_list=[mml_fake_task]
"""
)
FOLDS = (
    SETTINGS
    + """
mml:
  tasks: {mml_fake_task: {folds: 2}}
  runs:
    - mml create task_list=[mml_fake_task]
    - mml train proj=exp pivot.name=mml_fake_task mode.nested=false mode.subroutines=[train,predict]
    - mml test proj=last pivot.name=mml_fake_task mode.nested=false reuse.models=exp
"""
)


class Place:
    """A repository with an experiment, and a `mml` on the path."""

    def __init__(self, folder: Path, manifest: str, cache: Path, **env: str) -> None:
        self.folder, self.cache = folder / "repository", cache
        make_environment(cache)
        self.folder.mkdir()
        programs, packages = folder / "bin", folder / "packages"
        programs.mkdir()
        (programs / "mml").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "import mml.cli; mml.cli.main()" "$@"\n')
        (programs / "mml").chmod(0o755)
        modules = {"mml/cli": "main", "mml/core/scripts/schedulers/base_scheduler": "AbstractBaseScheduler"}
        for module, name in modules.items():
            file = packages / f"{module}.py"
            file.parent.mkdir(parents=True)
            file.write_text(f"from tests.mml_standin import {name}\n__all__ = ['{name}']\n")
        said = json.dumps({"PYTHONPATH": f"{ROOT}:{packages}", **env})
        text = manifest.replace("mml:\n", f"env: {said}\nmml:\n", 1)
        (self.folder / "mml.yaml").write_text(text, encoding="utf-8")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HEADRACE_", "MML_"))}
        path = f"{programs}:{os.environ['PATH']}"
        self.env = {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "HEADRACE_CACHE": str(cache)}
        for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
            subprocess.run([*GIT, *words], cwd=self.folder, check=True)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "compiler", "run", "--engine", "none"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self) -> tuple[int, str]:
        process = self.start()
        out, _ = process.communicate(timeout=120)
        return process.returncode, out

    def left(self, job: str, file: str) -> Path:
        """What a job left, from the kept results."""
        for result in self.cache.glob("results/??/*/result.json"):
            if json.loads(result.read_text())["instance"] == job:
                (tar,) = result.parent.glob("*.tar")
                target = self.cache / "seen" / job
                with tarfile.open(tar) as archive:
                    archive.extractall(target, filter="data")
                return target / file
        raise AssertionError(f"{job} left nothing")


def make_environment(cache: Path) -> None:
    """The Python that the jobs ask for, without pip: to install that takes as long as all the jobs together."""
    version = pythons.find(VERSION).version
    folder = cache / "environments" / environments._digest(Environment(name="mml", python=VERSION), version, {})
    if not folder.exists():
        venv.create(folder, symlinks=True, with_pip=False)
        (folder / environments._COMPLETE).touch()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_an_experiment_runs_from_the_data_set_to_the_ensemble(tmp_path: Path, cache: Path) -> None:
    place = Place(tmp_path, NESTED, cache)
    status, out = place.run()
    assert status == 0, out
    metrics = json.loads(place.left("base-results", ".mml/metrics/base.json").read_text())
    means = {one["key"]: one["value"] for one in metrics if "slice" not in one}
    assert means == {"performance": 0.5, "training_time": 1.0, "val_loss": 0.5, "test_loss": 0.25}
    with tarfile.open(place.left("base-results", ".mml/out/base-results.tar")) as tar:
        names = tar.getnames()
    assert not [name for name in names if "/PARAMETERS/" in name], "what `remove` names is gone"
    assert "results/exp__f1/MODELS/mml_fake_task+nested?1/model_storage_0001.json" in names
    with tarfile.open(place.left("post-mml-fake-task", ".mml/out/post-mml-fake-task.tar")) as tar:
        ensemble = tar.extractfile("results/ens__post/ENSEMBLES/mml_fake_task/ensemble_0001.json")
        assert ensemble is not None
        assert json.load(ensemble)["members"] == [f"mml_fake_task+nested?{fold}" for fold in range(2)]


def test_a_run_that_is_killed_goes_on_in_the_middle_of_a_step(tmp_path: Path, cache: Path) -> None:
    """Folds without nesting, so that the launcher picks each step, before the kill and after it."""
    place = Place(tmp_path, FOLDS, cache, STANDIN_EPOCHS="5", STANDIN_SECONDS="0.5")
    process = place.start()
    end = time.monotonic() + 90
    while time.monotonic() < end and not saved(cache):
        time.sleep(0.1)
    assert saved(cache), "no checkpoint was saved"
    for number in [*descendants(process.pid), process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.communicate()
    status, out = place.run()
    assert status == 0, out
    assert re.search(r"exp__f\d goes on after 1 step\(s\)", out)
    assert "the results were at" in out, "the second run has a folder of its own"
    assert "standin: goes on after epoch" in out
    assert not saved(cache), "what is finished needs no checkpoint"
    metrics = json.loads(place.left("test-mml-fake-task-results", ".mml/metrics/test-mml-fake-task.json").read_text())
    folds = {(one["slice"]["fold"], one["key"]) for one in metrics if "slice" in one}
    assert {fold for fold, key in folds if key == "performance"} == {"0", "1"}
    assert [fold for fold, key in folds if key == "test_loss"] == ["1"], "the newest model is tested"


def saved(cache: Path) -> list[Path]:
    """Checkpoints that hold one of training."""
    found = []
    for path in cache.glob("checkpoints/*/*.tar"):
        try:
            with tarfile.open(path) as tar:
                found += [path] if any(name.endswith("last.ckpt") for name in tar.getnames()) else []
        except (OSError, tarfile.TarError):
            continue
    return found


def descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children: dict[int, list[int]] = {}
    for line in listed.splitlines():
        one, parent = map(int, line.split())
        children.setdefault(parent, []).append(one)
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found[1:]


# ------------------------------------------------------------------------------------------------- the script by itself


def call(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    script = folder / "step.py"
    script.write_text(traveling())
    return subprocess.run(
        [sys.executable, str(script), "run", "--project", "p", "--id", "step", *words],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def program(folder: Path, text: str) -> str:
    """A `mml` that does what the text says in its run folder, which it finds or makes."""
    file = folder / "mml"
    lines = (
        "#!/bin/sh\n"
        'echo "$@" >> calls\n'
        'run="$MML_RESULTS_PATH/p/runs/ci/step"; mkdir -p "$run"\n'
        'log() { echo "method: $1 / []" >> "$run/scheduler_log.txt"; }\n'
    )
    file.write_text(lines + text)
    file.chmod(0o755)
    return str(file)


def test_a_step_that_was_asked_to_stop_is_to_be_tried_again(tmp_path: Path) -> None:
    """MML ends with 0 then: its log alone tells."""
    stops = "log prepare_exp; touch $run/scheduler_plan.txt $run/task_dump.json $run/lock.tmp; echo '[]' > $run/task_dump.json\n"
    mml = program(tmp_path, stops)
    first = call(tmp_path, "--", mml, "train", "a.b=1", "preprocessing=x")
    assert first.returncode == step.UNFINISHED, first.stderr
    mml = program(
        tmp_path, 'test ! -e "$run/lock.tmp" || exit 9\nlog train; log finish_exp; rm $run/scheduler_plan.txt\n'
    )
    second = call(tmp_path, "--", mml, "train", "a.b=1", "preprocessing=x")
    assert second.returncode == 0, second.stderr
    third = call(tmp_path, "--", mml, "train", "a.b=1", "preprocessing=x")
    assert third.returncode == 0
    begun, continued = (tmp_path / "calls").read_text().splitlines()
    assert begun == "train a.b=1 preprocessing=x hydra.run.dir=${proj_path}/runs/ci/step"
    assert continued == "train preprocessing=x proj=p continue=ci/step", "never the folder of the run that is continued"


def test_a_step_that_was_not_prepared_begins_anew(tmp_path: Path) -> None:
    mml = program(
        tmp_path,
        "touch $run/scheduler_plan.txt; mkdir -p $MML_RESULTS_PATH/p/MODELS; touch $MML_RESULTS_PATH/p/MODELS/x\n",
    )
    assert call(tmp_path, "--", mml, "train").returncode == step.UNFINISHED
    program(tmp_path, "test ! -e $MML_RESULTS_PATH/p/MODELS || exit 9; log prepare_exp; log finish_exp\n")
    assert call(tmp_path, "--", mml, "train").returncode == 0
    assert "continue=" not in (tmp_path / "calls").read_text()


@pytest.mark.parametrize("status", [1, 3])
def test_a_step_that_fails_says_so(tmp_path: Path, status: int) -> None:
    assert call(tmp_path, "--", program(tmp_path, f"exit {status}\n"), "train").returncode == status


def test_names_with_question_marks_travel_in_one_tar(tmp_path: Path) -> None:
    text = 'log finish_exp\nmkdir -p "$MML_RESULTS_PATH/p/MODELS/a+nested?1" $run/CHECKPOINTS; echo new > "$MML_RESULTS_PATH/p/MODELS/a+nested?1/m?.json"; touch $run/CHECKPOINTS/x\n'
    mml = program(tmp_path, text)
    done = call(tmp_path, "--give", "out/p.tar", "--keep", "results/p", "--", mml, "train")
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "out" / "p.tar") as tar:
        names = tar.getnames()
    assert "results/p/MODELS/a+nested?1/m?.json" in names
    assert not [name for name in names if "CHECKPOINTS" in name]
    other = tmp_path / "other"
    other.mkdir()
    mml = program(other, 'log finish_exp\ncat "$MML_RESULTS_PATH/p/MODELS/a+nested?1/m?.json" > seen\n')
    assert call(other, "--take", "../out/p.tar", "--", mml, "predict").returncode == 0
    assert (other / "seen").read_text() == "new\n"


def search(folder: Path, *more: str, sweep: str = "1") -> subprocess.CompletedProcess[str]:
    """A search of three trials, of which every call of the stand-in ends as many as it says."""
    text = (
        'for word in "$@"; do case "$word" in hydra.sweep.dir=*) at="${word##*/}";; esac; done\n'
        f'for n in $(seq {sweep}); do mkdir -p "$MML_RESULTS_PATH/p/hpo/$at/$n"; '
        'echo 1 > "$MML_RESULTS_PATH/p/hpo/$at/$n/return_val.txt"; done\n'
    )
    words = ("hpo.trials=3", "hydra.sweep.dir=${proj_path}/hpo/ci", *more, "--multirun")
    return call(folder, "--sweep", "--", program(folder, text), "train", *words)


def test_a_search_in_a_storage_goes_on(tmp_path: Path) -> None:
    """Trials of earlier attempts count, and MML ends with 0 when it is asked to stop."""
    storage = "hpo.storage=sqlite:////srv/a=b.db"
    assert search(tmp_path, storage).returncode == step.UNFINISHED
    second = search(tmp_path, storage, sweep="2")
    assert second.returncode == 0
    assert "goes on after 1 trial(s)" in second.stderr
    assert search(tmp_path, storage).returncode == 0
    first, then = (tmp_path / "calls").read_text().splitlines()
    assert first.startswith("train hpo.trials=3 hydra.sweep.dir=${proj_path}/hpo/ci hpo.storage=")
    assert then.startswith("train hpo.trials=2 hydra.sweep.dir=${proj_path}/hpo/ci-1 hpo.storage=")
    assert then.endswith(" --multirun")


def test_a_search_without_a_storage_begins_anew(tmp_path: Path) -> None:
    """Its study was in the process that died."""
    assert search(tmp_path, "hpo.storage=null", sweep="2").returncode == step.UNFINISHED
    assert search(tmp_path, sweep="3").returncode == 0
    assert [line.split()[1] for line in (tmp_path / "calls").read_text().splitlines()] == ["hpo.trials=3"] * 2
    assert not (tmp_path / ".mml" / "results" / "p" / "hpo" / "ci-1").exists()


def test_a_tree_without_a_root_is_laid_over_mmls_own(tmp_path: Path) -> None:
    package = tmp_path / "packages" / "mml"
    (package / "configs" / "arch").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "configs" / "config_mml.yaml").write_text("a: 1\n")
    (package / "configs" / "arch" / "timm.yaml").write_text("b: 1\n")
    own = tmp_path / "own"
    (own / "arch").mkdir(parents=True)
    (own / "arch" / "tiny.yaml").write_text("c: 1\n")
    mml = program(tmp_path, 'log finish_exp; ls "$MML_CONFIGS_PATH" "$MML_CONFIGS_PATH/arch" > seen\n')
    given = {"MML_CONFIGS_PATH": "own", "PYTHONPATH": str(package.parent)}
    assert call(tmp_path, "--", mml, "train", **given).returncode == 0
    assert {"config_mml.yaml", "timm.yaml", "tiny.yaml"} <= set((tmp_path / "seen").read_text().split())
    (own / "config_mml.yaml").write_text("a: 2\n")
    shutil.rmtree(tmp_path / ".mml")
    assert call(tmp_path, "--", mml, "train", **given).returncode == 0
    assert "timm.yaml" not in (tmp_path / "seen").read_text(), "a whole tree is used as it is"


def test_paths_of_another_place_are_written_anew() -> None:
    held = [{"models": ["/a/results/p/m.json", "/a/results2/x"], "n": 1}]
    assert step.moved(held, "/a/results", "/b") == [{"models": ["/b/p/m.json", "/a/results2/x"], "n": 1}]


def test_the_script_that_travels_is_thetraveling() -> None:
    import ast

    def bare(text: str) -> str:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if (
                isinstance(body, list)
                and body
                and isinstance(body[0], ast.Expr)
                and isinstance(body[0].value, ast.Constant)
            ):
                node.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]
        return ast.dump(tree)

    source = Path(step.__file__).read_text(encoding="utf-8")
    assert bare(traveling()) == bare(source)
    assert len(traveling()) < len(source)
