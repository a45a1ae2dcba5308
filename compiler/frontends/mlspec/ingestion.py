"""Data that a pipeline reads: jobs that fetch them, and one that looks again, when it runs, whether they may be used."""

from __future__ import annotations

from compiler.diagnostics import Sink
from compiler.frontends.mlspec.documents import sha256_of
from compiler.frontends.mlspec.objects import slug
from compiler.frontends.mlspec.stores import Keys, clean
from compiler.ir import Artifact, Input, Job, Need, Tool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.mlspec.vertices import Place, Vertex
    from compiler.ir import Secret, Text

TIMEOUT_SECONDS = 3600
CHECK = "check-data"
# What blocks a data set's use and what is warned of (data/dataset.md): by hand at any time, so that runs look again.
_RULES = ("--refused=state:archived", "--warned=state:deprecated", "--warned=isDeprecated:true")


class Ingestion:
    """The jobs that stand before a pipeline's own."""

    def __init__(self, vertices: list[Vertex], taken: set[str], sink: Sink) -> None:
        self.keys = Keys(sink)
        self.taken = taken
        self.jobs: list[Job] = []
        for vertex in vertices:
            if vertex.place is not None and vertex.path:
                self._add(self._fetch(vertex, vertex.place))
        self.described = [vertex for vertex in vertices if vertex.document is not None]
        self.check = self._name(CHECK) if self.described else ""
        if self.described:
            self.jobs.append(self._checked())

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return tuple(self.keys.secrets.values())

    def _add(self, job: Job) -> None:
        """Two vertices that are the same data are fetched once."""
        if all(one.action != job.action for one in self.jobs):
            self.jobs.append(job)

    def _name(self, name: str) -> str:
        while name in self.taken:
            name += "-1"
        self.taken.add(name)
        return name

    def _fetch(self, vertex: Vertex, place: Place) -> Job:
        words: list[str] = ["get"]
        told: dict[str, Any] = {}
        if place.store is None:
            words.append(f"--url={place.url}")
        else:
            options, uses = self.keys.options(place.store, place.bucket, read=True)
            words += [*options, f"--path={clean(place.key)}"]
            told = {"secrets": uses} if uses else {}
        return Job(
            name=self._name("fetch-" + slug(vertex.name)),
            action=Tool(name="objects", arguments=_texts([*words, f"--at={vertex.path}"]), origin=place.at.origin),
            outputs=(Artifact(path=(vertex.path,), kind="dataset", origin=place.at.origin),),
            timeout=TIMEOUT_SECONDS,
            origin=place.at.origin,
            **told,
        )

    def _checked(self) -> Job:
        """M27 again at run time, and the checksums of what is read."""
        documents = {one.document.path: one for one in self.described if one.document is not None}
        words, reads = list(_RULES), [Input(path=(path,), origin=one.view.origin) for path, one in documents.items()]
        for one in self.described:
            digest = sha256_of(one.document.view) if one.document is not None else ""
            if digest and one.path:
                words.append(f"--sha256={digest}:{one.path}")
                reads.append(Input(path=(one.path,), origin=one.view.origin))
        return Job(
            name=self.check,
            action=Tool(name="usable", arguments=_texts([*words, *documents]), origin=self.described[0].view.origin),
            inputs=tuple(reads),
            timeout=TIMEOUT_SECONDS,
            origin=self.described[0].view.origin,
        )

    def after_check(self, job: Job) -> Job:
        """A job that reads data which a document describes waits for their check."""
        reads = {given.path[0] for given in job.inputs if given.path}
        if not any(one.path in reads for one in self.described if one.path):
            return job
        need = Need(job=self.check, artifacts=False, origin=job.origin)
        return job.replace(needs=(*job.needs, need))


def _texts(words: list[str]) -> tuple[Text, ...]:
    return tuple((word,) for word in words)


def fetching(jobs: tuple[Job, ...], reads: set[Any]) -> list[Job]:
    """The jobs among these that fetch what is read."""
    return [
        job
        for job in jobs
        if isinstance(job.action, Tool) and job.action.name == "objects"
        and any(isinstance(output, Artifact) and output.path in reads for output in job.outputs)
    ]  # fmt: skip
