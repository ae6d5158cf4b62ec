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
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from akool_async.clock import Clock, Timer
from akool_async.engine.record import JobRecord
from akool_async.engine.state import WATCHED
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

_MEMORY: Final = 8
"""Events over which the rate of events is averaged."""


class WokenJobs(Generic[S]):
    """The woken jobs of one result family that wait for their lookup.

    Args:
        clock: Where time comes from.
        size: Returns how many ids one lookup may hold.
        cost: What a request may cost, in seconds of delay.
        look_up: Starts a lookup of some jobs; calls `answered` when it is over.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        size: Callable[[], int],
        cost: float,
        look_up: Callable[[Sequence[JobRecord[S]]], object],
    ) -> None:
        self._clock = clock
        self._size = size
        self._cost = cost
        self._look_up = look_up
        self._waiting: dict[JobRecord[S], float] = {}
        """When each job was woken. A job that waits already is not added again."""
        self._under_way = 0
        self._timer: Timer | None = None
        self._gap = math.inf
        """Seconds between two events, averaged."""
        self._last = -math.inf

    def __contains__(self, record: JobRecord[S]) -> bool:
        return record in self._waiting

    def add(self, record: JobRecord[S]) -> None:
        """Look a job up soon."""
        if record in self._waiting:
            return
        now = self._clock.time()
        gap = now - self._last
        # A gap from which on gathering costs more than it saves begins a new average.
        new = max(gap, self._gap) >= 2 * self._cost
        self._gap = gap if new else self._gap + (gap - self._gap) / _MEMORY
        self._last = now
        self._waiting[record] = now
        self._go()

    def drop(self, record: JobRecord[S]) -> None:
        """Forget a job that has ended."""
        self._waiting.pop(record, None)

    def answered(self) -> None:
        """Take note that a lookup is over."""
        self._under_way -= 1
        self._go()

    def stop(self) -> None:
        """Forget all jobs."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _pause(self) -> float:
        """Return the seconds for which events are gathered."""
        if self._gap >= 2 * self._cost:
            return 0.0
        return math.sqrt(2 * self._cost * self._gap) - self._gap

    def _go(self) -> None:
        size = self._size()
        if not self._waiting or (size > 1 and self._under_way):
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock.time()
        if size > 1 and len(self._waiting) < size:
            due = next(iter(self._waiting.values())) + self._pause()
            if due > now:
                self._timer = self._clock.call_at(due, self._go)
                return
        woken = [record for record in self._waiting if record.state is WATCHED]
        self._waiting.clear()
        for start in range(0, len(woken), size):
            self._under_way += 1
            self._look_up(woken[start : start + size])
