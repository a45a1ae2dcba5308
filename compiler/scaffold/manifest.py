"""A survey as a headrace.yaml, with comments that say what each section is for and what to look at."""

from __future__ import annotations

from compiler.yamlwriter import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.pyargs import Argument
    from compiler.scaffold.survey import Script, Survey

_HEAD = (
    "# What this repository's pipelines do. `headrace check` looks for faults, `headrace compile` writes the CI's files,\n"
    "# `headrace explain` says what a finding means.\n"
)
DEFAULT_PYTHON = "3.12"
FOLDER = "notebooks-out"  # where notebooks are left that were run
MOST_PARAMETERS = 6
_NOTEBOOK_TOOLS = {
    False: "python -m pip install nbconvert ipykernel",
    True: "uv pip install nbconvert ipykernel",
}  # by uv
TYPES = {"int": "int", "float": "float", "bool": "bool", "string": "string"}
PLACEHOLDERS = {"int": "1", "float": "1.0", "bool": "false"}


class Given:
    """An argument of a script that becomes a parameter of the pipeline."""

    __slots__ = ("argument", "default", "script", "type")

    def __init__(self, argument: Argument, script: Script, type: str, default: str) -> None:
        self.argument = argument
        self.script = script
        self.type = type
        self.default = default


def manifest(found: Survey) -> str:
    """The manifest's text. It checks without an error."""
    given = _parameters(found)
    sections = [
        f"{_HEAD}version: 1\nname: {scalar(found.name)}\n",
        _parameter_section(given),
        _environment_section(found),
        _job_section(found, given),
        _pipeline_section(),
    ]
    return "\n".join(section for section in sections if section)


def scalar(text: str) -> str:
    """Text as one YAML scalar."""
    return write(text).rstrip("\n")


def quoted(text: str) -> str:
    """Text that stays text, whatever it looks like."""
    plain = scalar(text)
    return plain if plain != text else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _parameters(found: Survey) -> dict[str, Given]:
    """What a run may be given by hand: what scripts require, and the numbers and switches of training."""
    given: dict[str, Given] = {}
    for script in found.scripts:
        for argument in script.arguments:
            wanted = argument.required or (script.step == "train" and _is_setting(argument))
            if wanted and argument.name not in given and (argument.required or len(given) < MOST_PARAMETERS):
                made = _given(argument, script)
                if made is not None:
                    given[argument.name] = made
    return given


def _is_setting(argument: Argument) -> bool:
    """A number with a default, given by a flag."""
    value = argument.default
    return (
        not argument.positional
        and argument.nargs is None
        and argument.choices is None
        and argument.type in ("int", "float")
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and not _is_odd(argument.name)
    )


def _is_odd(name: str) -> bool:
    return not all(c.isalnum() or c in "_-" for c in name) or not name[:1].isalnum()


def _given(argument: Argument, script: Script) -> Given | None:
    if argument.nargs not in (None, "?") or _is_odd(argument.name):
        return None
    kind = TYPES.get(argument.type, "string")
    default = argument.default
    if isinstance(default, bool):
        text = "true" if default else "false"
    elif isinstance(default, int | float | str):
        text = str(default)
    elif argument.choices:
        text = str(argument.choices[0])
    else:
        text = PLACEHOLDERS.get(kind, "CHANGE-ME")
    if any("{{" in one for one in (text, *map(str, argument.choices or ()))):
        return None  # a hole, where none can stand
    return Given(argument, script, kind, text)


def _parameter_section(given: dict[str, Given]) -> str:
    if not given:
        return ""
    lines = [
        "# What a run may be given by hand. Types and bounds are checked before anything else runs.",
        "parameters:",
    ]
    for name, one in given.items():
        default = one.default if one.type in ("int", "float", "bool") else quoted(one.default)
        if one.argument.choices:
            choices = ", ".join(quoted(str(choice)) for choice in one.argument.choices)
            lines.append(f"  {scalar(name)}: {{type: choice, choices: [{choices}], default: {quoted(one.default)}}}")
            continue
        why = f"  # {one.script.path} requires it" if one.argument.required else ""
        lines.append(f"  {scalar(name)}: {{type: {one.type}, default: {default}}}{why}")
    return "\n".join(lines) + "\n"


def _environment_section(found: Survey) -> str:
    lines = ["# The software that jobs run in."]
    python = found.python or DEFAULT_PYTHON
    keys = [f'python: "{python}"']
    own: list[str] = []
    if found.installer:
        keys.append(f"install: {found.installer}")
        need = f" Run `{found.lock}`: jobs install what the lock file says." if found.lock else ""
        lines[0] += f" (Taken from {found.why}.{need})"
    elif found.why:
        own = ["pip install ."]
        lines[0] += f" (Taken from {found.why}. With a lock file it would be the same tomorrow: `uv lock`.)"
    if found.file:
        keys.append(f"file: {scalar(found.file)}")
    tools = [_NOTEBOOK_TOOLS[found.installer == "uv"]] if found.notebooks and not found.jupyter else []
    shared = own if _are_apart(found) else own + tools
    lines += ["environments:", f"  py: {{{', '.join([*keys, *_setup(shared)])}}}"]
    if _are_apart(found):
        lines += [
            "  notebooks:  # nothing among the requirements runs notebooks: list it there, and this one is not needed",
            f"    {{{', '.join([*keys, *_setup(own + tools)])}}}",
        ]
    if found.dockerfile:
        lines += [
            "  image:  # built from the Dockerfile on every push, and published by its commit",
            f"    build: {{context: ., file: {scalar(found.dockerfile)}}}",
            f"    publish: {{repository: {scalar(found.name.lower())}, tags: [commit]}}",
        ]
    return "\n".join(lines) + "\n"


def _are_apart(found: Survey) -> bool:
    """Whether notebooks need software that the scripts do not."""
    return bool(found.notebooks and found.scripts and not found.jupyter)


def _setup(lines: list[str]) -> list[str]:
    return [f"setup: [{', '.join(map(quoted, lines))}]"] if lines else []


def _job_section(found: Survey, given: dict[str, Given]) -> str:
    lines = [
        "# The work. A job runs when what it needs has ended well; what it leaves under `outputs` arrives at the jobs that",
        "# need it. Add `resources: {gpu: 1}`, `matrix`, `cache: true`, `retry` and so on where they belong.",
        "jobs:",
    ]
    before = None
    for script in found.scripts:
        lines += _script_job(script, before, given)
        before = script.step
    taken = {script.step for script in found.scripts}
    for path in found.notebooks:
        lines += _notebook_job(path, taken, found)
    if len(lines) == 3:
        lines += ["  hello:", "    environment: py", '    run: echo "hello from headrace"']
    return "\n".join(lines) + "\n"


def _script_job(script: Script, before: str | None, given: dict[str, Given]) -> list[str]:
    lines = [f"  {script.step}:", "    environment: py"]
    if before is not None:
        lines.append(f"    needs: [{before}]")
    lines += _call(script, given)
    if script.step == "train":
        lines += ["    timeout: 2h", "    # outputs: [{path: models, kind: model}]"]
    elif script.step == "evaluate":
        lines.append("    # outputs: [{path: metrics.json, kind: metrics}]")
        lines.append("    # objectives: [accuracy >= 0.9]  # the job fails where one is not met")
    else:
        lines.append("    # outputs: [data]")
    return lines


def _call(script: Script, given: dict[str, Given]) -> list[str]:
    """How the script is called: its arguments are checked where they can be read."""
    required = [one for one in script.arguments if one.required]
    readable = script.interface is not None and script.interface.style == "argparse"
    if not readable or any(one.name not in given for one in required) or script.interface is None:
        return [f"    run: python {scalar(script.path)}"]
    if script.interface.subcommands:
        return [f"    run: python {scalar(script.path)}  # it has subcommands: name one"]
    names = [one.name for one in script.arguments if one.name in given and _same(one, given[one.name])]
    if not names:
        return [f"    entry: {{script: {scalar(script.path)}}}  # its arguments go under `with`, and are checked"]
    return [f"    entry: {{script: {scalar(script.path)}, with: [{', '.join(map(scalar, names))}]}}"]


def _same(argument: Argument, given: Given) -> bool:
    """Whether a parameter of this name, made for another script perhaps, fits the argument."""
    kind = TYPES.get(argument.type, "string")
    return argument.required or (kind == given.type and argument.nargs is None and argument.choices is None)


def _notebook_job(path: str, taken: set[str], found: Survey) -> list[str]:
    stem = path.rpartition("/")[2].removesuffix(".ipynb")
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "-" for c in stem).strip("-_") or "notebook"
    while name in taken:
        name += "-notebook"
    taken.add(name)
    from shlex import join

    output = f"{FOLDER}/{name}.ipynb"
    if found.papermill:
        run = f"mkdir -p {FOLDER} && {join(['papermill', path, output])}"
    else:
        convert = ["jupyter", "nbconvert", "--to", "notebook", "--execute", path]
        run = join([*convert, "--output-dir", FOLDER, "--output", f"{name}.ipynb"])
    environment = "notebooks" if _are_apart(found) else "py"
    return [
        f"  {scalar(name)}:",
        f"    environment: {environment}",
        f"    run: {scalar(literal(run))}",
        f"    outputs: [{output}]",
    ]


def literal(text: str) -> str:
    """Text in which nothing is a hole."""
    return text.replace("{{", "{{ '{{' }}")


def _pipeline_section() -> str:
    return (
        "# When it runs. Without this section: on pushes to the default branch and tags, on change requests, and by hand.\n"
        "# pipelines:\n"
        "#   nightly:\n"
        '#     on: [{schedule: {cron: "0 4 * * *", timezone: UTC}}]\n'
    )
