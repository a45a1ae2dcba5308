"""One file of output: a pipeline's jobs, the templates that they share, and what the jobs ask of the whole file."""

from __future__ import annotations

from compiler import codes as core
from compiler.diagnostics import clipped
from compiler.images import KUBECTL
from compiler.ir import (
    Artifact,
    BuildImage,
    Call,
    Deploy,
    Identity,
    Job,
    OnCall,
    OnChangeRequest,
    Pipeline,
    Project,
    Ref,
    Settings,
    deployed_images,
    holes,
)
from targets.commands import flat, script_variable, variable
from targets.gitlab import codes
from targets.gitlab.conditions import Dialect, on_event
from targets.gitlab.images import references
from targets.gitlab.plan import Edge, Unit
from targets.gitlab.triggers import Clause, may_be_unset, parameter_variable
from targets.gitlab.values import NATIVE, SIGNS, given, signs_used
from targets.runners import Runners
from targets.secrets import called

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Runner, Secret
    from compiler.matrix import Leg

FOLDER = ".gitlab/headrace"
# Where there is no shell, GitLab itself puts these values together.
BRIDGED = {
    ("git", "branch"): "$CI_COMMIT_BRANCH$CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    ("git", "tag"): "$CI_COMMIT_TAG",
    ("git", "ref"): "$CI_COMMIT_REF_NAME",
    ("git", "default_branch"): "$CI_DEFAULT_BRANCH",
    **NATIVE,
}


class Notes:
    """What must be set up outside of the files, said once for all of them."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.registry: Job | None = None
        self.trusted: dict[str, tuple[Identity, Job]] = {}
        self.pulled: Job | None = None
        self.shared: Job | None = None
        self.gitops: Job | None = None
        self.cluster: Job | None = None
        self.approved: dict[str, Job] = {}
        self.secrets: dict[str, Job] = {}

    def report(self, target: str) -> None:
        if self.secrets:
            names = ", ".join(sorted(self.secrets))
            self._say(
                f"GitLab needs the CI/CD variables {names} in the project",
                next(iter(self.secrets.values())),
                "mask them, protect them where only protected branches need them, and set their environment scope: "
                "every job of the project can read an unscoped one",
            )
        if self.registry is not None:
            self._say(
                f"{target} pushes to a registry of its own: GitLab needs the CI/CD variable DOCKER_AUTH_CONFIG",
                self.registry,
                "it holds a Docker config.json with the registry's credentials",
            )
        for by, job in self.trusted.values():
            self._say(
                f'"{by.name}" must trust the ID tokens of this project, and may push where "{job.name}" does',
                job,
                "the token's `sub` says the project and the branch or tag, `ref_protected` whether that is protected: "
                "https://docs.gitlab.com/ci/cloud_services/",
            )
        if self.pulled is not None:
            self._say(
                f'{target}: jobs run in the image of "{self.pulled.name}", and GitLab\'s runners must be able to pull it',
                self.pulled,
                "by a right of their own machines, a credential helper, or the CI/CD variable DOCKER_AUTH_CONFIG: a runner "
                "pulls before the job could sign in",
            )
        if self.shared is not None:
            self._say(
                f'the runner of "{self.shared.name}" must give its jobs shared memory: Docker and Kubernetes give 64 MB, which '
                "data loaders with several workers fill",
                self.shared,
                "set `shm_size` in the runner's settings, or a volume in memory at /dev/shm; a job that says `shm` fails where "
                "there is less",
            )
        if self.gitops is not None:
            self._say(
                "GitLab needs the CI/CD variable HEADRACE_GITOPS_TOKEN for the deployment by commit",
                self.gitops,
                "a project access token that may push to the branch, masked and protected",
            )
        if self.cluster is not None:
            self._say(
                f'"{self.cluster.name}" needs access to its cluster: GitLab needs the CI/CD variable KUBECONFIG',
                self.cluster,
                "a variable of type file with a kubeconfig; or name the context of the project's agent as `cluster`",
            )
        for name, job in self.approved.items():
            self._say(
                f'anyone who may run jobs can start "{job.name}" until the environment "{name}" is protected',
                job,
                "protect it under Settings > CI/CD > Protected environments, with those who approve",
            )

    def _say(self, message: str, job: Job, help: str) -> None:
        self.sink.report(core.ACTION_NEEDED, message, job.origin, help=help)


class File:
    """What the jobs of one file share while they are written."""

    def __init__(
        self,
        project: Project,
        pipeline: Pipeline,
        settings: Settings,
        notes: Notes,
        *,
        child: bool = False,
        has_header: bool = False,
        starts: tuple[Clause, ...] = (),
        images: dict[str, str] | None = None,
    ) -> None:
        self.project = project
        self.pipeline = pipeline
        self.settings = settings
        self.notes = notes
        self.sink = notes.sink
        self.is_called = any(isinstance(trigger, OnCall) for trigger in pipeline.triggers)
        self.dialect = Dialect(child, called=child and self.is_called)
        self.is_child = child
        self.has_header = has_header
        self.starts = starts
        self.images = references(pipeline, settings) if images is None else images
        self.env = {entry.name: text for entry in pipeline.env if (text := flat(entry.value)) is not None}
        self.optional_parameters = {parameter.name for parameter in pipeline.parameters if may_be_unset(parameter)}
        self.uses_cache = False
        self.uses_event = False
        self.used_signs: set[str] = set()
        self.runners = Runners(settings, notes.sink)
        self._environments: dict[int, tuple[Any, list[Ref]]] = {}
        self.templates: dict[str, dict[str, Any]] = {}
        self.script_templates: dict[str, dict[str, Any]] = {}
        self._used: set[str] | None = None
        self._secret_names: dict[str, str] | None = None

    @property
    def secret_names(self) -> dict[str, str]:
        """The CI variable of each secret, by the secret's name."""
        if self._secret_names is None:
            self._secret_names = called(self.project.secrets)
        return self._secret_names

    def leaves(self, job: Job) -> bool:
        """Whether the image that a job builds is for anybody: it is published, or other jobs use it."""
        assert isinstance(job.action, BuildImage)
        return job.action.publish is not None or job.action.environment in self._used_images()

    def _used_images(self) -> set[str]:
        if self._used is None:
            jobs = self.pipeline.jobs
            self._used = {ref.name for job in jobs for ref in holes(job) if ref.kind == "images"}
            self._used.update(
                image for job in jobs if isinstance(job.action, Deploy) for image in deployed_images(job.action)
            )
        return self._used

    def may_run_on_change_request(self, unit: Unit) -> bool:
        """Whether a job can be part of a change request's pipeline, its own or one that it calls."""
        if self.is_called:
            return True
        started = any(isinstance(trigger, OnChangeRequest) for trigger in self.pipeline.triggers)
        return started and on_event(unit.condition, "change_request") is not False

    def refs_of(self, environment: Any) -> list[Ref]:
        """The holes in an environment."""
        known = self._environments.get(id(environment))
        if known is None:
            refs = list(holes(environment)) if environment else []
            known = self._environments[id(environment)] = (environment, refs)
        return known[1]

    # ------------------------------------------------------------------------------------------------------- templates

    def environment_template(self, name: str, data: dict[str, Any]) -> str | None:
        """The template of an environment; another one where jobs of that name are set up in another way."""
        if not data:
            return None
        template, number = f".{name}", 1
        while self.templates.setdefault(template, data) != data:
            number += 1
            template = f".{name}-{number}"
        if self.templates[template] is data and "variables" in data:
            self.signs(data["variables"])
        return template

    def script_template(self, name: str) -> str:
        template = f".headrace-{name.replace('_', '-')}"
        if template not in self.script_templates:
            value = {"value": support_text(name), "expand": False}
            self.script_templates[template] = {"variables": {script_variable(name): value}}
        return template

    def start_template(self) -> str:
        """The rules under which the first of several pipelines runs."""
        from targets.gitlab.jobs import rule_list

        template = f".on-{self.pipeline.name}"
        self.templates.setdefault(template, {"rules": rule_list(None, self)})
        return template

    def signs(self, variables: dict[str, object]) -> None:
        for value in variables.values():
            self.used_signs |= signs_used(value)

    # -------------------------------------------------------------------------------------------------------- what is where

    def store_url(self, name: str, job: Job) -> str | None:
        """The place of a store as the support scripts take it; reported where a job can't reach it."""
        store = next((store for store in self.project.stores if store.name == name), None)
        if store is None:
            return None
        if store.kind in ("s3", "gcs", "azure") and store.url:
            return store.url
        if store.kind == "pvc" and store.mount:
            return store.mount
        kinds = {"pvc": "a volume without `mount`", "dvc": "a DVC remote", "lfs": "Git LFS", "ci": "the CI's own"}
        self.sink.report(
            codes.BAD_STORE,
            f'"{job.name}" can\'t use store "{name}" on GitLab: it is {kinds.get(store.kind, "a store without `url`")}',
            store.origin or job.origin,
            help="s3, gcs and azure stores with a `url` work, and volumes with the `mount` at which the runner has them",
        )
        return None

    def identity(self, unit: Unit) -> Identity | None:
        """The job's cloud identity, or that of a store that it uses: for what it leaves, and for what arrives."""
        job = unit.job
        if isinstance(job.identity, Identity):
            return job.identity
        if not self.project.identities:
            return None
        makers = {maker.name: maker for maker, _ in ((job, ()), *self.producers(unit))}.values()
        names = [output.store for maker in makers for output in maker.outputs if isinstance(output, Artifact)]
        names += [given.store for given in job.inputs]
        names.append(job.cache.store if job.cache is not None else None)
        names.append(job.resume.store or self.settings.store if job.resume is not None else None)
        wanted = {store.identity for store in self.project.stores if store.name in names and store.identity}
        return next((identity for identity in self.project.identities if identity.name in wanted), None)

    def deploy_image(self) -> str:
        """The image for a deployment, with kubectl and git; the settings may name one of the cluster's version."""
        found = dict(self.settings.options).get("deploy_image")
        return found if isinstance(found, str) and found else KUBECTL

    def producers(self, unit: Unit) -> list[tuple[Job, Leg]]:
        """The jobs and legs whose outputs arrive at a unit, over joins too."""
        found: dict[tuple[str, Leg], tuple[Job, Leg]] = {}
        for edge in _sources(unit.edges):
            for leg in edge.covered:
                found.setdefault((edge.unit.job.name, leg), (edge.unit.job, leg))
        return list(found.values())

    def check_outputs(self, job: Job) -> None:
        for output in job.outputs:
            literals = output.path if isinstance(output, Artifact) else ()
            if any(isinstance(piece, str) and "$" in piece for piece in literals):
                self.sink.report(
                    codes.OUTPUT_PATH,
                    f'GitLab expands the "$" in an output of "{job.name}"',
                    output.origin or job.origin,
                )

    # --------------------------------------------------------------------------------------------------------------- notes

    def need_registry_login(self, job: Job) -> None:
        self.notes.registry = self.notes.registry or job

    def need_trust(self, by: Identity, job: Job) -> None:
        self.notes.trusted.setdefault(by.name, (by, job))
        assert isinstance(job.action, BuildImage)
        if job.action.environment in self._used_images():
            self.notes.pulled = self.notes.pulled or job

    def need_shared_memory(self, job: Job, runner: Runner | None) -> None:
        if runner is None or runner.executor != "shell":
            self.notes.shared = self.notes.shared or job

    def need_gitops_token(self, job: Job) -> None:
        self.notes.gitops = self.notes.gitops or job

    def need_cluster(self, job: Job) -> None:
        self.notes.cluster = self.notes.cluster or job

    def need_approvers(self, job: Job, to: str | None) -> None:
        self.notes.approved.setdefault(to or job.name, job)

    def need_secret(self, secret: Secret, job: Job) -> None:
        variable, wanted = self.secret_names[secret.name], secret.key or secret.name
        if self.notes.secrets.setdefault(variable, job) is job and variable != wanted:
            message = f'GitLab CI: the secret "{clipped(wanted)}" is called "{clipped(variable)}" there'
            self.sink.report(core.RENAMED, message, secret.origin)

    # ---------------------------------------------------------------------------------------------------------- child pipelines

    def trigger(self, unit: Unit, action: Call) -> dict[str, Any]:
        """A call: a child pipeline with the parameters that it is given."""
        from targets.gitlab.jobs import matrix_data, needs_data, rules_data, taking_turns

        if unit.job.retry is not None:
            message = f'GitLab CI can\'t try "{unit.job.name}" again: it calls a pipeline'
            advice = "say `retry` in the jobs of the pipeline that is called"
            self.sink.report(core.UNSUPPORTED, message, unit.job.origin, field="retry", help=advice)
        values: dict[str, object] = {"HEADRACE_SOURCE": "call"}
        used: list[str] = []
        for parameter in action.parameters:
            text = flat(parameter.value)
            value = given(text) if text is not None else self._bridged(parameter.value, used)
            values[parameter_variable(parameter.name)] = value
        data: dict[str, Any] = {"needs": needs_data(unit), **rules_data(unit, self)}
        # Held until the child has ended: https://docs.gitlab.com/ci/resource_groups/
        data.update(taking_turns(unit))
        if unit.is_parallel:
            data["parallel"] = {"matrix": matrix_data(unit.legs)}
        for axis, value in unit.values:
            values[variable(Ref(kind="matrix", name=axis))] = given(value)
        data["inherit"] = {"variables": used or False}
        data["variables"] = values
        self.signs(values)
        data["trigger"] = child_trigger(child_path(action.pipeline))
        return data

    def _bridged(self, text: Any, used: list[str]) -> str:
        """Text with holes in a trigger job, which has no shell."""
        from targets.gitlab.values import escaped

        parts = []
        for piece in text:
            if isinstance(piece, str):
                parts.append(escaped(piece))
                continue
            native = BRIDGED.get((piece.kind, piece.name))
            if piece.kind == "parameters":
                used.append(variable(piece))
            parts.append(native or "${" + variable(piece) + "}")
        return "".join(parts)

    def top_variables(self) -> dict[str, object]:
        """Variables that the file defines for all its jobs, beside its parameters."""
        found: dict[str, object] = {name: given(value) for name, value in self.env.items()}
        if self.uses_cache:
            found["HEADRACE_CACHE_POLICY"] = "pull-push"
        self.signs(found)
        for name in sorted(self.used_signs):
            found[name] = {"value": SIGNS[name], "expand": False}
        return found


def _sources(edges: list[Edge]) -> Iterator[Edge]:
    """The edges over which outputs come, with joins replaced by what they join."""
    pending = list(reversed(edges))
    while pending:
        edge = pending.pop()
        if not edge.artifacts:
            continue
        if edge.unit.paths is not None:
            pending.extend(reversed(edge.unit.edges))
        else:
            yield edge


def child_path(pipeline: str, part: int | None = None) -> str:
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else f"_{ord(c):x}" for c in pipeline)
    return f"{FOLDER}/{safe}{'' if part is None else f'-{part}'}.yml"


def child_trigger(path: str) -> dict[str, Any]:
    return {"include": [{"local": path}], "strategy": "depend"}


def support_text(name: str) -> str:
    """The text of a support script as it travels."""
    from targets.runtime import compact, stripped

    if name != "relay":
        return compact(name)
    import os

    with open(os.path.join(os.path.dirname(__file__), "relay.py"), encoding="utf-8") as stream:
        return "\n".join(stripped(stream.read().splitlines())) + "\n"
