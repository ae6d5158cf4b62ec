"""Many jobs from one stream of requests, in programs without an event loop.

The stream is read in the thread that asks for the next job, one request at a time, while there is
room for more: a cursor of a database, or a queryset, belongs to its thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator
from functools import partial
from typing import Any, Final, TypeVar, cast

from akool_async.job import Job as AsyncJob
from akool_async.protocol.snapshot import Snapshot
from akool_async.sync.background import Background
from akool_async.sync.behind import Behind
from akool_async.sync.job import Job

S = TypeVar("S", bound=Snapshot)

Begin = Callable[[AsyncIterator[Any]], AsyncGenerator[AsyncJob[Any], None]]
"""Starts the asynchronous `map` of a stream."""

_END: Final[Any] = object()
_WANTED: Final[Any] = object()
"""Another request is wanted."""


class _Failed:
    """What the stream raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class _Mapped:
    """The loop's side: an asynchronous `map`, and the stream that it reads.

    Args:
        begin: Starts the map.
        behind: The asynchronous client.
    """

    def __init__(self, begin: Begin, behind: Behind) -> None:
        self._behind = behind
        self._given: asyncio.Queue[Any] = asyncio.Queue()
        self._wanted = False
        self._news = asyncio.Event()
        self._jobs = begin(self._requests())
        self._next: asyncio.Task[Any] | None = None
        behind.half_read.add(self)

    async def _requests(self) -> AsyncGenerator[Any, None]:
        while True:
            self._wanted = True
            self._news.set()
            given = await self._given.get()
            if given is _END:
                return
            if isinstance(given, _Failed):
                raise given.error
            yield given

    async def step(self, *given: Any) -> Any:
        """Take what was read; return a job that has ended, or that another request is wanted."""
        for each in given:
            self._wanted = False
            self._given.put_nowait(each)
        if self._next is None:
            self._next = asyncio.create_task(self._ended())
        while not (self._next.done() or self._wanted):
            self._news.clear()
            await self._news.wait()
        if not self._next.done():
            return _WANTED
        ended, self._next = self._next, None
        return ended.result()

    async def _ended(self) -> Any:
        try:
            job = await anext(self._jobs, None)
        finally:
            self._news.set()
        return _END if job is None else Job(job, self._behind)

    async def close(self) -> None:
        """Drop what is queued; what was sent is watched on."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait([self._next])
        await self._jobs.aclose()


def mapped(
    requests: Iterable[Any], begin: Begin, behind: Behind
) -> Generator[Job[Any], None, None]:
    """Return a generator of the jobs of requests, as they end."""
    rows = iter(requests)
    background = behind.background()
    return _yielded(rows, background.run(partial(_Mapped, begin, behind)), background)


def _yielded(
    rows: Iterator[Any], jobs: _Mapped, background: Background
) -> Generator[Job[Any], None, None]:
    given: tuple[Any, ...] = ()
    try:
        while (news := background.run(jobs.step, *given)) is not _END:
            given = ()
            if news is _WANTED:
                given = (_read(rows),)
            else:
                yield cast("Job[Any]", news)
    finally:
        background.finish(jobs.close)


def _read(rows: Any) -> Any:
    """Return the next request, the end of the stream, or what it raised.

    An error is raised once the jobs of the requests before it were yielded.
    """
    try:
        return next(rows, _END)
    except Exception as error:  # noqa: BLE001 - it is the stream's
        return _Failed(error)
