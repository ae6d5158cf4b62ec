"""Looks after the jobs of one result family until each of them has ended.

When a job is due, it is asked about together with those that are due next: they ride in
its request for nothing, and need none of their own soon. So a family with fewer jobs
than one request holds needs no more requests than its most urgent job, however many jobs
there are, and a larger one sends requests that are nearly always full.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from akool_async.clock import Clock, Timer
from akool_async.engine.flight import COMPLETED, FAILED, WATCHED, Flight, Kind
from akool_async.engine.lane import Lane
from akool_async.engine.step import Step
from akool_async.engine.wheel import Deadlines, Wheel
from akool_async.errors import (
    AccountError,
    AkoolError,
    APIError,
    AuthenticationError,
    InsufficientCredit,
    InvalidRequest,
    JobTimeout,
    NotFound,
    PermissionDenied,
    ProcessingError,
    ReplyError,
    ResultExpired,
)
from akool_async.http.breaker import Breaker
from akool_async.http.exchange import Exchange
from akool_async.protocol.endpoint import Family
from akool_async.protocol.snapshot import Snapshot
from akool_async.schedule.batch_size import Cap

S = TypeVar("S", bound=Snapshot)

GRACE = 30.0
"""Seconds after its creation in which a job that "does not exist" is not believed."""

_PATIENCE = 3
"""How many looks in a row may answer with a processing error before it is the job's end."""

_CALLBACK_FAILED = frozenset({1111, 1217})
"""Codes of processing errors that concern a webhook."""

_SAMPLE = 1024
"""Pending jobs whose ages tell a schedule enough of all of them."""

ROOM = 1000
"""So many pending jobs of one family are remembered whole: receipt, and last observation.
Beyond it no more is kept than what a job needs to go on; a hundred thousand have to fit."""

_MANY = 16
"""So many ids refused in a row for their length, each alone, say nothing of ids any more."""

_TOO_LONG = frozenset({400, 413, 414, 431})
"""HTTP statuses with which servers refuse a request line or URL for its length."""

_ACCOUNT_LEVEL = (AuthenticationError, AccountError)
_DEFINITE = (*_ACCOUNT_LEVEL, InsufficientCredit, InvalidRequest, PermissionDenied)

logger = logging.getLogger("akool_async")


class Watch(Generic[S]):
    """One family's jobs, and when to look at them next.

    Args:
        family: What they have in common.
        exchange: Sends the lookups.
        clock: Where time comes from.
        lane: Bounds the lookups under way.
        cap: How many ids one of them may ask about.
        spawn: Runs a look.
        land: Ends a job.
        breaker: Knows whether the host is down.
        observe: Told of changes of status.
        on_ring: Told by how many seconds looks were late.
    """

    def __init__(
        self,
        family: Family[S],
        *,
        exchange: Exchange,
        clock: Clock,
        lane: Lane,
        cap: Cap,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        land: Callable[[Flight[Any], Any], None],
        breaker: Breaker,
        observe: Callable[[str, Flight[Any], object], object],
        on_ring: Callable[[float], object],
    ) -> None:
        self._family = family
        self._exchange = exchange
        self._clock = clock
        self._lane = lane
        self._cap = cap
        self._spawn = spawn
        self._land = land
        self._breaker = breaker
        self._observe = observe
        self._held: Timer | None = None
        self._split: deque[list[Flight[S]]] = deque()
        self._failures = 0
        self._alone = 0
        self.flights: dict[str, Flight[S]] = {}
        """The jobs watched, by id."""
        self._kinds: set[Kind[S]] = set()
        self.asked = 0
        """How many ids were asked about so far, each time counted."""
        self._wheel: Wheel[S] = Wheel(clock, self._go, on_ring)
        self._deadlines: Deadlines[S] = Deadlines(clock, self.flights, self._end_overdue)
        lane.join(family.name)
        breaker.join(family.name, self._go)

    @property
    def batch(self) -> int:
        """How many ids one lookup may hold, as far as is known."""
        return self._cap.size

    @property
    def crowded(self) -> bool:
        """Whether so many wait that of each no more is kept than it needs."""
        return len(self.flights) >= ROOM and self._family.batch > 1

    def add(self, flight: Flight[S], now: float, *, at_once: bool = False) -> None:
        """Watch a job that was accepted; look at it at once, or when its schedule says.

        Args:
            flight: The job.
            now: The clock's time.
            at_once: Whether it was accepted long ago, and may have ended.
        """
        assert flight.id is not None
        known = self.flights.get(flight.id)
        if known is not None and known is not flight:
            # Two creates were answered with one id: what is seen of one is seen of both.
            known.listen(lambda _known, snapshot: self._follow(flight, snapshot))
            self._deadlines.add(flight, in_order=False)
            return
        self.flights[flight.id] = flight
        self._kinds.add(flight.kind)
        self._deadlines.add(flight)
        delay = 0.0 if at_once else flight.kind.schedule.delay(0.0, self._sharing())
        self._wheel.slot(now, delay).append(flight)

    def _sharing(self) -> int:
        """Return how many jobs share one request."""
        return min(len(self.flights), self._cap.size) or 1

    def _follow(self, flight: Flight[S], snapshot: S | None) -> None:
        """Take in what was seen of a job with the same id, or its end."""
        if flight.ended:  # on its own, such as by a cancel
            return
        if snapshot is not None:
            self._observed(flight, snapshot, self._clock.time())
        elif flight.id is not None:
            # Or follow another one that came first.
            self.add(flight, self._clock.time(), at_once=True)

    def drop(self, flight: Flight[S]) -> None:
        """Stop watching a job that has ended."""
        if flight.id is not None and self.flights.get(flight.id) is flight:
            del self.flights[flight.id]

    def stop(self) -> None:
        """Look at nothing any more."""
        self._split.clear()
        self._wheel.disarm()
        self._deadlines.disarm()
        if self._held is not None:
            self._held.cancel()

    def _end_overdue(self, flight: Flight[S]) -> None:
        message = f"not ended after {flight.timeout:g} seconds; it goes on"
        self._land(flight, flight.error(JobTimeout, message))

    def _go(self) -> None:
        """Send off every look that is due, as far as the lane allows."""
        while self._split or self._wheel.due():
            pause = self._breaker.wait(self._family.name)
            if pause > 0:
                self._hold(pause)
                return
            if not self._lane.enter(self._family.name, self._go):
                return
            self._spawn(self._look(self._next_chunk()))
        self._wheel.arm()

    def _hold(self, pause: float) -> None:
        """Come back when the breaker may let a look pass."""
        if self._held is not None:
            self._held.cancel()
        self._held = self._clock.call_at(self._clock.time() + pause, self._go)

    def _next_chunk(self) -> list[Flight[S]]:
        return self._split.popleft() if self._split else self._wheel.soonest(self._cap.size)

    async def _look(self, chunk: list[Flight[S]]) -> None:
        ids = [flight.id for flight in chunk if flight.id is not None]
        asked_at = self._clock.time()
        self.asked += len(ids)
        reply: Any = None
        problem: Exception | None = None
        try:
            reply = await self._exchange.once(self._family.lookup(ids))
        except asyncio.CancelledError:
            self._look_again(chunk)  # whoever cancelled the look, the jobs stay watched
            raise
        except Exception as error:  # whatever happens, the jobs stay watched
            if not isinstance(error, AkoolError):
                logger.exception("%s: looking failed", self._family.name)
            problem = error.with_traceback(None)  # or it and this frame would hold each other
        finally:
            self._lane.leave(self._family.name)
        if problem is None:
            self._answered(len(ids))
            self._seen(chunk, self._family.observed(reply), asked_at)
            self._relearn()
        else:
            self._missed(chunk, problem)
        self._go()

    def _answered(self, number: int) -> None:
        self._failures = self._alone = 0
        self._cap.accepted(number)
        self._breaker.answered(self._family.name)

    def _seen(self, chunk: Sequence[Flight[S]], snapshots: Sequence[S], asked_at: float) -> None:
        crowded = self.crowded
        # By id, never by position; only a lookup of one may leave the id out.
        only = chunk[0].id if len(chunk) == 1 else None
        # Nearly always a row is about the next job of the request, which spares looking for it.
        in_turn = itertools.chain(chunk, itertools.repeat(None))
        for snapshot, expected in zip(snapshots, in_turn, strict=False):
            flight = expected
            if flight is None or flight.id != snapshot.id or flight.phase is not WATCHED:
                flight = self.flights.get(snapshot.id or only or "")
            if flight is None:
                continue
            if not flight.glance(snapshot, asked_at):
                self._observed(flight, snapshot, asked_at, crowded=crowded)
            elif not crowded:
                flight.observe(snapshot)
        self._look_again(chunk)

    def _observed(
        self, flight: Flight[S], snapshot: S, asked_at: float, *, crowded: bool = False
    ) -> None:
        if not snapshot.id:
            snapshot = msgspec.structs.replace(snapshot, id=flight.id)
        if flight.doubts:
            flight.doubts = 0
        status = snapshot.status
        changed = status is not flight.status
        ended = status is COMPLETED or status is FAILED
        flight.observe(snapshot, crowded=crowded and not ended)
        if changed:
            self._observe(Step.STATUS, flight, status)
        if ended:
            self._learn(flight, asked_at)
            self._land(flight, snapshot)
        else:
            flight.seen_at = asked_at

    def _learn(self, flight: Flight[S], asked_at: float) -> None:
        """Tell the schedule between which ages the job has ended."""
        learner = flight.kind.learner
        if learner is not None:
            begin = flight.accepted_at
            learner.ended(max(0.0, flight.seen_at - begin), max(0.0, asked_at - begin))

    def _relearn(self) -> None:
        """Let schedules take in what was learned, as often as they want to."""
        now = self._clock.time()
        for kind in self._kinds:
            learner = kind.learner
            if learner is not None and learner.rebuild_due(now):
                step = len(self.flights) // _SAMPLE + 1
                some = itertools.islice(self.flights.values(), 0, None, step)
                # As old as they were when last seen: they may have ended since.
                ages = [flight.seen_age for flight in some if flight.kind is kind]
                learner.rebuild(now, ages, len(ages) * step)

    def _missed(self, chunk: list[Flight[S]], error: Exception) -> None:
        """Decide what a look that failed means for the jobs it was about."""
        if _refuses_the_request(error):
            self._refused(chunk, error)
            return
        self._failures += 1
        if not isinstance(error, APIError):
            self._breaker.failed(self._family.name)
        logger.debug("%s: %s; looking again", self._family.name, type(error).__name__)
        self._look_again(chunk)

    def _refused(self, chunk: list[Flight[S]], error: Exception) -> None:
        if len(chunk) == 1:
            self._refused_alone(chunk[0], error)
        elif isinstance(error, _ACCOUNT_LEVEL):
            # It is not about these ids; one of them alone shall confirm it.
            self._split.append(chunk[:1])
            self._look_again(chunk[1:])
        else:
            middle = (len(chunk) + 1) // 2
            if _speaks_of_length(error) or isinstance(error, InvalidRequest):
                self._cap.refused(len(chunk))
            self._split.extend((chunk[:middle], chunk[middle:]))

    def _refused_alone(self, flight: Flight[S], error: Exception) -> None:
        if _speaks_of_length(error):
            # One id is never too many, so it was not their number.
            self._cap.absolve()
            self._failures += 1
            self._alone += 1
            if self._alone >= _MANY:  # nor is it about any id: the host is sick
                self._breaker.failed(self._family.name)
            self._look_again([flight])
            return
        if isinstance(error, InvalidRequest):
            self._cap.absolve()
        flight.doubts += 1
        if not isinstance(error, APIError) or self._may_pass(flight, error):
            self._look_again([flight])
        elif isinstance(error, _ACCOUNT_LEVEL):
            for each in list(self.flights.values()):
                self._land(each, copy.copy(error))
        else:
            self._land(flight, self._expiry(flight, error) or error)

    def _may_pass(self, flight: Flight[S], error: APIError) -> bool:
        if isinstance(error, NotFound):
            return flight.age(self._clock.time()) < GRACE
        # That Akool could not call somebody back says nothing of the job.
        return isinstance(error, ProcessingError) and (
            flight.doubts < _PATIENCE or error.code in _CALLBACK_FAILED
        )

    def _expiry(self, flight: Flight[S], error: APIError) -> ResultExpired | None:
        """Return what says more of a job whose result was kept for a while, and is no more."""
        lifetime = getattr(self._family.result, "lifetime", None)
        if not isinstance(error, NotFound) or lifetime is None:
            return None
        if flight.age(self._clock.time()) < lifetime.total_seconds():
            return None
        return flight.error(ResultExpired, f"it was kept for {lifetime.days} days [{error}]")

    def _look_again(self, flights: Sequence[Flight[S]]) -> None:
        now, sharing = self._clock.time(), self._sharing()
        like: Flight[S] | None = None
        slot: deque[Flight[S]] = deque()
        for flight in flights:
            if flight.phase is not WATCHED:
                continue
            # Jobs of a kind that were accepted in one moment go on together.
            if (
                like is None
                or flight.accepted_at != like.accepted_at
                or flight.kind is not like.kind
            ):
                like, slot = flight, self._next_slot(flight, now, sharing)
            slot.append(flight)

    def _next_slot(self, flight: Flight[S], now: float, sharing: int) -> deque[Flight[S]]:
        delay = flight.kind.schedule.delay(now - flight.accepted_at, sharing)
        if self._failures:
            delay += self._setback(delay, flight.kind.longest)
        return self._wheel.slot(now, delay)

    def _setback(self, delay: float, longest: float) -> float:
        """Return extra seconds after failed looks, with full jitter."""
        most = min(longest, delay * 2.0 ** min(self._failures, 32))
        return random.uniform(0, most)


def _refuses_the_request(error: Exception) -> bool:
    """Say whether the answer was a refusal of just this request, not a passing trouble."""
    if isinstance(error, APIError) and error.code != 0:
        return isinstance(error, (*_DEFINITE, NotFound, ProcessingError))
    return _speaks_of_length(error)


def _speaks_of_length(error: Exception) -> bool:
    """Say whether a server, or a proxy before it, refused the length of the request line."""
    if isinstance(error, APIError) and error.code != 0:
        return False  # a readable envelope decides, whatever the HTTP status
    return isinstance(error, APIError | ReplyError) and error.http_status in _TOO_LONG
