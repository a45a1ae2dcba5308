"""What a check leaves behind: a JSON file that appears whole or not at all."""

from __future__ import annotations

import json
import os
from typing import Any


def write_report(path: str, data: Any) -> None:
    folder = os.path.dirname(path)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(path + ".partial", "w", encoding="utf-8") as stream:
        json.dump(data, stream, ensure_ascii=False, indent=1, sort_keys=True)
        stream.write("\n")
    os.replace(path + ".partial", path)
