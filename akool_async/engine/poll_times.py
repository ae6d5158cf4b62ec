"""When each job of a family is polled next, and what that teaches the schedules.

Nearly all jobs stand in one timer wheel, and share lookups. An id that was refused, or whose
answer was unreadable, stands in a wheel of its own kind: it is asked about alone, so that it
spoils the lookup of no other job.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Generic, TypeVar, cast

from akool_async.clock import Clock
from akool_async.engine.net import Net
from akool_async.engine.operation import OperationState
from akool_async.engine.record import JobRecord
from akool_async.engine.setbacks import Streak
from akool_async.engine.state import WATCHED
from akool_async.engine.timer_wheel import Slot, TimerWheel
from akool_async.engine.woken import WOKEN, WokenJobs
from akool_async.protocol.snapshot import Snapshot
from akool_async.schedule.batch_size import BatchSize

S = TypeVar("S", bound=Snapshot)

_SHORTLY: Final = 0.95
"""A job whose end a webhook told was at least that part of its age old when it ended."""
_SAMPLE: Final = 1024
"""Pending jobs whose ages tell a schedule enough about all of them."""


class PollTimes(Generic[S]):
    """Two timer wheels, the schedules that put records into them, and what webhooks change.

    Args:
        clock: Where time comes from.
        records: The watched records by id.
        batch_size: How many of them one lookup may hold.
        on_due: Called when records are due.
        on_ring: Called with the seconds by which that call was late.
    """

    def __init__(
        self,
        clock: Clock,
        records: Mapping[str, JobRecord[S]],
        batch_size: BatchSize,
        on_due: Callable[[], object],
        on_ring: Callable[[float], object],
    ) -> None:
        self._clock = clock
        self._records = records
        self._batch_size = batch_size
        self._operations: set[OperationState[S]] = set()
        self._wheel: TimerWheel[S] = TimerWheel(clock, on_due, on_ring)
        self._alone: TimerWheel[S] = TimerWheel(clock, on_due)
        """Records that are asked about one by one."""
        self.woken: WokenJobs[S] = WokenJobs(clock, lambda: batch_size.size, on_due)
        """Records that a webhook says have ended."""
        self._told: set[JobRecord[S]] = set()
        """All of those, also where no lookup has shown their ends yet."""
        self._net: Net[S] = Net(clock, records, self._put_now, self._put_all)
        """Records whose ends webhooks tell."""
        self._not_before = -math.inf
        """When the next lookup of many may leave, where lookups have to be apart."""
        self.failures = Streak()
        """Lookups in a row without an answer. They put the next polls off."""

    def _sharing(self) -> int:
        """Return how many jobs share one lookup."""
        return min(len(self._records), self._batch_size.size) or 1

    def first(self, record: JobRecord[S], now: float, *, at_once: bool) -> None:
        """Plan the first poll of a record."""
        self._operations.add(record.operation)
        if not at_once and self._net.takes(record):
            return
        delay = 0.0
        if not at_once:
            delay = record.schedule.delay(0.0, self._sharing())
            delay = max(delay, self._not_before - now)
        self._wheel.put(record, now, delay)

    def due(self) -> bool:
        """Say whether a record is due."""
        return self.woken.ready() or self._alone.due() or self._wheel.due()

    def soonest(self, taken: list[JobRecord[S]]) -> None:
        """Put the records of the next lookup into a list: many, or one to be asked about alone."""
        if self._alone.due():
            self._alone.soonest(1, taken)
        else:
            self._wheel.soonest(self._batch_size.size, taken)

    def wake(self, record: JobRecord[S]) -> None:
        """Make a record due now."""
        if record.slot is WOKEN:
            self.woken.add(record)  # a lookup that is under way may be older
        else:
            self._wheel.wake(record, self._clock.time())

    def told(self, record: JobRecord[S]) -> None:
        """Ask about a record soon, and not about others with it: a webhook says that it ended."""
        self._operations.add(record.operation)
        slot = record.slot
        self._told.add(record)
        self.woken.add(record)  # first: an interrupt in between leaves the record where it stood
        if isinstance(slot, deque):
            # Else the wheel would hold an ended job until the slot begins. A lookup that has just
            # begun may have dropped it already.
            with suppress(ValueError):
                cast("Slot[S]", slot).remove(record)

    def drop(self, record: JobRecord[S]) -> None:
        """Forget a record that has ended."""
        self.woken.drop(record)
        self._told.discard(record)
        record.slot = None  # else it would hold the other records of its slot as long as it lives

    def arm(self) -> None:
        """Set the timers."""
        self._wheel.arm()
        self._alone.arm()

    def clear(self) -> None:
        """Forget all records, and stop the timers."""
        self._wheel.clear()
        self._alone.clear()
        self.woken.clear()
        self._told.clear()
        self._net.clear()

    def after(self, records: Sequence[JobRecord[S]], delay: float) -> None:
        """Plan the next poll of records for a number of seconds from now."""
        slot = self._wheel.slot(self._clock.time(), delay)
        for record in records:
            if record.state is WATCHED:
                self._leave_woken(record)
                self._wheel.put_into(slot, record)

    def _leave_woken(self, record: JobRecord[S]) -> None:
        """Let a record be polled again whose lookup was not the end, unless it was woken anew."""
        if record.slot is WOKEN and record not in self.woken:
            record.slot = None

    def alone(self, record: JobRecord[S], delay: float | None = None) -> None:
        """Plan to ask about a record alone: as its schedule says, or in some seconds."""
        if record.state is not WATCHED:
            return
        self._leave_woken(record)
        now = self._clock.time()
        if delay is None:
            delay = self._delay(record, now, sharing=1)
        self._alone.put(record, now, delay)

    def again(self, records: Sequence[JobRecord[S]]) -> None:
        """Plan the next poll of records that were asked about, as their schedules say."""
        now, sharing = self._clock.time(), self._sharing()
        self._keep_apart(records, now, sharing)
        like: JobRecord[S] | None = None
        slot: Slot[S] = deque()
        for record in records:
            if record.state is not WATCHED:
                continue
            if record.slot is not None:
                self._leave_woken(record)
            elif record.operation.arrivals is not None and self._is_for_net(record):
                continue
            # Jobs of an operation that were accepted in one moment draw one delay.
            if (
                like is None
                or record.accepted_at != like.accepted_at
                or record.operation is not like.operation
            ):
                like = record
                slot = self._wheel.slot(now, self._delay(record, now, sharing))
            self._wheel.put_into(slot, record)

    def _keep_apart(self, records: Sequence[JobRecord[S]], now: float, sharing: int) -> None:
        """Let the next lookup wait, where the family's jobs are long and share their lookups.

        Each job has a moment of its own at which it is best polled. A lookup asks about all of
        them, so without a pause nearly each of a hundred jobs would cause one.
        """
        learner = records[0].operation.learner if records else None
        if learner is not None and learner.spacing:
            oldest = max(record.age(now) for record in records)
            self._not_before = now + learner.apart(oldest, sharing)

    def _is_for_net(self, record: JobRecord[S]) -> bool:
        """Put a record into the net, if a webhook will tell its end; say whether that was done."""
        # What a webhook has told already, it does not tell again.
        told = record in self._told
        return not told and not self.failures.number and self._net.takes(record)

    def _delay(self, record: JobRecord[S], now: float, sharing: int) -> float:
        operation = record.operation
        delay = record.schedule.delay(now - record.accepted_at, sharing)
        delay = max(delay, self._not_before - now)
        if self.failures.number:  # extra seconds after failed lookups, with full jitter
            most = min(operation.longest, delay * 2.0 ** min(self.failures.number, 32))
            delay += random.uniform(0, most)
        return delay

    def ended(self, record: JobRecord[S], asked_at: float) -> None:
        """Teach the schedule between which ages a job has ended, and whether webhooks arrive."""
        if record in self._told:
            self._net.note_told(record)
        else:
            self._net.note_untold(record)
        learner = record.operation.learner
        # What is not known to have begun at some time teaches nothing of how long it took.
        if learner is not None and not record.options.held and record.created:
            youngest, oldest = record.age(record.seen_at), record.age(asked_at)
            # A webhook comes shortly after the end, so the end was shortly before it.
            youngest = max(youngest, _SHORTLY * oldest) if record.slot is WOKEN else youngest
            learner.ended(youngest, oldest)

    def _put_now(self, records: Sequence[JobRecord[S]]) -> None:
        now = self._clock.time()
        for record in records:
            self._wheel.wake(record, now)

    def _put_all(self, records: Sequence[JobRecord[S]]) -> None:
        now, sharing = self._clock.time(), self._sharing()
        for record in records:
            slot = self._wheel.slot(now, self._delay(record, now, sharing))
            self._wheel.move(slot, record)

    def relearn(self) -> None:
        """Let the schedules rebuild their tables, as often as they want to."""
        now = self._clock.time()
        for operation in self._operations:
            learner = operation.learner
            if learner is not None and learner.rebuild_due(now):
                step = len(self._records) // _SAMPLE + 1
                some = itertools.islice(self._records.values(), 0, None, step)
                mine = [
                    each for each in some if each.operation is operation and not each.options.held
                ]
                # Their ages when last seen pending: they may have ended since.
                ages = [each.age(each.seen_at) for each in mine]
                learner.rebuild(now, ages, len(ages) * step)
