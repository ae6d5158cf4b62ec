"""What the outcome of a job means for its row. Pure: an outcome in, a state out."""

from __future__ import annotations

from typing import Final

from akool_async.errors import (
    AkoolError,
    APIError,
    Conflict,
    CreateOutcomeUnknown,
    JobCancelled,
    JobFailed,
    NotFound,
    ProcessingError,
    ResultExpired,
    message_of,
)
from akool_async.journal.entry import State
from akool_async.protocol.snapshot import Snapshot, Status

_NO_PROOF: Final = (ProcessingError, Conflict)
"""Refusals of a create that do not prove that nothing was started, or charged."""


def state_after(outcome: Snapshot | BaseException, *, accepted: bool) -> State:
    """Return the state of a row whose job has ended.

    Args:
        outcome: The terminal snapshot, or the error that ended the job.
        accepted: Whether the vendor had accepted the job. An error then ends the watch, and
            often not the job.
    """
    if not isinstance(outcome, BaseException):
        return State.COMPLETED if outcome.status is Status.COMPLETED else State.FAILED
    if isinstance(outcome, CreateOutcomeUnknown):
        return State.UNKNOWN
    if accepted:
        return _state_of_accepted(outcome)
    if isinstance(outcome, _NO_PROOF) or type(outcome) is APIError:
        return State.FAILED
    return State.REFUSED if isinstance(outcome, AkoolError) else State.INTENT


def _state_of_accepted(outcome: BaseException) -> State:
    if isinstance(outcome, JobFailed | JobCancelled):
        return State.FAILED
    expired = isinstance(outcome, ResultExpired | NotFound)
    return State.EXPIRED if expired else State.CREATED


def reason_of(outcome: Snapshot | BaseException, name: str) -> str:
    """Return why a job ended, in words from which its error can be built again."""
    if isinstance(outcome, Snapshot | CreateOutcomeUnknown):
        return outcome.reason
    return message_of(outcome).removeprefix(f"{name}: ")
