"""A simulated Akool in a thread of its own, for tests that stop, interrupt or drop their loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from akool_async.simulator import Simulator


@contextmanager
def simulated_elsewhere(pace: float = 0.02) -> Iterator[Simulator]:
    """Run a simulated Akool in real time, in another thread."""
    simulator = Simulator(pace=pace, omit_rate=0.0, instant_audio_rate=0.0)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve(stop: asyncio.Event) -> None:
        async with simulator:
            started.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(stop)))
    thread.start()
    started.wait(10)
    try:
        yield simulator
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
