"""A stand-in for the command `mml`: it takes the same words and files, makes the same schedule, and leaves the same traces.

It composes its configuration and its schedule by headrace's own planner, which the recorded schedules hold to MML's. What
it adds is what a step needs and leaves: it fails where a task, a model or a lock is not as MML wants it, continues as MML
does (and deletes what MML deletes), and ends with 0 when it is asked to stop. No step computes anything.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import signal
import sys
import time
import zipfile
from typing import Any

from compiler.frontends.mml import commandlines, composing, grammar
from compiler.frontends.mml.planner import Knowledge, Model, Plan, plan

grammar._hydra = None  # our own reading of the grammar: to start Hydra's parser costs more than all the rest of a call
FOLDS = 2
EPOCHS = int(os.environ.get("STANDIN_EPOCHS", "1"))
SECONDS = float(os.environ.get("STANDIN_SECONDS", "0"))  # an epoch's


def fail(text: str) -> None:
    print(f"standin: {text}", file=sys.stderr)
    sys.exit(1)


class AbstractBaseScheduler:
    """The part of MML's own class that a launcher takes hold of."""

    def __init__(self, cfg: Any, available_subroutines: list[str]) -> None:
        self.cfg, self.available = cfg, available_subroutines
        self.commands: list[Any] = [self.prepare_exp]  # type: ignore[attr-defined]
        self.params: list[list[Any]] = [[]]
        self.create_routine()  # type: ignore[attr-defined]
        self.commands.append(self.finish_exp)  # type: ignore[attr-defined]
        self.params.append([])


class Scheduler(AbstractBaseScheduler):
    def __init__(self, words: list[str]) -> None:
        line, errors = commandlines.read(words)
        if errors:
            fail(str(errors[0]))
        self.said = {override.key: override.value for override in line.overrides}
        for name in ("MML_ENV_PATH", "MML_DATA_PATH", "MML_RESULTS_PATH", "MML_LOCAL_WORKERS", "MML_CONFIG_NAME"):
            if name not in os.environ:
                fail(f"{name} is not set")
        if not os.path.isfile(os.environ["MML_ENV_PATH"]):
            fail("MML_ENV_PATH names no file")
        self.data, self.results = os.environ["MML_DATA_PATH"], os.environ["MML_RESULTS_PATH"]
        tree = composing.built_in(composing.plugins())
        known = [override for override in line.overrides if not override.key.startswith(("continue", "hydra."))]
        self.config, self.choices = composing.compose(tree, known)
        self.project = os.path.join(self.results, str(self.get("proj")))
        self.continued = self.said.get("continue")
        if self.continued:
            self.open_again()
        else:
            folder = str(self.said.get("hydra.run.dir", "${proj_path}/runs/now"))
            self.run = folder.replace("${proj_path}", self.project)
            os.makedirs(os.path.join(self.run, ".hydra"))
            with open(self.file(".hydra/words.json"), "w") as file:
                json.dump(words, file)
        self.lock()
        self.begin()

    def get(self, key: str) -> Any:
        return composing.get(self.config, key)

    def file(self, name: str) -> str:
        return os.path.join(self.run, name)

    def open_again(self) -> None:
        """MML makes a new run folder, deletes it, and reads the old configuration."""
        if "hydra.run.dir" in self.said:
            shutil.rmtree(str(self.said["hydra.run.dir"]).replace("${proj_path}", self.project))
            fail("the run that was to be continued was deleted")
        self.run = os.path.join(self.project, "runs", str(self.continued))
        if not os.path.isdir(self.run):
            fail(f"{self.run} is not there")
        with open(self.file(".hydra/words.json")) as file:
            line, _ = commandlines.read(json.load(file))
        asked = self.choices["mode"], self.choices.get("preprocessing")
        known = [override for override in line.overrides if not override.key.startswith("hydra.")]
        self.config, self.choices = composing.compose(composing.built_in(composing.plugins()), known)
        if asked != (self.choices["mode"], self.choices.get("preprocessing")):
            fail("mode and preprocessing are not those of the run that is continued")

    def lock(self) -> None:
        if os.path.exists(self.file("lock.tmp")):
            fail("Was not able to acquire the lock")
        open(self.file("lock.tmp"), "w").close()

    # ------------------------------------------------------------------------------------------------------ the schedule

    def create_routine(self) -> None:
        found = self.plan()
        if found.refusals:
            fail(found.refusals[0].message)
        self.tasks = found.tasks
        for step in found.steps[1:-1]:
            self.commands.append(getattr(self, step.method))
            self.params.append(list(step.params))

    def begin(self) -> None:
        super().__init__(cfg=self.config, available_subroutines=[])
        pairs = zip(self.commands, self.params, strict=True)
        lines = [f"method: {command.__name__} / {params}\n" for command, params in pairs]
        if not self.continued:
            with open(self.file("scheduler_plan.txt"), "w") as file:
                file.writelines(lines)
            self.note("HEADER\nTimepoint of beginning\nnow\nSTART\n")
            return
        if not os.path.exists(self.file("scheduler_plan.txt")):
            fail("Did not find any planned schedule. Has this run finished already?")
        with open(self.file("scheduler_plan.txt")) as file:
            if file.readlines() != lines:
                fail("Content of previous schedule and actual schedule differ")
        if not os.path.exists(self.file("task_dump.json")):
            fail("there is no task_dump.json")
        with open(self.file("scheduler_log.txt")) as file:
            done = sum(line.startswith("method:") for line in file)
        self.commands = [self.prepare_exp, *self.commands[done:]]
        self.params = [[], *self.params[done:]]
        self.note("HEADER\nTimepoint of continuation\nnow\nCONTINUE\n")

    def plan(self) -> Plan:
        index, folds = [], {}
        for path in glob.glob(os.path.join(glob.escape(self.data), "RAW", "*", "TASK_*.json")):
            with open(path) as file:
                task = json.load(file)
            index.append(task["name"])
            folds[task["name"]] = len(task["train_folds"])
        return plan(self.config, self.choices, Knowledge(index, folds=folds, models=self.models()))

    def models(self) -> list[Model]:
        self.storages: dict[str, list[dict[str, Any]]] = {}
        found = []
        said = self.get("reuse.models") or []
        for project in said if isinstance(said, list) else [said]:
            root = os.path.join(self.results, str(project))
            if not os.path.isdir(root):
                fail(f"specified project {project} for reuse of models not found")
            for path in sorted(glob.glob(os.path.join(glob.escape(root), "MODELS", "*", "*.json"))):
                with open(path) as file:
                    storage = {**json.load(file), "path": path}
                self.storages.setdefault(storage["task"], []).append(storage)
                found.append(Model(str(project), storage["task"], tuple(storage["predictions"])))
        return found

    def note(self, text: str) -> None:
        with open(self.file("scheduler_log.txt"), "a") as file:
            file.write(text)

    def go(self) -> None:
        for number, command in enumerate(self.commands):
            command(*self.params[number])
            if command.__name__ != "finish_exp":
                with open(self.file("task_dump.json"), "w") as file:
                    json.dump([{"name": task, "root": self.results + "/x"} for task in self.tasks], file)
            if not (self.continued and number == 0):
                self.note(f"method: {command.__name__} / {self.params[number]}\n")
        os.unlink(self.file("lock.tmp"))

    # ------------------------------------------------------------------------------------------------------------- steps

    def task_file(self, task: str) -> str | None:
        return next(iter(glob.glob(os.path.join(self.data, "RAW", "*", glob.escape(f"TASK_{task}.json")))), None)

    def write_task(self, folder: str, task: str, folds: int) -> None:
        with open(os.path.join(folder, f"TASK_{task}.json"), "w") as file:
            json.dump({"name": task, "train_folds": [["a"]] * folds}, file)

    def prepare_exp(self) -> None:
        if self.continued:
            with open(self.file("task_dump.json")) as file:
                if any(not one["root"].startswith(self.results) for one in json.load(file)):
                    fail("task_dump.json names files of another place")
            return
        for task in self.tasks if self.choices["mode"] not in ("create", "clean", "upgrade", "downgrade") else ():
            base = self.task_file(task.split("+")[0])
            if base is None:
                fail(f"Task {task} not listed in task index!")
            elif self.task_file(task) is None:
                self.write_task(os.path.dirname(base), task, 5)

    def prepare_dataset(self, dataset: str) -> None:
        os.makedirs(os.path.join(self.data, "RAW", f"DSET_{dataset}", "training_data"))
        with open(os.path.join(self.data, "RAW", f"DSET_{dataset}", "training_data", "0.png"), "w") as file:
            file.write("image")

    def create_task(self, task: str) -> None:
        folders = glob.glob(os.path.join(self.data, "RAW", "DSET_*"))
        if len(folders) != 1 or not os.path.exists(os.path.join(folders[0], "training_data", "0.png")):
            fail(f"Dataset not available to start preparing {task}.")
        self.write_task(folders[0], task, FOLDS)

    def preprocess_task(self, task: str) -> None:
        raw = self.task_file(task)
        if raw is None or not os.path.exists(os.path.join(os.path.dirname(raw), "training_data", "0.png")):
            fail(f"no images of {task}")
        elif self.get("allow_gpu"):
            fail("there is no GPU here")
        else:
            chosen = os.path.join(self.data, "PREPROCESSED", str(self.get("preprocessing.id")))
            shutil.copytree(os.path.dirname(raw), os.path.join(chosen, os.path.basename(os.path.dirname(raw))))

    def info_task(self, task: str) -> None:
        if self.task_file(task) is None:
            fail(f"{task} is not there")

    def images(self, task: str) -> None:
        chosen = str(self.get("preprocessing.id"))
        places = (os.path.join("PREPROCESSED", chosen), "RAW")
        found = [place for place in places if glob.glob(os.path.join(self.data, place, "DSET_*", "training_data", "*"))]
        if not found:
            fail(f"no images of {task}")

    def saved(self, *parts: str) -> str:
        path = os.path.join(self.project, *parts)
        if os.path.exists(path):
            fail(f"{path} is there already: a step ran twice in one project")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def train_fold(self, task: str, fold: int) -> None:
        self.images(task)
        checkpoints = self.file(f"CHECKPOINTS/train_fold--{task}_{fold}_now")
        os.makedirs(checkpoints, exist_ok=True)
        done = 0
        if os.path.exists(checkpoints + "/last.ckpt"):
            with zipfile.ZipFile(checkpoints + "/last.ckpt") as archive:
                done = int(archive.read("epoch"))
            print(f"standin: goes on after epoch {done}")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as lightning does: nothing tells that it is unfinished
        for epoch in range(done, EPOCHS):
            time.sleep(SECONDS)
            with zipfile.ZipFile(checkpoints + "/last.ckpt.new", "w") as archive:
                archive.writestr("epoch", str(epoch + 1))
            os.replace(checkpoints + "/last.ckpt.new", checkpoints + "/last.ckpt")
            print(f"standin: epoch {epoch + 1}", flush=True)
        name = f"fold_{fold}_0001.json" if fold else "model_storage_0001.json"
        parameters = self.saved("PARAMETERS", task, "model_0001.pth")
        pipeline = self.saved("PIPELINES", task, "pipeline_0001.yaml")
        for path in (parameters, pipeline):
            with open(path, "w") as file:
                file.write(task)
        relative = [os.path.relpath(path, self.results) for path in (parameters, pipeline)]
        storage = {"parameters": relative[0], "pipeline": relative[1], "task": task, "fold": fold, "predictions": {}}
        storage |= {"performance": 0.5 + fold / 10, "training_time": 1.0, "metrics": [{f"val/{task}/loss": 0.5}]}
        with open(self.saved("MODELS", task, name), "w") as file:
            json.dump(storage, file)

    def model(self, task: str, fold: int | None = None) -> dict[str, Any]:
        choices = [one for one in self.storages.get(task, ()) if fold is None or one["fold"] == fold]
        if not choices:
            fail(f"Did not find any existing model storage for task {task} and fold {fold}.")
        storage = choices[-1]
        for key in ("parameters", "pipeline"):
            if not os.path.exists(os.path.join(self.results, storage[key])):
                fail(f"{storage[key]} is not there")
        return storage

    def store(self, storage: dict[str, Any]) -> None:
        with open(storage["path"], "w") as file:
            json.dump({key: value for key, value in storage.items() if key != "path"}, file)

    def predict_fold(self, task: str, fold: int, other: str | None) -> None:
        storage = self.model(task, fold)
        evaluated = other or task
        self.images(evaluated)
        path = self.saved("PREDICTIONS", evaluated, f"preds-fold-{fold}_0001.pt")
        with open(path, "w") as file:
            file.write("logits")
        storage["predictions"][evaluated] = os.path.relpath(path, self.results)
        self.store(storage)

    def test_task(self, task: str, other: str | None) -> None:
        storage = self.model(task)
        storage["metrics"].append({f"test/{other or task}/loss": 0.25})
        self.store(storage)

    def calibrate_predictions(self, task: str, index: int) -> None:
        storage = self.storages[task][index]
        with open(os.path.join(self.results, storage["predictions"][str(self.get("pivot.name"))]), "a") as file:
            file.write(" calibrated")

    def select_ensemble(self) -> None:
        with open(self.saved("ENSEMBLES", str(self.get("pivot.name")), "ensemble_0001.json"), "w") as file:
            json.dump({"performance": 0.4, "metrics": {}, "members": sorted(self.storages)}, file)

    def remove_temp_files(self, task: str) -> None:
        if not self.get("mode.force"):
            fail(f"nobody answers whether the files of {task} may go")

    def remove_downloads(self, dataset: str) -> None:
        self.remove_temp_files(dataset)
        shutil.rmtree(os.path.join(self.data, "DOWNLOADS", dataset), ignore_errors=True)

    def finish_exp(self) -> None:
        os.unlink(self.file("scheduler_plan.txt"))
        shutil.rmtree(self.file("CHECKPOINTS"), ignore_errors=True)


def main() -> None:
    Scheduler(sys.argv[1:]).go()
