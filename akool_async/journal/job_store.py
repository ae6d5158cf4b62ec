"""The interface between the engine and a job store, whichever database keeps the rows.

How a keyed create goes through a store::

    claim    the key becomes a row, in the state `queued`: nothing has been sent
    intend   the row becomes `intent`: the create is about to be sent, and paid for
    note     the row becomes `created`, `refused`, `unknown`, and later `completed` and so on

A create without a key begins with `intend`. Every step is on disk before the next begins.
So a process that dies leaves each row in a state that says whether money may be involved:
a `queued` row is free to be sent, an `intent` row is not.

Writes take effect in the order in which they were put: a `claim` or an `intend` that is put
after a `note_soon` sees what it noted. So do `unfinished` and `unsaved`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from akool_async.errors import KeyConflict
from akool_async.journal.entry import Entry, State
from akool_async.protocol.attempt import Attempt
from akool_async.protocol.value import Value


class Intent(Value):
    """A create that a client wants to send."""

    name: str
    """The operation's dotted name."""
    request: bytes
    """JSON of the request under its wire names, without secrets."""
    fingerprint: str
    """The fingerprint of the request; see `fingerprint`."""
    key: str | None = None
    """The caller's name for the job; one key is one create."""
    retry_failed: bool = False
    """Whether a key whose job failed may be sent, and paid for, again."""
    armed: bool = False
    """Whether the create leaves with a webhook address that names its row and attempt."""


class Change(NamedTuple):
    """New values for a row; `None` leaves a column as it is."""

    state: State
    id: str | None = None
    job_id: str | None = None
    created_at: int | None = None
    reason: str | None = None
    result: bytes | None = None
    saved: str | None = None
    owed: int | None = None
    """The number of this end in the outbox, where `on_end` has to be told of it."""


Claim: TypeAlias = int | Entry | KeyConflict
"""The answer to a claimed key: the number of a row that may be sent, the row of an earlier
create, or the error that says that the key belongs to another request."""


class JobStore(Protocol):
    """The durable record of jobs, as the engine uses it."""

    async def claim(self, intents: Sequence[Intent]) -> Sequence[Claim]:
        """Ask for a row for each of many keys; return one answer for each intent, in order.

        A row that is `queued`, `refused`, or `failed` with `retry_failed`, is answered by its
        number: the create may be sent once `intend` has returned. A new key gets a `queued`
        row. A key that an earlier create used is answered by that row. Of two intents with
        one key, the second sees the row of the first.

        All answers are on disk when this returns. Cancelled, it may leave `queued` rows, which
        cost nothing.

        Raises:
            JournalError: an intent has no key, or nothing can be written.
        """
        ...

    async def intend(self, intent: Intent, row: int | None = None) -> Attempt:
        """Write down that a create is about to be sent; return its row and attempt.

        It is on disk when this returns. Cancelled, it leaves a row that is refused, or none:
        a caller that did not learn the number has sent nothing.

        Args:
            intent: What is about to be sent.
            row: The row that `claim` gave for the intent's key; a create without a key gets
                a new row.

        Raises:
            JournalError: the row may not be sent, or nothing can be written; then nothing may
                be sent.
        """
        ...

    async def adopt(self, attempt: Attempt, id: str) -> bool:
        """Write down that a create was accepted, as a webhook says; return whether it was written.

        It is written, and on disk when this returns, if nobody knows the outcome yet: the row is
        `intent` or `unknown`, and this is its latest attempt.

        Raises:
            JournalError: nothing can be written.
        """
        ...

    def note_soon(self, row: int, change: Change) -> Future[None]:
        """Queue a change of a row, without waiting; callable from any thread.

        A change to `unknown` leaves a row alone that is neither `intent` nor `unknown`: a webhook
        may have brought its id just before.

        The future ends when the change is on disk, and cannot be cancelled. While the store
        cannot write, for instance on a full disk, the change is kept and tried again, at the
        latest when the store is closed; that is logged, and no intent is written before it.
        Callbacks of the future run in a thread of the store: they must be short, and must not
        wait for the store.

        Raises:
            JournalError: the store is closed.
        """
        ...

    def unfinished(self) -> AsyncIterator[Entry]:
        """Yield the rows whose create was sent, or may have been, and that did not end.

        Oldest first. Rows may be written meanwhile; each is yielded at most once, as it then
        is. A `queued` row is not among them: nothing was sent.
        """
        ...

    def unsaved(self) -> AsyncIterator[Entry]:
        """Yield the rows that completed and whose media was saved nowhere, oldest first.

        A compacted row is not among them: it has lost its result.
        """
        ...

    async def close(self) -> None:
        """Write everything that is queued, and refuse what comes later."""
        ...


@runtime_checkable
class TakesNotes(Protocol):
    """A store that changes rows also for callers that do not ask whether it is done."""

    def take_note(self, row: int, change: Change) -> object:
        """Do what `JobStore.note_soon` does, without a future, which would cost more than the note.

        Raises:
            JournalError: the store is closed.
        """
        ...


@runtime_checkable
class ReadsRows(Protocol):
    """A store that reads rows by their numbers, and by the files in which results were saved.

    Then results that wait to be saved, behind the next thousand, wait there and not in memory.
    """

    async def key_of_file(self, path: str) -> str | None:
        """Return the key of a row whose result was saved in a file, upper and lower case being one.

        Raises:
            JournalError: the store is closed, or cannot be used.
        """
        ...

    async def rows(self, numbers: Sequence[int]) -> Sequence[Entry]:
        """Return rows, with all that was put before; numbers without a row are left out.

        Raises:
            JournalError: the store is closed, or cannot be used.
        """
        ...


@runtime_checkable
class TellsSaved(Protocol):
    """A store that can tell where media was saved. Then files that are gone are found missing."""

    def saved(self) -> AsyncIterator[Entry]:
        """Yield the rows that completed and whose media was saved, oldest first.

        A compacted row is not among them: it has lost its result.
        """
        ...


class HearsDecisions(Protocol):
    """Whoever is to know what a person decides about unknown creates."""

    def decided(self, entry: Entry) -> object:
        """Take in a row that was resolved. Called in any thread."""
        ...


@runtime_checkable
class TellsDecisions(Protocol):
    """A store in which a person may decide about unknown creates while a client uses it."""

    def tell(self, listener: HearsDecisions) -> None:
        """Tell a listener of each row that is resolved, for as long as the listener lives."""
        ...


@runtime_checkable
class FindsJobs(Protocol):
    """A store that finds jobs by key, and those that were submitted and not sent.

    `akool.job(key=...)` needs it, and with it `recover()` takes up queued rows.
    """

    def find(self, key: str) -> Entry | None:
        """Return the row of a key, as it was at some moment; blocks for no longer than a read."""
        ...

    async def look_up(self, key: str) -> Entry | None:
        """Return the row of a key, with all that was put before."""
        ...

    def queued(self) -> AsyncIterator[Entry]:
        """Yield the rows that were submitted and not sent, oldest first."""
        ...

    def drop_soon(self, row: int, reason: str, owed: int | None = None) -> Future[None]:
        """Queue that a job is not to be sent: a `queued` row becomes `refused`, another stays.

        It is kept and tried again like a note, see `JobStore.note_soon`.

        Args:
            row: The number of the row.
            reason: Why.
            owed: The number of the job's end in the outbox, if it is to stand there.

        Raises:
            JournalError: the store is closed.
        """
        ...


@runtime_checkable
class FindsCreates(Protocol):
    """A store that can list its creates, and tell whether it knows one of the vendor's jobs.

    `akool.find` needs it, to write down which job a create of unknown outcome has started.
    """

    async def around(self, name: str, since: float, until: float) -> Sequence[Entry]:
        """Return an operation's rows of creates in a span of time, with all that was put before.

        Args:
            name: The operation's dotted name.
            since: In seconds since 1970: the earliest `intended_at`.
            until: The latest.
        """
        ...

    async def ids_among(self, ids: Sequence[str]) -> set[str]:
        """Return those of the vendor's ids that rows have, whatever became of their jobs."""
        ...


@runtime_checkable
class Outbox(Protocol):
    """A store that keeps which ends were not delivered yet; `on_end=` needs it.

    An end gets there by `Change.owed`, or by `drop_soon`. A job has one end there at most: a later
    one takes the place of the one before.
    """

    def owed(self) -> AsyncGenerator[tuple[int, Entry], None]:
        """Yield the number of each end, and the row of its job, the oldest end first."""
        ...

    def acknowledge_soon(self, row: int, owed: int) -> Future[None]:
        """Queue that an end was delivered; a later end of the row stays.

        Raises:
            JournalError: the store is closed.
        """
        ...
