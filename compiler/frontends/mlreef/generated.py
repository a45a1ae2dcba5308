"""A `.mlreef.yml` that MLReef's platform generated, read as what it does: its run lines, or the image that it builds.

What only kept that platform informed (its callbacks, its own daemon, its push of everything) is left out, and so is every
secret: where one stands is said.
"""

from __future__ import annotations

from itertools import pairwise
from posixpath import normpath

from compiler import codes as core
from compiler import reader, yamltree
from compiler.credentials import check_source
from compiler.diagnostics import Sink
from compiler.frontends.mlreef import codes
from compiler.frontends.mlreef.modules import legal
from compiler.frontends.mlreef.results import push_job
from compiler.ir import (
    NOTHING,
    Artifact,
    Build,
    BuildImage,
    Environment,
    Exec,
    Input,
    Job,
    Need,
    OnManual,
    OnPush,
    Pipeline,
    Project,
    Publish,
    Retry,
)
from compiler.source import At, Span
from compiler.yamltree import Mapping, Sequence, Slot, items, slots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text, Trigger
    from compiler.source import Source

WORK = "/workdir"  # where a published module's image holds its sources
ROOT = "/builds/$CI_PROJECT_PATH/"
_ENDINGS = ("SECRET", "TOKEN", "PASSWORD", "API_KEY")
# What the platform's own part of the script begins with: https://gitlab.com/mlreef/mlreef, mlreef-file-template.yml
_PLATFORM = (
    "git ", "echo ", "killall ", "sleep ", "ps ", "docker login", "docker images", "docker logout", "docker push",
    "dockerd", "curl ", "apk ", "cat ", "ldconfig", "nvidia-smi", "background-push", "epf-finish", "#", "export PATH",
)  # fmt: skip
_RUN = ("${DOCKER_COMMAND}", "$DOCKER_COMMAND", "docker run")
_WITH_VALUE = frozenset(
    ("-v", "--volume", "-e", "--env", "-w", "--workdir", "--name", "--gpus", "--network", "-u", "--user")
)
_BUILD_FLAGS = frozenset(("--no-cache", "--pull", "-q", "--quiet", "--rm", "--force-rm", "--squash", "--compress"))


class _Line:
    """A line of a script: its words as text, and where it stands."""

    __slots__ = ("at", "text")

    def __init__(self, text: str, at: Span) -> None:
        self.text = text
        self.at = at


def read_generated(source: Source, unit: str, sink: Sink) -> Project | None:
    documents = yamltree.parse(source, sink)
    slot = yamltree.root_slot(documents[0]) if documents and documents[0].root is not None else None
    if slot is None or not isinstance(slot.value, Mapping):
        if not sink.failed:
            sink.report(core.EMPTY_FILE, "the file holds no pipeline", source.whole())
        return None
    _report_secrets(source, sink)
    return _Generated(slot.value, source, unit, sink).project()


def _report_secrets(source: Source, sink: Sink) -> None:
    """Credentials of a known shape, wherever they stand."""
    found = Sink()
    check_source(source, found)
    for one in found.diagnostics:
        help_ = "change it, since it was written down; then give it to the job as a secret"
        sink.report(codes.SECRET_LEFT, f"{one.message}: it is not taken over", one.span, help=help_)


def _has_credential(text: str) -> bool:
    from compiler.source import Source

    found = Sink()
    check_source(Source("", text), found)
    return bool(found.diagnostics)


def _is_path(text: str) -> bool:
    """Whether text is a path of the repository without globs."""
    from compiler.paths import PathError, from_root

    try:
        return from_root(text, "") == text and not any(character in text for character in "*?[")
    except PathError:
        return False


class _Generated:
    def __init__(self, root: Mapping, source: Source, unit: str, sink: Sink) -> None:
        self.root = root
        self.source = source
        self.unit = unit
        self.folder = unit.rpartition("/")[0]
        self.sink = sink
        self.variables = self._variables()
        self.jobs: list[Job] = []
        self.environments: list[Environment] = []
        self.triggers: tuple[Trigger, ...] = (OnManual(),)
        self.pushed: Span | None = None  # the line that pushes the results

    def project(self) -> Project | None:
        for entry in slots(self.root):
            if isinstance(entry.value, Mapping) and "script" in entry.value.entries:
                self._job(entry)
        if not self.jobs:
            if not self.sink.failed:
                message = "no line runs or builds an image: there is nothing to take over"
                self.sink.report(codes.NO_RUN_LINE, message, self.source.whole())
            return None
        kind, name = self._name()
        branch = self.variables.get("TARGET_BRANCH", "")
        if self.pushed is not None and branch and not branch.startswith(("$", "%")):
            results = push_job(kind, branch, self.jobs, At("script", self.pushed))
            self.jobs += [results] if results is not None else []
        return Project(
            name=name,
            manifest=self.unit,
            folder=self.folder,
            jobs=tuple(self.jobs),
            pipelines=(Pipeline(name=kind, members=tuple(job.name for job in self.jobs), triggers=self.triggers),),
            environments=tuple(self.environments) or NOTHING,
        )

    def _name(self) -> tuple[str, str]:
        """The pipeline's kind and the project's name: `experiment/happy-fish_3` is the branch that it pushes to."""
        kind, slash, name = self.variables.get("TARGET_BRANCH", "").partition("/")
        kind = {"data-pipeline": "data", "data-visualization": "visualization"}.get(kind, kind)
        if self.environments and not slash:
            return "publish", self.environments[0].name or "module"
        return (legal(kind) if slash else "pipeline"), legal(name or kind or "mlreef")

    def _variables(self) -> dict[str, str]:
        found: dict[str, str] = {}
        node = self.root.entries.get("variables")
        if not isinstance(node, Mapping):
            return found
        for entry in slots(node):
            name = str(entry.key)
            if isinstance(entry.value, (Mapping, Sequence)) or reader.is_null(entry.value):
                continue
            value = str(entry.value)
            if name.upper().endswith(_ENDINGS) and value and not value.startswith(("$", "%")):
                advice = "it ends with the platform that gave it out: no job needs it"
                self.sink.report(codes.SECRET_LEFT, f'"{name}" is not taken over', entry.span_here, help=advice)
                continue
            found[name] = value
        return found

    def _job(self, entry: Slot) -> None:
        assert isinstance(entry.value, Mapping)
        body = {str(one.key): one for one in slots(entry.value)}
        for line in self._lines(body["script"]):
            if line.text.startswith(_RUN):
                self._run(line)
            elif line.text.startswith("docker build"):
                self._build(line, body.get("only"))
            elif line.text.startswith("git push"):
                self.pushed = line.at
            elif not line.text.startswith(_PLATFORM):
                message = f"{reader.shown(line.text)} is not taken over"
                self.sink.report(codes.UNREAD_LINE, message, line.at, help="write it as a job of its own")
        retry = self._retry(body.get("retry"))
        if retry is not None:
            self.jobs = [job.replace(retry=retry) for job in self.jobs]

    def _lines(self, slot: Slot) -> list[_Line]:
        """The lines of a script with their places, continued ones joined."""
        pieces: list[tuple[str, Slot]] = []
        if isinstance(slot.value, Sequence):
            pieces = [(str(item.value), item) for item in items(slot.value) if isinstance(item.value, str)]
        elif isinstance(slot.value, str):
            pieces = [(str(slot.value), slot)]
        found = []
        for text, where in pieces:
            span = where.span_here
            for line in text.replace("\\\n", " ").split("\n"):
                line = line.strip()
                if line:
                    found.append(_Line(line, self._place(line, span)))
        return found

    def _place(self, line: str, span: Span) -> Span:
        start = self.source.text.find(line, span.start, span.end)
        return span if start < 0 else Span(self.source, start, start + len(line))

    def _retry(self, slot: Slot | None) -> Retry | None:
        value: object = slot.value if slot is not None else None
        if isinstance(value, Mapping):
            value = value.entries.get("max")
        count = reader.integer_of(value) if isinstance(value, str) else None
        return Retry(max=min(count, 10)) if count else None

    # ------------------------------------------------------------------------------------------------------ run lines

    def _words(self, line: _Line) -> list[str] | None:
        import shlex

        try:
            return shlex.split(line.text)
        except ValueError as error:
            message = f"this line is no shell command: {str(error).lower()}"
            self.sink.report(codes.UNREAD_LINE, message, line.at)
            return None

    def _run(self, line: _Line) -> None:
        """`docker run -v DATA:/in -v RESULTS:/out IMAGE python SCRIPT ARGUMENTS` as a job in that image."""
        words = self._words(line)
        if words is None:
            return
        words = words[2:] if words[0] == "docker" else words[1:]
        mounts: dict[str, str] = {}
        written: set[str] = set()
        at = 0
        while at < len(words) and words[at].startswith("-"):
            option, equals, value = words[at].partition("=")
            if option in _WITH_VALUE and not equals and at + 1 < len(words):
                value = words[at + 1]
                at += 1
            if option in ("-v", "--volume"):
                host, _, inside = value.partition(":")
                inside = inside.partition(":")[0]
                mounts[inside] = self._folder(host, line)
                if "OUTPUT" in host:
                    written.add(inside)
            at += 1
        if len(words) - at < 3 or not words[at + 1].startswith("python"):
            self.sink.report(codes.UNREAD_LINE, "this line runs no script in an image", line.at)
            return
        image, python, script, *arguments = words[at:]
        self._add(line, image, python, script, arguments, mounts, written)

    def _folder(self, host: str, line: _Line) -> str:
        """A folder of the repository for what a variable mounts; "" for one that is none."""
        value = self.variables.get(host.lstrip("$").strip("{}"), host)
        found = normpath(value.removeprefix(ROOT)) if value.startswith(ROOT) else ""
        if not found or found.startswith(("..", "/", "$", "-")) or not _is_path(found):
            message = f"{reader.shown(value)} is no folder of the repository: it is not mounted"
            self.sink.report(codes.UNREAD_LINE, message, line.at)
            return ""
        return "" if found == "." else found

    def _add(
        self,
        line: _Line,
        image: str,
        python: str,
        script: str,
        arguments: list[str],
        mounts: dict[str, str],
        written: set[str],
    ) -> None:
        origin = At("script", line.at)
        number = len(self.jobs) + 1
        name = legal(script.rpartition("/")[2].removesuffix(".py"))
        if any(job.name == name for job in self.jobs):
            name = f"{name}-{number}"
        reads, writes = self._data(arguments, mounts, written)
        argv: list[Text] = [(python,), (script if script.startswith("/") else f"{WORK}/{script}",)]
        argv += self._arguments(arguments, mounts, line)
        before = self.jobs[-1].name if self.jobs else None
        self.jobs.append(
            Job(
                name=name,
                action=Exec(argv=tuple(argv), origin=origin),
                environment=Environment(image=(image,), origin=origin),
                needs=(Need(job=before, origin=origin),) if before else NOTHING,
                inputs=tuple(Input(path=(self._path(path),), origin=origin) for path in reads) or NOTHING,
                outputs=self._outputs(writes, origin),
                origin=origin,
            )
        )

    def _path(self, path: str) -> str:
        return f"{self.folder}/{path}" if self.folder else path

    def _data(self, arguments: list[str], mounts: dict[str, str], written: set[str]) -> tuple[list[str], list[str]]:
        """Which of the mounted folders are read and which are written: by their variables, else by the arguments."""
        reads: dict[str, None] = {}
        writes: dict[str, None] = {}
        for inside, folder in mounts.items():
            given = [flag for flag, value in pairwise(arguments) if value == inside]
            if folder:
                is_output = inside in written or any("output" in flag.lower() for flag in given)
                (writes if is_output else reads)[folder] = None
        return [path for path in reads if path not in writes], list(writes)

    def _arguments(self, arguments: list[str], mounts: dict[str, str], line: _Line) -> list[Text]:
        """Exact words: folders as the job sees them, credentials left out together with their flag."""
        found: list[Text] = []
        for word in arguments:
            if _has_credential(word):
                if found and str(found[-1][0]).startswith("--"):
                    found.pop()
                message = "an argument that holds a credential is not taken over"
                self.sink.report(codes.SECRET_LEFT, message, line.at, help="let the script read it from a variable")
                continue
            inside = next((place for place in mounts if word == place or word.startswith(f"{place}/")), None)
            folder = mounts.get(inside or "")
            if inside is not None and folder:
                word = folder + word[len(inside) :]
            found.append((word,) if word else ())
        return found

    def _outputs(self, writes: list[str], origin: At) -> tuple[Artifact, ...]:
        final = normpath(self.variables.get("FINAL_OUTPUT_PATH", "").lstrip("/") or ".")
        is_model = self.variables.get("IS_ALGORITHM", "").lower() == "true"
        found = []
        for path in writes:
            found.append(Artifact(path=(self._path(path),), kind="directory", origin=origin))
            if is_model and path == final:
                metrics = (f"{self._path(path)}/experiment.json",)
                found.append(Artifact(path=metrics, kind="metrics", origin=origin))
        return tuple(found) or NOTHING

    # ---------------------------------------------------------------------------------------------------- publications

    def _build(self, line: _Line, only: Slot | None) -> None:
        """`docker build --tag IMAGE:BRANCH-VERSION -f Dockerfile .` as an environment that is published."""
        words = self._words(line)
        if words is None:
            return
        options: dict[str, str] = {}
        at = 2
        while at < len(words) and words[at].startswith("-"):
            option, equals, value = words[at].partition("=")
            if not equals and option not in _BUILD_FLAGS and at + 1 < len(words):
                at += 1
                value = words[at]
            options[{"-f": "--file", "-t": "--tag"}.get(option, option)] = value
            at += 1
        origin = At("script", line.at)
        context = normpath(words[at]) if at < len(words) else "."
        file = self._path(normpath(options["--file"])) if "--file" in options else None
        tag = options.get("--tag", "").rpartition(":")[2]
        name = "module"
        self.environments.append(
            Environment(
                name=name,
                build=Build(context=self._path(context) if context != "." else self.folder or ".", file=file),
                publish=Publish(tags=(self._tag(tag),)),
                origin=origin,
            )
        )
        self.jobs.append(
            Job(name="publish", action=BuildImage(build=Build(), environment=name, origin=origin), origin=origin)
        )
        branches = self._branches(only)
        self.triggers = (OnPush(branches=branches) if branches else OnPush(), OnManual())

    def _tag(self, tag: str) -> Text:
        """The version that was published, in characters that a tag takes."""
        if "PUBLISH_BRANCH" not in tag:
            return ("branch",)
        for name in ("PUBLISH_BRANCH", "PUBLISH_VERSION"):
            tag = tag.replace(f"${{{name}}}", self.variables.get(name, "")).replace(
                f"${name}", self.variables.get(name, "")
            )
        made = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "-" for c in tag).lstrip(".-")
        return (made[:128] or "1",)

    def _branches(self, only: Slot | None) -> tuple[str, ...]:
        if only is None or not isinstance(only.value, Sequence):
            return ()
        return tuple(str(item.value) for item in items(only.value) if isinstance(item.value, str))
