"""What an earlier process left in the journal, as jobs of this one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from akool_async.client.keyed import record_of
from akool_async.client.restoring import is_step, result_of
from akool_async.job import Job
from akool_async.observers import logger
from akool_async.protocol.endpoint import Operation

if TYPE_CHECKING:
    from akool_async.client.runtime import Runtime
    from akool_async.client.saving_place import SavingPlace
    from akool_async.client.shared import Records
    from akool_async.engine import JobRecord
    from akool_async.journal import Entry

_AT_ONCE: Final = 256
"""Files that one turn of a thread looks for."""


async def recover(
    records: Records, runtime: Runtime, operations: Mapping[str, type[Operation[Any]]]
) -> AsyncGenerator[Job[Any], None]:
    """Yield the jobs of unfinished rows; let results be saved that were complete but not saved.

    Jobs that the vendor may have come first: they hold their places before others are sent.
    """
    for rows in (records.recorder.unfinished(), _queued(records, runtime)):
        async for each in _all_restored(rows, runtime, operations):
            yield Job(each, runtime.engine)
    async for entry in records.recorder.unsaved():
        operation = operations.get(entry.name)
        unnamed = operation is not None and result_of(entry, operation.family) is None
        if unnamed or runtime.saver is not None:
            record = _restored(runtime, entry, operations)
            if unnamed and record is not None:  # its result says not where its media is
                yield Job(record, runtime.engine)
        await asyncio.sleep(0)  # there may be many, and others have work to do
    if runtime.saver is not None:
        async for entry in _without_file(records, runtime, operations):
            record = _restored(runtime, entry, operations)
            if record is not None:  # another `recover()` leaves it alone from now on
                records.recorder.work_on(record, entry.number)


async def _all_restored(
    rows: AsyncIterator[Entry], runtime: Runtime, operations: Mapping[str, type[Operation[Any]]]
) -> AsyncGenerator[JobRecord[Any], None]:
    async for entry in rows:
        if runtime.closed:
            raise RuntimeError("the client is closed")
        record = _restored(runtime, entry, operations)
        if record is None:
            logger.warning("the journal's row %d is of no known operation", entry.number)
        else:
            yield record


async def _queued(records: Records, runtime: Runtime) -> AsyncGenerator[Entry, None]:
    """Yield the rows that were submitted and not sent, but for the steps of recipes.

    A step alone is worth nothing: the recipe goes on when its key is submitted again.
    """
    async for entry in records.recorder.queued():
        claimed = runtime.keyed is not None and runtime.keyed.live(entry.key) is not None
        if not is_step(entry) and not claimed:
            yield entry


async def _without_file(
    records: Records, runtime: Runtime, operations: Mapping[str, type[Operation[Any]]]
) -> AsyncGenerator[Entry, None]:
    """Yield the rows whose media was saved, is not there any more, and may still be at the vendor.

    Media that has expired is left out: else a file that was moved away would be missed for ever.
    """
    assert runtime.saver is not None
    place = runtime.saver.place
    now = runtime.engine.clock.now().timestamp()
    living: list[Entry] = []
    async for entry in records.recorder.saved():
        operation = operations.get(entry.name)
        lifetime: timedelta = getattr(
            operation and operation.family.result, "lifetime", timedelta()
        )
        if (entry.created_at or entry.intended_at) + lifetime.total_seconds() > now:
            living.append(entry)
        if len(living) == _AT_ONCE:
            for each in await _gone(living, place):
                yield each
            living.clear()
    for each in await _gone(living, place):
        yield each


async def _gone(entries: list[Entry], place: SavingPlace) -> list[Entry]:
    """Return the rows whose saved files are gone."""

    def look() -> list[Entry]:
        return [entry for entry in entries if entry.saved is not None and place.lacks(entry.saved)]

    return await asyncio.to_thread(look) if entries else []


def _restored(
    runtime: Runtime, entry: Entry, operations: Mapping[str, type[Operation[Any]]]
) -> JobRecord[Any] | None:
    """Return the job of a row; `None` if its operation is not known."""
    operation = operations.get(entry.name)
    if operation is None or runtime.keyed is None:
        return None
    return runtime.keyed.restore(record_of(runtime.engine, entry, operation), entry)
