"""Fixtures for CRUN: a simulated one, and clients that poll it often."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest

from akool_async.clock import ManualClock
from akool_async.crun import Crun
from akool_async.simulator.crun import CrunSimulator
from tests.clients import soon

Connect: TypeAlias = Callable[..., Crun]


@pytest.fixture(autouse=True)
def _no_crun_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the CRUN credentials of the developer who runs the tests."""
    for name in [name for name in os.environ if name.startswith("CRUN_")]:
        monkeypatch.delenv(name)


@pytest.fixture
async def simulated_crun(clock: ManualClock) -> AsyncIterator[CrunSimulator]:
    """Run a simulated CRUN on this test's clock."""
    async with CrunSimulator(clock=clock) as simulator:
        yield simulator


@pytest.fixture
async def quick_crun() -> AsyncIterator[CrunSimulator]:
    """Run a simulated CRUN in real time, where jobs take some hundredths of a second."""
    async with CrunSimulator(pace=0.02) as simulator:
        yield simulator


@pytest.fixture
def connect() -> Connect:
    """Return a maker of clients that poll often and retry almost at once."""

    def connected(url: str, key: str = "simulated-crun-key", **settings: Any) -> Crun:
        return Crun(key, base_url=url, **(soon() | settings))

    return connected
