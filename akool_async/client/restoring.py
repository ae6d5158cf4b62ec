"""What a row of the journal says of a job, turned back into that job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from akool_async.engine import Engine, Flight
from akool_async.errors import (
    AkoolError,
    CreateOutcomeUnknown,
    InvalidInput,
    JobCancelled,
    JobError,
    JobFailed,
    ResultExpired,
)
from akool_async.journal import Entry, State
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.reply import tolerant
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.token import JobReference

_ENDED_AS: dict[State, type[JobError]] = {
    State.FAILED: JobFailed,
    State.EXPIRED: ResultExpired,
    State.ABANDONED: JobCancelled,
}


def restore(entry: Entry, flight: Flight[Any], engine: Engine) -> Flight[Any]:
    """Bring a new flight to where the journal says that the job is; return the one to use.

    A job that Akool has accepted is watched on. One that ended has ended. One whose create
    was sent, and whose answer nobody has seen, ends as `CreateOutcomeUnknown`.
    """
    reference = reference_of(entry)
    if reference is not None and _goes_on(entry):
        return engine.resume(flight, reference)
    if reference is not None:
        flight.known_as(reference, engine.now())
    flight.row_state = entry.state  # of a row that is not worked on, nobody else says it
    outcome = _outcome(entry, flight)
    if isinstance(outcome, Snapshot):
        flight.observe(outcome)
    engine.end(flight, outcome)
    return flight


def reference_of(entry: Entry) -> JobReference | None:
    """Return how a row's job is known to Akool, if it is."""
    if entry.id is None:
        return None
    created = entry.created_at or int(entry.intended_at)
    return JobReference(name=entry.name, id=entry.id, job_id=entry.job_id, created=created)


def _goes_on(entry: Entry) -> bool:
    # A compacted row has lost its result; Akool is asked for it once more.
    return entry.state is State.CREATED or (entry.state is State.COMPLETED and entry.result is None)


def _outcome(entry: Entry, flight: Flight[Any]) -> Snapshot | AkoolError:
    if entry.state is State.COMPLETED and entry.result is not None:
        result: Snapshot = tolerant(flight.family.result, msgspec.json.decode(entry.result))
        return result
    ended = _ENDED_AS.get(entry.state)
    if ended is not None:
        return flight.error(ended, entry.reason or f"the journal says: {entry.state}")
    sent_at = datetime.fromtimestamp(entry.intended_at, UTC)
    reason = entry.reason or "the process ended before the answer was written down"
    return CreateOutcomeUnknown(flight.name, flight.request, sent_at, reason)


def request_of(entry: Entry, operation: type[Operation[Any]]) -> Operation[Any] | None:
    """Build a row's request again; `None` if it was compacted, or breaks a newer rule."""
    try:
        return operation.from_wire(msgspec.json.decode(entry.request, type=dict[str, Any]))
    except (msgspec.MsgspecError, InvalidInput):
        return None
