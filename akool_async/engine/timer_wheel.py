"""When to poll which job: slots of time, and one timer for all of them.

How this works
--------------
Time is cut into slots. A record that is due goes into the slot that begins at that time or soon
after. A dictionary finds a slot by its number, a heap knows the first slot, and one timer of the
clock rings when the first slot begins. So a pending job costs one entry in a `deque`, eight
bytes, and neither a timer nor a task; and records of one slot are due together, and share
requests.

Slots are wide for long delays and narrow for short ones. A poll that comes late by a fraction of
its delay costs little, and wide slots fill requests better.

A record stands in at most one slot: `record.slot` is the slot that counts. Nothing is removed
from the middle of a slot. When a record moves to an earlier slot, as a webhook asks for, its old
entry stays behind, and `soonest` drops it because `record.slot` is another slot now. A record
that is being polled stands in no slot. If it is woken meanwhile, it is put into a slot that is due
now, and is polled once more without waiting for the running lookup: that lookup's answer may be
older than the webhook.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

from akool_async.clock import Clock, Timer
from akool_async.engine.record import JobRecord
from akool_async.engine.state import WATCHED
from akool_async.protocol.snapshot import Snapshot

S = TypeVar("S", bound=Snapshot)

_TICKS: Final = 1280
"""Ticks in a second; slots are numbered in them. A binary fraction, so that sums are exact."""
_WIDE, _NARROW = 64, 16
"""Ticks of a slot for long and for short delays: 50 or 12.5 milliseconds."""
_LONG, _SHORT = 0.2, 0.05
"""Seconds: delays from which on a slot is wide, or narrow; below, it is one tick."""
_ROUNDING: Final = 1e-6
"""What rounding may add to a time. A moment on the edge of a slot belongs to that slot."""

Slot: TypeAlias = "deque[JobRecord[S]]"


class TimerWheel(Generic[S]):
    """Records by the slot in which they are due. Calls back when the first slot begins.

    Args:
        clock: Where time comes from.
        on_due: Called when the first slot begins.
        on_ring: Called with the seconds by which that call was late: so long the loop was busy.
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
        self._slots: dict[int, Slot[S]] = {}
        self._order: list[int] = []
        """The numbers of the slots, as a heap."""
        self._timer: Timer | None = None
        self._timer_slot = 0

    def __len__(self) -> int:
        """Return the number of records that are due at some time."""
        # A set, since a slot holds a record twice that left the slot and came back.
        slots = self._slots.values()
        return len({record for slot in slots for record in slot if record.slot is slot})

    def put(self, record: JobRecord[S], now: float, delay: float) -> None:
        """Make a record due in `delay` seconds, or a slot's width later.

        A record that is due already stays where it is due first.
        """
        self.put_into(self.slot(now, delay), record)

    def wake(self, record: JobRecord[S], now: float) -> None:
        """Make a record due now, wherever it stands."""
        self.move(self.slot(now, 0.0), record)

    def slot(self, now: float, delay: float) -> Slot[S]:
        """Return the slot of records that are due in `delay` seconds."""
        number = int((now + delay) * _TICKS + (1 - _ROUNDING))
        if delay >= _LONG:
            number += -number % _WIDE
        elif delay >= _SHORT:
            number += -number % _NARROW
        slot = self._slots.get(number)
        if slot is None:
            heapq.heappush(self._order, number)
            slot = self._slots[number] = deque()
            self.arm()
        return slot

    def put_into(self, slot: Slot[S], record: JobRecord[S]) -> None:
        """Put a record into a slot, unless it stands in one."""
        if record.slot is None:
            self.move(slot, record)

    @staticmethod
    def move(slot: Slot[S], record: JobRecord[S]) -> None:
        """Put a record into a slot, wherever it stands."""
        slot.append(record)  # first: an interrupt in between leaves the record where it stood
        record.slot = slot

    def due(self) -> bool:
        """Say whether a slot has begun that still holds a record; drop those that hold none."""
        latest = self._clock.time() * _TICKS + _ROUNDING
        while self._order and self._order[0] <= latest:
            slot = self._first()
            if any(record.slot is slot and record.state is WATCHED for record in slot):
                return True
            self._drop_first()
        return False

    def soonest(self, count: int, taken: list[JobRecord[S]] | None = None) -> list[JobRecord[S]]:
        """Take out the records that are due first, due already or not.

        Args:
            count: How many.
            taken: The list that they are put into, and that is returned. Its owner has them all,
                whatever interrupts this.
        """
        taken = [] if taken is None else taken
        while self._order and len(taken) < count:
            slot = self._first()
            for _ in range(min(count - len(taken), len(slot))):
                record = slot[0]
                if record.slot is slot:  # else it moved to another slot
                    if record.state is WATCHED:
                        taken.append(record)
                    record.slot = None
                slot.popleft()
            if not slot:
                self._drop_first()
        return taken

    # An interrupt may come between any two steps. So a number is in the heap before its slot is
    # made, and until it is gone: at times it stands there twice, or without a slot.

    def _first(self) -> Slot[S]:
        return self._slots.get(self._order[0]) or deque()

    def _drop_first(self) -> None:
        self._slots.pop(self._order[0], None)
        heapq.heappop(self._order)

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

    def clear(self) -> None:
        """Forget all records, and stop the timer."""
        self._slots.clear()
        self._order.clear()
        self.disarm()

    def disarm(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _ring(self) -> None:
        self._timer = None
        try:
            if self._on_ring is not None:
                self._on_ring(self._clock.time() - self._timer_slot / _TICKS)
        finally:
            self._on_due()
