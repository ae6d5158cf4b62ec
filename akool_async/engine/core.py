"""The engine: takes jobs, creates them under one limit, watches them, ends them.

The life of a job (`state.py` has all changes of state):

    PendingJobs    a recipe's steps run; the store is asked about a key
    submit         the job waits in the queue
    Creator        a place, the intent in the journal, the create
    accepted       the receipt is here; the family's watch polls the job
    Watch          polls until a terminal status, a refusal, or the deadline
    finish         frees the place, writes the outcome down, notifies, lets the next job start

A job that the vendor has already begins at its watch: `Adoption` brings it there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from akool_async.clock import Clock, steady
from akool_async.engine.adoption import Adoption
from akool_async.engine.calls import Calls
from akool_async.engine.creator import Creator
from akool_async.engine.credit_guard import CreditGuard
from akool_async.engine.endings import Endings, note_lost, outcome_of
from akool_async.engine.event_names import EventName, event_of
from akool_async.engine.operations import Operations
from akool_async.engine.outage_hold import OutageHold
from akool_async.engine.pending import PendingJobs
from akool_async.engine.places import JobPlaces, SharedPlaces
from akool_async.engine.queue import PendingQueue
from akool_async.engine.record import JobRecord
from akool_async.engine.reporter import Reporter
from akool_async.engine.settings import Policies
from akool_async.engine.state import Trigger
from akool_async.engine.watch import Resources
from akool_async.engine.watches import Watches
from akool_async.errors import JobCancelled
from akool_async.http.breaker import Breaker
from akool_async.http.exchange import Exchange
from akool_async.http.transport import Delivery
from akool_async.observers import shield
from akool_async.protocol import token
from akool_async.protocol.snapshot import Snapshot, Status

if TYPE_CHECKING:
    from akool_async.engine.armed_creates import ArmedCreates
    from akool_async.engine.recorder import Recorder
    from akool_async.webhook.address import Addresses


class Engine:
    """All jobs of one client on one event loop.

    Args:
        exchange: Sends requests.
        policies: What the client decides.
        clock: Where time comes from.
        recorder: Writes jobs down, where there is a journal.
        guard: Knows whether the account can pay.
        addresses: Makes the webhook addresses of creates, where there are webhooks.
        calls: Runs coroutine functions of the user.
    """

    def __init__(
        self,
        exchange: Exchange,
        policies: Policies,
        *,
        clock: Clock,
        recorder: Recorder | None = None,
        guard: CreditGuard | None = None,
        addresses: Addresses | None = None,
        calls: Calls | None = None,
    ) -> None:
        self.exchange = exchange
        self._policies = policies
        self.clock = clock
        self.recorder = recorder
        self._guard = guard or CreditGuard(clock)
        self.calls = calls or Calls(clock)
        self.calls.relieved = self.pump
        self.reporter = Reporter(policies.listener)
        self.report = self.reporter.report
        breaker = Breaker(clock)
        self.operations = Operations(policies)
        self.endings = Endings(self)
        self.finish_closed = self.endings.closed
        self.pending = PendingJobs(self.finish, self.endings.dropped)
        self.queue = PendingQueue()
        self.places = self._new_places()
        self.hold = OutageHold(breaker, clock, self.pump, policies)
        self.adoption = Adoption(self, clock, recorder)
        self.armed = None if addresses is None else self._new_armed(addresses)
        self._creator = self._new_creator()
        self.watches = self._new_watches(breaker)
        self.cancelling: set[JobRecord[Any]] = set()
        """Jobs that are to be cancelled: none is sent again, and a failure is the cancel."""
        self.closing = False
        """Whether nothing may be sent any more."""

    def _new_places(self) -> JobPlaces:
        policies, endings = self._policies, self.endings
        shared = None
        if policies.places is not None:
            shared = SharedPlaces(policies.places, self.pump, endings.no_place, endings.cut_off)
        return JobPlaces(policies.room, shared)

    def _new_armed(self, addresses: Addresses) -> ArmedCreates:
        from akool_async.engine.armed_creates import ArmedCreates  # few clients have webhooks

        return ArmedCreates(self, addresses, self.clock, self._policies.patience)

    def _new_creator(self) -> Creator:
        return Creator(
            self,
            self.queue,
            self.places,
            most=self._policies.limits.creates,
            hold=self.hold,
            guard=self._guard,
            recorder=self.recorder,
            clock=self.clock,
        )

    def _new_watches(self, breaker: Breaker) -> Watches:
        resources = Resources(
            self.exchange,
            self.clock,
            breaker,
            finish=self.finish,
            report=self.report,
            on_ring=self._creator.give_way,
        )
        return Watches(self._policies, resources, cut_off=self.endings.cut_off)

    def records(self) -> Iterator[JobRecord[Any]]:
        """Yield every job that has not ended, but for those that mirror another one."""
        yield from self.queue
        yield from self.pending
        yield from self._creator.records()
        if self.armed is not None:
            yield from self.armed.waiting()
        yield from self.watches.records()

    def queued(self) -> Counter[str]:
        """Return how many jobs wait for a place, or for the store's answer, by operation."""
        return Counter(record.name for record in (*self.queue, *self.pending.claiming()))

    def prepare(self, record: JobRecord[Any], steps: Coroutine[Any, Any, None]) -> None:
        """Run steps, the last of which submits the job; it holds no place meanwhile."""
        self.reporter.ask()
        self.pending.prepare(record, steps)
        self.report(EventName.PREPARING, record)

    def submit(self, record: JobRecord[Any]) -> None:
        """Let a job wait for its turn; it is created as soon as there is a place for it.

        Raises:
            RuntimeError: the engine is closed, or its loop is ending.
        """
        if self.closing:
            raise RuntimeError("the client is closed")
        self.reporter.ask()
        options = record.options
        refusal = self._guard.refusal() if options.fail_fast else None
        if refusal is None:
            self.queue.add(record, options.priority)
        record.change(Trigger.QUEUE)
        self.pending.remove(record)
        self.report(EventName.QUEUED, record)
        if refusal is None:
            self.pump()
        else:
            self.finish(record, refusal)

    def accepted(self, record: JobRecord[Any], receipt: Any, delivery: Delivery) -> None:
        """Watch a job whose create was answered with success."""
        if not token.is_id(receipt.id):
            reason = "the reply said success, and named no job"
            problem = self._creator.unknown(record, delivery, reason)
            if self.armed is None or not self.armed.wait(record, delivery, problem):
                self.finish(record, problem)
            return
        if self.armed is not None:
            self.armed.discard(record)
        self.cancelling.discard(record)  # from now on only the vendor can cancel it
        watch, now = self.watches.of(record.family), self.watches.moment()
        watch.accept(record, receipt, now)
        terminal = record.status.terminal  # T25: audio may be finished when it is created
        if not terminal and not self.closing:
            # Before all that follows: a job that has an id is watched, whatever fails then.
            watch.add(record, now.time, told=self.watches.woken_early(receipt.id))
        if self.recorder is not None:
            shield("the journal", self.recorder.note_accepted, record)
        self.report(EventName.CREATED, record)
        if terminal:
            self.finish(record, receipt)
        elif self.closing:
            self.finish_closed(record)

    def pump(self) -> None:
        """Create the jobs whose turn it is, as far as places and limits allow."""
        steady(self._creator.pump)

    def wake(self, id: str) -> bool:
        """Poll a job now, with others that are due soon. Called in the loop's thread.

        An unknown id is kept for a minute: its create's reply may be on its way.

        Args:
            id: The vendor's `_id` of the job. Returns whether the job is watched here.
        """
        return self.watches.wake(id)

    @property
    def out_of_credit(self) -> bool:
        """Whether jobs wait for credit to return."""
        return self._guard.empty

    def credit_returned(self) -> None:
        """Create jobs again that wait for credit."""
        self._guard.refilled()
        self.pump()

    def finish(self, record: JobRecord[Any], outcome: Snapshot | BaseException) -> None:
        """End a job, whatever the reason, and let the next one start."""
        if record.ended:
            return
        try:
            self._finish(record, outcome)
        finally:  # an interrupt is no reason to let the next one wait
            self.pump()

    def _finish(self, record: JobRecord[Any], outcome: Snapshot | BaseException) -> None:
        failed = isinstance(outcome, Snapshot) and outcome.status is Status.FAILED
        if failed and record in self.cancelling:
            outcome = record.error(JobCancelled, "cancelled, as asked")
        ended: Any = outcome
        try:
            self.pending.remove(record)
            self.cancelling.discard(record)
            if self.armed is not None:
                self.armed.discard(record)
            if self.recorder is not None:
                shield("the journal", self.recorder.note_finished, record, outcome)
            note_lost(record, outcome)
            watch = self.watches.get(record.family.name)
            if watch is not None:
                watch.drop(record)
            if isinstance(outcome, Snapshot):
                ended = outcome_of(record, outcome, self._policies.finish_result)
        finally:  # an interrupt is no reason to keep anybody waiting
            try:
                self.places.free(record)
            finally:
                record.finish(ended)
        self.report(event_of(ended), record, ended)
        self.deliver(record)

    def deliver(self, record: JobRecord[Any]) -> None:
        """Tell of the end of a job, where somebody has to be told until he has taken it."""
        if self._policies.deliver is not None:
            shield("on_end", self._policies.deliver, record)

    def restore(self, record: JobRecord[Any], outcome: Snapshot | Exception) -> None:
        """End a job whose outcome is known from elsewhere, such as the journal."""
        self.reporter.ask()
        self.finish(record, outcome)

    async def close(self, grace: float) -> None:
        """End all jobs; wait at most `grace` seconds for the answers to creates already sent."""
        self._stop_sending()
        try:
            await self._creator.wait(grace)
        finally:
            tasks = [*self._creator.cancel(), *self.pending.close(), *self._guard.close()]
            tasks += self.watches.stop(self.finish_closed)
            if self.armed is not None:
                self.armed.stop()
            tasks += self.places.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.endings.tell()

    def _stop_sending(self) -> None:
        """End jobs that were not sent, and hold back creates that wait or connect."""
        self.closing = True
        self.hold.close()
        self.pending.close()
        for record in self.queue.drain():
            self.finish_closed(record)
        self._creator.stop_sending()

    def watch_on(self, record: JobRecord[Any]) -> None:
        """Watch an accepted job, and write down that it is one, whatever has happened since."""
        if self.recorder is not None:
            shield("the journal", self.recorder.note_accepted, record)
        self.watches.of(record.family).add(record, self.clock.time(), at_once=True)
