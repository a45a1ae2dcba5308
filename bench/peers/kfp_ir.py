"""KFP: a pipeline of container components to the IR YAML that only a KFP server runs.

Without postponed annotations: KFP reads the return annotation of a component as a class.
"""

import sys
from typing import Any

from kfp import compiler, dsl

from bench.taskset import Task, tasks


def component(task: Task) -> Any:
    """A container component of its own for each task: its command is its own."""

    def run() -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image=task.image, command=task.argv[:1], args=task.argv[1:])

    run.__name__ = task.name.replace("-", "_")
    return dsl.container_component(run)


@dsl.pipeline(name="taskset")
def taskset() -> None:
    made: dict[str, Any] = {}
    for task in tasks(int(sys.argv[1])):
        step = component(task)()
        for name, value in task.env.items():
            step.set_env_variable(name, value)
        step.set_cpu_request(str(task.cpu)).set_memory_request(f"{task.memory}Gi")
        if task.gpus:
            step.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(task.gpus)
        if task.needs:
            step.after(*(made[need] for need in task.needs))
        made[task.name] = step


compiler.Compiler().compile(taskset, sys.argv[2])
