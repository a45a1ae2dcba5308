"""MLSpec's pipelines, modules and lifecycles as jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler import cli, ir
from tests.mlspec import STEP, lowered, read, write

HEAD = "name: demo\n"


def pipe(*steps: str, more: str = "", order: str = "") -> str:
    names = [step.split(":")[0] for step in steps]
    body = "".join(f"  {step.replace('{', '{' + STEP, 1)}\n" for step in steps)
    return f"{HEAD}steps:\n{body}pipeline: [{order or ', '.join(names)}]\n{more}"


def script(job: ir.Job) -> str:
    assert isinstance(job.action, ir.Script)
    return "".join(piece if isinstance(piece, str) else f"<{piece.name}>" for piece in job.action.lines)


def test_the_list_gives_control_edges_and_paths_give_data_edges(tmp_path: Path) -> None:
    text = pipe("a: {cmd: x, outs: [d/one]}", "b: {cmd: y}", "c: {cmd: z, deps: [d/one]}")
    jobs = read(write(tmp_path, p__yml=text), "p.yml").jobs
    assert [(need.job, need.artifacts) for need in jobs["b"].needs] == [("a", False)]
    assert [(need.job, need.artifacts) for need in jobs["c"].needs] == [("b", False)]
    project = lowered(tmp_path, "p.yml").project
    assert project is not None
    needs = {job.name: {(need.job, need.artifacts) for need in job.needs} for job in project.pipelines[0].jobs}
    assert needs["c"] == {("b", False), ("a", True)}


def test_neighbours_that_share_a_path_hand_it_over(tmp_path: Path) -> None:
    text = pipe("a: {cmd: x, outs: [d]}", "b: {cmd: y, deps: [d/one.csv]}")
    (need,) = read(write(tmp_path, p__yml=text), "p.yml").jobs["b"].needs
    assert need.artifacts is None


def test_a_cycle_between_list_and_paths_is_reported(tmp_path: Path) -> None:
    text = pipe("a: {cmd: x, deps: [d]}", "b: {cmd: y, outs: [d]}")
    assert "HR3013" in lowered(write(tmp_path, p__yml=text), "p.yml").codes


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("x {p}", 'x "$PARAM_P"'),
        ('x "a {p}"', 'x "a ${PARAM_P}"'),
        ("x ${p} {{p}} ${{p}} {p}", 'x ${p} {{p}} ${{p}} "$PARAM_P"'),
        ("x {p}{p}", 'x "$PARAM_P""$PARAM_P"'),
        ("x {graph} {p}", 'x <graph> "$PARAM_P"'),
    ],
)
def test_placeholders_become_variables(command: str, expected: str, tmp_path: Path) -> None:
    text = f"{HEAD}parameters: {{graph: 5}}\nsteps:\n  a:\n    moduleName: BatchStep\n    computeName: cpu\n"
    text += f"    parameters: {{p: \"it's $x\"}}\n    cmd: '{command}'\npipeline: [a]\n"
    job = read(write(tmp_path, p__yml=text), "p.yml").jobs["a"]
    assert script(job) == expected
    assert [(one.name, one.value) for one in job.env] == [("PARAM_P", ("it's $x",))]


@pytest.mark.parametrize(
    ("step", "codes"),
    [
        ("a: {cmd: 'x {q}', parameters: {p: 1}}", ["HR3403", "HR3404"]),
        ("a: {cmd: \"x '{p}'\", parameters: {p: 1}}", ["HR3026"]),
        ("a: {cmd: x, deps: [../../b]}", ["HR2014"]),
        ("a: {cmd: x, outs: ['*.csv']}", ["HR2014"]),
        ("a: {cmd: x, outs: [{cache: true}]}", ["HR2003"]),
        ("a: {cmd: x, timeout: soon}", ["HR2007"]),
        ("a: {cmd: x, image: 'debian:latest'}", ["HR3412"]),
        ("a: {}", ["HR2003"]),
    ],
)
def test_faults_of_steps_are_reported(step: str, codes: list[str], tmp_path: Path) -> None:
    assert read(write(tmp_path, p__yml=pipe(step)), "p.yml").codes == codes


def test_a_step_without_module_or_compute_is_told(tmp_path: Path) -> None:
    text = f"{HEAD}steps: {{a: {{cmd: x}}, b: {{moduleName: Batchstep, computeName: cpu, cmd: x}}}}\n"
    found = read(write(tmp_path, p__yml=text), "p.yml")
    assert found.codes == ["HR2003", "HR2003", "HR3409"]
    assert found.found[-1].suggestion == "BatchStep"


@pytest.mark.parametrize(
    ("order", "codes"), [("a, b, a", ["HR3401"]), ("a, c, b", ["HR3401"]), ("a", ["HR3404"]), ("b, a", [])]
)
def test_the_list_of_steps(order: str, codes: list[str], tmp_path: Path) -> None:
    text = pipe("a: {cmd: x}", "b: {cmd: y}", order=order)
    assert read(write(tmp_path, p__yml=text), "p.yml").codes == codes


def test_who_reads_between_two_writers_gets_what_the_first_left(tmp_path: Path) -> None:
    text = pipe("a: {cmd: x, outs: [d]}", "b: {cmd: y, deps: [d]}", "c: {cmd: z, outs: [d]}", "e: {cmd: v, deps: [d]}")
    found = read(write(tmp_path, p__yml=text), "p.yml")
    assert found.codes == ["HR3402"]
    aside = (".headrace/outs/a/d",)
    assert [output.path for output in found.jobs["a"].outputs] == [aside]
    assert script(found.jobs["a"]).endswith("cp -R -- d .headrace/outs/a/d")
    assert [given.path for given in found.jobs["b"].inputs] == [aside]
    assert script(found.jobs["b"]).endswith("cp -R -- .headrace/outs/a/d d\ny")
    assert [given.path for given in found.jobs["e"].inputs] == [("d",)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cpu", None),
        ("k80", ir.Resources(accelerator=ir.Accelerator(count=1, kind="k80"))),
        ("V100x4", ir.Resources(accelerator=ir.Accelerator(count=4, kind="v100"))),
        ("gpu", ir.Resources(accelerator=ir.Accelerator(count=1))),
        ("big-pool", ir.Resources(runner="big-pool")),
    ],
)
def test_compute_names(name: str, expected: ir.Resources | None, tmp_path: Path) -> None:
    text = f"{HEAD}steps: {{a: {{moduleName: BatchStep, computeName: {name}, cmd: x}}}}\n"
    assert read(write(tmp_path, p__yml=text), "p.yml").jobs["a"].resources == expected


def test_a_compute_name_that_no_target_knows_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{HEAD}steps: {{a: {{moduleName: BatchStep, computeName: big-pool, cmd: x}}}}\n"
    monkeypatch.chdir(write(tmp_path, p__yml=text))
    assert cli.main(["check", "p.yml", "--target", "gitlab"]) == 1


# ------------------------------------------------------------------------------------------------------ data and modules

DATASET = "id: '1'\nname: {name}\nlocation: data/{name}.csv\nstate: {state}\nversion: 1.0.0\n"


@pytest.mark.parametrize(("state", "codes"), [("active", []), ("deprecated", ["HR3416"]), ("archived", ["HR3415"])])
def test_the_state_of_data_counts_where_it_is_read(state: str, codes: list[str], tmp_path: Path) -> None:
    text = pipe("a: {cmd: x, deps: [posts]}", more="data: [posts]\n")
    write(tmp_path, p__yml=text, posts__yml=DATASET.format(name="posts", state=state), data_in_posts__csv="")
    found = read(tmp_path, "p.yml")
    assert found.codes == codes
    assert [given.path for given in found.jobs["a"].inputs] == [("data/posts.csv",)]


STORE = """name: blobs
type: s3
connection: {endpoint: "https://s3.example.org", access_key_id: xxxx, secret_access_key: xxxx}
properties: {bucket: posts, region: eu}
"""
POSTS = "id: '1'\nname: posts\nlocation: posts.csv\nversion: 1.0.0\n"


def _reading(data: str) -> str:
    return f"name: a\ndata: {data}\nsteps: {{b: {{{STEP}cmd: 'true', deps: [d]}}}}\npipeline: [b]\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            "{d: {DataStore: blobs, RelativePath: raw/a}}",
            ["--endpoint=https://s3.example.org", "--bucket=posts", "--region=eu", "--path=raw/a", "--at=raw/a"],
        ),
        ("{d: https://example.org/x/a%20b.csv}", ["--url=https://example.org/x/a%20b.csv", "--at=data/a b.csv"]),
    ],
)
def test_data_that_lie_elsewhere_are_fetched(data: str, words: list[str], tmp_path: Path) -> None:
    write(tmp_path, pipeline__yml=_reading(data), datastores_in_blobs__yml=STORE)
    found = lowered(tmp_path, "pipeline.yml")
    assert not found.codes
    assert found.project is not None
    (pipeline,) = found.project.pipelines
    fetch, step = pipeline.jobs
    assert isinstance(fetch.action, ir.Support)
    assert fetch.action.arguments == (("get",), *((word,) for word in words))
    assert [(need.job, need.artifacts) for need in step.needs] == [("fetch-d", True)]
    on_requests = any(isinstance(trigger, ir.OnChangeRequest) for trigger in pipeline.triggers)
    assert on_requests is not bool(fetch.secrets)
    wanted = [f"MLSPEC_BLOBS_{field}" for field in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")] if fetch.secrets else []
    assert [use.secret for use in fetch.secrets] == wanted


@pytest.mark.parametrize(
    ("data", "store", "codes"),
    [
        ("{d: {DataStore: blob, RelativePath: a}}", STORE, ["HR3409"]),
        ("{d: {DataStore: blobs, Table: a}}", STORE, ["HR3409"]),
        ("{d: {DataStore: blobs, RelativePath: a}}", STORE.replace("bucket: posts, ", ""), ["HR3406"]),
        ("{d: {DataStore: blobs, RelativePath: a}}", STORE.replace("type: s3", "type: sql"), ["HR3409"]),
        ("{d: {DataStore: blobs, RelativePath: a}}", STORE + "status: Archived\n", ["HR3415"]),
        ("{d: {DataStore: blobs, RelativePath: a}}", STORE + "status: deprecated\n", ["HR3416"]),
        ("{d: {DataStore: blobs, RelativePath: a}}", STORE.replace("secret_access_key: xxxx", "secret_access_key: s3cret"), ["HR3413"]),
    ],
)  # fmt: skip
def test_a_store_that_jobs_cannot_fetch_from_is_told(data: str, store: str, codes: list[str], tmp_path: Path) -> None:
    assert read(write(tmp_path, pipeline__yml=_reading(data), blobs__yml=store), "pipeline.yml").codes == codes


def test_a_store_that_is_in_use_is_meant_and_no_archived_one(tmp_path: Path) -> None:
    text = _reading("{d: {DataStore: blobs, RelativePath: a}}")
    write(tmp_path, pipeline__yml=text, a__yml=STORE, b__yml=STORE + "status: archived\n")
    assert not read(tmp_path, "pipeline.yml").codes


def test_a_url_that_is_none_is_told(tmp_path: Path) -> None:
    write(tmp_path, pipeline__yml=_reading("{d: 'https://[1::2/a.csv'}"))
    assert read(tmp_path, "pipeline.yml").codes[0] == "HR2014"


@pytest.mark.parametrize(
    ("first", "second", "wanted", "codes"),
    [
        ("", POSTS.replace("1.0.0", "1.10.0").replace("posts.csv", "b.csv"), "b.csv", []),
        ("", POSTS.replace("1.0.0", "2.0.0").replace("posts.csv", "b.csv") + "state: archived\n", "posts.csv", []),
        ("", POSTS.replace("1.0.0", "2.0.0").replace("posts.csv", "b.csv") + "isDeprecated: true\n", "posts.csv", []),
        ("", POSTS.replace("1.0.0", "1.0.0-rc1").replace("posts.csv", "b.csv"), "posts.csv", []),
        ("isDeprecated: true\n", "", "posts.csv", ["HR3416"]),
        ("state: archived\n", POSTS.replace("1.0.0", "2.0.0") + "state: archived\n", "posts.csv", ["HR3415"]),
        ("", POSTS.replace("'1'", "'2'"), "posts.csv", ["HR3424"]),
    ],
)
def test_the_newest_version_of_data_that_is_active_is_read(
    first: str, second: str, wanted: str, codes: list[str], tmp_path: Path
) -> None:
    write(tmp_path, pipeline__yml=_reading("{d: {DataSet: posts}}"), data_in_a__yml=POSTS + first)
    write(tmp_path, **({"data_in_b__yml": second} if second else {}))
    found = read(tmp_path, "pipeline.yml")
    assert found.codes == codes
    assert [given.path for given in found.jobs["b"].inputs] == [(wanted,)]


def test_runs_look_again_whether_data_may_be_used(tmp_path: Path) -> None:
    digest = "a" * 64
    write(tmp_path, pipeline__yml=_reading("{d: {DataSet: posts}}"), posts__csv="")
    write(tmp_path, data_in_posts__yml=f"{POSTS}checksum: sha256:{digest}\n")
    found = lowered(tmp_path, "pipeline.yml")
    assert not found.codes
    assert found.project is not None
    check, step = found.project.pipelines[0].jobs
    assert isinstance(check.action, ir.Support)
    words = [str(word[0]) for word in check.action.arguments]
    assert words[0] == "--refused=state:archived"
    assert words[-2:] == [f"--sha256={digest}:posts.csv", "data/posts.yml"]
    assert [(need.job, need.artifacts) for need in step.needs] == [("check-data", False)]


def test_data_that_no_document_places_are_told(tmp_path: Path) -> None:
    text = pipe("a: {cmd: x, deps: [posts]}", more="data: {posts: {DataSet: elsewhere}}\n")
    assert read(write(tmp_path, p__yml=text), "p.yml").codes == ["HR3409"]


MODULE = """name: clean
versions:
  - version: 1.0.0
    inputs: [{name: raw}, {name: words, optional: true}]
    outputs: [{name: table}]
    params: [{name: limit, default: 5}, {name: language}]
    cmd: ./clean.sh {raw} {words} {table} {limit} {language}
"""


def use(body: str) -> str:
    return f"{HEAD}steps:\n  one: {{moduleName: clean, computeName: cpu, {body}}}\npipeline: [one]\n"


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ("inputs: {raw: a.csv}, parameters: {language: de}", []),
        ("parameters: {language: de}", ["HR3420"]),
        ("inputs: {raw: [a.csv, b.csv]}, parameters: {language: de}", ["HR3420"]),
        ("inputs: {raw: a.csv, wrods: b}, parameters: {language: de}", ["HR3420"]),
        ("inputs: {raw: a.csv}", ["HR3420", "HR3403"]),
        ("inputs: {raw: a.csv}, parameters: {language: de, nothing: 1}", ["HR3420"]),
        ("inputs: {raw: a.csv}, outputs: {tabel: x}, parameters: {language: de}", ["HR3420"]),
        ("inputs: {raw: two.table}, parameters: {language: de}", []),
    ],
)
def test_a_modules_interface_is_checked_at_the_edges(body: str, codes: list[str], tmp_path: Path) -> None:
    found = read(write(tmp_path, p__yml=use(body), clean__yml=MODULE), "p.yml")
    assert sorted(found.codes) == sorted(codes)


def test_ports_are_variables_of_the_command(tmp_path: Path) -> None:
    text = use("inputs: {raw: a.csv}, parameters: {language: de}")
    job = read(write(tmp_path, f_in_p__yml=text, f_in_clean__yml=MODULE), "f/p.yml").jobs["one"]
    values = {one.name: one.value for one in job.env}
    assert values == {
        "PARAM_RAW": ("a.csv",),
        "PARAM_WORDS": (),
        "PARAM_TABLE": ("outs/one/table",),
        "PARAM_LIMIT": ("5",),
        "PARAM_LANGUAGE": ("de",),
    }
    assert [output.path for output in job.outputs if isinstance(output, ir.Artifact)] == [("f/outs/one/table",)]


@pytest.mark.parametrize(
    ("versions", "wanted", "codes"),
    [
        ("{version: 1.9.0}, {version: 1.10.0, status: deprecated}", "", []),
        ("{version: 1.0.0, status: deprecated}", "", ["HR3416"]),
        ("{version: 1.0.0, status: archived}", "", ["HR3415"]),
        ("{version: 1.0.0, status: archived}, {version: 1.1.0}", "@1.0.0", ["HR3415"]),
        ("{version: 1.0.0}", "@2.0.0", ["HR3409"]),
    ],
)
def test_the_version_of_a_module(versions: str, wanted: str, codes: list[str], tmp_path: Path) -> None:
    text = f"{HEAD}steps:\n  one: {{moduleName: m{wanted}, computeName: cpu, cmd: x}}\n"
    module = f"name: m\nversions: [{versions}]\n"
    assert read(write(tmp_path, p__yml=text, modules_in_m__yml=module), "p.yml").codes == codes


@pytest.mark.parametrize(
    ("module", "versions", "codes"),
    [
        ("id: '7'\nversions: [{version: 1.0.0}]", ["module: '7'\nversion: 1.0.0\ncmd: x"], []),
        ("versions: [{version: 1.0.0, status: deprecated}]", ["module: m\nversion: 1.0.0\ncmd: x"], ["HR3416"]),
        ("status: deprecated\nversions: [{version: 1.0.0, cmd: x}]", [], ["HR3416"]),
        ("status: archived\nversions: [{version: 1.0.0}]", ["module: m\nversion: 1.0.0\ncmd: x"], ["HR3415"]),
        ("versions: []", ["module: m\nversion: 1.0.0\ncmd: x", "module: m\nversion: 1.0.0\ncmd: y"], ["HR3424"]),
        ("versions: [{version: 1.0.0, cmd: x}]", ["name: M\nversions: [{version: 1.0.0, cmd: x}]"], ["HR3424"]),
    ],
)
def test_a_modules_versions_stand_in_documents_of_their_own(
    module: str, versions: list[str], codes: list[str], tmp_path: Path
) -> None:
    write(tmp_path, pipeline__yml="name: a\nsteps: {b: {moduleName: m, computeName: cpu}}\npipeline: [b]\n")
    write(tmp_path, modules_in_m__yml=f"name: m\n{module}\n")
    for number, text in enumerate(versions):
        write(tmp_path, **{f"modules_in_v{number}__yml": text + "\n"})
    found = [code for code in read(tmp_path, "pipeline.yml").codes if code != "HR2003"]
    assert found == codes


def test_names_are_one_whatever_their_case(tmp_path: Path) -> None:
    step = f"{{{STEP}cmd: x}}"
    text = f"name: a\nparameters: [{{name: p, default: 1}}, {{name: p, default: 2}}]\nsteps: {{b: {step}, B: {step}}}\n"
    found = read(write(tmp_path, pipeline__yml=text + "pipeline: [b, B]\n"), "pipeline.yml")
    assert found.codes == ["HR3404", "HR3424", "HR3424"]


@pytest.mark.parametrize(("status", "codes"), [("Archived", ["HR3415"]), ("deprecated", ["HR3416"]), ("active", [])])
def test_the_status_of_a_pipeline_counts(status: str, codes: list[str], tmp_path: Path) -> None:
    text = f"name: a\nstatus: {status}\nsteps: {{b: {{{STEP}cmd: x}}}}\npipeline: [b]\n"
    assert read(write(tmp_path, pipeline__yml=text), "pipeline.yml").codes == codes


def test_modules_that_contain_one_another_are_a_cycle(tmp_path: Path) -> None:
    def module(name: str, other: str) -> str:
        step = f"{{moduleName: {other}, computeName: cpu}}"
        return f"name: {name}\nversions: [{{version: 1.0.0, steps: {{s: {step}}}, pipeline: [s]}}]\n"

    text = f"{HEAD}steps: {{one: {{moduleName: m, computeName: cpu}}}}\n"
    found = read(write(tmp_path, p__yml=text, m__yml=module("m", "n"), n__yml=module("n", "m")), "p.yml")
    assert found.codes == ["HR3013"]


# -------------------------------------------------------------------------------------------------------------- lifecycle

JUDGED = (
    "train: {cmd: t, deps: [parts/train.csv], outs: [m]}",
    "evaluate: {cmd: e, deps: [m, parts/validation.csv], outs: [{path: e.json, kind: metrics}]}",
    "test: {cmd: h, deps: [m, parts/holdout.csv], outs: [{path: h.json, kind: metrics}]}",
)
LIFECYCLE = "objectives: [accuracy >= 0.9]\nlifecycle: {training: train, evaluation: evaluate, testing: test}\n"


def test_objectives_gate_evaluation_and_the_test(tmp_path: Path) -> None:
    project = lowered(write(tmp_path, p__yml=pipe(*JUDGED, more=LIFECYCLE)), "p.yml").project
    assert project is not None
    jobs = {job.name: job for job in project.pipelines[0].jobs}
    for name in ("evaluate", "test"):
        assert isinstance(jobs[f"{name}-gate"].action, ir.Support)
    assert {"evaluate", "evaluate-gate"} <= {need.job for need in jobs["test"].needs}
    assert "objectives" in {need.job for need in jobs["train"].needs}


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (LIFECYCLE.replace("testing: test", "testing: evaluate"), "HR3036"),
        (LIFECYCLE.replace("evaluate, testing: test", "nothing, testing: test"), "HR3401"),
        (LIFECYCLE.replace("accuracy >=", "accuracy >"), None),
        (LIFECYCLE.replace("accuracy >= 0.9", "accuracy is good"), "HR2010"),
        ("objectives: [accuracy >= 0.9]\nlifecycle: {training: train}\n", "HR3041"),
    ],
)
def test_faults_of_a_lifecycle(more: str, wanted: str | None, tmp_path: Path) -> None:
    codes = set(lowered(write(tmp_path, p__yml=pipe(*JUDGED, more=more)), "p.yml").codes) - {"HR3046", "HR3018"}
    assert codes == ({wanted} if wanted else set())


def test_a_test_on_data_that_was_seen_is_an_error(tmp_path: Path) -> None:
    steps = [step.replace("holdout", "validation") for step in JUDGED]
    assert "HR3036" in read(write(tmp_path, p__yml=pipe(*steps, more=LIFECYCLE)), "p.yml").codes
    parts = "{train: parts/train.csv, holdout: parts/holdout.csv}"
    more = LIFECYCLE.replace("{training", f"{{data_splitting: {{step: split, parts: {parts}}}, training")
    steps = ["split: {cmd: s, outs: [parts]}", JUDGED[0].replace("train.csv", "holdout.csv"), *JUDGED[1:]]
    found = read(write(tmp_path, p__yml=pipe(*steps, more=more)), "p.yml")
    assert "HR3036" in found.codes


def test_data_that_fail_block_training(tmp_path: Path) -> None:
    more = "lifecycle: {data_validation: {data: d.csv, schema: s.json}, training: train}\n"
    text = pipe("fetch: {cmd: f, outs: [d.csv]}", "train: {cmd: t}", more=more)
    project = lowered(write(tmp_path, p__yml=text, s__json="{}"), "p.yml").project
    assert project is not None
    jobs = {job.name: job for job in project.pipelines[0].jobs}
    assert "validate-data" in {need.job for need in jobs["train"].needs}
    assert {need.job for need in jobs["validate-data"].needs} == {"fetch"}


def test_monitoring_is_a_pipeline_of_its_own_with_a_rollback(tmp_path: Path) -> None:
    more = "lifecycle: {monitoring: {step: watch, cron: '0 6 * * *', rollback: back}}\n"
    text = pipe("train: {cmd: t}", "watch: {cmd: w}", "back: {cmd: b}", order="train", more=more)
    project = lowered(write(tmp_path, p__yml=text), "p.yml").project
    assert project is not None
    main, monitoring = project.pipelines
    assert [job.name for job in main.jobs] == ["train"]
    assert [(job.name, job.run_on) for job in monitoring.jobs] == [("watch", "success"), ("back", "failure")]
    assert monitoring.triggers[0] == ir.OnSchedule(cron="0 6 * * *", timezone="UTC")


def test_a_log_is_held_against_its_record(tmp_path: Path) -> None:
    record = "requestInfo: [requestId]\nmodelInfo: {models: {type: array, items: {type: string}}}\n"
    text = pipe("serve: {cmd: s, outs: [log.jsonl]}", more="lifecycle: {logging: {log: log.jsonl, record: r.yml}}\n")
    job = read(write(tmp_path, p__yml=text, r__yml=record), "p.yml").jobs["check-log"]
    assert isinstance(job.action, ir.Tool)
    words = [word[0] for word in job.action.arguments]
    assert "--field=requestInfo.requestId" in words
    assert "--field=modelInfo.models:array:string" in words


def test_the_table_of_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    monkeypatch.chdir(write(tmp_path, p__yml=pipe(*JUDGED, more=LIFECYCLE)))
    assert cli.main(["lifecycle", "p.yml"]) == 0
    text = capsys.readouterr().out
    assert "   8  evaluation              evaluate    gate: accuracy >= 0.9" in text
    assert "4 of 13 steps have a job" in text
    assert cli.main(["lifecycle", "p.yml", "--format", "json"]) == 0
    (table,) = json.loads(capsys.readouterr().out)
    assert table["gaps"][0] == "data_ingestion"
    assert [row["jobs"] for row in table["steps"][6:9]] == [["train"], ["evaluate"], ["test"]]


def test_strict_fails_where_nothing_judges_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path, p__yml=pipe("train: {cmd: t}")))
    assert cli.main(["lifecycle", "p.yml"]) == 0
    assert cli.main(["lifecycle", "p.yml", "--strict"]) == 1
