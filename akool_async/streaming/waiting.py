"""Waits: one of limited length, and one that no cancel cuts short."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from akool_async.clock import LATE, Clock

T = TypeVar("T")


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


async def lasting(task: asyncio.Task[T]) -> T:
    """Return what a task returns; wait for it to the end, also while this task is cancelled.

    Raises:
        asyncio.CancelledError: it was cancelled, and the task has ended meanwhile.
    """
    import anyio

    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):  # a scope of anyio cancels in each turn of the loop
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()
