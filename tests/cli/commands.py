"""The `akool` command as the tests of this folder run it, and how it ended."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import pytest

from akool_async.simulator import Simulator

COMMAND = (sys.executable, "-W", "error", "-m", "akool_async.cli")
"""The command as a process of its own."""


class Ended(NamedTuple):
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """What it printed, which is JSON and nothing else."""
        read: dict[str, Any] = json.loads(self.out)
        return read


Command: TypeAlias = Callable[..., Ended]
"""Runs the command that the arguments name: `akool("journal", "list")`."""


def settings_of(simulator: Simulator) -> dict[str, str]:
    """Return the variables that name a simulated Akool."""
    return {"AKOOL_BASE_URL": simulator.url, "AKOOL_API_KEY": simulator.api_key}


def point_at(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name a simulated Akool in the environment of this test."""
    for name, value in settings_of(simulator).items():
        monkeypatch.setenv(name, value)


def environment(simulator: Simulator | None = None) -> dict[str, str]:
    """Return an environment without settings of the terminal, that names the simulator if given."""
    wishes = {"FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES", "TERM"}
    kept = {name: value for name, value in os.environ.items() if name not in wishes}
    return kept if simulator is None else kept | settings_of(simulator)


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for a condition in a test that has no event loop."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)
