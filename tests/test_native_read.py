"""The native front end reads every key, finds every fault at its line, and never raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler import ir
from compiler.frontends import FRONT_ENDS, front_end, native
from compiler.frontends.native import (
    access,
    actions,
    data,
    environments,
    jobs,
    models,
    parameters,
    reading,
    resources,
    settings,
    triggers,
)
from compiler.ir import Ref
from tests.native import FIXTURES, GOOD, bad_cases, body, marked, project
from tests.native import read as read_text

CASES = bad_cases()


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_good_manifests_are_without_a_fault(path: object) -> None:
    found, sink = read_text(path.read_text(encoding="utf-8"))  # type: ignore[attr-defined]  # a Path
    assert sink.diagnostics == []
    assert found is not None


@pytest.mark.parametrize("case", CASES)
def test_faults_are_found_at_their_lines(case: str) -> None:
    _, sink = read_text(CASES[case])
    found = [(one.span.begin.line if one.span else 0, one.code.number) for one in sink.diagnostics]
    assert sorted(found) == marked(CASES[case])
    assert found


@pytest.mark.parametrize("case", CASES)
def test_messages_are_as_the_house_writes_them(case: str) -> None:
    _, sink = read_text(CASES[case])
    for one in sink.diagnostics:
        assert not one.message.endswith(".")
        assert not one.message[0].isupper()


TABLES = {
    "a build": environments.BUILD,
    "publish": environments.PUBLISH,
    "an environment": environments.ENVIRONMENT,
    "a secret": access.SECRET,
    "a use": access.USE,
    "a parameter": parameters.PARAMETER,
    "a store": data.STORE,
    "a dataset": data.DATASET,
    "an entry": actions.ENTRY,
    "deploy": actions.DEPLOY,
    "rollout": actions.ROLLOUT,
    "ingress": actions.INGRESS,
    "call": actions.CALL,
    "amounts": resources.AMOUNTS,
    "an accelerator": resources.ACCELERATOR,
    "resources": resources.RESOURCES,
    "a need": jobs.NEED,
    "an output": jobs.OUTPUT,
    "changed files": jobs.CHANGED,
    "a volume": jobs.VOLUME,
    "retry": jobs.RETRY,
    "cache": jobs.CACHE,
    "resume": jobs.RESUME,
    "approve": jobs.APPROVE,
    "lock": jobs.LOCK,
    "a sidecar": jobs.SIDECAR,
    "a job": jobs.JOB,
    "a probe": models.PROBE,
    "a service": models.SERVICE,
    "push": triggers.PUSH,
    "change_request": triggers.CHANGE_REQUEST,
    "schedule": triggers.SCHEDULE,
    "concurrency": triggers.CONCURRENCY,
    "a pipeline": triggers.PIPELINE,
    "a runner": settings.RUNNER,
    "an overlay": settings.OVERLAY,
    "an include": settings.INCLUDE,
    "a manifest": reading.MANIFEST,
}


@pytest.mark.parametrize("what", TABLES)
def test_every_key_stands_in_the_fixture_of_everything(what: str) -> None:
    text = (FIXTURES / "good" / "everything.yaml").read_text(encoding="utf-8")
    for key in TABLES[what]:
        assert f"{key}:" in text, key


def test_every_field_of_the_ir_is_read_or_made_by_passes() -> None:
    """What the fixtures leave unsaid in every node of a class is either missing from the reader or not tested."""
    made: dict[type[ir.Node], set[str]] = {}
    for path in GOOD:
        for node in ir.walk(project(path.read_text(encoding="utf-8"))):
            said = {name for name in ir.fields(type(node)) if getattr(node, name) not in (None, ir.NOTHING, ())}
            made.setdefault(type(node), set()).update(said)
    unsaid = {(kind.__name__, name) for kind, names in made.items() for name in ir.fields(kind) if name not in names}
    by_passes = {
        ("Project", "pins"),
        ("Project", "rendered"),
        ("Artifact", "dataset"),
        ("Artifact", "version"),
        ("Script", "shell"),
        ("Exec", "switches"),
        ("Environment", "prelude"),
        ("Environment", "base"),
        ("BuildImage", "software"),
        ("Input", "store"),
        ("Input", "dataset"),
        ("Input", "version"),
    }
    assert unsaid == by_passes


def test_paths_are_from_the_root() -> None:
    found = project(
        "version: 1\nname: a\njobs:\n  a:\n    run: x\n    working_directory: .\n"
        "    inputs: [/top, ./x//y/, ../b/c, 'd/{{ matrix.m }}.csv']\n"
        "    when: changed('src/**', '/uv.lock')\n",
        "sub/folder/headrace.yaml",
    )
    job = found.jobs[0]
    assert found.folder == "sub/folder"
    assert job.working_directory == "sub/folder"
    assert [one.path for one in job.inputs] == [
        ("top",),
        ("sub/folder/x/y",),
        ("sub/b/c",),
        ("sub/folder/d/", Ref(kind="matrix", name="m"), ".csv"),
    ]
    assert job.condition == ir.Changed(globs=("sub/folder/src/**", "uv.lock"))


def test_text_stays_as_it_is_written() -> None:
    job = body("run: x, env: {A: 3.10, B: 1e3, C: 0x1F, D: no, E: true, F: 2024-01-01, G: '', H: ~x}")
    assert [variable.value for variable in job.env] == [
        ("3.10",),
        ("1e3",),
        ("0x1F",),
        ("no",),
        ("true",),
        ("2024-01-01",),
        (),
        ("~x",),
    ]


def test_what_is_written_empty_is_not_what_is_not_written() -> None:
    assert body("run: x, needs: []").needs is not ir.NOTHING
    assert body("run: x").needs is ir.NOTHING


def test_secret_uses() -> None:
    use = ir.SecretUse
    assert body("run: x, secrets: [A]").secrets == (use(secret="A", env="A"),)
    assert body("run: x, secrets: {B: a-b}").secrets == (use(secret="a-b", env="B"),)
    assert body("run: x, secrets: [{name: a-b, file: /f}]").secrets == (use(secret="a-b", file="/f"),)


def test_arguments() -> None:
    entry = body("entry: {script: t.py, with: {a: 1, b: true, c: 'true', d: [1, x]}}").action
    assert isinstance(entry, ir.Entry)
    assert entry.arguments == (
        ir.Argument(name="a", values=(("1",),)),
        ir.Argument(name="b", flag=True),
        ir.Argument(name="c", values=(("true",),)),
        ir.Argument(name="d", values=(("1",), ("x",)), listed=True),
    )
    namesakes = body("entry: {script: t.py, with: [lr]}").action
    assert isinstance(namesakes, ir.Entry)
    assert namesakes.arguments == (ir.Argument(name="lr", listed=True),)


def test_resources_by_quantity_and_as_a_whole_are_the_same() -> None:
    one = body("run: x, resources: {cpu: {request: 1, limit: 2}, memory: 1Gi}").resources
    other = body("run: x, resources: {request: {cpu: 1, memory: 1Gi}, limit: {cpu: 2}}").resources
    assert one == other


def test_triggers_in_all_forms_are_the_same() -> None:
    forms = ["{push: , manual: {}}", "[push, manual]", "[{push: {}}, {manual: null}]"]
    found = [
        project(f"version: 1\nname: a\npipelines: {{a: {{on: {form}}}}}\n").pipelines[0].triggers for form in forms
    ]
    assert found == [(ir.OnPush(), ir.OnManual())] * 3


def test_schedules_are_in_one_spelling() -> None:
    found = project('version: 1\nname: a\npipelines: {a: {on: {schedule: {cron: "0  4 * * MON-FRI"}}}}\n')
    assert found.pipelines[0].triggers == (ir.OnSchedule(cron="0 4 * * 1-5"),)


def test_a_job_of_a_model_in_place_is_named_after_both() -> None:
    found = project("version: 1\nname: a\nmodels: {m: {train: {run: x}, deploy: {platform: linux/arm64, run: y}}}\n")
    assert isinstance(found.models[0].train, ir.Job)
    assert found.models[0].train.name == "m-train"
    assert isinstance(found.models[0].deploy, ir.Job)


def test_settings_alone_need_no_name() -> None:
    assert project("version: 1\ntargets: {argo: {namespace: ml}}\n").settings == (
        ir.Settings(target="argo", options=(("namespace", "ml"),)),
    )


@pytest.mark.parametrize(
    ("specifier", "allowed"),
    [(">=0.1", True), (">=0.1,<0.2", True), ("==0.1.*", True), ("~=0.1.0", True), ("!=0.1", False), ("<0.1", False)],
)
def test_requires(specifier: str, allowed: bool) -> None:
    _, sink = read_text(f'version: 1\nname: a\nrequires: "{specifier}"\n')
    assert sink.failed is not allowed


def test_origins_point_at_what_was_written() -> None:
    text = "version: 1\nname: a\njobs:\n  a: &a\n    run: x\n    needs: [b, {job: c}]\n  b: *a\n"
    first, second = project(text).jobs
    assert first.origin is not None
    assert second.origin is not None
    assert (first.origin.path, second.origin.path) == ("jobs.a", "jobs.b")
    assert first.origin.span("needs").begin.line == 6
    paths = [need.origin.path for need in first.needs if need.origin is not None]
    assert paths == ["jobs.a.needs[0]", "jobs.a.needs[1]"]


@pytest.mark.parametrize(
    "text",
    [
        "a: 'x {{ git.comit }}'",
        'a: "x\\t{{ git.comit }}"',
        "a: x {{ git.comit }}",
        "a: |\n    x\n    y {{ git.comit }}",
        "a: >\n    x\n    y {{ git.comit }}",
    ],
)
def test_a_fault_within_text_is_found_however_it_is_written(text: str) -> None:
    _, sink = read_text(f"version: 1\nname: a\nenv:\n  {text}\n")
    (one,) = sink.diagnostics
    assert one.span is not None
    assert one.span.text == "{{ git.comit }}"
    assert one.fix is not None
    assert one.fix.edits[0].text == "{{ git.commit }}"


def test_a_hole_without_quotes_is_one_finding() -> None:
    _, sink = read_text("version: 1\nname: a\nenv: {A: {{ git.commit }}}\n")
    assert [one.code.number for one in sink.diagnostics] == ["HR1009"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "~\n", "---\n"])
def test_an_empty_manifest(text: str) -> None:
    found, sink = read_text(text)
    assert found is None
    assert [one.code.number for one in sink.diagnostics] == ["HR1013"]


def test_a_second_document() -> None:
    _, sink = read_text("version: 1\nname: a\n---\nversion: 1\n")
    assert [one.code.number for one in sink.diagnostics] == ["HR1012"]


def test_plain_data_is_as_deep_as_aliases_make_it_and_no_deeper() -> None:
    lines = ["version: 1", "targets:", "  argo:"]
    for number in range(40):
        inner = f"*a{number - 1}" if number else "x"
        lines.append(f"    k{number}: &a{number} " + "[" * 20 + inner + "]" * 20)
    _, sink = read_text("\n".join(lines) + "\n")
    assert {one.code.number for one in sink.diagnostics} == {"HR1006"}


def test_sniffing() -> None:
    assert native.sniff("a/headrace.yaml", "")
    assert native.sniff("gpu.headrace.yml", "")
    assert not native.sniff("myheadrace.yaml", "")
    assert native.sniff("ci/pipeline.yaml", "# x\nversion: 1 # y\njobs:\n")
    assert not native.sniff("docker-compose.yaml", "version: 1\nservices:\n")
    assert not native.sniff("x.json", "version: 1\njobs:\n")


def test_the_table_names_front_ends() -> None:
    for name in FRONT_ENDS:
        found = front_end(name)
        assert name == found.NAME
        assert all(callable(getattr(found, part)) for part in ("sniff", "discover", "read"))


TOKENS = [
    "version: 1",
    "name: a",
    "jobs:",
    "  a:",
    "    run:",
    " x",
    "{",
    "}",
    "[",
    "]",
    "{{ git.commit }}",
    "*a",
    "&a ",
    "\n",
    "'",
    "- ",
    "null",
]


@given(st.lists(st.sampled_from(TOKENS), max_size=30).map("".join))
def test_reading_never_raises(text: str) -> None:
    found, sink = read_text(text)
    assert found is not None or sink.failed


@pytest.mark.parametrize(
    "body",
    [
        "cache: !x true",
        "approve: !x true",
        "secrets: !x {A: b}",
        "matrix: !x {a: [1]}",
        "entry: {script: a.py, with: !x {lr: 1}}",
        "resources: {gpu: !x 1}",
        "outputs: [!x {changed: [a]}]",
    ],
)
def test_no_tag_is_dropped(body: str) -> None:
    run = "" if "entry" in body else "run: x, "
    _, sink = read_text(f"version: 1\nname: a\nsecrets: {{b: {{}}}}\njobs: {{a: {{{run}{body}}}}}\n")
    assert [one.code.number for one in sink.diagnostics] == ["HR2016"]


@pytest.mark.parametrize(("more", "line"), [("---\n", 0), ("---\n---\n# no more\n", 0), ("---\n---\na: 1\n", 6)])
def test_documents_without_anything_are_no_documents(more: str, line: int) -> None:
    _, sink = read_text(f"version: 1\nname: a\njobs: {{a: {{run: x}}}}\n{more}")
    places = [one.span.begin.line for one in sink.diagnostics if one.span]
    assert places == ([line] if line else [])


def test_data_holds_no_integer_that_readers_round() -> None:
    text = "version: 1\nname: a\njobs: {a: {run: x}}\ntargets: {gitlab: {overlay: {pipeline: {x: %s}}}}\n"
    for number, codes in (("9007199254740991", []), ("-9007199254740992", ["HR2017"]), ("'9007199254740992'", [])):
        _, sink = read_text(text % number)
        assert [one.code.number for one in sink.diagnostics] == codes


def test_a_pipelines_variables_hold_no_credentials_either() -> None:
    _, sink = read_text("version: 1\nname: a\npipelines: {p: {env: {API_TOKEN: abc}, jobs: {a: {run: x}}}}\n")
    assert [one.code.number for one in sink.diagnostics] == ["HR3032"]


@pytest.mark.parametrize("path", ["-x", "./-rf", "a/-x", "/-", "--help/x"])
def test_no_path_is_an_option(path: str) -> None:
    _, sink = read_text(
        f"version: 1\nname: a\njobs: {{a: {{run: x, outputs: ['{path}'], working_directory: '{path}'}}}}\n"
    )
    assert [one.code.number for one in sink.diagnostics] == ["HR2014", "HR2014"]


def test_a_misspelt_action_is_no_missing_one_too() -> None:
    _, sink = read_text("version: 1\nname: a\njobs:\n  a: {rnu: x}\n  b: {env: {A: b}}\n")
    assert [(found.code.name, found.suggestion) for found in sink.diagnostics] == [
        ("unknown-key", "run"),
        ("missing-key", None),
    ]
