"""What all rows of a run come to, gathered row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from akool_async.batch.report.failures import Failures
from akool_async.batch.report.rows import Place, ReportRow
from akool_async.batch.report.spread import Spread, Timeline
from akool_async.journal.run_rows import Span

KEPT: Final = 7 * 86400.0
"""Seconds for which Akool keeps a result."""
_SOON: Final = 86400.0


class Sample:
    """Some of many values, evenly spread over all of them.

    Args:
        most: How many at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._every = 1
        self.seen = 0
        """How many there were."""
        self.taken: list[int] = []
        """Those that were taken, in their order."""

    def add(self, value: int) -> None:
        """Take in a value."""
        if self._most and self.seen % self._every == 0:
            if len(self.taken) == self._most:
                del self.taken[1::2]
                self._every *= 2
            if self.seen % self._every == 0:
                self.taken.append(value)
        self.seen += 1


class OperationTally:
    """The rows of one operation.

    Args:
        most: Results at most that the gallery shows.
    """

    def __init__(self, most: int) -> None:
        self.places: Counter[Place] = Counter()
        self.at_akool = Spread()
        self.in_queue = Spread()
        self.files = Sample(most)
        """The numbers of rows with a file."""


class Tally:
    """The sums over all rows.

    Args:
        span: When the run's jobs began and last changed; `None` if there are none. A run that goes
            on changes now.
        now: The time, in seconds since 1970.
        gallery: Results at most that the gallery shows of each operation.
    """

    def __init__(self, span: Span | None, now: float, gallery: int) -> None:
        self.span = span
        self.timeline = None if span is None else Timeline(*span)
        self.operations: dict[str, OperationTally] = {}
        self.failures = Failures()
        self.rows = 0
        self.files = self.bytes = 0
        self.unsaved = self.expiring = self.expired = 0
        """Completed rows without a file; those that Akool deletes within a day, or has deleted."""
        self._now = now
        self._most = gallery

    def add_all(self, rows: Iterable[ReportRow]) -> None:
        """Take in rows."""
        for row in rows:
            self.add(row)

    def add(self, row: ReportRow) -> None:
        """Take in a row."""
        self.rows += 1
        tally = self.operations.get(row.operation)
        if tally is None:
            tally = self.operations[row.operation] = OperationTally(self._most)
        tally.places[row.place] += 1
        self._add_times(row, tally)
        if row.place in {"failed", "in doubt"}:
            self.failures.add(row)
        elif row.place == "completed":
            self._add_result(row, tally)

    def total(self, place: Place) -> int:
        """Return how many rows stand at a place."""
        return sum(each.places[place] for each in self.operations.values())

    def waiting(self, operation: str) -> int:
        """Return how many rows of an operation wait for a place."""
        tally = self.operations.get(operation)
        return 0 if tally is None else tally.places["waiting"]

    def _add_times(self, row: ReportRow, tally: OperationTally) -> None:
        outcome = row.outcome
        took = None if outcome is None else outcome.akool_seconds
        if outcome is not None and row.place == "completed":
            tally.at_akool.add(took)
            tally.in_queue.add(outcome.queued_seconds)
        if self.timeline is None or row.begun is None:
            return
        if row.ended is not None:
            self.timeline.end(row.ended, completed=row.place == "completed")
            if took is not None:
                self.timeline.fly(max(row.ended - took, row.begun), row.ended)
        elif row.place == "in flight":
            self.timeline.fly(row.begun, self._now)

    def _add_result(self, row: ReportRow, tally: OperationTally) -> None:
        outcome = row.outcome
        if outcome is not None and outcome.path:
            self.files += 1
            self.bytes += outcome.all_bytes
            tally.files.add(row.number)
        elif row.ended is not None:
            self.unsaved += 1
            left = row.ended + KEPT - self._now
            self.expired += left <= 0
            self.expiring += 0 < left <= _SOON
