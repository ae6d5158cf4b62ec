"""The engine: takes jobs, creates them under one limit, watches them, ends them."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

from akool_async import token
from akool_async.backoff import Backoff
from akool_async.clock import Clock
from akool_async.endpoint import Snapshot, Status
from akool_async.engine.agenda import Agenda
from akool_async.engine.flight import Flight, Phase
from akool_async.engine.lane import Lane
from akool_async.engine.watch import Watch
from akool_async.errors import (
    AkoolError,
    CancelNotSupported,
    ClientClosed,
    CreateOutcomeUnknown,
    JobCancelled,
    JobFailed,
    JobTimeout,
    TransportError,
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
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._most_in_flight = most_in_flight
        self._limits = limits
        self._backoff = backoff
        self._backoffs = backoffs
        self._furnish = furnish
        self._queue: list[tuple[int, int, Flight[Any]]] = []
        self._order = itertools.count()
        self._creates: set[asyncio.Task[None]] = set()
        self._looks: set[asyncio.Task[None]] = set()
        self._watches: dict[str, Watch[Any]] = {}
        self._polls = Lane(limits.polls)
        self._batch_polls = Lane(limits.batch_polls)
        self._deadlines: Agenda[Flight[Any]] = Agenda(clock, self._end_overdue)
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
        """Queue a job; it is created as soon as there is a place for it."""
        heapq.heappush(self._queue, (-priority, next(self._order), flight))
        self._pump()

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
            self._land(flight, flight.error(JobCancelled, "cancelled before it was sent"))
        await flight.accepted()
        if not flight.ended:
            await self._ask_to_cancel(flight)
        if not flight.ended:
            self._land(flight, flight.error(JobCancelled, "cancelled at Akool"))
        return isinstance(flight.future.exception(), JobCancelled)

    async def _ask_to_cancel(self, flight: Flight[Any]) -> None:
        make, job = flight.family.cancel, flight.id
        command = make(job, flight.job_id) if make and job else None
        if command is None:
            raise flight.error(CancelNotSupported, "Akool cannot cancel this job; it goes on")
        await self._exchange.send(command)

    async def close(self, grace: float) -> None:
        """End all jobs; wait at most `grace` seconds for the answers to creates already sent."""
        self._closing = True
        while self._queue:
            self._end_with_client(heapq.heappop(self._queue)[2])
        try:
            if self._creates:
                await asyncio.wait(self._creates, timeout=grace)
        finally:
            tasks = self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._warn_of_unseen()

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks = [*self._creates, *self._looks]
        for task in tasks:
            task.cancel()
        for watch in self._watches.values():
            watch.stop()
            for flight in list(watch.flights.values()):
                self._end_with_client(flight)
        self._deadlines.disarm()
        return tasks

    def _warn_of_unseen(self) -> None:
        if self._unseen:
            logger.warning(
                "%d jobs that nobody awaited ended with the client; accepted ones go on at Akool",
                self._unseen,
            )
        self._unseen = 0

    def _end_with_client(self, flight: Flight[Any]) -> None:
        if flight.ended:
            return
        goes_on = "it goes on at Akool" if flight.id else "it was not sent"
        self._land(flight, flight.error(ClientClosed, f"the client was closed; {goes_on}"))
        if not flight.looked_for:
            flight.forgive()
            self._unseen += 1

    def _pump(self) -> None:
        """Create the jobs whose turn it is, as far as places and the lane of creates allow."""
        while self._queue and not self._closing:
            if self.in_flight >= self._most_in_flight or len(self._creates) >= self._limits.creates:
                return
            flight = heapq.heappop(self._queue)[2]
            if not flight.ended:
                self._take_place(flight)
                flight.phase = Phase.CREATING
                _spawn(self._create(flight), self._creates, self._pump)

    async def _create(self, flight: Flight[Any]) -> None:
        delivery = Delivery()
        sent_at = self._clock.now()
        assert flight.request is not None
        try:
            receipt = await self._exchange.send(flight.request, delivery)
        except asyncio.CancelledError:
            self._interrupted(flight, delivery)
            raise
        except Exception as error:  # noqa: BLE001 - any error ends this job, and no other
            problem = error
        else:
            self._accepted(flight, receipt)
            return
        if isinstance(problem, TransportError) and delivery.sent:
            problem = _unknown(flight, sent_at, str(problem))
        self._land(flight, problem)

    def _interrupted(self, flight: Flight[Any], delivery: Delivery) -> None:
        if not delivery.sent:
            self._end_with_client(flight)
            return
        self._land(flight, _unknown(flight, self._clock.now(), "the client was closed"))
        if not flight.looked_for:
            flight.forgive()
            self._unseen += 1

    def _accepted(self, flight: Flight[Any], receipt: Any) -> None:
        if not token.is_id(receipt.id):
            reason = "the reply said success, and named no job"
            self._land(flight, _unknown(flight, self._clock.now(), reason))
            return
        flight.accepted_at = self._clock.time()
        flight.accept(receipt, self._clock.now())
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
                spawn=lambda look: _spawn(look, self._looks),
                land=self._land,
            )
        return self._watches[family.name]

    def _backoff_of(self, flight: Flight[Any]) -> Backoff:
        return self._backoffs.get(flight.family.name, self._backoff)

    def _take_place(self, flight: Flight[Any]) -> None:
        flight.placed = True
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def _set_deadline(self, flight: Flight[Any]) -> None:
        if flight.timeout is not None:
            flight.deadline = self._clock.time() + flight.timeout
            self._deadlines.add(flight.deadline, flight)

    def _end_overdue(self) -> None:
        while self._deadlines.due():
            for flight in self._deadlines.soonest(1):
                message = f"not ended after {flight.timeout:g} seconds; it goes on at Akool"
                self._land(flight, flight.error(JobTimeout, message))
        self._deadlines.arm()

    def _land(self, flight: Flight[Any], outcome: Snapshot | Exception) -> None:
        """End a job, whatever the reason, and let the next one start."""
        if flight.ended:
            return
        if flight.placed:
            flight.placed = False
            self.in_flight -= 1
        if isinstance(outcome, Exception):
            flight.fail(outcome)
        elif outcome.status is Status.COMPLETED:
            flight.succeed(self._furnish(flight, outcome.following(flight.receipt)))
        else:
            why = f": {outcome.reason}" if outcome.reason else ""
            flight.fail(flight.error(JobFailed, f"Akool reports that the job failed{why}"))
        self._forget(flight)
        self._pump()

    def _forget(self, flight: Flight[Any]) -> None:
        watch = self._watches.get(flight.family.name)
        if watch is not None:
            watch.drop(flight)
        if flight.deadline != float("inf"):
            self._deadlines.note_ended()


def _unknown(flight: Flight[Any], sent_at: datetime, reason: str) -> AkoolError:
    return CreateOutcomeUnknown(flight.name, flight.request, sent_at, reason)


def _spawn(
    work: Coroutine[Any, Any, None],
    among: set[asyncio.Task[None]],
    then: Callable[[], None] = lambda: None,
) -> None:
    task = asyncio.get_running_loop().create_task(work)
    among.add(task)

    def done(task: asyncio.Task[None]) -> None:
        among.discard(task)
        then()

    task.add_done_callback(done)
