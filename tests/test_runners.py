"""targets.runners: the smallest entry that fits, ties in order."""

from __future__ import annotations

from typing import Any

import pytest

from compiler.diagnostics import Sink
from compiler.ir import Accelerator, Amounts, Job, Resources, Runner, Settings
from compiler.quantity import parse
from targets.runners import choose, lack


def gpus(count: int = 1, **more: Any) -> Accelerator:
    return Accelerator(count=count, **more)


def job(cpu: str | None = None, memory: str | None = None, platform: str | None = None, **more: Any) -> Job:
    request = Amounts(cpu=parse(cpu) if cpu else None, memory=parse(memory) if memory else None)
    return Job(name="train", platform=platform, resources=Resources(request=request, **more))


def runner(name: str, cpu: str | None = None, memory: str | None = None, **more: Any) -> Runner:
    return Runner(name=name, cpu=parse(cpu) if cpu else None, memory=parse(memory) if memory else None, **more)


SMALL = runner("small", "2", "8Gi")
LARGE = runner("large", "16", "64Gi")
GPU = runner("gpu", "8", "32Gi", accelerator=gpus(1, kind="t4", memory=parse("16Gi")))
EIGHT = runner("eight", "96", "512Gi", accelerator=gpus(8, kind="a100", memory=parse("80Gi")))
ANY_GPU = runner("any", gpu=True)
SPOT = runner("spot", "16", "64Gi", spot=True)
ARM = runner("arm", "2", "8Gi", platform="linux/arm64")
ALL = (EIGHT, GPU, LARGE, SMALL, SPOT, ARM)


def chosen(wanted: Job, *runners: Runner) -> str | None:
    sink = Sink()
    found = choose(wanted, Settings(target="github", runners=runners), sink)
    assert not sink.failed
    return found.name if found is not None else None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (job(), "small"),
        (job(cpu="4"), "large"),
        (job(memory="32Gi"), "large"),
        (job(accelerator=gpus()), "gpu"),
        (job(accelerator=gpus(2)), "eight"),
        (job(accelerator=gpus(kind="A100")), "eight"),
        (job(accelerator=gpus(memory=parse("40Gi"))), "eight"),
        (job(cpu="4", spot=True), "spot"),
        (job(platform="linux/arm64"), "arm"),
        (job(cpu="90"), "eight"),
        (job(runner="large"), "large"),
    ],
)
def test_the_smallest_that_fits(wanted: Job, expected: str) -> None:
    assert chosen(wanted, *ALL) == expected


def test_ties_go_to_the_first() -> None:
    assert chosen(job(), runner("one"), runner("two")) == "one"


def test_a_gpu_of_any_kind_fits_every_wish() -> None:
    assert chosen(job(accelerator=gpus(4, kind="h100")), SMALL, ANY_GPU) == "any"


def test_a_job_without_a_gpu_leaves_gpus_idle_only_where_nothing_else_fits() -> None:
    assert chosen(job(), ANY_GPU, SMALL) == "small"
    assert chosen(job(), ANY_GPU) == "any"


def test_a_limit_counts_where_no_request_is_said() -> None:
    wanted = Job(name="train", resources=Resources(limit=Amounts(cpu=parse("4"))))
    assert chosen(wanted, SMALL, LARGE) == "large"


def test_without_runners_there_is_one_note_however_many_jobs_have_a_gpu() -> None:
    sink = Sink()
    settings = Settings(target="github")
    for name in ("one", "two"):
        assert choose(job(accelerator=gpus()).replace(name=name), settings, sink) is None
    assert choose(job(cpu="64"), settings, sink) is None
    assert [found.code.number for found in sink.diagnostics] == ["HR4004"]


def test_nothing_fits_says_what_each_lacks() -> None:
    sink = Sink()
    wanted = job(cpu="4", accelerator=gpus(2, kind="h100"))
    assert choose(wanted, Settings(target="github", runners=(SMALL, GPU, ARM)), sink) is None
    (found,) = sink.diagnostics
    assert found.code.number == "HR4003"
    assert "cpu 4, 2 h100 GPUs" in found.message
    assert found.notes == (
        '"small" has cpu 2 and has no GPU',
        '"gpu" has 1 GPU and has GPUs of kind t4',
        '"arm" is "linux/arm64" and has cpu 2 and has no GPU',
    )


def test_an_unknown_forced_runner_is_an_error() -> None:
    sink = Sink()
    assert choose(job(runner="huge"), Settings(target="github", runners=(SMALL,)), sink) is None
    assert [found.code.number for found in sink.diagnostics] == ["HR3012"]
    assert '"small"' in (sink.diagnostics[0].help or "")


def test_vendors_differ() -> None:
    assert lack(job(accelerator=gpus(vendor="amd")), GPU) == ["has GPUs by nvidia"]
    assert lack(job(accelerator=gpus(vendor="nvidia")), GPU) == []


def test_a_spot_machine_takes_only_what_may_be_preempted() -> None:
    assert lack(job(), SPOT) == ["is a spot machine"]
    assert lack(job(spot=True), SPOT) == []
