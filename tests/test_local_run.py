"""A local run does what the semantics say, sentence by sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from targets.local.process import Stop, marked
from tests.local_runs import Place, results

HEAD = "version: 1\nname: demo\n"


def place(folder: Path, jobs: str, head: str = "", **files: str) -> Place:
    return Place(folder, f"{HEAD}{head}jobs:\n{jobs}", **files)


# --------------------------------------------------------------------------------------------------- order and outcome


def test_a_job_waits_for_its_needs_and_others_do_not(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  a: {run: sleep 0.3; echo a > a.txt, outputs: [a.txt]}
  b: {run: cat a.txt, needs: [a]}
  c: {run: "true"}
""",
    )
    done = here.run()
    events = done.display.events
    assert events.index(("ended", "a")) < events.index(("started", "b"))
    assert events.index(("ended", "c")) < events.index(("ended", "a"))
    assert done.statuses() == {"a": "ran", "b": "ran", "c": "ran"}


def test_what_fails_skips_what_needs_it_and_nothing_else(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  bad: {run: exit 3}
  after: {run: "true", needs: [bad]}
  later: {run: "true", needs: [after]}
  other: {run: "true"}
  rescue: {run: "true", needs: [bad], run_on: failure}
  always: {run: "true", needs: [bad, after], run_on: always}
  calm: {run: "true", needs: [other], run_on: failure}
""",
    )
    done = here.run()
    assert done.status == "failed"
    assert done.statuses() == {
        "bad": "failed",
        "after": "skipped",
        "later": "skipped",
        "other": "ran",
        "rescue": "ran",
        "always": "ran",
        "calm": "skipped",
    }
    assert done.outcomes["bad"].reason == "it ended with status 3"
    assert done.outcomes["after"].reason == "bad failed"


def test_what_may_fail_does_not_hold_up(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  shaky: {run: "echo half > x; exit 1", outputs: [x], allow_failure: true}
  after: {run: test ! -e x, needs: [shaky]}
""",
    )
    done = here.run()
    assert done.statuses() == {"shaky": "failed", "after": "ran"}
    assert done.status == "succeeded"


def test_what_may_fail_warns(tmp_path: Path) -> None:
    here = place(tmp_path, '  a: {run: "true", outputs: [x], allow_failure: true}\n')
    done = here.run()
    assert done.status == "succeeded"
    assert [(one.code.name, one.severity) for one in done.sink.diagnostics] == [("local-missing-output", "warning")]


def test_a_need_that_is_ruled_out_takes_its_dependents_with_it_unless_optional(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  a: {run: "true", when: event == 'schedule'}
  b: {run: "true", needs: [a]}
  c: {run: "true", needs: [{job: a, optional: true}]}
  d: {run: "true", needs: [a], run_on: always}
""",
    )
    done = here.run()
    assert done.statuses() == {"a": "skipped", "b": "skipped", "c": "ran", "d": "skipped"}
    assert here.run(event="schedule").statuses()["b"] == "ran"


def test_a_job_waits_for_all_legs_and_pairs_legs(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  train: {run: "echo {{ matrix.fold }} > out-{{ matrix.fold }}", matrix: {fold: [0, 1, 2]}, outputs: ["out-{{ matrix.fold }}"]}
  check: {run: "ls out-*", matrix: {fold: [0, 1, 2]}, needs: [{job: train, legs: same}]}
  all: {run: "cat out-0 out-1 out-2", needs: [train]}
  one: {run: "ls out-*", needs: [{job: train, legs: {fold: 1}}]}
""",
    )
    done = here.run()
    assert done.lines("check[fold=2]") == ["out-2"]
    assert done.lines("all") == ["0", "1", "2"]
    assert done.lines("one") == ["out-1"]


def test_legs_run_no_more_at_once_than_max_parallel(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        '  leg: {run: "sleep 0.1; echo {{ matrix.a }}", matrix: {a: [1, 2, 3, 4], max_parallel: 1}, resources: {cpu: 10m}}\n',
    )
    events = [event for event, _ in here.run().display.events]
    assert events == ["started", "ended"] * 4


# ----------------------------------------------------------------------------------------------------- what a job gets


def test_a_job_gets_the_commit_and_the_outputs_of_its_direct_needs_and_nothing_else(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  a: {run: "echo 1 > a.txt; echo x > undeclared.txt", outputs: [a.txt]}
  b: {run: "echo 2 > b.txt; test ! -e undeclared.txt", needs: [a], outputs: [b.txt]}
  c: {run: "ls", needs: [b]}
  d: {run: "ls", needs: [{job: a, artifacts: false}]}
""",
        source_DOT_py="x",
    )
    here.write("uncommitted.txt", "x")
    done = here.run()
    assert done.lines("c") == ["b.txt", "headrace.yaml", "source.py"]
    assert done.lines("d") == ["headrace.yaml", "source.py"]
    assert "local-uncommitted" in done.notes
    assert "uncommitted.txt" in here.run(dirty=True, force=True).lines("d")


def test_the_work_tree_leaves_no_trace_in_the_repository_and_ignores_what_git_ignores(tmp_path: Path) -> None:
    here = place(tmp_path, "  a: {run: ls}\n", _DOT_gitignore="secret.txt\n")
    here.write("secret.txt", "x")
    here.write("new.txt", "not in any commit")
    before = sorted(str(path) for path in (here.folder / ".git").rglob("*"))
    assert here.run(dirty=True).lines("a") == ["headrace.yaml", "new.txt"]
    assert sorted(str(path) for path in (here.folder / ".git").rglob("*")) == before


def test_an_earlier_commit_runs(tmp_path: Path) -> None:
    here = place(tmp_path, "  a: {run: cat data}\n", data="old\n")
    here.write("data", "new\n")
    here.commit()
    assert here.run().lines("a") == ["new"]
    assert here.run(revision="HEAD~1").lines("a") == ["old"]
    assert here.run(revision="nowhere").codes == ["local-no-commit"]


def test_outside_of_git_the_folder_is_copied(tmp_path: Path) -> None:
    here = Place(tmp_path, f"{HEAD}jobs:\n  a: {{run: 'ls; echo {{{{ git.commit }}}} > ls'}}\n", git=False, data="x")
    assert here.run().lines("a") == ["data", "headrace.yaml"]
    assert not (here.folder / "ls").exists()


def test_nothing_of_a_job_reaches_the_repository(tmp_path: Path) -> None:
    here = place(tmp_path, '  a: {run: "echo changed > data; rm headrace.yaml", outputs: [data]}\n', data="kept\n")
    here.run()
    assert (here.folder / "data").read_text() == "kept\n"
    assert (here.folder / "headrace.yaml").exists()


def test_a_missing_output_names_the_manifests_line(tmp_path: Path) -> None:
    here = place(tmp_path, "  a:\n    run: 'true'\n    outputs:\n      - model.bin\n")
    done = here.run()
    assert done.outcomes["a"].reason == 'headrace.yaml:7: "a" did not write its output "model.bin"'
    (finding,) = [one for one in done.sink.diagnostics if one.code.name == "local-missing-output"]
    assert finding.span is not None
    assert finding.span.text == "model.bin"
    assert results(here) == []


def test_outputs_of_every_shape_arrive(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  a:
    run: |
      mkdir -p d/empty d/.hidden
      echo x > "d/a b;c'd"
      echo '#!/bin/sh' > d/run; chmod +x d/run
      ln -s run d/link
      echo h > d/.hidden/f
    outputs: [d]
  b: {run: "test -d d/empty; test -x d/run; readlink d/link; cat d/.hidden/f; ls d", needs: [a]}
""",
    )
    done = here.run()
    assert done.lines("b") == ["run", "h", "a b;c'd", "empty", "link", "run"]


def test_a_link_out_of_the_folder_is_no_output(tmp_path: Path) -> None:
    here = place(tmp_path, '  a: {run: "ln -s /etc/passwd x", outputs: [x]}\n')
    done = here.run()
    assert done.statuses() == {"a": "failed"}
    assert "leads out" in done.outcomes["a"].reason


def test_outputs_per_leg_arrive_beside_each_other(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  a: {run: "mkdir d; echo {{ matrix.n }} > d/v", matrix: {n: [1, 2]}, outputs: [{path: d, per: leg}]}
  b: {run: "cat d/n=1/v d/n=2/v", needs: [a]}
""",
    )
    assert here.run().lines("b") == ["1", "2"]


def test_a_manifest_in_a_folder_works_there(tmp_path: Path) -> None:
    here = place(tmp_path, "  a: {run: 'true'}\n")
    here.write(
        "team/headrace.yaml",
        HEAD + "jobs:\n  a: {run: 'pwd | sed s:.*/::; echo 1 > o', outputs: [o]}\n"
        "  b: {run: cat o, needs: [a]}\n  c: {run: cat ../o, working_directory: deep/x, needs: [a]}\n",
    )
    here.write("team/deep/x/keep", "")
    here.commit()
    done = here.run(manifest="team/headrace.yaml")
    assert (done.lines("a"), done.lines("b")) == (["team"], ["1"])


# ------------------------------------------------------------------------------------------------ variables and secrets

HOSTILE = "a b'c\"d$(touch pwned)`touch pwned`\\;&|*${{ x }}{{y}}"


def test_a_job_sees_its_own_variables_and_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_MINE", "mine")
    monkeypatch.setenv("HEADRACE_PARAM_X", "not this")
    here = place(
        tmp_path,
        '  a: {run: "env; echo {{ parameters.x }}", env: {MINE: "v {{ parameters.x }}"}}\n',
        head="parameters: {x: {default: one}}\nenv: {ALL: every}\n",
    )
    seen = dict(line.split("=", 1) for line in here.run().lines("a") if "=" in line)
    assert "SECRET_OF_MINE" not in seen
    assert (seen["MINE"], seen["ALL"], seen["HEADRACE_PARAM_X"]) == ("v one", "every", "one")
    known = {"PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "LANG", "LANGUAGE", "SHELL", "TZ", "LD_LIBRARY_PATH", "PWD",
             "OLDPWD", "SHLVL", "_", "GIT_CEILING_DIRECTORIES", "MINE", "ALL", "HEADRACE_PARAM_X", "HEADRACE_EVENT",
             "HEADRACE_ATTEMPT"}  # fmt: skip
    from targets.local.variables import OF_THE_NETWORK

    assert {name for name in seen if not name.startswith("LC_")} <= known | set(OF_THE_NETWORK)


@pytest.mark.parametrize("value", ["", "0", "false", " ", HOSTILE, "two\nlines", "ünï–cödé"])
def test_a_parameter_arrives_as_it_was_given(tmp_path: Path, value: str) -> None:
    here = place(
        tmp_path,
        """
  a: {run: "printf %s {{ parameters.x }} > shell; test ! -e pwned", outputs: [shell]}
  b: {run: [sh, -c, 'printf %s "$1" > exec', sh, "{{ parameters.x }}"], outputs: [exec]}
  c: {run: "cat shell exec; cmp shell exec", needs: [a, b]}
""",
        head="parameters: {x: {default: one}}\n",
    )
    done = here.run(parameters={"x": value})
    assert done.status == "succeeded"
    assert "\n".join(done.lines("c")).rstrip() == (value + value).rstrip()


def test_values_of_git_and_of_the_run(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        "  a: {run: 'echo {{ git.branch }} {{ git.short }} {{ git.event }} {{ project.name }}; echo {{ git.commit }} {{ run.id }}'}\n",
    )
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=here.folder, capture_output=True, text=True
    ).stdout.strip()
    done = here.run()
    assert done.run is not None
    assert done.lines("a") == [f"main {commit[:8]} manual demo", f"{commit} {done.run.session.run_id}"]


def test_secrets_reach_who_names_them_and_no_log(tmp_path: Path) -> None:
    secret = "hunter2-geheim/+="
    here = place(
        tmp_path,
        """
  with: {run: 'echo "$TOKEN"; printf %s "$TOKEN" | base64; printf hunter2-; sleep 0.2; printf "geheim/+=\\n"; test -n "$TOKEN"', secrets: [TOKEN]}
  renamed: {run: 'test ${#OTHER} = 17', secrets: {OTHER: TOKEN}}
  file: {run: 'test "$(wc -c < conf/token)" = 17; test -z "${TOKEN:-}"', secrets: [{name: TOKEN, file: conf/token}], outputs: [headrace.yaml]}
  without: {run: 'test -z "${TOKEN:-}"'}
""",
        head="secrets: {TOKEN: {}}\n",
    )
    assert set(here.run().codes) == {"local-no-secret-value"}
    done = here.run(secrets={"TOKEN": secret})
    assert set(done.statuses().values()) == {"ran"}
    assert done.lines("with")[:1] == ["***"]
    assert done.lines("with")[-1] == "***"
    for file in [path for path in here.cache.rglob("*") if path.is_file()]:
        assert secret.encode() not in file.read_bytes(), file


# ------------------------------------------------------------------------------------------- attempts, time, objectives


def test_a_job_is_tried_again_in_a_clean_checkout(tmp_path: Path) -> None:
    counter = tmp_path / "count"
    here = place(
        tmp_path,
        f'  a: {{run: "test ! -e dirt; touch dirt; echo >> {counter}; echo try $HEADRACE_ATTEMPT; test $HEADRACE_ATTEMPT = 3", retry: {{max: 2}}}}\n',
    )
    done = here.run()
    assert done.statuses() == {"a": "ran"}
    assert done.outcomes["a"].attempts == 3
    assert counter.read_text() == "\n\n\n"
    assert [line for line in done.lines("a") if line.startswith("try")] == ["try 1", "try 2", "try 3"]


@pytest.mark.parametrize(("retry", "attempts"), [("{max: 1, on: [timeout]}", 1), ("{max: 1, on: [failure]}", 2)])
def test_retries_are_for_what_they_say(tmp_path: Path, retry: str, attempts: int) -> None:
    here = place(tmp_path, f'  a: {{run: "exit 7", retry: {retry}}}\n')
    assert here.run().outcomes["a"].attempts == attempts


def test_a_timeout_ends_the_whole_tree(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        "  a: {run: \"setsid sleep 4071 & (sleep 4072 &) ; trap '' TERM; sleep 4073\", timeout: 1s}\n",
    )
    began = time.monotonic()
    import targets.local.process as process

    done = here.run()
    assert done.outcomes["a"].reason == "it took longer than its timeout of 1 s"
    assert time.monotonic() - began < process.GRACE_SECONDS + 8
    assert marked(str(here.cache)) == []
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert [line for line in listed.splitlines() if line in ("sleep 4071", "sleep 4072", "sleep 4073")] == []


def test_what_a_job_leaves_running_ends_with_it(tmp_path: Path) -> None:
    here = place(tmp_path, '  a: {run: "sleep 400 & echo started"}\n')
    began = time.monotonic()
    assert here.run().statuses() == {"a": "ran"}
    assert time.monotonic() - began < 8
    assert marked(str(here.cache)) == []


def test_a_stop_ends_what_runs_and_starts_nothing(tmp_path: Path) -> None:
    here = place(tmp_path, '  a: {run: "sleep 60"}\n  b: {run: "true", needs: [a]}\n')
    stop = Stop()
    import threading

    threading.Timer(0.7, stop.set).start()
    done = here.run(stop=stop)
    assert done.status == "cancelled"
    assert done.statuses() == {"a": "cancelled", "b": "cancelled"}


def test_objectives_gate_and_leave_the_outputs_to_look_at(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  a:
    environment: {python: "3"}
    run: echo '{"accuracy":' 0.8 '}' > m.json
    outputs: [{path: m.json, kind: metrics}]
    objectives: [accuracy >= 0.9]
    allow_failure: true
  b: {run: cat m.json, needs: [a]}
""".replace('"3"', f'"{".".join(map(str, __import__("sys").version_info[:2]))}"'),
    )
    done = here.run()
    assert done.statuses() == {"a": "failed", "b": "ran"}
    assert "failed  accuracy >= 0.9  0.8" in done.lines("a")
    assert done.outcomes["a"].result is not None
    assert done.outcomes["a"].result.metrics == [{"key": "accuracy", "value": 0.8, "value_type": "scalar"}]


def test_checkpoints_come_back(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        '  a: {run: "cat ck/n || true; mkdir -p ck; echo seen >> ck/n; sleep 1.5; test $HEADRACE_ATTEMPT = 2", resume: {paths: [ck], every: 1s}, retry: {max: 1}}\n',
    )
    done = here.run()
    assert done.statuses() == {"a": "ran"}
    assert "seen" in done.lines("a")


def test_changed_files_are_what_the_job_made_or_changed(tmp_path: Path) -> None:
    from compiler.diagnostics import Sink
    from compiler.ir import ChangedFiles, Job, Need, Pipeline, Project, Script
    from targets.local.execution import Options, prepare
    from tests.local_runs import Recorder

    here = place(tmp_path, "  a: {run: 'true'}\n", out__old="1", out__kept="1")
    a = Job(name="a", action=Script(lines=("echo 2 > out/old; echo 3 > out/new; echo 4 > elsewhere",)),
            outputs=(ChangedFiles(paths=("out",)),), timeout=60, run_on="success")  # fmt: skip
    b = Job(name="b", action=Script(lines=("cat out/old out/new; test ! -e elsewhere",)), timeout=60, run_on="success",
            needs=(Need(job="a", artifacts=True, optional=False, legs="all"),))  # fmt: skip
    project = Project(name="p", manifest="m", pipelines=(Pipeline(name="p", jobs=(a, b)),))
    display = Recorder()
    made = prepare(
        project, str(here.folder), None, Options(cache=str(here.cache)), Sink(), lambda _s, _p: display, Stop()
    )
    assert made is not None
    assert made.go() == "succeeded"
    assert display.lines["b"] == ["2", "3"]
    result = made.outcomes["a"].result
    assert result is not None
    assert sorted(result.outputs) == ["out/new", "out/old"]


# ------------------------------------------------------------------------------------------------- approvals and locks


def test_an_approval_is_asked_for_and_refused_where_nobody_is(tmp_path: Path) -> None:
    here = place(tmp_path, '  a: {run: "true", approve: {for: production}}\n  b: {run: "true", needs: [a]}\n')
    done = here.run(answer=None)
    assert done.statuses() == {"a": "failed", "b": "skipped"}
    assert done.codes == ["local-no-approval"]
    assert here.run(answer=False).statuses()["a"] == "failed"
    yes = here.run(answer=True)
    assert yes.display.questions == ["a waits for approval for production: run it?"]
    assert yes.statuses() == {"a": "ran", "b": "ran"}


def test_a_lock_holds_across_runs(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    here = place(
        tmp_path,
        f'  a: {{run: "echo in >> {marks}; sleep 0.7; echo out >> {marks}", lock: {{name: gate}}, cache: false}}\n',
    )
    running = [
        subprocess.Popen(here.command("run", "--engine", "none"), cwd=here.folder, env=here.environment(),
                         stdout=subprocess.DEVNULL)
        for _ in range(3)
    ]  # fmt: skip
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert marks.read_text().split() == ["in", "out"] * 3


# --------------------------------------------------------------------------------------------- other actions, machine


def test_a_call_runs_the_other_pipeline(tmp_path: Path) -> None:
    here = Place(
        tmp_path,
        HEAD
        + """
jobs:
  first: {run: "true"}
  release: {call: {pipeline: inner, parameters: {x: "v {{ git.branch }}"}}, needs: [first]}
  last: {run: "true", needs: [release]}
  work: {run: "echo {{ parameters.x }} {{ git.event }}"}
  more: {run: "test {{ parameters.x }} = 'v main'", needs: [work]}
pipelines:
  outer: {on: [manual], jobs: [first, release, last]}
  inner: {on: [call], jobs: [work, more], parameters: {x: {default: none}}}
""",
    )
    done = here.run(pipeline="outer")
    assert done.status == "succeeded", done.statuses()
    order = [name for event, name in done.display.events if event == "ended"]
    assert order == ["first", "release/work", "release/more", "release", "last"]
    assert done.lines("release/work")[0].startswith("v main")


def test_a_deploy_writes_its_documents_and_applies_nothing(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        "  roll: {deploy: {platform: apply, documents: [k8s/app.yaml]}}\n",
        k8s__app_DOT_yaml="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n",
    )
    done = here.run()
    assert done.statuses() == {"roll": "ran"}, done.outcomes
    assert done.run is not None
    written = Path(done.run.session.folder) / "deploy" / "roll" / "k8s" / "app.yaml"
    assert "ConfigMap" in written.read_text()
    assert any("nothing is applied" in line for line in done.lines("roll"))


def test_a_gpu_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    here = place(tmp_path, '  a: {run: "echo [$CUDA_VISIBLE_DEVICES]", resources: {gpu: 1}, timeout: 1m}\n')
    assert here.run().codes == ["local-no-gpu"]
    done = here.run(use_gpu=False)
    assert done.lines("a")[-1] == "[]"
    assert any("runs on the CPU" in line for line in done.lines("a"))


def test_gpus_are_given_out_by_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "nvidia-smi").write_text("#!/bin/sh\necho '0, NVIDIA T4, 15360'\necho '1, NVIDIA T4, 15360'\n")
    (programs / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    here = place(
        tmp_path,
        """
  a: {run: "echo $CUDA_VISIBLE_DEVICES; sleep 0.5", matrix: {n: [1, 2, 3]}, resources: {gpu: {count: 1, kind: t4}, cpu: 10m}, timeout: 1m}
  both: {run: "echo $CUDA_VISIBLE_DEVICES", resources: {gpu: 2}, timeout: 1m, needs: [a]}
  none: {run: "echo [$CUDA_VISIBLE_DEVICES]"}
""",
    )
    done = here.run()
    assert sorted(done.lines("a[n=1]") + done.lines("a[n=2]")) == ["0", "1"]
    assert done.lines("both") == ["0,1"]
    assert done.lines("none") == ["[]"]
    assert here.run(force=True).codes == []


def test_what_asks_for_too_much_runs_alone_and_is_said(tmp_path: Path) -> None:
    here = place(tmp_path, '  a: {run: "true", resources: {cpu: 4000, memory: 900Ti}}\n  b: {run: "true"}\n')
    done = here.run()
    assert done.codes == ["local-machine-too-small"]
    assert done.status == "succeeded"


def test_builds_and_sidecars_need_an_engine(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  image: {build: {context: ., publish: {}}}
  after: {run: "true", needs: [image]}
  free: {run: "true"}
  beside: {run: "echo {{ sidecars.db.host }}", sidecars: [{name: db, image: "postgres:16", port: 5432}]}
""",
        Dockerfile="FROM scratch\n",
    )
    assert here.run().codes == ["local-no-container-engine"] * 2
    done = here.run(skip_builds=True, jobs=["after", "free"])
    assert done.statuses() == {"image": "skipped", "after": "skipped", "free": "ran"}
    assert done.notes == ["local-build-skipped"]


def test_an_image_is_used_through_an_engine_or_its_absence_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    text = (
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/calls\n'
        '[ "$1" = run ] || exit 0\n'
        'while [ "$1" != example.org/tool:1 ]; do [ "$1" = --entrypoint ] && entry=$2; shift; done; shift\n'
        'exec "$entry" "$@"\n'
    )
    # Written by another process: one that this one starts meanwhile could still hold the file open, and a program that is
    # open for writing can't be run.
    written = ["sh", "-c", 'cat > "$0" && chmod +x "$0"', str(programs / "podman")]
    subprocess.run(written, input=text, text=True, check=True)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    here = place(
        tmp_path,
        '  a: {run: "echo inside $V; echo 1 > o", environment: {image: "example.org/tool:1"}, env: {V: v}, outputs: [o]}\n',
    )
    alone = here.run()
    assert "local-image-not-used" in alone.notes
    assert alone.lines("a")[0].startswith("headrace: on this machine")
    done = here.run(engine="podman")
    assert done.statuses() == {"a": "ran"}, done.log("a")
    assert done.lines("a") == ["inside v"]
    call = next(line for line in (tmp_path / "calls").read_text().splitlines() if line.startswith("run"))
    assert "--env V" in call
    assert "=v" not in call


def test_a_build_takes_the_dockerfile_that_the_targets_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """podman would take a Containerfile beside it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    text = f'#!/bin/sh\n[ "$1" != build ] || (echo "$(pwd) $@" >> {tmp_path}/calls)\n'
    written = ["sh", "-c", 'cat > "$0" && chmod +x "$0"', str(programs / "podman")]
    subprocess.run(written, input=text, text=True, check=True)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    here = place(
        tmp_path,
        "  a: {build: {context: svc}}\n  b: {build: {context: svc, file: other.Dockerfile}, needs: [a]}\n"
        "  c: {build: {}, needs: [b]}\n",
        **dict.fromkeys(("svc/Dockerfile", "svc/Containerfile", "other.Dockerfile", "Dockerfile"), "FROM scratch\n"),
    )
    assert here.run(engine="podman").statuses() == {"a": "ran", "b": "ran", "c": "ran"}
    found = []
    for line in (tmp_path / "calls").read_text().splitlines():
        checkout, *words = line.split()
        found.append([os.path.relpath(words[at], checkout) for at in (words.index("--file") + 1, -1)])
    assert found == [["svc/Dockerfile", "svc"], ["other.Dockerfile", "svc"], ["Dockerfile", "."]]


# ---------------------------------------------------------------------------------------------------- parameters, plan


def test_parameters_are_checked_as_in_ci(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        '  a: {run: "echo {{ parameters.n }}"}\n',
        head="parameters: {n: {type: int, default: 3, maximum: 9}, c: {type: choice, choices: [x, y], default: x}}\n",
    )
    assert here.run().lines("a") == ["3"]
    assert here.run(parameters={"n": "10"}).codes == ["local-wrong-parameter"]
    assert here.run(parameters={"n": "two"}).codes == ["local-wrong-parameter"]
    assert here.run(parameters={"c": "z"}).codes == ["local-wrong-parameter"]
    assert here.run(parameters={"nn": "1"}).codes == ["local-wrong-parameter"]


def test_one_job_with_what_it_needs_and_one_leg(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  a: {run: "echo 1 > o", outputs: [o]}
  b: {run: "cat o", needs: [a], matrix: {n: [1, 2]}}
  c: {run: "true", needs: [b]}
""",
    )
    assert set(here.run(jobs=["b"], leg={"n": "2"}).statuses()) == {"a", "b[n=2]"}
    assert set(here.run(jobs=["a"]).statuses()) == {"a"}
    assert set(here.run(leg={"n": "1"}).statuses()) == {"a", "b[n=1]"}
    done = here.run(since=["b"])
    assert done.statuses() == {"a": "unchanged", "b[n=1]": "ran", "b[n=2]": "ran", "c": "ran"}
    assert here.run(since=["b"], leg={"n": "1"}).ran() == {"b[n=1]", "c"}
    assert here.run(jobs=["nobody"]).codes == ["local-wrong-selection"]
    assert here.run(jobs=["b"], leg={"n": "7"}).codes == ["local-wrong-selection"]


def test_which_pipeline_must_be_clear(tmp_path: Path) -> None:
    here = Place(
        tmp_path,
        HEAD
        + "jobs: {a: {run: 'true'}, b: {run: 'true'}}\npipelines: {x: {on: [manual], jobs: [a]}, y: {on: [manual], jobs: [b]}}\n",
    )
    assert here.run().codes == ["local-which-pipeline"]
    assert here.run(pipeline="z").codes == ["local-which-pipeline"]
    assert set(here.run(pipeline="y").statuses()) == {"b"}


def test_changed_paths_are_compared_with_the_commit_before(tmp_path: Path) -> None:
    here = place(tmp_path, "  a: {run: 'true', when: \"changed('src/**')\"}\n", src__x="1", docs__y="1")
    here.write("docs/y", "2")
    here.commit()
    assert here.run().statuses() == {"a": "ran"}
    assert here.run(event="push").statuses() == {"a": "skipped"}
    assert here.run(event="push", base="HEAD~1").statuses() == {"a": "skipped"}
    here.write("src/x", "2")
    here.commit()
    assert here.run(event="push").outcomes["a"].status == "succeeded"


# ---------------------------------------------------------------------------------------------------- records and runs


def test_a_run_is_recorded_as_mlspec_describes_it(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        """
  a: {run: "echo '{\\"auc\\": 0.9, \\"by\\": {\\"new\\": 1}}' > m.json; mkdir d; echo 1 > d/x", outputs: [{path: m.json, kind: metrics}, d], matrix: {n: [5]}}
""",
        head="parameters: {lr: {default: '0.1'}}\n",
    )
    here.run(tags={"who": "me"})
    shown = here.call("runs", "show", "last", "--format", "json")
    record = json.loads(shown.stdout)
    assert record["status"] == "succeeded"
    assert {"key": "lr", "value": "0.1"} in record["parameters"]
    assert {"key": "who", "value": "me"} in record["tags"]
    (child,) = record["children"]
    assert child["parent_run_id"] == record["id"]
    assert record["child_run_ids"] == [child["id"]]
    assert {"key": "n", "value": "5"} in child["parameters"]
    assert child["metrics"] == [
        {"key": "auc", "value": 0.9, "value_type": "scalar"},
        {"key": "by.new", "value": 1, "value_type": "scalar"},
    ]
    by_path = {one["path"]: one for one in child["artifacts"]}
    assert set(by_path) == {"m.json", "d"}
    assert by_path["d"]["size"] == 2
    import hashlib

    text = '{"auc": 0.9, "by": {"new": 1}}\n'
    assert by_path["m.json"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert here.call("runs").stdout.startswith(record["id"])
    assert here.call("runs", "log", "last", "--job", "a").returncode == 0
    assert here.call("runs", "show", "nothing").returncode == 1


def test_the_command_says_what_failed_and_how_to_run_it_again(tmp_path: Path) -> None:
    here = place(
        tmp_path,
        '  a: {run: "echo fine; echo broken >&2; exit 4", matrix: {n: ["1 2"]}}\n',
        head="parameters: {x: {default: one}}\n",
    )
    done = here.call("run", "--set", "x=it's", "--engine", "none")
    assert done.returncode == 1
    assert "a[n=1_202] failed: it ended with status 4" in done.stdout
    assert "    broken" in done.stdout
    assert """again: headrace run --set 'x=it'"'"'s' --job a --leg 'n=1 2'""" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_secrets_come_from_a_file_of_variables(tmp_path: Path) -> None:
    here = place(tmp_path, '  a: {run: "test \\"$T\\" = \'a b=c\'", secrets: [T]}\n', head="secrets: {T: {}}\n")
    file = tmp_path / "my.env"
    file.write_text("# mine\nexport OTHER=x\nT='a b=c'\n")
    assert here.call("run", "--env-file", str(file)).returncode == 0
    assert here.call("run", "--env-file", str(tmp_path / "none")).returncode == 1
    assert here.call("run", "--force", T="a b=c").returncode == 0


def test_what_was_not_used_for_long_can_be_removed(tmp_path: Path) -> None:
    here = place(tmp_path, '  a: {run: "true"}\n')
    here.run()
    assert here.call("runs", "clean").stdout == "removed: 0 runs, 0 results and environments\n"
    old = time.time() - 86400 * 40
    for file in here.cache.rglob("result.json"):
        os.utime(file, (old, old))
    assert here.call("runs", "clean").stdout == "removed: 0 runs, 1 result and environments\n"
    assert here.call("runs", "clean", "--older", "0s").stdout.startswith("removed: 1 run,")
    assert here.call("runs", "clean", "--older", "long").returncode == 2
    assert here.run().statuses() == {"a": "ran"}


def test_an_engine_that_is_asked_for_by_name_must_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "programs"  # and no container engine among them
    programs.mkdir()
    for name in ("sh", "git", "env", "tar"):
        (programs / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(programs))
    here = place(tmp_path, '  a: {run: "true", environment: {image: "x:1"}}\n  b: {run: "true"}\n')
    assert here.run(engine="podman").codes == ["local-no-container-engine"]
    assert here.run(engine="podman", jobs=["b"]).status == "succeeded"
