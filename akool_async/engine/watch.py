"""Polls the jobs of one result family until each of them has ended.

How this works
--------------
Each accepted job stands in a timer wheel, at the time of its next poll (`PollTimes`). When the
first job is due, one lookup asks about it and about the jobs that are due next, as many as one
lookup may hold: their ids cost nothing in a request that is sent anyway, and need none of their
own soon. So a family with fewer jobs than one lookup holds needs no more requests than its most
urgent job, and a larger family sends requests that are nearly always full.

A lookup passes three gates on its way: the circuit breaker (is the host down?), the fair limiter
(how many lookups are under way?), and the adaptive rate limit of the exchange. Its reply is
matched with jobs by id. Jobs that have not ended go back into the wheel, at a time that the
operation's schedule says. What an error means is decided in `lookup_errors.py`.

A job leaves the watch when it ends, whatever ends it: a terminal status, a refusal, its
deadline, a cancel, or the end of the client.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import logging
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec

from akool_async.clock import Clock, Moment, Timer
from akool_async.engine.deadlines import Deadlines
from akool_async.engine.event_names import EventName
from akool_async.engine.fair_limiter import FairLimiter
from akool_async.engine.lookup_errors import (
    Action,
    action_on,
    may_be_about_number,
)
from akool_async.engine.poll_times import PollTimes
from akool_async.engine.record import COMPLETED, FAILED, JobRecord
from akool_async.engine.state import WATCHED
from akool_async.errors import AkoolError, APIError, JobTimeout, NotFound, ResultExpired
from akool_async.http.breaker import Breaker
from akool_async.http.exchange import Exchange
from akool_async.protocol.endpoint import Family
from akool_async.protocol.snapshot import Snapshot
from akool_async.schedule.batch_size import BatchSize

S = TypeVar("S", bound=Snapshot)

WHOLE: Final = 1000
"""Pending jobs of a family up to which each keeps its receipt and last snapshot whole. Beyond,
a job keeps what it needs to go on: 100 000 of them have to fit into memory."""

_SUSPICIOUS: Final = 16
"""Single ids in a row that are "too long": then the host is suspected, and not the ids."""

logger = logging.getLogger("akool_async")


class Watch(Generic[S]):
    """The accepted jobs of one family.

    Args:
        family: What its jobs share.
        exchange: Sends the lookups.
        clock: Where time comes from.
        limiter: Limits the lookups under way.
        batch_size: How many ids one lookup may hold.
        spawn: Runs a lookup in a task.
        finish: Ends a job.
        breaker: Knows whether the host is down.
        report: Notified of changes of status.
        on_ring: Called with the seconds by which polls were late.
    """

    def __init__(
        self,
        family: Family[S],
        *,
        exchange: Exchange,
        clock: Clock,
        limiter: FairLimiter,
        batch_size: BatchSize,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        finish: Callable[[JobRecord[Any], Any], None],
        breaker: Breaker,
        report: Callable[[str, JobRecord[Any], object], object],
        on_ring: Callable[[float], object],
    ) -> None:
        self._family = family
        self._exchange = exchange
        self._clock = clock
        self._limiter = limiter
        self.batch_size = batch_size
        self._spawn = spawn
        self._finish = finish
        self._breaker = breaker
        self._report = report
        self._held: Timer | None = None
        self._split: deque[list[JobRecord[S]]] = deque()
        """Parts of refused lookups. They are asked about first, and as they are."""
        self._doubts: Counter[JobRecord[S]] = Counter()
        """How many lookups in a row were refused, of the few jobs that are in doubt."""
        self._too_long = 0
        """Single ids in a row that were refused for their length."""
        self.records: dict[str, JobRecord[S]] = {}
        """The watched jobs by id, in the order in which they came."""
        self.asked = 0
        """How many ids were asked about so far, each time counted."""
        self._times: PollTimes[S] = PollTimes(clock, self.records, self._go, on_ring)
        self._deadlines: Deadlines[S] = Deadlines(
            clock, self.records, self._end_overdue, lambda record: self.wake(record.id or "")
        )
        limiter.join(family.name)
        breaker.join(family.name, self._go)

    @property
    def _keeps_whole(self) -> bool:
        return len(self.records) < WHOLE or self._family.batch == 1

    def accept(self, record: JobRecord[S], receipt: S, now: Moment) -> None:
        """Let a record take in its receipt: whole, or its ids where very many jobs wait."""
        record.accept(receipt, now, whole=self._keeps_whole)

    def add(self, record: JobRecord[S], now: float, *, at_once: bool = False) -> None:
        """Watch an accepted job.

        Args:
            record: The job.
            now: The clock's time.
            at_once: Whether to poll it now: it may have ended already.
        """
        assert record.id is not None
        known = self.records.get(record.id)
        if known is not None and known is not record:
            # Two creates were answered with one id. Each snapshot is one of both.
            known.listen(lambda _known, snapshot: self._repeat(record, snapshot))
            self._deadlines.add(record, in_order=False)
            return
        self.records[record.id] = record
        self._deadlines.add(record)
        self._times.first(record, now, self._sharing(), at_once=at_once)

    def _repeat(self, record: JobRecord[S], snapshot: S | None) -> None:
        """Take in a snapshot of another job with the same id, or its end."""
        if record.ended:  # on its own, such as by a cancel
            return
        if snapshot is not None:
            self._observed(record, snapshot, self._clock.time(), whole=True)
        elif record.id is not None:
            # The other job ended first, such as by its deadline. This one is watched now.
            self.add(record, self._clock.time(), at_once=True)

    def wake(self, id: str) -> bool:
        """Poll a job now; return `False` if it is not watched here."""
        record = self.records.get(id)
        if record is None:
            return False
        self._times.wheel.wake(record, self._clock.time())
        return True

    def take_in(self, record: JobRecord[S], snapshot: S, asked_at: float) -> None:
        """Take in a snapshot that was asked for out of turn, as if it had come in turn."""
        self._seen([record], [snapshot], asked_at)

    def drop(self, record: JobRecord[S]) -> None:
        """Stop watching a job that has ended."""
        if record.id is not None and self.records.get(record.id) is record:
            del self.records[record.id]
        del self._doubts[record]
        record.slot = None  # else it would hold the other records of its slot as long as it lives

    def stop(self) -> None:
        """Poll nothing any more."""
        self._split.clear()
        self._times.wheel.clear()
        self._deadlines.disarm()
        if self._held is not None:
            self._held.cancel()

    def _end_overdue(self, record: JobRecord[S]) -> None:
        message = f"not ended after {record.timeout:g} seconds; it goes on"
        self._finish(record, record.error(JobTimeout, message))

    def _sharing(self) -> int:
        """Return how many jobs share one lookup."""
        return min(len(self.records), self.batch_size.size) or 1

    def _go(self) -> None:
        """Send each lookup that is due, as far as breaker and limiter allow."""
        while self._split or self._times.wheel.due():
            pause = self._breaker.wait(self._family.name)
            if pause > 0:
                self._hold(pause)
                return
            if not self._limiter.enter(self._family.name, self._go):
                return
            chunk = self._split.popleft() if self._split else None
            self._spawn(self._look_up(chunk or self._times.wheel.soonest(self.batch_size.size)))
        self._times.wheel.arm()

    def _hold(self, pause: float) -> None:
        """Come back when the breaker may let a lookup pass."""
        if self._held is not None:
            self._held.cancel()
        self._held = self._clock.call_at(self._clock.time() + pause, self._go)

    async def _look_up(self, chunk: list[JobRecord[S]]) -> None:
        ids = [record.id for record in chunk if record.id is not None]
        asked_at = self._clock.time()
        self.asked += len(ids)
        reply, problem = None, None
        try:
            reply = await self._exchange.once(self._family.lookup(ids))
        except asyncio.CancelledError:
            self._again(chunk)  # the lookup is over, the jobs are not
            raise
        except Exception as error:  # whatever happens, the jobs stay watched
            if not isinstance(error, AkoolError):
                logger.exception("%s: a lookup failed", self._family.name)
            problem = error.with_traceback(None)  # or this frame and the error hold each other
        finally:
            self._limiter.leave(self._family.name)
        if problem is None:
            self._answered(len(ids))
            self._seen(chunk, self._family.observed(reply), asked_at)
            self._times.relearn()
        else:
            self._failed(chunk, problem)
        self._go()

    def _answered(self, number: int) -> None:
        self._times.failures = self._too_long = 0
        self.batch_size.note_answered(number)
        self._breaker.answered(self._family.name)

    def _again(self, records: Sequence[JobRecord[S]]) -> None:
        self._times.again(records, self._sharing())

    def _seen(self, chunk: Sequence[JobRecord[S]], snapshots: Sequence[S], asked_at: float) -> None:
        whole = self._keeps_whole
        # Matched by id, never by position. Only the reply to a single id may leave the id out.
        only = chunk[0].id if len(chunk) == 1 else None
        # Nearly always a row is about the next job of the request, which spares a look-up by id.
        in_turn = itertools.chain(chunk, itertools.repeat(None))
        for snapshot, expected in zip(snapshots, in_turn, strict=False):
            record = expected
            if record is None or record.id != snapshot.id or record.state is not WATCHED:
                record = self.records.get(snapshot.id or only or "")
            if record is None:
                continue
            if self._doubts:
                del self._doubts[record]
            if not record.unchanged(snapshot, asked_at):
                self._observed(record, snapshot, asked_at, whole=whole)
            elif whole:
                record.observe(snapshot)
        self._again(chunk)

    def _observed(self, record: JobRecord[S], snapshot: S, asked_at: float, *, whole: bool) -> None:
        if not snapshot.id:
            snapshot = msgspec.structs.replace(snapshot, id=record.id)
        status = snapshot.status
        changed = status is not record.status
        ended = status is COMPLETED or status is FAILED
        record.observe(snapshot, whole=whole or ended)
        if changed:
            self._report(EventName.STATUS, record, status)
        if ended:
            self._times.learn(record, asked_at)
            self._finish(record, snapshot)
        else:
            record.seen_at = asked_at

    def _failed(self, chunk: list[JobRecord[S]], error: Exception) -> None:
        first = chunk[0]
        age = first.age_for_grace(self._clock.time())
        doubts = self._doubts[first] + 1
        action = action_on(error, len(chunk), age=age, doubts=doubts)
        if action is Action.WAIT:
            logger.debug("%s: %s; polling again", self._family.name, type(error).__name__)
            self._wait(chunk, host_failed=not isinstance(error, APIError))
        elif action is Action.CONFIRM:
            self._split.append(chunk[:1])
            self._again(chunk[1:])
        elif action is Action.SPLIT:
            if may_be_about_number(error):
                self.batch_size.note_refused(len(chunk))
            middle = (len(chunk) + 1) // 2
            self._split.extend((chunk[:middle], chunk[middle:]))
        elif action is Action.SUSPECT_HOST:
            self.batch_size.note_refused_alone()
            self._too_long += 1
            self._wait(chunk, host_failed=self._too_long >= _SUSPICIOUS)
        else:
            self._refused_alone(first, error, action)

    def _wait(self, chunk: list[JobRecord[S]], *, host_failed: bool) -> None:
        self._times.failures += 1
        if host_failed:
            self._breaker.failed(self._family.name)
        self._again(chunk)

    def _refused_alone(self, record: JobRecord[S], error: Exception, action: Action) -> None:
        if may_be_about_number(error):
            self.batch_size.note_refused_alone()
        if action is Action.DOUBT:
            self._doubts[record] += 1
            self._again([record])
        elif action is Action.END_ALL:
            for each in list(self.records.values()):
                self._finish(each, copy.copy(error))
        else:
            self._finish(record, expired(record, error, self._clock.time()) or error)


def expired(record: JobRecord[Any], error: Exception, now: float) -> ResultExpired | None:
    """Return the error that says more about a job whose result was deleted by now."""
    lifetime = getattr(record.family.result, "lifetime", None)
    if not isinstance(error, NotFound) or lifetime is None:
        return None
    if record.age(now) < lifetime.total_seconds():
        return None
    return record.error(ResultExpired, f"it was kept for {lifetime.days} days [{error}]")
