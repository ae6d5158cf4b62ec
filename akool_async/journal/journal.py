"""The journal: the job store in one SQLite file, and what else can be done with that file.

The engine uses the `SqliteStore`. The methods here are for users, for the command line, and for
what a client remembers. Those that read do so at once, and block meanwhile, for about as long as
the page cache takes.
"""

from __future__ import annotations

import functools
import os
import weakref
from collections.abc import Iterator, Sequence

from akool_async.errors import InvalidInput, JournalError
from akool_async.journal import events, memory, rows
from akool_async.journal.entry import Entry, State
from akool_async.journal.file import JournalFile
from akool_async.journal.job_store import Change, HearsDecisions
from akool_async.journal.looking import JournalView
from akool_async.journal.outcome_lines import OutcomeLines
from akool_async.journal.paging import pages_now
from akool_async.journal.rows import KnownKey
from akool_async.journal.sqlite_store import SqliteStore
from akool_async.observers import logger


class Journal(SqliteStore):
    """A durable record of every job, in one SQLite file.

    One process at a time uses the file, and one client in that process, on any number of
    event loops and threads. The file belongs on a local disk: network file systems do not
    keep the promises of locks and flushes. It holds requests and results, and no credential;
    only its owner may read it. Beside the file are `-wal` and `-shm` while it is open, and
    `.lock`.

    Opening checks the whole file, and blocks meanwhile.

    Args:
        path: The file, made if it is missing; `":memory:"` for a journal without a file.

    Raises:
        JournalError: the file is no journal, damaged, not writable, of a newer version, or
            in use; or its folder is gone.
        InvalidInput: it is no path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(JournalFile(_text_of(path)))
        self._listeners: weakref.WeakSet[HearsDecisions] = weakref.WeakSet()

    def __repr__(self) -> str:
        return f"Journal({self._file.path!r})"

    @property
    def outcomes(self) -> OutcomeLines:
        """The lines of a run's `results.jsonl`, which belong to the rows of its jobs."""
        return OutcomeLines(self._file)

    @staticmethod
    def reader(path: str | os.PathLike[str]) -> JournalView:
        """Open a journal for reading only, also while a program uses it; see `JournalView`.

        It takes no lock, and slows down nobody who writes. A file of an older version is brought up
        to date first, for which no program may use it.

        Raises:
            JournalError: there is no such file, it is no journal, damaged, or of a newer version;
                or it is of an older one, and in use.
        """
        view = JournalView(_text_of(path))
        if view.current:
            return view
        view.close()
        Journal(path).close_now()
        return JournalView(path)

    def known(self, keys: Sequence[str]) -> dict[str, KnownKey]:
        """Return what is known of many keys, by key; a key without a row is left out.

        It reads neither requests nor results: some microseconds for each key, where some hundred
        are asked for at once. Blocks while it reads, and sees what `find` sees.
        """
        return self._file.read(functools.partial(rows.known, keys=keys))

    def find(self, key: str) -> Entry | None:
        """Return the row of a key; blocks while it reads.

        It sees every write whose coroutine or future has returned.
        """
        return self._file.read(functools.partial(rows.find, key=key))

    def get(self, number: int) -> Entry | None:
        """Return a row by its number; blocks while it reads."""
        return self._file.read(functools.partial(rows.get, number=number))

    def entries(self, *states: State) -> Iterator[Entry]:
        """Yield the rows in some states, or all if no state is given, oldest first.

        Blocks while it reads. Rows may be written meanwhile; each is yielded at most once, as
        it then is.
        """
        return pages_now(self, self._file, functools.partial(rows.page, states=states))

    async def note(self, row: int, change: Change) -> None:
        """Change a row; the change is on disk when this returns.

        A cancelled call still writes.

        Raises:
            JournalError: there is no such row, or nothing can be written.
        """
        await self._file.writer.write(functools.partial(rows.note, number=row, change=change))

    def resolve(
        self,
        key_or_number: str | int,
        *,
        accept: str | None = None,
        job_id: str | None = None,
        resend: bool = False,
        abandon: bool = False,
    ) -> Entry:
        """Decide the outcome of a create whose outcome is unknown; return its row.

        Blocks until the decision is on disk. A job of this process that waits for a webhook about
        the create goes on as decided.

        Args:
            key_or_number: The row.
            accept: The job was created, and this is its id.
            job_id: With `accept`, the id by which the job can be cancelled, if there is one.
            resend: The job was not created: it may be sent again under its key.
            abandon: The job is given up.

        Raises:
            JournalError: not exactly one decision was given, there is no such row, or its
                outcome is known.
        """
        writer = self._file.writer
        change = _decision(accept=accept, job_id=job_id, resend=resend, abandon=abandon)
        action = functools.partial(rows.resolve, row=key_or_number, change=change)
        entry = writer.write_soon(action, awaited=True).result()
        for each in tuple(self._listeners):
            each.decided(entry)
        return entry

    def tell(self, listener: HearsDecisions) -> None:
        """Tell a listener of each row that is resolved, for as long as the listener lives."""
        self._listeners.add(listener)

    async def compact(self, finished_before: float) -> int:
        """Empty the requests and results of old rows; return how many rows changed.

        A row still says that its key was used, for which request, how the job ended, and where
        its result was saved. The file gets no smaller, but new rows take the room.

        Args:
            finished_before: Seconds since 1970; rows that changed later are left alone.
        """
        total = 0
        for after in range(0, self._file.read(rows.last_number), rows.PAGE):
            action = functools.partial(rows.compact, after=after, finished_before=finished_before)
            total += await self._file.writer.write(action)  # others write between two pages
        return total

    def remember(self, name: str, value: bytes) -> None:
        """Queue a value to be kept under a name, in place of the one before; never waits.

        For statistics, which a client can learn again: a value that cannot be kept is logged,
        and raises nothing. Callable from any thread.
        """
        action = functools.partial(memory.remember, name=name, value=value)
        try:
            self._file.writer.write_soon(action)
        except JournalError as error:
            logger.warning("%r cannot be remembered: %s", name, error)

    def recall(self, name: str) -> bytes | None:
        """Return the value that is kept under a name; blocks while it reads.

        It sees what was on disk when the journal was opened, and each later value once it
        has been written.
        """
        return self._file.read(functools.partial(memory.recall, name=name))

    def recall_all(self, prefix: str) -> dict[str, bytes]:
        """Return all values whose names begin with a prefix, in the order of their names."""
        return self._file.read(functools.partial(memory.recall_all, prefix=prefix))

    async def remember_event(self, digest: bytes) -> None:
        """Remember that an event was taken in; it is on disk when this returns.

        Raises:
            JournalError: nothing can be written.
        """
        await self._file.writer.write(functools.partial(events.remember, digest=digest))

    def recall_events(self) -> list[bytes]:
        """Return the digests of the latest events, oldest first; blocks while it reads."""
        return self._file.read(events.recall)


def _text_of(path: str | os.PathLike[str]) -> str:
    try:
        return os.fsdecode(path)
    except TypeError:  # it is no path
        pass
    raise InvalidInput("path", path, "must be a path", owner="Journal")


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
