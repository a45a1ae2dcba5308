"""What engines are known to leave out, or to do otherwise than the systems that they stand for.

Every entry names its engine, its topics (see `compare`), the cases and jobs that it is for, and where it is written. A
difference that an entry covers is shown by name and does not count. A test fails where an entry covers nothing any more.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.engines.compare import Difference


class Known(NamedTuple):
    engine: str
    topics: tuple[str, ...]
    where: dict[str, tuple[str, ...]]  # cases, and their jobs ("" is the run itself); no jobs are all; {} is everywhere
    reason: str
    source: str

    def covers(self, case: str, difference: Difference) -> bool:
        if difference.topic not in self.topics or (self.where and case not in self.where):
            return False
        jobs = self.where.get(case, ())
        return not jobs or difference.job in jobs


KNOWN: tuple[Known, ...] = (
    Known(
        "local",
        ("held",),
        {},
        "takes the results of every job that did not change, whether or not the job says `cache`",
        "`headrace run --help`",
    ),
    Known(
        "argo",
        ("log",),
        {"secrets": ("",)},
        "leaves a pod's log as the job wrote it: nothing in Kubernetes masks secrets",
        "https://kubernetes.io/docs/concepts/cluster-administration/logging/",
    ),
    Known(
        "local",
        ("status", "outcome"),
        {"approvals": ("", "deploy")},
        "fails a job that waits for a person where there is no terminal to ask at: nobody could ever answer",
        "docs/semantics.md: approval and locks",
    ),
    Known(
        "gitlab-ci-local",
        ("lock",),
        {"locks": ()},
        "has no `resource_group`",
        "reference of gitlab-ci-local: unsupported keywords",
    ),
    Known(
        "act",
        ("barrier",),
        {},
        "runs jobs in waves: a wave begins when all jobs of the one before have ended",
        "act v0.2.87, pkg/model/planner.go: Plan, Stage",
    ),
    Known(
        "act",
        ("status", "outcome", "witness", "ran"),
        {"outcomes": ("after-lint", "no-mail-for-lint")},
        "does not read a job's `continue-on-error`: such a job counts as failed",
        "act v0.2.87, pkg/runner/job_executor.go: setJobResult",
    ),
    Known(
        "gitlab-ci-local",
        ("barrier",),
        {},
        "starts jobs in waves: what could start meanwhile waits for the slowest of a wave",
        "gitlab-ci-local 4.73.0, src/executor.ts: runLoop",
    ),
    Known(
        "gitlab-ci-local",
        ("outcome", "witness"),
        {
            "outcomes": (
                *("after-mail", "after-clean", "clean-late", "mail-late"),
                *("without-late", "after-without", "without-both"),
            )
        },
        "looks at all that came before a job, where GitLab looks at its needs alone: after a failure further up nothing "
        "runs on success, and what needs a job that never ran waits for ever",
        "gitlab-ci-local 4.73.0, src/executor.ts: getPastToWaitFor",
    ),
    Known(
        "act",
        ("outcome", "witness"),
        {"calls-failing": ("tell",)},
        "ends the whole run where a called workflow fails",
        "act v0.2.87, pkg/runner/runner.go: handleFailure in the plan of the called workflow",
    ),
    Known(
        "act",
        ("env",),
        {"texts": ("env",)},
        "evaluates the variables of a job once more for each step: what an expression wrote is taken for another",
        "act v0.2.87, pkg/runner/step.go: setupEnv",
    ),
    Known(
        "gitlab-ci-local",
        ("outcome", "attempts"),
        {"retries": ("once",)},
        "has no `retry`",
        "reference of gitlab-ci-local: unsupported keywords; a job with `retry` ends after its first attempt",
    ),
    Known(
        "gitlab-ci-local",
        ("outcome", "ran", "extra"),
        {"timeouts": ("long", "after-long", "late")},
        "has no `timeout`",
        "a job with `timeout: 4s` runs for as long as it takes",
    ),
    Known(
        "gitlab-ci-local",
        ("outcome",),
        {"shells": ("chain", "chain-late")},
        "ends each script with `exit 0`, so that a last line `a && b` that fails is not noticed; GitLab's runner ends with "
        "that line's status",
        "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/main/shells/bash.go",
    ),
    Known(
        "gitlab-ci-local",
        ("status", "outcome", "ran", "witness"),
        {"calls-failing": ("", "broken", "after-broken", "tell", "broken/fails")},
        "takes a child pipeline that failed for one that succeeded, `strategy: depend` or not",
        "gitlab-ci-local 4.73.0 says itself that downstream pipelines are experimental",
    ),
    Known(
        "gitlab-ci-local",
        ("log",),
        {"secrets": ("",)},
        "masks no variable that is given on its command line",
        "https://docs.gitlab.com/ci/variables/#mask-a-cicd-variable: a setting of the project's variable",
    ),
    Known(
        "gitlab-ci-local",
        ("secret",),
        {"secrets": ()},
        "a project's variable is visible to every job of the project, on GitLab too, which the target says in a note",
        "https://docs.gitlab.com/ci/variables/#for-a-project",
    ),
)


class Skip(NamedTuple):
    """A case, or one of its runs (by number, from 1), that an engine can't be asked."""

    engine: str
    case: str
    run: int | None
    reason: str
    source: str


SKIPS: tuple[Skip, ...] = (
    *(
        Skip(
            "gitlab-ci-local",
            "changed",
            number,
            "asks git for `rules:changes` whatever started the pipeline, where GitLab takes it for true on tags, schedules and by hand",
            "https://docs.gitlab.com/ci/yaml/#ruleschanges",
        )
        for number in (3, 4, 5)
    ),
    Skip(
        "gitlab-ci-local",
        "approvals",
        2,
        "starts nothing at all where a manual job that others need is not named on its command line; GitLab runs what comes "
        "before it, and waits",
        "https://docs.gitlab.com/ci/jobs/job_control/#types-of-manual-jobs",
    ),
    Skip(
        "act",
        "approvals",
        2,
        "knows no environments: who must agree to a job is a setting of the repository on GitHub, as the target's note says",
        "https://docs.github.com/en/actions/how-tos/deploy/configure-and-manage-deployments/manage-environments",
    ),
    Skip(
        "act",
        "locks",
        None,
        "does not know `concurrency.queue`, which keeps what waits, and enforces no concurrency at all",
        "act v0.2.87, pkg/schema/workflow_schema.json: concurrency-mapping",
    ),
    *(
        Skip(
            engine,
            "sidecars",
            None,
            "starts services only in containers, and here jobs run without them",
            source,
        )
        for engine, source in (
            ("gitlab-ci-local", "gitlab-ci-local 4.73.0, src/job.ts: services need a container executor"),
            ("act", "act v0.2.87, pkg/runner/run_context.go: startHostEnvironment"),
        )
    ),
)


def cover(engine: str, case: str, difference: Difference) -> Known | None:
    """The entry that a difference is covered by."""
    return next((one for one in KNOWN if one.engine == engine and one.covers(case, difference)), None)


def skip(engine: str, case: str, run: int | None) -> Skip | None:
    """The entry by which a case as a whole (run None) or a run of it is left out."""
    return next((one for one in SKIPS if (one.engine, one.case, one.run) == (engine, case, run)), None)
