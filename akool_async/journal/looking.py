"""Looks into the journal of a program that is running: reads only, and takes no lock of ours."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from akool_async.errors import JournalError
from akool_async.journal import memory, rows, schema
from akool_async.journal.browsing import JobBrowser
from akool_async.journal.database import describe
from akool_async.journal.entry import Entry, State
from akool_async.journal.outcome_lines import OutcomeReader
from akool_async.journal.paging import pages_now
from akool_async.journal.rows import KnownKey
from akool_async.journal.run_rows import RunRowReader

T = TypeVar("T")


class JournalView:
    """A journal that another process may be writing to meanwhile: it is read, and never changed.

    Each method blocks while it reads, and sees what is on disk at that moment. Any thread may call
    it. A `with` block closes the file at its end.

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def current(self) -> bool:
        """Whether the file has the tables of this version; else some methods may fail.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(schema.is_current)

    def entries(self, *states: State, after: int = 0) -> Iterator[Entry]:
        """Yield the rows in some states, or all if no state is given, oldest first.

        Rows may be written meanwhile; each is yielded at most once, as it then is. Memory holds
        some hundred at a time.

        Args:
            states: The states.
            after: The number of the row to begin behind.

        Raises:
            JournalError: the file cannot be read.
        """
        return pages_now(self, self, partial(rows.page, states=states), after)

    def find(self, key: str) -> Entry | None:
        """Return the row of a key.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(partial(rows.find, key=key))

    def known(self, keys: Sequence[str]) -> dict[str, KnownKey]:
        """Return what is known of many keys, by key; a key without a row is left out.

        It reads neither requests nor results: some microseconds for each key, where some hundred
        are asked for at once.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(partial(rows.known, keys=keys))

    def counts(self) -> dict[State, int]:
        """Return how many rows there are by state. It looks at all rows.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(rows.counts)

    def recall(self, name: str) -> bytes | None:
        """Return what the journal's client keeps under a name.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(lambda connection: memory.recall(connection, name))

    def recall_all(self, prefix: str) -> dict[str, bytes]:
        """Return all values whose names begin with a prefix.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(lambda connection: memory.recall_all(connection, prefix))

    def row(self, number: int) -> Entry | None:
        """Return a row by its number.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(lambda connection: rows.get(connection, number))

    def of_job(self, id: str) -> Entry | None:
        """Return the newest row whose job has an id. It looks at all rows.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(lambda connection: rows.of_job(connection, id))

    def fingerprints(self, keys: Sequence[str]) -> dict[str, str]:
        """Return the fingerprints of the requests that some keys belong to, by key.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(lambda connection: rows.fingerprints(connection, keys))

    def keys(self, after: int) -> list[tuple[int, str, str]]:
        """Return the next page of rows with a key: number, key and fingerprint.

        Raises:
            JournalError: the file cannot be read.
        """
        return self.read(lambda connection: rows.keys(connection, after))

    @property
    def outcomes(self) -> OutcomeReader:
        """The lines of a run's `results.jsonl`."""
        return OutcomeReader(self.read)

    @property
    def jobs(self) -> JobBrowser:
        """Pages of the rows, and counts of them."""
        return JobBrowser(self.read)

    @property
    def run_rows(self) -> RunRowReader:
        """All rows of a run, ended or not."""
        return RunRowReader(self.read)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query at once.

        Raises:
            JournalError: the file cannot be read.
        """
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
