"""The images of a module: which of them the repository builds, and what they run.

An image `REGISTRY/ORG/NAME:TAG` is built here where the repository has its Dockerfile: NAME/Dockerfile (or below images, docker
or src), docker/NAME.Dockerfile, NAME.Dockerfile, Dockerfile.NAME, or the one Dockerfile of a module with one image.
"""

from __future__ import annotations

import json
from posixpath import join, normpath

from compiler.ir import Build, Environment, Publish, Ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.frontends.unip.fields import Part
    from compiler.frontends.unip.module import Module

_FOLDERS = ("", "images", "docker", "src", "components")


class Image:
    """An image that the repository builds. Paths are from the root."""

    __slots__ = ("context", "file", "name", "repository", "written")

    def __init__(self, name: str, repository: str, context: str, file: str) -> None:
        self.name = name  # of the environment
        self.repository = repository
        self.context = context
        self.file = file
        self.written: list[str] = []  # references that the manifests have, in order

    def environment(self) -> Environment:
        registry, path = split(self.repository)
        publish = Publish(repository=(path,), registry=registry, tags=((Ref(kind="git", name="short"),),))
        build = Build(context=self.context or ".", file=self.file)
        return Environment(name=self.name, build=build, publish=publish)


def repository_of(reference: str) -> str:
    """A reference without its tag and digest."""
    plain = reference.partition("@")[0]
    folder, _, last = plain.rpartition("/")
    return f"{folder}/{last.partition(':')[0]}".removeprefix("/")


def split(repository: str) -> tuple[str | None, str]:
    """The registry's host, and the path in it. https://github.com/distribution/reference"""
    first, _, rest = repository.partition("/")
    if rest and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return None, repository


def references(module: Module) -> list[str]:
    """Every image that a component or a stage names."""
    owners = [service.spec for service in module.services.values()]
    owners += [stage for one in module.pipelines.values() for stage in one.spec.get("stages", ())]
    found = (reference_of(owner) for owner in owners)
    return list(dict.fromkeys(one for one in found if one is not None))


def reference_of(owner: Part) -> str | None:
    image = owner.get("image")
    return None if image is None else image.get("existingImageName")


def built(module: Module) -> dict[str, Image]:
    """The images that the repository builds, by their repository; looked for once."""
    if module.images is None:
        module.images = _found(module)
    return module.images


def _found(module: Module) -> dict[str, Image]:
    named = references(module)
    alone = len({repository_of(one) for one in named}) == 1
    found: dict[str, Image] = {}
    taken: set[str] = set()
    for reference in named:
        repository = repository_of(reference)
        if repository not in found:
            place = _dockerfile(repository.rpartition("/")[2], alone, module)
            if place is None:
                continue
            name = _free(repository.rpartition("/")[2].replace(".", "-"), taken)
            found[repository] = Image(name, repository, *place)
        found[repository].written.append(reference)
    return found


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free)
    return free


def _dockerfile(name: str, alone: bool, module: Module) -> tuple[str, str] | None:
    """The folder that an image is built from, and its Dockerfile."""
    there = module.repository.is_file
    for base in dict.fromkeys((module.folder, "")):
        for folder in _FOLDERS:
            context = join(base, folder, name)
            if there(join(context, "Dockerfile")):
                return normpath(context), normpath(join(context, "Dockerfile"))
        for file in (f"docker/{name}.Dockerfile", f"{name}.Dockerfile", f"Dockerfile.{name}"):
            if there(join(base, file)):
                return base, join(base, file)
        if alone and there(join(base, "Dockerfile")):
            return base, join(base, "Dockerfile")
    return None


def image_of(owner: Part, module: Module) -> Image | None:
    """The image of a component or stage, where it is built here."""
    reference = reference_of(owner)
    return None if reference is None else built(module).get(repository_of(reference))


def context_of(owner: Part, module: Module) -> str | None:
    image = image_of(owner, module)
    return None if image is None else image.context


def entry_of(image: Image, module: Module) -> list[str] | None:
    """What an image runs, by the last stage of its Dockerfile: ENTRYPOINT and CMD, as a job in its folder runs it.

    https://docs.docker.com/reference/dockerfile/#understand-how-cmd-and-entrypoint-interact
    """
    source = module.repository.source(image.file, module.sink)
    if source is None:
        return None
    entry: list[str] | None = None
    command: list[str] | None = None
    folder = "/"
    for word, rest in _instructions(source.text):
        if word == "FROM":
            entry, command, folder = None, None, "/"
        elif word == "WORKDIR" and "$" not in rest:
            folder = join(folder, rest.strip("\"'"))
        elif word == "ENTRYPOINT":
            entry, command = _form(rest), None
        elif word == "CMD":
            command = _form(rest)
    if entry is not None and entry[:2] == ["/bin/sh", "-c"]:
        command = None  # the shell form of an entry point takes no CMD
    words = [*(entry or ()), *(command or ())]
    return [_here(word, folder, image, module) for word in words] or None


def _instructions(text: str) -> list[tuple[str, str]]:
    """A Dockerfile's instructions, lines that go on put together."""
    found: list[tuple[str, str]] = []
    whole = ""
    for line in text.split("\n"):
        if line.lstrip().startswith("#") or (not line.strip() and not whole):
            continue
        whole += line.strip()
        if whole.endswith("\\"):
            whole = whole[:-1] + " "
            continue
        word, _, rest = whole.partition(" ")
        found.append((word.upper(), rest.strip()))
        whole = ""
    return found


def _form(text: str) -> list[str]:
    """Exact words, or a line for a shell."""
    try:
        words = json.loads(text)
    except ValueError:
        words = None
    if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
        return words
    return ["/bin/sh", "-c", text]


def _here(word: str, folder: str, image: Image, module: Module) -> str:
    """A file below the image's WORKDIR as the folder has it that the image is built from."""
    prefix = folder.rstrip("/") + "/"
    inner = word.removeprefix(prefix)
    if word.startswith(prefix) and inner and module.repository.exists(join(image.context, inner)):
        return inner
    return word
