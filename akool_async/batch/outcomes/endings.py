"""What became of a row, from its job that has ended, or from the journal's row of it."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from akool_async.batch.figures.counts import End
from akool_async.batch.live import LiveRow
from akool_async.batch.manifest.rows import BatchRow
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.client.restoring import result_of
from akool_async.errors import APIError, ClientClosed, message_of
from akool_async.journal import Entry, State
from akool_async.journal.outcomes import reason_of, state_after
from akool_async.protocol.endpoint import Family

_ENDS: Final[dict[State, End]] = {State.COMPLETED: "completed", State.UNKNOWN: "in_doubt"}
_ERRORS: Final = {
    State.FAILED: "JobFailed",
    State.EXPIRED: "ResultExpired",
    State.ABANDONED: "JobCancelled",
    State.CLOSED: "JobCancelled",
}

encoder: Final = msgspec.json.Encoder()
decoder: Final = msgspec.json.Decoder(Outcome)


def end_of(status: State) -> End:
    """Return as what a row with a status is counted."""
    return _ENDS.get(status, "failed")


def line_of(outcome: Outcome) -> bytes:
    """Return the line of an outcome, with its end."""
    return encoder.encode(outcome) + b"\n"


def outcome_of(live: LiveRow) -> Outcome | None:
    """Return what became of a row whose job has ended; `None` if it goes on in a later run."""
    job, row = live.job, live.row
    assert job is not None
    error = job.exception()
    if isinstance(error, ClientClosed):
        return None
    now, begun = time.time(), live.accepted_at
    status = State.COMPLETED
    if error is not None:
        # A recipe's error may be that of a step that Akool had accepted: then it has its token.
        accepted = job.id is not None or getattr(error, "token", None) is not None
        status = state_after(error, accepted=accepted)
    return Outcome(
        key=row.key,
        line=row.line,
        operation=row.operation,
        status=State.UNKNOWN if status is State.INTENT else status,
        input=row.input,
        id=job.id,
        url=None if error is not None else _url_of(job.result()),
        queued_seconds=None
        if begun is None or begun < live.submitted_at
        else _rounded(begun - live.submitted_at),
        akool_seconds=None if begun is None else _rounded(now - begun),
        attempts=max(1, live.attempts),
        error=None if error is None else type(error).__name__,
        code=error.code if isinstance(error, APIError) else None,
        msg=None if error is None else reason_of(error, job.name) or message_of(error),
    )


def outcome_in(entry: Entry, row: BatchRow, family: Family[Any]) -> Outcome:
    """Return what the journal says about a row that has ended, and has no line."""
    result = result_of(entry, family)
    took = None if entry.created_at is None else max(0.0, entry.updated_at - entry.created_at)
    return Outcome(
        key=row.key,
        line=row.line,
        operation=row.operation,
        status=entry.state,
        input=row.input,
        id=entry.id,
        url=_url_of(result),
        akool_seconds=None if took is None or entry.saved is not None else _rounded(took),
        attempts=max(1, entry.attempt),
        error=_ERRORS.get(entry.state),
        msg=entry.reason or None,
    )


def refusal_of(line: int, key: str, operation: str, error: str, msg: str) -> Outcome:
    """Return what became of a row that was never sent."""
    return Outcome(
        key=key,
        line=line,
        operation=operation,
        status=State.REFUSED,
        attempts=0,
        error=error,
        msg=msg,
    )


def _url_of(result: object) -> str | None:
    return getattr(result, "url", None) or None


def _rounded(seconds: float) -> float:
    return round(max(0.0, seconds), 3)
