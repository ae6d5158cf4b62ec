"""How a create gets its row: a key is claimed first, and the intent is written before sending.

Nothing else makes rows, and nothing else puts a row into the states `queued` and `intent`.
A claim writes with several statements; if it breaks off between them, it leaves queued rows,
which cost nothing.
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections.abc import Sequence

from msgspec import structs

from akool_async.errors import JournalError, KeyConflict
from akool_async.journal import rows
from akool_async.journal.entry import Entry, State
from akool_async.journal.job_store import Claim, Intent
from akool_async.journal.writer import Together
from akool_async.protocol.attempt import Attempt


def claim(connection: sqlite3.Connection, intents: Sequence[Intent]) -> list[Claim]:
    """Answer each intent, in order; write a queued row for each key that is new.

    Raises:
        JournalError: an intent has no key.
    """
    keys = [intent.key for intent in intents if intent.key is not None]
    if len(keys) < len(intents):
        raise JournalError("only an intent with a key can be claimed")
    known = rows.find_many(connection, keys)
    # Numbers are given here, not by SQLite, so that one call inserts all rows. No number is
    # taken meanwhile: this transaction is the only one that writes.
    number = rows.last_number(connection)
    added: list[Entry] = []
    refreshed: list[tuple[bytes, float, int]] = []
    claims: list[Claim] = []
    now = time.time()
    for key, intent in zip(keys, intents, strict=True):
        entry = known.get(key)
        if entry is None:
            number += 1
            entry = known[key] = _queued(number, intent, now)
            added.append(entry)
        answer = _answer(entry, intent)
        if answer == entry.number and _is_stale(entry, intent):
            refreshed.append((intent.request, now, entry.number))
        claims.append(answer)
    _add(connection, added)
    connection.executemany("UPDATE job SET request = ?, updated_at = ? WHERE number = ?", refreshed)
    return claims


def intend(connection: sqlite3.Connection, intent: Intent, row: int | None) -> Attempt:
    """Write an intent, in a row that was claimed, or in a new one for a create without a key.

    Raises:
        JournalError: the row is in no state in which its create may be sent, or is of another
            request.
    """
    if row is None:
        return _intend_new(connection, intent)
    if _intend_first(connection, intent, row):
        return Attempt(row, 1)
    known = rows.get(connection, row)
    if known is None:
        raise JournalError(f"the journal has no row {row}")
    if (known.key, known.fingerprint) != (intent.key, intent.fingerprint):
        raise JournalError(f"row {row} belongs to another request")
    if not _may_be_sent(known.state, intent):
        raise JournalError(f"the job of row {row} is {known.state}: not to be sent again")
    return _intend_again(connection, known, intent)


def together(intent: Intent, row: int | None) -> Together | None:
    """Say how an intent is written with others."""
    if row is None:
        return None if intent.key is not None else Together(_intend_new_ones, intent)
    return Together(_intend_first_ones, (intent, row)) if rows.TOGETHER else None


def _intend_new_ones(connection: sqlite3.Connection, intents: Sequence[Intent]) -> list[Attempt]:
    """Write the intents of many creates without a key."""
    number, now = rows.last_number(connection), time.time()
    added = [_queued(number + place, each, now) for place, each in enumerate(intents, 1)]
    _add(connection, [structs.replace(each, state=State.INTENT, attempt=1) for each in added])
    return [Attempt(each.number, 1) for each in added]


def _intend_first_ones(
    connection: sqlite3.Connection, intents: Sequence[tuple[Intent, int]]
) -> list[Attempt] | None:
    """Write the intents of many rows that were claimed and never sent; none if one is no such."""
    now = time.time()
    values = [
        (row, intent.key, intent.fingerprint, intent.request, intent.armed, now)
        for intent, row in intents
    ]
    connection.execute("SAVEPOINT together")
    before = connection.total_changes
    for size, some in rows.padded(values, rows.AT_ONCE):
        connection.execute(_first_ones(size), [each for row in some for each in row])
    done = connection.total_changes - before == len(intents)
    if not done:
        connection.execute("ROLLBACK TO together")
    connection.execute("RELEASE together")
    return [Attempt(row, 1) for _, row in intents] if done else None


@functools.cache
def _first_ones(size: int) -> str:
    return f"""
        WITH one (number, key, fingerprint, request, armed, now)
            AS (VALUES {", ".join(["(?, ?, ?, ?, ?, ?)"] * size)})
        UPDATE job SET state = 'intent', attempt = 1, intended_at = one.now, updated_at = one.now,
            request = one.request, armed = one.armed
        FROM one WHERE job.number = one.number AND job.key = one.key
            AND job.fingerprint = one.fingerprint AND job.state = 'queued' AND job.attempt = 0"""  # noqa: S608 - question marks


def withdraw(connection: sqlite3.Connection, intended: Attempt) -> None:
    """Take back an intent whose caller was cancelled before it learned the row's number."""
    connection.execute(
        """
        UPDATE job SET state = 'refused', reason = 'cancelled before it was sent', updated_at = ?
        WHERE number = ? AND attempt = ? AND state = 'intent'""",
        (time.time(), *intended),
    )


def drop(connection: sqlite3.Connection, row: int, reason: str, owed: int | None = None) -> None:
    """Write down that a queued job is not to be sent; see `FindsJobs.drop_soon`."""
    connection.execute(
        """
        UPDATE job SET state = 'refused', reason = ?, updated_at = ?
        WHERE number = ? AND state = 'queued'""",
        (reason, time.time(), row),
    )
    if owed is not None:
        connection.execute(rows.OWE, (row, owed))


def _answer(entry: Entry, intent: Intent) -> Claim:
    if entry.fingerprint != intent.fingerprint:
        # The key of a recipe's step ends, as its fingerprint does, in the number of the step.
        _, slash, step = intent.fingerprint.partition("/")
        key = (intent.key or "").removesuffix(slash + step)
        return KeyConflict(f"the key {key!r} was used for another request")
    return entry.number if _may_be_sent(entry.state, intent) else entry


def _may_be_sent(state: State, intent: Intent) -> bool:
    """Say whether a row's create may be sent without paying twice for one job."""
    if state is State.FAILED:
        return intent.retry_failed
    return state in {State.QUEUED, State.REFUSED}


def _is_stale(entry: Entry, intent: Intent) -> bool:
    """Say whether a queued row holds an equal request in other words, such as another webhook."""
    return entry.state is State.QUEUED and entry.request != intent.request


def _queued(number: int, intent: Intent, now: float) -> Entry:
    return Entry(
        number=number,
        key=intent.key,
        name=intent.name,
        request=intent.request,
        fingerprint=intent.fingerprint,
        state=State.QUEUED,
        attempt=0,  # `intend` counts
        id=None,
        job_id=None,
        created_at=None,
        reason="",
        result=None,
        saved=None,
        intended_at=now,
        updated_at=now,
    )


def _add(connection: sqlite3.Connection, added: Sequence[Entry]) -> None:
    left = list(added)
    while left:
        size = min(1 << (len(left).bit_length() - 1), rows.AT_ONCE)
        some, left = left[:size], left[size:]
        values = [value for entry in some for value in _values_of(entry)]
        connection.execute(_insert(size), values)


@functools.cache
def _insert(size: int) -> str:
    columns = "number, key, name, fingerprint, state, attempt, reason, intended_at, updated_at"
    row = "(?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?)"
    rest = ", ".join([row] * size)
    return f"INSERT INTO job ({columns}, request, armed) VALUES {rest}"  # noqa: S608 - our own words


def _values_of(entry: Entry) -> tuple[object, ...]:
    return (
        entry.number,
        entry.key,
        entry.name,
        entry.fingerprint,
        entry.state.value,
        entry.attempt,
        entry.intended_at,
        entry.updated_at,
        entry.request,
        entry.armed,
    )


def _intend_new(connection: sqlite3.Connection, intent: Intent) -> Attempt:
    if intent.key is not None:
        raise JournalError("an intent with a key has to be claimed first")
    now = time.time()
    inserted = connection.execute(
        _insert(1),
        (
            None,
            None,
            intent.name,
            intent.fingerprint,
            "intent",
            1,
            now,
            now,
            intent.request,
            intent.armed,
        ),
    )
    assert inserted.lastrowid is not None
    return Attempt(inserted.lastrowid, 1)


def _intend_first(connection: sqlite3.Connection, intent: Intent, row: int) -> bool:
    """Write the intent of a row that was claimed and never sent; say whether it is one.

    Nearly all rows with a key are such. So they are not read before.
    """
    now = time.time()
    changed = connection.execute(
        """
        UPDATE job SET state = 'intent', attempt = 1, intended_at = ?, updated_at = ?, request = ?,
            armed = ?
        WHERE number = ? AND key = ? AND fingerprint = ? AND state = 'queued' AND attempt = 0""",
        (now, now, intent.request, intent.armed, row, intent.key, intent.fingerprint),
    )
    return changed.rowcount > 0


def _intend_again(connection: sqlite3.Connection, known: Entry, intent: Intent) -> Attempt:
    now, attempt = time.time(), known.attempt + 1
    connection.execute(
        """
        UPDATE job SET state = 'intent', attempt = ?, id = NULL, job_id = NULL,
            created_at = NULL, reason = '', result = NULL, saved = NULL, intended_at = ?,
            updated_at = ?, request = ?, armed = ?
        WHERE number = ?""",
        (attempt, now, now, intent.request, intent.armed, known.number),
    )
    return Attempt(known.number, attempt)
