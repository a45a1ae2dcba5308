"""Secrets and cloud identities of a job.

https://docs.gitlab.com/ci/secrets/id_token_authentication/ and https://docs.gitlab.com/ci/yaml/#secrets
"""

from __future__ import annotations

from targets.commands import literal
from targets.logins import audience
from targets.secrets import vault_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from compiler.ir import Identity, Project, Secret, SecretUse

VAULT_TOKEN = "HEADRACE_VAULT_TOKEN"
IDENTITY_TOKEN = "HEADRACE_IDENTITY_TOKEN"
# Both cosign and sigstore take the token of this name: https://docs.gitlab.com/ci/yaml/signing_examples/
SIGNING_TOKEN = "SIGSTORE_ID_TOKEN"
SIGSTORE = "sigstore==4.5.1"  # of PyPI, for an image that has Python and no cosign
TOKEN_FILE = '"$HEADRACE_TOKENS/identity"'


class Access:
    """What a job needs for its secrets and identity: keys of the job, and lines before its own."""

    __slots__ = ("id_tokens", "lines", "needed", "secrets", "variables")

    def __init__(self) -> None:
        self.id_tokens: dict[str, Any] = {}
        self.secrets: dict[str, Any] = {}
        self.variables: dict[str, object] = {}
        self.lines: list[str] = []
        self.needed: list[Secret] = []  # secrets that are CI variables of the project


def access(uses: tuple[SecretUse, ...], identity: Identity | None, project: Project, held: Mapping[str, str]) -> Access:
    """`identity` is the job's own, or that of a store that it uses; `held` is the CI variable of each secret, by its name."""
    made = Access()
    declared = {secret.name: secret for secret in project.secrets}
    for use in uses:
        secret = declared[use.secret]
        if secret.store == "vault":
            _from_vault(use, secret, made)
        else:
            made.needed.append(secret)
            _from_variable(use, held[use.secret], made)
    if identity is not None:
        _IDENTITIES[identity.provider](identity, made)
    return made


def sign(made: Access) -> None:
    """What a job signs by: the identity that gitlab.com vouches for, and a program that signs."""
    made.id_tokens[SIGNING_TOKEN] = {"aud": "sigstore"}
    made.lines.append(f"command -v cosign > /dev/null || python3 -m pip install --quiet {SIGSTORE}")


def _from_variable(use: SecretUse, name: str, made: Access) -> None:
    if use.file is not None:
        # A variable of type "file" holds the path of a file with the value.
        read = f'if [ -f "${{{name}-}}" ]; then cat "${name}"; else printf %s "${{{name}-}}"; fi'
        made.lines.append(_written(use.file, read))
    target = use.env or (use.secret if use.file is None else None)
    if target is not None and target != name:
        made.lines.append(f'export {target}="${{{name}-}}"')


def _written(path: str, read: str) -> str:
    place = literal(path)
    return f'(umask 077; mkdir -p "$(dirname {place})"; {{ {read}; }} > {place})'


def _from_vault(use: SecretUse, secret: Secret, made: Access) -> None:
    mount, path, field = vault_place(secret)
    name = use.env or (use.secret if use.file is None else f"HEADRACE_SECRET_{_upper(use.secret)}")
    made.id_tokens[VAULT_TOKEN] = {"aud": "$VAULT_SERVER_URL"}
    made.secrets[name] = {
        "vault": {
            "engine": {"name": "kv-v2", "path": mount},
            "path": path,
            "field": field,
        },
        "file": False,
        "token": f"${VAULT_TOKEN}",
    }
    if use.file is not None:
        made.lines.append(_written(use.file, f'printf %s "${name}"'))


def _upper(name: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in name).upper()


def _token(wanted: str, made: Access) -> None:
    made.id_tokens[IDENTITY_TOKEN] = {"aud": wanted}
    made.lines.append('HEADRACE_TOKENS="$(mktemp -d)"')
    made.lines.append(f'printf %s "${IDENTITY_TOKEN}" > {TOKEN_FILE}')


def _aws(identity: Identity, made: Access) -> None:
    settings = dict(identity.settings)
    _token(audience(identity), made)
    made.variables["AWS_ROLE_ARN"] = settings.get("role", "")
    made.variables["AWS_ROLE_SESSION_NAME"] = "headrace-$CI_JOB_ID"
    if "region" in settings:
        made.variables["AWS_REGION"] = made.variables["AWS_DEFAULT_REGION"] = settings["region"]
    made.lines.append(f"export AWS_WEB_IDENTITY_TOKEN_FILE={TOKEN_FILE}")


def _gcp(identity: Identity, made: Access) -> None:
    import json

    settings = dict(identity.settings)
    provider = settings.get("provider", "").removeprefix("//iam.googleapis.com/")
    _token(audience(identity), made)
    config: dict[str, Any] = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{provider}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": "TOKEN"},
    }
    if "service_account" in settings:
        account = settings["service_account"]
        service = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
        config["service_account_impersonation_url"] = f"{service}/{account}:generateAccessToken"
    text = literal(json.dumps(config))
    made.lines.append(f'printf %s {text} | sed "s|TOKEN|$HEADRACE_TOKENS/identity|" > "$HEADRACE_TOKENS/gcp.json"')
    made.lines.append('export GOOGLE_APPLICATION_CREDENTIALS="$HEADRACE_TOKENS/gcp.json"')
    made.lines.append('export CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE="$HEADRACE_TOKENS/gcp.json"')


def _azure(identity: Identity, made: Access) -> None:
    settings = dict(identity.settings)
    _token(audience(identity), made)
    for key in ("client", "tenant", "subscription"):
        if key in settings:
            made.variables[f"AZURE_{key.upper()}_ID"] = settings[key]
    made.lines.append(f"export AZURE_FEDERATED_TOKEN_FILE={TOKEN_FILE}")


def _kubernetes(identity: Identity, made: Access) -> None:
    made.variables["KUBERNETES_SERVICE_ACCOUNT_OVERWRITE"] = dict(identity.settings).get("service_account", "")


_IDENTITIES = {"aws": _aws, "gcp": _gcp, "azure": _azure, "kubernetes": _kubernetes}
