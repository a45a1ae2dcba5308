"""`headrace pin`: the digests of images, from their registries, for compiled files to name them by."""

from __future__ import annotations

import os
import sys

from compiler import codes, driver
from compiler.commands.compilation import lowered_projects
from compiler.commands.findings import add_options, show
from compiler.commands.workspace import add_path, open_workspace
from compiler.diagnostics import Sink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from compiler.ir import Project

DESCRIPTION = """
Ask the registries for the digests of all images that compiled pipelines run, and write them into headrace.lock at the
repository's root. From then on `headrace compile` names each image by its digest, so that nobody can change what its tag
means. Where one registry does not answer, nothing is written.
"""
EXAMPLES = """
headrace pin                 look all images up
headrace pin --check         only say which images have no digest yet (asks nobody)
"""


def configure(parser: ArgumentParser) -> None:
    add_path(parser)
    parser.add_argument("--check", action="store_true", help="fail where an image has no digest; ask no registry")
    add_options(parser, machine=False)


def run(arguments: Namespace) -> int:
    sink = Sink()
    workspace = open_workspace(arguments.path, sink)
    projects = [] if workspace is None else lowered_projects(workspace, sink)[1]
    faults = Sink()
    if workspace is None or sink.failed:
        show(sink.diagnostics, arguments, sys.stderr)
        return 1
    argo = workspace.repository.exists("argo")
    wanted = list(dict.fromkeys(image for project in projects for image in images(project, argo)))
    known = {image: digest for project in projects for image, digest in project.pins}
    if arguments.check:
        _check(wanted, known, faults)
    else:
        _pin(wanted, known, workspace.repository.root, faults)
    show(faults.diagnostics, arguments, sys.stderr)
    return 1 if faults.failed else 0


def images(project: Project, argo: bool = False) -> Iterator[str]:
    """Every image that a project's pipelines may run, but for those with a digest and those that only a run knows.

    argo: whether pods of Argo Workflows, which fetch the commit, are among them anyway.
    """
    from compiler import images as own
    from compiler.ir import BuildImage, Deploy, Environment
    from compiler.passes.pins import bases

    if argo or any(settings.target == "argo" for settings in project.settings):
        yield from (own.HELPER, own.GIT)
    yield from bases(project)
    for pipeline in project.pipelines:
        for job in pipeline.jobs:
            texts = [sidecar.image for sidecar in job.sidecars]
            if isinstance(job.environment, Environment):
                texts += [job.environment.image or (), job.environment.base or ()]
            if isinstance(job.action, BuildImage):
                yield own.BUILDKIT
                if job.action.publish is not None and job.action.publish.identity is not None:
                    yield own.HELPER  # in which it signs in
            elif isinstance(job.action, Deploy):
                yield own.KUBECTL
            elif job.environment is None:
                yield own.HELPER
            for text in texts:
                flat = text[0] if len(text) == 1 and isinstance(text[0], str) else None
                if flat and "@" not in flat:
                    yield flat


def _check(wanted: list[str], known: dict[str, str], sink: Sink) -> None:
    for image in wanted:
        if image not in known:
            sink.report(codes.NOT_PINNED, f'"{image}" has no digest in headrace.lock', help="run `headrace pin`")
    if not sink.failed:
        print(f"{len(wanted)} images have a digest")


def _pin(wanted: list[str], known: dict[str, str], root: str, sink: Sink) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from compiler.passes.pins import FILE, text

    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(wanted, pool.map(_digest, wanted), strict=True))
    for image, digest in found.items():
        if not digest.startswith("sha256:"):
            message = f'"{image}" can\'t be pinned: {digest}'
            sink.report(codes.NO_DIGEST, message, help="nothing was written: headrace.lock is as it was")
    if sink.failed:
        return
    path = os.path.join(root, FILE)
    driver.write([driver.OutputFile(FILE, text(found), "")], root, sink, force=True)
    if not sink.failed:
        for image, digest in sorted(found.items()):
            if known.get(image) != digest:
                print(f"{image} {digest}")
        print(f"{os.path.relpath(path)}: {len(found)} images; compile again, and commit it")


def _digest(image: str) -> str:
    """The digest, or why there is none."""
    from compiler.registry import RegistryError, digest

    try:
        return digest(image)
    except RegistryError as error:
        return str(error)
