"""examples/churn does for real what its manifest says: every job is run, with only the files that it may count on."""

from __future__ import annotations

import csv
import importlib.util
import json
import operator
import os
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml

EXAMPLES = Path(__file__).parent.parent / "examples"
CHURN = EXAMPLES / "churn"
SCRIPTS = ("fetch.py", "prepare.py", "train.py", "evaluate.py", "serve.py", "smoke.py")
SECONDS = 60

needs_numpy = pytest.mark.skipif(importlib.util.find_spec("numpy") is None, reason="NumPy is not installed")


def read_manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((folder / "headrace.yaml").read_text(encoding="utf-8"))
    return manifest


def copy_sources(target: Path) -> Path:
    """What a commit holds: nothing that .gitignore names, nothing that Python or uv leave behind."""
    made = [line.strip("/") for line in (CHURN / ".gitignore").read_text().splitlines()]
    shutil.copytree(CHURN, target, ignore=shutil.ignore_patterns("__pycache__", ".venv", *made))
    return target


class Hand:
    """Runs the manifest's jobs as a person would, one after the other, each in a folder of its own."""

    def __init__(self, folder: Path, **parameters: object) -> None:
        self.folder = folder
        self.manifest = read_manifest(CHURN)
        self.jobs: dict[str, dict[str, Any]] = self.manifest["jobs"]
        defaults = {name: spec["default"] for name, spec in self.manifest["parameters"].items()}
        self.parameters = {**defaults, **parameters}
        self.order: list[str] = []
        # A script and not a link: through a link, Python would not find the packages of its virtual environment.
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        (self.bin / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (self.bin / "python").chmod(0o755)

    def run_all(self) -> Hand:
        while len(self.order) < len(self.jobs):
            ready = [n for n in self.jobs if n not in self.order and self.producers(n) <= set(self.order)]
            assert ready, "the jobs wait for each other"
            self.run_job(ready[0])
            self.order.append(ready[0])
        return self

    def producers(self, job: str) -> set[str]:
        datasets = self.jobs[job].get("datasets", [])
        return {*self.jobs[job].get("needs", []), *(self.manifest["datasets"][d]["produced_by"] for d in datasets)}

    def outputs(self, job: str) -> list[str]:
        """The paths that a job writes, those of all legs of its matrix included."""
        declared = [o["path"] if isinstance(o, dict) else o for o in self.jobs[job].get("outputs", [])]
        declared += [d["path"] for d in self.manifest["datasets"].values() if d["produced_by"] == job]
        return list(dict.fromkeys(self.fill(path, leg) for path in declared for leg in self.legs(job)))

    def legs(self, job: str) -> list[dict[str, object]]:
        axes = self.jobs[job].get("matrix", {})
        return [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]

    def fill(self, text: object, leg: dict[str, object]) -> str:
        values = {"parameters": self.parameters, "matrix": leg}
        return re.sub(r"\{\{ (\w+)\.(\w+) \}\}", lambda hole: str(values[hole[1]][hole[2]]), str(text))

    def command(self, job: str, leg: dict[str, object]) -> list[str]:
        spec = self.jobs[job]
        if "run" in spec:
            return ["sh", "-euc", self.fill(spec["run"], leg)]
        given = spec["entry"]["with"]
        if isinstance(given, list):
            given = {name: {**self.parameters, **leg}[name] for name in given}
        argv = ["python", spec["entry"]["script"]]
        for name, value in given.items():
            flag = f"--{name.replace('_', '-')}"
            if isinstance(value, bool):
                argv += [flag] * value
            else:
                argv += [flag, self.fill(value, leg)]
        return argv

    def run_job(self, job: str) -> None:
        work = copy_sources(self.folder / job)
        for producer in self.producers(job):
            for path in self.outputs(producer):
                copy_any(self.folder / producer / path, work / path)
        for leg in self.legs(job):
            self.call(self.command(job, leg), work)
        missing = [path for path in self.outputs(job) if not (work / path).exists()]
        assert not missing, f"{job} did not write {missing}"

    def call(self, command: list[str], work: Path) -> str:
        path = os.pathsep.join([str(self.bin), os.environ.get("PATH", os.defpath)])
        environment = {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def written(self) -> dict[str, bytes]:
        """Every file that is an output of a job, by its path."""
        files: dict[str, bytes] = {}
        for job in self.order:
            for path in self.outputs(job):
                root = self.folder / job / path
                for file in [root] if root.is_file() else sorted(root.rglob("*")):
                    if file.is_file():
                        files[str(file.relative_to(self.folder / job))] = file.read_bytes()
        return files


def copy_any(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Hand:
    return Hand(tmp_path_factory.mktemp("churn") / "run").run_all()


@pytest.fixture(scope="module")
def metrics(chain: Hand) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((chain.folder / "evaluate" / "metrics.json").read_text())
    return content


@needs_numpy
def test_declared_files_suffice_for_every_job(chain: Hand) -> None:
    assert chain.order[:2] == ["fetch", "prepare"]
    assert chain.order.index("train") < chain.order.index("evaluate")
    expected = {"data/customers.csv", "split-report.json", "metrics.json", "model-gpu/model.json"}
    expected |= {f"data/splits/{split}.csv" for split in ("train", "valid", "test")}
    expected |= {f"models/{fold}/model.json" for fold in range(3)}
    assert set(chain.written()) == expected


@needs_numpy
def test_model_beats_majority_baseline(metrics: dict[str, Any]) -> None:
    assert metrics["accuracy"] > metrics["baseline_accuracy"] + 0.05
    assert set(metrics["slices"]) == {"segment=new", "segment=regular", "segment=loyal"}
    for part in metrics["slices"].values():
        assert part["accuracy"] > part["baseline_accuracy"]


@needs_numpy
def test_objectives_of_manifest_are_met(chain: Hand, metrics: dict[str, Any]) -> None:
    compare = {">=": operator.ge, "<=": operator.le}
    objectives = [text.split() for text in chain.jobs["evaluate"]["objectives"]]
    assert {name for name, _, _ in objectives} == {"accuracy", "auc", "log_loss"}
    for name, sign, bound in objectives:
        assert compare[sign](metrics[name], float(bound)), (name, metrics[name])


@needs_numpy
def test_metrics_agree_with_slow_definitions(chain: Hand, metrics: dict[str, Any], tmp_path: Path) -> None:
    """Accuracy and AUC counted one customer and one pair at a time, over the service's own predictions."""
    rows = read_rows(chain.folder / "evaluate/data/splits/test.csv")
    program = (
        "import csv, json, pathlib, model;"
        "rows = list(csv.DictReader(open('data/splits/test.csv')));"
        "print(json.dumps(model.average(model.load_all(pathlib.Path('models')), model.features(rows)).tolist()))"
    )
    scores = json.loads(chain.call(["python", "-c", program], chain.folder / "evaluate"))
    left = [score for score, row in zip(scores, rows, strict=True) if row["churned"] == "1"]
    stayed = [score for score, row in zip(scores, rows, strict=True) if row["churned"] == "0"]
    right = sum(score >= 0.5 for score in left) + sum(score < 0.5 for score in stayed)
    wins = sum((a > b) + 0.5 * (a == b) for a in left for b in stayed)
    assert metrics["accuracy"] == pytest.approx(right / len(rows), abs=1e-6)
    assert metrics["auc"] == pytest.approx(wins / (len(left) * len(stayed)), abs=1e-6)


@needs_numpy
def test_auc_counts_a_tie_half(chain: Hand) -> None:
    program = "import evaluate, numpy as n; print(evaluate.auc(n.array([1., 0, 1, 0]), n.array([.5, .5, .9, .1])))"
    assert float(chain.call(["python", "-c", program], chain.folder / "evaluate")) == (0.5 + 1 + 1 + 1) / 4


@needs_numpy
def test_weights_stand_beside_their_features(chain: Hand) -> None:
    for fold in range(3):
        model = json.loads((chain.folder / f"train/models/{fold}/model.json").read_text())
        weights = dict(zip(model["features"], model["weights"], strict=True))
        assert min(weights["support_calls"], weights["late_payments"], weights["monthly_fee"]) > 0.2
        assert max(weights["usage_hours"], weights["tenure_months"]) < -0.2


@needs_numpy
def test_no_customer_is_in_two_splits_or_folds(chain: Hand) -> None:
    work = chain.folder / "prepare"
    splits = {name: read_rows(work / f"data/splits/{name}.csv") for name in ("train", "valid", "test")}
    owners: dict[str, set[tuple[str, str]]] = {}
    for name, rows in splits.items():
        for row in rows:
            owners.setdefault(row["customer_id"], set()).add((name, row.get("fold", "")))
    assert all(len(places) == 1 for places in owners.values())
    everybody = read_rows(work / "data/customers.csv")
    assert set(owners) == {row["customer_id"] for row in everybody}
    assert sum(map(len, splits.values())) == len(everybody)
    assert max(sum(row["customer_id"] == one for row in everybody) for one in list(owners)[:20]) > 1
    assert {row["fold"] for row in splits["train"]} == {"0", "1", "2"}


@needs_numpy
def test_split_report_counts_what_was_written(chain: Hand) -> None:
    report = json.loads((chain.folder / "prepare/split-report.json").read_text())["splits"]
    for name in ("train", "valid", "test"):
        rows = read_rows(chain.folder / f"prepare/data/splits/{name}.csv")
        assert report[name]["rows"] == len(rows)
        assert report[name]["customers"] == len({row["customer_id"] for row in rows})
        assert report[name]["churn_rate"] == pytest.approx(sum(r["churned"] == "1" for r in rows) / len(rows), abs=1e-6)


@needs_numpy
def test_same_seed_writes_same_bytes(chain: Hand, tmp_path: Path) -> None:
    assert Hand(tmp_path / "again").run_all().written() == chain.written()


@needs_numpy
def test_other_seed_writes_other_bytes(chain: Hand, tmp_path: Path) -> None:
    other = Hand(tmp_path / "other", seed=8).run_all().written()
    same = chain.written()
    assert set(other) == set(same)
    assert not [path for path in same if other[path] == same[path]]


@needs_numpy
def test_every_parameter_of_training_matters(chain: Hand, tmp_path: Path) -> None:
    """A parameter that a script takes and forgets would be seen here."""
    base = chain.written()["models/0/model.json"]
    changes: list[dict[str, object]] = [
        {"learning_rate": 0.01},
        {"epochs": 3},
        {"balanced": True},
        {"solver": "newton"},
    ]
    for number, change in enumerate(changes):
        hand = Hand(tmp_path / str(number), **change)
        work = copy_sources(hand.folder / "train")
        copy_any(chain.folder / "prepare/data/splits", work / "data/splits")
        hand.call(hand.command("train", {"fold": 0}), work)
        assert (work / "models/0/model.json").read_bytes() != base, change


@needs_numpy
def test_balanced_training_finds_more_leavers(chain: Hand, tmp_path: Path) -> None:
    splits = str(chain.folder / "prepare/data/splits")
    rows = read_rows(Path(splits) / "test.csv")
    found: dict[bool, int] = {}
    program = (
        "import csv, pathlib, model;"
        f"rows = [r for r in csv.DictReader(open({splits + '/test.csv'!r})) if r['churned'] == '1'];"
        "print(int((model.average(model.load_all(pathlib.Path('models')), model.features(rows)) >= 0.5).sum()))"
    )
    for balanced in (False, True):
        work = copy_sources(tmp_path / str(balanced))
        chain.call(["python", "train.py", "--data", splits, "--fold", "0", *["--balanced"] * balanced], work)
        found[balanced] = int(chain.call(["python", "-c", program], work))
    assert found[False] < found[True] <= sum(row["churned"] == "1" for row in rows)


@needs_numpy
def test_solvers_agree(chain: Hand, tmp_path: Path) -> None:
    """Two unlike ways to the same optimum, so each checks the other; validated on its training rows, none stops early."""
    work = copy_sources(tmp_path / "work")
    for name in ("train.csv", "valid.csv"):
        copy_any(chain.folder / "prepare/data/splits/train.csv", work / "data/splits" / name)
    weights = {}
    for solver, epochs in (("sgd", "300"), ("newton", "20")):
        options = ["--solver", solver, "--epochs", epochs, "--learning-rate", "0.02", "--output", solver]
        chain.call(["python", "train.py", *options], work)
        weights[solver] = json.loads((work / solver / "model.json").read_text())["weights"]
    assert weights["sgd"] == pytest.approx(weights["newton"], abs=0.05)


@needs_numpy
def test_gpu_training_falls_back_to_numpy(chain: Hand, tmp_path: Path) -> None:
    work = copy_sources(tmp_path / "work")
    # A GPU library that is there but finds no driver, which is what a GPU image on a plain machine looks like.
    (work / "cupy.py").write_text("raise ImportError('no driver')\n")
    train = ["python", "train.py", "--data", str(chain.folder / "prepare/data/splits"), "--epochs", "3"]
    said = chain.call([*train, "--device", "gpu", "--output", "gpu"], work)
    chain.call([*train, "--output", "cpu"], work)
    assert "training with NumPy" in said
    assert (work / "gpu/model.json").read_bytes() == (work / "cpu/model.json").read_bytes()


@needs_numpy
def test_gpu_training_uses_cupy_where_it_finds_a_device(chain: Hand, tmp_path: Path) -> None:
    work = copy_sources(tmp_path / "work")
    # CuPy's names over NumPy's arrays, which it logs as it is asked for them.
    stand_in = """
        import types, numpy
        class Runtime:
            getDeviceCount = staticmethod(lambda: 1)
        cuda = types.SimpleNamespace(runtime=Runtime)
        linalg = numpy.linalg
        def asnumpy(x): return numpy.array(x)
        def __getattr__(name):
            print("cupy." + name)
            return getattr(numpy, name)
    """
    (work / "cupy.py").write_text(textwrap.dedent(stand_in))
    train = ["python", "train.py", "--data", str(chain.folder / "prepare/data/splits"), "--epochs", "3"]
    for solver, name in (("sgd", "exp"), ("newton", "eye")):
        said = chain.call([*train, "--solver", solver, "--device", "gpu", "--output", "gpu"], work)
        chain.call([*train, "--solver", solver, "--output", "cpu"], work)
        assert f"cupy.{name}" in said
        assert (work / "gpu/model.json").read_bytes() == (work / "cpu/model.json").read_bytes()


@needs_numpy
def test_fold_that_does_not_exist_is_refused(chain: Hand, tmp_path: Path) -> None:
    command = [sys.executable, "train.py", "--data", str(chain.folder / "prepare/data/splits"), "--fold", "3"]
    work = copy_sources(tmp_path / "work")
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode != 0
    assert "which has 0, 1, 2" in done.stderr
    assert not (work / "models").exists()


@needs_numpy
@pytest.mark.parametrize("script", SCRIPTS)
def test_script_explains_itself(script: str) -> None:
    command = [sys.executable, "-B", str(CHURN / script), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)
    assert f"usage: {script}" in done.stdout
    for option in re.findall(r'add_argument\("(--[\w-]+)"', (CHURN / script).read_text()):
        assert option in done.stdout


class Image(NamedTuple):
    """A folder with what the Dockerfile copies into the image."""

    folder: Path
    hand: Hand


def copied_into_image() -> list[str]:
    text = (CHURN / "Dockerfile").read_text()
    final = text[text.rindex("\nFROM ") :]
    lines = [line.split()[1:-1] for line in final.splitlines() if line.startswith("COPY ") and "--from" not in line]
    return [name for line in lines for name in line]


@pytest.fixture(scope="module")
def image(chain: Hand, tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("image") / "app"
    for name in copied_into_image():
        copy_any((chain.folder / "evaluate" if name == "models" else CHURN) / name, folder / name)
    return Image(folder, chain)


@pytest.fixture(scope="module")
def service(image: Image) -> Iterator[str]:
    command = [sys.executable, "-B", "serve.py", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=image.folder, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
        server.terminate()
        assert server.wait(timeout=SECONDS) == 0


def answer(url: str, body: bytes | None = None) -> tuple[int, Any]:
    try:
        with urlopen(url, data=body, timeout=SECONDS) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


@needs_numpy
def test_smoke_test_passes_with_files_of_image(image: Image, tmp_path: Path) -> None:
    command = image.hand.manifest["services"]["churn"]["smoke"].replace("/app", str(image.folder)).split()
    assert "is well" in image.hand.call(command, tmp_path)


@needs_numpy
def test_smoke_test_fails_without_models(image: Image, tmp_path: Path) -> None:
    work = copy_sources(tmp_path / "work")
    command = [sys.executable, "-B", "smoke.py"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode != 0
    assert "the service did not start" in done.stderr


@needs_numpy
def test_service_is_healthy(service: str, image: Image) -> None:
    path = image.hand.manifest["services"]["churn"]["health"]
    assert answer(service + path) == (200, {"status": "ok", "models": 3})


@needs_numpy
def test_service_predicts_what_evaluation_measured(service: str, image: Image, metrics: dict[str, Any]) -> None:
    rows = read_rows(image.hand.folder / "evaluate/data/splits/test.csv")
    status, content = answer(f"{service}/predict", json.dumps({"customers": rows}).encode())
    assert status == 200
    right = [(p >= 0.5) == (row["churned"] == "1") for p, row in zip(content["probabilities"], rows, strict=True)]
    assert sum(right) / len(right) == pytest.approx(metrics["accuracy"], abs=1e-6)


GOOD: dict[str, object] = {
    "segment": "new",
    "tenure_months": 2,
    "monthly_fee": 80,
    "usage_hours": 5,
    "support_calls": 4,
    "late_payments": 3,
}


@needs_numpy
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "Expecting"),
        (b"\xff", "decode"),
        (b"[" * 100_000, "recursion"),
        (b"[]", '"customers"'),
        (b'{"customers": []}', "at least one"),
        (b'{"customers": [1]}', "at least one"),
        (json.dumps({"customers": [{"segment": "new"}]}).encode(), "lacks tenure_months"),
        (json.dumps({"customers": [{**GOOD, "segment": "gold"}]}).encode(), "not one of new, regular, loyal"),
        (json.dumps({"customers": [{**GOOD, "monthly_fee": "much"}]}).encode(), "must be numbers"),
        (json.dumps({"customers": [{**GOOD, "monthly_fee": 10**400}]}).encode(), "must be numbers"),
        (json.dumps({"customers": [{**GOOD, "monthly_fee": float("nan")}]}).encode(), "must be finite"),
    ],
)
def test_service_refuses_bad_request(service: str, body: bytes, said: str) -> None:
    status, content = answer(f"{service}/predict", body)
    assert status == 400
    assert said in content["error"]


@needs_numpy
def test_service_knows_only_its_own_paths(service: str) -> None:
    assert answer(f"{service}/")[0] == 404
    assert answer(f"{service}/train", b"{}")[0] == 404
    assert answer(f"{service}/health", b"{}")[0] == 404


def test_image_gets_all_that_dockerfile_copies() -> None:
    let_in = {line.lstrip("!") for line in (CHURN / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_in == {*copied_into_image(), "requirements.txt"}
    assert all((CHURN / name).exists() for name in let_in - {"models"})


def test_dockerfile_is_clean_under_hadolint() -> None:
    hadolint = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, str(CHURN / "Dockerfile")], capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stdout) == (0, "")


def test_lock_pins_numpy_and_nothing_else() -> None:
    lines = (CHURN / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if "==" in line]
    project = tomllib.loads((CHURN / "pyproject.toml").read_text())["project"]
    assert [pin.split("==")[0] for pin in pins] == ["numpy"]
    assert project["dependencies"] == ["numpy>=2.3,<2.5"]
    assert "2.3" <= pins[0].split("==")[1].split(" ")[0] < "2.5"
    hashes = [line.strip().rstrip(" \\") for line in lines if "--hash" in line]
    assert len(hashes) > 20
    assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes)


def test_hello_says_hello(tmp_path: Path) -> None:
    jobs = read_manifest(EXAMPLES / "hello")["jobs"]
    assert jobs["read"]["needs"] == ["write"]
    said = ""
    for name in ("write", "read"):
        command = ["sh", "-euc", jobs[name]["run"]]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=True)
        said = done.stdout
        assert all((tmp_path / path).is_file() for path in jobs[name].get("outputs", []))
    assert said == "hello from headrace\n"
