"""Runs in MLflow, where MLFLOW_TRACKING_URI is set: the run and, below it, each job that ran.

Through its REST API, with nothing to install: https://mlflow.org/docs/latest/rest-api.html. What goes wrong is a warning
and nothing more: a run does not fail because a tracker is down.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any

from compiler import records
from compiler.diagnostics import Sink
from targets.local import codes
from targets.local.history import find
from targets.local.state import State

TIMEOUT_SECONDS = 10
# Limits of one log-batch request; a parameter's value is at most 6000 characters.
BATCH_METRICS, BATCH_PARAMETERS, BATCH_TAGS, LONGEST_PARAMETER, LONGEST_TAG = 900, 100, 100, 6000, 5000
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_STATUS = {
    records.SUCCEEDED: "FINISHED",
    records.FAILED: "FAILED",
    records.CANCELLED: "KILLED",
    records.INTERRUPTED: "KILLED",
}


class TrackingError(Exception):
    """The tracker does not answer, or says no."""


def track(
    state: State, record: Mapping[str, Any], sink: Sink, environment: Mapping[str, str] | None = None
) -> str | None:
    """Log a run that ended; gives the id of its run in MLflow, None where nothing was logged."""
    environment = os.environ if environment is None else environment
    uri = environment.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        return None
    if not uri.startswith(("http://", "https://")):
        scheme = uri.split(":", 1)[0] if ":" in uri else "a folder"
        served = scheme in ("a folder", "file") or any(scheme.startswith(one) for one in _DATABASES)
        advice = f"`mlflow server --backend-store-uri {quote(uri)}` serves it over http" if served else None
        message = f"MLFLOW_TRACKING_URI is {scheme}: a run is logged to http and https only"
        sink.report(codes.NOT_TRACKED, message, help=advice)
        return None
    whole = find(state, str(record["id"]))
    if whole is None:
        return None
    try:
        return Tracker(uri, environment).log(whole, environment.get("MLFLOW_EXPERIMENT_NAME"))
    except TrackingError as error:
        sink.report(codes.NOT_TRACKED, f"the run was not logged to MLflow: {error}")
        return None


class Tracker:
    """A tracking server."""

    def __init__(self, uri: str, environment: Mapping[str, str]) -> None:
        self._base = uri.rstrip("/") + "/api/2.0/mlflow/"
        self._headers = {"Content-Type": "application/json"}
        token, user = environment.get("MLFLOW_TRACKING_TOKEN"), environment.get("MLFLOW_TRACKING_USERNAME")
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        elif user:
            login = f"{user}:{environment.get('MLFLOW_TRACKING_PASSWORD', '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()

    def log(self, record: Mapping[str, Any], experiment: str | None) -> str:
        """Log a run with its jobs. Raises TrackingError."""
        name = experiment or _project(record)
        experiment_id = self._experiment(name)
        parent = self._run(experiment_id, record, None)
        for child in record["children"]:
            if child["status"] != records.SKIPPED and "unchanged_since" not in records.mapping(child["tags"]):
                self._run(experiment_id, child, parent)
        return parent

    def _experiment(self, name: str) -> str:
        found = self._call("GET", "experiments/get-by-name", {"experiment_name": name}, missing=True)
        if found is not None:
            return str(found["experiment"]["experiment_id"])
        return str(self._call("POST", "experiments/create", {"name": name})["experiment_id"])

    def _run(self, experiment_id: str, record: Mapping[str, Any], parent: str | None) -> str:
        started, ended = (int(records.seconds_of(record[name]) * 1000) for name in ("started", "ended"))
        tags = {f"headrace.{key}": value for key, value in records.mapping(record["tags"]).items()}
        tags |= {
            "headrace.run_id": str(record["id"]),
            "mlflow.runName": str(record["name"]),
            "mlflow.source.type": "JOB",
        }
        commit = records.mapping(record["tags"]).get("commit")
        tags |= {"mlflow.source.git.commit": commit} if commit else {}
        tags |= {"mlflow.parentRunId": parent} if parent else {}
        tags |= {f"headrace.artifact.{one['path']}"[:250]: f"sha256:{one['sha256']}" for one in record["artifacts"]}
        body = {"experiment_id": experiment_id, "run_name": record["name"], "start_time": started}
        run_id = str(self._call("POST", "runs/create", body)["run"]["info"]["run_id"])
        for batch in _batches(record, tags, ended):
            self._call("POST", "runs/log-batch", {"run_id": run_id, **batch})
        status = _STATUS.get(str(record["status"]), "FINISHED")
        self._call("POST", "runs/update", {"run_id": run_id, "status": status, "end_time": ended})
        return run_id

    def _call(self, method: str, path: str, body: Mapping[str, Any], missing: bool = False) -> Any:
        """One request; with `missing` what is not there is None."""
        url, data = self._base + path, None
        if method == "GET":
            url += "?" + urllib.parse.urlencode(body)
        else:
            data = json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            if missing and error.code == 404:
                return None
            raise TrackingError(f"{path} answered {error.code}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise TrackingError(f"{self._base.split('/api/')[0].split('@')[-1]}: {str(reason).lower()}") from error


def _project(record: Mapping[str, Any]) -> str:
    return str(records.mapping(record["tags"]).get("project") or record["name"])


def _batches(record: Mapping[str, Any], tags: Mapping[str, str], timestamp: int) -> Iterator[dict[str, Any]]:
    """What is logged of a run, in pieces that a server takes. Only numbers are metrics there."""
    metrics = [
        {"key": _key(one["key"]), "value": one["value"], "timestamp": timestamp, "step": 0}
        for one in record["metrics"]
        if isinstance(one["value"], (int, float)) and not isinstance(one["value"], bool)
    ]
    parameters = [
        {"key": _key(one["key"]), "value": str(one["value"])[:LONGEST_PARAMETER]} for one in record["parameters"]
    ]
    listed = [{"key": _key(key), "value": value[:LONGEST_TAG]} for key, value in tags.items()]
    for name, items, size in (("metrics", metrics, BATCH_METRICS), ("params", parameters, BATCH_PARAMETERS),
                              ("tags", listed, BATCH_TAGS)):  # fmt: skip
        for at in range(0, len(items), size):
            yield {name: items[at : at + size]}


def _key(name: str) -> str:
    """MLflow takes letters, digits, `_`, `-`, `.`, blanks and `/` in names."""
    return "".join(c if (c.isalnum() and c.isascii()) or c in "_-. /" else "_" for c in name)[:250]
