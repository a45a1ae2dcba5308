"""What a job runs, as shell lines, alike on every target; and the names of the variables that carry values to it.

No value is ever put into these lines: a hole is a variable that stands in double quotes. The lines are POSIX shell,
meant to run under `set -eu`, in one shell, from the repository's root: `prepare`, then `command`, then `gate`.
"""

from __future__ import annotations

from functools import lru_cache
from posixpath import relpath

from compiler.images import MLFLOW_TOOLS
from compiler.ir import Artifact, Deploy, Environment, Exec, Input, Job, Ref, Script, Support, holes
from compiler.tools import WORKING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Project, Text

POETRY_VERSION = "2.5.1"
PIPENV_VERSION = "2026.10.3"

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+")
_PREFIXES = {
    "parameters": "HEADRACE_PARAM_",
    "matrix": "HEADRACE_MATRIX_",
    "git": "HEADRACE_GIT_",
    "run": "HEADRACE_RUN_",
    "sidecars": "HEADRACE_SIDECAR_",
    "images": "HEADRACE_IMAGE_",
    "project": "HEADRACE_PROJECT_",
}


def variable(ref: Ref) -> str:
    """The variable that carries a hole's value: HEADRACE_PARAM_LEARNING_RATE, HEADRACE_SIDECAR_DB_HOST."""
    name = _PREFIXES[ref.kind] + ref.name
    if ref.member is not None:
        name += "_" + ref.member
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in name).upper()


def word(text: Text) -> str:
    """Text as one shell word: literals quoted where a shell would read them as something else, holes as "$V"."""
    if len(text) == 1 and isinstance(text[0], str):
        return literal(text[0])
    parts: list[str] = []
    inside = ""  # what stands in the double quotes that are open
    for piece in text:
        if isinstance(piece, Ref):
            inside += "${" + variable(piece) + "}"
        elif set(piece) <= _PLAIN:
            inside += piece
        else:
            parts.append(_double(inside))
            parts.append("'" + piece.replace("'", "'\\''") + "'")
            inside = ""
    parts.append(_double(inside))
    return "".join(parts) or "''"


def _double(inside: str) -> str:
    if "$" not in inside:
        return inside
    if inside.startswith("${") and inside.endswith("}") and inside.count("$") == 1:
        return f'"${inside[2:-1]}"'
    return f'"{inside}"'


def words(argv: tuple[Text, ...]) -> str:
    """Exact arguments as one shell line."""
    return " ".join([literal(one[0]) if len(one) == 1 and type(one[0]) is str else word(one) for one in argv])


@lru_cache(maxsize=10_000)  # the commands of a pipeline have most of their words in common
def literal(value: str) -> str:
    """A literal as one shell word."""
    if _PLAIN.issuperset(value):
        return value or "''"
    return "'" + value.replace("'", "'\\''") + "'"


def flat(text: Text) -> str | None:
    """Text without holes as it is; None when it has a hole."""
    if len(text) == 1:
        return text[0] if isinstance(text[0], str) else None
    if any(isinstance(piece, Ref) for piece in text):
        return None
    return "".join(str(piece) for piece in text)


def pinned(project: Project, image: str) -> str:
    """An image as compiled files name it: by its digest, too, where `headrace pin` has written one down."""
    return next((f"{image}@{digest}" for known, digest in project.pins if known == image), image)


def shell_text(lines: Text) -> str:
    """Shell text with its holes as variables: "$V" where a hole is a word, ${V} in quotes or a here-document."""
    if len(lines) == 1 and isinstance(lines[0], str):
        return lines[0].strip("\n")
    from compiler.text import WORD, contexts

    where = iter(contexts(lines))
    out: list[str] = []
    for piece in lines:
        if isinstance(piece, Ref):
            name = variable(piece)
            out.append(f'"${name}"' if next(where) == WORD else "${" + name + "}")
        else:
            out.append(piece)
    return "".join(out).strip("\n")


def prepare(job: Job) -> list[str]:
    """The lines that make a job's environment: system packages, Python packages, the user's own set-up.

    They leave the shell in the environment's folder, which is where `command` expects it.
    """
    environment = job.environment
    if not isinstance(environment, Environment):
        return []
    if not (environment.apt or environment.prelude or environment.installer or environment.setup):
        return []
    if environment.base is not None:
        from targets.prebuilt import in_job

        body = [*in_job(environment), *(shell_text(text) for text in environment.setup)]
        folder = environment.working_directory
        return [f"cd {literal(folder)}", *body] if body and folder else body
    lines = []
    if environment.apt:
        packages = " ".join(literal(package) for package in environment.apt)
        lines.append("apt-get update -qq")
        lines.append(f"apt-get install -y -qq --no-install-recommends {packages}")
    lines.extend(environment.prelude)
    body = [*_install(environment), *(shell_text(text) for text in environment.setup)]
    if body and environment.working_directory:
        lines.append(f"cd {literal(environment.working_directory)}")
    return [*lines, *body]


def _install(environment: Environment) -> list[str]:
    """The installer's lines. Each leaves the environment's programs first in PATH, so that `python` is the right one."""
    options = installer_options(environment)
    match environment.installer:
        case "uv":
            return [f"uv sync --locked{options}", _in_path(".venv")]
        case "pip":
            file = literal(named_file(environment))
            # What an image of the manifest's own brings, such as a framework for GPUs, stays there for the job.
            options = " --system-site-packages" if environment.python is None else ""
            return [f"python -m venv{options} .venv", f".venv/bin/pip install --quiet -r {file}", _in_path(".venv")]
        case "poetry":
            return [
                "python -m venv /tmp/poetry",
                f"/tmp/poetry/bin/pip install --quiet poetry=={POETRY_VERSION}",
                f"POETRY_VIRTUALENVS_IN_PROJECT=true /tmp/poetry/bin/poetry install --no-interaction{options}",
                _in_path(".venv"),
            ]
        case "pipenv":
            return [
                "python -m venv /tmp/pipenv",
                f"/tmp/pipenv/bin/pip install --quiet pipenv=={PIPENV_VERSION}",
                f"PIPENV_VENV_IN_PROJECT=1 /tmp/pipenv/bin/pipenv sync{options}",
                _in_path(".venv"),
            ]
        case "conda":
            file = literal(named_file(environment))
            return [f"conda env create --quiet --prefix .conda --file {file}", _in_path(".conda")]
        case "mlflow":
            tool = f".venv/bin/pip install --quiet {' '.join(MLFLOW_TOOLS)}"
            return ["python -m venv .venv", tool, _in_path(".venv")]
    return []


def installer_options(environment: Environment) -> str:
    """The options that name an environment's groups and extras to its installer, each after a blank."""
    groups, extras = environment.groups, environment.extras
    if environment.installer == "pipenv":
        return f" --categories {literal(' '.join(('packages', *groups)))}" if groups else ""
    group, extra = ("--with", "--extras") if environment.installer == "poetry" else ("--group", "--extra")
    options = "".join(f" {group} {literal(name)}" for name in groups)
    return options + "".join(f" {extra} {literal(name)}" for name in extras)


# What says exactly what an installer installs; the first is its lock.
_LOCKS = {
    "uv": ("uv.lock", "pyproject.toml"),
    "pip": ("requirements.txt",),
    "poetry": ("poetry.lock", "pyproject.toml"),
    "pipenv": ("Pipfile.lock", "Pipfile"),
    "conda": ("environment.yml",),
    "mlflow": ("MLproject",),
}


def lock_files(environment: Environment) -> list[str]:
    """The files, from the root, that say exactly what is installed, the lock first; none without an installer."""
    if environment.installer is None:
        return []
    if environment.file is not None and environment.installer in ("pip", "conda"):
        return [environment.file]
    folder = environment.working_directory
    return [f"{folder}/{name}" if folder else name for name in _LOCKS[environment.installer]]


def says_what_it_reads(job: Job) -> bool:
    """Whether a job's inputs are all that counts for its content key.

    Its datasets are inputs too, but they do not say what code it reads: without declared inputs all tracked files count.
    """
    return any(given.dataset is None for given in job.inputs)


def named_file(environment: Environment) -> str:
    """The lock as the installer's folder sees it."""
    return relpath(lock_files(environment)[0], environment.working_directory or ".")


def _in_path(folder: str) -> str:
    return f'export PATH="$PWD/{folder}/bin:$PATH"'


def command(job: Job) -> list[str]:
    """The job's own lines, after `prepare`; empty for actions that a target does in its own way."""
    lines = lines_inside(job)
    return [*_enter(job), *lines] if lines else []


def lines_inside(job: Job) -> list[str]:
    """The same from within the job's folder: they hold together, as what a shell of their own is given."""
    action = job.action
    if isinstance(action, Script):
        return [shell_text(action.lines)]
    if isinstance(action, Exec):
        return _exec(action)
    if isinstance(action, Support):
        return [support(action)]
    return []


def settled(job: Job) -> list[str]:
    """The line to put before lines that follow the command: it ends the shell where the command's last list failed.

    `set -e` lets `a && b` and `! a` pass, so that what follows would hide the failure.
    https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#set
    """
    action = job.action
    if not isinstance(action, Script):
        return []
    texts = [piece for piece in action.lines if isinstance(piece, str)]
    return ['(exit "$?")'] if any("&&" in text or "! " in text for text in texts) else []


def _exec(action: Exec) -> list[str]:
    """The program's line; switches that are on become the shell's own arguments first."""
    if not action.switches:
        return [words(action.argv)]
    lines = ["set --"]
    for switch in action.switches:
        lines.append(f'if [ "${variable(switch.when)}" = true ]; then set -- "$@" {literal(switch.word)}; fi')
    at = action.switches_at
    return [*lines, f'{words(action.argv[:at])} "$@" {words(action.argv[at:])}'.rstrip()]


def _enter(job: Job) -> list[str]:
    """The step from the folder where `prepare` ends to the job's own."""
    here = prepared_folder(job)
    there = working_folder(job)
    return [] if here == there else [f"cd {literal(relpath(there or '.', here or '.'))}"]


def prepared_folder(job: Job) -> str:
    """The folder, from the root, in which `prepare` leaves the shell; "" is the root."""
    environment = job.environment
    if not isinstance(environment, Environment) or not (environment.installer or environment.setup):
        return ""
    return environment.working_directory or ""


def working_folder(job: Job) -> str:
    """The folder, from the root, in which a job's command runs; "" is the root."""
    return "" if isinstance(job.action, Support) else job.working_directory or ""


def signs(job: Job) -> bool:
    """Whether a job signs the statement of its run."""
    return isinstance(job.action, Support) and ("--sign",) in job.action.arguments


def reads_files(job: Job) -> bool:
    """Whether a job works on the commit's files: of headrace's own scripts the tools
    do, and those that an environment is prepared for."""
    return not isinstance(job.action, Support) or job.environment is not None or job.action.script in WORKING


def gate(job: Job) -> list[str]:
    """The line that judges a job's objectives, and reads its metrics, in the folder where its command ended.

    None without objectives and metrics, and none where metrics alone are left by an image whose Python is not known.
    """
    if not wants_gate(job):
        return []
    from compiler.objective import argument

    here = working_folder(job)
    metrics = [output.path for output in job.outputs if isinstance(output, Artifact) and output.kind == "metrics"]
    paths = "".join(" " + word(_from(path, here)) for path in metrics)
    objectives = "".join(" " + literal(argument(objective)) for objective in job.objectives)
    return [f'python3 -I -c "${script_variable("gate")}"{paths} --{objectives}']


def wants_gate(job: Job) -> bool:
    """Whether a job ends with the gate: for objectives, or for metrics where Python is there to read them."""
    if job.objectives:
        return True
    if not isinstance(job.environment, Environment) or job.environment.python is None:
        return False
    return any(isinstance(output, Artifact) and output.kind == "metrics" for output in job.outputs)


def _from(path: Text, folder: str) -> Text:
    """A path from the root as seen from a folder."""
    if not folder:
        return path
    first = path[0] if path and isinstance(path[0], str) else ""
    if first.startswith(folder + "/"):
        return (first[len(folder) + 1 :], *path[1:])
    return ("../" * (folder.count("/") + 1), *path)


def support(action: Support) -> str:
    """One of headrace's own scripts: its text stands in a variable, its arguments are exact words."""
    arguments = "".join(" " + word(argument) for argument in action.arguments)
    return f'python3 -I -c "${script_variable(action.script)}"{arguments}'


LATEST = "latest"  # the version of a dataset that says none


def content_of(version: str | None) -> str | None:
    """The version as `sha256:…` where it is the hash of the content itself, by which a store holds all that it has."""
    digest = (version or "").removeprefix("sha256:")
    return f"sha256:{digest}" if len(digest) == 64 and not set(digest) - set("0123456789abcdef") else None


def dataset_options(given: Input, url: str) -> str:
    """What targets/runtime/store.py is asked for a dataset of another run."""
    version = content_of(given.version) or given.version or LATEST
    return f"get --url {literal(url)} --dataset {literal(str(given.dataset))} --version {literal(version)} --path {word(given.path)}"


def dataset_named(output: Artifact, url: str, reference: str) -> str:
    """What it is asked when a job has put a dataset: `reference` is the shell word of the file that says where it is."""
    version = output.version or LATEST
    name = literal(str(output.dataset))
    return f"name --url {literal(url)} --reference {reference} --dataset {name} --version {literal(version)}"


def deploy(action: Deploy) -> str:
    """The line that rolls out a deployment's documents, from the repository's root.

    The script's text stands in HEADRACE_DEPLOY, the reference of the image that was built (with its digest) in the
    variable of its `Ref("images", …)`. kubectl, or git for a commit, and their access are the target's to give.
    """
    from compiler.kubernetes import placeholder

    options: list[Text] = [("commit",) if action.platform == "gitops" else ("apply",)]
    given = {
        "context": action.cluster,
        "namespace": None if action.platform == "gitops" else action.namespace,
        "branch": action.branch,
        "repository": action.repository,
        "message": action.message,
        "health": None if action.platform == "gitops" else action.health,
    }
    options.extend((f"--{name}={value}",) for name, value in given.items() if value is not None)
    if action.restart and action.platform != "gitops":
        options.append(("--restart",))
    if action.image is not None:
        options.append((f"--image={placeholder(action.image)}=", Ref(kind="images", name=action.image)))
    for environment, written in action.replaces:
        options.append((f"--image={written}=", Ref(kind="images", name=environment)))
    arguments = words((*options, ("--",), *((path,) for path in action.documents)))
    return f'python3 -I -c "${script_variable("deploy")}" {arguments}'


_FILES = "-path ./.git -prune -o -path ./.headrace -prune -o ! -type d"


def remember_files(folder: str) -> list[str]:
    """Lines before a command that note in a folder which files there are, and when the command began.

    The clock of files goes in ticks: what is written within the mark's own tick is not newer than the mark, so the
    command waits for the next one.
    """
    start, now = f"{folder}/start", f"{folder}/now"
    return [
        f"mkdir -p {folder}",
        f"find . {_FILES} -print | LC_ALL=C sort > {folder}/before",
        f"touch {start} {now}",
        f'until [ -n "$(find {now} -newer {start})" ]; do touch {now}; done',
    ]


def changed_files(folder: str, paths: tuple[str, ...]) -> list[str]:
    """Lines after a command that write into the folder's `list` which files it added or changed below some paths.

    A file that was not there counts whatever its time is: unpacking and copying keep old times.
    """
    found = " ".join("." if path in ("", ".") else literal(f"./{path}") for path in paths or (".",))
    files = f"find {found} {_FILES if '.' in found.split() else '! -type d'}"
    return [
        f"{{ {files} -newer {folder}/start -print || :; }} > {folder}/newer 2> /dev/null",
        (
            f"{{ {files} -print || :; }} 2> /dev/null | LC_ALL=C sort | LC_ALL=C comm -13 {folder}/before - "
            f"| LC_ALL=C sort -u {folder}/newer - > {folder}/list"
        ),
    ]


def script_variable(name: str) -> str:
    """The variable that carries a support script's text: HEADRACE_GATE."""
    return "HEADRACE_" + name.upper()


def support_scripts(job: Job) -> list[str]:
    """The support scripts that a job's own lines and objectives use, each once."""
    found = [job.action.script] if isinstance(job.action, Support) else []
    if wants_gate(job) and "gate" not in found:
        found.append("gate")
    return found


def refs(job: Job) -> list[Ref]:
    """Every hole in a job, each once, in order: what a target must give it as variables."""
    return list(dict.fromkeys(holes(job)))
