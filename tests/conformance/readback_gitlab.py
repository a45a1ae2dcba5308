"""GitLab pipelines, read back: https://docs.gitlab.com/ci/yaml/"""

from __future__ import annotations

from typing import Any

from tests.conformance.readback import PATH, Key, Leg, Readback, documents, listed, product

_VARIABLE = "HEADRACE_MATRIX_"
# https://docs.gitlab.com/ci/yaml/#global-keywords
GLOBAL = frozenset(("spec", "default", "include", "stages", "variables", "workflow", "pages:deploy", PATH))


def read(files: dict[str, str]) -> Readback:
    found = Readback()
    held: list[tuple[Key, str]] = []
    bodies: dict[str, dict[str, Any]] = {}
    for path, text in files.items():
        whole = documents(text)[-1][0]
        jobs = {name: _extended(name, whole) for name in whole if name not in GLOBAL and not name.startswith(".")}
        bodies[path] = jobs
        for name, job in jobs.items():
            for leg in _legs(job):
                found.add(Key(path, name, leg), job.get(PATH)).sends = "paths" in job.get("artifacts", {})
    for path, jobs in bodies.items():
        for name, job in jobs.items():
            assert "needs" in job, f"{name} waits for whole stages"
            for key in found.named(path, name):
                _connect(found, key, job, jobs)
            for included in listed(job.get("trigger", {}).get("include")):
                if "local" in included and not (job.get(PATH) or "").startswith("jobs."):
                    held.append((Key(path, name), included["local"].lstrip("/")))
    for key, scope in held:
        found.contain(key, scope)
    return found


def _extended(name: str, whole: dict[str, Any]) -> dict[str, Any]:
    """A job over what it extends; mappings merge: https://docs.gitlab.com/ci/yaml/#extends"""
    job = whole[name]
    merged: dict[str, Any] = {}
    for base in listed(job.get("extends")):
        merged = _merged(merged, _extended(base, whole))
    merged.pop(PATH, None)
    return _merged(merged, job)


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {
        name for name in under.keys() & over.keys() if isinstance(under[name], dict) and isinstance(over[name], dict)
    }
    return {**under, **over, **{name: _merged(under[name], over[name]) for name in both}}


def _legs(job: dict[str, Any]) -> list[Leg]:
    parallel = job.get("parallel")
    if isinstance(parallel, dict):
        legs = [leg for entry in parallel["matrix"] for leg in _entry(entry)]
        assert len(set(legs)) == len(legs), "a leg stands twice"
        return legs
    assert parallel is None
    values = {name: _value(value) for name, value in job.get("variables", {}).items() if name.startswith(_VARIABLE)}
    return [frozenset(values.items())]


def _entry(entry: dict[str, Any]) -> list[Leg]:
    axes = {name: listed(values) for name, values in entry.items() if name != PATH}
    return [frozenset(leg.items()) for leg in product(axes)]


def _value(value: Any) -> str:
    """What a job sees: `$$` is a dollar, and so is the variable that stands for one: https://docs.gitlab.com/ci/variables/"""
    shown = str(value["value"]) if isinstance(value, dict) else str(value)
    if isinstance(value, dict) and value.get("expand") == "false":
        return shown
    return shown.replace("${HEADRACE_DOLLAR}", "$$").replace("$$", "$")


def _connect(found: Readback, key: Key, job: dict[str, Any], jobs: dict[str, Any]) -> None:
    thing = found.things[key]
    for need in listed(job["needs"]):
        options = need if isinstance(need, dict) else {"job": need}
        if "job" not in options:
            assert "pipeline" in options, f"{key.name}: an unknown need, {options}"
            continue
        name = options["job"]
        legs = found.named(key.scope, name)
        assert legs or options.get("optional") == "true", f"{key.name} needs {name}, which is no job"
        if "parallel" in options:
            picked = [leg for entry in options["parallel"]["matrix"] for leg in _entry(entry)]
            legs = [other for other in legs if any(leg <= other.leg for leg in picked)]
            assert legs, f"{key.name} picks legs that {name} does not have"
        thing.needs.update(legs)
        if options.get("artifacts") != "false" and "paths" in jobs.get(name, {}).get("artifacts", {}):
            thing.receives.update(legs)
