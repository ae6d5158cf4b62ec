"""Results that wait to be saved on disk alone: the journal has them, and memory has their numbers.

A slow link, or a full disk, may leave a hundred thousand results behind. In memory each is more
than a kilobyte. So only the next ones are kept there; the others are read back, oldest first, when
their turn comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

from akool_async.engine import JobRecord
from akool_async.engine.operation import OperationState
from akool_async.engine.recorder import Recorder
from akool_async.journal import Entry
from akool_async.result import Result


class Kept(NamedTuple):
    """What stays in memory of a result."""

    number: int
    """Its row in the journal."""
    operation: OperationState[Any]
    tag: object
    """What was submitted as `tag=`: the journal has no room for it."""


class Backlog:
    """Rows whose results are to be saved later, in the order in which they came.

    Args:
        recorder: Reads them back; leaves them alone in a `recover()` meanwhile.
        restored: Makes a record of a row again; `None` if the row has no result.
    """

    def __init__(
        self, recorder: Recorder, restored: Callable[[Entry, object], JobRecord[Any] | None]
    ) -> None:
        self._recorder = recorder
        self._restored = restored
        self._waiting: deque[Kept] = deque()
        self._numbers: set[int] = set()
        recorder.backlogs.add(self)

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, number: object) -> bool:
        return number in self._numbers

    def put(self, record: JobRecord[Any]) -> bool:
        """Let a result wait on disk; return whether it can: it needs a row in the journal."""
        row = record.journal_row
        if row is None or row.number is None or not self._recorder.reads_rows:
            return False
        if row.number not in self._numbers:  # else its key was submitted again
            self._numbers.add(row.number)
            self._waiting.append(Kept(row.number, record.operation, record.options.tag))
        return True

    async def take(self, most: int) -> list[tuple[Kept, JobRecord[Any] | None]]:
        """Take out the oldest results; `None` in place of one that the journal has no more.

        Raises:
            JournalError: the journal cannot be read; all of them stay.
        """
        page = list(islice(self._waiting, most))
        gone = [each.number for each in page if self._held(each.number) is None]
        entries = {entry.number: entry for entry in await self._recorder.rows(gone)}
        taken: list[tuple[Kept, JobRecord[Any] | None]] = []
        for each in page:
            entry = entries.get(each.number)
            record = self._held(each.number)
            if record is None and entry is not None:
                record = self._restored(entry, each.tag)
            taken.append((each, record))
        for each in page:
            self._waiting.popleft()
            self._numbers.discard(each.number)
        return taken

    def _held(self, number: int) -> JobRecord[Any] | None:
        """Return the job, if the program still holds it."""
        record = self._recorder.working_on(number)
        return record if record is not None and isinstance(record.outcome, Result) else None

    def clear(self) -> None:
        """Forget all; the journal still has them as unsaved."""
        self._waiting.clear()
        self._numbers.clear()
