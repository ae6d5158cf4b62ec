"""How a task waits for the end of a job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from akool_async.protocol.snapshot import Snapshot

if TYPE_CHECKING:
    from akool_async.engine.flight import Flight

S = TypeVar("S", bound=Snapshot)


class Wait(Generic[S]):
    """What one task waits by: for asyncio a future, in two fifths of the memory of one.

    asyncio takes for a future whatever says `_asyncio_future_blocking` (`asyncio.isfuture`), and
    has a task call the methods below. Cancelled, with the task, it leaves the job alone for all
    others.
    """

    __slots__ = ("_asyncio_future_blocking", "_context", "_flight", "_given_up", "_wake")

    def __init__(self, flight: Flight[S]) -> None:
        self._asyncio_future_blocking = False
        self._flight = flight
        self._given_up: tuple[object, ...] | None = None
        """What the task was told when it was cancelled, if it was."""
        self._wake: Callable[[Any], object] | None = None
        self._context: Context | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Self:
        if self.done():
            raise StopIteration(self.result())
        self._asyncio_future_blocking = True
        self._flight.wait(self)
        return self

    def __call__(self, flight: Flight[Any]) -> None:
        """Wake the task: the job has ended."""
        if self._given_up is not None:
            flight.forgive()  # who has waited, and gave up, has looked for it
        self._wake_up()

    def _wake_up(self) -> None:
        """Wake the task, and let go of it: a job may hold this long after the wait."""
        wake, context = self._wake, self._context
        self._wake = self._context = None
        if wake is not None:
            self.get_loop().call_soon(wake, self, context=context)

    def add_done_callback(
        self, wake: Callable[[Any], object], *, context: Context | None = None
    ) -> None:
        """Note how to wake the task."""
        self._wake, self._context = wake, context

    def done(self) -> bool:
        """Say whether there is nothing to wait for any more."""
        return self._given_up is not None or self._flight.ended

    def result(self) -> S:
        """Return the job's result, or raise what ended the job, or the wait, instead."""
        if self._given_up is not None:
            raise asyncio.CancelledError(*self._given_up)
        return self._flight.result()

    def cancel(self, msg: object = None) -> bool:
        """Let the task wait no more; say whether it still did."""
        if self.done():
            return False
        self._given_up = () if msg is None else (msg,)
        self._wake_up()
        del self._flight  # or it and this would hold each other, and nobody else
        return True

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the event loop of the job."""
        return self._flight.kind.loop
