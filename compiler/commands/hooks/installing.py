"""Hooks come and go: no hook of somebody else's is ever changed, and what was moved aside comes back as it was."""

from __future__ import annotations

import os
import sys

from compiler import codes
from compiler.commands.hooks import HOOKS, git
from compiler.render.visible import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from compiler.diagnostics import Sink

MARK = "# Installed by `headrace hooks install`; `headrace hooks remove` takes it away."
KEPT = ".before-headrace"  # a hook that was there, beside the one that runs it first
SCRIPT = """\
#!/bin/sh
{mark}
python={python}
if [ -x "$python" ]; then exec "$python" -P -m compiler hooks run {hook} -- "$@"; fi
if command -v headrace > /dev/null; then exec headrace hooks run {hook} -- "$@"; fi
echo 'headrace is not installed here any more: install it, or delete this hook:' "$0" >&2
exit 1
"""


def install(arguments: Namespace, sink: Sink) -> list[str]:
    """Install the hooks; one that is there already and not ours is an error, and then nothing is done."""
    folder = _folder(sink)
    if folder is None:
        return []
    names = arguments.hooks or (["post-receive"] if git.is_bare() else ["pre-commit", "pre-push"])
    for name in names:
        _check(os.path.join(folder, name), arguments, sink)
    if sink.failed:
        return []
    lines = []
    try:
        os.makedirs(folder, exist_ok=True)
        lines = [_installed(os.path.join(folder, name), name) for name in names]
        if arguments.target:
            git.configure("headrace.target", list(arguments.target))
        if arguments.command is not None:
            git.configure("headrace.command", [arguments.command])
    except (OSError, git.GitError) as error:
        sink.report(codes.UNWRITABLE, f"{folder} can't be written: {_reason(error)}")
    if "post-receive" in names and not git.settings("headrace.command"):
        lines.append("post-receive: no command is configured, what it compiles is only checked (--command sets it)")
    return lines


def remove(arguments: Namespace, sink: Sink) -> list[str]:
    """Take headrace's hooks away; what stood in their place comes back."""
    folder = _folder(sink)
    lines = []
    for name in (arguments.hooks or HOOKS) if folder is not None else ():
        path = os.path.join(folder or "", name)
        if not is_ours(path):
            if arguments.hooks:
                lines.append(f"{name}: headrace has no hook here")
            continue
        try:
            if os.path.lexists(path + KEPT):
                os.replace(path + KEPT, path)
                lines.append(f"{name}: removed, the hook that was there is back")
            else:
                os.unlink(path)
                lines.append(f"{name}: removed")
        except OSError as error:
            sink.report(codes.UNWRITABLE, f"{path} can't be removed: {_reason(error)}")
    if not arguments.hooks and folder is not None and not sink.failed:
        for key in ("headrace.target", "headrace.command"):
            git.configure(key, [])
    return lines or ([] if sink.failed else ["headrace has no hook here"])


def status(arguments: Namespace, sink: Sink) -> list[str]:
    """A line a hook: whose it is."""
    folder = _folder(sink)
    if folder is None:
        return []
    lines = []
    for name in arguments.hooks or HOOKS:
        path = os.path.join(folder, name)
        if is_ours(path):
            chained = ", after the hook that was there" if os.path.lexists(path + KEPT) else ""
            lines.append(f"{name}: installed{chained}")
        elif os.path.lexists(path):
            lines.append(f"{name}: somebody else's")
        else:
            lines.append(f"{name}: not installed")
    lines += [f"target: {visible(value)}" for value in git.settings("headrace.target")]
    lines += [f"command: {visible(value)}" for value in git.settings("headrace.command")]
    return lines


def is_ours(path: str) -> bool:
    """Whether a hook is one that headrace wrote: a plain file with the mark in its second line."""
    try:
        if os.path.islink(path):
            return False
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(2000).split("\n")[1:2] == [MARK]
    except OSError:
        return False


def _folder(sink: Sink) -> str | None:
    """The folder of the hooks. One outside of the repository may be many repositories': it is not touched."""
    try:
        folder = git.hooks_folder()
        own = [git.git_folder(), *([] if git.is_bare() else [git.work_tree()])]
    except git.GitError as error:
        said = visible(str(error))
        notes = () if "not a git repository" in said else (f"git says: {said}",)
        sink.report(codes.NO_REPOSITORY, "hooks belong to a git repository, and git knows none here", notes=notes)
        return None
    if not any(os.path.realpath(folder).startswith(os.path.realpath(one) + os.sep) for one in own):
        sink.report(
            codes.OUTSIDE,
            f'git\'s core.hooksPath leads to "{visible(folder)}", outside of this repository',
            help="other repositories may share those hooks; set core.hooksPath for this one",
        )
        return None
    return folder


def _check(path: str, arguments: Namespace, sink: Sink) -> None:
    if not os.path.lexists(path) or is_ours(path):
        return
    name = os.path.basename(path)
    if not arguments.chain:
        sink.report(
            codes.HAND_WRITTEN,
            f"there is a {name} hook already",
            help=f'say --chain to run it before headrace\'s, or add `headrace hooks run {name} -- "$@"` to it',
        )
    elif os.path.lexists(path + KEPT):
        sink.report(codes.HAND_WRITTEN, f"{name}{KEPT} is there already", help="move it away")


def _installed(path: str, name: str) -> str:
    """Write one hook, all of it or nothing; what stands there is put aside first."""
    chained = os.path.lexists(path) and not is_ours(path)
    text = SCRIPT.format(mark=MARK, python=_quoted(sys.executable), hook=name)
    temporary = f"{path}.headrace-{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.chmod(temporary, 0o755)
    if chained:
        os.rename(path, path + KEPT)
    os.replace(temporary, path)
    return f"{name}: installed" + (", after the hook that was there" if chained else "")


def _quoted(text: str) -> str:
    """A word of sh that stands for exactly this text."""
    return "'" + text.replace("'", "'\\''") + "'"


def _reason(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
