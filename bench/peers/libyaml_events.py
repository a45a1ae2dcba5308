"""The floor of any compiler on PyYAML: libyaml's events of the manifest are counted, and nothing is made of them."""

from __future__ import annotations

import sys

import yaml

with open(sys.argv[1], encoding="utf-8") as file:
    count = sum(1 for _ in yaml.parse(file, Loader=yaml.CSafeLoader))
with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.write(f"{count}\n")
