"""The one thread that writes: it commits together whatever waits together.

A commit costs a flush of the disk, whether it holds one row or hundreds. So the writer
takes all that has queued up while it was busy with the last commit, and gives it one.
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
"""Writes in one transaction."""


@dataclass(slots=True, eq=False)
class _Write(Generic[T]):
    """Something to do in a transaction, what became of it, and whom to tell."""

    action: Action[T]
    future: asyncio.Future[T] | concurrent.futures.Future[T]
    watched: bool = True
    """Whether somebody waits, so that a failure need not be logged."""
    value: T | None = None
    error: Exception | None = None
    """Set before the next group begins, so that a later write knows of this one."""

    def run(self, connection: sqlite3.Connection) -> None:
        """Do it; a refusal is its caller's own, trouble with the file is everybody's.

        Raises:
            sqlite3.Error: the transaction cannot go on.
        """
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
        self, action: Action[T], *, watched: bool = False
    ) -> concurrent.futures.Future[T]:
        """Queue a write; its failure is logged unless somebody watches for it."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()  # what is queued is written: no way back
        self._put(_Write(action, future, watched))
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
            self.write_soon(undo_if_done)

    def _run(self) -> None:
        with contextlib.closing(self._database.connection):
            stopping = False
            while not stopping:
                group, stopping = self._take()
                if group:
                    self._commit(group)
                    self._tell(group)
                del group  # an idle writer holds nobody's request

    def _take(self) -> tuple[list[_Write[Any]], bool]:
        """Wait for one write; return it with what else is there, and whether it is the end."""
        group: list[_Write[Any]] = []
        item = self._queue.get()
        while not isinstance(item, _Stop):
            group.append(item)
            if len(group) == LARGEST_GROUP:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _commit(self, group: list[_Write[Any]]) -> None:
        """Do all writes of a group in one transaction; all of them fail if it does."""
        connection = self._database.connection
        with self._database.lock:
            try:
                connection.execute("BEGIN IMMEDIATE")
                for write in group:
                    write.run(connection)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                problem = f"journal {self._shown} {in_words(error)}"
            else:
                return
            _roll_back(connection)
        for write in group:  # an error for each: one raised in many places mixes tracebacks
            write.error = JournalError(problem)

    def _tell(self, group: list[_Write[Any]]) -> None:
        """Tell everybody what became of their writes, each loop with one call."""
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Write[Any]]] = defaultdict(list)
        for write in group:
            if isinstance(write.future, asyncio.Future):
                by_loop[write.future.get_loop()].append(write)
            else:
                write.settle()
        for loop, writes in by_loop.items():
            with contextlib.suppress(RuntimeError):  # a closed loop has nobody left to tell
                loop.call_soon_threadsafe(_settle, writes)
        errors = [write.error for write in group if write.error and not write.watched]
        if errors:
            logger.error(
                "writes to the journal that failed: %d; the first: %s", len(errors), errors[0]
            )


def _settle(writes: list[_Write[Any]]) -> None:
    for write in writes:
        write.settle()


def _roll_back(connection: sqlite3.Connection) -> None:
    # Some failures roll back by themselves, and a second time would be an error.
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
