"""What a run was made from and what it made, as an in-toto statement with SLSA's provenance.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and https://slsa.dev/spec/v1.0/provenance
The digest of a folder is the sha256 of its files' sorted lines `MODE SHA256 PATH`.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from targets.runtime.archive import file_digest

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:headrace:build-type:run:1"


def digest_of(path: str) -> str:
    """The sha256 of a file, of a link's text, or of a folder."""
    if os.path.islink(path):
        return hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
    if not os.path.isdir(path):
        return file_digest(path)
    lines = []
    for folder, folders, names in os.walk(path):
        linked = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*names, *linked):
            whole = os.path.join(folder, name)
            mode = "120000" if os.path.islink(whole) else "100755" if os.stat(whole).st_mode & 0o100 else "100644"
            lines.append((os.path.relpath(whole, path).replace(os.sep, "/"), mode, digest_of(whole)))
    total = hashlib.sha256()
    for name, mode, sha256 in sorted(lines):
        total.update(f"{mode} {sha256} {name}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def statement(
    products: dict[str, str], materials: list[dict[str, Any]], run: dict[str, Any], byproducts: dict[str, str]
) -> dict[str, Any]:
    """The statement over products (path -> sha256). `run` has builder, id, started, ended and what it was given."""
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": run["given"],
        "internalParameters": {},
        "resolvedDependencies": materials,
    }
    metadata = {"invocationId": run["id"], "startedOn": run["started"], "finishedOn": run["ended"]}
    details = {
        "builder": {"id": run["builder"]},
        "metadata": {key: value for key, value in metadata.items() if value},
        "byproducts": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in sorted(byproducts.items())],
    }
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": sha256}} for name, sha256 in sorted(products.items())],
        "predicateType": PREDICATE,
        "predicate": {"buildDefinition": definition, "runDetails": details},
    }


def material(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def source(repository: str, ref: str, commit: str) -> dict[str, Any]:
    """The commit, as SLSA names one."""
    uri = f"git+{repository}" if repository else "git+file:."
    return {"uri": f"{uri}@{ref}" if ref else uri, "digest": {"gitCommit": commit}}


def text_of(data: dict[str, Any]) -> str:
    """The one spelling that is hashed and signed."""
    return json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
