"""Keys and tokens: a document holds placeholders, the pipeline holds references named by a rule (M24).

    MLSPEC_<STORE>_ACCESS_KEY_ID   MLSPEC_<STORE>_SECRET_ACCESS_KEY   MLSPEC_<CONTAINER STORE>_TOKEN

The store's name in capitals, every other character than a letter or digit an underscore.
"""

from __future__ import annotations

from compiler.diagnostics import Sink
from compiler.frontends.mlspec import codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.mlspec.view import View

_ADVICE = "write x's there; the value is a secret of the CI by the name that docs/mlspec.md gives it; then change it"


def secret_name(store: str, field: str) -> str:
    """The CI's secret for a store's `access_key_id`, `secret_access_key` or `token`."""
    return f"MLSPEC_{_upper(store)}_{_upper(field)}"


def _upper(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name).upper()


def is_placeholder(value: str) -> bool:
    """Nothing, x's, a variable's name in `${...}` or `$...`, `<...>`, or asterisks."""
    text = value.strip()
    if not text.strip("xX") or not text.strip("*"):
        return True
    if text.startswith("${") and text.endswith("}"):
        return text[2:-1].replace("_", "a").isalnum()
    if text.startswith("$"):
        return text[1:].replace("_", "a").isalnum()
    return text.startswith("<") and text.endswith(">")


def check_placeholder(value: View, sink: Sink, literal: bool = False) -> bool:
    """M24: whether a value is a placeholder; a literal, or what is known to be one, is reported, and never quoted."""
    if not literal and is_placeholder(value.value):
        return True
    message = f'"{value.key}" holds a literal, a credential is never written down'
    sink.report(codes.LITERAL_CREDENTIAL, message, value.at, help=_ADVICE)
    return False
