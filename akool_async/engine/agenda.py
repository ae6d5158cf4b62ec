"""What is to be done when: a heap with one timer for all of it.

An entry costs a tuple, not a timer and not a task, so a hundred thousand waiting jobs
cost the event loop one timer.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from akool_async.clock import Clock, Timer


class Listed(Protocol):
    """What an agenda holds."""

    @property
    def ended(self) -> bool:
        """Whether the entry has become pointless."""
        ...


L = TypeVar("L", bound=Listed)

_SMALLEST_SWEEP = 64


class Agenda(Generic[L]):
    """Entries by the time at which they are due; calls back when the first of them is."""

    def __init__(self, clock: Clock, on_due: Callable[[], None]) -> None:
        self._clock = clock
        self._on_due = on_due
        self._entries: list[tuple[float, int, L]] = []
        self._order = itertools.count()
        self._timer: Timer | None = None
        self._timer_at = float("inf")
        self._pointless = 0

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, when: float, entry: L) -> None:
        """Note an entry."""
        heapq.heappush(self._entries, (when, next(self._order), entry))
        self.arm()

    def note_ended(self) -> None:
        """Learn that one entry has become pointless; sweeps once they are the majority."""
        self._pointless += 1
        if self._pointless > max(_SMALLEST_SWEEP, len(self._entries) // 2):
            self._entries = [noted for noted in self._entries if not noted[2].ended]
            heapq.heapify(self._entries)
            self._pointless = 0

    def due(self) -> bool:
        """Say whether an entry's time has come."""
        self._drop_ended()
        return bool(self._entries) and self._entries[0][0] <= self._clock.time()

    def soonest(self, count: int) -> list[L]:
        """Take out the entries that are due first, due already or not."""
        taken: list[L] = []
        while self._entries and len(taken) < count:
            entry = heapq.heappop(self._entries)[2]
            if not entry.ended:
                taken.append(entry)
        return taken

    def arm(self) -> None:
        """Set the timer for the first entry."""
        self._drop_ended()
        first = self._entries[0][0] if self._entries else float("inf")
        if self._timer is not None and self._timer_at <= first:
            return
        self.disarm()
        if self._entries:
            self._timer_at = first
            self._timer = self._clock.call_at(first, self._ring)

    def disarm(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, float("inf")

    def _drop_ended(self) -> None:
        while self._entries and self._entries[0][2].ended:
            heapq.heappop(self._entries)

    def _ring(self) -> None:
        self._timer, self._timer_at = None, float("inf")
        self._on_due()
