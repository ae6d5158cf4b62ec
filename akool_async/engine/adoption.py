"""Jobs that the vendor has, and whose create this process has not seen answered.

Such a job comes from a token or from a row of the journal; or a webhook brings the id of a create
whose reply was lost; or its key belongs to another job, which it mirrors then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from akool_async.clock import Clock, moment
from akool_async.engine.event_names import EventName
from akool_async.engine.follow import follow
from akool_async.engine.pending import PendingJobs
from akool_async.engine.places import JobPlaces
from akool_async.engine.record import JobRecord
from akool_async.engine.reporter import Reporter
from akool_async.engine.state import UNANSWERED
from akool_async.engine.watches import Watches
from akool_async.observers import shield
from akool_async.protocol.token import JobReference

if TYPE_CHECKING:
    from akool_async.engine.recorder import Recorder


class Owner(Protocol):
    """The engine, as far as jobs are adopted here."""

    @property
    def cancelling(self) -> set[JobRecord[Any]]:
        """Jobs that are to be cancelled."""
        ...

    @property
    def pending(self) -> PendingJobs:
        """The jobs that are not in the queue yet."""
        ...

    @property
    def places(self) -> JobPlaces:
        """The places of jobs."""
        ...

    @property
    def reporter(self) -> Reporter:
        """Notifies of events."""
        ...

    @property
    def watches(self) -> Watches:
        """The watches of accepted jobs."""
        ...

    def deliver(self, record: JobRecord[Any]) -> object:
        """Tell of the end of a job, where somebody has to be told."""
        ...


class Adoption:
    """Brings jobs that the vendor has to where they are watched.

    Args:
        owner: The engine.
        clock: Where time comes from.
        recorder: Writes jobs down, where there is a journal.
    """

    def __init__(self, owner: Owner, clock: Clock, recorder: Recorder | None) -> None:
        self._owner = owner
        self._clock = clock
        self._recorder = recorder

    def adopt(self, record: JobRecord[Any], reference: JobReference) -> JobRecord[Any]:
        """Watch a job that was accepted earlier; return its record.

        If the job is watched already, that is the known record, and the new one is not used; a
        new record that somebody holds, because its key was claimed, mirrors the known one.
        """
        owner = self._owner
        watch = owner.watches.of(record.family)
        known = watch.records.get(reference.id)
        lost = record.state is UNANSWERED
        owner.cancelling.discard(record)  # from now on only the vendor can cancel it
        if known is not None:
            if record in owner.pending or lost:
                self.follow(record, known)
            return known
        owner.reporter.ask()
        owner.pending.remove(record)
        now = moment(self._clock)
        record.adopt(reference, now)
        watch.add(record, now.time, at_once=True, told=lost)
        if not record.in_flight:  # a create that waits holds its place already, unless it is old
            owner.places.add(record)
        if lost and self._recorder is not None:
            shield("the journal", self._recorder.note_accepted, record)
        owner.reporter.report(EventName.CREATED if lost else EventName.RESUMED, record)
        return record

    def follow(self, record: JobRecord[Any], leader: JobRecord[Any]) -> None:
        """Let a job mirror another job of its key."""
        owner = self._owner
        owner.reporter.ask()
        owner.pending.remove(record)
        owner.places.free(record)
        if record.options.row_key != record.options.key:  # a recipe, whose row is not its key's
            record.wait(owner.deliver)
        follow(record, leader, owner.reporter.report)
