"""What this machine has, and what running jobs hold of it."""

from __future__ import annotations

import os
import platform
import subprocess
import threading
from dataclasses import dataclass

from compiler import quantity
from compiler.ir import Accelerator, Amounts, Job

MIB = 1024 * 1024


@dataclass(frozen=True)
class Device:
    """A GPU: its index as CUDA_VISIBLE_DEVICES takes it, its name, its memory in bytes."""

    index: str
    name: str
    memory: int


@dataclass(frozen=True)
class Share:
    """What an instance holds while it runs: cores, bytes and devices."""

    cores: float = 0.0
    memory: int = 0
    devices: tuple[Device, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What a job asks for: cores, bytes, and its accelerator."""

    cores: float
    memory: int
    accelerator: Accelerator | None


def wish(job: Job) -> Wish:
    """A job's request, else its limit; one core where it says nothing."""
    resources = job.resources
    asked = (resources.request if resources else None) or Amounts()
    limit = (resources.limit if resources else None) or Amounts()
    cpu = asked.cpu if asked.cpu is not None else limit.cpu
    memory = asked.memory if asked.memory is not None else limit.memory
    cores = 1.0 if cpu is None else cpu / quantity.NANO
    return Wish(
        cores, 0 if memory is None else quantity.whole_units(memory), resources.accelerator if resources else None
    )


class Machine:
    """Cores, memory and GPUs that are free. Safe to use from several threads."""

    def __init__(self, cores: float, memory: int, devices: tuple[Device, ...]) -> None:
        self.cores, self.memory, self.devices = cores, memory, devices
        self._lock = threading.Lock()
        self._held: list[Share] = []

    def fitting(self, accelerator: Accelerator) -> list[Device]:
        """The devices that an accelerator can be."""
        if (accelerator.vendor or "nvidia") != "nvidia":
            return []
        kind = (accelerator.kind or "").lower()
        needed = 0 if accelerator.memory is None else quantity.whole_units(accelerator.memory)
        return [one for one in self.devices if kind in one.name.lower() and one.memory >= needed]

    def take(self, wanted: Wish, use_gpu: bool = True) -> Share | None:
        """What a job gets, None where it must wait. What asks for more than there is runs alone."""
        with self._lock:
            cores = min(wanted.cores, self.cores)
            memory = min(wanted.memory, self.memory)
            if cores > self.cores - sum(one.cores for one in self._held) + 1e-9:
                return None
            if memory > self.memory - sum(one.memory for one in self._held):
                return None
            devices: tuple[Device, ...] = ()
            if wanted.accelerator is not None and use_gpu:
                taken = {device for one in self._held for device in one.devices}
                free = [device for device in self.fitting(wanted.accelerator) if device not in taken]
                if len(free) < wanted.accelerator.count:
                    return None
                devices = tuple(free[: wanted.accelerator.count])
            share = Share(cores, memory, devices)
            self._held.append(share)
            return share

    def give_back(self, share: Share) -> None:
        with self._lock:
            for at, held in enumerate(self._held):
                if held is share:
                    del self._held[at]
                    return


def this_machine() -> Machine:
    """The machine that this runs on; GPUs are asked for only where somebody wants one (`found_devices`)."""
    return Machine(float(_cores()), _memory(), ())


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int:
    """Bytes of main memory, or of the control group that this runs in."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as stream:
                text = stream.read().strip()
            if text.isdigit():
                total = min(total, int(text))
        except OSError:
            continue
    return total


def found_devices() -> tuple[Device, ...]:
    """The GPUs that nvidia-smi lists; none where it is not there or fails.

    https://docs.nvidia.com/deploy/nvidia-smi/index.html
    """
    command = ["nvidia-smi", "--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = []
    for line in done.stdout.splitlines() if done.returncode == 0 else ():
        parts = [part.strip() for part in line.split(",")]
        if len(parts) == 3 and parts[0].isdigit():
            found.append(Device(parts[0], parts[1], int(parts[2]) * MIB if parts[2].isdigit() else 0))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:  # what headrace itself may not see, its jobs don't get
        allowed = [name.strip() for name in visible.split(",")]
        found = [device for device in found if device.index in allowed]
    return tuple(found)


def this_platform() -> str:
    """`linux/amd64`, as images name it."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    machine = platform.machine().lower()
    return f"{platform.system().lower()}/{names.get(machine, machine)}"
