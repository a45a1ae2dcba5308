"""The independent verifiers that judge what headrace emits: one thin function a tool.

`.ci/tools` installs the tools into `${HEADRACE_TOOLS:-~/.cache/headrace-tools}`. Each function here skips the test that
called it, naming the tool, when the tool isn't there; it returns what the tool found and judges nothing itself.
"""

from __future__ import annotations

from tests.tools.actionlint import actionlint
from tests.tools.admission import argo_admission
from tests.tools.argoevents import Answer, Request, argo_events, argo_events_post
from tests.tools.argolint import argo_lint
from tests.tools.argoreferences import argo_references
from tests.tools.finding import Finding
from tests.tools.github import Evaluation, github_evaluations, github_evaluator, github_parser
from tests.tools.gitlab import gitlab_ci_local_list, gitlab_ci_local_preview
from tests.tools.hadolint import hadolint
from tests.tools.jsonschema import check_jsonschema
from tests.tools.process import RefusedError, ToolError, program, require, run
from tests.tools.shellcheck import shellcheck
from tests.tools.yamlreaders import READERS, read_kubernetes, read_psych, read_yaml2
from tests.tools.zizmor import zizmor

__all__ = [
    "READERS",
    "Answer",
    "Evaluation",
    "Finding",
    "RefusedError",
    "Request",
    "ToolError",
    "actionlint",
    "argo_admission",
    "argo_events",
    "argo_events_post",
    "argo_lint",
    "argo_references",
    "check_jsonschema",
    "github_evaluations",
    "github_evaluator",
    "github_parser",
    "gitlab_ci_local_list",
    "gitlab_ci_local_preview",
    "hadolint",
    "program",
    "read_kubernetes",
    "read_psych",
    "read_yaml2",
    "require",
    "run",
    "shellcheck",
    "zizmor",
]
