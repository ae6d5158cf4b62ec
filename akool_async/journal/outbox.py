"""The ends of jobs that `on_end` has not been told of yet: one row at most for each job.

An end is written (`rows.OWE`) in the transaction that writes the outcome of its job, and taken out
once the user's function has returned. A process that dies in between leaves it to the next one.
"""

from __future__ import annotations

import sqlite3

from akool_async.journal import rows
from akool_async.journal.entry import Entry


def acknowledge(connection: sqlite3.Connection, job: int, end: int) -> None:
    """Take an end out; a later end of the same job stays."""
    connection.execute("DELETE FROM outbox WHERE job = ? AND end = ?", (job, end))


def owed(connection: sqlite3.Connection, after: int) -> list[tuple[int, Entry]]:
    """Return the next page of ends, in the order in which they came, each with its job's row."""
    ends = connection.execute(
        "SELECT end, job FROM outbox WHERE end > ? ORDER BY end LIMIT ?", (after, rows.PAGE)
    ).fetchall()
    found = [(end, rows.get(connection, job)) for end, job in ends]
    return [(end, entry) for end, entry in found if entry is not None]
