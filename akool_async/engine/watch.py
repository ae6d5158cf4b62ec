"""Looks after the jobs of one result family until each of them has ended.

When a job is due, it is asked about together with those that are due next: they ride in
its request for nothing, and need none of their own soon. So a family with fewer jobs
than one request holds is asked about at most every `initial` seconds, however many jobs
there are, and a larger one in requests that are nearly always full.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from akool_async.backoff import Backoff
from akool_async.breaker import Breaker
from akool_async.clock import Clock, Timer
from akool_async.endpoint import Family, Snapshot
from akool_async.engine.agenda import Agenda
from akool_async.engine.flight import Flight
from akool_async.engine.lane import Lane
from akool_async.errors import (
    AccountError,
    AkoolError,
    APIError,
    AuthenticationError,
    InsufficientCredit,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProcessingError,
    ReplyError,
)
from akool_async.exchange import Exchange

S = TypeVar("S", bound=Snapshot)

GRACE = 30.0
"""Seconds after its creation in which a job that "does not exist" is not believed."""

_PATIENCE = 3
"""How many looks in a row may answer with a processing error before it is the job's end."""

_MANY = 16
"""So many ids refused in a row for their length, each alone, say nothing of ids any more."""

_TOO_LONG = frozenset({400, 413, 414, 431})
"""HTTP statuses with which servers refuse a request line or URL for its length."""

_ACCOUNT_LEVEL = (AuthenticationError, AccountError)
_DEFINITE = (*_ACCOUNT_LEVEL, InsufficientCredit, InvalidRequest, PermissionDenied)

logger = logging.getLogger("akool_async")


class Watch(Generic[S]):
    """One family's jobs, and when to look at them next."""

    def __init__(
        self,
        family: Family[S],
        *,
        exchange: Exchange,
        clock: Clock,
        backoff: Backoff,
        lane: Lane,
        batch: int,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        land: Callable[[Flight[Any], Any], None],
        breaker: Breaker,
    ) -> None:
        self._family = family
        self._exchange = exchange
        self._clock = clock
        self._backoff = backoff
        self._lane = lane
        self._widest = batch
        self._batch = batch
        self._spawn = spawn
        self._land = land
        self._breaker = breaker
        self._held: Timer | None = None
        self._agenda: Agenda[Flight[S]] = Agenda(clock, self._go)
        self._split: deque[list[Flight[S]]] = deque()
        self._failures = 0
        self._alone = 0
        self.flights: dict[str, Flight[S]] = {}
        """The jobs watched, by id."""
        lane.join(family.name)
        breaker.join(family.name, self._go)

    def add(self, flight: Flight[S], first_look: float) -> None:
        """Watch a job; look at it first in so many seconds."""
        assert flight.id is not None
        known = self.flights.get(flight.id)
        if known is not None and known is not flight:
            # Two creates were answered with one id: what is seen of one is seen of both.
            known.listen(lambda snapshot: self._follow(flight, snapshot))
            return
        self.flights[flight.id] = flight
        self._agenda.add(self._clock.time() + first_look, flight)

    def _follow(self, flight: Flight[S], snapshot: S | None) -> None:
        """Take in what was seen of a job with the same id, or its end."""
        if snapshot is not None:
            self._observed(flight, snapshot)
        elif not flight.ended and flight.id is not None:
            self.flights.pop(flight.id, None)
            self.add(flight, first_look=0.0)

    def drop(self, flight: Flight[S]) -> None:
        """Stop watching a job that has ended."""
        if flight.id is not None and self.flights.get(flight.id) is flight:
            del self.flights[flight.id]
            self._agenda.note_ended()

    def stop(self) -> None:
        """Look at nothing any more."""
        self._split.clear()
        self._agenda.disarm()
        if self._held is not None:
            self._held.cancel()

    def _go(self) -> None:
        """Send off every look that is due, as far as the lane allows."""
        while self._split or self._agenda.due():
            pause = self._breaker.wait(self._family.name)
            if pause > 0:
                self._hold(pause)
                return
            if not self._lane.enter(self._family.name, self._go):
                return
            self._spawn(self._look(self._next_chunk()))
        self._agenda.arm()

    def _hold(self, pause: float) -> None:
        """Come back when the breaker may let a look pass."""
        if self._held is not None:
            self._held.cancel()
        self._held = self._clock.call_at(self._clock.time() + pause, self._go)

    def _next_chunk(self) -> list[Flight[S]]:
        return self._split.popleft() if self._split else self._agenda.soonest(self._batch)

    async def _look(self, chunk: list[Flight[S]]) -> None:
        ids = [flight.id for flight in chunk if flight.id is not None]
        reply: Any = None
        problem: Exception | None = None
        try:
            reply = await self._exchange.once(self._family.lookup(ids))
        except asyncio.CancelledError:
            self._look_again(chunk)  # whoever cancelled the look, the jobs stay watched
            raise
        except Exception as error:  # noqa: BLE001 - whatever happens, the jobs stay watched
            problem = error
        finally:
            self._lane.leave(self._family.name)
        if problem is None:
            self._answered()
            self._seen(chunk, self._family.observed(reply))
        else:
            self._missed(chunk, problem)
        self._go()

    def _answered(self) -> None:
        self._failures = self._alone = 0
        self._breaker.answered(self._family.name)

    def _seen(self, chunk: Sequence[Flight[S]], snapshots: Sequence[S]) -> None:
        for snapshot in snapshots:
            # By id, never by position; only a lookup of one may leave the id out.
            known = snapshot.id or (chunk[0].id if len(chunk) == 1 else None)
            flight = self.flights.get(known or "")
            if flight is not None:
                self._observed(flight, snapshot)
        self._look_again(chunk)

    def _observed(self, flight: Flight[S], snapshot: S) -> None:
        if not snapshot.id:
            snapshot = msgspec.structs.replace(snapshot, id=flight.id)
        flight.doubts = 0
        flight.observe(snapshot)
        if snapshot.status.terminal:
            self._land(flight, snapshot)

    def _missed(self, chunk: list[Flight[S]], error: Exception) -> None:
        """Decide what a look that failed means for the jobs it was about."""
        if not isinstance(error, AkoolError):
            logger.error("%s: looking failed", self._family.name, exc_info=error)
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
            if _speaks_of_length(error):
                self._batch = middle
            self._split.extend((chunk[:middle], chunk[middle:]))

    def _refused_alone(self, flight: Flight[S], error: Exception) -> None:
        if _speaks_of_length(error):
            # One id is never too many, so it was not their number.
            self._batch = self._widest
            self._failures += 1
            self._alone += 1
            if self._alone >= _MANY:  # nor is it about any id: the host is sick
                self._breaker.failed(self._family.name)
            self._look_again([flight])
            return
        flight.doubts += 1
        if not isinstance(error, APIError) or self._may_pass(flight, error):
            self._look_again([flight])
        elif isinstance(error, _ACCOUNT_LEVEL):
            for each in list(self.flights.values()):
                self._land(each, copy.copy(error))
        else:
            self._land(flight, error)

    def _may_pass(self, flight: Flight[S], error: APIError) -> bool:
        if isinstance(error, NotFound):
            return flight.age(self._clock.time()) < GRACE
        return isinstance(error, ProcessingError) and flight.doubts < _PATIENCE

    def _look_again(self, flights: Sequence[Flight[S]]) -> None:
        now = self._clock.time()
        sharing = max(1, min(len(self.flights), self._batch))
        for flight in flights:
            if not flight.ended:
                delay = self._backoff.delay(flight.age(now), sharing) + self._setback()
                self._agenda.add(now + delay, flight)

    def _setback(self) -> float:
        """Return extra seconds after failed looks, with full jitter."""
        if self._failures == 0:
            return 0.0
        most = min(self._backoff.maximum, self._backoff.initial * 2.0 ** min(self._failures, 32))
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
