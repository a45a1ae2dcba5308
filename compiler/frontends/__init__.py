"""Front ends: one dialect of manifest each. The table holds dotted names, so that only the one in use is imported."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.base import FrontEnd

FRONT_ENDS: dict[str, str] = {
    "native": "compiler.frontends.native",
    "ame": "compiler.frontends.ame",
    "mlspec": "compiler.frontends.mlspec",
    "mlreef": "compiler.frontends.mlreef",
    "mml": "compiler.frontends.mml",
    "unip": "compiler.frontends.unip",
}


def front_end(name: str) -> FrontEnd:
    """The front end of a dialect. Raises KeyError for a name that is not in the table."""
    from importlib import import_module

    module: FrontEnd = import_module(FRONT_ENDS[name])
    return module
