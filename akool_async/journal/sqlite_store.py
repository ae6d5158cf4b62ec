"""The job store in one SQLite file.

How it works. One thread, the writer, changes the file. Every write is a small function that is
queued; the thread takes all that are queued, runs them in one transaction and flushes it to
the disk once. So a thousand coroutines that wait for their intents share a flush, and no event
loop waits for a disk. The queue is first in, first out: each write sees all that were put
before it. Reading needs no queue: it is done on a second connection, in a thread.

What one row goes through::

    queued -> intent -> created -> completed | failed | expired
                     -> refused     (may be sent again)
                     -> unknown     (a person, or a webhook, decides)

`claims.py` writes the first two states, `rows.py` the others. `paging.py` reads many rows.
"""

from __future__ import annotations

import asyncio
import functools
import weakref
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Future

from akool_async.journal import claims, events, outbox, rows
from akool_async.journal.entry import UNFINISHED, Entry, State
from akool_async.journal.file import JournalFile
from akool_async.journal.job_store import Change, Claim, Intent, JobStore
from akool_async.journal.paging import pages_in_thread
from akool_async.journal.writer import NEW_ROW
from akool_async.protocol.attempt import Attempt


class SqliteStore(JobStore):
    """The journal as the engine uses it; nothing here but `close_now` blocks an event loop.

    Args:
        file: The open file. It is closed when nobody holds the store, or at the program's end.
    """

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        weakref.finalize(self, file.close)

    async def claim(self, intents: Sequence[Intent]) -> Sequence[Claim]:
        """Ask for a row for each of many keys; see `JobStore.claim`.

        Raises:
            JournalError: an intent has no key, or nothing can be written.
        """
        if not intents:
            return []
        return await self._file.writer.write(functools.partial(claims.claim, intents=intents))

    async def intend(self, intent: Intent, row: int | None = None) -> Attempt:
        """Write down that a create is about to be sent; see `JobStore.intend`.

        Raises:
            JournalError: the row may not be sent, or nothing can be written; then nothing may
                be sent.
        """
        return await self._file.writer.write(
            functools.partial(claims.intend, intent=intent, row=row),
            row=NEW_ROW if row is None else row,
            together=claims.together(intent, row),
            undo=claims.withdraw,
        )

    async def adopt(self, attempt: Attempt, id: str) -> bool:
        """Write down that a create was accepted, as a webhook says; see `JobStore.adopt`.

        Raises:
            JournalError: nothing can be written.
        """
        action = functools.partial(events.adopt, attempt=attempt, id=id)
        return await self._file.writer.write(action)

    def note_soon(self, row: int, change: Change) -> Future[None]:
        """Queue a change of a row, without waiting; see `JobStore.note_soon`.

        Raises:
            JournalError: the journal is closed.
        """
        written = self._file.writer.note_soon(row, change, told=True)
        assert written is not None
        return written

    def take_note(self, row: int, change: Change) -> None:
        """Do what `note_soon` does, for callers that do not ask whether it is done.

        Raises:
            JournalError: the journal is closed.
        """
        self._file.writer.note_soon(row, change, told=False)

    def unfinished(self) -> AsyncGenerator[Entry, None]:
        """Yield the rows that a restarted process has to recover, oldest first.

        Rows may be written meanwhile; each is yielded at most once, as it then is.
        """
        return pages_in_thread(self, self._file, functools.partial(rows.page, states=UNFINISHED))

    def unsaved(self) -> AsyncGenerator[Entry, None]:
        """Yield the rows that completed and whose media was saved nowhere, oldest first."""
        return pages_in_thread(self, self._file, rows.unsaved)

    def saved(self) -> AsyncGenerator[Entry, None]:
        """Yield the rows that completed and whose media was saved, oldest first."""
        return pages_in_thread(self, self._file, rows.saved)

    def queued(self) -> AsyncGenerator[Entry, None]:
        """Yield the rows that were submitted and not sent, oldest first."""
        return pages_in_thread(
            self, self._file, functools.partial(rows.page, states=[State.QUEUED])
        )

    async def look_up(self, key: str) -> Entry | None:
        """Return the row of a key, with all that was put before.

        Raises:
            JournalError: the journal is closed, or cannot be used.
        """
        return await self._file.writer.write(functools.partial(rows.find, key=key))

    async def around(self, name: str, since: float, until: float) -> list[Entry]:
        """Return rows of an operation by the time of their creates; see `FindsCreates.around`.

        Raises:
            JournalError: the journal is closed, or cannot be used.
        """
        action = functools.partial(rows.around, name=name, since=since, until=until)
        return await self._file.writer.write(action)

    async def ids_among(self, ids: Sequence[str]) -> set[str]:
        """Return the ids that rows have; see `FindsCreates.ids_among`.

        Raises:
            JournalError: the journal is closed, or cannot be used.
        """
        return await self._file.writer.write(functools.partial(rows.ids_among, ids=ids))

    async def rows(self, numbers: Sequence[int]) -> list[Entry]:
        """Return rows by their numbers; see `ReadsRows.rows`.

        Raises:
            JournalError: the journal is closed, or cannot be used.
        """
        return await self._file.writer.write(functools.partial(rows.get_many, numbers=numbers))

    async def key_of_file(self, path: str) -> str | None:
        """Return the key of a row by its saved file; see `ReadsRows.key_of_file`.

        Raises:
            JournalError: the journal is closed, or cannot be used.
        """
        return await self._file.writer.write(functools.partial(rows.key_of_file, path=path))

    def drop_soon(self, row: int, reason: str, owed: int | None = None) -> Future[None]:
        """Queue that a queued job is not to be sent; see `FindsJobs.drop_soon`.

        Raises:
            JournalError: the journal is closed.
        """
        action = functools.partial(claims.drop, row=row, reason=reason, owed=owed)
        return self._file.writer.write_soon(action, must_succeed=True)

    async def owed(self) -> AsyncGenerator[tuple[int, Entry], None]:
        """Yield the ends that `on_end` was not told of yet, each with its number, oldest first."""
        after = 0
        while ends := await self._file.writer.write(functools.partial(outbox.owed, after=after)):
            for end in ends:
                yield end
            after = ends[-1][0]

    def acknowledge_soon(self, row: int, owed: int) -> Future[None]:
        """Queue that `on_end` was told of an end; see `Outbox.acknowledge_soon`.

        Raises:
            JournalError: the journal is closed.
        """
        action = functools.partial(outbox.acknowledge, job=row, end=owed)
        return self._file.writer.write_soon(action, must_succeed=True)

    async def close(self) -> None:
        """Write everything that is queued, end the thread, and let others use the file."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """Do what `close` does, and block meanwhile.

        A journal that nobody closes is closed when it is collected, or when the interpreter
        ends. In a forked child it does nothing: the journal is its parent's.
        """
        self._file.close()
