"""How text is written so that Argo and Kubernetes hand it on as it is.

Argo replaces `{{…}}` in every string of a template, has no escape for it, and reads what it put in once more
(https://argo-workflows.readthedocs.io/en/latest/variables/). Kubernetes expands `$(NAME)` in the values of variables
and in arguments, and reads `$$` there as `$`
(https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST = 63  # characters of a DNS-1123 label
_EXPANDED = re.compile(r"\$(?=\$|\([-._A-Za-z0-9]+\))")
_OPENING = re.compile(r"\{(?=\{)")
_OPENED = re.compile(r"\{{2,}")
_ILLEGAL = re.compile("[^a-z0-9]+")
_ESCAPES = (
    ("'", "\\x27"),
    ('"', "\\x22"),
    ("?", "\\x3f"),
    ("{{", "{\\x7b"),
    ("}}", "}\\x7d"),
    ("\n", "\\n"),
)
_IDENTIFIER = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def legal(name: str) -> str:
    """A DNS-1123 label for a name, not yet unique and perhaps too long."""
    return _ILLEGAL.sub("-", name.lower()).strip("-") or "x"


def legal_task(name: str) -> str:
    """Where `depends` stands, tasks don't begin with a digit: it is read as an expression."""
    made = legal(name)
    return f"x-{made}" if made[0].isdigit() else made


def short(name: str, limit: int = LONGEST) -> str:
    """A DNS-1123 label of at most `limit` characters for one name by itself."""
    from targets.names import unique

    return unique((name,), legal, limit)[name]


def legal_parameter(name: str) -> str:
    """Parameters take letters, digits, `_` and `-`."""
    return re.sub("[^A-Za-z0-9_-]", "_", name) or "_"


def plain(text: str) -> str:
    """Text for the value of a variable or for an argument: Kubernetes hands it on as it is."""
    return _EXPANDED.sub("$$", text) if "$" in text else text


BRACE = "$(HEADRACE_BRACE)"  # for the value of a variable: Kubernetes puts a brace there, when Argo has read it


def joined(pieces: list[str | tuple[str]]) -> str:
    """The value of a variable: literals, and holes (in tuples) that are written as it takes them.

    Nothing is made where two pieces meet: a literal's `$` or brace at the border of a hole is one that stays.
    """
    made = []
    for at, piece in enumerate(pieces):
        if isinstance(piece, tuple):
            made.append(piece[0])
            continue
        text = _OPENED.sub(lambda found: "{" + BRACE * (len(found[0]) - 1), plain(piece))
        if at + 1 < len(pieces):
            if text.endswith("{"):
                text = text[:-1] + BRACE
            elif text.endswith("$"):
                text += "$"
        if at and text.startswith("{"):
            text = BRACE + text[1:]
        made.append(text)
    return "".join(made)


def with_brace(env: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Variables, after the one that they name where their values have braces."""
    if any(BRACE in variable.get("value", "") for variable in env):
        return [{"name": "HEADRACE_BRACE", "value": "{"}, *env]
    return env


def has_braces(text: str) -> bool:
    return "{{" in text


def shell(source: str) -> str:
    """Shell text in which Argo finds nothing to replace: where it has `{{`, as one quoted word, its braces apart."""
    if not has_braces(source):
        return source
    return "eval " + _OPENING.sub("{''", _single(source))


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def json_text(data: object) -> str:
    """Data as JSON for a variable: without `{{`."""
    import json

    return plain(_OPENING.sub(r"\\u007b", json.dumps(data, ensure_ascii=False)))


def literal(text: str) -> str:
    """Text as a string of Argo's expression language (https://expr-lang.org/docs/language-definition).

    What Argo would read before the language does stands as an escape: braces in pairs, and `?`, which with a `:`
    makes it take the expression for a choice; quotes too, so that an expression may stand in a quoted text.
    """
    escaped = text.replace("\\", "\\\\")
    for plain_text, written in _ESCAPES:
        escaped = escaped.replace(plain_text, written)
    return f"'{escaped}'"


def member(path: str, name: str) -> str:
    """`path.name` in an expression; names with a dash stand in brackets."""
    return f"{path}.{name}" if _IDENTIFIER.fullmatch(name) else f"{path}[{literal(name)}]"
