"""The engine: takes jobs, creates them under one limit, watches them, ends them."""

from __future__ import annotations

import asyncio
import copy
import logging
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from akool_async.clock import Clock
from akool_async.engine.flight import (
    COMPLETED,
    CREATING,
    QUEUED,
    WATCHED,
    Flight,
    KeptFlight,
    Kind,
    Waiter,
)
from akool_async.engine.gate import Gate
from akool_async.engine.lane import Lane
from akool_async.engine.line import Line, Quotas
from akool_async.engine.step import Step, step_of
from akool_async.engine.treasury import Treasury, stops_all
from akool_async.engine.watch import Watch
from akool_async.errors import (
    AkoolError,
    APIError,
    CancelNotSupported,
    ClientClosed,
    CreateOutcomeUnknown,
    JobCancelled,
    JobFailed,
)
from akool_async.http.breaker import Breaker
from akool_async.http.exchange import Exchange
from akool_async.http.transport import Delivery
from akool_async.protocol import token
from akool_async.protocol.endpoint import Family, Guess, Operation, Startable
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.value import Input, Value
from akool_async.schedule.backoff import Backoff
from akool_async.schedule.batch_size import Cap

if TYPE_CHECKING:
    from akool_async.engine.ledger import Ledger
    from akool_async.job import Job
    from akool_async.schedule.learner import Learner

logger = logging.getLogger("akool_async")

_MOMENT = 0.005
"""Seconds."""
_LATE = 0.01
"""Seconds by which looks may be late before creates give way."""
_FEWEST = 6
"""Creates at once that never give way."""


class Limits(Input):
    """How many HTTP requests may be under way at once, and how large the largest are."""

    creates: int = 48
    """Create requests."""
    polls: int = 16
    """Lookups of one id, all families together."""
    batch_polls: int = 8
    """Lookups of many ids, all families together."""
    batch: int | None = None
    """Ids in one lookup, where the endpoint takes many. Akool publishes no bound, so it is
    learned, from 100 on; given, it is never exceeded."""
    downloads: int = 8
    """Downloads of results."""
    operations: Mapping[str, int] = {}
    """Jobs in flight by a pattern of operation names, such as `{"video.*": 20}`, beside the one
    limit on all jobs."""

    def check(self) -> None:
        """Refuse limits under which nothing would ever happen."""
        for name in ("creates", "polls", "batch_polls", "batch", "downloads"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise self.refuse(name, "must be at least 1")
        if any(each < 1 for each in self.operations.values()):
            raise self.refuse("operations", "must be at least 1 for each pattern")


class Semaphore(Protocol):
    """A limit of the user's own, such as `asyncio.Semaphore`; shared by several clients, say."""

    async def acquire(self) -> Any:
        """Wait for a place, and take it."""
        ...

    def release(self) -> Any:
        """Give a place back."""
        ...


class Observer(Protocol):
    """Who is told of the steps of jobs."""

    @property
    def listening(self) -> bool:
        """Whether anybody wants to know; asked when a job begins, not at each step."""
        ...

    def __call__(self, step: str, flight: Flight[Any], about: object = None) -> object:
        """Learn of one step."""
        ...


class Policies(Value):
    """What the client has decided about jobs."""

    places: int
    """Jobs in flight at once."""
    limits: Limits
    timeout: Callable[[str], float | None]
    """An operation's name to the seconds that its jobs may take."""
    schedule: Callable[[str, str, Guess | None], Backoff | Learner]
    """The names of an operation and its family, and how long its jobs usually take, to its
    schedule."""
    cap: Callable[[Family[Any]], Cap]
    """A family to how many of its ids one lookup may ask about."""
    furnish: Callable[[Flight[Any], Any], Any]
    """Make a completed job's last snapshot its result."""
    handle: Callable[[Flight[Any], Engine], Job[Any]]
    """A job and its engine to the user's handle on it."""
    semaphore: Semaphore | None = None
    """A further limit on jobs in flight."""
    observer: Observer | None = None
    """Told of each step of each job."""


class _Worker:
    """What creates jobs, one after the other, as long as there are some and places for them."""

    __slots__ = ("delivery", "flight")

    def __init__(self, flight: Flight[Any]) -> None:
        self.begin(flight)

    def begin(self, flight: Flight[Any]) -> None:
        """Turn to a job."""
        self.flight = flight
        self.delivery = Delivery()

    def hold_back(self, task: asyncio.Task[None], why: Exception) -> None:
        """Let the create that its task is sending not leave any more, if it has not left."""
        if not self.delivery.sent and self.delivery.held_for is None:
            self.delivery.held_for = why  # before the cancel takes effect, it could still leave
            task.cancel()


class Engine:
    """All jobs of one client on one event loop.

    A job's life: `submit` lets it wait in line; `_next` gives it a place; `_create` sends it;
    `_accepted` has it watched; `_land` ends it, whatever the reason, and lets the next one start.
    """

    def __init__(
        self,
        exchange: Exchange,
        policies: Policies,
        *,
        clock: Clock,
        ledger: Ledger | None = None,
        treasury: Treasury | None = None,
    ) -> None:
        self._exchange = exchange
        self._policies = policies
        self._places = policies.places
        self._most_workers = policies.limits.creates
        self._observer = policies.observer
        self._observed = False
        self._clock = clock
        self._ledger = ledger
        self._treasury = treasury or Treasury(clock)
        self._breaker = Breaker(clock)
        self._gate = Gate(self._breaker, clock, self._pump, spared=policies.limits.creates)
        self._epoch = clock.now().timestamp() - clock.time()
        self._quotas = Quotas(policies.limits.operations)
        self._line = Line(self._quotas)
        self._workers: dict[asyncio.Task[None], _Worker] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._preparing: dict[asyncio.Task[None], Flight[Any]] = {}
        self._polls = Lane(policies.limits.polls)
        self._batch_polls = Lane(policies.limits.batch_polls)
        self._last_moment = -1.0
        self._closing = False
        self._unseen = 0
        self.kinds: dict[str, Kind[Any]] = {}
        """What the jobs of each operation have in common."""
        self.watches: dict[str, Watch[Any]] = {}
        """Who looks after the accepted jobs of each family."""
        self.in_flight = 0
        """Jobs that hold a place now."""
        self.peak_in_flight = 0
        """The most that ever did at once."""

    def waiting(self) -> Counter[str]:
        """Return how many jobs wait for a place, by operation."""
        return Counter(flight.kind.name for flight in self._line)

    def kind(self, startable: Startable[Any] | type[Operation[Any]], name: str) -> Kind[Any]:
        """Return what all jobs of an operation, or recipe, have in common."""
        known = self.kinds.get(name)
        if known is None:
            family: Family[Any] = startable.family
            known = self.kinds[name] = Kind(
                name,
                family,
                schedule=self._policies.schedule(name, family.name, family.usual_of(startable)),
                timeout=self._policies.timeout(name),
                epoch=self._epoch,
                handle=self._handle_maker(),
            )
        return known

    def _handle_maker(self) -> Callable[[Flight[Any]], Job[Any] | None]:
        # Jobs hold their kind, and an engine that nobody needs any more shall not be held by them.
        alive, handle = weakref.ref(self), self._policies.handle

        def handle_of(flight: Flight[Any]) -> Job[Any] | None:
            engine = alive()
            return None if engine is None else handle(flight, engine)

        return handle_of

    def flight(
        self, startable: Startable[Any] | type[Operation[Any]], name: str, request: Any = None
    ) -> Flight[Any]:
        """Return the record of a new job of an operation, or recipe."""
        kind = self.kind(startable, name)
        return Flight(kind, request) if self._ledger is None else KeptFlight(kind, request)

    def flights(self) -> Iterator[Flight[Any]]:
        """Yield every job that has not ended."""
        yield from tuple(self._line)
        yield from tuple(self._preparing.values())
        yield from [worker.flight for worker in self._workers.values()]
        for watch in self.watches.values():
            yield from tuple(watch.flights.values())

    def submit(self, flight: Flight[Any], *, priority: int = 0, of_stream: bool = False) -> None:
        """Let a job wait for its turn; it is created as soon as there is a place for it.

        Args:
            flight: The job.
            priority: Among jobs that wait, higher goes first.
            of_stream: Whether it ends unsent where one before it was refused as all would be.

        Raises:
            RuntimeError: the engine is closed, or its loop is ending.
        """
        if self._closing:
            raise RuntimeError("the client is closed")
        self._look_for_listeners()
        refusal = self._treasury.refusal() if of_stream else None
        if refusal is not None:
            self._step(Step.QUEUED, flight)
            self._land(flight, refusal)
            return
        self._line.add(flight, priority)
        self._step(Step.QUEUED, flight)
        self._pump()

    def _look_for_listeners(self) -> None:
        """See, wherever a job's life begins, whether anybody wants to be told of steps."""
        if self._observer is not None:
            self._observed = self._observer.listening

    def _step(self, step: str, flight: Flight[Any], about: object = None) -> None:
        flight.kind.tally[step] += 1
        if self._observed and self._observer is not None:
            self._observer(step, flight, about)

    def prepare(self, flight: Flight[Any], steps: Coroutine[Any, Any, None]) -> None:
        """Let a recipe take its steps, which end by submitting the job; it holds no place yet."""

        def over(task: asyncio.Task[None]) -> None:
            del self._preparing[task]
            if not task.cancelled() and (problem := task.exception()) is not None:
                self._land(flight, _own(problem))
            elif task.cancelled() and flight.preparing is not None:
                self._end_with_client(flight)
            flight.preparing = None

        self._look_for_listeners()
        self._step(Step.PREPARING, flight)
        task = asyncio.get_running_loop().create_task(steps)
        flight.preparing = task
        self._preparing[task] = flight
        task.add_done_callback(over)

    def now(self) -> float:
        """Return the clock's time."""
        return self._clock.time()

    def end(self, flight: Flight[Any], outcome: Snapshot | Exception) -> None:
        """End a job whose outcome is known from elsewhere, such as the journal."""
        self._look_for_listeners()
        self._land(flight, outcome)

    def follow(self, flight: Flight[Any], leader: Flight[Any]) -> None:
        """Let a recipe's job go as another job of its key goes."""
        flight.follow(leader, self._step)

    def resume(self, flight: Flight[Any], reference: token.JobReference) -> Flight[Any]:
        """Watch a job that was created earlier; if it is watched already, return that."""
        watch = self._watch(flight.family)
        known = watch.flights.get(reference.id)
        if known is not None:
            return known
        self._look_for_listeners()
        now = self._clock.time()
        flight.known_as(reference, now)
        self._take_place(flight)
        flight.watch()
        watch.add(flight, now, at_once=True)
        self._step(Step.RESUMED, flight)
        return flight

    async def cancel(self, flight: Flight[Any]) -> bool:
        """Cancel a job; say whether that is how it ended."""
        if flight.phase is QUEUED:
            try:
                await self._stop_preparing(flight)
            finally:  # nobody else ends it, should this wait itself be cancelled
                self._land(flight, flight.error(JobCancelled, "cancelled before it was sent"))
        flight.unwanted = True
        await flight.accepted()
        if not flight.ended:
            await self._ask_to_cancel(flight)
        if not flight.ended:
            self._land(flight, flight.error(JobCancelled, "cancelled, as asked"))
        return flight.cancelled

    async def abandon(self, waiter: Waiter) -> None:
        """Drop the jobs that somebody waited for and were not sent; nobody looks for the others."""
        for flight in list(self.flights()):
            if not flight.unwait(waiter):
                continue
            if flight.phase is QUEUED:
                await self.cancel(flight)
                flight.forgive()
            flight.looked_for = False

    def eta(self, flight: Flight[Any]) -> float | None:
        """Return the seconds that a job still takes, as a rule, if that is known."""
        learner = flight.kind.learner
        if learner is None or flight.phase is not WATCHED:
            return None
        return learner.eta(flight.age(self._clock.time()))

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
            if self._workers:
                await asyncio.wait(self._workers, timeout=grace)
        finally:
            tasks = self._stop()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._warn_of_unseen()

    def _stop_sending(self) -> None:
        """End what was not sent: jobs in the queue, and creates that wait or connect."""
        self._closing = True
        self._gate.close()
        for preparing in self._preparing:
            preparing.cancel()
        for flight in self._line.drain():
            self._end_with_client(flight)
        for task, worker in self._workers.items():
            worker.delivery.last = True
            worker.hold_back(task, RuntimeError("the client was closed"))

    def _stop(self) -> list[asyncio.Task[None]]:
        tasks = [*self._workers, *self._looks, *self._preparing]
        for task in tasks:
            task.cancel()
        for watch in self.watches.values():
            while watch.flights:  # one that ends may bring in another with its id
                self._end_with_client(watch.flights.popitem()[1])
            watch.stop()
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
        while self._line.ranks and len(self._workers) < self._most_workers:
            flight = self._next()
            if flight is None:
                return
            self._start_worker(_Worker(flight))

    def _heed(self, late: float) -> None:
        """Send fewer creates at once while they keep the loop from looks, and more again later."""
        if late > _LATE:
            self._most_workers = max(min(_FEWEST, self._most_workers), self._most_workers // 2)
        elif self._most_workers < self._policies.limits.creates:
            self._most_workers += 1
            self._pump()

    def _next(self) -> Flight[Any] | None:
        """Give a place to the job whose turn it is, if there is one."""
        if not self._line.ranks or self.in_flight >= self._places:
            return None
        if self._closing or self._treasury.empty or not self._gate.open_to(self._line):
            return None
        flight = self._line.take()
        if flight is not None:
            self._take_place(flight)
            flight.phase = CREATING
        return flight

    def _start_worker(self, worker: _Worker) -> None:
        def over(task: asyncio.Task[None]) -> None:
            del self._workers[task]
            flight, delivery = worker.flight, worker.delivery
            if task.cancelled() and delivery.held_for is not None and not self._closing:
                self._run_out(flight, copy.copy(delivery.held_for))
            elif task.cancelled():
                self._interrupted(flight, delivery)
            elif (defect := task.exception()) is not None:
                logger.error("%s: creating failed", flight.name, exc_info=defect)
                self._land(flight, _own(defect))
            self._pump()

        task = asyncio.get_running_loop().create_task(self._work(worker))
        self._workers[task] = worker
        task.add_done_callback(over)

    async def _work(self, worker: _Worker) -> None:
        while True:
            await self._create(worker.flight, worker.delivery)
            if len(self._workers) > self._most_workers:
                return
            flight = self._next()
            if flight is None:
                return
            worker.begin(flight)

    async def _create(self, flight: Flight[Any], delivery: Delivery) -> None:
        assert flight.request is not None
        try:
            if self._policies.semaphore is not None:
                await self._policies.semaphore.acquire()
                flight.holds_semaphore = True
            if self._ledger is not None:
                await self._ledger.intend(flight)
            self._step(Step.CREATING, flight)
            receipt = await self._exchange.send(flight.request, delivery)
        except Exception as error:  # any error ends this job, and no other
            if not isinstance(error, AkoolError):  # the job's own error has no traceback
                logger.exception("%s: creating failed", flight.name)
            problem = error.with_traceback(None)  # or it and this frame would hold each other
            self._gate.failed(problem, delivery.sent_at)
        else:
            self._gate.answered(delivery.sent_at)
            self._accepted(flight, receipt, delivery)
            return
        if delivery.sent and not isinstance(problem, APIError):
            problem = self._unknown(flight, delivery, str(problem))
        if stops_all(problem):
            self._run_out(flight, problem)
        else:
            self._land(flight, problem)

    def _run_out(self, flight: Flight[Any], problem: Exception) -> None:
        """Send nothing more that nobody pays for: end all that waits, or let it wait on."""
        if self._treasury.waits(problem) and not self._closing:
            self._queue_again(flight, problem)
            self._treasury.run_out(self.go_on)
        else:
            self._treasury.refused(problem)
            self._land(flight, problem)
            for waiting in self._line.drain():
                self._land(waiting, copy.copy(problem))
        for task, worker in self._workers.items():
            if worker.flight is not flight and not task.done():
                worker.hold_back(task, problem)

    def _queue_again(self, flight: Flight[Any], problem: Exception) -> None:
        """Queue a refused job once more; it was first in line, and stays that."""
        self._free_place(flight)
        flight.phase = QUEUED
        if self._ledger is not None:
            self._ledger.note_refused(flight, problem)
        if flight.unwanted:
            self._land(flight, flight.error(JobCancelled, "cancelled before it was sent again"))
            return
        self._line.add_first(flight, sys.maxsize)
        self._step(Step.QUEUED, flight)

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
        self._land(flight, self._unknown(flight, delivery, "the client was closed"))
        if not flight.looked_for:
            flight.forgive()
            self._unseen += 1

    def _unknown(self, flight: Flight[Any], delivery: Delivery, reason: str) -> AkoolError:
        sent_at = datetime.fromtimestamp(self._epoch + delivery.sent_at, UTC)
        return CreateOutcomeUnknown(flight.name, flight.request, sent_at, reason)

    def _accepted(self, flight: Flight[Any], receipt: Any, delivery: Delivery) -> None:
        self._treasury.accepted()
        if not token.is_id(receipt.id):
            reason = "the reply said success, and named no job"
            self._land(flight, self._unknown(flight, delivery, reason))
            return
        watch, now = self._watch(flight.family), self._moment()
        flight.accept(receipt, now, crowded=watch.crowded)
        self._step(Step.CREATED, flight)
        if self._ledger is not None:
            self._ledger.note_accepted(flight)
        if receipt.status.terminal:  # T25: audio may be finished when it is created
            self._land(flight, receipt)
        elif self._closing:
            self._end_with_client(flight)
        else:
            watch.add(flight, now)

    def _moment(self) -> float:
        """Return the time; jobs accepted within five milliseconds share one float."""
        now = self._clock.time()
        if now - self._last_moment > _MOMENT:
            self._last_moment = now
        return self._last_moment

    def _watch(self, family: Family[Any]) -> Watch[Any]:
        watch = self.watches.get(family.name)
        if watch is None:
            watch = self.watches[family.name] = Watch(
                family,
                exchange=self._exchange,
                clock=self._clock,
                lane=self._batch_polls if family.batch > 1 else self._polls,
                cap=self._policies.cap(family),
                spawn=self._start_look,
                land=self._land,
                breaker=self._breaker,
                observe=self._step,
                on_ring=self._heed,
            )
        return watch

    def _start_look(self, look: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(look)
        self._looks.add(task)
        task.add_done_callback(self._looks.discard)

    def _take_place(self, flight: Flight[Any]) -> None:
        self.in_flight += 1
        flight.kind.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        self._quotas.taken(flight.kind.name)

    def _free_place(self, flight: Flight[Any]) -> None:
        if flight.phase is not WATCHED and flight.phase is not CREATING:
            return
        self.in_flight -= 1
        flight.kind.in_flight -= 1
        self._quotas.taken(flight.kind.name, -1)
        if self._policies.semaphore is not None and flight.holds_semaphore:
            flight.holds_semaphore = False
            self._policies.semaphore.release()

    def _land(self, flight: Flight[Any], outcome: Snapshot | Exception) -> None:
        """End a job, whatever the reason, and let the next one start."""
        if flight.ended:
            return
        self._free_place(flight)
        if self._ledger is not None:
            self._ledger.note_ended(flight, outcome)
        watch = self.watches.get(flight.kind.family.name)
        if watch is not None:
            watch.drop(flight)
        if isinstance(outcome, Exception):
            flight.fail(outcome)
        elif outcome.status is COMPLETED:
            flight.succeed(self._policies.furnish(flight, flight.completed(outcome)))
        else:
            why = f": {outcome.reason}" if outcome.reason else ""
            outcome = flight.error(
                JobFailed, f"{flight.family.vendor} reports that the job failed{why}"
            )
            flight.fail(outcome)
        self._step(step_of(outcome), flight, flight.outcome)
        self._pump()


def _own(problem: BaseException) -> Exception:
    """Return an error that may be another job's too, as one of this job's own."""
    return copy.copy(problem) if isinstance(problem, AkoolError) else Exception(str(problem))
