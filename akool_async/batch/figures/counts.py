"""The counts of a run, changed row by row: nobody ever goes through the rows to count them."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from akool_async.batch.figures.run_figures import ErrorFigures, OperationFigures

End: TypeAlias = Literal["completed", "failed", "in_doubt", "skipped"]
"""What becomes of a row in the end."""

_MINUTE: Final = 60


class OperationCounts:
    """The rows of one operation."""

    __slots__ = ("completed", "failed", "in_doubt", "in_flight", "planned", "read", "skipped")

    def __init__(self) -> None:
        self.planned = 0
        """Rows of the manifest, as far as they were counted beforehand."""
        self.read = 0
        self.in_flight = self.completed = self.failed = self.in_doubt = self.skipped = 0

    @property
    def rows(self) -> int:
        """How many rows there are, as far as is known."""
        return max(self.planned, self.read)

    @property
    def waiting(self) -> int:
        """How many rows were not sent, and are to be."""
        gone = self.completed + self.failed + self.in_doubt + self.skipped
        return self.rows - self.in_flight - gone

    def figures(self, median: float | None) -> OperationFigures:
        """Return these counts as figures."""
        return OperationFigures(
            rows=self.rows,
            waiting=self.waiting,
            in_flight=self.in_flight,
            completed=self.completed,
            failed=self.failed,
            in_doubt=self.in_doubt,
            skipped=self.skipped,
            median=median,
        )


class Counts:
    """The counts of a run.

    Args:
        planned: The rows of each operation, where the manifest was read beforehand.
        now: Returns a time in seconds that never goes back.
    """

    def __init__(
        self, planned: Mapping[str, int] | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self.begun = now()
        self.operations: dict[str, OperationCounts] = {}
        self.knows_rows = planned is not None
        """Whether all rows are counted; else there may be any number of others."""
        for operation, rows in (planned or {}).items():
            self.of(operation).planned = rows
        self.done_before = 0
        self.saved = self.bytes = self.saved_before = 0
        self.unsaved = 0
        """Results that were given up."""
        self.expired = 0
        """Results without a file that Akool keeps no more."""
        self.news = 0
        """Rows that ended in this process."""
        self.creates = 0
        """Creates that were sent."""
        self._ends: deque[tuple[int, int]] = deque()
        """Seconds, and how many rows ended in each, of the last minute."""
        self._errors: Counter[str] = Counter()
        self._newest: dict[str, str] = {}

    def of(self, operation: str) -> OperationCounts:
        """Return the counts of an operation."""
        counts = self.operations.get(operation)
        if counts is None:
            counts = self.operations[operation] = OperationCounts()
        return counts

    def ended(self, operation: str, end: End, error: str = "", msg: str = "") -> None:
        """Count a row that has ended just now."""
        self.news += 1
        counts = self.of(operation)
        setattr(counts, end, getattr(counts, end) + 1)
        if error:
            self._errors[error] += 1
            self._newest[error] = msg
        second = int(self._now())
        if self._ends and self._ends[-1][0] == second:
            self._ends[-1] = second, self._ends[-1][1] + 1
        else:
            self._ends.append((second, 1))
        while self._ends[0][0] <= second - _MINUTE:
            self._ends.popleft()

    def known(self, operation: str, end: End, error: str = "", msg: str = "") -> None:
        """Count a row that an earlier process brought to its end."""
        counts = self.of(operation)
        setattr(counts, end, getattr(counts, end) + 1)
        if end == "completed":
            self.done_before += 1
        if error:
            self._errors[error] += 1
            self._newest.setdefault(error, msg)

    def skip_rest(self) -> None:
        """Count all rows that were not sent as skipped: nothing more is going to be."""
        for counts in self.operations.values():
            counts.skipped += counts.waiting

    def read_all(self) -> None:
        """Take note that all rows were read: there are no others."""
        self.knows_rows = True
        for counts in self.operations.values():
            counts.planned = 0

    def total(self, which: str) -> int:
        """Return a count of all operations together."""
        return sum(getattr(counts, which) for counts in self.operations.values())

    @property
    def elapsed(self) -> float:
        """Seconds since the run began in this process."""
        return self._now() - self.begun

    @property
    def per_minute(self) -> float | None:
        """How many rows ended in the last minute; before a minute is over, at the same rate."""
        oldest = self._now() - _MINUTE
        ended = sum(count for second, count in self._ends if second > oldest)
        span = min(self.elapsed, _MINUTE)
        return ended * _MINUTE / span if ended and span >= 1 else None

    @property
    def errors(self) -> tuple[ErrorFigures, ...]:
        """The rows that ended with an error, by class, the most frequent first."""
        return tuple(
            ErrorFigures(error=error, count=count, newest=self._newest.get(error, ""))
            for error, count in self._errors.most_common()
        )
