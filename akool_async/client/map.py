"""Many jobs from one stream of requests, without a task for each.

A row that cannot be sent is a job that has ended with its error. An exception that the stream
itself raises is the stream's: a generator is over once it has raised, and nobody can ask it for
the next row. It is raised here too, but not before the jobs of the rows before it were yielded:
they may be paid for.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import suppress
from typing import Any, Generic, TypeAlias, TypeVar

from akool_async.client.rows import Item, Row
from akool_async.engine import Engine, JobRecord, Waiter
from akool_async.engine.cancelling import abandon
from akool_async.engine.room import Room
from akool_async.engine.tasks import start
from akool_async.engine.waiters import Failure
from akool_async.errors import InvalidInput, KeyConflict
from akool_async.job import Job
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

Items: TypeAlias = Iterable[Item[S]] | AsyncIterable[Item[S]]
"""Requests from anything that can be iterated."""

Rows: TypeAlias = Iterable[Item[Any] | Row] | AsyncIterable[Item[Any] | Row]
"""The same; some of them are data."""

_UNSENT = (InvalidInput, KeyConflict)
"""Errors of rows that cannot be sent."""

_IN_A_ROW = 32
"""Requests that are taken from a stream before the loop gets a turn. A long stream must not
keep the loop from running the jobs that it feeds."""


async def run_all(
    items: Iterable[object] | AsyncIterable[object],
    submit: Callable[[object], JobRecord[S]],
    engine: Engine,
    *,
    ordered: bool,
    room: Room,
) -> AsyncGenerator[Job[S], None]:
    """Submit rows as they come, two for each place not yet yielded; yield ended jobs."""
    outbox: _Outbox[S] = _Outbox(ordered=ordered, room=room)
    feeder = _Feeder(items, submit, outbox)
    try:
        while (record := outbox.next() or await outbox.wait()) is not None:
            yield Job(record, engine)
            del record  # nobody but the caller holds what was yielded
        await feeder.task
    finally:
        feeder.stop()
        outbox.drop()
        await abandon(engine, outbox.noted)
        await asyncio.wait([feeder.task])


class _Feeder(Generic[S]):
    """Reads the stream in a task of its own: a slow one never holds up jobs that have ended.

    If something else cancels or interrupts that task, another one reads on, unless it happened in
    the stream's own code: what that has lost, nobody knows.
    """

    def __init__(
        self,
        items: Iterable[object] | AsyncIterable[object],
        submit: Callable[[object], JobRecord[S]],
        outbox: _Outbox[S],
    ) -> None:
        self._items = aiter(items) if isinstance(items, AsyncIterable) else iter(items)
        self._submit = submit
        self._outbox = outbox
        self._reading = self._stopped = False
        self.task = start(self._feed(), self._over)

    def stop(self) -> None:
        """Read no more."""
        self._stopped = True
        self.task.cancel()

    def _over(self, task: asyncio.Task[None]) -> None:
        foreign = task.cancelled() or not isinstance(task.exception(), Exception | None)
        if not foreign or self._reading or self._stopped:
            # A cancelled task and this object hold each other: the stream is to be closed now.
            self._items = iter(())
            self._outbox.end()
        elif task is self.task:
            self.task = start(self._feed(), self._over)

    async def _feed(self) -> None:
        end = object()
        while True:
            self._reading = True
            if isinstance(self._items, AsyncIterator):
                item = await anext(self._items, end)
            else:
                item = next(self._items, end)
            self._reading = False
            if item is end:
                return
            if self._outbox.put(self._submit(item)):
                await self._outbox.room()


class _Outbox(Generic[S]):
    """Jobs that were submitted and not yet yielded: as they end, or in the order they came.

    It holds ended jobs. Of the others it knows only their number, unless the order matters.
    """

    def __init__(self, *, ordered: bool, room: Room) -> None:
        self._ordered = ordered
        self._places = room
        self._outstanding = 0
        self._submitted = 0
        self._ready: deque[JobRecord[S]] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._watcher = room.watch(self._look_again)
        self._over = False
        self._loop = asyncio.get_running_loop()
        self.noted: Waiter = self.note
        """Its own `note`, made once: each access to a method makes another object."""

    @property
    def _full(self) -> bool:
        return self._outstanding >= 2 * self._places.limit

    def _look_again(self) -> None:
        """Take note that the limit has changed; in whatever thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._room.set)

    def put(self, record: JobRecord[S]) -> bool:
        """Take a job in; say whether to wait, with `room`, before the next one."""
        record.awaited = True
        self._outstanding += 1
        self._submitted += 1
        if self._ordered:
            self._ready.append(record)
        if record.ended:
            self.note(record)
        else:
            record.wait(self.noted)
        return self._full or self._submitted % _IN_A_ROW == 0

    async def room(self) -> None:
        """Wait until there is room for another job."""
        await asyncio.sleep(0)
        while self._full:
            self._room.clear()
            await self._room.wait()

    def note(self, record: JobRecord[Any]) -> None:
        """Take note that a job has ended."""
        if not self._ordered and not (self._ready and self._ready[-1] is record):  # told again
            self._ready.append(record)
        self._news.set()

    def end(self) -> None:
        """Take note that no more jobs will come, because the stream has ended or failed."""
        self._over = True
        self._news.set()

    def next(self) -> JobRecord[S] | None:
        """Take out the next job to yield, if there is one already."""
        if not self._ready or not self._ready[0].ended:
            return None
        self._outstanding -= 1
        self._room.set()
        return self._ready.popleft()

    def drop(self) -> None:
        """Forget the rows that were refused here, and that nobody is going to see."""
        for record in self._ready:
            failure = record.outcome
            if isinstance(failure, Failure) and isinstance(failure.error, _UNSENT):
                failure.mark_retrieved()

    async def wait(self) -> JobRecord[S] | None:
        """Wait for the next job to yield; `None` if the stream is over and no job is left."""
        while (record := self.next()) is None:
            if self._over and not self._outstanding:
                return None
            self._news.clear()
            await self._news.wait()
        return record
