"""One job as the engine knows it. A `Job` is the user's handle on a record.

How this works
--------------
A record lives from the submission of a job until nobody holds it. 100 000 records may wait at
once, so each attribute is a slot of eight bytes, and large values are shared or left out:

* Jobs of one operation share an `OperationState`: name, family, schedule, timeout, event loop.
* Jobs without options of their own share one `JobOptions`.
* Jobs that were accepted in one moment share one float, and so do jobs of one lookup.
* Where very many jobs wait, receipt and snapshot shrink to ids and a status (`known.py`).

`state` changes only by the table in `state.py`.

A record has one outcome: a result, or a `Failure`. Until then `waiters` holds the futures and
callbacks that the end is reported to. Each task that awaits the job waits for a future of its
own: so a cancelled task cancels its future, and not the job.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from akool_async.clock import Moment, steady
from akool_async.engine.known import KnownJob
from akool_async.engine.operation import HELD, OperationState
from akool_async.engine.options import NO_OPTIONS, ClientDefault, JobOptions
from akool_async.engine.state import BEFORE_ANSWER, ENDED, NEW, TRANSITIONS, JobState, Trigger
from akool_async.engine.waiters import (
    Failure,
    Waiter,
    Waiters,
    added,
    all_of,
    notify,
    settle,
    without,
    without_first,
)
from akool_async.errors import AkoolError, JobCancelled, JobError
from akool_async.protocol.endpoint import Operation
from akool_async.protocol.snapshot import Snapshot, Status
from akool_async.protocol.token import JobReference

if TYPE_CHECKING:
    from akool_async.journal import State
    from akool_async.schedule.backoff import Backoff
    from akool_async.schedule.learner import Learner

S = TypeVar("S", bound=Snapshot)
J = TypeVar("J", bound=JobError)

# Names of a module are found faster than members of a class, up to Python 3.11.
COMPLETED, FAILED = Status.COMPLETED, Status.FAILED


class JobRecord(KnownJob[S], Generic[S]):
    """A job's state, what is known of it, and its outcome.

    Args:
        operation: What all jobs of its operation share.
        request: The request; `None` for a job that was accepted elsewhere.
        options: How the job is to be run.
    """

    __slots__ = (
        "__weakref__",
        "accepting",
        "awaited",
        "extras",
        "in_flight",
        "journal_row",
        "options",
        "outcome",
        "request",
        "slot",
        "state",
        "steps",
        "waiters",
    )

    def __init__(
        self,
        operation: OperationState[S],
        request: Operation[S] | None = None,
        options: JobOptions = NO_OPTIONS,
    ) -> None:
        super().__init__(operation)
        self.request = request
        self.options = options
        self.state: JobState = NEW
        self.in_flight = False
        """Whether it holds a place under the limit."""
        self.outcome: S | Failure | None = None
        self.waiters: Waiters = None
        """Futures and callbacks that the end is reported to."""
        self.awaited = False
        """Whether anybody asked for the outcome. The handle sets it, in one place."""
        self.accepting: asyncio.Future[None] | None = None
        """Done once the job is accepted, or has ended; made if somebody waits for that."""
        self.slot: object = None
        """The slot of the timer wheel in which the job is due; `None` while it is in none."""
        self.journal_row: JournalRow | None = None
        self.steps: tuple[str, ...] = ()
        """Tokens of the paid steps before this job, if a recipe started it."""
        self.extras: dict[object, Any] | None = None
        """What hooks keep about the job, by hook."""

    def __repr__(self) -> str:  # without the request: it may hold private data
        return f"<JobRecord {self.name} {self.id}: {self.state.meaning}>"

    @property
    def timeout(self) -> float | None:
        """Seconds from acceptance to the terminal status; `None` for no end."""
        own = self.options.timeout
        return self.operation.timeout if isinstance(own, ClientDefault) else own

    @property
    def schedule(self) -> Backoff | Learner:
        """When the job is polled."""
        return HELD if self.options.held else self.operation.schedule

    @property
    def deadline(self) -> float:
        """When the job runs out of time, in the clock's seconds."""
        timeout, since = self.timeout, self.watched_since
        if timeout is None:
            return float("inf")
        return (self.accepted_at if since is None else since) + timeout

    @property
    def ended(self) -> bool:
        """Whether the job has an outcome."""
        return self.state is ENDED

    @property
    def takes_address(self) -> bool:
        """Whether its create has an address for webhooks, where the client arms creates.

        That is derived, not stored: a pending job costs no byte more.
        """
        request, row = self.request, self.journal_row
        armed = row is None or row.armed
        return armed and request is not None and request.takes_address

    def error(self, cls: type[J], message: str) -> J:
        """Build an error about this job."""
        return cls(
            message,
            name=self.name,
            token=self.token,
            snapshot=self.snapshot,
            request=self.request,
        )

    def completed(self, snapshot: S) -> S:
        """Return the terminal snapshot with what only the request and the receipt tell."""
        known = snapshot if self.request is None else snapshot.answering(self.request)
        return super().completed(known)

    # Changes of state

    def change(self, trigger: Trigger) -> None:
        """Move to the next state by the table in `state.py`; a `KeyError` is a defect."""
        self.state = TRANSITIONS[self.state, trigger]

    def accept(self, receipt: S, now: Moment, *, whole: bool = True) -> None:
        """The vendor accepted the job.

        Args:
            receipt: The create reply.
            now: This moment.
            whole: Whether to keep all of the receipt, or only its ids.
        """
        following = TRANSITIONS[self.state, Trigger.ACCEPT]
        self.take_receipt(receipt, now, whole=whole)
        self.state = following  # last: an interrupt may come in between, and needs the id
        self._report_acceptance()

    def adopt(self, reference: JobReference, now: Moment) -> None:
        """The vendor accepted the job earlier, perhaps in another process."""
        following = TRANSITIONS[self.state, Trigger.ADOPT]
        self.take_reference(reference, now)
        self.state = following
        self._report_acceptance()

    def follow(self, leader: JobRecord[S]) -> None:
        """Another record of the same job was accepted; this one mirrors it."""
        self.change(Trigger.FOLLOW)
        self.take_ids(leader)
        self._report_acceptance()

    def finish(self, outcome: S | BaseException) -> None:
        """End with a result, or with an error. The error gets the job's token if it has none."""
        following = TRANSITIONS[self.state, Trigger.FINISH]
        if isinstance(outcome, AkoolError):
            outcome.token = outcome.token or self.token
            outcome.steps = outcome.steps or self.steps
        if isinstance(outcome, JobError):
            outcome.job = self.operation.handle(self)
        if isinstance(outcome, BaseException):
            awaited = not all(map(callable, all_of(self.waiters)))
            self.outcome = Failure(outcome, self.operation.loop, expected=awaited)
        else:
            self.outcome = outcome
        steady(self._end, following)

    def _end(self, ended: JobState) -> None:
        """Tell all who wait for the end: each once, or again where an interrupt came just then.

        The state changes here: an interrupt just before finds a job that has not ended, and that is
        looked at once more.
        """
        self.state = ended
        self._report_acceptance()
        if self.listeners:
            self.notify(None)
            self.listeners = ()
        while self.waiters is not None:
            waiter = all_of(self.waiters)[0]
            notify((waiter,), self, self.outcome)
            self.waiters = without_first(self.waiters, waiter)

    # Its outcome, and who waits for it

    async def accepted(self) -> None:
        """Wait until the vendor has accepted the job, or the job has ended unaccepted."""
        if self.id is not None or self.state is ENDED:
            return
        if self.accepting is None:
            self.accepting = self.operation.loop.create_future()
        await asyncio.shield(self.accepting)

    async def written(self) -> None:
        """Wait until the journal has answered about the job's key, or the job has ended."""
        row = self.journal_row
        if self.state not in BEFORE_ANSWER or row is None or row.number is not None:
            return
        if row.written is None:
            row.written = self.operation.loop.create_future()
        await asyncio.shield(row.written)

    def _report_acceptance(self) -> None:
        if self.journal_row is not None:
            self.journal_row.report_written()
        if self.accepting is not None and not self.accepting.done():
            self.accepting.set_result(None)

    def future(self) -> asyncio.Future[S]:
        """Return a new future of the outcome. Cancelling it leaves the job alone."""
        future: asyncio.Future[S] = self.operation.loop.create_future()
        if self.outcome is None:
            self.wait(future)
        else:
            settle(future, self.outcome)
        return future

    def wait(self, waiter: Waiter) -> None:
        """Report the end of the job to a future or a callback."""
        self.waiters = added(self.waiters, waiter)

    def stop_waiting(self, waiter: Waiter) -> int:
        """Report the end no more; return how often the waiter had been added."""
        before = len(all_of(self.waiters))
        self.waiters = without(self.waiters, waiter)
        return before - len(all_of(self.waiters))

    def result(self) -> S:
        """Return the result, or raise the error that ended the job instead."""
        outcome = self._known_outcome()
        if isinstance(outcome, Failure):
            error = outcome.retrieve()
            try:
                raise error
            finally:
                del error, outcome  # or this frame and the error would hold each other
        return outcome

    def exception(self) -> BaseException | None:
        """Return the error that ended the job; `None` if the job has a result."""
        outcome = self._known_outcome()
        return outcome.retrieve() if isinstance(outcome, Failure) else None

    def _known_outcome(self) -> S | Failure:
        if self.outcome is None:
            raise asyncio.InvalidStateError("the job has not ended")
        return self.outcome

    @property
    def cancelled(self) -> bool:
        """Whether the job was cancelled. Reading it does not retrieve the error."""
        outcome = self.outcome
        return isinstance(outcome, Failure) and isinstance(outcome.error, JobCancelled)

    def mark_retrieved(self) -> None:
        """Keep asyncio from logging an error that nobody retrieves."""
        if isinstance(self.outcome, Failure):
            self.outcome.mark_retrieved()


class JournalRow:
    """What the journal holds of a record."""

    __slots__ = ("armed", "keys", "number", "owed", "saved", "state", "written")

    def __init__(self) -> None:
        self.keys: tuple[tuple[str, str], ...] = ()
        """Each key of the job, with the fingerprint of the request under it."""
        self.number: int | None = None
        """The row's number; `None` while nothing is written down."""
        self.state: State | None = None
        """The row's state after the end of the job."""
        self.armed = True
        """Whether an earlier process has sent the create with a webhook address of its own."""
        self.saved: tuple[int, str] | None = None
        """Where the result was saved: the row's number, and the file."""
        self.owed: int | None = None
        """The number under which the journal keeps that `on_end` has to be told of the end."""
        self.written: asyncio.Future[None] | None = None
        """Done once the journal has answered; made if somebody waits for that."""

    def report_written(self) -> None:
        """Let those go on who wait until the job is in the journal. Called in the job's loop."""
        if self.written is not None and not self.written.done():
            self.written.set_result(None)

    def fingerprint(self, key: str) -> str | None:
        """Return the fingerprint of the request under a key."""
        return next((known for each, known in self.keys if each == key), None)
