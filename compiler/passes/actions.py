"""What a job's action has no use for.

An image build brings its own software, a call is the called pipeline's jobs: a key that such a job says by itself and
that nothing would read is an error. What its template or the defaults say of it is meant for jobs that have use for it.
"""

from __future__ import annotations

from compiler import codes
from compiler.ir import NOTHING, BuildImage, Call, Deploy, Entry, Exec, Job, Tool
from compiler.passes.context import Context
from compiler.passes.rollouts import check_deploy

_WITHOUT_COMMAND = ("environment", "shell", "working_directory", "outputs", "objectives", "cache", "resume")
_OF_NO_USE: dict[type, tuple[str, ...]] = {
    BuildImage: _WITHOUT_COMMAND,
    Deploy: _WITHOUT_COMMAND,
    Call: (
        *_WITHOUT_COMMAND, "platform", "env", "secrets", "identity", "permissions", "resources", "volumes", "sidecars",
        "timeout",
    ),
    Tool: ("shell", "working_directory"),
    Exec: ("shell",),
    Entry: ("shell",),
}  # fmt: skip
_WHAT: dict[type, tuple[str, str]] = {
    BuildImage: ("builds an image", "do it in a job before or after the build"),
    Deploy: ("is a deployment", "do it in a job before or after the deployment"),
    Call: ("calls a pipeline", "say it in the jobs of the pipeline that is called"),
    Tool: ("runs one of headrace's tools", "tools run at the repository's root"),
    Exec: ("runs a program with exact arguments", "write `run` as text for a shell to read"),
    Entry: ("runs a Python script with exact arguments", "no shell reads them"),
}


def fitted(job: Job, own: Job, context: Context) -> Job:
    """A job as its action can have it. `own` is what the job says by itself, without its template and the defaults."""
    kind: type = type(job.action)
    if isinstance(job.action, Deploy):
        check_deploy(job.action, job.name, job.origin, context)
    changes: dict[str, object] = {}
    for name in _OF_NO_USE.get(kind, ()):
        value = getattr(job, name)
        if value is None or value is NOTHING:
            continue
        if getattr(own, name) and not _is_off(own, name):
            what, advice = _WHAT[kind]
            message = f'"{name}" means nothing to "{job.name}", which {what}'
            context.sink.report(codes.KEYS_EXCLUDE, message, own.origin, field=name, help=advice)
        changes[name] = Job.field_defaults[name]
    return job.replace(**changes) if changes else job


def _is_off(job: Job, name: str) -> bool:
    return name == "cache" and job.cache is not None and not job.cache.enabled
