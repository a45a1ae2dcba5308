"""MLSpec's packaged models: completeness, merging, and the jobs that they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler import cli, ir
from tests.conformance.cases import emit
from tests.mlspec import MODEL, STORES, TRAIN, Read, lowered, read, write

PLACE = "{data_store: ages, bucket: ages, path: 2.0/model.pkl}"
SERVE = (
    'serve: {servable: true, tested_platforms: [PLATFORM], serving_container_image: {container_image_url: "a/b:1"}}\n'
)
STORED = f"serve: {{servable: true, tested_platforms: [PLATFORM], model_source: {{servable_model: {PLACE}}}}}\n"
CONVERT = f"""convert:
  onnx_convertable: true
  model_source: {{initial_model: {PLACE}}}
  onnx_converted_model: {{onnx_model: {PLACE.replace(".pkl", ".onnx")}}}
"""


def model(tmp_path: Path, *parts: str) -> Read:
    return read(write(tmp_path, model__yaml="".join(parts)), "model.yaml")


def without(text: str, path: str) -> str:
    data: Any = yaml.safe_load(text)
    at = data
    *above, last = path.split(".")
    for key in above:
        at = at[key]
    del at[last]
    return yaml.safe_dump(data, sort_keys=False)


def words(job: ir.Job) -> list[str]:
    assert isinstance(job.action, ir.Tool)
    return ["".join(str(piece) for piece in word) for word in job.action.arguments]


WANTED = (
    "author.name",
    "author.email",
    "framework.runtimes",
    "framework.runtimes.name",
    "framework.runtimes.version",
    "train.model_source.initial_model",
    "train.model_source.initial_model.bucket",
    "train.model_training_results.trained_model",
    "train.model_training_results.trained_model.path",
    "train.data_source.training_data",
    "train.data_source.training_data.data_store",
    "train.execution.command",
    "train.execution.compute_configuration",
    "train.execution.compute_configuration.name",
    "data_stores",
)


@pytest.mark.parametrize("path", WANTED)
def test_each_missing_part_of_a_training_is_an_error(path: str, tmp_path: Path) -> None:
    found = model(tmp_path, without(MODEL + TRAIN + STORES, path))
    count = 2 if path == "framework.runtimes" else 1
    if path == "data_stores":
        assert found.codes.count("HR3406") == 1
        assert set(found.codes) == {"HR3406", "HR3409"}
    else:
        assert found.codes == ["HR3406"] * count
        assert path.split(".")[-1] in found.found[0].message or count == 2


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (TRAIN + STORES, []),
        ("train: {trainable: false, mount_type: x}\n", ["HR3407"]),
        (TRAIN.replace("  mount_type: mount_cos\n", "") + STORES, ["HR3410"]),
        (TRAIN.replace("nodes: 1", "nodes: 0") + STORES, ["HR2409"]),
        (TRAIN.replace("path: model/", "path: data") + STORES, ["HR3411"]),
        (SERVE.replace("PLATFORM", "wml"), ["HR3423"]),
        (SERVE.replace("PLATFORM", "knative").replace("b:1", "b"), ["HR3412"]),
        (SERVE.replace("PLATFORM", "knative").replace("b:1", "b@sha256:" + "0" * 64), []),
        ("serve: {servable: true}\n", ["HR3406"]),
        ("serve: {servable: true, model_source: {servable_model: {url: 'https://x/m.zip'}}}\n", ["HR3423"]),
        (STORED.replace("PLATFORM", "kubernetes") + STORES, ["HR3423"]),
        ("score: {scorable: true}\n", ["HR3406"]),
        (CONVERT + STORES, ["HR3406"]),
        ("purpose: guessing\n", ["HR2409"]),
        ("process: [{name: cleaning_pre_process}]\n", ["HR3422"]),
    ],
)
def test_rules_of_packaged_models(text: str, codes: list[str], tmp_path: Path) -> None:
    assert model(tmp_path, MODEL, text).codes == codes


def test_parts_are_merged_by_name(tmp_path: Path) -> None:
    files = {
        "model__yaml": MODEL,
        "model_training__yaml": TRAIN + STORES,
        "model_serving__yaml": STORED.replace("PLATFORM", "seldon") + STORES,
    }
    found = read(write(tmp_path, **files), "model.yaml")
    assert found.codes == ["HR4011"]  # Seldon loads the model with keys of the cluster
    assert found.project is not None
    assert "train" in found.jobs
    assert [service.name for service in found.project.services] == ["ages"]


def test_a_part_alone_is_read_with_its_head(tmp_path: Path) -> None:
    write(tmp_path, model__yaml=MODEL, model_training__yaml=TRAIN + STORES, model_serving__yaml="serve: [\n")
    assert read(tmp_path, "model_training.yaml").codes == []
    assert read(tmp_path, "model.yaml").codes == ["HR1003"]


def test_parts_that_differ_conflict_but_for_doubled_slashes(tmp_path: Path) -> None:
    files = "data_store_file_paths: [{name: f, a: 1/x.csv}]\n"
    write(tmp_path, model__yaml=MODEL, one__yaml=files, two__yaml=files.replace("1/", "1//"))
    assert read(tmp_path, "model.yaml").codes == []
    write(tmp_path, two__yaml=files.replace("1/", "2/"))
    assert read(tmp_path, "model.yaml").codes == ["HR3421"]


def test_training_fetches_runs_and_uploads(tmp_path: Path) -> None:
    found = model(tmp_path, MODEL, TRAIN, STORES)
    jobs = found.jobs
    assert list(jobs) == ["fetch-model", "fetch-data", "train", "upload-model"]
    assert words(jobs["fetch-data"])[:3] == ["get", "--endpoint=https://s3.example.org", "--bucket=ages"]
    assert {(use.secret, use.env) for use in jobs["fetch-data"].secrets} == {
        ("MLSPEC_AGES_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        ("MLSPEC_AGES_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    }
    assert found.project is not None
    assert [secret.name for secret in found.project.secrets] == [
        "MLSPEC_AGES_ACCESS_KEY_ID",
        "MLSPEC_AGES_SECRET_ACCESS_KEY",
    ]
    assert words(jobs["upload-model"])[-1] == "--from=mlspec/result"
    action = jobs["train"].action
    assert isinstance(action, ir.Script)
    assert 'export DATA_DIR="$PWD/mlspec/data"' in str(action.lines[0])
    assert str(action.lines[0]).endswith("cd mlspec/model\npython3 train.py")


@pytest.mark.parametrize(
    ("said", "path", "kind"),
    [
        ("$JOB_STATE_DIR/logs", "mlspec/state/logs", "directory"),
        ("${JOB_STATE_DIR}/m.json", "mlspec/state/m.json", "metrics"),
        ("logs", "mlspec/model/logs", "directory"),
    ],
)
def test_metrics_are_kept(said: str, path: str, kind: str, tmp_path: Path) -> None:
    train = TRAIN.replace("  mount_type", f'  evaluation_metrics: {{type: x, in: "{said}"}}\n  mount_type')
    output = model(tmp_path, MODEL, train, STORES).jobs["train"].outputs[1]
    assert isinstance(output, ir.Artifact)
    assert (output.path, output.kind) == ((path,), kind)


def test_metrics_in_a_folder_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    train = TRAIN.replace("  mount_type", '  evaluation_metrics: {type: x, in: "$HOME/logs"}\n  mount_type')
    assert model(tmp_path, MODEL, train, STORES).codes == ["HR2014"]


def test_several_nodes_are_refused_but_on_argo(tmp_path: Path) -> None:
    text = TRAIN.replace("nodes: 1", "nodes: 3").replace("  mount", "  tested_platforms: [kubeflow]\n  mount")
    write(tmp_path, model__yaml=MODEL + text + STORES)
    project = lowered(tmp_path, "model.yaml").project
    assert project is not None
    for name in ("gitlab", "github"):
        assert [one.code.number for one in emit(project, name).found if one.severity == "error"] == ["HR4001"]
    output = emit(project, "argo")
    assert not output.failed
    (workflow,) = (
        one for one in yaml.safe_load_all(output.files["argo/ages.yaml"]) if one["kind"] == "WorkflowTemplate"
    )
    templates = {one["name"]: one for one in workflow["spec"]["templates"]}
    assert {"train", "train-node-1", "train-node-2", "train-nodes"} <= set(templates)
    assert templates["train-nodes"]["resource"]["action"] == "create"
    ranks = {
        name: {one["name"]: one["value"] for one in templates[name]["script"]["env"]}["RANK"]
        for name in ("train", "train-node-2")
    }
    assert ranks == {"train": "0", "train-node-2": "2"}


def test_a_conversion_is_verified_by_its_tolerances(tmp_path: Path) -> None:
    convert = CONVERT + "  tf_rtol: 0.5\n"
    jobs = model(tmp_path, MODEL, STORED.replace("PLATFORM", "seldon"), convert, STORES).jobs
    assert list(jobs) == ["fetch-convert", "convert", "verify-onnx", "upload-onnx"]
    assert {"--rtol=0.5", "--atol=0.00001", "--framework=scikit-learn"} <= set(words(jobs["verify-onnx"]))
    assert [need.job for need in jobs["upload-onnx"].needs] == ["verify-onnx"]
    environment = jobs["convert"].environment
    assert isinstance(environment, ir.Environment)
    assert environment.setup == (("python -m pip install --quiet scikit-learn==1.5.2 skl2onnx onnx onnxruntime",),)


@pytest.mark.parametrize(
    ("framework", "more", "codes"),
    [
        ("sparkml", "", ["HR3406"]),
        ("sparkml", "  command: ./convert.sh\n", []),
        ("pytorch", "", ["HR3406"]),
        ("pytorch", "  tf_inputs: {image: [1, 3, 8, 8]}\n", []),
        ("keras", "", []),
    ],
)
def test_what_nothing_here_converts_needs_a_command(
    framework: str, more: str, codes: list[str], tmp_path: Path
) -> None:
    text = MODEL.replace("name: scikit", f"name: {framework}") + TRAIN + CONVERT + more + STORES
    assert read(write(tmp_path, model__yaml=text), "model.yaml").codes == codes


def test_the_trained_model_is_converted_where_the_places_are_one(tmp_path: Path) -> None:
    convert = CONVERT.replace(PLACE, "{data_store: ages, bucket: ages, path: model}", 1)
    jobs = model(tmp_path, MODEL, TRAIN, convert, STORES).jobs
    assert "fetch-convert" not in jobs
    assert [given.path for given in jobs["convert"].inputs] == [("mlspec/result",)]


@pytest.mark.parametrize("platform", ["kubernetes", "knative", "kfserving", "seldon"])
def test_a_container_is_served_on_every_platform(platform: str, tmp_path: Path) -> None:
    write(tmp_path, model__yaml=MODEL + SERVE.replace("PLATFORM", platform))
    project = lowered(tmp_path, "model.yaml").project
    assert project is not None
    (rendered,) = project.rendered
    kinds = {
        "kubernetes": "Deployment",
        "knative": "Service",
        "kfserving": "InferenceService",
        "seldon": "SeldonDeployment",
    }
    assert rendered.documents[0]["kind"] == kinds[platform]
    assert "a/b:1" in str(rendered.documents[0])
    assert [job.name for job in project.pipelines[0].jobs] == ["smoke-ages", "deploy-ages"]


@pytest.mark.parametrize(
    ("platform", "held"),
    [
        ("kfserving", {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://ages/2.0/model.pkl"}),
        ("seldon", {"name": "ages", "implementation": "SKLEARN_SERVER", "modelUri": "s3://ages/2.0/model.pkl"}),
    ],
)
def test_a_stored_model_is_loaded_by_the_platform(platform: str, held: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, model__yaml=MODEL + STORED.replace("PLATFORM", platform) + STORES)
    project = lowered(tmp_path, "model.yaml").project
    assert project is not None
    spec = project.rendered[0].documents[0]["spec"]
    assert (spec["predictor"]["model"] if platform == "kfserving" else spec["predictors"][0]["graph"]) == held


FUNCTION = """def predict(inputs: list, model):
    \"\"\"Predict.

    :param inputs.x: a number
    :type inputs.x: FP32
    :param outputs.y: a number
    :type outputs.y: FP32
    :returns: the outputs
    \"\"\"
    return {"outputs": inputs}
"""


@pytest.mark.parametrize("platform", ["kubernetes", "knative", "kfserving", "seldon"])
@pytest.mark.parametrize(
    ("source", "model"),
    [
        ("{data_store: ages, bucket: ages, path: model/}", "mlspec/servable"),
        ("{data_store: ages, bucket: ages, path: model/m.pkl}", "mlspec/servable/m.pkl"),
        ("{url: 'https://example.org/m.onnx?x=1.2'}", "mlspec/servable/m.onnx"),
    ],
)
def test_an_image_is_built_of_a_function_and_a_model(platform: str, source: str, model: str, tmp_path: Path) -> None:
    serve = f"serve:\n  servable: true\n  tested_platforms: [{platform}]\n  function: predict.py:predict\n"
    text = f"{MODEL}{serve}  model_source: {{servable_model: {source}}}\n{STORES}"
    found = lowered(write(tmp_path, model__yaml=text, predict__py=FUNCTION), "model.yaml")
    assert not [one for one in found.found if one.severity == "error"]
    assert found.project is not None
    jobs = {job.name: job for pipeline in found.project.pipelines for job in pipeline.jobs}
    assert list(jobs) == ["fetch-servable", "build-serving", "smoke-ages", "deploy-ages"]
    assert [(need.job, need.artifacts) for need in jobs["build-serving"].needs] == [("fetch-servable", True)]
    smoke = jobs["smoke-ages"].action
    assert isinstance(smoke, ir.Support)
    assert (f"--model={model}",) in smoke.arguments
    assert "services/ages/serve.py" in [one.path for one in found.project.rendered]


@pytest.mark.parametrize("platform", ["kubernetes", "knative"])
def test_a_stored_model_alone_is_no_image(platform: str, tmp_path: Path) -> None:
    serve = f"serve:\n  servable: true\n  tested_platforms: [{platform}]\n"
    text = f"{MODEL}{serve}  model_source: {{servable_model: {{url: 'https://example.org/m.onnx'}}}}\n"
    assert read(write(tmp_path, model__yaml=text), "model.yaml").codes == ["HR3423"]


def test_processes_stand_before_and_after_their_phase(tmp_path: Path) -> None:
    process = "process:\n  - {name: training_pre_process, command: ./clean.sh}\n"
    process += "  - {name: training_post_process, params: {staging_dir: staged/}}\n"
    jobs = model(tmp_path, MODEL, TRAIN, process, STORES).jobs
    assert [need.job for need in jobs["train"].needs] == ["training-pre-process"]
    assert [need.job for need in jobs["upload-model"].needs] == ["training-post-process"]
    (output,) = jobs["training-post-process"].outputs
    assert isinstance(output, ir.Artifact)
    assert output.path == ("staged",)


def test_no_key_reaches_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = STORES.replace(" xxxx", " '${MINE}'")
    private = '{container_registry: r.example.org, container_registry_token: "${MINE}"}'
    containers = f"container_stores: [{{name: c, connection: {private}}}]\n"
    monkeypatch.chdir(write(tmp_path, model__yaml=MODEL + TRAIN + stores + containers))
    assert cli.main(["compile", "model.yaml", "--target", "all", "--output", "out"]) == 0
    files = list((tmp_path / "out").rglob("*.y*ml"))
    assert files
    for path in files:
        assert "MINE" not in path.read_text(encoding="utf-8")
