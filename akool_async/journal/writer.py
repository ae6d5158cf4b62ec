"""The one thread that writes: it commits together whatever waits together.

A commit costs a flush of the disk, whether it holds one row or hundreds. So the writer
takes all that has queued up while it was busy with the last commit, and gives it one.

What nobody waits for is not lost with a commit that fails, as on a full disk: it is written
again, before all that comes later, until it is on disk. Nothing is intended meanwhile that could
not be written after it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import queue
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar, cast

from akool_async.errors import AkoolError, JournalError
from akool_async.journal.database import Database, in_words

logger = logging.getLogger("akool_async")

T = TypeVar("T")

Action: TypeAlias = Callable[[sqlite3.Connection], T]
"""What is done inside a transaction; it checks first, then changes rows with one statement."""

LARGEST_GROUP: Final = 512
"""Writes in one transaction, those not counted that are repeated."""

AGAIN: Final = 1.0
"""Seconds after which what could not be written is tried again, if nothing else is."""


@dataclass(slots=True, eq=False)
class _Write(Generic[T]):
    """Something to do in a transaction, what became of it, and whom to tell."""

    action: Action[T]
    future: asyncio.Future[T] | concurrent.futures.Future[T]
    watched: bool = True
    """Whether somebody waits, so that a failure need not be logged."""
    lasting: bool = False
    """Whether it is repeated until it is on disk."""
    value: T | None = None
    error: Exception | None = None
    """Set before the next group begins, so that a later write knows of this one."""
    repeated: bool = False
    """Whether it failed before, and that is in the log."""

    def run(self, connection: sqlite3.Connection) -> None:
        """Do it; a refusal is its caller's own, trouble with the file is everybody's.

        Raises:
            sqlite3.Error: the transaction cannot go on.
        """
        self.error = None
        try:
            self.value = self.action(connection)
        except AkoolError as error:
            self.error = error.with_traceback(None)  # this thread's frames would stay alive
        except sqlite3.OperationalError:
            raise
        except Exception as error:  # one caller's odd value is not the end of the writer
            if type(error) is sqlite3.DatabaseError:  # the file is damaged
                raise
            self.error = JournalError(f"a value cannot be written ({error})")

    def settle(self) -> None:
        """Tell whoever waits; for an asyncio future, inside its loop."""
        if self.future.done():  # cancelled meanwhile
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(cast("T", self.value))


class _Stop:
    """The end of the queue."""


class Writer:
    """Runs writes in the order in which they were put, from its making until `stop`."""

    def __init__(self, database: Database, *, shown: str) -> None:
        self._database = database
        self._shown = shown
        # Its put() may be entered again, by a finalizer that runs in the middle of it.
        self._queue: queue.SimpleQueue[_Write[Any] | _Stop] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="akool-journal", daemon=True)
        self._thread.start()

    @property
    def connection(self) -> sqlite3.Connection:
        """What it writes through."""
        return self._database.connection

    async def write(
        self,
        action: Action[T],
        *,
        undo: Callable[[sqlite3.Connection, T], object] | None = None,
    ) -> T:
        """Queue a write, and wait until it is on disk.

        Cancelled, it is written all the same, and then undone if there is a way.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        write = _Write(action, future)
        self._put(write)
        try:
            return await future
        except asyncio.CancelledError:
            if undo is not None:
                self._undo(write, undo)
            raise

    def write_soon(
        self, action: Action[T], *, watched: bool = False, lasting: bool = False
    ) -> concurrent.futures.Future[T]:
        """Queue a write; its failure is logged unless somebody watches for it.

        A lasting one is repeated while the file makes trouble, at the latest when the writer
        stops; until then its future waits.
        """
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()  # what is queued is written: no way back
        self._put(_Write(action, future, watched, lasting))
        return future

    def stop(self) -> None:
        """Write all that is queued, refuse what comes later, and end the thread."""
        with self._gate:
            if not self._stopped:
                self._stopped = True
                self._queue.put(_Stop())
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _put(self, write: _Write[Any]) -> None:
        with self._gate:  # nothing may come behind the end of the queue
            if not self._stopped:
                self._queue.put(write)
                return
        raise JournalError(f"journal {self._shown} is closed")

    def _undo(self, write: _Write[T], undo: Callable[[sqlite3.Connection, T], object]) -> None:
        def undo_if_done(connection: sqlite3.Connection) -> None:
            if write.error is None and write.value is not None:
                undo(connection, write.value)

        with contextlib.suppress(JournalError):  # closed meanwhile
            self.write_soon(undo_if_done, lasting=True)

    def _run(self) -> None:
        with contextlib.closing(self._database.connection):
            owed: list[_Write[Any]] = []
            stopping = False
            while not stopping:
                group, stopping = self._take(AGAIN if owed else None)
                group = owed + group
                if not group:
                    continue
                written = self._commit(group)
                owed = [] if written or stopping else [each for each in group if each.lasting]
                self._tell([each for each in group if not (owed and each.lasting)])
                self._put_off(owed)
                del group  # an idle writer holds nobody's request

    def _take(self, patience: float | None) -> tuple[list[_Write[Any]], bool]:
        """Wait for one write; return it with what else is there, and whether it is the end."""
        group: list[_Write[Any]] = []
        with contextlib.suppress(queue.Empty):
            item = self._queue.get(timeout=patience)
            while not isinstance(item, _Stop):
                group.append(item)
                if len(group) == LARGEST_GROUP:
                    return group, False
                item = self._queue.get_nowait()
            return group, True
        return group, False

    def _commit(self, group: list[_Write[Any]]) -> bool:
        """Do all writes of a group in one transaction, or none; say whether that was done."""
        with self._database.lock:
            problem = self._attempt(group)
        if problem is not None:
            for write in group:  # an error for each: one raised in many places mixes tracebacks
                write.error = JournalError(f"journal {self._shown} {problem}")
        return problem is None

    def _attempt(self, group: list[_Write[Any]]) -> str | None:
        """Do all writes of a group; return what stood against it, and then nothing was done."""
        connection = self._database.connection
        if not self._database.in_place():
            return "is no longer in its place: it was moved, or deleted"
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write in group:
                write.run(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            problem = in_words(error)
        else:
            return None
        _roll_back(connection)
        return problem

    def _tell(self, writes: list[_Write[Any]]) -> None:
        """Tell everybody what became of their writes, each loop with one call."""
        _log([write for write in writes if write.error and not write.watched], "that failed")
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Write[Any]]] = defaultdict(list)
        for write in writes:
            if isinstance(write.future, asyncio.Future):
                by_loop[write.future.get_loop()].append(write)
            else:
                write.settle()
        for loop, waiting in by_loop.items():
            with contextlib.suppress(RuntimeError):  # a closed loop has nobody left to tell
                loop.call_soon_threadsafe(_settle, waiting)

    def _put_off(self, owed: list[_Write[Any]]) -> None:
        """Say of what is to be repeated, the first time, that it is."""
        _log([write for write in owed if not write.repeated], "that are not done yet")
        for write in owed:
            write.repeated = True


def _log(failed: list[_Write[Any]], how: str) -> None:
    if failed:
        logger.error(
            "writes to the journal %s: %d; the first: %s", how, len(failed), failed[0].error
        )


def _settle(writes: list[_Write[Any]]) -> None:
    for write in writes:
        write.settle()


def _roll_back(connection: sqlite3.Connection) -> None:
    # Some failures roll back by themselves, and a second time would be an error.
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
