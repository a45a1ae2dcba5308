"""MLSpec's documents: their kinds, their rules, and what is expected of upstream's own examples."""

from __future__ import annotations

import copy
import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from compiler import cli
from compiler.diagnostics import Sink
from compiler.frontends import mlspec
from compiler.frontends.mlspec.kinds import KINDS, kind_of
from compiler.frontends.mlspec.reading import parse
from compiler.frontends.mlspec.secrets import is_placeholder, secret_name
from compiler.frontends.mlspec.shape import check as check_shape
from compiler.frontends.mlspec.shape import definitions
from compiler.source import Source
from tests.mlspec import CORPUS, MODEL, ROOT, STEP, STORES, TRAIN, in_corpus, read, write

SCHEMA = json.loads((ROOT / "schemas" / "mlspec.json").read_text(encoding="utf-8"))
DATASET = "id: '1'\nname: posts\nlocation: posts.csv\nstate: active\nversion: 1.0.1\n"

SHAPE = {"HR2002", "HR2003", "HR2013", "HR2403", "HR2409"}  # what a schema can say, too

# ------------------------------------------------------------------------------------------------------------ upstream

# Each of upstream's files that makes no job, or is no YAML, with all that is found: LINE:COLUMN CODE.
EXAMPLES = {
    "data/dataset.yml": [],
    "logging_proto/inferenceLog.yml": [],
    "monitoring_proto/inferenceRequest.yml": [],
    "model_packaging/model_example.yml": [],
    "experiment_tracking/experiment_example.yml": ["5:7 HR2402", "15:1 HR2406", "25:10 HR3418"],
    "metadata_file/metadata.yaml": ["2:3 HR1004"],
    "model_packaging/model_packaging.yaml": ["247:20 HR2401"],
    "model_packaging/model_training.yaml": ["128:25 HR2401"],
    "model_packaging/model_serving.yaml": ["70:20 HR2401"],
    "model_packaging/model_scoring.yaml": ["63:20 HR2401"],
    "model_packaging/model_onnx_conversion.yaml": ["57:20 HR2401"],
}


@in_corpus
@pytest.mark.parametrize("path", EXAMPLES)
def test_upstreams_examples_yield_what_is_expected(path: str) -> None:
    assert read(CORPUS, path).told == EXAMPLES[path]


@in_corpus
def test_upstreams_pipeline_compiles_with_its_faults_said(tmp_path: Path) -> None:
    shutil.copy(CORPUS / "pipelines" / "pipeline.yml", tmp_path)
    write(tmp_path, data_in_Posts__xml__zip="")
    found = read(tmp_path, "pipeline.yml")
    assert found.told == ["3:6 HR3404", "20:5 HR2406", "21:13 HR3402", "26:18 HR3405"]
    assert list(found.jobs) == ["preprocess", "train", "validate"]
    assert [need.job for need in found.jobs["validate"].needs] == ["train"]


@in_corpus
def test_check_fix_repairs_the_indentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four lines (in one file two) lose three blanks; nothing else of the file changes but a misspelling."""
    for name in ("packaging", "training", "serving", "scoring", "onnx_conversion"):
        source = CORPUS / "model_packaging" / f"model_{name}.yaml"
        (tmp_path / source.name).write_bytes(source.read_bytes())
        monkeypatch.chdir(tmp_path)
        cli.main(["check", "--fix", "--target", "none", source.name])
        old, new = source.read_text().splitlines(), (tmp_path / source.name).read_text().splitlines()
        changed = [(before, after) for before, after in zip(old, new, strict=True) if before != after]
        assert all(before.replace("   ", "", 1) == after or "training_data_url" in before for before, after in changed)
        assert yaml.safe_load((tmp_path / source.name).read_text())


@in_corpus
def test_the_repaired_model_yields_what_is_expected(tmp_path: Path) -> None:
    text = (CORPUS / "model_packaging" / "model_packaging.yaml").read_text(encoding="utf-8")
    lines = [
        line[3:] if line.startswith("       ") and "_file" in line.split(":")[0] else line for line in text.split("\n")
    ]
    (tmp_path / "model.yaml").write_text("\n".join(lines), encoding="utf-8")
    found = read(tmp_path, "model.yaml")
    # M02, M22, M18, M23 twice, M17, M14
    expected = ["HR2402", "HR3411", "HR2405", "HR3412", "HR3412", "HR3409", "HR3408"]
    assert found.codes == expected
    (dangling,) = (one for one in found.found if one.code.number == "HR3409")
    assert dangling.span is not None
    assert dangling.span.text == "festure_schema_datastore"


@in_corpus
def test_every_example_is_recognised_and_no_other_dialects(tmp_path: Path) -> None:
    for path in CORPUS.rglob("*.y*ml"):
        assert mlspec.sniff(path.name, path.read_text(encoding="utf-8")[:4096]), path
    others = [path for path in CORPUS.parent.rglob("*.y*ml") if not path.is_relative_to(CORPUS)]
    assert others
    for path in others:
        head = path.read_text(encoding="utf-8", errors="replace")[:4096]
        assert not mlspec.sniff(path.name, head), path


# -------------------------------------------------------------------------------------------------------------- schemas


def test_the_schema_is_one_and_has_every_kind() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert [one["$ref"] for one in SCHEMA["anyOf"]] == [f"#/$defs/{kind}" for kind in KINDS]
    assert set(KINDS) <= set(definitions())


def test_schema_and_reader_agree_on_the_fixtures() -> None:
    """What the reader takes without a fault of shape, the schema takes, and the other way round."""
    seen = 0
    for path in sorted((ROOT / "fixtures").rglob("*.y*ml")):
        if "mlspec" not in path.relative_to(ROOT).as_posix() or "expected" in path.parts:
            continue
        try:
            data = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)
        except yaml.YAMLError:
            continue
        kind = kind_of(data, data.get("kind", ""))
        if kind is None or path.name == "headrace.yaml":
            continue
        seen += 1
        faults = [
            one
            for one in read(path.parent, path.name).found
            if one.code.number in SHAPE and "semantic" not in one.message
        ]
        valid = Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]}).is_valid(
            _typed(path.read_text(encoding="utf-8"))
        )
        assert valid == (not [one for one in faults if one.span and one.span.source.name == path.name]), (path, faults)
    assert seen > 30


# Values that a person may leave where another kind is asked for.
ODD = [None, "", 0, 1.5, True, "x", [], {}, ["a"], [{"a": 1}], {"path": "x"}, "a" * 300, -1, [None], {"name": None}]


def test_schema_and_reader_agree_on_what_is_changed() -> None:
    """Every document of the fixtures with one value replaced by an odd one, or left out."""
    chosen = random.Random(20190822)
    seen = 0
    for path in sorted((ROOT / "fixtures").rglob("*.y*ml")):
        if (
            "mlspec" not in path.relative_to(ROOT).as_posix()
            or "expected" in path.parts
            or path.name == "headrace.yaml"
        ):
            continue
        try:
            data = _typed(path.read_text(encoding="utf-8"))
        except yaml.YAMLError:
            continue
        kind = kind_of(data, str(data.get("kind") or "")) if isinstance(data, dict) else None
        if kind is None:
            continue
        validator = Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]})
        for place in chosen.sample(_places(data), min(6, len(_places(data)))):
            text = yaml.safe_dump(_changed(data, place, chosen), sort_keys=False)
            sink = Sink()
            view = parse(Source(path.name, text), sink)
            if view is None:
                continue
            check_shape(view.slot, kind, sink)
            faults = [one for one in sink.diagnostics if one.code.number in SHAPE]
            if place[:-1] != ("steps",):  # a step that says nothing is the pipeline's to tell
                seen += 1
                assert validator.is_valid(_typed(text)) == (not faults), (text, faults)
    assert seen > 200


def _places(data: Any) -> list[tuple[Any, ...]]:
    """The ways to every value below a document."""
    found: list[tuple[Any, ...]] = []
    pending: list[tuple[tuple[Any, ...], Any]] = [((), data)]
    while pending:
        place, value = pending.pop()
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        pending += [((*place, key), one) for key, one in inner]
        found += [place] if place else []
    return found


def _changed(data: Any, place: tuple[Any, ...], chosen: random.Random) -> Any:
    changed = copy.deepcopy(data)
    held = changed
    for key in place[:-1]:
        held = held[key]
    if chosen.random() < 0.1:
        del held[place[-1]]
    else:
        held[place[-1]] = chosen.choice(ODD)
    return changed


def _typed(text: str) -> Any:
    """By YAML 1.2's core schema, as the reader has it: no dates."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        key: [pair for pair in pairs if "timestamp" not in pair[0]]
        for key, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return yaml.load(text, Loader=Loader)


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema", "mlspec"]) == 0
    assert json.loads(capsys.readouterr().out) == SCHEMA


# ---------------------------------------------------------------------------------------------------------- other documents


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("name: a\nsteps: {}\npipeline: []\n", "pipeline"),
        ("DataStore: a\nRelativePath: b\n", "datapath"),
        ("name: s\ntype: sql\nconnection_string: xxx\n", "datastore"),
        ("id: '1'\nname: a\ncreated_by: '2'\ndata_path: {DataStore: a, RelativePath: b}\n", "artifact"),
        ("name: m\nversions: []\n", "module"),
        ("module: m\nversion: 1.0.0\n", "moduleVersion"),
        ("id: '1'\nparent_run_id: '2'\n", "run"),
        ("name: a\nframework: {name: onnx}\n", "packaging"),
        ("train: {}\n", "packaging"),
        ("data: {source_id: x}\n", "packaging"),
        ("objectives: [accuracy >= 0.9]\n", "objectives"),
        ("kind: run\nid: '1'\n", "run"),
        ("hello: world\n", None),
        ("kind: nonsense\nid: '1'\n", None),
    ],
)
def test_a_kind_is_told_by_the_keys(text: str, kind: str | None) -> None:
    data = yaml.safe_load(text)
    assert kind_of(data, data.get("kind", "")) == kind


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (DATASET, []),
        (DATASET.replace("active", "ACTIVE"), []),
        (DATASET + "description: " + "x" * 40_000 + "\n", ["HR2403"]),
        (DATASET.replace("'1'", "'" + "1" * 41 + "'"), ["HR2403"]),
        (DATASET.replace("id: '1'\n", ""), ["HR2003"]),
        (DATASET.replace("active", "deprecated") + "isVisible: true\n", ["HR3414"]),
        (DATASET + "versionedOn: yesterday\n", ["HR2409"]),
        (DATASET + "tags: [{key: a, value: 1}, {key: a, value: 2}]\n", ["HR3424"]),
        (DATASET + "mlSpecVersion: 1.0\n", ["HR2407"]),
        (DATASET + "colour: red\n", ["HR2404"]),
        (DATASET + "isReadOnly: maybe\n", ["HR2002"]),
        ("DataStore: a\n", ["HR2003"]),
        ("DataStore: a\nTable: t\nQuery: q\n", ["HR2012"]),
        ("name: s\ntype: sql\nconnection_string: Server=x;Password=hunter2\n", ["HR3413"]),
        ("name: s\ntype: sql\nconnection_string: ${CONNECTION}\n", []),
        ("id: '1'\nname: a\ndata_path: {DataStore: a, RelativePath: b}\n", ["HR2003"]),
        ("id: '1'\nparent_run_id: '1'\n", ["HR3414"]),
        ("id: '1'\nchild_run_ids: []\nmetrics: {key: a, value: '1', value_type: scalar}\n", ["HR2406", "HR3418"]),
        ("id: '1'\nchild_run_ids: []\nmetrics: [{key: a, value: 1, value_type: array}]\n", ["HR3417"]),
        ("id: '1'\nchild_run_ids: []\nartifacts: [{name: A}, {name: a}]\n", ["HR3424"]),
        ("name: m\nversions: [{version: 1.0}, {version: '1.0'}]\n", ["HR3424"]),
        ("objectives: [accuracy > = 0.9]\n", ["HR2010"]),
        ("objectives: []\n", ["HR2013"]),
        ("framework: [{name: tensorflow}, {version: 1.12.0}]\nmodel: [{name: a}]\n", []),
        ("framework: {version: 1}\nmodel: {name: a}\n", ["HR2003"]),
        ("specVersion: 0.0.1\nruntimeArtifacts: {a: 'http://x'}\n", ["HR2003"]),
        ("requestInfo: [requestId, requestId]\n", ["HR3424"]),
        (DATASET.replace("name: posts", "name: ''"), ["HR2013"]),
        (f"id: {'1' * 41}x\nchild_run_ids: []\n", ["HR2403"]),
        (DATASET.replace("active", "deprecated") + "isDeprecated: false\n", ["HR3414"]),
        (DATASET + "checksum: abc\n", ["HR2409"]),
        ("name: s\ntype: sql\nproperties: {partition_key: day, keyspace: posts}\n", []),
        ("name: s\ntype: sql\nproperties: {login: {password: hunter2}}\n", ["HR3413"]),
        ("name: s\ntype: sql\nconnection_string: Server=x;Password=${PASSWORD}\n", []),
        ("name: s\ntype: sql\nconnection_string: postgres://me:hunter2@host/db\n", ["HR3413"]),
        ("- a\n", ["HR2002"]),
        ("", ["HR1013"]),
        ("a: b: c\n", ["HR1003"]),
        ("name: a\n---\nname: b\n", ["HR2408", "HR1012"]),
    ],
)
def test_a_document_is_held_against_its_rules(text: str, codes: list[str], tmp_path: Path) -> None:
    assert read(write(tmp_path, document__yaml=text), "document.yaml").codes == codes


# The lines of a file, and what they are when they are mended; the first line of each is the file's fourth.
FAULTS = {
    "plain": (["-  name: hook", "     command: x", "     image: y"], ["-  name: hook", "   command: x", "   image: y"]),
    "single quotes": (["- name: 'hook'", "     command: x"], ["- name: 'hook'", "  command: x"]),
    "double quotes": (['- name: "hook"', "     command: x"], ['- name: "hook"', "  command: x"]),
    "comments": (
        ["- name: hook  # a: b", "    # c: d", "    command: x  # e", "", "    image: y", "# f: g"],
        ["- name: hook  # a: b", "  # c: d", "  command: x  # e", "", "  image: y", "# f: g"],
    ),
    "nested": (
        ["- name: hook", "     params:", "       a: [1,", "         2]", "     command: |", "       a: b", "        c"],
        ["- name: hook", "  params:", "    a: [1,", "      2]", "  command: |", "    a: b", "     c"],
    ),
    "a later key": (["- name: hook", "  command: x", "     image: y"], ["- name: hook", "  command: x", "  image: y"]),
    "a staircase": (
        ["- name: hook", "    command: x", "      image: y"],
        ["- name: hook", "  command: x", "  image: y"],
    ),
    "the first key": (["-    name: hook", "  command: x"], ["- name: hook", "  command: x"]),
    "two items": (
        ["- name: hook", "     command: x", "- name: other", "   command: y"],
        ["- name: hook", "  command: x", "- name: other", "  command: y"],
    ),
    "Windows lines": (["- name: hook\r", "     command: x\r"], ["- name: hook\r", "  command: x\r"]),
    "no list": (
        ["- name: hook", "  params:", "    a: 1", "      b: 2"],
        ["- name: hook", "  params:", "    a: 1", "    b: 2"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_indentation_fault_is_mended_in_any_form(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, mended = ("\n".join(["name: ages", "process:", "", *lines, ""]) for lines in FAULTS[fault])
    (tmp_path / "model.yaml").write_bytes(broken.encode())
    assert set(read(tmp_path, "model.yaml").codes) == {"HR2401"}
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        cli.main(["check", "--fix", "--target", "none", "model.yaml"])
        assert (tmp_path / "model.yaml").read_bytes().decode() == mended


def test_a_fault_is_mended_beside_one_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "process:\n- name: hook\n     command: x\ndata_stores: [\n"
    write(tmp_path, model__yaml=text)
    assert read(tmp_path, "model.yaml").told == ["3:13 HR2401", "5:1 HR1003"]
    monkeypatch.chdir(tmp_path)
    assert cli.main(["check", "--fix", "--target", "none", "model.yaml"]) == 1
    assert (tmp_path / "model.yaml").read_text() == text.replace("     command", "  command")


@pytest.mark.parametrize("line", ["     some text that: goes on", "     see http://x: y", "     - a: b"])
def test_a_text_that_goes_on_is_no_key(line: str, tmp_path: Path) -> None:
    assert read(write(tmp_path, model__yaml=f"process:\n- name: hook\n{line}\n"), "model.yaml").codes == ["HR1003"]


def test_a_fault_that_dedenting_does_not_mend_is_yamls_own(tmp_path: Path) -> None:
    text = "process:\n  - name: a\n      b: c: d\n"
    assert read(write(tmp_path, model__yaml=text), "model.yaml").codes == ["HR1003"]


@pytest.mark.parametrize("value", ["", "xxxx", "XX", "****", "${KEY}", "$KEY", "<secret>"])
def test_placeholders_are_taken(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize("value", ["AKIA123", "xxxxa", "${a b}", "$", "${}", "<a"])
def test_literals_are_none(value: str) -> None:
    assert not is_placeholder(value)


def test_secrets_are_named_by_the_rule() -> None:
    assert secret_name("age store-1", "access_key_id") == "MLSPEC_AGE_STORE_1_ACCESS_KEY_ID"


def test_a_literal_credential_is_an_error_that_is_not_quoted(tmp_path: Path) -> None:
    text = MODEL + TRAIN + STORES.replace("secret_access_key: xxxx", "secret_access_key: k3yOfMine")
    found = read(write(tmp_path, model__yaml=text), "model.yaml")
    assert found.codes == ["HR3413"]
    assert "k3yOfMine" not in found.found[0].message


@pytest.mark.parametrize("value", ["[ages]", "{a: b}", "[]", "{}", "!t x"])
@pytest.mark.parametrize("key", ["data_store", "bucket", "path"])
def test_a_place_of_another_shape_makes_no_job(key: str, value: str, tmp_path: Path) -> None:
    text = re.sub(rf"initial_model: (.*){key}: [^,}}]*", rf"initial_model: \1{key}: {value}", MODEL + TRAIN + STORES)
    found = read(write(tmp_path, model__yaml=text), "model.yaml")
    assert len(found.found) >= 1
    assert all(one.span is not None for one in found.found)


def test_every_line_break_counts(tmp_path: Path) -> None:
    text = "name: ages\nprocess:\n -  name: hook\n       command: a\rb.csv\n"
    assert read(write(tmp_path, model__yaml=text), "model.yaml").codes == ["HR2401", "HR1003"]


def test_no_input_ends_in_a_traceback(tmp_path: Path) -> None:
    """Every value of a full model and a pipeline, replaced by values of other kinds."""
    pipeline = f"name: a\ndata: [d]\nsteps:\n  one: {{{STEP}cmd: x, deps: [a], outs: [b], parameters: {{p: 1}}}}\npipeline: [one]\n"
    score = "score: {scorable: true, model_features_schema_source: {scorable_model: {url: x}}}\n"
    for text in (MODEL + TRAIN + STORES + score, pipeline):
        lines = text.split("\n")
        for at, line in enumerate(lines):
            key, colon, _ = line.partition(":")
            if not colon:
                continue
            for value in ("", " 5", " [1, {a: b}]", " {x: [y]}", " !tag z", " *nothing", " 'q'"):
                changed = [*lines[:at], key + ":" + value, *lines[at + 1 :]]
                read(write(tmp_path, any__yaml="\n".join(changed)), "any.yaml")
