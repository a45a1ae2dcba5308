"""Deployments: one script applies the rendered documents, or commits them to a branch that a cluster follows.

A project's agent gives jobs a kubeconfig with a context for each cluster; without one, a variable of type file does.
https://docs.gitlab.com/user/clusters/agent/ci_cd_workflow/
"""

from __future__ import annotations

from compiler.ir import Deploy
from targets import commands
from targets.commands import literal

GITOPS_TOKEN = "HEADRACE_GITOPS_TOKEN"
# An address by which git finds the instance that runs the job.
HERE = "gitlab:"
_HELPER = f'!f() {{ echo username=headrace; echo "password=${GITOPS_TOKEN}"; }}; f'


def deploy_lines(action: Deploy) -> list[str]:
    """The lines of a deployment, from the repository's root."""
    if action.platform != "gitops":
        return [commands.deploy(action)]
    lines = [
        f"export GIT_CONFIG_KEY_0=credential.helper GIT_CONFIG_VALUE_0={literal(_HELPER)}",
        f'export GIT_CONFIG_KEY_1="url.$CI_SERVER_URL/.insteadOf" GIT_CONFIG_VALUE_1={HERE} GIT_CONFIG_COUNT=2',
    ]
    if action.repository is None:
        # The checkout's own address holds the job's token, which need not be one that may push.
        lines.append('git remote set-url origin "$CI_PROJECT_URL.git"')
    elif "://" not in action.repository and "@" not in action.repository:
        action = action.replace(repository=f"{HERE}{action.repository}.git")
    return [*lines, commands.deploy(action)]
