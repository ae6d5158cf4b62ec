"""The rows of a run whose jobs go on: a few hundred, however many rows there are."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from akool_async.batch.counts import Counts
from akool_async.batch.rows import BatchRow
from akool_async.client.events import Event
from akool_async.engine import EventName
from akool_async.job import Job
from akool_async.journal.outcome_lines import KnownRow


class LiveRow:
    """A row whose job goes on."""

    __slots__ = ("accepted_at", "attempts", "counted", "in_flight", "job", "row", "submitted_at")

    def __init__(self, row: BatchRow, known: KnownRow | None, *, counted: bool = True) -> None:
        self.row = row
        self.job: Job[Any] | None = None
        self.counted = counted
        """Whether it is a row of the manifest, and so in the counts."""
        self.submitted_at = time.time()
        self.accepted_at: float | None = None if known is None else known.created_at
        self.attempts = 0 if known is None else known.attempt
        self.in_flight = False

    @property
    def prepares(self) -> bool:
        """Whether nothing of its job was sent so far: it takes the steps before its create."""
        return self.job is not None and not self.in_flight and not self.job.steps


class LiveRows:
    """The rows whose jobs go on, and room for more.

    Args:
        counts: Is told which rows are in flight.
        places: The most jobs at Akool at once.
        limits: The same by pattern of operation names.
    """

    def __init__(self, counts: Counts, places: int, limits: Mapping[str, int]) -> None:
        self._counts = counts
        self._rows: set[LiveRow] = set()
        self._change = asyncio.Event()
        self._limits = limits
        self._taken: Counter[str] = Counter()
        """Rows that go on, by pattern."""
        self._patterns: dict[str, tuple[str, ...]] = {}
        """The patterns that each operation fits."""
        self.places = places

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[LiveRow]:
        return iter(tuple(self._rows))

    @property
    def full(self) -> bool:
        """Whether a row goes on for each place."""
        return len(self._rows) >= self.places

    def open_to(self, operation: str) -> bool:
        """Say whether the limits by pattern allow one more row of an operation."""
        patterns = self._patterns_of(operation)
        return all(self._taken[each] < self._limits[each] for each in patterns)

    def _patterns_of(self, operation: str) -> tuple[str, ...]:
        known = self._patterns.get(operation)
        if known is None:
            known = tuple(each for each in self._limits if fnmatchcase(operation, each))
            self._patterns[operation] = known
        return known

    def add(self, live: LiveRow) -> None:
        """Take in a row whose job was submitted just now."""
        self._rows.add(live)
        self._taken.update(self._patterns_of(live.row.operation))

    def remove(self, live: LiveRow) -> None:
        """Take out a row whose job has ended."""
        self._rows.discard(live)
        self._taken.subtract(self._patterns_of(live.row.operation))
        self.set_in_flight(live, to=False)
        self.wake()

    def set_in_flight(self, live: LiveRow, *, to: bool) -> None:
        """Count a row as in flight, or no more."""
        if live.in_flight is to:
            return
        live.in_flight = to
        if live.counted:
            self._counts.of(live.row.operation).in_flight += 1 if to else -1

    def wake(self) -> None:
        """Let those look again who wait for a change."""
        self._change.set()

    async def changed(self) -> None:
        """Wait until a job has ended, or something else has changed."""
        self._change.clear()
        await self._change.wait()

    def hear(self, event: Event) -> None:
        """Take note of an event of a job; it is called with each one, and so is short."""
        name = event.name
        if name not in _HEARD:
            return
        live = event.job.tag
        if not isinstance(live, LiveRow):  # a step of a recipe
            return
        if name == EventName.CREATING:
            live.attempts += 1
            self._counts.creates += 1
            self.set_in_flight(live, to=True)
        elif name == EventName.CREATED:
            live.accepted_at = time.time()
        elif name == EventName.RESUMED:
            self.set_in_flight(live, to=True)
        else:  # refused for now, and queued again
            self.set_in_flight(live, to=False)


_HEARD: Final = frozenset(
    {EventName.CREATING, EventName.CREATED, EventName.RESUMED, EventName.QUEUED}
)
