"""What secrets are called where a CI keeps them: names that its settings and a shell both take, no two alike."""

from __future__ import annotations

from targets.names import unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from compiler.ir import Secret

LONGEST = 255  # https://docs.gitlab.com/ci/variables/#define-a-cicd-variable-in-the-ui


def called(secrets: Iterable[Secret], same: Callable[[str], str] = str) -> dict[str, str]:
    """The variable that holds each secret, by the secret's name; secrets that say the same `key` share one.

    `same` tells which variables are one to the target: `str.upper` where it ignores case.
    """
    wanted = {secret.name: secret.key or secret.name for secret in secrets}
    legal = unique(wanted.values(), as_variable, LONGEST, same, joint="_")
    return {name: legal[key] for name, key in wanted.items()}


def as_variable(name: str) -> str:
    """`"${my-key}"` is a default in a shell and `"${1}"` an argument: neither reads a variable of that name."""
    legal = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
    return "_" + legal if legal[:1].isdigit() else legal


def vault_place(secret: Secret) -> tuple[str, str, str]:
    """The engine's mount, the path in it and the field of a secret in Vault: its `path` is what `vault kv get` takes."""
    mount, slash, path = (secret.path or secret.name).partition("/")
    return (mount if slash else "secret"), (path if slash else mount), secret.key or "value"
