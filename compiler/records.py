"""Records of runs in MLSpec's terms: a pipeline's run is the parent of its jobs' runs.

    {"id", "parent_run_id", "child_run_ids", "name", "status", "reason", "started", "ended", "seconds", "attempts",
     "tags": [{"key", "value"}], "parameters": [{"key", "value"}],
     "metrics": [{"key", "value", "value_type": "scalar" | "array" | "object", "series": of each epoch, where it has more}],
     "artifacts": [{"path", "kind", "sha256", "size"}], "log"}

A run executes once. Times are ISO 8601 in UTC. https://github.com/mlspec/MLSpec
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

VERSION = 1
RUNNING, SUCCEEDED, FAILED, SKIPPED, CANCELLED = "running", "succeeded", "failed", "skipped", "cancelled"
INTERRUPTED = "interrupted"  # the record says that it runs, and nobody does

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Keys and values as tags and parameters are written."""
    return [{"key": key, "value": value} for key, value in values.items()]


def mapping(listed: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The reverse of `pairs`; of metrics too."""
    return {str(one["key"]): one["value"] for one in listed}


def metric(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """One metric as a run holds it: a number where the file has one, all of them where it has several."""
    held = [number(value) for value in values]
    if len(held) == 1:
        return {"key": name, "value": held[0], "value_type": "scalar"}
    return {"key": name, "value": held, "value_type": "array"}


def with_series(one: dict[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    """A metric with what it was after each epoch, None where an epoch has no number."""
    held = [number(value) for value in values]
    numbers = [value if isinstance(value, (int, float)) else None for value in held]
    return {**one, "series": numbers} if len(numbers) > 1 else one


def number(value: Any) -> Any:
    """A number that was read as text, where it is one that JSON can say; else the value as it is."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    if re.fullmatch(r"[+-]?[0-9]{1,15}", value):
        return int(value)
    held = float(value)
    return held if math.isfinite(held) else value


def moment(seconds: float) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC; None for 0, which is never."""
    return (
        datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if seconds
        else None
    )


def seconds_of(text: str | None) -> float:
    """The reverse of `moment`."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else 0.0


def record(
    run_id: str,
    name: str,
    status: str,
    *,
    parent: str | None = None,
    children: Iterable[str] = (),
    reason: str = "",
    started: float = 0.0,
    ended: float = 0.0,
    attempts: int = 0,
    tags: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    metrics: Sequence[Mapping[str, Any]] = (),
    artifacts: Sequence[Mapping[str, Any]] = (),
    log: str | None = None,
) -> dict[str, Any]:
    """A run as data."""
    return {
        "version": VERSION,
        "id": run_id,
        "parent_run_id": parent,
        "child_run_ids": list(children),
        "name": name,
        "status": status,
        "reason": reason or None,
        "started": moment(started),
        "ended": moment(ended),
        "seconds": round(max(0.0, ended - started), 3) if started and ended else None,
        "attempts": attempts,
        "tags": pairs(tags or {}),
        "parameters": pairs(parameters or {}),
        "metrics": [dict(one) for one in metrics],
        "artifacts": [dict(one) for one in artifacts],
        "log": log,
    }
