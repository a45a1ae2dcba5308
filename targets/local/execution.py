"""One local run from beginning to end: what is meant, what stands in the way, the run, its record."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler import target
from compiler.diagnostics import ERROR, WARNING, Diagnostic, Sink, suggest
from compiler.ir import OnManual, Pipeline, Project
from targets import local, prebuilt
from targets.local import codes, containers, history, machine, preflight, snapshot
from targets.local.engine import Engine
from targets.local.environments import Environments
from targets.local.history import History
from targets.local.outcome import CANCELLED, Outcome
from targets.local.plan import Plan, SelectionError, expand, select
from targets.local.process import Stop
from targets.local.results import Results
from targets.local.session import Display, Session
from targets.local.snapshot import SnapshotError
from targets.local.state import State
from targets.local.summary import status_of
from targets.local.values import (
    Values,
    changed_paths,
    git_values,
    parameter_problems,
    parameter_values,
    scheduled_values,
)
from targets.secrets import called

ENGINES = ("auto", "none", "podman", "docker", "buildah")


HOST = "host"  # an engine by name only: this machine itself


@dataclass
class Options:
    """What the command line says."""

    pipeline: str | None = None
    jobs: list[str] = field(default_factory=list)
    since: list[str] = field(default_factory=list)
    leg: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    event: str = "manual"
    tag: str = ""
    base: str | None = None
    revision: str | None = None
    dirty: bool = False
    force: bool = False
    skip_builds: bool = False
    use_gpu: bool = True
    engine: str = "auto"
    parallel: int | None = None
    keep: bool = False
    cache: str | None = None
    allowed: frozenset[str] = frozenset()
    strict: bool = False
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class Run:
    """A run that is ready: `close` must be called."""

    plan: Plan
    session: Session
    history: History
    engine: Engine
    seconds: float = 0.0
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    before: list[Diagnostic] = field(default_factory=list)  # findings that were there before it ran

    def go(self) -> str:
        """Run it; how it ended. Raises OSError where its records can't be written."""
        from targets.local import attestation

        began, status = time.monotonic(), CANCELLED
        try:
            self.history.begin()
            made_from = attestation.materials(self.session, self.plan)
            self.history.plan(self.plan.instances)
            self.outcomes = self.engine.run()
            status = status_of(self.outcomes, self.session.stop.asked)
        finally:
            self.session.display.close()
            self.seconds = time.monotonic() - began
            self.close()
            self.record = self.history.end(status)
        whole = history.find(self.session.state, self.session.run_id)
        if whole is not None:
            attestation.write(self.session.state, self.record, made_from, whole["children"])
        return status

    def close(self) -> None:
        """Remove what only the run needed."""
        from targets.local.outputs import remove

        remove(self.session.snapshot.whole)
        remove(os.path.join(os.path.dirname(self.session.snapshot.whole), "held"))
        work = os.path.dirname(self.session.snapshot.whole)
        if os.path.isdir(work) and not os.listdir(work):
            os.rmdir(work)

    def abandon(self) -> None:
        """Leave no trace of a run that did not begin."""
        _abandon(self.session.snapshot, self.session.folder)


def prepare(
    project: Project,
    root: str,
    remote: str | None,
    options: Options,
    sink: Sink,
    display: Callable[[State, Plan], Display],
    stop: Stop,
) -> Run | None:
    """Everything before the first job starts; None where there are errors, which are in the sink.

    root: the repository's; remote: its URL where it has one; display: what shows this run.
    """
    _check_support(project, options, sink)
    project = prebuilt.without(project)  # this machine keeps environments by itself
    pipeline = _pipeline(project, options.pipeline, sink)
    if pipeline is None or sink.failed:
        return None
    given = scheduled_values(pipeline) if options.event == "schedule" else {}
    parameters = parameter_values(pipeline, {**given, **options.parameters})
    _check_parameters(pipeline, options.parameters, parameters, sink)
    state = State(root, options.cache)
    history.sweep(state)
    Results(state).sweep()
    run_id = history.new_id()
    files = _snapshot(root, state, run_id, options, sink)
    if files is None:
        return None
    run = None
    try:
        values = _values(project, root, remote, files.commit, run_id, state, options)
        plan = _plan(project, pipeline, values, parameters, root, options, sink)
        if plan is not None and not sink.failed:
            run = _ready(plan, values, files, state, run_id, parameters, options, sink, display, stop)
    finally:
        if run is None:
            _abandon(files, state.run(run_id))
    return run


def _abandon(files: snapshot.Snapshot, folder: str) -> None:
    shutil.rmtree(files.whole, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _check_support(project: Project, options: Options, sink: Sink) -> None:
    """What a local run can't do at all; what it does by other means is in the README's matrix, not at every run."""
    found = Sink()
    target.check_support(local, project, found, options.allowed)
    for one in found.diagnostics:
        if one.severity in (ERROR, WARNING):
            sink.report(one.code, one.message, one.span, severity=one.severity)


def _pipeline(project: Project, name: str | None, sink: Sink) -> Pipeline | None:
    """The pipeline that is named; else the one that can be run by hand, or the only one."""
    known = {pipeline.name: pipeline for pipeline in project.pipelines}
    if name is not None:
        if name not in known:
            near = suggest(name, known)
            sink.report(codes.WHICH_PIPELINE, f'"{name}" is not a pipeline of {project.manifest}', suggestion=near,
                        help=None if near else f"there is {', '.join(sorted(known))}")  # fmt: skip
        return known.get(name)
    by_hand = [one for one in project.pipelines if any(isinstance(trigger, OnManual) for trigger in one.triggers)]
    for found in (list(project.pipelines), by_hand):
        if len(found) == 1:
            return found[0]
    listed = ", ".join(pipeline.name for pipeline in (by_hand or project.pipelines))
    sink.report(
        codes.WHICH_PIPELINE, f"{project.manifest} has several pipelines", help=f"--pipeline takes one of {listed}"
    )
    return None


def _check_parameters(pipeline: Pipeline, given: Mapping[str, str], values: Mapping[str, str], sink: Sink) -> None:
    known = {parameter.name: parameter for parameter in pipeline.parameters}
    for name in given:
        if name not in known:
            near = suggest(name, known)
            advice = None if near else f"it has {', '.join(sorted(known)) or 'none'}"
            message = f'"{name}" is not a parameter of the pipeline "{pipeline.name}"'
            sink.report(codes.WRONG_PARAMETER, message, suggestion=near, help=advice)
    for parameter, wrong in parameter_problems(pipeline, values):
        sink.report(codes.WRONG_PARAMETER, f"--set {parameter.name}: {wrong}", parameter.origin, help=parameter.help)


def _snapshot(root: str, state: State, run_id: str, options: Options, sink: Sink) -> snapshot.Snapshot | None:
    folder = os.path.join(state.run(run_id), "work", "files")
    try:
        if not options.dirty and options.revision is None and snapshot.is_repository(root):
            changed = snapshot.uncommitted(root)
            if changed:
                names = ", ".join(changed[:3]) + (" and others" if len(changed) > 3 else "")
                message = f"the run sees the commit, not what differs from it: {names}"
                sink.report(codes.UNCOMMITTED, message, help="--dirty runs the work tree as it is")
        return snapshot.take(root, folder, options.revision, options.dirty)
    except snapshot.CopyError as error:
        sink.report(codes.NO_COMMIT, f"the files can't be laid out in {folder}: {error}")
    except SnapshotError as error:
        advice = "--dirty runs the work tree as it is" if options.revision is None and not options.dirty else None
        sink.report(codes.NO_COMMIT, str(error), help=advice)
    except OSError as error:
        sink.report(codes.NO_COMMIT, f"the files can't be copied: {(error.strerror or str(error)).lower()}")
    shutil.rmtree(state.run(run_id), ignore_errors=True)
    return None


def _values(
    project: Project, root: str, remote: str | None, commit: str, run_id: str, state: State, options: Options
) -> Values:
    of_git = git_values(root, commit, options.event, options.tag, remote)
    run = {"id": run_id, "attempt": "1", "url": "file://" + state.run(run_id)}
    version = options.tag or of_git["short"]
    return Values(of_git, run, {"name": project.name, "version": version})


def _plan(
    project: Project,
    pipeline: Pipeline,
    values: Values,
    parameters: dict[str, str],
    root: str,
    options: Options,
    sink: Sink,
) -> Plan | None:
    commit, default = values.git["commit"], values.git["default_branch"]
    changed = changed_paths(root, commit, options.event, options.tag, options.base, default)
    if changed is not None and options.dirty:
        changed += snapshot.uncommitted(root)
    plan = expand(project, pipeline, values, parameters, changed)
    if not (options.jobs or options.since or options.leg):
        return plan
    try:
        return select(plan, options.jobs, options.since, options.leg)
    except SelectionError as error:
        near = suggest(error.name, error.known)
        advice = None if near else f"there is {', '.join(error.known[:20])}"
        sink.report(codes.WRONG_SELECTION, str(error), suggestion=near, help=advice)
        return None


def _ready(
    plan: Plan,
    values: Values,
    files: snapshot.Snapshot,
    state: State,
    run_id: str,
    parameters: dict[str, str],
    options: Options,
    sink: Sink,
    display: Callable[[State, Plan], Display],
    stop: Stop,
) -> Run | None:
    here = machine.this_machine()
    out = preflight.ruled_out(plan)
    running = [one.job for one in plan.instances.values() if one.id not in out]
    if any(job.resources is not None and job.resources.accelerator is not None for job in running):
        here.devices = machine.found_devices()
    session = Session(
        run_id, plan.project, state, files, values, here, Environments(state, files, stop),
        Results(state, os.path.join(state.run(run_id), "work", "held")),
        display(state, plan), stop, sink,
        secrets=options.secrets, use_gpu=options.use_gpu, keep=options.keep,
    )  # fmt: skip
    session.on_host = options.engine == HOST
    kinds = set() if session.on_host else preflight.wants_engine(plan, out)
    session.engine = containers.find(options.engine) if "run" in kinds and options.engine != "buildah" else None
    session.builder = (
        containers.find(options.engine, builder=True) if "build" in kinds and not options.skip_builds else None
    )
    if options.engine not in ("auto", "none", HOST) and kinds and session.engine is None and session.builder is None:
        sink.report(codes.NO_ENGINE, f"--engine {options.engine}: it is not installed, or it does not answer")
    preflight.check(plan, session, options.skip_builds)
    if sink.failed or (options.strict and sink.count("warning")):
        return None
    tags = {
        "project": plan.project.name,
        "manifest": plan.project.manifest,
        "pipeline": plan.pipeline.name,
        "event": options.event,
        **_of_git(values),
    }
    tags |= {"dirty": "true"} if options.dirty else {}
    record = History(state, run_id, plan.pipeline.name, parameters, {**tags, **options.tags})
    parallel = options.parallel or max(1, int(here.cores))
    engine = Engine(plan, session, record, parallel, options.force, options.skip_builds)
    return Run(plan, session, record, engine, before=sink.diagnostics)


def _of_git(values: Values) -> dict[str, str]:
    return {name: values.git[name] for name in ("commit", "branch", "tag", "repository") if values.git[name]}


def secret_values(project: Project, given: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The values of a project's secrets by name: from a file of variables, else from headrace's own environment."""
    found: dict[str, str] = {}
    names = called(project.secrets)
    for secret in project.secrets:
        for name in (secret.name, secret.key or secret.name, names[secret.name]):
            value = given.get(name, environment.get(name))
            if value is not None:
                found.setdefault(secret.name, value)
    return found


def read_env_file(text: str) -> dict[str, str]:
    """`NAME=value` lines; `#` begins a comment line, quotes around a value are taken off. Raises ValueError."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, separator, value = line.removeprefix("export ").partition("=")
        if not separator or not name.strip().replace("_", "a").isalnum():
            raise ValueError(f"line {number} is not NAME=value")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name.strip()] = value
    return found
