"""Credentials that stand in a manifest: known shapes anywhere in the file, literals in variables that are called so.

The shapes are those that their makers publish for scanners, such as
https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats
"""

from __future__ import annotations

import re

from compiler import codes
from compiler.source import Span
from compiler.yamltree import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.frontends.native.fields import Context
    from compiler.ir import EnvVar
    from compiler.source import Source

_KINDS = {
    "aws": "an AWS access key",
    "github": "a GitHub token",
    "gitlab": "a GitLab token",
    "huggingface": "a Hugging Face token",
    "key": "an API key",
    "slack": "a Slack token",
    "google": "a Google API key",
    "private": "a private key",
    "pypi": "a PyPI token",
    "url": "a password in a URL",
}
_SHAPES = re.compile(
    r"(?P<aws>\b(?:AKIA|ASIA)[A-Z0-9]{16}\b)"
    r"|(?P<github>\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,}))"
    r"|(?P<gitlab>\bgl(?:pat|ptt|dt|rt|cbt|soat|ft)-[A-Za-z0-9_-]{20,})"
    r"|(?P<huggingface>\bhf_[A-Za-z0-9]{30,})"
    r"|(?P<key>\bsk-[A-Za-z0-9_-]{32,})"
    r"|(?P<slack>\bxox[abeoprs]-[A-Za-z0-9-]{20,})"
    r"|(?P<google>\bAIza[A-Za-z0-9_-]{35})"
    r"|(?P<private>-----BEGIN (?:[A-Z]+ ){0,2}PRIVATE KEY-----)"
    r"|(?P<pypi>\bpypi-AgE[A-Za-z0-9_-]{50,})"
    r"|(?P<url>\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@{}$'\"<>]{1,64}:[^\s/:@{}$'\"<>]{3,128}@)"
)
# A first look that costs little: without one of these there is none of the shapes.
_HINTS = ("AKIA", "ASIA", "gh", "gl", "hf_", "sk-", "xox", "AIza", "-----BEGIN", "pypi-", "://")
_NAME = re.compile(r"(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY)$")
_ADVICE = "name it under secrets and give the job that secret; then change the credential, since it was written down"


def check_source(source: Source, sink: Sink) -> None:
    """Report every credential of a known shape, comments included."""
    text = source.text
    if not any(hint in text for hint in _HINTS):
        return
    for found in _SHAPES.finditer(text):
        kind = found.lastgroup or ""
        at = Span(source, *found.span())
        sink.report(codes.SECRET_IN_CLEAR, f"this looks like {_KINDS[kind]}", at, help=_ADVICE)


def check_variable(variable: EnvVar, context: Context) -> None:
    """Report a literal in a variable whose name says that it is a credential."""
    if not _NAME.search(variable.name.upper()) or len(variable.value) != 1:
        return
    literal, slot = variable.value[0], variable.origin
    if not isinstance(literal, str) or not isinstance(slot, Slot):
        return
    # An expansion, a path and a switch are no credentials, and what has a known shape is reported anyway.
    if literal.startswith(("$", "/", "./")) or literal.lower() in ("true", "false", "none") or _SHAPES.search(literal):
        return
    message = f'"{variable.name}" holds a literal, a credential is never written down'
    advice = f"declare a secret and write secrets: [{variable.name}] in the job"
    context.sink.report(codes.SECRET_IN_CLEAR, message, slot.span_here, help=advice)
