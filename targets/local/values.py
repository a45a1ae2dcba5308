"""The values behind holes: what `{{ git.branch }}`, `{{ parameters.lr }}` or `{{ matrix.fold }}` is in this run."""

from __future__ import annotations

import json
from collections.abc import Mapping

from compiler import ir
from compiler.condition import Facts
from compiler.ir import OnSchedule, Parameter, Pipeline, Ref
from targets.local.snapshot import SnapshotError, git, is_repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text
    from compiler.matrix import Leg


class Values:
    """What is known when a run starts: of git, of the run, of the project. Empty text where there is nothing."""

    def __init__(self, git: Mapping[str, str], run: Mapping[str, str], project: Mapping[str, str]) -> None:
        self.git, self.run, self.project = dict(git), dict(run), dict(project)

    def at(self, event: str) -> Values:
        """The same where another event counts: in a pipeline that is called."""
        return self if event == self.git["event"] else Values({**self.git, "event": event}, self.run, self.project)

    def of(self, ref: Ref, parameters: Mapping[str, str], leg: Leg, more: Mapping[str, str] | None = None) -> str:
        """The value of a hole; `more` has those that only a running job has (sidecars, images), by `kind.name`."""
        if ref.kind == "parameters":
            return parameters.get(ref.name, "")
        if ref.kind == "matrix":
            return dict(leg).get(ref.name, "")
        known: Mapping[str, str] = {"git": self.git, "run": self.run, "project": self.project}.get(ref.kind, {})
        if ref.name in known:
            return known[ref.name]
        name = f"{ref.kind}.{ref.name}" + (f".{ref.member}" if ref.member else "")
        return (more or {}).get(name, "")

    def text(self, text: Text, parameters: Mapping[str, str], leg: Leg, more: Mapping[str, str] | None = None) -> str:
        return "".join(piece if isinstance(piece, str) else self.of(piece, parameters, leg, more) for piece in text)


def git_values(root: str, commit: str, event: str, tag: str, remote: str | None) -> dict[str, str]:
    """The holes of `git`. A run by hand is on the branch that is checked out; with a tag there is no branch."""
    branch = "" if tag or not is_repository(root) else _asked(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    default = _asked(root, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
    if not default and is_repository(root):
        heads = _asked(root, "for-each-ref", "--format=%(refname:short)", "refs/heads/main", "refs/heads/master")
        default = heads.split("\n")[0] if heads else branch
    return {
        "commit": commit,
        "short": commit[:8],
        "branch": branch,
        "tag": tag,
        "ref": tag or branch,
        "default_branch": default,
        "repository": _repository_path(remote),
        "event": event,
    }


def _asked(root: str, *arguments: str) -> str:
    try:
        return git(root, *arguments).decode("utf-8", "replace").strip() if is_repository(root) else ""
    except SnapshotError:
        return ""


def _repository_path(remote: str | None) -> str:
    """`group/name` of a remote's URL: https://host/group/name.git, git@host:group/name.git."""
    if not remote:
        return ""
    path = remote.split("://", 1)[-1]
    head, separator, rest = path.partition(":" if "://" not in remote and ":" in path else "/")
    del head
    return (rest if separator else path).strip("/").removesuffix(".git")


def changed_paths(
    root: str, commit: str, event: str, tag: str, base: str | None, default: str
) -> tuple[str, ...] | None:
    """What `changed` looks at: against the merge base on a change request, the commit before on a push; else None."""
    head = commit or "HEAD"
    if not is_repository(root) or event not in ("push", "change_request") or tag:
        return None
    against = base or (f"origin/{default}" if event == "change_request" else head + "^")
    if event == "change_request":
        found = _asked(root, "merge-base", head, against) or (
            _asked(root, "merge-base", head, default) if not base else ""
        )
    else:
        found = _asked(root, "rev-parse", "--verify", "--quiet", against + "^{commit}")
    if not found:
        return None
    listed = git(root, "diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", found, head, "--")
    return tuple(path.decode("utf-8", "surrogateescape") for path in listed.split(b"\0") if path)


# ---------------------------------------------------------------------------------------------------------- parameters


def parameter_values(pipeline: Pipeline, given: Mapping[str, str]) -> dict[str, str]:
    """Every parameter that has a value: what is given, `false`, `0` and empty text too, else its default."""
    found = {}
    for parameter in pipeline.parameters:
        if parameter.name in given:
            found[parameter.name] = given[parameter.name]
        elif parameter.default is not None:
            found[parameter.name] = parameter.default
    return found


def scheduled_values(pipeline: Pipeline) -> dict[str, str]:
    """What a scheduled run is given: the values that all schedules of the pipeline say alike."""
    given = [dict(trigger.parameters) for trigger in pipeline.triggers if isinstance(trigger, OnSchedule)]
    first, *others = given or [{}]
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in others)}


def parameter_problems(pipeline: Pipeline, values: Mapping[str, str]) -> list[tuple[Parameter, str]]:
    """What is wrong with values, found by the same check that runs first in CI."""
    from targets.runtime.check_parameters import problem

    found = []
    for parameter in pipeline.parameters:
        wrong = problem(values.get(parameter.name), _specification(parameter))
        if wrong:
            found.append((parameter, wrong))
    return found


def _specification(parameter: Parameter) -> dict[str, object]:
    spec: dict[str, object] = {"name": parameter.name, "type": parameter.type, "required": bool(parameter.required)}
    if parameter.choices:
        spec["choices"] = list(parameter.choices)
    if parameter.minimum is not None:
        spec["minimum"] = parameter.minimum
    if parameter.maximum is not None:
        spec["maximum"] = parameter.maximum
    return spec


def facts(
    values: Values, parameters: Mapping[str, str], changed: tuple[str, ...] | None, event: str | None = None
) -> Facts:
    """What conditions are held against."""
    return Facts(
        event=event or values.git["event"],
        branch=values.git["branch"],
        tag=values.git["tag"],
        parameters=dict(parameters),
        changed=changed,
    )


def quoted(value: str) -> str:
    """A value as messages show it."""
    return json.dumps(value, ensure_ascii=False)


EVENTS = ir.EVENTS
