"""`targets.argo`: the plain settings, read once."""

from __future__ import annotations

from compiler.diagnostics import listed
from compiler.images import KUBECTL
from targets.argo import codes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.diagnostics import Sink
    from compiler.ir import Settings

OPTIONS = frozenset(
    (
        "namespace",
        "service_account",
        "repository",
        "credentials",
        "registry_credentials",
        "secret",
        "webhook",
        "depth",
        "url",
        "deploy_image",
        "kustomization",
    )
)
WEBHOOKS = ("github", "gitlab")
LIMITS = {
    "object_bytes": 1024 * 1024,  # what etcd takes of one object is 1.5 MiB; Argo itself compresses from 1 MiB on
    "spec_bytes": 900_000,  # of it, for the templates and the nodes that they become
    "node_bytes": 200,  # a node's part of the compressed status
    "templates": 200,  # items that the resource definitions of v4 take
    "tasks": 200,
}


class Options:
    """The settings by name; what is not said is None, or the default that stands here."""

    def __init__(self, settings: Settings, sink: Sink) -> None:
        self.given: dict[str, Any] = dict(settings.options)
        self.origin = settings.origin
        self.sink = sink
        self.namespace = self._text("namespace")
        self.service_account = self._text("service_account")
        self.repository = self._text("repository")
        self.registry = settings.registry
        self.registry_credentials = self._text("registry_credentials")
        self.secret = self._text("secret")
        self.url = self._text("url")
        self.deploy_image = self._text("deploy_image") or KUBECTL
        self.credentials = self._credentials()
        self.depth = self._depth()
        self.webhook = self._webhook()
        self.kustomization = self._flag("kustomization")

    def _flag(self, name: str) -> bool:
        value = self.given.get(name)
        if value not in (None, True, False, "true", "false"):
            self._refuse(name, value, "true or false")
        return value in (True, "true")

    def _text(self, name: str) -> str | None:
        value = self.given.get(name)
        if value is None or isinstance(value, str):
            return value
        self._refuse(name, value, "text")
        return None

    def _refuse(self, name: str, value: object, wanted: str) -> None:
        from json import dumps

        shown = f'"{value}"' if isinstance(value, str) else dumps(value, ensure_ascii=False)
        self.sink.report(
            codes.WRONG_OPTION, f"targets.argo.{name} takes {wanted}, not {shown}", self.origin, field=name
        )

    def _credentials(self) -> dict[str, str]:
        """A Kubernetes secret's name, or which of its keys hold what: {secret, username, password, ssh}."""
        value = self.given.get("credentials")
        if isinstance(value, dict) and value.get("secret") and all(isinstance(one, str) for one in value.values()):
            return dict(value)
        if isinstance(value, str):
            if self.repository is not None and is_ssh(self.repository):
                return {"secret": value, "ssh": "ssh-privatekey"}
            return {"secret": value, "username": "username", "password": "password"}
        if value is not None:
            self._refuse("credentials", value, "a secret's name, or {secret, username, password} or {secret, ssh}")
        return {}

    def _depth(self) -> int | None:
        value = self.given.get("depth")
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
            return value
        if isinstance(value, str) and value.isdecimal() and int(value) > 0:
            return int(value)
        self._refuse("depth", value, "a number of commits")
        return None

    def _webhook(self) -> str:
        value = self._text("webhook")
        if value is not None and value not in WEBHOOKS:
            self._refuse("webhook", value, listed(WEBHOOKS))
        if value in WEBHOOKS:
            return value
        return "gitlab" if self.repository is not None and "gitlab" in self.repository else "github"


def is_ssh(url: str) -> bool:
    """Whether git reaches a repository over SSH."""
    return url.startswith("ssh://") or ("@" in url and "://" not in url)


def project_path(url: str) -> tuple[str, str]:
    """The host and the path of a repository's URL: ("github.com", "acme/churn")."""
    rest = url.partition("://")[2] or url.replace(":", "/", 1)
    host, _, path = rest.partition("/")
    return host.rpartition("@")[2], path.strip("/").removesuffix(".git")
