"""Write a run's record, and the in-toto statement of what it was made from; sign the statement with cosign where asked.

attest.py --statement FILE --record FILE --project NAME --pipeline NAME [--material PATH]... [--parameter NAME=VARIABLE]...
    [--sign] -- PRODUCT...

Where the run is from comes by HEADRACE_GIT_* and HEADRACE_RUN_*. A product that is not there was not made: it is left out.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any

from targets.runtime.problem import DataError, UsageError, finish, say
from targets.runtime.provenance import digest_of, material, source, statement, text_of

MOST_METRICS_BYTES = 1 << 20


def told(name: str) -> str:
    return os.environ.get("HEADRACE_" + name, "")


def metrics_in(path: str) -> list[dict[str, Any]]:
    """The numbers of a metrics file by dotted names, as a run's record has them."""
    if not path.endswith(".json") or not os.path.isfile(path) or os.path.getsize(path) > MOST_METRICS_BYTES:
        return []
    try:
        with open(path, encoding="utf-8-sig") as stream:
            pending: list[tuple[str, Any]] = [("", json.load(stream))]
    except (ValueError, RecursionError):
        return []
    found = []
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict):
            pending.extend((f"{name}.{key}".lstrip("."), value[key]) for key in sorted(value, reverse=True))
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found.append({"key": name, "value": value, "value_type": "scalar"})
    return found


def record(options: argparse.Namespace, products: dict[str, str], now: str) -> dict[str, Any]:
    tags = {"project": options.project, "pipeline": options.pipeline}
    for name in ("COMMIT", "BRANCH", "TAG", "REPOSITORY", "EVENT"):
        if told(f"GIT_{name}"):
            tags[name.lower()] = told(f"GIT_{name}")
    metrics = [one for path in options.metrics for one in metrics_in(path)]
    return {
        "version": 1,
        "id": told("RUN_ID"),
        "parent_run_id": None,
        "name": options.pipeline,
        "status": "succeeded",
        "ended": now,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
        "parameters": [{"key": key, "value": value} for key, value in given(options).items()],
        "metrics": metrics,
        "artifacts": [{"path": path, "sha256": sha256} for path, sha256 in sorted(products.items())],
    }


def given(options: argparse.Namespace) -> dict[str, str]:
    pairs = (one.partition("=") for one in options.parameter)
    return {name: os.environ.get(variable, "") for name, _, variable in pairs}


def sign(path: str) -> None:
    """A bundle beside the statement, by the identity that the CI gives the job (keyless)."""
    bundle = path + ".sigstore.json"
    if shutil.which("cosign"):
        command = ["cosign", "sign-blob", "--yes", "--bundle", bundle, path]
    elif importlib.util.find_spec("sigstore"):
        command = [sys.executable, "-m", "sigstore", "sign", "--overwrite", "--bundle", bundle, path]
    else:
        raise DataError("neither cosign nor sigstore is installed here, and the statement is to be signed")
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode:
        raise DataError("the statement could not be signed")
    say(f"signed: {bundle}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="attest", allow_abbrev=False)
    for name in ("statement", "record", "project", "pipeline"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("material", "parameter", "metrics"):
        parser.add_argument(f"--{name}", action="append", default=[])
    parser.add_argument("--sign", action="store_true")
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:split])
    wanted = sys.argv[split + 1 :]
    if split == len(sys.argv):
        raise UsageError("products stand after --")
    products = {path: digest_of(path) for path in wanted if os.path.lexists(path)}
    for path in wanted:
        if path not in products:
            say(f"{path} was not made in this run")
    materials = [material(path, digest_of(path)) for path in options.material if os.path.lexists(path)]
    if told("GIT_COMMIT"):
        materials.insert(0, source(told("GIT_REPOSITORY"), told("GIT_REF"), told("GIT_COMMIT")))
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    text = text_of(record(options, products, now))
    for path in (options.record, options.statement):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(options.record, "w", encoding="utf-8") as stream:
        stream.write(text)
    run = {
        "id": told("RUN_URL") or told("RUN_ID"),
        "started": "",
        "ended": now,
        "builder": told("RUN_URL").partition("/-/")[0].partition("/actions/")[0] or "urn:headrace:builder:unknown",
        "given": {"project": options.project, "pipeline": options.pipeline, "parameters": given(options)},
    }
    by = {os.path.basename(options.record): hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()}
    with open(options.statement, "w", encoding="utf-8") as stream:
        stream.write(text_of(statement(products, materials, run, by)))
    print(f"{options.statement}: {len(products)} products, {len(materials)} materials")
    if options.sign:
        sign(options.statement)
    return 0


if __name__ == "__main__":
    finish(main)
