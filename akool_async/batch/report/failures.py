"""Rows that did not complete, grouped by operation and reason."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, NamedTuple

from akool_async.batch.report.rows import ReportRow
from akool_async.journal import State

_MOST_GROUPS: Final = 200
_MOST_ROWS: Final = 50
_OTHERS: Final = "other reasons: see the rows"
LONGEST_REASON: Final = 500
"""Characters of the longest reason that is shown."""
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
        self._failed: Counter[tuple[str, str]] = Counter()
        self._refused: Counter[str] = Counter()

    def add(self, row: ReportRow) -> None:
        """Take in a row that failed, or is in doubt."""
        outcome = row.outcome
        error = outcome.error if outcome is not None else None
        reason = (outcome.msg if outcome is not None else None) or ""
        code = None if outcome is None else outcome.code
        if row.status == State.REFUSED:
            self._refused[row.operation] += 1
        elif row.status == State.FAILED:
            self._failed[row.operation, error or ""] += 1
            if code:
                self._failed[row.operation, str(code)] += 1
        key = GroupKey(row.operation, row.status, error or "", code, _ID.sub("…", reason[:300]))
        group = self._groups.get(key)
        if group is None and len(self._groups) >= _MOST_GROUPS:
            key, reason = key._replace(code=None, reason=""), _OTHERS
        group = self._groups.setdefault(key, FailureGroup(key, shortened(reason)))
        group.count += 1
        if len(group.rows) < _MOST_ROWS:
            line = 0 if outcome is None else outcome.line
            group.rows.append(FailedRow(row.number, row.key, line))

    def sent_with(self, group: FailureGroup) -> int:
        """Return how many other failed or refused rows the command that repeats a group sends.

        It can choose failed rows by operation and code, or class of error; and it sends refused
        rows in any case.
        """
        operation, status, error, code, _ = group.key
        refused = self._refused[operation]
        if status == State.REFUSED:
            return refused - group.count
        return self._failed[operation, str(code or error)] - group.count + refused

    @property
    def groups(self) -> list[FailureGroup]:
        """The groups, by operation, the largest first."""
        return sorted(self._groups.values(), key=lambda each: (each.key.operation, -each.count))


def shortened(reason: str) -> str:
    """Return a reason, cut off where it gets long."""
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 1]}…"
