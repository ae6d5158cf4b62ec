"""Connections to the journal's file, opened and checked, and SQLite's errors in our words."""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Final, NamedTuple

from akool_async.errors import JournalError
from akool_async.journal import schema

IN_MEMORY: Final = ":memory:"

_BUSY_TIMEOUT = 10.0
"""Seconds to wait for a program that reads or copies the file from outside."""

_PROBLEMS = {
    sqlite3.SQLITE_BUSY: "is locked by another program",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a copy, or move it away",
    sqlite3.SQLITE_FULL: "has no room left on its disk",
    sqlite3.SQLITE_IOERR: "meets errors on its disk",
    sqlite3.SQLITE_NOTADB: "is not a journal, nor any database",
    sqlite3.SQLITE_PERM: "may not be opened",
    sqlite3.SQLITE_READONLY: "may not be written",
}


class Database(NamedTuple):
    """A connection, and the right to use it: one thread at a time."""

    connection: sqlite3.Connection
    lock: threading.Lock
    path: str
    file: tuple[int, int] | None
    """What tells the file that was opened from another of its name; `None` in memory."""

    @classmethod
    def of(cls, connection: sqlite3.Connection, path: str) -> Database:
        """Return the database that was opened under a path just now."""
        return cls(connection, threading.Lock(), path, _file_at(path))

    def in_place(self) -> bool:
        """Say whether the file is still where it was: one that was deleted records nothing."""
        return _file_at(self.path) == self.file


def in_words(error: BaseException) -> str:
    """Say what went wrong, as the end of a sentence that begins with the journal's path."""
    if isinstance(error, OSError):
        return f"cannot be opened ({error.strerror or error})"
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return f"cannot be used ({error})"
    problem = _PROBLEMS.get(code & 0xFF)  # the rest of the code says where it was met
    return f"{problem} ({error})" if problem else f"cannot be used ({error})"


def open_writer(path: str, *, shown: str) -> Database:
    """Make the file if need be, check it, bring it up to date, and connect to it.

    Raises:
        JournalError: it cannot be used; the message says why.
    """
    connection: sqlite3.Connection | None = None
    problem: str | None
    try:
        _make(path)
        connection = _connect(path)
        problem = schema.problem_with(connection) or _set_up(connection)
    except (sqlite3.Error, OSError, ValueError) as error:
        problem = in_words(error)
    if problem is None and connection is not None:
        return Database.of(connection, path)
    if connection is not None:
        connection.close()
    raise JournalError(f"journal {shown} {problem}")


def open_reader(path: str, writer: Database, *, shown: str) -> Database:
    """Connect to a file that is open already, for reading alone.

    A database in memory has but one connection, so there the writer's is shared.
    """
    if path == IN_MEMORY:
        return writer
    try:
        connection = _connect(path)
        connection.execute("PRAGMA query_only = ON")
        return Database.of(connection, path)
    except sqlite3.Error as error:
        problem = in_words(error)
    raise JournalError(f"journal {shown} {problem}")


def _file_at(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked for with each commit
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make(path: str) -> None:
    """Make the file so that others cannot read it; SQLite gives its side files the same mode."""
    if path != IN_MEMORY:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )


def _set_up(connection: sqlite3.Connection) -> str | None:
    """Make commits last, and the table; return what stands against it."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode not in {"wal", "memory"}:
        return "is on a file system that cannot hold it"
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves data in the drive
    schema.migrate(connection)
    return None
