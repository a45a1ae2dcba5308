"""Signing in to registries by identities: the script that travels, beside clouds that answer as theirs do.

tests/engine/test_login.py asks an implementation of STS and ECR that checks signatures by itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from targets.runtime import login
from targets.runtime.signature import authorization
from tests.runtime_scripts import Job

ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
PROVIDER = "projects/1/locations/global/workloadIdentityPools/p/providers/g"
STS_ANSWER = (
    '<R xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>'
    "<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>hush</SecretAccessKey><SessionToken>session</SessionToken>"
    "</Credentials></AssumeRoleWithWebIdentityResult></R>"
)


class Cloud:
    """What was asked of a server, and what it answers by path."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], str]] = []
        self.answers: dict[str, list[tuple[int, str]]] = {}
        self.url = ""

    def fields(self, at: int) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.asked[at][3]).items()}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()

    class Own(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.asked.append((self.command, self.path, headers, body))
            held = made.answers[self.path]
            status, text = held[0] if len(held) == 1 else held.pop(0)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", made.url + "/elsewhere")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_words: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


# Keys, requests and signatures are those that AWS publishes: the suite's get-vanilla, and the example of its guide.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html
KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    ("query", "headers", "service", "signature"),
    [
        (
            "",
            {"host": "example.amazonaws.com"},
            "service",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "Action=ListUsers&Version=2010-05-08",
            {"host": "iam.amazonaws.com", "content-type": "application/x-www-form-urlencoded; charset=utf-8"},
            "iam",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ],
)
def test_signatures_are_those_that_aws_publishes(
    query: str, headers: dict[str, str], service: str, signature: str
) -> None:
    headers["x-amz-date"] = "20150830T123600Z"
    made = authorization(("GET", "/", query), headers, EMPTY, KEYS, ("us-east-1", service))
    assert made == (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/{service}/aws4_request,"
        f"SignedHeaders={';'.join(sorted(headers))},Signature={signature}"
    )


def _ecr(cloud: Cloud, password: str = "hush-hush") -> dict[str, str]:
    token = base64.b64encode(f"AWS:{password}".encode()).decode()
    answer = json.dumps({"authorizationData": [{"authorizationToken": token}]})
    cloud.answers["/sts/"] = [(200, STS_ANSWER)]
    cloud.answers["/ecr/"] = [(200, answer)]
    return {"AWS_ENDPOINT_URL_STS": cloud.url + "/sts", "AWS_ENDPOINT_URL_ECR": cloud.url + "/ecr"}


def _config(path: Path) -> dict[str, str]:
    held = json.loads(path.read_text())["auths"]
    return {host: base64.b64decode(one["auth"]).decode() for host, one in held.items()}


def test_a_role_of_aws_is_taken_on_by_the_jobs_token(job: Job, cloud: Cloud) -> None:
    job.write("token", "jwt\n")
    job.write("in/config.json", '{"auths": {"r.example.com": {"auth": "dTpw"}}, "credHelpers": {}}')
    asked = ["aws", f"--registry={ECR}", "--role=arn:aws:iam::1:role/push", "--token=token", "--to=in/config.json"]
    done = job.run("login", *asked, **_ecr(cloud))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"signed in to {ECR}\n", "")
    assert cloud.fields(0) == {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": "arn:aws:iam::1:role/push",
        "RoleSessionName": "headrace",
        "WebIdentityToken": "jwt",
    }
    headers = cloud.asked[1][2]
    assert headers["x-amz-target"] == "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"
    assert headers["x-amz-security-token"] == "session"
    assert "/eu-central-1/ecr/aws4_request" in headers["authorization"]
    config = job.folder / "in" / "config.json"
    assert _config(config) == {"r.example.com": "u:p", ECR: "AWS:hush-hush"}
    assert json.loads(config.read_text())["credHelpers"] == {}
    assert config.stat().st_mode & 0o777 == 0o600


def test_a_pod_on_eks_has_its_role_or_an_agent(job: Job, cloud: Cloud) -> None:
    job.write("token", "jwt")
    irsa = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/pod", "AWS_WEB_IDENTITY_TOKEN_FILE": "token"}
    done = job.run("login", "aws", f"--registry={ECR}", **_ecr(cloud), **irsa)
    assert (done.returncode, done.stdout) == (0, "hush-hush\n")
    assert cloud.fields(0)["RoleArn"] == "arn:aws:iam::1:role/pod"
    cloud.answers["/agent"] = [(200, '{"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T"}')]
    agent = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": cloud.url + "/agent",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "token",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "no_proxy": "",
    }
    env = {**_ecr(cloud), **agent}
    done = job.run("login", "aws", f"--registry={ECR}", **{**env, "HTTP_PROXY": "", "http_proxy": ""})
    assert (done.returncode, done.stdout) == (0, "hush-hush\n"), done.stderr
    assert cloud.asked[2][2]["authorization"] == "jwt"
    assert cloud.asked[3][2]["x-amz-security-token"] == "T"
    done = job.run("login", "aws", f"--registry={ECR}", **_ecr(cloud))
    assert done.returncode == 1
    assert "eks.amazonaws.com/role-arn" in done.stderr


@pytest.mark.parametrize(
    ("registry", "known"),
    [
        (ECR, True),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", True),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", True),
        ("123456789012.dkr-ecr.eu-west-1.on.aws", True),
        ("registry.example.com", False),
        ("12.dkr.ecr.eu-west-1.amazonaws.com", False),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example", False),
    ],
)
def test_registries_of_aws_are_told_by_their_names(registry: str, known: bool) -> None:
    assert bool(login.ECR.fullmatch(registry)) is known


def test_the_public_registry_of_aws_is_asked_in_its_own_way(job: Job, cloud: Cloud) -> None:
    job.write("token", "jwt")
    env = _ecr(cloud)
    held = base64.b64encode(b"AWS:open").decode()
    cloud.answers["/public/"] = [(200, json.dumps({"authorizationData": {"authorizationToken": held}}))]
    env["AWS_ENDPOINT_URL_ECR_PUBLIC"] = cloud.url + "/public"
    done = job.run("login", "aws", "--registry=public.ecr.aws", "--role=r", "--token=token", **env)
    assert (done.returncode, done.stdout) == (0, "open\n"), done.stderr
    assert cloud.asked[1][2]["x-amz-target"] == "SpencerFrontendService.GetAuthorizationToken"
    assert "/us-east-1/ecr-public/aws4_request" in cloud.asked[1][2]["authorization"]


Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The script in this process, whose addresses of Google are then ours."""

    def run(*words: str, **env: str) -> str:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["login", *words])
        assert login.main() == 0
        return capsys.readouterr().out

    return run


def test_google_changes_the_jobs_token(cloud: Cloud, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("jwt")
    monkeypatch.setattr(login, "GOOGLE_EXCHANGE", cloud.url + "/token")
    monkeypatch.setattr(login, "GOOGLE_ACCOUNTS", cloud.url + "/accounts")
    cloud.answers["/token"] = [(200, '{"access_token": "federated"}')]
    cloud.answers["/accounts/push@p.iam:generateAccessToken"] = [(200, '{"accessToken": "own"}')]
    words = ["gcp", "--registry=eu.pkg.dev", f"--provider=//iam.googleapis.com/{PROVIDER}", f"--token={tmp_path}/token"]
    assert run(*words) == "federated\n"
    assert cloud.fields(0) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": f"//iam.googleapis.com/{PROVIDER}",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token": "jwt",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    }
    assert run(*words, "--account=push@p.iam", f"--to={tmp_path}/config.json") == "signed in to eu.pkg.dev\n"
    assert cloud.asked[2][2]["authorization"] == "Bearer federated"
    assert json.loads(cloud.asked[2][3]) == {"scope": ["https://www.googleapis.com/auth/cloud-platform"]}
    assert _config(tmp_path / "config.json") == {"eu.pkg.dev": "oauth2accesstoken:own"}


def test_a_pod_on_gke_asks_the_machine(cloud: Cloud, job: Job) -> None:
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    cloud.answers[path] = [(200, '{"access_token": "pod", "expires_in": 3599}')]
    env: dict[str, str] = {"GCE_METADATA_HOST": cloud.url.removeprefix("http://"), "http_proxy": "http://127.0.0.1:1"}
    done = job.run("login", "gcp", "--registry=eu.pkg.dev", **env)
    assert (done.returncode, done.stdout) == (0, "pod\n"), done.stderr
    assert cloud.asked[0][2]["metadata-flavor"] == "Google"


def _azure(cloud: Cloud) -> dict[str, str]:
    cloud.answers["/tenant/oauth2/v2.0/token"] = [(200, '{"access_token": "entra"}')]
    cloud.answers["/oauth2/exchange"] = [(200, '{"refresh_token": "acr"}')]
    return {"AZURE_AUTHORITY_HOST": cloud.url + "/"}


def test_azure_changes_the_pods_token_twice(cloud: Cloud, job: Job) -> None:
    job.write("token", "jwt")
    registry = cloud.url.removeprefix("http://")
    env = {"AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": "tenant", "AZURE_FEDERATED_TOKEN_FILE": "token"}
    done = job.run("login", "azure", f"--registry={registry}", "--to=config.json", **_azure(cloud), **env)
    assert done.returncode == 0, done.stderr
    assert cloud.fields(0) == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "scope": "https://containerregistry.azure.net/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "jwt",
    }
    assert cloud.fields(1) == {
        "grant_type": "access_token",
        "service": registry,
        "tenant": "tenant",
        "access_token": "entra",
    }
    assert _config(job.folder / "config.json") == {registry: "00000000-0000-0000-0000-000000000000:acr"}


def test_github_gives_a_token_to_who_may_ask(cloud: Cloud, job: Job) -> None:
    cloud.answers["/oidc?api=1&audience=api%3A%2F%2FAzureADTokenExchange"] = [(200, '{"value": "jwt"}')]
    env = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": cloud.url + "/oidc?api=1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request",
        **_azure(cloud),
    }
    registry = cloud.url.removeprefix("http://")
    done = job.run("login", "azure", f"--registry={registry}", "--client=c", "--tenant=tenant", **env)
    assert (done.returncode, done.stdout) == (0, "acr\n"), done.stderr
    assert cloud.asked[0][2]["authorization"] == "bearer request"
    assert cloud.fields(1)["client_assertion"] == "jwt"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([(403, "<Code>AccessDenied</Code>")], "STS answers 403"),
        ([(302, "")], "STS answers 302"),
        ([(200, "no XML")], "the answer of STS can't be read"),
        ([(200, "<R><AccessKeyId>A</AccessKeyId></R>")], "the answer of STS has no keys"),
    ],
)
def test_a_refusal_is_told_without_a_credential(
    cloud: Cloud, job: Job, answers: list[tuple[int, str]], said: str
) -> None:
    job.write("token", "s3cret-jwt")
    env: dict[str, Any] = _ecr(cloud)
    cloud.answers["/sts/"] = answers
    done = job.run("login", "aws", f"--registry={ECR}", "--role=r", "--token=token", "--to=config.json", **env)
    assert done.returncode == 1
    assert said in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    assert not (job.folder / "config.json").exists()
    assert [path for _, path, _, _ in cloud.asked] == ["/sts/"]


def test_a_server_that_is_busy_is_asked_again(cloud: Cloud, job: Job) -> None:
    job.write("token", "jwt")
    env = _ecr(cloud)
    cloud.answers["/sts/"] = [(503, "slow down"), (200, STS_ANSWER)]
    done = job.run("login", "aws", f"--registry={ECR}", "--role=r", "--token=token", **env)
    assert (done.returncode, done.stdout) == (0, "hush-hush\n"), done.stderr


def test_what_is_no_configuration_stays_as_it_is(cloud: Cloud, job: Job) -> None:
    job.write("token", "jwt")
    job.write("config.json", "[]")
    asked = ["aws", f"--registry={ECR}", "--role=r", "--token=token", "--to=config.json"]
    done = job.run("login", *asked, **_ecr(cloud))
    assert done.returncode == 1
    assert "no configuration of Docker" in done.stderr
    assert (job.folder / "config.json").read_text() == "[]"
