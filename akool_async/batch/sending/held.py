"""Rows that others go past: a limit allows their operation no more jobs at once for now.

A manifest is often sorted by operation. Without this, rows of one operation with a low limit would
take all the places of a run, and those of the others would stay empty until the last of them.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from akool_async.batch.live import LiveRows
from akool_async.batch.manifest.rows import BatchRow
from akool_async.journal.outcome_lines import KnownRow

MOST: Final = 2000
"""Rows that others may go past: by so many the run looks ahead in its manifest."""


class WaitingRow(NamedTuple):
    """A row that is to be sent."""

    row: BatchRow
    known: KnownRow | None
    """What the journal knows of it."""
    retry: bool
    """Whether it failed, and is sent, and paid for, again."""


class HeldRows:
    """Rows whose operations have as many jobs at once as they may.

    Args:
        live: Knows whether an operation may have one more.
    """

    def __init__(self, live: LiveRows) -> None:
        self._live = live
        self._rows: dict[str, deque[WaitingRow]] = {}
        """By operation, each by priority and place in the manifest; the operations take turns."""
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._rows)

    @property
    def full(self) -> bool:
        """Whether no further row may be gone past."""
        return self._count >= MOST

    def holds_back(self, operation: str) -> bool:
        """Say whether a row of an operation has to wait here, perhaps behind others of it."""
        return operation in self._rows or not self._live.open_to(operation)

    def add(self, waiting: WaitingRow) -> None:
        """Let others go past a row; it goes past rows of its operation of a lower priority."""
        rows = self._rows.setdefault(waiting.row.operation, deque())
        place = len(rows)
        while place and rows[place - 1].row.priority < waiting.row.priority:
            place -= 1
        rows.insert(place, waiting)
        self._count += 1

    def next(self) -> WaitingRow | None:
        """Return the row that is to be sent now; it stays here. `None` if all have to wait."""
        ready = next((name for name in self._rows if self._live.open_to(name)), None)
        return None if ready is None else self._rows[ready][0]

    def drop(self, waiting: WaitingRow) -> None:
        """Take out a row that `next` has returned."""
        operation = waiting.row.operation
        rows = self._rows.pop(operation)
        rows.remove(waiting)  # most often the first; one of a higher priority may have come
        if rows:
            self._rows[operation] = rows  # behind the other operations
        self._count -= 1
