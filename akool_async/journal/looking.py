"""Looks into the journal of a program that is running: reads only, and takes no lock of ours."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from akool_async.errors import JournalError
from akool_async.journal import memory, rows, schema
from akool_async.journal.database import describe
from akool_async.journal.entry import Entry
from akool_async.journal.outcome_lines import OutcomeReader

T = TypeVar("T")


class JournalView:
    """A journal that another process may be writing to meanwhile.

    Args:
        path: The journal's file; it must exist.

    Raises:
        JournalError: the file is no journal, cannot be read, or is of a newer version.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._shown = os.fsdecode(path)
        self._lock = threading.Lock()
        connection: sqlite3.Connection | None = None
        problem: str | None
        try:
            connection = _connect(path)
            problem = schema.problem_with(connection)
        except (sqlite3.Error, OSError, ValueError) as error:
            problem = describe(error)
        if connection is not None and problem is None:
            self._connection = connection
            return
        if connection is not None:
            connection.close()
        raise JournalError(f"journal {self._shown!r} {problem}")

    def recall(self, name: str) -> bytes | None:
        """Return what the journal's client keeps under a name.

        Raises:
            JournalError: the file cannot be read.
        """
        return self._read(lambda connection: memory.recall(connection, name))

    def recall_all(self, prefix: str) -> dict[str, bytes]:
        """Return all values whose names begin with a prefix.

        Raises:
            JournalError: the file cannot be read.
        """
        return self._read(lambda connection: memory.recall_all(connection, prefix))

    def row(self, number: int) -> Entry | None:
        """Return a row by its number.

        Raises:
            JournalError: the file cannot be read.
        """
        return self._read(lambda connection: rows.get(connection, number))

    def of_job(self, id: str) -> Entry | None:
        """Return the newest row whose job has an id. It looks at all rows.

        Raises:
            JournalError: the file cannot be read.
        """
        return self._read(lambda connection: rows.of_job(connection, id))

    def fingerprints(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the fingerprints of the requests that some keys belong to, by key.

        Raises:
            JournalError: the file cannot be read.
        """
        return self._read(lambda connection: rows.fingerprints(connection, keys))

    def keys(self, after: int) -> list[tuple[int, str, str]]:
        """Return the next page of rows with a key: number, key and fingerprint.

        Raises:
            JournalError: the file cannot be read.
        """
        return self._read(lambda connection: rows.keys(connection, after))

    @property
    def outcomes(self) -> OutcomeReader:
        """The lines of a run's `results.jsonl`."""
        return OutcomeReader(self._read)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._lock:
                return query(self._connection)
        except sqlite3.Error as error:
            problem = describe(error)
        raise JournalError(f"journal {self._shown!r} {problem}")


def _connect(path: str | os.PathLike[str]) -> sqlite3.Connection:
    # `rw` never makes a file. `ro` cannot read a file that nobody else has open.
    address = Path(os.fsdecode(path)).absolute().as_uri() + "?mode=rw"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only = ON")
    return connection
