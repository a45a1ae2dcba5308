"""ame.yaml: what each dialect's words become, and what is said of what AME would drop, lose or refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compiler import cli, driver
from compiler.diagnostics import Diagnostic, Sink
from compiler.frontends import ame
from compiler.ir import (
    Artifact,
    ChangedFiles,
    Environment,
    Job,
    OnManual,
    OnPush,
    OnSchedule,
    Project,
    Resources,
    Script,
    SecretUse,
)
from compiler.quantity import parse as quantity
from compiler.repository import Repository


class Read:
    """A repository's ame.yaml, read: the project, and what was found."""

    def __init__(self, folder: Path, text: str, others: dict[str, str] | None = None, unit: str = "ame.yaml") -> None:
        for path, content in {unit: text, **(others or {})}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
        self.repository = Repository(os.fspath(folder))
        self.sink = Sink()
        self.maybe = ame.read(unit, self.repository, self.sink)

    @property
    def project(self) -> Project:
        assert self.maybe is not None
        assert [one for one in self.found if one.severity == "error"] == []
        return self.maybe

    @property
    def found(self) -> list[Diagnostic]:
        return self.sink.diagnostics

    def job(self, name: str) -> Job:
        return next(job for job in self.project.jobs if job.name == name)

    def told(self) -> list[str]:
        """Code and line, without notes."""
        return [f"{one.code.number}:{one.span.begin.line}" for one in self.found if one.severity != "note" and one.span]

    def lowered(self) -> Project:
        found = driver.lowered(self.project, self.repository, self.sink)
        assert not self.sink.failed, self.found
        return found


def environment(job: Job) -> Environment:
    assert isinstance(job.environment, Environment)
    return job.environment


def command(job: Job) -> str:
    assert isinstance(job.action, Script)
    return "".join(str(piece) for piece in job.action.lines)


TASK = "name: churn\ntasks:\n  - name: train\n    "
RUN = "executor: !custom {pythonVersion: 3.11, command: python train.py}\n"

# ------------------------------------------------------------------------------------------------------------ dialects


@pytest.mark.parametrize(
    ("path", "head", "known"),
    [
        ("ame.yaml", "", True),
        ("deep/ame.yml", "", True),
        ("large.ame.yaml", "", True),
        ("a.yaml", "projectid: churn\n", True),
        ("a.yaml", "# c\nprojectname: churn\ntasks:\n", True),
        ("a.yaml", "name: churn\ntasks:\n", True),
        ("a.yaml", "tasks:\n  - executor:\n      !poetry\n", True),
        ("a.yaml", "dataSets:\n", True),
        ("a.yaml", "name: churn\non: push\n", False),
        ("a.yaml", "version: 1\nname: churn\njobs:\n", False),
        ("ame.txt", "projectid: churn\n", False),
    ],
)
def test_files_are_recognised(path: str, head: str, known: bool) -> None:
    assert ame.sniff(path, head) is known


def test_ame_yaml_comes_before_ame_yml(tmp_path: Path) -> None:
    (tmp_path / "ame.yml").write_text("name: a\n")
    repository = Repository(os.fspath(tmp_path))
    assert ame.discover(repository) == ["ame.yml"]
    (tmp_path / "ame.yaml").write_text("name: a\n")
    assert ame.discover(repository) == ["ame.yaml"]


@pytest.mark.parametrize(
    ("root", "name"),
    [("name: 010\n", "010"), ("projectid: a\n", "a"), ("projectName: b\n", "b"), ("project: c\n", "c"), ("", "ame")],
)
def test_a_project_is_named(root: str, name: str, tmp_path: Path) -> None:
    assert Read(tmp_path, f"{root}tasks:\n  - name: t\n    {RUN}").project.name == name


def test_a_project_without_a_name_is_its_folder_s(tmp_path: Path) -> None:
    assert Read(tmp_path, f"tasks:\n  - name: t\n    {RUN}", unit="models/churn/ame.yaml").project.name == "churn"


# ------------------------------------------------------------------------------------------------------- serde's rules


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: ''\ntasks: []\n", ["HR2013:1"]),
        ("name: churn\ntasks: ~\n", ["HR2002:2"]),
        ("name: churn\ntasks: null\n", ["HR2002:2"]),
        ("name: churn\ntasks:\nmodels:\n", []),
        ("name: churn\nname: other\n", ["HR1005:2"]),
        ("name: [churn]\n", ["HR2002:1"]),
        ("name: churn\n---\nname: other\n", ["HR1012:3"]),
        ("name: churn\n\ttasks: []\n", ["HR1004:2"]),
        ("", ["HR1013:1"]),
        ("- name: churn\n", ["HR2002:1"]),
        ("executor: !custom {pythonVersion: 3.11, command: a}\n", ["HR2003:1"]),
        ("name: churn\nenableTriggers: yes\n", ["HR3103:2", "HR2002:2"]),
        (TASK + RUN + "    artifactCfg: {saveChangedFiles: 'true'}\n", ["HR2101:5", "HR2002:5"]),
        (TASK + RUN + "    resources: {limits: {cpu: 1}}\n", ["HR2002:5"]),
        (TASK + RUN + "    resources: {cpu: lots}\n", ["HR2006:5"]),
        (TASK + RUN + "    resources: {nvidia.com/gpu: 0.5}\n", ["HR2017:5"]),
        (TASK + RUN + "    resources: {example.com/fpga: 1}\n", ["HR2105:5"]),
        (TASK + RUN + "    env: [{key: A}]\n", ["HR2003:5"]),
        (TASK + RUN + "    env: [{key: not-one, val: x}]\n", ["HR2005:5"]),
        (TASK + RUN + "    env: [{key: API_TOKEN, val: abcdef123}]\n", ["HR3032:5"]),
        (TASK + RUN + "    env: [{key: A, val: 1}, {key: A, val: 2}]\n", ["HR3104:5"]),
        (TASK + RUN + "    <<: {name: x}\n", ["HR2101:5"]),
        (TASK + RUN + "    taskRef: {project: x}\n", ["HR2003:5"]),
        ("name: churn\ntasks: [train]\n", ["HR2002:2"]),
        ("name: churn\ndataSets: [{name: d}]\n", ["HR2003:2"]),
        (
            f"name: churn\ndataSets: [{{name: d, path: d}}, {{name: d, path: e}}]\ntasks: [{{name: t, {RUN.strip()}}}]\n",
            ["HR3104:2"],
        ),
        ("name: churn\nmodels: [{training: {}}]\n", ["HR2003:2"]),
    ],
)
def test_values_are_taken_as_serde_takes_them(text: str, told: list[str], tmp_path: Path) -> None:
    assert Read(tmp_path, text).told() == told


def test_scalars_stay_as_they_are_written(tmp_path: Path) -> None:
    text = TASK + "executor: !poetry {pythonVersion: 3.10, command: python a.py 1e3}\n    env:\n"
    for key, value in {"A": "3.10", "B": "010", "C": "yes", "D": "0.50", "E": "~", "F": "''"}.items():
        text += f"      - {{key: {key}, val: {value}}}\n"
    job = Read(tmp_path, text).job("train")
    assert environment(job).python == "3.10"
    values = {variable.name: "".join(map(str, variable.value)) for variable in job.env}
    assert values == {"A": "3.10", "B": "010", "C": "yes", "D": "0.50", "E": "~", "F": ""}


def test_anchors_are_followed(tmp_path: Path) -> None:
    text = f"name: churn\ntasks:\n  - &one\n    name: a\n    resources: &size {{cpu: 2}}\n    {RUN}"
    text += f"  - name: b\n    resources: *size\n    {RUN}"
    read = Read(tmp_path, text)
    assert read.job("b").resources == read.job("a").resources


# ------------------------------------------------------------------------------------------------------------ executors


@pytest.mark.parametrize(
    ("executor", "installer", "python", "ran"),
    [
        ("!poetry {pythonVersion: 3.9.1, command: python a.py}", "poetry", "3.9.1", "python a.py"),
        ("\n      !pip\n      pythonVersion: 3.12\n      command: a", "pip", "3.12", "a"),
        ("!pipEnv\n      command: a", "pipenv", "3.11", "a"),
        ("!pipenv {command: a}", "pipenv", "3.11", "a"),
        ("!custom {pythonVersion: 3.11, command: a}", None, "3.11", "a"),
        ("!mlflow", "mlflow", "3.11", "mlflow run . --env-manager uv"),
        ("!mlflow {}", "mlflow", "3.11", "mlflow run . --env-manager uv"),
        ("{poetry: {pythonVersion: 3.11, command: a}}", "poetry", "3.11", "a"),
    ],
)
def test_executors_become_environments(
    executor: str, installer: str | None, python: str, ran: str, tmp_path: Path
) -> None:
    job = Read(tmp_path, f"{TASK}executor: {executor}\n").job("train")
    assert (environment(job).installer, environment(job).python, command(job)) == (installer, python, ran)


@pytest.mark.parametrize(
    ("executor", "told"),
    [
        ("!conda {command: a}", ["HR2103:4"]),
        ("!Poetry {pythonVersion: 3.11, command: a}", ["HR2103:4"]),
        ("mlflow", ["HR2103:4"]),
        ("{pythonVersion: 3.11, command: a}", ["HR2103:4"]),
        ("[a]", ["HR2103:4"]),
        ("", ["HR2103:3"]),
        ("!poetry {pythonVersion: 3.11}", ["HR2003:4"]),
        ("!poetry {command: a}", ["HR2003:4"]),
        ("!poetry", ["HR2003:4", "HR2003:4"]),
        ("!poetry {pythonVersion: pypy3.9, command: a}", ["HR2004:4"]),
        ("!poetry {pythonVersion: 3.11, command: ''}", ["HR2013:4"]),
        ("!poetry [a]", ["HR2002:4"]),
    ],
)
def test_executors_with_a_fault_are_errors(executor: str, told: list[str], tmp_path: Path) -> None:
    assert Read(tmp_path, f"{TASK}executor: {executor}\n").told() == told


def test_a_pipfile_names_the_python(tmp_path: Path) -> None:
    text = TASK + "executor: !pipEnv {command: a}\n"
    assert (
        environment(Read(tmp_path, text, {"Pipfile": '[requires]\npython_version = "3.9"\n'}).job("train")).python
        == "3.9"
    )
    assert environment(Read(tmp_path, text, {"Pipfile": "[requires\n"}).job("train")).python == "3.11"


def test_text_that_shells_read_differently_is_bash_s(tmp_path: Path) -> None:
    text = (
        TASK
        + "executor:\n      !pip\n      pythonVersion: 3.11\n      command: |\n        a | b\n        [[ -n $X ]]\n"
    )
    job = Read(tmp_path, text).job("train")
    assert (job.shell, command(job)) == ("bash", "a | b\n[[ -n $X ]]")
    assert Read(tmp_path, TASK + RUN).job("train").shell is None


# ------------------------------------------------------------------------------------- resources, secrets, what is kept


def test_resources_are_requests_and_limits(tmp_path: Path) -> None:
    text = TASK + RUN + "    resources: {cpu: 4, memory: 10G, storage: 30G, amd.com/gpu: '2'}\n"
    found = Read(tmp_path, text).job("train").resources
    assert isinstance(found, Resources)
    assert found.request is not None
    assert found.limit is not None
    assert (found.request.cpu, found.limit.memory) == (quantity("4"), quantity("10G"))
    assert (found.request.storage, found.limit.storage) == (quantity("30G"), None)
    assert found.accelerator is not None
    assert (found.accelerator.count, found.accelerator.vendor) == (2, "amd")


@pytest.mark.parametrize(
    ("secret", "use", "stored", "told"),
    [
        ("{ame: {key: wandb, injectAs: W}}", ("wandb", "W"), (None, "wandb/secret", None), []),
        ("{ame: {key: blob_key, injectAs: W}}", ("blob_key", "W"), (None, None, None), []),
        ("!ame {key: wandb, injectAs: W}", ("wandb", "W"), (None, "wandb/secret", None), ["HR2104:5"]),
        ("{key: wandb, injectAs: W}", ("wandb", "W"), (None, "wandb/secret", None), ["HR2104:5"]),
        ("{ame: {key: 12, injectAs: W}}", ("12", "W"), (None, "12/secret", None), ["HR2104:5"]),
        ("!vault {vault: kv, key: a/b, injectAs: W}", ("b", "W"), ("vault", "kv/a/b", None), ["HR2104:5"]),
        ("!AmeSecret {name: wandb, envkey: W}", ("wandb", "W"), (None, "wandb/secret", None), ["HR2104:5"]),
        (
            "!VaultSecret {vaultName: v, secretPath: kv/a, secretKey: k, envkey: W}",
            ("k", "W"),
            ("vault", "kv/a", "k"),
            ["HR2104:5"],
        ),
    ],
)
def test_secrets_are_references(
    secret: str, use: tuple[str, str], stored: tuple[str | None, ...], told: list[str], tmp_path: Path
) -> None:
    read = Read(tmp_path, f"{TASK}{RUN}    secrets: [{secret}]\n")
    assert read.job("train").secrets == (SecretUse(secret=use[0], env=use[1]),)
    (found,) = read.project.secrets
    assert (found.store, found.path, found.key) == stored
    assert read.told() == told


@pytest.mark.parametrize("secret", ["{}", "{vault: {}}", "!other {a: b}", "{ame: {key: a}}", "{ame: }", "text", "[]"])
def test_secrets_that_nobody_can_give_are_told(secret: str, tmp_path: Path) -> None:
    read = Read(tmp_path, f"{TASK}{RUN}    secrets: [{secret}]\n")
    assert read.job("train").secrets == ()
    assert [told for told in read.told() if told.startswith("HR2104")] != []


@pytest.mark.parametrize(
    ("artifacts", "kept"),
    [
        ("{saveChangedFiles: true}", (ChangedFiles(paths=(".",)),)),
        ("{saveChangedFiles: false, paths: [out/a.pkl, ./b/]}", (Artifact(path=("out/a.pkl",)), Artifact(path=("b",)))),
        ("{paths: [/project/out]}", (Artifact(path=("out",)),)),
        ("{saveChangedFiles: false, paths: [models/*.pkl]}", (ChangedFiles(paths=("models",)),)),
        ("{saveChangedFiles: false, paths: [.]}", (ChangedFiles(paths=(".",)),)),
        ("{saveChangedFiles: false}", ()),
        ("", ()),
    ],
)
def test_artifacts_become_outputs(artifacts: str, kept: tuple[object, ...], tmp_path: Path) -> None:
    assert Read(tmp_path, f"{TASK}{RUN}    artifactCfg: {artifacts}\n").job("train").outputs == kept


@pytest.mark.parametrize("path", ["../out", "/tmp/out", "a\\b", "~/out"])
def test_paths_outside_are_errors(path: str, tmp_path: Path) -> None:
    assert Read(tmp_path, f"{TASK}{RUN}    artifactCfg: {{paths: ['{path}']}}\n").told() == ["HR2014:5"]


def test_two_tasks_may_keep_one_path(tmp_path: Path) -> None:
    keeps = "    artifactCfg: {saveChangedFiles: false, paths: [model.pkl]}\n"
    read = Read(tmp_path, f"{TASK}{RUN}{keeps}  - name: other\n    {RUN}{keeps}")
    assert read.job("other").outputs == (ChangedFiles(paths=("model.pkl",)),)
    read.lowered()


# ---------------------------------------------------------------------------------------------- references and templates

TEMPLATE = "templates:\n  - name: large\n    resources: {cpu: 2}\n    env: [{key: A, val: b}]\n    " + RUN


def test_a_task_inherits_what_it_does_not_say(tmp_path: Path) -> None:
    read = Read(tmp_path, TASK + "fromTemplate: {name: large}\n    env: []\n" + TEMPLATE)
    job = read.job("train")
    assert command(job) == "python train.py"
    assert job.resources is not None
    assert job.env == ()
    assert read.told() == ["HR3102:4"]


def test_a_template_of_another_project(tmp_path: Path) -> None:
    other = {"shared/ame.yaml": "name: shared\n" + TEMPLATE}
    read = Read(tmp_path, TASK + "fromTemplate: {name: large, project: shared}\n", other)
    assert command(read.job("train")) == "python train.py"
    assert read.job("train").working_directory is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TASK + "fromTemplate: {name: larg}\n" + TEMPLATE, ["HR3004:4"]),
        (TASK + "fromTemplate: {name: large, project: nowhere}\n", ["HR3004:4"]),
        (TASK + "taskRef: {name: nothing}\n", ["HR3001:4"]),
        (TASK + "taskRef: {name: train}\n", ["HR3013:4"]),
        (TASK + "taskRef: {name: b}\n  - name: b\n    taskRef: {name: train}\n", ["HR3013:4", "HR3101:6", "HR3013:6"]),
        (TASK + RUN + "    dataSets: [nothing]\n", ["HR3003:5"]),
        (TASK + RUN + "    dataSets: [other.one]\n", ["HR3003:5"]),
        (
            TASK + "fromTemplate: {name: a}\ntemplates:\n  - {name: a, fromTemplate: {name: a}}\n",
            ["HR3014:6"],
        ),
    ],
)
def test_what_is_not_there_is_an_error(text: str, told: list[str], tmp_path: Path) -> None:
    found = Read(tmp_path, text).told()
    assert [one for one in found if not one.startswith("HR31")] == [one for one in told if not one.startswith("HR31")]


def test_long_chains_and_wide_pipelines_end(tmp_path: Path) -> None:
    chain = "".join(f"  - name: t{at}\n    taskRef: {{name: t{at + 1}}}\n    env: []\n" for at in range(300))
    assert "HR1006" in " ".join(Read(tmp_path, f"name: churn\ntasks:\n{chain}  - name: t300\n    {RUN}").told())
    doubled = "".join(f"  - name: p{at}\n    pipeline: [p{at + 1}, p{at + 1}]\n" for at in range(40))
    assert "HR1006" in " ".join(Read(tmp_path, f"name: churn\ntasks:\n{doubled}  - name: p40\n    {RUN}").told())


def test_a_bare_reference_runs_the_same_jobs(tmp_path: Path) -> None:
    project = Read(tmp_path, f"{TASK}{RUN}  - name: again\n    taskRef: {{name: train}}\n").project
    assert [job.name for job in project.jobs] == ["train"]
    assert [(pipeline.name, pipeline.members) for pipeline in project.pipelines] == [
        ("train", ("train",)),
        ("again", ("train",)),
    ]


def test_a_reference_with_more_is_a_job_of_its_own(tmp_path: Path) -> None:
    read = Read(tmp_path, f"{TASK}{RUN}  - name: again\n    taskRef: {{name: train}}\n    resources: {{cpu: 8}}\n")
    assert command(read.job("again")) == "python train.py"
    assert read.job("again").resources is not None


# ------------------------------------------------------------------------------------- data sets, pipelines, triggers, models


def test_a_data_set_is_produced_once_for_all(tmp_path: Path) -> None:
    data = (
        "dataSets:\n  - {name: d, path: ./data, task: {executor: !custom {pythonVersion: 3.11, command: ./get.sh}}}\n"
    )
    text = f"{TASK}{RUN}    dataSets: [d]\n  - name: other\n    {RUN}    dataSets: [churn.d.x]\n{data}"
    read = Read(tmp_path, text)
    (dataset,) = read.project.datasets
    assert (dataset.path, dataset.produced_by) == ("data", "produce-d")
    assert read.job("produce-d").cache is not None
    lowered = {pipeline.name: pipeline for pipeline in read.lowered().pipelines}
    assert {job.name for job in lowered["train"].jobs} == {"train", "produce-d"}
    assert {job.name for job in lowered["other"].jobs} == {"other", "produce-d"}


def test_data_of_another_project_is_made_in_its_folder(tmp_path: Path) -> None:
    other = {"sources/ame.yaml": f"name: sources\ndataSets:\n  - name: d\n    path: out\n    task:\n      {RUN}"}
    read = Read(tmp_path, f"{TASK}{RUN}    dataSets: [sources.d]\n", other)
    assert read.project.datasets[0].path == "sources/out"
    assert read.job("produce-d").working_directory == "sources"


def test_steps_follow_one_another_and_share_what_they_change(tmp_path: Path) -> None:
    text = "projectname: churn\ntasks:\n  main:\n    pipeline:\n"
    text += "".join(f"      - {{taskname: {name}, runcommand: ./{name}.sh}}\n" for name in "abc")
    read = Read(tmp_path, text)
    assert [need.job for need in read.job("main-c").needs] == ["main-a", "main-b"]
    assert read.job("main-b").outputs == (ChangedFiles(paths=(".",)),)
    assert read.project.pipelines[0].members == ("main-c",)


def test_a_nested_list_runs_side_by_side(tmp_path: Path) -> None:
    text = TASK + "pipeline: [[a, b], c]\n" + "".join(f"  - name: {name}\n    {RUN}" for name in "abc")
    read = Read(tmp_path, text)
    assert read.job("train-b").needs == ()
    assert [need.job for need in read.job("train-c").needs] == ["train-a", "train-b"]


@pytest.mark.parametrize(
    ("schedule", "switch", "triggers", "told"),
    [
        ("0 4 * * *", "", (OnSchedule(cron="0 4 * * *"), OnManual()), []),
        ("0 4 * * Mon", "", (OnSchedule(cron="0 4 * * 1"), OnManual()), []),
        ("0 4 13 * 5", "", (OnSchedule(cron="0 4 13 * 5"), OnManual()), ["HR3047:5"]),
        ("0 4 * JAN 7", "", (OnSchedule(cron="0 4 * 1 0"), OnManual()), ["HR3103:5"]),
        ("0 4 * * *", "enableTriggers: false\n", (OnManual(),), ["HR3103:6"]),
        ("0 4 * * *", "enableTriggers: true\n", (OnSchedule(cron="0 4 * * *"), OnManual()), ["HR3103:6"]),
    ],
)
def test_schedules(schedule: str, switch: str, triggers: tuple[object, ...], told: list[str], tmp_path: Path) -> None:
    read = Read(tmp_path, f"{TASK}{RUN}    triggers: {{schedule: '{schedule}'}}\n{switch}")
    assert read.project.pipelines[0].triggers == triggers
    assert read.told() == told


@pytest.mark.parametrize("schedule", ["daily", "* * *", "0 0 31 2 *", "99 * * * *", "@daily"])
def test_schedules_with_a_fault_are_errors(schedule: str, tmp_path: Path) -> None:
    assert Read(tmp_path, f"{TASK}{RUN}    triggers: {{schedule: '{schedule}'}}\n").told() == ["HR2008:5"]


def test_the_default_task_comes_first(tmp_path: Path) -> None:
    text = "projectname: churn\ndefaultTask: b\ntasks:\n  a: {runcommand: ./a.sh}\n  b: {runcommand: ./b.sh}\n"
    assert [pipeline.name for pipeline in Read(tmp_path, text).project.pipelines] == ["b", "a"]


MODELS = (
    "models:\n  - name: churn_model\n    training: {task: {taskRef: {name: train}}}\n"
    "    validationTask: {executor: !mlflow }\n"
)


def test_a_model_is_trained_validated_and_served(tmp_path: Path) -> None:
    text = f"{TASK}{RUN}{MODELS}    deployment: {{replicas: 2, resources: {{cpu: 1}}, ingressAnnotations: {{a: b}}}}\n"
    read = Read(tmp_path, text)
    (model,) = read.project.models
    assert (model.train, model.validate, model.deploy) == ("train", "churn_model-validate", "deploy-churn-model")
    (service,) = read.project.services
    assert (service.replicas, service.port, service.health) == (2, 5000, "/health")
    assert service.deploy is not None
    assert service.deploy.ingress is not None
    assert service.deploy.ingress.tls is True
    assert ("a", "b") in service.deploy.ingress.annotations
    pipeline = next(one for one in read.lowered().pipelines if one.name == "churn_model")
    assert {type(trigger) for trigger in pipeline.triggers} == {OnPush, OnManual}
    needs = {job.name: {need.job for need in job.needs} for job in pipeline.jobs}
    assert needs == {
        "train": set(),
        "churn_model-validate": {"train"},
        "smoke-churn-model": {"churn_model-validate"},
        "deploy-churn-model": {"smoke-churn-model", "train", "churn_model-validate"},
    }


def test_training_reaches_mlflow(tmp_path: Path) -> None:
    read = Read(tmp_path, f"{TASK}{RUN}{MODELS}")
    assert SecretUse(secret="MLFLOW_TRACKING_URI", env="MLFLOW_TRACKING_URI") in read.job("train").secrets
    assert Read(tmp_path, TASK + RUN).job("train").secrets == ()


@pytest.mark.parametrize(
    ("deployment", "serves"), [("", False), ("{}", True), ("{auto_train: true}", True), ("{deploy: true}", True)]
)
def test_an_empty_deployment_is_none(deployment: str, serves: bool, tmp_path: Path) -> None:
    read = Read(tmp_path, f"{TASK}{RUN}{MODELS}    deployment: {deployment}\n")
    assert bool(read.project.services) is serves


def test_left_over_keys_do_not_count(tmp_path: Path) -> None:
    text = f"{TASK}{RUN}    templateRef: other.thing\n    projectid: churn\n    command: ignored\n    source: {{}}\n"
    text += MODELS + "    type: mlflow\n    deployment: {enable_tls: false, auto_train: true}\n"
    read = Read(tmp_path, text)
    assert command(read.job("train")) == "python train.py"
    assert read.project.services[0].deploy is not None
    assert read.project.services[0].deploy.ingress is not None
    assert read.project.services[0].deploy.ingress.tls is True
    assert {one.code.number for one in read.found} == {"HR2101"}


def test_names_that_become_one_stay_apart(tmp_path: Path) -> None:
    project = Read(tmp_path, f"name: churn\ntasks:\n  - name: a b\n    {RUN}  - name: a-b\n    {RUN}").project
    assert sorted(job.name for job in project.jobs) == ["a-b", "a-b-2"]
    assert [pipeline.members for pipeline in project.pipelines] == [("a-b",), ("a-b-2",)]
    assert len({pipeline.name for pipeline in project.pipelines}) == 2


def test_a_pipeline_in_itself_is_an_error(tmp_path: Path) -> None:
    text = f"{TASK}pipeline: [other, b]\n  - name: b\n    pipeline: [train]\n  - name: other\n    {RUN}"
    assert set(Read(tmp_path, text).told()) == {"HR2101:4", "HR3013:4", "HR2101:6", "HR3013:6"}


def test_a_model_that_says_nothing_is_nothing(tmp_path: Path) -> None:
    read = Read(tmp_path, "name: churn\nmodels: [{name: m}]\n")
    assert read.maybe is None
    assert {one.code.number for one in read.found} == {"HR3105"}


def test_a_project_of_templates_has_nothing_to_run(tmp_path: Path) -> None:
    read = Read(tmp_path, "name: shared\n" + TEMPLATE)
    assert read.maybe is None
    assert [one.code.number for one in read.found] == ["HR3105"]


def data(name: str) -> str:
    return (
        f"  - {{name: {name}, path: data/{name}, task: {{{RUN.strip()}, artifactCfg: {{saveChangedFiles: true}}}}}}\n"
    )


LATE = RUN + "      artifactCfg: {saveChangedFiles: true}\n      triggers: {schedule: '0 4 * * *'}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TASK + "executor: !poetry\n      pythonVersion: 3.11\n      command: |\n        a\n        b\n", ["HR3102:6"]),
        (TASK + "executor: !pip\n      pythonVersion: 3.11\n      command: |\n        a\n        b\n", []),
        (f"{TASK}{RUN}    dataSets: [a, b]\ndataSets:\n{data('a')}{data('b')}", ["HR3102:5"]),
        (f"name: churn\ndataSets:\n  - {{name: d, path: d, task: {{{RUN.strip()}}}}}\n", ["HR3102:3"]),
        (f"name: churn\ndataSets:\n  - name: d\n    path: d\n    task:\n      {LATE}", ["HR3103:8"]),
    ],
)
def test_what_ames_own_scripts_break_is_told(text: str, told: list[str], tmp_path: Path) -> None:
    assert Read(tmp_path, text).told() == told


def test_a_training_brings_its_schedule(tmp_path: Path) -> None:
    text = f"name: churn\nmodels:\n  - name: m\n    training:\n      task:\n        {RUN}"
    read = Read(tmp_path, text + "        triggers: {schedule: '0 4 * * *'}\n")
    assert read.project.pipelines[0].triggers == (OnPush(), OnSchedule(cron="0 4 * * *"), OnManual())


# ------------------------------------------------------------------------------------------------------- documentation


def test_the_documentation_shows_what_comes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (Path(__file__).parent.parent / "docs" / "ame.md").read_text(encoding="utf-8")
    before, findings, after = (block.split("\n", 1)[1] for block in text.split("```")[1::2])
    (tmp_path / "ame.yaml").write_text(before, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["check", "ame.yaml", "--target", "none", "--color", "never"]) == 0
    shown = [part for part in capsys.readouterr().out.split("\n\n") if "warning[" in part]
    assert "\n\n".join(shown).strip() == findings.strip()
    assert cli.main(["convert", "ame.yaml"]) == 0
    assert capsys.readouterr().out == after


def test_variables_may_stand_by_name(tmp_path: Path) -> None:
    text = "projectname: churn\ntasks:\n  a:\n    runcommand: ./a.sh\n    env: {LEVEL: 010, EMPTY: }\n"
    read = Read(tmp_path, text)
    assert [(one.name, one.value) for one in read.job("a").env] == [("LEVEL", ("010",)), ("EMPTY", ())]
    wrong = Read(tmp_path, text.replace("EMPTY", "B-1"))
    assert wrong.told() == ["HR2005:5"]
    assert wrong.found[-1].span is not None
    assert wrong.found[-1].span.text == "B-1"


def test_a_variable_lacks_the_key_of_its_own_dialect(tmp_path: Path) -> None:
    text = "projectid: churn\ntasks:\n- {name: a, runcommand: ./a.sh, env: [{value: x}]}\n"
    assert [one.message for one in Read(tmp_path, text).found] == ['a variable of `env` needs "name"']


@pytest.mark.parametrize(
    ("written", "place"),
    [("kv/data/speech", "kv/speech"), ("kv/speech", "kv/speech"), ("/kv/data/a/b/", "kv/a/b"), ("kv/data", "kv/data")],
)
def test_a_path_of_vaults_api_is_one_of_its_client(tmp_path: Path, written: str, place: str) -> None:
    secret = f"!VaultSecret {{vaultName: team, secretPath: {written}, secretKey: token, envkey: TOKEN}}"
    text = f"projectid: churn\ntasks:\n- name: a\n  runcommand: ./a.sh\n  secrets:\n  - {secret}\n"
    (found,) = Read(tmp_path, text).project.secrets
    assert (found.store, found.path, found.key) == ("vault", place, "token")
