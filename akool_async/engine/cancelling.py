"""How a job is cancelled: before it was sent, or at the vendor where the vendor can."""

from __future__ import annotations

from typing import Any

from akool_async.engine.core import Engine
from akool_async.engine.record import JobRecord
from akool_async.engine.state import UNSENT
from akool_async.engine.waiters import Waiter
from akool_async.errors import CancelNotSupported, JobCancelled


async def cancel(engine: Engine, record: JobRecord[Any]) -> bool:
    """Cancel a job; return whether that is how it ended.

    A terminal status that comes first wins.

    Raises:
        CancelNotSupported: the vendor cannot cancel the job; it goes on.
        AkoolError: the vendor refused, or no answer came; the job goes on.
    """
    if record.state in UNSENT:
        try:
            await engine.pending.stop(record)
        finally:  # nobody else ends it, if this wait is itself cancelled
            engine.finish(record, record.error(JobCancelled, "cancelled before it was sent"))
    if not record.ended:
        engine.cancelling.add(record)  # for good: the wait may be cancelled, the wish is not
    await record.accepted()
    if not record.ended:
        await _ask_vendor(engine, record)
    if not record.ended:
        engine.finish(record, record.error(JobCancelled, "cancelled, as asked"))
    return record.cancelled


async def _ask_vendor(engine: Engine, record: JobRecord[Any]) -> None:
    make = record.family.cancel
    command = make(record.id, record.job_id) if make and record.id else None
    if command is None:
        vendor = record.family.vendor
        raise record.error(CancelNotSupported, f"{vendor} cannot cancel this job; it goes on")
    await engine.exchange.send(command)


async def abandon(engine: Engine, waiter: Waiter) -> None:
    """Drop the unsent jobs that a waiter waited for; nobody asks for the others any more."""
    for record in list(engine.records()):
        if not record.stop_waiting(waiter):
            continue
        if record.state in UNSENT:
            await cancel(engine, record)
            record.mark_retrieved()
        record.awaited = False
