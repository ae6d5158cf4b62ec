"""The names under which events of a job are logged, traced and counted."""

from __future__ import annotations

from typing import Final

from akool_async.errors import (
    ClientClosed,
    CreateOutcomeUnknown,
    JobCancelled,
    JobFailed,
    JobTimeout,
)
from akool_async.protocol.snapshot import Snapshot


class EventName:
    """The events in a job's life. Plain texts, because each is counted 100 000 times."""

    PREPARING: Final = "job.preparing"
    """The steps of the job's recipe run."""
    QUEUED: Final = "job.queued"
    """The job waits for a place. Sent again when the job waits for credit, or for a connection."""
    CREATING: Final = "job.creating"
    """The create request is about to leave."""
    UNANSWERED: Final = "job.unanswered"
    """The create was sent, no reply came, and the job waits for a webhook that names it."""
    TOLD: Final = "job.told"
    """A webhook about the job came. The next lookup asks whether it is true."""
    CREATED: Final = "job.created"
    """The vendor accepted the job."""
    RESUMED: Final = "job.resumed"
    """The job was accepted earlier. This client watches it from now on."""
    STATUS: Final = "job.status"
    """A lookup showed a new status."""
    COMPLETED: Final = "job.completed"
    """The job has a result."""
    FAILED: Final = "job.failed"
    """The vendor reports that the job failed."""
    TIMED_OUT: Final = "job.timed_out"
    """The job did not end in time. It goes on at the vendor."""
    CANCELLED: Final = "job.cancelled"
    """The user cancelled the job."""
    UNKNOWN: Final = "job.unknown"
    """The create was sent, and its outcome is not known."""
    CLOSED: Final = "job.closed"
    """The client was closed before the job ended."""
    REFUSED: Final = "job.refused"
    """Another error ended the job, most often a refusal."""
    SAVED: Final = "job.saved"
    """The result is on disk."""
    UNSAVED: Final = "job.unsaved"
    """The client gave up saving the result, or finding out where its media is."""


_BY_ERROR: tuple[tuple[type[Exception], str], ...] = (
    (JobFailed, EventName.FAILED),
    (JobTimeout, EventName.TIMED_OUT),
    (JobCancelled, EventName.CANCELLED),
    (CreateOutcomeUnknown, EventName.UNKNOWN),
    (ClientClosed, EventName.CLOSED),
)

ENDS = (EventName.COMPLETED, *(name for _, name in _BY_ERROR), EventName.REFUSED)
"""The events that end a job. Each job has exactly one; only saving can follow."""


def event_of(outcome: Snapshot | BaseException) -> str:
    """Return the name of the event that an outcome means."""
    if not isinstance(outcome, BaseException):
        return EventName.COMPLETED
    return next((name for cls, name in _BY_ERROR if isinstance(outcome, cls)), EventName.REFUSED)
