"""The `akool` command, run in the process of the test."""

from __future__ import annotations

import pytest

from akool_async.cli.tree import run
from akool_async.simulator import Simulator
from tests.cli.commands import Command, Ended, point_at


@pytest.fixture
def bare(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command without credentials."""

    def command(*arguments: str) -> Ended:
        status = run(arguments)
        return Ended(status, *capsys.readouterr())

    return command


@pytest.fixture
def akool(bare: Command, akool_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command against the simulator."""
    point_at(akool_simulator, monkeypatch)
    return bare
