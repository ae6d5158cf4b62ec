"""What an earlier process left in the journal, as jobs of this one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from akool_async.client.restoring import request_of, result_of
from akool_async.engine import NO_OPTIONS, JobOptions
from akool_async.job import Job
from akool_async.observers import logger
from akool_async.protocol.endpoint import Operation

if TYPE_CHECKING:
    from akool_async.client.runtime import Runtime
    from akool_async.client.shared import Records
    from akool_async.engine import JobRecord
    from akool_async.journal import Entry

_AT_ONCE: Final = 256
"""Files that one turn of a thread looks for."""


async def recover(
    records: Records, runtime: Runtime, operations: Mapping[str, type[Operation[Any]]]
) -> AsyncGenerator[Job[Any], None]:
    """Yield the jobs of unfinished rows; let results be saved that were complete but not saved."""
    async for entry in records.recorder.unfinished():
        if runtime.closed:
            raise RuntimeError("the client is closed")
        record = _restored(runtime, entry, operations)
        if record is None:
            logger.warning("the journal's row %d is of no known operation", entry.number)
        else:
            yield Job(record, runtime.engine)
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


async def _without_file(
    records: Records, runtime: Runtime, operations: Mapping[str, type[Operation[Any]]]
) -> AsyncGenerator[Entry, None]:
    """Yield the rows whose media was saved, is not there any more, and may still be at the vendor.

    Media that has expired is left out: else a file that was moved away would be missed for ever.
    """
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
            for each in await _gone(living):
                yield each
            living.clear()
    for each in await _gone(living):
        yield each


async def _gone(entries: list[Entry]) -> list[Entry]:
    """Return the rows whose saved files are gone."""
    from akool_async.client.saving import is_gone

    def look() -> list[Entry]:
        return [entry for entry in entries if entry.saved is not None and is_gone(entry.saved)]

    return await asyncio.to_thread(look) if entries else []


def _restored(
    runtime: Runtime, entry: Entry, operations: Mapping[str, type[Operation[Any]]]
) -> JobRecord[Any] | None:
    """Return the job of a row; `None` if its operation is not known."""
    operation = operations.get(entry.name)
    if operation is None or runtime.keyed is None:
        return None
    request = request_of(entry, operation)
    options = NO_OPTIONS
    if entry.key is not None:
        options = JobOptions(key=entry.key, row_key=entry.key, fingerprint=entry.fingerprint)
    record = runtime.engine.operations.record(operation, entry.name, request, options)
    return runtime.keyed.restore(record, entry)
