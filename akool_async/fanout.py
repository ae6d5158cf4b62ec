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
    source = _pulled(requests)
    outbox: _Outbox[S] = _Outbox(ordered=ordered)
    more = True
    try:
        while more or outbox.jobs:
            while more and len(outbox.jobs) < ahead and not outbox.ready:
                more = await _submit_next(source, submit, outbox)
            if outbox.jobs:
                yield await outbox.take()
    finally:
        await source.aclose()
        await outbox.drop_queued()


async def _submit_next(
    source: AsyncGenerator[Request[S], None],
    submit: Callable[[Request[S]], Job[S]],
    outbox: _Outbox[S],
) -> bool:
    """Submit one request; say whether there may be more."""
    try:
        request = await anext(source)
    except StopAsyncIteration:
        return False
    outbox.add(submit(request))
    return True


async def _pulled(requests: Requests[S]) -> AsyncGenerator[Request[S], None]:
    if isinstance(requests, AsyncIterable):
        async for request in requests:
            yield request
        return
    for request in requests:
        yield request
        # A long source must not keep the loop from running the jobs that it feeds.
        await asyncio.sleep(0)


class _Outbox(Generic[S]):
    """Jobs submitted and not yet handed out: as they end, or in the order they came."""

    def __init__(self, *, ordered: bool) -> None:
        self.jobs: dict[Job[S], None] = {}
        """In the order in which they were submitted."""
        self._ordered = ordered
        self._ended: deque[Job[S]] = deque()
        self._changed = asyncio.Event()

    def add(self, job: Job[S]) -> None:
        self.jobs[job] = None
        job.add_done_callback(self._note)

    def _note(self, job: Job[S]) -> None:
        self._ended.append(job)
        self._changed.set()

    @property
    def ready(self) -> bool:
        """Whether a job can be handed out now."""
        if self._ordered:
            return bool(self.jobs) and next(iter(self.jobs)).done()
        return bool(self._ended)

    async def take(self) -> Job[S]:
        """Wait for the next job to hand out."""
        while not self.ready:
            self._changed.clear()
            await self._changed.wait()
        job = next(iter(self.jobs)) if self._ordered else self._ended.popleft()
        del self.jobs[job]
        return job

    async def drop_queued(self) -> None:
        """Drop what was not sent; what was sent goes on, watched by the engine."""
        for job in self.jobs:
            job.remove_done_callback(self._note)
            await job.drop_if_queued()
        self.jobs.clear()
