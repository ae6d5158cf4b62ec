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
operation's schedule says. What an error means is decided in `lookup_errors.py`. What went wrong
before is kept in `setbacks.py`: a job that was seen does not end for one bad answer. How jobs end
that no answer says the end of is in `verdicts.py`.

A job leaves the watch when it ends, whatever ends it: a terminal status, a refusal, its
deadline, a cancel, or the end of the client.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

from akool_async.clock import Clock, Moment
from akool_async.engine.deadlines import Deadlines
from akool_async.engine.event_names import EventName
from akool_async.engine.fair_limiter import FairLimiter
from akool_async.engine.look import Look
from akool_async.engine.lookup_sender import LookupSender, Spawn
from akool_async.engine.lookup_trouble import LookupTrouble
from akool_async.engine.poll_times import PollTimes
from akool_async.engine.record import COMPLETED, FAILED, JobRecord
from akool_async.engine.setbacks import Setbacks
from akool_async.engine.state import WATCHED
from akool_async.engine.troubles import Troubles
from akool_async.engine.verdicts import address_is_missing, goes_on
from akool_async.errors import AkoolError, JobTimeout
from akool_async.http.breaker import Breaker
from akool_async.http.exchange import Exchange
from akool_async.observers import logger, shield
from akool_async.protocol.endpoint import Family
from akool_async.protocol.snapshot import Snapshot, Status
from akool_async.protocol.words import counted
from akool_async.schedule.batch_size import BatchSize

S = TypeVar("S", bound=Snapshot)

WHOLE: Final = 1000
"""Pending jobs of a family up to which each keeps its receipt and last snapshot whole. Beyond,
a job keeps what it needs to go on: 100 000 of them have to fit into memory."""


class Resources(NamedTuple):
    """What the watches of all families share."""

    exchange: Exchange
    """Sends the lookups."""
    clock: Clock
    breaker: Breaker
    """Knows whether the host is down."""
    finish: Callable[[JobRecord[Any], Any], None]
    """Ends a job."""
    report: Callable[[str, JobRecord[Any], object], object]
    """Notified of changes of status."""
    on_ring: Callable[[float], object]
    """Called with the seconds by which polls were late."""


class Watch(Generic[S]):
    """The accepted jobs of one family.

    Args:
        family: What its jobs share.
        resources: What it shares with the watches of other families.
        limiter: Limits the lookups under way.
        batch_size: How many ids one lookup may hold.
        spawn: Runs its lookups.
    """

    def __init__(
        self,
        family: Family[S],
        resources: Resources,
        *,
        limiter: FairLimiter,
        batch_size: BatchSize,
        spawn: Spawn,
    ) -> None:
        clock, breaker = resources.clock, resources.breaker
        self._family = family
        self._exchange = resources.exchange
        self._clock = clock
        self.batch_size = batch_size
        self._finish = resources.finish
        self._report = resources.report
        self._setbacks: Setbacks[S] = Setbacks(resources.exchange.retry)
        if family.media is None:  # a missing part is documented to come
            self._setbacks.address_came()
        self.records: dict[str, JobRecord[S]] = {}
        """The watched jobs by id, in the order in which they came."""
        self.asked = 0
        """How many ids were asked about so far, each time counted."""
        self._times: PollTimes[S] = PollTimes(
            clock, self.records, batch_size, self._go, resources.on_ring
        )
        self._troubles = Troubles(family.name, self.records, clock)
        self._trouble: LookupTrouble[S] = LookupTrouble(
            family,
            records=self.records,
            clock=clock,
            setbacks=self._setbacks,
            troubles=self._troubles,
            times=self._times,
            batch_size=batch_size,
            breaker=breaker,
            finish=resources.finish,
        )
        self._deadlines: Deadlines[S] = Deadlines(
            clock, self.records, self._end_overdue, lambda record: self.wake(record.id or "")
        )
        self._sender = self._new_sender(limiter, breaker, spawn)

    def _new_sender(self, limiter: FairLimiter, breaker: Breaker, spawn: Spawn) -> LookupSender[S]:
        return LookupSender(
            self._family.name,
            clock=self._clock,
            limiter=limiter,
            breaker=breaker,
            doubt=self._setbacks.account,
            trouble=self._trouble,
            times=self._times,
            spawn=spawn,
            look_up=self._look_up,
        )

    @property
    def _keeps_whole(self) -> bool:
        return len(self.records) < WHOLE or self._family.batch == 1

    def accept(self, record: JobRecord[S], receipt: S, now: Moment) -> None:
        """Let a record take in its receipt: whole, or its ids where very many jobs wait."""
        record.accept(receipt, now, whole=self._keeps_whole)
        if goes_on(record, receipt):
            record.observe(msgspec.structs.replace(receipt, status=Status.QUEUED))

    def add(
        self, record: JobRecord[S], now: float, *, at_once: bool = False, told: bool = False
    ) -> None:
        """Watch an accepted job.

        Args:
            record: The job.
            now: The clock's time.
            at_once: Whether to poll it now: it may have ended already.
            told: Whether a webhook says that it has ended.
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
        if told:
            self._times.told(record)
        else:
            self._times.first(record, now, at_once=at_once)

    def _repeat(self, record: JobRecord[S], snapshot: S | None) -> None:
        """Take in a snapshot of another job with the same id, or its end."""
        if record.ended:  # on its own, such as by a cancel
            return
        if snapshot is not None:
            self._observed(record, snapshot, self._clock.time(), True)
        elif record.id is not None:
            # The other job ended first, such as by its deadline. This one is watched now.
            self.add(record, self._clock.time(), at_once=True)

    def wake(self, id: str) -> bool:
        """Poll a job now; return `False` if it is not watched here."""
        record = self.records.get(id)
        if record is None:
            return False
        self._times.wake(record)
        return True

    def tell(self, id: str) -> bool:
        """Ask about a job soon, and about no other: a webhook says that it has ended."""
        record = self.records.get(id)
        if record is not None:
            self._times.told(record)
        return record is not None

    def take_in(self, record: JobRecord[S], snapshot: S, asked_at: float) -> None:
        """Take in a snapshot that was asked for out of turn, as if it had come in turn."""
        self._seen([record], [snapshot], asked_at)

    def drop(self, record: JobRecord[S]) -> None:
        """Stop watching a job that has ended."""
        if record.id is not None and self.records.get(record.id) is record:
            del self.records[record.id]
        self._setbacks.forget(record)
        self._troubles.alone.pop(record, None)
        self._times.drop(record)

    def stop(self) -> None:
        """Poll nothing any more."""
        self._trouble.parts.clear()
        self._times.clear()
        self._deadlines.disarm()
        self._sender.stop()

    def _end_overdue(self, record: JobRecord[S]) -> None:
        limit = counted(record.timeout or 0, "second")
        message = f"not ended after {limit}; it goes on{self._troubles.of(record)}"
        self._finish(record, record.error(JobTimeout, message))

    def _go(self) -> None:
        self._sender.go()

    async def _look_up(self, look: Look[S]) -> None:
        chunk = look.chunk
        if not chunk:  # an interrupt came while the task was started: its jobs were given back
            return
        ids = [record.id for record in chunk if record.id is not None]
        asked_at = self._clock.time()
        self.asked += len(ids)
        snapshots: Sequence[S] = ()
        problem = None
        try:
            snapshots = self._family.observed(await self._exchange.once(self._family.lookup(ids)))
        except Exception as error:  # whatever happens, the jobs stay watched
            if not isinstance(error, AkoolError) and self._troubles.is_new(error):
                logger.exception("%s: a lookup failed", self._family.name)
            problem = error.with_traceback(None)  # or this frame and the error hold each other
        look.leave()
        if problem is None:
            self._trouble.over(chunk)
            self._seen(chunk, snapshots, asked_at)
            self._times.relearn()
        else:
            self._trouble.failed(chunk, problem, asked_at)
        look.chunk = []  # each of its jobs has ended, or has its next turn
        self._sender.go()

    def _seen(self, chunk: Sequence[JobRecord[S]], snapshots: Sequence[S], asked_at: float) -> None:
        whole, troubled = self._keeps_whole, bool(self._setbacks)
        # Matched by id, never by position. Only the reply to a single id may leave the id out.
        only = chunk[0].id if len(chunk) == 1 else None
        if only is not None:
            snapshots = [each for each in snapshots if each.id or each != type(each)()]
        all_in_turn = len(snapshots) == len(chunk)
        # Nearly always a row is about the next job of the request, which spares a look-up by id.
        in_turn = itertools.chain(chunk, itertools.repeat(None))
        for snapshot, expected in zip(snapshots, in_turn, strict=False):
            record = expected
            if record is None or record.id != snapshot.id or record.state is not WATCHED:
                all_in_turn = False
                record = self.records.get(snapshot.id or only or "")
            if record is None:
                continue
            if troubled:
                self._setbacks.seen(record)
            if self._troubles.alone:
                self._troubles.alone.pop(record, None)
            if not record.unchanged(snapshot, asked_at):
                shield("taking in a snapshot", self._observed, record, snapshot, asked_at, whole)
            elif whole:
                record.observe(snapshot)
        if not all_in_turn:
            named = {snapshot.id or only for snapshot in snapshots}
            self._trouble.absent([record for record in chunk if record.id not in named])
        self._times.again(chunk)

    def _observed(self, record: JobRecord[S], snapshot: S, asked_at: float, whole: bool) -> None:  # noqa: FBT001
        if goes_on(record, snapshot):
            return
        if not snapshot.id:
            snapshot = msgspec.structs.replace(snapshot, id=record.id)
        if snapshot.status is COMPLETED:  # some media can be told from inputs only by the request
            snapshot = record.completed(snapshot)
        unnamed = snapshot.status is COMPLETED and self._family.lacks_address(snapshot)
        if unnamed:
            pause = self._setbacks.pause_for_address(record, self._clock.time())
            if pause is not None:
                snapshot = self._family.without_end(snapshot)
                self._times.after([record], pause)
        status = snapshot.status
        changed = status is not record.status
        ended = status is COMPLETED or status is FAILED
        record.observe(snapshot, whole=whole or ended)
        if changed:
            self._report(EventName.STATUS, record, status)
        if not ended:
            record.seen_at = asked_at
            return
        self._times.ended(record, asked_at)
        if status is COMPLETED and not unnamed:
            self._setbacks.address_came()
        self._finish(record, snapshot)
        if unnamed:
            self._report(EventName.UNSAVED, record, address_is_missing(record))
