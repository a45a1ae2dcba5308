"""Passes: a manifest in, lowered jobs or findings out. Each test is one rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from compiler import ir
from compiler.diagnostics import Sink
from compiler.frontends import native
from compiler.passes import Context, lower
from compiler.passes.environments import NOT_A_CHANGE_REQUEST
from compiler.repository import Repository
from targets.runners import shared_memory

HEAD = "version: 1\nname: demo\n"


class Lowered:
    """A project after all passes, and what was found."""

    def __init__(self, project: ir.Project, sink: Sink) -> None:
        self.project = project
        self.found = sink.diagnostics

    def codes(self, *severities: str) -> list[str]:
        return [one.code.name for one in self.found if one.severity in (severities or ("error", "warning"))]

    def job(self, name: str, pipeline: str | None = None) -> ir.Job:
        jobs = next(one for one in self.project.pipelines if pipeline in (None, one.name)).jobs
        (found,) = (job for job in jobs if job.name == name)
        return found

    def names(self, pipeline: str | None = None) -> list[str]:
        return [job.name for job in next(one for one in self.project.pipelines if pipeline in (None, one.name)).jobs]

    def needs(self, name: str) -> list[str]:
        return [need.job for need in self.job(name).needs]


class Bench:
    """A folder with a Dockerfile, in which small manifests are lowered."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")

    def __call__(self, text: str, **files: str) -> Lowered:
        for name, content in files.items():
            path = self.root / name.replace("__", "/")
            path = path.with_name(path.name.replace("_py", ".py"))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        (self.root / "headrace.yaml").write_text(HEAD + text, encoding="utf-8")
        sink = Sink()
        repository = Repository(str(self.root))
        project = native.read("headrace.yaml", repository, sink)
        assert project is not None, sink.diagnostics
        return Lowered(lower(project, Context(repository, sink)), sink)


@pytest.fixture
def lowered(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def spelled(argv: tuple[Any, ...]) -> list[str]:
    """Arguments as text, holes as `<kind.name>`."""
    return ["".join(p if isinstance(p, str) else f"<{p.kind}.{p.name}>" for p in word) for word in argv]


def argv_of(job: ir.Job) -> list[str]:
    assert isinstance(job.action, ir.Exec)
    return spelled(job.action.argv)


def shell_of(job: ir.Job) -> str | None:
    assert isinstance(job.action, ir.Script)
    return job.action.shell


# ------------------------------------------------------------------------------------------------------------ templates


def test_a_template_says_what_the_job_does_not(lowered: Bench) -> None:
    job = lowered(
        """
templates:
  far: {timeout: 3h, retry: {max: 2, on: [runner]}, env: {A: far, B: far}}
  near: {extends: far, timeout: 2h, env: {B: near, C: near}, resources: {cpu: 2, memory: 1Gi}}
jobs:
  a: {extends: near, run: echo, env: {C: own, D: own}, resources: {memory: 2Gi}, retry: {max: 1}}
"""
    ).job("a")
    assert job.extends is None
    assert job.timeout == 7200
    assert job.retry == ir.Retry(max=1, on=("runner",))
    assert [(one.name, one.value) for one in job.env] == [
        ("A", ("far",)), ("B", ("near",)), ("C", ("own",)), ("D", ("own",)),
    ]  # fmt: skip
    assert job.resources == ir.Resources(request=ir.Amounts(cpu=2 * 10**9, memory=2 * 2**30 * 10**9))


def test_lists_are_replaced_and_written_nothing_wins(lowered: Bench) -> None:
    found = lowered(
        """
templates: {t: {run: echo, outputs: [x], needs: [first], allow_failure: true, cache: {max_age: 1d}}}
jobs:
  first: {run: echo}
  a: {extends: t, outputs: [y]}
  b: {extends: t, outputs: [], needs: [], allow_failure: false, cache: false}
"""
    )
    assert found.codes() == []
    a, b = found.job("a"), found.job("b")
    assert a.outputs == (ir.Artifact(path=("y",)),)
    assert a.allow_failure is True
    assert found.needs("a") == ["first"]
    assert (b.outputs, b.needs, b.allow_failure) == ((), (), False)
    assert b.cache is not None
    assert not b.cache.enabled


def test_defaults_stand_below_templates(lowered: Bench) -> None:
    found = lowered(
        "defaults: {timeout: 2h, shell: bash}\ntemplates: {t: {timeout: 3h}}\n"
        "jobs: {a: {extends: t, run: echo}, b: {run: echo}, c: {run: echo, timeout: 4h}}"
    )
    assert [found.job(name).timeout for name in "abc"] == [3 * 3600, 2 * 3600, 4 * 3600]
    assert {shell_of(found.job(name)) for name in "abc"} == {"bash"}


def test_another_action_than_the_templates_replaces_it(lowered: Bench) -> None:
    found = lowered("templates: {t: {run: echo}}\njobs: {a: {extends: t, run: [ls, -l]}}")
    assert argv_of(found.job("a")) == ["ls", "-l"]


def test_what_nobody_says(lowered: Bench) -> None:
    job = lowered("jobs: {a: {run: echo}}").job("a")
    assert (job.timeout, job.run_on, job.allow_failure) == (3600, "success", None)


# ---------------------------------------------------------------------------------------------------------- environments


def test_a_built_environment_is_a_job_before_its_users(lowered: Bench) -> None:
    found = lowered(
        """
environments: {box: {build: {context: .}, publish: {repository: team/box}}}
jobs: {a: {run: echo, environment: box}, b: {run: echo, environment: box, needs: [a]}}
"""
    )
    assert sorted(found.names()) == ["a", "b", "build-box"]
    assert found.needs("a") == ["build-box"]
    assert found.needs("b") == ["a", "build-box"]
    assert found.needs("build-box") == []
    need = found.job("a").needs[0]
    assert need.artifacts is False
    environment = found.job("a").environment
    assert isinstance(environment, ir.Environment)
    assert environment.image == (ir.Ref(kind="images", name="box"),)


def test_a_job_in_a_built_image_does_not_run_on_change_requests(lowered: Bench) -> None:
    found = lowered(
        "environments: {box: {build: {context: .}}}\njobs: {a: {run: echo, environment: box, when: \"branch == 'x'\"}}"
    )
    condition = found.job("a").condition
    assert isinstance(condition, ir.And)
    assert condition.terms[1] == ir.Not(term=ir.Compare(subject="event", operator="==", values=("change_request",)))
    assert found.codes("note") == ["skipped-need"]
    assert found.job("build-box").condition is None


def test_an_image_that_is_only_published_is_built_last(lowered: Bench) -> None:
    found = lowered(
        "environments: {box: {build: {context: .}, publish: {repository: r}}}\njobs: {a: {run: x}, b: {run: x, needs: [a]}}"
    )
    assert found.needs("build-box") == ["b"]


def test_an_image_that_is_only_published_brings_no_other_jobs_into_a_pipeline(lowered: Bench) -> None:
    found = lowered(
        "environments: {box: {build: {context: .}, publish: {repository: r}}}\n"
        "jobs: {a: {run: x}, b: {run: x}, c: {run: x}}\n"
        "pipelines: {one: {on: [push], jobs: [b, build-box]}, two: {on: [manual], jobs: [a, c]}}"
    )
    one, two = found.project.pipelines
    assert [(job.name, [need.job for need in job.needs]) for job in one.jobs] == [("b", []), ("build-box", ["b"])]
    assert [job.name for job in two.jobs] == ["a", "c"]


def test_an_image_that_nobody_uses_is_not_built(lowered: Bench) -> None:
    found = lowered("environments: {box: {build: {context: .}}}\njobs: {a: {run: echo}}")
    assert found.codes() == ["unused"]
    assert found.names() == ["a"]


def test_the_name_of_a_build_is_taken(lowered: Bench) -> None:
    found = lowered(
        "environments: {box: {build: {context: .}}}\njobs: {a: {run: echo, environment: box}, build-box: {run: echo}}"
    )
    assert found.codes() == ["duplicate-name"]


def test_a_job_may_build_an_environment_itself(lowered: Bench) -> None:
    found = lowered(
        """
environments: {box: {build: {context: ., file: box/Dockerfile}, publish: {repository: r}}}
jobs: {image: {build: box, when: "event == 'push'"}, a: {run: echo, environment: box}}
"""
    )
    assert sorted(found.names()) == ["a", "image"]
    assert found.needs("a") == ["image"]
    action = found.job("image").action
    assert isinstance(action, ir.BuildImage)
    assert action.build.file == "box/Dockerfile"
    assert action.publish is not None


@pytest.mark.parametrize(
    ("environment", "image"),
    [
        ('{python: "3.12"}', "python:3.12"),
        ('{python: "3.12", install: uv}', "python3.12-bookworm-slim"),
        ("{install: pip}", "python:"),
        ("{image: 'alpine:3.21', install: pip}", "alpine:3.21"),
    ],
)
def test_python_and_installer_choose_the_image(lowered: Bench, environment: str, image: str) -> None:
    found = lowered(f"environments: {{e: {environment}}}\njobs: {{a: {{run: echo, environment: e}}}}").job("a")
    assert isinstance(found.environment, ir.Environment)
    assert found.environment.image is not None
    assert image in str(found.environment.image[0])


# ----------------------------------------------------------------------------------------------------- datasets and edges


def test_a_dataset_is_an_output_and_an_edge(lowered: Bench) -> None:
    found = lowered(
        "datasets: {d: {path: data/d, produced_by: make}}\njobs: {use: {run: x, datasets: [d]}, make: {run: x}}"
    )
    assert found.codes() == []
    assert found.needs("use") == ["make"]
    assert found.job("make").outputs == (ir.Artifact(path=("data/d",), kind="dataset"),)
    assert found.job("use").inputs == (ir.Input(path=("data/d",), dataset="d"),)


def test_a_declared_output_takes_what_its_dataset_says(lowered: Bench) -> None:
    found = lowered(
        """
stores: {bulk: {kind: s3, url: "s3://bucket"}}
datasets: {d: {path: data/d, produced_by: make, store: bulk, size: 1Ki}}
jobs: {make: {run: x, outputs: [{path: data/d, keep: 1d}]}}
"""
    )
    expected = ir.Artifact(path=("data/d",), kind="dataset", keep=86400, store="bulk", size=1024 * 10**9, dataset="d")
    assert found.job("make").outputs == (expected,)


def test_a_dataset_of_another_pipeline_comes_from_its_store(lowered: Bench) -> None:
    text = """
stores: {{bulk: {{kind: s3, url: "s3://bucket"}}}}
datasets: {{d: {{path: data/d, produced_by: make{store}}}}}
pipelines:
  one: {{on: [push], jobs: {{make: {{run: x}}}}}}
  two: {{on: [manual], jobs: {{use: {{run: x, datasets: [d]}}}}}}
"""
    found = lowered(text.format(store=", store: bulk, version: v2"))
    assert found.codes() == []
    assert found.job("use", "two").inputs == (ir.Input(path=("data/d",), store="bulk", dataset="d", version="v2"),)
    assert found.job("use", "two").needs == ()
    assert lowered(text.format(store="")).codes() == ["unused", "no-store"]


@pytest.mark.parametrize(("state", "code"), [("archived", "archived-dataset"), ("deprecated", "deprecated-dataset")])
def test_datasets_that_nobody_should_use(lowered: Bench, state: str, code: str) -> None:
    found = lowered(
        f"datasets: {{d: {{path: d, produced_by: m, state: {state}}}}}\njobs: {{m: {{run: x}}, a: {{run: x, datasets: [d]}}}}"
    )
    assert found.codes() == [code]


@pytest.mark.parametrize(
    ("output", "given"),
    [("out", "out"), ("out", "out/below/file"), ("out/below", "out"), ("out/x", "out/x")],
)
def test_inputs_meet_outputs(lowered: Bench, output: str, given: str) -> None:
    found = lowered(f"jobs: {{b: {{run: x, inputs: [{given}]}}, a: {{run: x, outputs: [{output}]}}}}")
    assert found.codes() == []
    assert found.needs("b") == ["a"]


def test_a_path_that_only_begins_alike_is_another(lowered: Bench) -> None:
    found = lowered("jobs: {b: {run: x, inputs: [outer]}, a: {run: x, outputs: [out]}}")
    assert found.codes() == ["missing-input"]
    assert found.needs("b") == []


def test_inputs_meet_the_legs_outputs(lowered: Bench) -> None:
    found = lowered(
        """
jobs:
  a: {run: x, matrix: {f: [0, 1]}, outputs: ["m/{{ matrix.f }}"]}
  b: {run: x, inputs: [m/1]}
  c: {run: x, matrix: {g: [0, 1]}, inputs: ["m/{{ matrix.g }}"]}
  d: {run: x, matrix: {g: [1, 2]}, inputs: ["m/{{ matrix.g }}"]}
"""
    )
    assert [found.needs(name) for name in "bcd"] == [["a"]] * 3
    assert found.codes() == ["missing-input"]  # m/2


def test_holes_that_are_known_at_run_time_meet_as_they_are_written(lowered: Bench) -> None:
    found = lowered(
        """
jobs:
  a: {run: x, outputs: ["m/{{ git.short }}"]}
  b: {run: x, inputs: ["m/{{ git.short }}"]}
  c: {run: x, inputs: ["m/{{ run.id }}"]}
"""
    )
    assert (found.needs("b"), found.needs("c"), found.codes()) == (["a"], [], [])


def test_a_job_that_needs_no_outputs_gets_no_input(lowered: Bench) -> None:
    found = lowered("jobs: {a: {run: x, outputs: [o]}, b: {run: x, inputs: [o], needs: [{job: a, artifacts: false}]}}")
    assert [(one.code.name, one.severity) for one in found.found] == [("missing-input", "error")]


def test_an_input_from_a_leg_that_is_not_needed(lowered: Bench) -> None:
    text = """
jobs:
  a: {{run: x, matrix: {{f: [0, 1]}}, outputs: ["m/{{{{ matrix.f }}}}"]}}
  b: {{run: x, needs: [{{job: a, legs: {{f: 0}}}}], inputs: [m/{leg}]}}
"""
    assert lowered(text.format(leg="0")).codes() == []
    found = lowered(text.format(leg="1")).found
    assert [(one.code.name, one.severity) for one in found] == [("missing-input", "error")]


def test_what_lies_in_the_work_tree_is_there(lowered: Bench) -> None:
    found = lowered("jobs: {a: {run: x, inputs: [data/a.csv, data]}, b: {run: x, inputs: [gone]}}", data__a="")
    assert found.codes() == ["missing-input", "missing-input"]
    assert lowered("jobs: {a: {run: x, inputs: [data/a, data]}}").codes() == []


@pytest.mark.parametrize(
    ("jobs", "code"),
    [
        ("{a: {run: x, outputs: [o]}, b: {run: x, outputs: [o]}}", "two-producers"),
        ("{a: {run: x, outputs: [o]}, b: {run: x, outputs: [o/p]}}", "nested-output"),
        ("{a: {run: x, outputs: [o, o]}}", "two-producers"),
        ("{a: {run: x, outputs: [o, o/p]}}", None),
        ("{a: {run: x, matrix: {f: [0, 1]}, outputs: [o]}}", "legs-collide"),
        ("{a: {run: x, matrix: {f: [0]}, outputs: [o]}}", None),
        ("{a: {run: x, matrix: {f: [0, 1]}, outputs: [{path: o, per: leg}]}}", None),
        ("{a: {run: x, matrix: {f: [0, 1], g: [0, 1]}, outputs: ['o/{{ matrix.f }}']}}", "legs-collide"),
        ("{a: {run: x, matrix: {f: [0, 1], g: [0]}, outputs: ['o/{{ matrix.f }}']}}", None),
        ("{a: {run: x, matrix: {f: [0, 0/1]}, outputs: ['o/{{ matrix.f }}']}}", "legs-collide"),
        ("{a: {run: x, matrix: {f: [../../up, b]}, outputs: ['o/{{ matrix.f }}']}}", "bad-path"),
        ("{a: {run: x, matrix: {f: ['*', b]}, outputs: ['o/{{ matrix.f }}']}}", "bad-path"),
        ("{a: {run: x, matrix: {f: ['', b]}, outputs: ['o/{{ matrix.f }}']}}", "bad-path"),
        ("{a: {run: x, matrix: {f: [0, 1]}, outputs: ['o/{{ matrix.f }}']}, b: {run: x, outputs: [o/1]}}", "two-producers"),
        ("{a: {run: x, matrix: {f: [0, 1]}, outputs: ['o/{{ matrix.f }}']}, b: {run: x, outputs: [o/2]}}", None),
    ],
)  # fmt: skip
def test_who_writes_what(lowered: Bench, jobs: str, code: str | None) -> None:
    assert lowered(f"jobs: {jobs}").codes() == ([code] if code else [])


# ---------------------------------------------------------------------------------------------------------------- order


def test_needs_carry_what_they_say(lowered: Bench) -> None:
    found = lowered(
        "jobs: {a: {run: x}, b: {run: x, needs: [a]}, c: {run: x, needs: [{job: a, optional: true, artifacts: false}]}}"
    )
    assert found.job("b").needs == (ir.Need(job="a", artifacts=True, optional=False, legs="all"),)
    assert found.job("c").needs == (ir.Need(job="a", artifacts=False, optional=True, legs="all"),)


def test_a_cycle_is_shown_whole(lowered: Bench) -> None:
    found = lowered("jobs:\n  a: {run: x, needs: [c]}\n  b: {run: x, needs: [a]}\n  c: {run: x, needs: [b]}\n").found
    (one,) = found
    assert one.code.name == "cycle"
    assert (
        sum(f'"{job}" needs "{need}"' in label.message for label in one.labels for job, need in ("ac", "ba", "cb")) == 2
    )
    circle = one.message.rpartition(": ")[2].split(" -> ")
    assert circle[0] == circle[-1]
    assert sorted(circle[1:]) == ["a", "b", "c"]
    assert len({label.span.key for label in one.labels} | {one.span.key if one.span else None}) == 3


def test_cycles_through_paths_count(lowered: Bench) -> None:
    found = lowered("jobs: {a: {run: x, inputs: [p], outputs: [q]}, b: {run: x, inputs: [q], outputs: [p]}}")
    assert found.codes() == ["cycle"]


def test_a_job_needs_itself(lowered: Bench) -> None:
    assert lowered("jobs: {a: {run: x, needs: [a]}}").codes() == ["cycle"]


def test_a_job_may_read_what_it_writes(lowered: Bench) -> None:
    found = lowered("jobs: {a: {run: x, inputs: [o], outputs: [o]}}")
    assert (found.codes(), found.needs("a")) == ([], [])


@pytest.mark.parametrize(
    ("need", "codes"),
    [
        ("{job: m, legs: {f: 0}}", []),
        ("{job: m, legs: {f: 7}}", ["bad-legs"]),
        ("{job: m, legs: {g: 0}}", ["unknown-axis"]),
        ("{job: plain, legs: {f: 0}}", ["bad-legs"]),
        ("{job: m, legs: same}", ["bad-legs"]),
        ("{job: m, legs: all}", []),
        ("nobody", ["unknown-job"]),
        ("plain, {job: plain, optional: true}", ["duplicate-name"]),
        ("{job: m, legs: {f: 0}}, {job: m, legs: {f: 1}}", ["duplicate-name"]),
    ],
)
def test_the_legs_that_a_need_picks(lowered: Bench, need: str, codes: list[str]) -> None:
    found = lowered(
        f"jobs: {{m: {{run: x, matrix: {{f: [0, 1]}}}}, plain: {{run: x}}, a: {{run: x, needs: [{need}]}}}}"
    )
    assert found.codes() == codes


@pytest.mark.parametrize(
    ("matrix", "codes"),
    [
        ("{f: []}", ["empty-matrix"]),
        ("{f: [0], exclude: [{f: 0}]}", ["empty-matrix"]),
        ("{f: [0], g: [0], include: [{f: 1}]}", ["empty-matrix"]),
        ("{f: [0, 1], exclude: [{f: 2}]}", ["bad-legs"]),
        ("{f: [0, 1], exclude: [{g: 2}]}", ["unknown-axis"]),
        ("{f: [0], include: [{f: 1, g: 1}]}", ["unknown-axis"]),
        ("{include: [{f: 0, g: 1}]}", []),
    ],
)
def test_matrices(lowered: Bench, matrix: str, codes: list[str]) -> None:
    assert lowered(f"jobs: {{a: {{run: x, matrix: {matrix}}}}}").codes() == codes


# --------------------------------------------------------------------------------------------------------------- entries

SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--layers", type=int, nargs="+")
parser.add_argument("--solver", choices=["sgd", "newton"], required=True)
parser.add_argument("--verbose", action="store_true")
parser.parse_args()
"""
ENTRY = "parameters: {{lr: {{type: float, default: 0.1, minimum: 0}}, loud: {{type: bool, default: false}}}}\njobs: {{a: {{entry: {{script: train.py, with: {given}}}}}}}"


def test_an_entry_becomes_exact_arguments(lowered: Bench) -> None:
    found = lowered(
        ENTRY.format(given='{data: in, lr: "{{ parameters.lr }}", layers: [3, 4], solver: sgd, verbose: true}'),
        train_py=SCRIPT,
    )
    assert found.codes() == []
    argv = argv_of(found.job("a"))
    assert argv[:2] == ["python", "train.py"]
    assert "--verbose" in argv
    assert any("<parameters.lr>" in word for word in argv)
    assert " ".join(argv).index("--layers") >= 0


def test_a_flag_by_a_parameter_is_a_switch(lowered: Bench) -> None:
    found = lowered(ENTRY.format(given='{data: in, solver: sgd, verbose: "{{ parameters.loud }}"}'), train_py=SCRIPT)
    assert found.codes() == []
    action = found.job("a").action
    assert isinstance(action, ir.Exec)
    assert action.switches == (ir.Switch(when=ir.Ref(kind="parameters", name="loud"), word="--verbose"),)
    assert action.switches_at == 2
    assert "--verbose" not in spelled(action.argv)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("{data: in, solver: sgd, learning-rate: 1}", "unknown-argument"),
        ("{data: in}", "missing-argument"),
        ("{solver: sgd}", "missing-argument"),
        ("{data: in, solver: adam}", "wrong-argument"),
        ("{data: in, solver: sgd, lr: fast}", "wrong-argument"),
        ("{data: in, solver: sgd, layers: [1, x]}", "wrong-argument"),
        ("[nobody, solver]", "unknown-parameter"),
    ],
)
def test_arguments_are_checked(lowered: Bench, given: str, code: str) -> None:
    assert code in lowered(ENTRY.format(given=given), train_py=SCRIPT).codes("error")


def test_every_value_of_an_axis_is_checked(lowered: Bench) -> None:
    text = "jobs: {{a: {{matrix: {{solver: [sgd, {other}]}}, entry: {{script: train.py, with: {{data: in, solver: '{{{{ matrix.solver }}}}'}}}}}}}}"
    assert lowered(text.format(other="newton"), train_py=SCRIPT).codes() == []
    assert lowered(text.format(other="adam"), train_py=SCRIPT).codes() == ["wrong-argument"]


def test_what_can_not_be_read_is_said(lowered: Bench) -> None:
    assert lowered("jobs: {a: {entry: {script: gone.py}}}").codes() == ["missing-file"]
    assert lowered("jobs: {a: {entry: {script: bad.py}}}", bad_py="def (\n").codes() == ["python-syntax"]
    found = lowered("jobs: {a: {entry: {script: own.py, with: {x: 1}}}}", own_py="import sys\nprint(sys.argv)\n")
    assert found.codes("error", "note") == ["unread-interface"]
    assert argv_of(found.job("a")) == ["python", "own.py", "--x", "1"]


def test_what_is_not_known_of_an_argument_is_said_where_it_stands(lowered: Bench) -> None:
    script = (
        "import argparse, os\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\n"
        "p.add_argument('--token', required='TOKEN' not in os.environ)\np.parse_args()\n"
    )
    found = lowered("jobs: {a: {entry: {script: own.py, with: {lr: 1}}}}", own_py=script)
    (note,) = (one for one in found.found if one.code.name == "unread-interface")
    assert [label.message for label in note.labels] == ['whether "--token" is required is not a literal']
    assert note.labels[0].span.start == script.index("'TOKEN' not in")


def test_launchers(lowered: Bench) -> None:
    text = "jobs: {{a: {{entry: {{script: s.py, launch: {launch}}}, resources: {{gpu: 4}}, timeout: 1h}}}}"
    torchrun = argv_of(lowered(text.format(launch="torchrun"), s_py="").job("a"))
    assert torchrun == ["torchrun", "--standalone", "--nproc_per_node=4", "s.py"]
    assert argv_of(lowered(text.format(launch="accelerate"), s_py="").job("a")) == ["accelerate", "launch", "s.py"]


def test_a_script_is_named_from_the_jobs_folder(lowered: Bench) -> None:
    found = lowered("jobs: {a: {working_directory: src, entry: {script: src/s.py}}}", src__s_py="")
    assert argv_of(found.job("a")) == ["python", "s.py"]


# -------------------------------------------------------------------------------------------- conditions, GPUs, resources


@pytest.mark.parametrize(
    ("when", "codes"),
    [
        ("parameters.flag", []),
        ("parameters.text", ["bad-condition"]),
        ("parameters.gone", ["unknown-parameter"]),
        ("parameters.pick == 'x'", []),
        ("parameters.pick == 'z'", ["constant-condition"]),
        ("parameters.flag == 'maybe'", ["constant-condition"]),
    ],
)
def test_conditions_name_what_is_there(lowered: Bench, when: str, codes: list[str]) -> None:
    found = lowered(
        "parameters: {flag: {type: bool, default: false}, text: {}, pick: {type: choice, choices: [x, y], default: x}}\n"
        f'jobs: {{a: {{run: x, when: "{when}"}}}}'
    )
    assert found.codes() == codes


@pytest.mark.parametrize(
    ("text", "holes"),
    [
        ("jobs: {a: {run: 'x {{ matrix.z }}'}}", ["{{ matrix.z }}"]),
        ("jobs: {a: {run: [x, '{{matrix . z}}', '{{ matrix.z }}']}}", ["{{matrix . z}}"]),
        ("jobs: {a: {run: x, env: {A: b, C: '{{ parameters.z }}'}}}", ["{{ parameters.z }}"]),
        ("defaults: {env: {A: '{{ parameters.z }}'}}\njobs: {a: {run: x}, b: {run: x}}", ["{{ parameters.z }}"]),
        ("env: {A: '{{ parameters.z }}'}\njobs: {a: {run: x}}", ["{{ parameters.z }}"]),
        ("jobs: {a: {run: x, environment: {image: 'i:{{ images.z }}'}}}", ["{{ images.z }}"]),
        ("jobs: {a: {run: x, outputs: [{path: 'o/{{ matrix.z }}'}]}}", ["{{ matrix.z }}"]),
        ("jobs: {a: {run: x, sidecars: [{name: s, image: 'i:{{ parameters.z }}'}]}}", ["{{ parameters.z }}"]),
        ("templates: {t: {run: 'x {{ matrix.z }}'}}\njobs: {a: {extends: t}}", ["a"]),
    ],
)
def test_a_hole_that_names_nothing_is_shown_itself(lowered: Bench, text: str, holes: list[str]) -> None:
    found = lowered(text).found
    assert [one.span.text for one in found if one.severity == "error" and one.span is not None] == holes


@pytest.mark.parametrize(
    ("image", "is_one"),
    [
        ("python", True),
        ("localhost:5000/Team/app_x.y-z:1.2.3-rc_1", True),
        ("r.io/a:{{ git.short }}", True),
        ("{{ images.py }}", True),
        ("{{ parameters.p }}", True),
        ("r.io/a@sha256:{{ parameters.p }}", True),
        ("python 3.12", False),
        ("-v/:/x", False),
        ("$CI_REGISTRY_IMAGE/x", False),
        ("a$b", False),
        ("python:", False),
        ("a//b", False),
        ("../x", False),
        ("a\\nb", False),
        ("https://r.io/a:1", False),
    ],
)
def test_an_image_is_one(lowered: Bench, image: str, is_one: bool) -> None:
    head = "parameters: {p: {default: x}}\nenvironments: {py: {build: {context: .}}, one: {image: IMAGE}}\n"
    found = lowered(
        (
            head + "jobs: {a: {run: x, environment: {image: IMAGE}}, b: {run: x, environment: one}, c: {run: x, "
            "environment: {image: i}, sidecars: [{name: s, image: IMAGE}]}}"
        ).replace("IMAGE", f'"{image}"')
    )
    wrong = [one for one in found.found if one.code.name == "wrong-value"]
    assert len(wrong) == (0 if is_one else 3)
    assert all(one.span is not None and one.span.text == f'"{image}"' for one in wrong)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("production", True), ("eu-west/Blue 1.2", True), ("$CI_JOB_TOKEN", False), ("a/", False), ("${{ x }}", False),
     ("a\\nb", False), (" a", False)],
)  # fmt: skip
def test_a_deployment_environment_has_a_name(lowered: Bench, name: str, is_one: bool) -> None:
    found = lowered(
        f'jobs: {{a: {{run: x, approve: {{for: "{name}"}}}}, b: {{deploy: {{to: "{name}", platform: apply, documents: [d]}}}}}}'
    )
    wrong = [one for one in found.found if one.code.name == "bad-name"]
    assert len(wrong) == (0 if is_one else 2)
    assert all(one.span is not None and one.span.text == f'"{name}"' for one in wrong)


def test_a_gpu_job_stays_away_from_change_requests(lowered: Bench) -> None:
    found = lowered(
        "jobs: {a: {run: x, resources: {gpu: 1}}, b: {run: x, resources: {gpu: 1}, when: parameters.p}}\nparameters: {p: {type: bool}}"
    )
    assert found.job("a").condition == ir.Not(
        term=ir.Compare(subject="event", operator="==", values=("change_request",))
    )
    assert found.job("b").condition == ir.Truth(subject="parameters.p")
    assert sorted(found.codes("note", "warning")) == ["gpu-on-change-request", *["gpu-without-timeout"] * 2]


@pytest.mark.parametrize(
    ("resources", "shm"),
    [
        ("{gpu: 1, memory: 16Gi}", 8),
        ("{gpu: 1, memory: {request: 8Gi, limit: 16Gi}}", 8),
        ("{gpu: 1, memory: 16Gi, cpu: {limit: 2}}", 8),
        ("{gpu: 1, memory: 16Gi, shm: 1Gi}", 1),
        ("{gpu: 1}", None),
        ("{memory: 16Gi}", None),
    ],
)
def test_shared_memory_is_half_of_a_gpu_jobs_memory(lowered: Bench, resources: str, shm: int | None) -> None:
    job = lowered(f"jobs: {{a: {{run: x, timeout: 1h, resources: {resources}}}}}").job("a")
    assert shared_memory(job) == (None if shm is None else shm * 2**30 * 10**9)


# ------------------------------------------------------------------------------------------------- parameters and gates


def test_typed_parameters_are_checked_first(lowered: Bench) -> None:
    found = lowered(
        "parameters: {n: {type: int, default: 1, maximum: 3}, text: {}}\n"
        "jobs: {a: {run: x}, b: {run: x, needs: [a]}, check-parameters: {run: x}}"
    )
    assert found.names()[0] == "check-parameters-"
    assert found.needs("a") == ["check-parameters-"]
    assert found.needs("b") == ["a"]
    check = found.job("check-parameters-").action
    assert isinstance(check, ir.Support)
    assert check.refs == (ir.Ref(kind="parameters", name="n"),)


def test_texts_need_no_check(lowered: Bench) -> None:
    assert lowered("parameters: {t: {default: x}}\njobs: {a: {run: x}}").names() == ["a"]


def test_a_gate_of_its_own_where_python_is_not_known(lowered: Bench) -> None:
    body = "run: x, outputs: [{path: m.json, kind: metrics}], objectives: [acc >= 0.9]"
    found = lowered(
        f"""
environments: {{py: {{python: "3.12"}}, other: {{image: alpine}}}}
jobs:
  a: {{{body}, environment: other}}
  a-gate: {{run: x}}
  b: {{run: x, needs: [{{job: a, optional: true}}]}}
  c: {{{body.replace("m.json", "c.json")}, environment: py}}
  d: {{run: x, needs: [c]}}
"""
    )
    assert found.needs("a-gate-") == ["a"]
    assert found.needs("b") == ["a", "a-gate-"]
    assert found.job("b").needs[1] == ir.Need(job="a-gate-", artifacts=False, optional=True, legs="all")
    assert found.job("a").objectives == ()
    gate = found.job("a-gate-").action
    assert isinstance(gate, ir.Support)
    assert spelled(gate.arguments) == ["m.json", "--", "acc >= 0.9"]
    assert len(found.job("c").objectives) == 1
    assert found.needs("d") == ["c"]


def test_a_gate_reads_every_legs_metrics(lowered: Bench) -> None:
    found = lowered(
        """
parameters: {p: {}}
jobs:
  a: {run: x, matrix: {f: [0, 1]}, outputs: [{path: "m/{{ parameters.p }}/{{ matrix.f }}.json", kind: metrics}], objectives: [acc >= 0.9]}
  b: {run: x, matrix: {f: [0, 1]}, outputs: [{path: b/m.json, kind: metrics, per: leg}], objectives: [acc >= 0.9]}
"""
    )
    a, b = found.job("a-gate").action, found.job("b-gate").action
    assert isinstance(a, ir.Support)
    assert isinstance(b, ir.Support)
    assert spelled(a.arguments)[:2] == ["m/<parameters.p>/0.json", "m/<parameters.p>/1.json"]
    assert spelled(b.arguments)[:2] == ["b/m.json/f=0", "b/m.json/f=1"]


def test_objectives_without_a_metrics_file(lowered: Bench) -> None:
    found = lowered("models: {m: {train: a, validate: b, objectives: [acc >= 1]}}\njobs: {a: {run: x}, b: {run: x}}")
    assert found.codes() == ["no-metrics"]


# ------------------------------------------------------------------------------------------------------------- pipelines


def test_one_pipeline_of_all_jobs(lowered: Bench) -> None:
    (pipeline,) = lowered("jobs: {a: {run: x}, b: {run: x}}").project.pipelines
    assert pipeline.name == "demo"
    assert pipeline.triggers == (ir.OnPush(), ir.OnChangeRequest(), ir.OnManual())


def test_a_pipeline_brings_what_its_jobs_need(lowered: Bench) -> None:
    found = lowered(
        """
datasets: {d: {path: d, produced_by: c}}
jobs:
  a: {run: x, outputs: [o]}
  b: {run: x, inputs: [o], datasets: [d]}
  c: {run: x, needs: [e]}
  e: {run: x}
  alone: {run: x}
pipelines: {one: {on: [push], jobs: [b]}}
"""
    )
    assert sorted(found.names("one")) == ["a", "b", "c", "e"]
    assert found.codes() == ["unused"]


def test_variables_of_all_layers(lowered: Bench) -> None:
    found = lowered(
        """
env: {A: project, B: project, C: project}
jobs: {a: {run: x, env: {C: job}}}
pipelines: {one: {on: [push], env: {B: pipeline, C: pipeline}, jobs: [a]}}
"""
    )
    assert {one.name: one.value for one in found.job("a").env} == {"A": ("project",), "B": ("pipeline",), "C": ("job",)}


@pytest.mark.parametrize(
    ("pipelines", "codes"),
    [
        ("{one: {on: [call], jobs: [a]}, two: {on: [push], jobs: {c: {call: one}}}}", []),
        ("{one: {on: [push], jobs: [a]}, two: {on: [push], jobs: {c: {call: one}}}}", ["wrong-call"]),
        ("{one: {on: [call], jobs: [a]}, two: {on: [push], jobs: {c: {call: won}}}}", ["unknown-pipeline"]),
        ("{one: {on: [call], jobs: [a]}, two: {on: [push], jobs: {c: {call: {pipeline: one, parameters: {n: 9}}}}}}", ["wrong-call"]),
        ("{one: {on: [call], jobs: [a]}, two: {on: [push], jobs: {c: {call: {pipeline: one, parameters: {m: 1}}}}}}", ["wrong-call"]),
        ("{one: {on: [call], parameters: {r: {required: true}}, jobs: [a]}, two: {on: [push], jobs: {c: {call: one}}}}", ["wrong-call"]),
        ("{one: {on: [call], jobs: {c: {call: two}}}, two: {on: [call], jobs: {d: {call: one}, a: {run: x}}}}", ["call-cycle"]),
        ("{one: {on: [push], parameters: {r: {required: true}}, jobs: [a]}}", ["required-parameter"]),
        ("{one: {on: [manual, call], parameters: {r: {required: true}}, jobs: [a]}}", []),
        ("{one: {on: [push], parameters: {r: {required: true, default: x}}, jobs: [a]}}", []),
        ("{one: {on: [push], jobs: [a], parameters: {r-s: {}, r_s: {}}}}", ["name-collision"]),
        ("{one: {on: [push], jobs: []}}", ["nothing-to-do"]),
        ("{one: {on: [push], jobs: [gone]}}", ["unknown-job"]),
        ("{one: {on: [push], jobs: [a, {a: {run: y}}]}}", ["duplicate-name"]),
        ("{one: {on: [push], jobs: [{b: {run: y}}, {b: {run: z}}]}}", ["duplicate-name"]),
        ("{one: {on: [push], jobs: [a, {b: {run: y, needs: [a]}}]}}", []),
        ("{one: {on: [push], jobs: [{b: {run: y, needs: [gone]}}]}}", ["unknown-job"]),
        ("{one: {on: [push], jobs: [a], concurrency: {group: '{{ parameters.gone }}'}}}", ["unknown-parameter"]),
        ("{one: {on: [push], jobs: [a], concurrency: {group: '{{ matrix.n }}'}}}", ["unknown-axis"]),
        ("{one: {on: [push], jobs: [a], concurrency: {group: '{{ git.branch }}-{{ parameters.n }}'}}}", []),
        ("{one: {on: [push], jobs: [a], concurrency: {group: '{{ parameters.own }}'}}, two: {on: [push], parameters: {own: {}}, jobs: [a]}}", ["unknown-parameter"]),
        ("{one: {on: {schedule: {cron: '0 1 * * *', parameters: {n: 3}}}, jobs: [a]}}", []),
        ("{one: {on: {schedule: {cron: '0 1 * * *', parameters: {n: 4}}}, jobs: [a]}}", ["wrong-default"]),
        ("{one: {on: {schedule: {cron: '0 1 * * *', parameters: {m: 4}}}, jobs: [a]}}", ["unknown-parameter"]),
        ("{one: {on: {pipeline: two}, jobs: [a]}, two: {on: [push], jobs: [a]}}", []),
        ("{one: {on: {pipeline: three}, jobs: [a]}}", ["unknown-pipeline"]),
        ("{one: {on: [push], parameters: {own: {}}, jobs: [a]}, two: {on: [push], jobs: {b: {run: 'x {{ parameters.own }}'}}}}", ["unknown-parameter"]),
        ("{one: {on: [push], parameters: {own: {}}, jobs: {b: {run: 'x {{ parameters.own }}'}}}, two: {on: [push], jobs: [a]}}", []),
    ],
)  # fmt: skip
def test_pipelines(lowered: Bench, pipelines: str, codes: list[str]) -> None:
    found = lowered(
        f"parameters: {{n: {{type: int, default: 1, maximum: 3}}}}\njobs: {{a: {{run: x}}}}\npipelines: {pipelines}"
    )
    assert sorted(code for code in found.codes() if code != "unused") == sorted(codes)


POOL = """
environments: {app: {build: {context: .}}}
datasets: {d: {path: data, produced_by: fetch}}
jobs:
  fetch: {run: x}
  train: {run: x, datasets: [d], outputs: ['model/{{ matrix.f }}'], matrix: {f: [1, 2]}}
  join: {run: x, needs: [train], outputs: [whole]}
  other: {run: x, outputs: [report]}
  serve: {run: x, environment: app}
"""


@pytest.mark.parametrize(
    ("jobs", "names", "codes"),
    [
        ("{b: {run: y, needs: [other]}}", ["b", "other"], []),
        ("{b: {run: y, inputs: [whole]}}", ["b", "fetch", "train", "join"], []),
        ("{b: {run: y, datasets: [d]}}", ["b", "fetch"], []),
        ("{b: {run: y, environment: app}}", ["b", "build-app"], []),
        ("{b: {run: y, needs: [build-app]}}", ["b", "build-app"], []),
        ("{b: {run: y, environment: app, needs: [serve]}}", ["b", "serve", "build-app"], []),
        ("{b: {run: y, needs: [{job: train, legs: {f: 2}}]}}", ["b", "fetch", "train"], []),
        ("{b: {run: y, needs: [{job: train, legs: {f: 3}}]}}", ["b", "fetch", "train"], ["bad-legs"]),
        # A path that one of the pipeline's own jobs writes is that job's.
        ("{b: {run: y, outputs: [report]}, c: {run: z, inputs: [report]}}", ["b", "c"], []),
        ("{b: {run: y, outputs: [report], needs: [other]}}", ["b", "other"], ["two-producers"]),
        ("{b: {run: y, outputs: [report/x], needs: [other]}}", ["b", "other"], ["nested-output"]),
        # A name stands for one job in a pipeline.
        ("{fetch: {run: y}, b: {run: y, needs: [fetch]}}", ["fetch", "b"], []),
        (
            "{fetch: {run: y}, b: {run: y, needs: [train]}}",
            ["fetch", "b", "train"],
            ["duplicate-name", "two-producers"],
        ),
    ],
)
def test_a_pipelines_own_jobs_may_need_those_of_the_pool(
    lowered: Bench, jobs: str, names: list[str], codes: list[str]
) -> None:
    found = lowered(POOL + f"pipelines: {{one: {{jobs: {jobs}}}}}")
    assert found.names("one") == names
    assert sorted(code for code in found.codes() if code != "unused") == codes


# -------------------------------------------------------------------------------------------------------------- the rest


@pytest.mark.parametrize(
    "text",
    [
        "env: {HEADRACE_GATE: x}\njobs: {a: {run: x}}",
        "jobs: {a: {run: x, env: {HEADRACE_PARAM_LR: x}}}",
        "secrets: {s: {}}\njobs: {a: {run: x, secrets: {HEADRACE_S: s}}}",
        "jobs: {a: {run: x, matrix: {A_1: [a], a-1: [b]}}}",
        "jobs: {a: {run: x, sidecars: [{name: a-b, image: i}, {name: A_b, image: i}]}}",
        "environments: {a-b: {build: {}}, a_b: {build: {}}}\njobs: {a: {run: x, environment: a-b}, b: {run: x, environment: a_b}}",
    ],
)
def test_names_that_become_one_variable(lowered: Bench, text: str) -> None:
    assert lowered(text).codes("error") == ["name-collision"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("jobs: {a: {run: x, environment: gone}}", "unknown-environment"),
        ("jobs: {a: {run: x, datasets: [gone]}}", "unknown-dataset"),
        ("jobs: {a: {run: x, extends: gone}}", "unknown-template"),
        ("jobs: {a: {run: x, secrets: [GONE]}}", "unknown-secret"),
        ("jobs: {a: {run: x, outputs: [{path: o, store: gone}]}}", "unknown-store"),
        ("jobs: {a: {run: x, identity: gone}}", "unknown-identity"),
        ("jobs: {a: {run: 'x {{ parameters.gone }}'}}", "unknown-parameter"),
        ("jobs: {a: {run: 'x {{ matrix.gone }}'}}", "unknown-axis"),
        ("jobs: {a: {run: 'x {{ sidecars.gone.host }}'}}", "unknown-sidecar"),
        ("jobs: {a: {run: x, env: {A: '{{ matrix.gone }}'}}}", "unknown-axis"),
        ("env: {A: '{{ parameters.gone }}'}\njobs: {a: {run: x}}", "unknown-parameter"),
        ("templates: {s: {extends: t}, t: {extends: s}}\njobs: {a: {run: x}}", "template-cycle"),
        ("templates: {t: {timeout: 1h}}\njobs: {a: {extends: t}}", "missing-key"),
        ("datasets: {d: {path: d, produced_by: gone}}\njobs: {a: {run: x}}", "unknown-job"),
        ("models: {m: {train: gone}}\njobs: {a: {run: x}}", "unknown-job"),
        ("models: {m: {train: a, validate: b, test: b}}\njobs: {a: {run: x}, b: {run: x}}", "same-evaluation"),
        ("lifecycle: {training: gone}\njobs: {a: {run: x}}", "unknown-job"),
    ],
)
def test_names_that_name_nothing(lowered: Bench, text: str, code: str) -> None:
    assert lowered(text).codes() == [code]


def test_models_are_edges(lowered: Bench) -> None:
    found = lowered(
        """
models:
  m: {train: t, validate: v, test: w, objectives: [acc >= 0.9]}
jobs:
  t: {run: x, outputs: [model]}
  v: {run: x, outputs: [{path: v.json, kind: metrics}], environment: {python: "3.12"}}
  w: {run: x, outputs: [{path: w.json, kind: metrics}], environment: {python: "3.12"}}
"""
    )
    assert found.codes() == []
    assert found.needs("v") == ["t"]
    assert found.needs("w") == ["t", "v"]
    assert [len(found.job(name).objectives) for name in "tvw"] == [0, 1, 1]


def test_an_identity_stands_in_the_job(lowered: Bench) -> None:
    found = lowered("identities: {me: {aws: {role: r}}}\njobs: {a: {run: x, identity: me}}").job("a")
    assert found.identity == ir.Identity(name="me", provider="aws", settings=(("role", "r"),))


def test_lowering_twice_gives_equal_projects(lowered: Bench) -> None:
    text = "jobs: {a: {run: x, outputs: [o]}, b: {run: x, inputs: [o]}}"
    assert lowered(text).project == lowered(text).project


@pytest.mark.parametrize("jobs", [2000])
def test_a_long_chain_meets_no_recursion(lowered: Bench, jobs: int) -> None:
    lines = ["jobs:", "  j0: {run: x}"]
    lines += [f"  j{number}: {{run: x, needs: [j{number - 1}]}}" for number in range(1, jobs)]
    found = lowered("\n".join(lines))
    assert (found.codes(), len(found.names())) == ([], jobs)


def test_free_text_in_an_outputs_path_is_refused(lowered: Bench) -> None:
    found = lowered('parameters: {p: {}}\njobs: {a: {run: x, outputs: ["m/{{ parameters.p }}"]}}')
    assert found.codes() == ["bad-path"]


def test_a_push_means_what_it_names() -> None:
    from compiler.ir import NOTHING, OnPush
    from compiler.passes.pipelines import _whole

    assert _whole(OnPush(tags=("v*",))) == OnPush(branches=(), tags=("v*",))
    assert _whole(OnPush(tags=("v*",))).branches is not NOTHING
    assert _whole(OnPush(branches=("main",))).tags is not NOTHING
    assert _whole(OnPush(paths=("src/**",))).branches is NOTHING


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("jobs: {a: {run: x, resume: {paths: [c], store: gone}}}", "unknown-store", 3),
        ("jobs: {a: {run: x}}\ntargets: {github: {store: gone}}", "unknown-store", 4),
        ("jobs: {a: {build: {context: ., publish: {identity: gone}}}}", "unknown-identity", 3),
        ("environments: {e: {build: {}, publish: {identity: gone}}}\njobs: {a: {run: x}}", "unknown-identity", 3),
        ("jobs: {a: {run: x, environment: {image: x, credentials: gone}}}", "unknown-secret", 3),
        ("services: {s: {environment: {image: x}, port: 1, secrets: [GONE]}}", "unknown-secret", 3),
        ("services: {s: {environment: {build: {secrets: [GONE]}}, port: 1}}", "unknown-secret", 3),
    ],
)
def test_names_outside_of_jobs_name_something(lowered: Bench, text: str, name: str, line: int) -> None:
    found = [one for one in lowered(text).found if one.severity == "error"]
    assert [(one.code.name, one.span and one.span.begin.line) for one in found] == [(name, line)]


def test_environments_in_place_are_built_too(lowered: Bench) -> None:
    found = lowered("jobs: {a: {run: x, environment: {build: {context: docker}}}}", docker__Dockerfile="")
    assert found.codes() == []
    assert found.needs("a") == ["build-a"]
    found = lowered("services: {s: {environment: {build: {context: .}}, port: 1}}")
    assert found.codes() == []
    assert found.names() == ["build-s", "smoke-s"]


def test_two_environments_of_one_name_are_not_one(lowered: Bench) -> None:
    found = lowered(
        """
environments: {a: {build: {context: one}}}
jobs: {a: {run: x, environment: {build: {context: two}}}, b: {run: x, environment: a}}
""",
        one__Dockerfile="",
        two__Dockerfile="",
    )
    assert found.codes() == ["duplicate-name"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("templates: {t: {run: x}}\njobs: {a: {run: x}}", 'no job extends the template "t"'),
        ("environments: {e: {image: x}}\njobs: {a: {run: x}}", 'no job runs in the environment "e"'),
        ("secrets: {S: {}}\njobs: {a: {run: x}}", 'no job has the secret "S"'),
        ("identities: {i: {aws: {role: r}}}\njobs: {a: {run: x}}", 'no job or store uses the identity "i"'),
        ("stores: {s: {kind: s3, url: 's3://b'}}\njobs: {a: {run: x}}", 'no job or dataset uses the store "s"'),
        ("environments: {e: {image: x}}\njobs: {a: {run: x, environment: e}}", None),
        ("environments: {e: {image: x}}\ndefaults: {environment: e}\njobs: {a: {run: x}}", None),
        ("environments: {e: {image: x}}\nservices: {s: {environment: e, port: 1}}", None),
        ("environments: {e: {image: x}}\nmodels: {m: {train: {run: x, environment: e}}}", None),
        ("templates: {t: {run: x}, u: {extends: t}}\njobs: {a: {extends: u}}", None),
        ("secrets: {S: {}}\njobs: {a: {run: x, environment: {image: y, credentials: S}}}", None),
        ("secrets: {S: {}}\njobs: {a: {build: {secrets: [S]}}}", None),
        ("secrets: {S: {}}\njobs: {a: {run: x}}\ntargets: {argo: {credentials: S}}", None),
        ("stores: {s: {kind: s3, url: 's3://b'}}\njobs: {a: {run: x, cache: {store: s}, inputs: []}}", None),
        ("stores: {s: {kind: s3, url: 's3://b'}}\njobs: {a: {run: x}}\ntargets: {argo: {store: s}}", None),
        ("stores: {l: {kind: lfs}, d: {kind: dvc}}\njobs: {a: {run: x}}", None),
    ],
)
def test_what_nothing_uses_is_said(lowered: Bench, text: str, message: str | None) -> None:
    found = [one.message for one in lowered(text).found if one.severity in ("error", "warning")]
    assert found == ([] if message is None else [message])


def test_only_what_is_built_is_published(lowered: Bench) -> None:
    found = lowered("environments: {e: {image: x, publish: {repository: r}}}\njobs: {a: {run: x, environment: e}}")
    assert [(one.code.name, one.span and one.span.text) for one in found.found] == [("missing-key", "{repository: r}")]


@pytest.mark.parametrize(
    ("environment", "field"),
    [
        ("{python: '3.12', file: requirements.txt}", "file"),
        ("{install: uv, file: requirements.txt}", "file"),
        ("{install: pip, groups: [dev]}", "groups"),
        ("{install: conda, extras: [x]}", "extras"),
        ("{build: {}, prebuild: true}", "prebuild"),
        ("{image: x, prebuild: true}", "ahead"),
        ("{image: 'x:{{ git.branch }}', install: pip, prebuild: true}", "ahead"),
        ("{image: x, install: pip, prebuild: true, credentials: s}", "ahead"),
        ("{install: pip, file: requirements.txt}", None),
        ("{install: uv, groups: [dev], extras: [x]}", None),
    ],
)
def test_what_no_installer_reads_is_said(lowered: Bench, environment: str, field: str | None) -> None:
    found = lowered(
        f"secrets: {{s: {{}}}}\nenvironments: {{e: {environment}}}\njobs: {{a: {{run: x, environment: e}}}}"
    )
    places = [one.message for one in found.found if one.severity == "error"]
    assert len(places) == (field is not None)
    assert field is None or field in places[0] or "ahead" in places[0]


@pytest.mark.parametrize(
    ("include", "codes"),
    [
        ("[{a: 1}, {b: 2}]", ["unknown-axis"]),
        ("[{a: 1}, {a: 2, b: 2}]", []),
        ("[{a: 1, b: 1}, {a: 2, b: 2}]", []),
    ],
)
def test_an_included_leg_lacks_no_axis_that_a_hole_names(lowered: Bench, include: str, codes: list[str]) -> None:
    found = lowered(f"jobs: {{a: {{run: 'echo {{{{ matrix.a }}}}', matrix: {{include: {include}}}}}}}")
    assert found.codes() == codes


@pytest.mark.parametrize(
    ("need", "legs", "paths"),
    [
        ("a", "all", ["1.json", "2.json", "m/f=1", "m/f=2"]),
        ("{job: a, legs: same}", "same", ["<matrix.f>.json", "m/f=<matrix.f>"]),
        ("{job: a, legs: {f: 2}}", (("f", "2"),), ["<matrix.f>.json", "m/f=<matrix.f>"]),
    ],
)
def test_who_needs_a_leg_waits_for_that_legs_gate(lowered: Bench, need: str, legs: Any, paths: list[str]) -> None:
    found = lowered(
        f"""
environments: {{e: {{image: x}}}}
jobs:
  a:
    environment: e
    run: x
    matrix: {{f: [1, 2]}}
    outputs: [{{path: '{{{{ matrix.f }}}}.json', kind: metrics}}, {{path: m, kind: metrics, per: leg}}]
    objectives: [accuracy > 0.5]
  b: {{run: x, matrix: {{f: [1, 2]}}, needs: [{need}]}}
"""
    )
    gate = found.job("a-gate")
    assert isinstance(gate.action, ir.Support)
    assert sorted(spelled(gate.action.arguments)[: len(paths)]) == sorted(paths)
    assert (gate.matrix is not None, gate.needs[0].legs) == ((False, "all") if legs == "all" else (True, "same"))
    assert [(one.job, one.legs) for one in found.job("b").needs] == [("a", legs), ("a-gate", legs)]


def test_git_brings_a_dataset_in_lfs(lowered: Bench) -> None:
    text = "stores: {big: {kind: lfs}}\ndatasets: {d: {path: data, store: big}}\njobs: {a: {run: x, datasets: [d]}}"
    found = lowered(text, data="rows")
    assert found.codes() == []
    assert found.job("a").inputs == (ir.Input(path=("data",), dataset="d"),)


def test_an_environment_that_is_built_ahead_is_a_job(lowered: Bench) -> None:
    found = lowered(
        """
environments: {py: {python: '3.12', install: uv, prebuild: true}}
jobs: {a: {run: x, environment: py}, b: {run: x, environment: py, resources: {gpu: 1}, timeout: 1h}, c: {run: x}}
"""
    )
    assert found.codes("error", "warning") == []
    assert found.names() == ["a", "b", "c", "build-py", "build-py-gpu"]
    assert (found.needs("a"), found.needs("b"), found.needs("c")) == (["build-py"], ["build-py-gpu"], [])
    assert found.job("a").condition == NOT_A_CHANGE_REQUEST
    environment, action = found.job("a").environment, found.job("build-py").action
    assert isinstance(environment, ir.Environment)
    assert environment.image == (ir.Ref(kind="images", name="py"),)
    assert isinstance(action, ir.BuildImage)
    assert action.software is not None
    assert action.software.image == environment.base


def test_the_platform_of_an_environment_is_its_jobs(lowered: Bench) -> None:
    found = lowered(
        """
environments: {e: {image: x, platform: linux/arm64}, b: {build: {}, platform: linux/arm64}}
jobs: {a: {run: x, environment: e}, c: {run: x, environment: e, platform: linux/amd64}, d: {run: x, environment: b}}
"""
    )
    platforms = {name: found.job(name).platform for name in found.names()}
    assert platforms == {"a": "linux/arm64", "build-b": "linux/arm64", "c": "linux/amd64", "d": "linux/arm64"}


def test_a_deployment_waits_for_the_image_that_it_names(lowered: Bench) -> None:
    text = """
environments: {app: {build: {}, publish: {}}}
jobs: {d: {deploy: {platform: apply, documents: [k.yaml], image: %s}}}
"""
    found = lowered(text % "app", **{"k.yaml": ""})
    assert found.codes() == []
    assert found.needs("d") == ["build-app"]
    assert found.job("d").condition == NOT_A_CHANGE_REQUEST
    found = lowered(text % "ap", **{"k.yaml": ""})
    assert found.codes("error") == ["unknown-environment"]


@pytest.mark.parametrize(
    ("dataset", "version", "codes"),
    [
        ("store: s, checksum: 'sha256:%s'", "sha256:%s", []),
        ("store: s, version: v2, checksum: 'sha256:%s'", "v2", ["unused"]),
        ("checksum: 'sha256:%s'", None, ["unused"]),
    ],
)
def test_a_checksum_is_what_a_store_is_asked_for(
    lowered: Bench, dataset: str, version: str | None, codes: list[str]
) -> None:
    digest = "0" * 64
    stores = "stores: {s: {kind: s3, url: 's3://b'}}\n" if "store: s" in dataset else ""
    given = dataset % digest
    found = lowered(
        f"{stores}datasets: {{d: {{path: data, {given}}}}}\njobs: {{a: {{run: x, datasets: [d]}}}}", data=""
    )
    assert found.job("a").inputs[0].version == (version % digest if version and "%" in version else version)
    assert found.codes() == codes


def test_what_a_job_says_instead_is_not_the_templates(lowered: Bench) -> None:
    found = lowered(
        """
templates:
  t: {entry: {script: t.py, launch: torchrun}, environment: {image: x, apt: [git]}}
jobs:
  a: {extends: t, entry: {module: t}, environment: {build: {context: c}}}
""",
        t_py="",
        c__Dockerfile="",
    )
    assert found.codes() == []
    action, environment = found.job("a").action, found.job("a").environment
    assert isinstance(action, ir.Exec)
    assert spelled(action.argv)[-2:] == ["-m", "t"]
    assert isinstance(environment, ir.Environment)
    assert (environment.image, environment.apt) == ((ir.Ref(kind="images", name="a"),), ("git",))


def test_a_script_that_is_missing_is_said_wherever_it_is_named(lowered: Bench) -> None:
    found = lowered("jobs: {a: {entry: {script: x.py}}, b: {entry: {script: x.py}}}")
    assert found.codes() == ["missing-file", "missing-file"]


def test_a_module_that_is_not_here_was_not_checked(lowered: Bench) -> None:
    found = lowered("jobs: {a: {entry: {module: pkg.train, with: {lr: 1}}}, b: {entry: {module: pkg.train}}}")
    assert [(one.code.name, one.span and one.span.text) for one in found.found] == [("unread-interface", "pkg.train")]


def test_no_matrix_value_makes_an_option_of_a_path(lowered: Bench) -> None:
    job = "a: {run: x, matrix: {f: [-1, 0]}, outputs: ['%s']}"
    assert lowered("jobs: {" + job % "{{ matrix.f }}/x" + "}").codes() == ["bad-path"]
    assert lowered("jobs: {" + job % "x/{{ matrix.f }}" + "}").codes() == []


@pytest.mark.parametrize(("when", "codes"), [("", ["deploy-on-change-request"]), ("when: event == 'push', ", [])])
def test_a_deployment_without_when_is_not_for_change_requests(lowered: Bench, when: str, codes: list[str]) -> None:
    found = lowered(f"jobs: {{d: {{{when}deploy: {{platform: apply, documents: [k.yaml]}}}}}}", k_yaml="")
    assert found.codes("note") == codes
    assert (found.job("d").condition == NOT_A_CHANGE_REQUEST) is (not when)


def test_where_nothing_is_reviewed_nothing_is_skipped(lowered: Bench) -> None:
    jobs = (
        "jobs: {g: {run: x, resources: {gpu: 1}, timeout: 1h}, d: {deploy: {platform: apply, documents: [k.yaml]}}}\n"
    )
    found = lowered(jobs + "pipelines: {p: {on: [push, manual], jobs: [g, d]}}", k_yaml="")
    assert found.codes("note") == []
    assert found.job("d").condition is None
    found = lowered(jobs + "pipelines: {p: {on: [push, manual], jobs: [g]}, q: {jobs: [d]}}", k_yaml="")
    assert found.codes("note") == ["gpu-on-change-request", "deploy-on-change-request"]


@pytest.mark.parametrize(
    "job",
    [
        "env: {S: x}, secrets: [S]",
        "env: {V: x}, secrets: {V: S}",
        "secrets: [S, {name: R, env: S}]",
        "secrets: [{name: S, file: f}, {name: R, file: f}]",
        "sidecars: [{name: db, image: p}, {name: db, image: q}]",
        "volumes: [{name: a, path: /data}, {name: b, path: /data}]",
    ],
)
def test_nothing_is_given_twice(lowered: Bench, job: str) -> None:
    found = lowered(f"secrets: {{S: {{}}, R: {{}}}}\njobs: {{a: {{run: x, {job}}}, b: {{run: x, secrets: [S, R]}}}}")
    assert found.codes() == ["duplicate-name"]


@pytest.mark.parametrize(
    ("on", "codes"),
    [
        ("[]", ["nothing-to-do"]),
        ("{}", ["nothing-to-do"]),
        ("{push: {tags: []}, manual: }", ["nothing-to-do"]),
        ("{push: {branches: [], tags: []}}", ["nothing-to-do"]),
        ("{push: {branches: [], tags: [v1]}}", []),
        ("{change_request: {branches: []}}", ["nothing-to-do"]),
        ("[push, {push: {branches: [b]}}]", ["duplicate-name"]),
        ("[manual, {manual: {}}, call]", ["duplicate-name"]),
        ("[push, {schedule: {cron: 1 2 * * *}}, {schedule: {cron: 3 4 * * *}}]", []),
    ],
)
def test_no_trigger_is_lost(lowered: Bench, on: str, codes: list[str]) -> None:
    assert lowered(f"pipelines: {{p: {{on: {on}, jobs: {{a: {{run: x}}}}}}}}").codes() == codes


_TWO = "parameters: {p: {type: int, default: 1}}\njobs: {a: {run: 'x {{ parameters.p }}'}}\n"
_IMAGE = "environments: {e: {image: i}}\n"
_LEGS = "jobs: {a: {run: 'x {{ matrix.i }}', matrix: {i: [1, 2], "


@pytest.mark.parametrize(
    ("more", "code", "marked"),
    [
        ("jobs: {a: {run: x}, b: {run: x, needs: [a, lost]}}", "unknown-job", "lost"),
        ("jobs: {a: {run: x}}\npipelines: {p: {jobs: [a, lost]}}", "unknown-job", "lost"),
        ("datasets: {here: {path: here}}\njobs: {a: {run: x, datasets: [here, lost]}}", "unknown-dataset", "lost"),
        (
            "datasets: {here: {path: here}, old: {path: old, state: archived}}\njobs: {a: {run: x, datasets: [here, old]}}",
            "archived-dataset",
            "old",
        ),
        (
            "datasets: {here: {path: here}, old: {path: old, state: deprecated}}\njobs: {a: {run: x, datasets: [here, old]}}",
            "deprecated-dataset",
            "old",
        ),
        (
            "datasets: {here: {path: here}, lost: {path: b}}\njobs: {a: {run: x, datasets: [here, lost]}}",
            "missing-input",
            "lost",
        ),
        (_LEGS + "exclude: [{i: 2}, {i: 3}]}}}", "bad-legs", "{i: 3}"),
        (_LEGS + "exclude: [{i: 2}, {j: 1}]}}}", "unknown-axis", "{j: 1}"),
        (_LEGS + "include: [{i: 3}, {i: 4, j: 1}]}}}", "unknown-axis", "{i: 4, j: 1}"),
        (_LEGS + "j: [1], include: [{i: 3, j: 1}, {i: 4}]}}}", "empty-matrix", "{i: 4}"),
        (_TWO + "pipelines: {p: {on: [{schedule: {cron: 1 2 * * *, parameters: {q: 1}}}]}}", "unknown-parameter", "q"),
        (_TWO + "pipelines: {p: {on: [{schedule: {cron: 1 2 * * *, parameters: {p: x}}}]}}", "wrong-default", "p"),
        (
            _IMAGE
            + "services: {s: {environment: e, command: [x], deploy: {platform: apply, documents: [here, lost]}}}",
            "missing-file",
            "lost",
        ),
    ],
)
def test_the_item_is_marked_and_not_the_list(lowered: Bench, more: str, code: str, marked: str) -> None:
    (one,) = [one for one in lowered(more, here="", old="").found if one.code.name == code]
    assert one.span is not None
    assert one.span.text == marked
    assert one.span.start == one.span.source.text.rindex(marked)


@pytest.mark.parametrize(
    ("more", "marked"),
    [
        ("jobs: {a: {build: {context: svc}}}", "svc"),
        ("jobs: {a: {build: {context: ., file: svc/Dockerfile}}}", "svc/Dockerfile"),
        ("environments: {e: {build: {context: svc}}}\njobs: {a: {run: x, environment: e}}", "svc"),
        ("services: {s: {environment: {build: {context: svc}}, port: 1}}", "svc"),
        ("pipelines: {p: {on: [push], jobs: {a: {build: {context: svc}}}}}", "svc"),
        ("jobs: {a: {run: x, environment: {python: '3.12', install: pip, file: lock.txt}}}", "lock.txt"),
        (
            """
environments: {e: {image: i, install: conda, file: lock.yml}}
jobs: {a: {run: x, environment: e}, b: {run: x, environment: e}}
""",
            "lock.yml",
        ),
        ("jobs: {a: {deploy: {platform: apply, documents: [headrace.yaml, k8s]}}}", "k8s"),
        (
            "jobs: {a: {run: x, outputs: [other]}, b: {deploy: {platform: gitops, documents: [k8s/a.yaml]}}}",
            "k8s/a.yaml",
        ),
    ],
)
def test_a_file_that_an_action_names_is_missed(lowered: Bench, more: str, marked: str) -> None:
    (one,) = [one for one in lowered(more).found if one.code.name == "missing-input"]
    assert one.severity == "warning"
    assert one.span is not None
    assert one.span.text == marked
    path = f"{marked}/Dockerfile" if marked == "svc" else marked
    assert one.message == f'"{path}" is made by no job and is not in the work tree'


@pytest.mark.parametrize(
    "more",
    [
        "jobs: {a: {build: {}}}",
        "jobs: {a: {build: {generate: true}, environment: {python: '3.12'}}}",
        "jobs: {a: {run: x, environment: {python: '3.12', install: pip, file: r.txt, prebuild: true}}}",
        """
environments: {e: {python: "3.12", install: pip, file: lock.txt}}
jobs: {a: {run: x, outputs: [lock.txt]}, b: {run: x, environment: e, needs: [a]}}
""",
        "jobs: {a: {run: x, outputs: [svc]}, b: {build: {context: svc}, needs: [a]}}",
        "jobs: {a: {run: x, outputs: [svc/Dockerfile]}, b: {build: {context: svc}, needs: [a]}}",
        "jobs: {a: {run: x, outputs: [{changed: [svc]}]}, b: {build: {context: svc}, needs: [a]}}",
        "jobs: {a: {run: x, outputs: [k/a.yaml]}, b: {deploy: {platform: apply, documents: [k]}, needs: [a]}}",
        """
jobs:
  a: {run: "x {{ matrix.i }}", matrix: {i: [1]}, outputs: ["k/{{ matrix.i }}"]}
  b: {deploy: {platform: apply, documents: [k/1]}, needs: [a]}
""",
        """
jobs: {a: {run: x, outputs: [k]}}
pipelines: {p: {on: [push], jobs: {b: {deploy: {platform: apply, documents: [k]}, needs: [a]}}}}
""",
        """
stores: {s: {kind: s3, url: "s3://b"}}
datasets: {d: {path: k, store: s}}
jobs: {a: {datasets: [d], deploy: {platform: apply, documents: [k/a.yaml]}}}
""",
    ],
)
def test_a_file_that_a_job_makes_is_not_missed(lowered: Bench, more: str) -> None:
    assert not {"missing-input", "wrong-type", "unknown-key"} & set(lowered(more, **{"r.txt": ""}).codes())


def test_a_build_of_an_unknown_environment_is_one_fault(lowered: Bench) -> None:
    (lowered.root / "Dockerfile").unlink()
    assert lowered("environments: {e: {build: {}}}\njobs: {a: {build: f}, b: {run: x, environment: e}}").codes() == [
        "missing-input",
        "unknown-environment",
    ]


@pytest.mark.parametrize(
    ("store", "codes"),
    [
        ("kind: s3, url: s3://lake", []),
        ("kind: gcs, url: gs://lake/x/y", []),
        ("kind: azure, url: az://account/container", []),
        ("kind: azure, url: az://account", ["wrong-value"]),
        ("kind: azure, url: 'https://account.blob.core.windows.net/c'", ["wrong-value"]),
        ("kind: s3, url: gs://lake", ["wrong-value"]),
        ("kind: s3, url: 's3:///x'", ["wrong-value"]),
        ("kind: pvc, url: claim", []),
        ("kind: dvc, url: s3://lake/dvc", []),
        ("kind: dvc, url: ../data", []),
    ],
)
def test_a_store_is_where_its_kind_is(lowered: Bench, store: str, codes: list[str]) -> None:
    text = f"stores: {{lake: {{{store}}}}}\njobs: {{a: {{run: x, outputs: [{{path: o, store: lake}}]}}}}"
    assert lowered(text).codes() == codes
