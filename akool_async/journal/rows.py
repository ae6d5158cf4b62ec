"""The journal's table: reading rows, and writing down what became of them.

Many writes share one transaction. So each of them checks first and then changes rows with one
statement: a write that is refused leaves nothing behind.
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, TypeVar

import msgspec

from akool_async.errors import JournalError
from akool_async.journal.entry import UNDECIDED, Entry, State
from akool_async.journal.job_store import Change

T = TypeVar("T")

PAGE: Final = 256
"""Rows that one statement reads, or compacts."""

AT_ONCE: Final = 64
"""Rows that one statement changes; each takes nine of SQLite's 999 parameters."""
TOGETHER = sqlite3.sqlite_version_info >= (3, 33)
"""Whether this SQLite knows `UPDATE ... FROM`."""

_COLUMNS = Entry.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM job"  # noqa: S608 - our own names

OWE: Final = "INSERT OR REPLACE INTO outbox (job, end) VALUES (?, ?)"
"""Writes down that `on_end` has to be told of a job's end, in place of an earlier end of it."""

_STATES: Final = {state.value: state for state in State}


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
    for where, some in _by_keys(keys):
        found.update((str(entry.key), entry) for entry in _fetch(connection, where, *some))
    return found


def _by_keys(keys: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the condition for some hundred keys at a time, and the values in it."""
    for size, some in padded(keys, PAGE):
        yield f"WHERE key IN ({'?, ' * (size - 1)}?)", some


def padded(values: Sequence[T], most: int) -> Iterator[tuple[int, list[T]]]:
    """Yield values in parts, and how many each has: a power of two, filled up with the last value.

    So there are few different statements, and SQLite keeps them compiled.
    """
    for start in range(0, len(values), most):
        some = list(values[start : start + most])
        size = 1 << (len(some) - 1).bit_length()
        yield size, some + some[-1:] * (size - len(some))


def fingerprints(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, str]:
    """Return the fingerprints of many keys, by key; a key without a row is left out."""
    found: dict[str, str] = {}
    for where, some in _by_keys(keys):
        sql = f"SELECT key, fingerprint FROM job {where}"  # noqa: S608 - question marks
        found.update(connection.execute(sql, some))
    return found


def keys(connection: sqlite3.Connection, after: int) -> list[tuple[int, str, str]]:
    """Return the next page of rows with a key: number, key and fingerprint."""
    sql = """
        SELECT number, key, fingerprint FROM job WHERE number > ? AND key IS NOT NULL
        ORDER BY number LIMIT ?"""
    return connection.execute(sql, (after, PAGE)).fetchall()


class KnownKey(NamedTuple):
    """What a journal knows of a key."""

    number: int
    """Its row."""
    fingerprint: str
    """The fingerprint of the request that it belongs to."""
    state: State


def known(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, KnownKey]:
    """Return what is known of many keys, by key; a key without a row is left out."""
    found: dict[str, KnownKey] = {}
    for where, some in _by_keys(keys):
        sql = f"SELECT key, number, fingerprint, state FROM job {where}"  # noqa: S608 - marks
        for key, number, fingerprint, state in connection.execute(sql, some):
            found[key] = KnownKey(number, fingerprint, _STATES[state])
    return found


def counts(connection: sqlite3.Connection) -> dict[State, int]:
    """Return how many rows there are by state."""
    found = connection.execute("SELECT state, count(*) FROM job GROUP BY state")
    return {_STATES[state]: count for state, count in found}


def key_of_file(connection: sqlite3.Connection, path: str) -> str | None:
    """Return the key of the job whose result was saved in a file; looks at all rows."""
    # On a file system that knows no case, a file may be there under the name of another key.
    query = "SELECT key FROM job WHERE saved = ? COLLATE NOCASE"
    found = connection.execute(query, (path,)).fetchone()
    return None if found is None else found[0]


def get_many(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[Entry]:
    """Return rows by their numbers; a number without a row is left out."""
    found: list[Entry] = []
    for size, some in padded(numbers, PAGE):
        found += _fetch(connection, f"WHERE number IN ({'?, ' * (size - 1)}?)", *some)
    return found


def get(connection: sqlite3.Connection, number: int) -> Entry | None:
    """Return a row by its number."""
    return _only(_fetch(connection, "WHERE number = ?", number))


def of_job(connection: sqlite3.Connection, id: str) -> Entry | None:
    """Return the newest row whose job has an id; looks at all rows, as ids have no index."""
    return _only(_fetch(connection, "WHERE id = ? ORDER BY number DESC LIMIT 1", id))


def around(connection: sqlite3.Connection, name: str, since: float, until: float) -> list[Entry]:
    """Return the rows of an operation whose creates were intended in a span of time."""
    where = "WHERE name = ? AND intended_at BETWEEN ? AND ? AND attempt > 0 ORDER BY number"
    return _fetch(connection, where, name, since, until)


def ids_among(connection: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    """Return the ids that rows have; looks at all rows, as ids have no index."""
    found: set[str] = set()
    for size, some in padded(ids, PAGE):
        where = f"WHERE id IN ({'?, ' * (size - 1)}?)"
        found.update(known for (known,) in connection.execute(f"SELECT id FROM job {where}", some))  # noqa: S608 - question marks
    return found


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


_NOTE: Final = """
    UPDATE job SET state = ?, id = coalesce(?, id), job_id = coalesce(?, job_id),
        created_at = coalesce(?, created_at), reason = coalesce(?, reason),
        result = coalesce(?, result), saved = coalesce(?, saved), updated_at = ?
    WHERE number = ?"""
# A webhook may write the id down in the moment in which the process gives the create up.
_NOTE_UNKNOWN: Final = f"{_NOTE} AND {in_states(UNDECIDED)}"


def note(connection: sqlite3.Connection, number: int, change: Change) -> None:
    """Change a row; that its outcome is unknown is no news of a row whose outcome is known.

    Raises:
        JournalError: there is no such row.
    """
    state, *values, owed = change
    sql = _NOTE_UNKNOWN if state is State.UNKNOWN else _NOTE
    changed = connection.execute(sql, (state.value, *values, time.time(), number))
    if not changed.rowcount and get(connection, number) is None:
        raise JournalError(f"the journal has no row {number}")
    if owed is not None:
        connection.execute(OWE, (number, owed))


def may_be_together(change: Change) -> bool:
    """Say whether a change can be written with others."""
    return TOGETHER and change.state is not State.UNKNOWN


def note_many(
    connection: sqlite3.Connection, changes: Sequence[tuple[int, Change]]
) -> list[None] | None:
    """Change many rows, each once; return `None` if `note` has to find out what is wrong.

    Then some may have been changed: a change that is written twice is the same.
    """
    now = time.time()
    values = [(number, change.state.value, *change[1:7], now) for number, change in changes]
    before = (
        connection.total_changes
    )  # `rowcount` counts nothing in statements that begin with WITH
    try:
        for size, some in padded(values, AT_ONCE):
            connection.execute(_note_many(size), [each for row in some for each in row])
    except sqlite3.OperationalError:
        raise
    except Exception as error:  # a value that SQLite does not take
        if type(error) is sqlite3.DatabaseError:  # SQLite raises the base class for damage
            raise
        return None
    done = connection.total_changes - before == len(changes)
    owed = [(number, change.owed) for number, change in changes if change.owed is not None]
    connection.executemany(OWE, owed)
    return [None] * len(changes) if done else None


@functools.cache
def _note_many(size: int) -> str:
    row = f"({', '.join('?' * 9)})"
    return f"""
        WITH note (number, state, id, job_id, created_at, reason, result, saved, updated_at)
            AS (VALUES {", ".join([row] * size)})
        UPDATE job SET state = note.state, id = coalesce(note.id, job.id),
            job_id = coalesce(note.job_id, job.job_id),
            created_at = coalesce(note.created_at, job.created_at),
            reason = coalesce(note.reason, job.reason), result = coalesce(note.result, job.result),
            saved = coalesce(note.saved, job.saved), updated_at = note.updated_at
        FROM note WHERE job.number = note.number"""  # noqa: S608 - question marks


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
