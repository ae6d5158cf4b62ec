"""Who is created next: by priority, in turn between operations, and first come first served."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from akool_async.engine.flight import QUEUED, Flight

_Turns = dict[str, deque[Flight[Any]]]
"""By operation, the jobs that wait; the operation whose turn it is stands first."""


class Quotas:
    """How many jobs of which operations may be in flight, beside the one limit on all.

    Args:
        limits: By a pattern of operation names, such as `video.*`, how many jobs at most.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._patterns: dict[str, tuple[str, ...]] = {}
        self._in_flight: Counter[str] = Counter()

    def _of(self, name: str) -> tuple[str, ...]:
        known = self._patterns.get(name)
        if known is None:
            known = tuple(each for each in self._limits if fnmatchcase(name, each))
            self._patterns[name] = known
        return known

    def open_to(self, name: str) -> bool:
        """Say whether one more job of an operation may be in flight."""
        if not self._limits:
            return True
        return all(self._in_flight[each] < self._limits[each] for each in self._of(name))

    def taken(self, name: str, change: int = 1) -> None:
        """Count one more job, or one less."""
        if self._limits:
            for each in self._of(name):
                self._in_flight[each] += change


class Line:
    """Jobs that wait for a place; one costs an entry in a queue, and no task."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self.ranks: dict[int, _Turns] = {}
        """By priority, highest first; empty where nobody waits."""

    def __iter__(self) -> Iterator[Flight[Any]]:
        # Copied, since another thread may count who waits while the loop goes on.
        for turns in tuple(self.ranks.values()):
            for waiting in tuple(turns.values()):
                yield from (flight for flight in tuple(waiting) if flight.phase is QUEUED)

    def add(self, flight: Flight[Any], priority: int = 0) -> None:
        """Let a job wait at the end."""
        self._queue(flight, priority).append(flight)

    def add_first(self, flight: Flight[Any], priority: int = 0) -> None:
        """Let a job wait before all others of its operation and priority."""
        self._queue(flight, priority).appendleft(flight)

    def _queue(self, flight: Flight[Any], priority: int) -> deque[Flight[Any]]:
        turns = self.ranks.get(priority)
        if turns is None:
            self.ranks[priority] = turns = {}
            self.ranks = dict(sorted(self.ranks.items(), reverse=True))
        if flight.kind.name not in turns:
            turns[flight.kind.name] = deque()
        return turns[flight.kind.name]

    def take(self) -> Flight[Any] | None:
        """Take out the job whose turn it is, if there is one whose operation has room."""
        for priority, turns in tuple(self.ranks.items()):
            flight = self._take_from(turns)
            if not turns:
                del self.ranks[priority]
            if flight is not None:
                return flight
        return None

    def _take_from(self, turns: _Turns) -> Flight[Any] | None:
        for name in tuple(turns):
            waiting = turns[name]
            while waiting and waiting[0].phase is not QUEUED:
                waiting.popleft()  # cancelled while it waited
            if not waiting:
                del turns[name]
            elif self._quotas.open_to(name):
                if len(turns) > 1:
                    turns[name] = turns.pop(name)  # the next one's turn comes first
                return waiting.popleft()
        return None

    def drain(self) -> list[Flight[Any]]:
        """Take out all."""
        waiting = list(self)
        self.ranks.clear()
        return waiting
