"""Rows that did not complete, grouped by operation and reason."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from akool_async.batch.report.rows import ReportRow

_MOST_GROUPS: Final = 200
_MOST_ROWS: Final = 50
_OTHERS: Final = "other reasons: see the rows"
_ID: Final = re.compile(r"\b(?=\w*\d)[\w-]{12,}\b|\d{5,}|https?://\S+")
"""What differs from row to row in sentences that say the same."""


class GroupKey(NamedTuple):
    """What the rows of a group have in common."""

    operation: str
    status: str
    error: str
    code: int | None
    reason: str
    """Their sentence, without ids and addresses."""


class FailedRow(NamedTuple):
    """A row of a group."""

    number: int
    key: str
    line: int


class FailureGroup:
    """Rows of one operation that failed for one reason.

    Args:
        key: What they have in common.
        reason: The sentence of the first one.
    """

    def __init__(self, key: GroupKey, reason: str) -> None:
        self.key = key
        self.reason = reason
        self.count = 0
        self.rows: list[FailedRow] = []
        """The first of them."""

    @property
    def more(self) -> int:
        """How many rows are not among `rows`."""
        return self.count - len(self.rows)


class Failures:
    """All groups. However many reasons there are, it stays small."""

    def __init__(self) -> None:
        self._groups: dict[GroupKey, FailureGroup] = {}

    def add(self, row: ReportRow) -> None:
        """Take in a row that failed, or is in doubt."""
        outcome = row.outcome
        error = outcome.error if outcome is not None else None
        reason = (outcome.msg if outcome is not None else None) or ""
        code = None if outcome is None else outcome.code
        key = GroupKey(row.operation, row.status, error or "", code, _ID.sub("…", reason[:300]))
        group = self._groups.get(key)
        if group is None and len(self._groups) >= _MOST_GROUPS:
            key, reason = key._replace(code=None, reason=""), _OTHERS
        group = self._groups.setdefault(key, FailureGroup(key, reason))
        group.count += 1
        if len(group.rows) < _MOST_ROWS:
            line = 0 if outcome is None else outcome.line
            group.rows.append(FailedRow(row.number, row.key, line))

    @property
    def groups(self) -> list[FailureGroup]:
        """The groups, by operation, the largest first."""
        return sorted(self._groups.values(), key=lambda each: (each.key.operation, -each.count))
