"""The journal's table: reading rows, and writing down what became of them.

Many writes share one transaction. So each of them checks first and then changes rows with one
statement: a write that is refused leaves nothing behind.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Final

import msgspec

from akool_async.errors import JournalError
from akool_async.journal.entry import UNDECIDED, Entry, State
from akool_async.journal.job_store import Change

PAGE: Final = 256
"""Rows that one statement reads, or compacts."""

_COLUMNS = Entry.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM job"  # noqa: S608 - our own names

OWE: Final = "INSERT OR REPLACE INTO outbox (job, end) VALUES (?, ?)"
"""Writes down that `on_end` has to be told of a job's end, in place of an earlier end of it."""


def in_states(states: Sequence[State]) -> str:
    """Return the condition that a row is in one of some states."""
    return f"state IN ({', '.join(repr(state.value) for state in states)})"


_FINISHED = in_states([state for state in State if state.finished])


def find(connection: sqlite3.Connection, key: str) -> Entry | None:
    """Return the row of a key."""
    return _only(_fetch(connection, "WHERE key = ?", key))


def find_many(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Entry]:
    """Return the rows of many keys, by key; a key without a row is left out."""
    found: dict[str, Entry] = {}
    for start in range(0, len(keys), PAGE):
        some = keys[start : start + PAGE]
        where = f"WHERE key IN ({', '.join('?' * len(some))})"
        found.update((str(entry.key), entry) for entry in _fetch(connection, where, *some))
    return found


def get(connection: sqlite3.Connection, number: int) -> Entry | None:
    """Return a row by its number."""
    return _only(_fetch(connection, "WHERE number = ?", number))


def of_job(connection: sqlite3.Connection, id: str) -> Entry | None:
    """Return the newest row whose job has an id; looks at all rows, as ids have no index."""
    return _only(_fetch(connection, "WHERE id = ? ORDER BY number DESC LIMIT 1", id))


def page(connection: sqlite3.Connection, after: int, states: Sequence[State]) -> list[Entry]:
    """Return the next page of rows, of some states or, if none is named, of all."""
    where = f"WHERE {in_states(states)}" if states else "WHERE TRUE"
    return _fetch(connection, f"{where} AND number > ? ORDER BY number LIMIT ?", after, PAGE)


def unsaved(connection: sqlite3.Connection, after: int) -> list[Entry]:
    """Return the next page of rows whose result is there and whose media was saved nowhere."""
    where = f"WHERE {in_states([State.COMPLETED])} AND saved IS NULL AND result IS NOT NULL"
    return _fetch(connection, f"{where} AND number > ? ORDER BY number LIMIT ?", after, PAGE)


def saved(connection: sqlite3.Connection, after: int) -> list[Entry]:
    """Return the next page of rows whose result is there and whose media was saved."""
    where = f"WHERE {in_states([State.COMPLETED])} AND saved IS NOT NULL AND result IS NOT NULL"
    return _fetch(connection, f"{where} AND number > ? ORDER BY number LIMIT ?", after, PAGE)


def note(connection: sqlite3.Connection, number: int, change: Change) -> None:
    """Change a row; that its outcome is unknown is no news of a row whose outcome is known.

    Raises:
        JournalError: there is no such row.
    """
    # A webhook may write the id down in the moment in which the process gives the create up.
    undecided = f"AND {in_states(UNDECIDED)}" if change.state is State.UNKNOWN else ""
    changed = connection.execute(
        f"""
        UPDATE job SET state = ?, id = coalesce(?, id), job_id = coalesce(?, job_id),
            created_at = coalesce(?, created_at), reason = coalesce(?, reason),
            result = coalesce(?, result), saved = coalesce(?, saved), updated_at = ?
        WHERE number = ? {undecided}""",  # noqa: S608 - our own words
        (change.state.value, *change[1:7], time.time(), number),
    )
    if not changed.rowcount and get(connection, number) is None:
        raise JournalError(f"the journal has no row {number}")
    if change.owed is not None:
        connection.execute(OWE, (number, change.owed))


def resolve(connection: sqlite3.Connection, row: str | int, change: Change) -> Entry:
    """Decide the outcome of a row whose outcome is unknown; return the row.

    Raises:
        JournalError: there is no such row, or its outcome is known.
    """
    known = find(connection, row) if isinstance(row, str) else get(connection, row)
    if known is None:
        raise JournalError(f"the journal has no row {row!r}")
    if known.state not in UNDECIDED:
        raise JournalError(f"row {row!r} is {known.state}: there is nothing to resolve")
    if change.state is State.CREATED:
        # Akool's time is unknown; the intent was written at most one request earlier.
        change = change._replace(created_at=known.created_at or int(known.intended_at))
    note(connection, known.number, change)
    resolved = get(connection, known.number)
    assert resolved is not None
    return resolved


def compact(connection: sqlite3.Connection, after: int, finished_before: float) -> int:
    """Empty requests and results of old rows in one page of numbers; return how many rows."""
    changed = connection.execute(
        f"""
        UPDATE job SET request = x'', result = NULL
        WHERE number > ? AND number <= ? AND {_FINISHED} AND updated_at < ?
            AND (result IS NOT NULL OR length(request) > 0)""",  # noqa: S608 - our own words
        (after, after + PAGE, finished_before),
    )
    return changed.rowcount


def last_number(connection: sqlite3.Connection) -> int:
    """Return the number of the newest row; 0 if there is none."""
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM job").fetchone()
    return int(last)


def _fetch(connection: sqlite3.Connection, where: str, *values: object) -> list[Entry]:
    rows = connection.execute(f"{_SELECT} {where}", values).fetchall()
    try:
        # SQLite has no booleans: `armed` is the last column, and 0 or 1.
        return [
            msgspec.convert(dict(zip(_COLUMNS, (*row, armed != 0), strict=True)), Entry)
            for *row, armed in rows
        ]
    except msgspec.ValidationError as error:
        problem = str(error)
    raise JournalError(f"the journal is damaged: a row holds what it cannot ({problem})")


def _only(entries: list[Entry]) -> Entry | None:
    return entries[0] if entries else None
