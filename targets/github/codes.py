"""GitHub's own findings: HR42xx."""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, WARNING, Code

RETRY_ON_RUNNER = Code("HR4201", "github-retry-on-runner", ERROR, "GitHub can't retry a job that lost its runner")
NO_CASE = Code("HR4202", "github-no-case", NOTE, "GitHub compares text without regard to case")
NO_IDENTITY = Code("HR4203", "github-no-identity", ERROR, "an identity that no pinned action can take on")
NO_SECRET = Code("HR4204", "github-no-secret", ERROR, "a secret that GitHub can't hold or reach")
NEEDS_CONTAINER = Code("HR4205", "github-needs-container", ERROR, "something that only a job in a container can have")
NO_STORE = Code("HR4206", "github-no-store", ERROR, "a store that a job on GitHub can't use")
NEEDS_PYTHON = Code(
    "HR4207", "github-needs-python", ERROR, "something that needs Python in an image not known to have it"
)
BAD_GLOB = Code("HR4208", "github-bad-glob", ERROR, "a glob that GitHub's filters can't say")
DOUBLE_RUN = Code("HR4209", "github-double-run", NOTE, "one commit may start two runs")
AMBIGUOUS_SCHEDULE = Code("HR4210", "github-ambiguous-schedule", ERROR, "two schedules that GitHub can't tell apart")
SCHEDULE_TOO_DENSE = Code("HR4211", "github-schedule-too-dense", WARNING, "a schedule that GitHub runs less often")
TOO_LONG = Code("HR4212", "github-too-long", WARNING, "a timeout longer than GitHub lets a job run")
WRONG_KEY = Code("HR4213", "github-wrong-key", ERROR, "something that this kind of job can't have on GitHub")
SELF_HOSTED_FORKS = Code("HR4214", "github-self-hosted-forks", NOTE, "forks' change requests skip self-hosted runners")
NO_PLATFORM = Code("HR4215", "github-no-platform", ERROR, "a platform that no runner here builds or runs")
NO_HOLE = Code("HR4216", "github-no-hole", ERROR, "a value that is not known yet where it stands")
EXPRESSION_IN_INPUT = Code("HR4218", "github-expression-in-input", ERROR, "an input with text that GitHub reads")
FEW_PARALLEL = Code("HR4217", "github-few-parallel", ERROR, "a matrix limit that a split matrix can't hold")
