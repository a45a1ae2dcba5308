"""Data -> YAML text that every YAML 1.1 and 1.2 reader takes for that same data.

GitLab reads with Psych (1.1), GitHub with yaml@2 (1.2), Argo with Kubernetes' own reader (a mix), and no two agree on
what `on`, `y`, `1e3`, `08`, `1,000` or `12:30` are. So text is plain only where a narrow pattern holds, and quoted
otherwise; there are no anchors, no tags, no folded lines. The text of a mapping is the texts of its entries, one after
the other, so that a large document can be written piece by piece.
"""

from __future__ import annotations

from compiler.pattern import Pattern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from re import Match
    from typing import Any

WIDTH = 100  # columns; a list in one line has to end by then
DEEPEST = 100  # levels
LARGEST_INTEGER = 2**53 - 1  # JavaScript readers round beyond it
_LONGEST_KEY = 1000  # characters; readers give up at 1,024
_LONGEST_ITEM = 40  # characters of text in a list that stands in one line

# Where plain text may begin, and what it may hold. A digit in front needs a letter that no number and no date has.
_PLAIN = Pattern(
    r"(?![-.]?[eE][-+]?[0-9][0-9._]*\Z)"
    r"(?:[^\W\d]|[$(/]|\.[A-Za-z]|\.\.?/|--?[A-Za-z]|[0-9](?=[ -~]*[GHJ-MP-SU-WYghj-mp-su-wy]))"
    r"[ -~\w]*"
)
_WORDS = frozenset(
    ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity", ".nan", ".inf")
)
_LONGEST_WORD = max(map(len, _WORDS))  # and no text is longer than what it is without case
_MARKS = 10  # kinds of marks that are tried for a form's words
_HARMLESS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./ "
_FIRST = frozenset("abcdfghijklmnopqrstuvwxyzABCDFGHIJKLMNOPQRSTUVWXYZ")  # no e, with which a number may begin
_NOT_IN_FLOW = frozenset("][{},:?#&*!|>'\"%@`")

# What a reviewer can't see (controls, blanks of other kinds, marks that turn the direction of writing) or some reader
# takes for a line break is written as an escape.
_UNSEEN = Pattern(
    "[\x00-\x1f\x7f-\xa0\xad\u061c\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
_ESCAPED = Pattern(_UNSEEN.pattern[:-1] + r'"\\]')
_SURROGATE = Pattern("[\ud800-\udfff]")
_BLANK_BEFORE_BREAK = Pattern(r"[ \t](?:\n|\Z)")


class Block(dict[str, object]):
    """A mapping whose first line carries a comment: its key's line, or the line of its list item."""

    __slots__ = ("comment",)

    def __init__(self, entries: Mapping[str, object] | None = None, *, comment: str = "") -> None:
        super().__init__(entries or ())
        self.comment = comment


class Shared(dict[str, object]):
    """A mapping that stands in many places and is never changed: its text is made once for each depth."""

    __slots__ = ("_shown", "texts")

    def __init__(self, entries: Mapping[str, object]) -> None:
        super().__init__(entries)
        self.texts: dict[str, str] = {}  # by what stands before the first key
        self._shown = ""

    def __repr__(self) -> str:
        """As that of a plain mapping, made once: targets measure by it what they emit."""
        self._shown = self._shown or super().__repr__()
        return self._shown


class Form:
    """The text that mappings have in common which differ in some texts and lists alone: made once for each depth.

    `make` gives such a mapping for its words, each of which stands in it once, behind a key.
    """

    __slots__ = ("_make", "_texts", "count")

    def __init__(self, make: Callable[[list[Any]], dict[str, object]], count: int) -> None:
        self._make = make
        self.count = count
        self._texts: dict[
            str, tuple[list[str], list[tuple[int, int]]] | None
        ] = {}  # by what stands before the first key

    def text(self, words: list[Any], pad: str) -> str:
        """The entries of the mapping with these words; "" where one of them does not stand in one line."""
        if pad not in self._texts:
            self._texts[pad] = self._written(pad)
        known = self._texts[pad]
        if known is None:
            return ""
        pieces, places = known
        out = [pieces[0]]
        for (number, room), piece in zip(places, pieces[1:], strict=True):
            word = words[number]
            text = _SCALARS[word] if type(word) is str else _flow(word, room)
            if not text:
                return ""
            out.append(text)
            out.append(piece)
        return "".join(out)

    def _written(self, pad: str) -> tuple[list[str], list[tuple[int, int]]] | None:
        """The text between the words, and for each of these its number and the columns that it has.

        None where a word does not stand in it just once.
        """
        for kind in range(_MARKS):
            marks = [f"Word{number}OfForm{kind}" for number in range(self.count)]
            lines: list[str] = []
            _write_mapping(self._make(marks), pad, pad, lines, 1)
            text = "".join(lines)
            if all(text.count(mark) == 1 for mark in marks):  # else something of the mapping's own looks like one
                return _taken_apart(text, marks)
        return None


def _taken_apart(text: str, marks: list[str]) -> tuple[list[str], list[tuple[int, int]]]:
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    for mark in sorted(marks, key=text.index):
        piece, text = text.split(mark)
        pieces.append(piece)
        places.append((marks.index(mark), WIDTH - (len(piece) - piece.rfind("\n") - 1)))
    return [*pieces, text], places


class Formed(Block):
    """A mapping with the text of a form around its own words. Its entries are those that the form makes of them."""

    __slots__ = ("_pad", "_text", "form", "words")

    def __init__(
        self, form: Form, words: list[Any], entries: Mapping[str, object] | None = None, *, comment: str = ""
    ) -> None:
        if entries:
            self.update(entries)
        self.comment = comment
        self.form = form
        self.words = words
        self._pad: str | None = None  # what stood before the keys of the text that was asked for last
        self._text = ""

    def text(self, pad: str) -> str:
        if pad != self._pad:
            self._pad, self._text = pad, self.form.text(self.words, pad)
        return self._text


class Remark(str):
    """Text with a comment behind it, such as the version of a pinned commit."""

    __slots__ = ("comment",)
    comment: str

    def __new__(cls, text: str, comment: str = "") -> Remark:
        remark = super().__new__(cls, text)
        remark.comment = comment
        return remark


class Key(str):
    """A key with comment lines above it (`above` may hold several lines)."""

    __slots__ = ("above",)
    above: str

    def __new__(cls, text: str, above: str = "") -> Key:
        key = super().__new__(cls, text)
        key.above = above
        return key


class PlainKey(Key):
    """A key that stays unquoted although YAML 1.1 reads it as something else: GitHub's `on`."""

    __slots__ = ()


def write(data: object, indent: int = 0) -> str:
    """One document, or, with an indent (columns), the entries that go below a key.

    Raises ValueError for what readers would not agree on, TypeError for what is no data.
    """
    out: list[str] = []
    pad = " " * indent
    if isinstance(data, dict) and data:
        _write_mapping(data, pad, pad, out, 1)
    elif isinstance(data, list | tuple) and data:
        _write_list(data, pad, out, 1)
    elif isinstance(data, str):
        out.append(f"{pad}{_SCALARS[data] or _quoted(data)}\n")
    else:
        out.append(f"{pad}{_atom(data)}\n")
    return "".join(out)


def write_documents(documents: Iterable[object]) -> str:
    """Several documents in one stream."""
    return "---\n".join(map(write, documents))


def comment_lines(text: str, indent: int = 0) -> str:
    """Text as comment lines."""
    return "".join(f"{' ' * indent}# {_visible(line)}".rstrip() + "\n" for line in text.split("\n"))


def _write_mapping(data: dict[str, object], first: str, pad: str, out: list[str], depth: int) -> None:
    """`first` is what stands before the first key (padding, or a list item's dash), `pad` before the others."""
    if depth > DEEPEST:
        raise ValueError(f"data has more than {DEEPEST} levels")
    if type(data) is Shared:
        text = data.texts.get(first)
        if text is None:
            lines: list[str] = []
            _write_mapping(dict(data), first, pad, lines, depth)
            text = data.texts[first] = "".join(lines)
        out.append(text)
        return
    if type(data) is Formed and first == pad and (text := data.text(pad)):
        out.append(text)
        return
    lead = first
    for key, value in data.items():
        name = _KEYS[key] if type(key) is str else _marked_key(key, lead, out)
        if type(value) is str and (text := _SCALARS[value]):
            out.append(f"{lead}{name} {text}\n")
        else:
            _write_value(value, lead + name, pad, out, depth)
        lead = pad


def _write_list(items: Iterable[object], pad: str, out: list[str], depth: int) -> None:
    if depth > DEEPEST:
        raise ValueError(f"data has more than {DEEPEST} levels")
    for item in items:
        if isinstance(item, dict) and item:
            start = len(out)
            _write_mapping(item, f"{pad}- ", f"{pad}  ", out, depth + 1)
            if isinstance(item, Block):
                _add_comment(out, start, f"  # {_visible(item.comment)}")
        else:
            _write_value(item, f"{pad}-", pad, out, depth)


def _write_value(value: object, lead: str, pad: str, out: list[str], depth: int) -> None:
    """A value behind its key or dash (`lead`), which stands at `pad`."""
    if type(value) is Formed and depth < DEEPEST and (text := value.text(f"{pad}  ")):
        comment = _visible(value.comment)
        out.append(f"{lead}  # {comment}\n{text}" if comment else f"{lead}\n{text}")
        return
    start = len(out)
    if isinstance(value, str):
        out.append(f"{lead} {_SCALARS[value] or _literal(value, pad + '  ')}\n")
        if isinstance(value, Remark):
            _add_comment(out, start, f" # {_visible(value.comment)}")
    elif isinstance(value, dict) and value:
        out.append(lead + "\n")
        _write_mapping(value, pad + "  ", pad + "  ", out, depth + 1)
    elif isinstance(value, list | tuple) and value:
        flow = _flow(value, WIDTH - len(lead) - 1)
        out.append(f"{lead} {flow}\n" if flow else lead + "\n")
        if not flow:
            _write_list(value, pad + "  ", out, depth + 1)
    else:
        out.append(f"{lead} {_atom(value)}\n")
    if isinstance(value, Block):
        _add_comment(out, start, f"  # {_visible(value.comment)}")


def _add_comment(out: list[str], start: int, comment: str) -> None:
    """Puts a comment behind the first line since `start` that is none itself."""
    if comment.endswith("# "):
        return
    while out[start].lstrip(" ").startswith("#"):
        start += 1
    line, _, rest = out[start].partition("\n")
    out[start] = f"{line}{comment}\n{rest}"


def _marked_key(key: object, lead: str, out: list[str]) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key is text, not {type(key).__name__}")
    if isinstance(key, Key) and key.above:
        out.append(comment_lines(key.above, len(lead) - len(lead.lstrip(" "))))
    if not isinstance(key, PlainKey):
        return _KEYS[key]
    if not (key.isascii() and key.isidentifier()):
        raise ValueError(f'"{key}" is not a key that can stay plain')
    return f"{key}:"


def _atom(value: object) -> str:
    """What is neither text nor has entries."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise ValueError(f"{value} is an integer that some readers round")
        return int.__repr__(value)
    if isinstance(value, float):
        return _decimal(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    raise TypeError(f"{type(value).__name__} is not YAML data")


def _decimal(value: float) -> str:
    """A float with the point and the exponent's sign that YAML 1.1 asks for."""
    if not abs(value) < float("inf"):
        raise ValueError(f"{value} is not a number that a pipeline can hold")
    digits, e, exponent = float.__repr__(value).partition("e")
    return digits + ("" if "." in digits else ".0") + e + exponent


def _flow(items: list[object] | tuple[object, ...], room: int) -> str:
    """A list of short words and numbers in one line, or "" where it reads better in block style."""
    parts = []
    for item in items:
        part = _ITEMS[item] if type(item) is str else _atom(item) if isinstance(item, int | float) else ""
        room -= len(part) + 2
        if not part or room < 0:
            return ""
        parts.append(part)
    return f"[{', '.join(parts)}]"


def _scalar(text: str) -> str:
    """Text in one line, or "" where it stands as a literal block."""
    if text[:1] in _FIRST and text[-1] != " " and text.isascii() and not text.encode().translate(None, _HARMLESS):
        # As the rule below says of it; most text is of this kind.
        return text if len(text) > _LONGEST_WORD or text.lower() not in _WORDS else _quoted(text)
    if (
        _PLAIN.fullmatch(text)
        and text[-1] not in ": "
        and ": " not in text
        and " #" not in text
        and (
            len(text) > _LONGEST_WORD or text.casefold() not in _WORDS
        )  # Psych ignores case as Unicode does: "ye\u017f" is a yes
    ):
        return text
    return "" if _reads_as_literal(text) else _quoted(text)


def _reads_as_literal(text: str) -> bool:
    lines = text.strip("\n")
    return bool(
        "\n" in text
        and lines
        and not lines.startswith("\t")
        and not _BLANK_BEFORE_BREAK.search(text)
        and _is_seen(text.replace("\n", "").replace("\t", ""))
        and not _is_broken(text)
    )


def _literal(text: str, pad: str) -> str:
    """A literal block, from its header to the last line."""
    lines = (text.removesuffix("\n")).split("\n")
    chomping = "-" if not text.endswith("\n") else "+" if text.endswith("\n\n") else ""
    indent = "2" if text.lstrip("\n").startswith(" ") else ""
    return "\n".join([f"|{indent}{chomping}", *(pad + line if line else "" for line in lines)])


def _quoted(text: str) -> str:
    """Text in single quotes where that saves backslashes, else in double quotes, as JSON would write it."""
    if '"' not in text and "\\" not in text and text.isascii() and text.isprintable():
        return f'"{text}"'
    if _is_broken(text):
        raise ValueError(f"{text!r} is not Unicode text")
    if text.count('"') + text.count("\\") > text.count("'") and _is_seen(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _is_seen(text: str) -> bool:
    """Whether a reviewer can see all of a text. (Most is ASCII, for which no pattern has to be compiled.)"""
    return (text.isascii() and text.isprintable()) or not _UNSEEN.search(text)


def _is_broken(text: str) -> bool:
    """Whether a text holds half of a character."""
    return not text.isascii() and bool(_SURROGATE.search(text))


def _escape(found: Match[str]) -> str:
    character = found[0]
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04x}"


def _item(text: str) -> str:
    """Text in a list that stands in one line, or "" where it is too long for that."""
    if len(text) > _LONGEST_ITEM or " " in text:
        return ""
    scalar = _SCALARS[text]
    return _quoted(text) if scalar == text and not _NOT_IN_FLOW.isdisjoint(text) else scalar


def _key(text: str) -> str:
    if text == "<<":
        raise ValueError('"<<" is a key that some readers merge')  # Psych does, even where it is quoted
    key = _SCALARS[text] or _quoted(text)
    if len(key) > _LONGEST_KEY:
        raise ValueError(f"a key has more than {_LONGEST_KEY} characters")
    return f"{key}:"


def _visible(comment: str) -> str:
    if comment.isascii() and comment.isprintable():
        return comment.strip()
    return _SURROGATE.sub(" ", _UNSEEN.sub(" ", comment)).strip()


_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class _Memo(dict[str, str]):
    """A rule that remembers what it answered: in a pipeline most text comes up again and again."""

    __slots__ = ("rule",)
    most = 50_000  # entries

    def __init__(self, rule: Callable[[str], str]) -> None:
        super().__init__()
        self.rule = rule

    def __missing__(self, text: str) -> str:
        if len(self) >= self.most:
            self.clear()
        plain = text if type(text) is str else str.__str__(text)
        answer = self[plain] = self.rule(plain)
        return answer


_SCALARS = _Memo(_scalar)
_ITEMS = _Memo(_item)
_KEYS = _Memo(_key)
