"""When each job of a family is polled next, and what that teaches the schedules."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from akool_async.clock import Clock
from akool_async.engine.operation import OperationState
from akool_async.engine.record import JobRecord
from akool_async.engine.state import WATCHED
from akool_async.engine.timer_wheel import Slot, TimerWheel
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

_SAMPLE: Final = 1024
"""Pending jobs whose ages tell a schedule enough about all of them."""


class PollTimes(Generic[S]):
    """A timer wheel, and the schedules that put records into it.

    Args:
        clock: Where time comes from.
        records: The watched records by id.
        on_due: Called when records are due.
        on_ring: Called with the seconds by which that call was late.
    """

    def __init__(
        self,
        clock: Clock,
        records: Mapping[str, JobRecord[S]],
        on_due: Callable[[], object],
        on_ring: Callable[[float], object],
    ) -> None:
        self._clock = clock
        self._records = records
        self._operations: set[OperationState[S]] = set()
        self.wheel: TimerWheel[S] = TimerWheel(clock, on_due, on_ring)
        self.failures = 0
        """Lookups in a row without an answer. They put the next polls off."""

    def first(self, record: JobRecord[S], now: float, sharing: int, *, at_once: bool) -> None:
        """Plan the first poll of a record; `sharing` records share one lookup."""
        self._operations.add(record.operation)
        delay = 0.0 if at_once else record.operation.schedule.delay(0.0, sharing)
        self.wheel.put(record, now, delay)

    def again(self, records: Sequence[JobRecord[S]], sharing: int) -> None:
        """Plan the next poll of records that were asked about."""
        now = self._clock.time()
        like: JobRecord[S] | None = None
        slot: Slot[S] = deque()
        for record in records:
            if record.state is not WATCHED:
                continue
            # Jobs of an operation that were accepted in one moment draw one delay.
            if (
                like is None
                or record.accepted_at != like.accepted_at
                or record.operation is not like.operation
            ):
                like, slot = record, self._next_slot(record, now, sharing)
            self.wheel.put_into(slot, record)

    def _next_slot(self, record: JobRecord[S], now: float, sharing: int) -> Slot[S]:
        operation = record.operation
        delay = operation.schedule.delay(now - record.accepted_at, sharing)
        if self.failures:  # extra seconds after failed lookups, with full jitter
            most = min(operation.longest, delay * 2.0 ** min(self.failures, 32))
            delay += random.uniform(0, most)
        return self.wheel.slot(now, delay)

    @staticmethod
    def learn(record: JobRecord[S], asked_at: float) -> None:
        """Teach the schedule between which ages a job has ended."""
        learner = record.operation.learner
        if learner is not None:
            learner.ended(record.age(record.seen_at), record.age(asked_at))

    def relearn(self) -> None:
        """Let the schedules rebuild their tables, as often as they want to."""
        now = self._clock.time()
        for operation in self._operations:
            learner = operation.learner
            if learner is not None and learner.rebuild_due(now):
                step = len(self._records) // _SAMPLE + 1
                some = itertools.islice(self._records.values(), 0, None, step)
                # Their ages when last seen pending: they may have ended since.
                ages = [each.age(each.seen_at) for each in some if each.operation is operation]
                learner.rebuild(now, ages, len(ages) * step)
