"""Sign in to an image registry by a cloud's identity, without a key: print the password, or write Docker's configuration.

login.py aws --registry HOST [--role ARN] [--token FILE] [--to FILE]
login.py gcp --registry HOST [--provider NAME] [--account EMAIL] [--token FILE] [--audience A] [--to FILE]
login.py azure --registry HOST [--client ID] [--tenant ID] [--token FILE] [--audience A] [--to FILE]

Who asks is told by a token of the job that its CI has signed: in the file --token, or asked of GitHub by what it gives to
jobs that may have one. Without either it is what a cluster gives to a pod: on EKS and AKS by the variables that they set,
on GKE by the machine's own metadata server. The password, which lasts for hours at most, goes nowhere but to --to, a file
that its owner alone can read, or to the output.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ElementTree
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from targets.runtime.problem import DataError, UsageError, finish, quoted
from targets.runtime.signature import authorization

SECONDS = 60
ATTEMPTS = 4
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
ECR = re.compile(r"\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(\.cn)?|on\.aws)")
PUBLIC_ECR = "public.ecr.aws"
# https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
GOOGLE_EXCHANGE = "https://sts.googleapis.com/v1/token"
GOOGLE_ACCOUNTS = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
GOOGLE_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
# https://learn.microsoft.com/azure/container-registry/container-registry-authentication
AZURE_AUDIENCE = "api://AzureADTokenExchange"
AZURE_SCOPE = "https://containerregistry.azure.net/.default"
AZURE_USER = "00000000-0000-0000-0000-000000000000"


class Kept(urllib.request.HTTPRedirectHandler):
    """A request that carries a credential goes to no other place than it was sent to."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask(
    url: str, what: str, body: bytes | None = None, headers: dict[str, str] | None = None, near: bool = False
) -> Any:
    """The text of an answer with status 200; `near` is a server of the machine itself, which no proxy reaches."""
    handlers = [Kept(), urllib.request.ProxyHandler({})] if near else [Kept()]
    opener = urllib.request.build_opener(*handlers)
    request = urllib.request.Request(url, data=body, headers={"User-Agent": "headrace", **(headers or {})})
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                return answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            text = error.read(4000).decode("utf-8", "replace")
            why = f"{what} answers {error.code}: {quoted(text)}"
            if error.code < 500 and error.code != 429:
                raise DataError(why) from error
        except urllib.error.URLError as error:
            why = f"{what} does not answer: {error.reason}"
        except OSError as error:
            why = f"{what} does not answer: {error}"
        if attempt < ATTEMPTS:
            time.sleep(2 ** (attempt - 1))
    raise DataError(why)


def form(url: str, what: str, fields: dict[str, str], **more: Any) -> Any:
    body = urlencode(fields).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **more}
    return ask(url, what, body, headers)


def field(text: str, name: str, what: str) -> str:
    """A field of an answer in JSON. The answer may hold a credential, so that none of it is shown."""
    try:
        found = json.loads(text)[name]
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"the answer of {what} has no {name}") from error
    return str(found)


def read(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        return stream.read().strip()


def token(options: argparse.Namespace, variable: str, audience: str) -> str:
    """The token of the job, or of the pod; "" where there is none.

    https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token
    """
    path = options.token or os.environ.get(variable, "")
    if path:
        return read(path)
    url = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL")
    if not url:
        return ""
    url += ("&" if "?" in url else "?") + "audience=" + quote(options.audience or audience, safe="")
    held = {"Authorization": "bearer " + os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")}
    return field(ask(url, "GitHub", headers=held), "value", "GitHub")


# ------------------------------------------------------------------------------------------------------------------ AWS


def aws(options: argparse.Namespace) -> tuple[str, str]:
    found = ECR.fullmatch(options.registry)
    public = options.registry == PUBLIC_ECR
    if not found and not public:
        raise UsageError(f"{quoted(options.registry)} is no registry of AWS: ACCOUNT.dkr.ecr.REGION.amazonaws.com")
    region = "us-east-1" if not found else found[1]
    domain = "amazonaws.com.cn" if found and found[2] else "amazonaws.com"
    service = "ecr-public" if public else "ecr"
    keys = _keys(options, region, domain)
    body = b"{}"
    target = "SpencerFrontendService" if public else "AmazonEC2ContainerRegistry_V20150921"
    url = _endpoint("ECR_PUBLIC" if public else "ECR", f"https://api.{service}.{region}.{domain}")
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": urlsplit(url).netloc,
        "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        "x-amz-security-token": keys[2],
        "x-amz-target": f"{target}.GetAuthorizationToken",
    }
    digest = hashlib.sha256(body).hexdigest()
    headers["authorization"] = authorization(("POST", "/", ""), headers, digest, keys[:2], (region, service))
    text = ask(url + "/", "ECR", body, headers)
    try:
        data = json.loads(text)["authorizationData"]
        held = str((data[0] if isinstance(data, list) else data)["authorizationToken"])
        user, _, password = base64.b64decode(held).decode().partition(":")
    except (ValueError, LookupError, TypeError) as error:
        raise DataError("the answer of ECR has no authorizationToken") from error
    return user, password


def _endpoint(service: str, usual: str) -> str:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html"""
    given = os.environ.get(f"AWS_ENDPOINT_URL_{service}") or os.environ.get("AWS_ENDPOINT_URL") or usual
    return given.rstrip("/")


def _keys(options: argparse.Namespace, region: str, domain: str) -> tuple[str, str, str]:
    """The keys of a session: for the job's token, or from the cluster's agent (EKS Pod Identity)."""
    role = options.role or os.environ.get("AWS_ROLE_ARN", "")
    given = token(options, "AWS_WEB_IDENTITY_TOKEN_FILE", "sts.amazonaws.com")
    agent = os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if given and role:
        return _assume(role, given, _endpoint("STS", f"https://sts.{region}.{domain}"))
    if not agent:
        raise DataError("nothing says who this is: the service account has no role (eks.amazonaws.com/role-arn)")
    file = os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
    held = read(file) if file else os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    text = ask(agent, "the cluster's agent", headers={"Authorization": held}, near=True)
    names = ("AccessKeyId", "SecretAccessKey", "Token")
    key, secret, session = (field(text, name, "the cluster's agent") for name in names)
    return key, secret, session


def _assume(role: str, given: str, url: str) -> tuple[str, str, str]:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html: it is not signed."""
    fields = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": "headrace",
        "WebIdentityToken": given,
    }
    text = form(url + "/", "STS", fields, Accept="text/xml")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise DataError("the answer of STS can't be read") from error
    held = {node.tag.rpartition("}")[2]: node.text or "" for node in root.iter()}
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    if not all(held.get(name) for name in names):
        raise DataError("the answer of STS has no keys")
    return held[names[0]], held[names[1]], held[names[2]]


# --------------------------------------------------------------------------------------------------------------- Google


def gcp(options: argparse.Namespace) -> tuple[str, str]:
    """https://cloud.google.com/artifact-registry/docs/docker/authentication#token"""
    provider = options.provider.replace("//iam.googleapis.com/", "")
    given = token(options, "", f"https://iam.googleapis.com/{provider}") if provider else ""
    if not given:
        host = os.environ.get("GCE_METADATA_HOST") or "metadata.google.internal"
        url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
        text = ask(url, "the machine's metadata server", headers={"Metadata-Flavor": "Google"}, near=True)
        return "oauth2accesstoken", field(text, "access_token", "the machine's metadata server")
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{provider}",
        "scope": GOOGLE_SCOPE,
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": given,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    }
    what = "Google's token service"
    federated = field(form(GOOGLE_EXCHANGE, what, fields), "access_token", what)
    if not options.account:
        return "oauth2accesstoken", federated
    what = "Google's service of accounts"
    url = f"{GOOGLE_ACCOUNTS}/{quote(options.account, safe='@')}:generateAccessToken"
    headers = {"Authorization": f"Bearer {federated}", "Content-Type": "application/json"}
    text = ask(url, what, json.dumps({"scope": [GOOGLE_SCOPE]}).encode(), headers)
    return "oauth2accesstoken", field(text, "accessToken", what)


# ---------------------------------------------------------------------------------------------------------------- Azure


def azure(options: argparse.Namespace) -> tuple[str, str]:
    client = options.client or os.environ.get("AZURE_CLIENT_ID", "")
    tenant = options.tenant or os.environ.get("AZURE_TENANT_ID", "")
    given = token(options, "AZURE_FEDERATED_TOKEN_FILE", AZURE_AUDIENCE)
    if not (client and tenant and given):
        raise DataError("nothing says who this is: the pod has no workload identity (azure.workload.identity/use)")
    authority = (os.environ.get("AZURE_AUTHORITY_HOST") or "https://login.microsoftonline.com").rstrip("/")
    # https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    fields = {
        "grant_type": "client_credentials",
        "client_id": client,
        "scope": AZURE_SCOPE,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": given,
    }
    text = form(f"{authority}/{quote(tenant, safe='')}/oauth2/v2.0/token", "Entra", fields)
    access = field(text, "access_token", "Entra")
    # https://azure.github.io/acr/AAD-OAuth.html
    fields = {"grant_type": "access_token", "service": options.registry, "tenant": tenant, "access_token": access}
    text = form(f"{_scheme(options.registry)}://{options.registry}/oauth2/exchange", "the registry", fields)
    return AZURE_USER, field(text, "refresh_token", "the registry")


def _scheme(registry: str) -> str:
    """Docker, too, asks a registry on the machine itself without TLS."""
    return "http" if registry.startswith(("127.", "localhost:")) else "https"


# --------------------------------------------------------------------------------------------------------------- writing


def write(path: str, registry: str, user: str, password: str) -> None:
    """Docker's configuration with the login, beside those that it holds already."""
    held: Any = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as stream:
            try:
                held = json.load(stream)
            except ValueError as error:
                raise DataError(f"{quoted(path)} is no configuration of Docker: {error}") from error
    if not isinstance(held, dict) or not isinstance(held.setdefault("auths", {}), dict):
        raise DataError(f"{quoted(path)} is no configuration of Docker")
    held["auths"][registry] = {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(
        os.open(path + ".partial", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
    ) as stream:
        json.dump(held, stream)
    os.replace(path + ".partial", path)


def main() -> int:
    parser = argparse.ArgumentParser(prog="login", allow_abbrev=False)
    parser.add_argument("cloud", choices=["aws", "gcp", "azure"])
    parser.add_argument("--registry", required=True)
    for name in ("role", "provider", "account", "client", "tenant", "token", "audience", "to"):
        parser.add_argument(f"--{name}", default="")
    options = parser.parse_args()
    user, password = {"aws": aws, "gcp": gcp, "azure": azure}[options.cloud](options)
    if options.to:
        write(options.to, options.registry, user, password)
        print(f"signed in to {options.registry}")
    else:
        print(password)
    return 0


if __name__ == "__main__":
    finish(main)
