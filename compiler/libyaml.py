"""libyaml's parser as PyYAML binds it, without the rest of PyYAML: its import takes as long as a small compile.

The binding (`yaml._yaml`) takes PyYAML's classes of tokens, events and nodes, which are small modules, and from each of
the large ones the class of its errors, nothing else. So the package stands there unexecuted, with classes of our own in
their place, while the binding is imported. Who asks the package for anything gets PyYAML whole, as it always is.
https://github.com/yaml/pyyaml/blob/main/yaml/_yaml.pyx
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_ERRORS = {
    "reader": "ReaderError",
    "scanner": "ScannerError",
    "parser": "ParserError",
    "composer": "ComposerError",
    "constructor": "ConstructorError",
    "emitter": "EmitterError",
    "serializer": "SerializerError",
    "representer": "RepresenterError",
}


class _Place:
    """Stands for a module of which the binding takes a class."""


def _bind() -> None:
    """Import the binding alone; where that does not work, or PyYAML is there already, with the rest of it."""
    if "yaml" in sys.modules:
        return
    package = _unexecuted()
    if package is None:
        return
    sys.modules["yaml"] = package
    try:
        _import_binding(package)
    except Exception:  # another PyYAML than those that are known: then all of it
        for name in [name for name in sys.modules if name.partition(".")[0] == "yaml"]:
            del sys.modules[name]


def _unexecuted() -> ModuleType | None:
    from importlib import _bootstrap  # importlib.util costs more than all of this

    for finder in sys.meta_path:
        spec = finder.find_spec("yaml", None)
        if spec is not None and spec.loader is not None:
            made: ModuleType = _bootstrap.module_from_spec(spec)
            return made
    return None


def _import_binding(package: Any) -> None:
    import yaml.error
    import yaml.events
    import yaml.nodes
    import yaml.tokens

    class ReaderError(yaml.error.YAMLError):
        """As PyYAML's: what is wrong, and where."""

        def __init__(self, name: str, position: int, character: object, encoding: str, reason: str) -> None:
            self.name, self.position, self.character, self.encoding, self.reason = (
                name, position, character, encoding, reason,
            )  # fmt: skip

    for module, name in _ERRORS.items():
        place: Any = _Place()
        error = ReaderError if name == "ReaderError" else type(name, (yaml.error.MarkedYAMLError,), {})
        setattr(place, name, error)
        setattr(package, module, place)
    try:
        import yaml._yaml
    finally:
        for module in _ERRORS:
            delattr(package, module)
    package.__getattr__ = _whole


def _whole(name: str) -> Any:
    """The package's own `__getattr__`, as long as it is unexecuted."""
    package: Any = sys.modules["yaml"]
    if vars(package).pop("__getattr__", None) is not None:
        package.__spec__.loader.exec_module(package)
        binding: Any = sys.modules["yaml._yaml"]
        for module, error in _ERRORS.items():  # from now on the errors are PyYAML's own
            setattr(binding, error, getattr(sys.modules[f"yaml.{module}"], error))
    return getattr(package, name)


_bind()

from yaml._yaml import CParser  # noqa: E402
from yaml.error import MarkedYAMLError, YAMLError  # noqa: E402
from yaml.events import (  # noqa: E402
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

__all__ = [
    "CParser",
    "DocumentEndEvent",
    "DocumentStartEvent",
    "MappingEndEvent",
    "MappingStartEvent",
    "MarkedYAMLError",
    "ScalarEvent",
    "SequenceEndEvent",
    "SequenceStartEvent",
    "StreamEndEvent",
    "YAMLError",
]
