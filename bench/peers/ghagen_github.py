"""ghagen: pydantic models and ruamel.yaml, to a GitHub workflow."""

from __future__ import annotations

import sys

from ghagen import Container, Job, On, PushTrigger, Step, Workflow

from bench.taskset import TIMEOUT_MINUTES, tasks

jobs = {
    task.name: Job(
        runs_on=["self-hosted", "gpu"] if task.gpus else "ubuntu-24.04",
        container=Container(image=task.image, options=task.container_options),
        env=task.env,
        needs=task.needs or None,
        timeout_minutes=TIMEOUT_MINUTES,
        steps=[Step(run=task.command)],
    )
    for task in tasks(int(sys.argv[1]))
}
Workflow(name="taskset", on=On(push=PushTrigger()), jobs=jobs).to_yaml_file(sys.argv[2])
