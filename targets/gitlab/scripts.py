"""The lines of a job: what stands before its own command, the command in what wraps it, and what comes after."""

from __future__ import annotations

import json
import re

from compiler import codes as core
from compiler.ir import Artifact, ChangedFiles, Environment, Job, Ref, Script, Support
from targets import commands, runners
from targets.commands import literal, script_variable, word
from targets.gitlab import codes
from targets.gitlab.plan import (
    Unit,
    artifact_paths,
    changed_archive,
    in_store,
    leg_part,
    reference_file,
    stored,
)
from targets.gitlab.values import ON_CHANGE_REQUEST, OPENING, escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Sidecar, Text
    from compiler.matrix import Leg
    from targets.gitlab.files import File

ROOT = 'cd "$CI_PROJECT_DIR"'
METRICS_REPORT = ".headrace/metrics.txt"
_CHANGED = ".headrace/changed"  # what there was before the command, and the archives of what it changed
_CHANGES_FOLDER = re.compile(r"\b(?:cd|pushd|popd)\b")
NATIVE_RETRIES = 2  # https://docs.gitlab.com/ci/yaml/#retry
START_SECONDS = 300  # how long a sidecar's port may take to answer
CHECKPOINT_SECONDS = 600
_ANSWERS = """\
headrace_answers() {
  if command -v python3 > /dev/null; then
    python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)' "$1" "$2"
  elif command -v nc > /dev/null; then
    nc -z -w 2 "$1" "$2"
  else
    bash -c 'exec 3<> "/dev/tcp/$0/$1"' "$1" "$2"
  fi 2> /dev/null
}"""


class Lines:
    """A job's lines, the variables that carry what can't stand in them, and the support scripts that they call."""

    __slots__ = ("before", "early", "prepare", "script", "scripts", "variables")

    def __init__(self) -> None:
        self.before: list[str] = []
        self.early = 0  # how many of the lines of `prepare` stand in `before` already
        self.prepare: list[str] = []
        self.script: list[str] = []
        self.scripts: list[str] = []
        self.variables: dict[str, object] = {}

    def call(self, name: str) -> str:
        """The start of a command that runs a support script."""
        if name not in self.scripts:
            self.scripts.append(name)
        return f'python3 -I -c "${script_variable(name)}"'


def lines_of(unit: Unit, file: File, refs: list[Ref]) -> Lines:
    """All lines of a job that runs a command."""
    made = lines_before(unit, file, refs)
    made.script = _main(unit, file, made)
    return made


def lines_before(unit: Unit, file: File, refs: list[Ref]) -> Lines:
    """The lines of a job up to what it does."""
    made = Lines()
    made.scripts.extend(commands.support_scripts(unit.job))
    made.before.extend(values_of(unit, file, refs))
    made.prepare = commands.prepare(unit.job)
    arriving = received(unit, file, made)
    environment = unit.job.environment
    if isinstance(environment, Environment) and environment.prelude and any("python3 -I" in line for line in arriving):
        # The image has no Python of its own: what brings it comes before what needs it.
        made.early = made.prepare.index(environment.prelude[-1]) + 1
        made.before.extend(made.prepare[: made.early])
    made.before.extend(arriving)
    return made


def received(unit: Unit, file: File, made: Lines) -> list[str]:
    """What a job waits for on its machine, and what came for it as a reference or an archive."""
    return [*_machine(unit.job), *_arriving(unit, file, made)]


def carry(made: Lines) -> None:
    """Lines that GitLab would interpolate travel in a variable."""
    for lines in (made.before, made.prepare, made.script):
        for at, line in enumerate(lines):
            if OPENING in line:
                name = f"HEADRACE_LINES_{len(made.variables) + 1}"
                made.variables[name] = escaped(line)
                lines[at] = f'eval "${name}"'


def values_of(unit: Unit, file: File, refs: list[Ref]) -> list[str]:
    """Values that only the shell may put together, so that nothing in them is expanded."""
    from targets.gitlab.values import in_shell

    lines = []
    for ref in refs:
        copied = in_shell(ref.kind, ref.name)
        if copied is not None:
            lines.append(f'export {commands.variable(ref)}="{copied}"')
        elif ref.kind == "project" and ref.name == "version":
            lines.append(f'export {commands.variable(ref)}="${{CI_COMMIT_TAG:-$CI_COMMIT_SHORT_SHA}}"')
    action = unit.job.action
    if isinstance(action, Support) and action.script == "check_parameters":
        names = [commands.variable(ref) for ref in action.refs if ref.name in file.optional_parameters]
        lines.extend(f'[ -n "${name}" ] || unset {name}' for name in names)
    for variable in unit.job.env:
        if any(isinstance(piece, Ref) for piece in variable.value):
            lines.append(f"export {variable.name}={word(variable.value)}")
    return lines


def _machine(job: Job) -> list[str]:
    """Checks of what the machine gives, and waits for sidecars."""
    lines = []
    shared = runners.shared_memory(job)
    if job.resources is not None and shared is not None:
        kibibytes = -(-shared // (1024 * 10**9))
        # What the manifest does not say is a help: the job runs, and its log says why data loaders may die.
        said = job.resources.shm is not None
        amount = f"{kibibytes} KiB" + ("" if said else ", half of the memory")
        lines.append(
            f"[ \"$(df -Pk /dev/shm | awk 'NR == 2 {{ print $2 }}')\" -ge {kibibytes} ] || "
            f"{{ echo 'headrace: /dev/shm is smaller than {amount}: set shm_size in the runner'\\''s settings' >&2; "
            + ("exit 1; }" if said else "}")
        )
    ports = [sidecar for sidecar in job.sidecars if sidecar.port is not None]
    if ports:
        lines.append(_ANSWERS)
        lines.extend(_wait(sidecar) for sidecar in ports)
    return lines


def alias(sidecar: Sidecar) -> str:
    """A sidecar's host name."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in sidecar.name.lower()).strip("-") or "sidecar"


def _wait(sidecar: Sidecar) -> str:
    host = alias(sidecar)
    return (
        f"HEADRACE_WAITED=0; until headrace_answers {host} {sidecar.port}; do "
        f'[ "$HEADRACE_WAITED" -lt {START_SECONDS} ] || '
        f"{{ echo 'headrace: sidecar {host} does not answer on port {sidecar.port}' >&2; exit 1; }}; "
        "HEADRACE_WAITED=$((HEADRACE_WAITED + 1)); sleep 1; done"
    )


# --------------------------------------------------------------------------------------------------- what arrives, leaves


def _arriving(unit: Unit, file: File, made: Lines) -> list[str]:
    """Unpack what came as a reference or an archive."""
    lines: list[str] = []
    for job, leg in file.producers(unit):
        for number, output in enumerate(job.outputs):
            if isinstance(output, ChangedFiles):
                lines.append(f"tar -xf {literal(changed_archive(job, number, leg))}")
            elif stored(output):
                lines.append(f"{made.call('store')} get --reference {literal(reference_file(job, number, leg))}")
    for number, given in enumerate(unit.job.inputs):
        if given.store is not None and given.store != "ci":
            lines.extend(_dataset(unit, file, made, number))
    return lines


def _dataset(unit: Unit, file: File, made: Lines, number: int) -> list[str]:
    """A dataset of another run, by its version: the one that it says, or the latest."""
    given = unit.job.inputs[number]
    url = file.store_url(given.store or "", unit.job)
    if url is None:
        return []
    return [f"{made.call('store')} {commands.dataset_options(given, url)}"]


def _leaving(unit: Unit, file: File, made: Lines) -> list[str]:
    """Lines, from the root, that put outputs where they travel from."""
    job, leg = unit.job, _shown_leg(unit)
    lines = []
    plain = [word(output.path) for output in job.outputs if isinstance(output, Artifact) and not stored(output)]
    if plain:  # GitLab only warns where one is missing: https://docs.gitlab.com/ci/yaml/#artifactspaths
        lines.append(f"ls -d -- {' '.join(plain)} > /dev/null")
    for number, output in enumerate(job.outputs):
        if isinstance(output, ChangedFiles):
            lines.extend(_pack_changed(output, changed_archive(job, number, leg, unit.is_parallel)))
            continue
        path = word(output.path)
        if output.per_leg and leg:
            lines.append(_move(path, _label(unit)))
            path += f"/{_label(unit)}"
        if stored(output):
            url = file.store_url(output.store or "", job)
            place = _quoted(reference_file(job, number, leg, unit.is_parallel))
            lines.append("mkdir -p .headrace/references")
            lines.append(
                f"{made.call('store')} put --url {literal(url or '')} --path {path} --reference {place} "
                f"--place {literal(job.name)}"
            )
            if output.dataset is not None and commands.content_of(output.version) is None:
                named = commands.dataset_named(output, url or "", place)
                guard = f"{ON_CHANGE_REQUEST} || " if file.may_run_on_change_request(unit) else ""
                lines.append(f"{guard}{made.call('store')} {named}")
    return list(dict.fromkeys(lines))


def _shown_leg(unit: Unit) -> Leg:
    return unit.legs[0]


def _label(unit: Unit) -> str:
    return _quoted(leg_part(unit.legs[0], unit.is_parallel))


def _quoted(text: str) -> str:
    """A name that may hold `${V}` as one shell word."""
    return f'"{text}"' if "$" in text else literal(text)


def _move(path: str, label: str) -> str:
    return f"mv {path} .headrace-leg && mkdir -p {path} && mv .headrace-leg {path}/{label}"


def _mark_changes(job: Job) -> list[str]:
    """A moment to compare with: what is newer afterwards was added or changed."""
    if not any(isinstance(output, ChangedFiles) for output in job.outputs):
        return []
    return commands.remember_files(_CHANGED)


def _pack_changed(output: ChangedFiles, archive: str) -> list[str]:
    return [*commands.changed_files(_CHANGED, output.paths), f"tar -cf {_quoted(archive)} -T {_CHANGED}/list"]


# ---------------------------------------------------------------------------------------------------------- the command


def _may_be_elsewhere(job: Job) -> bool:
    """Whether the shell may have left the root when the command has ended."""
    if commands.prepared_folder(job) or commands.working_folder(job):
        return True
    environment = job.environment
    lines = environment.setup if isinstance(environment, Environment) else ()
    texts = [*lines, job.action.lines] if isinstance(job.action, Script) else lines
    return any(_CHANGES_FOLDER.search(piece) for text in texts for piece in text if isinstance(piece, str))


def _main(unit: Unit, file: File, made: Lines) -> list[str]:
    job = unit.job
    own = _wrapped(unit, file, made)
    gate = [_with_report(line) for line in commands.gate(job)]
    leaving = _leaving(unit, file, made)
    mark = _mark_changes(job)
    prepared = commands.prepared_folder(job)
    back = [ROOT] if leaving and _may_be_elsewhere(job) else []
    if gate and leaving:
        # The outputs leave even where an objective is missed.
        after = ["HEADRACE_STATUS=0", f"{gate[0]} || HEADRACE_STATUS=$?", *back, *leaving, 'exit "$HEADRACE_STATUS"']
    else:
        after = [*back, *leaving] or gate
    if mark and prepared:
        mark = [ROOT, *mark, f"cd {literal(prepared)}"]
    if job.cache is not None and job.cache.enabled:
        return _cached(unit, file, made, [*mark, *_settled(job, own)], gate, leaving)
    return [*mark, *(_settled(job, own) if after else own), *after]


def _with_report(line: str) -> str:
    """The gate's line, with the metrics as GitLab's own report too: https://docs.gitlab.com/ci/testing/metrics_reports/"""
    return line.replace('-c "$HEADRACE_GATE"', f'-c "$HEADRACE_GATE" --report "$CI_PROJECT_DIR/{METRICS_REPORT}"', 1)


def _settled(job: Job, own: list[str]) -> list[str]:
    """The command's lines where others follow. A runner shows each entry before it runs it, so `$?` holds within one."""
    *before, last = own
    return [*before, "\n".join([last, *commands.settled(job)])]


def _wrapped(unit: Unit, file: File, made: Lines) -> list[str]:
    """The command, under a keeper of checkpoints and a retrying parent where the job asks for them."""
    job = unit.job
    shell = job.action.shell if isinstance(job.action, Script) else None
    keeper = _keeper(unit, file, made)
    again = _retry(job, file, made)
    plain = commands.command(job)
    if not keeper and not again:
        if shell is not None and isinstance(job.action, Script):
            *enter, text = plain
            return [*enter, f"{shell} -euc {literal(text)}"]
        strict = isinstance(job.action, Script) and ("\n" in plain[-1] or "$" in plain[-1])
        return ["set -eu", *plain] if strict else plain
    folder = commands.working_folder(job)
    inner = [*([f"cd {literal(folder)}"] if folder else []), *commands.lines_inside(job)]
    command = f"{shell or 'sh'} -euc {literal(chr(10).join(inner))}"
    at_root = [ROOT] if commands.prepared_folder(job) or folder else []
    back = [f"cd {literal(folder)}"] if folder and job.objectives else []
    return [*at_root, f"{again}{keeper}{command}", *back]


def _keeper(unit: Unit, file: File, made: Lines) -> str:
    resume = unit.job.resume
    if resume is None:
        return ""

    name = resume.store or file.settings.store
    url = file.store_url(name, unit.job) if name is not None and name != "ci" else None
    if url is None:
        if name is None or name == "ci":
            file.sink.report(
                codes.BAD_STORE,
                f'"{unit.job.name}" resumes from checkpoints, which outlive a GitLab job only in a store',
                unit.job.origin,
                field="resume",
                help="name one under `resume.store` or `targets.gitlab.store`",
            )
        return ""
    leg = "".join(f"/{axis}=${{{commands.variable(Ref(kind='matrix', name=axis))}}}" for axis, _ in unit.legs[0])
    key = f'"$CI_PROJECT_ID/$CI_COMMIT_SHA/{_safe(unit.job.name)}{leg}"'
    paths = "".join(f" --path {literal(path)}" for path in resume.paths)
    every = resume.every or CHECKPOINT_SECONDS
    return f"{made.call('keeper')} --store {literal(url)} --key {key} --every {every}{paths} -- "


def retried(lines: list[str], job: Job, file: File, made: Lines) -> list[str]:
    """Lines from the root, run again by a parent where the job asks for more attempts than GitLab makes."""
    again = _retry(job, file, made)
    return [f"{again}sh -euc {literal(chr(10).join(lines))}"] if again else lines


def _retry(job: Job, file: File, made: Lines) -> str:
    """A parent that tries again, for more attempts than GitLab makes."""
    retry = job.retry
    if retry is None or retry.max <= NATIVE_RETRIES:
        return ""
    kinds = [kind for kind in retry.on if kind in ("failure", "timeout")] if retry.on else ["failure", "timeout"]
    if not kinds:
        return ""
    file.sink.report(
        core.EMULATED,
        f'GitLab tries a job twice more, so "{job.name}" runs its command again itself, under the sum of the timeouts',
        job.origin,
        field="retry",
    )
    timeout = f" --timeout {job.timeout}" if job.timeout else ""
    exit_codes = f" --exit-codes {','.join(map(str, retry.exit_codes))}" if retry.exit_codes else ""
    return f"{made.call('retry')} --max {retry.max} --on {','.join(kinds)}{exit_codes}{timeout} -- "


# -------------------------------------------------------------------------------------------------------------- the cache


def cache_folder(unit: Unit) -> str:
    return f".headrace/cache/{_safe(unit.name)}"


def cache_key(unit: Unit) -> str:
    """The name under which GitLab keeps the stamp and the held outputs of a job. It takes no `/` and no lone dots."""
    assert unit.job.cache is not None
    own = "" if unit.job.cache.share is not False else "-$CI_COMMIT_REF_SLUG"
    return f"headrace-{_safe(unit.name)}{own}"


def _safe(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else f"_{ord(c):x}" for c in name)


def _cached(unit: Unit, file: File, made: Lines, own: list[str], gate: list[str], leaving: list[str]) -> list[str]:
    job = unit.job
    assert job.cache is not None
    made.variables["HEADRACE_KEY_SPEC"] = _literal_value(_key_spec(unit, file))
    folder = cache_folder(unit)
    held = "".join(f" --path {_quoted_path(path)}" for path in artifact_paths(job, unit.legs[0]))
    options = f'--key "$HEADRACE_KEY" --folder {literal(folder)}{held}'
    prepared = commands.prepared_folder(job)
    enter = [f"cd {literal(prepared)}"] if prepared else []
    stamp = made.call("stamp")
    compute = [f'HEADRACE_KEY="$({made.call("content_key")}){_run_values(unit)}"']
    keep = []
    url = file.store_url(str(job.cache.store), job) if in_store(job.cache) else None
    if url is not None:
        # A store is many projects', jobs' and branches', where GitLab's cache has a name of its own for each.
        owner = "" if job.cache.share else f"$CI_PROJECT_ID {cache_key(unit)} "
        options_there = f'--store {literal(url)} --key "{owner}$HEADRACE_KEY" --folder {literal(folder)}'
        compute.append(f"{made.call('held')} get {options_there}")
        keep = [f'[ "$HEADRACE_CACHE_POLICY" = pull ] || {made.call("held")} put {options_there}']
    judged, ended = gate, []
    if gate and leaving:
        # The outputs leave even where an objective is missed, and are not held then.
        judged = ["HEADRACE_STATUS=0", f"{gate[0]} || HEADRACE_STATUS=$?"]
        ended = ['[ "$HEADRACE_STATUS" = 0 ] || exit "$HEADRACE_STATUS"']
    body = [
        f"if {stamp} check {options}; then",
        "  echo 'headrace: nothing that this job reads has changed: its outputs are back'",
        "else",
        *enter,
        *own,
        *judged,
        *([ROOT] if _may_be_elsewhere(job) else []),
        *leaving,
        *ended,
        f"{stamp} save {options}",
        *keep,
        "fi",
    ]
    return [*([ROOT] if prepared else []), *compute, "\n".join(body)]


def _quoted_path(path: str) -> str:
    return '"' + path.replace('"', '\\"') + '"' if "$" in path else literal(path)


def _run_values(unit: Unit) -> str:
    """Values that are known in the job alone, each with its length, so that no two sets of them look alike."""
    parts = []
    environment = unit.job.environment
    ahead = isinstance(environment, Environment) and environment.base is not None  # its packages are in the key
    own = {environment.name} if isinstance(environment, Environment) and ahead else set()
    for ref in commands.refs(unit.job):
        if ref.kind == "images" and ref.name in own:
            continue
        if ref.kind in ("parameters", "git", "images") and (ref.kind, ref.name) not in _VOLATILE:
            name = commands.variable(ref)
            parts.append(f"{ref.kind}.{ref.name}=${{#{name}}}:${{{name}}}")
    assert unit.job.cache is not None
    if unit.job.cache.max_age:
        parts.append(f"age=$(($(date +%s) / {unit.job.cache.max_age}))")
    return "".join(" " + part for part in parts)


_VOLATILE = {("git", "event")}


def _key_spec(unit: Unit, file: File) -> str:
    """What targets/runtime/content_key.py takes: all that decides the outputs and is known now."""
    job = unit.job
    environment = job.environment
    spec: dict[str, object] = {
        "command": [*commands.prepare(job), *commands.command(job)],
        "env": {variable.name: commands.flat(variable.value) or word(variable.value) for variable in job.env},
        "matrix": dict(unit.legs[0]),
        "environment": _environment_spec(environment) if isinstance(environment, Environment) else {},
        "inputs": _inputs(job, unit.legs[0]),
        "needs": sorted({path for producer, leg in file.producers(unit) for path in _needed(producer, leg)}),
        "folder": file.project.folder,
    }
    return json.dumps({name: value for name, value in spec.items() if value not in ({}, [], "")}, ensure_ascii=False)


def _environment_spec(environment: Environment) -> dict[str, object]:
    found: dict[str, object] = {
        "image": word(environment.base or environment.image or ()),
        "installer": environment.installer,
        "python": environment.python,
        "files": commands.lock_files(environment),
    }
    return {name: value for name, value in found.items() if value}


def _inputs(job: Job, leg: Leg) -> list[str] | None:
    """The declared inputs; None, which is all tracked files, where one is known only in the run."""
    if not commands.says_what_it_reads(job):
        return None
    paths = [_flat_with(given.path, leg) for given in job.inputs]
    return None if None in paths else sorted({path for path in paths if path is not None})


def _needed(job: Job, leg: Leg) -> list[str]:
    if job.allow_failure:
        return []
    paths = [_flat_with(output.path, leg) for output in job.outputs if isinstance(output, Artifact)]
    return [path for path in paths if path is not None]


def _flat_with(path: Text, leg: Leg) -> str | None:
    values = dict(leg)
    parts = []
    for piece in path:
        if isinstance(piece, str):
            parts.append(piece)
        elif piece.kind == "matrix" and piece.name in values:
            parts.append(values[piece.name])
        else:
            return None
    return "".join(parts)


def _literal_value(text: str) -> object:
    return escaped(text) if OPENING in text else {"value": text, "expand": False}
