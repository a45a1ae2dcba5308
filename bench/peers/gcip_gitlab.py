"""gcip: Python objects to GitLab CI. Needs are the job objects themselves, as its documentation says."""

from __future__ import annotations

import sys

from gcip import Job, Pipeline

from bench.taskset import TIMEOUT_MINUTES, tasks

pipeline = Pipeline()
jobs: dict[str, Job] = {}
for task in tasks(int(sys.argv[1])):
    job = Job(name=task.name, script=task.command, image=task.image, timeout=f"{TIMEOUT_MINUTES}m")
    job.add_variables(**task.env)
    job.add_variables(KUBERNETES_CPU_REQUEST=str(task.cpu), KUBERNETES_MEMORY_REQUEST=f"{task.memory}Gi")
    if task.gpus:
        job.add_tags("gpu")
    job.add_needs(*(jobs[need] for need in task.needs))
    jobs[task.name] = job
    pipeline.add_children(job)
pipeline.write_yaml(sys.argv[2])
