"""What is written reads back: every fixture, and whatever project a manifest can say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler import condition, cron, ir, objective
from compiler.frontends import native
from compiler.frontends.native.writing import write
from compiler.ir import Ref
from tests.native import GOOD, project, read


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name}/{path.name}")
@pytest.mark.parametrize("unit", ["headrace.yaml", "some/where/headrace.yaml"])
def test_fixtures_read_back(path: Any, unit: str) -> None:
    first = project(path.read_text(encoding="utf-8"), unit)
    text = write(first)
    assert project(text, unit) == first
    assert write(project(text, unit)) == text


def test_what_is_not_said_stays_unsaid() -> None:
    text = "version: 1\nname: hello\njobs:\n  greet:\n    run: echo hello\n"
    assert native.write(project(text)) == text


def test_what_is_written_empty_stays_so() -> None:
    text = "version: 1\nname: a\njobs:\n  b:\n    needs: []\n    run: x\n    outputs: []\n"
    assert write(project(text)) == text


def test_numbers_and_words_are_as_people_write_them() -> None:
    text = (
        "version: 1\nname: a\nparameters:\n  b:\n    type: float\n    default: 0.5\n    minimum: 0\n"
        'jobs:\n  c:\n    matrix:\n      python: ["3.10", 3.11, 3]\n    run: ["true", 1, x]\n'
        "pipelines:\n  d:\n    on: [push, manual]\n"
    )
    assert write(project(text)) == text


def test_paths_are_relative_to_the_manifest() -> None:
    text = "version: 1\nname: a\njobs:\n  b:\n    inputs: [x/y, /z, /, .]\n    run: x\n"
    again = write(project(text, "sub/headrace.yaml"))
    assert 'inputs: [x/y, /z, /, "."]' in again
    assert project(again, "sub/headrace.yaml") == project(text, "sub/headrace.yaml")


def test_what_only_passes_make_is_refused() -> None:
    made = ir.Project(name="a", jobs=(ir.Job(name="b", action=ir.Support(script="gate")),))
    with pytest.raises(ValueError, match='"b"'):
        write(made)


# ------------------------------------------------------------------------------------------- whatever a manifest can say

NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,6}", fullmatch=True)
VARIABLE = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True)
LITERAL = st.one_of(
    st.text("abcN019 .-+e:#'\"{}[]$\\\n\t,&*!|>%@`é☃", max_size=12),
    st.sampled_from(["true", "null", "~", "1e3", "0x10", "3.10", "0.5", "-1", "007", "on", "y", "{{ x }}", "${{ a }}"]),
)
FILLED = LITERAL.filter(lambda text: bool(text.strip()) and "{{ git" not in text)
REFS = st.one_of(
    st.builds(lambda kind, name: Ref(kind=kind, name=name), st.sampled_from(["parameters", "matrix", "images"]), NAME),
    st.builds(lambda name: Ref(kind="sidecars", name=name, member="port"), NAME),
    st.just(Ref(kind="git", name="commit")),
)


def merged(pieces: list[str | Ref]) -> tuple[str | Ref, ...]:
    """No two literal pieces side by side, and none that is empty."""
    out: list[str | Ref] = []
    for piece in pieces:
        if isinstance(piece, str) and out and isinstance(out[-1], str):
            out[-1] += piece
        elif piece != "":
            out.append(piece)
    return tuple(out)


TEXT = st.lists(st.one_of(LITERAL, REFS), max_size=4).map(merged)
SAID = TEXT.filter(lambda text: any(not isinstance(piece, str) or piece.strip() for piece in text))
PLAIN = st.text("abc019 .:-#'\"", max_size=8)
SCRIPT = st.one_of(
    FILLED.map(lambda text: (text,)),
    st.builds(lambda before, ref: merged([before, ref]), st.sampled_from(["echo ", "", "x --a="]), REFS),
)
SEGMENT = st.from_regex(r"[a-z0-9_][a-z0-9_. -]{0,4}[a-z0-9]", fullmatch=True)
PATH = st.lists(SEGMENT, min_size=1, max_size=3).map("/".join)
PATH_TEXT = st.builds(
    lambda path, ref, tail: merged([path + "/", ref, tail]) if ref else (path,), PATH, st.none() | REFS, st.just(".csv")
)
SECONDS = st.integers(1, 10**6)
NANO = st.one_of(st.integers(0, 64).map(lambda count: count * 10**9), st.integers(1, 99).map(lambda count: count << 60))
ENV = st.dictionaries(VARIABLE.filter(lambda name: len(name) < 5), TEXT, max_size=3).map(
    lambda found: tuple(ir.EnvVar(name=name, value=value) for name, value in found.items())
)
CONDITIONS = st.sampled_from(
    ["event == 'push'", "not parameters.x or tag != ''", "changed('a/**') and branch in ['x y', 3]"]
).map(condition.parse)
OBJECTIVES = st.sampled_from(["accuracy >= 0.9", "abs(a - b) <= 0.1 within 0.01", "'x y' < 2"]).map(objective.parse)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def some(strategy: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[Any]:
    return st.just(ir.NOTHING) | st.lists(strategy, min_size=least, max_size=3).map(tuple)


def node(kind: type[ir.Node], /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(fields).map(lambda given: kind(**given))


def pairs(value: st.SearchStrategy[str] = PLAIN) -> st.SearchStrategy[Any]:
    return st.dictionaries(NAME, value, max_size=3).map(lambda found: tuple(found.items()))


BOOL = maybe(st.booleans())
USES = some(
    st.one_of(
        st.builds(lambda secret, env: ir.SecretUse(secret=secret, env=env), NAME, VARIABLE),
        st.builds(lambda secret: ir.SecretUse(secret=secret, file="/run/x y"), NAME),
    )
)
BUILD = node(
    ir.Build, context=maybe(PATH), file=maybe(PATH), target=maybe(FILLED), args=st.just(ir.NOTHING) | ENV, secrets=USES
)
PUBLISH = node(ir.Publish, repository=maybe(SAID), tags=some(SAID), registry=maybe(FILLED), provenance=BOOL)
ENVIRONMENT = node(
    ir.Environment,
    image=maybe(SAID),
    python=st.sampled_from([None, "3.10", "3", "3.11.2"]),
    installer=st.sampled_from([None, "uv", "mlflow"]),
    file=maybe(PATH),
    groups=some(FILLED),
    apt=some(st.sampled_from(["git", "g++", "7zip"])),
    setup=some(SCRIPT),
    prebuild=BOOL,
    credentials=maybe(FILLED),
)
NEED = node(
    ir.Need,
    job=FILLED,
    artifacts=BOOL,
    optional=BOOL,
    legs=st.one_of(st.sampled_from([None, "all", "same"]), pairs()),
)
ARGUMENTS = st.one_of(
    st.dictionaries(
        NAME,
        st.one_of(
            st.booleans().map(lambda flag: {"flag": flag}),
            TEXT.map(lambda text: {"values": (text,)}),
            st.lists(TEXT, min_size=1, max_size=3).map(lambda texts: {"values": tuple(texts), "listed": True}),
        ),
        max_size=3,
    ).map(lambda found: tuple(ir.Argument(name=name, **given) for name, given in found.items())),
    st.lists(NAME, max_size=3).map(lambda names: tuple(ir.Argument(name=name, listed=True) for name in names)),
)
ACTIONS = st.one_of(
    node(ir.Script, lines=SCRIPT),
    node(ir.Exec, argv=st.lists(TEXT, min_size=1, max_size=3).map(tuple)),
    node(ir.Entry, script=PATH, launch=st.sampled_from([None, "torchrun"]), arguments=st.just(ir.NOTHING) | ARGUMENTS),
    node(ir.Entry, module=st.just("pkg.train")),
    node(ir.BuildImage, build=BUILD, publish=maybe(PUBLISH)),
    node(ir.BuildImage, build=st.just(ir.Build()), environment=NAME),
    node(
        ir.Deploy,
        platform=st.sampled_from(["kubernetes", "gitops"]),
        to=maybe(FILLED),
        documents=some(PATH),
        health=maybe(FILLED),
    ),
    node(ir.Call, pipeline=NAME, parameters=st.just(ir.NOTHING) | ENV),
)
AMOUNTS = node(ir.Amounts, cpu=maybe(NANO), memory=maybe(NANO), storage=maybe(NANO))
ACCELERATOR = node(
    ir.Accelerator,
    count=st.integers(1, 8),
    kind=maybe(FILLED),
    memory=maybe(NANO),
    vendor=st.sampled_from([None, "amd"]),
)


def ordered(resources: ir.Resources) -> bool:
    """No request above its limit."""
    asked, most = resources.request, resources.limit
    found = [(getattr(asked, key, None), getattr(most, key, None)) for key in ("cpu", "memory", "storage")]
    return all(one is None or other is None or one <= other for one, other in found)


RESOURCES = node(
    ir.Resources,
    request=maybe(AMOUNTS),
    limit=maybe(AMOUNTS),
    shm=maybe(NANO),
    accelerator=maybe(ACCELERATOR),
    spot=BOOL,
    runner=maybe(NAME),
).filter(ordered)
OUTPUT = st.one_of(
    node(
        ir.Artifact,
        path=PATH_TEXT,
        kind=st.sampled_from([None, "model", "metrics"]),
        keep=maybe(SECONDS),
        size=maybe(NANO),
        per_leg=st.sampled_from([None, True]),
        name=maybe(NAME),
    ),
    node(ir.ChangedFiles, paths=st.lists(PATH, min_size=1, max_size=2).map(tuple), keep=maybe(SECONDS)),
)
AXES = st.dictionaries(
    NAME.map(lambda name: "x" + name), st.lists(PLAIN, max_size=3).map(tuple), min_size=1, max_size=3
)
MATRIX = node(
    ir.Matrix,
    axes=AXES.map(lambda found: tuple(found.items())),
    include=some(pairs()),
    exclude=some(pairs()),
    max_parallel=maybe(st.integers(1, 9)),
)
BODY: dict[str, st.SearchStrategy[Any]] = {
    "environment": st.one_of(st.none(), FILLED, ENVIRONMENT),
    "working_directory": maybe(PATH),
    "shell": st.sampled_from([None, "sh", "bash"]),
    "platform": st.sampled_from([None, "linux/arm64"]),
    "needs": some(NEED),
    "run_on": st.sampled_from([None, "always"]),
    "condition": maybe(CONDITIONS),
    "env": st.just(ir.NOTHING) | ENV,
    "secrets": USES,
    "identity": maybe(FILLED),
    "permissions": some(node(ir.Permission, scope=st.just("contents"), access=st.just("read"))).map(
        lambda found: found[:1]
    ),
    "resources": maybe(RESOURCES),
    "volumes": some(node(ir.Volume, name=NAME, path=st.just("/v"), size=maybe(NANO), read_only=BOOL)),
    "inputs": some(node(ir.Input, path=PATH_TEXT)),
    "outputs": some(OUTPUT),
    "datasets": some(FILLED),
    "cache": maybe(st.one_of(st.just(ir.Cache(enabled=False)), node(ir.Cache, max_age=maybe(SECONDS), share=BOOL))),
    "matrix": maybe(MATRIX),
    "retry": maybe(node(ir.Retry, max=st.integers(0, 9), on=some(st.sampled_from(["runner", "timeout"])))),
    "timeout": maybe(SECONDS),
    "resume": maybe(node(ir.Resume, paths=st.just(("a",)), every=maybe(SECONDS), store=maybe(FILLED))),
    "allow_failure": BOOL,
    "approval": maybe(node(ir.Approval, to=maybe(FILLED))),
    "lock": maybe(node(ir.Lock, name=NAME, limit=maybe(st.integers(1, 9)))),
    "sidecars": some(node(ir.Sidecar, name=NAME, image=SAID, port=maybe(st.integers(1, 65535)), env=ENV)),
    "objectives": some(OBJECTIVES),
}


@st.composite
def bodies(draw: st.DrawFn, action: bool = True) -> dict[str, Any]:
    """A job's fields: a few of all, so that examples stay small."""
    chosen = draw(st.lists(st.sampled_from(sorted(BODY)), max_size=6, unique=True))
    found = {name: draw(BODY[name]) for name in chosen}
    return {**found, "action": draw(ACTIONS)} if action else found


JOBS = st.builds(lambda name, body: ir.Job(name=name, **body), NAME, bodies())
TRIGGERS = st.one_of(
    node(ir.OnPush, branches=some(FILLED), tags=some(FILLED), paths=some(PATH, 1)),
    node(ir.OnChangeRequest, branches=some(FILLED), paths=some(PATH, 1)),
    node(
        ir.OnSchedule,
        cron=st.sampled_from(["*/5 * * * *", "0 4 1 * 1-5"]).map(lambda text: cron.text(cron.parse(text))),
        timezone=st.sampled_from([None, "Europe/Berlin"]),
        parameters=st.just(ir.NOTHING) | pairs(),
    ),
    st.just(ir.OnManual()),
    st.just(ir.OnCall()),
    node(ir.OnPipeline, pipeline=NAME),
)
PARAMETERS = node(
    ir.Parameter,
    name=NAME,
    type=st.just("string"),
    default=maybe(PLAIN),
    required=BOOL,
    help=maybe(PLAIN),
) | node(ir.Parameter, name=NAME, type=st.just("int"), default=maybe(st.integers().map(str)))
DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(1 - 2**53, 2**53 - 1), st.floats(-1e9, 1e9), LITERAL),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(PLAIN.filter(lambda key: key != "<<"), inner, max_size=3)
    ),
    max_leaves=8,
)
SETTINGS = node(
    ir.Settings,
    target=st.sampled_from(["gitlab", "argo"]),
    output=maybe(PATH),
    registry=maybe(FILLED),
    runners=some(
        node(
            ir.Runner,
            name=maybe(NAME),
            select=st.sampled_from([ir.NOTHING, (("tags", ["a", "b"]),), (("node_selector", {"a": "b"}),)]),
            cpu=maybe(NANO),
            accelerator=maybe(ACCELERATOR),
            spot=BOOL,
        )
    ),
    overlay=maybe(st.dictionaries(PLAIN, DATA, max_size=2).map(lambda found: {"pipeline": found})),
)


def unique(strategy: st.SearchStrategy[Any], key: str = "name") -> st.SearchStrategy[Any]:
    lists = st.lists(strategy, max_size=3, unique_by=lambda one: getattr(one, key)).map(tuple)
    return st.just(ir.NOTHING) | lists


@st.composite
def pipelines(draw: st.DrawFn) -> ir.Pipeline:
    jobs = draw(unique(JOBS))
    members = draw(some(FILLED, 1 if jobs else 0))
    return ir.Pipeline(
        name=draw(NAME),
        members=members,
        jobs=jobs or ir.NOTHING,
        triggers=draw(some(TRIGGERS)),
        parameters=draw(unique(PARAMETERS)),
        concurrency=draw(maybe(node(ir.Concurrency, group=maybe(SAID), cancel=BOOL))),
    )


STEP = st.one_of(st.none(), FILLED)
ROLLOUT = node(
    ir.Rollout,
    platform=st.just("kserve"),
    to=maybe(FILLED),
    documents=some(PATH),
    ingress=maybe(node(ir.Ingress, host=maybe(FILLED), tls=BOOL, annotations=st.just(ir.NOTHING) | pairs())),
    approve=BOOL,
)
PROJECTS = node(
    ir.Project,
    name=NAME,
    manifest=st.just("headrace.yaml"),
    jobs=unique(JOBS),
    templates=unique(st.builds(lambda name, body: ir.Job(name=name, **body), NAME, bodies(False))),
    defaults=maybe(bodies(False).map(lambda body: ir.Job(name="defaults", **body))),
    parameters=unique(PARAMETERS),
    env=st.just(ir.NOTHING) | ENV,
    environments=unique(st.builds(lambda name, found: found.replace(name=name), NAME, ENVIRONMENT)),
    datasets=unique(node(ir.Dataset, name=NAME, path=PATH, version=maybe(FILLED), size=maybe(NANO))),
    models=unique(node(ir.Model, name=NAME, train=STEP, objectives=some(OBJECTIVES), deploy=maybe(ROLLOUT))),
    services=unique(
        node(
            ir.Service,
            name=NAME,
            command=some(TEXT, 1),
            port=maybe(st.integers(1, 65535)),
            resources=maybe(RESOURCES),
            smoke=st.one_of(
                st.none(), node(ir.Script, lines=SCRIPT), node(ir.Probe, path=st.just("/x"), body=maybe(FILLED))
            ),
            deploy=maybe(ROLLOUT),
        )
    ),
    pipelines=unique(pipelines()),
    settings=unique(SETTINGS, "target"),
)


def unsaid(one: Any) -> list[tuple[str, str]]:
    """The collections of which nothing is said, which equality does not tell from empty ones."""
    found = [
        (type(item).__name__, name)
        for item in ir.walk(one)
        for name in ir.fields(type(item))
        if getattr(item, name) is ir.NOTHING
    ]
    return sorted(found)


@given(PROJECTS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_whatever_a_manifest_can_say_reads_back(made: ir.Project) -> None:
    text = write(made)
    again, sink = read(text)
    assert [one for one in sink.diagnostics if one.code.number != "HR3032"] == [], text
    assert again == made, text
    assert unsaid(again) == unsaid(made), text
