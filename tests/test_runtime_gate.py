"""The objective gate, run as a job runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.objective import as_json, parse
from tests.runtime_scripts import HOSTILE, Job


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def judge(job: Job, metrics: str, *objectives: str, baseline: str | None = None) -> tuple[int, str, str]:
    job.write("metrics.json", metrics)
    options = ["metrics.json"]
    if baseline is not None:
        job.write("baseline.json", baseline)
        options += ["--baseline", "baseline.json"]
    done = job.run("gate", *options, "--", *(json.dumps(as_json(parse(objective))) for objective in objectives))
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("metrics", "objective", "met"),
    [
        ('{"accuracy": 0.9}', "accuracy >= 0.90", True),
        ('{"accuracy": 0.8999999999999999999999}', "accuracy >= 0.9", False),
        ('{"accuracy": 0.9}', "accuracy > 0.9", False),
        ('{"accuracy": "0.9"}', "accuracy >= 0.9", True),
        ('{"accuracy": "0.9 "}', "accuracy >= 0.9", False),
        ('{"accuracy": "abc"}', "accuracy >= 0.9", False),
        ('{"accuracy": NaN}', "accuracy != 0.9", False),
        ('{"accuracy": "nan"}', "accuracy != 0.9", False),
        ('{"loss": Infinity}', "loss > 1", False),
        ('{"loss": -Infinity}', "loss < 1", False),
        ('{"accuracy": true}', "accuracy == 1", False),
        ('{"accuracy": null}', "accuracy >= 0", False),
        ('{"a": 0.3, "b": 0.1}', "a - b == 0.2", True),
        ('{"a": 0.1, "b": 0.3}', "abs(a - b) <= 0.2", True),
        ('{"a": 0.1, "b": 0.4}', "abs(a - b) <= 0.2", False),
        ('{"a": 0.85}', "a >= 0.9 within 0.05", True),
        ('{"a": 0.85}', "a > 0.9 within 0.05", False),
        ('{"a": 0.95}', "a <= 0.9 within 0.05", True),
        ('{"a": 0.95}', "a < 0.9 within 0.05", False),
        ('{"a": 0.95}', "a == 0.9 within 0.05", True),
        ('{"a": 0.95}', "a != 0.9 within 0.05", False),
        ('{"a": 1e-3}', "a == 0.001", True),
        ('{"a": 1E400}', "a > 1e399", True),
        ('{"a": 1e4000}', "a > 1", False),
        ('{"a": 9007199254740993}', "a == 9007199254740992", False),
        ('{"latency_ms": 249}', "latency_ms < 0.25 s", True),
        ('{"latency_ms": 250}', "latency_ms < 0.25 s", False),
        ('{"latency_ms": 249}', "latency_ms < 250", True),
        ('{"size_mb": 2147.483648}', "size_mb <= 2 GiB", True),
        ('{"size_mb": 2147.483649}', "size_mb <= 2 GiB", False),
        ('{"accuracy": 0.9}', "accuracy >= 90%", True),
        ('{"accuracy_pct": 90}', "accuracy_pct >= 90%", True),
        ('{"val": {"accuracy": 0.9}}', "val.accuracy >= 0.9", True),
        ('{"val": {"accuracy": 0.9}}', "accuracy >= 0.9", False),
        ('{"val-acc": 0.9}', "'val-acc' >= 0.9", True),
        ('{"metrics": {"accuracy": 0.9}}', "accuracy >= 0.9", True),
        ('[{"key": "accuracy", "value": "0.9", "value_type": "scalar"}]', "accuracy >= 0.9", True),
        ('{"metrics": [{"key": "accuracy", "value": 0.8}]}', "accuracy >= 0.9", False),
        ('{"metrics": {"key": "accuracy", "value": "0.77", "value_type": "NUMBER"}}', "accuracy == 0.77", True),
        ('[{"key": "f1", "value": 1, "slice": {"b": 2, "a": "x"}}]', "f1[a=x, b=2] == 1", True),
        ('{"f1[segment=new]": 0.85}', "f1[segment=new] >= 0.85", True),
        ('{"f1": {"segment": {"new": 0.85}}}', "f1[segment=new] >= 0.85", True),
        ('{"f1": {"segment=new": 0.85}}', "f1[segment=new] >= 0.85", True),
        ('{"slices": {"segment=new": {"f1": 0.85}}}', "f1[segment=new] >= 0.85", True),
        ('{"segment": {"new": {"f1": 0.85}}}', "f1[segment=new] >= 0.85", True),
        ('{"f1": 0.85}', "f1[segment=new] >= 0.85", False),
        ('{"a": 1, "a": 1.0}', "a == 1", True),
        ('{"a": 1, "a": 2}', "a >= 1", False),
        ('{"a.b": 1, "a": {"b": 2}}', "a.b >= 1", False),
        ("{}", "a >= 0", False),
        ("[]", "a >= 0", False),
        ("3", "a >= 0", False),
    ],
)
def test_judges(job: Job, metrics: str, objective: str, met: bool) -> None:
    status, out, _ = judge(job, metrics, objective)
    assert status == (0 if met else 1)
    assert out.startswith("passed" if met else "failed")


def test_compares_with_a_baseline(job: Job) -> None:
    objective = "accuracy >= baseline - 0.01"
    assert judge(job, '{"accuracy": 0.89}', objective, baseline='{"accuracy": 0.9}')[0] == 0
    assert judge(job, '{"accuracy": 0.889}', objective, baseline='{"accuracy": 0.9}')[0] == 1
    status, out, _ = judge(job, '{"accuracy": 0.889}', objective, baseline='{"loss": 0.9}')
    assert status == 1
    assert "baseline metric 'accuracy' is missing; there are: loss" in out
    assert "there are: none" in judge(job, '{"accuracy": 0.889}', objective)[1]


def test_evaluates_all_and_says_what_there_is(job: Job) -> None:
    status, out, err = judge(job, '{"a": 1, "z": {"b": 2}}', "a >= 2", "a >= 1", "c > 0", "a - z.b < 0")
    assert status == 1
    assert out.splitlines() == [
        "failed  a >= 2       1",
        "passed  a >= 1       1",
        "failed  c > 0        metric 'c' is missing; there are: a, z.b",
        "passed  a - z.b < 0  -1",
    ]
    assert err.splitlines() == [
        "headrace: objective 'a >= 2' is not met: 1",
        "headrace: objective 'c > 0' is not met: metric 'c' is missing; there are: a, z.b",
    ]


def test_shows_values_in_the_metrics_own_unit(job: Job) -> None:
    assert judge(job, '{"t_ms": 300}', "t_ms < 0.25 s")[1] == "failed  t_ms < 0.25 s  300\n"


def test_reads_several_files(job: Job) -> None:
    job.write("b.json", '{"b": 2}')
    job.write("a.json", '{"a": 1}')
    objectives = [json.dumps(as_json(parse("a - b == -1")))]
    assert job.run("gate", "a.json", "b.json", "--", *objectives).returncode == 0
    job.write("b.json", '{"a": 2, "b": 3}')
    done = job.run("gate", "a.json", "b.json", "--", *objectives)
    assert done.returncode == 1
    assert "given more than once" in done.stderr


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": [' * 50_000, b'[{"key": "a", "value": 1, "slice": 3}]']
)
def test_broken_metrics_fail_in_one_line(job: Job, content: bytes) -> None:
    job.write("metrics.json", content)
    done = job.run("gate", "metrics.json", "--", json.dumps(as_json(parse("a == 1"))))
    assert done.returncode == 1
    assert done.stderr.startswith('headrace: metrics file "metrics.json" is not JSON of metrics')
    assert done.stderr.count("\n") == 1


def test_missing_file_fails_even_where_another_holds_the_metric(job: Job) -> None:
    job.write("a.json", '{"a": 1}')
    done = job.run("gate", "a.json", "no.json", "--", json.dumps(as_json(parse("a == 1"))))
    assert (done.returncode, done.stderr) == (
        1,
        'headrace: metrics file "no.json" can\'t be read: No such file or directory\n',
    )


@pytest.mark.parametrize("objective", ["accuracy => 1", "{", "[]", "3", '["a", "~", {"metric": "a"}, {"number": "1"}]'])
def test_objectives_that_no_compiler_wrote_are_misuse(job: Job, objective: str) -> None:
    job.write("metrics.json", '{"a": 1}')
    assert job.run("gate", "metrics.json", "--", objective).returncode == 2
    assert job.run("gate", "metrics.json").returncode == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_names(job: Job, name: str) -> None:
    objective = json.dumps(["shown", ">=", {"metric": name}, {"number": "1"}])
    for value, status in ((1, 0), (0, 1), (name, 1)):
        job.write("metrics.json", json.dumps({name: value}))
        done = job.run("gate", "metrics.json", "--summary", "summary.md", "--", objective)
        assert done.returncode == status, done.stderr
    assert {file.name for file in job.folder.iterdir()} == {"metrics.json", "summary.md"}


def test_summary_is_a_table_that_nothing_escapes(job: Job) -> None:
    job.write("metrics.json", json.dumps({"a": "</code>|\n<script>`"}))
    job.write("summary.md", "before\n")
    objective = json.dumps(["a | <b> >= 1", ">=", {"metric": "a"}, {"number": "1"}])
    assert job.run("gate", "metrics.json", "--summary", "summary.md", "--", objective, objective).returncode == 1
    lines = (job.folder / "summary.md").read_text().splitlines()
    assert lines[:3] == ["before", "| objective | value | |", "|---|---|---|"]
    assert len(lines) == 5
    assert lines[3].startswith(
        "| <code>a &#124; &lt;b&gt; &gt;= 1</code> | <code>&quot;&lt;/code&gt;&#124;\\n&lt;script"
    )
    assert lines[3].endswith("| **failed** |")


EPOCHS = (
    '{"0": {"loss": 2.5, "acc": 0.1}, "1": {"loss": 1.5, "acc": 0.4}, "10": {"loss": 0.5, "acc": 0.9, "epoch": 10}}'
)


@pytest.mark.parametrize("data", [EPOCHS, '[{"loss": 2.5, "acc": 0.1}, {"epoch": 10, "loss": 0.5, "acc": 0.9}]'])
def test_metrics_of_each_epoch_count_by_the_last_one(job: Job, data: str) -> None:
    job.write("experiment.json", data)
    done = job.run("gate", "experiment.json", "--", "acc >= 0.9", "loss < 1")
    assert done.returncode == 0, done.stderr
    assert "epoch " not in done.stdout
    assert "metric  acc   0.9  ▁" in done.stdout
    assert job.run("gate", "experiment.json", "--", "loss > 1").returncode == 1


def test_metrics_are_shown_and_reported_without_an_objective(job: Job) -> None:
    job.write("experiment.json", EPOCHS)
    done = job.run("gate", "--summary", "summary.md", "--report", "out/metrics.txt", "experiment.json", "--")
    assert done.returncode == 0, done.stderr
    assert (job.folder / "out/metrics.txt").read_text() == "acc 0.9\nloss 0.5\n# EOF\n"
    assert "| <code>loss</code> | <code>0.5</code> | █▅▁ |" in (job.folder / "summary.md").read_text()


@pytest.mark.parametrize("data", ["{}", "[]", '{"model": "resnet"}', '{"0": {}}', "null", "{", '{"0": {"acc": 1}, "1"'])
def test_a_file_without_a_metric_fails(job: Job, data: str) -> None:
    job.write("experiment.json", data)
    assert job.run("gate", "experiment.json", "--").returncode == 1


@pytest.mark.parametrize("data", ['{"0": {"acc": NaN}}', '{"0": {"acc": "much"}}', '{"0": {"acc": null}}'])
def test_an_epoch_without_a_number_never_passes(job: Job, data: str) -> None:
    job.write("experiment.json", data)
    assert job.run("gate", "experiment.json", "--", "acc >= 0").returncode == 1


def test_names_of_a_report_are_legal_there(job: Job) -> None:
    job.write("metrics.json", '{"top 5/acc": 1, "1st": 2, "é": 3}')
    assert job.run("gate", "--report", "m.txt", "metrics.json", "--").returncode == 0
    assert (job.folder / "m.txt").read_text() == "_ 3\n_1st 2\ntop_5_acc 1\n# EOF\n"


def test_names_that_are_alike_in_a_report_stay_apart(job: Job) -> None:
    job.write("metrics.json", '{"top-5": 1, "top.5": 2, "top_5": 3, "top_5_2": 4}')
    assert job.run("gate", "--report", "m.txt", "metrics.json", "--").returncode == 0
    assert (job.folder / "m.txt").read_text() == "top_5 1\ntop_5_2 2\ntop_5_2_2 4\ntop_5_3 3\n# EOF\n"
