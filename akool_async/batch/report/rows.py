"""The rows of a run as a report shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple, TypeAlias

from akool_async.batch.outcomes.endings import decoder, end_of
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.journal import State
from akool_async.journal.run_rows import RunRow, RunRowReader

Place: TypeAlias = Literal["completed", "failed", "in doubt", "in flight", "waiting"]
PLACES: Final[tuple[Place, ...]] = ("completed", "failed", "in doubt", "in flight", "waiting")
"""Where a row may stand, in the order in which they are shown."""

_ENDS: Final[dict[str, Place]] = {"completed": "completed", "in_doubt": "in doubt"}


class ReportRow(NamedTuple):
    """A row of a run."""

    number: int
    """The number of its job's row; negative for a row that became no job."""
    key: str
    operation: str
    sent_as: str
    """The operation of its job: of a recipe, that of its last step."""
    place: Place
    status: str
    """Its status in words: that of its outcome, or else that of its job."""
    outcome: Outcome | None
    """What became of it; `None` while it goes on."""
    begun: float | None
    """When it was sent, in seconds since 1970."""
    ended: float | None
    """When it ended, in seconds since 1970."""
    request: bytes | None
    """JSON of its request under wire names, if that was asked for."""


def rows_of(reader: RunRowReader, *, goes_on: bool, requests: bool = False) -> Iterator[ReportRow]:
    """Yield all rows of a run.

    Args:
        reader: The journal's rows.
        goes_on: Whether a process carries the run out. A create that is just being sent is then
            in flight, and otherwise in doubt.
        requests: Whether their requests are read, too.
    """
    for row in reader.rows(requests=requests):
        outcome = None if row.line is None or _is_sent_again(row) else decoder.decode(row.line)
        if outcome is None:
            place, status = _place_of_open(row, goes_on=goes_on)
            key, operation = row.key or "", row.name or ""
        else:
            end = end_of(outcome.status)
            place, status = _ENDS.get(end, "failed"), str(outcome.status)
            key, operation = outcome.key, outcome.operation
        yield ReportRow(
            row.number,
            key,
            operation,
            row.name or operation,
            place,
            status,
            outcome,
            row.intended_at,
            row.updated_at if outcome is not None else None,
            row.request,
        )


def _is_sent_again(row: RunRow) -> bool:
    """Say whether a row has a line from an attempt before the one that is going on."""
    sent = row.state in {State.QUEUED, State.INTENT, State.CREATED}
    return sent and row.status not in {State.UNKNOWN, row.state}


def _place_of_open(row: RunRow, *, goes_on: bool) -> tuple[Place, str]:
    if row.state == State.QUEUED:
        return "waiting", "not sent"
    if row.state == State.CREATED:
        return "in flight", "at Akool"
    if row.state == State.INTENT and goes_on:
        return "in flight", "being created"
    return "in doubt", "unknown"
