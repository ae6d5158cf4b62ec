"""Which rows of a manifest a run sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase

from akool_async.batch.manifest.rows import BatchRow


class Selection:
    """Chooses among rows that have not ended.

    Args:
        limit: The most rows that are taken.
        only: Patterns such as `audio.*`; a row is taken if its operation or key fits one.
        skip: Patterns; a row is not taken if its operation or key fits one.
        sample: The most rows of each operation that are taken.
    """

    def __init__(
        self,
        *,
        limit: int | None = None,
        only: Sequence[str] = (),
        skip: Sequence[str] = (),
        sample: int | None = None,
    ) -> None:
        self._limit = limit
        self._only = only
        self._skip = skip
        self._sample = sample
        self._taken: Counter[str] = Counter()

    def takes(self, row: BatchRow) -> bool:
        """Say whether a row is to be sent; one that is counts against the limits."""
        if self._only and not fits(row, self._only):
            return False
        if self._skip and fits(row, self._skip):
            return False
        if self._limit is not None and self._taken.total() >= self._limit:
            return False
        if self._sample is not None and self._taken[row.operation] >= self._sample:
            return False
        if self._limit is not None or self._sample is not None:
            self._taken[row.operation] += 1
        return True


def fits(row: BatchRow, patterns: Sequence[str]) -> bool:
    """Say whether a row's operation or key fits one of some patterns."""
    return any(
        fnmatchcase(row.operation, pattern) or fnmatchcase(row.key, pattern) for pattern in patterns
    )
