"""What must hold across a module's components: the rules F04 to F28."""

from __future__ import annotations

from posixpath import dirname, join

from compiler import codes as core
from compiler import graph, reader
from compiler.diagnostics import ERROR, WARNING, Label, suggest
from compiler.frontends.unip import codes
from compiler.frontends.unip.fields import API_KINDS, SAMPLE_REQUEST, Part
from compiler.frontends.unip.module import Component, Module
from compiler.frontends.unip.shell import DIRECT
from compiler.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from compiler.diagnostics import Code
    from compiler.yamltree import Slot

VARIABLE_PREFIX = "UNIP_PIPELINE_"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def check(module: Module) -> None:
    for service in module.services.values():
        _check_service(service, module)
    for pipeline in module.pipelines.values():
        _check_pipeline(pipeline, module)
    _check_apis(module)
    _check_chains(module)
    for pipeline in module.pipelines.values():
        check_variables(pipeline, module)
    _check_reachable(module)
    for scaling in module.scalings.values():
        _check_scaling(scaling, module)


def variable(name: str) -> str:
    """The environment variable of a pipeline's variable."""
    return VARIABLE_PREFIX + name.upper().replace("-", "_")


def unknown(
    what: str, name: str, known: Iterable[str], at: Slot, module: Module, code: Code = codes.UNKNOWN_REFERENCE
) -> None:
    """Report a name that nothing has, with the nearest one that something has, and where that stands."""
    named = known.get if isinstance(known, dict) else lambda _: None
    known = list(known)
    near = suggest(name, known)
    notes = () if near or not known else (f"there is {', '.join(sorted(known)[:12])}",)
    other = named(near) if near else None
    place = other.metadata if isinstance(other, Component) else other
    labels = () if place is None else (Label(place.at("name").span_here, "this one is there"),)
    module.sink.report(code, f'"{name}" is no {what}', at, labels=labels, suggestion=near, notes=notes)


# ----------------------------------------------------------------------------------------------- images, boxes, variables


def image_of(owner: Part, what: str, module: Module) -> str | None:
    """F04: the image by its reference."""
    image = owner.get("image")
    name: str | None = image.get("existingImageName") if image is not None else None
    if name is None:
        if not owner.has("image") or (image is not None and not image.has("existingImageName")):
            advice = "write `image: {existingImageName: REGISTRY/IMAGE:TAG}`"
            module.sink.report(codes.IMAGE, f"{what} has no image", owner.at("image"), help=advice)
        return None
    at = image.at("existingImageName")
    if any(c.isspace() for c in name) or name.startswith(("-", "http://", "https://")):
        module.sink.report(codes.IMAGE, f"{reader.shown(name)} is no reference of an image", at)
        return None
    tag = tag_of(name)
    if "@" not in name and tag in (None, "latest"):
        why = "has no tag" if tag is None else "has the tag latest"
        advice = "name the short hash of the commit that it is built from"
        module.sink.report(codes.MOVING_IMAGE, f'"{name}" {why}: it may be another image tomorrow', at, help=advice)
    return name


def tag_of(image: str) -> str | None:
    """A reference's tag: what follows the colon of its last part."""
    last = image.partition("@")[0].rpartition("/")[2]
    return last.partition(":")[2] or None


def _check_boxes(owner: Part, module: Module) -> set[str]:
    """F18: the boxes that a component is connected to."""
    names = set()
    for name, at in owner.get("connectedBoxes", ()):
        names.add(name)
        if name not in module.boxes:
            unknown("DataBox of this module", name, module.boxes, at, module)
    return names


def _check_env(owner: Part, taken: dict[str, Slot], module: Module) -> None:
    """F21: what a person sets, beside what the platform sets."""
    for entry in owner.get("env", ()):
        name, at = entry.get("name"), entry.at("name")
        if name is None:
            continue
        if name.startswith(VARIABLE_PREFIX):
            message = f'"{name}" is the platform\'s own: variables that begin with {VARIABLE_PREFIX} hold paths'
            module.sink.report(codes.VARIABLE_NAME, message, at)
        elif name in taken:
            labels = (Label(taken[name].span_here, "the other one is here"),)
            module.sink.report(codes.VARIABLE_NAME, f'"{name}" stands twice', at, labels=labels)
        elif not (name.replace("_", "a").isascii() and name.replace("_", "a").isalnum()) or name[0].isdigit():
            module.sink.report(core.BAD_NAME, f"{reader.shown(name)} is no variable's name", at)
        taken.setdefault(name, at)


# -------------------------------------------------------------------------------------------------------------- services


def _check_service(service: Component, module: Module) -> None:
    spec = service.spec
    image_of(spec, f'the MLComponent "{service.name}"', module)
    boxes = _check_boxes(spec, module)
    _check_env(spec, {}, module)
    box = spec.get("modelBox")
    if box is None and spec.has("modelPath"):
        message = f'"{service.name}" names the path of a model, and no box that it lies in'
        module.sink.report(codes.MODEL, message, spec.at("modelPath"), help="add `modelBox`")
    elif box is not None:
        name, at = box
        if not spec.has("modelPath"):
            message = f'"{service.name}" names the box of a model, and no path in it: its function gets no model'
            module.sink.report(codes.MODEL, message, at, severity=WARNING, help="add `modelPath`")
        if name not in module.boxes:
            unknown("DataBox of this module", name, module.boxes, at, module)
        elif name not in boxes:
            message = f'the model of "{service.name}" lies in "{name}", which is none of its connectedBoxes'
            module.sink.report(codes.MODEL, message, at, severity=WARNING)
    _check_function(service, module)


def function_file(service: Component, module: Module) -> tuple[str, str] | None:
    """The file of a component's inference function, and its name; None where the repository has no such file."""
    from compiler.frontends.unip.images import context_of

    settings = service.spec.get("mlService")
    written = settings.get("inferenceFunction") if settings is not None else None
    if written is None:
        return None
    where, _, name = written.replace(":", ".").rpartition(".")
    tail = where.replace(".", "/")
    context = context_of(service.spec, module)
    beside = dirname(service.file)
    for base in dict.fromkeys((*(() if context is None else (context,)), module.folder, beside, "")):
        for folder in (base, join(base, "src")):
            for path in (f"{tail}.py", f"{tail}/__init__.py"):
                if tail and module.repository.is_file(join(folder, path)):
                    return join(folder, path), name
    return None


def _check_function(service: Component, module: Module) -> None:
    """F26 and F27."""
    from compiler.inference import read_function, request_problems

    settings = service.spec.get("mlService")
    written = settings.get("inferenceFunction") if settings is not None else None
    if written is None:
        return
    at = settings.at("inferenceFunction")
    found = function_file(service, module)
    if found is None:
        message = f'"{written}" is in no file of the repository: "{service.name}" is not smoke-tested'
        module.sink.report(codes.DOCSTRING, message, at, severity=WARNING)
        return
    file, name = found
    source = module.repository.source(file, module.sink)
    if source is None:
        return
    interface, problems = read_function(source.text, file, name)
    for problem in problems:
        start = source.offset(problem.line, problem.column)
        labels = (Label(at.span_here, f'"{service.name}" serves it'),)
        place = Span(source, start, start + 1)
        module.sink.report(codes.DOCSTRING, problem.message, place, labels=labels, help=problem.help)
    request = sample_request(service, module)
    if interface is None or problems or request is None:
        return
    slot, text = request
    for wrong in request_problems(interface, text):
        module.sink.report(codes.REQUEST, wrong, slot)


def sample_request(service: Component, module: Module) -> tuple[Slot, str] | None:
    """The file of a request that a person wrote for the smoke test, named by an annotation."""
    slot = service.annotation(SAMPLE_REQUEST)
    if slot is None or not isinstance(slot.value, str):
        return None
    path = join(module.folder, str(slot.value))
    if not module.repository.is_file(path):
        module.sink.report(core.MISSING_FILE, f'"{path}" {module.repository.absence(path)}', slot)
        return None
    source = module.repository.source(path, module.sink)
    return None if source is None else (slot, source.text.strip())


# ------------------------------------------------------------------------------------------------------------- pipelines


def apis_of(kind: str, name: str, module: Module) -> list[Component]:
    """The APIComponents of a component."""
    return [api for api in module.apis.values() if api.spec.get(kind) is not None and api.spec.get(kind)[0] == name]


def names_of(uses: Iterable[Part]) -> list[str]:
    return [use.get("name") for use in uses if use.get("name") is not None]


def variables_of(pipeline: Component) -> dict[str, Part]:
    return {one.get("name"): one for one in pipeline.spec.get("vars", ()) if one.get("name") is not None}


def writers_of(pipeline: Component) -> dict[str, list[tuple[str, Part]]]:
    """Which stages write each variable, and where they say it."""
    found: dict[str, list[tuple[str, Part]]] = {}
    for stage in pipeline.spec.get("stages", ()):
        for use in stage.get("outputs", ()):
            if use.get("name") is not None:
                found.setdefault(use.get("name"), []).append((stage.get("name", ""), use))
    return found


def followers(pipeline: Component, module: Module) -> list[Component]:
    """The pipelines that go on after one, in order, each once, without the one itself."""
    found: list[Component] = []
    waiting = [pipeline]
    while waiting:
        for name, _ in followed_by(waiting.pop(0)):
            after = module.pipelines.get(name)
            if after is not None and after is not pipeline and after not in found:
                found.append(after)
                waiting.append(after)
    return found


def predecessors(chain: list[Component]) -> dict[str, list[Component]]:
    """Of each pipeline of a chain those that go before it, the nearest first."""
    direct: dict[str, list[Component]] = {one.name: [] for one in chain}
    for one in chain:
        for name in dict.fromkeys(name for name, _ in followed_by(one)):
            if name in direct and name != one.name:
                direct[name].append(one)
    found: dict[str, list[Component]] = {}
    for one in chain:
        before = {member.name: member for member in direct[one.name]}
        waiting = list(before.values())
        for member in waiting:  # it grows: the nearest come first
            for other in direct[member.name]:
                if other.name not in before and other is not one:
                    before[other.name] = other
                    waiting.append(other)
        found[one.name] = waiting
    return found


def leaders(module: Module) -> dict[str, list[Component]]:
    """Of each pipeline those that it goes on after, however far before it."""
    if module.leaders is None:
        module.leaders = predecessors(list(module.pipelines.values()))
    return module.leaders


def passed_on(pipeline: Component, module: Module) -> set[str]:
    """What the pipelines after one may get from it by name: its variables, and what its API gives them."""
    return {*variables_of(pipeline), *api_names(pipeline, "inputs", module)}


def followed_by(pipeline: Component) -> list[tuple[str, Slot]]:
    found: list[tuple[str, Slot]] = pipeline.spec.get("continueWith", [])
    return found


def _check_pipeline(pipeline: Component, module: Module) -> None:
    spec, sink = pipeline.spec, module.sink
    known = variables_of(pipeline)
    _check_boxes(spec, module)
    _check_variable_names(pipeline, module)
    seen: dict[str, Slot] = {}
    used: set[str] = set()
    if not spec.get("stages"):
        sink.report(core.MISSING_KEY, f'the ExperimentPipeline "{pipeline.name}" has no stage', spec.at("stages"))
    for stage in spec.get("stages", ()):
        name = stage.get("name")
        if name is None:
            continue
        if name in seen:
            labels = (Label(seen[name].span_here, "the other one is here"),)
            message = f'two stages of "{pipeline.name}" are named "{name}"'
            sink.report(codes.DUPLICATE, message, stage.at("name"), labels=labels)
        seen.setdefault(name, stage.at("name"))
        image_of(stage, f'the stage "{name}"', module)
        taken = {variable(one): stage.at() for key in ("inputs", "outputs") for one in names_of(stage.get(key, ()))}
        _check_env(stage, taken, module)
        for use in (*stage.get("inputs", ()), *stage.get("outputs", ())):
            one = use.get("name")
            if one is not None and one not in known:
                what = f'variable of "{pipeline.name}"'
                unknown(what, one, known, use.at("name"), module, codes.UNKNOWN_VARIABLE)
            used.add(one)
    for one, part in known.items():
        if one not in used:
            message = f'no stage of "{pipeline.name}" reads or writes "{one}"'
            sink.report(codes.UNUSED_VARIABLE, message, part.at("name"))
        _check_mount(part, module)
    for one, writers in writers_of(pipeline).items():
        for stage_name, use in writers[1:]:
            labels = (Label(writers[0][1].at("name").span_here, f'"{writers[0][0]}" writes it here'),)
            message = f'"{one}" is written by "{writers[0][0]}" and by "{stage_name}"'
            sink.report(codes.TWO_WRITERS, message, use.at("name"), labels=labels)
    _check_cycle(pipeline, module)


def _check_variable_names(pipeline: Component, module: Module) -> None:
    """F21: no two variables become one."""
    seen: dict[str, Part] = {}
    for part in pipeline.spec.get("vars", ()):
        name = part.get("name")
        if name is None:
            continue
        if not _NAME.issuperset(name) or not (name[0].isalpha()):
            message = f"{reader.shown(name)} is no name of a variable"
            advice = "letters, digits, _ and -, a letter first: it becomes an environment variable"
            module.sink.report(core.BAD_NAME, message, part.at("name"), help=advice)
            continue
        other = seen.setdefault(variable(name), part)
        if other is part:
            continue
        labels = (Label(other.at("name").span_here, "the other one is here"),)
        told = "stands twice in vars" if other.get("name") == name else f'and "{other.get("name")}" are one'
        module.sink.report(codes.VARIABLE_NAME, f'"{name}" {told}: {variable(name)}', part.at("name"), labels=labels)


def _check_mount(part: Part, module: Module) -> None:
    """F18: the box that a variable is mounted from."""
    mount = part.get("mountFrom")
    if mount is None:
        return
    box = mount.get("box")
    if box is not None and box[0] not in module.boxes:
        unknown("DataBox of this module", box[0], module.boxes, box[1], module)


def _check_cycle(pipeline: Component, module: Module) -> None:
    """F09: an edge from A to B where B reads what A writes."""
    writers = {name: [one for one, _ in found] for name, found in writers_of(pipeline).items()}
    stages = {stage.get("name"): stage for stage in pipeline.spec.get("stages", ()) if stage.get("name") is not None}
    edges = {
        name: [one for read in names_of(stage.get("inputs", ())) for one in writers.get(read, ()) if one in stages]
        for name, stage in stages.items()
    }
    for cycle in graph.cycles(edges):
        circle = " -> ".join([*reversed(cycle), cycle[-1]])
        labels = tuple(Label(stages[name].at("name").span_here, "it waits, too") for name in cycle[1:])
        message = f'stages of "{pipeline.name}" wait for one another: {circle}'
        module.sink.report(codes.CYCLE, message, stages[cycle[0]].at("name"), labels=labels)


def api_names(pipeline: Component, side: str, module: Module) -> dict[str, Part]:
    """The inputs or outputs that the APIs of a pipeline name."""
    found: dict[str, Part] = {}
    for api in apis_of("experimentPipeline", pipeline.name, module):
        spec = api.spec.get("apiSpec")
        for one in spec.get(side, ()) if spec is not None else ():
            if one.get("name") is not None:
                found.setdefault(one.get("name"), one)
    return found


def is_required(name: str, pipeline: Component, module: Module) -> bool:
    """Whether every API of a pipeline that names an input requires it, as an input does that says nothing."""
    return all(one.get("required", True) for one in _inputs(name, pipeline, module))


def datatypes_of(name: str, pipeline: Component, module: Module) -> tuple[str, ...]:
    """The datatypes of an input whose value is given itself; none for one that may be a file, or that says nothing."""
    found: list[str] = []
    for one in _inputs(name, pipeline, module):
        kind = one.get("type")
        listed = kind.get("datatypes") if kind is not None else None
        if not listed or not set(listed) <= set(DIRECT):
            return ()
        found += listed
    return tuple(dict.fromkeys(found))


def _inputs(name: str, pipeline: Component, module: Module) -> list[Part]:
    specs = (api.spec.get("apiSpec") for api in apis_of("experimentPipeline", pipeline.name, module))
    return [one for spec in specs if spec is not None for one in spec.get("inputs", ()) if one.get("name") == name]


def check_variables(pipeline: Component, module: Module) -> None:
    """F08, F10 and F13: what a stage reads is written, given by the API, or mounted from a box."""
    given = api_names(pipeline, "inputs", module)
    claimed = api_names(pipeline, "outputs", module)  # one that no stage writes is reported there
    apis = apis_of("experimentPipeline", pipeline.name, module)
    if any(not api.spec.has("apiSpec") for api in apis):
        return  # what the call gives is not known
    writers = writers_of(pipeline)
    known = variables_of(pipeline)
    for name, written in writers.items():
        if name in given:
            labels = (Label(given[name].at("name").span_here, "the API gives it here"),)
            message = f'"{name}" is given by the API and written by "{written[0][0]}"'
            module.sink.report(codes.TWO_WRITERS, message, written[0][1].at("name"), labels=labels)
    told: set[str] = set()
    passed = set() if apis else {one for before in leaders(module)[pipeline.name] for one in passed_on(before, module)}
    for stage in pipeline.spec.get("stages", ()):
        for use in stage.get("inputs", ()):
            name = use.get("name")
            if name not in known or name in {*writers, *given, *claimed, *told, *passed}:
                continue
            if known[name].has("mountFrom"):
                continue
            told.add(name)
            labels = (Label(known[name].at("name").span_here, "it is declared here"),)
            if apis:
                message = f'"{stage.get("name")}" reads "{name}", which nothing fills'
                advice = "let a stage write it, name it in an apiSpec's inputs, or mount it from a box"
                module.sink.report(codes.UNBOUND_INPUT, message, use.at("name"), labels=labels, help=advice)
            else:
                message = f'no API names "{name}", so that it is internal, and no stage of "{pipeline.name}" writes it'
                advice = "write it in a stage, mount it from a box, or publish the pipeline with it as an input"
                module.sink.report(codes.INTERNAL, message, use.at("name"), labels=labels, help=advice)
                module.told.add(pipeline.name)


# ------------------------------------------------------------------------------------------------------------------ APIs


def _check_apis(module: Module) -> None:
    paths: dict[str, Component] = {}
    for api in module.apis.values():
        kinds = [kind for kind in API_KINDS if api.spec.has(kind)]
        if len(kinds) != 1:
            told = f"it is of {len(kinds)} kinds: {', '.join(kinds)}" if kinds else "it is of none"
            message = f'an APIComponent is of one kind, "{api.name}" is not: {told}'
            at = api.spec.at(kinds[1]) if kinds else api.spec.slot
            advice = f"exactly one of {', '.join(API_KINDS)}"
            module.sink.report(codes.API_KIND, message, at, help=advice)
            continue
        if kinds[0] == "mlComponent":
            _check_service_api(api, paths, module)
        elif kinds[0] == "experimentPipeline":
            _check_pipeline_api(api, module)
        if kinds[0] != "experimentPipeline" and api.spec.has("apiSpec"):
            message = f'an apiSpec is for one pipeline, "{api.name}" is an API of {kinds[0]}'
            module.sink.report(codes.API_SPEC, message, api.spec.at("apiSpec"))


def _check_service_api(api: Component, paths: dict[str, Component], module: Module) -> None:
    """F17, F18 and F24."""
    found = api.spec.get("mlComponent")
    if found is not None and found[0] not in module.services:
        unknown("MLComponent of this module", found[0], module.services, found[1], module)
    restful = api.spec.get("restfulApi")
    path = restful.get("path") if restful is not None else None
    if path is None:
        at = restful.slot if restful is not None else api.spec.slot
        message = f'"{api.name}" publishes an MLComponent without a path'
        module.sink.report(codes.API_PATH, message, at, help="write `restfulApi: {path: NAME}`")
        return
    name = path.strip("/")
    if not name or any(not _NAME.issuperset(part) or not part for part in name.split("/")):
        message = f"{reader.shown(path)} is no segment of a URL's path"
        module.sink.report(codes.API_PATH, message, restful.at("path"), help="letters, digits, _ and -")
        return
    other = paths.setdefault(name, api)
    if other is not api:
        labels = (Label(other.spec.get("restfulApi").at("path").span_here, "the other one is here"),)
        message = f'"{other.name}" and "{api.name}" are published at one path, "{name}"'
        module.sink.report(codes.SAME_PATH, message, restful.at("path"), labels=labels)


def _check_pipeline_api(api: Component, module: Module) -> None:
    """F11, F12, F14, F15 and F18."""
    found = api.spec.get("experimentPipeline")
    spec = api.spec.get("apiSpec")
    if not api.spec.has("apiSpec"):
        message = f'"{api.name}" publishes a pipeline without an apiSpec, which says how it is called'
        module.sink.report(codes.API_SPEC, message, api.spec.at("experimentPipeline"))
    if found is None:
        return
    name, at = found
    pipeline = module.pipelines.get(name)
    if pipeline is None:
        unknown("ExperimentPipeline of this module", name, module.pipelines, at, module)
        return
    if spec is None:
        return
    chain = [pipeline, *followers(pipeline, module)]
    known = {one: part for member in reversed(chain) for one, part in variables_of(member).items()}
    written = {one: [member for member in chain if one in writers_of(member)] for one in known}
    sides: dict[str, Part] = {}
    for side in ("inputs", "outputs"):
        for one in spec.get(side, ()):
            _check_api_variable(one, side, name, known, written, sides, module)


def _check_api_variable(
    one: Part,
    side: str,
    pipeline: str,
    known: dict[str, Part],
    written: dict[str, list[Component]],
    seen: dict[str, Part],
    module: Module,
) -> None:
    name, at = one.get("name"), one.at("name")
    if name is None:
        return
    if name in seen:
        labels = (Label(seen[name].at("name").span_here, "the other one is here"),)
        module.sink.report(codes.BOTH_SIDES, f'"{name}" stands twice in the apiSpec', at, labels=labels)
        return
    seen[name] = one
    if name not in known:
        unknown(f'variable of "{pipeline}"', name, known, at, module, codes.API_VARIABLE)
    elif side == "outputs" and not written[name]:
        labels = (Label(known[name].at("name").span_here, "the variable is declared here"),)
        message = f'"{name}" is an output, and no stage writes it'
        module.sink.report(codes.UNWRITTEN_OUTPUT, message, at, labels=labels)
    elif side == "outputs" and len(written[name]) > 1 and written[name][0].name != pipeline:
        first, other = (writers_of(member)[name][0][1].at("name").span_here for member in written[name][:2])
        both = (Label(first, "it is written here"), Label(other, "and here"))
        message = f'"{name}" is an output, and both "{written[name][0].name}" and "{written[name][1].name}" write it'
        module.sink.report(codes.TWO_WRITERS, message, at, labels=both, help="give the variables names of their own")
    elif side == "outputs" and is_file(known[name]):
        mount = known[name].get("mountFrom")
        message = f'"{name}" is an output, and is mounted at the file "{mount.get("path")}": an output is a directory'
        module.sink.report(codes.UNWRITTEN_OUTPUT, message, mount.at("path"), help="end the path in /")


def is_file(part: Part) -> bool:
    """Whether a variable is mounted from a file: a path of several segments that does not end in /."""
    mount = part.get("mountFrom")
    path = mount.get("path") if mount is not None else None
    return path is not None and "/" in path.strip("/") and not path.endswith("/")


def _check_chains(module: Module) -> None:
    """F18 and F19."""
    edges: dict[str, list[str]] = {}
    for pipeline in module.pipelines.values():
        for name, at in pipeline.spec.get("continueWith", ()):
            if name not in module.pipelines:
                unknown("ExperimentPipeline of this module", name, module.pipelines, at, module)
                continue
            edges.setdefault(pipeline.name, []).append(name)
            if name != pipeline.name:
                _check_passed(pipeline, module.pipelines[name], at, module)
    for cycle in graph.cycles({name: edges.get(name, []) for name in module.pipelines}):
        circle = " -> ".join([*cycle, cycle[0]])
        first = module.pipelines[cycle[0]]
        labels = tuple(
            Label(module.pipelines[name].spec.at("continueWith").span_here, "on to here") for name in cycle[1:]
        )
        message = f"pipelines go on in a circle: {circle}"
        module.sink.report(codes.CONTINUATION, message, first.spec.at("continueWith"), labels=labels)


def _check_passed(first: Component, second: Component, at: Slot, module: Module) -> None:
    """What the second pipeline of a chain reads and does not make is passed on by name, given by the API, or mounted."""
    known = {name for one in (first, *leaders(module)[first.name]) for name in passed_on(one, module)}
    own, writers = variables_of(second), writers_of(second)
    optional = {name for name in api_names(second, "inputs", module) if not is_required(name, second, module)}
    for name in dict.fromkeys(
        name for stage in second.spec.get("stages", ()) for name in names_of(stage.get("inputs", ()))
    ):
        if name not in own or name in writers or name in known or name in optional:
            continue
        if own[name].has("mountFrom"):
            continue
        labels = (Label(own[name].at("name").span_here, "it is declared here"),)
        message = (
            f'"{second.name}" reads "{name}", which "{first.name}" does not pass on: it has no variable of that name'
        )
        near = suggest(name, sorted(known))
        module.sink.report(codes.CONTINUATION, message, at, labels=labels, suggestion=near)


def _check_reachable(module: Module) -> None:
    """F23 and F25."""
    followed = {name for one in module.pipelines.values() for name, _ in one.spec.get("continueWith", ())}
    for kind, components in (("mlComponent", module.services), ("experimentPipeline", module.pipelines)):
        named = [api.spec.get(kind)[0] for api in module.apis.values() if api.spec.get(kind) is not None]
        if any(name not in components for name in named):
            continue  # one that is meant for another name may be the one that is missed
        for name, component in components.items():
            apis = apis_of(kind, name, module)
            at = component.metadata.at("name")
            if not apis and name not in followed and name not in module.told:
                message = f'no APIComponent publishes "{name}": nobody can call it'
                module.sink.report(codes.NOT_REACHABLE, message, at)
            elif len(apis) == 1 and apis[0].spec.get("published") is False:
                labels = (Label(at.span_here, "it is this component's only one"),)
                message = f'"{apis[0].name}" is not published: calls of "{name}" do not work'
                module.sink.report(codes.UNPUBLISHED, message, apis[0].spec.at("published"), labels=labels)


# --------------------------------------------------------------------------------------------------------------- scaling


def _check_scaling(scaling: Component, module: Module) -> None:
    """F28."""
    spec, sink = scaling.spec, module.sink
    declared = set(names_of(spec.get("prometheusMetrics", ())))
    states = spec.get("states", [])
    if spec.has("states") and not states:
        sink.report(codes.SCALING, f'"{scaling.name}" has no state', spec.at("states"))
    replicas = {state.get("replicas") for state in states}
    for state in states:
        for transition in state.get("transitions", ()):
            following = transition.get("nextState")
            if following is not None and not 1 <= following <= len(states) and following not in replicas:
                message = f'"nextState" {following} is no state of "{scaling.name}": it has {len(states)}'
                sink.report(codes.SCALING, message, transition.at("nextState"))
            conditions = transition.get("conditions")
            if conditions is not None:
                _check_conditions(conditions, declared, module)
    target = spec.get("target")
    if target is None or target.get("name") is None:
        return
    if target.get("name") not in {**module.services, **module.pipelines}:
        message = f'"{target.get("name")}" is no component of this module'
        near = suggest(target.get("name"), [*module.services, *module.pipelines])
        sink.report(codes.SCALING, message, target.at("name"), severity=WARNING, suggestion=near)
    if target.get("namespace") not in (None, module.namespace):
        message = f'"{target.get("namespace")}" is another namespace than the module\'s, "{module.namespace}"'
        sink.report(codes.SCALING, message, target.at("namespace"), severity=WARNING)


def _check_conditions(conditions: Part, declared: set[str], module: Module) -> None:
    sides = [key for key in ("allConditions", "anyCondition") if conditions.has(key)]
    if len(sides) != 1:
        told = "both allConditions and anyCondition stand here" if sides else "there is no condition"
        advice = "exactly one of allConditions and anyCondition"
        at = conditions.at(sides[1]) if sides else conditions.slot
        module.sink.report(codes.SCALING, told, at, severity=ERROR, help=advice)
    for side in sides:
        for condition in conditions.get(side, ()):
            metric = condition.get("metric")
            if metric is not None and metric not in ("cpu", "memory") and metric not in declared:
                known = ["cpu", "memory", *sorted(declared)]
                unknown(
                    "metric: cpu, memory, or one of prometheusMetrics",
                    metric,
                    known,
                    condition.at("metric"),
                    module,
                    codes.SCALING,
                )
