"""The actions that compiled workflows use, each by the full commit of a release: no other action is ever emitted.

A tag can be moved, a commit can't: https://docs.github.com/en/actions/reference/security/secure-use
"""

from __future__ import annotations

from compiler.yamlwriter import Remark

PINS: dict[str, tuple[str, str]] = {
    "actions/checkout": ("v7.0.1", "3d3c42e5aac5ba805825da76410c181273ba90b1"),
    "actions/cache/restore": ("v5.0.5", "27d5ce7f107fe9357f9df03efb73ab90386fccae"),
    "actions/cache/save": ("v5.0.5", "27d5ce7f107fe9357f9df03efb73ab90386fccae"),
    "actions/upload-artifact": ("v7.0.0", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f"),
    "actions/download-artifact": ("v8.0.1", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c"),
    "actions/setup-python": ("v7.0.0", "5fda3b95a4ea91299a34e894583c3862153e4b97"),
    "astral-sh/setup-uv": ("v10.0.1", "20cfd1bf945f4377ade1205e4dbc17946fc9a30d"),
    "conda-incubator/setup-miniconda": ("v4.0.1", "8ee1f361103df19b6f8c8655fd3967a8ecb162d5"),
    "docker/setup-buildx-action": ("v4.3.0", "37fe631027851001ddb9b187196cc803df7f5f0e"),
    "docker/login-action": ("v4.1.0", "4907a6ddec9925e35a0a9e82d7399ccc52663121"),
    "docker/metadata-action": ("v6.2.0", "dc802804100637a589fabce1cb79ff13a1411302"),
    "docker/build-push-action": ("v7.3.0", "53b7df96c91f9c12dcc8a07bcb9ccacbed38856a"),
    "aws-actions/configure-aws-credentials": ("v6.2.3", "e6de054238d6b7531b4efff3b6587d9aade6a06c"),
    "google-github-actions/auth": ("v3.0.0", "7c6bc770dae815cd3e89ee6cdf493a5fab2cc093"),
    "sigstore/cosign-installer": ("v4.1.2", "6f9f17788090df1f26f669e9d70d6ae9567deba6"),
    "hashicorp/vault-action": ("v3.4.0", "4c06c5ccf5c0761b6029f56cfb1dcf5565918a3b"),
}


_used: dict[str, Remark] = {}


def use(action: str) -> Remark:
    """What `uses:` says, with the release as a comment. Raises KeyError for an action that is not in the table."""
    if action not in _used:
        version, commit = PINS[action]
        _used[action] = Remark(f"{action}@{commit}", version)
    return _used[action]
