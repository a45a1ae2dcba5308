"""shellcheck over what targets emit, with what a manifest's own text may say."""

from __future__ import annotations

from typing import Literal

from tests.conformance.cases import Case
from tests.tools import shellcheck

# Text of a manifest that shellcheck would have written otherwise; it is emitted as it stands.
OF_THE_MANIFEST: dict[str, tuple[str, ...]] = {
    "texts": (
        "SC2006",
        "SC2016",
        "SC2046",
        "SC2028",
        "SC3028",
        "SC2125",
        "SC2059",
        "SC2116",
        "SC1003",
        "SC1078",
        "SC1079",
        "SC2086",
    ),
}
REASONS = {
    "SC2016": "a script for another shell or program, which expands what stands in the quotes",
    "SC1091": "a file that is made in the job is not there when it is linted",
}


def checked(case: Case, name: str, text: str) -> list[str]:
    """The findings in a job's script that nothing explains."""
    shell: Literal["bash", "sh"] = "bash" if "pipefail" in text or "RANDOM" in text else "sh"
    ignored = (*REASONS, *OF_THE_MANIFEST.get(case.name, ()))
    found = shellcheck("set -eu\n" + text, shell)
    return [f"{name}: {one}" for one in found if not any(f"({code})" in one.message for code in ignored)]
