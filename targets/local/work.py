"""What one instance does, attempt by attempt: a clean checkout, its needs' outputs, its environment, its lines."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

from compiler.ir import BuildImage, Deploy, Environment, Job, Ref, Script, Support, Volume
from targets import commands, runners
from targets.local import codes, deployment, outputs, process, variables
from targets.local.environments import NotMadeError, Software, asks_for_image, system_packages
from targets.local.images import ImageError, build
from targets.local.log import Log
from targets.local.machine import Share
from targets.local.outcome import CANCELLED, FAILED, SUCCEEDED, Outcome, Problem
from targets.local.plan import Instance
from targets.local.process import Ended
from targets.local.results import LOG, Result, keep_in_run
from targets.local.serving import listens
from targets.local.session import Session
from targets.local.sidecars import SidecarError, Sidecars

RESUME_EVERY_SECONDS = 600
_PYTHON_FALLBACK = '#!/bin/sh\nexec {python} "$@"\n'


class FailureError(Exception):
    """The instance fails, whatever its retries say; `problem` is a finding."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass
class Work:
    """One instance that runs. `arrived` are the results of its needs whose outputs it gets."""

    session: Session
    one: Instance
    share: Share
    arrived: Sequence[Result]
    key: str | None  # under which the result is kept; None: it is not
    problems: list[Problem] = field(default_factory=list)

    def run(self) -> Outcome:
        """Run to the end; never raises for what the job does."""
        session, one = self.session, self.one
        began = time.time()
        clock = time.monotonic()
        self.log = Log(session.log(one), session.masker(), lambda line: session.display.line(one, line))
        outcome = Outcome(FAILED)
        try:
            outcome = self._attempts()
        except FailureError as failure:
            self.problems.append(failure.problem)
            outcome = Outcome(FAILED, failure.problem.message)
        except OSError as error:
            outcome = Outcome(FAILED, _said(error))
        finally:
            if outcome.status == FAILED and outcome.reason:
                self.log.say(outcome.reason)
            self.log.close()
            outcome.started, outcome.seconds = began, time.monotonic() - clock
            outcome.log = session.log(one)
            self._clean(outcome)
        outcome.problems = self.problems
        outcome.allowed = outcome.status == FAILED and bool(one.job.allow_failure)
        if outcome.status == SUCCEEDED:
            try:
                self._keep(outcome)
            except OSError as error:
                if outcome.result is not None:
                    outputs.remove(outcome.result.folder)
                outcome.status, outcome.reason = FAILED, f"its result can't be kept: {_said(error)}"
                outcome.allowed, outcome.result = bool(one.job.allow_failure), None
        return outcome

    def _clean(self, outcome: Outcome) -> None:
        """A failed job's last checkout stays, so that a person can look at it."""
        work = self.session.work(self.one)
        if self.session.keep or outcome.status == FAILED:
            outcome.folder = os.path.join(work, str(outcome.attempts or 1), "repository")
        if not self.session.keep and not (outcome.status == FAILED and os.path.isdir(outcome.folder)):
            outputs.remove(work)

    # -------------------------------------------------------------------------------------------------------- attempts

    def _attempts(self) -> Outcome:
        from targets.runtime.retry import again

        retry = self.one.job.retry
        number = 0
        while True:
            number += 1
            if number > 1:
                outputs.remove(os.path.join(self.session.work(self.one), str(number - 1)))
            attempt = _Attempt(self, number)
            ended = attempt.run()
            outcome = self._judged(ended, attempt)
            outcome.attempts = number
            if outcome.status != FAILED or retry is None or number > retry.max:
                return outcome
            kinds: list[str] = list(retry.on or ("failure", "timeout"))
            if not again(ended.status or 1, ended.timed_out, kinds, list(retry.exit_codes)):
                return outcome
            self.log.say(f"attempt {number} of {retry.max + 1} failed: {outcome.reason}; trying again")

    def _judged(self, ended: Ended, attempt: _Attempt) -> Outcome:
        if ended.cancelled:
            return Outcome(CANCELLED, "the run was cancelled")
        outcome = Outcome(SUCCEEDED, exit_status=ended.status)
        if ended.timed_out:
            outcome = Outcome(
                FAILED, f"it took longer than its timeout of {self.one.job.timeout} s", exit_status=ended.status
            )
        elif ended.status:
            outcome = Outcome(FAILED, f"it ended with status {ended.status}", exit_status=ended.status)
        if outcome.status == SUCCEEDED or self.one.job.objectives:
            self._collect(outcome, attempt)
        return outcome

    def _collect(self, outcome: Outcome, attempt: _Attempt) -> None:
        """Take the outputs: all of them, or after missed objectives those that are there, to be looked at."""
        place = self.session.results.new()
        collector = outputs.Collector(self.one, attempt.values, attempt.checkout, attempt.before)
        try:
            result = collector.collect(place, partly=outcome.status == FAILED)
        except outputs.OutputError as error:
            outputs.remove(place)
            outcome.status, outcome.reason = FAILED, str(error)
            return
        if collector.problems:
            outputs.remove(place)
            self.problems[:] = collector.problems
            outcome.status = FAILED
            outcome.reason = "; ".join(_placed(problem) for problem in collector.problems)
            return
        self.problems.clear()
        result.folder, result.image = place, attempt.image
        outcome.result = result

    def _keep(self, outcome: Outcome) -> None:
        """Put the result where later runs find it; without a key it lives as long as the run's record."""
        import shutil

        result = outcome.result
        if result is None:
            result = Result("", self.one.id, "", 0.0, 0.0, folder=self.session.results.new())
        result.key, result.run = self.key or "", self.session.run_id
        result.ended, result.seconds = outcome.started + outcome.seconds, round(outcome.seconds, 3)
        folder = result.folder
        if os.path.exists(outcome.log):
            shutil.copyfile(outcome.log, os.path.join(folder, LOG))
        if self.key is not None:
            outcome.result = self.session.results.keep(folder, result)
        else:
            outcome.result = keep_in_run(self.session.folder, folder, result)


def _said(error: OSError) -> str:
    """What went wrong with which file."""
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{(error.strerror or str(error)).lower()}"


def _placed(problem: Problem) -> str:
    """A finding in one line, with the manifest's line."""
    if problem.origin is None:
        return problem.message
    span = problem.origin.span(problem.field)
    return f"{span.source.name}:{span.begin.line}: {problem.message}"


# ----------------------------------------------------------------------------------------------------------- one attempt


class _Attempt:
    """One time that an instance runs."""

    def __init__(self, work: Work, number: int) -> None:
        self.work, self.number = work, number
        self.session, self.one, self.job, self.log = work.session, work.one, work.one.job, work.log
        self.values = self.session.values.at(self.one.facts.event)
        folder = os.path.join(self.session.work(self.one), str(number))
        self.checkout = os.path.join(folder, "repository")
        self.temporary = os.path.join(folder, "tmp")
        self.before: outputs.Stamps = {}
        self.image = ""
        self.more: dict[str, str] = {f"images.{name}": image for name, image in self.session.images.items()}

    def run(self) -> Ended:
        os.makedirs(self.temporary)
        self.session.snapshot.checkout(self.checkout)
        try:
            outputs.arrive(self.work.arrived, self.checkout)
        except outputs.OutputError as error:
            raise OSError(0, f"outputs of the needs can't be put together: {error}") from error
        self._stored_inputs()
        self.before = outputs.stamps(self.one, self.checkout)
        action = self.job.action
        if isinstance(action, BuildImage):
            return self._build(action)
        if isinstance(action, Deploy):
            return self._deploy(action)
        with Sidecars(self.session.engine, self._name()) as sidecars:
            try:
                self.more |= sidecars.start(self.job, self._text, self.session.stop)
            except SidecarError as error:
                raise FailureError(Problem(codes.NO_ENGINE, str(error), self.job.origin, "sidecars")) from error
            return self._run_lines()

    def _name(self) -> str:
        return f"headrace-{self.session.run_id}-{crc32(self.one.id.encode()):08x}-{self.number}"

    def _text(self, text: tuple[str | Ref, ...]) -> str:
        return self.values.text(text, self.one.parameters, self.one.leg, self.more)

    def _stored_inputs(self) -> None:
        """Data from a store is taken from the work tree's own folder, where a person keeps it."""
        import shutil

        for given in self.job.inputs:
            if given.store is None:
                continue
            path = os.path.normpath(self._text(given.path))
            here, there = os.path.join(self.session.state.root, path), os.path.join(self.checkout, path)
            if os.path.lexists(there):
                continue
            if not os.path.exists(here):
                message = f'"{path}" lies in the store "{given.store}", which a local run does not read'
                raise FailureError(
                    Problem(
                        codes.DATA_ELSEWHERE, message, given.origin or self.job.origin, help=f'put the data at "{path}"'
                    )
                )
            os.makedirs(os.path.dirname(there), exist_ok=True)
            (shutil.copytree if os.path.isdir(here) else shutil.copyfile)(here, there)
            self.log.say(f"{path} is taken from the work tree instead of the store {given.store}")

    # ------------------------------------------------------------------------------------------------------------ lines

    def _run_lines(self) -> Ended:
        env = variables.of_machine(self.temporary)
        own = self._variables()
        container = self._container()
        software = Software(self.job)
        if container is None:
            software = self._software({**env, **own})
        env |= software.variables
        path = [*software.path, env["PATH"]]
        env["PATH"] = os.pathsep.join(path)
        if container is None:
            env["PATH"] += self._python_fallback(env["PATH"])
        files = self._secret_files()
        try:
            argv = self._kept([_shell(self.job), "-eu", self._script(software)])
            if container is None:
                return self._process(argv, {**env, **own})
            return self._in_container(container, argv, own)
        finally:
            for file in files:
                if os.path.lexists(file):
                    os.unlink(file)

    def _process(self, argv: Sequence[str], env: Mapping[str, str]) -> Ended:
        try:
            place = os.path.dirname(self.checkout)
            return process.run(
                argv, self.checkout, env, self.log.write, self.session.stop, self.job.timeout, place=place
            )
        except ValueError as error:  # a value with a NUL byte
            raise OSError(0, f"the job can't be started: {error}") from error

    def _software(self, env: Mapping[str, str]) -> Software:
        environment = self.job.environment
        if isinstance(environment, Environment) and system_packages(environment):
            packages = " ".join(system_packages(environment))
            self.log.say(f"system packages are not installed on this machine: {packages}")
        try:
            return self.session.environments.prepare(self.job, self.temporary, env, self.log.write)
        except NotMadeError as error:
            if self.session.stop.asked:
                return Software(self.job)
            raise FailureError(
                Problem(codes.NOT_MADE, str(error), self.job.origin, "environment", error.help)
            ) from error

    def _python_fallback(self, path: str) -> str:
        """headrace's scripts need a `python3`: where the job has none, headrace's own is the last in PATH."""
        import shutil
        import sys

        if shutil.which("python3", path=path):
            return ""
        folder = os.path.join(self.temporary, "python")
        os.makedirs(folder, exist_ok=True)
        file = os.path.join(folder, "python3")
        with open(file, "w", encoding="utf-8") as stream:
            stream.write(_PYTHON_FALLBACK.format(python=commands.literal(sys.executable)))
        os.chmod(file, 0o755)
        return os.pathsep + folder

    def _script(self, software: Software) -> str:
        """The job's lines in a file: a command line holds only so much."""
        job = software.job
        gate = commands.gate(job)
        lines = [*software.lines, *commands.prepare(job), *commands.command(job)]
        if gate:
            lines += [*commands.settled(job), *gate]
        file = os.path.join(self.temporary, "job.sh")
        with open(file, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write("\n".join(lines) + "\n")
        return file

    def _variables(self) -> dict[str, str]:
        """HEADRACE_*, the job's own variables, its secrets, and which devices it may use."""
        from targets.runtime import compact

        job = self.job
        found = {commands.variable(ref): self.values.of(ref, self.one.parameters, self.one.leg, self.more)
                 for ref in commands.refs(job) if not self._is_unset(ref)}  # fmt: skip
        found |= {commands.script_variable(name): compact(name) for name in commands.support_scripts(job)}
        found["HEADRACE_EVENT"] = self.one.facts.event
        found["HEADRACE_ATTEMPT"] = str(self.number)
        found |= {variable.name: self._text(variable.value) for variable in job.env}
        for use in job.secrets:
            if use.env is not None or use.file is None:
                found[use.env or use.secret] = self.session.secrets.get(use.secret, "")
        if job.resources is not None and job.resources.accelerator is not None:
            found["CUDA_VISIBLE_DEVICES"] = ",".join(device.index for device in self.work.share.devices)
            if not self.session.use_gpu:
                self.log.say("this job asks for a GPU and runs on the CPU: --no-gpu")
        elif self.session.machine.devices:
            found["CUDA_VISIBLE_DEVICES"] = ""
        return found

    def _is_unset(self, ref: Ref) -> bool:
        """The check of parameters must see which have no value at all."""
        checks = isinstance(self.job.action, Support) and self.job.action.script == "check_parameters"
        return checks and ref.kind == "parameters" and ref.name not in self.one.parameters

    def _secret_files(self) -> list[str]:
        """Secrets as files in the checkout, for their owner alone; they are removed before outputs are taken."""
        made = []
        for use in self.job.secrets:
            if use.file is None:
                continue
            file = os.path.normpath(os.path.join(self.checkout, use.file))
            if not file.startswith(self.checkout + os.sep):
                message = f'the secret "{use.secret}" is wanted at "{use.file}", outside of the job\'s folder'
                raise FailureError(
                    Problem(codes.NO_ENGINE, message, use.origin or self.job.origin, help="name a relative path")
                )
            os.makedirs(os.path.dirname(file), exist_ok=True)
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(self.session.secrets.get(use.secret, ""))
            made.append(file)
        return made

    def _kept(self, argv: list[str]) -> list[str]:
        """The command under the keeper of checkpoints, where the job has some."""
        import sys

        from targets.runtime import compact

        resume = self.job.resume
        if resume is None:
            return argv
        key = f"{self.session.state.root} {self.one.pipeline.name} {self.one.id} {self.session.snapshot.commit}"
        paths = [word for path in resume.paths for word in ("--path", path)]
        every = str(resume.every or RESUME_EVERY_SECONDS)
        keeper = [sys.executable, "-I", "-c", compact("keeper"), "--store", self.session.state.shared("checkpoints")]
        return [*keeper, "--key", key, "--every", every, "--grace", "8", *paths, "--", *argv]

    # ------------------------------------------------------------------------------------------------------- containers

    def _container(self) -> str | None:
        """The image in which the job runs here; None where it runs on this machine."""
        environment = self.job.environment
        asked = isinstance(environment, Environment) and asks_for_image(environment)
        if self.job.volumes and not (asked and self.session.engine is not None):
            volume = self.job.volumes[0]
            message = (
                f'the volume "{volume.name}" can\'t be mounted at "{volume.path}": the job runs in no container here'
            )
            advice = "give the job an environment with an image, and install podman or docker"
            raise FailureError(
                Problem(codes.NO_ENGINE, message, volume.origin or self.job.origin, "volumes", help=advice)
            )
        if not asked:
            return None
        assert isinstance(environment, Environment)
        assert environment.image is not None
        image = self._text(environment.image)
        if self.session.engine is None:
            self.session.say_once(
                f"there is no container engine here: {self.one.name} runs on this machine, not in {image}"
            )
            self.log.say(f"on this machine, not in the image {image}: there is no container engine")
            return None
        return image

    def _in_container(self, image: str, argv: list[str], own: Mapping[str, str]) -> Ended:
        engine = self.session.engine
        assert engine is not None
        inside = {**own, "TMPDIR": self.temporary}
        name = self._name()
        folder = os.path.dirname(self.checkout)
        options = []
        shm = runners.shared_memory(self.job)
        if shm is not None:
            options.append(f"--shm-size={-(-shm // 10**9)}")
        if self.job.sidecars or listens(self.job):  # their ports are this machine's
            options.append("--network=host")
        for volume in self.job.volumes:
            options += ["--volume", self._volume(volume)]
        if self.work.share.devices:
            options.append("--gpus=all" if engine.name == "docker" else "--device=nvidia.com/gpu=all")
        line = engine.run(
            image, argv, self.checkout, [folder], inside, name, platform=self.job.platform, options=options
        )
        env = {**os.environ, **inside}
        return process.run(
            line,
            self.checkout,
            env,
            self.log.write,
            self.session.stop,
            self.job.timeout,
            on_end=lambda: engine.remove(name),
        )

    def _volume(self, volume: Volume) -> str:
        """A volume that the engine keeps for the project; one with a size is room for this container alone."""
        if volume.size is not None:
            return volume.path
        project = "".join(c if c.isalnum() or c in "._-" else "-" for c in self.session.project.name)
        return f"headrace-{project}-{volume.name}:{volume.path}" + (":ro" if volume.read_only else "")

    def _build(self, action: BuildImage) -> Ended:
        assert self.session.builder is not None, "the plan refuses builds without an engine"
        try:
            self.image, ended = build(
                self.session.builder,
                action,
                self.session,
                self.one,
                self.checkout,
                self.temporary,
                self._text,
                self.log,
            )
        except ImageError as error:
            raise FailureError(Problem(codes.NO_ENGINE, str(error), self.job.origin)) from error
        if ended.status == 0 and action.environment is not None:
            with self.session.lock:
                self.session.images[action.environment] = self.image
        if ended.status == 0 and action.publish is not None:
            self.log.say(f"built as {self.image}; nothing is pushed by a local run")
        return ended

    def _deploy(self, action: Deploy) -> Ended:
        written = deployment.write(action, self.session, self.one, self.checkout)
        for file in written:
            self.log.say(f"written: {file}")
        self.log.say(f"nothing is applied by a local run: {action.platform} would get {len(written)} document(s)")
        return Ended(0)


def _shell(job: Job) -> str:
    action = job.action
    return (action.shell if isinstance(action, Script) else None) or job.shell or "sh"
