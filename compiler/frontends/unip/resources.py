"""`resources` as Kubernetes has them: requests and limits of cpu, memory, storage and GPUs."""

from __future__ import annotations

from compiler import codes as core
from compiler import quantity, reader
from compiler.ir import Accelerator, Amounts, Resources
from compiler.yamltree import Mapping, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.unip.fields import Part
    from compiler.frontends.unip.module import Module

_NAMES = {"cpu": "cpu", "memory": "memory", "ephemeral-storage": "storage"}
_GPUS = {"nvidia.com/gpu": None, "amd.com/gpu": "amd"}  # nothing said is nvidia


def read_resources(part: Part | None, module: Module) -> Resources | None:
    if part is None:
        return None
    gpus: dict[str, int] = {}
    request = _amounts(part.get("requests"), gpus, module)
    limit = _amounts(part.get("limits"), gpus, module)
    accelerator = next((Accelerator(count=count, vendor=_GPUS[name]) for name, count in gpus.items() if count), None)
    if request is None and limit is None and accelerator is None:
        return None
    return Resources(request=request, limit=limit, accelerator=accelerator)


def _amounts(node: object, gpus: dict[str, int], module: Module) -> Amounts | None:
    if not isinstance(node, Mapping):
        return None
    found: dict[str, int] = {}
    for entry in slots(node):
        name = str(entry.key)
        if name in _GPUS:
            count = reader.integer(entry, module.sink, 0, 1000)
            gpus[name] = max(count or 0, gpus.get(name, 0))
        elif name in _NAMES:
            value = reader.parsed(entry, module.sink, quantity.parse, core.BAD_QUANTITY)
            if value is not None:
                found[_NAMES[name]] = value
    if not found:
        return None
    return Amounts(cpu=found.get("cpu"), memory=found.get("memory"), storage=found.get("storage"))
