"""Packaging: the model with what it was tested by, and the sha256 of each file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys


def main() -> None:
    folder, *files = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    manifest = {}
    for file in files:
        shutil.copyfile(file, os.path.join(folder, os.path.basename(file)))
        with open(file, "rb") as stream:
            manifest[os.path.basename(file)] = hashlib.sha256(stream.read()).hexdigest()
    with open(os.path.join(folder, "package.json"), "w", encoding="utf-8") as stream:
        json.dump({"model": "orchard", "files": manifest}, stream, indent=1, sort_keys=True)
    print(json.dumps(manifest))


if __name__ == "__main__":
    main()
