"""When to look at which job: slots of time, and one timer for all of them.

A job in a slot costs eight bytes, not a timer and not a task; those that are due within
the same slot are due together, and ride in the same requests.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from akool_async.clock import Clock, Timer
from akool_async.endpoint import Snapshot
from akool_async.engine.flight import WATCHED, Flight

S = TypeVar("S", bound=Snapshot)

_TICKS = 1280
"""Ticks in a second; times are counted in them."""
_WIDE, _NARROW = 64, 16
"""Ticks of a slot for delays that are long, or short: 50 or 12.5 milliseconds."""
_LONG, _SHORT = 0.2, 0.05
"""Seconds: delays from which on a slot is wide, or narrow; below, it is one tick."""
_FEW = 64
"""Ids of ended jobs that are not worth a sweep."""
_NEARLY = 1e-6
"""What rounding may add to a time; a moment on the edge of a slot belongs to that slot."""


class Wheel(Generic[S]):
    """Jobs by the slot in which they are due; calls back when the first slot is.

    Args:
        clock: Where time comes from.
        on_due: What is called then.
        on_ring: Told by how many seconds that was late: so long the event loop was busy.
    """

    def __init__(
        self,
        clock: Clock,
        on_due: Callable[[], object],
        on_ring: Callable[[float], object] | None = None,
    ) -> None:
        self._clock = clock
        self._on_due = on_due
        self._on_ring = on_ring
        self._slots: dict[int, deque[Flight[S]]] = {}
        self._order: list[int] = []
        """The numbers of the slots, as a heap."""
        self._timer: Timer | None = None
        self._timer_slot = 0

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))

    def add(self, now: float, delay: float, flight: Flight[S]) -> None:
        """Note that a job is due in `delay` seconds, or as much later as its slot ends."""
        number = int((now + delay) * _TICKS + (1 - _NEARLY))
        if delay >= _LONG:
            number += -number % _WIDE
        elif delay >= _SHORT:
            number += -number % _NARROW
        slot = self._slots.get(number)
        if slot is None:
            self._slots[number] = deque((flight,))
            heapq.heappush(self._order, number)
            self.arm()
        else:
            slot.append(flight)

    def due(self) -> bool:
        """Say whether a slot's time has come that still holds a job."""
        latest = self._clock.time() * _TICKS + _NEARLY
        while self._order and self._order[0] <= latest:
            if any(flight.phase is WATCHED for flight in self._slots[self._order[0]]):
                return True
            del self._slots[heapq.heappop(self._order)]
        return False

    def soonest(self, count: int) -> list[Flight[S]]:
        """Take out the jobs that are due first, due already or not."""
        taken: list[Flight[S]] = []
        while self._order and len(taken) < count:
            slot = self._slots[self._order[0]]
            some = range(min(count - len(taken), len(slot)))
            taken += [flight for _ in some if (flight := slot.popleft()).phase is WATCHED]
            if not slot:
                del self._slots[heapq.heappop(self._order)]
        return taken

    def arm(self) -> None:
        """Set the timer for the first slot."""
        if not self._order:
            return
        first = self._order[0]
        if self._timer is not None and self._timer_slot <= first:
            return
        self.disarm()
        self._timer_slot = first
        self._timer = self._clock.call_at(first / _TICKS, self._ring)

    def disarm(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._on_ring is not None:
            self._on_ring(self._clock.time() - self._timer_slot / _TICKS)
        self._on_due()


class Deadlines(Generic[S]):
    """Who runs out of time next, among the watched jobs of one family.

    Jobs with the same timeout run out of time in the order in which they came, so that a
    queue of ids for each timeout is all that is needed. Ids, not jobs: one that has ended
    goes as soon as nobody holds it, and with it, to asyncio's log, an error that nobody
    looked at; it does not wait for its deadline.
    """

    def __init__(
        self, clock: Clock, flights: dict[str, Flight[S]], on_due: Callable[[Flight[S]], object]
    ) -> None:
        self._clock = clock
        self._flights = flights
        self._on_due = on_due
        self._queues: dict[float, list[str]] = {}
        self._timer: Timer | None = None
        self._timer_at = float("inf")
        self._noted = 0
        """How many ids are in the queues."""
        self._over = 0
        """How many of them are of jobs that have ended, at most."""

    def add(self, flight: Flight[S]) -> None:
        """Note a watched job's deadline, if it has one."""
        timeout = flight.timeout
        if timeout is None or flight.id is None:
            return
        self._noted += 1
        queue = self._queues.get(timeout)
        if queue and queue[-1] in self._flights:  # who came earlier runs out of time earlier
            queue.append(flight.id)
            return
        self._queues.setdefault(timeout, []).append(flight.id)
        deadline = flight.deadline
        if deadline < self._timer_at:
            self._arm(deadline)

    def note_ended(self) -> None:
        """Learn that a job has ended; sweeps once those that did are the majority."""
        self._over += 1
        if self._over > _FEW and 2 * self._over > self._noted:
            self._sweep()

    def _sweep(self) -> None:
        self._over = self._noted = 0
        known = self._flights.get
        for timeout, ids in tuple(self._queues.items()):
            left = [
                each
                for each in ids
                if (flight := known(each)) is not None and flight.timeout == timeout
            ]
            self._noted += len(left)
            if left:
                self._queues[timeout] = left
            else:
                del self._queues[timeout]

    def _ring(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        self._sweep()
        now = self._clock.time()
        due: list[Flight[S]] = []
        following = float("inf")
        for ids in self._queues.values():
            for each in ids:
                flight = self._flights[each]
                if flight.deadline > now + _NEARLY:
                    following = min(following, flight.deadline)
                    break
                due.append(flight)
        for flight in due:
            self._on_due(flight)
        if following < self._timer_at:
            self._arm(following)

    def _arm(self, when: float) -> None:
        self.disarm()
        self._timer_at = when
        self._timer = self._clock.call_at(when, self._ring)

    def disarm(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, float("inf")
