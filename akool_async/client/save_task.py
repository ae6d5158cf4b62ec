"""One result that is to be saved."""

from __future__ import annotations

from typing import Any

from akool_async.engine import JobRecord
from akool_async.result import Result


class SaveTask:
    """A result to be saved."""

    __slots__ = ("before", "record", "result", "tries")

    def __init__(self, record: JobRecord[Any], result: Result) -> None:
        self.record = record
        self.result = result
        row = record.journal_row
        self.before = None if row is None else row.saved
        """Where it was saved before: its row in the journal, and the file."""
        self.tries = 0

    def __str__(self) -> str:
        return f"the result of {self.record.name} {self.record.token or self.result.id}"
