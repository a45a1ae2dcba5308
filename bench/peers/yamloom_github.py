"""yamloom: Python API over a Rust core, to a GitHub workflow; checks it by GitHub's JSON Schema, and no graph."""

from __future__ import annotations

import sys

from yamloom import Container, Events, Job, PushEvent, Workflow, script

from bench.taskset import TIMEOUT_MINUTES, tasks

jobs = {
    task.name: Job(
        runs_on=["self-hosted", "gpu"] if task.gpus else "ubuntu-24.04",
        container=Container(task.image, options=task.container_options),
        env=task.env,
        needs=task.needs or None,
        timeout_minutes=TIMEOUT_MINUTES,
        steps=[script(task.command)],
    )
    for task in tasks(int(sys.argv[1]))
}
Workflow(name="taskset", on=Events(push=PushEvent()), jobs=jobs).dump(sys.argv[2])
