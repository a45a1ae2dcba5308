"""What a job is let in with: cloud identities, secrets of the repository and of Vault.

https://docs.github.com/en/actions/reference/security/oidc
"""

from __future__ import annotations

from compiler import codes as core
from compiler import duration
from compiler.diagnostics import clipped
from compiler.ir import BuildImage, Identity
from targets import commands, logins
from targets.github import codes, expressions
from targets.github.actions import use
from targets.names import unique
from targets.secrets import LONGEST, as_variable, vault_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Job, SecretUse
    from targets.github.workflow import Workflow

    Step = dict[str, Any]

DEFAULT_REGION = "us-east-1"
USUAL_SESSION, LONGEST_SESSION = 3600, 12 * 3600  # seconds


def identity_of(workflow: Workflow, job: Job) -> Identity | None:
    """The job's identity, or the one of a store or registry that it uses."""
    if isinstance(job.action, BuildImage):
        pushes = logins.identity(job, workflow.project.identities)
        if pushes is not None:
            return pushes
    if isinstance(job.identity, Identity):
        return job.identity
    if not workflow.identities:
        return None
    named = [getattr(output, "store", None) for output in job.outputs]
    if job.resume is not None:
        named.append(job.resume.store or workflow.settings.store)
    if job.cache is not None and job.cache.enabled:
        named.append(job.cache.store)
    named += [given.store for given in job.inputs]
    for need in job.needs:
        named += [getattr(output, "store", None) for output in workflow.by_name[need.job].outputs]
    for name in named:
        store = workflow.stores.get(name) if name else None
        if store is not None and store.identity is not None:
            return workflow.identities.get(store.identity)
    return None


def token_reasons(workflow: Workflow, job: Job) -> list[str]:
    """Why the job may ask for an OpenID Connect token."""
    found = identity_of(workflow, job)
    known = ("aws", "gcp", "azure") if isinstance(job.action, BuildImage) else ("aws", "gcp")
    reasons = [f"signs in to {found.provider}"] if found is not None and found.provider in known else []
    if job.secrets and any(_store(workflow, one) == "vault" for one in job.secrets):
        reasons.append("reads secrets from Vault")
    return reasons


def identity(workflow: Workflow, job: Job, **more: Any) -> list[Step]:
    """Sign in to a cloud without a key."""
    found = identity_of(workflow, job)
    if found is None:
        return []
    settings = dict(found.settings)
    if found.provider == "aws":
        options: dict[str, Any] = {
            "role-to-assume": expressions.written(settings.get("role", "")),
            "aws-region": expressions.written(settings.get("region", DEFAULT_REGION)),
            **_said(settings, "audience"),
            **_session(workflow, job, found),
        }
        return [{"id": "identity", "uses": use("aws-actions/configure-aws-credentials"), "with": options}]
    if found.provider == "gcp":
        options = {
            "workload_identity_provider": expressions.written(settings.get("provider", "")),
            **_said(settings, "service_account", "audience"),
            **more,
        }
        return [{"id": "identity", "uses": use("google-github-actions/auth"), "with": options}]
    reason = {
        "azure": "headrace knows no release of an action that signs in to Azure",
        "kubernetes": "a job on GitHub does not run as a service account",
    }[found.provider]
    message = f'"{job.name}" takes on "{found.name}", but {reason}'
    advice = "aws and gcp work; elsewhere name a secret that holds the credentials"
    workflow.sink.report(codes.NO_IDENTITY, message, job.origin, field="identity", help=advice)
    return []


def _session(workflow: Workflow, job: Job, by: Identity) -> dict[str, int]:
    """A session that lasts as long as the job may: what is left at its end, or saved meanwhile, needs it still.

    (A build signs in to its registry at once.)
    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
    """
    seconds = (job.timeout or 0) * (1 + (job.retry.max if job.retry is not None else 0))
    if seconds <= USUAL_SESSION or isinstance(job.action, BuildImage):
        return {}
    seconds = min(seconds, LONGEST_SESSION)
    workflow.sink.report(
        core.ACTION_NEEDED,
        f'GitHub Actions: the role of "{by.name}" must allow sessions of {duration.text(seconds)}, as "{job.name}" may take',
        by.origin,
        help="it is the role's maximum session duration, one hour unless it was raised",
    )
    return {"role-duration-seconds": seconds}


def _said(settings: dict[str, str], *keys: str) -> dict[str, str]:
    return {key: expressions.written(settings[key]) for key in keys if key in settings}


# -------------------------------------------------------------------------------------------------------------- secrets


def _store(workflow: Workflow, one: SecretUse) -> str:
    secret = workflow.secrets.get(one.secret)
    return (secret.store if secret is not None else None) or "ci"


def secret_name(workflow: Workflow, name: str) -> str:
    """What the secret is called on GitHub: https://docs.github.com/en/actions/reference/security/secrets."""
    secret = workflow.secrets[name]
    wanted, legal, origin = secret.key or name, workflow.secret_names[name], secret.origin
    if legal.upper().startswith("GITHUB_"):
        message = f'"{wanted}" can\'t be a secret on GitHub, which keeps names that begin with GITHUB_ for itself'
        workflow.sink.report(
            codes.NO_SECRET, message, origin, help="name it otherwise, or give its name there as `key`"
        )
    elif legal != wanted:
        message = f'GitHub Actions: the secret "{clipped(wanted)}" is called "{clipped(legal)}" there'
        workflow.sink.report(core.RENAMED, message, origin)
    return legal


def value(workflow: Workflow, one: SecretUse) -> str:
    """A secret's value, as text with an expression."""
    store = _store(workflow, one)
    if store == "vault":
        return expressions.hole(f"steps.vault.outputs.{_vault_names(workflow)[one.secret]}")
    if store == "kubernetes":
        message = f'"{one.secret}" lies in Kubernetes, which a job on GitHub can\'t read'
        advice = "set it as a secret of the repository, or keep it in Vault"
        workflow.sink.report(codes.NO_SECRET, message, one.origin, help=advice)
        return ""
    return expressions.hole(f"secrets.{secret_name(workflow, one.secret)}")


def variable(one: SecretUse) -> str | None:
    """The variable that a secret is in; None where it is only a file."""
    return one.env or (None if one.file is not None else one.secret)


def secret_env(workflow: Workflow, job: Job) -> dict[str, str]:
    """Secrets as variables, for the one step that runs the job's command."""
    if isinstance(job.action, BuildImage):
        return {}
    found = {}
    for one in job.secrets:
        name = variable(one)
        if name is not None:
            found[name] = value(workflow, one)
    return found


def secret_files(workflow: Workflow, job: Job) -> list[Step]:
    """Secrets as files: outside of the checkout, for their owner alone, with a link at the path that is asked for."""
    files = [one for one in job.secrets if one.file is not None]
    if not files:
        return []
    lines, env = ["umask 077", 'mkdir -p "$RUNNER_TEMP/headrace"'], {}
    for at, one in enumerate(files, 1):
        name, path = f"HEADRACE_SECRET_{at}", commands.literal(str(one.file))
        env[name] = value(workflow, one)
        lines.append(f'printf %s "${name}" > "$RUNNER_TEMP/headrace/{at}"')
        lines.append(f'chmod 600 "$RUNNER_TEMP/headrace/{at}"')
        lines.append(f'mkdir -p "$(dirname {path})"')
        lines.append(f'ln -sf "$RUNNER_TEMP/headrace/{at}" {path}')
    return [{"name": "secret files", "env": env, "run": "\n".join(lines) + "\n"}]


def _vault_names(workflow: Workflow) -> dict[str, str]:
    """The output of the step that reads from Vault, for each secret that is kept there."""
    kept = (secret.name for secret in workflow.project.secrets if secret.store == "vault")
    return unique(kept, lambda name: as_variable(name).upper(), LONGEST, joint="_")


def vault(workflow: Workflow, job: Job) -> list[Step]:
    """Read from Vault with the job's own token: nothing of it is set as a variable of the whole job.

    The action asks Vault's API, where a secret of a second version engine lies under `data`:
    https://github.com/hashicorp/vault-action#retrieve-secrets-from-the-kv-secrets-engine
    """
    if not job.secrets:
        return []
    wanted = list({one.secret: one for one in job.secrets if _store(workflow, one) == "vault"}.values())
    if not wanted:
        return []
    lines, named = [], _vault_names(workflow)
    for one in wanted:
        mount, path, field = vault_place(workflow.secrets[one.secret])
        lines.append(f"{mount}/data/{path} {field} | {named[one.secret]} ;")
    workflow.sink.report(
        core.ACTION_NEEDED,
        "GitHub Actions: secrets come from the Vault at the repository's variable VAULT_ADDR, by the role VAULT_ROLE",
        workflow.settings.origin,
        help="set both under Settings, Secrets and variables, Actions, Variables, and let the role trust this repository",
    )
    options = {
        "url": expressions.hole("vars.VAULT_ADDR"),
        "method": "jwt",
        "role": expressions.hole("vars.VAULT_ROLE"),
        "exportEnv": False,
        "secrets": expressions.written("\n".join(lines) + "\n"),
    }
    return [{"id": "vault", "uses": use("hashicorp/vault-action"), "with": options}]
