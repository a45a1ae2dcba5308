"""`check --fix`: the fixes that findings bring, applied to the text of the manifest."""

from __future__ import annotations

from compiler.diagnostics import ERROR
from compiler.repository import OutsideError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Protocol, TextIO

    from compiler.diagnostics import Diagnostic, Sink
    from compiler.repository import Repository
    from compiler.source import Source

    class Checked(Protocol):
        """What a check gives: its findings, and the repository that their sources lie in."""

        @property
        def sink(self) -> Sink: ...
        @property
        def repository(self) -> Repository | None: ...


ROUNDS = 10  # a fix may bring out a finding that has a fix of its own
_MARK = "\ufeff"


class Change:
    """A source's new text, and the findings whose fixes made it."""

    __slots__ = ("findings", "source", "text")

    def __init__(self, source: Source, text: str, findings: list[Diagnostic]) -> None:
        self.source = source
        self.text = text
        self.findings = findings


def fix(check: Callable[[], Checked], stream: TextIO) -> None:
    """Check and apply fixes until none is left. A round after which the text is less of a YAML file is taken back.

    More errors than before are no reason: a key that is mended brings out what is wrong below it.
    """
    checked = check()
    for _ in range(ROUNDS):
        repository = checked.repository
        if repository is None:
            return
        done = [change for change in changes(checked.sink.diagnostics) if _is_current(change.source, repository)]
        if not done or not _write(repository, {change.source.name: change.text for change in done}, stream):
            return
        before = _syntax_errors(checked)
        checked = check()
        if _syntax_errors(checked) > before:
            _write(repository, {change.source.name: change.source.text for change in done}, stream)
            return
        for change in done:
            for finding in change.findings:
                assert finding.fix is not None
                stream.write(f"{finding.span!r}: fixed {finding.code.number}: {finding.fix.title}\n")


def _syntax_errors(checked: Checked) -> int:
    """How many errors of bytes and YAML there are: HR10xx."""
    return sum(found.code.number.startswith("HR10") for found in checked.sink.diagnostics if found.severity == ERROR)


def changes(found: Iterable[Diagnostic]) -> list[Change]:
    """Each source with as many fixes applied as do not touch one another; a fix is applied whole or not at all."""
    sources: dict[str, Source] = {}
    taken: dict[str, list[tuple[int, int, str]]] = {}
    findings: dict[str, list[Diagnostic]] = {}
    for finding in found:
        if finding.fix is None or not finding.fix.edits:
            continue
        edits = [(edit.span.source, edit.span.start, edit.span.end, edit.text) for edit in finding.fix.edits]
        if any(_touches(taken.get(source.name, ()), start, end) for source, start, end, _ in edits):
            continue
        for source, start, end, text in edits:
            sources[source.name] = source
            taken.setdefault(source.name, []).append((start, end, text))
        findings.setdefault(edits[0][0].name, []).append(finding)
    return [
        Change(source, _edited(source.text, taken[name]), findings.get(name, [])) for name, source in sources.items()
    ]


def _touches(taken: Iterable[tuple[int, int, str]], start: int, end: int) -> bool:
    return any(start <= other_end and other_start <= end for other_start, other_end, _ in taken)


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    pieces = []
    at = 0
    for start, end, new in sorted(edits):
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]])


def _is_current(source: Source, repository: Repository) -> bool:
    """Whether the file still holds what was checked."""
    try:
        return _read(repository, source.name).removeprefix(_MARK) == source.text
    except (OSError, ValueError, OutsideError):
        return False


def _read(repository: Repository, path: str) -> str:
    return repository.read_bytes(path).decode("utf-8")


def _write(repository: Repository, texts: dict[str, str], stream: TextIO) -> bool:
    """Replace files, all or none, each with the byte order mark that it had; what stands in the way is said."""
    from compiler.diagnostics import Sink
    from compiler.driver import OutputFile, write

    marks = {path: _MARK if _read(repository, path).startswith(_MARK) else "" for path in texts}
    sink = Sink()
    write([OutputFile(path, marks[path] + text, "") for path, text in texts.items()], repository.root, sink, True)
    stream.write("".join(f"nothing is fixed: {found.message}\n" for found in sink.diagnostics))
    return not sink.failed
