"""What a module's jobs have in common on their way to a project: names, images, secrets, boxes, variables."""

from __future__ import annotations

from posixpath import join

from compiler.frontends.unip import codes, shell
from compiler.frontends.unip.fields import Part, Place
from compiler.frontends.unip.images import Image, built, reference_of, repository_of
from compiler.frontends.unip.module import Module
from compiler.ir import Artifact, Cache, EnvVar, Job, Need, Script, Secret, SecretUse
from compiler.yamltree import Mapping, Sequence, items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from compiler.ir import Text
    from compiler.yamltree import Slot

STORE_SECRETS = ("UNIP_S3_URL", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
VALIDATE = "validate"
ALWAYS = Cache(enabled=False)  # what a box holds is no part of a job's key


class Names:
    """Names of one kind: each is given once, a second one gets a number."""

    __slots__ = ("joint", "taken")

    def __init__(self, joint: str = "-") -> None:
        self.joint = joint
        self.taken: set[str] = set()

    def is_free(self, name: str) -> bool:
        return name not in self.taken

    def take(self, wanted: str) -> str:
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}{self.joint}{number}"
        self.taken.add(name)
        return name


class Making:
    """A module on its way to a project."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.images = built(module)
        self.secrets: dict[str, Secret] = {}
        self.templates: dict[str, Job] = {}

    def path(self, path: str) -> str:
        """A path of the module's folder, from the root."""
        return join(self.module.folder, path)

    def image(self, owner: Part) -> Image | None:
        reference = reference_of(owner)
        return None if reference is None else self.images.get(repository_of(reference))

    def store_secrets(self) -> tuple[SecretUse, ...]:
        """How a box in S3 is reached: without values the folder `boxes` stands for it."""
        for name in STORE_SECRETS:
            self.secrets.setdefault(name, Secret(name=name))
        return tuple(SecretUse(secret=name, env=name, optional=True) for name in STORE_SECRETS)

    def place(self) -> tuple[EnvVar, ...]:
        """Where this application's data lies in a box."""
        namespace = self.module.namespace or ""
        user = namespace.removeprefix("pu-").partition("-pa-")[0]
        return variables(("UNIP_APP", namespace), ("UNIP_USER", user))

    def template(self, name: str, lines: str, env: tuple[EnvVar, ...] = ()) -> str:
        """The name of what jobs that reach boxes have in common: their lines, and the way to the boxes."""
        self.templates.setdefault(
            name,
            Job(
                name=name,
                action=Script(lines=(lines,)),
                env=(*env, *self.place()),
                secrets=self.store_secrets(),
                cache=ALWAYS,
            ),
        )
        return name

    def fetch(
        self,
        name: str,
        shown: str,
        target: str,
        default: str,
        needed: bool,
        at: Slot,
        source: Text = (),
        more: tuple[EnvVar, ...] = (),
    ) -> Job:
        """A job that brings data from a box, a bucket or this repository into a folder."""
        if more:
            template = self.template("fetch-value", shell.FETCH_VALUE, variables(("UNIP_CHECK", shell.CHECK)))
        else:
            template = self.template("fetch", shell.FETCH)
        env = variables(("UNIP_NAME", shown), ("UNIP_TARGET", target))
        env += variables(("UNIP_DEFAULT", default)) if default else ()
        env += (EnvVar(name="UNIP_SOURCE", value=source),) if source else ()
        env += () if needed else variables(("UNIP_REQUIRED", "no"))
        return Job(
            name=name,
            extends=template,
            env=(*env, *more),
            outputs=(Artifact(path=(self.path(target),), kind="directory"),),
            origin=Place(at),
        )


def variables(*values: tuple[str, str]) -> tuple[EnvVar, ...]:
    return tuple(EnvVar(name=name, value=(value,) if value else ()) for name, value in values)


def after_validation(*needs: Need) -> tuple[Need, ...]:
    return (Need(job=VALIDATE, artifacts=False), *needs)


# ---------------------------------------------------------------------------------------------------- environment variables


def environment_of(owner: Part, making: Making) -> tuple[tuple[EnvVar, ...], tuple[SecretUse, ...]]:
    """Variables that a person sets, those of the ConfigMaps that lie in the module, and those that a secret of the cluster
    holds: a secret of the CI stands for it, since a CI's jobs don't run in that cluster."""
    env = {name: EnvVar(name=name, value=value) for name, value in _config_variables(owner, making).items()}
    uses: dict[str, SecretUse] = {}
    for entry in owner.get("env", ()):
        name, value, source = entry.get("name"), entry.get("value"), entry.get("valueFrom")
        if name is None:
            continue
        held = _key_of(source, "secretKeyRef")
        found = (value,) if value else () if value is not None else _config_value(source, making)
        if held is not None:
            secret = _secret_name(*held)
            making.secrets.setdefault(secret, Secret(name=secret))
            uses[name] = SecretUse(secret=secret, env=name, origin=Place(entry.slot))
        elif found is not None:
            env[name] = EnvVar(name=name, value=found, origin=Place(entry.slot))
        elif source is not None and not _is_optional(source):
            what = f'the value of "{name}" is known in the cluster only'
            _report_absent(what, "a CI's job runs without it: give its `value`", entry.at("valueFrom"), making)
    return tuple(one for name, one in env.items() if name not in uses), tuple(uses.values())


def _config_variables(owner: Part, making: Making) -> dict[str, Text]:
    """What `envFrom` brings: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#environment-variables"""
    listed = owner.get("envFrom")
    found: dict[str, Text] = {}
    for entry in items(listed) if isinstance(listed, Sequence) else ():
        if not isinstance(entry.value, Mapping):
            continue
        prefix = entry.value.entries.get("prefix")
        before = str(prefix) if isinstance(prefix, str) else ""
        for key in ("configMapRef", "secretRef"):
            chosen = entry.value.entries.get(key)
            name = chosen.entries.get("name") if isinstance(chosen, Mapping) else None
            if not isinstance(name, str):
                continue
            data = making.module.config_maps().get(name) if key == "configMapRef" else None
            if data is not None:
                found |= {
                    before + one: (text,) if text else () for one, text in data.items() if is_variable(before + one)
                }
            elif not _is_optional(entry.value):
                kind = "ConfigMap" if key == "configMapRef" else "Secret"
                advice = "put the ConfigMap beside the manifests" if data is None and kind == "ConfigMap" else ""
                advice = (
                    advice or "name its keys in `env`, each with `secretKeyRef`: a secret of the CI stands for each"
                )
                _report_absent(f'what the {kind} "{name}" holds is known in the cluster only', advice, entry, making)
    return found


def _config_value(source: object, making: Making) -> Text | None:
    chosen = _key_of(source, "configMapKeyRef")
    value = making.module.config_maps().get(chosen[0], {}).get(chosen[1]) if chosen is not None else None
    return None if value is None else (value,) if value else ()


def _report_absent(what: str, advice: str, at: Slot, making: Making) -> None:
    making.module.sink.report(codes.CLUSTER_VALUE, what, at, help=advice)


def _is_optional(source: object) -> bool:
    """Whether a reference to a ConfigMap or Secret says that it may be missing."""
    inner = source.entries.values() if isinstance(source, Mapping) else ()
    return any(isinstance(one, Mapping) and str(one.entries.get("optional")) == "true" for one in inner)


def _key_of(source: object, kind: str) -> tuple[str, str] | None:
    """https://kubernetes.io/docs/concepts/configuration/secret/#using-secrets-as-environment-variables"""
    chosen = source.entries.get(kind) if isinstance(source, Mapping) else None
    if not isinstance(chosen, Mapping):
        return None
    name, key = chosen.entries.get("name"), chosen.entries.get("key")
    return (str(name), str(key)) if isinstance(name, str) and isinstance(key, str) else None


def _secret_name(name: str, key: str) -> str:
    text = "".join(c if c.isascii() and c.isalnum() else "_" for c in f"{name}_{key}").upper()
    return text if text[:1].isalpha() else f"S_{text}"


def is_variable(name: str) -> bool:
    """Whether a shell takes it as a variable's name."""
    plain = name.replace("_", "a")
    return plain.isascii() and plain.isalnum() and not name[0].isdigit()
