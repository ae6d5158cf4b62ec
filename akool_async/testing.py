"""A pytest plugin, installed with the package: the fixture `akool_simulator`.

async def test_my_pipeline(akool_simulator):
    async with Akool(base_url=akool_simulator.url, api_key=akool_simulator.api_key) as akool:
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from akool_async.simulator import Simulator


@pytest.fixture
def akool_simulator() -> Iterator[Simulator]:
    """Run the simulator in a thread of its own: fast, free, with the same results each time."""
    from akool_async.simulator import Simulator

    with Simulator(pace=0.1).in_thread() as simulator:
        yield simulator
