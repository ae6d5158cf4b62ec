"""The journal: rows that are on disk before anything is paid for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import TypeVar

from akool_async.errors import JournalError
from akool_async.journal import memory, rows
from akool_async.journal.database import IN_MEMORY, Database, in_words, open_reader, open_writer
from akool_async.journal.entry import Entry, State
from akool_async.journal.lock import FileLock
from akool_async.journal.rows import Change, Intent
from akool_async.journal.writer import Writer

logger = logging.getLogger("akool_async")

T = TypeVar("T")


class Journal:
    """A file that knows every job: one SQLite database, written by one thread.

    One process at a time uses it, and in it one client, on as many event loops and threads
    as it likes. It belongs on a local disk: locks and flushes of network file systems do
    not keep what they promise. It holds requests and results, and no credential; only its
    owner may read it. Beside the file lie `-wal` and `-shm` while it is open, and `.lock`.

    Opening checks the whole file and blocks while it does.

    Args:
        path: The file, made if it is not there; `":memory:"` for one that nothing outlives.

    Raises:
        JournalError: it is no journal, damaged, not to be written, of a newer version, or
            in use.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fsdecode(path)
        self._pid = os.getpid()
        self._closing = threading.Lock()
        shown = repr(self._path)
        with contextlib.ExitStack() as opened:
            # Before the file is touched: closing it would drop SQLite's locks of a first opener.
            self._lock = _locked(self._path)
            opened.callback(_release, self._lock)
            file = _real(self._path)
            writing = open_writer(file, shown=shown)
            opened.callback(writing.connection.close)
            self._reader = open_reader(file, writing, shown=shown)
            self._writer = Writer(writing, shown=shown)
            opened.pop_all()
        self._shut = weakref.finalize(
            self, _shut, self._pid, self._writer, self._reader, self._lock
        )
        _open_journals.add(self)

    def __repr__(self) -> str:
        return f"Journal({self._path!r})"

    def find(self, key: str) -> Entry | None:
        """Return the row of a key, at once.

        It sees every write whose coroutine or future has returned.
        """
        return self._read(functools.partial(rows.find, key=key))

    def get(self, number: int) -> Entry | None:
        """Return a row by its number, at once."""
        return self._read(functools.partial(rows.get, number=number))

    def unfinished(self) -> Iterator[Entry]:
        """Yield the rows of which something is still to come, oldest first.

        Rows may be written meanwhile; each is yielded at most once, as it then is.
        """
        return self._pages(rows.unfinished)

    def entries(self, state: State | None = None) -> Iterator[Entry]:
        """Yield all rows, or those in one state, oldest first."""
        return self._pages(functools.partial(rows.page, state=state))

    async def intend(
        self, name: str, request: bytes, fingerprint: str, *, key: str | None = None
    ) -> int:
        """Write down that a create is about to be sent; return its row's number.

        It is on disk when this returns. A key that was refused or failed before keeps its
        row, whose next attempt this is. Cancelled, it leaves a row that is refused, or
        none: whoever never learnt the number has sent nothing.

        Args:
            name: The operation's dotted name.
            request: JSON of the request under its wire names, without secrets.
            fingerprint: What tells the request from others; see `fingerprint`.
            key: One key is one create.

        Raises:
            KeyConflict: the key was used for another request.
            JournalError: the key's job may not be sent again, or nothing can be written;
                then nothing may be sent.
        """
        self._check()
        intent = Intent(name, request, fingerprint, key)
        attempt = await self._writer.write(
            functools.partial(rows.intend, intent=intent), undo=rows.withdraw
        )
        return attempt.number

    async def note(
        self,
        number: int,
        state: State,
        *,
        id: str | None = None,
        job_id: str | None = None,
        created_at: int | None = None,
        reason: str | None = None,
        result: bytes | None = None,
        saved: str | None = None,
    ) -> None:
        """Write down what became of a row; it is on disk when this returns.

        `None` leaves a column as it is. Cancelled, it writes all the same.

        Raises:
            JournalError: there is no such row, or nothing can be written.
        """
        self._check()
        change = Change(state, id, job_id, created_at, reason, result, saved)
        await self._writer.write(functools.partial(rows.note, number=number, change=change))

    def note_soon(
        self,
        number: int,
        state: State,
        *,
        id: str | None = None,
        job_id: str | None = None,
        created_at: int | None = None,
        reason: str | None = None,
        result: bytes | None = None,
        saved: str | None = None,
    ) -> concurrent.futures.Future[None]:
        """Queue what became of a row, without waiting; callable from any thread.

        The future ends when it is on disk, and cannot be cancelled. While the file makes
        trouble, such as on a full disk, the note is kept and tried again, at the latest when
        the journal is closed; that is logged, and no intent is written before it. Callbacks of
        the future run in the thread that writes: they must be short, and must not wait for
        this journal.

        Raises:
            JournalError: the journal is closed.
        """
        self._check()
        change = Change(state, id, job_id, created_at, reason, result, saved)
        action = functools.partial(rows.note, number=number, change=change)
        return self._writer.write_soon(action, lasting=True)

    def resolve(
        self,
        key_or_number: str | int,
        *,
        accept: str | None = None,
        job_id: str | None = None,
        resend: bool = False,
        abandon: bool = False,
    ) -> Entry:
        """Decide what became of a create whose outcome nobody knows; return its row.

        Blocks until it is on disk.

        Args:
            key_or_number: Which row.
            accept: It was created, and this is its id.
            job_id: With `accept`, the id by which it can be cancelled, if there is one.
            resend: It was not created: it may be sent again under its key.
            abandon: Nobody looks for it any more.

        Raises:
            JournalError: not exactly one decision was given, there is no such row, or its
                outcome is known.
        """
        self._check()
        change = _decision(accept=accept, job_id=job_id, resend=resend, abandon=abandon)
        action = functools.partial(rows.resolve, row=key_or_number, change=change)
        return self._writer.write_soon(action, watched=True).result()

    async def compact(self, finished_before: float) -> int:
        """Empty the requests and results of old rows; return how many rows changed.

        What remains tells that a key was used, for which request, how it ended, and where
        its result was saved. The file gets no smaller, but new rows take the room.

        Args:
            finished_before: Seconds since 1970; rows that changed later are left alone.
        """
        self._check()
        total = 0
        for after in range(0, self._read(rows.last_number), rows.PAGE):
            action = functools.partial(rows.compact, after=after, finished_before=finished_before)
            total += await self._writer.write(action)  # others write between two pages
        return total

    def remember(self, name: str, value: bytes) -> None:
        """Queue a value to be kept under a name, in place of the one before; never waits.

        It is for what a client has learned and could learn again: that it cannot be kept is
        logged, and raises nothing. Callable from any thread.
        """
        try:
            self._check()
            self._writer.write_soon(functools.partial(memory.remember, name=name, value=value))
        except JournalError as error:
            logger.warning("%r cannot be remembered: %s", name, error)

    def recall(self, name: str) -> bytes | None:
        """Return the value that is kept under a name, at once.

        It sees what was on disk when the journal was opened, and each later value once it
        has been written.
        """
        return self._read(functools.partial(memory.recall, name=name))

    def recall_all(self, prefix: str) -> dict[str, bytes]:
        """Return all values whose names begin with a prefix, in the order of their names."""
        return self._read(functools.partial(memory.recall_all, prefix=prefix))

    async def close(self) -> None:
        """Write everything that is queued, end the thread, and let others use the file."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """Do what `close` does, and block meanwhile.

        A journal that nobody closes is closed when it is collected, or when the interpreter
        ends. In a forked child it does nothing: the journal is its parent's.
        """
        if os.getpid() == self._pid:
            with self._closing:
                self._shut()

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise JournalError(
                f"{self!r} was opened before this process was forked; only the process"
                " that opened it may use it"
            )
        if not self._shut.alive:
            raise JournalError(f"{self!r} is closed")

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        self._check()
        try:
            with self._reader.lock:
                return query(self._reader.connection)
        except sqlite3.Error as error:
            problem = in_words(error)
        raise JournalError(f"journal {self._path!r} {problem}")

    def _pages(self, page: Callable[[sqlite3.Connection, int], list[Entry]]) -> Iterator[Entry]:
        after = 0
        while entries := self._page(page, after):
            yield from entries
            after = entries[-1].number

    def _page(
        self, page: Callable[[sqlite3.Connection, int], list[Entry]], after: int
    ) -> list[Entry]:
        return self._read(lambda connection: page(connection, after))


def _real(path: str) -> str:
    return path if path == IN_MEMORY else os.path.realpath(path)


def _locked(path: str) -> FileLock | None:
    """Lock a file under its real name, so that a link to it is no second one."""
    if path == IN_MEMORY:
        return None
    if not path or "\0" in path:
        raise JournalError(f"journal {path!r}: this is no name of a file")
    return FileLock(_real(path), shown=repr(path))


def _release(lock: FileLock | None) -> None:
    if lock is not None:
        lock.release()


def _shut(pid: int, writer: Writer, reader: Database, lock: FileLock | None) -> None:
    if os.getpid() != pid:
        return
    writer.stop()
    with reader.lock:
        reader.connection.close()
    _release(lock)


def _decision(*, accept: str | None, job_id: str | None, resend: bool, abandon: bool) -> Change:
    if (accept is not None) + resend + abandon != 1 or (job_id is not None and accept is None):
        raise JournalError(
            "give one decision: accept= with an id (and a job_id=), resend=, or abandon="
        )
    if accept == "":
        raise JournalError("accept= needs the id that Akool gave")
    if accept is not None:
        return Change(State.CREATED, accept, job_id)
    return Change(State.REFUSED if resend else State.ABANDONED, reason="decided by hand")


_open_journals: weakref.WeakSet[Journal] = weakref.WeakSet()
_inherited: list[object] = []


def _disown() -> None:
    """Leave the parent's journals to the parent, after a fork."""
    for journal in list(_open_journals):
        # Else the lock would outlive the parent.
        _release(journal._lock)
        # Kept for good: SQLite forbids even to close what was opened before a fork.
        _inherited.append((journal._writer, journal._reader))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown)
