"""Durations, and when things happened, in memory that does not grow with the rows."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

_STEP: Final = math.log(1.02)
_SHORTEST: Final = 0.001
_BINS: Final = 120
_WIDTHS: Final = (
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
)
_DAY: Final = 86400


class Spread:
    """Durations, counted in steps of 2 %."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, seconds: float | None) -> None:
        """Take in a duration, if it is known."""
        if seconds is not None:
            self._counts[round(math.log(max(seconds, _SHORTEST)) / _STEP)] += 1

    def quantile(self, part: float) -> float | None:
        """Return a duration that a part of all, such as 0.95, do not exceed; right to 1 %."""
        wanted = math.ceil(part * self._counts.total())
        for step in sorted(self._counts):
            wanted -= self._counts[step]
            if wanted <= 0:
                seconds = math.exp(step * _STEP)
                return 0.0 if seconds <= 2 * _SHORTEST else seconds
        return None


class Timeline:
    """What happened in each of at most 120 equal spans of time.

    Args:
        begun: Where it begins, in seconds since 1970.
        ended: Where it ends.
    """

    def __init__(self, begun: float, ended: float) -> None:
        span = max(ended - begun, 1.0)
        days = math.ceil(span / _BINS / _DAY) * _DAY
        self.width: int = next((each for each in _WIDTHS if span / each <= _BINS), days)
        """Seconds of a span."""
        self._ended = ended
        self.begun = begun - begun % self.width
        """Where the first span begins."""
        self.size = int((ended - self.begun) // self.width) + 1
        self.completed = [0] * self.size
        """Rows that completed in each span."""
        self.failed = [0] * self.size
        """Rows that ended otherwise in each span."""
        self._parts = [0.0] * self.size
        """Seconds of jobs that were in flight for a part of a span."""
        self._changes = [0] * (self.size + 1)
        """How many more jobs than in the span before were in flight all the time."""

    def end(self, at: float, *, completed: bool) -> None:
        """Take in the end of a row."""
        (self.completed if completed else self.failed)[self._index(at)] += 1

    def fly(self, begun: float, ended: float) -> None:
        """Take in when a job was in flight, as far as that is within the timeline."""
        begun, ended = max(begun, self.begun), min(ended, self._ended)
        first, last = self._index(begun), self._index(ended)
        if first == last:
            self._parts[first] += max(0.0, ended - begun)
            return
        self._parts[first] += max(0.0, self.start(first + 1) - begun)
        self._parts[last] += max(0.0, ended - self.start(last))
        self._changes[first + 1] += 1
        self._changes[last] -= 1

    @property
    def in_flight(self) -> list[float]:
        """The average number of jobs in flight in each span."""
        averages: list[float] = []
        whole = 0
        for part, change in zip(self._parts, self._changes, strict=False):
            whole += change
            averages.append(whole + part / self.width)
        return averages

    def start(self, index: int) -> float:
        """Return when a span begins, in seconds since 1970."""
        return self.begun + index * self.width

    def _index(self, at: float) -> int:
        return min(max(int((at - self.begun) // self.width), 0), self.size - 1)
