"""The steps of a job's life, by the names under which they are logged, traced and counted."""

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


class Step:
    """One step of a job's life: plain texts, for they are counted a hundred thousand times."""

    PREPARING: Final = "job.preparing"
    """The steps of its recipe are being taken."""
    QUEUED: Final = "job.queued"
    """It waits for a place under the limit; told again if it waits for credit to return."""
    CREATING: Final = "job.creating"
    """Its create request is about to leave."""
    CREATED: Final = "job.created"
    """The vendor has accepted it."""
    RESUMED: Final = "job.resumed"
    """It was accepted earlier, and is watched on."""
    STATUS: Final = "job.status"
    """A look has shown another status than the last one."""
    COMPLETED: Final = "job.completed"
    """It has a result."""
    FAILED: Final = "job.failed"
    """The vendor reports that it failed."""
    TIMED_OUT: Final = "job.timed_out"
    """It was not ended in time; it goes on at the vendor."""
    CANCELLED: Final = "job.cancelled"
    """It was cancelled, as asked."""
    UNKNOWN: Final = "job.unknown"
    """Its create was sent, and nobody knows what became of it."""
    CLOSED: Final = "job.closed"
    """The client was closed before it had ended."""
    REFUSED: Final = "job.refused"
    """Something else ended it: most often a refusal."""
    SAVED: Final = "job.saved"
    """Its result is on disk."""
    UNSAVED: Final = "job.unsaved"
    """Its result could not be saved, and that was given up."""


_STEPS: tuple[tuple[type[Exception], str], ...] = (
    (JobFailed, Step.FAILED),
    (JobTimeout, Step.TIMED_OUT),
    (JobCancelled, Step.CANCELLED),
    (CreateOutcomeUnknown, Step.UNKNOWN),
    (ClientClosed, Step.CLOSED),
)

ENDS = (Step.COMPLETED, *(step for _, step in _STEPS), Step.REFUSED)
"""The steps of which each job takes one, and none after it but those of its saving."""


def step_of(outcome: Snapshot | Exception) -> str:
    """Return the step that an outcome means."""
    if not isinstance(outcome, Exception):
        return Step.COMPLETED
    return next((step for cls, step in _STEPS if isinstance(outcome, cls)), Step.REFUSED)
