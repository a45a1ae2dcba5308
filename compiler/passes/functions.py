"""`function` of a service: the docstring of a Python function is its interface, and headrace's own server answers for it.

The interface is read by the syntax tree. From it come the OpenAPI document, which is rendered and committed, the requests
of the smoke test, and the command that serves it where the manifest names none: that of the server's script, which is
rendered too, since an image holds what its build copies.
"""

from __future__ import annotations

from posixpath import join, relpath

from compiler import codes
from compiler.diagnostics import Label
from compiler.inference import (
    PREDICT_PATH,
    Interface,
    as_argument,
    openapi,
    read_function,
    request_problems,
    sample,
)
from compiler.ir import Input, Job, Probe, Rendered, Service, Support
from compiler.passes.context import Context
from compiler.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Environment, Text

SMOKE_SECONDS = 1800
DEFAULT_HEALTH = "/health"  # where headrace's own server says that it is ready


class Served:
    """A service's function: where it is, and its interface."""

    __slots__ = ("file", "folder", "interface", "service")

    def __init__(self, service: Service, file: str, folder: str, interface: Interface) -> None:
        self.service = service
        self.file = file  # from the root
        self.folder = folder  # in which modules are looked for, from the root; "" is the root
        self.interface = interface

    @property
    def path(self) -> str:
        """Where it is asked: the path of the smoke test's own request, where there is one."""
        probe = self.service.smoke
        return probe.path if isinstance(probe, Probe) else PREDICT_PATH

    def arguments(self, context: str = "") -> tuple[Text, ...]:
        """Exact words for targets/runtime/serve.py, with paths as a folder sees them."""
        service = self.service
        where, _, name = (service.function or "").rpartition(":")
        module = relpath(where, context or ".") if where.endswith(".py") else where
        found: list[str] = [f"{module}:{name}", f"--folder={relpath(self.folder or '.', context or '.')}"]
        if service.model is not None and "model" in self.interface.takes:
            found.append(f"--model={relpath(service.model, context or '.')}")
        return tuple((word,) for word in (*found, f"--path={self.path}", f"--interface={as_argument(self.interface)}"))


def find_function(service: Service, folder: str, built: str | None, context: Context) -> Served | None:
    """The function of a service, read and checked; what is wrong with it is reported.

    `built` is the folder that the service's image is built from, where modules are looked for, too.
    """
    where, _, name = (service.function or "").rpartition(":")
    at = service.origin
    bases = dict.fromkeys((folder, folder if built is None else built, ""))
    found = (where, folder) if where.endswith(".py") else _module(where, tuple(bases), context)
    if found is None:
        message = f'no file of the repository is the module "{where}", whose function is to be served'
        context.sink.report(codes.MISSING_FILE, message, at, field="function")
        return None
    file, base = found
    if not context.files.is_file(file):
        context.sink.report(codes.MISSING_FILE, f'"{file}" {context.files.absence(file)}', at, field="function")
        return None
    source = context.files.source(file, context.sink)
    if source is None:
        return None
    interface, problems = read_function(source.text, file, name)
    for problem in problems:
        start = source.offset(problem.line, problem.column)
        labels = (Label(Span(source, start, start + 1), "it is here"),)
        context.sink.report(
            codes.FUNCTION_SERVICE, problem.message, at, field="function", labels=labels, help=problem.help
        )
    if interface is None or problems:
        return None
    served = Served(service, file, base, interface)
    _check_probe(served, context)
    return served


def _module(module: str, folders: tuple[str, ...], context: Context) -> tuple[str, str] | None:
    """The file of a module below a folder or its `src`, and that folder."""
    tail = module.replace(".", "/")
    for base in (join(folder, inner) for folder in folders for inner in ("", "src")):
        base = base.rstrip("/")
        for name in (f"{tail}.py", f"{tail}/__init__.py"):
            if context.files.is_file(join(base, name)):
                return join(base, name), base
    return None


def _check_probe(served: Served, context: Context) -> None:
    """A request that a person wrote has to fit the interface; how the answer is judged is the interface's to say."""
    probe = served.service.smoke
    if not isinstance(probe, Probe):
        return
    at = probe.origin or served.service.origin
    for key in ("status", "contains"):
        if getattr(probe, key) is not None:
            message = f"`{key}` means nothing beside `function`: the answer is checked by the function's docstring"
            context.sink.report(codes.KEYS_EXCLUDE, message, at, field=key)
    if probe.method not in (None, "POST"):
        message = f'a predict call is a POST, not "{probe.method}"'
        context.sink.report(codes.WRONG_VALUE, message, at, field="method")
    for problem in request_problems(served.interface, probe.body) if probe.body is not None else ():
        context.sink.report(codes.FUNCTION_SERVICE, problem, at, field="body")


def requests(served: Served) -> list[str]:
    """The requests of the smoke test: the one that a person wrote, else a sample, and one without what is optional."""
    import json

    probe = served.service.smoke
    if isinstance(probe, Probe) and probe.body is not None:
        return [probe.body]
    whole = sample(served.interface)
    least = sample(served.interface, optional=False)
    return [json.dumps(one, ensure_ascii=False) for one in ([whole] if whole == least else [whole, least])]


def smoke_job(served: Served, environment: Environment) -> Job:
    """The service is started in its own environment, and asked over HTTP."""
    service = served.service
    asked: tuple[Text, ...] = tuple((f"--request={request}",) for request in requests(served))
    model = service.model if "model" in served.interface.takes else None
    return Job(
        name=f"smoke-{service.name}",
        action=Support(script="serve", arguments=(*served.arguments(), *asked), origin=service.origin),
        environment=environment,
        needs=service.needs,
        env=service.env,
        secrets=service.secrets,
        resources=service.resources,
        inputs=() if model is None else (Input(path=(model,), origin=service.origin),),
        timeout=SMOKE_SECONDS,
        origin=service.origin,
    )


def document(served: Served, project_folder: str) -> Rendered:
    """The OpenAPI document of the service."""
    data = openapi(served.interface, served.service.name, served.path)
    path = join(project_folder, "services", served.service.name, "openapi.yaml")
    return Rendered(path=path, documents=(data,), origin=served.service.origin)


def deployed(
    served: Served, project_folder: str, environment: Environment, generated: bool, context: Context
) -> tuple[Service, Rendered]:
    """The service with the command that serves it, and the script that its image has to hold.

    `generated` tells that the image's Dockerfile is written here, too.
    """
    service = served.service
    script = join(project_folder, "services", service.name, "serve.py")
    built = environment.build
    folder = (built.context or project_folder) if built is not None else ""
    words: tuple[Text, ...] = (("python3",), (relpath(script, folder or "."),), *served.arguments(folder))
    words = (*words, (f"--port={service.port}",))
    held = [] if generated else [script, served.file]  # a generated Dockerfile copies what is in the repository
    if service.model is not None and not (generated and context.files.exists(service.model)):
        held.append(service.model)
    if held:
        told = " and ".join(f'"{relpath(path, folder or ".")}"' for path in held)
        message = f'the image of "{service.name}" has to hold {told} in its working directory'
        context.sink.report(codes.ACTION_NEEDED, message, service.origin, field="function")
    rendered = Rendered(path=script, script="serve", origin=service.origin)
    return service.replace(command=words, health=service.health or DEFAULT_HEALTH), rendered
