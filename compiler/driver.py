"""From a manifest to files: read, lower, check what targets can do, emit, write. Takes targets, imports none."""

from __future__ import annotations

import gc
import os

from compiler import VERSION, codes
from compiler.diagnostics import Edit, Fix, Sink
from compiler.ir import Project, Settings
from compiler.lifetime import is_kept, keep
from compiler.passes import Context, lower
from compiler.repository import OutsideError, Repository, open_regular
from compiler.target import Document, check_settings, check_sizes, check_support

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from compiler.frontends.base import FrontEnd
    from compiler.ir import Include
    from compiler.target import Target

MARK = "Compiled by headrace"
STAGED = ".headrace-"  # in a temporary name, before the number of the process that writes
HEAD_BYTES = 4096  # what a front end sees of a file to recognise it


class Unit:
    """One manifest (or module repository) and the front end that reads it."""

    __slots__ = ("front_end", "path")

    def __init__(self, front_end: FrontEnd, path: str) -> None:
        self.front_end = front_end
        self.path = path


class OutputFile:
    """A file as it is to be written. `path` is relative to the output root; `target` made it."""

    __slots__ = ("path", "target", "text")

    def __init__(self, path: str, text: str, target: str) -> None:
        self.path = path
        self.text = text
        self.target = target


class Difference:
    """How a file on disk differs from what the manifest makes. `kind`: missing, differs or stale."""

    __slots__ = ("kind", "path", "text")

    def __init__(self, path: str, kind: str, text: str) -> None:
        self.path = path
        self.kind = kind
        self.text = text


class Paused:
    """Garbage collection switched off: building a large tree with it on takes three times as long.

    A command that ends with its files pauses for all it does, since what is built stays reachable to the end.
    """

    def __enter__(self) -> None:
        self.was_on = gc.isenabled()
        gc.disable()

    def __exit__(self, *_error: object) -> None:
        if self.was_on:
            if is_kept():
                gc.freeze()  # else the next few objects would make it look through all that was built, for nothing
            gc.enable()


def find(repository: Repository, folder: str, front_ends: Iterable[FrontEnd]) -> list[Unit]:
    """The manifests that are found by themselves in a folder (relative to the root)."""
    return [Unit(front_end, path) for front_end in front_ends for path in front_end.discover(repository, folder)]


def find_below(repository: Repository, folder: str, front_ends: Sequence[FrontEnd]) -> list[Unit]:
    """The manifests below a folder. A folder that has one speaks for what lies below it (and names it in `manifests`)."""
    found: list[Unit] = []
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        units = find(repository, at, front_ends) if at != folder else []
        if units:
            found.extend(units)
            continue
        waiting.extend(reversed(repository.folders(at)))
    return found


def recognise(repository: Repository, path: str, front_ends: Iterable[FrontEnd], sink: Sink) -> Unit | None:
    """The front end that knows a file given by path."""
    try:
        with open_regular(repository.path(path)) as file:
            head = file.read(HEAD_BYTES).decode("utf-8", "replace").removeprefix("\ufeff")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        sink.report(codes.UNREADABLE, f"{path} can't be read: {reason.lower()}")
        return None
    known = list(front_ends)
    for front_end in known:
        if front_end.sniff(path, head):
            return Unit(front_end, path)
    names = ", ".join(front_end.NAME for front_end in known)
    sink.report(codes.NOT_A_MANIFEST, f"no dialect knows {path}", notes=(f"headrace reads {names}",))
    return None


def load(unit: Unit, repository: Repository, sink: Sink) -> Project | None:
    """Read a unit; what is wrong goes to the sink and what could be read comes back."""
    with Paused():
        return unit.front_end.read(unit.path, repository, sink)


def load_all(
    units: Sequence[Unit],
    repository: Repository,
    front_ends: Sequence[FrontEnd],
    sink: Sink,
    targets: Sequence[str] = (),
) -> Iterator[Project]:
    """Every unit's project, and those of the manifests that they name, each once.

    A manifest that only names others has no project of its own; its settings hold for those that have none. `targets` are
    the names for which there may be settings; without any, every name is taken.
    """
    waiting: list[tuple[Unit, tuple[Settings, ...]]] = [(unit, ()) for unit in units]
    seen: set[str] = {unit.path for unit in units}
    while waiting:
        unit, inherited = waiting.pop(0)
        project = load(unit, repository, sink)
        if project is None:
            continue
        project = _with_settings(with_known_targets(project, targets, sink), inherited)
        for include in project.manifests:
            for found in _included(include, repository, front_ends, sink):
                if found.path not in seen:
                    seen.add(found.path)
                    waiting.append((found, project.settings))
                else:  # found by itself as well, and still to be read
                    waiting = [(one, project.settings if one.path == found.path else given) for one, given in waiting]
        if not project.manifests or _has_work(project):
            yield project


def with_known_targets(project: Project, targets: Sequence[str], sink: Sink) -> Project:
    """The project without settings for targets that there are not."""
    given = [settings.target for settings in project.settings]
    if not targets or all(name in targets for name in given):
        return project
    for settings in project.settings:
        if settings.target not in targets:
            near = sink.nearest(settings.target, [name for name in targets if name not in given])
            at = settings.origin.span() if settings.origin is not None else None
            fix = Fix(f'write "{near}"', Edit(at, near)) if near and at and at.text == settings.target else None
            notes = () if near else (f'"targets" takes {", ".join(sorted(targets))}',)
            message = f'"targets" has no key "{settings.target}"'
            sink.report(codes.UNKNOWN_KEY, message, at, suggestion=near, fix=fix, notes=notes)
    return project.replace(settings=tuple(one for one in project.settings if one.target in targets))


def _with_settings(project: Project, inherited: tuple[Settings, ...]) -> Project:
    own = {settings.target for settings in project.settings}
    added = tuple(settings for settings in inherited if settings.target not in own)
    return project.replace(settings=(*project.settings, *added)) if added else project


def _has_work(project: Project) -> bool:
    return bool(project.jobs or project.pipelines or project.models or project.services or project.environments)


def _included(include: Include, repository: Repository, front_ends: Sequence[FrontEnd], sink: Sink) -> Iterator[Unit]:
    paths = repository.glob(include.path) if any(c in include.path for c in "*?[") else [include.path]
    if not paths or not all(repository.exists(path) for path in paths):
        sink.report(codes.MISSING_FILE, f'"{include.path}" is not there', include.origin)
        return
    for path in paths:
        if include.dialect is None:
            unit = recognise(repository, path, front_ends, sink)
        else:
            unit = next((Unit(known, path) for known in front_ends if include.dialect == known.NAME), None)
            if unit is None:
                names = ", ".join(known.NAME for known in front_ends)
                notes = (f"headrace reads {names}",)
                sink.report(codes.NOT_A_MANIFEST, f'"{include.dialect}" is not a dialect', include.origin, notes=notes)
        if unit is not None:
            yield unit


def lowered(project: Project, repository: Repository, sink: Sink) -> Project:
    """A project as targets see it."""
    with Paused():
        return lower(project, Context(repository, sink))


def settings_of(project: Project, target: Target) -> Settings:
    """What the manifest says about a target; nothing when it says nothing."""
    found = (settings for settings in project.settings if settings.target == target.NAME)
    return next(found, None) or Settings(target=target.NAME)


def emit(
    project: Project, targets: Sequence[Target], sink: Sink, allowed: frozenset[str] = frozenset()
) -> list[OutputFile]:
    """The files of a lowered project for some targets. With errors in the sink nothing is emitted."""
    files: list[OutputFile] = []
    _check(project, targets, sink, allowed)
    if sink.failed:
        return []
    with Paused():
        for target in targets:
            documents = target.emit(project, settings_of(project, target), sink)
            keep(documents)
            for document in documents:
                files.append(OutputFile(document.path, text_of(document, project), target.NAME))
        files.extend(_rendered(project, targets))
    _check_paths(files, project, sink)
    return [] if sink.failed else files


def emit_together(
    projects: Sequence[Project], targets: Sequence[Target], sink: Sink, allowed: frozenset[str] = frozenset()
) -> list[OutputFile]:
    """The files of several manifests' lowered projects. A target whose pipelines start from one file gets them all."""
    from compiler.monorepo import apart

    parts = apart(projects, sink)
    for project in parts:
        _check(project, targets, sink, allowed)
    if sink.failed:
        return []
    files: list[OutputFile] = []
    with Paused():
        for target in targets:
            together = getattr(target, "emit_together", None)
            made: list[tuple[Project, Document]] = []
            if together is not None:
                documents = together([(project, settings_of(project, target)) for project in parts], sink)
                made = [(parts[0], document) for document in documents]
            else:
                for project in parts:
                    found = target.emit(project, settings_of(project, target), sink)
                    made += [(project, document) for document in found]
            files += [OutputFile(one.path, text_of(one, project, True), target.NAME) for project, one in made]
        for project in parts:
            files.extend(_rendered(project, targets, True))
    _check_paths(files, parts[0] if parts else None, sink)
    return [] if sink.failed else files


def _check(project: Project, targets: Sequence[Target], sink: Sink, allowed: frozenset[str]) -> None:
    for target in targets:
        settings = settings_of(project, target)
        check_support(target, project, sink, allowed)
        check_settings(target, settings, sink)
        check_sizes(target, project, settings, sink)


def header(manifests: Sequence[str], together: bool = False) -> str:
    """The first line of every compiled file. No hash and no date: a small edit must stay a small difference.

    `together`: the manifests of the repository were compiled in one run, and have to be again.
    """
    names = [manifest_shown(path) for path in manifests]
    alone = not together and names != ["headrace.yaml"]
    command = f"headrace compile {_shell_word(names[0])}" if alone else "headrace compile"
    what = "manifests" if len(names) > 1 else "manifest"
    return f"{MARK} {VERSION} from {', '.join(names)}. Do not edit: change the {what}, then run `{command}`."


def manifest_shown(path: str) -> str:
    """A manifest's path in one line, as headers have it; what can't be seen is written as an escape."""
    return path if path.isprintable() else path.encode("unicode_escape").decode("ascii")


def _shell_word(path: str) -> str:
    """The path as a person can paste it into a shell."""
    if path.replace("/", "a").replace(".", "a").replace("-", "a").replace("_", "a").isalnum() and path[0] != "-":
        return path
    word = "'" + path.replace("'", "'\\''") + "'"
    return "-- " + word if path.startswith("-") else word


def text_of(document: Document, project: Project, together: bool = False) -> str:
    """A document's text under its header."""
    if document.text is not None:
        return document.text
    from compiler.yamlwriter import comment_lines, write, write_documents

    first = comment_lines(header(document.manifests or (project.manifest,), together))
    if document.apart:
        entries = ([write({key: value}) for key, value in root.items()] for root in document.documents)
        return first + "---\n".join("\n".join(texts) for texts in entries)
    return first + write_documents(list(document.documents))


def _rendered(project: Project, targets: Sequence[Target], together: bool = False) -> Iterator[OutputFile]:
    for rendered in project.rendered:
        text = rendered.text
        if rendered.script is not None:
            given = getattr(targets[0], "script", None) if targets else None
            if given is None:
                continue
            text = given(rendered.script)
        text = None if text is None else _commented(header((project.manifest,), together)) + text
        document = Document(path=rendered.path, documents=rendered.documents, text=text)
        yield OutputFile(rendered.path, text_of(document, project, together), "")


def _commented(line: str) -> str:
    from compiler.yamlwriter import comment_lines

    return comment_lines(line)


def _check_paths(files: list[OutputFile], project: Project | None, sink: Sink) -> None:
    at = project.origin if project is not None else None
    seen: dict[str, OutputFile] = {}
    for file in files:
        other = seen.setdefault(file.path, file)
        if other is not file:
            who = f"{other.target or 'deploy'} and {file.target or 'deploy'}"
            advice = "give one of them another name, or the target another `output`"
            sink.report(codes.SEVERAL_OUTPUTS, f"{file.path} is written twice, by {who}", at, help=advice)


def is_ours(text: str) -> bool:
    """Whether a file's first line is headrace's header."""
    return text[:300].split("\n", 1)[0].lstrip("#/<!- ").startswith(MARK)


def write(files: Sequence[OutputFile], root: str, sink: Sink, force: bool = False) -> list[str]:
    """Write all files or none; gives the paths that changed.

    Every file is written beside its place under a temporary name first. Only when all of them stand there complete
    are they renamed, one atomic step each; a file that can't be renamed puts the earlier ones back. Whenever the process
    is killed, each file is whole, the old one or the new one, and the next write ends what was left undone. A file
    without headrace's header is never overwritten unless `force` says so.
    """
    output = Repository(root)
    changed = [file for file in files if _is_change(file, output, sink, force)]
    if sink.failed:
        return []
    _clear([_place(file, output) for file in files])
    staged: list[tuple[str, str]] = []
    try:
        for file in changed:
            staged.append(_stage(_place(file, output), file.text.encode("utf-8")))
    except (OSError, OutsideError) as error:
        _discard(staged)
        sink.report(codes.UNWRITABLE, f"{file.path} can't be written: {_reason(error)}")
        return []
    except BaseException:
        _discard(staged)
        raise
    return _commit(staged, changed, sink)


def _place(file: OutputFile, output: Repository) -> str:
    """Where a file is written: behind a link, which stays one. Raises OutsideError where it leads out."""
    return os.path.realpath(output.path(file.path))


def _is_change(file: OutputFile, output: Repository, sink: Sink, force: bool) -> bool:
    try:
        path = output.path(file.path)
        with open_regular(path) as existing:
            text = existing.read().decode("utf-8")
    except FileNotFoundError:
        return True
    except OutsideError as error:
        sink.report(codes.OUTSIDE, str(error))
        return False
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError) and force:
            return True
        sink.report(codes.UNWRITABLE, f"{file.path} can't be replaced: {_reason(error)}")
        return False
    if text == file.text:
        return False
    left_out = [] if force else _left_out(text, file, output)
    if left_out:
        sink.report(
            codes.OTHER_MANIFEST,
            f"{file.path} is also made from {', '.join(left_out)}, which this run does not compile",
            help="run `headrace compile` without a path to compile all of them, or say --output for another place",
        )
        return False
    if not force and not is_ours(text):
        sink.report(
            codes.HAND_WRITTEN,
            f"{file.path} was not written by headrace",
            help="move it away, or say --force to overwrite it",
        )
        return False
    return True


def _left_out(text: str, file: OutputFile, output: Repository) -> list[str]:
    """The manifests that made what stands there, are still there, and have no part in what would replace it."""
    if not is_ours(text):
        return []
    own = manifests_of(file.text)
    return [one for one in manifests_of(text) if one not in own and output.exists(one)]


def _reason(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _stage(path: str, content: bytes) -> tuple[str, str]:
    """Write the content under a temporary name beside its place; gives (temporary, path)."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".{os.path.basename(path)}{STAGED}{os.getpid()}")
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else None
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
    except BaseException:
        _discard([(temporary, path)])
        raise
    return temporary, path


def _clear(paths: list[str]) -> None:
    """Remove what processes left that were killed while they wrote these files."""
    names: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        names.setdefault(folder, set()).add(name)
    for folder, own in names.items():
        try:
            held = os.listdir(folder)
        except OSError:
            continue
        for name in held:
            base, _, number = name[1:].rpartition(STAGED)
            if base in own and number.isdecimal() and not _is_running(int(number)):
                _discard([(os.path.join(folder, name), "")])


def _is_running(process: int) -> bool:
    if os.name != "posix":
        return True  # there is no asking there: signal 0 would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _discard(staged: list[tuple[str, str]]) -> None:
    for temporary, _ in staged:
        try:
            os.unlink(temporary)
        except OSError:
            continue


def _commit(staged: list[tuple[str, str]], changed: list[OutputFile], sink: Sink) -> list[str]:
    """Rename all; where one can't be, the earlier ones get back what they held."""
    done: list[tuple[str, bytes | None]] = []
    for (temporary, path), file in zip(staged, changed, strict=True):
        try:
            before = _bytes(path)
            os.replace(temporary, path)
        except OSError as error:
            _restore(done)
            _discard(staged)
            sink.report(codes.UNWRITABLE, f"{file.path} can't be written: {_reason(error)}")
            return []
        done.append((path, before))
    return [file.path for file in changed]


def _bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _restore(done: list[tuple[str, bytes | None]]) -> None:
    for path, before in reversed(done):
        if before is None:
            _discard([(path, "")])
            continue
        try:
            os.replace(*_stage(path, before))
        except OSError:  # what hinders here is reported already
            continue


def drift(
    files: Sequence[OutputFile], root: str, folders: Sequence[str] = (), in_place: bool = False
) -> list[Difference]:
    """Where the files on disk differ from what the manifest makes, stale ones below `folders` too.

    `in_place`: `root` is that of the manifests' repository, so that one that is not there is gone.
    """
    output = Repository(root)
    found: list[Difference] = []
    expected = {file.path for file in files}
    for file in files:
        try:
            with open_regular(output.path(file.path)) as existing:
                text = existing.read().decode("utf-8", "replace")
        except (OSError, OutsideError):
            found.append(Difference(file.path, "missing", _diff("", file.text, file.path)))
            continue
        if text != file.text:
            found.append(Difference(file.path, "differs", _diff(text, file.text, file.path)))
    manifests = {line for file in files for line in manifests_of(file.text)}
    for path in stale(output, expected, manifests, folders, in_place):
        found.append(Difference(path, "stale", f"{path}: no manifest makes this file any more\n"))
    return found


def stale(
    output: Repository, expected: set[str], manifests: set[str], folders: Sequence[str], in_place: bool = False
) -> list[str]:
    """Compiled files of these manifests (or, `in_place`, of ones that are gone), in these folders, that are not expected."""
    found = []
    behind = {os.path.realpath(os.path.join(output.root, path)) for path in expected}  # of links
    for folder in sorted(set(folders)):
        for path in _files_below(output, folder):
            if path in expected or os.path.realpath(os.path.join(output.root, path)) in behind:
                continue
            if not path.endswith((".yml", ".yaml", ".Dockerfile", ".dockerignore")):
                continue
            try:
                with open_regular(output.path(path)) as file:
                    first = file.readline(HEAD_BYTES).decode("utf-8", "replace")
            except (OSError, OutsideError):
                continue
            made_from = manifests_of(first) if is_ours(first) else []
            if made_from and all(one in manifests or (in_place and not output.exists(one)) for one in made_from):
                found.append(path)
    return found


def _files_below(output: Repository, folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(output.path(folder)))
    except (OSError, OutsideError):
        return []
    return [f"{folder}/{name}".removeprefix("/") for name in names]


def manifests_of(text: str) -> list[str]:
    """The manifests that a header names, as it shows them."""
    first = text[:HEAD_BYTES].split("\n", 1)[0]
    if MARK not in first or " from " not in first:
        return []
    return first.split(" from ", 1)[1].split(". Do not edit", 1)[0].split(", ")


def _diff(old: str, new: str, path: str) -> str:
    from difflib import unified_diff

    lines = unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{path}", f"b/{path} (from the manifest)"
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)
