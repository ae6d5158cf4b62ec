"""The journal's tables, and the migrations of older files.

A new version is one more function at the end of `MIGRATIONS`. A function that was released
is never changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

APPLICATION_ID: Final = 0x414B4F4C
"""The application id in SQLite's file header: the letters AKOL."""

UNFINISHED_ROWS: Final = "state IN ('intent', 'created', 'unknown')"
TROUBLED_ROWS: Final = "state IN ('failed', 'refused', 'expired', 'abandoned', 'unknown')"
"""The conditions of two indexes. SQLite uses one only for a query that has its condition word for
word. They are part of released migrations, and never change."""

Migration: TypeAlias = Callable[[sqlite3.Connection], object]
"""Brings a file from one version to the next, inside a transaction."""


def _version_1(connection: sqlite3.Connection) -> None:
    # The large columns come last: SQLite then reads the others from a row's first page alone.
    connection.execute("""
        CREATE TABLE job (
            number INTEGER PRIMARY KEY,
            key TEXT UNIQUE,
            name TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            state TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            id TEXT,
            job_id TEXT,
            created_at INTEGER,
            reason TEXT NOT NULL,
            saved TEXT,
            intended_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            request BLOB NOT NULL,
            result BLOB
        )""")
    connection.execute(f"CREATE INDEX unfinished ON job (number) WHERE {UNFINISHED_ROWS}")


def _version_2(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE memory (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
    )


def _version_3(_connection: sqlite3.Connection) -> None:
    """Change no table: the version keeps out packages that do not know the state `queued`."""


def _version_4(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE event (number INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE)"
    )
    connection.execute("CREATE TABLE outbox (job INTEGER PRIMARY KEY, end INTEGER NOT NULL)")
    connection.execute("ALTER TABLE job ADD COLUMN armed INTEGER NOT NULL DEFAULT 0")


def _version_5(connection: sqlite3.Connection) -> None:
    # What `outcome_lines.py` keeps: for each row of a run that has ended, its line of
    # `results.jsonl` or `errors.jsonl`. The large column comes last, as in `job`.
    connection.execute("""
        CREATE TABLE outcome (
            job INTEGER PRIMARY KEY,
            status TEXT NOT NULL,
            changed INTEGER NOT NULL,
            behind INTEGER NOT NULL DEFAULT 0,
            line BLOB NOT NULL
        )""")
    connection.execute("CREATE INDEX outcome_changed ON outcome (changed)")
    connection.execute(
        "CREATE INDEX outcome_trouble ON outcome (changed) WHERE status != 'completed'"
    )
    connection.execute("CREATE INDEX outcome_behind ON outcome (changed) WHERE behind")


def _version_6(connection: sqlite3.Connection) -> None:
    # For those who look for what went wrong; few rows are in these states.
    connection.execute(f"CREATE INDEX trouble ON job (number) WHERE {TROUBLED_ROWS}")


def _version_7(_connection: sqlite3.Connection) -> None:
    """Change no table: the version keeps out packages that do not know the state `closed`."""


MIGRATIONS: Final[Sequence[Migration]] = (
    _version_1,
    _version_2,
    _version_3,
    _version_4,
    _version_5,
    _version_6,
    _version_7,
)


def problem_with(
    connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS
) -> str | None:
    """Return why a database cannot be used as a journal, or `None`; changes nothing."""
    application_id = _pragma(connection, "application_id")
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application_id != APPLICATION_ID and (application_id or objects):
        return "is a database of another program"
    version = _pragma(connection, "user_version")
    if version > len(migrations):
        return f"was written by a newer akool_async (version {version}; known: {len(migrations)})"
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if verdict == "ok" else "is damaged; restore it from a copy, or move it away"


def is_current(connection: sqlite3.Connection) -> bool:
    """Say whether a database has the tables of this version."""
    return _pragma(connection, "user_version") == len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Run the migrations that a database lacks, each in a transaction of its own."""
    for version in range(_pragma(connection, "user_version"), len(migrations)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            migrations[version](connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
