"""`entry:` becomes exact arguments: the script's interface is read by the syntax tree and checked against `with:`."""

from __future__ import annotations

from posixpath import join, relpath

from compiler import codes
from compiler.diagnostics import WARNING, Label
from compiler.ir import Argument, Entry, Exec, Job, Parameter, Project, Ref, Switch
from compiler.matrix import axes
from compiler.passes.context import Context, over_groups
from compiler.source import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Text
    from compiler.pyargs import Interface, Problem
    from compiler.source import Origin, Source

_CODES = {"unknown": codes.UNKNOWN_ARGUMENT, "missing": codes.MISSING_ARGUMENT}

# Remarks on arguments whose values, or whose being there, nobody can judge without running the script.
_UNCHECKED = frozenset(
    ("computed-arguments", "computed-choices", "computed-setting", "custom-action", "custom-type", "changed-later")
)


def lower_entries(project: Project, context: Context) -> Project:
    parameters = {parameter.name: parameter for parameter in project.parameters}
    for pipeline in project.pipelines:
        parameters |= {parameter.name: parameter for parameter in pipeline.parameters}
    scripts = _Scripts(context)

    def change(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        return tuple(_lowered(job, job.action, parameters, project.folder, scripts, context) for job in jobs)

    return over_groups(project, change)


class _Scripts:
    """Scripts that were read, each once."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.read: dict[str, tuple[Source, Interface] | None] = {}

    def interface(self, path: str, at: Origin | None) -> tuple[Source, Interface] | None:
        """What a script reads; None where it can't be known. That it is not there is said at every place."""
        if not self.context.files.is_file(path):
            self.context.sink.report(
                codes.MISSING_FILE, f'"{path}" {self.context.files.absence(path)}', at, field="script"
            )
            return None
        if path not in self.read:
            self.read[path] = self._interface(path)
        return self.read[path]

    def _interface(self, path: str) -> tuple[Source, Interface] | None:
        from compiler.pyargs import ScriptSyntaxError, read_interface

        source = self.context.files.source(path, self.context.sink)
        if source is None:
            return None
        try:
            return source, read_interface(source.text, path)
        except ScriptSyntaxError as error:
            start = source.offset(error.line, error.column)
            self.context.sink.report(codes.PYTHON_SYNTAX, error.message, Span(source, start, start + 1))
            return None


def _lowered(
    job: Job, entry: object, parameters: dict[str, Parameter], folder: str, scripts: _Scripts, context: Context
) -> Job:
    if not isinstance(entry, Entry):
        return job
    at = entry.origin or job.origin
    arguments = tuple(_filled(argument, job, parameters, at, context) for argument in entry.arguments)
    path = entry.script or _module_file(entry.module or "", job.working_directory or folder, context)
    given = {argument.name: _given(argument, job, parameters) for argument in arguments}
    start = _launch(entry, job.working_directory if job.working_directory is not None else folder, job)
    if path is None and arguments:
        message = f'"{entry.module}" was not checked: no file of the repository is this module'
        context.sink.report(codes.UNREAD_INTERFACE, message, at, field="module")
    known = None if path is None else scripts.interface(path, at)
    if known is None:
        return job.replace(action=Exec(argv=(*start, *_as_written(arguments)), origin=entry.origin))
    source, interface = known
    switches = _switches(arguments, interface, parameters)
    _check(job, arguments, {**given, **dict.fromkeys(switches, True)}, source, interface, at, context)
    words = _argv(interface, {name: value for name, value in given.items() if name not in switches})
    action = Exec(argv=(*start, *words), switches=tuple(switches.values()), switches_at=len(start), origin=entry.origin)
    return job.replace(action=action)


def _switches(
    arguments: tuple[Argument, ...], interface: Interface, parameters: dict[str, Parameter]
) -> dict[str, Switch]:
    """Bool parameters given to flags that take no value: the flag is there when the parameter is true."""
    flags = {_plain(flag): one for one in interface.parameters for flag in (*one.flags, one.name)}
    found: dict[str, Switch] = {}
    for argument in arguments:
        text = argument.values[0] if len(argument.values) == 1 else ()
        ref = text[0] if len(text) == 1 else None
        flag = flags.get(_plain(argument.name))
        if not isinstance(ref, Ref) or ref.kind != "parameters" or flag is None:
            continue
        parameter = parameters.get(ref.name)
        if flag.action in ("store_true", "store_false") and parameter is not None and parameter.type == "bool":
            found[argument.name] = Switch(when=ref, word=flag.spelling)
    return found


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_")


def _module_file(module: str, folder: str, context: Context) -> str | None:
    """The file of a module: below the job's folder or its `src`; None when it is installed from elsewhere."""
    tail = module.replace(".", "/")
    for base in (folder, join(folder, "src")):
        for name in (tail + ".py", tail + "/__main__.py"):
            path = join(base, name)
            if context.files.is_file(path):
                return path
    return None


def _launch(entry: Entry, folder: str, job: Job) -> tuple[Text, ...]:
    program = ("-m", entry.module) if entry.module else (relpath(entry.script or ".", folder or "."),)
    if entry.launch == "torchrun":
        devices = job.resources.accelerator.count if job.resources and job.resources.accelerator else 1
        program = ("torchrun", "--standalone", f"--nproc_per_node={devices}", *program)
    elif entry.launch == "accelerate":
        program = ("accelerate", "launch", *program)
    else:
        program = ("python", *program)
    return tuple((str(part),) for part in program)


def _filled(
    argument: Argument, job: Job, parameters: dict[str, Parameter], at: Origin | None, context: Context
) -> Argument:
    """`with: [lr]` takes the axis or the parameter of that name."""
    if not argument.listed or argument.values:
        return argument
    if argument.name in axes(job.matrix):
        return argument.replace(values=((Ref(kind="matrix", name=argument.name),),), listed=False)
    if argument.name in parameters:
        return argument.replace(values=((Ref(kind="parameters", name=argument.name),),), listed=False)
    known = [*axes(job.matrix), *parameters]
    what = "a parameter or an axis of this job"
    context.unknown(codes.UNKNOWN_PARAMETER, what, argument.name, known, argument.origin or at)
    return argument.replace(values=((Ref(kind="parameters", name=argument.name),),), listed=False)


def _given(argument: Argument, job: Job, parameters: dict[str, Parameter]) -> Any:
    """An argument as pyargs takes it: literals as text, holes with their type."""
    if argument.flag is not None:
        return argument.flag
    values = [_value(text, job, parameters) for text in argument.values]
    return values if argument.listed or len(values) != 1 else values[0]


def _value(text: Text, job: Job, parameters: dict[str, Parameter]) -> Any:
    from compiler.pyargs import Hole

    if not any(isinstance(piece, Ref) for piece in text):
        return "".join(str(piece) for piece in text)
    if len(text) == 1 and isinstance(text[0], Ref):
        ref = text[0]
        if ref.kind == "parameters" and ref.name in parameters:
            parameter = parameters[ref.name]
            return Hole(parameter.type, text, dash=_may_begin_with_dash(parameter))
        if ref.kind == "matrix":
            return Hole("string", text, dash=any(value.startswith("-") for value in _axis(job, ref.name)))
    first = text[0]
    return Hole("string", text, dash=not isinstance(first, str) or first.startswith("-"))


def _may_begin_with_dash(parameter: Parameter) -> bool:
    """Whether a value could be taken for a flag, so that it must not stand as a word of its own."""
    if parameter.type == "bool":
        return False
    if parameter.type == "choice":
        return any(value.startswith("-") for value in parameter.choices)
    if parameter.type in ("int", "float"):
        return parameter.minimum is None or parameter.minimum.startswith("-")
    return True


def _axis(job: Job, name: str) -> list[str]:
    from compiler.matrix import legs

    return list(dict.fromkeys(dict(leg)[name] for leg in legs(job.matrix) if name in dict(leg)))


def _check(
    job: Job,
    arguments: tuple[Argument, ...],
    given: dict[str, Any],
    source: Source,
    interface: Interface,
    at: Origin | None,
    context: Context,
) -> None:
    from compiler.pyargs import check_call

    if not interface.complete or interface.style not in ("argparse", "mlreef"):
        _report_unread(interface, source, at, context)
    elif any(remark.kind in _UNCHECKED for remark in interface.remarks):
        _report_unchecked(interface, source, at, context)
    origins = {argument.name: argument.origin for argument in arguments}
    calls = _calls(job, arguments, given)
    problems = [problem for call in calls for problem in check_call(interface, call)]
    if calls != [given]:  # what an axis gives must not choose a subcommand, whose arguments are others
        problems += [one for one in check_call(interface, given) if one.kind == "computed-subcommand"]
    for problem in problems:
        _report(problem, origins.get(problem.name) or at, source, context)


def _report_unchecked(interface: Interface, source: Source, at: Origin | None, context: Context) -> None:
    """Say what of arguments that are known could not be, and where the script shows it."""
    remarks = [remark for remark in interface.remarks if remark.kind in _UNCHECKED]
    starts = ((source.offset(remark.line, remark.column), remark.message) for remark in remarks[:3])
    labels = tuple(Label(Span(source, start, start + 1), remark) for start, remark in starts)
    message = f'not everything that "{source.name}" asks of its arguments is known'
    context.sink.report(codes.UNREAD_INTERFACE, message, at, labels=labels)


def _report_unread(interface: Interface, source: Source, at: Origin | None, context: Context) -> None:
    """Say that not everything could be checked, and where the script shows why."""
    message = f'not all arguments of "{source.name}" are known'
    if interface.style not in ("argparse", "mlreef"):
        why = f"it reads its arguments by {interface.framework}" if interface.framework else "it has no argparse parser"
        message = f'"{source.name}" was not checked: {why}'
    starts = ((source.offset(remark.line, remark.column), remark.message) for remark in interface.remarks[:1])
    labels = tuple(Label(Span(source, start, start + 1), remark) for start, remark in starts)
    context.sink.report(codes.UNREAD_INTERFACE, message, at, labels=labels)


def _calls(job: Job, arguments: tuple[Argument, ...], given: dict[str, Any]) -> list[dict[str, Any]]:
    """The call as it is, and once for each value of an axis that is an argument by itself: those are known."""
    varied: dict[str, list[str]] = {}
    for argument in arguments:
        text = argument.values[0] if len(argument.values) == 1 else ()
        if len(text) == 1 and isinstance(text[0], Ref) and text[0].kind == "matrix":
            varied[argument.name] = _axis(job, text[0].name)
    first = {**given, **{name: values[0] for name, values in varied.items() if values}}
    return [{**first, name: value} for name, values in varied.items() for value in values] or [given]


def _report(problem: Problem, at: Origin | None, source: Source, context: Context) -> None:
    code = next((code for kind, code in _CODES.items() if problem.kind.startswith(kind)), codes.WRONG_ARGUMENT)
    notes = (f'"{source.name}" takes {", ".join(problem.accepted)}',) if problem.accepted else ()
    severity = WARNING if problem.kind == "conditional" else None
    context.sink.report(code, problem.message, at, help=problem.help or None, notes=notes, severity=severity)


def _argv(interface: Interface, given: dict[str, Any]) -> tuple[Text, ...]:
    from compiler.pyargs import Hole, argv

    words: list[Text] = []
    for word in argv(interface, given):
        text: list[str | Ref] = []
        for piece in word:
            if isinstance(piece, Hole):
                assert isinstance(piece.value, tuple)
                text.extend(piece.value)
            elif piece:
                text.append(piece)
        words.append(tuple(text))
    return tuple(words)


def _as_written(arguments: tuple[Argument, ...]) -> tuple[Text, ...]:
    words: list[Text] = []
    for argument in arguments:
        name = argument.name if argument.name.startswith("-") else "--" + argument.name
        if argument.flag is False:
            continue
        words.append((name,))
        words.extend(argument.values)
    return tuple(words)
