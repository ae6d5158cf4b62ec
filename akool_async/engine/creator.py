"""Creates jobs: the only part of the engine that spends the user's money.

How this works
--------------
A worker is a task that creates one job after the other, as long as there is a job whose turn it
is and a place for it. There are at most `limits.creates` workers; fewer while they keep the
event loop so busy that polls come late.

The way of one job: `_next` takes it out of the queue, with its place; `_create` writes down the
intent (with a journal), sends the create, and hands the receipt to the engine. A create is sent
once. What its failure means is decided by one question: may any of it have reached the server
(`delivery.sent`)? If so, and without a readable refusal, its outcome is unknown, and a person
has to look at the account.

A refusal that would meet all other jobs too, such as "no credit", stops the others before they
leave: `_stop_all` holds back creates that have not left yet.
"""

from __future__ import annotations

import asyncio
import copy
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from akool_async.clock import Clock, wait_for_all
from akool_async.engine.credit_guard import CreditGuard, stops_all
from akool_async.engine.event_names import EventName
from akool_async.engine.outage_hold import OutageHold
from akool_async.engine.places import JobPlaces
from akool_async.engine.queue import PendingQueue
from akool_async.engine.record import JobRecord
from akool_async.engine.state import CREATING, QUEUED, Trigger
from akool_async.engine.tasks import start
from akool_async.engine.uploaded import uploaded_of
from akool_async.errors import (
    AkoolError,
    APIError,
    CreateOutcomeUnknown,
    JobCancelled,
    ReplyError,
    message_of,
)
from akool_async.http.transport import Delivery
from akool_async.observers import logger

if TYPE_CHECKING:
    from akool_async.engine.interfaces import JobOwner
    from akool_async.engine.recorder import Recorder

_LATE: Final = 0.01
"""Seconds by which polls may be late before there are fewer workers."""
_FEWEST: Final = 6
"""Workers that never give way to polls."""


class Worker:
    """A task's job of the moment, and how far its create has come."""

    __slots__ = ("delivery", "record", "withdrawn")

    def __init__(self, record: JobRecord[Any]) -> None:
        self.withdrawn = False
        """Whether the job waits again, because an interrupt came while the task was started."""
        self.begin(record)

    def begin(self, record: JobRecord[Any]) -> None:
        """Turn to a job."""
        self.record = record
        self.delivery = Delivery()

    def hold_back(self, task: asyncio.Task[None], why: Exception) -> None:
        """Cancel the worker's task, unless its create may have left."""
        if not self.delivery.sent and self.delivery.held_for is None:
            self.delivery.held_for = why  # the create could still leave before the cancel arrives
            task.cancel()


class Creator:
    """The workers, and the queue they take jobs from.

    Args:
        owner: The engine.
        queue: The jobs that wait.
        places: The limits on jobs in flight.
        most: The most creates at once.
        hold: Decides whether the host answers creates.
        guard: Decides whether the account can pay.
        recorder: Writes down intents, where there is a journal.
        clock: Where time comes from.
    """

    def __init__(
        self,
        owner: JobOwner,
        queue: PendingQueue,
        places: JobPlaces,
        *,
        most: int,
        hold: OutageHold,
        guard: CreditGuard,
        recorder: Recorder | None,
        clock: Clock,
    ) -> None:
        self._owner = owner
        self._queue = queue
        self._places = places
        self._limit = most
        self._most = most
        """The most workers now."""
        self._hold = hold
        self._guard = guard
        self._recorder = recorder
        self._clock = clock
        self.workers: dict[asyncio.Task[None], Worker] = {}

    def records(self) -> Iterator[JobRecord[Any]]:
        """Yield the jobs that are being created."""
        yield from [worker.record for worker in self.workers.values()]

    def pump(self) -> None:
        """Start workers for the jobs whose turn it is, as far as places and limits allow."""
        while self._queue and len(self.workers) < self._most:
            begun: list[Worker] = []
            try:
                if not self._next(lambda record: begun.append(Worker(record))):  # noqa: B023 - at once
                    return
                self.workers[start(self._work(begun[0]), self._over)] = begun[0]
            except BaseException:  # such as an interrupt: no create, and the job waits as before
                for worker in begun:
                    worker.withdrawn = True
                    self._put_back(worker.record)
                raise

    def give_way(self, late: float) -> None:
        """Allow fewer workers while they make polls late by `late` seconds, more later."""
        if late > _LATE:
            self._most = max(min(_FEWEST, self._most), self._most // 2)
        elif self._most < self._limit:
            self._most += 1
            self.pump()

    def _next(self, hand_over: Callable[[JobRecord[Any]], object]) -> bool:
        """Take the job whose turn it is out of the queue; say whether one may be created now."""
        owner = self._owner
        if self._places.full or owner.closing or owner.endings.suspended or self._guard.empty:
            return False
        if owner.calls.held:
            return False
        record = self._queue.take(self._try_take, hand_over)
        if record is None:
            return False
        record.change(Trigger.CREATE)
        self._places.hold(record)
        return True

    def _try_take(self, name: str) -> bool:
        """Take a place for a job of an operation, unless the hold forbids to send it."""
        if self._hold.pauses(self._queue) or not self._places.try_take(name):
            return False
        # Asked last: the hold allows one create at a time, and that one has to leave.
        if self._hold.open_to(self._queue):
            return True
        self._places.give_back(name)
        return False

    async def _work(self, worker: Worker) -> None:
        while not worker.withdrawn:
            await self._create(worker.record, worker.delivery)
            if len(self.workers) > self._most:
                return
            if not self._next(worker.begin):
                return

    def _over(self, task: asyncio.Task[None]) -> None:
        worker = self.workers.get(task)
        if worker is not None:
            self._end(task, worker.record, worker.delivery)
            self.workers.pop(task, None)
        self.pump()

    def _end(self, task: asyncio.Task[None], record: JobRecord[Any], delivery: Delivery) -> None:
        """Go on with the job of a worker whose task is over."""
        broken_off = task.cancelled() or task.exception() is not None
        # Interrupted while it was taken out of the queue. A job that was refused for want of credit
        # is queued, too, and stands there.
        if broken_off and record.state is QUEUED and record not in self._queue:
            self._put_back(record)
        if task.cancelled() and delivery.held_for is not None and not self._owner.closing:
            self._stop_all(record, copy.copy(delivery.held_for))
        elif task.cancelled():
            self._owner.endings.cut_off()
            self._cut_off(record, delivery, "its task was cancelled from outside")
        elif (defect := task.exception()) is not None:
            self._broke_off(record, delivery, defect)

    def _broke_off(self, record: JobRecord[Any], delivery: Delivery, defect: BaseException) -> None:
        """End the job of a worker that an interrupt or a defect has ended; or watch it on."""
        if not isinstance(defect, Exception):
            self._owner.endings.cut_off()
        else:
            logger.error("%s: creating failed", record.name, exc_info=defect)
            if record.state is CREATING and not delivery.sent:
                self._owner.finish(record, defect)
                return
        self._cut_off(record, delivery, f"interrupted by {type(defect).__name__}")

    def _cut_off(self, record: JobRecord[Any], delivery: Delivery, why: str) -> None:
        why = "the client was closed" if self._owner.closing else why
        unknown = self.unknown(record, delivery, why) if delivery.sent else None
        self._owner.endings.interrupted(record, unknown, why)

    async def _create(self, record: JobRecord[Any], delivery: Delivery) -> None:
        try:
            receipt = await self._send(record, delivery)
        except Exception as error:  # any error ends this job, and no other
            if not isinstance(error, AkoolError):
                logger.exception("%s: creating failed", record.name)
            problem = error
        else:
            self._hold.answered(delivery.sent_at)
            self._guard.accepted()
            self._owner.accepted(record, receipt, delivery)
            return
        self._hold.failed(problem, delivery.sent_at)
        if delivery.sent and not isinstance(problem, APIError):
            jobs = problem.ids if isinstance(problem, ReplyError) else ()
            why = message_of(problem).removeprefix(f"{record.name}: ")
            problem = self.unknown(record, delivery, why)
            problem.ids = jobs
            creates = self._owner.armed
            if creates is not None and creates.wait(record, delivery, problem):
                return
        if stops_all(problem):
            self._stop_all(record, problem)
        elif self._hold.waits_out(problem) and not self._owner.closing:
            self._queue_again(record, problem)
        else:
            self._owner.finish(record, problem)

    async def _send(self, record: JobRecord[Any], delivery: Delivery) -> Any:
        """Write down the intent, with a journal, and send the create; return the receipt."""
        attempt, uploaded = None, uploaded_of(record)
        if uploaded is not None:  # before the intent: it may fail, and costs nothing
            await uploaded.addresses_of(uploaded.files)
        if self._recorder is not None:
            armed = self._owner.armed is not None and record.takes_address
            attempt = await self._recorder.intend(record, armed=armed)
        self._owner.report(EventName.CREATING, record)
        request = record.request
        assert request is not None
        if self._owner.armed is not None:
            request = self._owner.armed.arm(record, attempt)
        if uploaded is not None:
            request = await uploaded.address(request)
        return await self._owner.exchange.send(request, delivery)

    def unknown(
        self, record: JobRecord[Any], delivery: Delivery, reason: str
    ) -> CreateOutcomeUnknown:
        """Build the error of a create whose outcome is not known."""
        sent_at = delivery.sent_on or self._clock.now()
        error = CreateOutcomeUnknown(record.name, record.request, sent_at, reason)
        error.row = None if record.journal_row is None else record.journal_row.number
        return error

    def _stop_all(self, record: JobRecord[Any], problem: Exception) -> None:
        """Send nothing more that the account cannot pay for: end it, or let it wait."""
        if self._guard.waits(problem) and not self._owner.closing:
            self._queue_again(record, problem)
            self._guard.run_out(self._owner.credit_returned)
        else:
            self._guard.refused(problem)
            others = copy.copy(problem)  # before the error gets the tokens of its own job
            self._owner.finish(record, problem)
            problem = others
            for waiting in (*self._queue.drain(), *self._owner.pending.claiming()):
                self._owner.finish(waiting, copy.copy(problem))
        for task, worker in self.workers.items():
            if worker.record is not record and not task.done():
                worker.hold_back(task, problem)

    def _put_back(self, record: JobRecord[Any]) -> None:
        """Let a job wait that was about to be created, before the others of its priority."""
        if record.in_flight:
            self._places.free(record)
        else:
            self._places.give_back(record.name)
        if record.state is CREATING:
            record.change(Trigger.QUEUE)
        self._queue.add_first(record, record.options.priority)

    def _queue_again(self, record: JobRecord[Any], problem: Exception) -> None:
        """Queue a job that was not created once more, before all others: it stays the first."""
        self._places.free(record)
        if self._owner.armed is not None:
            self._owner.armed.discard(record)  # it gets another address when it is sent again
        record.change(Trigger.QUEUE)
        if self._recorder is not None:
            self._recorder.note_refused(record, problem)
        if record in self._owner.cancelling:
            message = "cancelled before it was sent again"
            self._owner.finish(record, record.error(JobCancelled, message))
            return
        self._queue.add_first(record, sys.maxsize)
        self._owner.report(EventName.QUEUED, record)

    # The end of the client

    def stop_sending(self) -> None:
        """Hold back creates that wait for a connection; repeat none of the others."""
        for task, worker in self.workers.items():
            worker.delivery.last = True
            worker.hold_back(task, RuntimeError("the client was closed"))

    async def wait(self, seconds: float) -> None:
        """Wait for the answers to creates that were sent."""
        await wait_for_all(self.workers, seconds)

    def cancel(self) -> list[asyncio.Task[None]]:
        """Cancel all workers; return their tasks."""
        for task in self.workers:
            task.cancel()
        return list(self.workers)
