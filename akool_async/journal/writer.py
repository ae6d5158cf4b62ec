"""The thread that writes the journal, and commits waiting writes together.

How it works. Callers put writes into a queue and wait for a future. The thread takes all writes
that have queued up while it was busy (a group), runs them in one transaction, commits, and
sets their futures. A commit flushes the disk, which costs the same for one row and for
hundreds: so the more callers wait, the less each write costs.

Order. The queue is first in, first out, also inside a group. So a write sees every write that
was put before it, whether or not that one is on disk yet. Only writes of different rows may change
places: those of one kind are written with one statement. In each statement the thread gives way to
the event loop, and has to wait for it: a statement for each row costs more than all else.

Failures. A write that refuses by itself (`JournalError`, `KeyConflict`) fails its caller alone;
it has changed nothing, so its group is committed without it. Trouble with the file (a full disk,
another program's lock) fails the group, and nothing of the group is written. What happens then
depends on the write:

* A write somebody waits for, such as an intent, ends with the error. Nothing was sent yet,
  so nothing is lost.
* A write that must succeed, such as the id of a job that was paid for, is kept. It becomes
  the beginning of the next group, every `REPEAT_AFTER` seconds if nothing else is put. A
  group is written whole or not at all: so no intent is committed while such a write is not.

Cancellation. A write that is queued cannot be taken out: the thread may be running it. A
caller that is cancelled while it waits therefore leaves the write in the queue, and may put a
second one behind it that undoes the first, if the first took effect.

Threads. The thread never touches an asyncio future: it hands all results for one event loop to
`call_soon_threadsafe` at once. A `concurrent.futures.Future` is set in the thread itself.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import queue
import sqlite3
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar, cast

from akool_async.clock import steady
from akool_async.errors import AkoolError, JournalError
from akool_async.journal import rows
from akool_async.journal.database import Database, describe
from akool_async.journal.job_store import Change
from akool_async.observers import logger

T = TypeVar("T")

Action: TypeAlias = Callable[[sqlite3.Connection], T]
"""The part of a transaction that one write is: it checks first, then changes rows."""

ANY_ROW: Final = -1
"""A write may read and change all rows: it comes after all that were put before it."""
NEW_ROW: Final = 0
"""A write reads no row, and adds one."""

LARGEST_GROUP: Final = 512
"""New writes in one transaction; those that are repeated come on top."""

REPEAT_AFTER: Final = 1.0
"""Seconds after which failed writes are repeated if no other write comes."""


Many: TypeAlias = Callable[[sqlite3.Connection, list[Any]], Sequence[Any] | None]
"""Does many writes of one kind with few statements; returns their values. Returns `None`, and has
changed nothing that matters, if they have to be done one after the other."""


class Together(NamedTuple):
    """A write as one of many of its kind."""

    many: Many
    item: object
    """What `many` is told of this one."""


@dataclass(slots=True, eq=False)
class _Write(Generic[T]):
    """One write in the queue, and its outcome."""

    action: Action[T]
    future: asyncio.Future[T] | concurrent.futures.Future[T] | None
    """`None` where nobody asks for the outcome."""
    awaited: bool = True
    """Whether somebody waits for the future; if nobody does, a failure is logged."""
    must_succeed: bool = False
    """Whether it is repeated until it is on disk."""
    row: int = ANY_ROW
    """The one row that it reads and changes."""
    together: Together | None = None
    """How it is written with others of its kind, if it can be."""
    value: T | None = None
    error: Exception | None = None
    """Set before the next group begins, so that a later write can ask for it."""
    logged: bool = False
    """Whether the log says already that it is being repeated."""

    def run(self, connection: sqlite3.Connection) -> None:
        """Run the action, and keep its value or the error that is its caller's own.

        Raises:
            sqlite3.Error: the file is in trouble, so the transaction cannot go on.
        """
        self.error = None
        try:
            self.value = self.action(connection)
        except AkoolError as error:
            self.error = error.with_traceback(None)  # a traceback keeps this thread's frames alive
        except sqlite3.OperationalError:
            raise
        except Exception as error:  # a value that SQLite does not take fails its caller alone
            if type(error) is sqlite3.DatabaseError:  # SQLite raises the base class for damage
                raise
            self.error = JournalError(f"a value cannot be written ({error})")

    def settle(self) -> None:
        """Set the future; an asyncio future is set inside its loop."""
        if self.future is None or self.future.done():  # cancelled meanwhile
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(cast("T", self.value))


class _Batches:
    """Writes of different rows that are written with one statement for each kind of write."""

    def __init__(self) -> None:
        self._by_kind: dict[Many, list[tuple[_Write[Any], object]]] = {}
        self._rows: set[int] = set()

    def __contains__(self, row: int) -> bool:
        return row in self._rows

    def add(self, write: _Write[Any], together: Together) -> None:
        """Take a write; no other of its row is here."""
        self._by_kind.setdefault(together.many, []).append((write, together.item))
        if write.row != NEW_ROW:
            self._rows.add(write.row)

    def run(self, connection: sqlite3.Connection) -> None:
        """Write all; where that cannot be done together, one after the other."""
        for many, writes in self._by_kind.items():
            items = [item for _, item in writes]
            values = many(connection, items) if len(items) > 1 else None
            for place, (write, _) in enumerate(writes):
                if values is None:
                    write.run(connection)
                else:
                    write.value, write.error = values[place], None
        self._by_kind.clear()
        self._rows.clear()


def _run(group: list[_Write[Any]], connection: sqlite3.Connection) -> None:
    """Run writes in their order, as far as it matters: those of different rows come together."""
    batches = _Batches()
    for write in group:
        if write.row == ANY_ROW or write.row in batches:
            batches.run(connection)
        if write.together is not None:
            batches.add(write, write.together)
        else:
            write.run(connection)
    batches.run(connection)


class Writer:
    """Runs writes in the order in which they were put, until `stop`.

    Args:
        database: The connection to write through; the thread closes it at its end.
        shown: The journal's path, as error messages show it.
    """

    def __init__(self, database: Database, *, shown: str) -> None:
        self._database = database
        self._shown = shown
        # A SimpleQueue, because its put() is reentrant: the garbage collector may run a finalizer
        # that closes a journal, and so puts the stop, in the middle of a put().
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        """Wakes the thread: one item for a group, however many writes it has."""
        self._waiting: deque[_Write[Any]] = deque()
        self._woken = False
        """Whether the thread has been woken, and has not looked yet."""
        self._put_lock = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="akool-journal", daemon=True)
        self._thread.start()

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection that it writes through."""
        return self._database.connection

    async def write(
        self,
        action: Action[T],
        *,
        row: int = ANY_ROW,
        together: Together | None = None,
        undo: Callable[[sqlite3.Connection, T], object] | None = None,
    ) -> T:
        """Queue a write, and wait until it is on disk.

        A cancelled call does not stop the write; `undo`, if given, is then called with its
        value in a later write.

        Args:
            action: What to do in the transaction.
            row: The one row that it reads and changes; `NEW_ROW` if it adds one, and looks at no
                other.
            together: How it is written with others of its kind, if it can be.
            undo: Takes the write back.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        write = _Write(action, future, row=row, together=together)
        self._put(write)
        try:
            return await future
        except asyncio.CancelledError:
            if undo is not None:
                self._undo(write, undo)
            raise

    def write_soon(
        self, action: Action[T], *, awaited: bool = False, must_succeed: bool = False
    ) -> concurrent.futures.Future[T]:
        """Queue a write without waiting.

        Args:
            action: What to do in the transaction.
            awaited: Whether the caller looks at the future; else a failure is logged.
            must_succeed: Whether to repeat it while the file is in trouble, until the writer
                stops at the latest; its future waits as long.
        """
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()  # a queued write cannot be cancelled
        self._put(_Write(action, future, awaited, must_succeed))
        return future

    def note_soon(
        self, row: int, change: Change, *, told: bool
    ) -> concurrent.futures.Future[None] | None:
        """Queue a change of a row, to be repeated until it is on disk.

        Args:
            row: The number of the row.
            change: Its new values.
            told: Whether the caller looks at a future; each costs as much as the rest of a write.
        """
        future: concurrent.futures.Future[None] | None = None
        if told:
            future = concurrent.futures.Future()
            future.set_running_or_notify_cancel()
        action = functools.partial(rows.note, number=row, change=change)
        many = rows.may_be_together(change)
        together = Together(rows.note_many, (row, change)) if many else None
        self._put(
            _Write(action, future, must_succeed=True, awaited=False, row=row, together=together)
        )
        return future

    def stop(self) -> None:
        """Write all that is queued, refuse later writes, and end the thread."""
        with self._put_lock:
            if not self._stopped:
                self._stopped = True
                self._wakes.put(None)
        if threading.current_thread() is not self._thread:  # a finalizer may run in the thread
            self._thread.join()

    def _put(self, write: _Write[Any]) -> None:
        with self._put_lock:  # no write may stand behind the stop: nobody would run it
            if not self._stopped:
                self._waiting.append(write)
                if not self._woken:
                    self._woken = True
                    self._wakes.put(None)
                return
        raise JournalError(f"journal {self._shown} is closed")

    def _undo(self, write: _Write[T], undo: Callable[[sqlite3.Connection, T], object]) -> None:
        def undo_if_done(connection: sqlite3.Connection) -> None:
            # Asked in the thread, and behind the write: only there is its outcome known.
            if write.error is None and write.value is not None:
                undo(connection, write.value)

        with contextlib.suppress(JournalError):  # closed meanwhile
            self.write_soon(undo_if_done, must_succeed=True)

    def _run(self) -> None:
        with contextlib.closing(self._database.connection):
            unwritten: list[_Write[Any]] = []
            stopping = False
            while not stopping:
                group, stopping = self._next_group(REPEAT_AFTER if unwritten else None)
                group = unwritten + group
                if not group:
                    continue
                committed = self._commit(group)
                unwritten = [] if committed or stopping else [w for w in group if w.must_succeed]
                self._notify([w for w in group if not (unwritten and w.must_succeed)])
                self._log_repeated(unwritten)
                del group  # an idle writer keeps no request alive

    def _next_group(self, timeout: float | None) -> tuple[list[_Write[Any]], bool]:
        """Wait for a write; return it with all that are queued, and whether to stop after it."""
        if not self._waiting:
            with contextlib.suppress(queue.Empty):
                self._wakes.get(timeout=timeout)
        self._woken = False  # from now on a write wakes the thread again
        stopping = self._stopped  # asked before the writes are taken: all are there then
        group: list[_Write[Any]] = []
        while self._waiting and len(group) < LARGEST_GROUP:
            group.append(self._waiting.popleft())
        return group, stopping and not self._waiting

    def _commit(self, group: list[_Write[Any]]) -> bool:
        """Run a group in one transaction; return whether it was committed."""
        with self._database.lock:
            problem = self._attempt(group)
        if problem is not None:
            for write in group:  # one error each: an error raised in many places mixes tracebacks
                write.error = JournalError(f"journal {self._shown} {problem}")
        return problem is None

    def _attempt(self, group: list[_Write[Any]]) -> str | None:
        """Run a group in one transaction; return the problem, and then nothing was written."""
        connection = self._database.connection
        if not self._database.in_place():
            return "is no longer in its place: it was moved, or deleted"
        try:
            connection.execute("BEGIN IMMEDIATE")
            _run(group, connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            problem = describe(error)
        else:
            return None
        _roll_back(connection)
        return problem

    def _notify(self, writes: list[_Write[Any]]) -> None:
        """Set the futures of writes, with one call for each event loop."""
        _log([write for write in writes if write.error and not write.awaited], "that failed")
        by_loop: defaultdict[asyncio.AbstractEventLoop, list[_Write[Any]]] = defaultdict(list)
        for write in writes:
            if isinstance(write.future, asyncio.Future):
                by_loop[write.future.get_loop()].append(write)
            else:
                write.settle()
        for loop, waiting in by_loop.items():
            with contextlib.suppress(RuntimeError):  # in a closed loop nobody waits
                loop.call_soon_threadsafe(steady, _settle, waiting)

    def _log_repeated(self, unwritten: list[_Write[Any]]) -> None:
        """Log each write that is going to be repeated, the first time."""
        _log([write for write in unwritten if not write.logged], "that are not done yet")
        for write in unwritten:
            write.logged = True


def _log(failed: list[_Write[Any]], how: str) -> None:
    if failed:
        logger.error(
            "writes to the journal %s: %d; the first: %s", how, len(failed), failed[0].error
        )


def _settle(writes: list[_Write[Any]]) -> None:
    """Set the futures of one loop, in that loop; those that are set already are left alone."""
    for write in writes:
        write.settle()


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite rolls back by itself after some errors; a second ROLLBACK would be an error.
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
