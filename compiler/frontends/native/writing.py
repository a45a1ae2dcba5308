"""A Project as a headrace.yaml: nothing said stays unsaid, and what is written reads back as an equal project.

It takes what front ends make, before any pass. What only passes make (Support, rendered files) has no spelling.
"""

from __future__ import annotations

from compiler import condition, duration, ir, objective, quantity
from compiler.paths import relative
from compiler.text import spelled
from compiler.yamlwriter import PlainKey
from compiler.yamlwriter import write as write_yaml

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    Data: TypeAlias = "dict[str, Any]"

_LARGEST = 2**53 - 1  # what every YAML reader takes exactly


def write(project: ir.Project) -> str:
    """The manifest's text. Raises ValueError for what a manifest can't say."""
    return write_yaml(_Writer(project.folder).project(project))


def _put(data: Data, key: str, value: object, spell: Callable[[Any], object] | None = None) -> None:
    """Write a key, unless nothing was said: a tuple that was written empty stays an empty list."""
    if value is not None and value is not ir.NOTHING:
        data[key] = spell(value) if spell is not None else value


def _scalar(text: str) -> object:
    """Text plain where a reader takes a plain scalar for that same text: numbers and Booleans."""
    if text in ("true", "false"):
        return text == "true"
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdigit() and len(digits) < 16 and text == str(int(text)):
        return int(text)
    if len(text) < 16 and text.count(".") == 1 and digits.replace(".", "").isascii() and digits[:1].isdigit():
        return _decimal(text)
    return text


def _decimal(text: str) -> object:
    try:
        return float(text) if repr(float(text)) == text else text
    except ValueError:
        return text


def _text(text: ir.Text) -> object:
    return _scalar(spelled(text))


def _texts(texts: Iterable[ir.Text]) -> list[object]:
    return [_text(text) for text in texts]


def _argv(words: Iterable[ir.Text]) -> list[object]:
    """Words as text even where a plain Boolean would do: `["true"]` is a program."""
    return [spelled(word) if isinstance(_text(word), bool) else _text(word) for word in words]


def _scalars(values: Iterable[str]) -> list[object]:
    return [_scalar(value) for value in values]


def _quantity(nano: int) -> object:
    return _scalar(quantity.text(nano))


def _pairs(pairs: Iterable[tuple[str, str]]) -> Data:
    return {key: _scalar(value) for key, value in pairs}


def _env(variables: Iterable[ir.EnvVar]) -> Data:
    return {variable.name: _text(variable.value) for variable in variables}


def _fields(node: ir.Node, names: Iterable[str]) -> Data:
    """Plain fields whose keys are called alike."""
    data: Data = {}
    for name in names:
        _put(data, name, getattr(node, name), _plain)
    return data


def _plain(value: object) -> object:
    if isinstance(value, str):
        return _scalar(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


class _Writer:
    """Writes nodes as plain data, paths relative to the manifest's folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def path(self, path: str) -> str:
        return relative(path, self.folder)

    def text_path(self, path: ir.Text) -> str:
        return relative(spelled(path), self.folder)

    def secret_uses(self, uses: Iterable[ir.SecretUse]) -> list[object]:
        return [_secret_use(use, self.folder) for use in uses]

    def paths(self, paths: Iterable[str]) -> list[str]:
        return [self.path(path) for path in paths]

    # ------------------------------------------------------------------------------------------------------- sections

    def project(self, project: ir.Project) -> Data:
        data: Data = {"version": 1}
        _put(data, "requires", project.requires)
        _put(data, "name", project.name or None, _scalar)
        _put(data, "manifests", project.manifests, lambda found: [self.include(item) for item in found])
        _put(data, "parameters", project.parameters, self.parameters)
        _put(data, "secrets", project.secrets, lambda found: self.by_name(found, _secret))
        _put(data, "identities", project.identities, lambda found: self.by_name(found, _identity))
        _put(data, "env", project.env, _env)
        _put(data, "environments", project.environments, lambda found: self.by_name(found, self.environment))
        _put(data, "stores", project.stores, lambda found: self.by_name(found, _store))
        _put(data, "datasets", project.datasets, lambda found: self.by_name(found, self.dataset))
        _put(data, "templates", project.templates, self.jobs)
        _put(data, "defaults", project.defaults, self.job)
        _put(data, "jobs", project.jobs, self.jobs)
        _put(data, "models", project.models, lambda found: self.by_name(found, self.model))
        _put(data, "lifecycle", project.lifecycle, _lifecycle)
        _put(data, "services", project.services, lambda found: self.by_name(found, self.service))
        _put(data, "pipelines", project.pipelines, lambda found: self.by_name(found, self.pipeline))
        _put(data, "targets", project.settings, lambda found: {item.target: self.settings(item) for item in found})
        return data

    def by_name(self, nodes: Iterable[Any], write: Callable[[Any], Data]) -> Data:
        return {node.name: write(node) for node in nodes}

    def include(self, include: ir.Include) -> object:
        path = self.path(include.path)
        return path if include.dialect is None else {"path": path, "dialect": include.dialect}

    def parameters(self, parameters: Iterable[ir.Parameter]) -> Data:
        return {parameter.name: _parameter(parameter) for parameter in parameters}

    def environment(self, environment: ir.Environment) -> Data:
        data: Data = {}
        _put(data, "image", environment.image, _text)
        _put(data, "python", environment.python)
        _put(data, "install", environment.installer)
        _put(data, "file", environment.file, self.path)
        data |= _fields(environment, ("groups", "extras", "apt"))
        _put(data, "setup", environment.setup, _texts)
        _put(data, "working_directory", environment.working_directory, self.path)
        _put(data, "build", environment.build, self.build)
        _put(data, "publish", environment.publish, _publish)
        return data | _fields(environment, ("prebuild", "credentials", "platform"))

    def environment_or_name(self, environment: ir.Environment | str) -> object:
        return _scalar(environment) if isinstance(environment, str) else self.environment(environment)

    def build(self, build: ir.Build) -> Data:
        data: Data = {}
        _put(data, "context", build.context, self.path)
        _put(data, "file", build.file, self.path)
        _put(data, "target", build.target, _scalar)
        _put(data, "args", build.args, _env)
        _put(data, "secrets", build.secrets, self.secret_uses)
        _put(data, "platforms", build.platforms, list)
        _put(data, "generate", build.generate)
        _put(data, "command", build.command, list)
        _put(data, "checks", build.checks, lambda checks: [list(words) for words in checks])
        return data

    def dataset(self, dataset: ir.Dataset) -> Data:
        data: Data = {"path": self.path(dataset.path)}
        data |= _fields(dataset, ("produced_by", "store", "version", "state"))
        _put(data, "size", dataset.size, _quantity)
        _put(data, "checksum", dataset.checksum)
        return data

    def jobs(self, jobs: Iterable[ir.Job]) -> Data:
        return {job.name: self.job(job) for job in jobs}

    # ------------------------------------------------------------------------------------------------------------ a job

    def job(self, job: ir.Job) -> Data:
        data: Data = {}
        _put(data, "extends", job.extends, _scalar)
        _put(data, "environment", job.environment, self.environment_or_name)
        _put(data, "when", job.condition, self.condition)
        _put(data, "run_on", job.run_on)
        _put(data, "needs", job.needs, lambda needs: [_need(need) for need in needs])
        _put(data, "inputs", job.inputs, lambda inputs: [self.text_path(item.path) for item in inputs])
        _put(data, "datasets", job.datasets, _scalars)
        _put(data, "matrix", job.matrix, _matrix)
        self.action(job, data)
        _put(data, "working_directory", job.working_directory, self.path)
        _put(data, "platform", job.platform)
        _put(data, "env", job.env, _env)
        _put(data, "secrets", job.secrets, self.secret_uses)
        self.machine(job, data)
        _put(data, "outputs", job.outputs, lambda outputs: [self.output(output) for output in outputs])
        _put(data, "objectives", job.objectives, lambda found: [objective.text(item) for item in found])
        self.attempts(job, data)
        return data

    def condition(self, found: ir.Condition) -> str:
        return condition.text(condition.map_globs(found, self.path))

    def action(self, job: ir.Job, data: Data) -> None:
        action = job.action
        shell = job.shell
        if isinstance(action, ir.Script):
            data["run"] = _text(action.lines)
            shell = shell or action.shell
        elif isinstance(action, ir.Exec):
            data["run"] = _argv(action.argv)
        elif isinstance(action, ir.Entry):
            data["entry"] = self.entry(action)
        elif isinstance(action, ir.BuildImage):
            data["build"] = self.build_job(action)
        elif isinstance(action, ir.Deploy):
            data["deploy"] = self.deploy(action)
        elif isinstance(action, ir.Call):
            data["call"] = _call(action)
        elif isinstance(action, ir.Tool):
            data["tool"] = _tool(action)
        elif action is not None:
            raise ValueError(f'a manifest can\'t say what "{job.name}" runs')
        _put(data, "shell", shell)

    def entry(self, entry: ir.Entry) -> Data:
        data: Data = {}
        _put(data, "script", entry.script, self.path)
        _put(data, "module", entry.module)
        _put(data, "launch", entry.launch)
        _put(data, "with", entry.arguments, _arguments)
        return data

    def build_job(self, action: ir.BuildImage) -> object:
        data = self.build(action.build)
        _put(data, "publish", action.publish, _publish)
        _put(data, "environment", action.environment, _scalar)
        return data["environment"] if list(data) == ["environment"] else data

    def deploy(self, deploy: ir.Deploy) -> Data:
        data: Data = {"platform": deploy.platform}
        data |= _fields(deploy, ("to", "cluster", "namespace"))
        _put(data, "documents", deploy.documents, self.paths)
        _put(data, "image", deploy.image)
        _put(data, "replaces", deploy.replaces, _pairs)
        return data | _fields(deploy, ("branch", "repository", "message", "health", "url", "service", "restart"))

    def output(self, output: ir.Artifact | ir.ChangedFiles) -> object:
        data: Data = {}
        if isinstance(output, ir.ChangedFiles):
            data["changed"] = self.paths(output.paths)
            _put(data, "keep", output.keep, duration.text)
            return data
        data["path"] = self.text_path(output.path)
        _put(data, "kind", output.kind)
        _put(data, "keep", output.keep, duration.text)
        _put(data, "store", output.store, _scalar)
        _put(data, "size", output.size, _quantity)
        _put(data, "per", "leg" if output.per_leg else None)
        _put(data, "name", output.name, _scalar)
        return data["path"] if len(data) == 1 else data

    def machine(self, job: ir.Job, data: Data) -> None:
        _put(data, "identity", job.identity, lambda found: _scalar(found if isinstance(found, str) else found.name))
        _put(data, "permissions", job.permissions, lambda found: {item.scope: item.access for item in found})
        _put(data, "volumes", job.volumes, lambda found: [_volume(volume) for volume in found])
        _put(data, "resources", job.resources, _resources)
        _put(data, "sidecars", job.sidecars, lambda found: [_sidecar(sidecar) for sidecar in found])

    def attempts(self, job: ir.Job, data: Data) -> None:
        _put(data, "retry", job.retry, lambda retry: _fields(retry, ("max", "on", "exit_codes")))
        _put(data, "timeout", job.timeout, duration.text)
        _put(data, "allow_failure", job.allow_failure)
        _put(data, "cache", job.cache, _cache)
        _put(data, "resume", job.resume, self.resume)
        _put(data, "approve", job.approval, lambda found: True if found.to is None else {"for": _scalar(found.to)})
        _put(data, "lock", job.lock, _lock)
        _put(data, "nodes", job.nodes)

    def resume(self, resume: ir.Resume) -> Data:
        data: Data = {"paths": self.paths(resume.paths)}
        _put(data, "every", resume.every, duration.text)
        _put(data, "store", resume.store, _scalar)
        return data

    # ----------------------------------------------------------------------------------------- models, services, pipelines

    def model(self, model: ir.Model) -> Data:
        data: Data = {}
        for step in ("train", "validate", "test"):
            _put(data, step, getattr(model, step), self.step)
        _put(data, "objectives", model.objectives, lambda found: [objective.text(item) for item in found])
        _put(data, "package", model.package, self.step)
        _put(data, "deploy", model.deploy, self.step)
        return data

    def step(self, step: ir.Job | ir.Rollout | str) -> object:
        if isinstance(step, ir.Rollout):
            return self.rollout(step)
        return _scalar(step) if isinstance(step, str) else self.job(step)

    def rollout(self, rollout: ir.Rollout) -> Data:
        data: Data = {"platform": rollout.platform}
        data |= _fields(rollout, ("to", "cluster", "namespace"))
        _put(data, "documents", rollout.documents, self.paths)
        _put(data, "ingress", rollout.ingress, _ingress)
        return data | _fields(rollout, ("branch", "repository", "approve", "restart"))

    def function(self, function: str) -> str:
        file, _, name = function.rpartition(":")
        return f"{self.path(file)}:{name}" if file.endswith(".py") else function

    def service(self, service: ir.Service) -> Data:
        data: Data = {}
        _put(data, "environment", service.environment, self.environment_or_name)
        _put(data, "function", service.function, self.function)
        _put(data, "model", service.model, self.path)
        _put(data, "command", service.command, _argv)
        data |= _fields(service, ("port", "user", "replicas"))
        _put(data, "resources", service.resources, _resources)
        _put(data, "env", service.env, _env)
        _put(data, "secrets", service.secrets, self.secret_uses)
        _put(data, "health", service.health)
        _put(data, "smoke", service.smoke, _smoke)
        _put(data, "deploy", service.deploy, self.rollout)
        _put(data, "needs", service.needs, lambda needs: [_need(need) for need in needs])
        return data | _fields(service, ("stored_model", "framework"))

    def pipeline(self, pipeline: ir.Pipeline) -> Data:
        data: Data = {}
        _put(data, PlainKey("on"), pipeline.triggers, lambda triggers: [self.trigger(trigger) for trigger in triggers])
        _put(data, "parameters", pipeline.parameters, self.parameters)
        _put(data, "env", pipeline.env, _env)
        _put(data, "concurrency", pipeline.concurrency, _concurrency)
        _put(data, "attest", pipeline.attest)
        # The jobs are the long part: what is said of the pipeline itself would be lost below them.
        if pipeline.members is not ir.NOTHING:
            data["jobs"] = [*_scalars(pipeline.members), *({job.name: self.job(job)} for job in pipeline.jobs)]
        elif pipeline.jobs is not ir.NOTHING:
            data["jobs"] = self.jobs(pipeline.jobs)
        return data

    def trigger(self, trigger: ir.Trigger) -> object:
        data: Data = {}
        if isinstance(trigger, ir.OnManual):
            return "manual"
        if isinstance(trigger, ir.OnCall):
            return "call"
        if isinstance(trigger, ir.OnPipeline):
            return {"pipeline": _scalar(trigger.pipeline)}
        if isinstance(trigger, ir.OnSchedule):
            data["cron"] = trigger.cron
            _put(data, "timezone", trigger.timezone)
            _put(data, "parameters", trigger.parameters, _pairs)
            return {"schedule": data}
        word = "push" if isinstance(trigger, ir.OnPush) else "change_request"
        _put(data, "branches", trigger.branches, _scalars)
        if isinstance(trigger, ir.OnPush):
            _put(data, "tags", trigger.tags, _scalars)
        _put(data, "paths", trigger.paths, self.paths)
        return {word: data} if data else word

    # --------------------------------------------------------------------------------------------------------- targets

    def settings(self, settings: ir.Settings) -> Data:
        data: Data = {}
        _put(data, "output", settings.output, self.path)
        data |= _fields(settings, ("registry", "store"))
        _put(data, "runners", settings.runners, lambda runners: [_runner(runner) for runner in runners])
        data.update(settings.options)
        _put(data, "overlay", settings.overlay)
        _put(data, "include", settings.include, self.paths)
        return data


def _secret(secret: ir.Secret) -> Data:
    return _fields(secret, ("store", "path", "key"))


def _identity(identity: ir.Identity) -> Data:
    return {identity.provider: _pairs(identity.settings)}


def _store(store: ir.Store) -> Data:
    return _fields(store, ("kind", "url", "identity", "mount"))


def _parameter(parameter: ir.Parameter) -> Data:
    data: Data = {}
    _put(data, "type", parameter.type if parameter.type != "string" else None)
    return data | _fields(parameter, ("default", "choices", "minimum", "maximum", "required", "help"))


def _publish(publish: ir.Publish) -> Data:
    data: Data = {}
    _put(data, "repository", publish.repository, _text)
    _put(data, "tags", publish.tags, _texts)
    return data | _fields(publish, ("registry", "identity", "provenance"))


def _secret_use(use: ir.SecretUse, folder: str) -> object:
    data: Data = {"name": _scalar(use.secret)}
    if use.file is not None:
        data["file"] = use.file.removeprefix(f"{folder}/") if folder else use.file
    elif use.env not in (None, use.secret):
        data["env"] = use.env
    _put(data, "optional", use.optional)
    return data["name"] if list(data) == ["name"] else data


def _need(need: ir.Need) -> object:
    data: Data = {"job": _scalar(need.job)}
    data |= _fields(need, ("artifacts", "optional"))
    _put(data, "legs", need.legs, lambda legs: _pairs(legs) if isinstance(legs, tuple) else legs)
    return data["job"] if len(data) == 1 else data


def _arguments(arguments: Iterable[ir.Argument]) -> object:
    """A list of names where all take their namesakes; else names with values, a namesake as a hole can't be known."""
    arguments = tuple(arguments)
    if arguments and all(argument.listed and not argument.values for argument in arguments):
        return _scalars(argument.name for argument in arguments)
    return {argument.name: _argument(argument) for argument in arguments}


def _argument(argument: ir.Argument) -> object:
    if argument.flag is not None:
        return argument.flag
    if argument.listed:
        if not argument.values:
            raise ValueError(f'"{argument.name}" takes its namesake beside arguments with values')
        return _texts(argument.values)
    value = _text(argument.values[0])
    return spelled(argument.values[0]) if isinstance(value, bool) else value  # in quotes: plain it would be a flag


def _call(call: ir.Call) -> object:
    if call.parameters is ir.NOTHING:
        return _scalar(call.pipeline)
    return {"pipeline": _scalar(call.pipeline), "parameters": _env(call.parameters)}


def _volume(volume: ir.Volume) -> Data:
    data: Data = {"name": _scalar(volume.name), "path": volume.path}
    _put(data, "size", volume.size, _quantity)
    _put(data, "read_only", volume.read_only)
    return data


def _matrix(matrix: ir.Matrix) -> Data:
    data: Data = {axis: _scalars(values) for axis, values in matrix.axes}
    _put(data, "include", matrix.include, lambda legs: [_pairs(leg) for leg in legs])
    _put(data, "exclude", matrix.exclude, lambda legs: [_pairs(leg) for leg in legs])
    _put(data, "max_parallel", matrix.max_parallel)
    return data


def _resources(resources: ir.Resources) -> Data:
    data: Data = {}
    request, limit = resources.request, resources.limit
    empty = [key for key, found in (("request", request), ("limit", limit)) if found == ir.Amounts()]
    for key in ("cpu", "memory", "storage"):
        asked, most = (getattr(found, key, None) for found in (request, limit))
        if asked is not None and most is not None:
            data[key] = {"request": _quantity(asked), "limit": _quantity(most)}
        elif most is not None:
            data[key] = {"limit": _quantity(most)}
        else:
            _put(data, key, asked, _quantity)
    data |= {key: {} for key in empty}
    _put(data, "shm", resources.shm, _quantity)
    _put(data, "gpu", resources.accelerator, _accelerator)
    return data | _fields(resources, ("spot", "runner"))


def _accelerator(accelerator: ir.Accelerator, resource: str | None = None) -> object:
    data: Data = {"count": accelerator.count}
    data |= _fields(accelerator, ("vendor", "kind"))
    _put(data, "memory", accelerator.memory, _quantity)
    _put(data, "resource", resource, _scalar)
    return accelerator.count if len(data) == 1 else data


def _sidecar(sidecar: ir.Sidecar) -> Data:
    data: Data = {"name": _scalar(sidecar.name), "image": _text(sidecar.image)}
    _put(data, "port", sidecar.port)
    _put(data, "env", sidecar.env, _env)
    _put(data, "command", sidecar.command, _argv)
    return data


def _cache(cache: ir.Cache) -> object:
    data: Data = {}
    _put(data, "max_age", cache.max_age, duration.text)
    data |= _fields(cache, ("store", "share"))
    return data if data and cache.enabled else cache.enabled


def _lifecycle(lifecycle: ir.Lifecycle) -> Data:
    data: Data = _pairs(lifecycle.steps)
    _put(data, "objectives", lifecycle.objectives, lambda found: [objective.text(item) for item in found])
    return data


def _tool(tool: ir.Tool) -> Data:
    data: Data = {"name": tool.name}
    _put(data, "arguments", tool.arguments, _argv)
    return data


def _lock(lock: ir.Lock) -> object:
    return _scalar(lock.name) if lock.limit is None else {"name": _scalar(lock.name), "limit": lock.limit}


def _ingress(ingress: ir.Ingress) -> Data:
    data = _fields(ingress, ("host", "path", "tls", "secret"))
    _put(data, "annotations", ingress.annotations, _pairs)
    _put(data, "class", ingress.class_name, _scalar)
    return data


def _smoke(smoke: ir.Probe | ir.Script) -> object:
    if isinstance(smoke, ir.Script):
        return _text(smoke.lines)
    return _fields(smoke, ("path", "method", "body", "status", "contains"))


def _concurrency(concurrency: ir.Concurrency) -> Data:
    data: Data = {}
    _put(data, "group", concurrency.group, _text)
    _put(data, "cancel", concurrency.cancel)
    return data


def _runner(runner: ir.Runner) -> Data:
    data: Data = _fields(runner, ("name",))
    data.update(runner.select)
    data |= _fields(runner, ("executor", "platform"))
    _put(data, "cpu", runner.cpu, _quantity)
    _put(data, "memory", runner.memory, _quantity)
    _put(data, "gpu", runner.gpu)
    _put(data, "gpu", runner.accelerator, lambda found: _accelerator(found, runner.resource))
    return data | _fields(runner, ("spot", "overwrite"))
