"""Pack a job's outputs into a tar, or unpack the tars of its needs.

artifact.py pack OUT.tar [--place TEXT] PATH...
artifact.py unpack [--into FOLDER] IN.tar...
"""

from __future__ import annotations

import argparse
import os

from targets.runtime.archive import pack, unpack, written
from targets.runtime.problem import finish


def main() -> int:
    parser = argparse.ArgumentParser(prog="artifact", allow_abbrev=False)
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack", allow_abbrev=False)
    packing.add_argument("--place", default="")
    packing.add_argument("out")
    packing.add_argument("paths", nargs="+")
    unpacking = verbs.add_parser("unpack", allow_abbrev=False)
    unpacking.add_argument("--into", default=".")
    unpacking.add_argument("tars", nargs="+")
    options = parser.parse_args()
    if options.verb == "pack":
        pack(options.out, written(options.paths, options.place))
    else:
        os.makedirs(options.into, exist_ok=True)
        unpack(options.tars, options.into)
    return 0


if __name__ == "__main__":
    finish(main)
