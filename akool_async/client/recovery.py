"""What an earlier process left in the journal, as jobs of this one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any

from akool_async.client.restoring import request_of, result_of
from akool_async.engine import NO_OPTIONS, JobOptions
from akool_async.job import Job
from akool_async.protocol.endpoint import Operation

if TYPE_CHECKING:
    from akool_async.client.runtime import Runtime
    from akool_async.client.shared import Records
    from akool_async.engine import JobRecord
    from akool_async.journal import Entry

logger = logging.getLogger("akool_async")


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
