"""What headrace says about a manifest: findings with a code, a place, labels, help and, where it can, a fix."""

from __future__ import annotations

from compiler.source import Origin, Source, Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)


class Code:
    """A kind of finding. `number` is HRdddd by stage, `name` is kebab case, both stable and never reused."""

    __slots__ = ("name", "number", "severity", "summary")

    def __init__(self, number: str, name: str, severity: str, summary: str) -> None:
        self.number = number
        self.name = name
        self.severity = severity
        self.summary = summary

    def __repr__(self) -> str:
        return f"{self.number} {self.name}"


class Label:
    """A second place that explains the first."""

    __slots__ = ("message", "span")

    def __init__(self, span: Span, message: str) -> None:
        self.span = span
        self.message = message


class Edit:
    """Put `text` where `span` is."""

    __slots__ = ("span", "text")

    def __init__(self, span: Span, text: str) -> None:
        self.span = span
        self.text = text


class Fix:
    """A change of the manifest that removes the finding: `check --fix` applies it."""

    __slots__ = ("edits", "title")

    def __init__(self, title: str, *edits: Edit) -> None:
        self.title = title
        self.edits = edits


class Diagnostic:
    """One finding. `span` is None only where there is no file to point into (a wrong command line)."""

    __slots__ = ("code", "fix", "help", "labels", "message", "notes", "severity", "span", "suggestion")

    def __init__(
        self,
        code: Code,
        message: str,
        span: Span | None = None,
        *,
        severity: str | None = None,
        labels: tuple[Label, ...] = (),
        help: str | None = None,
        notes: tuple[str, ...] = (),
        suggestion: str | None = None,
        fix: Fix | None = None,
    ) -> None:
        self.code = code
        self.message = readable(message)
        self.span = span
        self.severity = severity or code.severity
        self.labels = labels
        self.help = readable(help) if help else help
        self.notes = tuple(readable(note) for note in notes) if notes else notes
        self.suggestion = suggestion
        self.fix = fix

    def __repr__(self) -> str:
        return f"{self.span!r}: {self.severity}[{self.code!r}]: {self.message}"

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """File order; findings without a place come first."""
        file, start, end = self.span.key if self.span else ("", -1, -1)
        return (file, start, end, self.code.number, self.message)


if TYPE_CHECKING:
    Place = Span | Origin | Source | None


def place(at: Place, field: str | None = None) -> Span | None:
    """The span that a span, an origin (and its field) or a source stands for."""
    if at is None or isinstance(at, Span):
        return at
    if isinstance(at, Source):
        return at.whole()
    return at.span(field)


LONG = 2_000  # characters of a message that nobody needs
MOST_COMPARED = 100_000  # words that a run compares to suggest others, some 10 us each: nobody reads 10,000 suggestions


class Sink:
    """Takes every finding of a run. Reporting the same thing at the same place twice keeps one.

    `parts` are names that are not the manifest's, of what one thing of the manifest was split into, with its own: a
    message that quotes one quotes the manifest's, and what all parts have is said once.
    """

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.reports = 0  # how often something was reported, the same thing again included
        self._compared = 0
        self._found: dict[tuple[str, int, int, str, str], Diagnostic] = {}

    def report(
        self,
        code: Code,
        message: str,
        at: Place = None,
        *,
        field: str | None = None,
        severity: str | None = None,
        labels: tuple[Label, ...] = (),
        help: str | None = None,
        notes: tuple[str, ...] = (),
        suggestion: str | None = None,
        fix: Fix | None = None,
    ) -> None:
        """Add a finding. `field` names the field of an origin to point at."""
        self.reports += 1
        found = Diagnostic(
            code,
            _quoting(message, self.parts) if self.parts else message,
            place(at, field),
            severity=severity,
            labels=labels,
            help=help,
            notes=notes,
            suggestion=suggestion,
            fix=fix,
        )
        self._found.setdefault(found.order, found)

    def take(self, other: Sink) -> None:
        """Add all that another sink holds."""
        self.reports += other.reports
        for key, found in other._found.items():
            self._found.setdefault(key, found)

    @property
    def compares(self) -> bool:
        """Whether names are still suggested."""
        return self._compared < MOST_COMPARED

    def nearest(self, word: str, known: Iterable[str]) -> str | None:
        """As `suggest`, but not without end: after MOST_COMPARED words of a run nothing is suggested any more."""
        if not self.compares:
            return None
        known = list(known)
        self._compared += len(known)
        return suggest(word, known)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """All findings in file order."""
        return [self._found[key] for key in sorted(self._found)]

    def count(self, severity: str) -> int:
        return sum(1 for found in self._found.values() if found.severity == severity)

    @property
    def failed(self) -> bool:
        """True when there is an error: then nothing is written."""
        return any(found.severity == ERROR for found in self._found.values())


def suggest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is nearest to `word`, when it is near enough to be a slip; ties go to the first in order."""
    best, best_distance = None, 3
    lowered = word.lower().replace("-", "_")
    for candidate in sorted(known):
        text = candidate.lower().replace("-", "_")
        limit = min(best_distance, max(1, len(text) // 3) + 1)
        distance = _edit_distance(lowered, text, limit)
        if distance < limit and distance < best_distance:
            best, best_distance = candidate, distance
    return best


def _edit_distance(left: str, right: str, limit: int) -> int:
    """Damerau-Levenshtein distance (neighbours swapped count one), or `limit` when it is not below it."""
    if abs(len(left) - len(right)) >= limit:
        return limit
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        new = [i]
        for j, b in enumerate(right, 1):
            cost = min(row[j] + 1, new[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            new.append(cost)
        if min(new) >= limit:
            return limit
        before, row = row, new
    return min(row[-1], limit)


def _quoting(message: str, parts: dict[str, str]) -> str:
    return '"'.join(parts.get(piece, piece) if at % 2 else piece for at, piece in enumerate(message.split('"')))


def readable(message: str) -> str:
    """A message without the middle of what it quotes: a value may have millions of characters."""
    if len(message) <= LONG:
        return message
    pieces = message.split('"')
    return '"'.join(piece if len(piece) <= LONG // 4 else piece[: LONG // 4 - 3] + "..." for piece in pieces)


def clipped(name: str) -> str:
    """A name as a message shows it: no longer than a line."""
    return name if len(name) <= 64 else name[:61] + "..."


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`: the accepted values of a message, in the order given."""
    quoted = [f'"{word}"' for word in words]
    if len(quoted) < 2:
        return "".join(quoted)
    return f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"
