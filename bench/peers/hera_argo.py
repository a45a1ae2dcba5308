"""hera: pydantic models to an Argo Workflow, one container template a task."""

from __future__ import annotations

import sys

from hera.workflows import DAG, Container, Resources, Task, Workflow

from bench.taskset import TIMEOUT_MINUTES, tasks

with Workflow(generate_name="taskset-", entrypoint="taskset") as workflow:
    templates = [
        (
            task,
            Container(
                name=f"run-{task.name}",
                image=task.image,
                command=task.argv[:1],
                args=task.argv[1:],
                env=task.env,
                resources=Resources(cpu_request=task.cpu, memory_request=f"{task.memory}Gi", gpus=task.gpus or None),
                active_deadline_seconds=TIMEOUT_MINUTES * 60,
            ),
        )
        for task in tasks(int(sys.argv[1]))
    ]
    with DAG(name="taskset"):
        for task, template in templates:
            depends = " && ".join(f"{need}.Succeeded" for need in task.needs)
            Task(name=task.name, template=template, depends=depends or None)

with open(sys.argv[2], "w", encoding="utf-8") as file:
    file.write(workflow.to_yaml())
