"""Looks up the jobs that a webhook says have ended, and no others.

How this works
--------------
A webhook is a hint; the lookup decides. The first event is looked up at once. What arrives while
that lookup is under way shares the next one: so a burst of events becomes a few full requests.
Nothing rides along, as other jobs do in a poll: most of them have not ended.

In a family whose lookups take many ids, the next lookup is held back a little where events come
fast, as the schedule values it. A request is worth `cost` seconds of delay. At a rate of r events
in a second, gathering for t seconds costs r * t^2 / 2 seconds of delay and saves requests; the
best time is sqrt(2 * cost / r), less the 1 / r that passes before the next event anyway.

A family that takes one id in a lookup gains nothing by waiting: each event is looked up at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from akool_async.clock import Clock, Timer
from akool_async.engine.record import JobRecord
from akool_async.engine.state import WATCHED
from akool_async.protocol.snapshot import Snapshot
from akool_async.schedule.learner import Schedule

S = TypeVar("S", bound=Snapshot)

WOKEN: Final = object()
"""What `record.slot` is from the event until its lookup is over."""

_MEMORY: Final = 8
"""Events over which the rate of events is averaged."""


class WokenJobs(Generic[S]):
    """The woken jobs of one result family that wait for their lookup.

    Args:
        clock: Where time comes from.
        size: Returns how many ids one lookup may hold.
        on_ready: Called when a lookup may be sent.
    """

    def __init__(
        self, clock: Clock, size: Callable[[], int], on_ready: Callable[[], object]
    ) -> None:
        self._clock = clock
        self._size = size
        self._on_ready = on_ready
        self._waiting: dict[JobRecord[S], float] = {}
        """When each job was woken. A job that waits already is not added again."""
        self._under_way = 0
        self._timer: Timer | None = None
        self._gap = self._last = math.inf
        """Seconds between two events, averaged; and when the last one came."""
        self._cost = Schedule().cost

    def __contains__(self, record: JobRecord[S]) -> bool:
        return record in self._waiting

    def add(self, record: JobRecord[S]) -> None:
        """Look a job up soon."""
        if record in self._waiting:
            return
        now = self._clock.time()
        if record.operation.learner is not None:
            self._cost = record.operation.learner.settings.cost
        gap = abs(now - self._last)
        # A gap from which on gathering costs more than it saves begins a new average.
        new = max(gap, self._gap) >= 2 * self._cost
        self._gap = gap if new else self._gap + (gap - self._gap) / _MEMORY
        self._last = now
        self._waiting[record] = now
        record.slot = WOKEN
        self._on_ready()

    def drop(self, record: JobRecord[S]) -> None:
        """Forget a job that has ended."""
        self._waiting.pop(record, None)

    def ready(self) -> bool:
        """Say whether a lookup may be sent now; if it is better to gather, call back later."""
        if not self._waiting:
            return False
        size = self._size()
        if size == 1:
            return True
        if self._under_way:
            return False
        due = next(iter(self._waiting.values())) + self._pause()
        if due <= self._clock.time() or len(self._waiting) >= size:
            return True
        if self._timer is None:
            self._timer = self._clock.call_at(due, self._ring)
        return False

    def _ring(self) -> None:
        self._timer = None
        self._on_ready()

    def _pause(self) -> float:
        """Return the seconds for which events are gathered."""
        if self._gap >= 2 * self._cost:
            return 0.0
        return math.sqrt(2 * self._cost * self._gap) - self._gap

    def take(self, taken: list[JobRecord[S]]) -> None:
        """Put the jobs of one lookup, which is sent now, into a list."""
        self._under_way += 1  # first: whatever happens now, `over` takes it back
        size = self._size()
        while self._waiting and len(taken) < size:
            record = next(iter(self._waiting))
            if record.state is WATCHED:
                taken.append(record)
            del self._waiting[record]

    def over(self) -> None:
        """Take note that a lookup is over."""
        self._under_way -= 1

    def clear(self) -> None:
        """Forget all jobs, and stop the timer."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
