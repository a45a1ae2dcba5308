"""A module as a project: a pipeline that builds, tests and deploys it, and one to run each ExperimentPipeline."""

from __future__ import annotations

from posixpath import basename, join, relpath

from compiler.frontends.unip import shell
from compiler.frontends.unip.checks import (
    api_names,
    apis_of,
    followers,
    function_file,
    is_file,
    names_of,
    sample_request,
    variable,
    variables_of,
    writers_of,
)
from compiler.frontends.unip.delivery import deliveries
from compiler.frontends.unip.fields import Part, Place
from compiler.frontends.unip.images import Image, built, entry_of, reference_of, repository_of
from compiler.frontends.unip.module import Component, Module
from compiler.frontends.unip.resources import read_resources
from compiler.ir import (
    Artifact,
    Environment,
    EnvVar,
    Input,
    Job,
    Need,
    OnCall,
    OnManual,
    Parameter,
    Pipeline,
    Probe,
    Project,
    Ref,
    Script,
    Secret,
    SecretUse,
    Service,
)
from compiler.yamltree import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text
    from compiler.yamltree import Slot

STORE_SECRETS = ("UNIP_S3_URL", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
DEFAULT_PORT = 8002
MODULE_PIPELINE = "module"
STAGE_SECONDS = 6 * 3600  # as long as a machine of GitHub's own runs a job: the platform names no limit


class Making:
    """A module on its way to a project."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.images = built(module)
        self.secrets: dict[str, Secret] = {}

    def path(self, path: str) -> str:
        """A path of the module's folder, from the root."""
        return join(self.module.folder, path)

    def image(self, owner: Part) -> Image | None:
        reference = reference_of(owner)
        return None if reference is None else self.images.get(repository_of(reference))

    def store_secrets(self) -> tuple[SecretUse, ...]:
        """How a box in S3 is reached: without values the folder `boxes` stands for it."""
        for name in STORE_SECRETS:
            self.secrets.setdefault(name, Secret(name=name))
        return tuple(SecretUse(secret=name, env=name, optional=True) for name in STORE_SECRETS)

    def place(self) -> tuple[EnvVar, ...]:
        """Where this application's data lies in a box."""
        namespace = self.module.namespace or ""
        user = namespace.removeprefix("pu-").partition("-pa-")[0]
        return _env(("UNIP_APP", namespace), ("UNIP_USER", user))

    def fetch(self, name: str, target: str, default: str, needed: bool, at: Slot, source: Text = ()) -> Job:
        """A job that brings data from a box, a bucket or this repository into a folder."""
        env = _env(("UNIP_NAME", name.removeprefix("fetch-")), ("UNIP_TARGET", target), ("UNIP_DEFAULT", default))
        more = (EnvVar(name="UNIP_SOURCE", value=source), *_env(("UNIP_REQUIRED", "yes" if needed else "no")))
        return Job(
            name=name,
            action=Script(lines=(shell.FETCH,)),
            env=(*env, *more, *self.place()),
            secrets=self.store_secrets(),
            outputs=(Artifact(path=(self.path(target),), kind="directory"),),
            origin=Place(at),
        )


def _env(*values: tuple[str, str]) -> tuple[EnvVar, ...]:
    return tuple(EnvVar(name=name, value=(value,) if value else ()) for name, value in values)


def project_of(module: Module, manifest: str) -> Project:
    making = Making(module)
    services, fetched = _services(making)
    jobs, members = deliveries(making, [f"smoke-{service.name}" for service in services])
    smoked = tuple(f"smoke-{service.name}" for service in services)
    pipelines = [_run(pipeline, making) for pipeline in module.pipelines.values()]
    name = _free(MODULE_PIPELINE, {pipeline.name for pipeline in pipelines})
    main = Pipeline(name=name, members=(*smoked, *members))
    environments = tuple(image.environment().replace(origin=_origin(image, making)) for image in making.images.values())
    return Project(
        name=module.namespace or "module",
        manifest=manifest,
        folder=module.folder,
        jobs=(*fetched, *jobs),
        services=tuple(services),
        pipelines=(main, *pipelines),
        environments=environments,
        secrets=tuple(making.secrets.values()),
    )


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "-ci"
    return name


def _origin(image: Image, making: Making) -> Place | None:
    owners = [service.spec for service in making.module.services.values()]
    owners += [stage for one in making.module.pipelines.values() for stage in one.spec.get("stages", ())]
    for owner in owners:
        if making.image(owner) is image:
            return Place(owner.get("image").at("existingImageName"))
    return None


# -------------------------------------------------------------------------------------------------------------- services


def _services(making: Making) -> tuple[list[Service], list[Job]]:
    """The components that are smoke-tested, and the jobs that fetch their models."""
    services: list[Service] = []
    fetched: list[Job] = []
    for component in making.module.services.values():
        apis = apis_of("mlComponent", component.name, making.module)
        found = function_file(component, making.module)
        if found is None or (apis and all(api.spec.get("published") is False for api in apis)):
            continue  # what is not published is deployed, and not asked
        services.append(_service(component, found, apis, fetched, making))
    return services, fetched


def _service(
    component: Component, found: tuple[str, str], apis: list[Component], fetched: list[Job], making: Making
) -> Service:
    spec = component.spec
    name = component.name.replace(".", "-")
    image = making.image(spec)
    reference = reference_of(spec) or ""
    model, needs = _model(component, name, fetched, making)
    env, uses = environment_of(spec, making)
    return Service(
        name=name,
        environment=image.name if image is not None else Environment(image=(reference,)),
        function=_function(found, image, making),
        model=model,
        port=spec.get("servicePort", DEFAULT_PORT),
        replicas=spec.get("replicas"),
        resources=read_resources(spec.get("resources"), making.module),
        env=env,
        secrets=uses,
        smoke=_probe(component, apis, making),
        needs=needs,
        origin=Place(component.metadata.at("name")),
    )


def _function(found: tuple[str, str], image: Image | None, making: Making) -> str:
    """The function as the core finds it: by its module, from a folder that it looks in."""
    file, name = found
    bases = [*((image.context,) if image is not None else ()), making.module.folder, ""]
    for base in dict.fromkeys(join(base, inner) for base in bases for inner in ("", "src")):
        folder = base.rstrip("/")
        inside = file.removeprefix(folder + "/") if folder and folder != "." else file
        if inside != file or not folder or folder == ".":
            module = inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            if all(part.isidentifier() for part in module.split(".")):
                return f"{module}:{name}"
    return f"{file}:{name}"


def _model(component: Component, name: str, fetched: list[Job], making: Making) -> tuple[str | None, tuple[Need, ...]]:
    """The model that the function gets, and the job that brings it from its box."""
    box, path = component.spec.get("modelBox"), component.spec.get("modelPath")
    if box is None or path is None:
        return None, ()
    target = f"{shell.WORK}/models/{name}"
    at = component.spec.at("modelPath")
    job = making.fetch(f"fetch-model-{name}", target, f"box:{box[0]}/{path.lstrip('/')}", True, at)
    fetched.append(job)
    is_group = path.endswith("/") or "/" not in path.strip("/")
    held = target if is_group else f"{target}/{basename(path)}"
    return making.path(held), (Need(job=job.name),)


def _probe(component: Component, apis: list[Component], making: Making) -> Probe | None:
    """Where the component is asked: `/PATH/predict` of its first published API, with the request that a person wrote."""
    published = next((api for api in apis if api.spec.get("published") is not False), None)
    restful = published.spec.get("restfulApi") if published is not None else None
    path = restful.get("path") if restful is not None else None
    request = sample_request(component, making.module)
    if path is None and request is None:
        return None
    prefix = f"/{path.strip('/')}" if path is not None else ""
    return Probe(path=f"{prefix}/predict", method="POST", body=request[1] if request is not None else None)


def environment_of(owner: Part, making: Making) -> tuple[tuple[EnvVar, ...], tuple[SecretUse, ...]]:
    """Variables that a person sets, and those whose values a secret of the cluster holds: a secret of the CI stands for it,
    since a CI's jobs don't run in that cluster."""
    env: list[EnvVar] = []
    uses: list[SecretUse] = []
    for entry in owner.get("env", ()):
        name, value, source = entry.get("name"), entry.get("value"), entry.get("valueFrom")
        if name is None:
            continue
        held = _secret_key(source)
        if held is not None:
            secret = _secret_name(*held)
            making.secrets.setdefault(secret, Secret(name=secret))
            uses.append(SecretUse(secret=secret, env=name, origin=Place(entry.slot)))
        elif value is not None:
            env.append(EnvVar(name=name, value=(value,) if value else (), origin=Place(entry.slot)))
    return tuple(env), tuple(uses)


def _secret_key(source: object) -> tuple[str, str] | None:
    """https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets-as-environment-variables"""
    chosen = source.entries.get("secretKeyRef") if isinstance(source, Mapping) else None
    if not isinstance(chosen, Mapping):
        return None
    name, key = chosen.entries.get("name"), chosen.entries.get("key")
    return (str(name), str(key)) if isinstance(name, str) and isinstance(key, str) else None


def _secret_name(name: str, key: str) -> str:
    text = "".join(c if c.isascii() and c.isalnum() else "_" for c in f"{name}_{key}").upper()
    return text if text[:1].isalpha() else f"S_{text}"


# ------------------------------------------------------------------------------------------------------------- pipelines


class _Run:
    """One ExperimentPipeline with those that go on after it, on their way to a pipeline."""

    def __init__(self, first: Component, making: Making) -> None:
        self.first = first
        self.making = making
        self.chain = [first, *followers(first, making.module)]
        self.inputs = api_names(first, "inputs", making.module)
        self.outputs = api_names(first, "outputs", making.module)
        self.variables: dict[str, Part] = {}
        self.writers: dict[str, str] = {}  # variable -> job
        for member in self.chain:
            for name, part in variables_of(member).items():
                self.variables.setdefault(name, part)
            for name, found in writers_of(member).items():
                self.writers.setdefault(name, self.job_name(member, found[0][0]))
        self.parameters: dict[str, Parameter] = {}
        self.fetches: dict[str, Job] = {}

    def job_name(self, member: Component, stage: str) -> str:
        """A stage's job. Those of pipelines that go on after the first have its name before theirs."""
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in stage).strip("-_") or "stage"
        return plain if member is self.first else f"{member.name.replace('.', '-')}-{plain}"

    def folder(self, name: str) -> str:
        return f"{shell.WORK}/{name}"

    def mounted(self) -> set[str]:
        """The boxes that variables are mounted from."""
        mounts = (part.get("mountFrom") for part in self.variables.values())
        return {mount.get("box")[0] for mount in mounts if mount is not None and mount.get("box") is not None}

    def bind(self, name: str) -> None:
        """Make what fills a variable that no stage writes: a parameter, and the job that fetches."""
        if name in self.writers or name in self.fetches:
            return
        given = self.inputs.get(name)
        part = self.variables[name]
        mount = part.get("mountFrom")
        default = ""
        if mount is not None and mount.get("box") is not None:
            default = f"box:{mount.get('box')[0]}/{(mount.get('path') or '').lstrip('/')}"
        needed = given is None or given.get("required", True)
        source: Text = ()
        if given is not None:
            required = bool(needed) and not default
            self.parameters[name] = Parameter(
                name=name,
                required=True if required else None,
                default=None if required else "",
                help=given.get("description") or None,
                origin=Place(given.at("name")),
            )
            source = (Ref(kind="parameters", name=name),)
        at = part.at("name")
        needed = bool(needed) and not (given is None and not default)
        self.fetches[name] = self.making.fetch(f"fetch-{name}", self.folder(name), default, needed, at, source)


def _run(first: Component, making: Making) -> Pipeline:
    run = _Run(first, making)
    jobs: list[Job] = []
    before: list[Job] = []
    for member in run.chain:
        stages = [_stage(stage, member, run) for stage in member.spec.get("stages", ())]
        own = {job.name for job in stages}
        jobs += [_after(job, own, before, run) for job in stages]
        feeds = {run.writers[name] for stage in member.spec.get("stages", ())
                 for name in names_of(stage.get("inputs", ())) if name in run.writers}  # fmt: skip
        before = [job for job in stages if job.name not in feeds]
    published = [_publish(name, part, run) for name, part in run.outputs.items() if name in run.writers]
    name = first.name.replace(".", "-")
    return Pipeline(
        name=name,
        jobs=(*run.fetches.values(), *jobs, *(job for job in published if job is not None)),
        triggers=(OnManual(), OnCall()),
        parameters=tuple(run.parameters.values()),
        origin=Place(first.metadata.at("name"), f"pipelines.{name}"),
    )


def _after(job: Job, own: set[str], before: list[Job], run: _Run) -> Job:
    """A stage that reads nothing of its own pipeline waits for the end of the one before."""
    makers = {run.writers.get(one.path[0].removeprefix(run.making.path(shell.WORK) + "/"))  # type: ignore[union-attr]
              for one in job.inputs}  # fmt: skip
    if makers & own:
        return job
    needs = tuple(Need(job=one.name, artifacts=False) for one in before if one.name not in makers)
    return job.replace(needs=needs) if needs else job


def _stage(stage: Part, member: Component, run: _Run) -> Job:
    making = run.making
    reads = [name for name in names_of(stage.get("inputs", ())) if name in run.variables]
    writes = [name for name in names_of(stage.get("outputs", ())) if name in run.variables]
    for name in reads:
        run.bind(name)
    env = []
    files: list[tuple[str, str, str]] = []
    for name in dict.fromkeys((*reads, *writes)):
        path = run.folder(name)
        part = run.variables[name]
        mounted = basename(part.get("mountFrom").get("path")) if is_file(part) else ""
        if name in run.parameters:
            source = "UNIP_SOURCE_" + variable(name).removeprefix("UNIP_PIPELINE_")
            files.append((variable(name), source, mounted))
            env.append(EnvVar(name=source, value=(Ref(kind="parameters", name=name),)))
        elif name in run.fetches and mounted:
            path = f"{path}/{mounted}"
        env.append(EnvVar(name=variable(name), value=(path,)))
    more, uses = environment_of(stage, making)
    folder, command = _command(stage, making)
    lines = shell.stage([variable(name) for name in reads], [variable(name) for name in writes], files, folder, command)
    return Job(
        name=run.job_name(member, stage.get("name", "")),
        action=Script(lines=(lines,)),
        environment=Environment(image=(reference_of(stage) or "",)),
        env=(*env, *more),
        secrets=uses,
        resources=read_resources(stage.get("resources"), making.module),
        timeout=STAGE_SECONDS,
        inputs=tuple(Input(path=(making.path(run.folder(name)),)) for name in reads),
        outputs=tuple(Artifact(path=(making.path(run.folder(name)),), kind="directory") for name in writes),
        origin=Place(stage.at("name")),
    )


def _command(stage: Part, making: Making) -> tuple[str, str]:
    """The folder, from the module's, in which a stage runs, and its line: entryPoint, else what its image runs."""
    from compiler.frontends.unip import codes

    image = making.image(stage)
    folder = "" if image is None else relpath(image.context or ".", making.module.folder or ".")
    folder = "" if folder == "." else folder
    words = stage.get("entryPoint")
    if words is None and image is not None:
        words = entry_of(image, making.module)
    if words is None:
        if not stage.has("entryPoint"):
            message = f'nobody can tell what the stage "{stage.get("name")}" runs: its image is not built here'
            advice = "write `entryPoint: {cmd: COMMAND}`: a job needs the command that the image would run by itself"
            making.module.sink.report(codes.NO_ENTRY_POINT, message, stage.at("name"), help=advice)
        return folder, ":"
    if isinstance(words, str):
        return folder, words
    if words[:2] == ["/bin/sh", "-c"] and len(words) == 3:
        return folder, words[2]
    return folder, " ".join(shell.quoted(word) for word in words)


def _publish(name: str, part: Part, run: _Run) -> Job | None:
    """A job that puts an output into a box: where it is mounted, else the one connected box that nothing is read from."""
    making = run.making
    mount = run.variables[name].get("mountFrom")
    box = mount.get("box") if mount is not None else None
    path = (mount.get("path") or "").strip("/") if mount is not None else ""
    if box is None:
        connected = [one for one in run.first.spec.get("connectedBoxes", ()) if one[0] not in run.mounted()]
        box = connected[0] if len(connected) == 1 else None
    if box is None:
        return None
    group: Text = (path,) if path else (f"{run.first.name}-{name}-", Ref(kind="run", name="id"))
    env = _env(("UNIP_SOURCE", run.folder(name)), ("UNIP_BOX", box[0]))
    return Job(
        name=f"publish-{name}",
        action=Script(lines=(shell.PUBLISH,)),
        env=(*env, EnvVar(name="UNIP_GROUP", value=group), *making.place()),
        secrets=making.store_secrets(),
        inputs=(Input(path=(making.path(run.folder(name)),)),),
        origin=Place(part.at("name")),
    )
