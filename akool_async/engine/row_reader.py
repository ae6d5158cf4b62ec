"""Reads rows of the journal, but for those that this process works on."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Container, Sequence
from contextlib import aclosing
from typing import Any

from akool_async.engine.record import JobRecord, JournalRow
from akool_async.journal import Entry, FindsJobs, JobStore, ReadsRows, State, TellsSaved


def row_of(record: JobRecord[Any]) -> JournalRow:
    """Return what the journal holds of a record; made at the first use."""
    if record.journal_row is None:
        record.journal_row = JournalRow()
    return record.journal_row


class RowReader:
    """The rows of a store, and which of them this process works on.

    Args:
        store: The journal.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._working: weakref.WeakValueDictionary[int, JobRecord[Any]] = (
            weakref.WeakValueDictionary()
        )
        """By the numbers of their rows, the jobs that this process works on."""
        self._arriving: Counter[tuple[str | None, str]] = Counter()
        """Keys and fingerprints of intents that are on their way to the disk."""
        self._changed: dict[object, set[int]] = {}
        """For each reader of rows, the rows that this process has changed since it began."""
        self.backlogs: weakref.WeakSet[Container[int]] = weakref.WeakSet()
        """Rows of results that wait to be saved, and that no job in memory stands for."""

    def work_on(self, record: JobRecord[Any], number: int) -> None:
        """Take note that this process works on a row."""
        row = row_of(record)
        row.number = number
        row.report_written()
        self._working[number] = record

    def working_on(self, number: int) -> JobRecord[Any] | None:
        """Return the job of this process that a row is about."""
        return self._working.get(number)

    def is_live(self, entry: Entry) -> bool:
        """Say whether this process works on a row."""
        # An intent may be on disk before its record has learned the row's number.
        arriving = self._arriving[entry.key, entry.fingerprint] > 0
        return self._is_working_on(entry.number) or (entry.state is State.INTENT and arriving)

    def _is_working_on(self, number: int) -> bool:
        """Say whether a job of this process may still change a row."""
        if any(number in backlog for backlog in tuple(self.backlogs)):
            return True
        record = self._working.get(number)
        if record is None or record.journal_row is None:
            return False
        # What became of an unknown create is decided by others: by a person, or by a webhook.
        return not (record.ended and record.journal_row.state is State.UNKNOWN)

    @property
    def reads_rows(self) -> bool:
        """Whether rows can be read back by their numbers."""
        store: object = self._store
        return isinstance(store, ReadsRows)

    async def rows(self, numbers: Sequence[int]) -> Sequence[Entry]:
        """Return rows by their numbers, with all that was noted; those that are gone are left out.

        Raises:
            JournalError: the journal is closed, or cannot be used.
        """
        store: object = self._store
        return await store.rows(numbers) if numbers and isinstance(store, ReadsRows) else ()

    async def key_of_file(self, path: str) -> str | None:
        """Return the key of the job whose result was saved in a file, if the store tells that.

        Raises:
            JournalError: the journal is closed, or cannot be used.
        """
        store: object = self._store
        return await store.key_of_file(path) if isinstance(store, ReadsRows) else None

    async def unfinished(self) -> AsyncIterator[Entry]:
        """Yield the rows that no process has brought to an end, and none works on."""
        async with aclosing(self._not_live(self._store.unfinished())) as entries:
            async for entry in entries:
                yield entry

    async def queued(self) -> AsyncIterator[Entry]:
        """Yield the rows that were submitted and not sent, if the store tells that."""
        store: object = self._store
        if isinstance(store, FindsJobs):
            async with aclosing(self._not_live(store.queued())) as entries:
                async for entry in entries:
                    yield entry

    async def unsaved(self) -> AsyncIterator[Entry]:
        """Yield the rows whose results are complete, and whose media was saved nowhere."""
        async with aclosing(self._not_live(self._store.unsaved())) as entries:
            async for entry in entries:
                if entry.result is not None:
                    yield entry

    async def saved(self) -> AsyncIterator[Entry]:
        """Yield the rows whose media was saved, if the store tells that."""
        store: object = self._store
        if isinstance(store, TellsSaved):
            async with aclosing(self._not_live(store.saved())) as entries:
                async for entry in entries:
                    yield entry

    async def _not_live(self, entries: AsyncIterator[Entry]) -> AsyncGenerator[Entry, None]:
        """Yield the rows that no job of this process works on, or has changed meanwhile.

        The store reads ahead: when a row is yielded, its job may have ended, and be gone.
        """
        reader, changed = object(), set[int]()
        self._changed[reader] = changed
        try:
            async for entry in entries:
                if entry.number not in changed and not self.is_live(entry):
                    yield entry
        finally:
            del self._changed[reader]
