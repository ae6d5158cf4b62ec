"""What is read from and written to the journal's table.

Every write checks first and then changes rows with one statement, so that one which is
refused leaves nothing behind in the transaction that it shares with others.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from akool_async.errors import JournalError, KeyConflict
from akool_async.journal.entry import UNFINISHED, Entry, State

PAGE: Final = 256
"""Rows that are read, or looked at for compaction, at a time."""

_COLUMNS = Entry.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM job"  # noqa: S608 - our own names

_SENDABLE = (State.REFUSED, State.FAILED)
_UNDECIDED = (State.INTENT, State.UNKNOWN)


def _in(states: Sequence[State]) -> str:
    return f"state IN ({', '.join(repr(state.value) for state in states)})"


_UNFINISHED = _in(UNFINISHED)  # spelled as in the partial index, or SQLite would not use it
_FINISHED = _in([state for state in State if state.finished])


class Intent(NamedTuple):
    """A create that is about to be sent."""

    name: str
    request: bytes
    fingerprint: str
    key: str | None


class Attempt(NamedTuple):
    """An intent on disk: a row, and which of the attempts recorded there it is."""

    number: int
    attempt: int


class Change(NamedTuple):
    """What is to be noted; `None` leaves a column as it is."""

    state: State
    id: str | None = None
    job_id: str | None = None
    created_at: int | None = None
    reason: str | None = None
    result: bytes | None = None
    saved: str | None = None


def find(connection: sqlite3.Connection, key: str) -> Entry | None:
    """Return the row of a key."""
    return _only(_fetch(connection, "WHERE key = ?", key))


def get(connection: sqlite3.Connection, number: int) -> Entry | None:
    """Return a row by its number."""
    return _only(_fetch(connection, "WHERE number = ?", number))


def unfinished(connection: sqlite3.Connection, after: int) -> list[Entry]:
    """Return the next page of rows of which something is still to come."""
    where = f"WHERE {_UNFINISHED} AND number > ? ORDER BY number LIMIT ?"
    return _fetch(connection, where, after, PAGE)


def page(connection: sqlite3.Connection, after: int, state: State | None) -> list[Entry]:
    """Return the next page of rows, of all states or of one."""
    where = f"WHERE {_in([state])}" if state else "WHERE TRUE"
    return _fetch(connection, f"{where} AND number > ? ORDER BY number LIMIT ?", after, PAGE)


def intend(connection: sqlite3.Connection, intent: Intent) -> Attempt:
    """Write an intent, in a new row or in the one that its key has.

    Raises:
        KeyConflict: the key was used for another request.
        JournalError: the key's row is in no state in which it may be sent again.
    """
    known = None if intent.key is None else find(connection, intent.key)
    if known is None:
        return _insert(connection, intent)
    if known.fingerprint != intent.fingerprint:
        raise KeyConflict(f"the key {intent.key!r} was used for another request")
    if known.state not in _SENDABLE:
        raise JournalError(f"the job of key {intent.key!r} is {known.state}: not to be sent again")
    return _intend_again(connection, known, intent)


def note(connection: sqlite3.Connection, number: int, change: Change) -> None:
    """Write down what became of a row.

    Raises:
        JournalError: there is no such row.
    """
    changed = connection.execute(
        """
        UPDATE job SET state = ?, id = coalesce(?, id), job_id = coalesce(?, job_id),
            created_at = coalesce(?, created_at), reason = coalesce(?, reason),
            result = coalesce(?, result), saved = coalesce(?, saved), updated_at = ?
        WHERE number = ?""",
        (change.state.value, *change[1:], time.time(), number),
    )
    if not changed.rowcount:
        raise JournalError(f"the journal has no row {number}")


def withdraw(connection: sqlite3.Connection, intended: Attempt) -> None:
    """Take back an intent whose caller was cancelled before learning of it."""
    connection.execute(
        """
        UPDATE job SET state = 'refused', reason = 'cancelled before it was sent', updated_at = ?
        WHERE number = ? AND attempt = ? AND state = 'intent'""",
        (time.time(), *intended),
    )


def resolve(connection: sqlite3.Connection, row: str | int, change: Change) -> Entry:
    """Decide what became of a row that nobody knows it of.

    Raises:
        JournalError: there is no such row, or what became of it is known.
    """
    known = find(connection, row) if isinstance(row, str) else get(connection, row)
    if known is None:
        raise JournalError(f"the journal has no row {row!r}")
    if known.state not in _UNDECIDED:
        raise JournalError(f"row {row!r} is {known.state}: there is nothing to resolve")
    if change.state is State.CREATED:
        # Akool's own time is not known; the intent's is at most a request's length earlier.
        change = change._replace(created_at=known.created_at or int(known.intended_at))
    note(connection, known.number, change)
    resolved = get(connection, known.number)
    assert resolved is not None
    return resolved


def compact(connection: sqlite3.Connection, after: int, finished_before: float) -> int:
    """Empty requests and results of old rows in the page after a number; return how many."""
    changed = connection.execute(
        f"""
        UPDATE job SET request = x'', result = NULL
        WHERE number > ? AND number <= ? AND {_FINISHED} AND updated_at < ?
            AND (result IS NOT NULL OR length(request) > 0)""",  # noqa: S608 - our own words
        (after, after + PAGE, finished_before),
    )
    return changed.rowcount


def last_number(connection: sqlite3.Connection) -> int:
    """Return the number of the youngest row; 0 if there is none."""
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM job").fetchone()
    return int(last)


def _insert(connection: sqlite3.Connection, intent: Intent) -> Attempt:
    now = time.time()
    inserted = connection.execute(
        """
        INSERT INTO job (key, name, fingerprint, state, attempt, reason, intended_at,
            updated_at, request)
        VALUES (?, ?, ?, 'intent', 1, '', ?, ?, ?)""",
        (intent.key, intent.name, intent.fingerprint, now, now, intent.request),
    )
    assert inserted.lastrowid is not None
    return Attempt(inserted.lastrowid, 1)


def _intend_again(connection: sqlite3.Connection, known: Entry, intent: Intent) -> Attempt:
    now, attempt = time.time(), known.attempt + 1
    connection.execute(
        """
        UPDATE job SET state = 'intent', attempt = ?, id = NULL, job_id = NULL,
            created_at = NULL, reason = '', result = NULL, saved = NULL, intended_at = ?,
            updated_at = ?, request = ?
        WHERE number = ?""",
        (attempt, now, now, intent.request, known.number),
    )
    return Attempt(known.number, attempt)


def _fetch(connection: sqlite3.Connection, where: str, *values: object) -> list[Entry]:
    rows = connection.execute(f"{_SELECT} {where}", values).fetchall()
    try:
        return [msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), Entry) for row in rows]
    except msgspec.ValidationError as error:
        problem = str(error)
    raise JournalError(f"the journal is damaged: a row holds what it cannot ({problem})")


def _only(entries: list[Entry]) -> Entry | None:
    return entries[0] if entries else None
