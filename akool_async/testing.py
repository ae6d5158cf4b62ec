"""A pytest plugin, installed with the package: the fixture `akool_simulator`.

async def test_my_pipeline(akool_simulator):
    async with Akool(base_url=akool_simulator.url, api_key=akool_simulator.api_key) as akool:
        ...
"""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from akool_async import Akool
    from akool_async.simulator import Simulator


@asynccontextmanager
async def armed(simulator: Simulator, **settings: Any) -> AsyncGenerator[Akool, None]:
    """Open a client of a simulator that wakes its jobs by webhooks.

    `async with armed(akool_simulator) as akool: ...`

    The receiver listens on a free port of this machine until the end.

    Args:
        simulator: Where the client sends its requests.
        **settings: Further settings of `Akool`.
    """
    from aiohttp import web

    from akool_async import Akool

    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    # Its port is known, and goes into the client's settings, before the first webhook comes.
    listening = socket.create_server(("127.0.0.1", 0))
    async with Akool(
        simulator.api_key,
        base_url=simulator.url,
        webhook_url=f"http://127.0.0.1:{listening.getsockname()[1]}/akool",
        webhook_credentials=simulator.webhook_credentials,
        **settings,
    ) as akool:
        app.router.add_post("/akool/{token}", akool.webhooks.aiohttp_handler())
        await runner.setup()
        try:
            await web.SockSite(runner, listening).start()
            yield akool
        finally:
            await runner.cleanup()


@pytest.fixture
def akool_simulator() -> Iterator[Simulator]:
    """Run the simulator in a thread of its own: fast, free, with the same results each time."""
    from akool_async.simulator import Simulator

    with Simulator(pace=0.1).in_thread() as simulator:
        yield simulator
