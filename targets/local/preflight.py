"""What stands in the way of a plan on this machine, found before anything runs."""

from __future__ import annotations

from compiler.diagnostics import WARNING
from compiler.ir import BuildImage, Environment, Job
from targets.local import codes, pythons
from targets.local.environments import asks_for_image, system_packages
from targets.local.machine import MIB, Machine, this_platform, wish
from targets.local.outcome import Problem
from targets.local.plan import JOB, Instance, Plan
from targets.local.session import Session
from targets.secrets import called


def ruled_out(plan: Plan) -> set[str]:
    """The instances that can't run: by their condition, or with a need."""
    found: set[str] = set()
    for name, one in plan.instances.items():
        if one.ruled_out or any(edge.to in found and not edge.optional for edge in one.needs):
            found.add(name)
    return found


def check(plan: Plan, session: Session, skip_builds: bool) -> None:
    """Report what this machine lacks for the jobs that would run; errors mean that nothing runs."""
    out = ruled_out(plan)
    jobs: dict[str, Instance] = {}
    for one in plan.instances.values():
        if one.kind == JOB and one.id not in out:
            jobs.setdefault(one.name, one)
    skipped = _check_builds(plan, session, skip_builds, out)
    for one in jobs.values():
        if one.id in skipped:
            continue
        _check_size(one.job, session.machine, session)
        _check_gpu(one.job, session)
        _check_secrets(one.job, session)
        _check_environment(one.job, session)
        if one.job.sidecars and session.engine is None:
            message = f'"{one.name}" has sidecars: they need a container engine, and there is none here'
            session.report(Problem(codes.NO_ENGINE, message, one.job.origin, "sidecars", "install podman or docker"))


def _check_builds(plan: Plan, session: Session, skip_builds: bool, out: set[str]) -> set[str]:
    """Builds without an engine: an error, or skipped with what depends on them; gives who is skipped."""
    skipped: set[str] = set()
    for name, one in plan.instances.items():
        if name in out or one.kind != JOB:
            continue
        if any(edge.to in skipped and not edge.optional for edge in one.needs):
            skipped.add(name)
        if isinstance(one.job.action, BuildImage) and session.on_host and not skip_builds:
            message = f'"{one.name}" builds nothing here: what runs in its image runs on this machine itself'
            session.report(Problem(codes.IMAGE_NOT_USED, message, one.job.origin))
            continue
        if not isinstance(one.job.action, BuildImage) or (session.builder is not None and not skip_builds):
            continue
        skipped.add(name)
        if not skip_builds:
            message = f'"{one.name}" builds an image: that needs podman, docker or buildah, and none works here'
            advice = "--skip-builds runs everything else, --engine host all of it on this machine itself"
            session.report(Problem(codes.NO_ENGINE, message, one.job.origin, help=advice))
    if skip_builds and skipped:
        listed = ", ".join(sorted(skipped))
        session.report(Problem(codes.BUILD_SKIPPED, f"--skip-builds: skipped are {listed}"))
    return skipped


def _check_size(job: Job, machine: Machine, session: Session) -> None:
    wanted = wish(job)
    parts = []
    if wanted.cores > machine.cores:
        parts.append(f"{wanted.cores:g} cores, and this machine has {machine.cores:g}")
    if wanted.memory > machine.memory:
        parts.append(f"{wanted.memory // MIB} MiB of memory, and this machine has {machine.memory // MIB}")
    if parts:
        message = f'"{job.name}" asks for {" and for ".join(parts)}: it runs alone with what there is'
        session.report(Problem(codes.TOO_LARGE_HERE, message, job.origin, "resources"))


def _check_gpu(job: Job, session: Session) -> None:
    accelerator = job.resources.accelerator if job.resources is not None else None
    if accelerator is None or not session.use_gpu:
        return
    fitting = session.machine.fitting(accelerator)
    if len(fitting) >= accelerator.count:
        return
    have = ", ".join(device.name for device in session.machine.devices) or "none"
    kind = f" {accelerator.kind}" if accelerator.kind else ""
    message = f'"{job.name}" asks for {accelerator.count}{kind} GPU{"s" if accelerator.count > 1 else ""}: this machine has {have}'
    session.report(Problem(codes.NO_GPU, message, job.origin, "resources", "--no-gpu runs it on the CPU"))


def _check_secrets(job: Job, session: Session) -> None:
    uses = [*job.secrets, *(job.action.build.secrets if isinstance(job.action, BuildImage) else ())]
    names = called(session.project.secrets) if uses else {}
    for use in uses:
        if use.secret not in session.secrets and not use.optional:
            message = f'the secret "{use.secret}" has no value here'
            advice = f"set the variable {names[use.secret]}, or write it in a file for --env-file"
            session.report(Problem(codes.NO_VALUE, message, use.origin or job.origin, help=advice))


def _check_environment(job: Job, session: Session) -> None:
    environment = job.environment
    platform = job.platform or (environment.platform if isinstance(environment, Environment) else None)
    in_container = session.engine is not None and isinstance(environment, Environment) and asks_for_image(environment)
    if platform is not None and platform != this_platform() and not in_container:
        message = f'"{job.name}" is for {platform}, and this machine is {this_platform()}'
        session.report(Problem(codes.NO_ENGINE, message, job.origin, "platform"))
    if not isinstance(environment, Environment) or in_container:
        return
    name = f'the environment "{environment.name}"' if environment.name else f'the environment of "{job.name}"'
    if environment.python and environment.installer != "conda":
        python = pythons.find(environment.python)
        if environment.installer != "uv" and not python.fits:
            message = f"{name} asks for Python {environment.python}: its jobs run with Python {python.version} here"
            advice = f"install Python {environment.python}, or uv, which brings it"
            session.report(Problem(codes.OTHER_PYTHON, message, environment.origin or job.origin, help=advice), WARNING)
    if system_packages(environment):
        packages = " ".join(system_packages(environment))
        message = f"{name} wants the system packages {packages}: they are not installed by a local run"
        session.report(Problem(codes.PACKAGES_NOT_INSTALLED, message, environment.origin or job.origin))
    if asks_for_image(environment):
        message = f"{name} is an image: its jobs run on this machine itself, since there is no container engine"
        session.report(Problem(codes.IMAGE_NOT_USED, message, environment.origin or job.origin))
    _check_installer(environment, name, job, session)


def _check_installer(environment: Environment, name: str, job: Job, session: Session) -> None:
    from shutil import which

    helps = {"uv": "pip install uv", "conda": "install Miniforge"}
    installer = environment.installer
    if installer in helps and environment.python and which(installer) is None:
        message = f"{name} is made by {installer}, which is not installed here"
        at = environment.origin or job.origin
        session.report(Problem(codes.NO_INSTALLER, message, at, help=helps[installer]))


def wants_engine(plan: Plan, out: set[str]) -> set[str]:
    """What a container engine is wanted for: `run`, `build`. Asking it takes time."""
    kinds: set[str] = set()
    for name, one in plan.instances.items():
        if name in out or one.kind != JOB:
            continue
        environment = one.job.environment
        if isinstance(one.job.action, BuildImage):
            kinds.add("build")
        if one.job.sidecars or (isinstance(environment, Environment) and asks_for_image(environment)):
            kinds.add("run")
    return kinds
