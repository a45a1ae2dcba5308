"""Runs one step of an MML experiment in a job, so that it can stop at any moment and go on in the next attempt.

    step.py run --project P --id ID [--take TAR]... [--give TAR --keep PATTERN...] [--only KEYS] [--sweep] -- mml WORD...
    step.py collect [--take TAR]... [--metrics FILE] [--remove KEY]... [--give TAR --keep PATTERN...] --project P...

Standard library only, Python 3.8 and later; a first job hands it on to all others. Its rules are those of
mml-core 1.0.4: a run that has prepared itself is continued, one that has not is wiped and begun anew, one that is
finished is left alone; MML ends with 0 when it is asked to stop, so that only its log tells what it did.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import importlib
import importlib.util
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from typing import Any

WORK = ".mml"
LONGEST_TEMPORARY = 50  # characters: workers meet at sockets in it, whose paths have 107 at most
UNFINISHED = 75  # EX_TEMPFAIL: what is retried
ROOT_FILE = ".root"
FOLDERS = {
    "backup": "BACKUP",
    "blueprint": "BLUEPRINTS",
    "img_examples": "IMG_EXAMPLES",
    "models": "MODELS",
    "parameters": "PARAMETERS",
    "pipeline": "PIPELINES",
    "predictions": "PREDICTIONS",
    "sample_grid": os.path.join("PLOTS", "sample_grid"),
}
SKIPPED = ("CHECKPOINTS", "TEMP", "lock.tmp", ROOT_FILE)

# Checkpoints name files by absolute paths: those of another machine's folder are written anew. It needs torch.
MOVE_CHECKPOINT = "\n".join(
    (
        "import sys, torch",
        "old, new, *files = sys.argv[1:]",
        "def moved(value):",
        "    if isinstance(value, str):",
        "        return new + value[len(old):] if value.startswith(old) else value",
        "    if isinstance(value, dict):",
        "        return {moved(key): moved(item) for key, item in value.items()}",
        "    return [moved(item) for item in value] if isinstance(value, list) else value",
        "for file in files:",
        '    held = torch.load(file, map_location="cpu", weights_only=False)',
        '    held["callbacks"] = moved(held.get("callbacks") or {})',
        "    torch.save(held, file)",
    )
)


def say(text: str) -> None:
    print(f"mml step: {text}", file=sys.stderr, flush=True)


class Place:
    """Where a job keeps data and results: folders of the job, or those that its variables name."""

    def __init__(self) -> None:
        work = os.path.abspath(WORK)
        self.data = os.environ.get("MML_DATA_PATH") or os.path.join(work, "data")
        self.results = os.environ.get("MML_RESULTS_PATH") or os.path.join(work, "results")
        self.is_own = not os.environ.get("MML_RESULTS_PATH")
        self.work = work
        for folder in (self.data, self.results, work):
            os.makedirs(folder, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """MML's variables; those that are set already stay."""
        file = os.path.join(self.work, "mml.env")
        if not os.environ.get("MML_ENV_PATH"):
            open(file, "a").close()
        workers = os.environ.get("MML_LOCAL_WORKERS") or str(max(1, min(8, (os.cpu_count() or 2) - 1)))
        configs = os.environ.get("MML_CONFIGS_PATH") or "DEFAULT_CONF_PATH"
        if configs != "DEFAULT_CONF_PATH":
            configs = self.whole(os.path.abspath(configs))
        return {
            "MML_ENV_PATH": file,
            "MML_CONFIG_NAME": "config_mml",
            "MML_CLUSTER_DATA_PATH": self.data,
            "MML_CLUSTER_RESULTS_PATH": self.results,
            "MML_CLUSTER_WORKERS": workers,
            "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1",
            "HF_HOME": os.path.join(self.work, "huggingface"),
            **os.environ,
            "MML_DATA_PATH": self.data,
            "MML_RESULTS_PATH": self.results,
            "MML_LOCAL_WORKERS": workers,
            "MML_CONFIGS_PATH": configs,
        }

    def whole(self, configs: str) -> str:
        """A tree of configurations that MML can begin with: one without a root is laid over MML's own."""
        if os.path.exists(os.path.join(configs, "config_mml.yaml")):
            return configs
        found = importlib.util.find_spec("mml")
        if found is None or not found.submodule_search_locations:
            say(f"mml is not there, whose configurations {configs} goes with")
            return configs
        whole = os.path.join(self.work, "configs")
        for source in (os.path.join(next(iter(found.submodule_search_locations)), "configs"), configs):
            shutil.copytree(source, whole, dirs_exist_ok=True)
        return whole


# ------------------------------------------------------------------------------------------------------ what travels


def take(place: Place, tars: list[str], resumed: bool = False) -> None:
    """Unpack what earlier jobs left, in the order given: a later one has the newer files.

    A step that goes on keeps the results that it has: it may have written into those of others.
    """
    roots = {"data": place.data, "results": place.results}
    for path in tars:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                kind, _, name = member.name.partition("/")
                if kind not in roots or not name or not member.isfile() or ".." in name.split("/"):
                    continue
                target = os.path.join(roots[kind], name)
                if resumed and kind == "results" and os.path.exists(target):
                    continue
                os.makedirs(os.path.dirname(target), exist_ok=True)
                content = tar.extractfile(member)
                if content is None:
                    continue
                with open(target + ".partial", "wb") as file:
                    shutil.copyfileobj(content, file, 1 << 20)
                os.replace(target + ".partial", target)
        say(f"took {path}")


def give(place: Place, tar_path: str, patterns: list[str]) -> None:
    """Pack files into one tar: their names hold ? and +, which not every store of artifacts takes."""
    os.makedirs(os.path.dirname(tar_path) or ".", exist_ok=True)
    names = sorted({name for pattern in patterns for name in matching(place, pattern)})
    with tarfile.open(tar_path + ".partial", "w", format=tarfile.PAX_FORMAT) as tar:
        for name, path in names:
            info = tar.gettarinfo(os.path.realpath(path), name)
            if info is None or not info.isfile():
                continue
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            with open(path, "rb") as file:
                tar.addfile(info, file)
    os.replace(tar_path + ".partial", tar_path)
    say(f"left {len(names)} file(s) in {tar_path}")


def matching(place: Place, pattern: str) -> list[tuple[str, str]]:
    """The files below what a pattern names (`results/PROJECT`, `data/RAW/*/TASK_*.json`), with their names in a tar.

    Only `*` is special: task names hold ? and brackets stand in none.
    """
    kind, _, rest = pattern.partition("/")
    root = place.data if kind == "data" else place.results
    words = "*".join(glob.escape(piece) for piece in rest.split("*"))
    found = []
    for path in glob.glob(os.path.join(glob.escape(root), words)):
        for folder, folders, files in os.walk(path) if os.path.isdir(path) else [(os.path.dirname(path), [], [path])]:
            folders[:] = [one for one in folders if one not in SKIPPED]
            for file in files:
                whole = os.path.join(folder, os.path.basename(file))
                if os.path.basename(file) not in SKIPPED:
                    found.append((kind + "/" + os.path.relpath(whole, root).replace(os.sep, "/"), whole))
    return found


# ------------------------------------------------------------------------------------------------------------ the run


class Run:
    """The run folder of a step, and how far it has come."""

    def __init__(self, place: Place, project: str, run_id: str) -> None:
        self.place = place
        self.project, self.id = project, run_id
        self.folder = os.path.join(place.results, project, "runs", "ci", run_id)

    def file(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def log(self) -> list[str]:
        try:
            with open(self.file("scheduler_log.txt"), encoding="utf-8") as file:
                return [line.strip() for line in file]
        except OSError:
            return []

    @property
    def is_finished(self) -> bool:
        plan = os.path.exists(self.file("scheduler_plan.txt"))
        return not plan and any(line.startswith("method: finish_exp") for line in self.log())

    @property
    def is_begun(self) -> bool:
        held = all(os.path.exists(self.file(name)) for name in ("scheduler_plan.txt", "task_dump.json"))
        return held and any(line.startswith("method: prepare_exp") for line in self.log())

    def steps(self) -> int:
        return sum(line.startswith("method: ") for line in self.log())

    def wipe(self) -> None:
        """Begin anew. A project of this job alone goes as a whole, or its files would be numbered on."""
        shutil.rmtree(os.path.join(self.place.results, self.project) if self.place.is_own else self.folder, True)

    def reopen(self) -> None:
        """Make an interrupted run fit to be continued: here, and by nobody else."""
        lock = self.file("lock.tmp")
        if os.path.exists(lock):
            os.unlink(lock)
        checkpoints = glob.glob(os.path.join(glob.escape(self.folder), "CHECKPOINTS", "*", "*.ckpt"))
        whole = [path for path in checkpoints if os.path.exists(path) and is_whole(path)]
        for path in set(checkpoints) - set(whole):
            say(f"left out a checkpoint that is not whole: {os.path.basename(path)}")
            os.unlink(path)
        self.move([path for path in whole if not os.path.islink(path)])

    def move(self, checkpoints: list[str]) -> None:
        """Write absolute paths anew where the results lie elsewhere than when the run was begun."""
        note = os.path.join(self.place.results, ROOT_FILE)
        try:
            with open(note, encoding="utf-8") as file:
                old = file.read()
        except OSError:
            return
        new = self.place.results
        if old == new:
            return
        say(f"the results were at {old} before, they are at {new} now")
        dump = self.file("task_dump.json")
        with open(dump, encoding="utf-8") as file:
            held = json.load(file)
        with open(dump, "w", encoding="utf-8") as file:
            json.dump(moved(held, old, new), file)
        created = self.file("created_paths.txt")
        if os.path.exists(created):
            with open(created, encoding="utf-8") as file:
                text = file.read()
            with open(created, "w", encoding="utf-8") as file:
                file.write(text.replace(":" + old, ":" + new))
        if checkpoints:
            line = [sys.executable, "-c", MOVE_CHECKPOINT, old, new, *checkpoints]
            if subprocess.run(line, check=False).returncode:
                say("the checkpoints' own paths could not be written anew")
        self.note()

    def note(self) -> None:
        with open(os.path.join(self.place.results, ROOT_FILE), "w", encoding="utf-8") as file:
            file.write(self.place.results)


def moved(value: object, old: str, new: str) -> object:
    """JSON data with paths below the old folder put below the new one."""
    if isinstance(value, str):
        return new + value[len(old) :] if value == old or value.startswith(old + "/") else value
    if isinstance(value, list):
        return [moved(item, old, new) for item in value]
    if isinstance(value, dict):
        return {key: moved(item, old, new) for key, item in value.items()}
    return value


def is_whole(path: str) -> bool:
    """Whether a checkpoint was written to its end: torch's are zip files, whose table comes last."""
    return zipfile.is_zipfile(path)


def command(run: Run, words: list[str], only: str | None) -> list[str]:
    """The line that begins the run, or that continues it."""
    start = words[:1]
    if only:
        start = [sys.executable, os.path.abspath(__file__), "launch"]
    if not run.is_begun:
        return [*start, *words[1:], "hydra.run.dir=${proj_path}/runs/ci/" + run.id]
    kept = [word for word in words[2:] if word.startswith(("preprocessing=", "sys="))]
    # The run's own folder is never named here: MML deletes the folder that Hydra makes for the new call.
    return [*start, words[1], *kept, "proj=" + run.project, "continue=ci/" + run.id]


def call(line: list[str], environment: dict[str, str]) -> int:
    """Run a command and pass on what asks it to stop; its status, 128 + n where signal n ended it."""
    say("runs " + " ".join(word if len(word) < 200 else "..." for word in line))
    short = None
    if len(tempfile.gettempdir()) > LONGEST_TEMPORARY and os.path.isdir("/tmp"):
        short = tempfile.mkdtemp(prefix="mml-", dir="/tmp")
        environment = {**environment, "TMPDIR": short}
    try:
        return guarded(line, environment)
    finally:
        if short is not None:
            shutil.rmtree(short, ignore_errors=True)


def guarded(line: list[str], environment: dict[str, str]) -> int:
    child: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _frame: object) -> None:
        for one in child:
            one.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)
    try:
        child.append(subprocess.Popen(line, env=environment, stdin=subprocess.PIPE))
    except OSError as error:
        say(f"{line[0]} can't be started: {error}")
        return 127
    answer(child[0], line)
    status = child[0].wait()
    return 128 - status if status < 0 else status


def step(options: argparse.Namespace) -> int:
    place = Place()
    environment = place.environment()
    if options.only:
        environment["MML_ONLY"] = options.only
    words = options.command
    run = Run(place, options.project, options.id)
    if options.sweep:
        take(place, options.take)
        status = search(place, options.project, words, environment)
        if status == 0:
            finish(place, options)
        return status
    if run.is_finished:
        say(f"{options.project} is finished already")
    else:
        if run.is_begun:
            say(f"{options.project} goes on after {run.steps()} step(s)")
            take(place, options.take, resumed=True)
            run.reopen()
        else:
            run.wipe()
            take(place, options.take)
            run.note()
        line = command(run, words, options.only)
        status = call(line, environment)
        if status:
            return status
        if not run.is_finished:
            say(f"{options.project} was asked to stop: {run.steps()} step(s) are done")
            return UNFINISHED
    finish(place, options)
    return 0


def search(place: Place, project: str, words: list[str], environment: dict[str, str]) -> int:
    """Run the trials that are left of a search. Where its study is in a storage, those of earlier attempts count.

    Without a storage the study died with the process, so that the search begins anew.
    """
    root = os.path.join(place.results, project, "hpo")
    said = dict(word.split("=", 1) for word in words if "=" in word)
    trials = int(said["hpo.trials"])
    if said.get("hpo.storage", "null") == "null" and not any(word.startswith("hpo=") for word in words):
        shutil.rmtree(root, ignore_errors=True)
    held = os.path.isdir(root)
    left = trials - ended(root)
    if held and left <= 0:
        say(f"{project} is finished already")
        return 0
    if held:
        say(f"{project} goes on after {trials - left} trial(s)")
    attempt = len(os.listdir(root)) if held else 0
    folder = "${proj_path}/hpo/ci" + (f"-{attempt}" if attempt else "")
    changed = {"hpo.trials": str(left), "hydra.sweep.dir": folder}
    keys = [(word, word.partition("=")[0]) for word in words]
    status = call([f"{key}={changed[key]}" if key in changed else word for word, key in keys], environment)
    if status == 0 and not glob.glob(os.path.join(glob.escape(root), "*", "optimization_results.yaml")):
        done = ended(root)
        if done < trials:
            say(f"{project} was asked to stop: {done} of {trials} trial(s) are done")
            return UNFINISHED
    return status


def ended(root: str) -> int:
    """The trials below a search's folder that came to a value."""
    return len(glob.glob(os.path.join(glob.escape(root), "*", "*", "return_val.txt")))


def finish(place: Place, options: argparse.Namespace) -> None:
    if options.give:
        give(place, options.give, options.keep)


def answer(child: subprocess.Popen[bytes], line: list[str]) -> None:
    """Whether to upgrade is asked, and the pipeline has been told to; nothing else finds an answer."""
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.write(b"y\n" if line[1] in ("upgrade", "downgrade") else b"")
            child.stdin.close()


# ------------------------------------------------------------------------------------------- one step of a longer plan


def launch(words: list[str]) -> int:
    """Call MML with a schedule that holds only the steps of MML_ONLY: `train_fold:TASK:2;...`, in the plan's order.

    The schedule is cut where it is made, so that plan, log and `continue` agree.
    """
    wanted = os.environ["MML_ONLY"].split(";")
    scheduler: Any = importlib.import_module("mml.core.scripts.schedulers.base_scheduler").AbstractBaseScheduler
    begin = scheduler.__init__

    def begin_cut(self: Any, cfg: Any, available_subroutines: list[str]) -> None:
        whole = self.create_routine

        def create_routine() -> None:
            first = len(self.commands)
            whole()
            pairs = [(self.commands[at], self.params[at]) for at in range(first, len(self.commands))]
            kept = [pair for pair in pairs if key_of(*pair) in wanted]
            if len(kept) != len(wanted):
                raise RuntimeError(f"the schedule holds {len(kept)} of the steps {wanted}")
            self.commands[first:] = [one for one, _ in kept]
            self.params[first:] = [one for _, one in kept]

        self.create_routine = create_routine
        begin(self, cfg=cfg, available_subroutines=available_subroutines)

    def key_of(method: Any, params: list[Any]) -> str:
        return ":".join([method.__name__, *map(str, params)])

    scheduler.__init__ = begin_cut
    sys.argv = ["mml", *words]
    importlib.import_module("mml.cli").main()
    return 0


# ---------------------------------------------------------------------------------------------------------- what is left


def collect(options: argparse.Namespace) -> int:
    """Gather results of several jobs: their metrics as one file, and what is not to be kept taken away."""
    place = Place()
    take(place, options.take)
    if options.metrics:
        found = metrics(place, options.project)
        os.makedirs(os.path.dirname(options.metrics) or ".", exist_ok=True)
        with open(options.metrics, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=1)
            file.write("\n")
        for one in found:
            if "slice" not in one:
                say(f"{one['key']} = {one['value']}")
    for project in options.project:
        for key in options.remove:
            shutil.rmtree(os.path.join(place.results, project, FOLDERS[key]), True)
    finish(place, options)
    return 0


def metrics(place: Place, projects: list[str]) -> list[dict[str, object]]:
    """`performance` (the loss on the validation split), `training_time` and the last value of each metric: their means
    over all models, and by task and fold."""
    found: list[dict[str, object]] = []
    values: dict[str, list[float]] = {}
    for project in projects:
        for kind in ("MODELS", "ENSEMBLES"):
            pattern = os.path.join(glob.escape(os.path.join(place.results, project)), kind, "*", "*.json")
            for path in sorted(glob.glob(pattern)):
                with open(path, encoding="utf-8") as file:
                    model = json.load(file)
                parts = {"project": project, "task": os.path.basename(os.path.dirname(path))}
                if model.get("fold") is not None:
                    parts["fold"] = str(model["fold"])
                for key, value in measured(model).items():
                    name = key if kind == "MODELS" else "ensemble_" + key
                    found.append({"key": name, "slice": parts, "value": value})
                    values.setdefault(name, []).append(value)
    whole: list[dict[str, object]] = [
        {"key": name, "value": sum(held) / len(held)} for name, held in sorted(values.items())
    ]
    if not whole:
        say("there is no model to take metrics from")
    return [*whole, *found]


def measured(model: dict[str, Any]) -> dict[str, float]:
    held: dict[str, Any] = {key: model.get(key) for key in ("performance", "training_time")}
    listed = model.get("metrics")
    for epoch in listed if isinstance(listed, list) else [listed]:
        for name, value in (epoch or {}).items():
            phase, _, rest = str(name).partition("/")
            held[f"{phase}_{rest.rpartition('/')[2]}" if rest else phase] = value
    return {
        re.sub(r"[^\w.-]", "_", key): float(value)
        for key, value in held.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    }


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["launch"]:
        return launch(arguments[1:])
    parser = argparse.ArgumentParser(prog="step", allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("run", "collect"):
        made = verbs.add_parser(verb, allow_abbrev=False)
        made.add_argument("--take", action="append", default=[])
        made.add_argument("--give")
        made.add_argument("--keep", action="append", default=[])
        if verb == "run":
            made.add_argument("--project", required=True)
            made.add_argument("--id", required=True)
            made.add_argument("--only")
            made.add_argument("--sweep", action="store_true")
            made.add_argument("command", nargs="+")
        else:
            made.add_argument("--project", action="append", default=[])
            made.add_argument("--metrics")
            made.add_argument("--remove", action="append", default=[], choices=sorted(FOLDERS))
    options = parser.parse_args(arguments)
    return step(options) if options.verb == "run" else collect(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
