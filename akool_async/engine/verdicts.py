"""How a watch ends a job for what the vendor does not say: that it is gone, or where its media is.

Pure, but for the warnings in the log: a job in, an error out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from akool_async.engine.lookup_errors import GRACE, TRIES
from akool_async.engine.record import JobRecord
from akool_async.errors import DownloadError, JobError, NotFound, ResultExpired
from akool_async.observers import logger
from akool_async.protocol.snapshot import Snapshot, Status


def address_is_missing(record: JobRecord[Any]) -> DownloadError:
    """Warn that a job ends COMPLETED without the address of its media; return the error."""
    why = "completed, but no answer said where its media is"
    logger.warning("%s: %s; akool.job(%r) asks again", record.name, why, record.token)
    error = DownloadError(f"{record.name}: {why}")
    error.token = record.token
    return error


def goes_on(record: JobRecord[Any], snapshot: Snapshot) -> bool:
    """Say whether a session that somebody holds may go on although its status is COMPLETED (T29).

    Akool shows that status of sessions that have just begun, too. It is believed once a lookup has
    shown that the session was PROCESSING.
    """
    if not record.options.held or snapshot.status is not Status.COMPLETED:
        return False
    return not (record.looked_at and record.status is Status.PROCESSING)


def expired(record: JobRecord[Any], error: Exception, now: float) -> ResultExpired | None:
    """Return the error that says more about a job whose result was deleted by now."""
    return _expired(record, error.message, now) if isinstance(error, NotFound) else None


def gone_for_good(record: JobRecord[Any], absences: int, now: float) -> JobError | None:
    """Return the error of a job that readable answers leave out, and that is too old to be there.

    Args:
        record: The job.
        absences: How many readable answers in a row left it out.
        now: The clock's time.
    """
    if absences < TRIES or record.age_for_grace(now) < GRACE:
        return None
    if not record.created and not record.seen:  # its id was typed, and nobody has seen the job
        shows_none = f"{record.family.vendor} shows no job of this id"
        return record.error(JobError, f"{shows_none}: check the id and the operation")
    return _expired(record, f"{absences} answers in a row leave it out", now)


def _expired(record: JobRecord[Any], reason: str, now: float) -> ResultExpired | None:
    lifetime = getattr(record.family.result, "lifetime", None)
    if lifetime is None or record.age(now) < lifetime.total_seconds():
        return None
    return record.error(ResultExpired, f"it was kept for {lifetime.days} days [{reason}]")


def warn_of_absence(records: Sequence[JobRecord[Any]]) -> None:
    """Warn of jobs that readable answers leave out, and that are young enough to be there."""
    first = records[0]
    which = first.token if len(records) == 1 else f"{len(records)} jobs, such as {first.token}"
    logger.warning(
        "%s: %d answers in a row leave out %s; watched on until the job's time is over",
        first.name,
        TRIES,
        which,
    )
