"""The `akool` command, run in the process of the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from akool_async.cli.tree import run
from akool_async.simulator import Simulator
from tests.cli.commands import Command, Ended, point_at
from tests.cli.webhook_parts import Receiver, set_credentials


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


@pytest.fixture
def webhook_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the client id and the secret with which the tests' webhooks are signed."""
    set_credentials(monkeypatch)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a program to which webhooks are sent on."""
    with Receiver().running() as running:
        yield running
