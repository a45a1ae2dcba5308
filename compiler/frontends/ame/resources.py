"""`resources`: Kubernetes' names and quantities, which AME makes the limits of a task's containers."""

from __future__ import annotations

from compiler import codes, ir
from compiler.frontends.ame import codes as ame
from compiler.frontends.ame import config, serde
from compiler.quantity import NANO, QuantityError
from compiler.quantity import parse as parse_quantity
from compiler.yamltree import Slot, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.frontends.ame.serde import Context

AMOUNTS = {"cpu": "cpu", "memory": "memory", "ephemeral-storage": "storage", "storage": "storage"}
# https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/; `gpus` is the Go version's README's.
DEVICES = {
    "nvidia.com/gpu": "nvidia",
    "amd.com/gpu": "amd",
    "gpu.intel.com/i915": "intel",
    "google.com/tpu": "google",
    "gpus": "nvidia",
    "gpu": "nvidia",
}
MOST_DEVICES = 1024


def read_amounts(slot: Slot, context: Context) -> tuple[config.Amount, ...] | None:
    """Names with quantities as they are written."""
    node = serde.mapping(slot, context)
    if node is None:
        return () if serde.is_empty(slot.value) else None
    found = []
    for entry in slots(node):
        value = serde.required_text(entry, context)
        if value is not None:
            found.append(config.Amount(name=str(entry.key), value=value, origin=entry))
    return tuple(found)


def resources_of(amounts: tuple[config.Amount, ...], sink: Sink) -> ir.Resources | None:
    """What they ask for. A limit without a request is the request too, as Kubernetes takes it."""
    sizes: dict[str, int] = {}
    devices: list[tuple[config.Amount, int]] = []
    for amount in amounts:
        nano = _quantity(amount, sink)
        if nano is None:
            continue
        if amount.name in AMOUNTS:
            _check_storage(amount, sink)
            sizes[AMOUNTS[amount.name]] = nano
        elif amount.name in DEVICES:
            devices.append((amount, nano))
        else:
            message = f'"{amount.name}" is a resource that only a cluster knows, it is left out'
            advice = "name it in targets.argo.overlay, or choose a runner that has it"
            sink.report(ame.ODD_RESOURCE, message, amount.origin, help=advice)
    accelerator = _accelerator(devices, sink)
    if not sizes and accelerator is None:
        return None
    return ir.Resources(
        request=_amounts(sizes),
        limit=_amounts({key: nano for key, nano in sizes.items() if key != "storage"}),
        accelerator=accelerator,
        origin=amounts[0].origin,
    )


def _amounts(sizes: dict[str, int]) -> ir.Amounts | None:
    if not sizes:
        return None
    return ir.Amounts(cpu=sizes.get("cpu"), memory=sizes.get("memory"), storage=sizes.get("storage"))


def _quantity(amount: config.Amount, sink: Sink) -> int | None:
    try:
        return parse_quantity(amount.value)
    except QuantityError as error:
        sink.report(codes.BAD_QUANTITY, str(error), amount.origin, suggestion=error.suggestion)
        return None


def _check_storage(amount: config.Amount, sink: Sink) -> None:
    if amount.name == "storage":
        message = 'AME makes "storage" a limit of the container, which Kubernetes refuses'
        note = "headrace asks for that much disk"
        slot = config.slot_of(amount)
        at = amount.origin if slot is None else slot.key_span
        sink.report(ame.ODD_RESOURCE, message, at, suggestion="ephemeral-storage", notes=(note,))


def _accelerator(devices: list[tuple[config.Amount, int]], sink: Sink) -> ir.Accelerator | None:
    """The devices of one vendor; none where the count is zero."""
    found: ir.Accelerator | None = None
    for amount, nano in devices:
        if nano % NANO or nano // NANO > MOST_DEVICES:
            message = f'"{amount.name}" takes a count of devices, not "{amount.value}"'
            sink.report(codes.OUT_OF_RANGE, message, amount.origin)
        elif nano and found is not None:
            message = f'"{amount.name}" is a second kind of device, which one job can\'t have'
            sink.report(codes.KEYS_EXCLUDE, message, amount.origin)
        elif nano:
            vendor = DEVICES[amount.name]
            own = None if vendor == "nvidia" else vendor
            found = ir.Accelerator(count=nano // NANO, vendor=own, origin=amount.origin)
    return found
