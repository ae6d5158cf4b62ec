"""Many jobs from one stream of requests, without a task for each."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import Generic, TypeAlias, TypeVar

from akool_async.endpoint import Operation, Snapshot
from akool_async.job import Job

S = TypeVar("S", bound=Snapshot)

Request: TypeAlias = Operation[S] | tuple[str, Operation[S]]
"""A request, or a pair of key and request."""

Requests: TypeAlias = Iterable[Request[S]] | AsyncIterable[Request[S]]
"""Requests from anything that can be iterated."""


async def run_all(
    requests: Requests[S],
    submit: Callable[[Request[S]], Job[S]],
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
        while (job := await outbox.take()) is not None:
            yield job
        await feeder
    finally:
        feeder.cancel()
        await outbox.drop_queued()
        await asyncio.wait([feeder])


async def _feed(
    requests: Requests[S], submit: Callable[[Request[S]], Job[S]], outbox: _Outbox[S]
) -> None:
    if isinstance(requests, AsyncIterable):
        async for request in requests:
            await outbox.put(submit(request))
        return
    for request in requests:
        await outbox.put(submit(request))


class _Outbox(Generic[S]):
    """Jobs submitted and not yet handed out: as they end, or in the order they came."""

    def __init__(self, *, ordered: bool, ahead: int) -> None:
        self._ordered = ordered
        self._ahead = ahead
        self._jobs: dict[Job[S], None] = {}
        self._ended: deque[Job[S]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._over = False
        self._failed = False

    async def put(self, job: Job[S]) -> None:
        """Take a job in; wait until there is room for another."""
        self._jobs[job] = None
        job.add_done_callback(self._note)
        # A long stream must not keep the loop from running the jobs that it feeds.
        await asyncio.sleep(0)
        while len(self._jobs) >= self._ahead:
            self._room.clear()
            await self._room.wait()

    def _note(self, job: Job[S]) -> None:
        if not self._ordered:
            self._ended.append(job)
        self._news.set()

    def end(self, feeder: asyncio.Task[None]) -> None:
        """Learn that no more jobs will come, because the stream has ended or failed."""
        self._over = True
        self._failed = feeder.cancelled() or feeder.exception() is not None
        self._news.set()

    async def take(self) -> Job[S] | None:
        """Wait for the next job to hand out; `None` if the stream failed, or all are out."""
        while (job := self._next()) is None:
            if self._over and (self._failed or not self._jobs):
                return None
            self._news.clear()
            await self._news.wait()
        del self._jobs[job]
        self._room.set()
        return job

    def _next(self) -> Job[S] | None:
        if self._ordered:
            first = next(iter(self._jobs), None)
            return first if first is not None and first.done() else None
        return self._ended.popleft() if self._ended else None

    async def drop_queued(self) -> None:
        """Drop what was not sent; what was sent goes on, watched by the engine."""
        for job in self._jobs:
            job.remove_done_callback(self._note)
            await job.abandon()
        self._jobs.clear()
