"""How a create gets its row: a key is claimed first, and the intent is written before sending.

Nothing else makes rows, and nothing else puts a row into the states `queued` and `intent`.
A claim writes with several statements; if it breaks off between them, it leaves queued rows,
which cost nothing.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Final

from akool_async.errors import JournalError, KeyConflict
from akool_async.journal import rows
from akool_async.journal.entry import Entry, State
from akool_async.journal.job_store import Claim, Intent
from akool_async.protocol.attempt import Attempt

_INSERT: Final = """
    INSERT INTO job (number, key, name, fingerprint, state, attempt, reason, intended_at,
        updated_at, request, armed)
    VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?)"""


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
    known = rows.get(connection, row)
    if known is None:
        raise JournalError(f"the journal has no row {row}")
    if (known.key, known.fingerprint) != (intent.key, intent.fingerprint):
        raise JournalError(f"row {row} belongs to another request")
    if not _may_be_sent(known.state, intent):
        raise JournalError(f"the job of row {row} is {known.state}: not to be sent again")
    return _intend_again(connection, known, intent)


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
        return KeyConflict(f"the key {intent.key!r} was used for another request")
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
    connection.executemany(
        _INSERT,
        [
            (
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
            for entry in added
        ],
    )


def _intend_new(connection: sqlite3.Connection, intent: Intent) -> Attempt:
    if intent.key is not None:
        raise JournalError("an intent with a key has to be claimed first")
    now = time.time()
    inserted = connection.execute(
        _INSERT,
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
