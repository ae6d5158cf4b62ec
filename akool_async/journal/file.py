"""An open journal file: who may use it, its two connections, and how it is closed.

Three rules protect the file:

* One process. The lock on `<path>.lock` is taken before SQLite opens the file: SQLite's own
  locks are POSIX record locks, and a process that closes any descriptor of a file loses all
  its record locks on it. A second opener in this process must therefore not get that far.
* One writer. Only the writer's thread changes the file, through a connection of its own.
  Readers share a second connection, one at a time; write-ahead logging lets them read while
  the writer commits.
* No fork. SQLite forbids to use, or even to close, a connection in a forked child. So a child
  keeps the connections untouched for good, and gives up its share of the lock: otherwise the
  lock would outlive a parent that was killed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from typing import TypeVar

from akool_async.errors import JournalError
from akool_async.journal.database import IN_MEMORY, describe, open_reader, open_writer
from akool_async.journal.lock import FileLock
from akool_async.journal.writer import Writer

T = TypeVar("T")


class JournalFile:
    """The file of a journal, from its opening until `close`.

    Args:
        path: The file, made if it is not there; `":memory:"` for none.

    Raises:
        JournalError: the file cannot be used; the message says why.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._pid = os.getpid()
        self._closing = threading.Lock()
        self._closed = False
        shown = repr(path)
        real = _real(path)
        with contextlib.ExitStack() as opened:
            self._lock = None if path == IN_MEMORY else FileLock(real, shown=shown)
            opened.callback(_release, self._lock)
            writing = open_writer(real, shown=shown)
            opened.callback(writing.connection.close)
            self._reader = open_reader(real, writing, shown=shown)
            self._writer = Writer(writing, shown=shown)
            opened.pop_all()
        _open_files.add(self)

    @property
    def writer(self) -> Writer:
        """The thread that changes the file.

        Raises:
            JournalError: the file is closed, or was opened before a fork.
        """
        self._check()
        return self._writer

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Read at once, and block meanwhile.

        Raises:
            JournalError: the file is closed, was opened before a fork, or cannot be read.
        """
        self._check()
        try:
            with self._reader.lock:
                return query(self._reader.connection)
        except sqlite3.Error as error:
            problem = describe(error)
        raise JournalError(f"journal {self.path!r} {problem}")

    def close(self) -> None:
        """Write everything that is queued, end the thread, and free the lock.

        A second call waits for the first. In a forked child it does nothing: the file is its
        parent's.
        """
        if os.getpid() != self._pid:
            return
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._writer.stop()
            if self._reader.connection is not self._writer.connection:  # else the writer does
                with self._reader.lock:
                    self._reader.connection.close()
            _release(self._lock)

    def leave_to_parent(self) -> None:
        """Give up the lock in a forked child, and keep the connections untouched for good."""
        _release(self._lock)
        _inherited.append((self._writer, self._reader))

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise JournalError(
                f"Journal({self.path!r}) was opened before this process was forked; only the"
                " process that opened it may use it"
            )
        if self._closed:
            raise JournalError(f"Journal({self.path!r}) is closed")


def _real(path: str) -> str:
    """Return the file's real name, so that a link to the file is locked too.

    Raises:
        JournalError: it is no name of a file; or it is relative, and the working folder is gone.
    """
    if path == IN_MEMORY:
        return path
    problem = "this is no name of a file"
    if path and "\0" not in path:
        try:
            os.fsencode(path)
            return os.path.realpath(path)
        except UnicodeError:
            pass
        except OSError as error:
            problem = f"its folder cannot be found ({error.strerror or error})"
    raise JournalError(f"journal {path!r}: {problem}")


def _release(lock: FileLock | None) -> None:
    if lock is not None:
        lock.release()


_open_files: weakref.WeakSet[JournalFile] = weakref.WeakSet()
_inherited: list[object] = []


def _after_fork() -> None:
    for file in list(_open_files):
        file.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
