"""When to look at which job: slots of time, and one timer for all of them.

A job in a slot costs eight bytes, not a timer and not a task; those that are due within
the same slot are due together, and ride in the same requests.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from akool_async.clock import Clock, Timer
from akool_async.engine.flight import WATCHED, Flight
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

_TICKS = 1280
"""Ticks in a second; times are counted in them."""
_WIDE, _NARROW = 64, 16
"""Ticks of a slot for delays that are long, or short: 50 or 12.5 milliseconds."""
_LONG, _SHORT = 0.2, 0.05
"""Seconds: delays from which on a slot is wide, or narrow; below, it is one tick."""
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

    def slot(self, now: float, delay: float) -> deque[Flight[S]]:
        """Return where to append jobs that are due in `delay` seconds, or a slot's end later."""
        number = int((now + delay) * _TICKS + (1 - _NEARLY))
        if delay >= _LONG:
            number += -number % _WIDE
        elif delay >= _SHORT:
            number += -number % _NARROW
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = deque()
            heapq.heappush(self._order, number)
            self.arm()
        return slot

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

    Jobs with the same timeout run out of time in the order in which they came, and in that
    order they are watched: so nothing has to be kept of each of them. The few that came out of
    order are kept by themselves.

    Args:
        clock: Where time comes from.
        flights: The watched jobs, in the order in which they came.
        on_due: Told of each job whose time is over.
    """

    def __init__(
        self, clock: Clock, flights: Mapping[str, Flight[S]], on_due: Callable[[Flight[S]], object]
    ) -> None:
        self._clock = clock
        self._flights = flights
        self._on_due = on_due
        self._timeouts: set[float] = set()
        """Those whose first job the timer will not miss."""
        self._out_of_order: list[Flight[S]] = []
        self._timer: Timer | None = None
        self._timer_at = float("inf")

    def add(self, flight: Flight[S], *, in_order: bool = True) -> None:
        """Note a job's deadline, if it has one.

        Args:
            flight: The job.
            in_order: Whether it is the last one among `flights`; else it need not be there at all.
        """
        timeout = flight.timeout
        if timeout is None:
            return
        if not in_order:
            self._out_of_order.append(flight)
        elif timeout in self._timeouts:
            return
        else:
            self._timeouts.add(timeout)
        deadline = flight.deadline
        if deadline < self._timer_at:
            self._arm(deadline)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        due, following = self._reached(self._clock.time() + _NEARLY)
        for flight in due:
            self._on_due(flight)
        if following < self._timer_at:
            self._arm(following)

    def _reached(self, now: float) -> tuple[list[Flight[S]], float]:
        """Return the jobs whose time is over, and when the next one's will be."""
        due: list[Flight[S]] = []
        firsts: dict[float, float] = {}
        for flight in self._flights.values():
            timeout = flight.timeout
            if timeout is None or timeout in firsts:
                continue
            deadline = flight.deadline
            if deadline <= now:
                due.append(flight)
                continue
            firsts[timeout] = deadline
            if len(firsts) == len(self._timeouts):
                break
        self._timeouts = set(firsts)
        others = [flight for flight in self._out_of_order if not flight.ended]
        self._out_of_order = [flight for flight in others if flight.deadline > now]
        due += [flight for flight in others if flight.deadline <= now]
        later = (flight.deadline for flight in self._out_of_order)
        return due, min((*firsts.values(), *later), default=float("inf"))

    def _arm(self, when: float) -> None:
        self.disarm()
        self._timer_at = when
        self._timer = self._clock.call_at(when, self._ring)

    def disarm(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, float("inf")
