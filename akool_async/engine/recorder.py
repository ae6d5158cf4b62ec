"""Writes down in the journal what becomes of jobs: the intent before the money, each outcome after.

It also knows which rows this process works on, so that `recover()` leaves those alone.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import msgspec

from akool_async.engine.keys import request_fingerprint
from akool_async.engine.record import JobRecord
from akool_async.engine.row_reader import RowReader, row_of
from akool_async.engine.state import PREPARING, QUEUED
from akool_async.engine.uploaded import uploaded_of
from akool_async.errors import ClientClosed, CreateOutcomeUnknown, JobCancelled, JournalError
from akool_async.journal import (
    Attempt,
    Change,
    Entry,
    FindsJobs,
    Intent,
    JobStore,
    Outbox,
    State,
    TakesNotes,
)
from akool_async.journal.outcomes import reason_of, state_after
from akool_async.observers import logger
from akool_async.protocol.snapshot import Snapshot


def intent_of(record: JobRecord[Any], *, armed: bool = False) -> Intent:
    """Return what a create writes down before it leaves: the request holds no secret."""
    request, key = record.request, record.options.row_key
    assert request is not None
    known = None if key is None else row_of(record).fingerprint(key)
    uploaded = uploaded_of(record)
    return Intent(
        name=record.name,
        request=msgspec.json.encode(request.to_wire()),
        fingerprint=known or request_fingerprint(request, uploaded and uploaded.files),
        key=key,
        retry_failed=record.options.retry_failed,
        armed=armed,
    )


class Recorder(RowReader):
    """The journal, as the engines of one client use it."""

    def __init__(self, store: JobStore) -> None:
        super().__init__(store)
        quiet: object = store
        self._take_note = quiet.take_note if isinstance(quiet, TakesNotes) else store.note_soon
        self._lock = threading.Lock()
        self.delivers = False
        """Whether ends are delivered: whether there is an `on_end`."""
        self.telling: set[int] = set()
        """The numbers of ends that this process delivers."""
        self._ends = itertools.count(time.time_ns())
        """Numbers for ends, higher than those of earlier processes."""
        self.opened: set[int] = set()
        """The rows of sessions that this process has opened, or is about to."""

    # What is written down

    async def intend(self, record: JobRecord[Any], *, armed: bool) -> Attempt:
        """Write down that a create is about to leave; durable when this returns.

        Args:
            record: The job.
            armed: Whether the create leaves with a webhook address of its own.

        Raises:
            JournalError: it cannot be written down, so nothing may be sent.
        """
        intent, row = intent_of(record, armed=armed), row_of(record)
        if row.number is not None:  # this process works on the row since its key was claimed
            attempt = await self._store.intend(intent, row.number)
            self._intended(record, attempt)
            return attempt
        arriving = intent.key, intent.fingerprint
        with self._lock:  # loops of several threads may use one client
            self._arriving[arriving] += 1
        try:
            attempt = await self._store.intend(intent, None)
        finally:
            with self._lock:
                self._arriving[arriving] -= 1
                if not self._arriving[arriving]:
                    del self._arriving[arriving]
        self._intended(record, attempt)
        return attempt

    def _intended(self, record: JobRecord[Any], attempt: Attempt) -> None:
        self.work_on(record, attempt.row)
        if record.family.session is not None:
            self.opened.add(attempt.row)

    def note_accepted(self, record: JobRecord[Any]) -> None:
        """Write down that the vendor has accepted a job."""
        created = record.created_at
        if created is not None:
            ids = Change(
                State.CREATED,
                id=record.id,
                job_id=record.job_id,
                created_at=int(created.timestamp()),
            )
            self._note(record, ids)

    def note_refused(self, record: JobRecord[Any], problem: Exception) -> None:
        """Write down that a create was refused, of a job that is going to be sent again."""
        self._note(record, Change(State.REFUSED, reason=reason_of(problem, record.name)))

    def note_finished(self, record: JobRecord[Any], outcome: Snapshot | BaseException) -> None:
        """Write down how a job ended, if that is final; else its row stays unfinished."""
        row = record.journal_row
        if row is None or row.number is None:
            return
        # Where the store refused the intent, the row stays as it is: it says already whether its
        # key may be sent, and may be another job's by now.
        if isinstance(outcome, JournalError) or row.state is State.CLOSED:
            return
        if record.state in {PREPARING, QUEUED}:  # it was not sent
            self.drop(record, row.number, outcome)
            return
        state = self._state_after(record, outcome)
        if record.options.held and record.id is not None and state is not State.CLOSED:
            return  # whatever its job became, the session is to be closed
        self._owe(record, outcome)
        row.state = state
        if state in {State.CREATED, State.INTENT}:
            return
        result = outcome if isinstance(outcome, Snapshot) and state is State.COMPLETED else None
        change = Change(
            state,
            reason="" if result else reason_of(outcome, record.name),
            result=msgspec.json.encode(result.without_secrets()) if result else None,
            owed=row.owed,
        )
        self._note(record, change)

    @staticmethod
    def _state_after(record: JobRecord[Any], outcome: Snapshot | BaseException) -> State:
        """Return the state of a job's row; one with a key, that was not sent, waits on."""
        accepted = record.id is not None
        if accepted and record.family.session is not None and isinstance(outcome, JobCancelled):
            return State.CLOSED
        state = state_after(outcome, accepted=accepted)
        closed = state is State.REFUSED and isinstance(outcome, ClientClosed)
        return State.QUEUED if closed and record.options.row_key is not None else state

    # What `on_end` is told of

    def _owe(self, record: JobRecord[Any], outcome: Snapshot | BaseException) -> None:
        """Give a job's end a number, if `on_end` is to be told of it and does not know it yet."""
        row = row_of(record)
        # The row of a step of a recipe has no key of the user's.
        has_key = any("/" not in fingerprint for _, fingerprint in row.keys)
        if not self.delivers or not has_key or isinstance(outcome, ClientClosed):
            return
        if row.state is not None and row.state.finished:  # restored: an earlier process has told
            return
        if row.state is State.UNKNOWN and isinstance(outcome, CreateOutcomeUnknown):
            return
        row.owed = next(self._ends)
        self.telling.add(row.owed)

    async def owed(self) -> AsyncGenerator[tuple[int, Entry], None]:
        """Yield the ends that an earlier process has not delivered, with their numbers."""
        store: object = self._store
        if isinstance(store, Outbox):
            async with aclosing(store.owed()) as ends:
                async for end, entry in ends:
                    if end not in self.telling:
                        yield end, entry

    def acknowledge(self, number: int, end: int) -> None:
        """Write down that an end was delivered."""
        store: object = self._store
        if isinstance(store, Outbox):
            with suppress(JournalError):  # closed: it is delivered once more
                store.acknowledge_soon(number, end)
        self.telling.discard(end)

    def drop(self, record: JobRecord[Any], number: int, outcome: Snapshot | BaseException) -> None:
        """Write down that a job ended before it was sent, so that no later process sends it.

        A job that ended with its client stays queued: it waits for the next process.
        """
        store: object = self._store
        if isinstance(outcome, ClientClosed) or not isinstance(store, FindsJobs):
            return
        row, reason = row_of(record), reason_of(outcome, record.name)
        self._owe(record, outcome)
        row.state = State.REFUSED
        with suppress(JournalError):  # closed: then the next process sends the job
            store.drop_soon(number, reason, row.owed)

    def note_closed(self, record: JobRecord[Any]) -> None:
        """Write down that a session was closed, whatever has become of its job."""
        row = record.journal_row
        if row is not None and row.state is not State.CLOSED:
            row.state = State.CLOSED
            self._note(record, Change(State.CLOSED, reason="its session was closed"))

    def note_left_open(self, record: JobRecord[Any], reason: str) -> None:
        """Write down why a session could not be closed."""
        row = record.journal_row
        state = None if row is None else row.state
        self._note(record, Change(state or State.CREATED, reason=reason))

    def note_saved(self, record: JobRecord[Any], path: str) -> None:
        """Write down where a result was saved."""
        self._note(record, Change(State.COMPLETED, saved=path))

    def note_expired(self, record: JobRecord[Any], reason: str) -> None:
        """Write down that a result was deleted before it was saved."""
        self._note(record, Change(State.EXPIRED, reason=reason))

    def _note(self, record: JobRecord[Any], change: Change) -> None:
        """Queue a note. That it cannot be written is no reason to lose the job itself."""
        row = record.journal_row
        if row is None or row.number is None:
            return
        for changed in tuple(self._changed.values()):
            changed.add(row.number)
        try:
            self._take_note(row.number, change)
        except JournalError as error:
            problem = error.message
        else:
            return
        state = change.state
        logger.error("row %d stays as it is, though its job is %s: %s", row.number, state, problem)
