"""A simulated Akool and the live avatar's backend, in a thread, for tests with a browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from akool_async import Akool
from akool_async.cli.streaming_demo import AVATARS, media_peer
from akool_async.simulator import Simulator
from examples.live_avatar import Deadlines, Setup, build_app

AGORA_STUB: Final = Path(__file__).with_name("agora_stub.js")
"""Stands in for Agora's SDK: it has what the page uses of it, and no network."""

_MANY: Final = {"sessions_per_user": 99, "starts_per_minute": 999, "seconds_per_day": 10**6}
PATIENT: Final = {**_MANY, "back_within": 60.0, "reload_within": 60.0}
"""Rules with which a busy machine ends no session."""
HASTY: Final = {**_MANY, "back_within": 0.3, "reload_within": 0.1}
"""Rules with which a page that is gone is soon given up."""


UNHURRIED: Final = Deadlines(
    scripts=60, open=60, relay=60, join=60, picture=60, send=60, microphone=60, end=60, back=60
)
"""Deadlines with which a busy machine gives up nothing."""


class Demo:
    """A simulated Akool, and servers with the page, in a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stack = AsyncExitStack()
        self._runners: list[web.AppRunner] = []
        self.simulator = Simulator()
        self.akool: Akool

    def wait(self, work: Any) -> Any:
        """Do something in the thread's loop; return what that returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def start(self) -> None:
        """Start Akool."""
        await self._stack.enter_async_context(self.simulator)
        akool = Akool(self.simulator.api_key, base_url=self.simulator.url)
        self.akool = await self._stack.enter_async_context(akool)

    async def stop(self) -> None:
        """Stop all servers, then Akool."""
        for runner in self._runners:
            await runner.cleanup()
        await self._stack.aclose()

    def serve(self, *, durations: Sequence[int] = (300,), **setup: Any) -> str:
        """Start a server with the page; return its address."""
        given = Setup(AVATARS, durations, **setup)
        return str(self.wait(self._serve(given)))

    async def _serve(self, setup: Setup) -> str:
        runner = web.AppRunner(build_app(self.akool, setup), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    def serve_loopback(self, rules: Mapping[str, float], **more: Any) -> str:
        """Start a server whose page joins the simulator's media peer."""
        return self.serve(join=media_peer(self.simulator), rules=rules, **more)

    def cut(self) -> None:
        """Cut all connections of the servers, as a network does that goes away."""

        async def cut() -> None:
            for runner in self._runners:
                assert runner.server is not None
                for each in runner.server.connections:
                    if each.transport is not None:
                        each.transport.abort()

        self.wait(cut())

    @property
    def opened(self) -> int:
        """How many sessions were opened."""
        return self.simulator.requests["streaming.session"]

    @property
    def closed(self) -> int:
        """How many closes were sent."""
        return self.simulator.requests["streaming.close"]

    @property
    def running(self) -> int:
        """How many sessions are paid now."""
        return len(self.simulator.sessions.running)


@contextmanager
def demo_in_thread() -> Iterator[Demo]:
    """Run a demo until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    demo = Demo(loop)
    demo.wait(demo.start())
    try:
        yield demo
    finally:
        demo.wait(demo.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
