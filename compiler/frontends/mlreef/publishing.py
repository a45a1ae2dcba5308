"""Publishing: a module becomes an image `<branch>-<version>` that was tried before it is pushed.

https://gitlab.com/mlreef/mlreef builds every module on one image, deletes a Dockerfile of the user's own, and never tries
what it pushes. Here the chosen base is used, a Dockerfile of one's own is taken as it is, and an image is pushed when
`--help` and the parser itself have run in it.
"""

from __future__ import annotations

import os
from posixpath import dirname, relpath

from compiler.frontends.mlreef import codes
from compiler.frontends.mlreef.fields import Context, boolean, choice, integer, list_of, text
from compiler.frontends.tables import matching, name, section
from compiler.images import DEFAULT_PYTHON, python_image
from compiler.ir import (
    NOTHING,
    Build,
    BuildImage,
    Compare,
    Environment,
    Exec,
    Job,
    Need,
    OnManual,
    OnPush,
    Parameter,
    Pipeline,
    Publish,
    Ref,
    Secret,
    SecretUse,
    Tool,
)
from compiler.source import At
from compiler.yamltree import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.mlreef.fields import Table
    from compiler.frontends.mlreef.modules import Module
    from compiler.ir import Text, Trigger
    from compiler.source import Origin

PIPELINE, UNPUBLISH = "publish", "unpublish"
LOGIN = ("REGISTRY_USERNAME", "REGISTRY_PASSWORD")  # of who gives tags and takes them away
SMOKE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "smoke.py.txt")
KEPT = 10  # versions of a branch, as MLReef keeps them
INDEX = "PIP_INDEX_URL"  # pip reads the index's URL, with its login, from this variable


class Publication:
    """What `publish` says; None where it says nothing."""

    __slots__ = ("branches", "index", "keep", "off", "on", "origin", "provenance", "registry", "repository", "version")

    def __init__(self, **said: Any) -> None:
        self.on: str | None = said.get("on")
        self.off: bool | None = said.get("off")
        self.branches: tuple[str, ...] | None = said.get("branches")
        self.version: str | None = said.get("version")
        self.keep: int | None = said.get("keep")
        self.repository: str | None = said.get("repository")
        self.registry: str | None = said.get("registry")
        self.provenance: bool | None = said.get("provenance")
        self.index: str | None = said.get("index")
        self.origin: Origin | None = said.get("origin")

    def over(self, other: Publication | None) -> Publication:
        """This, with what it does not say taken from another one."""
        if other is None:
            return self
        merged = {field: getattr(self, field) for field in self.__slots__}
        return Publication(
            **{field: getattr(other, field) if value is None else value for field, value in merged.items()}
        )


# What may stand in a tag behind the branch: https://github.com/opencontainers/distribution-spec
_version = matching(text, r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", "letters, digits, ., _ and -")
PUBLISH: Table = {
    "on": ("on", choice({"push": "push", "manual": "manual"})),
    "branches": ("branches", list_of(text, least=1)),
    "version": ("version", _version),
    "keep": ("keep", integer(1, 1000)),
    "repository": ("repository", text),
    "registry": ("registry", text),
    "provenance": ("provenance", boolean),
    "index": ("index", name),
}


def read_publication(slot: Slot, context: Context) -> Publication | None:
    """`true`, `false`, or how."""
    from compiler import reader

    if isinstance(slot.value, str) and slot.value in reader.TRUE | reader.FALSE:
        return Publication(off=slot.value in reader.FALSE)
    found = section(slot, context, PUBLISH, '"publish"')
    return None if found is None else Publication(**found)


class Published:
    """What publishing adds to a project."""

    def __init__(self) -> None:
        self.environments: list[Environment] = []
        self.jobs: list[Job] = []
        self.pipelines: list[Pipeline] = []
        self.secrets: dict[str, Secret] = {}


def publish(modules: list[Module], default: Publication | None, context: Context) -> Published:
    """The images of all modules that are published, by one pipeline for each way to start it."""
    made = Published()
    groups: dict[tuple[Any, ...], list[str]] = {}
    triggers: dict[tuple[Any, ...], tuple[Trigger, ...]] = {}
    withdrawn: list[tuple[Module, Publication]] = []
    for module in modules:
        said = module.publication.over(default) if module.publication is not None else default
        if said is None or said.off:
            continue
        names = _add(module, said, made, context)
        key = (said.on or "manual", said.branches)
        groups.setdefault(key, []).extend(names)
        triggers[key] = _triggers(said)
        withdrawn.append((module, said))
    for at, (key, names) in enumerate(groups.items()):
        name = PIPELINE if at == 0 else f"{PIPELINE}-{at + 1}"
        made.pipelines.append(Pipeline(name=name, members=tuple(names), triggers=triggers[key]))
    if withdrawn:
        _add_unpublish(withdrawn, made)
    return made


def _triggers(said: Publication) -> tuple[Trigger, ...]:
    """By hand; where asked for, each push to the branches publishes anew."""
    if said.on != "push":
        return (OnManual(),)
    push = OnPush() if said.branches is None else OnPush(branches=said.branches)
    return (push, OnManual())


def _add(module: Module, said: Publication, made: Published, context: Context) -> list[str]:
    environment = image_environment(module, said, context)
    made.environments.append(environment)
    for use in environment.build.secrets if environment.build is not None else ():
        made.secrets.setdefault(use.secret, Secret(name=use.secret))
    at = _part(module, "publish")
    build = Job(
        name=f"publish-{module.name}",
        action=BuildImage(build=Build(), environment=module.name, origin=at),
        origin=at,
    )
    made.jobs.append(build)
    tried: list[Job] = []
    if module.dockerfile is not None:
        checks = _checks(module, None, context)
        tried = [_smoke_job(module, _part(module, f"checks[{n}]"), n, words) for n, words in enumerate(checks)]
        made.jobs.extend(tried)
    before = [build.name, *(job.name for job in tried)]
    made.jobs.append(_release_job(module, said, before, _part(module, "version")))
    for secret in LOGIN:
        made.secrets.setdefault(secret, Secret(name=secret))
    return [*before, f"release-{module.name}"]


def _part(module: Module, what: str) -> At:
    """A job's own place: it comes from the module, and is one of several."""
    at = module.origin or module.script.origin()
    return At(f"{at.path}.{what}", at.span())


def _release_job(module: Module, said: Publication, before: list[str], at: Any) -> Job:
    """Gives the image that was built and tried its version's tag: a version is never moved."""
    arguments: list[Text] = [
        ("publish",),
        ("--image=", Ref(kind="images", name=module.name)),
        ("--branch=", Ref(kind="git", name="branch")),
    ]
    if said.version is not None:
        arguments.append((f"--version={said.version}",))
    if said.version is None or said.keep is not None:
        arguments.append((f"--keep={said.keep or KEPT}",))
    return Job(
        name=f"release-{module.name}",
        action=Tool(name="release", arguments=tuple(arguments), origin=at),
        needs=tuple(Need(job=name, artifacts=False, origin=at) for name in before),
        secrets=_login(),
        timeout=900,
        origin=at,
    )


def _login() -> tuple[SecretUse, ...]:
    return tuple(SecretUse(secret=name, env=name) for name in LOGIN)


def _add_unpublish(withdrawn: list[tuple[Module, Publication]], made: Published) -> None:
    """By hand: takes one version of a branch away."""
    names = tuple(module.name for module, _ in withdrawn)
    first = withdrawn[0][0]
    at = first.origin or first.script.origin()
    parameters = (
        Parameter(name="module", type="choice", choices=names, required=True, help="the module", origin=at),
        Parameter(name="branch", required=True, help="the branch that was published", origin=at),
        Parameter(name="version", required=True, help="the version that is taken away", origin=at),
    )
    for module, said in withdrawn:
        place = f"--repository={said.registry.rstrip('/')}/{_repository(module, said)}" if said.registry else None
        arguments: tuple[Text, ...] = (
            ("withdraw",),
            (place or f"--name={_repository(module, said)}",),
            ("--branch=", Ref(kind="parameters", name="branch")),
            ("--version=", Ref(kind="parameters", name="version")),
        )
        at = _part(module, UNPUBLISH)
        job = Job(
            name=f"withdraw-{module.name}",
            action=Tool(name="release", arguments=arguments, origin=at),
            condition=Compare(subject="parameters.module", operator="==", values=(module.name,)),
            secrets=_login(),
            timeout=900,
            origin=at,
        )
        made.jobs.append(job)
    members = tuple(f"withdraw-{name}" for name in names)
    made.pipelines.append(Pipeline(name=UNPUBLISH, members=members, triggers=(OnManual(),), parameters=parameters))


def _repository(module: Module, said: Publication) -> str:
    """The image's name below the registry."""
    return said.repository or module.name


def _smoke_job(module: Module, at: Any, number: int, words: tuple[str, ...]) -> Job:
    """The commit's script in the image that a Dockerfile of one's own made: what it needs is there."""
    return Job(
        name=f"smoke-{module.name}" if number == 0 else f"smoke-{module.name}-arguments",
        action=Exec(argv=tuple((word,) if word else () for word in words)),
        environment=module.name,
        timeout=900,
        origin=at,
    )


def image_environment(module: Module, said: Publication | None, context: Context) -> Environment:
    """The environment whose image is the published module."""
    said = said or Publication()
    published = Publish(
        repository=(_repository(module, said),),
        tags=(("commit",),),
        registry=said.registry,
        provenance=said.provenance,
    )
    secrets = (SecretUse(secret=said.index, env=INDEX),) if said.index else NOTHING
    at = module.origin or module.script.origin()
    if module.dockerfile is not None:
        build = Build(context=dirname(module.dockerfile) or None, file=module.dockerfile, secrets=secrets)
        return Environment(name=module.name, build=build, publish=published, origin=at)
    folder = context_of(module)
    script = relpath(module.script.path, folder or ".")
    build = Build(
        context=folder or ".",
        secrets=secrets,
        generate=True,
        command=("python", script, "--help"),
        checks=_checks(module, folder, context) or NOTHING,
    )
    software = software_of(module)
    return software.replace(name=module.name, build=build, publish=published, origin=at)


def context_of(module: Module) -> str:
    """The folder that becomes the image: that of the requirements, which lies around the script, else the script's."""
    folder = dirname(module.requirements) if module.requirements else dirname(module.script.path)
    inside = module.script.path.startswith(f"{folder}/") or not folder
    return folder if inside else ""


def software_of(module: Module) -> Environment:
    """The base environment with the module's requirements: what its jobs run in."""
    base = module.base
    said: dict[str, Any] = {}
    if base is None:
        said["python"] = DEFAULT_PYTHON
    else:
        said["python"] = base.python
        if base.python is None or base.image != python_image(base.python, None):
            said["image"] = (base.image,)
    if module.requirements is not None:
        folder, _, name = module.requirements.rpartition("/")
        if name == "uv.lock":
            said |= {"installer": "uv", "working_directory": folder or None}
        else:
            said |= {"installer": "pip", "file": module.requirements}
    return Environment(**said)


def _checks(module: Module, folder: str | None, context: Context) -> tuple[tuple[str, ...], ...]:
    """`--help`, and the parser with values for all that it takes."""
    from compiler.frontends.mlreef.parameters import sample

    base = folder if folder is not None else context.folder
    script = relpath(module.script.path, base or ".")
    found = [("python", script, "--help")]
    if module.script.interface.style == "mlreef" and not _has_parser(module):
        found = []  # it may take --help for work to be done
    given = sample(module.script)
    if given is None or not _has_parser(module):
        message = f'the arguments of "{module.name}" are not tried in its image: values for them can\'t be known'
        context.sink.report(codes.NOT_CHECKED, message, module.origin or module.script.origin())
        return tuple(found)
    from compiler.pyargs import argv

    words = ["".join(str(piece) for piece in word) for word in argv(module.script.interface, given)]
    return (*found, ("python", "-c", smoke_text(), script, *words))


def _has_parser(module: Module) -> bool:
    """Whether argparse reads the arguments, and not a decorator alone."""
    return any(hint in module.script.source.text for hint in ("add_argument", "ArgumentParser"))


def smoke_text() -> str:
    """The program that runs a script up to where its arguments are parsed."""
    with open(SMOKE, encoding="utf-8") as file:
        return file.read()
