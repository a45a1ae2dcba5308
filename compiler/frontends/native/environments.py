"""`environments`: how a job's software is made; and what images are built from and pushed to."""

from __future__ import annotations

from compiler.frontends.native.access import read_secret_uses
from compiler.frontends.native.fields import (
    boolean,
    choice,
    exclusive,
    filled,
    list_of,
    plain,
    platform,
    said,
    shaped,
    shell,
    variables,
)
from compiler.frontends.native.paths import path
from compiler.frontends.tables import section
from compiler.ir import Build, Environment, Publish
from compiler.yamltree import Sequence, Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.native.fields import Context, Table
    from compiler.ir import Text

INSTALLERS = ("uv", "pip", "poetry", "pipenv", "conda", "mlflow")
SHELLS = ("sh", "bash")

BUILD: Table = {
    "context": ("context", path),
    "file": ("file", path),
    "target": ("target", filled),
    "args": ("args", variables),
    "secrets": ("secrets", read_secret_uses),
    "platforms": ("platforms", list_of(platform)),
    "generate": ("generate", boolean),
    "command": ("command", list_of(plain, least=1)),
    "checks": ("checks", list_of(list_of(plain, least=1))),
}
PUBLISH: Table = {
    "repository": ("repository", said),
    "tags": ("tags", list_of(said)),
    "registry": ("registry", filled),
    "identity": ("identity", filled),
    "provenance": ("provenance", boolean),
}


def read_build(slot: Slot, context: Context) -> Build | None:
    found = section(slot, context, BUILD, "a build")
    return None if found is None else Build(**found)


def read_publish(slot: Slot, context: Context) -> Publish | None:
    found = section(slot, context, PUBLISH, "where an image is published")
    return None if found is None else Publish(**found)


def _setup(slot: Slot, context: Context) -> tuple[Text, ...] | None:
    """Lines of shell, as a list or as one text."""
    if isinstance(slot.value, Sequence):
        return list_of(shell)(slot, context)
    line = shell(slot, context)
    return None if line is None else (line,)


ENVIRONMENT: Table = {
    "image": ("image", said),
    "python": ("python", shaped(r"[0-9]+(\.[0-9]+){0,2}", "3.12")),
    "install": ("installer", choice(*INSTALLERS)),
    "file": ("file", path),
    "groups": ("groups", list_of(filled)),
    "extras": ("extras", list_of(filled)),
    "apt": ("apt", list_of(shaped(r"[a-z0-9][a-z0-9+.:~=_-]*", "libgomp1"))),
    "setup": ("setup", _setup),
    "working_directory": ("working_directory", path),
    "build": ("build", read_build),
    "publish": ("publish", read_publish),
    "prebuild": ("prebuild", boolean),
    "credentials": ("credentials", filled),
    "platform": ("platform", platform),
}


def read_environment(slot: Slot, context: Context, name: str | None = None) -> Environment | None:
    found = section(slot, context, ENVIRONMENT, "an environment")
    build = None if found is None else found.get("build")
    if build is None or not build.generate:
        exclusive(slot, context, "an environment", "image", "build")
    return None if found is None else Environment(name=name, **found)


def environment_or_name(slot: Slot, context: Context) -> Environment | str | None:
    """What a job runs in: a name from `environments`, or one in place."""
    return filled(slot, context) if isinstance(slot.value, str) else read_environment(slot, context)
