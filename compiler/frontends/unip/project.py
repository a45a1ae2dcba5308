"""A module as a project: a pipeline that builds, tests and deploys it, and one to run each ExperimentPipeline."""

from __future__ import annotations

from posixpath import basename, dirname, join

from compiler.frontends.unip import shell
from compiler.frontends.unip.checks import apis_of, function_file, sample_request
from compiler.frontends.unip.delivery import deliveries, validation
from compiler.frontends.unip.fields import Place
from compiler.frontends.unip.images import Image, reference_of
from compiler.frontends.unip.making import VALIDATE, Making, Names, after_validation, environment_of
from compiler.frontends.unip.module import Component, Module
from compiler.frontends.unip.resources import read_resources
from compiler.frontends.unip.runs import run_of
from compiler.ir import NOTHING, Environment, Job, Need, Pipeline, Probe, Project, Service

DEFAULT_PORT = 8002
MODULE_PIPELINE = "module"


def project_of(module: Module, manifest: str) -> Project:
    making = Making(module)
    services, fetched = _services(making)
    smoked = tuple(f"smoke-{service.name}" for service in services)
    jobs, members = deliveries(making, smoked)
    taken = Names()
    named = {one.name: taken.take(one.name.replace(".", "-")) for one in module.pipelines.values()}
    main = Pipeline(name=_free(MODULE_PIPELINE, taken), members=(VALIDATE, *smoked, *members))
    pipelines = [run_of(one, making, named[one.name]) for one in module.pipelines.values()]
    environments = tuple(image.environment().replace(origin=_origin(image, making)) for image in making.images.values())
    return Project(
        name=module.namespace or "module",
        manifest=manifest,
        folder=module.folder,
        jobs=(validation(making), *fetched, *jobs),
        services=tuple(services) or NOTHING,
        pipelines=(main, *pipelines),
        templates=tuple(making.templates.values()) or NOTHING,
        environments=environments or NOTHING,
        secrets=tuple(making.secrets.values()) or NOTHING,
    )


def _free(name: str, taken: Names) -> str:
    while not taken.is_free(name):
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
    names = Names()
    for component in making.module.services.values():
        apis = apis_of("mlComponent", component.name, making.module)
        found = function_file(component, making.module)
        name = names.take(component.name.replace(".", "-"))
        if found is None or (apis and all(api.spec.get("published") is False for api in apis)):
            continue  # what is not published is deployed, and not asked
        services.append(_service(component, name, found, apis, fetched, making))
    return services, fetched


def _service(
    component: Component,
    name: str,
    found: tuple[str, str],
    apis: list[Component],
    fetched: list[Job],
    making: Making,
) -> Service:
    spec = component.spec
    image = making.image(spec)
    reference = reference_of(spec) or ""
    model, needs = _model(component, name, fetched, making)
    env, uses = environment_of(spec, making)
    return Service(
        name=name,
        environment=image.name if image is not None else Environment(image=(reference,)),
        function=_function(found, [image.context] if image is not None else [], component, making),
        model=model,
        port=spec.get("servicePort", DEFAULT_PORT),
        replicas=spec.get("replicas"),
        resources=read_resources(spec.get("resources"), making.module),
        env=env or NOTHING,
        secrets=uses or NOTHING,
        smoke=_probe(component, apis, making),
        needs=after_validation(*needs),
        origin=Place(component.metadata.at("name")),
    )


def _function(found: tuple[str, str], context: list[str], component: Component, making: Making) -> str:
    """The function as the core finds it: by its module, from a folder that it looks in."""
    file, name = found
    bases = [*context, making.module.folder, dirname(component.file), ""]
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
    job = making.fetch(f"fetch-model-{name}", f"model-{name}", target, f"box:{box[0]}/{path.lstrip('/')}", True, at)
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
