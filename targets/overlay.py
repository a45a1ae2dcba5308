"""`targets.T.overlay`: the target's own keys, laid over what was compiled.

    {"pipeline": tree, "jobs": {NAME: tree}}

Mappings are merged key by key, to any depth; everything else (lists too) replaces what stands there, and null takes it
away. Where a mapping stands, no other kind of value may replace it: that is a slip, not a wish.
"""

from __future__ import annotations

from compiler import codes
from compiler.diagnostics import suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias

    from compiler.diagnostics import Place, Sink

    KeyPath: TypeAlias = tuple[str, ...]

PARTS = ("pipeline", "jobs")
ANY = "*"  # in a forbidden path: any key


def apply(
    data: dict[str, Any],
    overlay: Any,
    jobs: Mapping[str, Sequence[dict[str, Any]]],
    forbidden: tuple[KeyPath, ...],
    sink: Sink,
    at: Place = None,
) -> None:
    """Lay an overlay over a pipeline's data and over what was emitted for each of its jobs, in place.

    `jobs` has, for a job's name in the manifest, the mappings emitted for it. `forbidden` are key paths from either
    root that undo a safety rule: neither they, nor what lies below or around them, is set or taken away. What is
    refused is reported (HR4005, HR4006) and left out; the rest is laid on.
    """
    if not overlay:
        return
    if not isinstance(overlay, dict):
        sink.report(codes.BAD_OVERLAY, 'the overlay is not a mapping of "pipeline" and "jobs"', at)
        return
    for part in overlay:
        if part not in PARTS:
            _report_unknown(str(part), 'a part of an overlay ("pipeline" or "jobs")', PARTS, sink, at)
    _lay(overlay.get("pipeline"), [data], "pipeline", forbidden, sink, at)
    trees = overlay.get("jobs")
    if trees is None:
        return
    if not isinstance(trees, dict):
        sink.report(codes.BAD_OVERLAY, 'the overlay\'s "jobs" is not a mapping of job names', at)
        return
    for name, tree in trees.items():
        if name in jobs:
            _lay(tree, jobs[name], f"jobs.{name}", forbidden, sink, at)
        else:
            _report_unknown(str(name), "a job of this manifest", jobs, sink, at)


def _report_unknown(name: str, what: str, known: Any, sink: Sink, at: Place) -> None:
    near = suggest(name, known)
    advice = f'did you mean "{near}"?' if near else None
    sink.report(codes.BAD_OVERLAY, f'overlay: "{name}" is not {what}', at, help=advice, suggestion=near)


def _lay(
    tree: Any,
    roots: Sequence[dict[str, Any]],
    place: str,
    forbidden: tuple[KeyPath, ...],
    sink: Sink,
    at: Place,
) -> None:
    if tree is None:
        return
    if not isinstance(tree, dict):
        sink.report(codes.BAD_OVERLAY, f'the overlay of "{place}" is not a mapping', at)
        return
    pending: list[tuple[dict[str, Any], list[dict[str, Any]], KeyPath]] = [(tree, list(roots), ())]
    while pending:
        above, targets, path = pending.pop()
        for key, value in above.items():
            here = (*path, str(key))
            if _is_refused(here, value, [target.get(key) for target in targets], forbidden):
                message = f'overlay: "{".".join((place, *here))}" undoes a safety rule'
                sink.report(codes.UNSAFE_OVERLAY, message, at)
            elif isinstance(value, dict) and value:
                pending.append((value, _entered(targets, key, here, place, sink, at), here))
            else:
                _put(targets, key, value, here, place, sink, at)


def _is_refused(path: KeyPath, value: Any, found: list[Any], forbidden: tuple[KeyPath, ...]) -> bool:
    """Whether a path is a forbidden one or below one, or would replace what holds one."""
    whole = not (isinstance(value, dict) and value)
    for rule in forbidden:
        if not all(wanted in (ANY, key) for wanted, key in zip(rule, path, strict=False)):
            continue
        if len(path) >= len(rule) or (whole and any(_holds(one, rule[len(path) :]) for one in found)):
            return True
    return False


def _holds(data: Any, rest: KeyPath) -> bool:
    """Whether data has something at the rest of a forbidden path."""
    found = [data]
    for key in rest:
        mappings = [one for one in found if isinstance(one, dict)]
        found = [one[name] for one in mappings for name in (one if key == ANY else (key,)) if name in one]
    return bool(found)


def _entered(
    targets: list[dict[str, Any]], key: str, here: KeyPath, place: str, sink: Sink, at: Place
) -> list[dict[str, Any]]:
    """The mappings below a key; one is made where there is none."""
    below = []
    for target in targets:
        found = target.get(key)
        if found is None:
            found = target[key] = {}
        if isinstance(found, dict):
            below.append(found)
        else:
            _report_kind(here, place, "a mapping", found, sink, at)
    return below


def _put(targets: list[dict[str, Any]], key: str, value: Any, here: KeyPath, place: str, sink: Sink, at: Place) -> None:
    for target in targets:
        found = target.get(key)
        if value is None:
            target.pop(key, None)
        elif isinstance(found, dict) and found and not isinstance(value, dict):
            _report_kind(here, place, _kind(value), found, sink, at)
        elif not isinstance(value, dict) or found is None:
            target[key] = value


def _report_kind(here: KeyPath, place: str, new: str, found: Any, sink: Sink, at: Place) -> None:
    message = f'overlay: "{".".join((place, *here))}" is {_kind(found)}, which {new} can\'t replace'
    sink.report(codes.BAD_OVERLAY, message, at)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else f'"{value}"'
