"""`headrace verify`: whether what a run was made from and what it made is still what its attestation says."""

from __future__ import annotations

import os
import sys

from compiler.diagnostics import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from targets.local.attestation import Check

DESCRIPTION = """
Check the attestation of a run: an in-toto statement with SLSA's provenance that every run writes. The record is the one
that was written, the commit is in the repository, the manifest and the data are those that were read, and the outputs
those that were made. RUN is a run of this repository (its name, the beginning of it, or `last`), or the file of a
statement that a pipeline left as an artifact.
"""
EXAMPLES = """
headrace verify                                     the last run here
headrace verify 20260201-101500-3f2a
headrace verify attestation/statement.json --outputs .
headrace verify statement.json --issuer https://token.actions.githubusercontent.com --identity ID
"""
FAILED = 1


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", nargs="?", default="last", help="a run, or the file of a statement")
    parser.add_argument("--folder", metavar="DIR", default=".", help="a folder of the repository (default: this one)")
    parser.add_argument(
        "--outputs", metavar="DIR", default=".", help="of a file: where the products lie (default: here)"
    )
    parser.add_argument("--identity", metavar="ID", help="of a file: who must have signed it, as cosign takes it")
    parser.add_argument("--issuer", metavar="URL", help="of a file: who vouches for the identity")
    parser.add_argument("--key", metavar="FILE", help="of a file: the public key that it was signed with, instead")
    parser.add_argument("--cache", metavar="FOLDER", help="where records are kept, as for `headrace run`")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--strict", action="store_true", help="what is not there any more fails, too")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="when text has colours")


def run(arguments: Namespace) -> int:
    from targets.local.attestation import DIFFERS, GONE, StatementError

    try:
        checks = _checks(arguments)
    except StatementError as error:
        return _refuse(str(error), arguments)
    if checks is None:
        return FAILED
    if arguments.format == "json":
        import json

        print(json.dumps([vars(check) for check in checks], ensure_ascii=False, indent=2))
    else:
        print("\n".join(_lines(checks)))
    wrong = {DIFFERS, *((GONE,) if arguments.strict else ())}
    return FAILED if any(check.status in wrong for check in checks) else 0


def _checks(arguments: Namespace) -> list[Check] | None:
    from compiler.repository import find_root
    from targets.local.attestation import check_file, check_run

    root = find_root(arguments.folder)
    if os.path.isfile(arguments.run):
        checks = check_file(arguments.run, arguments.outputs, root)
        signature = _signature(arguments)
        return [*checks, signature] if signature is not None else checks
    from targets.local.history import find
    from targets.local.state import State

    cache = os.path.abspath(arguments.cache) if arguments.cache else None
    state = State(root or arguments.folder, cache)
    found = find(state, arguments.run)
    if found is None:
        _refuse(f'"{arguments.run}" is no run of this repository, and no file', arguments)
        return None
    if arguments.format == "text":
        print(f"{found['id']}  {found['status']}  {found['name']}")
    return check_run(state, found)


def _signature(arguments: Namespace) -> Check | None:
    """Cosign's word on the bundle beside a statement; None where there is neither a bundle nor a wish for one."""
    import shutil
    import subprocess

    from targets.local.attestation import DIFFERS, FINE, GONE, Check

    bundle = arguments.run + ".sigstore.json"
    wanted = bool(arguments.identity or arguments.issuer or arguments.key)
    if not os.path.isfile(bundle):
        return Check("signature", os.path.basename(bundle), DIFFERS, "it is not there") if wanted else None
    name = os.path.basename(bundle)
    if not (arguments.identity and arguments.issuer) and not arguments.key:
        return Check("signature", name, GONE, "not checked: say --identity and --issuer, or --key")
    if not shutil.which("cosign"):
        return Check("signature", name, DIFFERS, "not checked: cosign is not installed")
    command = ["cosign", "verify-blob", "--bundle", bundle]
    if arguments.key:  # of one's own: whether it stands in a public log is no matter
        command += ["--key", arguments.key, "--insecure-ignore-tlog=true"]
    else:
        command += ["--certificate-identity", arguments.identity, "--certificate-oidc-issuer", arguments.issuer]
    done = subprocess.run([*command, arguments.run], stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        return Check("signature", name, DIFFERS, said)
    return Check("signature", name, FINE, arguments.key or arguments.identity)


def _lines(checks: list[Check]) -> list[str]:
    from targets.local.attestation import DIFFERS, GONE

    width = max((len(check.name) for check in checks), default=0)
    lines = [f"{check.status:<7}  {check.what:<9}  {check.name:<{width}}  {check.detail}".rstrip() for check in checks]
    wrong = sum(check.status == DIFFERS for check in checks)
    gone = sum(check.status == GONE for check in checks)
    verdict = f"{wrong} of {len(checks)} differ" if wrong else f"{len(checks) - gone} of {len(checks)} are as attested"
    return [*lines, verdict + (f", {gone} can't be looked at any more" if gone else "")]


def _refuse(message: str, arguments: Namespace) -> int:
    from compiler.commands.findings import show
    from targets.local import codes

    sink = Sink()
    sink.report(codes.NO_ATTESTATION, message, help="`headrace runs` lists the runs of this repository")
    arguments.format = "text"
    show(sink.diagnostics, arguments, sys.stderr)
    return FAILED
