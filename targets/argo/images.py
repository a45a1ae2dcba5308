"""Images that the pipeline builds: where they lie, the same for who builds and who uses them."""

from __future__ import annotations

from compiler.ir import BuildImage, holes
from targets import commands, logins
from targets.argo import codes, spelling

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.diagnostics import Sink
    from compiler.ir import Job, Project
    from targets.argo.options import Options


class Images:
    """The built images of a project by their environment's name."""

    def __init__(self, project: Project, options: Options, sink: Sink) -> None:
        self.options = options
        self.sink = sink
        self.project = project
        self.builds: dict[str, Job] = {}
        self.used: set[str] = set()
        for pipeline in project.pipelines:
            for job in pipeline.jobs:
                if isinstance(job.action, BuildImage):
                    self.builds.setdefault(job.action.environment or job.name, job)
                else:
                    self.used.update(ref.name for ref in holes(job) if ref.kind == "images")

    def repository(self, environment: str) -> str:
        """`registry.example.com/team/churn`, without a tag."""
        job = self.builds.get(environment)
        action = job.action if job is not None else None
        publish = action.publish if isinstance(action, BuildImage) else None
        registry = self.registry(environment)
        name = commands.flat(publish.repository) if publish is not None and publish.repository is not None else None
        if name is None:
            name = f"{spelling.legal(self.project.name)}/{spelling.legal(environment)}"
        if registry is None:
            self.sink.report(
                codes.NO_REGISTRY,
                f'no registry is named for the image "{environment}"',
                job.origin if job is not None else None,
                help="say where images go in targets.argo.registry, such as registry.example.com/team",
            )
            return name
        return f"{registry.rstrip('/')}/{name}"

    def registry(self, environment: str) -> str | None:
        """The registry that an image is pushed to."""
        job = self.builds.get(environment)
        action = job.action if job is not None else None
        publish = action.publish if isinstance(action, BuildImage) else None
        return (publish.registry if publish is not None else None) or self.options.registry

    def name_of(self, job: Job) -> str:
        """What a build's image is called: as its environment, else as the job."""
        assert isinstance(job.action, BuildImage)
        return job.action.environment or job.name

    def by_identity(self, environment: str) -> bool:
        """Whether an image is pushed by a cloud's identity."""
        job = self.builds.get(environment)
        return job is not None and logins.identity(job, self.project.identities) is not None

    def reference(self, environment: str, commit: str) -> str:
        """The image of this run's commit."""
        return self.repository(environment) + ":{{" + commit + "}}"

    def is_pushed(self, job: Job) -> bool:
        """Whether a build's image leaves the pod: it is published, or jobs run in it."""
        action = job.action
        assert isinstance(action, BuildImage)
        return action.publish is not None or (action.environment or job.name) in self.used

    @property
    def secret(self) -> str:
        """The Kubernetes secret with the registry's login."""
        return self.options.registry_credentials or f"{spelling.short(self.project.name, 50)}-registry"
