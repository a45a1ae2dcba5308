"""What an AME project says, in AME's own terms and in one shape for all of its dialects."""

from __future__ import annotations

from compiler.ir import NOTHING, EnvVar, Node
from compiler.source import Origin
from compiler.yamltree import Slot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Steps: TypeAlias = "tuple[tuple[Task, ...], ...]"  # groups one after the other, a group's tasks beside one another


class Reference(Node):
    """A task, a template or a data set by its name, of this project or of another one."""

    name: str
    project: str | None = None


class Executor(Node):
    """How a task's environment is made and what runs in it. `kind`: poetry, pip, pipEnv, mlflow or custom.

    Where older dialects say it in several keys of the task (`loose`), a template may say one and the task another.
    """

    kind: str | None = None
    python: str | None = None
    command: str | None = None
    image: str | None = None
    loose: bool = False


class Amount(Node):
    """One line of `resources`: a Kubernetes resource and a quantity as they are written."""

    name: str
    value: str


class SecretGrant(Node):
    """A secret that a task has as a variable: one of AME's own (`key`), or one of a Vault (`path`)."""

    variable: str
    key: str | None = None
    path: str | None = None


class Artifacts(Node):
    """What is kept of a task: every file that it changes, or some paths."""

    changed: bool | None = None
    paths: tuple[Path, ...] = NOTHING


class Path(Node):
    path: str


class Schedule(Node):
    cron: str


class Task(Node):
    """One task, as it is written: what is not said is None or NOTHING."""

    name: str | None = None
    executor: Executor | None = None
    resources: tuple[Amount, ...] = NOTHING
    env: tuple[EnvVar, ...] = NOTHING
    secrets: tuple[SecretGrant, ...] = NOTHING
    datasets: tuple[Reference, ...] = NOTHING
    artifacts: Artifacts | None = None
    schedule: Schedule | None = None
    reference: Reference | None = None
    template: Reference | None = None
    steps: Steps = NOTHING
    project: str = ""  # the name of the project that says it
    faulty: bool = False  # it says an executor that was refused


class DataSet(Node):
    name: str
    path: Path
    task: Task | None = None
    project: str = ""


class Deployment(Node):
    annotations: tuple[tuple[str, str], ...] = NOTHING
    replicas: int | None = None
    image: str | None = None
    resources: tuple[Amount, ...] = NOTHING
    tls: bool | None = None
    automatic: bool | None = None
    wanted: bool | None = None


class Model(Node):
    name: str
    training: Task | None = None
    validation: Task | None = None
    deployment: Deployment | None = None
    schedule: Schedule | None = None


class ProjectConfig(Node):
    """One ame.yaml. `dialect` is one of serde's."""

    name: str
    dialect: str
    folder: str
    tasks: tuple[Task, ...] = NOTHING
    templates: tuple[Task, ...] = NOTHING
    datasets: tuple[DataSet, ...] = NOTHING
    models: tuple[Model, ...] = NOTHING
    default_task: str | None = None
    triggers: bool | None = None


def slot_of(node: Node) -> Slot | None:
    """Where a scalar was written, for those who point into it."""
    at: Origin | None = node.origin
    return at if isinstance(at, Slot) else None
