"""Injective renaming: every name becomes a legal one, and no two become the same."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HASH_DIGITS = 8


def unique(
    names: Iterable[str],
    legalise: Callable[[str], str],
    limit: int,
    key: Callable[[str], str] = str,
    joint: str = "-",
) -> dict[str, str]:
    """Each name with its legal form of at most `limit` characters, in order.

    A name that is legal already stays as it is. One that had to change keeps `legalise`'s answer where that is short
    enough and nobody else's, and gets a hash of its own text at the end otherwise: what a name becomes depends on
    neither order nor on names that were legal from the start. `key` tells which legal names are the same to the
    target (`str.lower` where it ignores case); `joint` stands before the hash.
    """
    wanted = {name: legalise(name) for name in dict.fromkeys(names)}
    longest = max(map(len, wanted.values()), default=0)
    if longest <= limit and len(set(map(key, wanted.values()))) == len(wanted):
        return wanted
    count: dict[str, int] = {}
    for legal in wanted.values():
        count[key(legal)] = count.get(key(legal), 0) + 1
    made: dict[str, str] = {}
    taken: set[str] = set()
    for name, legal in wanted.items():
        if len(legal) <= limit and (count[key(legal)] == 1 or (legal == name and key(legal) not in taken)):
            made[name] = legal
            taken.add(key(legal))
    for name, legal in wanted.items():
        if name not in made:
            made[name] = _with_hash(name, legal, limit, taken, key, joint)
            taken.add(key(made[name]))
    return {name: made[name] for name in wanted}


def _with_hash(name: str, legal: str, limit: int, taken: set[str], key: Callable[[str], str], joint: str) -> str:
    """A legal name that ends in a hash of the original; a longer hash where even that is taken."""
    from hashlib import sha256

    digest = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    for digits in range(HASH_DIGITS, len(digest) + 1, 4):
        tail = joint + digest[:digits]
        candidate = legal[: max(1, limit - len(tail))].rstrip("-_.") + tail
        if key(candidate) not in taken:
            return candidate[:limit]
    raise ValueError(f"no legal name is left for {name!r}")


def fresh(wanted: str, taken: Iterable[str]) -> str:
    """A name for something that the compiler adds: `wanted`, or `wanted-2`, … where that is taken."""
    held = {name.lower() for name in taken}
    candidate, number = wanted, 1
    while candidate.lower() in held:
        number += 1
        candidate = f"{wanted}-{number}"
    return candidate
