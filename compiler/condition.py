"""Conditions on what started a run: `event == 'push' and branch matches 'release/**' and not parameters.dry_run`.

    condition  = conjunction {"or" conjunction}
    conjunction = term {"and" term}
    term       = "not" term | "(" condition ")" | "changed" "(" text {"," text} ")"
               | subject ("==" | "!=") literal | subject ["not"] "in" "[" literal {"," literal} "]"
               | ("branch" | "tag") "matches" text | "parameters." name            the last: a bool parameter
    subject    = "event" | "branch" | "tag" | "parameters." name
    literal    = text | number | "true" | "false"          text stands in quotes, a quote in it doubled

There is no order, no arithmetic and no value of a matrix. A literal is kept as its text. A run without a branch (or
tag) has the empty text there; a glob never matches that. `parse` and `text` are inverse to each other for what `parse`
makes: `And` and `Or` hold two terms or more and none of their own kind.
"""

from __future__ import annotations

import re

from compiler.diagnostics import listed, suggest
from compiler.ir import EVENTS, And, Changed, Compare, Matches, Node, Not, Or, Truth
from compiler.pattern import Pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal

    from compiler.ir import Condition

DEEPEST = 50  # levels of parentheses and "not"
SUBJECTS = ("event", "branch", "tag")
_GLOBBED = ("branch", "tag")
_KEYWORDS = ("and", "or", "not", "in", "matches", "changed", "true", "false")

_EVENT_SLIPS = {
    "pull_request": "change_request",
    "merge_request": "change_request",
    "merge_request_event": "change_request",
    "pr": "change_request",
    "mr": "change_request",
    "workflow_dispatch": "manual",
    "web": "manual",
    "api": "manual",
    "cron": "schedule",
    "scheduled": "schedule",
    "workflow_call": "call",
    "workflow_run": "pipeline",
    "tag": "push",
}
_OPERATOR_SLIPS = {
    "=": "==",
    "===": "==",
    "!==": "!=",
    "<>": "!=",
    "&&": "and",
    "||": "or",
    "!": "not ",
    "&": "and",
    "|": "or",
    "=~": "matches",
}
_SUBJECT_SLIPS = {
    "git.branch": "branch",
    "git.tag": "tag",
    "git.event": "event",
    "github.event_name": "event",
    "github.ref_name": "branch",
}
_KIND_SLIPS = ("inputs", "params", "param", "parameter", "vars", "input", "variables")

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_TOKEN = Pattern(
    r"(?P<blank>\s+)"
    r"|(?P<text>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")"
    rf"|(?P<number>{_NUMBER}(?![\w.-]))"
    r"|(?P<name>[^\W\d][\w-]*(?:\.[\w-]+)*)"
    r"|(?P<operator>[=!<>&|~]+)"
    r"|(?P<mark>[()\[\],])"
)
_BARE = Pattern(rf"{_NUMBER}|true|false")


class ConditionError(ValueError):
    """What is wrong with a condition: `length` code points from `offset`.

    `suggestion` is the whole condition as it was probably meant, or None; `help` is advice, or None.
    """

    def __init__(
        self, message: str, offset: int, length: int = 1, suggestion: str | None = None, help: str | None = None
    ) -> None:
        super().__init__(message)
        self.offset = offset
        self.length = length
        self.suggestion = suggestion
        self.help = help


class Facts(Node):
    """What a condition is held against. `changed` are the changed paths; None: nothing to compare with, so all did."""

    event: str
    branch: str = ""
    tag: str = ""
    parameters: Mapping[str, str] = {}
    changed: tuple[str, ...] | None = None


class _Token:
    __slots__ = ("kind", "start", "text")

    def __init__(self, kind: str, text: str, start: int) -> None:
        self.kind = kind
        self.text = text
        self.start = start


def parse(source: str) -> Condition:
    """Read a condition. Raises ConditionError at the first thing that is wrong."""
    return _Parser(source).whole()


def text(condition: Condition) -> str:
    """The one spelling of a condition, with as few parentheses as it takes."""
    return _text(condition, 0)


def _text(condition: Condition, binding: int) -> str:
    """`binding`: what stands around it, 0 nothing or `or`, 1 `and`, 2 `not`."""
    if isinstance(condition, (And, Or)):
        if len(condition.terms) == 1:
            return _text(condition.terms[0], binding)
        own, word = (1, " and ") if isinstance(condition, And) else (0, " or ")
        inner = word.join(_text(term, own) for term in condition.terms)
        return f"({inner})" if binding > own else inner
    if isinstance(condition, Not):
        term = condition.term
        if isinstance(term, Compare) and term.operator == "in":
            return f"{term.subject} not in {_list(term.values)}"
        return f"not {_text(term, 2)}"
    if isinstance(condition, Compare):
        if condition.operator == "in":
            return f"{condition.subject} in {_list(condition.values)}"
        return f"{condition.subject} {condition.operator} {_literal(condition.values[0])}"
    if isinstance(condition, Matches):
        return f"{condition.subject} matches {_quoted(condition.glob)}"
    if isinstance(condition, Changed):
        return f"changed({', '.join(map(_quoted, condition.globs))})"
    return condition.subject


def _list(values: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_literal, values))}]"


def _literal(value: str) -> str:
    return value if _BARE.fullmatch(value) else _quoted(value)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


# ------------------------------------------------------------------------------------------------------------- meaning


def evaluate(condition: Condition | None, facts: Facts) -> bool:
    """Whether a condition holds; None always does."""
    if condition is None:
        return True
    if isinstance(condition, And):
        return all(evaluate(term, facts) for term in condition.terms)
    if isinstance(condition, Or):
        return any(evaluate(term, facts) for term in condition.terms)
    if isinstance(condition, Not):
        return not evaluate(condition.term, facts)
    if isinstance(condition, Changed):
        return facts.changed is None or any(matches(glob, path) for glob in condition.globs for path in facts.changed)
    value = _value(condition.subject, facts)
    if isinstance(condition, Matches):
        return value != "" and matches(condition.glob, value)
    if isinstance(condition, Truth):
        return value == "true"
    return (value in condition.values) is (condition.operator != "!=")


def _value(subject: str, facts: Facts) -> str:
    if subject.startswith("parameters."):
        return facts.parameters.get(subject.removeprefix("parameters."), "")
    return {"event": facts.event, "branch": facts.branch, "tag": facts.tag}[subject]


def matches(glob: str, value: str) -> bool:
    """Whether a glob matches the value as a whole."""
    return re.fullmatch(glob_regex(glob), value, re.DOTALL) is not None


def glob_regex(glob: str) -> str:
    """A glob as a regular expression without anchors that Python, RE2, JavaScript, Ruby and POSIX ERE read alike.

    `*` is anything within a segment, `**` anything across segments (`**/` none of them too), `?` one character.
    """
    out: list[str] = []
    at = 0
    while at < len(glob):
        character = glob[at]
        if glob.startswith("**/", at) and (at == 0 or glob[at - 1] == "/"):
            out.append("(.*/)?")
            at += 3
        elif glob.startswith("**", at):
            out.append(".*")
            at += 2
        else:
            wild = {"*": "[^/]*", "?": "[^/]"}.get(character)
            out.append(wild or ("\\" + character if character in ".^$+(){}[]|\\" else character))
            at += 1
    return "".join(out)


def negate(condition: Condition) -> Condition:
    """The opposite, with `not` pushed down to what can't be turned round otherwise."""
    if isinstance(condition, Not):
        return condition.term
    if isinstance(condition, And):
        return _united(Or, [negate(term) for term in condition.terms], condition)
    if isinstance(condition, Or):
        return _united(And, [negate(term) for term in condition.terms], condition)
    if isinstance(condition, Compare) and condition.operator != "in":
        turned: Literal["==", "!="] = "!=" if condition.operator == "==" else "=="
        return condition.replace(operator=turned)
    return Not(term=condition, origin=condition.origin)


def conjoin(*conditions: Condition | None) -> Condition | None:
    """All of them: flat, each term once, in order. None (always) adds nothing."""
    given = list({id(condition): condition for condition in conditions if condition is not None}.values())
    if len(given) == 1 and not isinstance(given[0], (And, Or)):
        return given[0]
    return _united(And, given, given[0]) if given else None


def disjoin(*conditions: Condition | None) -> Condition | None:
    """Any of them: flat, each term once, in order. One that is None (always) makes it None."""
    given = [condition for condition in conditions if condition is not None]
    return _united(Or, given, given[0]) if given and len(given) == len(conditions) else None


def _united(kind: type[And] | type[Or], terms: list[Condition], place: Condition) -> Condition:
    flat: list[Condition] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, kind) else (term,))
    once = list(dict.fromkeys(flat))
    other = Or if kind is And else And
    kept = [term for term in once if not (isinstance(term, other) and any(one in once for one in term.terms))]
    return kept[0] if len(kept) == 1 else kind(terms=tuple(kept), origin=place.origin)


def map_globs(condition: Condition, change: Callable[[str], str]) -> Condition:
    """The condition with the globs of its `changed` put through a function."""
    if isinstance(condition, (And, Or)):
        return condition.replace(terms=tuple(map_globs(term, change) for term in condition.terms))
    if isinstance(condition, Not):
        return condition.replace(term=map_globs(condition.term, change))
    if isinstance(condition, Changed):
        return condition.replace(globs=tuple(map(change, condition.globs)))
    return condition


# ------------------------------------------------------------------------------------------------------------- reading


class _Parser:
    """Reads from left to right; `token` is the next one."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.depth = 0
        self.end = 0
        self.token = self._next()

    def _next(self) -> _Token:
        while (found := _TOKEN.match(self.source, self.end)) is not None and found.lastgroup == "blank":
            self.end = found.end()
        start = self.end
        if found is None:
            if start < len(self.source):
                raise self._odd(start)
            return _Token("end", "", start)
        self.end = found.end()
        return _Token(found.lastgroup or "", found.group(), start)

    def _odd(self, at: int) -> ConditionError:
        character = self.source[at]
        if character in "'\"":
            return ConditionError("a quote is never closed", at)
        if self.source.startswith("{{", at):
            bare = re.sub(r"\{\{\s*([\w.-]+)\s*\}\}", r"\1", self.source)
            advice = "a condition names its parameters without braces"
            meant = bare if bare != self.source and readable(bare) else None
            return ConditionError("a condition has no holes", at, 2, meant, advice)
        if character == "$":
            advice = f"a condition looks at {listed((*SUBJECTS, 'parameters.NAME'))}"
            return ConditionError('"$" is not part of a condition', at, 1, None, advice)
        return ConditionError(f'"{character}" is not part of a condition', at)

    def take(self) -> _Token:
        token, self.token = self.token, self._next()
        return token

    def took(self, *words: str) -> bool:
        """Go past the next token when it is one of these words or marks."""
        if self.token.kind in ("name", "mark") and self.token.text in words:
            self.take()
            return True
        return False

    def fault(self, message: str, token: _Token, meant: str | None = None, help: str | None = None) -> ConditionError:
        """The error at a token; `meant` is what should stand there."""
        whole = None
        if meant is not None:
            whole = self.source[: token.start] + meant + self.source[token.start + len(token.text) :]
        return ConditionError(message, token.start, max(1, len(token.text)), whole, help)

    def whole(self) -> Condition:
        if self.token.kind == "end":
            raise ConditionError("the condition is empty", 0, 1, None, "write one such as event == 'push'")
        condition = self.disjunction()
        if self.token.kind != "end":
            raise self._stray()
        return condition

    def _stray(self) -> ConditionError:
        token = self.token
        if token.text in _OPERATOR_SLIPS and token.text != "!":
            word = _OPERATOR_SLIPS[token.text]
            return self.fault(f'"{token.text}" is not an operator of conditions', token, word, f'write "{word}"')
        if token.kind == "operator":
            return self._order(token)
        near = suggest(token.text, ("and", "or", "in", "matches")) if token.kind == "name" else None
        advice = None if near else 'join terms with "and" or "or"'
        return self.fault(f'"{token.text}" is not expected here', token, near, advice)

    def _order(self, token: _Token) -> ConditionError:
        advice = "name the values, as in parameters.size in [1, 2, 3], or decide in the job itself"
        return self.fault(f'"{token.text}" orders, and conditions only compare', token, None, advice)

    def disjunction(self) -> Condition:
        return self._joined(Or, "or", self.conjunction)

    def conjunction(self) -> Condition:
        return self._joined(And, "and", self.term)

    def _joined(self, kind: type[And] | type[Or], word: str, read: Callable[[], Condition]) -> Condition:
        terms = [read()]
        while self.took(word):
            terms.append(read())
        if len(terms) == 1:
            return terms[0]
        flat: list[Condition] = []
        for term in terms:
            flat.extend(term.terms if isinstance(term, kind) else (term,))
        return kind(terms=tuple(flat))

    def term(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ConditionError(f"nested deeper than {DEEPEST} levels", self.token.start)
        token = self.token
        if self.took("not"):
            condition: Condition = Not(term=self.term())
        elif self.took("("):
            condition = self.disjunction()
            if not self.took(")"):
                if self.token.kind != "end":
                    raise self._stray()
                raise self.fault('"(" is never closed', token)
        elif token.text == "changed":
            condition = self.changed()
        else:
            condition = self.comparison()
        self.depth -= 1
        return condition

    def changed(self) -> Condition:
        word = self.take()
        advice = "write changed('src/**')"
        if not self.took("("):
            raise self.fault('"changed" takes globs in parentheses', word, None, advice)
        globs = [self.glob()]
        while self.took(","):
            globs.append(self.glob())
        if not self.took(")"):
            raise self.fault('"," or ")" is expected', self.token, None, advice)
        return Changed(globs=tuple(globs))

    def glob(self) -> str:
        token = self.token
        if token.kind != "text":
            raise self.fault(
                "a glob in quotes is expected", token, _quoted(token.text) if token.kind == "name" else None
            )
        value = _unquoted(self.take().text)
        if not value:
            raise self.fault("a glob is empty", token)
        if re.search(r"[\[{!]", value):
            raise self.fault(f'"{value}" is no glob of conditions', token, None, "a glob has *, ** and ? only")
        return value

    def comparison(self) -> Condition:
        token = self.token
        subject = self.subject()
        operator = self.token
        if operator.kind == "operator":
            return self._compared(subject, operator)
        if self.took("in"):
            return Compare(subject=subject, operator="in", values=self.values(subject))
        if operator.text == "not":
            return self._not_in(subject)
        if operator.text == "matches":
            if subject not in _GLOBBED:
                raise self.fault(f'"matches" looks at {listed(_GLOBBED)}, not at "{subject}"', operator)
            self.take()
            return Matches(subject=subject, glob=self.glob())
        if subject in SUBJECTS:
            advice = (
                f"write {subject} == '…'" if subject == "event" else f"write {subject} != '' or {subject} matches '…'"
            )
            raise self.fault(f'"{subject}" is compared with something', token, None, advice)
        return Truth(subject=subject)

    def _not_in(self, subject: str) -> Condition:
        word = self.take()
        if not self.took("in"):
            raise self.fault('"not" stands before a term, or before "in"', word)
        return Not(term=Compare(subject=subject, operator="in", values=self.values(subject)))

    def _compared(self, subject: str, operator: _Token) -> Condition:
        if operator.text in ("==", "!="):
            self.take()
            same: Literal["==", "!="] = "==" if operator.text == "==" else "!="
            return Compare(subject=subject, operator=same, values=(self.literal(subject),))
        if operator.text in _OPERATOR_SLIPS:
            word = _OPERATOR_SLIPS[operator.text]
            raise self.fault(
                f'"{operator.text}" is not an operator of conditions', operator, word, f'write "{word.strip()}"'
            )
        raise self._order(operator)

    def subject(self) -> str:
        token = self.token
        if token.kind == "operator" and token.text == "!":
            raise self.fault('"!" is not an operator of conditions', token, "not ", 'write "not"')
        if token.kind in ("text", "number") or token.text in ("true", "false"):
            advice = f"begin with {listed((*SUBJECTS, 'parameters.NAME'))}: event == 'push'"
            raise self.fault(f"{token.text} stands where a comparison begins", token, None, advice)
        if token.kind != "name" or token.text in _KEYWORDS:
            found = f'"{token.text}"' if token.text else "the end"
            raise self.fault(f"a term is expected, not {found}", token)
        kind, _, name = token.text.partition(".")
        if token.text in SUBJECTS or (kind == "parameters" and name and "." not in name):
            return self.take().text
        raise self._unknown(token, kind, name)

    def _unknown(self, token: _Token, kind: str, name: str) -> ConditionError:
        if kind == "matrix":
            advice = "leave legs out with the matrix's exclude"
            return self.fault("a condition does not look at the matrix", token, None, advice)
        meant = _SUBJECT_SLIPS.get(token.text)
        if kind in _KIND_SLIPS and name:
            meant = f"parameters.{name}"
        if meant is None and name:
            near = suggest(kind, ("parameters",))
            meant = f"{near}.{name}" if near and near != kind else None
        if meant is None:
            meant = suggest(token.text, (*SUBJECTS, "not", "changed"))
        advice = f"a condition looks at {listed((*SUBJECTS, 'parameters.NAME'))} and at changed('glob')"
        return self.fault(f'"{token.text}" is nothing that a condition looks at', token, meant, advice)

    def values(self, subject: str) -> tuple[str, ...]:
        opening = self.token
        if not self.took("["):
            raise self.fault('"in" takes a list', opening, None, f"write {subject} in ['a', 'b']")
        values = [self.literal(subject)]
        while self.took(","):
            values.append(self.literal(subject))
        if not self.took("]"):
            raise self.fault('"," or "]" is expected', self.token)
        return tuple(values)

    def literal(self, subject: str) -> str:
        token = self.token
        if token.kind not in ("text", "number") and token.text not in ("true", "false"):
            plain = token.kind == "name" and token.text not in _KEYWORDS and "." not in token.text
            advice = "text stands in quotes" if token.kind == "name" else None
            found = f'"{token.text}"' if token.text else "the end"
            raise self.fault(
                f"a literal is expected, not {found}", token, _quoted(token.text) if plain else None, advice
            )
        self.take()
        value = _unquoted(token.text) if token.kind == "text" else token.text
        if subject == "event" and value not in EVENTS:
            meant = _EVENT_SLIPS.get(value) or suggest(value, EVENTS)
            advice = f"events are {listed(EVENTS, 'and')}"
            raise self.fault(f'"{value}" is not an event', token, _quoted(meant) if meant else None, advice)
        return value


def _unquoted(token: str) -> str:
    quote = token[0]
    return token[1:-1].replace(quote * 2, quote)


def readable(source: str) -> bool:
    """Whether text is a condition."""
    try:
        parse(source)
    except ConditionError:
        return False
    return True
