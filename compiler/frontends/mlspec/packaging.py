"""A packaged model as jobs: fetch, train, upload; convert, verify; score; serve; and the processes around them."""

from __future__ import annotations

from posixpath import basename, relpath
from shlex import quote

from compiler import codes as core
from compiler.diagnostics import ERROR, Sink
from compiler.frontends.mlspec import codes, compute
from compiler.frontends.mlspec.completeness import (
    FLAGS,
    PLATFORMS,
    check_model,
    is_in_store,
    is_on,
    phase_of,
    place,
)
from compiler.frontends.mlspec.containers import reference
from compiler.frontends.mlspec.frameworks import CONVERTERS, PACKAGES, framework_of
from compiler.frontends.mlspec.merging import Model, documents_of
from compiler.frontends.mlspec.objects import slug
from compiler.frontends.mlspec.stores import Keys, clean
from compiler.images import DEFAULT_PYTHON
from compiler.ir import (
    Artifact,
    Build,
    BuildImage,
    Environment,
    EnvVar,
    Input,
    Job,
    Need,
    OnManual,
    OnPush,
    Pipeline,
    Project,
    Publish,
    Ref,
    Rollout,
    Script,
    SecretUse,
    Service,
    Sidecar,
    Tool,
)
from compiler.ir import Model as IrModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.frontends.base import Files
    from compiler.frontends.mlspec.reading import Document
    from compiler.frontends.mlspec.view import View
    from compiler.ir import Text

TIMEOUT_SECONDS = 6 * 3600  # MLSpec has no word for it, and a GPU without a limit is expensive
FOLDER = "mlspec"  # everything that moves between the jobs lies below it, beside the manifest
PORT = 8080
SERVING = "serving"  # the environment whose image is built from a function and a model
DEFAULT_TOLERANCES = {"rtol": "0.001", "atol": "0.00001"}  # for a model that says none


def read_model(document: Document, folder: str, repository: Files, sink: Sink, errors: int) -> Project | None:
    """The project of a model, from the one file or from all of its parts; None where they brought more than `errors`."""
    model = Model(documents_of(document, folder, repository, sink), sink)
    check_model(model, sink)
    if sink.count(ERROR) > errors:
        return None
    if not any(is_on(model, section) for section in FLAGS):
        return None
    return _Making(model, document.path, folder, repository, sink).project()


class _Making:
    """Makes the jobs of one model."""

    def __init__(self, model: Model, manifest: str, folder: str, repository: Files, sink: Sink) -> None:
        self.model = model
        self.manifest = manifest
        self.folder = folder
        self.repository = repository
        self.sink = sink
        self.name = slug(model.text_of("model_identifier") or model.text_of("name"))
        self.jobs: list[Job] = []
        self.keys = Keys(sink)
        self.services: list[Service] = []
        self.environments: list[Environment] = []

    def project(self) -> Project:
        for section, make in (
            ("train", self._train),
            ("convert", self._convert),
            ("score", self._score),
            ("serve", self._serve),
        ):
            view = self.model.section(section)
            if view is not None and is_on(self.model, section):
                make(view)
        triggers = (OnPush(), OnManual())  # it moves models and data by secrets: a change request does neither
        attest: Any = self.model.text_of("attest") or None
        project = Project(
            name=self.name,
            manifest=self.manifest,
            folder=self.folder,
            jobs=tuple(self.jobs),
            pipelines=(Pipeline(name=self.name, triggers=triggers, attest=attest, origin=self.model.head.origin),),
            origin=self.model.head.origin,
        )
        if is_on(self.model, "train"):
            train = self.model.section("train") or self.model.head
            project = project.replace(models=(IrModel(name=self.name, train="train", origin=train.origin),))
        if self.services:
            project = project.replace(services=tuple(self.services))
        if self.environments:
            project = project.replace(environments=tuple(self.environments))
        if self.keys.secrets:
            project = project.replace(secrets=tuple(self.keys.secrets.values()))
        lifecycle = self.model.section("lifecycle") or self.model.section("objectives")
        if lifecycle is not None:
            from compiler.frontends.mlspec.lifecycle import with_lifecycle

            project = with_lifecycle(project, self.model.head, self.folder, self.repository, self.sink)
        return project

    # ----------------------------------------------------------------------------------------------- places and parts

    def path(self, *parts: str) -> str:
        """A path below the folder of what moves, from the root."""
        return "/".join(part for part in (self.folder, FOLDER, *parts) if part)

    def here(self, path: str) -> str:
        """A path from the root as a job's command sees it."""
        return relpath(path, self.folder or ".")

    def _tool(self, name: str, tool: str, arguments: list[str], at: View, asked: Text = (), **told: Any) -> Job:
        words: tuple[Text, ...] = tuple((argument,) for argument in arguments)
        action = Tool(name=tool, arguments=(*words, asked) if asked else words)
        job = Job(name=name, action=action.replace(origin=at.origin), timeout=3600, origin=at.origin, **told)
        self.jobs.append(job)
        return job

    def _store(self, found: View, read: bool) -> tuple[list[str], tuple[SecretUse, ...]]:
        """The options that name a place's store, and the secrets that open it."""
        url = found.text("url")
        if not is_in_store(found) and url:
            return [f"--url={url}"], ()
        name = found.text("data_store")
        store = self.model.named("data_stores")[name]
        return self.keys.options(store, found.text("bucket"), read)

    def _fetch(self, name: str, found: View, to: str, paths: list[str] | None = None) -> Job:
        """A job that brings what lies in a store, or behind a URL."""
        options, secrets = self._store(found, read=True)
        wanted = paths if paths is not None else [found.text("path")] if is_in_store(found) else []
        arguments = ["get", *options, *(f"--path={clean(path)}" for path in wanted), f"--to={to}"]
        told: dict[str, Any] = {"secrets": secrets} if secrets else {}
        outputs = (Artifact(path=(to,), kind="directory", origin=found.origin),)
        return self._tool(name, "objects", arguments, found, outputs=outputs, **told)

    def _upload(self, name: str, found: View, source: str) -> Job:
        options, secrets = self._store(found, read=False)
        arguments = ["put", *options, f"--path={clean(found.text('path'))}", f"--from={source}"]
        told: dict[str, Any] = {"secrets": secrets} if secrets else {}
        return self._tool(name, "objects", arguments, found, inputs=(_input(source, found),), **told)

    def _image(self, section: View, key: str) -> Environment | None:
        """The image that a section names, in its container store's registry, with the registry's token."""
        url = section.text(key, "container_image_url")
        if not url:
            return None
        name = section.text(key, "container_store")
        store = self.model.named("container_stores").get(name)
        registry = store.text("connection", "container_registry") if store is not None else ""
        told: dict[str, Any] = {}
        if store is not None and store.text("connection", "container_registry_token"):
            told["credentials"] = self.keys.secret(store, name, "token")
        at = section.get(key) or section
        return Environment(image=(reference(url, registry),), origin=at.origin, **told)

    def _python(self, at: View, *more: str) -> Environment:
        """The runtime that the model names, with its framework installed."""
        name, version = self.model.text_of("framework", "name").lower(), self.model.text_of("framework", "version")
        python = self.model.text_of("framework", "runtimes", "version") or DEFAULT_PYTHON
        package = PACKAGES.get(name)
        packages = [f"{package}=={version}" if version else package] if package else []
        wanted = " ".join(quote(package) for package in (*packages, *more))
        told: dict[str, Any] = {"setup": ((f"python -m pip install --quiet {wanted}",),)} if wanted else {}
        return Environment(image=(f"python:{python}",), python=python, origin=at.origin, **told)

    # -------------------------------------------------------------------------------------------------------- training

    def _train(self, train: View) -> None:
        code, data = _there(train, "model_source", "initial_model"), _there(train, "data_source", "training_data")
        result = _there(train, "model_training_results", "trained_model")
        self._fetch("fetch-model", code, self.path("model"))
        self._fetch("fetch-data", data, self.path("data"))
        hooks = self._hooks("train", "pre", [self.path("data"), self.path("model")])
        configuration, command = (
            _there(train, "execution", "compute_configuration"),
            _there(train, "execution", "command"),
        )
        told: dict[str, Any] = {}
        resources = compute.resources_of(configuration.text("name"), configuration.origin)
        if resources is not None:
            told["resources"] = resources
        nodes = configuration.whole("nodes")
        if nodes is not None and nodes > 1:
            told["nodes"] = nodes
        variables = self._parameters(train.get("training_params"))
        if variables:
            told["env"] = variables
        if hooks:
            told["needs"] = tuple(Need(job=hook, artifacts=True) for hook in hooks)
        outputs = [Artifact(path=(self.path("result"),), kind="model", origin=result.origin)]
        metrics = self._metrics(train)
        outputs += [metrics] if metrics is not None else []
        self.jobs.append(
            Job(
                name="train",
                action=Script(lines=(self._command(command, metrics),), origin=command.origin),
                environment=self._image(train, "training_container_image") or self._python(train),
                inputs=(_input(self.path("model"), code), _input(self.path("data"), data)),
                outputs=tuple(outputs),
                timeout=TIMEOUT_SECONDS,
                origin=train.origin,
                **told,
            )
        )
        after = self._hooks("train", "post", [self.path("result")])
        self._upload("upload-model", result, self.path("result"))
        self._wait("upload-model", after)

    def _command(self, command: View, metrics: Artifact | None) -> str:
        """The command in the folder of the model's code, with the folders that WML and FfDL give to a training."""
        base = self.here(self.path())
        lines = []
        for variable, folder in (("DATA_DIR", "data"), ("RESULT_DIR", "result"), ("JOB_STATE_DIR", "state")):
            lines.append(f'export {variable}="$PWD/{base}/{folder}"')
        lines.append('mkdir -p "$DATA_DIR" "$RESULT_DIR" "$JOB_STATE_DIR"')
        if metrics is not None and isinstance(metrics.path[0], str):
            kept = self.here(metrics.path[0] if metrics.kind == "directory" else metrics.path[0].rpartition("/")[0])
            lines.append(f"mkdir -p {quote(kept)}")
        return "\n".join((*lines, f"cd {quote(base + '/model')}", " ".join(command.value.split("\n"))))

    def _metrics(self, train: View) -> Artifact | None:
        """Where the training leaves its metrics, kept as an output."""
        found = train.get("evaluation_metrics", "in")
        if found is None:
            return None
        text = found.value.strip()
        for variable, folder in (("JOB_STATE_DIR", "state"), ("RESULT_DIR", "result"), ("DATA_DIR", "data")):
            for spelling in (f"${variable}", f"${{{variable}}}"):
                if text == spelling or text.startswith(spelling + "/"):
                    text = folder + text[len(spelling) :]
                    break
            else:
                continue
            break
        else:
            text = f"model/{text}"
        if "$" in text or ".." in text.split("/") or text.startswith("model//") or any(c in text for c in "*?["):
            message = f'"{found.value}" is no path that can be kept'
            advice = "it begins with $JOB_STATE_DIR, $RESULT_DIR or $DATA_DIR, or is relative to the model's code"
            self.sink.report(core.BAD_PATH, message, found.at, help=advice)
            return None
        if text.startswith("result/"):
            return None  # it is kept with the model
        kind: Any = "metrics" if text.endswith(".json") else "directory"
        return Artifact(path=(self.path(text.strip("/")),), kind=kind, origin=found.origin)

    def _parameters(self, params: View | None) -> tuple[EnvVar, ...]:
        """Training parameters as PARAM_NAME; several values are one list, parted by commas; what is empty is left out."""
        from compiler.frontends.mlspec.commands import variable

        found: dict[str, EnvVar] = {}
        for key, value in params.flat() if params is not None else ():
            words = [item.value for item in value.each() if item.is_text]
            if words and not value.is_mapping:
                found[variable(key)] = EnvVar(name=variable(key), value=(",".join(words),), origin=value.origin)
        return tuple(found.values())

    # ----------------------------------------------------------------------------------------------- processes (hooks)

    def _hooks(self, section: str, side: str, inputs: list[str]) -> list[str]:
        """The jobs of the processes before or after a phase; their names."""
        made = []
        for name, process in self.model.named("process").items():
            if phase_of(name) == (section, side):
                made.append(self._hook(name, process, inputs))
        return made

    def _hook(self, name: str, process: View, inputs: list[str]) -> str:
        """What a process runs: its command, else the script of its name beside the manifest; else it stages files."""
        params = process.get("params")
        staging = process.text("params", "staging_dir")
        lines = self._hook_lines(name, process, inputs, staging)
        told: dict[str, Any] = {}
        variables = self._parameters(params)
        if variables:
            told["env"] = variables
        output = self._staged(process, staging)
        if output is not None:
            told["outputs"] = (output,)
        image = process.text("image")
        environment = Environment(image=(image,)) if image else self._hook_environment(lines, process)
        job = name.replace("_", "-")
        self.jobs.append(
            Job(
                name=job,
                action=Script(lines=(lines,), origin=process.origin),
                inputs=tuple(_input(path, process) for path in inputs),
                environment=environment,
                timeout=3600,
                origin=process.origin,
                **told,
            )
        )
        return job

    def _hook_environment(self, lines: str, process: View) -> Environment | None:
        return Environment(python=DEFAULT_PYTHON, origin=process.origin) if lines.startswith("python") else None

    def _hook_lines(self, name: str, process: View, inputs: list[str], staging: str) -> str:
        command = process.text("command")
        if command:
            return command
        for ending, program in ((".py", "python"), (".sh", "sh")):
            path = "/".join(part for part in (self.folder, name + ending) if part)
            if self.repository.is_file(path):
                return f"{program} {name}{ending}"
        folder = quote(staging.strip("/") or ".")
        copies = [f"cp -R {quote(self.here(path))}/. {folder}/" for path in inputs] if staging else []
        return "\n".join(["mkdir -p " + folder, *copies] if staging else [f"ls -R {' '.join(map(quote, inputs))}"])

    def _staged(self, process: View, staging: str) -> Artifact | None:
        from compiler.paths import PathError, from_root

        if not staging:
            return None
        at = process.get("params", "staging_dir")
        assert at is not None
        try:
            path = from_root(staging.strip(), self.folder)
        except PathError as error:
            self.sink.report(core.BAD_PATH, str(error), at.at, help=error.help)
            return None
        return Artifact(path=(path,), kind="directory", origin=at.origin)

    def _wait(self, name: str, needs: list[str]) -> None:
        """Let a job wait for others, without their outputs."""
        for index, job in enumerate(self.jobs):
            if job.name == name and needs:
                more = tuple(Need(job=need, artifacts=False) for need in needs)
                self.jobs[index] = job.replace(needs=(*job.needs, *more))

    # ------------------------------------------------------------------------------------------------------ conversion

    def _convert(self, convert: View) -> None:
        source = convert.get("model_source", "initial_model")
        result = convert.get("onnx_converted_model", "onnx_model") or convert.get("model_source", "onnx_model")
        assert source is not None
        assert result is not None
        train = self.model.section("train")
        trained = train.get("model_training_results", "trained_model") if train is not None else None
        from_training = is_on(self.model, "train") and place(source) == place(trained)
        folder = self.path("result") if from_training else self.path("convert")
        if not from_training:
            self._fetch("fetch-convert", source, folder)
        name = basename(source.text("path").rstrip("/"))
        file = f"{folder}/{name}" if not source.text("path").endswith("/") and not from_training else folder
        onnx = self.path("onnx", basename(result.text("path").rstrip("/")) or "model.onnx")
        hooks = self._hooks("convert", "pre", [folder])
        framework = framework_of(self.model.text_of("framework", "name"), source.text("path"))
        options = [f"--framework={framework}", *self._tensors(convert)]
        needs = {"needs": tuple(Need(job=hook, artifacts=False) for hook in hooks)} if hooks else {}
        environment = self._converter(convert, framework)
        command = convert.text("command")
        told: dict[str, Any] = {
            "inputs": (_input(folder, source),),
            "outputs": (Artifact(path=(onnx,), kind="model", origin=result.origin),),
            "environment": environment,
            **needs,
        }
        if command:
            lines = f"export SOURCE={quote(self.here(file))} RESULT={quote(self.here(onnx))}\n{command}"
            action = Script(lines=(lines,), origin=convert.origin)
            self.jobs.append(Job(name="convert", action=action, timeout=3600, origin=convert.origin, **told))
        else:
            self._tool("convert", "onnx", ["convert", f"--source={file}", f"--to={onnx}", *options], convert, **told)
        self._verify(convert, framework, file, onnx, folder)
        self._upload("upload-onnx", result, onnx)
        self._wait("upload-onnx", ["verify-onnx"])

    def _verify(self, convert: View, framework: str, file: str, onnx: str, folder: str) -> None:
        """The converted model gives what the model gives, within the tolerances."""
        tolerances = {key: convert.text(f"tf_{key}") or DEFAULT_TOLERANCES[key] for key in ("rtol", "atol")}
        options = [f"--framework={framework}", *self._tensors(convert)]
        options += [f"--{key}={value}" for key, value in tolerances.items()]
        report = self.path("onnx-report.json")
        self._tool(
            "verify-onnx",
            "onnx",
            ["verify", f"--source={file}", f"--to={onnx}", f"--report={report}", *options],
            convert,
            inputs=(_input(folder, convert), _input(onnx, convert)),
            outputs=(Artifact(path=(report,), kind="metrics", origin=convert.origin),),
            environment=self._converter(convert, framework),
        )

    def _converter(self, convert: View, framework: str) -> Environment:
        """The framework that the file is of with what converts it, in a Python that headrace's own tools run in."""
        name, version = self.model.text_of("framework", "name").lower(), self.model.text_of("framework", "version")
        python = self.model.text_of("framework", "runtimes", "version")
        is_old = not python or [int(part) for part in python.split(".")[:2] if part.isdigit()] < [3, 8]
        package = framework
        if PACKAGES.get(name) == framework and version and not is_old:
            package = f"{framework}=={version}"
        wanted = " ".join(map(quote, dict.fromkeys((package, *CONVERTERS.get(framework, ()), "onnx", "onnxruntime"))))
        python = DEFAULT_PYTHON if is_old else python
        setup = ((f"python -m pip install --quiet {wanted}",),)
        return Environment(image=(f"python:{python}",), python=python, setup=setup, origin=convert.origin)

    def _tensors(self, convert: View) -> list[str]:
        """The tensors by name, inputs with their shapes: `--input=X:0[1]`."""
        options = []
        inputs = convert.get("tf_inputs")
        for name, shape in inputs.entries() if inputs is not None else ():
            options.append(f"--input={name}[{','.join(item.value for item in shape.each())}]")
        return options + [f"--output={name}" for name in convert.words("tf_outputs")]

    # --------------------------------------------------------------------------------------------------------- scoring

    def _score(self, score: View) -> None:
        source = score.get("model_features_schema_source")
        assert source is not None
        found = source.get("scorable_model") or source.get("scorable_model_local")
        assert found is not None
        wanted = found.text("data_store_file_paths") or source.text("scorable_model_local", "data_store_file_paths")
        files = self.model.named("data_store_file_paths").get(wanted)
        by_key = {key: value.value for key, value in files.entries() if key != "name"} if files is not None else {}
        folder = self.path("score")
        if source.get("scorable_model") is not None:
            self._fetch("fetch-score", found, folder, list(by_key.values()) or None)
        options = [
            f"--{option}={folder}/{basename(by_key[key])}"
            for key, option in (
                ("sample_inputs_file", "samples"),
                ("input_schema_file", "input-schema"),
                ("output_schema_file", "output-schema"),
            )
            if key in by_key
        ]
        hooks = self._hooks("score", "pre", [folder])
        told: dict[str, Any] = {"inputs": (_input(folder, found),)} if source.get("scorable_model") is not None else {}
        needs = tuple(Need(job=hook, artifacts=False) for hook in hooks)
        needs += (Need(job="train", artifacts=False),) if is_on(self.model, "train") else ()
        if needs:
            told["needs"] = needs
        asked = self._asked(told)
        report = self.path("score.json")
        told["outputs"] = (*told.pop("outputs", ()), Artifact(path=(report,), kind="metrics", origin=score.origin))
        if score.get("objectives") is not None:
            from compiler.frontends.mlspec.gates import read_objectives

            objectives = score.get("objectives")
            assert objectives is not None
            told["objectives"] = read_objectives(objectives, self.sink)
        self._tool("score", "score", [*options, f"--report={report}"], score, asked=asked, **told)
        self._hooks("score", "post", [report])

    def _asked(self, told: dict[str, Any]) -> Text:
        """The URL of the model that runs beside the job in its serving container; nothing where it has none."""
        serve = self.model.section("serve")
        environment = self._image(serve, "serving_container_image") if serve is not None else None
        if environment is None or environment.image is None or serve is None:
            return ()
        port = serve.whole("port") or PORT
        told["sidecars"] = (Sidecar(name="model", image=environment.image, port=port, origin=serve.origin),)
        host, at = (Ref(kind="sidecars", name="model", member=member) for member in ("host", "port"))
        return ("--url=http://", host, ":", at, serve.text("predict") or "/model/predict")

    # --------------------------------------------------------------------------------------------------------- serving

    def _serve(self, serve: View) -> None:
        tested = serve.words("tested_platforms")
        chosen = serve.text("platform") or next((name for name in tested if name in PLATFORMS), "kubernetes")
        platform: Any = PLATFORMS[chosen]
        environment = self._image(serve, "serving_container_image")
        name = _label(self.name)
        rollout = Rollout(platform=platform, to=serve.text("to") or None, origin=serve.origin)
        told: dict[str, Any] = {}
        if environment is None:
            source = serve.get("model_source", "servable_model")
            assert source is not None
            if serve.get("function") is None and platform not in ("kserve", "seldon"):
                message = f'"{chosen}" serves images, and the model is no image: it lies in a store'
                advice = (
                    "say `function: predict.py:predict`, from which an image is built; or name a serving_container_image, "
                    "or a platform that loads models: kfserving or seldon"
                )
                self.sink.report(codes.PLATFORM, message, serve.key_span(), help=advice)
                return
            if serve.get("function") is None:
                self._report_keys(source, chosen)
                told["stored_model"] = _uri(source)
                told["framework"] = framework_of(self.model.text_of("framework", "name"), source.text("path"))
        else:
            told["environment"] = environment
            told["port"] = serve.whole("port") or PORT
        servable = self._servable(serve, wanted="stored_model" not in told and environment is None)
        hooks = self._hooks("serve", "pre", servable)
        if environment is None and "stored_model" not in told:
            told |= self._image_of(serve, servable[0], hooks)
        needs = [Need(job=hook, artifacts=False) for hook in hooks]
        if is_on(self.model, "train"):
            needs.append(Need(job="upload-model", artifacts=False))
        if is_on(self.model, "score"):
            needs.append(Need(job="score", artifacts=False))
        if needs:
            told["needs"] = tuple(needs)
        if serve.get("health") is not None:
            told["health"] = serve.text("health")
        self.services.append(Service(name=name, deploy=rollout, origin=serve.origin, **told))

    def _report_keys(self, source: View, platform: str) -> None:
        """What loads a model from a store does it with keys of the cluster."""
        if not is_in_store(source):
            return
        store = self.model.named("data_stores")[source.text("data_store")]
        if store.get("connection", "access_key_id") is None:
            return
        message = (
            f'the cluster must hold the keys of "{source.text("data_store")}", with which {platform} loads the model'
        )
        advice = f"a secret of the service account, with the endpoint {store.text('connection', 'endpoint')}"
        self.sink.report(core.ACTION_NEEDED, message, source.key_span(), help=advice)

    def _image_of(self, serve: View, model: str, hooks: list[str]) -> dict[str, Any]:
        """What a service is of which headrace builds the image: the framework, the function that answers, the model."""
        function = _there(serve, "function")
        image = self._python(serve).replace(name=SERVING, build=Build(generate=True), publish=Publish())
        self.environments.append(image.replace(origin=function.origin))
        needs: dict[str, Any] = {"needs": tuple(Need(job=hook, artifacts=True) for hook in hooks)} if hooks else {}
        build = BuildImage(build=Build(), environment=SERVING, publish=Publish())
        inputs = (_input(model, function),)
        self.jobs.append(Job(name=f"build-{SERVING}", action=build, inputs=inputs, origin=function.origin, **needs))
        where, colon, name = function.value.strip().rpartition(":")
        file = "/".join(part for part in (self.folder, where) if part) if where.endswith(".py") else where
        return {
            "environment": SERVING,
            "function": f"{file}{colon}{name}",
            "model": _file_in(model, serve.get("model_source", "servable_model")),
            "port": serve.whole("port") or PORT,
        }

    def _servable(self, serve: View, wanted: bool) -> list[str]:
        """Where the files lie that a process before serving works on, and that an image is to hold."""
        source = serve.get("model_source", "servable_model")
        train = self.model.section("train")
        trained = train.get("model_training_results", "trained_model") if train is not None else None
        is_trained = is_on(self.model, "train") and (not is_in_store(source) or place(source) == place(trained))
        wants = any(phase_of(name) == ("serve", "pre") for name in self.model.named("process"))
        if is_trained or (is_on(self.model, "train") and not wanted):
            return [self.path("result")]
        if source is None or not (wanted or (wants and is_in_store(source))):
            return []
        self._fetch("fetch-servable", source, self.path("servable"))
        return [self.path("servable")]


def _there(view: View, *path: str) -> View:
    """What the checks have found to be there."""
    found = view.get(*path)
    assert found is not None
    return found


def _input(path: str, at: View) -> Input:
    return Input(path=(path,), origin=at.origin)


def _file_in(folder: str, source: View | None) -> str:
    """A fetched model: the file where its place names one, else the folder."""
    if source is None or folder.endswith("/result"):
        return folder
    path = source.text("path") if is_in_store(source) else source.text("url").partition("?")[0]
    name = basename(path)
    return f"{folder}/{name}" if "." in name else folder


def _uri(source: View) -> str:
    if is_in_store(source):
        return f"s3://{source.text('bucket')}/{clean(source.text('path')).strip('/')}"
    return source.text("url")


def _label(name: str) -> str:
    """A name as a cluster takes it."""
    from compiler.kubernetes import legal

    return legal(name)
