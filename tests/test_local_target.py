"""`local` is a target like the others, but for what it does: it runs instead of emitting."""

from __future__ import annotations

import subprocess
import sys

import pytest

from compiler.diagnostics import Sink
from compiler.features import Feature
from compiler.ir import Project, Settings
from compiler.target import Emulated, Unsupported
from targets import local
from targets.local.display import elapsed
from targets.local.machine import Device, Machine, Wish
from targets.local.support import SUPPORT


def test_support_is_total_and_says_how() -> None:
    assert set(SUPPORT) == set(Feature)
    assert local.SUPPORT is SUPPORT
    for support in SUPPORT.values():
        words = (
            support.how if isinstance(support, Emulated) else support.why if isinstance(support, Unsupported) else "n"
        )
        assert words
        assert not words.endswith(".")


def test_it_emits_nothing_and_is_never_guessed() -> None:
    assert local.emit(Project(name="x"), Settings(target="local"), Sink()) == ()
    assert not local.recognise("https://gitlab.com/x/y", lambda _path: True)


def test_its_table_is_not_read_before_it_is_asked_for() -> None:
    code = "import sys, targets.local; assert 'compiler.features' not in sys.modules; assert 'dataclasses' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0s"), (9.94, "9.9s"), (12.4, "12s"), (60, "1m00s"), (185, "3m05s"), (3720, "1h02m")]
)
def test_times_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


def test_a_machine_gives_what_it_has_and_takes_it_back() -> None:
    from compiler.ir import Accelerator

    machine = Machine(4.0, 1000, (Device("0", "T4", 16), Device("1", "A100", 80)))
    first = machine.take(Wish(3.0, 600, None))
    assert first is not None
    assert machine.take(Wish(2.0, 0, None)) is None
    assert machine.take(Wish(1.0, 500, None)) is None
    second = machine.take(Wish(1.0, 400, Accelerator(count=1, kind="a100")))
    assert second is not None
    assert [device.index for device in second.devices] == ["1"]
    machine.give_back(first)
    assert machine.take(Wish(0.5, 0, Accelerator(count=1, kind="a100"))) is None
    assert machine.take(Wish(0.5, 0, Accelerator(count=1))) is not None
    machine.give_back(second)
    assert machine.take(Wish(99.0, 10**9, None)) is None, "what wants all of it waits for the others"


def test_amd_devices_are_not_taken_for_nvidias() -> None:
    from compiler.ir import Accelerator

    machine = Machine(1.0, 1, (Device("0", "T4", 16 * 10**9),))
    assert machine.fitting(Accelerator(count=1, vendor="amd")) == []
    assert machine.fitting(Accelerator(count=1, memory=20 * 10**18)) == []
    assert len(machine.fitting(Accelerator(count=1, memory=10 * 10**18))) == 1
