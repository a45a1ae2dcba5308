"""`targets.T.overlay`: the target's own keys, laid over what was compiled.

    {"pipeline": tree, "jobs": {NAME: tree}}

Mappings are merged key by key, to any depth; everything else (lists too) replaces what stands there, and null takes it
away. Where a mapping stands, no other kind of value may replace it: that is a slip, not a wish.
"""

from __future__ import annotations

from compiler import codes
from compiler.diagnostics import suggest
from compiler.yamlwriter import Shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Literal, TypeAlias

    from compiler.diagnostics import Place, Sink

    KeyPath: TypeAlias = tuple[str, ...]
    Schema: TypeAlias = Literal["argo", "github", "gitlab"]

PARTS = ("pipeline", "jobs")
MOST_JUDGED = 10  # faults of one document that are told
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


def judge(schema: Schema, documents: Iterable[dict[str, Any]], sink: Sink, at: Place = None) -> None:
    """Report what a target's own schema, closed, does not take of documents that an overlay has been laid over.

    Without an overlay they are right, so that whatever is wrong came with it. Documents may be parts of the output: the
    jobs that were touched.
    """
    from itertools import islice

    from jsonschema.validators import validator_for

    import schemas

    closed = schemas.vendor(schema)
    validator: Any = validator_for(closed)(closed)
    for document in documents:
        for wrong in islice(validator.iter_errors(document), MOST_JUDGED):
            error = _nearest(wrong)
            place = ".".join(map(str, error.absolute_path)) or "the pipeline"
            sink.report(codes.BAD_OVERLAY, f"overlay: {place}: {_shortened(error.message)}", at)


def _nearest(error: Any) -> Any:
    """Of the ways in which alternatives fail, the one that says least: the others are other kinds of thing."""
    while error.context:
        unknown = [one for one in error.context if one.validator == "additionalProperties"]
        error = min(unknown or error.context, key=lambda one: len(one.message))
    return error


def touched(overlay: Any, jobs: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What was emitted for the jobs that an overlay names, by their names."""
    named = overlay.get("jobs") if isinstance(overlay, dict) else None
    found: dict[str, dict[str, Any]] = {}
    for name in named if isinstance(named, dict) else ():
        for number, one in enumerate(jobs.get(name, ())):
            found[f"{name}-{number}" if number else str(name)] = one
    return found


def _shortened(text: str) -> str:
    return text if len(text) <= 160 else text[:100] + " … " + text[-57:]


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
        elif isinstance(found, Shared):
            found = target[key] = _own(found)
        if isinstance(found, dict):
            below.append(found)
        else:
            _report_kind(here, place, "a mapping", found, sink, at)
    return below


def _own(found: Shared) -> dict[str, Any]:
    """What other jobs hold too, as a job's own: only the one that the overlay names is changed."""
    from copy import deepcopy

    return deepcopy(dict(found))


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
