"""Which of a target's runners a job gets: the smallest entry that fits, ties in order, the same on every target."""

from __future__ import annotations

from compiler import codes, quantity
from compiler.ir import Accelerator, Amounts, Job, Resources, Runner, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink

DEFAULT_PLATFORM = "linux/amd64"
GPU_LABEL = "gpu"  # what GPU jobs ask for where a manifest lists no runners


def shared_memory(job: Job) -> int | None:
    """A job's shared memory in nano-bytes: as it is said, else half of the memory of a job that asks for a GPU.

    A target that can't set it holds a job to what is said only: the default is a help, not a wish of the manifest's.
    """
    resources = job.resources
    if resources is None or resources.shm is not None or resources.accelerator is None:
        return None if resources is None else resources.shm
    given = (amounts.memory for amounts in (resources.limit, resources.request) if amounts is not None)
    memory = next((memory for memory in given if memory is not None), None)
    return None if memory is None else memory // 2


def choose(job: Job, settings: Settings, sink: Sink) -> Runner | None:
    """The entry of `targets.T.runners` that the job runs on.

    None where the manifest lists none (a target then takes its usual one, and `GPU_LABEL` for GPUs), and where none
    fits, which is reported with what each entry lacks.
    """
    runners = settings.runners
    forced = job.resources.runner if job.resources is not None else None
    if forced is not None:
        return _forced(job, forced, runners, sink)
    if not runners:
        if accelerator(job) is not None:
            sink.report(
                codes.DEFAULT_GPU_RUNNER,
                f'no runners are given for {settings.target}, so GPU jobs ask for a runner named "{GPU_LABEL}"',
                settings.origin,
                help=f"list your runners under targets.{settings.target}.runners",
            )
        return None
    lacks = [lack(job, runner) for runner in runners]
    fitting = [runner for runner, missing in zip(runners, lacks, strict=True) if not missing]
    if fitting:
        return min(fitting, key=lambda runner: _size(job, runner))
    notes = tuple(
        f"{_shown(runner, at)} {' and '.join(missing)}"
        for at, (runner, missing) in enumerate(zip(runners, lacks, strict=True))
    )
    message = f'no runner of {settings.target} fits "{job.name}", which asks for {_wish(job)}'
    sink.report(codes.NO_RUNNER, message, job.origin, field="resources", notes=notes)
    return None


class Runners:
    """One target's runners. Jobs that ask for the same get the same one, worked out once."""

    __slots__ = ("known", "settings", "sink")

    def __init__(self, settings: Settings, sink: Sink) -> None:
        self.settings = settings
        self.sink = sink
        self.known: dict[tuple[object, ...], Runner] = {}

    def choose(self, job: Job) -> Runner | None:
        """As the function of that name."""
        asked = _asked(job)
        found = self.known.get(asked)
        if found is None:
            found = choose(job, self.settings, self.sink)
            if found is not None:  # what is missing is reported for each job
                self.known[asked] = found
        return found


def _asked(job: Job) -> tuple[object, ...]:
    """All that decides which runner a job gets."""
    resources = job.resources
    if resources is None:
        return (job.platform,)
    asked: list[object] = [job.platform, resources.spot, resources.runner]
    for amounts in (resources.request, resources.limit):
        asked += (None, None) if amounts is None else (amounts.cpu, amounts.memory)
    device = resources.accelerator
    if device is not None:
        asked += (device.count, device.vendor, device.kind, device.memory)
    return tuple(asked)


def lack(job: Job, runner: Runner) -> list[str]:
    """What a runner lacks for a job, in words; nothing where it fits. What an entry doesn't say is no bound."""
    missing = []
    platform = job.platform or DEFAULT_PLATFORM
    if (runner.platform or DEFAULT_PLATFORM) != platform:
        missing.append(f'is "{runner.platform or DEFAULT_PLATFORM}"')
    asked = request(job)
    for name, wanted, held in (("cpu", asked.cpu, runner.cpu), ("memory", asked.memory, runner.memory)):
        if wanted is not None and held is not None and held < wanted:
            missing.append(f"has {name} {quantity.text(held)}")
    missing.extend(_lacks_accelerator(accelerator(job), runner))
    if runner.spot and not (job.resources is not None and job.resources.spot):
        missing.append("is a spot machine")
    return missing


def _lacks_accelerator(wanted: Accelerator | None, runner: Runner) -> list[str]:
    if wanted is None:
        return []
    held = runner.accelerator
    if held is None:
        return [] if runner.gpu else ["has no GPU"]
    missing = []
    if held.count < wanted.count:
        missing.append(f"has {held.count} GPU" + ("s" if held.count > 1 else ""))
    if (held.vendor or "nvidia") != (wanted.vendor or "nvidia"):
        missing.append(f"has GPUs by {held.vendor or 'nvidia'}")
    if wanted.kind is not None and held.kind is not None and held.kind.lower() != wanted.kind.lower():
        missing.append(f"has GPUs of kind {held.kind}")
    if wanted.memory is not None and held.memory is not None and held.memory < wanted.memory:
        missing.append(f"has GPUs of {quantity.text(held.memory)}")
    return missing


def request(job: Job) -> Amounts:
    """What the job needs at least: its request, or its limit where it says no request."""
    resources = job.resources or Resources()
    asked, limit = resources.request or Amounts(), resources.limit or Amounts()
    return Amounts(
        cpu=limit.cpu if asked.cpu is None else asked.cpu,
        memory=limit.memory if asked.memory is None else asked.memory,
        storage=limit.storage if asked.storage is None else asked.storage,
    )


def accelerator(job: Job) -> Accelerator | None:
    return job.resources.accelerator if job.resources is not None else None


def _size(job: Job, runner: Runner) -> tuple[bool, int, int, bool, int, int]:
    """Smaller is better: no idle GPU, few and small GPUs, spot for what may be pre-empted, then cores and memory.

    An entry that doesn't say how large it is counts as the smallest: somebody wrote it as the usual one.
    """
    held = runner.accelerator
    idle = (held is not None or bool(runner.gpu)) and accelerator(job) is None
    wants_spot = bool(job.resources is not None and job.resources.spot)
    return (
        idle,
        held.count if held is not None else 0,
        (held.memory or 0) if held is not None else 0,
        wants_spot and not runner.spot,
        runner.cpu or 0,
        runner.memory or 0,
    )


def _forced(job: Job, name: str, runners: tuple[Runner, ...], sink: Sink) -> Runner | None:
    for runner in runners:
        if runner.name == name:
            return runner
    known = ", ".join(f'"{runner.name}"' for runner in runners if runner.name)
    message = f'"{name}" is not a runner of this target'
    sink.report(codes.UNKNOWN_RUNNER, message, job.origin, field="resources", help=f"there are {known or 'none'}")
    return None


def _shown(runner: Runner, at: int) -> str:
    return f'"{runner.name}"' if runner.name else f"runner {at + 1}"


def _wish(job: Job) -> str:
    asked = request(job)
    parts = [f'platform "{job.platform}"'] if job.platform else []
    parts += [
        f"{name} {quantity.text(wanted)}"
        for name, wanted in (("cpu", asked.cpu), ("memory", asked.memory))
        if wanted is not None
    ]
    device = accelerator(job)
    if device is not None:
        words = [str(device.count), device.vendor or "", device.kind or "", "GPU" + ("s" if device.count > 1 else "")]
        size = f" of {quantity.text(device.memory)}" if device.memory is not None else ""
        parts.append(" ".join(word for word in words if word) + size)
    return ", ".join(parts) or "no GPU and no spot machine"
