"""What the engine writes down in the journal: the intent before the money, and each outcome.

It also knows which rows this process is working on, so that one key is one job.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from akool_async.engine.flight import Flight
from akool_async.errors import (
    AkoolError,
    APIError,
    Conflict,
    CreateOutcomeUnknown,
    JobCancelled,
    JobFailed,
    JournalError,
    KeyConflict,
    NotFound,
    ProcessingError,
    ResultExpired,
)
from akool_async.journal import Entry, State, fingerprint
from akool_async.protocol.endpoint import Startable
from akool_async.protocol.snapshot import Snapshot, Status

if TYPE_CHECKING:
    from akool_async.journal import Journal

logger = logging.getLogger("akool_async")

_A_COMMIT = 1.0
"""Seconds that a commit takes at most, where the disk is in order."""


class Ledger:
    """The journal, as the engine of one client uses it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._keyed: weakref.WeakValueDictionary[str, Flight[Any]] = weakref.WeakValueDictionary()
        self._numbered: weakref.WeakValueDictionary[int, Flight[Any]] = (
            weakref.WeakValueDictionary()
        )
        self._settling: dict[Flight[Any], Future[None]] = {}
        """Jobs that ended, and whose last note is still on its way to the disk."""
        self._intending: Counter[tuple[str | None, str]] = Counter()
        """Keys and fingerprints of the intents that are on their way to the disk."""

    def known(self, key: str, payload: str) -> Flight[Any] | Entry | None:
        """Return what is known of a key: a job of this process, or a row of an earlier one.

        A job of an event loop that is over can be awaited no longer, but its row is there.

        Args:
            key: The user's name for the job.
            payload: The fingerprint of its request.

        Raises:
            KeyConflict: the key belongs to another request.
        """
        live = self._keyed.get(key)
        found = self.journal.find(key) if live is None or self._is_past(live) else live
        if found is None:
            return None
        before = found.fingerprint if isinstance(found, Entry) else (found.payloads or {})[key]
        if before != payload:
            raise KeyConflict(f"the key {key!r} belongs to another request")
        return found

    def running(self, key: str, payload: str, *, retry_failed: bool) -> Flight[Any] | None:
        """Return the job that this process runs under a key, or has run to its end.

        Not one that was not sent, or may be sent again, nor one that the vendor still has, and
        whose watch has ended.
        """
        known = self.known(key, payload)
        begins_again = {None, State.CREATED, *_sent_again(retry_failed=retry_failed)}
        if isinstance(known, Flight) and not (known.ended and known.row_state in begins_again):
            return known
        return None

    def earlier(self, key: str, payload: str, *, retry_failed: bool) -> Flight[Any] | Entry | None:
        """Return the row, or the job to watch on, in whose place none of its key is sent."""
        known = self.known(key, payload)
        if isinstance(known, Entry):
            return None if known.state in _sent_again(retry_failed=retry_failed) else known
        return known if known is not None and known.row_state is State.CREATED else None

    def _is_past(self, flight: Flight[Any]) -> bool:
        """Say whether a job ended in another event loop; then its row, on disk, says how."""
        if not flight.ended or flight.kind.loop is asyncio.get_running_loop():
            return False
        if flight in self._settling:
            wait([self._settling[flight]], timeout=_A_COMMIT)
        return True

    def is_live(self, entry: Entry) -> bool:
        """Say whether this process is working on a row."""
        # An intent may be on disk before whoever wrote it has learnt its number.
        arriving = self._intending[entry.key, entry.fingerprint] > 0
        return entry.number in self._numbered or (entry.state is State.INTENT and arriving)

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

    def take_over(self, flight: Flight[Any], ended: Flight[Any]) -> None:
        """Work on the row of a job whose watch has ended, though the job has not."""
        if ended.entry is not None:
            flight.entry = ended.entry
            self._numbered[ended.entry] = flight

    async def intend(self, flight: Flight[Any]) -> None:
        """Write down that a create is about to leave; durable when this returns.

        Raises:
            JournalError: it cannot be written down, so nothing may be sent.
        """
        assert flight.request is not None
        payload = _payload_of(flight)
        arriving = flight.key, payload
        self._intending[arriving] += 1
        try:
            flight.entry = await self.journal.intend(
                flight.name,
                msgspec.json.encode(flight.request.to_wire()),
                payload,
                key=flight.key,
            )
        finally:
            self._intending[arriving] -= 1
            if not self._intending[arriving]:
                del self._intending[arriving]
        self._numbered[flight.entry] = flight

    def note_accepted(self, flight: Flight[Any]) -> Future[None] | None:
        """Write down that Akool has accepted a job; the future is done when it is durable."""
        if flight.entry is None or flight.created_at is None:
            return None
        return self._note(
            flight.entry,
            State.CREATED,
            id=flight.id,
            job_id=flight.job_id,
            created_at=int(flight.created_at.timestamp()),
        )

    def note_refused(self, flight: Flight[Any], problem: Exception) -> None:
        """Write down that a create was refused, of a job that is going to be sent again."""
        if flight.entry is not None:
            self._note(flight.entry, State.REFUSED, reason=_reason(flight, problem))
            flight.entry = None

    def note_ended(self, flight: Flight[Any], outcome: Snapshot | Exception) -> None:
        """Write down how a job ended, if that is final; else its row stays unfinished."""
        if flight.entry is None:
            return
        state = _state_after(outcome, accepted=flight.id is not None)
        flight.row_state = state
        if state in {State.CREATED, State.INTENT}:
            return
        result = outcome if isinstance(outcome, Snapshot) and state is State.COMPLETED else None
        written = self._note(
            flight.entry,
            state,
            reason="" if result else _reason(flight, outcome),
            result=msgspec.json.encode(result.without_secrets()) if result else None,
        )
        if written is not None:
            self._settling[flight] = written
            _when_done(written, lambda: self._settling.pop(flight, None))

    def note_saved(self, entry: int, path: Path) -> None:
        """Write down where a result was saved."""
        self._note(entry, State.COMPLETED, saved=str(path))

    def _note(self, entry: int, state: State, **what: Any) -> Future[None] | None:
        """Queue a note; that it cannot be written is no reason to lose the job itself."""
        try:
            return self.journal.note_soon(entry, state, **what)
        except JournalError as error:
            logger.error("row %d stays as it is, though its job is %s: %s", entry, state, error)  # noqa: TRY400
        return None

    def unsaved(self) -> Iterator[Entry]:
        """Return the rows whose results are complete, and were saved nowhere."""
        for entry in self.journal.entries(State.COMPLETED):
            if entry.unsaved and entry.result is not None and not self.is_live(entry):
                yield entry

    def unfinished(self) -> Iterator[Entry]:
        """Return the rows that no process has brought to an end, and none is working on."""
        return (entry for entry in self.journal.unfinished() if not self.is_live(entry))


def _sent_again(*, retry_failed: bool) -> frozenset[State]:
    """Return the states of a row whose request may be sent once more."""
    return frozenset({State.REFUSED, State.FAILED} if retry_failed else {State.REFUSED})


def request_fingerprint(request: Startable[Any]) -> str:
    """Return what tells one request from another."""
    return fingerprint(request.label, request.unarmed_wire())


def _payload_of(flight: Flight[Any]) -> str:
    """Return what tells a job's request from others: under its key, if it has one."""
    assert flight.request is not None
    if flight.key is not None and flight.payloads is not None:
        return flight.payloads[flight.key]
    return request_fingerprint(flight.request)


_NO_PROOF = (ProcessingError, Conflict)
"""Refusals of a create that do not say that nothing was started, or charged."""


def _state_after(outcome: Snapshot | Exception, *, accepted: bool) -> State:
    """Return the state that an outcome means for a row."""
    if not isinstance(outcome, Exception):
        return State.COMPLETED if outcome.status is Status.COMPLETED else State.FAILED
    if isinstance(outcome, CreateOutcomeUnknown):
        return State.UNKNOWN
    if accepted:
        return _state_of_accepted(outcome)
    if isinstance(outcome, _NO_PROOF) or type(outcome) is APIError:
        return State.FAILED
    return State.REFUSED if isinstance(outcome, AkoolError) else State.INTENT


def _state_of_accepted(outcome: Exception) -> State:
    if isinstance(outcome, JobFailed | JobCancelled):
        return State.FAILED
    expired = isinstance(outcome, ResultExpired | NotFound)
    return State.EXPIRED if expired else State.CREATED  # the job itself goes on


def _reason(flight: Flight[Any], outcome: Snapshot | Exception) -> str:
    """Return why a job ended, in words that an error can be made of again."""
    if isinstance(outcome, Snapshot | CreateOutcomeUnknown):
        return outcome.reason
    return str(outcome).removeprefix(f"{flight.name}: ")


def _when_done(written: Future[None], then: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()

    def done(_future: Future[None]) -> None:
        try:
            loop.call_soon_threadsafe(then)
        except RuntimeError:  # the loop has ended
            then()

    written.add_done_callback(done)
