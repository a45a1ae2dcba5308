"""`headrace run`: run a pipeline on this machine, the way CI would."""

from __future__ import annotations

import os
import sys

from compiler.commands.findings import add_options, show
from compiler.commands.workspace import add_path, open_workspace
from compiler.diagnostics import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from compiler.commands.workspace import Workspace
    from compiler.ir import Project
    from targets.local.execution import Options, Run
    from targets.local.plan import Plan
    from targets.local.process import Stop
    from targets.local.session import Display
    from targets.local.state import State

DESCRIPTION = """
Run a pipeline on this machine, the way CI would: each job in a clean checkout of the commit, with the outputs of the
jobs that it needs and nothing else. What did not change since an earlier run is skipped; a run that was interrupted,
however hard, goes on where it stopped.
"""
EXAMPLES = """
headrace run                              the pipeline of the manifest here
headrace run --set epochs=5               with a parameter
headrace run --job evaluate               one job, with what it needs
headrace run --job train --leg fold=0     one leg
headrace run --from train                 a job and what follows from it, even if nothing changed
headrace run --dirty                      the work tree as it is, instead of the commit
headrace run --explain train              why a job would run, without running anything
headrace run --env-file ../churn.env      secrets from a file outside of git
headrace run --serve score                a service's function, over HTTP until it is stopped
"""
INTERRUPTED = 130


def configure(parser: ArgumentParser) -> None:
    add_path(parser)
    what = parser.add_argument_group("what runs")
    what.add_argument("--pipeline", metavar="NAME", help="this pipeline, where a manifest has several")
    what.add_argument(
        "--job", metavar="JOB", action="append", default=[], help="this job and what it needs; several times"
    )
    what.add_argument(
        "--from",
        metavar="JOB",
        dest="since",
        action="append",
        default=[],
        help="this job and all that follow from it, even if nothing changed",
    )
    what.add_argument(
        "--leg", metavar="AXIS=VALUE", action="append", default=[], type=pair, help="only matrix legs with this value"
    )
    what.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], type=pair, help="a parameter")
    what.add_argument("--force", action="store_true", help="run jobs even if nothing changed")
    what.add_argument("--serve", metavar="SERVICE", help="serve a service's function here until it is stopped")
    what.add_argument("--port", metavar="N", type=positive, help="where --serve answers (default: the service's port)")
    what.add_argument("--explain", metavar="JOB", help="say why a job would run, and run nothing")
    files = parser.add_argument_group("from what")
    source = files.add_mutually_exclusive_group()
    source.add_argument("--dirty", action="store_true", help="the work tree with its uncommitted and new files")
    source.add_argument("--commit", metavar="REVISION", help="this commit instead of HEAD")
    files.add_argument(
        "--event",
        choices=("manual", "push", "change_request", "schedule", "call", "pipeline"),
        default="manual",
        help="the event that conditions see",
    )
    files.add_argument("--tag", metavar="TAG", default="", help="the tag that conditions see")
    files.add_argument("--base", metavar="REVISION", help="what `changed` compares with, for push and change_request")
    files.add_argument("--env-file", metavar="FILE", action="append", default=[], help="secrets as NAME=value lines")
    how = parser.add_argument_group("how")
    how.add_argument("--jobs", metavar="N", type=positive, help="at most so many at once (default: one a core)")
    how.add_argument("--no-gpu", action="store_true", help="GPU jobs run on the CPU")
    how.add_argument("--skip-builds", action="store_true", help="leave out image builds and what depends on them")
    how.add_argument(
        "--engine",
        choices=("auto", "none", "host", "podman", "docker", "buildah"),
        default="auto",
        help="the container engine; host: images are neither built nor used, all jobs run on this machine itself",
    )
    how.add_argument("--keep", action="store_true", help="leave the jobs' folders, to look at them")
    how.add_argument(
        "--cache",
        metavar="FOLDER",
        help="where results and records are kept (default: HEADRACE_CACHE, or headrace in the user's cache folder)",
    )
    how.add_argument("--no-logs", action="store_true", help="without the jobs' own lines")
    how.add_argument(
        "--tag-run", metavar="KEY=VALUE", action="append", default=[], type=pair, help="a tag of the run's record"
    )
    how.add_argument(
        "--allow", metavar="FEATURE", action="append", default=[], help="run although this can't be done here (VOLUMES)"
    )
    add_options(parser, machine=False)


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE; the value may be empty and may hold any character."""
    from argparse import ArgumentTypeError

    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ArgumentTypeError(f'"{text}" is not NAME=VALUE')
    return name, value


def positive(text: str) -> int:
    from argparse import ArgumentTypeError

    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f'"{text}" is not a number of 1 or more')
    return int(text)


def run(arguments: Namespace) -> int:
    from targets.local.process import Stop

    sink, stop = Sink(), Stop()
    workspace = open_workspace(arguments.path, sink)
    ready = None if workspace is None else _ready(workspace, arguments, sink, stop)
    show(sink.diagnostics, arguments)
    if ready is None:
        return 1
    if arguments.explain is not None:
        return _explain(ready, arguments.explain)
    return _go(ready, arguments, sink, stop)


def _ready(workspace: Workspace, arguments: Namespace, sink: Sink, stop: Stop) -> Run | None:
    """The run that is meant, ready to go."""
    from compiler import driver
    from targets.local.execution import prepare

    project = _project(workspace, arguments, sink)
    if project is None:
        return None
    found = Sink()
    project = driver.lowered(project, workspace.repository, found)
    for one in found.diagnostics:  # notes are for `headrace check`
        if one.severity != "note":
            sink.report(one.code, one.message, one.span, severity=one.severity, labels=one.labels, help=one.help,
                        notes=one.notes, suggestion=one.suggestion)  # fmt: skip
    if arguments.serve is not None:
        project = _serving(project, arguments, sink)
    options = _options(project, arguments, sink)
    if options is None or sink.failed:
        return None
    remote = workspace.repository.remote() if workspace.repository.is_git else None

    def display(state: State, plan: Plan) -> Display:
        return _display(arguments, state, plan, stop)

    return prepare(project, workspace.repository.root, remote, options, sink, display, stop)


def _serving(project: Project, arguments: Namespace, sink: Sink) -> Project:
    """The project with the one job that serves a service: its smoke test, without requests and without an end."""
    from compiler import codes
    from compiler.diagnostics import suggest
    from targets.local.serving import services, serving

    known = services(project)
    if arguments.serve not in known:
        near = suggest(arguments.serve, known)
        notes = (f"there is {', '.join(sorted(known))}",) if known and not near else ()
        message = f'"{arguments.serve}" is no service by a function that a pipeline here smoke-tests'
        sink.report(codes.UNKNOWN_JOB, message, suggestion=near, notes=notes)
        return project
    arguments.pipeline, job = known[arguments.serve]
    arguments.job = [job]
    return serving(project, arguments.pipeline, job, arguments.port)


def _project(workspace: Workspace, arguments: Namespace, sink: Sink) -> Project | None:
    """The one manifest to run: with several, that which has the named pipeline."""
    from targets.local import codes

    projects = list(workspace.projects(sink))
    if sink.failed or not projects:
        return None
    if len(projects) > 1 and arguments.pipeline:
        projects = [
            one for one in projects if any(made.name == arguments.pipeline for made in one.pipelines)
        ] or projects
    if len(projects) > 1:
        names = ", ".join(project.manifest for project in projects)
        sink.report(codes.WHICH_PIPELINE, "there are several manifests here", help=f"name one of {names}")
        return None
    return projects[0]


def _options(project: Project, arguments: Namespace, sink: Sink) -> Options | None:
    from compiler import codes
    from targets.local.execution import Options, read_env_file, secret_values

    given: dict[str, str] = {}
    for path in arguments.env_file:
        try:
            with open(path, encoding="utf-8") as file:
                given |= read_env_file(file.read())
        except (OSError, ValueError) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            sink.report(codes.UNREADABLE, f"{path} can't be read: {reason}")
    return Options(
        pipeline=arguments.pipeline,
        jobs=[*arguments.job, *([arguments.explain] if arguments.explain else [])],
        since=arguments.since,
        leg=dict(arguments.leg),
        parameters=dict(arguments.set),
        secrets=secret_values(project, given, os.environ),
        event=arguments.event,
        tag=arguments.tag,
        base=arguments.base,
        revision=arguments.commit,
        dirty=arguments.dirty,
        force=arguments.force,
        skip_builds=arguments.skip_builds,
        use_gpu=not arguments.no_gpu,
        engine=arguments.engine,
        parallel=arguments.jobs,
        keep=arguments.keep,
        cache=os.path.abspath(arguments.cache) if arguments.cache else None,
        allowed=frozenset(arguments.allow),
        strict=arguments.strict,
        tags=dict(arguments.tag_run),
    )


def _display(arguments: Namespace, state: State, plan: Plan, stop: Stop) -> Display:
    """Lines, or on a person's terminal a live view: what CI shows as one has nobody to look at it, and a log to keep."""
    from targets.local.display import Plain, prompt

    live = (
        sys.stdout.isatty()
        and os.environ.get("TERM") != "dumb"
        and os.environ.get("CI") not in ("true", "1")
        and not arguments.no_logs
        and arguments.color != "never"
    )
    if not live or arguments.explain:
        return Plain(sys.stdout, arguments.no_logs, prompt(stop), stop.set)
    from rich.console import Console

    from targets.local.history import last_seconds
    from targets.local.live import Terminal

    return Terminal(Console(), last_seconds(state, plan.pipeline.name), prompt(stop))


def _explain(ready: Run, name: str) -> int:
    try:
        print("\n".join(ready.engine.explain(name)))
    finally:
        ready.abandon()
    return 0


def _go(ready: Run, arguments: Namespace, sink: Sink, stop: Stop) -> int:
    import gc

    from targets.local.interruption import stopping
    from targets.local.outcome import SUCCEEDED
    from targets.local.process import adopting
    from targets.local.summary import lines
    from targets.local.tracking import track

    gc.enable()  # a run may take days
    try:
        _headline(ready)
    except OSError:
        ready.abandon()
        raise
    try:
        with stopping(stop), adopting():
            ended = ready.go()
    except OSError as error:
        return _unwritten(ready, error, arguments)
    track(ready.session.state, ready.record, ready.session.sink)
    command = _command(arguments)
    print("\n".join(lines(ready.plan, ready.outcomes, ready.seconds, command, ready.session.folder)))
    later = [one for one in sink.diagnostics if one not in ready.before]
    if later:
        show(later, arguments)
    if stop.asked:
        return INTERRUPTED
    return 0 if ended == SUCCEEDED and not (arguments.strict and sink.count("warning")) else 1


def _unwritten(ready: Run, error: OSError, arguments: Namespace) -> int:
    """A run that ended because its records can't be kept."""
    from compiler import codes

    sink = Sink()
    reason = (error.strerror or str(error)).lower()
    message = f"{error.filename or ready.session.folder} can't be written: {reason}"
    advice = "what had finished is kept; `headrace runs clean` makes room, --cache names another folder"
    sink.report(codes.UNWRITABLE, message, help=advice)
    show(sink.diagnostics, arguments)
    return 1


def _headline(ready: Run) -> None:
    git = ready.session.values.git
    where = f"commit {git['short']}" if git["commit"] else "the folder as it is"
    if "dirty" in ready.history.tags:
        where = f"the work tree over {where}" if git["commit"] else where
    count = sum(1 for one in ready.plan.instances.values() if one.kind == "job")
    print(
        f"{ready.plan.pipeline.name}: run {ready.session.run_id} of {count} job{'s' if count != 1 else ''} on {where}"
    )


def _command(arguments: Namespace) -> str:
    """The command line that runs a part of this again: same manifest, same values, same files."""
    from shlex import quote

    words = ["headrace", "run", *([arguments.path] if arguments.path else [])]
    words += [
        word
        for name in ("pipeline", "commit")
        if getattr(arguments, name)
        for word in (f"--{name}", getattr(arguments, name))
    ]
    words += [word for name, value in arguments.set for word in ("--set", f"{name}={value}")]
    words += [word for file in arguments.env_file for word in ("--env-file", file)]
    words += [f"--{name.replace('_', '-')}" for name in ("dirty", "no_gpu", "skip_builds") if getattr(arguments, name)]
    return " ".join(map(quote, words))
