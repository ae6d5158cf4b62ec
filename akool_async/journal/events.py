"""The journal's part in webhooks: which events were taken in, and the ids that they brought."""

from __future__ import annotations

import sqlite3
import time

from akool_async.journal import rows
from akool_async.journal.entry import UNDECIDED, State
from akool_async.protocol.attempt import Attempt
from akool_async.webhook.recent import KEPT


def recall(connection: sqlite3.Connection) -> list[bytes]:
    """Return the digests of the events that were taken in last, oldest first."""
    known = connection.execute("SELECT digest FROM event ORDER BY number DESC LIMIT ?", (KEPT,))
    return [digest for (digest,) in known][::-1]


def remember(connection: sqlite3.Connection, digest: bytes) -> None:
    """Remember an event."""
    connection.execute("INSERT OR IGNORE INTO event (digest) VALUES (?)", (digest,))
    connection.execute(
        "DELETE FROM event WHERE number <= (SELECT max(number) FROM event) - ?", (KEPT,)
    )


def adopt(connection: sqlite3.Connection, attempt: Attempt, id: str) -> bool:
    """Give a create of unknown outcome the id that an event brought; see `JobStore.adopt`."""
    changed = connection.execute(
        f"""
        UPDATE job SET state = ?, id = ?, created_at = CAST(intended_at AS INTEGER), reason = '',
            updated_at = ?
        WHERE number = ? AND attempt = ? AND {rows.in_states(UNDECIDED)}""",  # noqa: S608 - our own words
        (State.CREATED.value, id, time.time(), *attempt),
    )
    return changed.rowcount > 0
