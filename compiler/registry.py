"""Asks a container registry for the digest of an image, as docker does.

https://distribution.github.io/distribution/spec/api/ and https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HUB = "registry-1.docker.io"
SECONDS = 30
# An index first: a digest of it is right for every platform.
ACCEPTED = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DIGEST = re.compile("sha256:[0-9a-f]{64}")
_FIELD = re.compile(r'(\w+)="([^"]*)"')


class RegistryError(Exception):
    """A registry that does not say; the text says why."""


def parts(image: str) -> tuple[str, str, str]:
    """The registry, the repository and the tag: `python:3.12` is registry-1.docker.io, library/python, 3.12."""
    first, slash, rest = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, path = first, rest
    else:
        registry, path = "docker.io", image
    name, _, tag = path.partition(":")
    if registry in ("docker.io", "index.docker.io"):
        registry = HUB
        name = name if "/" in name else f"library/{name}"
    return registry, name, tag or "latest"


def digest(image: str) -> str:
    """`sha256:…` of an image. Raises RegistryError."""
    registry, name, tag = parts(image)
    scheme = "http" if registry.partition(":")[0] in ("localhost", "127.0.0.1") else "https"
    url = f"{scheme}://{registry}/v2/{name}/manifests/{urllib.parse.quote(tag)}"
    headers = {"Accept": ACCEPTED, "User-Agent": "headrace"}
    try:
        try:
            return _asked(url, headers)
        except urllib.error.HTTPError as refused:
            if refused.code != 401:
                raise
            headers["Authorization"] = _login(registry, name, refused.headers.get("WWW-Authenticate", ""))
            return _asked(url, headers)
    except urllib.error.HTTPError as error:
        reason = (
            "there is no such image, or it asks for a login" if error.code in (401, 403, 404) else f"HTTP {error.code}"
        )
        raise RegistryError(f"{registry}: {reason}") from error
    except (OSError, ValueError) as error:
        said = getattr(error, "reason", None) or error
        raise RegistryError(f"{registry}: {getattr(said, 'strerror', None) or said}".lower()) from error


def _open(url: str, headers: dict[str, str]) -> Any:
    """What is on this machine is asked without a proxy."""
    asked = urllib.request.Request(url, headers=headers)
    if url.startswith("http://"):
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=SECONDS)
    return urllib.request.urlopen(asked, timeout=SECONDS)


def _asked(url: str, headers: dict[str, str]) -> str:
    with _open(url, headers) as answer:
        body = answer.read()
        said: str = answer.headers.get("Docker-Content-Digest", "")
    found = "sha256:" + hashlib.sha256(body).hexdigest()
    if _DIGEST.fullmatch(said) and said != found:
        raise ValueError("what it sent is not what its digest says")
    return found


def _login(registry: str, name: str, challenge: str) -> str:
    """The header for a second try: a token for who asks, or the login itself."""
    known = _credentials(registry)
    if not challenge.lower().startswith("bearer "):
        if known is None:
            raise ValueError("it asks for a login, and the container engine's settings have none")
        return f"Basic {known}"
    fields = dict(_FIELD.findall(challenge))
    query = {"service": fields.get("service", ""), "scope": fields.get("scope", f"repository:{name}:pull")}
    headers = {"User-Agent": "headrace"} | ({"Authorization": f"Basic {known}"} if known else {})
    url = f"{fields.get('realm', '')}?{urllib.parse.urlencode(query)}"
    if not url.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        raise ValueError("it sends to an address that is not https for a token")
    with _open(url, headers) as answer:
        token = json.load(answer)
    return f"Bearer {token.get('token') or token.get('access_token') or ''}"


def _credentials(registry: str) -> str | None:
    """The login that `docker login` keeps, as it stands in a header."""
    folder = os.environ.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
    try:
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as stream:
            held = json.load(stream).get("auths", {})
    except (OSError, ValueError, AttributeError):
        return None
    names = (registry, f"https://{registry}", "https://index.docker.io/v1/" if registry == HUB else registry)
    for name in names:
        auth = held.get(name, {}).get("auth") if isinstance(held, dict) else None
        if isinstance(auth, str) and base64.b64decode(auth, validate=False):
            return auth
    return None
