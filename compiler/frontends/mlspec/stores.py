"""Stores that jobs fetch from and upload to: the options that name a place, and the secrets that open it."""

from __future__ import annotations

from compiler.diagnostics import Sink
from compiler.frontends.mlspec import codes
from compiler.frontends.mlspec.secrets import secret_name
from compiler.ir import Secret, SecretUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.mlspec.view import View

OBJECT_STORES = ("", "s3", "cos")
MOUNTED = "file"
_KEYS = (("access_key_id", "AWS_ACCESS_KEY_ID"), ("secret_access_key", "AWS_SECRET_ACCESS_KEY"))


class Keys:
    """The secrets of the stores that a project's jobs work with."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.secrets: dict[str, Secret] = {}

    def secret(self, store: View, name: str, field: str) -> str:
        """The name of a store's secret, which the project then has."""
        found = secret_name(name, field)
        self.secrets.setdefault(found, Secret(name=found, origin=store.origin))
        return found

    def options(self, store: View, bucket: str, read: bool) -> tuple[list[str], tuple[SecretUse, ...]]:
        """What tells headrace's tool where a bucket is, and how it is opened."""
        options = [f"--endpoint={store.text('connection', 'endpoint')}", f"--bucket={bucket}"]
        region = store.text("connection", "region") or store.text("properties", "region")
        options += [f"--region={region}"] if region else []
        kind = store.text("type").lower()
        if kind not in (*OBJECT_STORES, MOUNTED):
            at = store.get("type") or store
            message = f'"{kind}" is no type of store that jobs can {"read" if read else "write"}'
            self.sink.report(codes.UNRESOLVED, message, at.at, help="it is s3, or file for a folder that is mounted")
        if kind == MOUNTED:
            return options, ()
        name = store.text("name")
        uses = [
            SecretUse(secret=self.secret(store, name, field), env=variable, origin=store.origin)
            for field, variable in _KEYS
            if store.get("connection", field) is not None
        ]
        return options, tuple(uses)


def clean(path: str) -> str:
    """A path in a bucket with each slash once."""
    while "//" in path:
        path = path.replace("//", "/")
    return path
