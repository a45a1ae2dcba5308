"""Entries of a mapping that repeat an earlier one in all but words of their own, as most jobs of a large manifest do.

libyaml makes an event and two marks of every scalar, which costs more than all that comes after it. So where many entries
repeat one, that one is read as ever and of the others no more than their own words. Nothing is guessed:

- An entry repeats a model where its text is the model's, character by character, but for scalars that its reader lets
  differ; and what stands for one of those is of characters that mean nothing to YAML. Such a text has the same events.
- The text without the repeats is read, and has to have each entry that is left where it was left. So the parser stands
  between two entries wherever one was left out, and after a repeat stands there again, as it does after the model.
- Where anything is out of the ordinary, or there is anything to report, the whole text is read, and nobody sees this.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from compiler import yamltree
from compiler.diagnostics import Sink
from compiler.source import Source, Span
from compiler.yamltree import Mapping, Quoted, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from compiler.yamltree import Document

    Steps: TypeAlias = "tuple[str | int, ...]"  # from an entry's body to what is in it
    MayDiffer: TypeAlias = Callable[[Mapping], list[Steps]]

_ENOUGH = 3  # entries of one shape, of which the third is taken for a model: to know it takes longer than to read a few
_MOST_MODELS = 16  # of one shape
_RECENT = 8  # models that an entry is compared with
_LONGEST_WORD = 300  # characters

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
_BEGINNINGS = frozenset(_LETTERS + "./")  # of a plain scalar
_BEHIND_DASH = frozenset(_LETTERS + "-")
_MEANINGLESS = _LETTERS + "-./+= "  # inside of a scalar, whether it is quoted or not, stands in a flow or in a block
_QUOTED = _MEANINGLESS + ":,;@%#&*!?|<>()[]~^$"  # inside of quotes, and with no brace of a hole
_SIMPLE = _MEANINGLESS.encode()
_SHAPELESS = _MEANINGLESS[:-1].encode()
_NULLS = frozenset(("null", "Null", "NULL"))  # plain, they are no text


def _is_word(text: str, plain: bool) -> bool:
    """Whether YAML takes a text for a scalar and nothing else, in quotes or, `plain`, wherever it stands."""
    if text[:1] in ("", " "):
        return False
    if not plain:
        return not text.strip(_QUOTED)
    if text.strip(_MEANINGLESS):
        return False
    begins = text[0] in _BEGINNINGS or (text[0] == "-" and text[1:2] in _BEHIND_DASH)
    return begins and text[-1] != " " and text not in _NULLS


class Repeat:
    """One entry that was not read: what it repeats, and its own words for what stands at the model's `steps`."""

    __slots__ = ("model", "text", "words")

    def __init__(self, text: Shortened, model: Model, words: list[str]) -> None:
        self.text = text
        self.model = model
        self.words = words  # its key is the first


class Place(tuple[Repeat, "Steps", bool]):  # a plain class takes twice as long to make, and there are many
    """Where something of a repeat is written: a node of the tree, or else the slot that holds it.

    Who asks for its span pays for reading the whole text, once.
    """

    __slots__ = ()

    @property
    def path(self) -> str:
        repeat, steps, _ = self
        entry = repeat.text.key + yamltree.step(repeat.words[0])
        return entry + "".join(map(yamltree.step, steps)) if steps else entry

    def span(self, field: str | None = None) -> Span:
        repeat, steps, is_node = self
        at = repeat.text.whole()
        for key in (repeat.text.key, repeat.words[0], *steps):
            at = at.at(key)
        return yamltree.origin(at).span(field) if is_node else at.span(field)


class Model:
    """An entry that others repeat: where the scalars stand that may differ, its key first, and the text between them."""

    __slots__ = ("_first", "_others", "differing", "end", "narrow", "own", "pieces", "plain", "steps")

    def __init__(self, own: list[str], pieces: list[str], steps: list[Steps], plain: list[bool]) -> None:
        self.own = own  # the model's own words
        self.pieces = pieces  # the text before, between and behind them
        self._first = pieces[0]
        self._others = [(piece, len(piece)) for piece in pieces[1:]]
        self.steps = steps
        self.plain = plain  # which of the scalars stand without quotes
        self.differing: set[int] | None = set()  # the scalars that did differ; None for a narrowed model
        self.narrow: Model | None = None
        self.end = 0  # of the repeat whose words were asked for last

    def words(self, text: str, at: int) -> list[str] | None:
        """What the text from `at` on has for the scalars that may differ; None where it is no repeat."""
        if not text.startswith(self._first, at):
            return None
        at += len(self._first)
        find = text.find
        found: list[str] = []
        for piece, length in self._others:
            end = find(piece, at, at + length + _LONGEST_WORD)
            if end <= at:
                return None
            found.append(text[at:end])
            at = end + length
        joined = "".join(found)
        are_simple = joined.isascii() and not joined.encode().translate(None, _SIMPLE)
        for word, plain in zip(found, self.plain, strict=True):
            is_simple = are_simple and word[0] in _BEGINNINGS and word[-1] != " " and word not in _NULLS
            if not is_simple and not _is_word(word, plain):
                return None
        self.end = at
        return found

    def learns(self, words: list[str]) -> bool:
        """Whether a repeat differs where none did before."""
        differing = {number for number, word in enumerate(words) if word != self.own[number]}
        if self.differing is None or differing <= self.differing:
            return False
        self.differing |= differing
        return True

    def narrowed(self) -> Model:
        """The model in which only that may differ which did."""
        pieces = self.pieces[:1]
        kept = sorted(self.differing or ())
        for number, own in enumerate(self.own):
            if number in kept:
                pieces.append(self.pieces[number + 1])
            else:
                pieces[-1] += own + self.pieces[number + 1]
        narrow = Model(self.own, pieces, [self.steps[at] for at in kept], [self.plain[at] for at in kept])
        narrow.differing = None
        return narrow


class Shortened:
    """A text without the entries of one mapping that repeat others."""

    __slots__ = ("_whole", "document", "entries", "key", "source")

    def __init__(self, source: Source, key: str) -> None:
        self.source = source
        self.key = key
        self.document: Document
        self.entries: list[str | Repeat] = []  # the mapping's, in order: a key for one that is in the document
        self._whole: Slot | None = None

    def whole(self) -> Slot:
        """The root of the whole text."""
        if self._whole is None:
            self._whole = yamltree.root_slot(yamltree.parse(self.source, Sink())[0])
        return self._whole


def shortened(source: Source, key: str, may_differ: MayDiffer) -> Shortened | None:
    """A text without the repeats below a key of its root; None where it has none, or where it takes reading to know.

    `may_differ` tells the scalars of an entry's body in which others may differ from it.
    """
    if "\r" in source.text or "\0" in source.text:
        return None
    found = Shortened(source, key)
    scan = _Scan(found, may_differ)
    if not scan.run():
        return None
    sink = Sink()
    documents = yamltree.parse(Source(source.name, scan.cuts.rest()), sink)
    if sink.reports or len(documents) != 1:
        return None
    found.document = documents[0]
    found.document.source = source
    found.document.cuts = scan.cuts
    node = _body(found.document, key)
    if node is None or [node.key_span(name).start for name in node.entries] != scan.kept:
        return None
    names = iter(node.entries)
    found.entries = [next(names) if entry is None else entry for entry in scan.entries]
    keys = {entry if isinstance(entry, str) else entry.words[0] for entry in found.entries}
    return found if len(keys) == len(found.entries) else None


class _Cuts:
    """What was left out of a text, and where a place of what is left is in the whole."""

    __slots__ = ("_at", "_gone", "_pieces", "_text", "_upto")

    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces: list[str] = []
        self._upto = 0
        self._at = [0]  # offsets in what is left, behind which something was left out
        self._gone = [0]  # and how much was up to there

    def leave_out(self, start: int, end: int) -> None:
        if start == self._upto:
            self._gone[-1] += end - start
        else:
            self._pieces.append(self._text[self._upto : start])
            self._at.append(start - self._gone[-1])
            self._gone.append(self._gone[-1] + end - start)
        self._upto = end

    def rest(self) -> str:
        return "".join([*self._pieces, self._text[self._upto :]])

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the whole text: a span ends before a cut, and begins behind one."""
        return (
            start + self._gone[bisect_right(self._at, start) - 1],
            end + self._gone[max(bisect_left(self._at, end) - 1, 0)],
        )


class _Scan:
    """Goes from entry to entry, by the lines that seem to begin one."""

    def __init__(self, found: Shortened, may_differ: MayDiffer) -> None:
        self.found = found
        self.text = found.source.text
        self.may_differ = may_differ
        self.cuts = _Cuts(self.text)
        self.entries: list[Repeat | None] = []  # None for one that stays
        self.kept: list[int] = []  # where the keys stand of those that stay
        self.recent: list[Model] = []
        self.shapes: dict[bytes, int] = {}
        self.lead = ""  # what stands before each entry

    def run(self) -> bool:
        """Whether there are repeats."""
        at = self._first()
        while at >= 0:
            at = self._step(at)
        return len(self.kept) < len(self.entries)

    def _first(self) -> int:
        """Where the mapping's first entry begins; -1 where that is not seen at once."""
        text, head = self.text, f"{self.found.key}:"
        at = 0 if text.startswith(head) else text.find(f"\n{head}") + 1
        if not text.startswith(head, at) or not self._is_empty(at + len(head)):
            return -1
        at = self._next_line(at)
        while at < len(text) and self._is_empty(at):
            at = self._next_line(at)
        behind = at
        while text.startswith(" ", behind):
            behind += 1
        self.lead = text[at:behind]
        return at if self.lead else -1

    def _next_line(self, at: int) -> int:
        return self.text.find("\n", at) + 1 or len(self.text)

    def _is_empty(self, at: int) -> bool:
        """Whether there is nothing, or a comment, in the rest of a line."""
        return self.text[at : self._next_line(at)].strip(" \n")[:1] in ("", "#")

    def _step(self, at: int) -> int:
        """One entry; where the next one begins, -1 where there is none."""
        recent = self.recent
        for number, model in enumerate(recent):
            words = model.words(self.text, at)
            if words is not None and self._begins(model.end):
                if number:
                    recent.insert(0, recent.pop(number))
                end = model.end
                if model.differing is not None:
                    model = self._narrowed(model, words)
                    words = model.words(self.text, at) or words
                self.cuts.leave_out(at, end)
                self.entries.append(Repeat(self.found, model, words))
                return end
        end = self._end(at)
        self.kept.append(at + len(self.lead))
        self.entries.append(None)
        self._learn(self.text[at:end])
        return end if self._begins(end) else -1

    def _end(self, at: int) -> int:
        """Where an entry ends: blank lines and comments behind it are its own."""
        text, deeper = self.text, f"{self.lead} "
        at = self._next_line(at)
        while at < len(text) and (text.startswith(deeper, at) or self._is_empty(at)):
            at = self._next_line(at)
        return at

    def _narrowed(self, model: Model, words: list[str]) -> Model:
        """The model in which only those words differ that did: most never do, and what they are has to be compared no more."""
        if model.learns(words) or model.narrow is None:
            narrow = model.narrow = model.narrowed()
            self.recent[:] = [narrow, *(one for one in self.recent if one.own is not model.own or one is model)]
        return model.narrow

    def _begins(self, at: int) -> bool:
        """Whether an entry seems to begin there. What ends the mapping stays, so that its end is read as it is."""
        text, behind = self.text, at + len(self.lead)
        return text.startswith(self.lead, at) and behind < len(text) and text[behind] not in " \n#"

    def _learn(self, entry: str) -> None:
        shape = entry.encode(errors="surrogatepass").translate(None, _SHAPELESS)
        count = self.shapes[shape] = self.shapes.get(shape, 0) + 1
        if _ENOUGH <= count < _ENOUGH + _MOST_MODELS:
            model = _model(self.found.key, entry, self.may_differ)
            if model is not None:
                self.recent.insert(0, model)
                del self.recent[_RECENT:]


def _model(key: str, text: str, may_differ: MayDiffer) -> Model | None:
    """An entry as one that others may repeat; None where there is more to it than keys and values."""
    if "&" in text.replace("&&", ""):  # it may be an anchor, for what comes after it
        return None
    sink = Sink()
    head = f"{key}:\n"
    source = Source("", head + text)
    documents = yamltree.parse(source, sink)
    node = _body(documents[0], key) if len(documents) == 1 and not sink.reports else None
    if node is None or len(node.entries) != 1:
        return None
    ((name, body),) = node.entries.items()
    if not isinstance(body, Mapping) or isinstance(name, Quoted):
        return None
    own: list[str] = []
    pieces: list[str] = []
    places: list[Steps] = []
    plain: list[bool] = []
    at = len(head)
    for steps in ((), *may_differ(body)):
        slot = Slot(node, name, body, documents[0])
        for step in steps:
            slot = slot.at(step)
        value, span = (slot.value, slot.span_here) if steps else (name, slot.key_span)
        quoted = isinstance(value, Quoted)
        start, end = (span.start + 1, span.end - 1) if quoted else (span.start, span.end)
        word = source.text[start:end]
        if word == value and _is_word(word, not quoted):
            own.append(word)
            pieces.append(source.text[at:start])
            places.append(steps)
            plain.append(not quoted)
            at = end
    model = Model(own, [*pieces, source.text[at:]], places, plain)
    return model if model.words(text, 0) == own and model.end == len(text) else None


def _body(document: Document, key: str) -> Mapping | None:
    """The block mapping below a key of the root."""
    root = document.root
    node = root.entries.get(key) if isinstance(root, Mapping) else None
    return node if isinstance(node, Mapping) and not node.flow else None
