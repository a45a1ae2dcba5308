"""The intermediate representation: what a repository's work is, in no source's and no target's words.

Every class is immutable and slotted. `None` means that the manifest said nothing, and so does `NOTHING` for a
collection (it is an empty tuple; `is NOTHING` tells it from one that was written empty). Collections are tuples only.
A node's `origin` stands outside equality and repr. Front ends make a Project; passes lower it step by step; what each
stage may hold is said at the classes: targets see pipelines of jobs whose references are resolved.
"""

from __future__ import annotations

from compiler.source import Origin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Literal, Never, Self, TypeAlias, dataclass_transform
else:

    def dataclass_transform(**_options):
        return lambda made: made


class _Nothing(tuple):  # type: ignore[type-arg]
    """The empty tuple that says that nothing was written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NOTHING"


NOTHING: tuple[Never, ...] = _Nothing()
_REQUIRED = object()
_OFTEN = 100  # nodes of one class: from then on a constructor of its own pays (it costs as much as they do)
_MANY = (
    8  # fields: from here on it pays to make a node as one of another class (the change of class costs as much as 4)
)
_UNCHANGED = object()
_new = object.__new__


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _NodeType(type):
    """Turns a class's annotations into slots and defaults. (38 dataclasses cost 34 ms at a cold start, these 1.)"""

    field_defaults: dict[str, Any]
    field_names: tuple[str, ...]  # without `origin`
    setters: dict[str, Any]  # each slot's own way past __setattr__

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _NodeType:
        own = {field: body.pop(field, _REQUIRED) for field in body.get("__annotations__", ())}
        body["__slots__"] = tuple(own)
        made = super().__new__(cls, name, bases, body)
        inherited = {
            field: value for base in reversed(bases) for field, value in getattr(base, "field_defaults", {}).items()
        }
        made.field_defaults = {**own, **inherited} if name != "Node" else own
        made.field_names = tuple(field for field in made.field_defaults if field != "origin")
        made.setters = {field: getattr(made, field).__set__ for field in made.field_defaults}
        return made

    def write_init(cls) -> None:
        """Give the class an `__init__` with its fields written out: three times as fast."""
        required = [name for name, default in cls.field_defaults.items() if default is _REQUIRED]
        given = [*required, *(f"{name}=default_{name}" for name in cls.field_defaults if name not in required)]
        known, opened, _, store, close = cls._ways_to_store()
        known |= {f"default_{name}": default for name, default in cls.field_defaults.items()}
        stores = "".join(f"    {store.format(name, 'self', name)}\n" for name in cls.field_defaults)
        exec(f"def __init__(self, *, {', '.join(given)}):\n{opened}{stores}{close.format('self')}", known)
        cls.__init__ = known["__init__"]  # type: ignore[misc]  # the one that is general, made special

    def write_replace(cls) -> None:
        """Give the class a `replace` with its fields written out."""
        known, _, made, store, close = cls._ways_to_store()
        kept = ((name, f"self.{name} if {name} is UNCHANGED else {name}") for name in cls.field_defaults)
        copies = "".join(f"    {store.format(name, 'made', value)}\n" for name, value in kept)
        unchanged = ", ".join(f"{name}=UNCHANGED" for name in cls.field_defaults)
        text = f"def replace(self, *, {unchanged}):\n    made = {made}\n{copies}{close.format('made')}    return made\n"
        exec(text, known)
        cls.replace = known["replace"]

    def _ways_to_store(cls) -> tuple[dict[str, Any], str, str, str, str]:
        """What the text of such a function names, and its words: to open a node, for a new one, to store, to close it."""
        known: dict[str, Any] = {"new": _new, "UNCHANGED": _UNCHANGED, "CLOSED": cls}
        if len(cls.field_defaults) < _MANY:
            known |= {f"put_{name}": put for name, put in cls.setters.items()}
            return known, "", "new(CLOSED)", "put_{0}({1}, {2})", ""
        known |= {"become": object.__dict__["__class__"].__set__, "OPEN": _open_classes.get(cls) or cls._opened()}
        return known, "    become(self, OPEN)\n", "new(OPEN)", "{1}.{0} = {2}", "    {0}.__class__ = CLOSED\n"

    def replacing(cls, count: int, *names: str) -> Callable[..., Any]:
        """A `replace` for so many nodes, of these fields and no others, given in this order behind the node.

        For many it is written out, three times as fast. Its text is names of fields: nothing of a manifest stands in it.
        """
        if count < _OFTEN:
            return lambda node, *values: node.replace(**dict(zip(names, values, strict=True)))
        made_for = _replacing.get((cls, names))
        if made_for is None:
            known, _, made, store, close = cls._ways_to_store()
            values = ((name, name if name in names else f"node.{name}") for name in cls.field_defaults)
            stores = "".join(f"    {store.format(name, 'made', value)}\n" for name, value in values)
            text = f"def replacing(node, {', '.join(names)}):\n    made = {made}\n{stores}"
            exec(f"{text}{close.format('made')}    return made\n", known)
            made_for = _replacing[cls, names] = known["replacing"]
        return made_for

    def _opened(cls) -> type:
        """A class of the same layout whose instances may be changed, for nodes that are being made.

        To a class without a `__setattr__` of its own the interpreter stores straight into a slot, six times as fast.
        """
        body = {
            "__slots__": vars(cls)["__slots__"],
            "__setattr__": object.__setattr__,
            "__delattr__": object.__delattr__,
        }
        made = _open_classes[cls] = type.__new__(type(cls), cls.__name__, cls.__bases__, body)
        return made


_replacing: dict[tuple[type, tuple[str, ...]], Callable[..., Any]] = {}  # by class and fields
_open_classes: dict[type, type] = {}  # by class, where one was asked for
_copied: dict[type, int] = {}  # copies of each class's nodes, as long as the general `replace` makes them
_made: dict[type, int] = {}  # nodes of each class, as long as the general constructor makes them


def _change(made: Node, changes: dict[str, Any]) -> None:
    setters = type(made).setters
    for name, value in changes.items():
        if name not in setters:
            raise TypeError(f"{type(made).__name__} has no {name}")
        setters[name](made, value)


class Node(metaclass=_NodeType):
    """Base of all IR classes: keyword arguments only, compared by value."""

    origin: Origin | None = None

    def __init__(self, **given: Any) -> None:
        cls = type(self)
        defaults = cls.field_defaults
        take = given.pop
        for name, put in cls.setters.items():
            value = take(name, defaults[name])
            if value is _REQUIRED:
                raise TypeError(f"{cls.__name__} needs {name}")
            put(self, value)
        if given:
            raise TypeError(f"{cls.__name__} has no {sorted(given)}")
        count = _made[cls] = _made.get(cls, 0) + 1
        if count == _OFTEN:
            cls.write_init()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return self is other or all(getattr(self, name) == getattr(other, name) for name in type(self).field_names)

    def __hash__(self) -> int:
        return hash((type(self).__name__, *(getattr(self, name) for name in type(self).field_names)))

    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name in type(self).field_names)
        inner = ", ".join(f"{name}={value!r}" for name, value in shown if value is not None and value is not NOTHING)
        return f"{type(self).__name__}({inner})"

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        cls = type(self)
        count = _copied[cls] = _copied.get(cls, 0) + 1
        if count == _OFTEN:
            cls.write_replace()
        made = _new(cls)
        for name, put in type(self).setters.items():
            put(made, getattr(self, name))
        _change(made, changes)
        return made


def fields(cls: type[Node]) -> tuple[str, ...]:
    """The names of a class's fields in order, without `origin`."""
    return cls.field_names


# ---------------------------------------------------------------------------------------------------------------- text


class Ref(Node):
    """A hole in text: `{{ kind.name }}`.

    kind: `parameters`, `matrix`, `git` (commit, short, branch, tag, ref, default_branch, repository, event), `run`
    (id, attempt, url), `sidecars` (name, with member host or port), `images` (a built environment's image reference,
    digest where it is known), `project` (name, version).
    """

    kind: str
    name: str
    member: str | None = None


if TYPE_CHECKING:
    Text: TypeAlias = "tuple[str | Ref, ...]"  # literal pieces and holes; () is the empty text


# ---------------------------------------------------------------------------------------------------------- conditions


class And(Node):
    terms: tuple[Condition, ...]


class Or(Node):
    terms: tuple[Condition, ...]


class Not(Node):
    term: Condition


class Compare(Node):
    """`subject == literal`, `subject != literal` (operator), or with `in` one of several."""

    subject: str  # event, branch, tag, parameters.NAME
    operator: Literal["==", "!=", "in"]
    values: tuple[str, ...]


class Matches(Node):
    """The branch or tag as a whole against a glob (`*` within a segment, `**` across, `?`)."""

    subject: str
    glob: str


class Changed(Node):
    """One of the paths changed: against the merge base on a change request, the previous head on a push, else true."""

    globs: tuple[str, ...]


class Truth(Node):
    """A bool parameter that is true."""

    subject: str


if TYPE_CHECKING:
    Condition: TypeAlias = "And | Or | Not | Compare | Matches | Changed | Truth"
EVENTS = ("push", "change_request", "schedule", "manual", "call", "pipeline")


# ------------------------------------------------------------------------------------------------- what a project names


class Parameter(Node):
    """A typed input of a pipeline. Values are kept as the text that a person would type."""

    name: str
    type: Literal["string", "int", "float", "bool", "choice"] = "string"
    default: str | None = None
    choices: tuple[str, ...] = NOTHING
    minimum: str | None = None
    maximum: str | None = None
    required: bool | None = None
    help: str | None = None


class Secret(Node):
    """A reference to a value that lives elsewhere. Without a store it is the CI's own secret of that name.

    `path` and `key` say where a store holds it. Of the CI's own, `key` is the name that it has there, and `path`, as
    NAME/KEY, the Kubernetes secret that holds it where the CI's secrets are a cluster's.
    """

    name: str
    store: Literal["ci", "vault", "kubernetes", "env"] | None = None
    path: str | None = None
    key: str | None = None


class Identity(Node):
    """Cloud access without keys. `settings` are the provider's own words: role; provider, service_account; …"""

    name: str
    provider: Literal["aws", "gcp", "azure", "kubernetes"]
    settings: tuple[tuple[str, str], ...] = NOTHING


class EnvVar(Node):
    name: str
    value: Text


class Build(Node):
    """How an image is built. Paths are relative to the repository's root.

    With `generate` the Dockerfile is rendered from the environment's own fields: `command` is what the image runs,
    `checks` are commands that must succeed in it before it is done. A pass puts the rendered file into `file`.
    """

    context: str | None = None
    file: str | None = None
    target: str | None = None
    args: tuple[EnvVar, ...] = NOTHING
    secrets: tuple[SecretUse, ...] = NOTHING
    platforms: tuple[str, ...] = NOTHING
    generate: bool | None = None
    command: tuple[str, ...] = NOTHING
    checks: tuple[tuple[str, ...], ...] = NOTHING


class Publish(Node):
    """Where an image is pushed. `tags`: commit, branch, tag, version, latest, release, or text with holes."""

    repository: Text | None = None
    tags: tuple[Text, ...] = NOTHING
    registry: str | None = None
    identity: str | None = None
    provenance: bool | None = None


class Environment(Node):
    """A job's software: a product of image, Python, installer and set-up, each of which may be said or not.

    `image` is a reference. After the passes `image` is always known; a built environment's is
    `Ref("images", NAME)`, and `python` tells whether the image's Python is known.

    With `prebuild` its packages are in the image already. A pass then says in `base` what that image is made from.
    """

    name: str | None = None
    image: Text | None = None
    python: str | None = None
    installer: Literal["uv", "pip", "poetry", "pipenv", "conda", "mlflow"] | None = None
    file: str | None = None
    groups: tuple[str, ...] = NOTHING
    extras: tuple[str, ...] = NOTHING
    apt: tuple[str, ...] = NOTHING
    prelude: tuple[str, ...] = NOTHING  # made by a pass: lines that bring Python into an image without it
    setup: tuple[Text, ...] = NOTHING
    working_directory: str | None = None
    build: Build | None = None
    publish: Publish | None = None
    prebuild: bool | None = None
    base: Text | None = None  # made by a pass: the image below the one that holds the packages
    credentials: str | None = None  # a secret that holds the registry's login
    platform: str | None = None


class Store(Node):
    """A place for what is too large for a CI's artifacts, or that outlives a run."""

    name: str
    kind: Literal["ci", "s3", "gcs", "azure", "pvc", "dvc", "lfs"]
    url: str | None = None
    identity: str | None = None
    mount: str | None = None


class Dataset(Node):
    name: str
    path: str
    produced_by: str | None = None
    store: str | None = None
    version: str | None = None
    state: Literal["active", "deprecated", "archived"] | None = None
    size: int | None = None  # nano-bytes, as every quantity
    checksum: str | None = None


# ----------------------------------------------------------------------------------------------------------- a job's body


class Script(Node):
    """Shell text. Lines run under `set -eu`. Holes are variables: the front end has checked that a shell expands them."""

    lines: Text
    shell: Literal["sh", "bash"] | None = None  # set by passes from the job's


class Switch(Node):
    """An argument that is there only when a value known at run time is `true`: a bool parameter for a store_true flag."""

    when: Ref
    word: str


class Exec(Node):
    """One program with exact arguments, no shell. Its switches, where they are on, stand before `argv[switches_at]`."""

    argv: tuple[Text, ...]
    switches: tuple[Switch, ...] = NOTHING
    switches_at: int = 1


class Argument(Node):
    """One `with:` entry of an entry point. `values` has several for a list; `flag` is set for a Boolean literal.

    Listed without values it takes the axis or the parameter of its name.
    """

    name: str
    values: tuple[Text, ...] = ()
    flag: bool | None = None
    listed: bool = False


class Entry(Node):
    """A Python script with its arguments by name. A pass reads its interface and makes an Exec of it."""

    script: str | None = None
    module: str | None = None
    launch: Literal["python", "torchrun", "accelerate"] | None = None
    arguments: tuple[Argument, ...] = NOTHING


class BuildImage(Node):
    """Build an image and push it where `publish` says (never on a change request).

    With an environment and an empty `build` it is that environment's: before the passes only.
    """

    build: Build
    publish: Publish | None = None
    environment: str | None = None  # the environment whose image this is: what `Ref("images", NAME)` means
    software: Environment | None = None  # made by a pass: what the image holds, where `prebuild` asks for it


def dockerfile_of(build: Build) -> str:
    """The path of a build's Dockerfile: where none is named, that of its context."""
    return build.file or (f"{build.context}/Dockerfile" if build.context not in (None, ".", "") else "Dockerfile")


class Deploy(Node):
    """Roll something out. `documents` are repository paths of Kubernetes documents, for gitops of any files and folders.

    `image` names the environment whose built image's digest the job sets in them, where its placeholder stands. `replaces`
    does the same for documents that name images otherwise: (environment, the reference as the documents have it).
    """

    platform: Literal["kubernetes", "knative", "kserve", "seldon", "apply", "gitops"]
    to: str | None = None  # the deployment environment: production, staging
    cluster: str | None = None
    namespace: str | None = None
    documents: tuple[str, ...] = NOTHING
    image: str | None = None
    replaces: tuple[tuple[str, str], ...] = NOTHING
    branch: str | None = None  # gitops: the branch that is committed to
    repository: str | None = None  # gitops: another repository than this
    message: str | None = None  # gitops: what the commit says
    health: str | None = None  # a URL path or URL that must answer after the rollout
    url: str | None = None
    service: str | None = None
    restart: bool | None = None  # what runs is replaced even where its documents are as before


def deployed_images(deploy: Deploy) -> tuple[str, ...]:
    """The environments whose built images a deployment sets in its documents, each once."""
    own = () if deploy.image is None else (deploy.image,)
    return tuple(dict.fromkeys((*own, *(environment for environment, _ in deploy.replaces))))


class Call(Node):
    """Run another pipeline of this project and wait for it."""

    pipeline: str
    parameters: tuple[EnvVar, ...] = NOTHING


class Tool(Node):
    """Run one of headrace's own tools (compiler/tools.py) over the repository's files, with exact arguments.

    A pass makes a Support of it.
    """

    name: str
    arguments: tuple[Text, ...] = NOTHING


class Support(Node):
    """Run one of headrace's own scripts (targets/runtime) with exact arguments. Made by passes only."""

    script: str
    arguments: tuple[Text, ...] = NOTHING
    refs: tuple[Ref, ...] = NOTHING  # values that the script reads from its variables


if TYPE_CHECKING:
    Action: TypeAlias = "Script | Exec | Entry | BuildImage | Deploy | Call | Tool | Support"


class Need(Node):
    """A job that must have ended well. `legs`: all, same (paired by shared axes), or picked values by axis."""

    job: str
    artifacts: bool | None = None  # None: outputs arrive
    optional: bool | None = None
    legs: Literal["all", "same"] | tuple[tuple[str, str], ...] | None = None


class SecretUse(Node):
    """A secret in one job: as a variable (`env`) or as a file (`file`): an absolute path, or one from the root."""

    secret: str
    env: str | None = None
    file: str | None = None
    optional: bool | None = None  # a variable: the job also runs where nobody keeps a value, then it is empty or unset


class Permission(Node):
    """What the CI's own token may do in this job."""

    scope: str
    access: Literal["read", "write", "none"]


class Accelerator(Node):
    count: int
    vendor: str | None = None  # nvidia (default), amd, intel, google
    kind: str | None = None  # a100, t4
    memory: int | None = None  # nano-bytes a device


class Amounts(Node):
    """Quantities in nano-units: cores, bytes."""

    cpu: int | None = None
    memory: int | None = None
    storage: int | None = None


class Resources(Node):
    request: Amounts | None = None
    limit: Amounts | None = None
    shm: int | None = None  # nano-bytes
    accelerator: Accelerator | None = None
    spot: bool | None = None
    runner: str | None = None  # forces one entry of the target's runners


class Volume(Node):
    """A volume that exists (`name`) or is made for the job (`size`), at an absolute path in the job."""

    name: str
    path: str
    size: int | None = None
    read_only: bool | None = None


class Input(Node):
    """A path that the job reads. With a store it is fetched from there (a dataset of that version)."""

    path: Text
    store: str | None = None
    dataset: str | None = None
    version: str | None = None


class Artifact(Node):
    """Something that the job leaves behind. `path` is relative to the repository's root."""

    path: Text
    kind: Literal["file", "directory", "dataset", "model", "metrics"] | None = None
    keep: int | None = None  # seconds
    store: str | None = None
    size: int | None = None  # nano-bytes
    per_leg: bool | None = None
    name: str | None = None
    dataset: str | None = None  # made by a pass: which dataset it is, where a store holds it for other runs
    version: str | None = None  # and which version; nothing said: the latest


class ChangedFiles(Node):
    """All files that the job adds or changes below some paths (AME's saveChangedFiles)."""

    paths: tuple[str, ...] = NOTHING
    keep: int | None = None


class Cache(Node):
    """Skip the job where its content key is unchanged and its outputs are held."""

    enabled: bool = True
    max_age: int | None = None  # seconds
    store: str | None = None
    share: bool | None = None


class Matrix(Node):
    """Legs = product of the axes, minus `exclude`, plus `include` as whole legs. Values are text."""

    axes: tuple[tuple[str, tuple[str, ...]], ...] = NOTHING
    include: tuple[tuple[tuple[str, str], ...], ...] = NOTHING
    exclude: tuple[tuple[tuple[str, str], ...], ...] = NOTHING
    max_parallel: int | None = None


class Retry(Node):
    max: int
    on: tuple[Literal["runner", "timeout", "failure"], ...] = NOTHING  # nothing said: any failure
    exit_codes: tuple[int, ...] = NOTHING


class Resume(Node):
    paths: tuple[str, ...]
    every: int | None = None  # seconds
    store: str | None = None


class Approval(Node):
    to: str | None = None  # the deployment environment whose approvers decide


class Lock(Node):
    name: str
    limit: int | None = None


class Sidecar(Node):
    """A service beside the job; the job starts when its port answers."""

    name: str
    image: Text
    port: int | None = None
    env: tuple[EnvVar, ...] = NOTHING
    command: tuple[Text, ...] = NOTHING


class Metric(Node):
    name: str
    slice: tuple[tuple[str, str], ...] = NOTHING
    baseline: bool = False


class Number(Node):
    value: str  # a decimal as written
    unit: str | None = None


class Difference(Node):
    left: Term
    right: Term


class Absolute(Node):
    term: Term


if TYPE_CHECKING:
    Term: TypeAlias = "Metric | Number | Difference | Absolute"


class Objective(Node):
    """A comparison over a job's metrics file that must hold."""

    left: Term
    operator: Literal[">=", "<=", ">", "<", "==", "!="]
    right: Term
    tolerance: Number | None = None


class Job(Node):
    """One unit of work. Before the passes any field may be None; what `environment` names is then a text.

    Resolved (what targets see): `action` is none of Entry, Tool or None; `environment` is an Environment with an image, or None
    for actions that bring their own; `needs` holds every edge, with producers of inputs and datasets; `inputs` and
    `outputs` have final paths; `timeout` is set; `extends` is None; `condition` includes what events the job's pipeline
    gives it.
    """

    name: str
    action: Action | None = None
    extends: str | None = None
    environment: Environment | str | None = None
    working_directory: str | None = None
    shell: Literal["sh", "bash"] | None = None
    platform: str | None = None
    needs: tuple[Need, ...] = NOTHING
    run_on: Literal["success", "failure", "always"] | None = None
    condition: Condition | None = None
    env: tuple[EnvVar, ...] = NOTHING
    secrets: tuple[SecretUse, ...] = NOTHING
    identity: Identity | str | None = None
    permissions: tuple[Permission, ...] = NOTHING
    resources: Resources | None = None
    volumes: tuple[Volume, ...] = NOTHING
    inputs: tuple[Input, ...] = NOTHING
    outputs: tuple[Artifact | ChangedFiles, ...] = NOTHING
    datasets: tuple[str, ...] = NOTHING
    cache: Cache | None = None
    matrix: Matrix | None = None
    retry: Retry | None = None
    timeout: int | None = None  # seconds, an attempt
    resume: Resume | None = None
    allow_failure: bool | None = None
    approval: Approval | None = None
    lock: Lock | None = None
    sidecars: tuple[Sidecar, ...] = NOTHING
    objectives: tuple[Objective, ...] = NOTHING
    nodes: int | None = None  # machines that run it together, as one job


# ---------------------------------------------------------------------------------------------------- triggers, pipelines


class OnPush(Node):
    branches: tuple[str, ...] = NOTHING  # globs; nothing said: the default branch
    tags: tuple[str, ...] = NOTHING  # globs; nothing said: all tags
    paths: tuple[str, ...] = NOTHING


class OnChangeRequest(Node):
    branches: tuple[str, ...] = NOTHING  # of the branch that would be changed
    paths: tuple[str, ...] = NOTHING


class OnSchedule(Node):
    cron: str
    timezone: str | None = None
    parameters: tuple[tuple[str, str], ...] = NOTHING


class OnManual(Node):
    pass


class OnCall(Node):
    pass


class OnPipeline(Node):
    """After another pipeline of this project ended well."""

    pipeline: str


if TYPE_CHECKING:
    Trigger: TypeAlias = "OnPush | OnChangeRequest | OnSchedule | OnManual | OnCall | OnPipeline"


class Concurrency(Node):
    group: Text | None = None
    cancel: bool | None = None


class Pipeline(Node):
    """A graph of jobs with its triggers. `members` names jobs of the project's pool until a pass puts them into `jobs`."""

    name: str
    jobs: tuple[Job, ...] = NOTHING
    members: tuple[str, ...] = NOTHING
    triggers: tuple[Trigger, ...] = NOTHING
    parameters: tuple[Parameter, ...] = NOTHING
    env: tuple[EnvVar, ...] = NOTHING
    concurrency: Concurrency | None = None
    attest: Literal["unsigned", "signed"] | None = None  # a last job writes what the run was made from


# --------------------------------------------------------------------------------- what passes lower: models, services, …


class Probe(Node):
    """A request that a running service must answer."""

    path: str
    method: str | None = None
    body: str | None = None
    status: int | None = None
    contains: str | None = None


class Rollout(Node):
    """How a service or model is deployed: `deploy:` of a service or model, lowered to a Deploy job."""

    platform: Literal["kubernetes", "knative", "kserve", "seldon", "apply", "gitops"]
    to: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    documents: tuple[str, ...] = NOTHING
    ingress: Ingress | None = None
    branch: str | None = None
    repository: str | None = None
    approve: bool | None = None
    restart: bool | None = None


class Ingress(Node):
    host: str | None = None
    path: str | None = None
    tls: bool | None = None
    secret: str | None = None
    annotations: tuple[tuple[str, str], ...] = NOTHING
    class_name: str | None = None


class Service(Node):
    """A synchronous service: built, smoke-tested, published, deployed.

    `function` is MODULE:NAME or FILE.py:NAME, a Python function that headrace's own server answers with; `model` is the path
    of what that function gets as its model.
    """

    name: str
    environment: Environment | str | None = None
    function: str | None = None
    model: str | None = None
    command: tuple[Text, ...] = NOTHING
    port: int | None = None
    user: int | None = None  # the number of the user that it runs as; nothing said: the image's own
    replicas: int | None = None
    resources: Resources | None = None
    env: tuple[EnvVar, ...] = NOTHING
    secrets: tuple[SecretUse, ...] = NOTHING
    health: str | None = None
    smoke: Probe | Script | None = None
    deploy: Rollout | None = None
    needs: tuple[Need, ...] = NOTHING
    stored_model: str | None = None  # where the model lies that the platform's own server loads, instead of an image
    framework: str | None = None  # what the model is of: sklearn, tensorflow, …


class Model(Node):
    """The life of a model: each step is a job, by name or in place."""

    name: str
    train: Job | str | None = None
    validate: Job | str | None = None
    test: Job | str | None = None
    objectives: tuple[Objective, ...] = NOTHING
    package: Job | str | None = None
    deploy: Rollout | Job | str | None = None


LIFECYCLE_STEPS = (
    "codify_objectives",
    "data_ingestion",
    "data_analysis",
    "data_transformation",
    "data_validation",
    "data_splitting",
    "training",
    "evaluation",
    "testing",
    "packaging",
    "serving",
    "monitoring",
    "logging",
)


class Lifecycle(Node):
    """Which job does which of the thirteen steps. The objectives judge evaluation and testing, each for itself."""

    steps: tuple[tuple[str, str], ...] = NOTHING
    objectives: tuple[Objective, ...] = NOTHING


# ------------------------------------------------------------------------------------------- settings beside the work


class Runner(Node):
    """A kind of machine that the target offers. `select` is opaque: tags, labels, node_selector, tolerations."""

    name: str | None = None
    select: tuple[tuple[str, Any], ...] = NOTHING
    executor: Literal["kubernetes", "docker", "shell", "hosted"] | None = None
    platform: str | None = None
    cpu: int | None = None
    memory: int | None = None
    accelerator: Accelerator | None = None
    gpu: bool | None = None  # `gpu: true`: any accelerator
    resource: str | None = None  # the resource's name where a cluster has its own: nvidia.com/mig-1g.5gb
    spot: bool | None = None
    overwrite: bool | None = None


class Settings(Node):
    """`targets.T`: where compiled files go and what runs them. `options` are the target's own plain settings."""

    target: str
    output: str | None = None
    registry: str | None = None
    store: str | None = None
    runners: tuple[Runner, ...] = NOTHING
    options: tuple[tuple[str, Any], ...] = NOTHING  # namespace, service_account, repository, credentials, container, …
    overlay: Any = None  # plain data: {"pipeline": …, "jobs": {NAME: …}}
    include: tuple[str, ...] = NOTHING


class Include(Node):
    """Other manifests to compile with this one: a path or a glob from the repository's root."""

    path: str
    dialect: str | None = None


class Rendered(Node):
    """A file that is rendered at compile time and committed: Kubernetes documents under deploy/, a Dockerfile.

    `documents` are data for a YAML file; `text` is a file that is none, whose comments begin with "#"; `script` is one of
    headrace's own (targets/runtime), whole.
    """

    path: str
    documents: tuple[Any, ...] = ()
    text: str | None = None
    script: str | None = None


class Project(Node):
    """Everything that one manifest (or module repository) says.

    Front ends fill what their dialect knows. Passes move it all into `pipelines`; targets read `name`, `pipelines`,
    `secrets`, `identities`, `stores`, `images` and their own entry of `settings`.
    """

    name: str
    manifest: str = ""  # the manifest's path from the repository's root
    folder: str = ""  # the manifest's folder from the repository's root, "" or "a/b"
    requires: str | None = None  # the versions of headrace that may compile it, as written
    manifests: tuple[Include, ...] = NOTHING
    jobs: tuple[Job, ...] = NOTHING  # the pool that pipelines pick from
    pipelines: tuple[Pipeline, ...] = NOTHING
    templates: tuple[Job, ...] = NOTHING
    defaults: Job | None = None
    parameters: tuple[Parameter, ...] = NOTHING
    env: tuple[EnvVar, ...] = NOTHING
    secrets: tuple[Secret, ...] = NOTHING
    identities: tuple[Identity, ...] = NOTHING
    environments: tuple[Environment, ...] = NOTHING
    stores: tuple[Store, ...] = NOTHING
    datasets: tuple[Dataset, ...] = NOTHING
    models: tuple[Model, ...] = NOTHING
    services: tuple[Service, ...] = NOTHING
    lifecycle: Lifecycle | None = None
    settings: tuple[Settings, ...] = NOTHING
    rendered: tuple[Rendered, ...] = NOTHING
    pins: tuple[tuple[str, str], ...] = NOTHING  # made by a pass: images, and the digests by which they are named


def walk(root: Node) -> Iterator[Node]:
    """Every node below a node, itself first, in field order. Iterative."""
    stack: list[Any] = [root]
    pop, push = stack.pop, stack.append
    while stack:
        item = pop()
        if type(item) is tuple:
            for inner in reversed(item):
                if type(inner) is tuple or isinstance(inner, Node):
                    push(inner)
            continue
        yield item
        for name in reversed(item.field_names):
            value = getattr(item, name)
            if value and (type(value) is tuple or isinstance(value, Node)):
                push(value)


def holes(root: Node | tuple[Any, ...]) -> Iterator[Ref]:
    """Every hole in a node or in several, in the order of `walk`, by way of the fields that can lead to one."""
    stack: list[Any] = [root]
    pop, push = stack.pop, stack.append
    while stack:
        item = pop()
        kind = type(item)
        if kind is tuple:
            for inner in reversed(item):
                of = type(inner)
                text = inner.value if of is EnvVar else inner
                if of is str or (type(text) is tuple and len(text) == 1 and type(text[0]) is str):
                    continue  # a literal, as most texts are
                if _below.get(of) is _no_values:
                    continue
                push(inner)
        elif kind is Ref:
            yield item
        else:
            values_of = _below.get(kind)
            for value in filter(None, _values_below(kind)(item) if values_of is None else values_of(item)):
                if type(value) is not str and _below.get(type(value)) is not _no_values:
                    push(value)


_ways: dict[type, tuple[str, ...]] = {}  # by class: the fields below which a hole may stand, the last first
_below: dict[type, Callable[[Any], tuple[Any, ...]]] = {}  # by class: what gives the values of those fields


def _values_below(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    from operator import attrgetter

    ways = _find_ways(kind)
    one = attrgetter(*ways) if ways else None  # gives a tuple where there are several
    _below[kind] = one if one and len(ways) > 1 else (lambda item: (one(item),)) if one else _no_values
    return _below[kind]


def _no_values(_item: Any) -> tuple[Any, ...]:
    return ()


def _find_ways(kind: type) -> tuple[str, ...]:
    """By the words of the annotations: a field leads to no hole where each is a builtin's or such a class's."""
    if not issubclass(kind, Node):
        return ()
    _ways[kind] = kind.field_names[::-1]  # as long as its own fields are looked at
    _ways[kind] = tuple(
        name for name in kind.field_names[::-1] if _may_lead_to_ref(kind.__annotations__.get(name, "Any"))
    )
    return _ways[kind]


_BARE = frozenset(("str", "str | None", "int | None", "bool | None", "tuple[str, ...]"))


def _may_lead_to_ref(annotation: str) -> bool:
    if annotation in _BARE:
        return False
    words = "".join(c if c.isalnum() or c == "_" else " " for c in annotation).split()
    for word in words:
        known = globals().get(word)
        if known is Ref or (word[0].isupper() and word not in ("None", "Literal") and not isinstance(known, _NodeType)):
            return True
        if isinstance(known, _NodeType) and (_ways[known] if known in _ways else _find_ways(known)):
            return True
    return False
