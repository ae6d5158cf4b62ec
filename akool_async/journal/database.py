"""Connections to the journal's file, and SQLite's errors in plain words."""

from __future__ import annotations

import os
import sqlite3
import threading
from typing import Final, NamedTuple

from akool_async.errors import JournalError
from akool_async.journal import schema

IN_MEMORY: Final = ":memory:"

_BUSY_TIMEOUT = 10.0
"""Seconds to wait for another program's lock, such as a backup's."""

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
    """A connection, and the lock that lets one thread at a time use it."""

    connection: sqlite3.Connection
    lock: threading.Lock
    path: str
    file: tuple[int, int] | None
    """The device and inode of the file that was opened; `None` in memory."""

    @classmethod
    def of(cls, connection: sqlite3.Connection, path: str) -> Database:
        """Return the database of a connection that was opened just now."""
        return cls(connection, threading.Lock(), path, _file_at(path))

    def in_place(self) -> bool:
        """Return whether the path still leads to the file that was opened.

        SQLite goes on writing to a file that was deleted or moved, and nobody would find what
        it wrote.
        """
        return _file_at(self.path) == self.file


def describe(error: BaseException) -> str:
    """Return the problem, as the end of a sentence that begins with the journal's path."""
    if isinstance(error, OSError):
        return f"cannot be opened ({error.strerror or error})"
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return f"cannot be used ({error})"
    problem = _PROBLEMS.get(code & 0xFF)  # the upper bits are SQLite's detail of the code
    return f"{problem} ({error})" if problem else f"cannot be used ({error})"


def open_writer(path: str, *, shown: str) -> Database:
    """Make the file if it is missing, check it, migrate it, and connect to it.

    Raises:
        JournalError: the file cannot be used; the message says why.
    """
    connection: sqlite3.Connection | None = None
    problem: str | None
    try:
        _make(path)
        connection = _connect(path)
        problem = schema.problem_with(connection) or _set_up(connection)
    except (sqlite3.Error, OSError, ValueError) as error:
        problem = describe(error)
    if problem is None and connection is not None:
        return Database.of(connection, path)
    if connection is not None:
        connection.close()
    raise JournalError(f"journal {shown} {problem}")


def open_reader(path: str, writer: Database, *, shown: str) -> Database:
    """Connect to a file that is open already, for reading only.

    A database in memory exists in one connection only: then the writer's is shared.
    """
    if path == IN_MEMORY:
        return writer
    try:
        connection = _connect(path)
        connection.execute("PRAGMA query_only = ON")
        return Database.of(connection, path)
    except sqlite3.Error as error:
        problem = describe(error)
    raise JournalError(f"journal {shown} {problem}")


def _file_at(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - called with each commit
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _make(path: str) -> None:
    """Make the file readable by its owner only; SQLite gives its side files the same mode."""
    if path != IN_MEMORY:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )


def _set_up(connection: sqlite3.Connection) -> str | None:
    """Make commits durable, and migrate the tables; return the problem, if there is one."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode not in {"wal", "memory"}:
        return "is on a file system that cannot hold it"
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone leaves data in the drive
    schema.migrate(connection)
    return None
