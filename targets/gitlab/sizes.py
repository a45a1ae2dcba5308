"""How large a file is for GitLab: it adds up the memory of what the YAML becomes in Ruby, and takes 2 MB a file.

https://docs.gitlab.com/administration/instance_limits/#maximum-size-and-depth-of-cicd-configuration-yaml-files
The sizes are those of Ruby's ObjectSpace.memsize_of on a 64-bit machine, rounded up to the next slot that Ruby has.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SLOT = 40  # bytes: the smallest object
SHORT_TEXT = 23  # bytes of text that fit into one slot
SHORT_LIST = 3  # elements that fit into one slot
SMALL_HASH = 8  # entries of a hash without an index of its own
SMALL_HASH_BYTES = 168


def size(data: Any) -> int:
    """An estimate in bytes, from above."""
    total = 0
    counted = [data]
    for one in counted:  # which grows by what each holds
        if isinstance(one, str):
            if len(one) <= SHORT_TEXT and one.isascii():
                total += SLOT
                continue
            length = len(one) if one.isascii() else len(one.encode("utf-8", "surrogatepass"))
            total += SLOT if length <= SHORT_TEXT else SLOT + length + 1
        elif isinstance(one, dict):
            total += SMALL_HASH_BYTES if len(one) <= SMALL_HASH else SLOT + 16 + 56 * _power(len(one))
            counted += one
            counted += one.values()
        elif isinstance(one, list | tuple):
            total += SLOT if len(one) <= SHORT_LIST else SLOT + 8 * len(one)
            counted += one
        else:
            total += SLOT
    return total


def _power(count: int) -> int:
    """The next power of two: hashes grow by doubling."""
    return 1 << max(0, count - 1).bit_length()
