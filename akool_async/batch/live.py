"""The rows of a run whose jobs go on: a few hundred, however many rows there are."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from akool_async.batch.figures.counts import Counts
from akool_async.batch.manifest.rows import BatchRow
from akool_async.client.events import Event
from akool_async.engine import EventName
from akool_async.job import Job
from akool_async.journal.outcome_lines import KnownRow


class LiveRow:
    """A row whose job goes on."""

    __slots__ = (
        "accepted_at",
        "attempts",
        "counted",
        "creates",
        "found",
        "in_flight",
        "job",
        "part",
        "reserved",
        "row",
        "stage",
        "submitted_at",
    )

    def __init__(
        self,
        row: BatchRow,
        known: KnownRow | None,
        *,
        counted: bool = True,
        reserved: int = 0,
        found: str = "",
    ) -> None:
        self.row = row
        self.job: Job[Any] | None = None
        self.counted = counted
        """Whether it is a row of the manifest, and so in the counts."""
        self.submitted_at = time.time()
        self.accepted_at: float | None = None if known is None else known.created_at
        self.attempts = 0 if known is None else known.attempt
        self.in_flight = False
        self.found = found
        """The key of its job's row in the journal, if Akool has the job from an earlier process."""
        self.reserved = reserved
        """Creates that it may need."""
        self.creates = 0
        """Creates that were sent for it in this process, and not refused."""
        self.stage = ""
        """The newest event of its job, or of the steps of its recipe, as far as `hear` notes it."""
        self.part: Job[Any] | None = None
        """The job that this event was about."""

    def refused(self) -> None:
        """Take note that its job has ended with a refusal, which costs nothing."""
        if self.stage == EventName.CREATING:  # else nothing was sent, or it was a step before
            self.creates -= 1

    @property
    def unsent(self) -> bool:
        """Whether its job may be dropped: nothing of it is on its way to Akool, or awaited there.

        It is true in a paused client only: in another one, a job may leave its queue at any moment.
        """
        job = self.job
        if job is None or job.id is not None or job.done():
            return False
        # A recipe prepares while its steps are at Akool, too. Then their events came later.
        return self.stage == EventName.PREPARING or (self.part or job).position is not None


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
        self._earlier: set[LiveRow] = set()
        """Jobs of an earlier process that go on, and whose rows were not met yet."""
        self._change = asyncio.Event()
        self._limits = limits
        self._taken: Counter[str] = Counter()
        """Rows that go on, by pattern."""
        self._patterns: dict[str, tuple[str, ...]] = {}
        """The patterns that each operation fits."""
        self.places = places

    def __len__(self) -> int:
        return len(self._rows) + len(self._earlier)

    def __iter__(self) -> Iterator[LiveRow]:
        return iter(tuple(self._rows))

    @property
    def full(self) -> bool:
        """Whether a row goes on for each place."""
        return len(self) >= self.places

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

    def hold(self, live: LiveRow) -> None:
        """Keep a place for a job of an earlier process, until it has ended or its row is met."""
        assert live.job is not None
        self._earlier.add(live)
        self._taken.update(self._patterns_of(live.row.operation))
        live.job.add_done_callback(lambda _job: self.let_go(live))

    def let_go(self, live: LiveRow) -> None:
        """Keep a place no more for a job of an earlier process."""
        if live in self._earlier:
            self._earlier.discard(live)
            self._taken.subtract(self._patterns_of(live.row.operation))
            self.wake()

    def remove(self, live: LiveRow) -> None:
        """Take out a row whose job has ended."""
        self._rows.discard(live)
        self._taken.subtract(self._patterns_of(live.row.operation))
        self.set_in_flight(live, to=False)
        self.wake()

    def resumed(self, live: LiveRow) -> None:
        """Take note that a row's job, or a step of its recipe, was at Akool before."""
        live.stage = EventName.RESUMED
        self.set_in_flight(live, to=True)

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
        if not isinstance(live, LiveRow):  # a job of an earlier process
            return
        before, live.stage, live.part = live.stage, name, event.job
        if name == EventName.CREATING:
            live.attempts += 1
            live.creates += 1
            self._counts.creates += 1
            self.set_in_flight(live, to=True)
        elif name == EventName.CREATED:
            live.accepted_at = time.time()
        elif name == EventName.RESUMED:
            self.set_in_flight(live, to=True)
        elif name == EventName.QUEUED:
            self.set_in_flight(live, to=False)
            if before == EventName.CREATING:  # refused for now
                live.creates -= 1


_HEARD: Final = frozenset(
    {
        EventName.PREPARING,
        EventName.QUEUED,
        EventName.CREATING,
        EventName.CREATED,
        EventName.RESUMED,
    }
)
