"""The variables of a job: what it finds of this machine, what it declares, and nothing else."""

from __future__ import annotations

import os

# What every process needs to find its way on a machine.
OF_THE_SYSTEM = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH")
# How this machine reaches a network and its registries: what a runner's administrator would set, too.
OF_THE_NETWORK = (
    "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO",
    "PIP_CERT", "PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX",
    "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_CACHE_DIR",
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_CACHE_DIR",
    "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_OFFLINE", "UV_PYTHON_INSTALL_DIR", "UV_PYTHON_DOWNLOADS",
    "CONDA_PKGS_DIRS", "PYENV_ROOT", "PYENV_VERSION",
)  # fmt: skip


def of_machine(temporary: str) -> dict[str, str]:
    """The variables that a job has before it declares any. `temporary` is its own TMPDIR."""
    found = {name: os.environ[name] for name in (*OF_THE_SYSTEM, *OF_THE_NETWORK) if name in os.environ}
    found |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
    found.setdefault("PATH", os.defpath)
    # A job's folder may lie below somebody's repository: git must not take that for the job's.
    found["GIT_CEILING_DIRECTORIES"] = os.path.dirname(os.path.dirname(temporary))
    found["TMPDIR"] = temporary
    return found
