"""mlreef.yaml: modules, pipelines and publications, and what MLReef's platform generated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from compiler import cli, driver, ir
from compiler.diagnostics import Sink
from compiler.frontends import mlreef, native
from compiler.frontends.mlreef.publishing import smoke_text
from compiler.frontends.native.reading import read_source
from compiler.repository import Repository
from compiler.source import Source

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures" / "mlreef"
SCHEMA = Draft202012Validator(json.loads((ROOT / "schemas" / "mlreef.json").read_text(encoding="utf-8")))
SCRIPT = """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--input-path", default=".")
parser.add_argument("--output-path", default=".")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--note", default="")
parser.add_argument("--shuffle", action="store_true")
parser.add_argument("--sizes", type=int, nargs="+", default=[1])
params = parser.parse_args()
"""


class Files:
    """A repository that a test writes."""

    def __init__(self, folder: Path, **files: str) -> None:
        self.folder = folder
        self.sink = Sink()
        for name, text in {"train.py": SCRIPT, **{key.replace("__", "/"): text for key, text in files.items()}}.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def read(self, text: str, unit: str = "mlreef.yaml") -> ir.Project | None:
        self.write(unit, text)
        return mlreef.read(unit, Repository(os.fspath(self.folder)), self.sink)

    def lowered(self, text: str) -> ir.Project:
        project = self.read(text)
        assert project is not None
        return driver.lowered(project, Repository(os.fspath(self.folder)), self.sink)

    @property
    def said(self) -> list[str]:
        return [f"{one.code.name}: {one.message}" for one in self.sink.diagnostics if one.severity != "note"]

    @property
    def errors(self) -> set[str]:
        return {one.code.name for one in self.sink.diagnostics if one.severity == "error"}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def pipeline(steps: str, more: str = "") -> str:
    return f"name: demo\npipelines:\n  p:\n    kind: experiment\n    models: [{steps}]\n{more}"


def argv(project: ir.Project, name: str) -> list[str]:
    (job,) = (job for one in project.pipelines for job in one.jobs if job.name == name)
    assert isinstance(job.action, ir.Exec)
    return ["".join(str(piece) for piece in word) for word in job.action.argv]


HOSTILE = [
    "it's", 'a"b', "$(touch pwned)", "`id`", "a;b|c&d", "*", "{{ x }}", "${{ secrets.X }}", "$[[ inputs.x ]]", "é 📏",
    "--epochs", "-1", "a=b", "two\nlines", "\\", "%s", " ", "true",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_arrives_as_it_is_written(files: Files, value: str) -> None:
    project = files.lowered(pipeline(f"{{module: train, with: {{note: {json.dumps(value, ensure_ascii=False)}}}}}"))
    words = argv(project, "p-train")
    given = [f"--note={value}"] if value.startswith("-") else ["--note", value]
    assert "\0".join(given) in "\0".join(words)
    assert files.errors == set()


def test_values_are_switches_lists_and_exact_numbers(files: Files) -> None:
    values = "{shuffle: true, sizes: [08, 2], epochs: 7, note: 3.10}"
    words = argv(files.lowered(pipeline(f"{{module: train, with: {values}}}")), "p-train")
    assert words == [
        "python", "train.py", "--sizes", "08", "2", "--epochs", "7", "--note", "3.10",
        "--output-path", "output/p/train", "--shuffle",
    ] or sorted(words) == sorted(
        ["python", "train.py", "--shuffle", "--sizes", "08", "2", "--epochs", "7", "--note", "3.10", "--output-path", "output/p/train"]
    )  # fmt: skip


def test_mlreefs_own_form_of_parameters_is_read(files: Files) -> None:
    steps = "{module: train, parameters: [{name: --epochs, value: 4}, {name: output-path, value: ./out}]}"
    words = argv(files.lowered(pipeline(steps)), "p-train")
    assert words == ["python", "train.py", "--epochs", "4", "--output-path", "out"]


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ("{module: train, with: {epoch: 3}}", "unknown-argument"),
        ("{module: train, with: {epochs: many}}", "wrong-argument"),
        ("{module: train, with: {epochs: 1}, grid: {epochs: [1, 2]}}", "keys-exclude"),
        ("{module: train, grid: {epochs: [1, x]}}", "wrong-argument"),
        ("{module: train, grid: {epochs: [1, 1]}}", "duplicate-name"),
        ("{module: train, grid: {epochs: []}}", "empty-value"),
        ("{module: train, with: {}, parameters: []}", "keys-exclude"),
        ("{module: train, parameters: [{name: note, value: a}, {name: note, value: b}]}", "duplicate-name"),
        ("{module: train, with: {output-path: ../out}}", "bad-path"),
        ("{module: train, metrics: a/b.json}", "bad-path"),
        ("{module: tarin}", "mlreef-unknown-module"),
        ("{modul: train}", "unknown-key"),
        ("{module: train, with: {epochs: {a: 1}}}", "wrong-type"),
        ("{module: train, objectives: [acc is good]}", "bad-objective"),
        ("{module: train, timeout: soon}", "bad-duration"),
        ("{module: train, memory: much}", "bad-quantity"),
        ("{module: train, gpu: -1}", "out-of-range"),
        ("{module: train, name: a b}", "bad-name"),
        ("{module: train, name: x}, {module: train, name: x}", "duplicate-name"),
        ("[]", "wrong-type"),
        ("", "empty-value"),
    ],
)
def test_what_a_step_gets_wrong_is_said_where_it_stands(files: Files, steps: str, code: str) -> None:
    project = files.read(pipeline(steps))
    if project is not None and not files.sink.failed:
        driver.lowered(project, Repository(os.fspath(files.folder)), files.sink)
    assert code in files.errors, files.said
    (found, *_) = (one for one in files.sink.diagnostics if one.code.name == code)
    assert found.span is not None
    assert found.span.source.name == "mlreef.yaml"
    assert found.span.begin.line >= 5 or code == "empty-value"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty-file"),
        ("- a\n", "wrong-type"),
        ("name: a\n---\nname: b\n", "several-documents"),
        ("pipelines: {}\n", "missing-key"),
        ("name: a\npipelines: {p: {operations: [train], models: [train]}}\n", "unknown-key"),
        ("name: a\npipelines: {p: {input: x}}\n", "missing-key"),
        ("name: a\npipelines: {p: {kind: training, models: [train]}}\n", "wrong-value"),
        ("name: a\npipelines: {publish: {models: [train]}}\npublish: {}\n", "duplicate-name"),
        ("name: a\npipelines: {p: {input: p, operations: [train]}}\n", "cycle"),
        ("name: a\npipelines: {p: {input: ../x, operations: [train]}}\n", "bad-path"),
        ("name: a\npipelines: {p: {operations: [train], results: {branch: '-x'}}}\n", "wrong-value"),
        ("name: a\npipelines: {p: {operations: [train], on: pushes}}\n", "wrong-value"),
        ("name: a\npipelines: {p: {operations: [train], on: {schedule: {cron: often}}}}\n", "bad-cron"),
        ("name: a\npipelines: {p: {operations: [train], on: {schedule: {cron: 0 0 31 2 *}}}}\n", "bad-cron"),
        (
            "name: a\npipelines: {p: {operations: [train], on: {schedule: {cron: 0 0 1 2 *, timezone: a b}}}}\n",
            "wrong-value",
        ),
        ("name: a\nmodules: {m: {entry: gone.py}}\n", "missing-file"),
        ("name: a\nmodules: {m: {entry: ../x.py}}\n", "bad-path"),
        ("name: a\nmodules: {m: {entry: train.py, requirements: none.txt}}\n", "missing-file"),
        ("name: a\nmodules: {m: {entry: train.py, input: images}}\n", "unknown-argument"),
        ("name: a\nmodules: {train: {kind: trainer}}\n", "wrong-value"),
        ("name: a\nmodules: {train: {environment: pytorch-2.99}}\n", "wrong-value"),
        ("name: a\nmodules: {train: {environment: {gpu: true}}}\n", "missing-key"),
        ("name: a\nmodules: {train: {environment: {image: x, python: latest}}}\n", "wrong-value"),
        ("name: a\npublish: {version: a/b}\n", "wrong-value"),
        ("name: a\npublish: {keep: 0}\n", "out-of-range"),
        ("name: a\npublish: yes please\n", "wrong-type"),
        ("name: a\nname: b\n", "duplicate-key"),
        ("name: [\n", "yaml-syntax"),
    ],
)
def test_what_a_manifest_gets_wrong_is_said(files: Files, text: str, code: str) -> None:
    files.read(text)
    assert code in files.errors, files.said


def test_a_script_that_is_not_python_is_said_with_the_python_that_reads_it(files: Files) -> None:
    files.write("train.py", "import argparse\nprint 'hello'\n")
    files.read("name: a\n")
    (found,) = files.sink.diagnostics
    assert found.code.name == "python-syntax"
    assert found.notes == (f"it is read as Python {sys.version_info[0]}.{sys.version_info[1]}",)
    assert repr(found.span) == "train.py:2:1"


def test_a_module_without_data_says_what_would_give_it_some(files: Files) -> None:
    files.write("train.py", SCRIPT.replace('"--input-path", default="."', '"--input-path", required=True'))
    files.lowered(pipeline("train"))
    (found,) = (one for one in files.sink.diagnostics if one.severity == "error")
    assert found.message == '"train" is given no data for its "--input-path"'
    assert found.help == "say `input` in the pipeline: a path, or the name of a data pipeline"


def test_modules_are_named_by_script_or_folder(tmp_path: Path) -> None:
    files = Files(
        tmp_path,
        a__main="",
        resnet__main="",
        **{"resnet__main.py": SCRIPT, "unet__run.py": SCRIPT, "x__train.py": SCRIPT},
    )
    for other in ("tests/test_a.py", "venv/lib/b.py", ".hidden/c.py", "setup.py", "lib/helper.py"):
        files.write(other, SCRIPT if "helper" not in other else "def helper():\n    return 1\n")
    project = files.read("name: demo\n")
    assert project is not None
    names = [environment.name for environment in project.environments]
    assert names == ["resnet", "train", "unet", "x-train"]
    assert files.errors == set()


def test_a_grid_pairs_what_follows_and_parts_the_folders(files: Files) -> None:
    files.write("plot.py", SCRIPT)
    text = pipeline("{module: train, grid: {epochs: [1, 2]}, parallel: 1}", "    post_processing: [plot]\n")
    project = files.read(text)
    assert project is not None
    train, plot = (job for job in project.jobs if job.name.startswith("p-"))
    hole = ir.Ref(kind="matrix", name="epochs")
    assert train.matrix == ir.Matrix(axes=(("epochs", ("1", "2")),), max_parallel=1)
    assert plot.matrix == ir.Matrix(axes=(("epochs", ("1", "2")),))
    assert [output.path for output in train.outputs if isinstance(output, ir.Artifact)] == [
        ("output/p/train/epochs-", hole),
        ("output/p/train/epochs-", hole, "/experiment.json"),
    ]
    assert plot.inputs[0].path == ("output/p/train/epochs-", hole)
    assert plot.needs == (ir.Need(job="p-train", legs="same"),)


def test_an_experiment_waits_for_the_data_that_a_pipeline_makes(files: Files) -> None:
    files.write("data/a.csv", "a\n")
    files.write("clean.py", SCRIPT)
    text = (
        "name: demo\npipelines:\n  fit: {kind: experiment, input: tidy, models: [train]}\n"
        "  tidy: {kind: data, input: data, operations: [clean, {module: clean}], output: tidied}\n"
    )
    project = files.lowered(text)
    fit = next(one for one in project.pipelines if one.name == "fit")
    assert [job.name for job in fit.jobs] == ["tidy-clean", "tidy-clean-2", "fit-train"] or {
        job.name for job in fit.jobs
    } == {"tidy-clean", "tidy-clean-2", "fit-train"}
    needs = {job.name: [need.job for need in job.needs] for job in fit.jobs}
    assert needs == {"tidy-clean": [], "tidy-clean-2": ["tidy-clean"], "fit-train": ["tidy-clean-2"]}
    assert argv(project, "fit-train")[2:4] == ["--input-path", "tidied"]


def test_paths_and_scripts_are_those_of_the_manifests_folder(tmp_path: Path) -> None:
    files = Files(tmp_path, **{"sub__fit.py": SCRIPT, "sub__data__a.csv": "a\n"})
    project = files.read("name: a\npipelines: {p: {input: data, models: [fit]}}\n", "sub/mlreef.yaml")
    assert project is not None
    lowered = driver.lowered(project, Repository(os.fspath(tmp_path)), files.sink)
    assert argv(lowered, "p-fit") == ["python", "fit.py", "--input-path", "data", "--output-path", "output/p/fit"]
    assert lowered.pipelines[0].jobs[0].inputs[0].path == ("sub/data",)
    assert files.errors == set()


def test_results_are_committed_where_that_is_asked_for(files: Files) -> None:
    more = "    results: {branch: results/fit}\n    keep: 2d\n"
    project = files.read(pipeline("{module: train, grid: {epochs: [1, 2]}}, {module: train, name: once}", more))
    assert project is not None
    job = project.jobs[-1]
    assert job.name == "p-results"
    assert job.action == ir.Deploy(
        platform="gitops",
        branch="results/fit",
        documents=("output/p/train", "output/p/once"),
        message="Add pipeline results [skip ci]",
    )
    assert [need.job for need in job.needs] == ["p-train", "p-once"]
    assert project.jobs[0].outputs[0].keep == 2 * 24 * 3600


def test_gpus_are_asked_for_by_the_base_and_the_step(files: Files) -> None:
    steps = "train, {module: train, name: small, gpu: 0}, {module: train, name: large, gpu: 4, memory: 2Gi}"
    project = files.read(pipeline(steps) + "environment: pytorch-2.9-gpu\n")
    assert project is not None
    counts = [
        job.resources.accelerator.count if job.resources and job.resources.accelerator else 0 for job in project.jobs
    ]
    assert counts == [1, 0, 4]
    assert project.jobs[0].environment == ir.Environment(image=("pytorch/pytorch:2.9.0-cuda12.8-cudnn9-runtime",))


@pytest.mark.parametrize(
    ("base", "image", "python"),
    [
        ("python-3.11", None, "3.11"),
        ("pytorch-2.8", "pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime", "3.11"),
        ("tensorflow-2.1-gpu", "tensorflow/tensorflow:2.1.0-gpu-py3", None),
        ("{image: registry.example.com/own:1, python: 3.13}", "registry.example.com/own:1", "3.13"),
    ],
)
def test_what_a_base_is_known_to_hold(files: Files, base: str, image: str | None, python: str | None) -> None:
    project = files.read(pipeline("train") + f"environment: {base}\n")
    assert project is not None
    assert project.jobs[0].environment == ir.Environment(image=image and (image,), python=python)


# -------------------------------------------------------------------------------------------------------- publishing


def released(project: ir.Project, name: str) -> list[str]:
    (job,) = (job for job in project.jobs if job.name == f"release-{name}")
    assert isinstance(job.action, ir.Tool)
    return [
        "".join(piece if isinstance(piece, str) else f"<{piece.name}>" for piece in one) for one in job.action.arguments
    ]


def test_a_module_is_built_tried_tagged_and_taken_away(files: Files) -> None:
    files.write("requirements.txt", "numpy\n")
    project = files.read("name: a\npublish: {on: push, branches: [main], registry: r.example.com/t, index: PACKAGES}\n")
    assert project is not None
    (environment,) = project.environments
    assert (environment.python, environment.installer, environment.file) == ("3.12", "pip", "requirements.txt")
    assert environment.build is not None
    assert environment.build.secrets == (ir.SecretUse(secret="PACKAGES", env="PIP_INDEX_URL"),)
    assert environment.build.checks[0] == ("python", "train.py", "--help")
    assert environment.build.checks[1][:4] == ("python", "-c", smoke_text(), "train.py")
    assert environment.publish == ir.Publish(repository=("train",), tags=(("commit",),), registry="r.example.com/t")
    assert released(project, "train") == ["publish", "--image=<train>", "--branch=<branch>", "--keep=10"]
    assert [(one.name, one.members, one.triggers) for one in project.pipelines] == [
        ("publish", ("publish-train", "release-train"), (ir.OnPush(branches=("main",)), ir.OnManual())),
        ("unpublish", ("withdraw-train",), (ir.OnManual(),)),
    ]


def test_a_version_that_is_said_is_not_counted(files: Files) -> None:
    project = files.read("name: a\npublish: {version: 1.10}\n")
    assert project is not None
    assert released(project, "train") == ["publish", "--image=<train>", "--branch=<branch>", "--version=1.10"]


def test_a_dockerfile_of_ones_own_is_taken_and_tried_before_its_version(files: Files) -> None:
    files.write("Dockerfile", "FROM python:3.12-slim-bookworm\n")
    project = files.read("name: a\nmodules: {train: {dockerfile: Dockerfile}}\n")
    assert project is not None
    assert project.environments[0].build == ir.Build(file="Dockerfile")
    release = next(job for job in project.jobs if job.name == "release-train")
    assert [need.job for need in release.needs] == ["publish-train", "smoke-train", "smoke-train-arguments"]
    assert (files.folder / "Dockerfile").read_text() == "FROM python:3.12-slim-bookworm\n"


def test_the_base_image_of_a_dockerfile_is_pinned(files: Files) -> None:
    from compiler.commands.pin import images

    text = "name: a\npublish: {}\n"
    assert "python:3.12-slim-bookworm" in images(files.lowered(text))
    digest = "sha256:" + "0a" * 32
    files.write("headrace.lock", f"python:3.12-slim-bookworm {digest}\n")
    (dockerfile, _) = files.lowered(text).rendered
    assert dockerfile.text is not None
    assert dockerfile.text.startswith(f"FROM python:3.12-slim-bookworm@{digest}\n")


def test_modules_that_are_not_published_are_left_out(files: Files) -> None:
    files.write("other.py", SCRIPT)
    project = files.read("name: a\nmodules: {other: {publish: false}}\n")
    assert project is not None
    assert [environment.name for environment in project.environments] == ["train"]


def test_a_script_by_itself_is_published(files: Files) -> None:
    project = mlreef.read("train.py", Repository(os.fspath(files.folder)), files.sink)
    assert project is not None
    assert (project.name, [one.name for one in project.pipelines]) == ("train", ["publish", "unpublish"])
    assert mlreef.sniff("train.py", SCRIPT)
    assert not mlreef.sniff("lib.py", "def f(): pass\n")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--epochs", "3"], 0, "arguments parsed: Namespace("),
        (["--epochs", "x"], 2, "invalid int value"),
        (["--unknown", "3"], 2, "unrecognized arguments: --unknown 3"),
    ],
)
def test_the_trial_parses_and_goes_no_further(tmp_path: Path, arguments: list[str], status: int, says: str) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT + "raise SystemExit('it ran')\n")
    command = [sys.executable, "-c", smoke_text(), str(script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    assert says in done.stdout + done.stderr
    assert "it ran" not in done.stderr


def test_the_trial_knows_subcommands_and_scripts_that_read_nothing(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(
        "import argparse\np = argparse.ArgumentParser()\ns = p.add_subparsers(dest='c', required=True)\n"
        "s.add_parser('fit').add_argument('--n', type=int)\np.parse_args()\nraise SystemExit('it ran')\n"
    )
    done = subprocess.run([sys.executable, "-c", smoke_text(), str(script), "fit", "--n", "3"], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"arguments parsed: Namespace(c='fit', n=3)\n")
    script.write_text("print('nothing')\n")
    assert subprocess.run([sys.executable, "-c", smoke_text(), str(script)], capture_output=True).returncode == 1


# ---------------------------------------------------------------------------------------------------------- decorators

DECORATED = """\
import argparse


def data_processor(*a, **k):
    return lambda function: function


parameter = data_processor


@data_processor(description="d")
@parameter(name="epochs", type="int", required=False, defaultValue="5")
@parameter(name="rate", datatype="float", required=False, default_value="0.50")
@parameter("flag", "bool", False, "True")
@parameter(name="gone", type="str", required=False, defaultValue="")
@parameter(name="must", type="str", required=False, defaultValue="x")
def f():
    pass


parser = argparse.ArgumentParser()
parser.add_argument("--input-path", default=".")
parser.add_argument("--output-path", default=".")
parser.add_argument("--epochs", type=int, default=3)
parser.add_argument("--rate", type=float, default=0.5)
parser.add_argument("--flag", action="store_true")
parser.add_argument("--must", required=True)
params = parser.parse_args()
"""


def test_decorators_and_the_parser_are_compared(files: Files) -> None:
    files.write("train.py", DECORATED)
    files.read("name: a\n")
    assert [f"{one.span.begin.line}: {one.message}" for one in files.sink.diagnostics if one.span and one.severity != "note"] == [
        '12: "epochs" is "5" by its decorator, and 3 by the parser, unless it is given',
        '13: MLReef does not know "datatype": the keyword is "type"',
        '13: MLReef does not know "default_value": the keyword is "defaultValue"',
        '14: MLReef would pass a value to "--flag", which takes none',
        '15: the parser has no "--gone", which MLReef would pass for the parameter "gone"',
        '16: "must" is required by the parser, and not by its decorator',
    ]  # fmt: skip
    assert {one.code.name for one in files.sink.diagnostics if one.severity != "note"} == {"mlreef-dropped"}


# ------------------------------------------------------------------------------------------------ what was generated

GENERATED = """\
image: registry.gitlab.com/mlreef/mlreef/experiment:latest

variables:
  GITLAB_GROUP: "%GITLAB_GROUP%"
  TARGET_BRANCH: "experiment/calm-otter_2162021-1"
  EPF_PIPELINE_URL: "http://backend/api/v1/epf/experiments/7a2c"
  EPF_PIPELINE_SECRET: "5d39f0f2c4b6a7f8e9d0c1b2a3948576"
  INPUT_MOUNT_POINT1: "/builds/$CI_PROJECT_PATH/data/train"
  INPUT_MOUNT_POINT2: "/builds/$CI_PROJECT_PATH/output"
  OUTPUT_MOUNT_POINT1: "/builds/$CI_PROJECT_PATH/output"
  OUTPUT_MOUNT_POINT2: "/builds/$CI_PROJECT_PATH/plots"
  FINAL_OUTPUT_PATH: "output"
  IS_ALGORITHM: "true"

before_script:
  - git remote set-url origin "http://oauth2:$GIT_PUSH_TOKEN@$EPF_GITLAB_HOST/$CI_PROJECT_PATH.git"
after_script:
  - epf-finish

mlreef-pipeline:
  artifacts:
    paths:
      - output/*
  retry:
    max: 2
  script: |
    git checkout -B $TARGET_BRANCH
    echo "$CI_REGISTRY_PASSWORD" | docker login "$CI_REGISTRY" --username="$CI_REGISTRY_USER" --password-stdin
    ${DOCKER_COMMAND}  -v "$INPUT_MOUNT_POINT1:/data/train" -v "$OUTPUT_MOUNT_POINT1:/output" host:5050/o/resnet:master-3 \
python src/resnet.py --input-path "/data/train" --output-path "/output" --epochs 5 --mode "a b" --key "KEY"
    ${DOCKER_COMMAND}  -v "$INPUT_MOUNT_POINT2:/output" -v "$OUTPUT_MOUNT_POINT2:/plots" host:5050/o/plot:master-1 \
python plot.py --input-path "/output/images" --output-path "/plots"
    git add .
    git push
""".replace("KEY", "ghp_" + "a" * 36)


def test_a_generated_file_becomes_jobs_without_its_secrets(files: Files) -> None:
    project = files.read(GENERATED, ".mlreef.yml")
    assert project is not None
    assert files.errors == set()
    first, second, results = project.jobs
    assert isinstance(first.action, ir.Exec)
    assert isinstance(second.action, ir.Exec)
    assert ["".join(map(str, word)) for word in first.action.argv] == [
        "python", "/workdir/src/resnet.py", "--input-path", "data/train", "--output-path", "output",
        "--epochs", "5", "--mode", "a b",
    ]  # fmt: skip
    assert second.action.argv[2:] == (("--input-path",), ("output/images",), ("--output-path",), ("plots",))
    assert first.environment == ir.Environment(image=("host:5050/o/resnet:master-3",))
    assert [output.path for output in first.outputs if isinstance(output, ir.Artifact)] == [
        ("output",), ("output/experiment.json",),
    ]  # fmt: skip
    assert (second.inputs[0].path, second.needs) == (("output",), (ir.Need(job="resnet"),))
    assert first.retry == ir.Retry(max=2)
    assert isinstance(results.action, ir.Deploy)
    assert (results.action.branch, results.action.documents) == ("experiment/calm-otter_2162021-1", ("output", "plots"))
    written = native.write(project)
    assert "5d39f0f2" not in written
    assert "ghp_" not in written
    assert {one.code.name for one in files.sink.diagnostics} == {"mlreef-secret-left"}
    assert read_source(Source("headrace.yaml", written), ".mlreef.yml", Sink()) == project


@pytest.mark.parametrize(
    ("words", "build"),
    [
        ("-f Dockerfile .", ir.Build(context=".", file="Dockerfile")),
        ("--no-cache --file=docker/Dockerfile --pull app", ir.Build(context="app", file="docker/Dockerfile")),
        ("app/", ir.Build(context="app")),  # docker takes the context's own
    ],
)
def test_a_generated_publication_becomes_an_image(files: Files, words: str, build: ir.Build) -> None:
    text = (
        "variables:\n  EPF_PUBLISH_URL: http://b/1\n  EPF_PUBLISH_SECRET: 5d39f0f2c4b6a7f8\n  PUBLISH_BRANCH: feature/x\n"
        "  PUBLISH_VERSION: 2\njob:\n  only: [feature/x]\n  script:\n"
        f'    - docker build --tag "$CI_REGISTRY_IMAGE:$PUBLISH_BRANCH-$PUBLISH_VERSION" {words}\n'
        '    - docker push "$CI_REGISTRY_IMAGE:$PUBLISH_BRANCH-$PUBLISH_VERSION"\n'
    )
    project = files.read(text, ".mlreef.yml")
    assert project is not None
    (environment,) = project.environments
    assert environment.build == build
    assert environment.publish == ir.Publish(tags=(("feature-x-2",),))
    assert project.pipelines[0].triggers == (ir.OnPush(branches=("feature/x",)), ir.OnManual())


@pytest.mark.parametrize(
    "text",
    ["", "[]", "x", "variables: 3\njob: {script: 3}", "job: {script: [docker run]}", "a: {script: ['docker run \"']}"],
)
def test_a_generated_file_may_hold_anything(files: Files, text: str) -> None:
    assert files.read(text, ".mlreef.yml") is None
    assert files.sink.failed


# ---------------------------------------------------------------------------------------------------- schema, command


@pytest.mark.parametrize("case", sorted(path.parent.name for path in FIXTURES.glob("*/mlreef.yaml")))
def test_the_schema_takes_each_case(case: str) -> None:
    document = yaml.safe_load((FIXTURES / case / "mlreef.yaml").read_text(encoding="utf-8").replace("\non:", '\n"on":'))
    if case != "published":
        assert [error.message for error in SCHEMA.iter_errors(_spelled(document))] == []
    assert [error.message for error in SCHEMA.iter_errors(_spelled(document))] == []


def _spelled(data: Any) -> Any:
    """YAML 1.1's `on` is true there, a key's text here."""
    if isinstance(data, dict):
        return {"on" if key is True else str(key): _spelled(value) for key, value in data.items()}
    return [_spelled(item) for item in data] if isinstance(data, list) else data


def test_the_schema_knows_the_readers_keys() -> None:
    from compiler.frontends.mlreef import bases, modules, pipelines, publishing, reading

    defs: dict[str, Any] = SCHEMA.schema["$defs"]
    assert set(defs["project"]["properties"]) == set(reading.PROJECT)
    assert set(defs["module"]["properties"]) == set(modules.MODULE)
    assert set(defs["publish"]["anyOf"][1]["properties"]) == set(publishing.PUBLISH)
    assert set(defs["step"]["anyOf"][1]["properties"]) == set(pipelines.STEP)
    assert set(defs["base"]["anyOf"][1]["properties"]) == set(bases.OWN)
    for kind, table in pipelines.TABLES.items():
        assert set(defs[kind]["properties"]) == set(table)


@pytest.mark.parametrize(
    "text",
    [
        "name: a\nmodule: {}",
        "pipelines: {}",
        "kind: data",
        "name: a\npublish: {keep: 0}",
        "name: a\npipelines: {p: {models: []}}",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(files: Files, text: str) -> None:
    files.read(text)
    assert files.errors
    assert not SCHEMA.is_valid(yaml.safe_load(text))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = cli.main(list(words))
    out, err = capsys.readouterr()
    return status, out, err


def test_modules_are_listed(files: Files, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(files.folder)
    status, out, _ = run(capsys, "modules")
    assert status == 0
    assert out.splitlines()[0] == "train: module, train.py"
    assert "  --epochs       INTEGER  = 3" in out
    status, out, _ = run(capsys, "modules", "--format", "json")
    (module,) = json.loads(out)
    assert (module["name"], module["environment"], module["parameters"][2]["type"]) == (
        "train",
        "python 3.12",
        "INTEGER",
    )
    status, out, _ = run(capsys, "modules", "train.py", "--module", "train", "--format", "schema")
    assert json.loads(out)["properties"]["sizes"] == {
        "type": "array",
        "items": {"type": "integer"},
        "default": [1],
    }
    assert run(capsys, "modules", "--module", "tarin")[0] == 2
    assert run(capsys, "modules", "nowhere")[0] == 1


def test_scripts_that_are_no_modules_are_named_with_why(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files.write("tool.py", "import click\n\n@click.command()\ndef main():\n    pass\n")
    files.write("raw.py", "import sys\n\nprint(sys.argv[1])\n")
    files.write("shared.py", "import argparse\n\ndef parser():\n    return argparse.ArgumentParser()\n")
    files.write("plain.py", "print('argparse')\n")
    for manifest in (False, True):
        if manifest:
            files.write("mlreef.yaml", "name: demo\n")
        status, out, err = run(capsys, "modules", os.fspath(files.folder))
        assert (status, out.count(": module, ")) == (0, 1)
        assert [line.partition(": note")[2] for line in err.splitlines() if ": note[" in line] == [
            '[HR3202 mlreef-no-entry]: "raw.py" is no module: it reads sys.argv itself, not by argparse',
            '[HR3202 mlreef-no-entry]: "shared.py" is no module: its parser never reads the command line',
            '[HR3202 mlreef-no-entry]: "tool.py" is no module: its arguments are read by click, not by argparse',
        ]


SUBCOMMANDS = """\
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("-v", "--verbose", action="count", default=0)
commands = parser.add_subparsers(dest="task", required=True)
fit = commands.add_parser("fit", aliases=["train"], help="train a model")
fit.add_argument("--input-path", required=True)
fit.add_argument("--output-path", required=True)
fit.add_argument("--rates", type=float, nargs="+", default=[0.5])
commands.add_parser("show").add_argument("--no-plot", action="store_false")
parser.parse_args()
"""


def test_a_modules_subcommands_are_chosen_listed_and_tried(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files.write("net.py", SUBCOMMANDS)
    project = files.lowered(
        pipeline("{module: net, with: {task: fit, rates: [0.1, 1], verbose: 2}}", "    input: data\n")
    )
    assert not files.errors
    assert argv(project, "p-net") == [
        "python", "net.py", "--verbose", "--verbose", "fit", "--rates", "0.1", "1", "--input-path", "data",
        "--output-path", "output/p/net",
    ]  # fmt: skip
    published = files.read("name: demo\npublish: true\n")
    assert published is not None
    (environment,) = (one for one in published.environments if one.name == "net")
    assert environment.build is not None
    assert environment.build.checks[1][-8:] == (
        "net.py", "fit", "--input-path", "sample", "--output-path", "sample", "--rates", "0.5",
    )  # fmt: skip
    _, out, _ = run(capsys, "modules", os.fspath(files.folder / "net.py"))
    assert out.splitlines()[1:4] == [
        "  --verbose  INTEGER  = 0",
        "  task: fit, train  train a model",
        "    --input-path   STRING  required",
    ]
    _, out, _ = run(capsys, "modules", os.fspath(files.folder / "net.py"), "--module", "net", "--format", "schema")
    form = Draft202012Validator(json.loads(out))
    paths = {"input-path": "a", "output-path": "b"}
    assert form.is_valid({"task": "train", **paths, "rates": [1, 0.5]})
    assert form.is_valid({"task": "show", "no-plot": True})
    for wrong in (
        {},
        {"task": "sow"},
        {"task": "fit"},
        {"task": "show", **paths},
        {"task": "fit", **paths, "rates": ["a"]},
    ):
        assert not form.is_valid(wrong), wrong


def test_modules_of_a_folder_without_any(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "modules", str(tmp_path))
    assert (status, out) == (0, "")
    assert "no script here" in err


# ------------------------------------------------------------------------------------------------------- end to end


def test_the_sample_runs_here_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sample"
    shutil.copytree(FIXTURES / "measurements", folder, ignore=shutil.ignore_patterns("expected"))
    made = subprocess.run([sys.executable, "data/make.py"], cwd=folder, check=True)
    assert made.returncode == 0
    assert (folder / "data/raw/measurements.csv").read_bytes() == (
        FIXTURES / "measurements/data/raw/measurements.csv"
    ).read_bytes(), "the data are what the script makes"
    git = ["git", "-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    monkeypatch.chdir(folder)
    cache = ["--cache", str(tmp_path / "cache")]
    for name, jobs in (("fit", 10), ("look", 2), ("clean", 2)):
        assert cli.main(["run", "--pipeline", name, *cache]) == 0, capfd.readouterr()
        out, _ = capfd.readouterr()
        assert f"of {jobs} jobs" in out
    assert cli.main(["runs", "show", "--format", "json", *cache]) in (0, 2)
    capfd.readouterr()
    listed = subprocess.run(
        [sys.executable, "-m", "compiler", "runs", "--format", "json", *cache], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    run_id = next(one["id"] for one in json.loads(listed.stdout) if one["name"] == "fit")
    assert cli.main(["runs", "report", run_id, "--output", "report.html", *cache]) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert page.count("val_loss over epochs") == 4
