"""What a model's sections must have when they are switched on, and what does not fit together (M12 to M25)."""

from __future__ import annotations

from compiler.diagnostics import Label, Sink, suggest
from compiler.frontends.mlspec import codes
from compiler.frontends.mlspec.containers import check_tag
from compiler.frontends.mlspec.frameworks import CONVERTERS, framework_of
from compiler.frontends.mlspec.merging import Model, comparable
from compiler.frontends.mlspec.objects import check_status
from compiler.frontends.mlspec.secrets import check_placeholder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from compiler.frontends.mlspec.view import View

PLATFORMS = {"kubernetes": "kubernetes", "knative": "knative", "kfserving": "kserve", "seldon": "seldon"}
PHASES = {"training": "train", "serving": "serve", "scoring": "score", "conversion": "convert", "convert": "convert"}
FLAGS = {"train": "trainable", "serve": "servable", "score": "scorable", "convert": "onnx_convertable"}
_IN_STORE = ("data_store", "bucket", "path")
_TRAINING: tuple[tuple[str, ...], ...] = (
    ("model_source", "initial_model"),
    ("model_training_results", "trained_model"),
    ("data_source", "training_data"),
)
_TORCH = (".pt", ".pth", ".torch")


def is_on(model: Model, section: str) -> bool:
    found = model.section(section)
    return found is not None and found.flag(FLAGS[section])


def check_model(model: Model, sink: Sink) -> None:
    """Every rule on the files of one model."""
    if model.get("name") is None:
        message = 'no file of the model has a "name"'
        advice = "part files belong to a model.yaml beside them, with name and framework"
        sink.report(codes.INCOMPLETE, message, model.documents[0].view.slot.span(), help=advice)
    elif model.get("framework", "name") is None:
        _missing("the model", "framework.name", model.head, sink)
    check_status(model.head, "this model", sink)
    for section in FLAGS:
        _check_flag(model, section, sink)
    _check_training(model, sink)
    _check_serving(model, sink)
    _check_scoring(model, sink)
    _check_conversion(model, sink)
    _check_references(model, sink)
    _check_credentials(model, sink)
    _check_images(model, sink)
    _check_processes(model, sink)


def _missing(what: str, key: str, at: View, sink: Sink) -> None:
    sink.report(codes.INCOMPLETE, f'{what} needs "{key}"', at.key_span() if at.slot.container else at.slot.span())


def _check_flag(model: Model, section: str, sink: Sink) -> None:
    """M13: what is filled in and not switched on makes no job."""
    found = model.section(section)
    if found is None or is_on(model, section):
        return
    if [key for key, _ in found.entries() if key != FLAGS[section]]:
        message = f'"{section}" makes no job: "{FLAGS[section]}" is not true'
        sink.report(codes.SWITCHED_OFF, message, found.key_span())


# --------------------------------------------------------------------------------------------------------- training


def _check_training(model: Model, sink: Sink) -> None:
    train = model.section("train")
    if train is None or not is_on(model, "train"):
        return
    what = "a model that is trainable"
    for path in (("author", "name"), ("author", "email"), ("framework", "runtimes", "name"),
                 ("framework", "runtimes", "version")):  # fmt: skip
        if model.get(*path) is None and model.get("name") is not None:
            _missing(what, ".".join(path), train, sink)
    for place in _TRAINING:
        _check_location(train.get(*place), ".".join(place), train, what, sink)
    for path in (("execution", "command"), ("execution", "compute_configuration")):
        if train.get(*path) is None:
            _missing(what, ".".join(path), train.get(path[0]) or train, sink)
    compute = train.get("execution", "compute_configuration")
    if compute is not None and compute.get("name") is None:
        _missing(what, "execution.compute_configuration.name", compute, sink)
    if not model.named("data_stores"):
        _missing(what, "data_stores", train, sink)
    if train.get("mount_type") is None:
        message = '"mount_type" is missing, which model_packaging.md requires and the examples call optional'
        sink.report(codes.NO_MOUNT_TYPE, message, train.key_span())
    _check_overwriting(train, sink)
    _check_platforms(train, sink)


def _check_location(found: View | None, name: str, section: View, what: str, sink: Sink) -> None:
    """A place in a store: each part that is missing is one error."""
    if found is None:
        _missing(what, name, section, sink)
        return
    for key in _IN_STORE:
        if found.get(key) is None:
            _missing(what, f"{name}.{key}", found, sink)


def place(found: View | None) -> tuple[str, str, str] | None:
    """Store, bucket and path of a location, paths compared without their last slash."""
    if found is None or found.get("path") is None:
        return None
    path = found.get("path")
    assert path is not None
    return found.text("data_store"), found.text("bucket"), str(comparable(path)).strip("/")


def _check_overwriting(train: View, sink: Sink) -> None:
    """M22: results that go where the code or the data come from."""
    result = train.get("model_training_results", "trained_model")
    target = place(result)
    sources = {"code": train.get("model_source", "initial_model"), "data": train.get("data_source", "training_data")}
    same = {name: found for name, found in sources.items() if target is not None and place(found) == target}
    if not same or result is None:
        return
    labels = tuple(Label(found.key_span(), f"the {name} is here") for name, found in same.items() if found is not None)
    message = f"the trained model goes where the {' and the '.join(same)} {'come' if len(same) > 1 else 'comes'} from"
    sink.report(
        codes.OVERWRITTEN, message, result.key_span(), labels=labels, help="give the results a path of their own"
    )


def _check_platforms(section: View, sink: Sink) -> None:
    """M19: the platform that is chosen is one that the model was tested on."""
    chosen = section.get("platform")
    tested = section.words("tested_platforms")
    if chosen is not None and tested and chosen.value not in tested:
        near = suggest(chosen.value, tested)
        message = f'the model was not tested on "{chosen.value}"'
        notes = (f"it was tested on {', '.join(tested)}",)
        sink.report(codes.PLATFORM, message, chosen.at, suggestion=near, notes=notes)


# ---------------------------------------------------------------------------------------------------------- serving


def is_in_store(found: View | None) -> bool:
    return found is not None and all(found.get(key) is not None for key in _IN_STORE)


def _check_serving(model: Model, sink: Sink) -> None:
    """M15: one of the three kinds is complete: a container, a place in a store, a URL."""
    serve = model.section("serve")
    if serve is None or not is_on(model, "serve"):
        return
    source = serve.get("model_source", "servable_model")
    container = serve.get("serving_container_image", "container_image_url")
    url = source.get("url") if source is not None else None
    has_url = url is not None and bool(url.value.strip())
    if not (is_in_store(source) or has_url or (container is not None and container.value.strip())):
        message = "a model that is servable needs a container image, a place in a store, or a URL"
        advice = (
            "serving_container_image.container_image_url; or model_source.servable_model with data_store, bucket and "
            "path, or with url"
        )
        sink.report(codes.INCOMPLETE, message, serve.key_span(), help=advice)
    _check_platforms(serve, sink)
    tested = serve.words("tested_platforms")
    chosen = serve.get("platform")
    known = [name for name in tested if name in PLATFORMS]
    if (chosen is not None and chosen.value not in PLATFORMS) or (tested and not known and set(tested) <= {"wml"}):
        at = chosen.at if chosen is not None else serve.key_span("tested_platforms")
        name = chosen.value if chosen is not None else ", ".join(tested)
        message = f'"{name}" is nothing that a pipeline can deploy to'
        sink.report(codes.PLATFORM, message, at, help=f"it deploys to {', '.join(PLATFORMS)}")


# ------------------------------------------------------------------------------------------------- scoring, converting


def _check_scoring(model: Model, sink: Sink) -> None:
    """M16."""
    score = model.section("score")
    if score is None or not is_on(model, "score"):
        return
    source = score.get("model_features_schema_source")
    if source is None:
        _missing("a model that is scorable", "model_features_schema_source", score, sink)
        return
    found, local = source.get("scorable_model"), source.get("scorable_model_local")
    if found is None and local is None:
        _missing("a model that is scorable", "model_features_schema_source.scorable_model", source, sink)
    elif found is not None and found.get("url") is None:
        for key in ("data_store", "bucket", "data_store_file_paths"):
            if found.get(key) is None:
                _missing("a model that is scorable", f"model_features_schema_source.scorable_model.{key}", found, sink)


def _check_conversion(model: Model, sink: Sink) -> None:
    """M14."""
    convert = model.section("convert")
    if convert is None or not is_on(model, "convert"):
        return
    what = "a model that is to be converted"
    is_known = model.get("name") is not None and _says_its_source(model)
    if is_known and not is_on(model, "train") and not is_on(model, "serve"):
        message = f"{what} is trainable or servable, and this one is neither"
        sink.report(codes.INCOMPLETE, message, convert.key_span("onnx_convertable"))
    source = convert.get("model_source", "initial_model")
    _check_location(source, "model_source.initial_model", convert, what, sink)
    result = convert.get("onnx_converted_model", "onnx_model") or convert.get("model_source", "onnx_model")
    _check_location(result, "onnx_converted_model.onnx_model", convert, what, sink)
    tensors = [key for key in ("tf_inputs", "tf_outputs") if convert.get(key) is not None]
    framework = model.text_of("framework", "name").lower()
    path = source.text("path") if source is not None else ""
    if framework.startswith("tensorflow") and len(tensors) < 2:
        for key in ("tf_inputs", "tf_outputs"):
            if key not in tensors:
                _missing("the conversion of a TensorFlow model", key, convert, sink)
    _check_converter(convert, framework, path, sink)
    if path.endswith(_TORCH) and source is not None and (tensors or framework.startswith("tensorflow")):
        at = source.get("path")
        told = "TensorFlow's tensors are named" if tensors else "the model is said to be TensorFlow's"
        message = f'"{path}" is a file of PyTorch, and {told}'
        sink.report(codes.CONVERSION, message, at.at if at is not None else source.key_span())


def _check_converter(convert: View, framework: str, path: str, sink: Sink) -> None:
    """What converts the model: headrace's tool where it knows the framework, else a command."""
    if convert.get("command") is not None or not framework:
        return
    package = framework_of(framework, path)
    if package not in CONVERTERS:
        message = f'nothing here converts a model of "{framework}"'
        advice = "give convert a `command`, which makes $RESULT from $SOURCE"
        sink.report(codes.INCOMPLETE, message, convert.key_span("onnx_convertable"), help=advice)
    elif package == "torch" and convert.get("tf_inputs") is None:
        message = 'the conversion of a PyTorch model needs "tf_inputs": the shapes of what it takes'
        advice = "tf_inputs: {image: [1, 3, 224, 224]}; or a `command`, which makes $RESULT from $SOURCE"
        sink.report(codes.INCOMPLETE, message, convert.key_span("onnx_convertable"), help=advice)


def _says_its_source(model: Model) -> bool:
    """Whether the other sections are there to look at: a part file alone does not have them."""
    return (
        len(model.documents) > 2
        or any(model.section(name) is not None for name in ("train", "serve"))
        or (len(model.documents) == 1)
    )


# --------------------------------------------------------------------------------- references, credentials, images, hooks


def locations(model: Model) -> Iterable[View]:
    """Every place in a store that a section names."""
    for section, *path in (
        ("train", "model_source", "initial_model"),
        ("train", "model_training_results", "trained_model"),
        ("train", "data_source", "training_data"),
        ("serve", "model_source", "servable_model"),
        ("score", "model_features_schema_source", "scorable_model"),
        ("score", "model_features_schema_source", "scorable_model_local"),
        ("convert", "model_source", "initial_model"),
        ("convert", "model_source", "onnx_model"),
        ("convert", "onnx_converted_model", "onnx_model"),
    ):
        view = model.section(section)
        found = view.get(*path) if view is not None else None
        if found is not None:
            yield found


def _check_references(model: Model, sink: Sink) -> None:
    """M17: every store and every set of file paths is declared."""
    for found in locations(model):
        for key, kind in (("data_store", "data_stores"), ("data_store_file_paths", "data_store_file_paths")):
            _check_reference(found.get(key), kind, model, sink)
    for view in (model.section("train"), model.section("convert")):
        _check_reference(
            view.get("model_source", "data_store") if view is not None else None, "data_stores", model, sink
        )
    for section, key in (("train", "training_container_image"), ("serve", "serving_container_image")):
        view = model.section(section)
        store = view.get(key, "container_store") if view is not None else None
        _check_reference(store, "container_stores", model, sink)


def _check_reference(found: View | None, kind: str, model: Model, sink: Sink) -> None:
    if found is None or not found.is_text or found.value in model.named(kind):
        return
    known = model.named(kind)
    near = suggest(found.value, known)
    notes = () if near else (f"there is {', '.join(known) or 'none'}",)
    message = f'"{found.value}" is declared nowhere under "{kind}"'
    sink.report(codes.UNRESOLVED, message, found.at, suggestion=near, notes=notes)


def _check_credentials(model: Model, sink: Sink) -> None:
    """M24, in every file: what is merged away is written down as well."""
    for document in model.documents:
        stores = [*document.view.listed("data_stores"), *document.view.listed("convert", "data_stores")]
        for store in stores:
            for key in ("access_key_id", "secret_access_key"):
                found = store.get("connection", key)
                if found is not None:
                    check_placeholder(found, sink)
        for store in document.view.listed("container_stores"):
            found = store.get("connection", "container_registry_token")
            if found is not None:
                check_placeholder(found, sink)


def _check_images(model: Model, sink: Sink) -> None:
    """M23."""
    for section, key in (("train", "training_container_image"), ("serve", "serving_container_image")):
        view = model.section(section)
        found = view.get(key, "container_image_url") if view is not None else None
        if found is not None and found.value.strip():
            check_tag(found, sink)


def phase_of(name: str) -> tuple[str, str] | None:
    """The section and the side (`pre` or `post`) of a process by its name; None for what is no phase."""
    for side in ("pre", "post"):
        ending = f"_{side}_process"
        if name.endswith(ending) and name.removesuffix(ending) in PHASES:
            return PHASES[name.removesuffix(ending)], side
    return None


def _check_processes(model: Model, sink: Sink) -> None:
    for name, process in model.named("process").items():
        if phase_of(name) is None:
            known = [f"{phase}_{side}_process" for phase in PHASES for side in ("pre", "post")]
            at = process.get("name")
            message = f'"{name}" is no phase of a model'
            advice = None if suggest(name, known) else "write training_pre_process, serving_post_process, …"
            sink.report(
                codes.UNKNOWN_PHASE,
                message,
                at.at if at is not None else None,
                suggestion=suggest(name, known),
                help=advice,
            )
