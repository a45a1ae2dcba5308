"""Runs a plan: every instance when its needs are done, as many at once as the machine and `--jobs` take.

One thread decides; each instance that runs has one of its own. What finished is on disk before anybody builds on it.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict

from compiler import graph
from compiler.diagnostics import WARNING
from compiler.ir import BuildImage, Environment, Job
from targets.local import codes, images, locks
from targets.local.environments import asks_for_image, describe
from targets.local.history import History
from targets.local.keys import Key, differences, key
from targets.local.locks import Held
from targets.local.machine import Share, wish
from targets.local.outcome import CANCELLED, FAILED, SKIPPED, SUCCEEDED, Outcome, Problem, joined, verdict
from targets.local.plan import CALLED, JOB, JOINED, Instance, Plan
from targets.local.results import Result
from targets.local.session import Session
from targets.local.state import read_json, slug, write_json
from targets.local.tree import Entry
from targets.local.work import Work

_TICK = 0.2  # seconds between looks at locks that other runs hold
NO_IMAGE = "headrace.invalid/not-built"  # stands for an image where none is built


class Engine:
    """One run of one plan."""

    def __init__(
        self, plan: Plan, session: Session, history: History, jobs: int, force: bool, skip_builds: bool
    ) -> None:
        self.plan, self.session, self.history = plan, session, history
        self.jobs, self.force, self.skip_builds = jobs, force, skip_builds
        self.outcomes: dict[str, Outcome] = {}
        self.keys: dict[str, Key] = {}
        self._users = graph.dependents(plan.graph())
        self._waiting = {name: len({edge.to for edge in one.needs}) for name, one in plan.instances.items()}
        self._settling = [name for name, count in self._waiting.items() if count == 0]
        self._ready: list[Instance] = []
        self._running: dict[str, tuple[Share, Held | None]] = {}
        self._approved: set[str] = set()
        self._done: queue.Queue[tuple[Instance, Outcome]] = queue.Queue()

    def run(self) -> dict[str, Outcome]:
        """Run to the end; the outcome of every instance.

        Where what is to be kept of it can't be written any more, all that runs is ended, and OSError is raised.
        """
        self.session.display.begin(self.plan, self.jobs)
        for path in self.session.snapshot.submodules:
            self.session.say_once(f"{path} is a submodule: its folder is empty, as a plain checkout leaves it")
        try:
            self._run()
        except BaseException:
            self.session.stop.set()
            while self._running:
                one, _ = self._done.get()
                self._give_back(one)
            raise
        return self.outcomes

    def _run(self) -> None:
        while len(self.outcomes) < len(self.plan.instances):
            self._settle()
            self._start()
            if len(self.outcomes) == len(self.plan.instances):
                break
            try:
                one, outcome = self._done.get(timeout=_TICK)
            except queue.Empty:
                continue
            self._give_back(one)
            self._end(one, outcome)

    def _give_back(self, one: Instance) -> None:
        share, held = self._running.pop(one.id)
        self.session.machine.give_back(share)
        if held is not None:
            held.release()

    # ------------------------------------------------------------------------------------------------- without running

    def _settle(self) -> None:
        """Decide over every instance whose needs are done: it ends at once, or it is ready to run."""
        while self._settling:
            one = self.plan.instances[self._settling.pop(0)]
            outcome = self._decided(one)
            if outcome is None:
                self._ready.append(one)
            else:
                self._end(one, outcome)

    def _decided(self, one: Instance) -> Outcome | None:
        if one.kind == JOINED:
            return joined(one, self.outcomes)
        outcome = verdict(one, self.outcomes)
        if outcome is not None:
            return outcome
        if self.session.stop.asked:
            return Outcome(CANCELLED, "the run was cancelled")
        if one.kind == CALLED:
            return None if one.job.approval is not None else Outcome(SUCCEEDED)
        if isinstance(one.job.action, BuildImage) and self.session.on_host and not self.skip_builds:
            self.session.images[one.job.action.environment or one.name] = NO_IMAGE
            return Outcome(SUCCEEDED, "images are not built: --engine host")
        if isinstance(one.job.action, BuildImage) and (self.skip_builds or self.session.builder is None):
            return Outcome(SKIPPED, "images are not built: --skip-builds", ruled_out=True)
        return self._held(one)

    def _held(self, one: Instance) -> Outcome | None:
        """The outcome of an instance whose result is there already."""
        found = self.keys[one.id] = self._key(one)
        if self.force or one.forced or not _is_kept(one.job):
            return None
        cache = one.job.cache
        result = self.session.results.find(found.hash, cache.max_age if cache is not None else None)
        if result is None or not self._image_is_here(one, result):
            return None
        reason = f"unchanged since run {result.run}"
        log = os.path.join(result.folder, "log")
        return Outcome(
            SUCCEEDED, reason, cached=True, result=result, seconds=0.0, log=log if os.path.exists(log) else ""
        )

    def _image_is_here(self, one: Instance, result: Result) -> bool:
        action = one.job.action
        if not isinstance(action, BuildImage):
            return True
        if self.session.builder is None or not images.is_here(self.session.builder, result.image):
            return False
        if action.environment is not None:
            self.session.images[action.environment] = result.image
        return True

    def _key(self, one: Instance) -> Key:
        environment = one.job.environment if isinstance(one.job.environment, Environment) else None
        runs_in = describe(environment)
        if self.session.engine is not None and asks_for_image(environment):
            runs_in = "its image"
        if not self.session.use_gpu:
            runs_in += ", no GPU"
        arrived = [result.outputs for result in self._arrived(one)]
        session = self.session
        return key(one, session.values, session.snapshot.tree(), arrived, runs_in, self.plan.project.folder)

    def _arrived(self, one: Instance) -> list[Result]:
        found = []
        for edge in one.needs:
            result = self.outcomes[edge.to].result
            if edge.artifacts and result is not None:
                found.append(result)
        return found

    # -------------------------------------------------------------------------------------------------------- running

    def _start(self) -> None:
        """Start what is ready and fits."""
        for one in list(self._ready):
            if self.session.stop.asked:
                self._ready.remove(one)
                self._end(one, Outcome(CANCELLED, "the run was cancelled"))
                continue
            if len(self._running) >= self.jobs:
                continue
            if self._starts(one):
                self._ready.remove(one)
                self._settle()

    def _starts(self, one: Instance) -> bool:
        """Whether an instance started, or ended because a person said no."""
        if not self._has_room(one):
            return False
        refused = self._asked(one)
        if refused is not None:
            self._end(one, refused)
            return True
        if one.kind == CALLED:
            self._end(one, Outcome(SUCCEEDED, "approved"))
            return True
        held: Held | None = None
        if one.job.lock is not None:
            folder = os.path.join(self.session.state.repository, "locks", slug(one.job.lock.name))
            held = locks.one_of(folder, one.job.lock.limit or 1)
            if held is None:
                return False
        share = self.session.machine.take(wish(one.job), self.session.use_gpu)
        if share is None:
            if held is not None:
                held.release()
            return False
        self._running[one.id] = (share, held)
        work = Work(self.session, one, share, self._arrived(one), self._kept_key(one))
        detail = ", ".join(f"GPU {device.index}" for device in share.devices)
        self.session.display.started(one, detail)
        threading.Thread(target=self._work, args=(work,), name=one.id, daemon=True).start()
        return True

    def _has_room(self, one: Instance) -> bool:
        limit = one.job.matrix.max_parallel if one.job.matrix is not None else None
        if limit is None:
            return True
        return sum(1 for name in self._running if self.plan.instances[name].name == one.name) < limit

    def _kept_key(self, one: Instance) -> str | None:
        return self.keys[one.id].hash if _is_kept(one.job) else None

    def _asked(self, one: Instance) -> Outcome | None:
        """Ask a person where the job waits for one; None to go on."""
        if one.job.approval is None or one.name in self._approved:
            return None
        to = f" for {one.job.approval.to}" if one.job.approval.to else ""
        answer = self.session.display.ask(one, f"{one.name} waits for approval{to}: run it?")
        if answer:
            self._approved.add(one.name)
            return None
        if answer is None:
            message = f'"{one.name}" waits for approval{to}, and there is no terminal to ask at'
            problem = Problem(codes.NO_APPROVAL, message, one.job.origin, "approve", "run headrace in a terminal")
            return Outcome(FAILED, "nobody could approve it", problems=[problem])
        if self.session.stop.asked:
            return Outcome(CANCELLED, "the run was cancelled")
        return Outcome(FAILED, "it was not approved")

    def _work(self, work: Work) -> None:
        try:
            outcome = work.run()
        except Exception as error:  # a fault of headrace's own must not leave the run waiting for ever
            import traceback

            outcome = Outcome(
                FAILED, f"a fault of headrace itself: {type(error).__name__}: {error}", log=self.session.log(work.one)
            )
            with suppress(OSError), open(self.session.log(work.one), "a", encoding="utf-8") as stream:
                stream.write(traceback.format_exc())
        self._done.put((work.one, outcome))

    # ------------------------------------------------------------------------------------------------------------- end

    def _end(self, one: Instance, outcome: Outcome) -> None:
        outcome.started = outcome.started or time.time()
        self.outcomes[one.id] = outcome
        for problem in outcome.problems:
            self.session.report(problem, WARNING if outcome.allowed else None)
        if one.kind == JOB:
            self.history.job(one, outcome, self.keys.get(one.id))
            if outcome.status == SUCCEEDED and one.id in self.keys and not outcome.cached:
                self._remember(one, self.keys[one.id])
        if one.kind != CALLED or outcome.status == FAILED:
            self.session.display.ended(one, outcome)
        for user in self._users[one.id]:
            self._waiting[user] -= 1
            if self._waiting[user] == 0:
                self._settling.append(user)

    def _remember(self, one: Instance, found: Key) -> None:
        """Keep the key's parts, so that a later run can say what changed."""
        state = self.session.state
        listing = _digest_of(found.files)
        if not os.path.exists(state.listing(listing)):
            write_json(
                state.listing(listing), {path: list(entry) for path, entry in found.files.items()}, durable=False
            )
        parts = {**asdict(found), "files": listing, "run": self.session.run_id}
        write_json(state.latest(one.id), parts, durable=False)

    # --------------------------------------------------------------------------------------------------------- explain

    def explain(self, name: str) -> list[str]:
        """Why the instances of a job would run, without running anything."""
        lines: list[str] = []
        for one in self.plan.instances.values():
            self.outcomes[one.id] = self._foreseen(one)
            if one.name == name and one.kind == JOB:
                lines += self._explained(one)
        return lines

    def _foreseen(self, one: Instance) -> Outcome:
        """The outcome where it is known; FAILED without a reason stands for `it would run`."""
        if one.kind == JOINED:
            return joined(one, self.outcomes)
        ahead = [edge.to for edge in one.needs if _would_run(self.outcomes[edge.to])]
        if ahead and not one.ruled_out:
            return Outcome(FAILED, f"{ahead[0]} runs first", exit_status=-1)
        outcome = self._decided(one)
        return outcome or Outcome(FAILED, "", exit_status=-1)

    def _explained(self, one: Instance) -> list[str]:
        outcome = self.outcomes[one.id]
        if not _would_run(outcome):
            word = "is skipped" if outcome.status == SKIPPED or outcome.cached else "ends"
            return [f"{one.id} {word}: {outcome.reason}"]
        if outcome.reason:
            return [f"{one.id} may run: {outcome.reason}, and its outputs are part of what {one.name} is made from"]
        if self.force or one.forced:
            return [f"{one.id} runs: it was asked for"]
        if not _is_kept(one.job):
            return [f"{one.id} runs: `cache: false`"]
        before = self._remembered(one)
        if before is None:
            return [f"{one.id} runs: no result of it is held"]
        changes = differences(before, self.keys[one.id])
        if not changes:
            return [f"{one.id} runs: nothing changed, but its result is not held any more"]
        return [f"{one.id} runs:", *(f"  {change}" for change in changes)]

    def _remembered(self, one: Instance) -> Key | None:
        data = read_json(self.session.state.latest(one.id))
        if not isinstance(data, dict):
            return None
        files = read_json(self.session.state.listing(str(data.get("files"))))
        if not isinstance(files, dict):
            return None
        entries = {path: Entry(*entry) for path, entry in files.items()}
        return Key(data["hash"], data["values"], entries, data["declared"])


def _would_run(outcome: Outcome) -> bool:
    return outcome.status == FAILED and outcome.exit_status == -1


def _is_kept(job: Job) -> bool:
    return job.cache is None or job.cache.enabled


def _digest_of(files: Mapping[str, Entry]) -> str:
    from targets.local.outputs import tree_digest

    return tree_digest(dict(files), "")[:32]
