"""What GitLab makes of emitted pipelines when some jobs fail: which jobs run, in what order, and how they end.

Needs are judged as GitLab's own processing does it (lib/gitlab/ci/status/composite.rb, app/services/ci/process_build_service.rb):
one skipped need means `skipped` at once, whatever the others do; else all must have ended; then any failure that is not allowed
means `failed`. `on_failure` runs after `failed` alone, `always` after all three. Rules are taken to hold, but for those with one
condition that does not; a need of a job that they leave out must be optional.
"""

from __future__ import annotations

import random
import shlex
from typing import Any

from tests.gitlab_project import Emitted, jobs_of, resolved

ENDED = ("success", "failed", "skipped")
VALID = {"on_success": ("success",), "on_failure": ("failed",), "always": ENDED}


class Run:
    """One run of everything that was emitted. `outputs` has the manifest's jobs with what they leave; those `failing` fail."""

    def __init__(
        self, made: Emitted, outputs: dict[str, set[str]], failing: set[str], seed: int, untrue: str | None = None
    ) -> None:
        self.untrue = untrue
        self.made = made
        self.outputs = outputs
        self.failing = failing
        self.random = random.Random(seed)
        self.registry: dict[str, set[str]] = {}
        self.failures: set[str] = set()
        self.status: dict[str, str] = {}  # of jobs of all files, whose names are apart
        self.before: dict[str, set[str]] = {}  # what had ended when a job began
        self.received: dict[str, set[str]] = {}
        self.ended = self._file(made.main)

    def _file(self, file: dict[str, Any]) -> str:
        jobs = {name: resolved(file, name) for name in jobs_of(file)}
        jobs = {name: data for name, data in jobs.items() if not self._is_left_out(data)}
        for data in jobs.values():
            there = (one if isinstance(one, dict) else {"job": one} for one in data["needs"])
            data["needs"] = [one for one in there if one["job"] in jobs or not one.get("optional")]
        state = dict.fromkeys(jobs, "created")
        left: dict[str, set[str]] = {}
        while True:
            moved = self._process(jobs, state)
            running = [name for name, now in state.items() if now == "running"]
            if running:
                name = self.random.choice(running)
                state[name], left[name] = self._end(name, jobs[name], left)
                self.status[name] = state[name]
            elif not moved:
                break
        assert set(state.values()) <= set(ENDED), state
        self.status.update(state)
        bad = [name for name in jobs if state[name] == "failed" and not jobs[name].get("allow_failure")]
        return "failed" if bad else "success"

    def _is_left_out(self, data: dict[str, Any]) -> bool:
        rules = data.get("rules")
        return bool(rules and self.untrue and all(self.untrue in rule.get("if", "") for rule in rules))

    def _process(self, jobs: dict[str, Any], state: dict[str, str]) -> bool:
        moved = False
        for name, data in jobs.items():
            if state[name] != "created":
                continue
            needs = [one if isinstance(one, str) else one["job"] for one in data["needs"]]
            before = composite([(state[need], bool(jobs[need].get("allow_failure"))) for need in needs])
            if before not in ENDED:
                continue
            state[name] = "running" if before in VALID[_when(data)] else "skipped"
            self.before[name] = {other for other, now in self.status.items() if now in ENDED}
            self.before[name] |= {other for other, now in state.items() if now in ENDED}
            moved = True
        return moved

    def _end(self, name: str, data: dict[str, Any], left: dict[str, set[str]]) -> tuple[str, set[str]]:
        if "trigger" in data:
            (path,) = [one["local"] for one in data["trigger"]["include"]]
            return self._file(self.made.files[path][-1]), set()
        got: set[str] = set()
        for need in data["needs"]:
            given = {"job": need} if isinstance(need, str) else need
            if given.get("artifacts", True):
                got |= left.get(given["job"], set())
        self.received[name] = set(got)
        ok = all(self._line(name, line, got) for line in data["script"])
        kept = data.get("artifacts", {})
        stays = ok or kept.get("when") == "always"
        return "success" if ok else "failed", {
            path for path in kept.get("paths", ()) if path in got
        } if stays else set()

    def _line(self, name: str, line: str, got: set[str]) -> bool:
        """A line of a script that the compiler adds is read; any other one is a job's own command."""
        words = shlex.split(line)
        if words[:3] == ["python3", "-I", "-c"] and words[3] == "$HEADRACE_RELAY":
            return self._relay(words[4], words[5:], got)
        if words[:3] == ["mkdir", "-p", ".headrace/failed"]:
            got.add(words[-1])
            return True
        if words[:2] == ["test", "!"]:
            return words[-1] not in got
        if words[:2] == ["ls", "-d"]:
            return True
        if name not in self.outputs:
            assert words == ["true"], line
            return True
        if name not in self.failing:
            got |= self.outputs[name]
        return name not in self.failing

    def _relay(self, verb: str, names: list[str], got: set[str]) -> bool:
        if verb == "put":
            self.registry[names[0]] = set(names[1:]) & got
            return True
        if verb == "fail":
            self.failures.add(names[0])
            return True
        for name in names:
            if name in self.registry:
                got |= self.registry[name]
            elif verb == "get" or (verb == "tell" and name in self.failures):
                return False
        return True


def composite(needs: list[tuple[str, bool]]) -> str:
    """How GitLab puts the states of a job's needs together: each with whether it may fail."""
    states = {"success" if state == "failed" and allowed else state for state, allowed in needs}
    if not states:
        return "success"
    if "skipped" in states:
        return "skipped"
    if states & {"created", "running"}:
        return "running"
    return "failed" if "failed" in states else "success"


def _when(data: dict[str, Any]) -> str:
    rules = data.get("rules")
    found: str = rules[-1].get("when", "on_success") if rules else data.get("when", "on_success")
    return found
