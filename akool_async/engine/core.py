"""The engine: takes jobs, creates them under one limit, watches them, ends them."""

from __future__ import annotations

import asyncio
import copy
import heapq
import itertools
import logging
import sys
import weakref
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from akool_async import token
from akool_async.backoff import Backoff
from akool_async.breaker import Breaker
from akool_async.clock import Clock
from akool_async.endpoint import Snapshot, Status
from akool_async.engine.agenda import Agenda
from akool_async.engine.flight import Flight, Phase
from akool_async.engine.lane import Lane
from akool_async.engine.ledger import Ledger
from akool_async.engine.treasury import Treasury, runs_out_of_credit
from akool_async.engine.watch import Watch
from akool_async.errors import (
    AkoolError,
    APIError,
    CancelNotSupported,
    ClientClosed,
    CreateOutcomeUnknown,
    JobCancelled,
    JobFailed,
    JobTimeout,
)
from akool_async.exchange import Exchange
from akool_async.transport import Delivery
from akool_async.value import Input

logger = logging.getLogger("akool_async")


class Limits(Input):
    """How many HTTP requests may be under way at once, and how large the largest are."""

    creates: int = 48
    """Create requests."""
    polls: int = 16
    """Lookups of one id, all families together."""
    batch_polls: int = 8
    """Lookups of many ids, all families together."""
    batch: int = 100
    """Ids in one lookup, where the endpoint takes many. Akool publishes no bound."""
    downloads: int = 8
    """Downloads of results."""

    def check(self) -> None:
        """Refuse limits under which nothing would ever happen."""
        for name in self.__struct_fields__:
            if getattr(self, name) < 1:
                raise self.refuse(name, "must be at least 1")


class _Deadline(weakref.ref[Flight[Any]]):
    """A job that may run out of time, by a link that keeps nobody.

    A job that ended goes as soon as nobody holds it, and with it, to asyncio's log, an
    error that nobody looked at; it does not wait for its deadline.
    """

    __slots__ = ()

    @property
    def ended(self) -> bool:
        """Whether the job is over, or gone."""
        flight = self()
        return flight is None or flight.ended


class Engine:
    """All jobs of one client on one event loop."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        clock: Clock,
        most_in_flight: int,
        limits: Limits,
        backoff: Backoff,
        backoffs: Mapping[str, Backoff],
        furnish: Callable[[Flight[Any], Any], Any],
        ledger: Ledger | None = None,
        treasury: Treasury | None = None,
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._most_in_flight = most_in_flight
        self._limits = limits
        self._backoff = backoff
        self._backoffs = backoffs
        self._furnish = furnish
        self._ledger = ledger
        self._treasury = treasury or Treasury(clock)
        self._breaker = Breaker(clock)
        self._queue: list[tuple[int, int, Flight[Any]]] = []
        self._order = itertools.count()
        self._creates: dict[asyncio.Task[None], Delivery] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._preparing: dict[asyncio.Task[None], Flight[Any]] = {}
        self._watches: dict[str, Watch[Any]] = {}
        self._polls = Lane(limits.polls)
        self._batch_polls = Lane(limits.batch_polls)
        self._deadlines: Agenda[_Deadline] = Agenda(clock, self._end_overdue)
        self._closing = False
        self._unseen = 0
        self.in_flight = 0
        """Jobs that hold a place now."""
        self.peak_in_flight = 0
        """The most that ever did at once."""

    @property
    def queued(self) -> int:
        """Jobs that wait for a place."""
        return sum(1 for _, _, flight in self._queue if not flight.ended)

    def submit(self, flight: Flight[Any], *, priority: int = 0) -> None:
        """Queue a job; it is created as soon as there is a place for it.

        Raises:
            RuntimeError: the engine is closed, or its loop is ending.
        """
        if self._closing:
            raise RuntimeError("the client is closed")
        heapq.heappush(self._queue, (-priority, next(self._order), flight))
        self._pump()

    def prepare(self, flight: Flight[Any], steps: Coroutine[Any, Any, None]) -> None:
        """Let a recipe take its steps, which end by submitting the job; it holds no place yet."""

        def over(task: asyncio.Task[None]) -> None:
            del self._preparing[task]
            if not task.cancelled() and (problem := task.exception()) is not None:
                self._land(flight, _own(problem))
            elif task.cancelled() and flight.preparing is not None:
                self._end_with_client(flight)
            flight.preparing = None

        task = asyncio.get_running_loop().create_task(steps)
        flight.preparing = task
        self._preparing[task] = flight
        task.add_done_callback(over)

    def end(self, flight: Flight[Any], outcome: Snapshot | Exception) -> None:
        """End a job whose outcome is known from elsewhere, such as the journal."""
        self._land(flight, outcome)

    def resume(self, flight: Flight[Any], reference: token.JobReference) -> Flight[Any]:
        """Watch a job that was created earlier; if it is watched already, return that."""
        watch = self._watch(flight)
        known = watch.flights.get(reference.id)
        if known is not None:
            return known
        flight.resume(reference)
        flight.accepted_at = self._clock.time() - flight.age_by_date(self._clock.now())
        self._take_place(flight)
        self._set_deadline(flight)
        watch.add(flight, first_look=0.0)
        return flight

    async def cancel(self, flight: Flight[Any]) -> bool:
        """Cancel a job; say whether that is how it ended."""
        if flight.phase is Phase.QUEUED:
            try:
                await self._stop_preparing(flight)
            finally:  # nobody else ends it, should this wait itself be cancelled
                self._land(flight, flight.error(JobCancelled, "cancelled before it was sent"))
        await flight.accepted()
        if not flight.ended:
            await self._ask_to_cancel(flight)
        if not flight.ended:
            self._land(flight, flight.error(JobCancelled, "cancelled, as asked"))
        return flight.cancelled

    async def _stop_preparing(self, flight: Flight[Any]) -> None:
        """Take no more of a recipe's steps; one that is being sent is waited for."""
        preparing, flight.preparing = flight.preparing, None
        if preparing is not None:
            preparing.cancel()
            await asyncio.wait([preparing])

    async def _ask_to_cancel(self, flight: Flight[Any]) -> None:
        make, job = flight.family.cancel, flight.id
        command = make(job, flight.job_id) if make and job else None
        if command is None:
            raise flight.error(
                CancelNotSupported, f"{flight.family.vendor} cannot cancel this job; it goes on"
            )
        await self._exchange.send(command)

    async def close(self, grace: float) -> None:
        """End all jobs; wait at most `grace` seconds for the answers to creates already sent."""
        self._stop_sending()
        try:
            if self._creates:
                await asyncio.wait(self._creates, timeout=grace)
        finally:
            tasks = self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._warn_of_unseen()

    def _stop_sending(self) -> None:
        """End what was not sent: jobs in the queue, and creates that wait or connect."""
        self._closing = True
        for preparing in self._preparing:
            preparing.cancel()
        while self._queue:
            self._end_with_client(heapq.heappop(self._queue)[2])
        for task, delivery in self._creates.items():
            delivery.last = True
            if not delivery.sent:
                task.cancel()

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks = [*self._creates, *self._looks, *self._preparing]
        for task in tasks:
            task.cancel()
        for watch in self._watches.values():
            while watch.flights:  # one that ends may bring in another with its id
                self._end_with_client(watch.flights.popitem()[1])
            watch.stop()
        self._deadlines.disarm()
        return [*tasks, *self._treasury.close()]

    def _warn_of_unseen(self) -> None:
        if self._unseen:
            logger.warning(
                "%d jobs that nobody awaited ended with the client; accepted ones go on",
                self._unseen,
            )
        self._unseen = 0

    def _end_with_client(self, flight: Flight[Any]) -> None:
        if flight.ended:
            return
        goes_on = f"it goes on at {flight.family.vendor}" if flight.id else "it was not sent"
        self._land(flight, flight.error(ClientClosed, f"the client was closed; {goes_on}"))
        # Whoever asked knows that the client is closed; all others are counted in one warning.
        flight.forgive()
        self._unseen += not flight.looked_for

    def _pump(self) -> None:
        """Create the jobs whose turn it is, as far as places and the lane of creates allow."""
        while self._queue and not self._closing and not self._treasury.empty:
            if self.in_flight >= self._most_in_flight or len(self._creates) >= self._limits.creates:
                return
            flight = heapq.heappop(self._queue)[2]
            if not flight.ended:
                self._take_place(flight)
                flight.phase = Phase.CREATING
                self._start_create(flight)

    def _start_create(self, flight: Flight[Any]) -> None:
        delivery = Delivery()

        def over(task: asyncio.Task[None]) -> None:
            del self._creates[task]
            if task.cancelled() and delivery.held_for is not None and not self._closing:
                self._run_out(flight, copy.copy(delivery.held_for))
            elif task.cancelled():
                self._interrupted(flight, delivery)
            self._pump()

        task = asyncio.get_running_loop().create_task(self._create(flight, delivery))
        self._creates[task] = delivery
        task.add_done_callback(over)

    async def _create(self, flight: Flight[Any], delivery: Delivery) -> None:
        assert flight.request is not None
        try:
            if self._ledger is not None:
                await self._ledger.intend(flight)
            receipt = await self._exchange.send(flight.request, delivery)
        except Exception as error:  # noqa: BLE001 - any error ends this job, and no other
            problem = error
        else:
            self._accepted(flight, receipt, delivery)
            return
        if delivery.sent and not isinstance(problem, APIError):
            problem = _unknown(flight, delivery, str(problem))
        if runs_out_of_credit(problem):
            self._run_out(flight, problem)
        else:
            self._land(flight, problem)

    def _run_out(self, flight: Flight[Any], problem: Exception) -> None:
        """Send nothing more without credit: end all that waits, or let it wait on."""
        if self._treasury.waits and not self._closing:
            self._queue_again(flight, problem)
            self._treasury.run_out(self.go_on)
        else:
            queued, self._queue = self._queue, []
            self._land(flight, problem)
            for _, _, waiting in queued:
                self._land(waiting, copy.copy(problem))
        for task, delivery in self._creates.items():
            if not delivery.sent and delivery.held_for is None and not task.done():
                delivery.held_for = problem
                task.cancel()

    def _queue_again(self, flight: Flight[Any], problem: Exception) -> None:
        """Queue a refused job once more; it was first in line, and stays that."""
        flight.phase = Phase.QUEUED
        self._free_place(flight)
        if self._ledger is not None:
            self._ledger.note_refused(flight, problem)
        heapq.heappush(self._queue, (-sys.maxsize, next(self._order), flight))

    def go_on(self) -> None:
        """Create jobs again, after credit has returned."""
        self._treasury.refilled()
        self._pump()

    def _interrupted(self, flight: Flight[Any], delivery: Delivery) -> None:
        """End a job whose create was cancelled: by closing, or because the loop is ending."""
        if not self._closing:
            self._stop_sending()
        if not delivery.sent:
            self._end_with_client(flight)
            return
        self._land(flight, _unknown(flight, delivery, "the client was closed"))
        if not flight.looked_for:
            flight.forgive()
            self._unseen += 1

    def _accepted(self, flight: Flight[Any], receipt: Any, delivery: Delivery) -> None:
        if not token.is_id(receipt.id):
            reason = "the reply said success, and named no job"
            self._land(flight, _unknown(flight, delivery, reason))
            return
        flight.accepted_at = self._clock.time()
        flight.accept(receipt, self._clock.now())
        if self._ledger is not None:
            self._ledger.note_accepted(flight)
        if receipt.status.terminal:  # T25: audio may be finished when it is created
            self._land(flight, receipt)
        elif self._closing:
            self._end_with_client(flight)
        else:
            self._set_deadline(flight)
            watch = self._watch(flight)
            watch.add(flight, first_look=self._backoff_of(flight).delay(0.0))

    def _watch(self, flight: Flight[Any]) -> Watch[Any]:
        family = flight.family
        if family.name not in self._watches:
            self._watches[family.name] = Watch(
                family,
                exchange=self._exchange,
                clock=self._clock,
                backoff=self._backoff_of(flight),
                lane=self._batch_polls if family.batch > 1 else self._polls,
                batch=min(family.batch, self._limits.batch),
                spawn=self._start_look,
                land=self._land,
                breaker=self._breaker,
            )
        return self._watches[family.name]

    def _start_look(self, look: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(look)
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    def _backoff_of(self, flight: Flight[Any]) -> Backoff:
        return self._backoffs.get(flight.family.name, self._backoff)

    def _take_place(self, flight: Flight[Any]) -> None:
        flight.placed = True
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def _free_place(self, flight: Flight[Any]) -> None:
        if flight.placed:
            flight.placed = False
            self.in_flight -= 1

    def _set_deadline(self, flight: Flight[Any]) -> None:
        if flight.timeout is not None:
            flight.deadline = self._clock.time() + flight.timeout
            self._deadlines.add(flight.deadline, _Deadline(flight))

    def _end_overdue(self) -> None:
        while self._deadlines.due():
            for deadline in self._deadlines.soonest(1):
                flight = deadline()
                assert flight is not None
                message = f"not ended after {flight.timeout:g} seconds; it goes on"
                self._land(flight, flight.error(JobTimeout, message))
        self._deadlines.arm()

    def _land(self, flight: Flight[Any], outcome: Snapshot | Exception) -> None:
        """End a job, whatever the reason, and let the next one start."""
        if flight.ended:
            return
        self._free_place(flight)
        if self._ledger is not None:
            self._ledger.note_ended(flight, outcome)
        if isinstance(outcome, Exception):
            flight.fail(outcome)
        elif outcome.status is Status.COMPLETED:
            flight.succeed(self._furnish(flight, flight.completed(outcome)))
        else:
            why = f": {outcome.reason}" if outcome.reason else ""
            flight.fail(
                flight.error(JobFailed, f"{flight.family.vendor} reports that the job failed{why}")
            )
        self._forget(flight)
        self._pump()

    def _forget(self, flight: Flight[Any]) -> None:
        watch = self._watches.get(flight.family.name)
        if watch is not None:
            watch.drop(flight)
        if flight.deadline != float("inf"):
            self._deadlines.note_ended()


def _own(problem: BaseException) -> Exception:
    """Return an error that may be another job's too, as one of this job's own."""
    return copy.copy(problem) if isinstance(problem, AkoolError) else Exception(str(problem))


def _unknown(flight: Flight[Any], delivery: Delivery, reason: str) -> AkoolError:
    assert delivery.sent_at is not None
    return CreateOutcomeUnknown(flight.name, flight.request, delivery.sent_at, reason)
