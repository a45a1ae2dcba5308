"""What only GitLab CI has to say about a pipeline: HR41xx."""

from __future__ import annotations

from compiler.diagnostics import ERROR, Code

CHANGED_COMBINATION = Code(
    "HR4101", "gitlab-changed-combination", ERROR, "a combination of changed paths that GitLab's rules can't test"
)
LITERAL_QUOTES = Code("HR4102", "gitlab-literal-quotes", ERROR, "a literal with both kinds of quotes in a condition")
NEEDS_PYTHON = Code("HR4103", "gitlab-needs-python", ERROR, "a feature that needs Python in an image that may lack it")
BAD_STORE = Code("HR4104", "gitlab-store", ERROR, "a store that a GitLab job can't reach")
OUTPUT_PATH = Code("HR4106", "gitlab-path", ERROR, "a path that GitLab would read as something else")
RETRY_RUNNER_LIMIT = Code(
    "HR4107", "gitlab-runner-retries", ERROR, "more retries after a runner's failure than GitLab makes"
)
# HR4108 was a dataset's version that is no hash; a number is never used again.
NESTED_PIPELINES = Code(
    "HR4109", "gitlab-nested-pipelines", ERROR, "pipelines that call one another too deep for GitLab"
)
NO_OVERWRITE = Code("HR4110", "gitlab-no-overwrite", ERROR, "a setting of the pod that the chosen runner does not take")
ORDER_OF_FAILURE = Code(
    "HR4111", "gitlab-failure-across-split", ERROR, "a job is split from one that it needs and that runs on failure"
)
CONDITION_TOO_LARGE = Code("HR4112", "gitlab-too-many-globs", ERROR, "more path patterns in one rule than GitLab takes")
