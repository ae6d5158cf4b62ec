"""What a row of the journal says about a job. Pure: an entry in, ids and outcomes out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from akool_async.engine import JobRecord
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
from akool_async.protocol.endpoint import Family, Operation
from akool_async.protocol.files import with_paths
from akool_async.protocol.reply import tolerant
from akool_async.protocol.secret_fields import with_withheld
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.token import JobReference

_ENDED_AS: Final[Mapping[State, type[JobError]]] = {
    State.FAILED: JobFailed,
    State.EXPIRED: ResultExpired,
    State.ABANDONED: JobCancelled,
    State.CLOSED: JobCancelled,
    State.REFUSED: JobError,
}


def reference_of(entry: Entry) -> JobReference | None:
    """Return how the vendor knows a row's job, if it does."""
    if entry.id is None:
        return None
    created = entry.created_at or int(entry.intended_at)
    return JobReference(name=entry.name, id=entry.id, job_id=entry.job_id, created=created)


def result_of(entry: Entry, family: Family[Any]) -> Snapshot | None:
    """Return the result in a row, if there is one that says where its media is.

    A compacted row has lost its result. One of before results without an address were watched on
    may hold nothing of use; and one that is damaged, nothing that can be read.
    """
    if entry.state is not State.COMPLETED or entry.result is None:
        return None
    try:
        result = _read(entry.result, family)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if family.lacks_address(result) else result


def _read(document: bytes, family: Family[Any]) -> Snapshot:
    """Decode a result; at once where it is whole, which spares nine tenths of the time."""
    with suppress(msgspec.ValidationError):
        whole: Any = msgspec.json.decode(document, type=family.result)
        return cast("Snapshot", whole)
    result: Snapshot = tolerant(family.result, msgspec.json.decode(document))
    return result


def goes_on(entry: Entry, result: Snapshot | None) -> bool:
    """Say whether a row's job is watched: it has not ended, or its result has to be asked for."""
    return entry.state is State.CREATED or (entry.state is State.COMPLETED and result is None)


def outcome_of(
    entry: Entry, result: Snapshot | None, record: JobRecord[Any]
) -> Snapshot | AkoolError:
    """Return the outcome of a row's job that does not go on."""
    if result is not None:
        return result
    ended = _ENDED_AS.get(entry.state)
    if ended is not None:
        return record.error(ended, entry.reason or f"the journal says: {entry.state}")
    return in_doubt(entry, record.request)


def in_doubt(entry: Entry, request: Operation[Any] | None) -> CreateOutcomeUnknown:
    """Return the error of a row whose create was sent, and whose outcome nobody knows."""
    sent_at = datetime.fromtimestamp(entry.intended_at, UTC)
    reason = entry.reason or "the process ended before the answer was written down"
    error = CreateOutcomeUnknown(entry.name, request, sent_at, reason)
    error.row = entry.number
    return error


def request_of(entry: Entry, operation: type[Operation[Any]]) -> Operation[Any] | None:
    """Build a row's request again; `None` if it was compacted, or breaks a newer rule."""
    try:
        wire = msgspec.json.decode(entry.request, type=dict[str, Any])
        # The journal is the user's own: a file that it names is one that he submitted.
        wire = with_withheld(operation, with_paths(operation, wire, bare=False))
        return operation.from_wire(wire)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidInput):
        return None


def is_step(entry: Entry) -> bool:
    """Say whether a row is of a step of a recipe: its key is the recipe's, and a number."""
    return "/" in entry.fingerprint
