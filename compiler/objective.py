"""Objectives over metrics: `accuracy >= 0.90`, `abs(a - b) <= 0.1`, `latency_ms < 0.25 s`, `f1 >= baseline - 0.01`.

    objective = side operator side ["within" number]          operator = >= | <= | > | < | == | !=
    side      = operand ["-" operand]
    operand   = number | metric | "abs(" side-without-abs ")"
    metric    = ["baseline."] name [slice] | "baseline" [slice]    the last: the metric of the other side
    slice     = "[" name "=" value {"," name "=" value} "]"
    number    = decimal [unit]

A name is words joined by `.`, `/`, `@` or `:`; any other name stands in quotes, a quote in it doubled. A unit converts
to that of the metric, which the metric's name ends in (`latency_ms`, `size_mib`); `%` is a hundredth. Without units,
numbers are compared as they are. `within` widens every operator: `a >= b within t` is `a >= b - t`, `a == b within t`
is `abs(a - b) <= t`. Numbers are kept as they were written and compared exactly.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from compiler.ir import Absolute, Difference, Metric, Number, Objective

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from compiler.ir import Term

    Operator: TypeAlias = Literal[">=", "<=", "==", "!=", ">", "<"]

OPERATORS: tuple[Operator, ...] = (">=", "<=", "==", "!=", ">", "<")

# unit: (dimension, its size in the dimension's base: seconds, bytes, one)
UNITS = {
    "us": ("time", "1/1000000"),
    "ms": ("time", "1/1000"),
    "s": ("time", "1"),
    "min": ("time", "60"),
    "h": ("time", "3600"),
    "B": ("size", "1"),
    "kB": ("size", "1000"),
    "MB": ("size", "1000000"),
    "GB": ("size", "1000000000"),
    "KiB": ("size", "1024"),
    "MiB": ("size", "1048576"),
    "GiB": ("size", "1073741824"),
    "%": ("ratio", "1/100"),
}
# The last word of a metric's name: its unit. "min" and "b" are left out: they end names that mean something else.
SUFFIXES = {
    "us": "us",
    "ms": "ms",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "minutes": "min",
    "h": "h",
    "hours": "h",
    "bytes": "B",
    "kb": "kB",
    "mb": "MB",
    "gb": "GB",
    "kib": "KiB",
    "mib": "MiB",
    "gib": "GiB",
    "pct": "%",
    "percent": "%",
}
_SLIPS = {"=": "==", "=>": ">=", "=<": "<=", "≥": ">=", "≤": "<=", "≠": "!=", "<>": "!=", "===": "==", "±": "within"}

_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*(?:[./@:]\w+(?:\.\w+)*)*)"
    r"|(?P<quoted>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")"
    r"|(?P<operator>[<>=!≥≤≠±]+)"
    r"|(?P<mark>[-+%\[\](),.])"
)
_BARE = re.compile(r"[^\W\d]\w*(?:[./@:]\w+(?:\.\w+)*)*")
_SLICE_VALUE = re.compile(r"\s*([^\s,\]\['\"=](?:[^,\]\['\"=]*[^\s,\]\['\"=])?)")
_WORD = re.compile(r"[^\W_]+$")
_KEYWORDS = ("abs", "baseline", "within", "and", "or", "not")
_LONGEST_NUMBER = 300


class ObjectiveError(ValueError):
    """What is wrong with an objective, at which code point of its text, and the advice for it, or None."""

    def __init__(self, message: str, offset: int, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message, self.offset, self.suggestion = message, offset, suggestion


class Token(NamedTuple):
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def parse(source: str) -> Objective:
    """Read an objective; raises ObjectiveError at the first thing that is wrong."""
    return _Parser(source).objective()


def text(objective: Objective) -> str:
    """The objective in its one spelling; `parse` gives an equal one back."""
    within = f" within {_number_text(objective.tolerance)}" if objective.tolerance else ""
    return f"{_term_text(objective.left)} {objective.operator} {_term_text(objective.right)}{within}"


def as_json(objective: Objective) -> list[Any]:
    """The objective as data for the gate: [text, operator, left, right, tolerance where there is one].

    An operand is {"metric", "slice", "baseline", "scale"}, {"number", "scale"}, ["-", left, right] or ["abs", term].
    A scale is a factor to the base unit, as a fraction in text; what says nothing is left out.
    """
    dimension = _dimension([(leaf, 0) for leaf in leaves(objective)])
    data = [text(objective), objective.operator]
    operands = [objective.left, objective.right, *([objective.tolerance] if objective.tolerance else [])]
    return data + [_term_json(operand, dimension) for operand in operands]


def leaves(objective: Objective) -> list[Number | Metric]:
    """The numbers and metrics of an objective from left to right, its tolerance last."""
    found: list[Number | Metric] = []
    pending: list[Term] = [*([objective.tolerance] if objective.tolerance else []), objective.right, objective.left]
    while pending:
        term = pending.pop()
        if isinstance(term, Difference):
            pending += [term.right, term.left]
        elif isinstance(term, Absolute):
            pending.append(term.term)
        else:
            found.append(term)
    return found


def metrics(objective: Objective) -> list[Metric]:
    return [leaf for leaf in leaves(objective) if isinstance(leaf, Metric)]


def _quoted(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _number_text(number: Number) -> str:
    return number.value + (f" {number.unit}" if number.unit and number.unit != "%" else number.unit or "")


def _metric_text(metric: Metric) -> str:
    name = metric.name
    if not _BARE.fullmatch(name) or name.split(".")[0] in _KEYWORDS:
        name = _quoted(name)
    pairs = ", ".join(f"{_slice_part(key)}={_slice_part(value)}" for key, value in metric.slice)
    return ("baseline." if metric.baseline else "") + name + (f"[{pairs}]" if pairs else "")


def _slice_part(part: str) -> str:
    return part if _SLICE_VALUE.fullmatch(part) and part == part.strip() else _quoted(part)


def _term_text(term: Term) -> str:
    if isinstance(term, Difference):
        return f"{_term_text(term.left)} - {_term_text(term.right)}"
    if isinstance(term, Absolute):
        return f"abs({_term_text(term.term)})"
    return _number_text(term) if isinstance(term, Number) else _metric_text(term)


def _term_json(term: Term, dimension: str) -> Any:
    if isinstance(term, Difference):
        return ["-", _term_json(term.left, dimension), _term_json(term.right, dimension)]
    if isinstance(term, Absolute):
        return ["abs", _term_json(term.term, dimension)]
    if isinstance(term, Number):
        data: dict[str, Any] = {"number": term.value}
        unit = term.unit or ""
    else:
        data = {"metric": term.name}
        if term.slice:
            data["slice"] = dict(term.slice)
        if term.baseline:
            data["baseline"] = True
        unit = _unit_of(term)
    if dimension and unit and UNITS[unit][1] != "1":
        data["scale"] = UNITS[unit][1]
    return data


def _unit_of(metric: Metric) -> str:
    """The unit in which a metric is given, by the last word of its name; empty where that names none."""
    word = _WORD.search(metric.name)
    return SUFFIXES.get(word.group().lower(), "") if word else ""


def _is_zero(number: Number) -> bool:
    return not number.value.lower().split("e")[0].strip("-0.")


def _dimension(placed: list[tuple[Number | Metric, int]]) -> str:
    """The dimension in which an objective is compared; empty: numbers as they are. Raises where units don't agree."""
    numbers = [(leaf, offset) for leaf, offset in placed if isinstance(leaf, Number)]
    measured = [(leaf, offset) for leaf, offset in placed if isinstance(leaf, Metric)]
    named = [(number.unit, offset) for number, offset in numbers if number.unit]
    if named:
        first = named[0][0]
        dimension = UNITS[first][0]
        for unit, offset in named:
            if UNITS[unit][0] != dimension:
                raise ObjectiveError(f'units "{first}" and "{unit}" do not measure the same', offset)
        for metric, offset in measured:
            _check_unit(metric, offset, dimension)
    else:
        units = {_unit_of(metric) for metric, _ in measured}
        dimensions = {UNITS[unit][0] if unit else "" for unit in units}
        if len(units) < 2 or len(dimensions) > 1:
            return ""
        dimension = dimensions.pop()
    for number, offset in numbers:
        if not number.unit and not _is_zero(number):
            raise ObjectiveError(f'number "{number.value}" has no unit, unlike the rest', offset, _examples(dimension))
    return dimension


def _check_unit(metric: Metric, offset: int, dimension: str) -> None:
    unit = _unit_of(metric)
    held = UNITS[unit][0] if unit else ""
    if held == dimension or (dimension == "ratio" and not held):
        return
    known = f'is in "{unit}"' if unit else "does not say its unit"
    advice = f'end the name in its unit, as in "{metric.name}_{_SAMPLE[dimension]}", or write numbers without units'
    raise ObjectiveError(f'metric "{metric.name}" {known}', offset, None if unit else advice)


_SAMPLE = {"time": "ms", "size": "mb", "ratio": "percent"}


def _examples(dimension: str) -> str:
    return f"give it one of {', '.join(unit for unit in UNITS if UNITS[unit][0] == dimension)}"


class _Parser:
    """Reads from left to right; `places` holds each leaf with its offset."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.token = Token("", "", 0)
        self.ended = 0
        self.places: list[tuple[Number | Metric, int]] = []
        self.advance(0)

    def advance(self, position: int) -> Token:
        """Move on to the token at a position, and return the one before."""
        passed = self.token
        while True:
            match = _TOKEN.match(self.source, position)
            if not match or match.lastgroup != "space":
                break
            position = match.end()
        if match:
            self.token = Token(match.lastgroup or "", match.group(), position)
        elif position == len(self.source):
            self.token = Token("end", "", position)
        else:
            character = self.source[position]
            advice = "close the quote" if character in "'\"" else None
            raise ObjectiveError(f'"{character}" is not part of an objective', position, advice)
        return passed

    def take(self) -> Token:
        self.ended = self.token.end
        return self.advance(self.token.end)

    def objective(self) -> Objective:
        if self.token.kind == "end":
            raise ObjectiveError("the objective is empty", 0, 'write one such as "accuracy >= 0.9"')
        left = self.side()
        operator = self.operator()
        right = self.side()
        tolerance = self.tolerance()
        self.expect_end()
        objective = self.with_baseline(Objective(left=left, operator=operator, right=right, tolerance=tolerance))
        self.check(objective)
        return objective

    def operator(self) -> Operator:
        token = self.token
        for operator in OPERATORS:
            if token.text == operator:
                self.take()
                return operator
        if token.text in _SLIPS:
            raise ObjectiveError(f'"{token.text}" is not an operator', token.start, f'write "{_SLIPS[token.text]}"')
        found = f'"{token.text}"' if token.text else "the end"
        expected = f"an operator ({', '.join(OPERATORS)}) is expected, not {found}"
        raise ObjectiveError(expected, token.start, self.name_advice(token))

    def name_advice(self, token: Token) -> str | None:
        return "a name that is not one word stands in quotes" if token.kind in ("name", "mark") else None

    def tolerance(self) -> Number | None:
        if self.token.text == "±":
            raise ObjectiveError('"±" is not an operator', self.token.start, 'write "within" before the tolerance')
        if self.token != Token("name", "within", self.token.start):
            return None
        self.take()
        place = self.token.start
        number = self.operand()
        if not isinstance(number, Number):
            raise ObjectiveError("a tolerance is a number", place)
        if number.value.startswith("-"):
            raise ObjectiveError(f'tolerance "{number.value}" is negative', place)
        return number

    def expect_end(self) -> None:
        token = self.token
        if token.kind == "end":
            return
        advice = None
        if token.kind == "operator" or token.text in ("and", "or", ","):
            advice = "write one objective for each comparison"
        raise ObjectiveError(f'"{token.text}" is not expected here', token.start, advice)

    def side(self, inside: bool = False) -> Term:
        left = self.operand(inside)
        minus = self.token
        if minus.text == "+":
            raise ObjectiveError('"+" is not known: objectives compare metrics and differences', minus.start)
        if minus.text != "-":
            return left
        glued = minus.start == self.ended
        before = self.source[: minus.start]
        self.take()
        if glued and self.token.start == minus.end:
            word = re.split(r"[\s<>=!(]", before)[-1]
            rest = re.split(r"[\s<>=!)]", self.source[minus.end :])[0]
            advice = f"write \"{word} - {rest}\" for a difference, '{word}-{rest}' in quotes for one name"
            raise ObjectiveError(f'"{word}-{rest}" may be a name or a difference', minus.start - len(word), advice)
        right = self.operand(inside)
        if self.token.text == "-":
            raise ObjectiveError("a side has one difference at most", self.token.start)
        return Difference(left=left, right=right)

    def operand(self, inside: bool = False) -> Number | Metric | Absolute:
        token = self.token
        if token.kind == "number" or token.text in ("-", "+"):
            return self.number()
        if token.kind == "name" and token.text == "abs" and self.source[token.end :].lstrip().startswith("("):
            return self.absolute(inside)
        if token.kind in ("name", "quoted") and token.text not in _KEYWORDS[2:]:
            return self.metric()
        found = f'"{token.text}"' if token.text else "the end"
        raise ObjectiveError(f"a metric or a number is expected, not {found}", token.start)

    def absolute(self, inside: bool) -> Absolute:
        if inside:
            raise ObjectiveError('"abs" within "abs" says nothing more', self.token.start)
        self.take()
        self.take()
        term = self.side(inside=True)
        if self.token.text != ")":
            raise ObjectiveError('")" is expected', self.token.start)
        self.take()
        if isinstance(term, Absolute):
            raise ObjectiveError('"abs" within "abs" says nothing more', self.token.start)
        return Absolute(term=term)

    def number(self) -> Number:
        start = self.token.start
        sign = self.take().text if self.token.text in ("-", "+") else ""
        if self.token.kind != "number":
            raise ObjectiveError("a number is expected after the sign", self.token.start)
        value = self.take().text
        if len(value) > _LONGEST_NUMBER or len(value.lower().partition("e")[2].lstrip("+-")) > 3:
            raise ObjectiveError(f'number "{value[:20]}..." is out of range', start)
        if self.token.text == "," and self.source[self.ended : self.ended + 1] == ",":
            raise ObjectiveError('"," does not belong into a number', self.ended, "write thousands without commas")
        number = Number(value=("-" if sign == "-" else "") + value, unit=self.unit())
        self.places.append((number, start))
        return number

    def unit(self) -> str | None:
        token = self.token
        if token.text in UNITS:
            return self.take().text
        if token.kind != "name" or token.text in ("within", "and", "or"):
            return None
        near = [unit for unit in UNITS if unit.lower() == token.text.lower()] or [SUFFIXES.get(token.text.lower(), "")]
        advice = f'write "{near[0]}"' if near[0] else f"units are {', '.join(UNITS)}"
        raise ObjectiveError(f'unit "{token.text}" is not known', token.start, advice)

    def metric(self) -> Metric:
        start, baseline, name = self.token.start, False, self.name()
        if self.source[start] not in "'\"" and name.split(".")[0] == "baseline":
            baseline, name = True, name[len("baseline.") :]
            if not name and self.token.text == "." and self.token.start == self.ended:
                self.take()
                if self.token.kind != "quoted":
                    raise ObjectiveError('a metric is expected after "baseline."', self.token.start)
                name = self.name()
        metric = Metric(name=name, slice=self.slice() if self.token.text == "[" else (), baseline=baseline)
        self.places.append((metric, start))
        return metric

    def name(self) -> str:
        token = self.take()
        if token.kind == "name":
            return token.text
        quote = token.text[0]
        name = token.text[1:-1].replace(quote * 2, quote)
        if not name.strip() or not name.isprintable():
            raise ObjectiveError("a name has printable characters, one at least", token.start)
        return name

    def slice(self) -> tuple[tuple[str, str], ...]:
        """`[name=value, ...]`, sorted by name."""
        pairs: dict[str, str] = {}
        position = self.token.end
        while True:
            start = position
            key, position = self.slice_part(position, "=")
            if key in pairs:
                raise ObjectiveError(f'slice "{key}" is given twice', start)
            pairs[key], position = self.slice_part(position, ",]")
            if self.source[position - 1] == "]":
                break
        self.ended = position
        self.advance(position)
        return tuple(sorted(pairs.items()))

    def slice_part(self, position: int, ends: str) -> tuple[str, int]:
        """A bare or quoted text up to one of the marks; returns it and the position after the mark."""
        match = _SLICE_VALUE.match(self.source, position)
        if match:
            part, after = match.group(1), match.end()
        else:
            self.advance(position)
            if self.token.kind != "quoted":
                raise ObjectiveError("a slice is name=value", self.token.start, 'write one such as "[segment=new]"')
            part, after = self.name(), self.ended
        after += len(self.source[after:]) - len(self.source[after:].lstrip())
        if not part.isprintable():
            raise ObjectiveError("a slice has printable characters only", position)
        if self.source[after : after + 1] not in tuple(ends):
            expected = " or ".join(f'"{mark}"' for mark in ends)
            raise ObjectiveError(f"{expected} is expected in the slice", after)
        return part, after + 1

    def with_baseline(self, objective: Objective) -> Objective:
        """Give a bare `baseline` the name of the one metric that it stands beside, and its slice unless it has one."""
        bare = [offset for leaf, offset in self.places if isinstance(leaf, Metric) and not leaf.name]
        if not bare:
            return objective
        beside = {leaf for leaf, _ in self.places if isinstance(leaf, Metric) and not leaf.baseline}
        if len(beside) != 1:
            advice = 'name the metric, as in "baseline.accuracy"'
            raise ObjectiveError('"baseline" does not say which metric', bare[0], advice)
        this = beside.pop()

        def named(term: Term) -> Term:
            if isinstance(term, Difference):
                return Difference(left=named(term.left), right=named(term.right))
            if isinstance(term, Absolute):
                return Absolute(term=named(term.term))
            if isinstance(term, Metric) and not term.name:
                return Metric(name=this.name, slice=term.slice or this.slice, baseline=True)
            return term

        return objective.replace(left=named(objective.left), right=named(objective.right))

    def check(self, objective: Objective) -> None:
        """Refuse what can't fail, can't pass or mixes units."""
        if all(metric.baseline for metric in metrics(objective)):
            raise ObjectiveError("no metric of this run is compared", 0, 'write one such as "accuracy >= 0.9"')
        if objective.left == objective.right:
            raise ObjectiveError("both sides are the same", 0)
        offsets = [offset for _, offset in self.places]
        _dimension(list(zip(leaves(objective), offsets, strict=True)))


def argument(objective: Objective) -> str:
    """The objective as one argument of the gate: its text where it is `metric operator number`, else its data."""
    import json

    simple = (
        isinstance(objective.left, Metric)
        and not objective.left.slice
        and not objective.left.baseline
        and isinstance(objective.right, Number)
        and objective.right.unit is None
        and objective.tolerance is None
        and all(c.isalnum() or c in "_./-" for c in objective.left.name)
    )
    return text(objective) if simple else json.dumps(as_json(objective), ensure_ascii=False)
