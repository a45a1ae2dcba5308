"""The task set that every row compiles: N tasks in layers of five, each of which needs two of the layer before.

The drivers of the peers import this module inside the process that is measured, so it imports nothing.
"""

from __future__ import annotations

LAYER = 5
IMAGE = "python:3.12-slim"
TIMEOUT_MINUTES = 60

# Runners that fit both kinds of task, so that no target has to refuse the GPU ones.
TARGETS = """\
targets:
  github:
    runners:
      - labels: [ubuntu-24.04]
        executor: hosted
        cpu: 4
        memory: 16Gi
      - labels: [self-hosted, gpu]
        executor: docker
        cpu: 16
        memory: 64Gi
        gpu: {vendor: nvidia, count: 1}
  gitlab:
    runners:
      - tags: [docker]
        executor: docker
        cpu: 4
        memory: 16Gi
      - tags: [gpu]
        executor: docker
        cpu: 16
        memory: 64Gi
        gpu: {vendor: nvidia, count: 1}
  argo:
    repository: https://git.example/team/taskset.git
"""


class Task:
    """One task; cpu in cores, memory in GiB, needs by name."""

    __slots__ = ("argv", "cpu", "env", "gpus", "image", "memory", "name", "needs")

    def __init__(self, index: int) -> None:
        self.name = f"step-{index}"
        self.image = IMAGE
        self.argv = ["python", "train.py", "--seed", str(index), "--quiet"]
        self.env = {"EPOCHS": "5", "OUTPUT_PREFIX": f"runs/{self.name}"}
        self.cpu = 2
        self.memory = 4
        self.gpus = 1 if index % 4 == 3 else 0
        self.needs = needs_of(index)

    @property
    def command(self) -> str:
        """The arguments as one line of shell; none of them needs a quote."""
        return " ".join(self.argv)

    @property
    def container_options(self) -> str:
        """The resources as Docker spells them, which is all that a GitHub job can say of them."""
        gpus = f" --gpus {self.gpus}" if self.gpus else ""
        return f"--cpus {self.cpu} --memory {self.memory}g{gpus}"


def needs_of(index: int) -> list[str]:
    """The names of the two tasks of the previous layer that this one needs; none in the first layer."""
    layer, place = divmod(index, LAYER)
    if layer == 0:
        return []
    first = (layer - 1) * LAYER
    return [f"step-{first + place}", f"step-{first + (place + 1) % LAYER}"]


def tasks(count: int) -> list[Task]:
    """The first `count` tasks, each after those that it needs."""
    return [Task(index) for index in range(count)]


def manifest(count: int, alike: bool = True) -> str:
    """The task set as the text of a headrace.yaml; where its jobs are not `alike`, each asks for more memory than the last."""
    parts = ["version: 1\nname: taskset\n", TARGETS, "jobs:\n"]
    sizes = (f"{task.memory}Gi" if alike else f"{task.memory * 1024 + at}Mi" for at, task in enumerate(tasks(count)))
    parts.extend(map(_job, tasks(count), sizes))
    return "".join(parts)


def _job(task: Task, memory: str) -> str:
    arguments = ", ".join(f'"{argument}"' for argument in task.argv)
    variables = "".join(f'      {name}: "{value}"\n' for name, value in task.env.items())
    gpu = f"      gpu: {task.gpus}\n" if task.gpus else ""
    needs = f"    needs: [{', '.join(task.needs)}]\n" if task.needs else ""
    return (
        f"  {task.name}:\n"
        f'    environment: {{image: "{task.image}"}}\n'
        f"    run: [{arguments}]\n"
        f"    env:\n{variables}"
        f"    resources:\n      cpu: {task.cpu}\n      memory: {memory}\n{gpu}"
        f"    timeout: {TIMEOUT_MINUTES}m\n"
        f"{needs}"
    )
