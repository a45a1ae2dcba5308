"""Runs on disk: one folder a run, with its record, its jobs' records and logs."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from contextlib import suppress
from typing import Any

from compiler import records
from targets.local import locks, process
from targets.local.keys import Key
from targets.local.outcome import Outcome
from targets.local.plan import CALLED, JOB, Instance
from targets.local.state import State, read_json, slug, write_json

RECORD = "record.json"
ACTIVE = "active"  # held by the process that runs it


def new_id(now: float | None = None) -> str:
    """A run's name: when it began, so that names are in order within a second too, and what tells it from others."""
    began = time.time() if now is None else now
    fraction = int(began % 1 * 4096)
    return time.strftime("%Y%m%d-%H%M%S", time.gmtime(began)) + f"-{fraction:03x}{secrets.randbelow(16):x}"


class History:
    """The record of a run, as it goes on."""

    def __init__(
        self,
        state: State,
        run_id: str,
        name: str,
        parameters: dict[str, str],
        tags: dict[str, str],
        parent: str | None = None,
    ) -> None:
        self.state, self.run_id, self.name = state, run_id, name
        self.parameters, self.tags, self.parent = parameters, tags, parent
        self.folder = state.run(run_id)
        self.started = time.time()
        self.children: list[str] = []
        self._held: locks.Held | None = None

    def begin(self) -> None:
        """Write that the run runs; while this process lives, others see that it does."""
        os.makedirs(self.folder, exist_ok=True)
        active = os.path.join(self.folder, ACTIVE)
        held = locks.attempt(active)
        while held is None or not os.path.exists(active):  # another run looked just then whether this one is dead
            if held is not None:
                held.release()
            time.sleep(0.01)
            held = locks.attempt(active)
        self._held = held
        write_json(os.path.join(self.folder, RECORD), self._record(records.RUNNING, 0.0))

    def plan(self, instances: dict[str, Instance]) -> None:
        """Keep the graph, for the report."""
        needs = {name: [edge.to for edge in one.needs] for name, one in instances.items()}
        write_json(os.path.join(self.folder, "graph.json"), needs, durable=False)

    def job(self, one: Instance, outcome: Outcome, key: Key | None) -> None:
        """Write the record of one instance that ended."""
        assert one.kind == JOB or one.kind == CALLED
        child = f"{self.run_id}/{one.id}"
        self.children.append(child)
        result = outcome.result
        tags = {"job": one.name, "pipeline": one.pipeline.name}
        if outcome.cached and result is not None:
            tags["unchanged_since"] = result.run
        if key is not None:
            tags["key"] = key.hash
        if outcome.status == records.FAILED and outcome.allowed:
            tags["allowed_to_fail"] = "true"
        data = records.record(
            child,
            one.id,
            outcome.status,
            parent=self.run_id,
            reason=outcome.reason,
            started=outcome.started,
            ended=outcome.started + outcome.seconds,
            attempts=outcome.attempts,
            tags=tags,
            parameters={**one.parameters, **dict(one.leg)},
            metrics=result.metrics if result is not None else (),
            artifacts=result.artifacts if result is not None else (),
            log=outcome.log or None,
        )
        # What counts after a power cut is the result, which is on disk already.
        write_json(os.path.join(self.folder, "jobs", slug(one.id), RECORD), data, durable=False)

    def end(self, status: str) -> dict[str, Any]:
        """Write how the run ended; its record. One that can't be written is that of a run that was interrupted."""
        data = self._record(status, time.time())
        try:
            write_json(os.path.join(self.folder, RECORD), data)
            active = os.path.join(self.folder, ACTIVE)
            if os.path.exists(active):
                os.unlink(active)
        finally:
            if self._held is not None:
                self._held.release()
        work = os.path.join(self.folder, "work")
        if os.path.isdir(work) and not os.listdir(work):
            os.rmdir(work)
        return data

    def _record(self, status: str, ended: float) -> dict[str, Any]:
        return records.record(
            self.run_id,
            self.name,
            status,
            parent=self.parent,
            children=self.children,
            started=self.started,
            ended=ended,
            tags=self.tags,
            parameters=self.parameters,
        )


def runs(state: State) -> list[dict[str, Any]]:
    """The records of all runs, the newest first; one that nobody runs any more is `interrupted`."""
    try:
        names = sorted(os.listdir(state.runs), reverse=True)
    except OSError:
        return []
    return [found for name in names for found in [_read(state, name)] if found is not None]


def _read(state: State, run_id: str) -> dict[str, Any] | None:
    data = read_json(os.path.join(state.run(run_id), RECORD))
    if not isinstance(data, dict):
        return None
    if data["status"] == records.RUNNING and not locks.is_held(os.path.join(state.run(run_id), ACTIVE)):
        data["status"] = records.INTERRUPTED
    return data


def find(state: State, wanted: str) -> dict[str, Any] | None:
    """A run by its name or the beginning of it, or `last`, with its jobs' records under `children`."""
    if wanted == "last":
        data = next(iter(runs(state)), None)
    else:
        try:
            names = [name for name in os.listdir(state.runs) if name == wanted or (wanted and name.startswith(wanted))]
        except OSError:
            return None
        data = _read(state, names[0]) if len(names) == 1 else None
    if data is None:
        return None
    folder = os.path.join(state.run(data["id"]), "jobs")
    names = os.listdir(folder) if os.path.isdir(folder) else []
    children = [found for name in names for found in [read_json(os.path.join(folder, name, RECORD))] if found]
    children.sort(key=lambda one: (one["started"] or "", one["ended"] or "", one["name"]))
    return {**data, "child_run_ids": [one["id"] for one in children], "children": children}


def sweep(state: State) -> list[str]:
    """End what runs left behind that were killed: their processes and their work folders. Gives their names."""
    try:
        names = [name for name in os.listdir(state.runs) if os.path.exists(os.path.join(state.run(name), ACTIVE))]
    except OSError:
        return []
    swept = []
    for name in sorted(names):
        held = locks.attempt(os.path.join(state.run(name), ACTIVE))
        if held is None:
            continue
        with held:
            process.end_marked(os.path.join(state.run(name), "work"))
            shutil.rmtree(os.path.join(state.run(name), "work"), ignore_errors=True)
            data = read_json(os.path.join(state.run(name), RECORD))
            if isinstance(data, dict) and data["status"] == records.RUNNING:
                write_json(os.path.join(state.run(name), RECORD), {**data, "status": records.INTERRUPTED})
            os.unlink(os.path.join(state.run(name), ACTIVE))
            swept.append(name)
    return swept


def clean(state: State, older_than: float) -> tuple[int, int]:
    """Remove the records of this repository's runs that ended more than `older_than` seconds ago, and all results and
    environments that no run looked at since. Gives how many runs, and how many results and environments."""
    limit = time.time() - older_than
    gone = 0
    for one in runs(state):
        ended = records.seconds_of(one["ended"]) or records.seconds_of(one["started"])
        if one["status"] != records.RUNNING and ended < limit:
            shutil.rmtree(state.run(one["id"]), ignore_errors=True)
            gone += 1
    unused = [*_stale(state.shared("results"), "*/*/result.json", limit)]
    unused += _stale(state.shared("environments"), "*/.headrace-complete", limit)
    for folder in unused:
        shutil.rmtree(folder, ignore_errors=True)
    return gone, len(unused)


def _stale(root: str, pattern: str, limit: float) -> list[str]:
    from glob import escape, glob

    found = []
    for mark in glob(os.path.join(escape(root), pattern)):
        with suppress(FileNotFoundError):  # another process removes them as well, or puts a newer one there
            if os.stat(mark).st_mtime < limit:
                found.append(os.path.dirname(mark))
    return found


def last_seconds(state: State, name: str) -> dict[str, float]:
    """How long each instance of a pipeline took when it last ran."""
    found: dict[str, float] = {}
    for record in [one for one in runs(state) if one["name"] == name][:5]:
        whole = find(state, record["id"])
        for child in whole["children"] if whole is not None else ():
            if child["seconds"] and child["status"] == records.SUCCEEDED and child["attempts"]:
                found.setdefault(child["name"], child["seconds"])
    return found
