"""Pipelines that are attested: a last job writes the run's record and the statement of what it was made from.

It gets every output that a job leaves with the CI, and names the commit, the manifest and the files of the repository
that jobs read. What goes to a store leaves a reference, which carries its own sha256, and is not among the products.
"""

from __future__ import annotations

from compiler.ir import Artifact, Job, Need, Pipeline, Project, Ref, Support
from compiler.matrix import legs
from compiler.passes.context import Context
from compiler.passes.gates import leg_path, parameter_variable
from compiler.source import At

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text
    from compiler.source import Origin

NAME = "attest"
FOLDER = "attestation"
TIMEOUT_SECONDS = 1800
_TOLD = (("git", ("commit", "branch", "tag", "ref", "repository", "event")), ("run", ("id", "url")))


def place_attestations(project: Project, context: Context) -> Project:
    pipelines = tuple(_attested(pipeline, project, context) for pipeline in project.pipelines)
    return project.replace(pipelines=pipelines)


def _attested(pipeline: Pipeline, project: Project, context: Context) -> Pipeline:
    if pipeline.attest is None:
        return pipeline
    makers = [job for job in pipeline.jobs if _products(job)]
    products = list(dict.fromkeys(path for job in makers for path in _products(job)))
    name = NAME
    while any(job.name == name for job in pipeline.jobs):
        name += "-run"
    folder = "/".join(part for part in (project.folder, FOLDER) if part)
    statement, record = f"{folder}/statement.json", f"{folder}/record.json"
    signed = pipeline.attest == "signed"
    options = [f"--statement={statement}", f"--record={record}", f"--project={project.name}"]
    options.append(f"--pipeline={pipeline.name}")
    options += [f"--material={path}" for path in _materials(pipeline, project, context)]
    options += [f"--parameter={one.name}={parameter_variable(one.name)}" for one in pipeline.parameters]
    words: tuple[Text, ...] = tuple((option,) for option in options)
    metrics = tuple(("--metrics=", *path) for path in _metrics(makers))
    refs = [Ref(kind=kind, name=one) for kind, names in _TOLD for one in names]
    refs += [Ref(kind="parameters", name=one.name) for one in pipeline.parameters]
    outputs = [statement, record, *([f"{statement}.sigstore.json"] if signed else [])]
    job = Job(
        name=name,
        action=Support(
            script="attest",
            arguments=(*words, *metrics, *([("--sign",)] if signed else []), ("--",), *products),
            refs=tuple(refs),
        ),
        needs=tuple(_need(one) for one in makers),
        outputs=tuple(Artifact(path=(path,), kind="file") for path in outputs),
        run_on="success",
        timeout=TIMEOUT_SECONDS,
        origin=_origin(pipeline.origin or project.origin),
    )
    return pipeline.replace(jobs=(*pipeline.jobs, job), attest=None)


def _origin(pipeline: Origin | None) -> Origin | None:
    """The key that asks for the job."""
    return None if pipeline is None else At(f"{pipeline.path}.attest".lstrip("."), pipeline.span("attest"))


def _need(job: Job) -> Need:
    """A job that may be skipped is attested where it ran."""
    return Need(job=job.name, artifacts=True, optional=job.condition is not None, legs="all", origin=job.origin)


def _artifacts(job: Job) -> list[Artifact]:
    return [one for one in job.outputs if isinstance(one, Artifact) and one.store is None]


def _products(job: Job) -> list[Text]:
    return [leg_path(output, leg) for output in _artifacts(job) for leg in legs(job.matrix)]


def _metrics(jobs: list[Job]) -> list[Text]:
    found = (
        leg_path(one, leg)
        for job in jobs
        for one in _artifacts(job)
        if one.kind == "metrics"
        for leg in legs(job.matrix)
    )
    return list(dict.fromkeys(found))


def _materials(pipeline: Pipeline, project: Project, context: Context) -> list[str]:
    """The manifest, and what jobs read that lies in the repository."""
    read = (given.path for job in pipeline.jobs for given in job.inputs if given.store is None)
    paths = (path[0] for path in read if len(path) == 1)
    files = [path for path in paths if isinstance(path, str) and context.files.exists(path)]
    return list(dict.fromkeys([project.manifest, *files] if project.manifest else files))
