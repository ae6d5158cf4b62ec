"""Delivers the ends of jobs with a key to `on_end`: each at least once, across restarts.

How this works
--------------
The journal's note of a job's end puts the end into the outbox, in one transaction. `on_end` is
called at the same time, and when it has returned, the end is taken out of the outbox. Where it
fails, it is called again, after growing pauses. What is in the outbox when the process ends is
delivered by the next one, which begins as soon as its client does.

Ends that the journal does not know as final, such as a `JobTimeout`, are delivered as well, and are
not in the outbox: the next process watches such a job on, and its real end is delivered then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from akool_async.client.keyed import KeyedJobs, record_of
from akool_async.engine import Engine, JobRecord
from akool_async.engine.calls import Calls
from akool_async.engine.recorder import Recorder
from akool_async.engine.row_reader import row_of
from akool_async.engine.tasks import start
from akool_async.engine.waiters import Failure
from akool_async.errors import ClientClosed
from akool_async.journal import Entry, State
from akool_async.observers import logger
from akool_async.protocol.endpoint import Operation

if TYPE_CHECKING:
    from akool_async.job import Job

OnEnd: TypeAlias = Callable[["Job[Any]"], object]
"""Called with each job with a key that has ended, most often a coroutine function."""


class _End(NamedTuple):
    """The end of a job, on its way to `on_end`."""

    job: Job[Any]
    row: int | None
    number: int
    """Its number in the outbox; 0 for none."""


class Delivery:
    """Tells `on_end` of the ends of one event loop's jobs.

    Args:
        on_end: The user's function.
        calls: Calls it.
        recorder: Keeps the outbox.
        handle: Makes the user's handle on a record.
    """

    def __init__(
        self,
        on_end: OnEnd,
        calls: Calls,
        recorder: Recorder,
        handle: Callable[[JobRecord[Any]], Job[Any]],
    ) -> None:
        self._on_end = on_end
        self._calls = calls
        self._recorder = recorder
        self._handle = handle
        self._telling: set[int] = set()
        self._rows: dict[int, int] = {}
        """The rows of ends that an earlier process left, by the ends' numbers."""
        self._task: asyncio.Task[None] | None = None

    def __call__(self, record: JobRecord[Any]) -> None:
        """Deliver the end of a job, if it is to be delivered."""
        row = record.journal_row
        if row is None or row.owed is None:
            return
        if isinstance(record.outcome, Failure):
            if isinstance(record.outcome.error, ClientClosed):  # it goes on, or is sent later
                return
            record.mark_retrieved()  # `on_end` is told of it
        number, row.owed = row.owed, None
        self._telling.add(number)
        end = _End(self._handle(record), self._rows.pop(number, row.number), number)
        what = f"on_end of {record.name} {record.id or ''}".rstrip()
        self._calls.add(("on_end", end.job.key), what, self._tell, end, must_succeed=True)

    async def _tell(self, end: _End) -> None:
        told = self._on_end(end.job)
        if isawaitable(told):
            await told
        self._telling.discard(end.number)
        if end.number and end.row is not None:
            self._recorder.acknowledge(end.row, end.number)

    # What an earlier process left

    def begin(
        self, keyed: KeyedJobs, engine: Engine, operations: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Deliver what an earlier process has not delivered, in the background."""
        self._task = start(self._deliver_old(keyed, engine, operations))

    async def _deliver_old(
        self, keyed: KeyedJobs, engine: Engine, operations: Callable[[], Mapping[str, Any]]
    ) -> None:
        try:
            async with aclosing(self._recorder.owed()) as ends:
                async for number, entry in ends:
                    operation = operations().get(entry.name)
                    if operation is None or not _has_ended(entry):
                        continue
                    live = keyed.live(entry.key)
                    if live is None:
                        self._deliver(number, entry, operation, keyed, engine)
                    else:
                        self._leave_to(live, number, entry)
        except Exception:
            logger.exception("reading the ends that were not delivered failed")

    def _deliver(
        self,
        number: int,
        entry: Entry,
        operation: type[Operation[Any]],
        keyed: KeyedJobs,
        engine: Engine,
    ) -> None:
        record = record_of(engine, entry, operation)
        row_of(record).owed = number
        self._rows[number] = entry.number
        self._recorder.telling.add(number)
        try:
            keyed.restore(record, entry)  # which ends it, and so delivers it
        except Exception:
            logger.exception("the end in the journal's row %d cannot be delivered", entry.number)

    def _leave_to(self, record: JobRecord[Any], number: int, entry: Entry) -> None:
        """Let a job deliver the end of its key, which was submitted again meanwhile.

        The store may be about to answer that the job has ended long ago. If the job is sent anew
        instead, its own end gets another number, and takes this one's place in the outbox.
        """
        row_of(record).owed = number
        self._rows[number] = entry.number
        self._recorder.telling.add(number)

    def close(self) -> list[asyncio.Task[None]]:
        """Read no more; return the task that ends now."""
        if self._task is None or self._task.done():
            return []
        self._task.cancel()
        return [self._task]

    def let_go(self) -> None:
        """Leave what was not delivered to the next client."""
        self._recorder.telling -= self._telling
        self._telling.clear()


def _has_ended(entry: Entry) -> bool:
    return entry.state.finished or entry.state is State.UNKNOWN
