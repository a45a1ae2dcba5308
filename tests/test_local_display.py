"""What a run shows: lines, or a live view where a person looks on."""

from __future__ import annotations

import io
import sys
from argparse import Namespace
from typing import Any

import pytest

from compiler.commands import run
from targets.local import history
from targets.local.process import Stop


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "options", "shown"),
    [
        ({}, {}, "Terminal"),
        ({"CI": "true"}, {}, "Plain"),
        ({"TERM": "dumb"}, {}, "Plain"),
        ({}, {"color": "never"}, "Plain"),
        ({}, {"no_logs": True}, "Plain"),
        ({}, {"explain": "a"}, "Plain"),
    ],
)
def test_a_live_view_is_for_people(
    env: dict[str, str], options: dict[str, Any], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", Screen())
    monkeypatch.setattr(history, "last_seconds", lambda *_: {})
    given: dict[str, Any] = {"no_logs": False, "color": "auto", "explain": None, **options}
    plan: Any = Namespace(pipeline=Namespace(name="p"))
    nothing: Any = None
    stop: Any = Stop()
    assert type(run._display(Namespace(**given), nothing, plan, stop)).__name__ == shown
