"""Credentials that stand in a manifest: known shapes anywhere in the file, literals in variables that are called so.

The shapes are those that their makers publish for scanners, such as
https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats
"""

from __future__ import annotations

from functools import lru_cache

from compiler import codes
from compiler.source import Span
from compiler.yamltree import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from compiler.diagnostics import Sink
    from compiler.ir import EnvVar
    from compiler.source import Source

# What it is; what any text with one holds, as something that is found fast and the hints (so that most texts cost no
# regular expression); and its shape, which never goes beyond a line.
_SHAPES = (
    ("an AWS access key", "A", ("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("a GitHub token", "gh", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    ("a GitHub token", "github_pat_", ("github_pat_",), r"\bgithub_pat_[A-Za-z0-9_]{50,}"),
    (
        "a GitLab token",
        "gl",
        ("glpat-", "glptt-", "gldt-", "glrt-", "glcbt-", "glsoat-", "glft-"),
        r"\bgl(?:pat|ptt|dt|rt|cbt|soat|ft)-[A-Za-z0-9_-]{20,}",
    ),
    ("a Hugging Face token", "hf_", ("hf_",), r"\bhf_[A-Za-z0-9]{30,}"),
    ("an API key", "sk-", ("sk-",), r"\bsk-[A-Za-z0-9_-]{32,}"),
    ("a Slack token", "xox", ("xox",), r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}"),
    ("a Google API key", "A", ("AIza",), r"\bAIza[A-Za-z0-9_-]{35}"),
    ("a private key", "-----BEGIN", ("-----BEGIN",), r"-----BEGIN (?:[A-Z]+ ){0,2}PRIVATE KEY-----"),
    ("a PyPI token", "pypi-AgE", ("pypi-AgE",), r"\bpypi-AgE[A-Za-z0-9_-]{50,}"),
    (
        "a password in a URL",
        "@",
        ("://",),
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@{}$'\"<>]{1,64}:[^\s/:@{}$'\"<>]{3,128}@",
    ),
)
_ENDINGS = (
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "SECRET_KEY",
    "PRIVATE_KEY",
)
_ADVICE = "name it under secrets and give the job that secret; then change the credential, since it was written down"


def check_source(source: Source, sink: Sink) -> None:
    """Report every credential of a known shape, comments included."""
    for what, start, end in _found(source.text):
        sink.report(codes.SECRET_IN_CLEAR, f"this looks like {what}", Span(source, start, end), help=_ADVICE)


def _found(text: str) -> Iterator[tuple[str, int, int]]:
    for what, beginning, hints, shape in _SHAPES:
        if beginning in text:
            for start, end in _lines(text, hints).items():
                from re import compile as compiled

                for found in compiled(shape).finditer(text, start, end):
                    yield what, found.start(), found.end()


def _lines(text: str, hints: tuple[str, ...]) -> dict[int, int]:
    """Start and end of the lines with one of the hints."""
    found: dict[int, int] = {}
    for hint in hints:
        at = text.find(hint)
        while at >= 0:
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            found[text.rfind("\n", 0, at) + 1] = end
            at = text.find(hint, end)
    return found


def check_variable(variable: EnvVar, sink: Sink) -> None:
    """Report a literal in a variable whose name says that it is a credential."""
    if not names_credential(variable.name) or len(variable.value) != 1:
        return
    literal, slot = variable.value[0], variable.origin
    if not isinstance(literal, str) or not isinstance(slot, Slot):
        return
    # An expansion, a path and a switch are no credentials, and what has a known shape is reported anyway.
    harmless = literal.startswith(("$", "/", "./")) or literal.lower() in ("true", "false", "none")
    if harmless or next(_found(literal), None) is not None:
        return
    message = f'"{variable.name}" holds a literal, a credential is never written down'
    advice = f"declare a secret and write secrets: [{variable.name}] in the job"
    sink.report(codes.SECRET_IN_CLEAR, message, slot.span_here, help=advice)


@lru_cache(maxsize=4096)  # most jobs of a manifest set the same few variables
def names_credential(name: str) -> bool:
    """Whether a variable of this name holds a credential, so that its value is looked at."""
    return name.upper().endswith(_ENDINGS)
