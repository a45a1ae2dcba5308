"""One service on its way to jobs: how its smoke test runs, and what its deployment is.

The smoke test runs the image as it will run: as a sidecar that is asked from outside, or by a command of the user's
inside of it. The documents of the deployment are rendered now and committed; the deploying job only puts the reference
of the built image where its placeholder stands.
"""

from __future__ import annotations

from compiler import codes, kubernetes
from compiler.ir import (
    NOTHING,
    Environment,
    EnvVar,
    Job,
    Need,
    Probe,
    Project,
    Ref,
    Rendered,
    Rollout,
    Script,
    Secret,
    Service,
    Sidecar,
    Support,
    walk,
)
from compiler.passes.context import Context, named
from compiler.passes.environments import (
    NOT_A_CHANGE_REQUEST,
    build_name,
    report_skipped,
    with_need,
)
from compiler.passes.rollouts import deploy_job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text
    from compiler.passes.functions import Served

SMOKE_SECONDS = 1800
START_SECONDS = 300  # how long a service may take until it answers


class Lowering:
    """One service on its way to jobs."""

    def __init__(self, service: Service, project: Project, context: Context) -> None:
        self.service = service
        self.project = project
        self.context = context
        self.environment: Environment | None = None
        self.build: str | None = None  # the job that builds the image
        self.served: Served | None = None  # the function that the service is made of
        self.rendered: list[Rendered] = []

    def resolve(self, environments: dict[str, Environment], built_by: dict[str, str]) -> None:
        """Find the environment, who builds its image, and the function; what a service lacks is reported."""
        service, context = self.service, self.context
        given = service.environment
        if service.stored_model is not None:
            self.check_model()
        elif given is None:
            message = f'the service "{service.name}" has no `environment`: what is to run?'
            context.sink.report(codes.MISSING_KEY, message, service.origin)
        elif isinstance(given, str):
            self.environment = environments.get(given)
            if self.environment is None:
                what = "an environment of this manifest"
                context.unknown(codes.UNKNOWN_ENVIRONMENT, what, given, environments, service.origin, "environment")
        elif given is not None:
            self.environment = given if given.name else given.replace(name=service.name)
        if self.environment is not None and self.environment.build is not None:
            name = self.environment.name or service.name
            self.build = built_by.get(name, build_name(name))
        if service.framework is not None and service.stored_model is None:
            self.report_unread(["framework"], "no platform loads", "say `stored_model`, or leave it out")
        self.find_function()

    def find_function(self) -> None:
        """The function that the service is made of, where it names one."""
        service, environment = self.service, self.environment
        if service.function is not None:
            from compiler.passes.functions import find_function

            built = environment.build.context if environment is not None and environment.build is not None else None
            folder = "" if built == "." else built
            self.served = find_function(service, self.project.folder, folder, self.context)
        elif service.model is not None:
            message = f'"{service.name}" has a `model`, and no `function` that gets it'
            self.context.sink.report(codes.KEYS_EXCLUDE, message, service.origin, field="model")

    def check_model(self) -> None:
        """A model that the platform's own server loads: no image is run, and only two platforms have such servers."""
        service, sink = self.service, self.context.sink
        if service.environment is not None or service.smoke is not None:
            other = "environment" if service.environment is not None else "smoke"
            message = f'"{service.name}" is a model that the platform loads: `{other}` means nothing to it'
            sink.report(codes.KEYS_EXCLUDE, message, service.origin, field=other)
        if service.deploy is None or service.deploy.platform not in kubernetes.LOADING:
            message = f'"{service.name}" is a model, and only {" and ".join(kubernetes.LOADING)} load models themselves'
            advice = "name one of them under `deploy`, or give it an image that serves the model"
            sink.report(codes.WRONG_VALUE, message, service.origin, field="deploy", help=advice)
        if service.framework is None:
            message = f'the service "{service.name}" needs `framework`: what the model is of'
            sink.report(codes.MISSING_KEY, message, service.origin)

    def jobs(self) -> list[Job]:
        service, environment = self.service, self.environment
        if service.stored_model is not None:
            self.check_loaded()
            deploy = None if service.deploy is None else self.deploy(service.deploy, Environment(), None)
            return [] if deploy is None else [deploy]
        if environment is None or (service.function is not None and self.served is None):
            return []
        self.check_unread()
        smoke = self.smoke(environment)
        if self.served is not None:
            self.prepare(self.served, environment)
        found = [] if smoke is None else [smoke]
        if service.deploy is not None:
            deploy = self.deploy(service.deploy, environment, smoke)
            found.extend([] if deploy is None else [deploy])
        return found

    def check_unread(self) -> None:
        """Report what a service asks for that neither its documents nor its smoke test hold. (A port is a fact.)"""
        service = self.service
        if service.deploy is not None and document_platform(service.deploy) in kubernetes.PLATFORMS:
            return
        is_job = isinstance(service.smoke, Script) or self.served is not None  # else it runs as a sidecar of one
        unread = {"user": True, "replicas": True, "resources": not is_job, "health": is_job}
        unread["command"] = is_job and not self.is_sidecar()
        why = "is not deployed" if service.deploy is None else "is deployed by documents of its own"
        advice = "say `deploy`, or leave it out" if service.deploy is None else "say it in the documents"
        self.report_unread([key for key, is_unread in unread.items() if is_unread], why, advice)

    def check_loaded(self) -> None:
        """Report what a platform's own server, which loads a model, is not told."""
        deploy = self.service.deploy
        unread = ["port", "command", "user", "health"]
        if deploy is not None and deploy.platform == "seldon":
            unread += ["env", "secrets", "resources"]
        self.report_unread(unread, "the platform's own server loads", "leave it out")

    def report_unread(self, keys: list[str], why: str, advice: str) -> None:
        service = self.service
        for key in keys:
            if getattr(service, key) not in (None, NOTHING):
                message = f'`{key}` means nothing to "{service.name}", which {why}'
                self.context.sink.report(codes.UNUSED, message, service.origin, field=key, help=advice)

    def is_sidecar(self) -> bool:
        """Whether a smoke test of the service's own runs the service beside it."""
        smoke = self.service.smoke
        return isinstance(smoke, Script) and any(
            isinstance(node, Ref) and node.kind == "sidecars" for node in walk(smoke)
        )

    def prepare(self, served: Served, environment: Environment) -> None:
        """Render what the function's interface says, and give the service the command that serves it."""
        from compiler.passes import functions

        self.rendered.append(functions.document(served, self.project.folder))
        if self.service.deploy is not None and self.service.command is NOTHING and self.has_port():
            file = environment.build.file if environment.build is not None else None
            generated = any(rendered.path == file for rendered in self.project.rendered)
            self.service, script = functions.deployed(served, self.project.folder, environment, generated, self.context)
            self.rendered.append(script)

    # ------------------------------------------------------------------------------------------------------ smoke test

    def smoke(self, environment: Environment) -> Job | None:
        if isinstance(self.service.smoke, Script):
            return self.script_smoke(environment)
        if self.served is not None:
            from compiler.passes.functions import smoke_job

            return smoke_job(self.served, environment)
        return self.probe_smoke(environment)

    def script_smoke(self, environment: Environment) -> Job:
        """A command inside of the service's image. Where it names the service as a sidecar, the service runs beside it."""
        service = self.service
        assert isinstance(service.smoke, Script)
        sidecar = self.sidecar(environment) if self.is_sidecar() else None
        return Job(
            name=f"smoke-{service.name}",
            action=service.smoke,
            environment=environment,
            needs=service.needs,
            env=service.env,
            secrets=service.secrets,
            resources=service.resources,
            timeout=SMOKE_SECONDS,
            sidecars=() if sidecar is None else (sidecar,),
            origin=service.origin,
        )

    def probe_smoke(self, environment: Environment) -> Job | None:
        """A request from outside to the service, which runs as a sidecar."""
        service = self.service
        sidecar = self.sidecar(environment)
        if sidecar is None:
            return None
        job = Job(
            name=f"smoke-{service.name}",
            action=Support(script="probe", arguments=self.probe_arguments(), origin=service.origin),
            needs=service.needs,
            timeout=SMOKE_SECONDS,
            sidecars=(sidecar,),
            origin=service.origin,
        )
        if self.build is None:
            return job
        report_skipped(job, self.context)
        needs = with_need(job.needs, Need(job=self.build, artifacts=False, origin=service.origin))
        return job.replace(needs=needs, condition=NOT_A_CHANGE_REQUEST)

    def sidecar(self, environment: Environment) -> Sidecar | None:
        service, image = self.service, self.image(environment)
        if not self.has_port() or image is None:
            return None
        lacks = ["secrets"] if service.secrets else []
        if service.resources is not None and service.resources.accelerator is not None:
            lacks.append("GPU")
        if lacks:
            self.context.sink.report(
                codes.BARE_SIDECAR,
                f'"{service.name}" is smoke-tested as a sidecar, which has none of its {" and no ".join(lacks)}',
                service.origin,
                field="smoke",
                help="give `smoke` a shell command that starts the service itself: it runs with all of them",
            )
        return Sidecar(
            name=service.name,
            image=image,
            port=service.port,
            env=service.env,
            command=service.command,
            origin=service.origin,
        )

    def has_port(self) -> bool:
        service = self.service
        if service.port is None:
            message = f'the service "{service.name}" has no `port`: where does it answer?'
            self.context.sink.report(codes.MISSING_KEY, message, service.origin)
        return service.port is not None

    def image(self, environment: Environment) -> Text | None:
        """What the service runs in: the image that is built, or one that is complete as it is."""
        if environment.build is not None:
            return (Ref(kind="images", name=environment.name or self.service.name),)
        if environment.installer or environment.apt or environment.setup or environment.image is None:
            self.context.sink.report(
                codes.MISSING_KEY,
                f'the service "{self.service.name}" needs an image that holds all of it',
                self.service.origin,
                field="environment",
                help="give its environment a `build`, or an `image` without anything to be installed",
            )
            return None
        return environment.image

    def probe_arguments(self) -> tuple[Text, ...]:
        """Exact arguments for targets/runtime/probe.py: each option is one word, whatever its value holds."""
        service = self.service
        host = Ref(kind="sidecars", name=service.name, member="host", origin=service.origin)
        port = Ref(kind="sidecars", name=service.name, member="port", origin=service.origin)
        options: dict[str, str | int | None] = {"health": health_path(service), "within": START_SECONDS}
        probe = service.smoke
        if isinstance(probe, Probe):
            options |= {"path": probe.path, "method": probe.method, "body": probe.body}
            options |= {"status": probe.status, "contains": probe.contains}
        given = tuple((f"--{name}={value}",) for name, value in options.items() if value is not None)
        return (("http://", host, ":", port), *given)

    # ------------------------------------------------------------------------------------------------------ deployment

    def deploy(self, rollout: Rollout, environment: Environment, smoke: Job | None) -> Job | None:
        service = self.service
        rendered = self.render(rollout, environment)
        if rendered is None:
            return None
        needs: tuple[Need, ...] = service.needs  # of a model that the platform loads: there is no smoke test
        if smoke is not None:
            needs = (Need(job=smoke.name, artifacts=False, origin=service.origin),)
        if self.build is not None:
            needs = with_need(needs, Need(job=self.build, artifacts=False, origin=service.origin))
        job = Job(name=f"deploy-{service.name}", needs=needs, origin=service.origin)
        image = environment.name if self.build is not None else None
        job = deploy_job(job, rollout, rendered, image, self.context)
        action = job.action
        assert action is not None
        return job.replace(action=action.replace(service=service.name, **reached(service, rollout)))

    def render(self, rollout: Rollout, environment: Environment) -> tuple[str, ...] | None:
        """The paths of the documents that are rendered for a rollout; None where they can't be."""
        platform = document_platform(rollout)
        if platform not in kubernetes.PLATFORMS:
            if rollout.documents:
                return ()
            message = f'"{self.service.name}" has no `documents` to apply'
            self.context.sink.report(codes.MISSING_KEY, message, rollout.origin or self.service.origin)
            return None
        workload = self.workload(rollout, environment)
        if workload is None or not self.check_ingress(rollout, platform):
            return None
        folder = f"{self.project.folder}/" if self.project.folder else ""
        path = f"{folder}deploy/{self.service.name}/{platform}.yaml"
        documents = kubernetes.documents(workload, platform, rollout.ingress)
        self.rendered.append(Rendered(path=path, documents=documents, origin=self.service.origin))
        return (path,)

    def workload(self, rollout: Rollout, environment: Environment) -> kubernetes.Workload | None:
        service = self.service
        loads = service.stored_model is not None
        ready = [loads or self.has_port(), self.check_names(rollout)]
        image = "" if loads else self.document_image(environment)
        env = [(variable.name, self.known(variable.value, variable)) for variable in service.env]
        command = [self.known(word, service) for word in service.command]
        if not all(ready) or image is None or None in command or any(value is None for _, value in env):
            return None
        self.report_outside(environment)
        return kubernetes.Workload(
            name=service.name,
            image=image,
            port=service.port or kubernetes.DEFAULT_PORT,
            part_of=self.project.name,
            namespace=rollout.namespace,
            command=tuple(word for word in command if word is not None),
            user=service.user,
            replicas=service.replicas,
            env=tuple((name, value) for name, value in env if value is not None),
            secrets=tuple(self.secret_keys()),
            pull_secret=kubernetes.legal(environment.credentials) if environment.credentials else None,
            resources=service.resources,
            health=health_path(service),
            model=service.stored_model,
            framework=service.framework,
        )

    def check_names(self, rollout: Rollout) -> bool:
        """Whether Kubernetes takes the names that become documents' names."""
        names = {"service": self.service.name, "namespace": rollout.namespace}
        bad = {what: name for what, name in names.items() if name is not None and not kubernetes.is_label(name)}
        for what, name in bad.items():
            self.context.sink.report(
                codes.BAD_NAME,
                f'"{name}" is no name of a {what} in Kubernetes',
                self.service.origin if what == "service" else rollout.origin or self.service.origin,
                help="lower case letters, digits and hyphens, a letter first, at most 63 characters",
            )
        return not bad

    def document_image(self, environment: Environment) -> str | None:
        """The image as the documents name it."""
        image = self.image(environment)
        if image is None:
            return None
        if environment.build is not None:
            return kubernetes.placeholder(environment.name or self.service.name)
        return self.known(image, environment)

    def known(self, text: Text, node: Environment | EnvVar | Service) -> str | None:
        """Text whose holes are known while compiling; others can't stand in documents that are rendered now."""
        pieces = [
            self.project.name if isinstance(piece, Ref) and (piece.kind, piece.name) == ("project", "name") else piece
            for piece in text
        ]
        if all(isinstance(piece, str) for piece in pieces):
            return "".join(str(piece) for piece in pieces)
        self.context.sink.report(
            codes.BAD_HOLE,
            f'"{named(text)}" is not known while compiling, but the documents of "{self.service.name}" are written then',
            node.origin or self.service.origin,
            help="write the value itself, or let the service read it from a secret or a file",
        )
        return None

    def secret_keys(self) -> list[kubernetes.SecretKey]:
        """Where the cluster holds the service's secrets: as they say it, else in a secret of each one's name."""
        found = []
        by_name = {secret.name: secret for secret in self.project.secrets}
        for use in self.service.secrets:
            at = use.origin or self.service.origin
            secret = by_name.get(use.secret)
            if secret is None:
                continue  # references reports it
            if use.file is not None and not use.file.startswith("/"):
                message = f'"{use.file}" is not an absolute path: a deployed service has no checkout'
                self.context.sink.report(codes.BAD_PATH, message, at)
            name, key = place(secret)
            variable = use.env or (use.secret if use.file is None else None)
            found.append(kubernetes.SecretKey(secret=name, key=key, env=variable, file=use.file))
        return found

    def report_outside(self, environment: Environment) -> None:
        """What the cluster must have that the documents only refer to, or can't say."""
        service, sink = self.service, self.context.sink
        by_name = {secret.name: secret for secret in self.project.secrets}
        places = [place(by_name[use.secret]) for use in service.secrets if use.secret in by_name]
        wanted = [f'"{name}" with the key "{key}"' for name, key in dict.fromkeys(places)]
        if environment.credentials:
            wanted.append(f'"{kubernetes.legal(environment.credentials)}" with the login of the registry')
        if wanted:
            message = f'the cluster must hold the secret {", ".join(wanted)} for "{service.name}"'
            sink.report(codes.ACTION_NEEDED, message, service.origin)
        resources = service.resources
        unsaid = [] if resources is None else [key for key in ("spot", "runner") if getattr(resources, key)]
        if resources is not None and resources.accelerator is not None:
            unsaid.extend(f"gpu.{key}" for key in ("kind", "memory") if getattr(resources.accelerator, key))
        if unsaid:
            message = f'the documents of "{service.name}" can\'t say {", ".join(unsaid)}: clusters label such nodes their own way'
            sink.report(codes.ACTION_NEEDED, message, service.origin, field="resources")

    def check_ingress(self, rollout: Rollout, platform: str) -> bool:
        ingress = rollout.ingress
        if ingress is None:
            return True
        at = ingress.origin or rollout.origin or self.service.origin
        sink = self.context.sink
        before = len(sink.diagnostics)
        if platform in ("kserve", "seldon"):
            message = f"`ingress` means nothing to {platform}, which exposes its services itself"
            sink.report(codes.KEYS_EXCLUDE, message, rollout.origin or self.service.origin, field="ingress")
        elif ingress.host is not None and not kubernetes.is_host(ingress.host):
            message = f'"{ingress.host}" is no host that an ingress takes'
            sink.report(codes.BAD_NAME, message, at, field="host", help="lower case, such as churn.example.org")
        if ingress.tls is False and ingress.secret is not None:
            message = f'`tls: false` beside the secret "{ingress.secret}", which holds a certificate'
            sink.report(codes.KEYS_EXCLUDE, message, at, field="tls", help="leave one of the two out")
        if ingress.path is not None and not ingress.path.startswith("/"):
            sink.report(codes.WRONG_VALUE, f'"{ingress.path}" is no URL path: it starts with "/"', at, field="path")
        if platform == "knative":
            for key, value in (("path", ingress.path), ("class", ingress.class_name)):
                if value is not None:
                    message = f"`{key}` of an ingress is for `platform: kubernetes`: Knative maps whole hosts"
                    sink.report(codes.KEYS_EXCLUDE, message, at, field=key)
            if ingress.host is None or (ingress.tls and ingress.secret is None):
                missing = "host" if ingress.host is None else "secret"
                sink.report(codes.MISSING_KEY, f"an ingress on Knative needs `{missing}`", at)
        return len(sink.diagnostics) == before


def document_platform(rollout: Rollout) -> str:
    """The platform that a rollout's documents are for: a commit of rendered ones is of Kubernetes' own."""
    return "kubernetes" if rollout.platform == "gitops" and not rollout.documents else rollout.platform


def place(secret: Secret) -> tuple[str, str]:
    """The name and key under which a cluster holds a secret."""
    if secret.store == "kubernetes":
        return secret.path or kubernetes.legal(secret.name), secret.key or secret.name
    if secret.store in (None, "ci") and secret.path is not None:
        name, _, key = secret.path.partition("/")
        return name, key or secret.name
    return kubernetes.legal(secret.name), secret.name


def health_path(service: Service) -> str | None:
    """The path of the health check inside of the service, whether it is given as a path or as a URL."""
    health = service.health
    if health is None or health.startswith("/"):
        return health
    return "/" + health.partition("://")[2].partition("/")[2]


def reached(service: Service, rollout: Rollout) -> dict[str, str]:
    """Where a deployed service answers, and its health URL, as far as the manifest says it.

    Behind a path of an ingress the health path is known only where it lies below that path.
    """
    ingress = rollout.ingress
    health = service.health if service.health is not None and not service.health.startswith("/") else None
    found = {} if health is None else {"health": health}
    if ingress is None or ingress.host is None or ingress.host.startswith("*"):
        return found
    root = f"{'https' if ingress.tls or ingress.secret else 'http'}://{ingress.host}"
    prefix = (ingress.path or "/").rstrip("/")
    found["url"] = root + (prefix or "/")
    if health is None and service.health is not None and service.health.startswith(prefix + "/"):
        found["health"] = root + service.health
    return found
