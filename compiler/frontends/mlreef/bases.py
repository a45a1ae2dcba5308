"""Base environments: the choice that MLReef offered and did not use, by name, by image, or by an image of one's own."""

from __future__ import annotations

from compiler import codes, images, reader
from compiler.diagnostics import suggest
from compiler.frontends.mlreef.fields import Context, boolean, text
from compiler.frontends.tables import matching, section
from compiler.yamltree import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.mlreef.fields import Table
    from compiler.images import Base

TITLE = "Base environment "  # how MLReef's platform calls its own: https://gitlab.com/mlreef/mlreef


# The version of the image's Python: what nothing but the image itself tells.
_python = matching(text, r"3\.\d{1,2}(\.\d{1,3})?", 'a version such as "3.12"')
OWN: Table = {"image": ("image", text), "python": ("python", _python), "gpu": ("gpu", boolean)}


def read_base(slot: Slot, context: Context) -> Base | None:
    """A name of the table, an image of it, or `{image, python, gpu}`."""
    if not isinstance(slot.value, str):
        found = section(slot, context, OWN, "an environment", ("image",))
        return None if found is None else images.Base(found["image"], found.get("python"), bool(found.get("gpu")))
    value = reader.text(slot, context.sink)
    if value is None:
        return None
    base = named(value)
    if base is None:
        near = suggest(value, images.BASES)
        notes = () if near else (f"there is {', '.join(images.BASES)}",)
        message = f"{reader.shown(value)} is not a base environment"
        advice = "an image of your own is written as {image: …}"
        context.sink.report(
            codes.WRONG_VALUE, message, slot.span_here, suggestion=near, notes=notes, help=None if near else advice
        )
    return base


def named(value: str) -> Base | None:
    """A base by its name, its image, or MLReef's own title for it."""
    plain = value.removeprefix(TITLE).strip()
    known = images.BASES.get(plain.lower())
    if known is not None:
        return known
    return next((base for base in images.BASES.values() if plain in (base.image, f"docker.io/{base.image}")), None)
