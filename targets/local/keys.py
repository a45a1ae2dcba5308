"""The content key of an instance: what decides its outputs, part by part, so that a change can be named.

The hash is that of targets/runtime/content_key.py over the same parts, with one more in `environment`: what the job
really runs in here. Values of `run` are left out: they name a run, not the work.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from compiler.ir import Environment, Ref
from targets import commands
from targets.local.plan import Instance
from targets.local.tree import Entry, Tree
from targets.local.values import Values


@dataclass
class Key:
    """`parts` as they are shown: values by section, files by path."""

    hash: str
    values: dict[str, dict[str, str]]
    files: dict[str, Entry]
    declared: bool  # whether the job says what it reads


def key(one: Instance, values: Values, base: Tree, arrived: list[dict[str, Entry]], runs_in: str, folder: str) -> Key:
    """The key of an instance whose needs' outputs have arrived.

    base: the commit's files; arrived: what each need left; runs_in: the software that it gets here; folder: the
    manifest's, whose files all count unless the job, by `cache`, says that its inputs are all that it reads. Inputs
    alone don't: they are also how a job says whose outputs it waits for.
    """
    values = values.at(one.facts.event)
    sections = _sections(one, values.project["name"], values, runs_in)
    whole = base.over(arrived)
    paths = [values.text(given.path, one.parameters, one.leg) for given in one.job.inputs]
    held = [path for path in paths if whole.has(path)]
    declared = one.job.cache is not None and any(given.dataset is None for given in one.job.inputs)
    locks = _locks(one, base)
    files = whole.listing(held)
    if not declared:
        files |= base.listing([folder or "."])
    for outputs in arrived:
        files.update(outputs)
    sections["missing"] = {path: "not there" for path in paths if path not in held}
    return Key(_hash(sections, locks, files), _shown(sections), {**locks, **files}, declared)


def _sections(one: Instance, project: str, values: Values, runs_in: str) -> dict[str, Any]:
    job = one.job
    environment = job.environment if isinstance(job.environment, Environment) else None
    refs = commands.refs(job)
    described: dict[str, Any] = {"here": runs_in}
    if environment is not None:
        described |= {
            "image": commands.word(environment.image or ()),
            "installer": environment.installer,
            "python": environment.python,
        }
    shared = job.cache is not None and bool(job.cache.share)
    return {
        "owner": {} if shared else {"job": f"{project} {one.name}"},  # two jobs that do the same are two jobs
        "command": [*commands.prepare(job), *commands.command(job), *commands.gate(job), *_action(one, values)],
        "env": {one_env.name: values.text(one_env.value, one.parameters, one.leg) for one_env in job.env},
        "parameters": {ref.name: values.of(ref, one.parameters, ()) for ref in refs if ref.kind == "parameters"},
        "matrix": dict(one.leg),
        "git": {ref.name: values.of(ref, {}, ()) for ref in refs if ref.kind in ("git", "project")},
        "environment": described,
        "outputs": {values.text(output.path, one.parameters, one.leg): "" for output in _artifacts(one)},
        "secrets": {use.secret: use.file or use.env or "" for use in job.secrets},
    }


def _artifacts(one: Instance) -> list[Any]:
    return [output for output in one.job.outputs if hasattr(output, "path")]


def _action(one: Instance, values: Values) -> list[str]:
    """What an action does that is no command: an image's build, a rollout's documents."""
    action = one.job.action
    if commands.command(one.job) or action is None:
        return []
    shown = repr(action)
    for ref in commands.refs(one.job):
        if isinstance(ref, Ref) and ref.kind in ("parameters", "matrix", "git"):
            shown += f"\n{ref.kind}.{ref.name}={values.of(ref, one.parameters, one.leg)}"
    return [shown]


def _locks(one: Instance, base: Tree) -> dict[str, Entry]:
    environment = one.job.environment
    if not isinstance(environment, Environment):
        return {}
    return base.listing([path for path in commands.lock_files(environment) if base.has(path)])


def _hash(sections: dict[str, Any], locks: dict[str, Entry], files: dict[str, Entry]) -> str:
    """As targets/runtime/content_key.py writes it: `name length value`, values by name, then locks, then files."""
    total = hashlib.sha256(b"headrace key 1\n")
    for name in sorted(sections):
        if sections[name] or name in ("command", "env", "environment", "matrix", "parameters"):
            _add(total, name, json.dumps(sections[name], sort_keys=True).encode())
    for name, listed in (("lock", locks), ("file", files)):
        ordered = sorted((path.encode("utf-8", "surrogateescape"), entry) for path, entry in listed.items())
        for path, entry in ordered:
            _add(total, name, f"{entry.mode} {entry.sha256} ".encode() + path)
    return total.hexdigest()


def _add(total: Any, name: str, value: bytes) -> None:
    total.update(b"%s %d %s\n" % (name.encode(), len(value), value))


def _shown(sections: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Values by section and name, as text."""
    found: dict[str, dict[str, str]] = {}
    for section, value in sections.items():
        if isinstance(value, list):
            value = {str(at + 1): line for at, line in enumerate(value)}
        found[section] = {name: "" if held is None else str(held) for name, held in value.items()}
    return found


# ------------------------------------------------------------------------------------------------------------ explain

_NAMES = {"command": "line", "env": "the variable", "parameters": "the parameter", "matrix": "the axis", "git": "git's",
          "environment": "the environment's", "outputs": "the output", "secrets": "the secret",
          "missing": "the input", "owner": "the"}  # fmt: skip


def differences(before: Key, now: Key) -> list[str]:
    """What changed between two keys, in words, most telling first; empty where nothing did."""
    found: list[str] = []
    for section in now.values.keys() | before.values.keys():
        old, new = before.values.get(section, {}), now.values.get(section, {})
        if section == "command":
            if old != new:
                found.append("the command changed")
            continue
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                found.append(_change(f"{_NAMES.get(section, section)} {name}", old.get(name), new.get(name)))
    if before.declared != now.declared:
        found.append("the job says what it reads" if now.declared else "the job does not say any more what it reads")
    for path in sorted(before.files.keys() | now.files.keys()):
        a, b = before.files.get(path), now.files.get(path)
        if a is None:
            found.append(f"{path} is new")
        elif b is None:
            found.append(f"{path} is gone")
        elif a != b:
            found.append(f"{path} changed")
    return sorted(found, key=lambda line: (line.endswith((" is new", " is gone")), line))


def _change(what: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"{what} is new"
    if new is None:
        return f"{what} is gone"
    return f"{what} changed from {json.dumps(old, ensure_ascii=False)} to {json.dumps(new, ensure_ascii=False)}"
