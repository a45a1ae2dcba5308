"""The HSE platform's modules: what is read, what must hold across a module, and what it becomes."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from compiler.commands.catalogue import catalogue
from compiler.commands.convert import converted
from compiler.commands.explain import find, rules
from compiler.diagnostics import Sink
from compiler.frontends import unip
from compiler.frontends.unip import fields
from compiler.ir import Artifact, Deploy, Pipeline, Project, Script
from compiler.pages import page
from compiler.repository import Repository

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "fixtures" / "unip" / "module" / "repository"
GITOPS = ROOT / "fixtures" / "unip" / "gitops" / "repository"
SCHEMA = json.loads((ROOT / "schemas" / "unip.json").read_text(encoding="utf-8"))
NAMESPACE = "pu-ivanov-pa-churn"


def document(kind: str, name: str, spec: str, version: str = fields.VERSION, namespace: str = NAMESPACE) -> str:
    head = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec:\n"
    return head + textwrap.indent(textwrap.dedent(spec).strip("\n"), "  ") + "\n"


BOX = document("DataBox", "data", "s3DefaultStorage: {}")
SERVICE = document("MLComponent", "score", "image: {existingImageName: r.example/score:1}")
SERVICE_API = document(
    "APIComponent", "score", "published: true\nmlComponent: {name: score}\nrestfulApi: {path: score}"
)
PIPELINE = document(
    "ExperimentPipeline",
    "training",
    """
    vars: [{name: data}, {name: model}]
    stages:
      - name: train
        image: {existingImageName: r.example/train:1}
        entryPoint: {cmd: python3 train.py}
        inputs: [{name: data}]
        outputs: [{name: model}]
    """,
)
PIPELINE_API = document(
    "APIComponent",
    "training",
    "published: true\nexperimentPipeline: {name: training}\napiSpec: {inputs: [{name: data}], outputs: [{name: model}]}",
)


def read(folder: Path, *documents: str, **files: str) -> tuple[Project | None, list[str]]:
    """A module of one file of documents, and of other files; its findings as `error HR2501: text`."""
    (folder / "module.yaml").write_text("---\n".join(documents), encoding="utf-8")
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return load(folder)


def load(folder: Path, unit: str = ".") -> tuple[Project | None, list[str]]:
    sink = Sink()
    project = unip.read(unit, Repository(os.fspath(folder)), sink)
    return project, [f"{one.severity} {one.code.number}: {one.message}" for one in sink.diagnostics]


def problems(folder: Path, *documents: str, **files: str) -> list[str]:
    return [one for one in read(folder, *documents, **files)[1] if not one.startswith("note")]


def pipeline_of(project: Project | None, name: str) -> Pipeline:
    assert project is not None
    return next(one for one in project.pipelines if one.name == name)


def needs(pipeline: Pipeline) -> dict[str, list[str]]:
    return {job.name: [need.job for need in job.needs] for job in pipeline.jobs}


# ---------------------------------------------------------------------------------------------------------- what is read


def test_a_sound_module_has_nothing_to_complain_of(tmp_path: Path) -> None:
    assert problems(tmp_path, BOX, SERVICE, SERVICE_API, PIPELINE, PIPELINE_API) == []


def test_files_and_documents_are_one_module(tmp_path: Path) -> None:
    for name, text in {"a.yaml": BOX + "---\n" + SERVICE, "b/c.yml": SERVICE_API, "d/e/f.yaml": PIPELINE}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "d" / "g.yaml").write_text(PIPELINE_API)
    project, found = load(tmp_path)
    assert [one for one in found if not one.startswith("note")] == []
    assert project is not None
    assert [one.name for one in project.pipelines] == ["module", "training"]


def test_a_folder_is_found_and_so_are_modules_beside_one_another(tmp_path: Path) -> None:
    repository = Repository(os.fspath(tmp_path))
    assert unip.discover(repository) == []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "box.yaml").write_text(BOX.replace(NAMESPACE, f"pu-{name}-pa-x"))
    assert unip.discover(repository) == []
    assert unip.discover(repository, "one") == ["one"]
    (tmp_path / "two" / "box.yaml").write_text(BOX.replace(NAMESPACE, "pu-one-pa-x"))
    assert unip.discover(repository) == ["."]
    (tmp_path / "headrace.yaml").write_text("version: 1\n")
    assert unip.discover(repository) == []


def test_what_headrace_compiled_is_no_part_of_the_module(tmp_path: Path) -> None:
    (tmp_path / "out.yaml").write_text("# Compiled by headrace 0.1.0 from . Do not edit\n" + BOX)
    assert problems(tmp_path, BOX) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (document("DataBox", "x", "s3DefaultStorage: {}", "v1"), '"v1" is not the apiVersion of DataBox'),
        (
            document("DataBox", "x", "s3DefaultStorage: {}", "unified-platform.cs.hse.ru/v2"),
            '"unified-platform.cs.hse.ru/v2" is not the apiVersion of DataBox',
        ),
        (document("Databox", "x", "{}"), '"Databox" is no kind of the platform'),
        (
            document("ScalingConfig", "x", "{}"),
            '"unified-platform.cs.hse.ru/v1" is not the apiVersion of ScalingConfig',
        ),
    ],
)
def test_f01_kinds(tmp_path: Path, text: str, message: str) -> None:
    assert f"error HR2501: {message}" in problems(tmp_path, BOX, text)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("image: {existingImageName: r.example/score:1}\nservicePort: 0", "error HR2505"),
        ("image: {existingImageName: r.example/score}", "warning HR3504"),
        ("image: {existingImageName: 'localhost:5000/score'}", "warning HR3504"),
        ("image: {existingImageName: 'r.example/score:latest'}", "warning HR3504"),
        ("image: {newImage: {}}", "error HR2504"),
        ("servicePort: 80", "error HR2504"),
        ("image: {existingImageName: r.example/score:1}\nconnectedBoxes: [dta]", "error HR3518"),
        ("image: {existingImageName: r.example/score:1}\nmodelBox: data\nmodelPath: m", "warning HR3520"),
        ("image: {existingImageName: r.example/score:1}\nmodelPath: m", "error HR3520"),
        ("image: {existingImageName: r.example/score:1}\nenv: [{name: UNIP_PIPELINE_X}]", "error HR3521"),
        ("image: {existingImageName: r.example/score:1}\nenv: [{name: A}, {name: A}]", "error HR3521"),
        ("image: {existingImageName: r.example/score:1}\nimag: {}", "warning HR2530"),
    ],
)
def test_a_component_is_checked(tmp_path: Path, spec: str, found: str) -> None:
    told = problems(tmp_path, BOX, document("MLComponent", "score", spec), SERVICE_API)
    assert [one.partition(":")[0] for one in told] == [found]


def test_a_digest_needs_no_tag(tmp_path: Path) -> None:
    text = SERVICE.replace("score:1", "score@sha256:" + "0" * 64)
    assert problems(tmp_path, text, SERVICE_API) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("inputs: [{name: data}]", "inputs: [{name: dta}]", "error HR3506"),
        ("outputs: [{name: model}]", "outputs: [{name: model}, {name: data}]", "error HR3508"),
        ("inputs: [{name: data}]", "inputs: [{name: data}, {name: model}]", "error HR3509"),
        ("vars: [{name: data}, ", "vars: [{name: data}, {name: other}, ", "warning HR3507"),
        ("vars: [{name: data}, ", "vars: [{name: data}, {name: DATA}, ", "error HR3521"),
        ("{name: data}, {name: model}", "{name: data, mountFrom: {box: dta, path: x}}, {name: model}", "error HR3518"),
        ("      entryPoint: {cmd: python3 train.py}\n", "", "error HR2531"),
        ("vars: [{name: data}, ", "continueWith: {name: training}\n  vars: [{name: data}, ", "error HR3519"),
        ("vars: [{name: data}, ", "continueWith: other\n  vars: [{name: data}, ", "error HR3518"),
        ("  stages:", "  connectedBoxes: [{name: dta}]\n  stages:", "error HR3518"),
    ],
)
def test_a_pipeline_is_checked(tmp_path: Path, old: str, new: str, found: str) -> None:
    assert old in PIPELINE
    told = problems(tmp_path, BOX, PIPELINE.replace(old, new, 1), PIPELINE_API)
    assert found in [one.partition(":")[0] for one in told]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("inputs: [{name: data}], ", "", "error HR3510"),
        ("inputs: [{name: data}]", "inputs: [{name: data}, {name: x}]", "error HR3511"),
        ("outputs: [{name: model}]", "outputs: [{name: data}]", "error HR3514"),
        ("inputs: [{name: data}], outputs: [{name: model}]", "outputs: [{name: data}]", "error HR3512"),
        ("training}\n", "trainings}\n", "error HR3518"),
        ("published: true\n", "published: false\n", "note HR3525"),
        ("published: true\n", "published: true\n  files: {}\n", "error HR2516"),
    ],
)
def test_an_api_is_checked(tmp_path: Path, old: str, new: str, found: str) -> None:
    assert old in PIPELINE_API
    told = read(tmp_path, BOX, PIPELINE, PIPELINE_API.replace(old, new, 1))[1]
    assert found in [one.partition(":")[0] for one in told]


def test_an_output_is_a_directory(tmp_path: Path) -> None:
    text = PIPELINE.replace("{name: model}]\n", "{name: model, mountFrom: {box: data, path: a/b.json}}]\n", 1)
    assert [one[:12] for one in problems(tmp_path, BOX, text, PIPELINE_API)] == ["error HR3512"]


def test_a_pipeline_without_an_api_has_internal_variables_only(tmp_path: Path) -> None:
    assert [one[:12] for one in problems(tmp_path, PIPELINE)] == ["error HR3513"]
    text = PIPELINE.replace("{name: data}, ", "{name: data, mountFrom: {box: data, path: raw/}}, ", 1)
    assert [one[:14] for one in problems(tmp_path, BOX, text)] == ["warning HR3523"]


def test_a_reference_is_an_error_at_both_ends(tmp_path: Path) -> None:
    sink = Sink()
    (tmp_path / "m.yaml").write_text(
        "---\n".join([BOX, document("DataBox", "y", "s3DefaultStorage: {}", namespace="z")])
    )
    unip.read(".", Repository(os.fspath(tmp_path)), sink)
    (found,) = sink.diagnostics
    assert [label.message for label in found.labels] == ['"data" is in this one']


SCALING = """
target: {kind: deployment, name: score, namespace: pu-ivanov-pa-churn}
scalingOptions: {cooldown: 1, hibernationEnabled: true}
prometheusMetrics: [{name: latency, query: up}]
states:
  - {replicas: 5, transitions: [{nextState: 2, conditions: {anyCondition: [{metric: latency, operator: gt, value: 1}]}}]}
  - {replicas: 9, transitions: [{nextState: 5, conditions: {allConditions: [{metric: cpu, operator: lt, value: 0.5}]}}]}
"""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("", "", []),
        ("metric: latency", "metric: latenci", ["error HR3528"]),
        ("name: latency, ", "", ["error HR2003", "error HR3528"]),
        ("nextState: 5", "nextState: 7", ["error HR3528"]),
        ("name: score", "name: scores", ["warning HR3528"]),
        ("{allConditions: [", "{anyCondition: [], allConditions: [", ["error HR3528"]),
        ("conditions: {allConditions: [{metric: cpu, operator: lt, value: 0.5}]}", "conditions: {}", ["error HR3528"]),
        ("operator: lt", "operator: le", ["error HR2004"]),
        ("cooldown: 1, ", "", ["error HR2003"]),
    ],
)
def test_scaling_is_checked(tmp_path: Path, old: str, new: str, found: list[str]) -> None:
    text = document("ScalingConfig", "score", SCALING.replace(old, new, 1), fields.SCALING_VERSION)
    assert [one.partition(":")[0] for one in problems(tmp_path, SERVICE, SERVICE_API, text)] == found


def test_a_secret_may_be_named_and_not_be_told(tmp_path: Path) -> None:
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: users}\n"
    assert problems(tmp_path, BOX, secret) == []
    assert [one[:12] for one in problems(tmp_path, BOX, secret + "data: {a: YQ==}\n")] == ["error HR2529"]


def test_other_files_of_the_repository_are_let_be(tmp_path: Path) -> None:
    (tmp_path / "chart.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {{ name }}\ndata: {{- x }}\n")
    (tmp_path / "web.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {}\n")
    project, found = read(tmp_path, BOX)
    assert [one for one in found if not one.startswith("note")] == []
    assert project is not None
    (deploy,) = (job.action for job in project.jobs if isinstance(job.action, Deploy))
    assert deploy.documents == ("module.yaml",)


@pytest.mark.parametrize(
    "text", ["[]", "a: [", "kind: DataBox", "apiVersion: [x]\nkind: {}", "\x00", "metadata:\n" * 3]
)
def test_what_is_no_document_never_is_a_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.yaml").write_text(text)
    read(tmp_path, BOX)


@pytest.mark.parametrize("kind", [*fields.KINDS, "ScalingConfig"])
@pytest.mark.parametrize("wrong", ["", "x", "1", "[]", "[1]", "{a: 1}", "{name: }", "null"])
def test_every_field_takes_every_wrong_value_without_a_traceback(tmp_path: Path, kind: str, wrong: str) -> None:
    version = fields.SCALING_VERSION if kind == "ScalingConfig" else fields.VERSION
    lines = [f"{key}: {wrong}" for key in fields.SPECS[kind][0]]
    for at, line in enumerate(lines):
        (tmp_path / f"{at}.yaml").write_text(document(kind, f"x{at}", line, version))
    (tmp_path / "all.yaml").write_text(document(kind, "all", "\n".join(lines), version))
    load(tmp_path)


# -------------------------------------------------------------------------------------------------------- what it becomes


def test_edges_come_from_variables_and_a_chain_goes_on() -> None:
    project, _ = load(MODULE)
    chain = pipeline_of(project, "training")
    assert [job.name for job in chain.jobs] == [
        "fetch-raw-data",
        "fetch-settings",
        "prepare",
        "train",
        "evaluation-evaluate",
        "publish-model",
        "publish-report",
    ]
    paths = {job.name: [one.path[0] for one in job.inputs] for job in chain.jobs}
    assert paths["train"] == [".unip/clean", ".unip/settings"]
    alone = pipeline_of(project, "evaluation")
    assert [job.name for job in alone.jobs] == ["fetch-model", "evaluate", "publish-report"]
    assert [one.name for one in alone.parameters] == ["model"]
    assert alone.parameters[0].required


def test_a_pipeline_that_reads_nothing_of_the_one_before_waits_for_its_end(tmp_path: Path) -> None:
    first = PIPELINE.replace("vars: [", "continueWith: {experimentPipeline: {name: after}}\n  vars: [")
    second = document(
        "ExperimentPipeline",
        "after",
        """
        vars: [{name: log}]
        stages: [{name: tell, image: {existingImageName: "r.example/t:1"}, entryPoint: {cmd: "true"}, outputs: [{name: log}]}]
        """,
    )
    project, found = read(tmp_path, first, second, PIPELINE_API)
    assert [one for one in found if one.startswith("error")] == []
    assert needs(pipeline_of(project, "training"))["after-tell"] == ["train"]


def chain(first: str, *others: str) -> list[str]:
    """Pipelines that go on one after another: each `NAME: READS -> WRITES, …`, the last stage being the pipeline's only."""
    made = []
    for text, following in zip((first, *others), (*others, ""), strict=True):
        name, _, uses = text.partition(": ")
        reads, writes = (side.split() for side in uses.split("->"))
        after = f"continueWith: {{name: {following.partition(':')[0]}}}\n" if following else ""
        names = ", ".join(f"{{name: {one}}}" for one in dict.fromkeys((*reads, *writes)))
        ins, outs = (", ".join(f"{{name: {one}}}" for one in side) for side in (reads, writes))
        stage = "{name: run, image: {existingImageName: 'r.example/x:1'}, entryPoint: {cmd: x}, "
        made.append(
            document(
                "ExperimentPipeline",
                name,
                f"vars: [{names}]\n{after}stages: [{stage}inputs: [{ins}], outputs: [{outs}]}}]",
            )
        )
    return made


def api(name: str, inputs: str, outputs: str = "", more: str = "") -> str:
    spec = (
        f"published: true\nexperimentPipeline: {{name: {name}}}\napiSpec: {{inputs: [{inputs}], outputs: [{outputs}]}}"
    )
    return document("APIComponent", name + more, spec)


def test_pipelines_of_a_chain_have_variables_of_their_own(tmp_path: Path) -> None:
    """Both write `log`, and the second reads the first's model."""
    members = chain("first: x -> model log", "second: model -> report log")
    project, found = read(tmp_path, *members, api("first", "{name: x}", "{name: log}, {name: report}"))
    assert [one for one in found if not one.startswith("note")] == []
    jobs = {job.name: job for job in pipeline_of(project, "first").jobs}
    assert [one.path for one in jobs["run"].outputs if isinstance(one, Artifact)] == [(".unip/model",), (".unip/log",)]
    second = jobs["second-run"]
    assert [one.path for one in second.inputs] == [(".unip/model",)]
    assert {one.name: one.value for one in second.env}["UNIP_PIPELINE_LOG"] == (".unip/second.log",)


def test_what_only_goes_on_after_another_is_called_alone_by_what_is_passed_to_it(tmp_path: Path) -> None:
    members = chain("first: x -> model", "second: model y -> report")
    project, found = read(tmp_path, *members, api("first", "{name: x}, {name: y}", "{name: report}"))
    assert found == []
    assert [one.name for one in pipeline_of(project, "first").parameters] == ["x", "y"]
    alone = pipeline_of(project, "second").parameters
    assert [(one.name, one.required) for one in alone] == [("model", True), ("y", True)]


def test_an_output_that_two_of_a_chain_write_is_whose_the_caller_can_tell(tmp_path: Path) -> None:
    first, second = chain("first: x -> m", "second: m -> log")
    (third,) = chain("third: m -> log")
    first = first.replace("{name: second}", "[second, third]")
    told = problems(tmp_path, first, second, third, api("first", "{name: x}", "{name: log}"))
    assert [one[:12] for one in told] == ["error HR3508"]


def test_what_one_api_may_leave_out_is_not_required(tmp_path: Path) -> None:
    (pipeline,) = chain("p: x y -> z")
    apis = [api("p", "{name: x}, {name: y}", "{name: z}"), api("p", "{name: x, required: false}, {name: y}", more="-2")]
    project, _ = read(tmp_path, pipeline, *apis)
    assert [(one.name, one.required) for one in pipeline_of(project, "p").parameters] == [("x", None), ("y", True)]


def test_names_that_come_out_alike_are_told_apart(tmp_path: Path) -> None:
    stages = "".join(
        f"  - {{name: {name}, image: {{existingImageName: 'r.example/x:1'}}, entryPoint: {{cmd: x}}, inputs: [{{name: x}}]}}\n"
        for name in ("fetch-x", "run test", "run-test", "check-parameters")
    )
    boxes = [document("DataBox", name, "s3DefaultStorage: {}") for name in ("a.b", "a-b")]
    members = [
        document("ExperimentPipeline", name, f"vars: [{{name: x}}]\nstages:\n{stages}") for name in ("p.q", "p-q")
    ]
    project, found = read(tmp_path, *boxes, *members, api("p.q", "{name: x}"), api("p-q", "{name: x}"))
    assert found == []
    assert project is not None
    assert [one.name for one in project.pipelines] == ["module", "p-q", "p-q-2"]
    assert [job.name for job in project.pipelines[1].jobs] == [
        "fetch-x-2", "fetch-x", "run-test", "run-test-2", "check-parameters"
    ]  # fmt: skip
    assert [job.name for job in project.jobs if "provision" in job.name] == ["provision-a-b", "provision-a-b-2"]


def test_a_value_is_of_the_types_that_the_api_names(tmp_path: Path) -> None:
    (pipeline,) = chain("p: n file -> z")
    kinds = (
        "{name: n, description: How many, type: {datatypes: [INT32]}}, {name: file, type: {datatypes: [FILE, dict]}}"
    )
    project, _ = read(tmp_path, pipeline, api("p", kinds, "{name: z}"))
    run = pipeline_of(project, "p")
    assert [one.help for one in run.parameters] == ["How many (INT32)", None]
    fetched = {job.name: {one.name: one.value for one in job.env} for job in run.jobs}
    assert fetched["fetch-n"]["UNIP_TYPES"] == ("INT32",)
    assert "UNIP_TYPES" not in fetched["fetch-file"]


def test_the_items_of_a_list_are_documents(tmp_path: Path) -> None:
    def item(text: str) -> str:
        return "  - " + textwrap.indent(text, "    ").strip()

    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: users}\ndata: {a: YQ==}\n"
    whole = "\n".join(["apiVersion: v1\nkind: List\nitems:", *map(item, (BOX, SERVICE, secret))]) + "\n"
    assert [one[:14] for one in problems(tmp_path, whole, SERVICE_API)] == ["error HR2529: "]


def test_a_config_map_that_lies_in_the_module_gives_its_values() -> None:
    project, _ = load(ROOT / "fixtures" / "unip" / "chain" / "repository")
    assert project is not None
    (service,) = project.services
    assert {one.name: one.value for one in service.env} == {
        "LIMIT": ("3",),
        "UNIT": ("km",),
        "NEAR_unit": ("km",),
        "NEAR_PATTERN": ("$HOME/* ${{ x }}",),
    }


def test_what_the_cluster_alone_knows_is_told(tmp_path: Path) -> None:
    more = """
        mlService: {inferenceFunction: near.nearest}
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
        envFrom: [{configMapRef: {name: gone}}, {secretRef: {name: gone}}, {secretRef: {name: gone, optional: true}}]
        """
    source = (ROOT / "fixtures" / "unip" / "chain" / "repository" / "manifests" / "near.py").read_text("utf-8")
    told = problems(tmp_path, SERVICE + textwrap.indent(textwrap.dedent(more), "  "), SERVICE_API, near_py=source)
    assert [one[:14] for one in told] == ["warning HR3532"] * 3


def test_variables_are_directories_with_their_names_in_upper_case() -> None:
    project, _ = load(MODULE)
    train = next(job for job in pipeline_of(project, "training").jobs if job.name == "train")
    env = {one.name: one.value for one in train.env}
    assert env["UNIP_PIPELINE_CLEAN"] == (".unip/clean",)
    assert env["LOG_LEVEL"] == ("INFO",)
    assert [one.path for one in train.outputs if isinstance(one, Artifact)] == [(".unip/model",)]
    assert isinstance(train.action, Script)
    assert "cd train\npython3 train.py" in str(train.action.lines[0])


def test_an_entry_point_is_read_from_the_dockerfile() -> None:
    project, _ = load(MODULE)
    prepare = next(job for job in pipeline_of(project, "training").jobs if job.name == "prepare")
    assert isinstance(prepare.action, Script)
    assert str(prepare.action.lines[0]).endswith("cd prepare\npython3 prepare.py\n")


@pytest.mark.parametrize(
    ("dockerfile", "command"),
    [
        ('FROM a\nENTRYPOINT ["python3"]\nCMD ["train.py", "a b"]', "python3 train.py 'a b'"),
        ("FROM a\nCMD python3 train.py && echo", "python3 train.py && echo"),
        ('FROM a\nCMD ["x"]\nFROM b\nENTRYPOINT ["y"]', "y"),
        ('FROM a\nENTRYPOINT ["y", \\\n  "z"]', "y z"),
        ('FROM a\nWORKDIR /app\nWORKDIR src\nENTRYPOINT ["python3", "/app/src/train.py"]', "python3 train.py"),
        ('FROM a\nENTRYPOINT ["python3", "/app/train.py"]', "python3 /app/train.py"),
    ],
)
def test_what_an_image_runs(tmp_path: Path, dockerfile: str, command: str) -> None:
    text = PIPELINE.replace("      entryPoint: {cmd: python3 train.py}\n", "")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "Dockerfile").write_text(dockerfile + "\n")
    project, found = read(tmp_path, text, PIPELINE_API, train__train_py="")
    assert [one for one in found if one.startswith("error")] == []
    (job,) = (job for job in pipeline_of(project, "training").jobs if job.name == "train")
    assert isinstance(job.action, Script)
    assert str(job.action.lines[0]).endswith(f"cd train\n{command}\n")


def test_images_whose_dockerfile_is_there_are_built_and_set_in_the_documents() -> None:
    project, _ = load(MODULE)
    assert project is not None
    assert [one.name for one in project.environments] == ["score", "prepare", "train"]
    (deploy,) = (job.action for job in project.jobs if isinstance(job.action, Deploy))
    assert deploy.platform == "apply"
    assert deploy.documents == ("boxes.yaml", "pipelines.yaml", "service.yaml", "apis.yaml")
    assert ("score", "platform-reg.stratpro.hse.ru/ivanov/score:1a2b3c4d") in deploy.replaces


def test_a_branch_that_a_cluster_pulls_is_committed_to(tmp_path: Path) -> None:
    project, _ = load(GITOPS)
    assert project is not None
    (deploy,) = (job.action for job in project.jobs if isinstance(job.action, Deploy))
    assert (deploy.platform, deploy.branch) == ("gitops", "deployed")
    assert deploy.repository == "https://platform-forgejo.stratpro.hse.ru/petrova/forecast.git"


FLUX, ARGO = "source.toolkit.fluxcd.io/v1", "argoproj.io/v1alpha1"
LIVE = "https://git.example.org/a/b.git"


def git_repository(url: str, reference: str = "branch: live", name: str = "source") -> str:
    return document("GitRepository", name, f"url: {url}\nref: {{{reference}}}", FLUX)


def application(source: str) -> str:
    return document("Application", "x", source, ARGO)


@pytest.mark.parametrize(
    ("documents", "branch", "repository"),
    [
        ([git_repository(LIVE)], "live", LIVE),
        ([git_repository("ssh://git@git.example.org:22/a/b.git", "")], "master", LIVE),
        ([git_repository("git@git.example.org:a/b.git", "name: refs/heads/prod")], "prod", LIVE),
        ([git_repository("https://other.example/x", name="other"), git_repository(LIVE),
          document("Kustomization", "k", "sourceRef: {kind: GitRepository, name: source}",
                   "kustomize.toolkit.fluxcd.io/v1")], "live", LIVE),
        ([application(f"source: {{repoURL: {LIVE}, targetRevision: live}}")], "live", LIVE),
        ([application(f"sources: [{{repoURL: 'https://h/x', chart: y}}, {{repoURL: {LIVE}}}]")], "main", LIVE),
    ],
)  # fmt: skip
def test_documents_are_committed_where_a_cluster_pulls(
    tmp_path: Path, documents: list[str], branch: str, repository: str
) -> None:
    project, found = read(tmp_path, BOX, *documents)
    assert [one for one in found if one.startswith("error")] == []
    assert project is not None
    (deploy,) = (job.action for job in project.jobs if isinstance(job.action, Deploy))
    assert (deploy.platform, deploy.branch, deploy.repository) == ("gitops", branch, repository)


@pytest.mark.parametrize(
    ("documents", "found"),
    [
        ([git_repository(LIVE, "tag: v1")], "error HR3534"),
        ([git_repository(LIVE, "branch: live, commit: abc")], "error HR3534"),
        ([git_repository("./here")], "error HR3534"),
        ([git_repository("https://a:b@git.example.org/x")], "error HR2529"),
        ([git_repository(LIVE), git_repository("https://other.example/x", name="other")], "error HR3534"),
        ([application(f"source: {{repoURL: {LIVE}}}")], "warning HR3534"),
    ],
)
def test_a_source_that_no_commit_reaches_is_told(tmp_path: Path, documents: list[str], found: str) -> None:
    assert [one.partition(":")[0] for one in problems(tmp_path, BOX, *documents)] == [found]


def test_what_is_not_published_is_not_asked(tmp_path: Path) -> None:
    shutil.copytree(MODULE, tmp_path, dirs_exist_ok=True)
    assert [one.name for one in _project(tmp_path).services] == ["churn-score"]
    text = (tmp_path / "apis.yaml").read_text()
    at = text.index("  name: score\n")
    (tmp_path / "apis.yaml").write_text(text[:at] + text[at:].replace("published: true", "published: false", 1))
    assert _project(tmp_path).services == ()


def _project(folder: Path) -> Project:
    project, _ = load(folder)
    assert project is not None
    return project


# ------------------------------------------------------------------------------------------------------------- the schema

TABLES = {
    "metadata": fields.METADATA,
    "image": fields.IMAGE,
    "env": fields.ENV_VALUE,
    "resources": fields.RESOURCES,
    "storage": fields.STORAGE,
    "dataBox": fields.DATA_BOX,
    "mlService": fields.ML_SERVICE,
    "mlComponent": fields.ML_COMPONENT,
    "mount": fields.MOUNT,
    "variable": fields.VARIABLE,
    "stage": fields.STAGE,
    "entryPoint": fields.ENTRY_POINT,
    "experimentPipeline": fields.PIPELINE,
    "apiType": fields.API_TYPE,
    "apiInput": fields.API_INPUT,
    "apiOutput": fields.API_OUTPUT,
    "apiSpec": fields.API_SPEC,
    "basic": fields.BASIC,
    "auth": fields.AUTH,
    "restfulApi": fields.RESTFUL,
    "apiComponent": fields.API,
    "condition": fields.CONDITION,
    "conditions": fields.CONDITIONS,
    "transition": fields.TRANSITION,
    "state": fields.STATE,
    "target": fields.TARGET,
    "options": fields.OPTIONS,
    "metric": fields.METRIC,
    "scaling": fields.SCALING,
}


def test_the_schema_has_every_table() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["$defs"]) - {"scalar", "text", "reference", "continuation", "named"} == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_the_schema_marks_each_field_as_the_reader_does(name: str) -> None:
    properties = SCHEMA["$defs"][name]["properties"]
    assert {key: one["x-status"] for key, one in properties.items()} == {
        key: one.status for key, one in TABLES[name].items()
    }


FIXTURES = [MODULE, GITOPS, ROOT / "fixtures" / "unip" / "chain" / "repository"]
GONE = object()
WRONG = (GONE, None, "", "x", 1.5, True, [], {})


def documents_of(folder: Path) -> list[Any]:
    """The platform's documents of a module, those of lists too."""
    found = []
    for path in sorted(folder.rglob("*.y*ml")):
        for one in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            found += one["items"] if one["kind"] == "List" else [one]
    return [one for one in found if "hse.ru" in one["apiVersion"]]


@pytest.mark.parametrize("folder", FIXTURES, ids=lambda path: path.parent.name)
def test_the_schema_takes_the_fixtures(folder: Path) -> None:
    validator = Draft202012Validator(SCHEMA)
    for one in documents_of(folder):
        assert [error.message for error in validator.iter_errors(one)] == []


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*at, key))


def changed(value: Any, at: tuple[Any, ...], new: object) -> Any:
    value = copy.deepcopy(value)
    inner = value
    for key in at[:-1]:
        inner = inner[key]
    if new is GONE:
        del inner[at[-1]]
    else:
        inner[at[-1]] = new
    return value


@pytest.mark.parametrize("kind", [*fields.KINDS, fields.SCALING_KIND])
def test_the_schema_refuses_what_the_reader_refuses(kind: str, tmp_path: Path) -> None:
    """Every field of the fixtures, left out and with values of other types: what one of both refuses of a document's form,
    the other one refuses. What a document names elsewhere, a schema can't see."""
    validator = Draft202012Validator(SCHEMA)
    seen = set()
    for one in (one for folder in FIXTURES for one in documents_of(folder) if one["kind"] == kind):
        for at in places(one):
            alike = tuple("#" if isinstance(key, int) else key for key in at)
            if not at or at == ("apiVersion",) or alike in seen:
                continue
            seen.add(alike)
            for new in WRONG:
                wrong = changed(one, at, new)
                (tmp_path / "m.yaml").write_text(yaml.safe_dump(wrong, sort_keys=False), encoding="utf-8")
                refused = [found[6:12] for found in load(tmp_path)[1] if found.startswith("error")]
                of_its_form = [code for code in refused if code < "HR3000" and code not in ("HR2005", "HR2531")]
                assert bool(refused if not validator.is_valid(wrong) else of_its_form) != validator.is_valid(wrong), (
                    at,
                    "left out" if new is GONE else new,
                    refused,
                )
    assert len(seen) > 3


def test_every_rule_is_explained() -> None:
    known = catalogue()
    for number in range(1, 31):
        assert find(f"F{number:02}", known), f"F{number:02} has no page"
    (page_of_assumed,) = find("unip", known)
    text = page(page_of_assumed.number) or ""
    assert "unip" in rules(text)
    for what, table in {"MLComponent.spec": fields.ML_COMPONENT, "stages[]": fields.STAGE}.items():
        for key, one in table.items():
            assert (f"| `{what}.{key}` | {one.status} |" in text) == (one.status != fields.VERIFIED)


def test_a_modules_comments_are_converted_with_what_they_stand_above() -> None:
    repository = Repository(os.fspath(ROOT))
    project = unip.read("fixtures/unip/module/repository", repository, Sink())
    assert project is not None
    lines = converted(project, repository).split("\n")
    at = next(number for number, line in enumerate(lines) if "# Two pipelines: training" in line)
    assert lines[at + 1] == "  training:"
    at = next(number for number, line in enumerate(lines) if "# Two boxes: what is given" in line)
    assert lines[at + 1] == "  provision-data:"


# ---------------------------------------------------------------------------------------------------- the documentation

WORDS = {
    "ПАПКА": "FOLDER", "ОБРАЗ": "IMAGE", "ИМЯ": "NAME", "БОКС": "BOX", "ПУТЬ": "PATH", "БАКЕТ": "BUCKET",
    "пакет.модуль.функция": "package.module.function",
}  # fmt: skip


SHAPES = ("#", "|", "- ", "    ")


def test_both_languages_say_the_same_of_the_same_names() -> None:
    """Line by line the same code stands in both, whatever the order of the words is."""
    english, russian = (
        (ROOT / "docs" / name).read_text(encoding="utf-8").splitlines() for name in ("unip.md", "unip.ru.md")
    )
    assert len(english) == len(russian)
    for one, other in zip(english[4:], russian[4:], strict=True):
        assert one.startswith(SHAPES) == other.startswith(SHAPES), (one, other)
        assert code_of(one) == code_of(other), (one, other)


def code_of(line: str) -> set[str]:
    for russian, english in WORDS.items():
        line = line.replace(russian, english)
    if line.startswith("    headrace"):
        return {line.partition("#")[0].rstrip()}
    links = re.findall(r"\]\(([^)]+)\)", line)
    kinds = {kind for kind in (*fields.KINDS, fields.SCALING_KIND) if kind in line}
    return {*links, *kinds, *re.findall(r"`([^`]+)`", line), *re.findall(r"F\d\d", line)}


def test_the_documentation_has_every_field_with_its_mark() -> None:
    text = (ROOT / "docs" / "unip.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| ") and line.count("|") == 5]
    said = {row[0].strip(" `"): dict(zip(MARKS, map(names_in, row[1:]), strict=True)) for row in rows[1:]}
    for where, table in DOCUMENTED.items():
        found = {mark: {key for key, one in table.items() if one.status == mark} for mark in MARKS}
        assert said.pop(where) == found, where
    assert list(said) == ["ScalingConfig `spec`, all of it"]


MARKS = (fields.VERIFIED, fields.PARTLY, fields.ASSUMED)
DOCUMENTED = {
    "metadata": fields.METADATA,
    "DataBox `spec": fields.DATA_BOX,
    "s3DefaultStorage": fields.STORAGE,
    "MLComponent `spec": fields.ML_COMPONENT,
    "mlService": fields.ML_SERVICE,
    "image": fields.IMAGE,
    "ExperimentPipeline `spec": fields.PIPELINE,
    "vars[]": fields.VARIABLE,
    "mountFrom": fields.MOUNT,
    "stages[]": fields.STAGE,
    "entryPoint": fields.ENTRY_POINT,
    "env[]": fields.ENV_VALUE,
    "resources": fields.RESOURCES,
    "APIComponent `spec": fields.API,
    "apiSpec": fields.API_SPEC,
    "inputs[]": fields.API_INPUT,
    "outputs[]": fields.API_OUTPUT,
    "restfulApi": fields.RESTFUL,
    "auth": fields.AUTH,
}


def names_in(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))
