"""What the documentation shows of the code: the support matrix of the README and the long one of docs/targets.md.

python -m tests.readme --write     writes both between their markers; a test compares
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from compiler.features import Feature
from compiler.target import Emulated, Native, Target, Unsupported
from targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- support: begin -->", "<!-- support: end -->"
SIGNS = {Native: "yes", Emulated: "emulated", Unsupported: "no"}


def modules() -> list[Target]:
    return [import_module(dotted) for dotted in TARGETS.values()]  # type: ignore[misc]  # a module is the target


def matrix() -> str:
    """One row a feature: yes, emulated or no."""
    targets = modules()
    lines = ["| | " + " | ".join(target.TITLE for target in targets) + " |", "|---|" + "---|" * len(targets)]
    for feature in Feature:
        signs = (SIGNS[type(target.SUPPORT[feature])] for target in targets)
        lines.append(f"| {feature.value} | " + " | ".join(signs) + " |")
    return "\n".join(lines)


def details() -> str:
    """What is emulated, and how; what is not there, and why."""
    lines = []
    for target in modules():
        lines.append(f"### {target.TITLE}\n")
        for feature in Feature:
            support = target.SUPPORT[feature]
            if isinstance(support, Emulated):
                lines.append(f"- **{feature.value}**: {support.how}")
        lines.append("")
        missing = [(feature, target.SUPPORT[feature]) for feature in Feature]
        none = [(feature, support) for feature, support in missing if isinstance(support, Unsupported)]
        if none:
            lines.append("Not there:\n")
            lines.extend(f"- **{feature.value}**: {support.why}" for feature, support in none)
            lines.append("")
    return "\n".join(lines).rstrip()


def filled(path: Path, body: str) -> str:
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n{body}\n{END}{after}"


DOCUMENTS = {ROOT / "README.md": matrix, ROOT / "docs" / "targets.md": details}


if __name__ == "__main__":
    if "--write" not in sys.argv:
        sys.exit("usage: python -m tests.readme --write")
    for path, body in DOCUMENTS.items():
        path.write_text(filled(path, body()), encoding="utf-8")
