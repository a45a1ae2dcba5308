"""Compute targets by name: `cpu`, a GPU such as `k80` or `v100x2`, else a runner that the target's settings name."""

from __future__ import annotations

from compiler.ir import Accelerator, Resources
from compiler.source import Origin

USUAL = ("cpu", "default", "local")
# The GPUs that Watson Machine Learning, FfDL and the clouds sell by these names.
GPUS = frozenset(("k80", "p4", "p40", "p100", "t4", "v100", "l4", "l40s", "a10", "a10g", "a100", "h100", "h200"))


def resources_of(name: str, origin: Origin) -> Resources | None:
    """What a compute name asks for; None for what every machine is."""
    lowered = name.lower()
    if not name or lowered in USUAL:
        return None
    kind, times, count = lowered.partition("x")
    many = int(count) if times and count.isascii() and count.isdigit() and len(count) < 4 else 1
    if kind == "gpu":
        return Resources(accelerator=Accelerator(count=max(1, many)), origin=origin)
    if kind in GPUS:
        return Resources(accelerator=Accelerator(count=max(1, many), kind=kind, origin=origin), origin=origin)
    return Resources(runner=name, origin=origin)
