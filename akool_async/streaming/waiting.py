"""A wait of limited length, as measured by a clock."""

from __future__ import annotations

import asyncio
from typing import Any

from akool_async.clock import LATE, Clock


async def done_within(clock: Clock, seconds: float, future: asyncio.Future[Any]) -> bool:
    """Wait until a future is done, at most some seconds; return whether it is.

    A timer that rings late gives the time again, once: what came meanwhile was not read.
    """
    if future.done():  # such as in an event loop that is over
        return True
    for _ in range(2):
        due = clock.time() + seconds
        rung: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = clock.call_at(due, rung.cancel)
        try:
            await asyncio.wait((future, rung), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
        if future.done() or clock.time() - due <= LATE:
            break
    return future.done()
