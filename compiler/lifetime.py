"""What lives as long as the process: to free a large pipeline's nodes one by one takes as long as a pass over them.

The command's process ends without that, and its memory goes back as a whole. Nothing is kept where the compiler is called
by another program, which goes on.
"""

from __future__ import annotations

_kept: list[object] | None = None


def keep_to_the_end() -> None:
    """From here on what is given to `keep` lives as long as the process."""
    global _kept
    _kept = []


def is_kept() -> bool:
    """Whether what is built lives to the end."""
    return _kept is not None


def keep(*built: object) -> None:
    """Hold what nobody asks for any more."""
    if _kept is not None:
        _kept.extend(built)
