"""GitHub's expressions: literals, choices, and what each hole of a text is on GitHub.

https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
https://docs.github.com/en/actions/reference/workflows-and-actions/contexts
"""

from __future__ import annotations

from compiler.ir import OnSchedule, Parameter, Ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from compiler.ir import Text

EVENT_NAMES = {"change_request": "pull_request", "manual": "workflow_dispatch", "push": "push", "schedule": "schedule"}
ON_CHANGE_REQUEST = "github.event_name == 'pull_request'"
NOT_ON_CHANGE_REQUEST = "github.event_name != 'pull_request'"
NOT_FROM_FORK = f"{NOT_ON_CHANGE_REQUEST} || github.event.pull_request.head.repo.full_name == github.repository"
# What our own workflows tell the ones that they call.
CALL_EVENT = "headrace_event"  # call, pipeline; empty in a part of a pipeline
CALL_SCOPE = "headrace_scope"  # what sets the artifacts of one call apart from those of another in the same run
CALL_NEEDS = "headrace_needs"  # JSON: what the jobs of earlier parts came to
LARGEST_EXACT = 2**53 - 1

GIT = {
    "commit": "github.sha",
    "branch": "github.head_ref || github.ref_type == 'branch' && github.ref_name || ''",
    "tag": "github.ref_type == 'tag' && github.ref_name || ''",
    "ref": "github.ref",
    "repository": "github.repository",
    # A scheduled run is one of the default branch; its event does not always describe the repository.
    "default_branch": "github.event.repository.default_branch || github.ref_name",
    "short": "steps.commit.outputs.short",  # a step's: expressions can't cut text
}
RUN = {"id": "github.run_id", "attempt": "github.run_attempt"}
RUN_URL = "${{ github.server_url }}/${{ github.repository }}/actions/runs/${{ github.run_id }}"


def literal(text: str) -> str:
    """Text as a literal of an expression."""
    return "'" + text.replace("'", "''") + "'"


def written(text: str) -> str:
    """Literal text that GitHub must not read as an expression."""
    return text.replace("${{", "${{ '${{' }}")


def hole(expression: str) -> str:
    """An expression in text."""
    return "${{ " + expression + " }}"


def condition(expression: str) -> str:
    """What `if:` says: wrapped where it begins with what YAML takes for a tag."""
    return hole(expression) if expression.startswith("!") else expression


def bracketed(expression: str) -> str:
    """An expression as an operand of another."""
    return f"({expression})" if "||" in expression or "&&" in expression else expression


def conjunction(terms: Iterable[str]) -> str:
    """All of the terms, each once; "" for none."""
    parts = list(dict.fromkeys(filter(None, terms)))
    if len(parts) < 2:
        return parts[0] if parts else ""
    return " && ".join(f"({part})" if _has_or(part) else part for part in parts)


def _has_or(expression: str) -> bool:
    """Whether an `||` stands outside of parentheses and literals."""
    if "||" not in expression:
        return False
    depth, quoted = 0, False
    for at, character in enumerate(expression):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if character == "|" and depth == 0 and expression[at + 1 : at + 2] == "|":
                return True
    return False


def choice(test: str, then: str, otherwise: str) -> str:
    """`then` (a literal text) where the test holds, else another expression; right for an empty text too.

    `a && b || c` gives c where b is empty, so an empty choice is written the other way round.
    """
    if then:
        return f"{bracketed(test)} && {literal(then)} || {otherwise}"
    return f"!({test}) && {bracketed(otherwise)} || ''"


def event(callable_: bool) -> str:
    """What started the run, in headrace's words. A call inside of a change request is still a change request."""
    called = f"inputs.{CALL_EVENT} || " if callable_ else ""
    return (
        f"{ON_CHANGE_REQUEST} && 'change_request' || {called}"
        "github.event_name == 'workflow_dispatch' && 'manual' || github.event_name"
    )


def is_event(name: str, callable_: bool) -> str:
    """Whether a run is of one of headrace's events."""
    if name == "change_request":
        return ON_CHANGE_REQUEST
    if name in ("call", "pipeline"):
        return f"({NOT_ON_CHANGE_REQUEST} && inputs.{CALL_EVENT} == '{name}')" if callable_ else "false"
    if name not in EVENT_NAMES:
        return "false"
    if callable_:
        return f"(inputs.{CALL_EVENT} || github.event_name) == '{EVENT_NAMES[name]}'"
    return f"github.event_name == '{EVENT_NAMES[name]}'"


def input_name(parameter: str) -> str:
    """A parameter's name as an input: letters, digits, `-` and `_`, a letter or `_` first."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in parameter)
    return name if name[:1].isalpha() or name[:1] == "_" else "_" + name


def takes_number(parameter: Parameter) -> bool:
    """Whether the form by hand asks for a number: its default must be one that YAML's readers keep exactly."""
    if parameter.type not in ("int", "float"):
        return False
    if parameter.default is None:
        return True
    return number(parameter.default) is not None


def number(text: str) -> int | float | None:
    """A default as the number that YAML says, None where that would change it."""
    try:
        value = float(text)
    except ValueError:
        return None
    if value != value or abs(value) > LARGEST_EXACT:
        return None
    try:
        return int(text)
    except ValueError:
        return value


def parameter(one: Parameter, schedules: Iterable[OnSchedule], by_hand: bool, callable_: bool) -> str:
    """A parameter's value as text, on every event that may start the workflow.

    Given by hand or by a call it arrives as it was given: `inputs.x || default` would lose `false`, `0` and the empty
    text. `inputs.x` is null on every other event: then a schedule's value or the default counts. What a person typed
    for a number is kept in `github.event.inputs` as text, where `inputs` has a double.
    """
    name = f"inputs.{input_name(one.name)}"
    fallback = literal(one.default or "")
    for schedule in reversed(list(schedules)):
        given = dict(schedule.parameters)
        if one.name in given:
            fallback = choice(f"github.event.schedule == {literal(schedule.cron)}", given[one.name], fallback)
    if not by_hand and not callable_:
        return fallback
    value = name
    if by_hand and takes_number(one):
        typed = f"github.event.inputs.{input_name(one.name)}"
        value = f"inputs.{CALL_EVENT} && {name} || {typed}" if callable_ else typed
    if fallback == "''":
        return value  # null on other events, which is the empty text
    return f"toJSON({name}) == 'null' && {bracketed(fallback)} || {value}"


def text(pieces: Text, expression_of: Callable[[Ref], str]) -> str:
    """Text with its holes as expressions. A hole may also be a literal or several expressions: what starts `${{`."""
    out = []
    for piece in pieces:
        if isinstance(piece, Ref):
            value = expression_of(piece)
            out.append(value if value.startswith("${{") else _plain(value))
        else:
            out.append(written(piece))
    return "".join(out)


def _plain(value: str) -> str:
    """A constant is written as it is, anything else as an expression."""
    if len(value) > 1 and value[0] == value[-1] == "'" and "'" not in value[1:-1].replace("''", ""):
        return written(value[1:-1].replace("''", "'"))
    return hole(value)
