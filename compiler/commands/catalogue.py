"""Every code there is: the core's, and those that front ends and targets declare in their module `codes`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from compiler.codes import united

LOCAL = "targets.local"  # runs instead of emitting, so that it is not in the table of what `compile` takes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Code


def catalogue() -> dict[str, Code]:
    """All codes by number, in order."""
    from compiler.frontends import FRONT_ENDS
    from targets import TARGETS

    modules = []
    for name in (*FRONT_ENDS.values(), *TARGETS.values(), LOCAL):
        owner = import_module(name)
        if hasattr(owner, "__path__") and find_spec(f"{name}.codes") is not None:
            owner = import_module(f"{name}.codes")
        modules.append(owner)
    return united(modules)
