"""Text with holes: `python train.py --lr {{ parameters.lr }}`, in Jinja's spelling, dotted names and nothing else.

    text = { characters | hole | "{{ '{{' }}" | "{{ '$' }}" }      the last two write what stands in the quotes
    hole = "{{" name "." name ["." name] "}}"                      not behind a "$": that is GitHub's spelling

`parse` and `spelled` are inverse to each other but for the blanks inside of a hole. A hole becomes an environment
variable, so in shell text it must stand where a shell would expand one; `shell_faults` finds the others.
"""

from __future__ import annotations

import re

from compiler.diagnostics import listed, suggest
from compiler.ir import Ref
from compiler.pattern import Pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from compiler.ir import Text

    Context: TypeAlias = "str"

FIELDS: dict[str, tuple[str, ...]] = {
    "git": ("commit", "short", "branch", "tag", "ref", "default_branch", "repository", "event"),
    "run": ("id", "attempt", "url"),
    "project": ("name", "version"),
}
NAMED = ("parameters", "matrix", "images")  # kind.NAME, where the manifest says which names there are
MEMBERS = ("host", "port")  # sidecars.NAME.member
KINDS = ("parameters", "matrix", "git", "run", "sidecars", "images", "project")
BRACES = "{{ '{{' }}"
DOLLAR = "{{ '$' }}"

# Other systems' words for the same things.
_OTHERS = {
    "github.sha": "git.commit",
    "github.ref": "git.ref",
    "github.ref_name": "git.branch",
    "github.repository": "git.repository",
    "github.event_name": "git.event",
    "github.run_id": "run.id",
    "github.run_attempt": "run.attempt",
    "git.sha": "git.commit",
    "git.hash": "git.commit",
    "git.short_sha": "git.short",
    "git.main": "git.default_branch",
    "workflow.name": "run.id",
    "workflow.uid": "run.id",
}
_OTHER_KINDS = {
    "inputs": "parameters",
    "params": "parameters",
    "param": "parameters",
    "parameter": "parameters",
    "vars": "parameters",
    "axes": "matrix",
    "axis": "matrix",
    "item": "matrix",
    "services": "sidecars",
    "image": "images",
    "environments": "images",
}

# The last two of several braces open a hole, so that `{{{ x }}}` is a hole between braces.
_OPEN = Pattern(r"\{\{(?!\{)")
_HOLE = Pattern(r"\{\{\s*([A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*\}\}")
_ESCAPE = Pattern(r"""\{\{\s*(?:'(\{\{|\$)'|"(\{\{|\$)")\s*\}\}""")


class HoleError(ValueError):
    """A hole that can't be read: `length` code points from `offset`, which `suggestion`, where there is one, replaces."""

    def __init__(
        self, message: str, offset: int, length: int, suggestion: str | None = None, help: str | None = None
    ) -> None:
        super().__init__(message)
        self.offset = offset
        self.length = length
        self.suggestion = suggestion
        self.help = help


class Fault:
    """A hole where a shell expands nothing: `why` says where it stands, `help` what to do, `fix` what to put there."""

    __slots__ = ("fix", "help", "length", "offset", "why")

    def __init__(self, offset: int, length: int, why: str, help: str, fix: str | None) -> None:
        self.offset = offset
        self.length = length
        self.why = why
        self.help = help
        self.fix = fix


def parse(text: str) -> Text:
    """Literal pieces and holes. Raises HoleError at the first hole that can't be read."""
    if "{{" not in text:
        return (text,) if text else ()
    return tuple(piece for _, _, piece in _joined(text))


def spelled(text: Text) -> str:
    """The manifest's spelling of text; `parse` gives equal text back."""
    out: list[str] = []
    literal = ""
    for piece in text:
        if isinstance(piece, str):
            literal += piece
            continue
        out += (_literal(literal[:-1]), DOLLAR) if literal.endswith("$") else (_literal(literal),)
        out.append(hole(piece))
        literal = ""
    return "".join([*out, _literal(literal)])


def _literal(text: str) -> str:
    return text.replace("{{", BRACES)


def hole(ref: Ref) -> str:
    """`{{ kind.name }}`."""
    return f"{{{{ {ref.kind}.{ref.name}{'.' + ref.member if ref.member else ''} }}}}"


def first_hole(text: str) -> str | None:
    """The first hole that stands in text which takes none, one with a wrong name too. Others' braces are none."""
    for found in _HOLE.finditer(text):
        names = [name.strip() for name in found[1].split(".")]
        if len(names) > 1 and names[0] in KINDS:
            return f"{{{{ {'.'.join(names)} }}}}"
    return None


def places(ref: Ref, text: str) -> Iterator[tuple[int, int]]:
    """Where a hole stands in a manifest's text: offsets from and to."""
    wanted = hole(ref)[2:-2].strip()
    for found in _HOLE.finditer(text):
        if "".join(found[1].split()) == wanted:
            yield found.span()


def _joined(text: str) -> Iterator[tuple[int, int, str | Ref]]:
    """Offset, length and value of each piece, with no two literal pieces beside each other."""
    literal = ""
    begun = 0
    for offset, length, piece in _pieces(text):
        if isinstance(piece, str):
            begun = begun if literal else offset
            literal += piece
            continue
        if literal:
            yield begun, offset - begun, literal
            literal = ""
        yield offset, length, piece
    if literal:
        yield begun, len(text) - begun, literal


def _pieces(text: str) -> Iterator[tuple[int, int, str | Ref]]:
    at = 0
    while (opening := _OPEN.search(text, at)) is not None:
        start = opening.start()
        if start > at:
            yield at, start - at, text[at:start]
        found = _HOLE.match(text, start)
        if found is not None:
            dollar = 1 if start > at and text[start - 1] == "$" else 0
            ref = _ref(found[1], start - dollar, found.end() - start + dollar)
            if dollar:
                raise _behind_dollar(ref, start - 1, found.end() - start + 1)
            yield start, found.end() - start, ref
        else:
            found = _ESCAPE.match(text, start)
            if found is None:
                raise _unreadable(text, start)
            yield start, found.end() - start, found[1] or found[2]
        at = found.end()
    if at < len(text):
        yield at, len(text) - at, text[at:]


def _ref(inner: str, offset: int, length: int) -> Ref:
    """The hole for the dotted name between the braces."""
    names = [name.strip() for name in inner.split(".")]
    kind = names[0]
    if kind in NAMED and len(names) == 2:
        return Ref(kind=kind, name=names[1])
    if kind in FIELDS and len(names) == 2 and names[1] in FIELDS[kind]:
        return Ref(kind=kind, name=names[1])
    if kind == "sidecars" and len(names) == 3 and names[2] in MEMBERS:
        return Ref(kind=kind, name=names[1], member=names[2])
    raise _unknown(names, offset, length)


def _behind_dollar(ref: Ref, offset: int, length: int) -> HoleError:
    advice = f"leave the $ out; where it is meant as such, write {DOLLAR}"
    return HoleError('"${{" is not how a hole is written', offset, length, hole(ref), advice)


def _unknown(names: list[str], offset: int, length: int) -> HoleError:
    kind, dotted = names[0], ".".join(names)
    meant = _OTHERS.get(dotted)
    if kind in FIELDS and len(names) > 1:
        near = suggest(names[1], FIELDS[kind])
        meant = meant or (f"{kind}.{near}" if near else None)
        message = f'"{dotted}" is nothing that can be filled in, {kind} has {listed(FIELDS[kind], "and")}'
    elif kind in FIELDS:
        message = f'"{kind}" needs a name behind it: {listed(f"{kind}.{name}" for name in FIELDS[kind])}'
    elif kind == "sidecars":
        member = suggest(names[2], MEMBERS) if len(names) > 2 else None
        meant = f"sidecars.{names[1]}.{member}" if member else None
        message = f'"{dotted}" is nothing that can be filled in, write sidecars.NAME.host or sidecars.NAME.port'
    elif kind in NAMED:
        message = f'"{dotted}" is nothing that can be filled in, write {kind}.NAME'
    else:
        near = _OTHER_KINDS.get(kind) or suggest(kind, KINDS)
        meant = meant or _with_kind(near, names[1:])
        message = f'"{dotted}" is nothing that can be filled in, a hole begins with {listed(KINDS)}'
    return HoleError(message, offset, length, f"{{{{ {meant} }}}}" if meant else None, None if meant else _advice(kind))


def _with_kind(kind: str | None, rest: list[str]) -> str | None:
    """The name with another first word, when that can be read."""
    names = [kind or "", *rest]
    if names[0] in FIELDS:
        return ".".join(names) if len(names) == 2 and names[1] in FIELDS[names[0]] else None
    readable = names[0] in NAMED and len(names) == 2
    readable = readable or (names[0] == "sidecars" and len(names) == 3 and names[2] in MEMBERS)
    return ".".join(names) if readable else None


def _advice(kind: str) -> str:
    if kind in ("secret", "secrets"):
        return "a secret is never text: name it under the job's secrets, and read the variable of its name"
    if kind == "env":
        return "a shell reads its own variables: write $NAME"
    return f"write {BRACES} for braces that are meant as such"


def _unreadable(text: str, start: int) -> HoleError:
    end = text.find("}}", start)
    length = end + 2 - start if 0 <= end - start <= 200 else 2
    if end < 0:
        return HoleError('"{{" is never closed', start, 2, None, f"write {BRACES} for braces that are meant as such")
    shown = text[start : start + length].replace("\n", "\\n")
    advice = (
        f"a hole is a dotted name, without filters or expressions; write {BRACES} for braces that are meant as such"
    )
    inner = re.match(r"\{\{\s*([A-Za-z0-9_.-]+)\s*\|", text[start:])
    meant = None
    if inner is not None:
        try:
            meant = hole(_ref(inner[1], start, length))
        except HoleError:
            meant = None
    return HoleError(f'"{shown}" can\'t be read as a hole', start, length, meant, advice)


# ------------------------------------------------------------------------------------------------------------ shell text
#
# Where a hole stands in shell text: as a word (or a part of one), inside double quotes, in a here-document that the shell
# expands, or in one of the places where it expands nothing.
WORD, DOUBLE, DOCUMENT, SINGLE, ANSI, QUOTED_DOCUMENT, COMMENT = (
    "word",
    "double quotes",
    "here-document",
    "single quotes",
    "ANSI-C quotes",
    "quoted here-document",
    "comment",
)
_EXPANDED = frozenset((WORD, DOUBLE, DOCUMENT))


def contexts(text: Text) -> tuple[Context, ...]:
    """Where each hole of shell text stands, in order: WORD, DOUBLE (arithmetic too), DOCUMENT, SINGLE, …

    It reads POSIX shell and bash as far as quoting goes. https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html
    """
    scanner = _Shell()
    found: list[Context] = []
    for piece in text:
        if isinstance(piece, Ref):
            found.append(scanner.context)
            scanner.hole()
        else:
            scanner.read(piece)
    return tuple(found)


def shell_faults(text: str) -> list[Fault]:
    """The holes in a shell text, as a manifest spells it, that a shell would not expand. Raises HoleError as `parse`."""
    if "{{" not in text:
        return []
    pieces = list(_joined(text))
    where = contexts(tuple(piece for _, _, piece in pieces))
    holes = [(offset, length) for offset, length, piece in pieces if isinstance(piece, Ref)]
    return [
        _fault(offset, length, context, text[offset : offset + length])
        for (offset, length), context in zip(holes, where, strict=True)
        if context not in _EXPANDED
    ]


def _fault(offset: int, length: int, context: Context, spelt: str) -> Fault:
    if context == SINGLE:
        advice = "end the quotes before it and begin them again behind it, or use double quotes"
        return Fault(offset, length, "inside single quotes a shell expands nothing", advice, f"'{spelt}'")
    if context == ANSI:
        return Fault(offset, length, "inside $'…' a shell expands no variable", "use double quotes", None)
    if context == COMMENT:
        return Fault(offset, length, "a shell expands nothing in a comment", "take the hole out of the comment", None)
    advice = "write the word behind << without quotes, and a backslash before each other $ in the text"
    return Fault(offset, length, "in a here-document whose word is quoted a shell expands nothing", advice, None)


_SPECIAL = Pattern(r"[\\'\"`$#<(){}\n]")
_HEREDOC = Pattern(r"<<(-?)[ \t]*((?:[A-Za-z0-9_.,:/@%+=!*?~^-]|\\.|'[^'\n]*'|\"[^\"\n]*\")+)")
_BEFORE_COMMENT = frozenset(" \t\n;&|()")


class _Shell:
    """Reads shell text piece by piece. `open` holds what is open: quotes, `$(`, `${`, `$((`, backquotes, parentheses."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.comment = False
        self.waiting: list[tuple[str, bool, bool]] = []  # here-documents that begin after this line: word, quoted, tabs
        self.document: tuple[str, bool, bool] | None = None
        self.line = ""  # of the here-document, as far as it was read
        self.before = "\n"

    @property
    def context(self) -> Context:
        if self.document is not None:
            return QUOTED_DOCUMENT if self.document[1] else DOCUMENT
        if self.comment:
            return COMMENT
        top = self.open[-1] if self.open else ""
        if top in ("'", "$'"):
            return SINGLE if top == "'" else ANSI
        if top in ('"', "$((", "(("):
            return DOUBLE
        if top == "${":
            return DOUBLE if '"' in self.open else WORD
        return WORD

    def hole(self) -> None:
        """A hole is a part of a word."""
        self.before = "x"
        if self.document is not None:
            self.line += "{{"

    def read(self, text: str) -> None:
        at = 0
        while at < len(text):
            if self.document is not None:
                at = self._document(text, at)
                continue
            if self.comment:
                end = text.find("\n", at)
                if end < 0:
                    return
                self.comment, at = False, end
            found = _SPECIAL.search(text, at)
            if found is None:
                self.before = text[-1]
                return
            if found.start() > at:
                self.before = text[found.start() - 1]
            at = self._special(text, found.start())
            self.before = text[at - 1]

    def _document(self, text: str, at: int) -> int:
        """A here-document up to the end of a line."""
        assert self.document is not None
        end = text.find("\n", at)
        self.line += text[at:] if end < 0 else text[at:end]
        if end < 0:
            return len(text)
        word, _, tabs = self.document
        ended = (self.line.lstrip("\t") if tabs else self.line) == word
        self.line = ""
        if ended:
            self.document, self.before = None, "\n"
            self._begin_document()
        return end + 1

    def _begin_document(self) -> None:
        if self.waiting:
            self.document = self.waiting.pop(0)

    def _special(self, text: str, at: int) -> int:
        """Take in the character at a place, and say where to go on."""
        character = text[at]
        top = self.open[-1] if self.open else ""
        if top == "'":
            if character == "'":
                self.open.pop()
            return at + 1
        if character == "\\":
            return min(at + 2, len(text))
        if top == "$'":
            if character == "'":
                self.open.pop()
            return at + 1
        if character == "\n":
            self._begin_document()
            return at + 1
        if character == "$":
            return self._dollar(text, at, top)
        if character in "\"'`":
            return self._quote(character, at, top)
        if top == '"':
            return at + 1
        if character == "#":
            self.comment = top not in ("${", "$((", "((") and self.before in _BEFORE_COMMENT
            return at + 1
        if character == "<":
            return self._less(text, at, top)
        return self._bracket(text, at, top)

    def _dollar(self, text: str, at: int, top: str) -> int:
        for opening in ("$((", "$(", "${"):
            if text.startswith(opening, at):
                self.open.append(opening)
                return at + len(opening)
        if text.startswith("$'", at) and top not in ('"', "$((", "(("):
            self.open.append("$'")
            return at + 2
        return at + 2 if text.startswith(("$#", "$$"), at) else at + 1

    def _quote(self, character: str, at: int, top: str) -> int:
        if top == character:
            self.open.pop()
        elif character != "'" or (top != '"' and not (top == "${" and '"' in self.open)):
            self.open.append(character)
        return at + 1

    def _less(self, text: str, at: int, top: str) -> int:
        if text.startswith("<<<", at):
            return at + 3
        found = _HEREDOC.match(text, at) if top not in ("${", "$((", "((") else None
        if found is None:
            return at + 1
        word = re.sub(r"\\(.)|['\"]", r"\1", found[2])
        self.waiting.append((word, word != found[2], bool(found[1])))
        return found.end()

    def _bracket(self, text: str, at: int, top: str) -> int:
        character = text[at]
        if character == "(":
            opening = "((" if text.startswith("((", at) and self.before in _BEFORE_COMMENT else "("
            self.open.append(opening)
            return at + len(opening)
        if character == ")" and top in ("$((", "(("):
            self.open.pop()
            return at + 2 if text.startswith("))", at) else at + 1
        if (character == ")" and top in ("$(", "(")) or (character == "}" and top == "${"):
            self.open.pop()
        return at + 1
