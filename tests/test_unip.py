"""The HSE platform's modules: what is read, what must hold across a module, and what it becomes."""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from compiler.commands.catalogue import catalogue
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
    application = document("Application", "x", "source: {repoURL: u, targetRevision: live}", "argoproj.io/v1alpha1")
    project, _ = read(tmp_path, BOX, application)
    assert project is not None
    (deploy,) = (job.action for job in project.jobs if isinstance(job.action, Deploy))
    assert deploy.branch == "live"


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
    assert set(SCHEMA["$defs"]) == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_the_schema_marks_each_field_as_the_reader_does(name: str) -> None:
    properties = SCHEMA["$defs"][name]["properties"]
    assert {key: one["x-status"] for key, one in properties.items()} == {
        key: one.status for key, one in TABLES[name].items()
    }


@pytest.mark.parametrize("folder", [MODULE, GITOPS], ids=lambda path: path.parent.name)
def test_the_schema_takes_the_fixtures(folder: Path) -> None:
    validator = Draft202012Validator(SCHEMA)
    for path in sorted(folder.rglob("*.y*ml")):
        for one in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if "hse.ru" in one["apiVersion"]:
                assert [error.message for error in validator.iter_errors(one)] == []


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    validator = Draft202012Validator(SCHEMA)
    for text in (document("DataBoxes", "x", "{}"), document("APIComponent", "x", "{published: true}")):
        assert not validator.is_valid(yaml.safe_load(text))


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
