"""Which results of a run have no whole file, and until when Akool keeps them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from itertools import starmap
from typing import Any, Final

from akool_async.batch.folder import RunFolder
from akool_async.batch.outcomes.endings import decoder
from akool_async.batch.outcomes.outcome import Outcome
from akool_async.batch.outcomes.steps import last_steps
from akool_async.client.saving_place import is_gone
from akool_async.journal.outcome_lines import KnownRow, OutcomeReader

_DAY: Final = 24 * 3600.0


class Missing:
    """Finds results without a file, or with one that was cut short.

    Args:
        folder: The run's folder.
        lines: The journal's table of lines.
        operations: The operations by name: they know how long their results are kept.
    """

    def __init__(
        self, folder: RunFolder, lines: OutcomeReader, operations: Mapping[str, Any]
    ) -> None:
        self._folder = folder
        self._lines = lines
        self._operations = operations
        self.expired = 0
        """How many of them Akool keeps no more, as far as can be told."""
        self.expiring = 0
        """How many of them Akool keeps for a day at most."""

    async def numbers(self) -> list[int]:
        """Return the rows of the journal whose results have no whole file, and may be kept."""
        found: list[int] = []
        after = 0
        while page := await self._lines.completed(after):
            after = page[-1][0]
            found += await asyncio.to_thread(self._without_file, [known for _, known in page])
        now = time.time()
        for known in await self._lines.without_line(last_steps(self._operations)):
            if self._is_kept(known, now):
                found.append(known.number)
        return found

    def _without_file(self, page: list[KnownRow]) -> list[int]:
        found: list[int] = []
        now = time.time()
        for known in page:
            assert known.line is not None
            outcome = decoder.decode(known.line)
            if outcome.url is None:
                continue
            if outcome.path is not None and self._are_there(outcome, outcome.path):
                continue
            if self._is_kept(known, now):
                found.append(known.number)
        return found

    def _are_there(self, outcome: Outcome, path: str) -> bool:
        """Say whether the files of a result are there whole."""
        others = [(each.path, each.bytes) for each in outcome.more_files]
        return all(starmap(self._is_there, [(path, outcome.bytes), *others]))

    def _is_there(self, path: str, size: int | None) -> bool:
        """Say whether a file is there whole; a power failure may have cut it short."""
        file = self._folder.root / path
        try:
            return not is_gone(str(file)) and file.stat().st_size == size
        except OSError:  # a folder that may not be entered, say: nobody can tell
            return True

    def _is_kept(self, known: KnownRow, now: float) -> bool:
        """Say whether Akool may keep a result still, and count it."""
        left = self._seconds_left(known, now)
        if left <= 0:
            self.expired += 1
        else:
            self.expiring += left < _DAY
        return left > 0

    def _seconds_left(self, known: KnownRow, now: float) -> float:
        operation = self._operations.get(known.name)
        lifetime: timedelta = getattr(
            operation and operation.family.result, "lifetime", timedelta()
        )
        return (known.created_at or now) + lifetime.total_seconds() - now
