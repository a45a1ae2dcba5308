"""`headrace runs`: what ran on this machine, one run's record, its report."""

from __future__ import annotations

import os
import sys

from compiler.diagnostics import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from targets.local.results import Result
    from targets.local.state import State

DESCRIPTION = """
List the runs of this repository, show the record of one (as MLSpec describes runs), its logs, or write a report of it
or what its jobs left; or remove what was not used for long.
RUN is a run's name, the beginning of it, or `last`.
"""
EXAMPLES = """
headrace runs
headrace runs --format json
headrace runs show last
headrace runs show 20260201-101500-3f2a --format json
headrace runs log last --job train
headrace runs outputs last --job train --output outputs
headrace runs report last --output report.html
headrace runs clean --older 30d
"""
VERBS = ("list", "show", "log", "outputs", "report", "clean")


def configure(parser: ArgumentParser) -> None:
    parser.add_argument(
        "verb", nargs="?", choices=VERBS, default="list", help="list (default), show, log, outputs, report or clean"
    )
    parser.add_argument("id", metavar="RUN", nargs="?", help="which run")
    parser.add_argument("--job", metavar="JOB", help="log, outputs: of this job (or one leg of it)")
    parser.add_argument(
        "--output", metavar="PATH", help="report, outputs: where to write (default: RUN.html, RUN here)"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--limit", metavar="N", type=int, default=20, help="list: how many (default 20)")
    parser.add_argument(
        "--older", metavar="AGE", default="30d", help="clean: what was not used for so long (default 30d)"
    )
    parser.add_argument("--folder", metavar="DIR", default=".", help="a folder of the repository (default: this one)")
    parser.add_argument("--cache", metavar="FOLDER", help="where records are kept, as for `headrace run`")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="when text has colours")


def run(arguments: Namespace) -> int:
    from compiler.repository import find_root
    from targets.local.history import find
    from targets.local.state import State

    cache = os.path.abspath(arguments.cache) if arguments.cache else None
    state = State(find_root(arguments.folder) or arguments.folder, cache)
    if arguments.verb == "list":
        return _list(state, arguments)
    if arguments.verb == "clean":
        return _clean(state, arguments)
    wanted = arguments.id or "last"
    found = find(state, wanted)
    if found is None:
        return _refuse(wanted, arguments)
    if arguments.verb == "show":
        return _show(found, arguments)
    if arguments.verb == "log":
        return _log(found, arguments)
    if arguments.verb == "outputs":
        return _outputs(state, found, arguments)
    return _report(state, found, arguments)


def _list(state: State, arguments: Namespace) -> int:
    from targets.local.history import runs

    found = runs(state)[: max(0, arguments.limit)]
    if arguments.format == "json":
        _print_json(found)
        return 0
    for one in found:
        print(_line(one))
    if not found:
        print("nothing ran here yet: `headrace run` runs the pipeline")
    return 0


def _line(one: dict[str, Any]) -> str:
    from compiler.records import mapping
    from targets.local.display import elapsed

    commit = mapping(one["tags"]).get("commit", "")[:8]
    took = elapsed(one["seconds"]) if one["seconds"] is not None else ""
    return f"{one['id']}  {one['status']:<11}  {took:>7}  {commit:<8}  {one['name']}".rstrip()


def _show(found: dict[str, Any], arguments: Namespace) -> int:
    from targets.local.display import elapsed

    if arguments.format == "json":
        _print_json(found)
        return 0
    print(_line(found))
    for one in found["parameters"]:
        print(f"  {one['key']} = {one['value']}")
    for child in found["children"]:
        took = elapsed(child["seconds"]) if child["seconds"] is not None else ""
        reason = f"  {child['reason']}" if child["reason"] else ""
        print(f"  {child['name']:<30}  {child['status']:<11}  {took:>7}{reason}")
        for metric in child["metrics"]:
            print(f"      {metric['key']} = {metric['value']}")
        for artifact in child["artifacts"]:
            print(f"      {artifact['path']}  sha256:{artifact['sha256'][:16]}")
    return 0


def _log(found: dict[str, Any], arguments: Namespace) -> int:
    from targets.local.log import shown

    status = 1
    for child in found["children"]:
        named = arguments.job is None or child["name"] == arguments.job or child["name"].split("[")[0] == arguments.job
        if not named or not child["log"]:
            continue
        try:
            with open(child["log"], "rb") as stream:
                lines = stream.read().split(b"\n")
        except OSError:
            continue
        status = 0
        for line in lines[:-1] if lines[-1] == b"" else lines:
            print(f"{child['name']} | {shown(line)}" if arguments.job is None else shown(line))
    if status:
        print("there is no such log", file=sys.stderr)
    return status


def _outputs(state: State, found: dict[str, Any], arguments: Namespace) -> int:
    """Write what jobs left into a folder, at the paths that they have in the repository."""
    from targets.local.outputs import OutputError, arrive
    from targets.local.results import Results, kept_in_run

    folder = arguments.output or found["id"].replace("/", "-")
    results: list[Result] = []
    lacking: list[str] = []
    kept = kept_in_run(state.run(found["id"]))
    for child in found["children"]:
        named = arguments.job is None or child["name"] == arguments.job or child["name"].split("[")[0] == arguments.job
        if not named or not child["artifacts"]:
            continue
        key = next((tag["value"] for tag in child["tags"] if tag["key"] == "key"), "")
        result = kept.get(child["name"]) or (Results(state).find(key) if key else None)
        if result is None:
            lacking.append(child["name"])
        else:
            results.append(result)
    if not results and not lacking:
        print("there are no such outputs", file=sys.stderr)
        return 1
    try:
        os.makedirs(folder, exist_ok=True)
        arrive(results, folder)
    except (OSError, OutputError) as error:
        print(f"the outputs can't be written to {folder}: {error}", file=sys.stderr)
        return 1
    for result in results:
        for artifact in result.artifacts:
            print(os.path.join(folder, artifact["path"]))
    for name in lacking:
        print(f"the outputs of {name} are not kept any more", file=sys.stderr)
    return 1 if lacking else 0


def _report(state: State, found: dict[str, Any], arguments: Namespace) -> int:
    from targets.local.report import render

    path = arguments.output or f"{found['id']}.html"
    text = render(state, found)
    if path == "-":
        sys.stdout.write(text)
        return 0
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        from compiler import codes
        from compiler.commands.findings import show

        sink = Sink()
        sink.report(codes.UNWRITABLE, f"{path} can't be written: {(error.strerror or str(error)).lower()}")
        show(sink.diagnostics, arguments, sys.stderr)
        return 1
    print(path)
    return 0


def _clean(state: State, arguments: Namespace) -> int:
    from compiler.duration import DurationError, parse
    from targets.local.history import clean

    try:
        seconds = parse(arguments.older)
    except DurationError as error:
        print(f"headrace runs: --older: {error}", file=sys.stderr)
        return 2
    runs, results = clean(state, seconds)
    print(
        f"removed: {runs} run{'s' if runs != 1 else ''}, {results} result{'s' if results != 1 else ''} and environments"
    )
    return 0


def _refuse(wanted: str, arguments: Namespace) -> int:
    from compiler.commands.findings import show
    from targets.local import codes

    sink = Sink()
    what = (
        "no run is recorded here"
        if wanted == "last"
        else f'"{wanted}" is not a run of this repository, or not one alone'
    )
    sink.report(codes.NO_RUN, what, help="`headrace runs` lists them")
    arguments.format = "text"
    show(sink.diagnostics, arguments, sys.stderr)
    return 1


def _print_json(data: Any) -> None:
    import json

    print(json.dumps(data, ensure_ascii=False, indent=2))
