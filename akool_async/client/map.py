"""Many jobs from one stream of requests, without a task for each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import Any, Generic, TypeAlias, TypeVar

from akool_async.engine import Engine, Flight, Waiter
from akool_async.job import Job
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

Request: TypeAlias = Operation[S] | tuple[str, Operation[S]]
"""A request, or a pair of key and request."""

Requests: TypeAlias = Iterable[Request[S]] | AsyncIterable[Request[S]]
"""Requests from anything that can be iterated."""

_IN_A_ROW = 32
"""How many requests are taken from a stream before the loop gets a turn: a long one must not
keep it from running the jobs that it feeds."""


async def run_all(
    requests: Requests[S],
    submit: Callable[[Request[S]], Flight[S]],
    engine: Engine,
    *,
    ordered: bool,
    ahead: int,
) -> AsyncGenerator[Job[S], None]:
    """Submit requests as they come, at most `ahead` not yet yielded; yield ended jobs."""
    outbox: _Outbox[S] = _Outbox(ordered=ordered, ahead=ahead)
    # One task reads the stream, so that a slow one never holds up jobs that have ended.
    feeder = asyncio.create_task(_feed(requests, submit, outbox))
    feeder.add_done_callback(outbox.end)
    try:
        while (flight := outbox.next() or await outbox.wait()) is not None:
            yield Job(flight, engine)
            del flight  # nobody but the caller holds what was handed out
        await feeder
    finally:
        feeder.cancel()
        await engine.abandon(outbox.noted)
        await asyncio.wait([feeder])


async def _feed(
    requests: Requests[S], submit: Callable[[Request[S]], Flight[S]], outbox: _Outbox[S]
) -> None:
    if isinstance(requests, AsyncIterable):
        async for request in requests:
            if outbox.put(submit(request)):
                await outbox.room()
        return
    for request in requests:
        if outbox.put(submit(request)):
            await outbox.room()


class _Outbox(Generic[S]):
    """Jobs submitted and not yet handed out: as they end, or in the order they came.

    It holds those that have ended; of the others it knows their number only, unless they
    are to be handed out in order.
    """

    def __init__(self, *, ordered: bool, ahead: int) -> None:
        self._ordered = ordered
        self._ahead = ahead
        self._outstanding = 0
        self._submitted = 0
        self._ready: deque[Flight[S]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._over = False
        self._failed = False
        self.noted: Waiter = self.note
        """Its own `note`, made once: each look at a method makes another object."""

    def put(self, flight: Flight[S]) -> bool:
        """Take a job in; say whether to wait, with `room`, before the next one."""
        flight.looked_for = True
        self._outstanding += 1
        self._submitted += 1
        if self._ordered:
            self._ready.append(flight)
        if flight.ended:
            self.note(flight)
        else:
            flight.wait(self.noted)
        return self._outstanding >= self._ahead or self._submitted % _IN_A_ROW == 0

    async def room(self) -> None:
        """Wait until there is room for another job."""
        await asyncio.sleep(0)
        while self._outstanding >= self._ahead:
            self._room.clear()
            await self._room.wait()

    def note(self, flight: Flight[Any]) -> None:
        """Learn that a job has ended."""
        if not self._ordered:
            self._ready.append(flight)
        self._news.set()

    def end(self, feeder: asyncio.Task[None]) -> None:
        """Learn that no more jobs will come, because the stream has ended or failed."""
        self._over = True
        self._failed = feeder.cancelled() or feeder.exception() is not None
        self._news.set()

    def next(self) -> Flight[S] | None:
        """Take out the next job to hand out, if there is one already."""
        if not self._ready or not self._ready[0].ended:
            return None
        self._outstanding -= 1
        self._room.set()
        return self._ready.popleft()

    async def wait(self) -> Flight[S] | None:
        """Wait for the next job to hand out; `None` if the stream failed, or all are out."""
        while (flight := self.next()) is None:
            if self._over and (self._failed or not self._outstanding):
                return None
            self._news.clear()
            await self._news.wait()
        return flight
