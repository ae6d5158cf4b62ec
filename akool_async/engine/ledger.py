"""What the engine writes down in the journal: the intent before the money, and each outcome.

It also knows which rows this process is working on, so that one key is one job.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec

from akool_async.endpoint import Snapshot, Startable, Status
from akool_async.engine.flight import Flight
from akool_async.errors import (
    AkoolError,
    APIError,
    CreateOutcomeUnknown,
    JobCancelled,
    JobFailed,
    KeyConflict,
    NotFound,
    ResultExpired,
)
from akool_async.journal import Entry, Journal, State, fingerprint


class Ledger:
    """The journal, as the engine of one client uses it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._keyed: weakref.WeakValueDictionary[str, Flight[Any]] = weakref.WeakValueDictionary()
        self._numbered: weakref.WeakValueDictionary[int, Flight[Any]] = (
            weakref.WeakValueDictionary()
        )
        self._settling: set[Flight[Any]] = set()
        """Jobs that ended, and whose last row is still on its way to the disk."""

    def known(self, key: str, payload: str) -> Flight[Any] | Entry | None:
        """Return what is known of a key: a job of this process, or a row of an earlier one.

        Args:
            key: The user's name for the job.
            payload: The fingerprint of its request.

        Raises:
            KeyConflict: the key belongs to another request.
        """
        live = self._keyed.get(key)
        found = live if live is not None else self.journal.find(key)
        if found is None:
            return None
        before = found.fingerprint if isinstance(found, Entry) else (found.payloads or {})[key]
        if before != payload:
            raise KeyConflict(f"the key {key!r} belongs to another request")
        return found

    def is_live(self, entry: Entry) -> bool:
        """Say whether this process is working on a row."""
        return entry.number in self._numbered

    def track(self, flight: Flight[Any], key: str, payload: str) -> None:
        """Remember that this process works on a job, under one more key."""
        flight.key = key
        flight.payloads = {**(flight.payloads or {}), key: payload}
        self._keyed[key] = flight

    def track_row(self, flight: Flight[Any], entry: Entry) -> None:
        """Remember that this process works on a row."""
        flight.entry = entry.number
        self._numbered[entry.number] = flight
        if entry.key is not None:
            self.track(flight, entry.key, entry.fingerprint)

    async def intend(self, flight: Flight[Any]) -> None:
        """Write down that a create is about to leave; durable when this returns.

        Raises:
            JournalError: it cannot be written down, so nothing may be sent.
        """
        assert flight.request is not None
        flight.entry = await self.journal.intend(
            flight.name,
            msgspec.json.encode(flight.request.to_wire()),
            request_fingerprint(flight.request),
            key=flight.key,
        )
        self._numbered[flight.entry] = flight

    def note_accepted(self, flight: Flight[Any]) -> Future[None] | None:
        """Write down that Akool has accepted a job; the future is done when it is durable."""
        if flight.entry is None or flight.created_at is None:
            return None
        return self.journal.note_soon(
            flight.entry,
            State.CREATED,
            id=flight.id,
            job_id=flight.job_id,
            created_at=int(flight.created_at.timestamp()),
        )

    def note_ended(self, flight: Flight[Any], outcome: Snapshot | Exception) -> None:
        """Write down how a job ended, if that is final; else its row stays unfinished."""
        state = _state_after(outcome, accepted=flight.id is not None)
        if flight.entry is None or state is None:
            return
        completed = state is State.COMPLETED
        written = self.journal.note_soon(
            flight.entry,
            state,
            reason="" if completed else str(outcome),
            result=msgspec.json.encode(outcome) if completed else None,
        )
        self._settling.add(flight)
        _when_done(written, lambda: self._settling.discard(flight))

    def note_saved(self, entry: int, path: Path) -> None:
        """Write down where a result was saved."""
        self.journal.note_soon(entry, State.COMPLETED, saved=str(path))

    def unsaved(self) -> Iterator[Entry]:
        """Return the rows whose results are complete, and were saved nowhere."""
        for entry in self.journal.entries(State.COMPLETED):
            if entry.saved is None and entry.result is not None and not self.is_live(entry):
                yield entry

    def unfinished(self) -> Iterator[Entry]:
        """Return the rows that no process has brought to an end, and none is working on."""
        return (entry for entry in self.journal.unfinished() if not self.is_live(entry))


def request_fingerprint(request: Startable[Any]) -> str:
    """Return what tells one request from another."""
    return fingerprint(request.label, request.to_wire())


def _state_after(outcome: Snapshot | Exception, *, accepted: bool) -> State | None:
    """Return the state that an outcome means for a row; `None` if it may still change."""
    if not isinstance(outcome, Exception):
        return State.COMPLETED if outcome.status is Status.COMPLETED else State.FAILED
    if isinstance(outcome, CreateOutcomeUnknown):
        return State.UNKNOWN
    if isinstance(outcome, JobFailed | JobCancelled):
        return State.FAILED
    if isinstance(outcome, ResultExpired | NotFound) and accepted:
        return State.EXPIRED
    refused = isinstance(outcome, APIError | AkoolError) and not accepted
    return State.REFUSED if refused else None


def _when_done(written: Future[None], then: Any) -> None:
    loop = asyncio.get_running_loop()

    def done(_future: Future[None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have ended first
            loop.call_soon_threadsafe(then)

    written.add_done_callback(done)
