"""Signatures of requests to AWS, and to what speaks as it does.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac


def authorization(
    request: tuple[str, str, str],
    headers: dict[str, str],
    payload: str,
    keys: tuple[str, str],
    scope: tuple[str, str],
) -> str:
    """The header that signs a request: (method, path, query), each encoded as it is sent.

    `headers` are those to sign, in lower case, `x-amz-date` among them; `payload` is the sha256 of the body, `keys` the
    key's name and the secret, `scope` the region and the service.
    """
    day = headers["x-amz-date"][:8]
    signed = sorted(headers)
    lines = [*request, *(f"{name}:{headers[name]}" for name in signed), "", ";".join(signed), payload]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    place = "/".join((day, *scope, "aws4_request"))
    text = "\n".join(("AWS4-HMAC-SHA256", headers["x-amz-date"], place, digest))
    key = ("AWS4" + keys[1]).encode()
    for part in (day, *scope, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return f"AWS4-HMAC-SHA256 Credential={keys[0]}/{place},SignedHeaders={';'.join(signed)},Signature={signature}"
