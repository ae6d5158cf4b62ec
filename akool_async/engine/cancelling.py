"""How a job is cancelled: before it was sent, or at the vendor where the vendor can.

A job may have ended at the vendor while nobody looked at it. The vendor says yes to a cancel all
the same, and the result is there, and paid for. So a look before the question, and one after the
answer, decide whether the job was cancelled. Jobs without media, such as live sessions, have no
result to lose; the vendor may show a closed session as completed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from akool_async.clock import sleep
from akool_async.engine.core import Engine
from akool_async.engine.record import JobRecord
from akool_async.engine.state import FOLLOWING, UNSENT
from akool_async.engine.waiters import Waiter
from akool_async.errors import (
    AkoolError,
    APIError,
    CancelNotSupported,
    ConnectFailed,
    JobCancelled,
    NotFound,
)
from akool_async.protocol.endpoint import Command
from akool_async.protocol.snapshot import Status

logger = logging.getLogger("akool_async")

_BEFORE: Final = (0.0,)
_AFTER: Final = (0.0, 0.5, 1.0)
"""Seconds before each lookup, before and after the vendor is asked to cancel."""


async def cancel(engine: Engine, record: JobRecord[Any]) -> bool:
    """Cancel a job; return whether that is how it ended.

    A terminal status that comes first wins, also where only the vendor knows of it so far.

    Raises:
        CancelNotSupported: the vendor cannot cancel the job; it goes on.
        AkoolError: the vendor refused, or no answer came; the job goes on.
    """
    await settle(engine, record)
    if not record.ended:
        await _cancel_at_vendor(engine, record)
    return record.cancelled


async def settle(engine: Engine, record: JobRecord[Any]) -> None:
    """Drop a job that was not sent; wait for the answer to a create that was."""
    if record.state in UNSENT:
        try:
            await engine.pending.stop(record)
        finally:  # nobody else ends it, if this wait is itself cancelled
            engine.finish(record, record.error(JobCancelled, "cancelled before it was sent"))
    if not record.ended and record.id is None:
        engine.cancelling.add(record)  # the wait may be cancelled, the wish is not
        await record.accepted()


def note_closed(engine: Engine, record: JobRecord[Any], *, finish: bool) -> None:
    """Write down that a session was closed; end its job by that, if it is to `finish`."""
    if finish:
        engine.finish(record, record.error(JobCancelled, "its session was closed"))
        record.mark_retrieved()
    if engine.recorder is not None:
        engine.recorder.note_closed(record)


async def _cancel_at_vendor(engine: Engine, record: JobRecord[Any]) -> None:
    command = _command(record)
    if record.state is FOLLOWING:  # what is looked at, and ends, is the job that it mirrors
        record = engine.watches.of(record.family).records.get(record.id or "", record)
    engine.cancelling.add(record)
    try:
        if await _had_ended(engine, record):
            return
        await engine.exchange.send(command)
    except AkoolError as error:
        if not _may_have_worked(error):
            engine.cancelling.discard(record)  # if it fails later, that is no cancel
        raise
    record.slot = None  # no look in turn now: it would find the cancel itself, as a failure
    try:
        if not await _has_completed(engine, record):
            engine.finish(record, record.error(JobCancelled, "cancelled, as asked"))
    finally:
        if record.slot is None and not record.ended and record.id is not None:
            engine.wake(record.id)


def _may_have_worked(error: AkoolError) -> bool:
    """Say whether the vendor may have cancelled a job, although an error came for an answer."""
    if isinstance(error, APIError):
        return error.attempts > 1  # it may refuse what an earlier attempt has done already
    return not isinstance(error, ConnectFailed)


def _command(record: JobRecord[Any]) -> Command[Any]:
    make = record.family.cancel
    command = make(record.id, record.job_id) if make and record.id else None
    if command is None:
        vendor = record.family.vendor
        raise record.error(CancelNotSupported, f"{vendor} cannot cancel this job; it goes on")
    return command


async def _had_ended(engine: Engine, record: JobRecord[Any]) -> bool:
    """Look before the vendor is asked: a job that has ended, whatever its end, ends as it did."""
    if not _has_media(record):
        return False
    asked_at = engine.clock.time()
    try:
        seen = await _look(engine, record, _BEFORE)
    except AkoolError as error:  # the look afterwards is the one that counts
        logger.debug("%s: no look before a cancel: %s", record.name, type(error).__name__)
        seen = None
    if seen is not None and seen.status.terminal:
        engine.cancelling.discard(record)  # a failure was there before the cancel
        engine.watches.of(record.family).take_in(record, seen, asked_at)
        return True
    return record.ended


async def _has_completed(engine: Engine, record: JobRecord[Any]) -> bool:
    """Look after the vendor said yes: a result that is there is kept; a failure is the cancel."""
    if not _has_media(record):
        return False
    asked_at = engine.clock.time()
    seen = await _look(engine, record, _AFTER)
    if seen is None or seen.status is not Status.COMPLETED:
        return False
    engine.watches.of(record.family).take_in(record, seen, asked_at)
    return True


async def _look(engine: Engine, record: JobRecord[Any], pauses: Sequence[float]) -> Any:
    """Ask for an accepted job; return its snapshot, or `None` if the vendor shows none.

    The job does not end by it: `Watch.take_in` is for that. `pauses` are the seconds before each
    lookup; a list may lack a job now and then, so that one lookup may not be enough.
    """
    for pause in pauses:
        if pause:
            await sleep(engine.clock, pause)
        if record.ended or record.id is None:
            break
        try:
            reply = await engine.exchange.send(record.family.lookup([record.id]))
        except NotFound:
            continue
        for snapshot in record.family.observed(reply):
            if snapshot.id in {record.id, ""}:
                return snapshot
    return None


def _has_media(record: JobRecord[Any]) -> bool:
    return record.family.media is not None


async def abandon(engine: Engine, waiter: Waiter) -> None:
    """Drop the unsent jobs that a waiter waited for; nobody asks for the others any more."""
    for record in list(engine.records()):
        if not record.stop_waiting(waiter):
            continue
        if record.state in UNSENT:
            await cancel(engine, record)
            record.mark_retrieved()
        record.awaited = False
