"""Writes the source of a Metaflow flow, which is what Metaflow compiles: `metaflow_flow.py N FILE`.

A flow's branches must join as they split, so that the layers of the task set cannot be said in it; its N tasks stand
in a chain, which has N needs instead of 2N and so favours Metaflow.
"""

from __future__ import annotations

import sys

from bench.taskset import TIMEOUT_MINUTES, Task, tasks

HEAD = """\
import subprocess

from metaflow import FlowSpec, environment, kubernetes, step, timeout


class Taskset(FlowSpec):
"""
FOOT = """
if __name__ == "__main__":
    Taskset()
"""


def step(task: Task, name: str, following: str) -> str:
    """The source of one step; the last has no following one."""
    gpus = f", gpu={task.gpus}" if task.gpus else ""
    move = f"        self.next(self.{following})\n" if following else ""
    return (
        f"    @environment(vars={task.env!r})\n"
        f"    @timeout(minutes={TIMEOUT_MINUTES})\n"
        f"    @kubernetes(image={task.image!r}, cpu={task.cpu}, memory={task.memory * 1024}{gpus})\n"
        f"    @step\n"
        f"    def {name}(self):\n"
        f"        subprocess.run({task.argv!r}, check=True)\n"
        f"{move}\n"
    )


def source(count: int) -> str:
    """The whole flow as Python source; Metaflow demands that the first step be called start and the last one end."""
    names = ["start", *(f"step_{place}" for place in range(1, count - 1)), "end"]
    chain = zip(tasks(count), names, [*names[1:], ""], strict=True)
    return HEAD + "".join(step(*link) for link in chain) + FOOT


if __name__ == "__main__":
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(source(int(sys.argv[1])))
