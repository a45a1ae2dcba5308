"""A run's attestation: an in-toto statement of what it was made from and what it made, and the check of both.

Materials are the commit, the manifest, and every path that a job reads and no job makes; products are what jobs left.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import Any

from compiler.ir import Input
from targets.local import snapshot
from targets.local.outputs import tree_digest
from targets.local.plan import Plan
from targets.local.results import KEPT, TAR
from targets.local.session import Session
from targets.local.snapshot import SnapshotError
from targets.local.state import State, read_json, write_whole
from targets.local.tree import LINK, Entry
from targets.runtime.provenance import digest_of, material, source, statement, text_of

ATTESTATION = "attestation.json"
RECORD = "record.json"
BUILDER = "urn:headrace:builder:local"
FINE, DIFFERS, GONE = "fine", "differs", "gone"


@dataclass
class Check:
    """One thing that was looked at. `status` is FINE, DIFFERS, or GONE where there is nothing left to look at."""

    what: str
    name: str
    status: str
    detail: str = ""


# -------------------------------------------------------------------------------------------------------------- writing


def materials(session: Session, plan: Plan) -> list[dict[str, Any]]:
    """What a run is made from, as it is before the first job: to be asked while the run's files are there."""
    whole = session.snapshot.whole
    git = session.values.git
    found = [source(git["repository"], git["ref"], git["commit"])] if git["commit"] else []
    manifests = {plan.project.manifest: None, **dict.fromkeys(_read_paths(session, plan))}
    for path in manifests:
        place = os.path.join(whole, path)
        if path and os.path.lexists(place):
            found.append(material(path, digest_of(place)))
    return found


def _read_paths(session: Session, plan: Plan) -> list[str]:
    """The paths that jobs read."""
    paths: dict[str, None] = {}
    for one in plan.instances.values():
        for given in one.job.inputs:
            if isinstance(given, Input):
                paths[os.path.normpath(session.values.text(given.path, one.parameters, one.leg))] = None
    return sorted(paths)


def write(state: State, record: dict[str, Any], made_from: list[dict[str, Any]], children: list[dict[str, Any]]) -> str:
    """Write a run's statement beside its record; its path."""
    folder = state.run(record["id"])
    products = {one["path"]: one["sha256"] for child in children for one in child["artifacts"]}
    with open(os.path.join(folder, RECORD), "rb") as stream:
        by = {RECORD: hashlib.sha256(stream.read()).hexdigest()}
    tags = {one["key"]: one["value"] for one in record["tags"]}
    given = {
        "project": tags.get("project", ""),
        "pipeline": record["name"],
        "event": tags.get("event", ""),
        "parameters": {one["key"]: one["value"] for one in record["parameters"]},
    }
    run = {
        "id": record["id"], "started": record["started"], "ended": record["ended"], "builder": BUILDER, "given": given,
    }  # fmt: skip
    data = statement(products, made_from, run, by)
    data["predicate"]["buildDefinition"]["internalParameters"] = {"dirty": "dirty" in tags, "status": record["status"]}
    path = os.path.join(folder, ATTESTATION)
    write_whole(path, text_of(data))
    return path


# ------------------------------------------------------------------------------------------------------------- checking


class StatementError(Exception):
    """The file is no statement that can be checked."""


def read_statement(path: str) -> dict[str, Any]:
    """A statement in the one form that headrace writes. Raises StatementError."""
    from targets.runtime.provenance import PREDICATE, STATEMENT

    data = read_json(path)
    if not isinstance(data, dict):
        raise StatementError(f'"{path}" is not there, or is not JSON')
    if data.get("_type") != STATEMENT or data.get("predicateType") != PREDICATE:
        raise StatementError(f'"{path}" is no in-toto statement with provenance')
    try:
        definition = data["predicate"]["buildDefinition"]
        for one in (*data["subject"], *definition["resolvedDependencies"]):
            if not isinstance(one["digest"], dict):
                raise TypeError
    except (KeyError, TypeError) as error:
        raise StatementError(f'"{path}" lacks a part of a statement') from error
    return data


def check_run(state: State, found: dict[str, Any]) -> list[Check]:
    """A recorded run: its record, the commit and the files that it was made from, and what is held of its outputs."""
    folder = state.run(found["id"])
    data = read_statement(os.path.join(folder, ATTESTATION))
    checks = list(_byproducts(data, folder))
    dirty = bool(data["predicate"]["buildDefinition"].get("internalParameters", {}).get("dirty"))
    checks += _materials(data, state.root, dirty)
    held: dict[str, str] = {}
    for child in found["children"]:
        held.update(_held(state, found["id"], child))
    for product in data["subject"]:
        name, sha256 = product["name"], product["digest"].get("sha256", "")
        if name not in held:
            checks.append(Check("product", name, GONE, "its result is not kept any more"))
        else:
            checks.append(_compared("product", name, sha256, held[name]))
    recorded = {one["path"]: one["sha256"] for child in found["children"] for one in child["artifacts"]}
    stated = {one["name"]: one["digest"].get("sha256") for one in data["subject"]}
    for name in sorted(recorded.keys() ^ stated.keys()):
        checks.append(Check("product", name, DIFFERS, "the records and the statement do not name the same products"))
    for name in sorted(recorded.keys() & stated.keys()):
        if recorded[name] != stated[name]:
            checks.append(Check("record", name, DIFFERS, "its job's record has another sha256 than the statement"))
    return checks


def check_file(path: str, folder: str, root: str | None) -> list[Check]:
    """A statement from elsewhere: its record beside it, the products below a folder, the materials in a repository."""
    data = read_statement(path)
    checks = list(_byproducts(data, os.path.dirname(path) or "."))
    if root is not None:
        checks += _materials(data, root, dirty=False)
    for product in data["subject"]:
        name, place = product["name"], os.path.join(folder, product["name"])
        if os.path.isabs(name) or ".." in name.split("/"):
            checks.append(Check("product", name, DIFFERS, "its path leads out of the folder"))
        elif not os.path.lexists(place):
            checks.append(Check("product", name, GONE, f"it is not below {folder}"))
        else:
            checks.append(_compared("product", name, product["digest"].get("sha256", ""), digest_of(place)))
    return checks


def _compared(what: str, name: str, said: str, found: str) -> Check:
    if said == found:
        return Check(what, name, FINE, f"sha256:{said[:16]}")
    return Check(what, name, DIFFERS, f"sha256:{found[:16]} instead of sha256:{said[:16]}")


def _byproducts(data: dict[str, Any], folder: str) -> list[Check]:
    found = []
    for one in data["predicate"].get("runDetails", {}).get("byproducts", ()):
        place = os.path.join(folder, os.path.basename(one["name"]))
        if not os.path.isfile(place):
            found.append(Check("record", one["name"], GONE, "it does not lie beside the statement"))
        else:
            found.append(_compared("record", one["name"], one["digest"].get("sha256", ""), digest_of(place)))
    return found


def _materials(data: dict[str, Any], root: str, dirty: bool) -> list[Check]:
    """The commit is in the repository, and its files (of a dirty run: the work tree's) are those that were read."""
    listed = data["predicate"]["buildDefinition"]["resolvedDependencies"]
    commit = next((one["digest"]["gitCommit"] for one in listed if "gitCommit" in one["digest"]), "")
    checks = []
    if commit:
        try:
            snapshot.git(root, "cat-file", "-e", f"{commit}^{{commit}}")
            checks.append(Check("material", f"commit {commit[:12]}", FINE))
        except SnapshotError:
            checks.append(Check("material", f"commit {commit[:12]}", DIFFERS, "the repository has no such commit"))
            return checks
    folder = tempfile.mkdtemp(prefix="headrace-verify-")
    try:
        files = os.path.join(folder, "files")
        snapshot.take(root, files, commit or None, dirty or not commit)
        for one in listed:
            if "name" not in one:
                continue
            place = os.path.join(files, one["name"])
            if not os.path.lexists(place):
                checks.append(Check("material", one["name"], DIFFERS, "it is not there"))
                continue
            checks.append(_compared("material", one["name"], one["digest"].get("sha256", ""), digest_of(place)))
    except (SnapshotError, OSError) as error:
        checks.append(Check("material", "files", DIFFERS, f"they can't be looked at: {error}"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return checks


def _held(state: State, run_id: str, child: dict[str, Any]) -> dict[str, str]:
    """The digests of a job's outputs as they lie in the store of results now."""
    from targets.runtime.archive import members

    tags = {one["key"]: one["value"] for one in child["tags"]}
    key = tags.get("key", "")
    places = [os.path.join(state.shared("results"), key[:2], key)] if key else []
    kept = os.path.join(state.run(run_id), KEPT)
    places += [os.path.join(kept, name) for name in (os.listdir(kept) if os.path.isdir(kept) else ())]
    for place in places:
        tar = os.path.join(place, TAR)
        if not os.path.isfile(tar):
            continue
        entries: dict[str, Entry] = {}
        for info, sha256 in members(tar):
            if info.issym():
                digest = hashlib.sha256(os.fsencode(info.linkname)).hexdigest()
                entries[info.name] = Entry(LINK, digest, info.linkname)
            elif not info.isdir():
                entries[info.name] = Entry("100755" if info.mode & 0o100 else "100644", sha256)
        found = {}
        for one in child["artifacts"]:
            path = one["path"]
            below = {name: entry for name, entry in entries.items() if name == path or name.startswith(path + "/")}
            if below:
                found[path] = below[path].sha256 if path in below else tree_digest(below, path)
        if found:
            return found
    return {}
