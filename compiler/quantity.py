"""Amounts of CPU, memory and storage in Kubernetes' notation, as exact integers.

An amount is an int of nano units (one core, or one byte, is 10**9 of them), the finest that the notation can say, so
that nothing is rounded between a manifest and a target.
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

from compiler.pattern import Pattern

NANO = 10**9  # nano units in one unit
LARGEST = (2**63 - 1) * NANO

# Nano units in one of each suffix, the largest first.
_DECIMAL = {
    "E": 10**27,
    "P": 10**24,
    "T": 10**21,
    "G": 10**18,
    "M": 10**15,
    "k": 10**12,
    "": NANO,
    "m": 10**6,
    "u": 10**3,
    "n": 1,
}
_BINARY = {"Ei": NANO << 60, "Pi": NANO << 50, "Ti": NANO << 40, "Gi": NANO << 30, "Mi": NANO << 20, "Ki": NANO << 10}
_SUFFIXES = _DECIMAL | _BINARY
_UP_TO_TERA = _SUFFIXES.keys() - {"E", "P", "Ei", "Pi"}  # with which six digits are less than LARGEST

_GRAMMAR = Pattern(
    r"(?P<sign>[+-]?)(?=\.?[0-9])(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?"
    r"(?:[eE](?P<exponent>[+-]?[0-9]+)|(?P<suffix>[KMGTPE]i|[numkMGTPE]?))"
)
_LONGEST = 100  # characters; no amount needs as many
_STEEPEST = 200  # powers of ten that no text of that length can make up for

_SLIP = Pattern(r"([0-9]*\.?[0-9]+)(?:v?cpus?|cores?|(ei|[kmgtp]i?)?(?:b|bytes?)?)")


class QuantityError(ValueError):
    """Text that is no amount. `suggestion` is what was probably meant, or None."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.suggestion = suggestion


def parse(text: str) -> int:
    """Nano units, at most LARGEST; what is finer than one is rounded up, as Kubernetes does. Raises QuantityError."""
    suffix = text.lstrip("0123456789")
    if suffix in _UP_TO_TERA and len(suffix) < len(text) <= 7:  # most: 4, 500m, 16Gi
        return int(text.removesuffix(suffix)) * _SUFFIXES[suffix]
    found = _GRAMMAR.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise QuantityError(f'"{text}" is not a quantity such as 4, 0.5, 500m, 512M or 16Gi', _meant(text))
    if found["sign"] == "-":
        raise QuantityError(f'"{text}" is negative, a quantity is zero or more')
    part = found["part"] or ""
    digits = int(found["whole"] + part) * _SUFFIXES[found["suffix"] or ""]
    power = max(-_STEEPEST, min(int(found["exponent"] or 0), _STEEPEST)) - len(part)
    nano = digits * 10**power if power >= 0 else _divide_up(digits, 10**-power)
    if nano > LARGEST:
        raise QuantityError(f'"{text}" is too large, a quantity is less than 8Ei')
    return nano


def text(nano: int) -> str:
    """The shortest exact spelling as an integer and a suffix ("16Gi", "1500m", "1G"); `parse` reads it back."""
    if not 0 <= nano <= LARGEST:
        raise ValueError(f"{nano} nano units are out of a quantity's range")
    if nano == 0:
        return "0"
    decimal = next(f"{nano // size}{suffix}" for suffix, size in _DECIMAL.items() if nano % size == 0)
    binary = next((f"{nano // size}{suffix}" for suffix, size in _BINARY.items() if nano % size == 0), decimal)
    return min(decimal, binary, key=len)


def whole_units(nano: int) -> int:
    """Whole cores or bytes, rounded up."""
    return _divide_up(nano, NANO)


def milli(nano: int) -> int:
    """Thousandths of a unit (Kubernetes' millicores), rounded up."""
    return _divide_up(nano, 10**6)


def _divide_up(value: int, by: int) -> int:
    return -(-value // by)


def _meant(text: str) -> str | None:
    """The quantity behind a common slip: a blank, a unit's name, letters in the wrong case, a decimal comma."""
    squeezed = "".join(text.split()).replace(",", ".")
    if len(squeezed) > _LONGEST or squeezed.startswith("-"):
        return None
    if _GRAMMAR.fullmatch(squeezed):
        return squeezed
    slip = _SLIP.fullmatch(squeezed.lower())
    if slip is None:
        return None
    suffix = slip[2] or ""
    return slip[1] + ("k" if suffix == "k" else suffix.capitalize())
